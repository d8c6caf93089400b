// What reaches whom: results in another's place, parts that were picked, and kinds of artifacts that a stage asked for.
import { describe, expect, test } from "vitest";
import { firstDifference } from "#src/engine/agree.ts";
import { drive } from "#src/engine/drive.ts";
import { fold } from "#src/engine/fold.ts";
import type { Artifact } from "#src/workflows/artifacts.ts";
import { Workflow } from "#src/workflows/schema.ts";
import { created, engineWith, memoryLog, samplePlan, ScriptedAgents } from "#test/support/engine-world.ts";

const never = new AbortController().signal;
const report = (summary: string): Artifact => ({ name: "Report", value: { summary, sections: [] } });

async function run(stages: Record<string, unknown>, agents = new ScriptedAgents()) {
  const workflow = Workflow.parse({ name: "flow", description: "x", budget: { run: 5, time: "1h" }, stages });
  const log = memoryLog();
  const first = created({ workflow: "flow" });
  await log.create(first);
  const workflows = { load: () => Promise.resolve(workflow), names: () => ["flow"] };
  await drive(first.runId, engineWith(log, { workflows, agents }), never);
  const events = await log.read(first.runId);
  return {
    events,
    state: fold(events),
    given: (stage: string) => agents.tasks.findLast((task) => task.stage === stage)?.inputs ?? [],
    from: (stage: string) =>
      agents.tasks.findLast((task) => task.stage === stage)?.inputs.map((input) => input.stage) ?? [],
  };
}

const scout = { agent: "scout", makes: "Report" };

describe("a stage that mediates", () => {
  const stages = {
    scout,
    short: { agent: "summarizer", needs: ["scout"], mediates: "scout", makes: "Report" },
    plan: { agent: "planner", needs: ["short"], makes: "Plan" },
    check: { agent: "scout", needs: ["plan", "scout"], makes: "Report" },
    last: { agent: "scout", needs: ["check"], makes: "Report" },
  };

  test("stands in the other's place for all behind it, but for who names the other", async () => {
    const { from, given, state, events } = await run(
      stages,
      new ScriptedAgents({ scout: [report("long")], short: [report("brief")] }),
    );
    expect(state.finished).toMatchObject({ outcome: "succeeded" });
    expect(given("short")).toEqual([{ stage: "scout", artifact: report("long") }]);
    expect(given("plan")).toEqual([{ stage: "short", artifact: report("brief") }]);
    expect(from("check")).toEqual(["scout", "short", "plan"]);
    expect(from("last")).toEqual(["short", "plan", "check"]);
    expect(firstDifference(events)).toBeUndefined();
  });

  test("gives nothing in the other's place when it was passed over: the other is handed on then", async () => {
    const failing = new ScriptedAgents({ short: [{ code: "turn-limit", message: "no" }] });
    const { from } = await run({ ...stages, short: { ...stages.short, on_failure: "continue" } }, failing);
    expect(from("plan")).toEqual(["scout"]);
  });
});

test("a stage that picks hands on the parts, once, as an artifact of the log, and no agent works it", async () => {
  const { given, events, from } = await run({
    plan: { agent: "planner", makes: "Plan" },
    outline: { needs: ["plan"], pick: ["plan.tasks.title", "plan.questions"] },
    answer: { agent: "scout", needs: ["outline"], makes: "Report" },
    whole: { agent: "scout", needs: ["outline", "plan"], makes: "Report" },
  });
  const excerpt = {
    of: "plan",
    parts: [
      { path: "plan.tasks.title", value: samplePlan.tasks.map(({ title }) => title) },
      { path: "plan.questions", value: samplePlan.questions },
    ],
  };
  expect(events.flatMap(({ event }) => (event.type === "artifact.picked" ? [event.excerpt] : []))).toEqual([excerpt]);
  expect(given("answer")).toEqual([{ stage: "outline", artifact: { name: "Excerpt", value: excerpt } }]);
  expect(from("whole")).toEqual(["plan", "outline"]);
  expect(firstDifference(events)).toBeUndefined();
  // What would have been picked otherwise is a difference.
  const bent = events.map((recorded) =>
    recorded.event.type === "artifact.picked"
      ? { ...recorded, event: { ...recorded.event, excerpt: { ...excerpt, parts: excerpt.parts.slice(1) } } }
      : recorded,
  );
  expect(firstDifference(bent)?.expected).toContain("pick outline");
});

describe("a stage that reads a kind of artifact", () => {
  const stages = {
    one: scout,
    other: { agent: "planner", makes: "Plan" },
    gate: { agent: "scout", makes: "Report" },
    answer: { agent: "scout", needs: ["gate"], reads: ["Report"], makes: "Report" },
    later: { agent: "scout", needs: ["answer"], makes: "Report" },
  };

  test("gets each that was handed in when it began, and nothing of another kind", async () => {
    const { from, state } = await run(stages);
    expect(state.finished).toMatchObject({ outcome: "succeeded" });
    expect(from("answer").toSorted()).toEqual(["gate", "one"]);
    expect(from("later")).toEqual(["gate", "answer"]);
  });

  test("does not get what comes later, though it is there when the work is taken up again", async () => {
    const { events } = await run(stages);
    const began = events.findIndex(({ event }) => event.type === "stage.started" && event.stage === "answer");
    const late = events.flatMap(({ event }) =>
      event.type === "agent.finished" && event.stage === "one" ? [event] : [],
    );
    const without = events
      .slice(0, began + 1)
      .filter(({ event }) => event.type !== "agent.finished" || event.stage !== "one");
    const state = fold(
      [...without.map(({ event }) => event), ...late].map((event, index) => ({ version: index + 1, at: 1, event })),
    );
    expect(state.stages.get("one")?.current?.artifact).toBeDefined();
    expect(state.stages.get("answer")?.current?.told.map(({ stage }) => stage)).toEqual(["gate"]);
    expect(
      fold(events)
        .stages.get("answer")
        ?.current?.told.map(({ stage }) => stage),
    ).toEqual(["one", "gate"]);
  });

  test("gets the tasks of a fan-out too", async () => {
    const { from } = await run({
      look: { agent: "scout", for_each: ["a", "b"], makes: "Report" },
      gate: { agent: "planner", needs: ["look"], makes: "Plan" },
      hidden: { needs: ["look"], pick: "look.results.summary" },
      answer: { agent: "scout", needs: ["hidden", "gate"], reads: ["Report"], makes: "Report" },
    });
    expect(from("answer")).toEqual(["gate", "hidden", "look:a", "look:b"]);
  });
});
