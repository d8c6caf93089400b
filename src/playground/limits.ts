// GitHub's rate limits, kept per caller: how many requests an hour, and how many of them may make content. Whoever goes on
// inside a window that forbids it is refused again, and written down.
import { z } from "zod";
import type { Clock } from "../core/clock.ts";
import { makesContent } from "./creations.ts";

export const limitsSchema = z.strictObject({
  /** No limits, and no word of them: an Enterprise Server as it comes. */
  off: z.boolean().optional(),
  /** Requests in a window; default 5,000. */
  requests: z.int().positive().optional(),
  /** Milliseconds of that window; default one hour. */
  windowMs: z.int().positive().optional(),
  /** Requests that make content. Default: without limit; GitHub has 80 a minute and 500 an hour. */
  contentPerMinute: z.int().positive().optional(),
  contentPerHour: z.int().positive().optional(),
  /** How long the secondary limit forbids everything; default one minute. */
  secondaryMs: z.int().positive().optional(),
  /** Whether it says so in `retry-after`; default yes. */
  retryAfter: z.boolean().optional(),
  /** With what it refuses; default 403. */
  status: z.union([z.literal(403), z.literal(429)]).optional(),
});
export type Limits = z.infer<typeof limitsSchema>;

/** A time in which a caller may ask nothing. */
export interface ForbiddenWindow {
  /** `installation 5`, `app slug`, a login, "anonymous". */
  readonly caller: string;
  readonly kind: "primary" | "secondary";
  /** Milliseconds since 1970. */
  readonly from: number;
  readonly until: number;
  /** How many requests came all the same. */
  readonly inside: number;
  /** When the first hundred of them came, in milliseconds after `from`. */
  readonly afterMs: readonly number[];
}

export interface LimitRefusal {
  readonly kind: "primary" | "secondary";
  readonly status: 403 | 429;
  readonly message: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface Rate {
  readonly limit: number;
  readonly used: number;
  readonly remaining: number;
  /** Seconds since 1970. */
  readonly reset: number;
}

/** What is not counted. */
export const unlimited: Rate = { limit: 0, used: 0, remaining: 0, reset: 0 };

export interface Limiter {
  /** Counts a request, and says whether a limit refuses it. */
  admit(
    caller: string,
    method: string,
    path: string,
  ): { readonly rate: Rate; readonly refusal: LimitRefusal | undefined };
  /** Counts something that was made. */
  made(caller: string): void;
  /** Begins a window by hand. */
  forbid(
    caller: string,
    kind: "primary" | "secondary",
    seconds: number,
    status: 403 | 429,
    told: boolean,
  ): LimitRefusal;
  windows(): readonly ForbiddenWindow[];
  /** Requests that came in forbidden windows, `graceMs` or more after each began: the refusal takes its time to arrive. */
  inside(graceMs?: number): number;
  set(limits: Limits): void;
  limits(): Limits;
}

interface Caller {
  count: number;
  reset: number;
  /** When it made something, oldest first; only as many as the limits look at. */
  readonly made: number[];
  window:
    | (ForbiddenWindow & { inside: number; readonly afterMs: number[]; readonly refusal: LimitRefusal })
    | undefined;
}

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;

/** Limits of GitHub's size, by `clock`. */
export function createLimiter(clock: Clock, first: Limits = {}): Limiter {
  let limits = first;
  const callers = new Map<string, Caller>();
  const windows: NonNullable<Caller["window"]>[] = [];

  const callerNamed = (name: string): Caller => {
    const known = callers.get(name) ?? { count: 0, reset: 0, made: [], window: undefined };
    callers.set(name, known);
    const now = clock.now();
    if (known.reset <= now) {
      known.count = 0;
      known.reset = now + (limits.windowMs ?? HOUR_MS);
    }
    return known;
  };

  const begin = (name: string, caller: Caller, until: number, refusal: LimitRefusal): LimitRefusal => {
    caller.window = { caller: name, kind: refusal.kind, from: clock.now(), until, inside: 0, afterMs: [], refusal };
    windows.push(caller.window);
    return refusal;
  };

  const secondary = (name: string, caller: Caller, ms: number, status: 403 | 429, told: boolean) =>
    begin(name, caller, clock.now() + ms, {
      kind: "secondary",
      status,
      message:
        "You have exceeded a secondary rate limit. Please wait a few minutes before you try again. For more on scraping GitHub and how it may affect your rights, please review our Terms of Service",
      headers: told ? { "retry-after": String(Math.ceil(ms / 1000)) } : {},
    });

  const primary = (name: string, caller: Caller, until: number, status: 403 | 429) =>
    begin(name, caller, until, {
      kind: "primary",
      status,
      message: `API rate limit exceeded for ${name}.`,
      headers: { "x-ratelimit-remaining": "0", "x-ratelimit-reset": String(Math.ceil(until / 1000)) },
    });

  const over = (caller: Caller): boolean => {
    const { contentPerMinute = Infinity, contentPerHour = Infinity } = limits;
    const now = clock.now();
    const since = (ms: number) => caller.made.filter((at) => at > now - ms).length;
    return since(MINUTE_MS) >= contentPerMinute || since(HOUR_MS) >= contentPerHour;
  };

  return {
    admit(name, method, path) {
      if (limits.off === true) return { rate: unlimited, refusal: undefined };
      const caller = callerNamed(name);
      const now = clock.now();
      const limit = limits.requests ?? 5000;
      const free = path === "/rate_limit";
      if (!free) caller.count += 1;
      const refusal = (): LimitRefusal | undefined => {
        const { window } = caller;
        if (window && now < window.until) {
          window.inside += 1;
          if (window.afterMs.length < 100) window.afterMs.push(now - window.from);
          return window.refusal;
        }
        if (caller.count > limit) return primary(name, caller, caller.reset, limits.status ?? 403);
        if (makesContent(method, path) && over(caller))
          return secondary(
            name,
            caller,
            limits.secondaryMs ?? MINUTE_MS,
            limits.status ?? 403,
            limits.retryAfter ?? true,
          );
        return undefined;
      };
      const refused = free ? undefined : refusal();
      const remaining = Math.max(0, limit - caller.count);
      const reset = Math.ceil(caller.reset / 1000);
      return { rate: { limit, used: caller.count, remaining, reset }, refusal: refused };
    },
    made(name) {
      const { made } = callerNamed(name);
      made.push(clock.now());
      const most = Math.max(limits.contentPerHour ?? 0, limits.contentPerMinute ?? 0);
      if (made.length > most) made.splice(0, made.length - most);
    },
    forbid(name, kind, seconds, status, told) {
      const caller = callerNamed(name);
      const ms = seconds * 1000;
      return kind === "primary"
        ? primary(name, caller, clock.now() + ms, status)
        : secondary(name, caller, ms, status, told);
    },
    windows: () =>
      windows.map(({ caller, kind, from, until, inside, afterMs }) => ({
        caller,
        kind,
        from,
        until,
        inside,
        afterMs: [...afterMs],
      })),
    inside: (graceMs = 0) =>
      windows.reduce((total, { inside, afterMs }) => total + inside - afterMs.filter((ms) => ms < graceMs).length, 0),
    set(fresh) {
      limits = fresh;
    },
    limits: () => limits,
  };
}
