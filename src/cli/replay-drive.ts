// A recorded run driven anew: real workspaces, hands and gates from the recorded base commit; the model replaced by what it said then,
// the world by what people did then, and nothing is published. What differs by nature (times, seconds, money, ids of commits, words
// that programs print about time) is not compared.
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { openParts } from "../parts.ts";
import { BatonError } from "../core/errors.ts";
import { runId } from "../core/ids.ts";
import { createLog } from "../core/log.ts";
import { createRedact } from "../core/redact.ts";
import { eventInWords, type Difference } from "../engine/agree.ts";
import { drive } from "../engine/drive.ts";
import type { Engine } from "../engine/engine.ts";
import { RunEvent, type EventOf, type RecordedEvent } from "../engine/events.ts";
import { fold } from "../engine/fold.ts";
import type { EventLog, Publisher, Triager, WorkflowSource } from "../engine/ports.ts";
import type { Env } from "../env.ts";
import type { State } from "../engine/state.ts";
import type { Subjects } from "../engine/subjects-port.ts";
import { nothingToLose } from "../github/subjects.ts";
import { noHistory } from "../store/history.ts";
import { createMemoryLog } from "../store/memory-log.ts";
import { mirrorFolder } from "../workspace/mirror.ts";
import { pacedAgents } from "./replay-agents.ts";
import { recordedModel } from "./replay-model.ts";
import { Pace, type Stopped } from "./replay-pace.ts";
import { recordedRun } from "./replay-recorded.ts";
import { recordedServers } from "./replay-servers.ts";

/** What a drive came to. */
export interface DrivenAgain {
  /** The first event that came otherwise. */
  readonly difference: Difference | undefined;
  /** Why it could not be driven to its end, when neither was the engine's doing. */
  readonly stopped: Stopped | undefined;
  /** What is not as it was then, in words. */
  readonly notes: readonly string[];
}

/** How often it is looked whether everybody waits, in milliseconds. */
const LOOK_MS = 500;

/** Drives the run again until it ends, or differs. Throws what broken git or a missing sandbox throws, and `invalid-usage` when the run was not routed. */
export async function driveAgain(
  recorded: readonly RecordedEvent[],
  { env, repo, stillMs }: { env: Env; repo: string | undefined; stillMs?: number },
): Promise<DrivenAgain> {
  const run = recordedRun(recorded);
  const { created, entries } = run;
  const events = entries.map(({ version, event }) => ({ version, event }));
  const journal = createLog({
    level: env.logLevel === "info" ? "error" : env.logLevel,
    redact: createRedact(env.secrets),
  });
  await using undo = new AsyncDisposableStack();
  const scratch = await mkdtemp(join(tmpdir(), "baton-replay-"));
  undo.defer(() => rm(scratch, { recursive: true, force: true }));
  const pace = new Pace(run, stillMs);
  const model = recordedModel(run.said, pace);
  const parts = undo.use(
    await openParts({
      env: { ...env, home: scratch },
      journal,
      credential: () => Promise.resolve(undefined),
      model,
      servers: recordedServers(events),
    }),
  );
  const log = createMemoryLog({ clock: pace.logClock, parse: (json) => RunEvent.parse(json) });
  const first = { ...created, repo: { ...created.repo, cloneUrl: sourceOf(env, created, repo) } };
  await log.create(first);
  pace.take([first]);
  const people = withPeople(log, first.runId, pace);
  const usual = parts.engine({
    log: people.log,
    publisher: dryPublisher(recorded),
    projection: { touch() {}, settle: () => Promise.resolve() },
    history: noHistory,
    subjects: recordedSubjects(events),
  });
  const engine: Engine = {
    ...usual,
    clock: pace.clock,
    triager: recordedTriager(events),
    workflows: recordedWorkflow(events, usual.workflows),
    agents: pacedAgents(usual.agents, model, pace),
    merges: { merge: (...asked) => pace.busy(() => usual.merges.merge(...asked)) },
    gates: {
      async check(request, signal) {
        const result = await pace.busy(() => usual.gates.check(request, signal));
        await pace.gateTurn(request.gate, signal);
        return result;
      },
    },
  };
  const looking = setInterval(() => pace.look(), LOOK_MS);
  undo.defer(() => clearInterval(looking));
  await people.catchUp();
  for (;;) {
    await drive(runId(created.runId), engine, pace.over);
    if (pace.over.aborted || !(await people.goOn())) break;
  }
  const { stopped } = pace;
  const state = fold(await log.read(runId(created.runId)));
  const difference = pace.difference ?? (stopped ? undefined : missing(pace, state));
  return { difference, stopped, notes: run.notes };
}

/** Where git finds the base commit: the clone that was named, Baton's own mirror, or where the run found it. */
function sourceOf(env: Env, { repo }: EventOf<"run.created">, folder: string | undefined): string {
  if (folder !== undefined) return resolve(folder);
  const mirror = mirrorFolder(env.home, repo);
  return existsSync(mirror) ? mirror : repo.cloneUrl;
}

/** What never came, although the drive came to its end. */
function missing({ next }: Pace, { waiting }: State): Difference | undefined {
  if (!next) return undefined;
  const expected = waiting ? `run.parked ${waiting.reason} ${waiting.message}` : "nothing more";
  return { version: next.version, expected, recorded: eventInWords(next.event) };
}

