// What GitHub's limits still allow, counted for all workers of an installation together and by the database's clock: until
// when GitHub wants to be left alone, and how many requests have created content. Everybody asks for a turn before each request.
//
// A turn is one small statement. Nobody remembers an answer: a worker that believed its own memory would ask inside a
// window that another has just been told of.
import type { Clock } from "../core/clock.ts";
import type { Database } from "./database.ts";

/** "content": creates something people see, and counts. "edit": of a card, for which the last requests are kept. */
export type RequestKind = "content" | "edit" | "other";

/** `holder`: the installation, 0 for a token's account. */
export interface Throttle {
  /** 0: send the request now; content is counted then. Else the milliseconds after which to ask for a turn again. */
  turn(holder: number, kind: RequestKind): Promise<number>;
  /** Nothing is asked for so many milliseconds. Undefined: GitHub did not say how long; each time in a row lasts twice as long as the one before. Never shortens. */
  close(holder: number, milliseconds: number | undefined): Promise<void>;
  /** Only edits are asked for so many milliseconds. */
  spare(holder: number, milliseconds: number): Promise<void>;
}

export interface ThrottleOptions {
  /** Requests that create content, in a minute and in an hour. Default 80 and 500: docs.github.com, "About secondary rate limits". */
  readonly perMinute?: number;
  readonly perHour?: number;
  /** How long a limit lasts for which GitHub names no time. Default one minute, GitHub's own advice. */
  readonly blindMs?: number;
}

const BLIND_MS = 60_000;
const PER_MINUTE = 80;
const PER_HOUR = 500;

/** A throttle that every process on `database` shares. Throws `database-failed`: then nothing may be sent. */
export function createThrottle(database: Database, options: ThrottleOptions = {}): Throttle {
  const { perMinute = PER_MINUTE, perHour = PER_HOUR, blindMs = BLIND_MS } = options;
  return {
    async turn(holder, kind) {
      const [row] = await database.query<{ wait: number }>("SELECT baton.github_turn($1, $2, $3, $4) AS wait", [
        holder,
        kind,
        perMinute,
        perHour,
      ]);
      return Math.ceil(row?.wait ?? 0);
    },
    async close(holder, milliseconds) {
      await database.query("SELECT baton.github_close($1, $2, $3)::text", [
        holder,
        milliseconds ?? blindMs,
        milliseconds === undefined,
      ]);
    },
    async spare(holder, milliseconds) {
      await database.query(
        `INSERT INTO baton.throttle AS known (holder, spared_until)
         VALUES ($1, clock_timestamp() + $2::double precision * interval '1 millisecond')
         ON CONFLICT (holder) DO UPDATE SET spared_until = greatest(known.spared_until, excluded.spared_until)`,
        [holder, milliseconds],
      );
    },
  };
}

interface Held {
  closedUntil: number;
  sparedUntil: number;
  strikes: number;
  /** When content was created, oldest first. */
  writes: number[];
}

/** GitHub counts when requests arrive: two that left a minute apart may arrive closer together. */
const MINUTE_MS = 61_000;
const HOUR_MS = 3_605_000;
const FORGIVEN_MS = 600_000;

/** The same rules for one process, for a one-shot run. */
export function createMemoryThrottle(clock: Clock, options: ThrottleOptions = {}): Throttle {
  const { perMinute = PER_MINUTE, perHour = PER_HOUR, blindMs = BLIND_MS } = options;
  const known = new Map<number, Held>();
  const heldBy = (holder: number): Held => {
    const held = known.get(holder) ?? { closedUntil: 0, sparedUntil: 0, strikes: 0, writes: [] };
    known.set(holder, held);
    return held;
  };
  return {
    turn(holder, kind) {
      const held = heldBy(holder);
      const now = clock.now();
      let until = kind === "edit" ? held.closedUntil : Math.max(held.closedUntil, held.sparedUntil);
      if (kind === "content" && until <= now) {
        held.writes = held.writes.filter((at) => at + HOUR_MS > now);
        const minute = held.writes.at(-perMinute);
        const hour = held.writes.at(-perHour);
        until = Math.max(minute === undefined ? 0 : minute + MINUTE_MS, hour === undefined ? 0 : hour + HOUR_MS);
        if (until <= now) held.writes.push(now);
      }
      return Promise.resolve(Math.max(0, until - now));
    },
    close(holder, milliseconds) {
      const held = heldBy(holder);
      const now = clock.now();
      if (milliseconds === undefined && held.closedUntil <= now)
        held.strikes = held.closedUntil > now - FORGIVEN_MS ? Math.min(held.strikes + 1, 5) : 1;
      const lasts = milliseconds ?? blindMs * 2 ** (Math.max(held.strikes, 1) - 1);
      held.closedUntil = Math.max(held.closedUntil, now + lasts);
      return Promise.resolve();
    },
    spare(holder, milliseconds) {
      const held = heldBy(holder);
      held.sparedUntil = Math.max(held.sparedUntil, clock.now() + milliseconds);
      return Promise.resolve();
    },
  };
}
