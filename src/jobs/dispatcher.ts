// Asks GitHub for jobs: one for each run that is to be worked in one, is due and has none. What was asked for is written down before, by
// the database's clock, so that of several servers one asks; a job that comes twice finds that the run is the other's.
//
// Each installation has limits of its own at GitHub, so its runs wait for one another and for nobody else's. While a limit lasts none of
// them is asked for, and that counts for nothing.
//
// A job that does not come is asked for again after a while, and one that died is asked for again at once, a few times; then the run
// waits for people, who read why. When it was the server that was away, jobs are given time to be heard again, and those that are not
// do not count. A run that people have ended needs no job to be written down as ended.
import { BatonError, messageOf } from "../core/errors.ts";
import type { RunId } from "../core/ids.ts";
import type { Log } from "../core/log.ts";
import { createOneByOne } from "../core/one-by-one.ts";
import type { RepoRef } from "../engine/events.ts";
import { fold } from "../engine/fold.ts";
import type { EventLog, Projection } from "../engine/ports.ts";
import type { Jobs, Wanted } from "../store/jobs.ts";
import { endOf, putDown } from "./put-down.ts";

/** Jobs asked for in a row, without one that gives the run back, before it waits for people. */
const MOST_JOBS = 3;
/** How long a job is waited for, in milliseconds: GitHub may have none free. */
export const PATIENCE_MS = 10 * 60_000;

/** What GitHub said to a wish for a job. `refused` for good, until somebody changes something; `why` completes "GitHub …". */
export type Dispatched = { readonly type: "sent" } | { readonly type: "refused"; readonly why: string };

/**
 * Has a workflow file started on the default branch, with these inputs. Throws when it is not known whether GitHub did; with `retryAt` it is
 * known that it did not, and it will not before then.
 */
export type Dispatch = (
  repo: RepoRef,
  workflow: string,
  inputs: Readonly<Record<string, string>>,
  signal: AbortSignal,
) => Promise<Dispatched>;

export interface DispatcherParts {
  readonly jobs: Pick<Jobs, "next" | "takeBack" | "leaseMs">;
  readonly log: Pick<EventLog, "read" | "append">;
  readonly projection: Pick<Projection, "touch">;
  readonly dispatch: Dispatch;
  /** Every run is worked in a job, whatever its repository says. */
  readonly all: boolean;
  /** The file where a repository names none. */
  readonly workflow: string;
  readonly patienceMs?: number;
  /** Milliseconds of a clock that never goes back; by default this process's. */
  readonly monotonic?: () => number;
  /** Since when jobs are heard, by that clock; by default from now on. */
  readonly upSince?: number;
  readonly journal: Log;
}

/** Disposing gives up what waits for a limit, and waits for what was sent. */
export interface Dispatcher extends AsyncDisposable {
  /** Asks for the jobs that are wanted now. Does not wait for GitHub. Throws `database-failed`. */
  look(): Promise<void>;
  /** Resolves when GitHub has answered. */
  settled(): Promise<void>;
}

/** A dispatcher over its parts. */
export function createDispatcher(parts: DispatcherParts): Dispatcher {
  const { jobs, all, patienceMs = PATIENCE_MS, monotonic = () => performance.now(), journal } = parts;
  const over = new AbortController();
  const { signal } = over;
  const inOrder = createOneByOne();
  /** Installations that are being asked, and until when others are not to be. */
  const asking = new Map<number, Promise<void>>();
  const closed = new Map<number, number>();

  /** Since when jobs can be heard without a gap; undefined while the database is away. */
  let upSince: number | undefined = parts.upSince ?? monotonic();
  let seen = monotonic();
  async function next(): Promise<Wanted | undefined> {
    const now = monotonic();
    // A process that was frozen has heard nobody either.
    if (upSince === undefined || now - seen > jobs.leaseMs) upSince = now;
    const since = upSince;
    upSince = undefined;
    const except = [...asking.keys(), ...closed.keys()];
    const wanted = await jobs.next({ all, patienceMs, except, upMs: now - since });
    seen = monotonic();
    upSince = since;
    return wanted;
  }

  const look = () =>
    inOrder(async () => {
      while (!signal.aborted) {
        for (const [installation, until] of closed) if (until <= Date.now()) closed.delete(installation);
        const wanted = await next();
        if (!wanted) return;
        const { installation } = wanted;
        const asked = askOne(wanted).finally(() => asking.delete(installation));
        asking.set(installation, asked);
        // What the installation wants besides; after a limit the next look is soon enough.
        void asked
          .then(() => (closed.has(installation) ? undefined : look()))
          .catch((error: unknown) => {
            journal.warn("asking for jobs failed", { error: messageOf(error) });
          });
      }
    });

  async function askOne(wanted: Wanted): Promise<void> {
    try {
      await ask(parts, wanted, signal);
    } catch (error) {
      const { run, installation } = wanted;
      const retryAt = error instanceof BatonError ? error.retryAt : undefined;
      if (retryAt === undefined && !signal.aborted) {
        // It is asked for again when its time has come.
        return journal.warn("it is not known whether GitHub starts a job", { run, error: messageOf(error) });
      }
      if (retryAt !== undefined) {
        closed.set(installation, retryAt);
        journal.warn("jobs wait for GitHub's limit", { installation, until: new Date(retryAt).toISOString() });
      }
      await jobs.takeBack(wanted).catch((failed: unknown) => {
        journal.warn("it could not be written down that no job was asked for", { run, error: messageOf(failed) });
      });
    }
  }

  const settled = async () => {
    do {
      await Promise.all(asking.values());
      // The looks that came of it.
      await inOrder(() => Promise.resolve());
    } while (asking.size > 0);
  };
  return {
    look,
    settled,
    async [Symbol.asyncDispose]() {
      over.abort();
      await settled();
    },
  };
}

async function ask(
  { log, dispatch, workflow: usual, projection, journal }: DispatcherParts,
  { run, asked, workflow = usual, lost }: Wanted,
  signal: AbortSignal,
): Promise<void> {
  const state = fold(await log.read(run));
  const { repo } = state.created;
  const end = endOf(state, Date.now());
  if (end) {
    await log.append(run, state.version, [end]);
    return projection.touch(run);
  }
  const putAside = async (why: string) => {
    journal.warn("no job works a run", { run, why });
    await putDown(log, run, why);
    projection.touch(run);
  };
  if (asked > MOST_JOBS) return await putAside(lost === undefined ? neverCame(workflow) : died(lost));
  const answer = await dispatch(repo, workflow, inputsOf(run), signal);
  if (answer.type === "refused") return await putAside(`GitHub starts no job of ${fileOf(workflow)}: ${answer.why}`);
  journal.info("a job was asked for", { run, workflow, asked });
}

/** What the workflow is given. Not where the server is: what may be started by hand must not be told whom to trust. */
function inputsOf(run: RunId): Readonly<Record<string, string>> {
  return { run };
}

function fileOf(workflow: string): string {
  return `.github/workflows/${workflow}`;
}

function neverCame(workflow: string): string {
  return (
    `${MOST_JOBS} jobs of ${fileOf(workflow)} were asked for and none has come. ` +
    "Look in the repository's Actions tab: is one queued without a runner, or did it fail before it began? " +
    "The job needs id-token: write, and must reach the server"
  );
}

function died(page: string): string {
  return `${MOST_JOBS} jobs were asked for, and they ended without a word in the middle of it. The latest that came: ${page}`;
}
