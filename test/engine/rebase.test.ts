// A run whose base moved on: what its stages handed in is brought to the present base by git, what git cannot merge their agents mend, and
// gates judge all of it anew. Driven whole, over a log in memory.
import { describe, expect, test } from "vitest";
import type { Sha } from "#src/core/ids.ts";
import { firstDifference } from "#src/engine/agree.ts";
import { startCommit } from "#src/engine/commits.ts";
import { drive } from "#src/engine/drive.ts";
import type { Engine } from "#src/engine/engine.ts";
import type { EventOf, RunEvent } from "#src/engine/events.ts";
import { fold } from "#src/engine/fold.ts";
import { baseToMerge } from "#src/engine/pull-state.ts";
import type { State } from "#src/engine/state.ts";
import { Workflow } from "#src/workflows/schema.ts";
import {
  commit,
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
const moved = commitNamed("main, further");
/** What `ScriptedMerges` makes of two commits. */
const mixed = (into: Sha, theirs: Sha) => commitNamed(`${into} ${theirs}`);
/** What the bug run leaves: its reproduction, and its fix. */
const [tests, fix] = [commit(1), commit(5)];

const asked = (change: Partial<EventOf<"revision.requested">> = {}): EventOf<"revision.requested"> => ({
  type: "revision.requested",
  by,
  quote: "main moved on",
  stage: "fix",
  words: "",
  threads: [],
  base: { commit: moved, how: "conflicts" },
  ...change,
});

/** A bug run that has opened its pull request, and what comes of more; agents and gates are counted from there on. */
async function opened(
  parts: { agents?: ScriptedAgents; gates?: ScriptedGates; merges?: ScriptedMerges; engine?: Partial<Engine> } = {},
) {
  const log = memoryLog();
  const first = created(parts.engine ? { workflow: "feature" } : {});
  await log.create(first);
  const { agents = new ScriptedAgents(), gates = new ScriptedGates(), merges = new ScriptedMerges() } = parts;
  const publisher = new CountingPublisher();
  const engine = engineWith(log, { agents, gates, merges, publisher, ...parts.engine });
  const now = async () => fold(await log.read(first.runId));
  const go = async (...events: RunEvent[]): Promise<State> => {
    const { version } = await now();
    await log.append(first.runId, version, events);
    await drive(first.runId, engine, never);
    return await now();
  };
  await go();
  const worked = () => agents.tasks.splice(0).map(({ stage, start }) => [stage, start]);
  const judged = () => gates.requests.splice(0).map(({ gate: name, base: on, head }) => [name, on, head]);
  const agrees = async () => firstDifference(await log.read(first.runId));
  const events = () => log.read(first.runId);
  return { go, now, events, agents, gates, merges, publisher, worked, judged, agrees };
}

describe("a base that moved on", () => {
  test("without conflicts costs no agent's turn: git brings tests and change there, and each gate judges them anew", async () => {
    const { go, now, worked, judged, gates, merges, publisher, agrees } = await opened();
    const before = await now();
    worked();
    judged();
    const state = await go(asked());
    expect(state.finished).toMatchObject({ outcome: "succeeded" });
    expect(worked()).toEqual([]);
    expect(state.spend).toEqual(before.spend);
    const onBase = mixed(moved, tests);
    const head = mixed(onBase, fix);
    expect(merges.asked).toEqual([
      { into: moved, theirs: tests },
      { into: onBase, theirs: fix },
    ]);
    expect(gates.requests.map(({ reproduction }) => reproduction?.commit)).toEqual(Array(5).fill(onBase));
    expect(judged()).toEqual([
      ["red", moved, onBase],
      ...["scope", "integrity", "green", "baseline"].map((name) => [name, moved, head]),
    ]);
    expect(publisher.opened).toBe(2);
    expect(startCommit(state, "publish")).toBe(head);
    expect(state.stages.get("review")?.current).toMatchObject({ carried: true, commit: head });
    expect(state.base).toEqual({
      branch: "main",
      commit: moved,
      rounds: 1,
      moved: { how: "conflicts", by, paths: [] },
    });
    // The same words twice are one change.
    expect(state.shown).toHaveLength(1);
    expect(await agrees()).toBeUndefined();
  });

  test("is merged into the branch by what is published then, and by nothing later", async () => {
    const { go, now, publisher } = await opened();
    expect(baseToMerge(await now())).toBeUndefined();
    const shown: (Sha | undefined)[] = [];
    const open = publisher.openPullRequest.bind(publisher);
    publisher.openPullRequest = (state) => {
      shown.push(baseToMerge(state));
      return open(state);
    };
    const state = await go(asked());
    expect(shown).toEqual([moved]);
    expect(baseToMerge(state)).toBeUndefined();
    const revised = await go(asked({ base: undefined, words: "Shorter." }));
    expect(revised.base.commit).toBe(moved);
    expect(startCommit(revised, "publish")).toBe(revised.stages.get("fix")?.current?.commit);
  });

  test("is gone on from by what people want later: the change is in there", async () => {
    const { go, worked } = await opened();
    await go(asked());
    worked();
    await go(asked({ base: undefined, words: "Shorter." }));
    expect(worked()[0]).toEqual(["fix", mixed(mixed(moved, tests), fix)]);
  });

  test("in conflict is mended by the agent whose work it is, seen to hold no marker, and reviewed anew", async () => {
    const { go, worked, judged, agents, gates, agrees } = await opened({ merges: new ScriptedMerges([fix]) });
    worked();
    judged();
    const tasks = agents.tasks;
    const state = await go(asked());
    const marked = mixed(mixed(moved, tests), fix);
    expect(state.finished).toMatchObject({ outcome: "succeeded" });
    expect(tasks[0]).toMatchObject({ stage: "fix", revises: "base", base: moved });
    expect(tasks[0]?.reasons).toEqual([expect.stringMatching(/^main is at [0-9a-f]{12} now.*: src\/both\.js$/)]);
    expect(gates.requests.find(({ gate: name }) => name === "resolved")).toMatchObject({
      conflict: { marked, paths: ["src/both.js"] },
      base: moved,
    });
    expect(judged().map(([name]) => name)).toEqual(["red", "resolved", "scope", "integrity", "green", "baseline"]);
    expect(worked()).toEqual([
      ["fix", marked],
      ["review", state.stages.get("fix")?.current?.commit],
    ]);
    expect(state.base.moved?.paths).toEqual(["src/both.js"]);
    expect(await agrees()).toBeUndefined();
  });

  test("in conflict that no agent mends ends with a question, and nothing is published or kept", async () => {
    const no = gate("resolved", false, "unresolved");
    const { go, worked, publisher } = await opened({
      merges: new ScriptedMerges([fix]),
      gates: new ScriptedGates({ resolved: [no, no, no] }),
    });
    worked();
    const state = await go(asked());
    expect(state.finished).toMatchObject({ outcome: "needs-a-decision", code: "unresolved" });
    expect(worked().map(([stage]) => stage)).toEqual(["fix", "fix"]);
    expect(publisher.opened).toBe(1);
    expect(publisher.kept).toEqual([]);
    expect(baseToMerge(state)).toBe(moved);
  });

  test("that conflicts with the tests has those made good first, and then the change stands on them", async () => {
    const { go, worked, merges } = await opened({ merges: new ScriptedMerges([tests]) });
    worked();
    const state = await go(asked());
    expect(state.finished).toMatchObject({ outcome: "succeeded" });
    const mended = state.stages.get("reproduce")?.current?.commit;
    expect(worked().map(([stage]) => stage)).toEqual(["reproduce", "review"]);
    expect(merges.asked).toEqual([
      { into: moved, theirs: tests },
      { into: mended, theirs: fix },
    ]);
  });

  test("on which a gate says no is work for the agent that the gate sends back to", async () => {
    const { go, worked } = await opened({
      gates: new ScriptedGates({ baseline: [undefined, gate("baseline", false, "worse")] }),
    });
    worked();
    const state = await go(asked());
    expect(state.finished).toMatchObject({ outcome: "succeeded" });
    expect(worked()).toEqual([
      ["fix", mixed(mixed(moved, tests), fix)],
      ["review", state.stages.get("fix")?.current?.commit],
    ]);
  });

  test("which already holds the defect's end is no ground for the pull request any more", async () => {
    const passes = gate("red", false, "passes-on-base");
    const { go, publisher } = await opened({
      gates: new ScriptedGates({ red: [undefined, passes, passes, passes, passes] }),
    });
    const state = await go(asked());
    expect(state.finished).toMatchObject({ outcome: "could-not-reproduce" });
    expect(publisher.opened).toBe(1);
  });
});

describe("a base that people merged themselves", () => {
  const onto = commitNamed("what people pushed");

  test("is what the work is judged against, from their commit on", async () => {
    const { go, worked, merges, judged } = await opened();
    worked();
    judged();
    const state = await go(asked({ words: "Shorter.", onto, base: { commit: moved, how: "held" } }));
    expect(state.finished).toMatchObject({ outcome: "succeeded" });
    expect(merges.asked).toEqual([{ into: moved, theirs: tests }]);
    const changed = state.stages.get("fix")?.current?.commit;
    expect(worked()).toEqual([
      ["fix", onto],
      ["review", changed],
    ]);
    expect(judged().every(([, on]) => on === moved)).toBe(true);
    expect(state.branch).toMatchObject({ ground: commit(9), base: moved });
    expect(state.base.rounds).toBe(0);
  });

  test("moves on later, and theirs is merged with that, too", async () => {
    const { go, merges } = await opened();
    const first = await go(asked({ words: "Shorter.", onto, base: { commit: moved, how: "held" } }));
    const later = commitNamed("main, further still");
    merges.asked.splice(0);
    const state = await go(asked({ onto, base: { commit: later, how: "conflicts" } }));
    const last = first.stages.get("fix")?.current?.commit;
    expect(merges.asked.at(-1)).toEqual({ into: later, theirs: last });
    const again = commitNamed("main, for the third time");
    const third = await go(asked({ onto, base: { commit: again, how: "conflicts" } }));
    const brought = state.stages.get("fix")?.current?.commit;
    expect(merges.asked.at(-1)).toEqual({ into: again, theirs: brought });
    // Begun anew, it begins from there: nothing of theirs is left out, nor of the base.
    const retried = await go({ type: "retry.requested", by, quote: "/agent retry fix", stage: "fix" });
    expect(retried.stages.get("fix")?.current?.origin).toBe(third.stages.get("fix")?.current?.commit);
  });
});

test("what people pushed is brought along although nothing was finished on it", async () => {
  const onto = commitNamed("what people pushed");
  const failed = Array.from({ length: 3 }, () => ({ code: "turn-limit" as const, message: "…" }));
  const { go, agents, merges } = await opened();
  agents.answers["fix"] = [...failed, ...failed];
  const left = await go(asked({ words: "Shorter.", onto, base: undefined }));
  expect(left.finished).toMatchObject({ outcome: "failed" });
  merges.asked.splice(0);
  const state = await go(asked({ onto, base: { commit: moved, how: "asked" } }));
  expect(state.finished).toMatchObject({ outcome: "succeeded" });
  expect(merges.asked.at(-1)).toEqual({ into: moved, theirs: onto });
});

test("a rebase goes on from wherever its process died", async () => {
  const whole = await opened({ merges: new ScriptedMerges([fix]) });
  const before = (await whole.now()).version;
  await whole.go(asked());
  const events = await whole.events();
  for (let length = before + 1; length < events.length; length += 1) {
    const log = memoryLog();
    const [first, ...rest] = events.slice(0, length).map(({ event }) => event);
    if (first?.type !== "run.created") throw new Error("it begins with its creation");
    await log.create(first);
    await log.append(first.runId, 1, rest);
    const publisher = new CountingPublisher();
    await drive(first.runId, engineWith(log, { publisher, merges: new ScriptedMerges([fix]) }), never);
    const state = fold(await log.read(first.runId));
    expect([length, state.finished?.outcome, baseToMerge(state)]).toEqual([length, "succeeded", undefined]);
    expect(firstDifference(await log.read(first.runId))).toBeUndefined();
  }
});

describe("what was not brought to its end", () => {
  test("is brought there when people want more, and then that is done on top", async () => {
    const { go, worked, agents } = await opened({ merges: new ScriptedMerges([tests]) });
    agents.answers["reproduce"] = Array.from({ length: 2 }, () => ({ code: "budget" as const, message: "spent" }));
    const left = await go(asked());
    expect(left.finished).toMatchObject({ outcome: "out-of-budget" });
    expect(baseToMerge(left)).toBe(moved);
    worked();
    agents.answers["reproduce"] = [];
    const state = await go(asked({ words: "Shorter.", base: { commit: moved, how: "asked" } }));
    expect(state.finished).toMatchObject({ outcome: "succeeded" });
    const mended = state.stages.get("reproduce")?.current?.commit;
    expect(worked()).toEqual([
      ["reproduce", mixed(moved, tests)],
      ["fix", mended && mixed(mended, fix)],
      ["review", state.stages.get("fix")?.current?.commit],
    ]);
  });

  test("is brought to a later base from what was good, not from what was in conflict", async () => {
    const no = gate("resolved", false, "unresolved");
    const { go, merges } = await opened({
      merges: new ScriptedMerges([fix]),
      gates: new ScriptedGates({ resolved: [no, no] }),
    });
    await go(asked());
    merges.asked.splice(0);
    const later = commitNamed("main, further still");
    const state = await go(asked({ base: { commit: later, how: "asked" } }));
    expect(state.finished).toMatchObject({ outcome: "succeeded" });
    expect(merges.asked.at(-1)?.theirs).toBe(fix);
  });
});

test("a fan-out, its plan and its approval stand as they were; what was made of it is brought over, behind the tests it stands on", async () => {
  const approve: RunEvent = {
    type: "plan.judged",
    by,
    quote: "/agent approve",
    stage: "approve",
    verdict: "approved",
    words: "",
  };
  const plan = { name: "Plan" as const, value: samplePlan };
  const pins = {
    name: "Characterization" as const,
    value: { testFiles: ["test/pins.test.js"], command: "npm test", covers: "all of it", notes: "none" },
  };
  const { stages } = featureWorkflow;
  const workflow = Workflow.parse({
    ...featureWorkflow,
    stages: {
      pin: { agent: "characterizer", makes: "Characterization", gates: ["pinned"] },
      ...stages,
      scout: { ...stages["scout"], needs: ["pin"] },
    },
  });
  const { go, worked, merges } = await opened({
    agents: new ScriptedAgents({ plan: [plan], pin: [pins] }),
    engine: { workflows: { names: () => ["feature"], load: () => Promise.resolve(workflow) } },
  });
  const first = await go(approve);
  expect(first.finished).toMatchObject({ outcome: "succeeded" });
  const made = first.stages.get("finish")?.current?.commit;
  worked();
  merges.asked.splice(0);
  const state = await go(asked({ stage: "finish" }));
  expect(state.finished).toMatchObject({ outcome: "succeeded" });
  expect(worked()).toEqual([]);
  // Approval was given before, and does not let what is behind it go first.
  expect(merges.asked).toEqual([
    { into: moved, theirs: tests },
    { into: mixed(moved, tests), theirs: made },
  ]);
  expect(state.stages.get("approve")?.attempts).toHaveLength(1);
});
