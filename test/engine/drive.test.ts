// The engine driven whole, over a log in memory: every ending, every cap, and a run resumed from every prefix of its log.
import { describe, expect, test, vi } from "vitest";
import { BatonError } from "#src/core/errors.ts";
import { dollars } from "#src/core/ids.ts";
import { firstDifference } from "#src/engine/agree.ts";
import { openAsks } from "#src/engine/asks.ts";
import { drive } from "#src/engine/drive.ts";
import type { Engine } from "#src/engine/engine.ts";
import type { EventOf, RecordedEvent, RunEvent } from "#src/engine/events.ts";
import type { AgentEvents, AgentResult, AgentTask, EventLog } from "#src/engine/ports.ts";
import { budgetOf } from "#src/engine/route.ts";
import { fold } from "#src/engine/fold.ts";
import type { State } from "#src/engine/state.ts";
import type { Artifact } from "#src/workflows/artifacts.ts";
import { defaultRepoConfig } from "#src/workflows/repo-config.ts";
import { Workflow } from "#src/workflows/schema.ts";
import {
  artifactFor,
  bugWorkflow,
  commit,
  commitNamed,
  CountingPublisher,
  created,
  engineWith,
  FixedTriager,
  gate,
  goodTriage,
  HandClock,
  memoryLog,
  ScriptedAgents,
  ScriptedGates,
  turn,
  noFiles,
} from "#test/support/engine-world.ts";

const never = new AbortController().signal;
const memory = memoryLog;

async function play(
  parts: Partial<Engine> = {},
  event: Partial<EventOf<"run.created">> = {},
): Promise<{ state: State; log: EventLog; engine: Engine; types: string[] }> {
  const log = memory();
  const first = created(event);
  await log.create(first);
  const engine = engineWith(log, parts);
  expect(await drive(first.runId, engine, never)).toBe("ended");
  const events = await log.read(first.runId);
  return { state: fold(events), log, engine, types: events.map(({ event: { type } }) => type) };
}

const ending = (state: State) => `${state.finished?.outcome}: ${state.finished?.code}`;

describe("a bug run", () => {
  test("goes through every stage once and ends in a pull request", async () => {
    const agents = new ScriptedAgents();
    const { state } = await play({ agents });
    expect(ending(state)).toBe("succeeded: verified");
    expect(agents.tasks.map(({ stage, start }) => [stage, start])).toEqual([
      ["reproduce", commit(0)],
      ["diagnose", commit(1)],
      ["fix", commit(1)],
      ["review", commit(5)],
    ]);
    expect(state.pullRequest?.number).toBe(13);
  });

  test("gives each agent what came before it, and no more", async () => {
    const agents = new ScriptedAgents();
    await play({ agents });
    expect(agents.tasks.map(({ inputs }) => inputs.map(({ stage }) => stage))).toEqual([
      [],
      ["reproduce"],
      ["reproduce", "diagnose"],
      ["reproduce", "diagnose", "fix"],
    ]);
  });

  test("judges the reproduction on its own commit and the fix on its own", async () => {
    const gates = new ScriptedGates();
    await play({ gates });
    expect(gates.requests.map(({ gate: name, head }) => [name, head])).toEqual([
      ["red", commit(1)],
      ["scope", commit(5)],
      ["integrity", commit(5)],
      ["green", commit(5)],
      ["baseline", commit(5)],
    ]);
  });

  test("hands every gate the tests that pin the behaviour, with the commit that holds them", async () => {
    const value = { testFiles: ["test/pins.test.js"], command: "npm test", covers: "split", notes: "none" };
    const no = { ending: "failed" as const };
    const refactor = Workflow.parse({
      name: "refactor",
      description: "Pin, change and verify",
      budget: { run: 5, time: "45m" },
      stages: {
        pin: { agent: "a", makes: "Characterization", gates: ["pinned"], otherwise: { again: 1, ...no } },
        fix: { agent: "fixer", needs: ["pin"], makes: "Change" },
        verify: {
          needs: ["fix"],
          gates: ["scope", "integrity", "kept", "surface"],
          otherwise: { back_to: "fix", max: 1, ...no },
        },
        publish: { needs: ["verify"], pull_request: "draft" },
      },
    });
    const workflows = { load: () => Promise.resolve(refactor), names: () => ["refactor"] };
    const agents = new ScriptedAgents({ pin: [{ name: "Characterization", value }] });
    const gates = new ScriptedGates({ kept: [gate("kept", false, "behaviour-changed")] });
    const { state } = await play({ agents, gates, workflows }, { workflow: "refactor" });
    expect(ending(state)).toBe("succeeded: verified");
    expect(gates.requests.map(({ gate: name, head }) => [name, head])).toEqual([
      ["pinned", commit(1)],
      ["scope", commit(5)],
      ["integrity", commit(5)],
      ["kept", commit(5)],
      ["scope", commit(6)],
      ["integrity", commit(6)],
      ["kept", commit(6)],
      ["surface", commit(6)],
    ]);
    for (const { characterization, reproduction } of gates.requests) {
      expect(characterization).toEqual({ value, commit: commit(1) });
      expect(reproduction).toBeUndefined();
    }
    expect(agents.tasks.at(-1)?.reasons.join()).toContain("kept");
  });

  test("every agent is told the tier that was asked for", async () => {
    const agents = new ScriptedAgents();
    await play({ agents }, { tier: "deep" });
    expect([...new Set(agents.tasks.map(({ atLeast }) => atLeast))]).toEqual(["deep"]);
  });

  test("a dry run verifies and opens nothing", async () => {
    const publisher = new CountingPublisher();
    const change = { kind: "modified", mode: "100644", added: 3, removed: 1, binary: false } as const;
    const asked: unknown[] = [];
    const files: Engine["files"] = {
      ...noFiles,
      changes: (_, from, to) => {
        asked.push([from, to]);
        return Promise.resolve([
          { ...change, path: "src/split.js" },
          { ...change, path: "logo.png", binary: true, added: 0, removed: 0 },
        ]);
      },
    };
    const { state, log } = await play({ publisher, files }, { dryRun: true });
    expect(firstDifference(await log.read(state.runId))).toBeUndefined();
    expect(ending(state)).toBe("succeeded: dry-run");
    expect(publisher.opened).toBe(0);
    expect(asked).toEqual([[state.created.base.commit, commit(5)]]);
    expect(state.finished?.message).toBe(
      "Verified; a dry run opens no pull request. It would have opened a draft onto main: 2 files changed, +3 −1: src/split.js (+3 −1), logo.png (binary).",
    );
    const nothing = await play({ publisher }, { dryRun: true });
    expect(nothing.state.finished?.message).toContain("Nothing differs from the base");
  });
});

