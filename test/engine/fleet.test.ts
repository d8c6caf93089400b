// Many agents in one run: fan-outs in waves, merges, conflicts, plans that people judge, and what fails on the way.
import { describe, expect, test, vi } from "vitest";
import type { RunId } from "#src/core/ids.ts";
import { firstDifference } from "#src/engine/agree.ts";
import { drive } from "#src/engine/drive.ts";
import type { Engine } from "#src/engine/engine.ts";
import { RunEvent, type EventOf, type Failure, type RecordedEvent } from "#src/engine/events.ts";
import { fold } from "#src/engine/fold.ts";
import { ledgerOf } from "#src/engine/ledger.ts";
import type { AgentTask, EventLog } from "#src/engine/ports.ts";
import type { State } from "#src/engine/state.ts";
import type { Artifact } from "#src/workflows/artifacts.ts";
import { Workflow } from "#src/workflows/schema.ts";
import {
  commitNamed,
  CountingPublisher,
  created,
  engineWith,
  featureWorkflow,
  gate,
  memoryLog,
  samplePlan,
  ScriptedAgents,
  ScriptedGates,
  ScriptedMerges,
} from "#test/support/engine-world.ts";

const never = new AbortController().signal;
const by = { login: "maria", id: 7 };
const word = (quote: string) => ({ by, quote });
const approved = (words = "", plan?: typeof samplePlan): RunEvent => ({
  type: "plan.judged",
  ...word("/agent approve"),
  stage: "approve",
  verdict: "approved",
  words,
  ...(plan ? { plan } : {}),
});
const rejected = (words: string): RunEvent => ({
  type: "plan.judged",
  ...word("/agent reject"),
  stage: "approve",
  verdict: "rejected",
  words,
});

/** A workflow that is the feature workflow but for these stages. */
function changed(stages: Record<string, unknown>): Workflow {
  return Workflow.parse({ ...featureWorkflow, stages: { ...featureWorkflow.stages, ...stages } });
}

interface World {
  readonly run: RunId;
  readonly log: EventLog;
  readonly agents: ScriptedAgents;
  readonly merges: ScriptedMerges;
  readonly go: () => Promise<State>;
  readonly say: (event: RunEvent) => Promise<void>;
  readonly events: () => Promise<RecordedEvent[]>;
}

async function world(
  parts: Partial<Engine> & { agents?: ScriptedAgents; merges?: ScriptedMerges; workflow?: Workflow } = {},
  event: Partial<EventOf<"run.created">> = {},
): Promise<World> {
  const log = memoryLog();
  const first = created({ workflow: "feature", ...event });
  await log.create(first);
  const run = first.runId;
  const { workflow = featureWorkflow, agents = new ScriptedAgents(), merges = new ScriptedMerges(), ...rest } = parts;
  const workflows = { load: () => Promise.resolve(workflow), names: () => ["feature"] };
  const engine = engineWith(log, { workflows, agents, merges, ...rest });
  return {
    run,
    log,
    agents,
    merges,
    events: () => log.read(run),
    async go() {
      await drive(run, engine, never);
      return fold(await log.read(run));
    },
    async say(what) {
      await vi.waitFor(async () => {
        const { length } = await log.read(run);
        expect((await log.append(run, length, [what])).type).toBe("appended");
      });
    },
  };
}

const ending = (state: State) => `${state.finished?.outcome}: ${state.finished?.code}`;
const stagesOf = (tasks: readonly AgentTask[]) => tasks.map(({ stage }) => stage);
const failure = (code: Failure["code"]): Failure => ({ code, message: "it did not work" });

/** The events until the first wave is merged, and this instead. */
function insteadOfMerging(events: readonly RecordedEvent[], event: RunEvent): RecordedEvent[] {
  const until = events.slice(
    0,
    events.findIndex((one) => one.event.type === "wave.merged"),
  );
  return [...until, { version: until.length + 1, at: until.at(-1)?.at ?? 0, event }];
}