/** A log in which people say again what they said, as soon as the run is where it was then. */
function withPeople(log: EventLog, run: string, pace: Pace) {
  const id = runId(run);

  async function say(event: RunEvent): Promise<void> {
    const said = pace.commits.inNow(event);
    for (;;) {
      const now = await log.read(id);
      const answer = await log.append(id, now.length, [said]);
      if (answer.type === "appended") break;
    }
    pace.take([said]);
  }

  /** Says whatever must come next and comes of no work. */
  async function catchUp(): Promise<boolean> {
    let spoke = false;
    for (;;) {
      const { next } = pace;
      if (pace.over.aborted || next?.comes !== "word") return spoke;
      if (next.event.type === "fleet.merged") {
        pace.stop(next.version, "the reply that had this merged is in no log, and the commit is not made without it");
        return spoke;
      }
      await say(next.event);
      spoke = true;
    }
  }

  /** The run has come to a stand. True when there is something that moves it, or ends it. */
  async function goOn(): Promise<boolean> {
    if (await catchUp()) return true;
    const { next } = pace;
    if (next?.comes !== "still") return false;
    await say(next.event);
    return true;
  }

  const speaking: EventLog = {
    create: (event) => log.create(event),
    read: (asked, after) => log.read(asked, after),
    at: (asked, versions) => log.at(asked, versions),
    follow: (listener) => log.follow(listener),
    unfinished: () => log.unfinished(),
    unfinishedOn: (ground) => log.unfinishedOn(ground),
    endedWithin: (milliseconds) => log.endedWithin(milliseconds),
    list: (options) => log.list(options),
    runsOf: (repo, subject) => log.runsOf(repo, subject),
    begunOn: (...asked) => log.begunOn(...asked),
    eventsOf: (...asked) => log.eventsOf(...asked),
    async append(asked, expected, events) {
      const answer = await log.append(asked, expected, events);
      if (answer.type !== "appended") return answer;
      pace.take(events);
      await catchUp();
      return answer;
    },
  };
  return { log: speaking, catchUp, goOn };
}

function recordedTriager(recorded: readonly Pick<RecordedEvent, "event">[]): Triager {
  const routes = recorded.flatMap(({ event }) => (event.type === "run.routed" ? [event] : []));
  return {
    async triage() {
      const next = routes.shift();
      if (!next?.triage || next.source === "asked-for")
        throw new BatonError("unscripted-call", "the recorded run was not triaged at this point");
      // What is said of a route is made from what the triager said; the recorded words hold both.
      return { source: next.source, triage: next.triage, why: next.why, spend: next.spend };
    },
  };
}

/** Workflows may have changed since: the recorded one is used. */
function recordedWorkflow(recorded: readonly Pick<RecordedEvent, "event">[], known: WorkflowSource): WorkflowSource {
  const workflows = recorded.flatMap(({ event }) =>
    event.type === "run.routed" && event.decision.kind === "start" ? [event.decision.workflow] : [],
  );
  return {
    names: () => known.names(),
    load: async (name, at, signal) =>
      workflows.find((workflow) => workflow.name === name) ?? (await known.load(name, at, signal)),
  };
}

/** Nothing is lost, and what was collected then is collected again. */
function recordedSubjects(recorded: readonly Pick<RecordedEvent, "event">[]): Subjects {
  const [seen] = recorded.flatMap(({ event }) => (event.type === "hindsight.collected" ? [event.hindsight] : []));
  return {
    ...nothingToLose,
    lookBack: (state, signal) => (seen ? Promise.resolve(seen) : nothingToLose.lookBack(state, signal)),
  };
}

/** Opens nothing, and answers what was answered then. */
function dryPublisher(recorded: readonly Pick<RecordedEvent, "event">[]): Publisher {
  const opened = recorded.flatMap(({ event }) => (event.type === "pull_request.opened" ? [event] : []));
  const nothing = () => Promise.resolve();
  const reviewed = recorded.flatMap(({ event }) => (event.type === "review.published" ? [event] : []));
  return {
    async publishReview() {
      const event = reviewed.shift();
      if (!event) return { type: "refused", code: "not-recorded", message: "The recorded run published no review." };
      const { type: _, stage: _stage, attempt: _attempt, ...review } = event;
      return { type: "published", review };
    },
    async openPullRequest() {
      const event = opened.shift();
      if (event) return { type: "opened", event };
      const end = recorded.at(-1)?.event;
      return end?.type === "run.finished"
        ? { type: "refused", code: end.code, message: end.message }
        : { type: "refused", code: "not-recorded", message: "The recorded run published nothing at this point." };
    },
    keep: () => Promise.resolve({ type: "refused", code: "replay", message: "A replay leaves no branch." }),
    removeKept: () => Promise.resolve({ type: "left", why: "a replay removes nothing" }),
    reply: nothing,
    acknowledge: nothing,
    conclude: nothing,
    openFindings: nothing,
    openScheduleIssue: () => Promise.resolve(0),
    showConfig: nothing,
    checkConfig: nothing,
    showChecksAgain: () => Promise.resolve(0),
    removeMerged: nothing,
    putBack: nothing,
    rerunChecks: () => Promise.resolve([]),
    leaveAlone: nothing,
    removeLabel: nothing,
  };
}
