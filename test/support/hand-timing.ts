// Time for tests of github/: it moves when told to, or as soon as somebody waits for it.
import type { Timing } from "#src/github/client.ts";

interface Sleeper {
  readonly due: number;
  readonly wake: () => void;
}

export class HandTiming implements Timing {
  #now: number;
  #sleepers: Sleeper[] = [];
  /** Every wait anybody asked for, in milliseconds. */
  readonly pauses: number[] = [];
  readonly #impatient: boolean;

  /** `impatient`: a wait of less than a minute moves the clock on at once instead of waiting for `forward`. */
  constructor({ now = Date.UTC(2026, 10, 20, 12), impatient = false }: { now?: number; impatient?: boolean } = {}) {
    this.#now = now;
    this.#impatient = impatient;
  }

  now(): number {
    return this.#now;
  }

  /** How many wait at this moment. */
  get waiting(): number {
    return this.#sleepers.length;
  }

  pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
    this.pauses.push(milliseconds);
    if (signal?.aborted) return Promise.resolve();
    if (this.#impatient && milliseconds < 60_000) {
      this.#now += milliseconds;
      return new Promise((resolve) => setImmediate(resolve));
    }
    return new Promise((resolve) => {
      const sleeper = { due: this.#now + milliseconds, wake: resolve };
      this.#sleepers.push(sleeper);
      signal?.addEventListener(
        "abort",
        () => {
          this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
          resolve();
        },
        { once: true },
      );
    });
  }

  /** Moves the clock and wakes whoever is due. */
  forward(milliseconds: number): void {
    this.#now += milliseconds;
    const due = this.#sleepers.filter((sleeper) => sleeper.due <= this.#now);
    this.#sleepers = this.#sleepers.filter((sleeper) => sleeper.due > this.#now);
    for (const sleeper of due) sleeper.wake();
  }
}
