// Time as a dependency, so that the engine and its tests never read the machine's clock themselves.

export interface Clock {
  /** Milliseconds since 1970-01-01 UTC. */
  now(): number;
}

export const systemClock: Clock = { now: () => Date.now() };
