// Finds out whether a batch was made, where the process died or the answer was lost before that was known.
//
// The newest batch there was is written down before one is made, so only those made since come into question. The API does not tell the
// requests of a batch before it has ended; until then a batch of as many requests may be this one, and is waited for. Only when none is
// left can it be said that none was made.
import type { Batch, Batches, Told } from "../agents/batches.ts";
import type { Clock } from "../core/clock.ts";
import type { OpenBacklog, UnderWay } from "./backlog.ts";

/** How somebody waits. */
export interface Waiting {
  readonly clock: Clock;
  /** Resolves after so many milliseconds, at once when `signal` fires; never rejects. */
  readonly pause: (milliseconds: number, signal: AbortSignal) => Promise<void>;
  /** What a person who waits should know, a line each. */
  readonly tell: (line: string) => void;
}

export interface BatchSearchOptions extends Waiting {
  readonly batches: Pick<Batches, "list" | "results">;
  readonly backlog: Pick<OpenBacklog, "state">;
  readonly settleMs?: number;
}

type Intended = Pick<UnderWay, "after" | "intendedAt" | "requests">;

const SETTLE_MS = 5_000;
/** A request takes no longer than this, and clocks differ by less. */
const HOUR_MS = 3_600_000;
const PAGE = 100;
const FIRST_LOOK_MS = 1_000;
const LONGEST_LOOK_MS = 60_000;
/** How often a person who waits is told so. */
const NEWS_MS = 600_000;

/** The search: the batch that was made of an intention, undefined when it is sure that none was. Throws the signal's reason. */
export function createBatchSearch(
  options: BatchSearchOptions,
): (batch: Intended, signal: AbortSignal) => Promise<Told<Batch | undefined>> {
  const { batches, backlog, clock, pause, tell, settleMs = SETTLE_MS } = options;

  /** Batches that may be this one: made since it was intended, of as many requests, and not known as another. */
  async function candidates(batch: Intended, signal: AbortSignal): Promise<Told<readonly Batch[]>> {
    const found: Batch[] = [];
    for (let after: string | undefined; ;) {
      const page = await batches.list({ after, limit: PAGE }, signal);
      if (page.type === "failed") return page;
      for (const one of page.value.batches) {
        if (one.id === batch.after || one.createdAt < batch.intendedAt - HOUR_MS) return { type: "told", value: found };
        // Whose an archived one was cannot be known any more, and nothing could be got from it.
        const known = backlog.state.submitted.has(one.id) || one.archived;
        if (one.requests === batch.requests.length && !known) found.push(one);
      }
      after = page.value.batches.at(-1)?.id;
      if (!page.value.more || after === undefined) return { type: "told", value: found };
    }
  }

  async function isOurs(one: Batch, { requests }: Intended, signal: AbortSignal): Promise<Told<boolean>> {
    const ids = new Set(requests.map(({ id }) => id));
    let ours = false;
    const read = await batches.results(one.id, ({ id }) => ((ours = ids.has(id)), "enough"), signal);
    return read.type === "failed" ? read : { type: "told", value: ours };
  }

  /** The batch that was made of an intention; undefined when it is sure that none was. */
  return async (batch, signal) => {
    const strangers = new Set<string>();
    const wait = patience(options, "Still waiting for a batch that may be ours");
    let settled = clock.now() - batch.intendedAt > HOUR_MS;
    let told = false;
    for (;;) {
      const found = await candidates(batch, signal);
      if (found.type === "failed") return found;
      let open = 0;
      for (const one of found.value.filter(({ id }) => !strangers.has(id))) {
        if (one.status !== "ended") {
          open += 1;
          continue;
        }
        const ours = await isOurs(one, batch, signal);
        if (ours.type === "failed") return ours;
        if (ours.value) return { type: "told", value: one };
        strangers.add(one.id);
      }
      if (open > 0) {
        if (!told)
          tell(
            `It is not known whether a batch of ${countOf(batch.requests.length)} was made, and one of as many is under way. It tells whose it is when it has ended; until then nothing is submitted, so that nothing is paid for twice.`,
          );
        told = true;
        await wait(0, signal);
      } else if (settled) return { type: "told", value: undefined };
      else {
        settled = true;
        await pause(settleMs, signal);
        signal.throwIfAborted();
      }
    }
  };
}

/** Pauses that grow, from a second to a minute; how long it is so far is told now and then. */
export function patience({ clock, pause, tell }: Waiting, what: string) {
  const begun = clock.now();
  let toldAt = begun;
  let ms = FIRST_LOOK_MS;
  return async (atLeast: number, signal: AbortSignal) => {
    await pause(Math.max(atLeast, ms), signal);
    signal.throwIfAborted();
    ms = Math.min(LONGEST_LOOK_MS, ms * 1.5);
    if (clock.now() - toldAt < NEWS_MS) return;
    toldAt = clock.now();
    tell(`${what} (${Math.round((toldAt - begun) / 60_000)} min)`);
  };
}

/** "1 issue", "2 issues". */
export function countOf(issues: number): string {
  return issues === 1 ? "1 issue" : `${issues} issues`;
}