describe("a feature", () => {
  test("is scouted side by side, planned, approved, built in waves, put together, verified and published", async () => {
    const { go, say, agents, merges, events } = await world();
    const waiting = await go();
    expect(waiting.waiting?.reason).toBe("approval");
    expect(stagesOf(agents.tasks)).toEqual(["scout:code", "scout:tests", "plan"]);
    expect(agents.tasks.at(-1)?.inputs.map(({ stage }) => stage)).toEqual(["scout:code", "scout:tests"]);
    await say(approved());
    const state = await go();
    expect(ending(state)).toBe("succeeded: verified");
    expect(stagesOf(agents.tasks).slice(3)).toEqual(["build:parser", "build:printer", "build:wiring", "finish"]);
    const [parser, printer, wiring, finish] = agents.tasks.slice(3);
    expect(parser?.start).toBe(printer?.start);
    expect(merges.asked.map(({ theirs }) => theirs)).toEqual(
      ["build:parser 1", "build:printer 1", "build:wiring 1"].map(commitNamed),
    );
    const recorded = await events();
    const merged = recorded.find(({ event }) => event.type === "wave.merged")?.event;
    const end = (outcome: EventOf<"run.finished">["outcome"], code: string): RunEvent => ({
      type: "run.finished",
      outcome,
      code,
      message: "",
    });
    for (const event of [end("needs-a-decision", "merge-refused"), end("failed", "git-failed")])
      expect(firstDifference(insteadOfMerging(recorded, event))).toBeUndefined();
    for (const event of [end("needs-a-decision", "worse"), end("succeeded", "verified"), { ...merged, attempt: 2 }])
      expect(firstDifference(insteadOfMerging(recorded, RunEvent.parse(event)))).toBeDefined();
    const afterFirst = commitNamed(
      `${commitNamed(`${parser?.start} ${commitNamed("build:parser 1")}`)} ${commitNamed("build:printer 1")}`,
    );
    expect(wiring?.start).toBe(afterFirst);
    expect(wiring?.inputs.map(({ stage }) => stage)).toContain("build:printer");
    expect(finish?.start).toBe(commitNamed(`${afterFirst} ${commitNamed("build:wiring 1")}`));
    expect(firstDifference(await events())).toBeUndefined();
    expect(ledgerOf(state).reduce((sum, { spend }) => sum + spend.microDollars, 0)).toBe(state.spend.microDollars);
    expect(ledgerOf(state).map(({ unit }) => unit)).toContain("build:wiring");
  });

  test("works no more agents at once than the repository allows", async () => {
    const { config } = created();
    const agents = new CountingAgents();
    const { go } = await world({ agents }, { config: { ...config, limits: { ...config.limits, parallel: 1 } } });
    await go();
    expect(agents.most).toBe(1);
    const both = new CountingAgents();
    await (await world({ agents: both })).go();
    expect(both.most).toBe(2);
  });

  test("a fan-out may have a limit of its own", async () => {
    const agents = new CountingAgents();
    const workflow = changed({ scout: { ...featureWorkflow.stages["scout"], parallel: 1 } });
    await (await world({ agents, workflow })).go();
    expect(agents.most).toBe(1);
  });
});