test("what is no longer wanted is ended while it is under way: work beside a stage that sends back what both come from", async () => {
  const workflow = Workflow.parse({
    name: "bug",
    description: "x",
    budget: { run: 5, time: "45m", turns: 100 },
    stages: {
      fix: { agent: "fixer", makes: "Change" },
      beside: { agent: "scout", needs: ["fix"], makes: "Report" },
      review: {
        agent: "reviewer",
        needs: ["fix"],
        makes: "Review",
        otherwise: { back_to: "fix", max: 2, ending: "needs-a-person" },
      },
    },
  });
  const no: Artifact = { name: "Review", value: { verdict: "changes", findings: [] } };
  const agents = new ScriptedAgents({ beside: ["hang"], review: [no] });
  const workflows = { load: () => Promise.resolve(workflow), names: () => ["bug"] };
  const { state, log } = await play({ agents, workflows });
  expect(ending(state)).toBe("succeeded: verified");
  expect(agents.tasks.map(({ stage, attempt }) => `${stage} ${attempt}`).toSorted()).toEqual(
    ["fix 1", "fix 2", "beside 1", "beside 2", "review 1", "review 2"].toSorted(),
  );
  const events = await log.read(state.runId);
  expect(events.filter(({ event }) => event.type === "agent.failed")).toEqual([]);
  expect(firstDifference(events)).toBeUndefined();
});

