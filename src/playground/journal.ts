// Every request the playground received, with its answer, and the hook that makes requests fail on purpose.
import type { Creation } from "./creations.ts";

export interface JournalEntry {
  /** Counted from 1. */
  readonly number: number;
  readonly door: "rest" | "graphql" | "git";
  readonly method: string;
  /** Without the prefix and the query: `/repos/o/r/issues`. */
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  /** A login (`slug[bot]` for an App's token), `app slug` for a JWT, or "anonymous". */
  readonly actor: string;
  /** Parsed JSON; undefined when there was none. Of old entries, and of git, nothing is kept. */
  readonly body: unknown;
  /** Milliseconds since 1970, when it arrived. */
  readonly at: number;
  readonly ms: number;
  /** What the client was told; 0 when the connection was cut, or the answer never sent. */
  readonly status: number;
  readonly contentType: string;
  /** Parsed JSON, or text; undefined when empty. Of old entries, and of git, nothing is kept. */
  readonly answer: unknown;
  /** The answer was made by the fault hook, not by the playground. */
  readonly faulty: boolean;
  /** `/repos/:owner/:repo/issues/:number/comments`; the path itself where no route is known. */
  readonly route: string;
  /** The last eight characters of the token's SHA-256: tells tokens apart. "" without one. */
  readonly token: string;
  /** What was done: the true status, whatever the client was told. Undefined: the request was not carried out. */
  readonly done: number | undefined;
  /** What it made, if anything. */
  readonly made: Creation | undefined;
  /** The limit that refused it. */
  readonly refused: "primary" | "secondary" | undefined;
  /** What went wrong on purpose, in words: "502 after", "reset before". */
  readonly fault: string | undefined;
}

/** What the fault hook sees of a request. */
export type FaultedRequest = Pick<JournalEntry, "number" | "door" | "method" | "path" | "query" | "actor" | "body">;

/**
 * Instead of the true answer: this one, a cut connection, or none until the client leaves. With `afterEffect` the request is
 * carried out first, and only its answer is lost. `delayMs` alone: the true answer, later. `limit`: refused as by that rate
 * limit, and so is everything else of this caller for `seconds`.
 */
export type Fault =
  | "reset"
  | { readonly reset: true; readonly afterEffect?: boolean }
  | { readonly hang: true; readonly afterEffect?: boolean }
  | { readonly delayMs: number }
  | {
      readonly limit: "primary" | "secondary";
      readonly seconds: number;
      /** Default 403. */
      readonly status?: 403 | 429;
      /** False: a secondary limit without `retry-after`. Default true. */
      readonly told?: boolean;
    }
  | {
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      /** Text as it is, anything else as JSON. */
      readonly body?: unknown;
      readonly afterEffect?: boolean;
    };

export type FaultHook = (request: FaultedRequest) => Fault | undefined | Promise<Fault | undefined>;

/** Entries that keep their bodies where nobody says otherwise: the newest. */
export const JOURNAL_BODIES = 10_000;

export interface Journal {
  /** Oldest first. */
  readonly entries: readonly JournalEntry[];
  /** Writes the entry down; the oldest that still has its bodies loses them when there are too many. */
  add(entry: JournalEntry): void;
}

/** A journal that keeps the bodies of its newest `bodies` entries, and of the others who asked what and how it ended. */
export function createJournal(bodies: number): Journal {
  const entries: JournalEntry[] = [];
  return {
    entries,
    add(entry) {
      entries.push(entry);
      const at = entries.length - 1 - bodies;
      const old = entries[at];
      if (old) entries[at] = { ...old, body: undefined, answer: undefined };
    },
  };
}

/** A fault in words, for the journal. */
export function nameOfFault(fault: Fault): string {
  if (fault === "reset") return "reset before";
  if ("delayMs" in fault) return `${fault.delayMs} ms late`;
  if ("limit" in fault) return `${fault.limit} limit`;
  const what = "reset" in fault ? "reset" : "hang" in fault ? "hang" : String(fault.status);
  return `${what} ${fault.afterEffect === true ? "after" : "before"}`;
}
