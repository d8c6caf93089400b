// What the engine hands to whoever goes on with an agent's work: its conversations as the log has them, and how often it has waited.
import { expect, test } from "vitest";
import { BatonError } from "#src/core/errors.ts";
import { parkingOf } from "#src/core/parking.ts";
import { firstDifference } from "#src/engine/agree.ts";
import { drive } from "#src/engine/drive.ts";
import type { AgentRunner, AgentTask, Conversation } from "#src/engine/ports.ts";
import {
  artifactFor,
  created,
  engineWith,
  HandClock,
  memoryLog,
  ScriptedAgents,
  turn,
} from "#test/support/engine-world.ts";
import { FleetAgents, fleetWorld, type FleetTurn } from "#test/support/fleet-world.ts";

const never = new AbortController().signal;

test("every conversation of the attempt, each with its turns, and none of an attempt that began again", async () => {
  const clock = new HandClock();
  const log = memoryLog(clock);
  const first = created();
  await log.create(first);
  const seen: { task: AgentTask; conversation: Conversation }[] = [];
  const tasks: AgentTask[] = [];
  const others = new ScriptedAgents();
  const wait = () => ({ type: "wait", reason: "model-away", message: "away", until: clock.now() + 1_000 }) as const;
  const agents: AgentRunner = {
    forget: () => Promise.resolve(),
    run: async (task, events, signal) => {
      if (task.stage !== "reproduce") return await others.run(task, events, signal);
      tasks.push(task);
      await events.session({ session: 1, model: "m", why: "first", opening: "one" });
      // The first time it has nothing to show when it must wait: it begins again.
      if (tasks.length === 1) return wait();
      await events.turn(turn(1));
      await events.session({ session: 2, model: "n", why: "other-model", opening: "two" });
      await events.turn(turn(2));
      await events.turn(turn(3));
      return wait();
    },
    resume: async (task, conversation) => {
      seen.push({ task, conversation });
      if (seen.length < 3) return wait();
      return { type: "finished", artifact: artifactFor(task.stage), commit: task.start, changes: [] };
    },
  };
  const engine = engineWith(log, { clock, agents });
  for (let round = 0; round < 4; round += 1) {
    expect(await drive(first.runId, engine, never)).toBe("waiting");
    clock.forward(2_000);
  }
  expect(await drive(first.runId, engine, never)).toBe("ended");

  expect(tasks.map(({ waits }) => waits)).toEqual([0, 1]);
  expect(seen.map(({ task }) => task.waits)).toEqual([1, 2, 3]);
  const [{ conversation } = { conversation: undefined }] = seen;
  expect(conversation).toMatchObject({ session: 2, model: "n", why: "other-model", opening: "two", turnsBefore: 3 });
  expect(conversation?.turns.map((said) => said.turn)).toEqual([2, 3]);
  expect(conversation?.earlier).toMatchObject([
    { start: { session: 1, model: "m", why: "first", opening: "one" }, turns: [{ turn: 1 }] },
  ]);
});

test("a reply that broke off is no progress: waits go on being counted", async () => {
  const clock = new HandClock();
  const log = memoryLog(clock);
  const first = created();
  await log.create(first);
  const waits: number[] = [];
  const agents: AgentRunner = {
    forget: () => Promise.resolve(),
    resume: () => Promise.resolve({ type: "gone", why: "nothing was kept" }),
    run: async (task, events) => {
      waits.push(task.waits);
      await events.session({ session: 1, model: "m", why: "first", opening: "one" });
      const { exchange: _, ...broken } = turn(1);
      await events.turn({ ...broken, text: "(the reply broke off)" });
      return { type: "wait", reason: "model-away", message: "away", until: clock.now() + 1_000 };
    },
  };
  for (let round = 0; round < 3; round += 1) {
    await drive(first.runId, engineWith(log, { clock, agents }), never);
    clock.forward(2_000);
  }
  expect(waits).toEqual([0, 1, 2]);
});

test("of an agent that something broke under is the one it had: it is not begun twice", async () => {
  const clock = new HandClock();
  const log = memoryLog(clock);
  const first = created();
  await log.create(first);
  const seen: Conversation[] = [];
  let runs = 0;
  const agents: AgentRunner = {
    forget: () => Promise.resolve(),
    run: async (_task, events) => {
      runs += 1;
      await events.session({ session: 1, model: "m", why: "first", opening: `begun ${runs}` });
      await events.turn(turn(1));
      if (runs === 1) throw new BatonError("git-failed", "for a moment", { retryable: true });
      return { type: "wait", reason: "model-away", message: "away", until: clock.now() + 1_000 };
    },
    resume: (_task, conversation) => {
      seen.push(conversation);
      return Promise.resolve({ type: "wait", reason: "model-away", message: "away", until: clock.now() + 1_000 });
    },
  };
  for (let round = 0; round < 2; round += 1) {
    expect(await drive(first.runId, engineWith(log, { clock, agents }), never)).toBe("waiting");
    clock.forward(2_000);
  }
  const same = { opening: "begun 1", earlier: [], turns: [{ turn: 1 }] };
  expect(seen).toMatchObject([same, same]);
  expect(runs).toBe(1);
});