describe("what says no", () => {
  test("a reproduction that does not hold is tried again, then given up", async () => {
    const no = gate("red", false, "passes-on-base");
    const agents = new ScriptedAgents();
    const { state } = await play({ agents, gates: new ScriptedGates({ red: [no, no, no] }) });
    expect(ending(state)).toBe("could-not-reproduce: passes-on-base");
    expect(agents.tasks.map(({ stage }) => stage)).toEqual(["reproduce", "reproduce", "reproduce"]);
    expect(agents.tasks.map(({ reasons }) => reasons.length)).toEqual([0, 1, 1]);
    expect(agents.tasks.map(({ start }) => start)).toEqual([commit(0), commit(0), commit(0)]);
  });

  test.each([
    ["red", 5, [false, false, true]],
    ["green", 5, [false, false, true]],
    ["green", 1, [false, true]],
  ] as const)(
    "%s is told which try is the last, with %i rounds at most: no other comes behind it",
    async (name, rounds, last) => {
      const no = gate(name, false);
      const gates = new ScriptedGates({ [name]: Array.from({ length: 10 }, () => no) });
      const config = { ...defaultRepoConfig, limits: { ...defaultRepoConfig.limits, rounds } };
      const { state } = await play({ gates }, { config });
      expect(state.finished?.code).toBe("no");
      expect(gates.requests.filter(({ gate: asked }) => asked === name).map((request) => request.last)).toEqual(last);
    },
  );

  test("an honest could-not-reproduce ends at once, without a gate", async () => {
    const gates = new ScriptedGates();
    const honest = {
      name: "Reproduction",
      value: { reproduced: false, testFiles: [], command: "", expectedFailure: "", notes: "All is well here." },
    } as const;
    const { state } = await play({
      gates,
      agents: new ScriptedAgents({ reproduce: [{ name: honest.name, value: { ...honest.value, testFiles: [] } }] }),
    });
    expect(ending(state)).toBe("could-not-reproduce: not-reproduced");
    expect(state.finished?.message).toBe("All is well here.");
    expect(gates.requests).toEqual([]);
  });

  test.each([
    ["cites what stands there", "not-a-bug", "could-not-reproduce: not-a-bug", "Rounded down on purpose."],
    ["cites nothing that stands there", "not-reproduced", "could-not-reproduce: not-reproduced", "All is well."],
    ["could not be looked into", "gate-failed", "could-not-reproduce: not-reproduced", "All is well."],
  ])("a claim that it is no bug which %s", async (_, code, expected, message) => {
    const gates = new ScriptedGates({ red: [gate("red", false, code)] });
    const where = [{ path: "README.md", line: 3, quote: "rounded down" }];
    const value = { reproduced: false, testFiles: [], command: "", expectedFailure: "", notes: "All is well." };
    const claim: Artifact = {
      name: "Reproduction",
      value: { ...value, notABug: { why: "Rounded down on purpose.", where } },
    };
    const agents = new ScriptedAgents({ reproduce: [claim] });
    const { state, log } = await play({ gates, agents });
    expect(ending(state)).toBe(expected);
    expect(state.finished?.message).toBe(message);
    expect(gates.requests.map((request) => request.reproduction?.value.notABug?.where)).toEqual([where]);
    expect(agents.tasks).toHaveLength(1);
    expect(firstDifference(await log.read(state.runId))).toBeUndefined();
  });

  test("a gate sends the fix back with its reasons, on top of the earlier fix", async () => {
    const agents = new ScriptedAgents();
    const { state } = await play({
      agents,
      gates: new ScriptedGates({ green: [gate("green", false, "still-failing")] }),
    });
    expect(ending(state)).toBe("succeeded: verified");
    const fixes = agents.tasks.filter(({ stage }) => stage === "fix");
    expect(fixes.map(({ start, reasons }) => [start, reasons])).toEqual([
      [commit(1), []],
      [commit(5), ["green: green is still-failing"]],
    ]);
  });

  test("a gate that keeps saying no hands the run to a person, after as many rounds as the workflow allows", async () => {
    const no = gate("baseline", false, "breaks-tests");
    const agents = new ScriptedAgents();
    const publisher = new CountingPublisher();
    const { state } = await play({ agents, publisher, gates: new ScriptedGates({ baseline: [no, no, no, no, no] }) });
    expect(ending(state)).toBe("needs-a-decision: breaks-tests");
    expect(agents.tasks.filter(({ stage }) => stage === "fix")).toHaveLength(3);
    expect(publisher.opened).toBe(0);
  });

  test("the repository may allow fewer rounds than the workflow", async () => {
    const no = gate("green", false);
    const agents = new ScriptedAgents();
    const config = { ...created().config, limits: { ...created().config.limits, rounds: 0 } };
    await play({ agents, gates: new ScriptedGates({ green: [no, no] }) }, { config });
    expect(agents.tasks.filter(({ stage }) => stage === "fix")).toHaveLength(1);
  });

  test("gates stop at the first no", async () => {
    const no = gate("scope", false, "protected-path");
    const gates = new ScriptedGates({ scope: [no, no, no, no, no, no, no] });
    await play({ gates });
    expect(new Set(gates.requests.map(({ gate: name }) => name))).toEqual(new Set(["red", "scope"]));
  });

  test("a reviewer's findings send the fix back; everything behind it is verified anew", async () => {
    const changes = {
      name: "Review",
      value: {
        verdict: "changes",
        findings: [{ severity: "major", path: "src/split.js", line: 4, message: "loses the sign" }],
      },
    } as const;
    const gates = new ScriptedGates();
    const agents = new ScriptedAgents({
      review: [{ name: "Review", value: { verdict: "changes", findings: [...changes.value.findings] } }],
    });
    const { state } = await play({ gates, agents });
    expect(ending(state)).toBe("succeeded: verified");
    expect(gates.requests.filter(({ gate: name }) => name === "green").map(({ head }) => head)).toEqual([
      commit(5),
      commit(6),
    ]);
    expect(agents.tasks.filter(({ stage }) => stage === "fix")[1]?.reasons).toEqual([
      "review (major) src/split.js:4: loses the sign",
    ]);
  });

  test.each([
    [{ code: "invalid-output", message: "three times" } as const, "failed: invalid-output"],
    [{ code: "turn-limit", message: "40 turns" } as const, "failed: turn-limit"],
    [{ code: "budget", message: "spent" } as const, "out-of-budget: budget"],
    [{ code: "time-limit", message: "15 min" } as const, "timed-out: time-limit"],
  ])("an agent's failure ends the run by its name: %o", async (failure, expected) => {
    const { state } = await play({ agents: new ScriptedAgents({ fix: [failure] }) });
    expect(ending(state)).toBe(expected);
  });

  test("an agent whose own turn spends the last of it ends by itself: what its driver records is no news to the driver", async () => {
    /** Takes a while to see that the money is spent. */
    class Slow extends ScriptedAgents {
      override async run(task: AgentTask, events: AgentEvents, signal: AbortSignal): Promise<AgentResult> {
        await events.turn(turn(1, dollars(9)));
        for (let patience = 0; patience < 50 && !signal.aborted; patience += 1)
          await new Promise((resolve) => setImmediate(resolve));
        const code = signal.aborted ? "cancelled" : "budget";
        return { type: "failed", failure: { code, message: `${task.stage} has spent it` } };
      }
    }
    const { state } = await play({ agents: new Slow() });
    expect(ending(state)).toBe("out-of-budget: budget");
  });

  test("a budget too small stops before the next agent, and says the amounts", async () => {
    const { state } = await play({}, { ceilings: { dollars: 0.03 } });
    expect(ending(state)).toBe("out-of-budget: budget-dollars");
    expect(state.finished?.message).toContain("of $0.03");
    expect(state.spend.microDollars).toBe(dollars(0.04));
  });

  test("a ceiling of turns stops the run", async () => {
    const { state } = await play({}, { ceilings: { turns: 3 } });
    expect(ending(state)).toBe("out-of-budget: budget-turns");
  });

  test("a ceiling of minutes stops the run", async () => {
    const clock = new HandClock();
    const log = memory(clock);
    const first = created({ ceilings: { minutes: 1 } });
    await log.create(first);
    class SlowGates extends ScriptedGates {
      override check(...request: Parameters<ScriptedGates["check"]>) {
        clock.forward(61_000);
        return super.check(...request);
      }
    }
    await drive(first.runId, engineWith(log, { clock, gates: new SlowGates() }), never);
    expect(ending(fold(await log.read(first.runId)))).toBe("timed-out: budget-time");
  });

  test("a publisher that refuses ends the run in words", async () => {
    const publisher = new CountingPublisher();
    publisher.refusal = { code: "issue-closed", message: "The issue is closed." };
    const { state } = await play({ publisher });
    expect(ending(state)).toBe("cancelled: issue-closed");
  });

  test("broken infrastructure is tried again when it may pass, and named when it does not", async () => {
    const flaky = new ScriptedAgents({
      diagnose: [new BatonError("git-failed", "the mirror is away", { retryable: false })],
    });
    const { state } = await play({ agents: flaky });
    expect(ending(state)).toBe("failed: git-failed");
    expect(state.finished?.message).toContain("the mirror is away");
  });
});

