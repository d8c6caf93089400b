// Words to a run that is there: stop, retry, status, why, and the news that its issue was closed.
//
// What changes a run is appended with the version that was read; when a driver was quicker, it is read again.
// A delivery may be handled twice: a word by the same person, in the same words, recorded since the delivery came, is that delivery's.
import type { Log } from "../core/log.ts";
import type { RecordedEvent, RunEvent } from "../engine/events.ts";
import type { Bell, EventLog, GitHubReader, Publisher, Reply } from "../engine/ports.ts";
import { fold } from "../engine/fold.ts";
import { stageOrder, type State } from "../engine/state.ts";
import type { Asked } from "./asked.ts";
import type { Intent } from "./intent.ts";

/** How often an append is tried while drivers are quicker. */
const MAX_TRIES = 30;

export interface SteerParts {
  readonly log: EventLog;
  readonly bell: Pick<Bell, "ring">;
  readonly reader: GitHubReader;
  readonly publisher: Pick<Publisher, "reply">;
  readonly journal: Log;
}

/** Each answers whoever asked, where there is something to say, and returns a few words for the operator. */
export interface Steer {
  stop(asked: Asked): Promise<string>;
  /** `stage` as it was typed; empty: where the run ended. */
  retry(asked: Asked, stage: string): Promise<string>;
  status(asked: Asked): Promise<string>;
  why(asked: Asked): Promise<string>;
  closed(intent: Intent, signal: AbortSignal): Promise<string>;
}

interface Found {
  readonly events: readonly RecordedEvent[];
  readonly state: State;
}