test("of an agent that is commanded again is read alone, and of its turns only those that are asked for", async () => {
  const say =
    (words: string): FleetTurn =>
    async (fleet) =>
      expect(await fleet.command("one", words)).toMatchObject({ type: "done" });
  const wait: FleetTurn = (fleet, signal) => fleet.wait(["one"], 60_000, signal);
  const create: FleetTurn = async (fleet) => {
    const one = { id: "one", agent: "scout", makes: "Report", instructions: "", fromConflict: false } as const;
    expect(await fleet.create(one)).toMatchObject({ type: "done" });
  };
  const look: FleetTurn = async (fleet) =>
    expect(await fleet.turns("one", 1, 5)).toMatchObject({ all: 2, turns: [{ command: 1, turn: 2 }] });
  const agents = new FleetAgents({
    conduct: [{ turns: [create, say("look"), wait, look, say("look again"), wait] }],
    "conduct:one": [{ turns: [() => {}, () => {}] }, {}],
  });
  const world = await fleetWorld(agents);
  const read = world.log.read.bind(world.log);
  const whole: number[] = [];
  world.log.read = async (run, after) => {
    const events = await read(run, after);
    if (!after) whole.push(events.length);
    return events;
  };
  const at = world.log.at.bind(world.log);
  const parts: string[][] = [];
  world.log.at = async (run, versions) => {
    const events = await at(run, versions);
    parts.push(events.map(({ event }) => ("stage" in event ? `${event.stage} ${event.type}` : event.type)));
    return events;
  };
  const state = await world.go();
  expect(state.finished).toMatchObject({ outcome: "succeeded" });
  expect(parts).toEqual([
    ["conduct:one agent.turn"],
    ["stage.started", "session.started", "agent.turn", "agent.turn", "stage.started"].map(
      (one) => `conduct:one ${one}`,
    ),
  ]);
  // By the driver, when it takes the run up; then by this test.
  expect(whole).toEqual([1, state.version]);
  expect(agents.resumed).toMatchObject([
    { conversation: { opening: "work on conduct:one", turns: [{ turn: 1 }, { turn: 2 }], commands: [{ after: 2 }] } },
  ]);
});

test.each([
  ["paused", { type: "pause.requested" as const }],
  [undefined, { type: "stop.requested" as const }],
])("an agent can tell a pause from an end: %s", async (why, { type }) => {
  const log = memoryLog();
  const first = created();
  await log.create(first);
  const told: unknown[] = [];
  const agents: AgentRunner = {
    forget: () => Promise.resolve(),
    resume: () => Promise.resolve({ type: "gone", why: "" }),
    run: async (_task, events, signal) => {
      await events.session({ session: 1, model: "m", why: "first", opening: "one" });
      const aborted = new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
      const at = (await log.read(first.runId)).length;
      await log.append(first.runId, at, [{ type, by: { login: "maria", id: 7 }, quote: "/agent" }]);
      await aborted;
      told.push(parkingOf(signal)?.why);
      return { type: "failed", failure: { code: "cancelled", message: "" } };
    },
  };
  await drive(first.runId, engineWith(log, { agents }), never);
  expect(told).toEqual([why]);
});

test("what people tell the run is there for who is at work as soon as its next turn is recorded, and for who begins later", async () => {
  const log = memoryLog();
  const first = created();
  await log.create(first);
  const by = { login: "ada", id: 8 };
  const told = [{ by, words: "leave the parser alone" }];
  const heard: unknown[] = [];
  const conversations: Conversation[] = [];
  const others = new ScriptedAgents();
  const agents: AgentRunner = {
    forget: () => Promise.resolve(),
    run: async (task, events, signal) => {
      if (task.stage !== "reproduce") return await others.run(task, events, signal);
      heard.push(task.steering?.());
      await events.session({ session: 1, model: "m", why: "first", opening: "one" });
      const { length } = await log.read(first.runId);
      await log.append(first.runId, length, [
        { type: "words.told", by, quote: "/agent tell", words: told[0]?.words ?? "" },
      ]);
      await events.turn(turn(1));
      heard.push(task.steering?.());
      await events.turn({ ...turn(2), heard: 1 });
      return { type: "wait", reason: "model-away", message: "away", until: 1 };
    },
    resume: (task, conversation) => {
      conversations.push(conversation);
      return Promise.resolve({
        type: "finished",
        artifact: artifactFor(task.stage),
        commit: task.start,
        changes: [],
      });
    },
  };
  const engine = engineWith(log, { agents });
  expect(await drive(first.runId, engine, never)).toBe("waiting");
  expect(await drive(first.runId, engine, never)).toBe("ended");
  expect(heard).toEqual([[], told]);
  expect(conversations[0]?.turns.map((one) => one.heard)).toEqual([undefined, 1]);
  const later = others.tasks.map(({ steering }) => steering?.());
  expect(later).toEqual(others.tasks.map(() => told));
  expect(firstDifference(await log.read(first.runId))).toBeUndefined();
});