describe("the ceilings of a run", () => {
  const asked = (dollars: number | undefined, allowed: number | undefined) =>
    budgetOf(
      created({
        ceilings: dollars === undefined ? {} : { dollars },
        config: { ...created().config, budget: allowed === undefined ? {} : { run: allowed } },
      }),
      bugWorkflow,
    ).microDollars / 1_000_000;

  test.each([
    ["the workflow's when nobody says otherwise", undefined, undefined, 5],
    ["the command's, above or below the workflow's", 10, undefined, 10],
    ["the repository's, above or below the workflow's", undefined, 20, 20],
    ["never more than the repository allows", 10, 3, 3],
    ["less when the command says so", 1, 3, 1],
  ] as const)("are %s", (_, command, config, expected) => {
    expect(asked(command, config)).toBe(expected);
  });
});

describe("routing", () => {
  test.each([
    ["says that there is no workflow for the type", { type: "invalid" as const }, {}, "needs-a-decision: asked"],
    ["stops after triage when only that was wanted", {}, { wanted: "triage" as const }, "triaged: triaged"],
    ["stops after triage when the type does not start by itself", {}, { wanted: "auto" as const }, "triaged: triaged"],
    ["asks for another name when the workflow does not exist", {}, { workflow: "bgu" }, "needs-a-decision: asked"],
  ])("%s", async (_, triage, event, expected) => {
    const agents = new ScriptedAgents();
    const { state } = await play({ agents, triager: new FixedTriager({ ...goodTriage, ...triage }) }, event);
    expect(ending(state)).toBe(expected);
    expect(agents.tasks).toEqual([]);
  });

  const repeats = { type: "duplicate" as const, duplicateOf: 41 };
  const routes = { ...defaultRepoConfig, routes: { duplicate: "bug" } };
  test.each([
    ["ends at once, and says of which issue", {}, {}, "triaged: duplicate"],
    ["before anything that is missing is asked for", { missing: ["Which version?"] }, {}, "triaged: duplicate"],
    ["also where only sorting was wanted", {}, { wanted: "triage" as const }, "triaged: duplicate"],
    ["also where work may start by itself", {}, { wanted: "auto" as const }, "triaged: duplicate"],
    ["is asked about when no issue is named", { duplicateOf: undefined }, {}, "needs-a-decision: asked"],
    ["is only sorted when triage is not sure", { confidence: 0.5 }, { wanted: "triage" as const }, "triaged: triaged"],
    ["is no end when another type names an issue", { type: "bug" as const }, {}, "succeeded: verified"],
    ["is worked where the repository has a workflow for duplicates", {}, { config: routes }, "succeeded: verified"],
    ["is worked where the workflow is asked for by name", {}, { workflow: "bug" }, "succeeded: verified"],
  ])("a duplicate %s", async (_, triage, event, expected) => {
    const triager = new FixedTriager({ ...goodTriage, ...repeats, ...triage });
    const agents = new ScriptedAgents();
    const { state, log } = await play({ agents, triager }, event);
    expect(ending(state)).toBe(expected);
    expect(firstDifference(await log.read(state.runId))).toBeUndefined();
    expect(agents.tasks.length > 0).toBe(expected === "succeeded: verified");
    const message = "Duplicate of #41: Splitting loses a cent";
    expect(state.finished?.message === message).toBe(expected === "triaged: duplicate");
  });

  test.each([
    ["is less sure than the threshold", { confidence: 0.4 }],
    ["is less sure that the issue repeats another", { ...repeats, confidence: 0.4 }],
    ["misses something", { missing: ["Which version?"] }],
  ])("a run whose triage %s asks, waits, and goes on with the answer", async (_, unclear) => {
    const log = memory();
    const first = created();
    await log.create(first);
    const triager = new FixedTriager({ ...goodTriage, ...unclear });
    const agents = new ScriptedAgents();
    const engine = engineWith(log, { triager, agents });
    const go = async () => {
      await drive(first.runId, engine, new AbortController().signal);
      return fold(await log.read(first.runId));
    };
    const waits = await go();
    expect(waits.waiting).toMatchObject({ reason: "answer" });
    const [ask] = openAsks(waits);
    expect(ask).toMatchObject({ stage: "triage", attempt: 1 });
    expect(ask?.asked.questions).toHaveLength(1);
    expect(agents.tasks).toEqual([]);
    // Nobody has answered: whoever looks again asks nothing anew, and pays for nothing.
    expect((await go()).version - waits.version).toBeLessThanOrEqual(1);
    expect(triager.calls).toBe(1);
    triager.value = goodTriage;
    const answer = { type: "answer.given", by: { login: "ott", id: 9 }, quote: "a comment", stage: "triage" } as const;
    const { version } = fold(await log.read(first.runId));
    await log.append(first.runId, version, [{ ...answer, words: "Version 2." }]);
    expect(ending(await go())).toBe("succeeded: verified");
    expect(triager.asked.at(-1)?.input.comments.at(-1)).toMatchObject({ author: { login: "ott" } });
    for (const { input } of agents.tasks) expect(input.comments.at(-1)?.body).toContain("Version 2.");
    expect(agents.tasks.length).toBeGreaterThan(0);
  });

  test("a run that is answered and still does not understand ends after `limits.rounds` rounds", async () => {
    const log = memory();
    const first = created();
    await log.create(first);
    const triager = new FixedTriager({ ...goodTriage, missing: ["Which version?"] });
    const engine = engineWith(log, { triager });
    const { rounds } = first.config.limits;
    for (let round = 1; round <= rounds; round += 1) {
      await drive(first.runId, engine, new AbortController().signal);
      const state = fold(await log.read(first.runId));
      expect(openAsks(state)).toMatchObject([{ stage: "triage", attempt: round }]);
      const by = { login: "ott", id: 9 };
      await log.append(first.runId, state.version, [
        { type: "answer.given", by, quote: "a comment", stage: "triage", words: "No idea." },
      ]);
    }
    await drive(first.runId, engine, new AbortController().signal);
    expect(ending(fold(await log.read(first.runId)))).toBe("needs-a-decision: asked");
    expect(triager.calls).toBe(rounds + 1);
  });

  test("what words alone suggest does not start by itself", async () => {
    const config = { ...created().config, triggers: { ...created().config.triggers, autoStart: ["bug" as const] } };
    class GuessingTriager extends FixedTriager {
      override async triage(asked: EventOf<"run.created">) {
        return { ...(await super.triage(asked)), source: "heuristic" as const };
      }
    }
    const { state } = await play({ triager: new GuessingTriager() }, { wanted: "auto", config });
    expect(ending(state)).toBe("triaged: triaged");
  });

  test("starts by itself for the types the repository lists", async () => {
    const config = { ...created().config, triggers: { ...created().config.triggers, autoStart: ["bug" as const] } };
    const { state } = await play({}, { wanted: "auto", config });
    expect(ending(state)).toBe("succeeded: verified");
  });

  test("a workflow asked for by name is not triaged and nothing is spent on it", async () => {
    const triager = new FixedTriager({ ...goodTriage, type: "feature", confidence: 0.1 });
    const { state } = await play({ triager }, { workflow: "bug" });
    expect(ending(state)).toBe("succeeded: verified");
    expect(triager.calls).toBe(0);
  });
});

