// Asks GitHub for jobs: one for each run that is to be worked in one, is due and has none. What was asked for is written down before, by
// the database's clock, so that of several servers one asks; a job that comes twice finds that the run is the other's.
//
// A job that does not come is asked for again after a while, and one that died is asked for again at once, a few times; then the run
// waits for people, who read why. A run that people have ended needs no job to be written down as ended.
import { messageOf } from "../core/errors.ts";
import type { RunId } from "../core/ids.ts";
import type { Log } from "../core/log.ts";
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

/** Has a workflow file started on the default branch, with these inputs. Throws when it is not known whether GitHub did. */
export type Dispatch = (
  repo: RepoRef,
  workflow: string,
  inputs: Readonly<Record<string, string>>,
) => Promise<Dispatched>;

export interface DispatcherParts {
  readonly jobs: Pick<Jobs, "next">;
  readonly log: Pick<EventLog, "read" | "append">;
  readonly projection: Pick<Projection, "touch">;
  readonly dispatch: Dispatch;
  /** Every run is worked in a job, whatever its repository says. */
  readonly all: boolean;
  /** The file where a repository names none. */
  readonly workflow: string;
  readonly patienceMs?: number;
  readonly journal: Log;
}

export interface Dispatcher {
  /** Asks for the jobs that are wanted now, one after the other. Throws `database-failed`. */
  look(signal?: AbortSignal): Promise<void>;
}

/** A dispatcher over its parts. */
export function createDispatcher(parts: DispatcherParts): Dispatcher {
  const { jobs, all, patienceMs = PATIENCE_MS, journal } = parts;
  return {
    async look(signal) {
      while (signal?.aborted !== true) {
        const wanted = await jobs.next({ all, patienceMs });
        if (!wanted) return;
        try {
          await ask(parts, wanted);
        } catch (error) {
          // It is asked for again when its time has come.
          journal.warn("it is not known whether GitHub starts a job", { run: wanted.run, error: messageOf(error) });
        }
      }
    },
  };
}

async function ask(
  { log, dispatch, workflow: usual, projection, journal }: DispatcherParts,
  { run, asked, workflow = usual, lost }: Wanted,
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
  const answer = await dispatch(repo, workflow, inputsOf(run));
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