/** Steering over its parts. Throws when GitHub or the database does not answer. */
export function createSteer({ log, bell, reader, publisher }: SteerParts): Steer {
  const answer = async ({ intent, key }: Asked, reply: Reply, note: string) => {
    await publisher.reply(intent.repo, intent.subject, key, reply);
    return note;
  };
  const nothingRunning = (asked: Asked, next: string) =>
    answer(asked, { kind: "nothing-running", quote: asked.quote, next }, "nothing is running");

  async function read(run: Parameters<EventLog["read"]>[0]): Promise<Found> {
    const events = await log.read(run);
    return { events, state: fold(events) };
  }

  /** The latest run about an issue, or the one that opened this pull request. */
  async function find({ repo, subject }: Intent): Promise<Found | undefined> {
    if (subject.kind !== "pull") {
      const [latest] = await log.runsOf(repo, subject);
      return latest === undefined ? undefined : read(latest);
    }
    const pull = await reader.issue(repo, subject.number);
    const number = Number(/\bcloses #(\d{1,9})\b/i.exec(pull?.body ?? "")?.[1]);
    if (!Number.isSafeInteger(number)) return undefined;
    // The body is anybody's to write; the run says itself which pull request is its own.
    for (const run of await log.runsOf(repo, { number })) {
      const found = await read(run);
      if (found.state.pullRequest?.number === subject.number) return found;
    }
    return undefined;
  }

  /** Appends what `decide` makes of the run, reading it again as often as another writer was quicker. */
  async function append(
    run: State["runId"],
    decide: (found: Found) => RunEvent | undefined,
    signal: AbortSignal,
  ): Promise<"appended" | "moot"> {
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      signal.throwIfAborted();
      const found = await read(run);
      const event = decide(found);
      if (!event) return "moot";
      const result = await log.append(run, found.state.version, [event]);
      if (result.type === "appended") return "appended";
    }
    throw new Error(`${run} changed ${MAX_TRIES} times while something was to be added to it`);
  }

  return {
    async stop(asked) {
      const { intent, quote, signal } = asked;
      const found = await find(intent);
      const { person } = intent.actor;
      if (!found || (found.state.phase === "finished" && !said(found.events, "stop.requested", asked)))
        return nothingRunning(asked, await howToStart(intent));
      const { runId } = found.state;
      await append(
        runId,
        ({ state }) =>
          state.phase === "finished" || state.stop ? undefined : { type: "stop.requested", by: person, quote },
        signal,
      );
      await bell.ring("run", runId);
      return `${runId} is to stop`;
    },

    async retry(asked, stage) {
      const { intent, quote, signal } = asked;
      const found = await find(intent);
      if (!found) return nothingRunning(asked, `There has been no run here yet. ${await howToStart(intent)}`);
      const { state } = found;
      const { runId, pullRequest } = state;
      if (said(found.events, "retry.requested", asked)) {
        await bell.ring("run", runId);
        return `${runId} was retried before`;
      }
      if (state.phase !== "finished")
        return answer(asked, { kind: "already-running", quote, run: runId }, `${runId} is at work`);
      if (pullRequest)
        return nothingRunning(
          asked,
          `The last run ended well, in pull request #${pullRequest.number}; there is nothing to retry.`,
        );
      const name = stage.trim().toLowerCase();
      const stages = stageOrder(state.workflow);
      if (name !== "" && !stages.includes(name)) {
        const known =
          stages.length === 0
            ? "the last run had no stages yet"
            : `the stages are ${stages.map((one) => `\`${one}\``).join(", ")}`;
        return answer(
          asked,
          { kind: "invalid-flags", quote, problems: [`there is no stage \`${name.slice(0, 60)}\`; ${known}`] },
          "unknown stage",
        );
      }
      const no = await refusedNow(intent);
      if (no) return answer(asked, { kind: "refused", quote, ...no }, `refused: ${no.why}`);
      const outcome = await append(
        runId,
        (now) =>
          now.state.phase === "finished"
            ? { type: "retry.requested", by: intent.actor.person, quote, ...(name === "" ? {} : { stage: name }) }
            : undefined,
        signal,
      );
      if (outcome === "moot")
        return answer(asked, { kind: "already-running", quote, run: runId }, `${runId} is at work`);
      await bell.ring("run", runId);
      return `${runId} goes on`;
    },

    async status(asked) {
      const found = await find(asked.intent);
      return answer(asked, { kind: "status", state: found?.state }, "answered");
    },

    async why(asked) {
      const found = await find(asked.intent);
      if (!found) return nothingRunning(asked, `There has been no run here yet. ${await howToStart(asked.intent)}`);
      return answer(asked, { kind: "why", state: found.state }, "answered");
    },

    async closed(intent, signal) {
      const found = await find(intent);
      if (!found || found.state.phase === "finished") return "no run is at work";
      const { runId } = found.state;
      await append(
        runId,
        ({ state }) =>
          state.phase === "finished" || state.closedBy
            ? undefined
            : { type: "subject.closed", by: intent.actor.person },
        signal,
      );
      await bell.ring("run", runId);
      return `${runId} was told`;
    },
  };

  /** Why no work may start on the issue now. */
  async function refusedNow({ repo, subject }: Intent): Promise<{ why: string; next: string } | undefined> {
    if (subject.kind !== "issue") return undefined;
    const issue = await reader.issue(repo, subject.number);
    if (!issue || issue.state === "closed")
      return { why: "the issue is closed", next: "Reopen it and write the command again." };
    if (!issue.locked) return undefined;
    return {
      why: "the conversation of this issue is locked",
      next: "Unlock it and write the command again.",
    };
  }

  /** How a run could start here, as things are now. */
  async function howToStart(intent: Intent): Promise<string> {
    const { repo, subject } = intent;
    if (subject.kind === "pull") return "Runs start from issues: write `/agent fix` on the issue this is about.";
    const no = await refusedNow(intent);
    if (no) return `And none can start now: ${no.why}.`;
    const [closing] = await reader.pullRequestsClosing(repo, subject.number);
    if (closing === undefined) return "`/agent fix` starts a run.";
    return `Pull request #${closing} is open and would close this issue: go on with it, or close it, and then \`/agent fix\` starts a run.`;
  }
}

/** True when this very request was recorded before: the same person's same words, since the delivery came. */
function said(
  events: readonly RecordedEvent[],
  type: "stop.requested" | "retry.requested",
  { intent, quote, delivery }: Asked,
): boolean {
  return events.some(
    ({ at, event }) =>
      event.type === type &&
      at >= delivery.receivedAt &&
      event.quote === quote &&
      event.by.id === intent.actor.person.id,
  );
}