describe("people's words during a run", () => {
  const by = { login: "maria", id: 7 };

  test.each([
    ["a stop", { type: "stop.requested", by, quote: "/agent stop" } as const, "cancelled: stopped"],
    ["a closed issue", { type: "subject.closed", by } as const, "cancelled: issue-closed"],
    [
      "a closed pull request",
      { type: "pull_request.closed", by, merged: false } as const,
      "cancelled: pull-request-closed",
    ],
  ])("%s reaches the agent in the middle of its turn", async (_, words, expected) => {
    const log = memory();
    const first = created();
    await log.create(first);
    const agents = new ScriptedAgents({ fix: ["hang"] });
    agents.onHang = () => void say(log, first.runId, words);
    const engine = engineWith(log, { agents });
    expect(await drive(first.runId, engine, never)).toBe("ended");
    expect(ending(fold(await log.read(first.runId)))).toBe(expected);
  });

  test("a retry goes on at the stage that ended the run, with fresh counters, and pays nothing twice", async () => {
    const no = gate("green", false);
    const agents = new ScriptedAgents();
    const { state, log, engine } = await play({ agents, gates: new ScriptedGates({ green: [no, no, no] }) });
    expect(ending(state)).toBe("needs-a-decision: no");
    const before = agents.tasks.length;
    await say(log, state.runId, { type: "retry.requested", by, quote: "/agent retry fix", stage: "fix" });
    await drive(state.runId, engine, never);
    expect(ending(fold(await log.read(state.runId)))).toBe("succeeded: verified");
    expect(agents.tasks.slice(before).map(({ stage }) => stage)).toEqual(["fix", "review"]);
  });
});

