// Every request the playground received, with its answer, and the hook that makes requests fail on purpose.

export interface JournalEntry {
  /** Counted from 1. */
  readonly number: number;
  readonly door: "rest" | "git";
  readonly method: string;
  /** Without the prefix and the query: `/repos/o/r/issues`. */
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  /** A login (`slug[bot]` for an App's token), `app slug` for a JWT, or "anonymous". */
  readonly actor: string;
  /** Parsed JSON; undefined when there was none. */
  readonly body: unknown;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly ms: number;
  /** 0 when the connection was cut. */
  readonly status: number;
  readonly contentType: string;
  /** Parsed JSON, or text; undefined when empty. Of git requests nothing is kept. */
  readonly answer: unknown;
  /** The answer was made by the fault hook, not by the playground. */
  readonly faulty: boolean;
}

/** What the fault hook sees of a request. */
export type FaultedRequest = Pick<JournalEntry, "number" | "door" | "method" | "path" | "query" | "actor" | "body">;

/**
 * Instead of the true answer: this one, or a cut connection. With `afterEffect` the request is carried out first,
 * and only its answer is lost.
 */
export type Fault =
  | "reset"
  | { readonly reset: true; readonly afterEffect?: boolean }
  | {
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      /** Text as it is, anything else as JSON. */
      readonly body?: unknown;
      readonly afterEffect?: boolean;
    };

export type FaultHook = (request: FaultedRequest) => Fault | undefined | Promise<Fault | undefined>;