/** Agents that let others begin before they answer, and count how many are at work. */
class CountingAgents extends ScriptedAgents {
  #now = 0;
  most = 0;
  override async run(...args: Parameters<ScriptedAgents["run"]>): ReturnType<ScriptedAgents["run"]> {
    this.#now += 1;
    this.most = Math.max(this.most, this.#now);
    await new Promise((resolve) => setImmediate(resolve));
    try {
      return await super.run(...args);
    } finally {
      this.#now -= 1;
    }
  }
}

describe("a plan", () => {
  test("that is approved with words is written anew with them, and not asked about again", async () => {
    const { go, say, agents } = await world();
    await go();
    await say(approved("print in colour"));
    expect(ending(await go())).toBe("succeeded: verified");
    const plans = agents.tasks.filter(({ stage }) => stage === "plan");
    expect(plans.map(({ reasons }) => reasons)).toEqual([
      [],
      ["@maria approved the plan with changes: print in colour"],
    ]);
  });

  test("that is sent back is among what its planner is given, also when its next attempt fails; what is begun anew is not", async () => {
    const workflow = changed({ plan: { agent: "planner", needs: ["scout"], makes: "Plan", retry: 1 } });
    const usual: Artifact = { name: "Plan", value: samplePlan };
    const second: Artifact = { name: "Plan", value: { ...samplePlan, summary: "In one piece" } };
    const agents = new ScriptedAgents({ plan: [usual, failure("invalid-output"), second, failure("invalid-output")] });
    const { go, say } = await world({ workflow, agents });
    await go();
    await say(rejected("one task is enough"));
    await go();
    await say({ type: "stop.requested", ...word("/agent stop") });
    await go();
    await say({ type: "retry.requested", ...word("/agent retry plan"), stage: "plan" });
    await go();
    const plans = agents.tasks.filter(({ stage }) => stage === "plan");
    const own = plans.map(({ inputs }) => inputs.flatMap((one) => (one.stage === "plan" ? [one.artifact] : [])));
    expect(own).toEqual([[], [usual], [usual], [], []]);
  });

  test("keeps the words it was approved with when its planner stumbles, and is then not asked about again", async () => {
    const workflow = changed({ plan: { agent: "planner", needs: ["scout"], makes: "Plan", retry: 1 } });
    const plan: Artifact = { name: "Plan", value: samplePlan };
    const agents = new ScriptedAgents({ plan: [plan, failure("invalid-output")] });
    const { go, say, events } = await world({ workflow, agents });
    await go();
    await say(approved("print in colour"));
    expect(ending(await go())).toBe("succeeded: verified");
    expect(agents.tasks.findLast(({ stage }) => stage === "plan")?.reasons).toEqual([
      "@maria approved the plan with changes: print in colour",
      "invalid-output: it did not work",
    ]);
    expect((await events()).filter(({ event }) => event.type === "people.asked")).toHaveLength(1);
  });

  test("that nobody approved is asked about, when the planner failed at the one that was approved with words and the run is tried again", async () => {
    const plan: Artifact = { name: "Plan", value: samplePlan };
    const agents = new ScriptedAgents({ plan: [plan, failure("invalid-output")] });
    const { go, say, events } = await world({ agents });
    await go();
    await say(approved("print in colour"));
    expect(ending(await go())).toBe("failed: invalid-output");
    await say({ type: "retry.requested", ...word("/agent retry") });
    expect((await go()).waiting?.reason).toBe("approval");
    await say(approved());
    expect(ending(await go())).toBe("succeeded: verified");
    expect(firstDifference(await events())).toBeUndefined();
  });

  test("that is rejected with words is written anew, and asked about again", async () => {
    const { go, say, agents, events } = await world();
    await go();
    await say(rejected("one task is enough"));
    const again = await go();
    expect(again.waiting?.reason).toBe("approval");
    expect(agents.tasks.at(-1)?.reasons).toEqual(["@maria rejected the plan: one task is enough"]);
    expect((await events()).filter(({ event }) => event.type === "people.asked")).toHaveLength(2);
    await say(approved());
    expect(ending(await go())).toBe("succeeded: verified");
    expect(firstDifference(await events())).toBeUndefined();
  });

  test("that is rejected without a word ends the run, and so does one that is rejected too often", async () => {
    const one = await world();
    await one.go();
    await one.say(rejected(""));
    expect(ending(await one.go())).toBe("needs-a-decision: plan-rejected");
    const { config } = created();
    const two = await world({}, { config: { ...config, limits: { ...config.limits, rounds: 1 } } });
    await two.go();
    await two.say(rejected("no"));
    await two.go();
    await two.say(rejected("still no"));
    expect(ending(await two.go())).toBe("needs-a-decision: plan-rejected");
  });

  test("that a person wrote anew is worked as they wrote it", async () => {
    const { go, say, agents } = await world();
    await go();
    const [parser] = samplePlan.tasks;
    if (!parser) throw new Error("no task");
    await say(approved("", { ...samplePlan, tasks: [{ ...parser, title: "Parse everything" }] }));
    expect(ending(await go())).toBe("succeeded: verified");
    expect(stagesOf(agents.tasks).filter((stage) => stage.startsWith("build:"))).toEqual(["build:parser"]);
    expect(agents.tasks.find(({ stage }) => stage === "build:parser")?.part).toMatchObject({
      task: { title: "Parse everything" },
    });
  });

  test("its questions are waited for where the workflow says so, and the answer reaches who comes after", async () => {
    const workflow = changed({ approve: { needs: ["plan"], wait: "answer" } });
    const { go, say, agents } = await world({ workflow });
    expect((await go()).waiting?.reason).toBe("answer");
    await say({ type: "answer.given", ...word("/agent tell no colours"), stage: "approve", words: "no colours" });
    expect(ending(await go())).toBe("succeeded: verified");
    expect(agents.tasks.find(({ stage }) => stage === "build:parser")?.words).toEqual([
      { by, about: "approve", words: "no colours" },
    ]);
  });

  test("without questions nobody is asked for answers", async () => {
    const workflow = changed({ approve: { needs: ["plan"], wait: "answer" } });
    const plan: Artifact = { name: "Plan", value: { ...samplePlan, questions: [] } };
    const { go } = await world({ workflow, agents: new ScriptedAgents({ plan: [plan] }) });
    expect(ending(await go())).toBe("succeeded: verified");
  });
});

describe("a conflict", () => {
  const conflicting = () => new ScriptedMerges([commitNamed("build:printer 1")]);

  test("goes to the integrator, from the marked commit, and merging goes on from its work", async () => {
    const { go, say, agents, merges, events } = await world({ merges: conflicting() });
    await go();
    await say(approved());
    expect(ending(await go())).toBe("succeeded: verified");
    const mending = agents.tasks.find(({ stage }) => stage === "build:merge.printer");
    expect(mending).toMatchObject({
      agent: "integrator",
      makes: "Change",
      part: { type: "merge", paths: ["src/both.js"] },
    });
    expect(mending?.start).toBe(commitNamed(`${merges.asked[1]?.into} ${commitNamed("build:printer 1")}`));
    expect(agents.tasks.find(({ stage }) => stage === "build:wiring")?.start).toBe(
      commitNamed("build:merge.printer 1"),
    );
    expect(firstDifference(await events())).toBeUndefined();
  });

  test("whose markers are left is mended once more, then a person decides", async () => {
    const no = gate("resolved", false, "unresolved");
    const gates = new ScriptedGates({ resolved: [no, no] });
    const { go, say, agents } = await world({ merges: conflicting(), gates });
    await go();
    await say(approved());
    const state = await go();
    expect(state.finished?.outcome).toBe("needs-a-decision");
    expect(stagesOf(agents.tasks).filter((stage) => stage === "build:merge.printer")).toHaveLength(2);
    expect(state.finished?.message).toContain("unresolved");
  });

  describe.each(["degrade", "continue"])("of a fan-out that may %s", (on_failure) => {
    const workflow = changed({ build: { ...featureWorkflow.stages["build"], on_failure } });
    const no = gate("resolved", false, "unresolved");
    test.each([
      [
        "whose mending fails",
        { agents: new ScriptedAgents({ "build:merge.printer": [failure("no-finish"), failure("no-finish")] }) },
      ],
      ["whose markers are left", { gates: new ScriptedGates({ resolved: [no, no] }) }],
    ])("and %s is a person's to decide all the same", async (_how, parts) => {
      const { log, run, go, say, events } = await world({ workflow, merges: conflicting(), ...parts });
      await go();
      await say(approved());
      const append = log.append.bind(log);
      vi.spyOn(log, "append").mockImplementation(async (...what) => {
        if (what[1] > 200) throw new Error(`${run} has no end`);
        return await append(...what);
      });
      expect(ending(await go())).toBe("needs-a-decision: merge-conflict");
      expect(firstDifference(await events())).toBeUndefined();
    });
  });
});

describe("what fails", () => {
  test("is tried again as often as the workflow says", async () => {
    const agents = new ScriptedAgents({ "build:parser": [failure("turn-limit")] });
    const { go, say } = await world({ agents });
    await go();
    await say(approved());
    expect(ending(await go())).toBe("succeeded: verified");
    expect(agents.tasks.filter(({ stage }) => stage === "build:parser").map(({ reasons }) => reasons)).toEqual([
      [],
      ["turn-limit: it did not work"],
    ]);
  });

  test("a task fails what needs it, and not what is beside it; then the run ends, and a retry works only what is left", async () => {
    const bad = failure("turn-limit");
    const agents = new ScriptedAgents({ "build:parser": [bad, bad] });
    const { go, say, events } = await world({ agents });
    await go();
    await say(approved());
    const state = await go();
    expect(ending(state)).toBe("failed: tasks-failed");
    expect(state.stages.get("build")?.current?.board?.closed).toEqual({
      done: ["printer"],
      failed: ["parser"],
      skipped: ["wiring"],
    });
    expect(firstDifference(await events())).toBeUndefined();
    const before = agents.tasks.length;
    await say({ type: "retry.requested", ...word("/agent retry") });
    expect(ending(await go())).toBe("succeeded: verified");
    expect(stagesOf(agents.tasks.slice(before))).toEqual(["build:parser", "build:wiring", "finish"]);
    expect(firstDifference(await events())).toBeUndefined();
  });

  test("a run that ends in the middle of a wave merges on a retry what was done before", async () => {
    const agents = new ScriptedAgents({ "build:printer": ["hang"] });
    const hanging = Promise.withResolvers<void>();
    agents.onHang = () => hanging.resolve();
    const { go, say, merges } = await world({ agents });
    await go();
    await say(approved());
    const going = go();
    await hanging.promise;
    await say({ type: "stop.requested", ...word("/agent stop") });
    const stopped = await going;
    expect(ending(stopped)).toBe("cancelled: stopped");
    expect(stopped.stages.get("build:parser")?.current?.artifact).toBeDefined();
    await say({ type: "retry.requested", ...word("/agent retry") });
    expect(ending(await go())).toBe("succeeded: verified");
    expect(agents.tasks.filter(({ stage }) => stage === "build:parser")).toHaveLength(1);
    // The first is for the branch on which the stopped run left it.
    expect(merges.asked.map(({ theirs }) => theirs)).toEqual(
      ["build:parser 1", "build:parser 1", "build:printer 2", "build:wiring 1"].map(commitNamed),
    );
  });

  test("of a fan-out that may be degraded the rest goes on", async () => {
    const agents = new ScriptedAgents({ "scout:code": [failure("time-limit")] });
    const { go } = await world({ agents });
    const state = await go();
    expect(state.waiting?.reason).toBe("approval");
    expect(agents.tasks.at(-1)?.inputs.map(({ stage }) => stage)).toEqual(["scout:tests"]);
  });

  test("a stage that the run can do without is passed over, and degrades it where the workflow says so", async () => {
    const workflow = changed({ plan: { ...featureWorkflow.stages["plan"], on_failure: "degrade" } });
    const agents = new ScriptedAgents({ plan: [failure("no-finish")] });
    const { go } = await world({ workflow, agents });
    const state = await go();
    expect(state.stages.get("plan")?.current?.skipped).toMatchObject({ because: "failure", degraded: true });
    expect(state.stages.get("approve")?.current?.skipped?.because).toBe("condition");
  });

  test("a stop ends everybody at work", async () => {
    const agents = new ScriptedAgents({ "scout:code": ["hang"], "scout:tests": ["hang"] });
    let hanging = 0;
    const both = Promise.withResolvers<void>();
    agents.onHang = () => {
      hanging += 1;
      if (hanging === 2) both.resolve();
    };
    const { go, say } = await world({ agents });
    const going = go();
    await both.promise;
    await say({ type: "stop.requested", ...word("/agent stop") });
    expect(ending(await going)).toBe("cancelled: stopped");
  });

  test("what failed beside it for good is retried too: else it would end the run again at once", async () => {
    const workflow = changed({
      lint: { agent: "scout", makes: "Report" },
      docs: { agent: "scout", makes: "Report" },
    });
    const spent = failure("budget");
    const agents = new ScriptedAgents({ lint: [spent], docs: [spent] });
    const { config } = created();
    const { go, say, events } = await world(
      { workflow, agents },
      { config: { ...config, limits: { ...config.limits, parallel: 4 } } },
    );
    const before = await go();
    expect(before.finished?.outcome).toBe("out-of-budget");
    expect(["lint", "docs"].map((name) => before.stages.get(name)?.current?.failure?.code)).toEqual([
      "budget",
      "budget",
    ]);
    await say({ type: "retry.requested", ...word("/agent retry") });
    expect((await go()).waiting?.reason).toBe("approval");
    expect(firstDifference(await events())).toBeUndefined();
  });

  test("a step that cannot be recorded ends everybody at work: nobody decides for them any more", async () => {
    const workflow = changed({
      lint: { agent: "scout", makes: "Report" },
      docs: { agent: "scout", needs: ["lint"], makes: "Report" },
    });
    const agents = new ScriptedAgents({ "scout:code": ["hang"] });
    const hanging = Promise.withResolvers<void>();
    agents.onHang = () => hanging.resolve();
    const { log, go, events } = await world({ workflow, agents });
    const append = log.append.bind(log);
    log.append = async (run, version, what) => {
      if (what[0]?.type !== "stage.started" || what[0].stage !== "docs") return await append(run, version, what);
      await hanging.promise;
      throw new Error("the disk is gone");
    };
    await expect(go()).rejects.toThrow("the disk is gone");
    expect((await events()).filter(({ event }) => event.type === "agent.failed")).toEqual([]);
  });

  test("one who must wait holds the others too, and all go on afterwards", async () => {
    const wait = { type: "wait", reason: "model-limit", message: "slow down", until: 2_000_000 } as const;
    const agents = new ScriptedAgents({ "scout:code": [wait], "scout:tests": ["hang"] });
    const { go, events } = await world({ agents });
    const state = await go();
    expect(state.waiting).toMatchObject({ reason: "model-limit", until: 2_000_000 });
    expect((await events()).filter(({ event }) => event.type === "agent.failed")).toEqual([]);
  });
});

describe("from every prefix of its log", () => {
  test("a feature goes on to the same end, and nothing finished is worked again", async () => {
    const conflicts = [commitNamed("build:printer 1")];
    const whole = await world({
      merges: new ScriptedMerges(conflicts),
      agents: new ScriptedAgents({ "build:parser": [failure("turn-limit")] }),
    });
    await whole.go();
    await whole.say(approved("in colour"));
    const end = await whole.go();
    expect(ending(end)).toBe("succeeded: verified");
    const events = await whole.events();
    for (let length = 1; length < events.length; length += 1) {
      const log = memoryLog();
      const [first, ...rest] = events.slice(0, length).map(({ event }) => event);
      if (first?.type !== "run.created") throw new Error("no beginning");
      await log.create(first);
      for (const [index, event] of rest.entries()) await log.append(first.runId, index + 1, [event]);
      const agents = new ScriptedAgents({ "build:parser": [failure("turn-limit")] });
      const publisher = new CountingPublisher();
      const workflows = { load: () => Promise.resolve(featureWorkflow), names: () => ["feature"] };
      const engine = engineWith(log, { agents, publisher, merges: new ScriptedMerges(conflicts), workflows });
      const done = new Set(
        rest.flatMap((event) => (event.type === "agent.finished" ? [`${event.stage} ${event.attempt}`] : [])),
      );
      await drive(first.runId, engine, never);
      if (fold(await log.read(first.runId)).waiting) {
        await log.append(first.runId, (await log.read(first.runId)).length, [approved("in colour")]);
        await drive(first.runId, engine, never);
      }
      const state = fold(await log.read(first.runId));
      expect(ending(state), `after ${length} events`).toBe("succeeded: verified");
      expect(state.stages.get("finish")?.current?.commit).toBe(end.stages.get("finish")?.current?.commit);
      const twice = agents.tasks.map(({ stage, attempt }) => `${stage} ${attempt}`).filter((task) => done.has(task));
      expect(twice, `after ${length} events`).toEqual([]);
      expect(firstDifference(await log.read(first.runId)), `after ${length} events`).toBeUndefined();
    }
  });
});