async function say(log: EventLog, run: State["runId"], words: RunEvent): Promise<void> {
  const version = (await log.read(run)).length;
  await vi.waitFor(async () =>
    expect((await log.append(run, (await log.read(run)).length, [words])).type).toBe("appended"),
  );
  expect(version).toBeGreaterThan(0);
}

test("a stage that is tried again when what it stood on was done anew begins there, not at its own old work", async () => {
  const no = { ending: "needs-a-person" };
  const workflow = Workflow.parse({
    ...bugWorkflow,
    stages: {
      lay: { agent: "builder", makes: "Change" },
      build: { agent: "builder", makes: "Change", needs: ["lay"], retry: 1 },
      check: { needs: ["build"], gates: ["scope"], otherwise: { back_to: "build", max: 1, ...no } },
      verify: { needs: ["check"], gates: ["integrity"], otherwise: { back_to: "lay", max: 1, ...no } },
      publish: { needs: ["verify"], pull_request: "draft" },
    },
  });
  const agents = new ScriptedAgents({});
  agents.answers["build"] = [
    { name: "Change", value: { summary: "built", files: [], followUps: [] } },
    { code: "time-limit", message: "too slow" },
  ];
  const gates = new ScriptedGates({ integrity: [gate("integrity", false)] });
  const { state } = await play({
    agents,
    gates,
    workflows: { load: () => Promise.resolve(workflow), names: () => [workflow.name] },
  });
  expect(ending(state)).toBe("succeeded: verified");
  expect(agents.tasks.map(({ stage, attempt, start }) => [stage, attempt, start])).toEqual([
    ["lay", 1, commit(0)],
    ["build", 1, commitNamed("lay 1")],
    ["lay", 2, commitNamed("lay 1")],
    ["build", 2, commitNamed("lay 2")],
    ["build", 3, commitNamed("lay 2")],
  ]);
});

