// A recorded run driven anew: real workspaces, hands and gates from the recorded base commit; the model replaced by what it said then,
// the world by what people did then, and nothing is published. What differs by nature (times, seconds, money, ids of commits, words
// that programs print about time) is not compared.
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { openParts } from "../baton.ts";
import { systemClock } from "../core/clock.ts";
import { BatonError } from "../core/errors.ts";
import { runId } from "../core/ids.ts";
import { createLog } from "../core/log.ts";
import { createRedact } from "../core/redact.ts";
import type { Difference } from "../engine/agree.ts";
import { drive } from "../engine/drive.ts";
import type { Engine } from "../engine/engine.ts";
import { RunEvent, type EventOf, type RecordedEvent } from "../engine/events.ts";
import type { EventLog, Publisher, Triager, WorkflowSource } from "../engine/ports.ts";
import type { Env } from "../env.ts";
import type { Subjects } from "../engine/subjects-port.ts";
import { nothingToLose } from "../github/subjects.ts";
import { noHistory } from "../store/history.ts";
import { createMemoryLog } from "../store/memory-log.ts";
import { mirrorFolder } from "../workspace/mirror.ts";
import { compared, comparison } from "./replay-compare.ts";
import { recordedModel } from "./replay-model.ts";
import { recordedServers } from "./replay-servers.ts";

/** Drives the run again and gives the first difference. Throws what broken git or a missing sandbox throws, and `invalid-usage` when the run was not routed. */
export async function driveAgain(
  recorded: readonly RecordedEvent[],
  { env, repo }: { env: Env; repo: string | undefined },
): Promise<Difference | undefined> {
  const events = withoutDetours(recorded);
  const [first] = events;
  if (first?.event.type !== "run.created") throw new Error("a run's first event must be run.created");
  const journal = createLog({
    level: env.logLevel === "info" ? "error" : env.logLevel,
    redact: createRedact(env.secrets),
  });
  await using undo = new AsyncDisposableStack();
  const scratch = await mkdtemp(join(tmpdir(), "baton-replay-"));
  undo.defer(() => rm(scratch, { recursive: true, force: true }));
  const model = recordedModel(events);
  const source = sourceOf(env, first.event, repo);
  const parts = undo.use(
    await openParts({
      env: { ...env, home: scratch },
      journal,
      credential: () => Promise.resolve(undefined),
      model,
      servers: recordedServers(events),
    }),
  );
  const created = { ...first.event, repo: { ...first.event.repo, cloneUrl: source } };
  const log = createMemoryLog({ clock: systemClock, parse: (json) => RunEvent.parse(json) });
  await log.create(created);
  const people = withPeople(log, created.runId, events);
  const usual = parts.engine({
    log: people.log,
    publisher: dryPublisher(events),
    projection: { touch() {}, settle: () => Promise.resolve() },
    history: noHistory,
    subjects: recordedSubjects(events),
  });
  const engine: Engine = {
    ...usual,
    triager: recordedTriager(events),
    workflows: recordedWorkflow(events, usual.workflows),
    agents: {
      run: (task, told, signal) => {
        model.turnTo(task.stage, task.attempt);
        return usual.agents.run(task, told, signal);
      },
      resume: (task, conversation, told, signal) => {
        // An agent that is commanded again goes on; nothing else is ever interrupted in a replay.
        if (!conversation.commands?.length)
          return Promise.resolve({ type: "gone", why: "a replay interrupts nothing" });
        model.turnTo(task.stage, task.attempt);
        return usual.agents.resume(task, conversation, told, signal);
      },
      forget: (run) => usual.agents.forget(run),
    },
  };
  const { signal } = new AbortController();
  for (;;) {
    await drive(runId(created.runId), engine, signal);
    if (!(await people.goOn())) break;
  }
  return comparison(events, await log.read(runId(created.runId)));
}

/** Where git finds the base commit: the clone that was named, Baton's own mirror, or where the run found it. */
function sourceOf(env: Env, { repo }: EventOf<"run.created">, folder: string | undefined): string {
  if (folder !== undefined) return resolve(folder);
  const mirror = mirrorFolder(env.home, repo);
  return existsSync(mirror) ? mirror : repo.cloneUrl;
}

/** What was begun again leaves only its last beginning, and waits are over at once: a replay is never interrupted. */
function withoutDetours(recorded: readonly RecordedEvent[]): RecordedEvent[] {
  const restarted = new Map<string, number>();
  for (const { version, event } of recorded)
    if (event.type === "stage.started") restarted.set(`${event.stage}/${event.attempt}`, version);
  return recorded.filter(({ version, event }) => {
    if (["run.driven", "run.parked", "pause.requested", "resume.requested"].includes(event.type)) return false;
    if (!("stage" in event) || !("attempt" in event)) return true;
    return version >= (restarted.get(`${event.stage}/${event.attempt}`) ?? 0);
  });
}

const outside = new Set<RunEvent["type"]>([
  "stop.requested",
  "subject.closed",
  "subject.lost",
  "budget.changed",
  "retry.requested",
  "revision.requested",
  "pull_request.closed",
]);

/** A log in which people say again what they said, as soon as the run is where it was then. */
function withPeople(log: EventLog, run: string, recorded: readonly RecordedEvent[]) {
  const id = runId(run);
  const script = recorded.flatMap(({ event }) => (compared(event) ? [event] : []));

  async function catchUp(): Promise<boolean> {
    let spoke = false;
    for (;;) {
      const now = await log.read(id);
      const next = script[now.filter(({ event }) => compared(event)).length];
      if (!next || !outside.has(next.type)) return spoke;
      const answer = await log.append(id, now.length, [next]);
      spoke ||= answer.type === "appended";
    }
  }

  const speaking: EventLog = {
    create: (event) => log.create(event),
    read: (asked, after) => log.read(asked, after),
    follow: (listener) => log.follow(listener),
    unfinished: () => log.unfinished(),
    unfinishedOn: (ground) => log.unfinishedOn(ground),
    endedWithin: (milliseconds) => log.endedWithin(milliseconds),
    list: (options) => log.list(options),
    runsOf: (repo, subject) => log.runsOf(repo, subject),
    async append(asked, expected, events) {
      const answer = await log.append(asked, expected, events);
      if (answer.type === "appended" && events.length > 0) await catchUp();
      return answer;
    },
  };
  return { log: speaking, goOn: catchUp };
}

function recordedTriager(recorded: readonly RecordedEvent[]): Triager {
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
function recordedWorkflow(recorded: readonly RecordedEvent[], known: WorkflowSource): WorkflowSource {
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
function recordedSubjects(recorded: readonly RecordedEvent[]): Subjects {
  const [seen] = recorded.flatMap(({ event }) => (event.type === "hindsight.collected" ? [event.hindsight] : []));
  return {
    ...nothingToLose,
    lookBack: (state, signal) => (seen ? Promise.resolve(seen) : nothingToLose.lookBack(state, signal)),
  };
}

/** Opens nothing, and answers what was answered then. */
function dryPublisher(recorded: readonly RecordedEvent[]): Publisher {
  const opened = recorded.flatMap(({ event }) => (event.type === "pull_request.opened" ? [event] : []));
  const nothing = () => Promise.resolve();
  return {
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
    openFindings: nothing,
    openScheduleIssue: () => Promise.resolve(0),
    showConfig: nothing,
    checkConfig: nothing,
    removeMerged: nothing,
    putBack: nothing,
    removeLabel: nothing,
  };
}
