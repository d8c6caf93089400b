// Finds the run somebody speaks of, and adds to its log what they said.
//
// What changes a run is appended with the version that was read; when a driver was quicker, it is read again.
// A delivery may be handled twice: what it said carries its name in the log, and is not said again.
import type { RunId } from "../core/ids.ts";
import { isForPeople } from "../engine/asks.ts";
import type { RecordedEvent, RunEvent } from "../engine/events.ts";
import { fold } from "../engine/fold.ts";
import type { EventLog, Projection } from "../engine/ports.ts";
import type { GitHubReader } from "../engine/github-port.ts";
import type { Reply } from "../engine/reply.ts";
import { isIdle, type State } from "../engine/state.ts";
import type { Asked } from "./asked.ts";
import type { Intent } from "./intent.ts";

/** Runs about an issue among which the one is looked for that opened a pull request. */
const LOOKED_THROUGH = 20;

/** How often an append is tried while drivers are quicker. */
const MAX_TRIES = 30;

export interface Found {
  readonly events: readonly RecordedEvent[];
  readonly state: State;
}

export interface Runs {
  /** The latest run about an issue. On a pull request: the one at work on itself, else the one that opened it, else the latest about it. */
  find(intent: Pick<Intent, "repo" | "subject">): Promise<Found | undefined>;
  /** The run about an issue that opened its pull request from this branch. */
  onBranch(repo: Intent["repo"], number: number, branch: string): Promise<Found | undefined>;
  /** The run under way about an issue, else the latest that opened a pull request; on a pull request the one that opened it. */
  opened(place: Pick<Intent, "repo" | "subject">): Promise<Found | undefined>;
  /** The latest run about this very issue or pull request. */
  about(place: Pick<Intent, "repo" | "subject">): Promise<Found | undefined>;
  /** Appends what `decide` makes of the run, all or nothing, reading it again as often as another writer was quicker. */
  append(
    run: RunId,
    decide: (found: Found) => readonly RunEvent[] | undefined,
    signal: AbortSignal,
  ): Promise<"appended" | "moot">;
}

export interface RunsParts {
  readonly log: EventLog;
  readonly reader: Pick<GitHubReader, "issue">;
  /** Shows a run that nobody works on: no driver does it then. */
  readonly projection?: Pick<Projection, "touch"> | undefined;
}

/** Runs of this log. Everything throws when GitHub or the database does not answer. */
export function createRuns({ log, reader, projection }: RunsParts): Runs {
  async function read(run: RunId): Promise<Found> {
    const events = await log.read(run);
    return { events, state: fold(events) };
  }

  const about: Runs["about"] = async ({ repo, subject }) => {
    const [run] = await log.runsOf(repo, subject);
    return run === undefined ? undefined : read(run);
  };

  /** The latest of these runs that is as `is` says. */
  async function latest(runs: readonly RunId[], is: (state: State) => boolean): Promise<Found | undefined> {
    for (const run of runs) {
      const found = await read(run);
      if (is(found.state)) return found;
    }
    return undefined;
  }

  const opened: Runs["opened"] = async ({ repo, subject }) => {
    if (subject.kind !== "pull") {
      const own = await about({ repo, subject });
      if (!own || own.state.phase !== "finished" || own.state.pullRequest) return own;
      const before = (await log.runsOf(repo, subject)).slice(1, LOOKED_THROUGH);
      return (await latest(before, ({ pullRequest }) => pullRequest !== undefined)) ?? own;
    }
    const pull = await reader.issue(repo, subject.number);
    const number = Number(/\b(?:closes|asked for in) #(\d{1,9})\b/i.exec(pull?.body ?? "")?.[1]);
    // The body is anybody's to write; the run says itself which pull request is its own.
    if (!Number.isSafeInteger(number)) return undefined;
    return latest(await log.runsOf(repo, { number }), ({ pullRequest }) => pullRequest?.number === subject.number);
  };

  return {
    about,
    opened,
    onBranch: async (repo, number, branch) =>
      latest(await log.runsOf(repo, { number }), ({ pullRequest }) => pullRequest?.branch === branch),

    async find(place) {
      const own = await about(place);
      if (place.subject.kind !== "pull" || (own && own.state.phase !== "finished")) return own;
      return (await opened(place)) ?? own;
    },

    async append(run, decide, signal) {
      for (let tries = 0; tries < MAX_TRIES; tries += 1) {
        signal.throwIfAborted();
        const found = await read(run);
        const events = decide(found);
        if (!events) return "moot";
        const result = await log.append(run, found.state.version, events);
        if (result.type === "conflict") continue;
        if (isIdle(found.state) || found.state.finished) projection?.touch(run);
        return "appended";
      }
      throw new Error(`${run} changed ${MAX_TRIES} times while something was to be added to it`);
    },
  };
}

/** That a run is at work, or why it is not. */
export async function alreadyRunning(
  log: Pick<EventLog, "read">,
  quote: string,
  run: RunId,
): Promise<Extract<Reply, { kind: "already-running" }>> {
  const { paused, waiting } = fold(await log.read(run));
  const waits = waiting && (isForPeople(waiting.reason) ? "asked" : "waiting");
  const held = paused ? "paused" : waits;
  return { kind: "already-running", quote, run, ...(held === undefined ? {} : { held }) };
}

type Word = Extract<RunEvent, { quote: string }>;

/** What every event holds that says what a person wants. */
export function wordOf({ intent, quote, key }: Asked): Pick<Word, "by" | "quote" | "asked"> {
  return { by: intent.actor.person, quote, asked: key };
}

/** The comment that asked, for an event by which a run goes on. */
export function commentOf({ intent }: Pick<Asked, "intent">): { commentId?: number } {
  return intent.door === "comment" ? { commentId: intent.commentId } : {};
}

/** True when this very request was recorded before. Words without a name are older: the same person's same ones, since the delivery came. */
export function said(
  events: readonly RecordedEvent[],
  types: readonly Word["type"][],
  { intent, quote, delivery, key }: Asked,
): boolean {
  return events.some(({ at, event }) => {
    if (!("quote" in event) || !types.includes(event.type)) return false;
    if (event.asked !== undefined) return event.asked === key;
    return at >= delivery.receivedAt && event.quote === quote && event.by.id === intent.actor.person.id;
  });
}