describe("what is done stays done", () => {
  const by = { login: "maria", id: 7 };

  test("a stop that comes while the pull request is opened finds it opened", async () => {
    const log = memory();
    const first = created();
    await log.create(first);
    class SlowPublisher extends CountingPublisher {
      override async openPullRequest(state: State) {
        await say(log, first.runId, { type: "stop.requested", by, quote: "/agent stop" });
        return await super.openPullRequest(state);
      }
    }
    await drive(first.runId, engineWith(log, { publisher: new SlowPublisher() }), never);
    const state = fold(await log.read(first.runId));
    expect(state.pullRequest?.number).toBe(13);
    expect(ending(state)).toBe("succeeded: verified");
  });

  test("a retry after a pull request publishes again, and is not done by the old one", async () => {
    const publisher = new CountingPublisher();
    const { state, log, engine } = await play({ publisher });
    await say(log, state.runId, { type: "retry.requested", by, quote: "/agent retry fix", stage: "fix" });
    await drive(state.runId, engine, never);
    expect(publisher.opened).toBe(2);
  });

  test("an event that does not fit its schema ends the run in words, once", async () => {
    const agents = new ScriptedAgents({ fix: [{ code: "turn-limit", message: "x".repeat(3_000) }] });
    const { state } = await play({ agents });
    expect(ending(state)).toBe("failed: invalid-event");
    expect(agents.tasks.filter(({ stage }) => stage === "fix")).toHaveLength(1);
  });

  test("a refusal with a hundred long notes is told in what an event holds", async () => {
    const long = { ...gate("green", false), notes: Array.from({ length: 50 }, () => "test ".repeat(180)) };
    const { state } = await play({ gates: new ScriptedGates({ green: [long] }) });
    expect(ending(state)).toBe("succeeded: verified");
  });

  test("a database that is away for a moment costs no session", async () => {
    const inner = memory();
    const first = created();
    await inner.create(first);
    let failures = 2;
    const log: EventLog = {
      create: (event) => inner.create(event),
      read: (run, after) => inner.read(run, after),
      at: (run, versions) => inner.at(run, versions),
      follow: (listener) => inner.follow(listener),
      unfinished: () => inner.unfinished(),
      list: (options) => inner.list(options),
      endedWithin: (milliseconds) => inner.endedWithin(milliseconds),
      runsOf: (repo, subject) => inner.runsOf(repo, subject),
      begunOn: (...asked) => inner.begunOn(...asked),
      eventsOf: (...asked) => inner.eventsOf(...asked),
      unfinishedOn: (ground) => inner.unfinishedOn(ground),
      append(run, expected, events) {
        if (events[0]?.type === "agent.turn" && failures > 0) {
          failures -= 1;
          return Promise.reject(new BatonError("database-failed", "connection reset", { retryable: true }));
        }
        return inner.append(run, expected, events);
      },
    };
    const agents = new ScriptedAgents();
    expect(await drive(first.runId, engineWith(log, { agents }), never)).toBe("ended");
    expect(agents.tasks.map(({ stage }) => stage)).toEqual(["reproduce", "diagnose", "fix", "review"]);
  });

  test("an append whose answer is lost is in the log once, and paid once", async () => {
    const inner = memory();
    const first = created();
    await inner.create(first);
    const lost = new Set<RunEvent["type"]>();
    const log: EventLog = {
      create: (event) => inner.create(event),
      read: (run, after) => inner.read(run, after),
      at: (run, versions) => inner.at(run, versions),
      follow: (listener) => inner.follow(listener),
      unfinished: () => inner.unfinished(),
      list: (options) => inner.list(options),
      endedWithin: (milliseconds) => inner.endedWithin(milliseconds),
      runsOf: (repo, subject) => inner.runsOf(repo, subject),
      begunOn: (...asked) => inner.begunOn(...asked),
      eventsOf: (...asked) => inner.eventsOf(...asked),
      unfinishedOn: (ground) => inner.unfinishedOn(ground),
      async append(run, expected, events) {
        const answer = await inner.append(run, expected, events);
        const [event] = events;
        if (answer.type === "conflict" || !event || lost.has(event.type)) return answer;
        lost.add(event.type);
        // Somebody speaks before the driver asks again.
        if (event.type === "agent.turn") {
          const word = { by: { login: "maria", id: 7 }, quote: "/agent budget $9" };
          await inner.append(run, answer.version, [{ type: "budget.changed", ...word, microDollars: dollars(9) }]);
        }
        throw new BatonError("database-failed", "connection reset", { retryable: true });
      },
    };
    expect(await drive(first.runId, engineWith(log, { agents: new ScriptedAgents() }), never)).toBe("ended");
    const types = (events: readonly RecordedEvent[]) =>
      events.map(({ event: { type } }) => type).filter((type) => type !== "budget.changed");
    const plain = await play();
    expect(types(await inner.read(first.runId))).toEqual(types(await plain.log.read(plain.state.runId)));
    expect([...lost]).toContain("run.finished");
  });
});

describe("a driver that is killed", () => {
  test("from every prefix of a run's log, resuming ends the same and asks no finished stage again", async () => {
    const script = () => ({
      gates: { red: [gate("red", false, "flaky")], green: [undefined, gate("green", false)] },
      review: [{ name: "Review" as const, value: { verdict: "changes" as const, findings: [] } }],
    });
    const whole = await play({
      agents: new ScriptedAgents({ review: script().review }),
      gates: new ScriptedGates(script().gates),
    });
    const events = await whole.log.read(whole.state.runId);
    expect(events.length).toBeGreaterThan(40);
    for (let length = 1; length <= events.length; length += 1) {
      const prefix = events.slice(0, length);
      const log = memory();
      const first = prefix[0]?.event;
      if (first?.type !== "run.created") throw new Error("a log begins with run.created");
      await log.create(first);
      if (length > 1)
        await log.append(
          first.runId,
          1,
          prefix.slice(1).map(({ event }) => event),
        );
      const agents = new ScriptedAgents({ review: script().review });
      const publisher = new CountingPublisher();
      await drive(
        first.runId,
        engineWith(log, { agents, publisher, gates: remainingGates(prefix, script().gates) }),
        never,
      );
      const state = fold(await log.read(first.runId));
      expect(summary(state), `after ${length} events (${prefix.at(-1)?.event.type})`).toEqual(summary(whole.state));
      const finished = new Set(
        prefix.flatMap(({ event }) => (event.type === "agent.finished" ? [`${event.stage} ${event.attempt}`] : [])),
      );
      expect(agents.tasks.filter(({ stage, attempt }) => finished.has(`${stage} ${attempt}`))).toEqual([]);
      expect(publisher.opened).toBe(prefix.some(({ event }) => event.type === "pull_request.opened") ? 0 : 1);
    }
  });

  test("leaves the run to another driver and is refused from then on", async () => {
    const log = memory();
    const first = created();
    await log.create(first);
    const agents = new ScriptedAgents({ diagnose: ["hang"] });
    const hanging = new Promise<void>((resolve) => (agents.onHang = resolve));
    const zombie = drive(first.runId, engineWith(log, { agents }), never);
    await hanging;
    const publisher = new CountingPublisher();
    expect(await drive(first.runId, engineWith(log, { publisher }), never)).toBe("ended");
    expect(await zombie).toBe("lost");
    expect(publisher.opened).toBe(1);
    expect(ending(fold(await log.read(first.runId)))).toBe("succeeded: verified");
  });

  test("parks when it is told to, and the next one goes on", async () => {
    const log = memory();
    const first = created();
    await log.create(first);
    const agents = new ScriptedAgents({ diagnose: ["hang"] });
    const stop = new AbortController();
    agents.onHang = () => stop.abort();
    expect(await drive(first.runId, engineWith(log, { agents }), stop.signal)).toBe("parked");
    expect(fold(await log.read(first.runId)).phase).toBe("working");
    expect(await drive(first.runId, engineWith(log), never)).toBe("ended");
  });

  test("being interrupted uses up no attempt", async () => {
    const log = memory();
    const first = created();
    await log.create(first);
    for (let kill = 0; kill < 4; kill += 1) {
      const agents = new ScriptedAgents({ reproduce: ["hang"] });
      const stop = new AbortController();
      agents.onHang = () => stop.abort();
      expect(await drive(first.runId, engineWith(log, { agents }), stop.signal)).toBe("parked");
    }
    const no = gate("red", false, "flaky");
    await drive(first.runId, engineWith(log, { gates: new ScriptedGates({ red: [no, no] }) }), never);
    expect(ending(fold(await log.read(first.runId)))).toBe("succeeded: verified");
  });

  test("a run nobody knows is said to be unknown", async () => {
    expect(await drive(created().runId, engineWith(memory()), never)).toBe("unknown");
  });
});

/** The script's answers for a resumed run: those that the prefix has already recorded are left out. */
function remainingGates(
  prefix: readonly RecordedEvent[],
  script: Partial<Record<string, (ReturnType<typeof gate> | undefined)[]>>,
): ScriptedGates {
  const seen = (name: string) =>
    prefix.filter(({ event }) => event.type === "gate.checked" && event.result.gate === name).length;
  return new ScriptedGates(
    Object.fromEntries(Object.entries(script).map(([name, answers]) => [name, (answers ?? []).slice(seen(name))])),
  );
}

function summary(state: State) {
  const stages = [...state.stages.values()].map(({ name, attempts, current }) => ({
    name,
    attempts: attempts.length,
    commit: current?.commit,
    gates: current?.gates.map(({ code }) => code),
  }));
  return { ending: ending(state), stages, pullRequest: state.pullRequest };
}

test("artifacts of the script are what the stages make", () => {
  expect(artifactFor("fix").name).toBe("Change");
});
