// What an agent says again, or otherwise, after a process died between its calls and the record of their turn.
import { describe, expect, test } from "vitest";
import { firstDifference } from "#src/engine/agree.ts";
import { drive } from "#src/engine/drive.ts";
import type { RecordedEvent, RunEvent } from "#src/engine/events.ts";
import type { NewAgent } from "#src/engine/fleet-port.ts";
import { fold } from "#src/engine/fold.ts";
import type { AgentRunner } from "#src/engine/ports.ts";
import type { Talk } from "#src/engine/talk-port.ts";
import { FleetAgents, fleetEngine, fleetWorld, prefixOf, type FleetTurn } from "#test/support/fleet-world.ts";

const never = new AbortController().signal;
const one: NewAgent = { id: "one", agent: "scout", makes: "Report", instructions: "", fromConflict: false };
const send: FleetTurn = async (fleet) => {
  expect(await fleet.create(one)).toMatchObject({ type: "done" });
  expect(await fleet.command("one", "work")).toMatchObject({ type: "done" });
};
const ended: FleetTurn = (fleet, signal) => fleet.wait(["one"], 60_000, signal);
const plain: FleetTurn = () => {};
const talking =
  (act: (talk: Talk) => Promise<unknown>): FleetTurn =>
  async (_fleet, _signal, talk) => {
    if (!talk) throw new Error("it cannot talk");
    await act(talk);
  };
const status = (value: string, answer: object = { type: "done" }) =>
  talking(async (talk) => expect(await talk.write("status", value, undefined)).toMatchObject(answer));
const say = (text: string, number: number) =>
  talking(async (talk) => expect(await talk.send("all", text)).toEqual({ type: "done", number }));
const both =
  (...acts: FleetTurn[]): FleetTurn =>
  async (...given) => {
    for (const act of acts) await act(...given);
  };

const agentsWith = (...turns: FleetTurn[]) =>
  new FleetAgents({ conduct: [{ turns: [send, ended] }], "conduct:one": [{ turns }] });

/** The log of an agent with these turns, up to where something was last recorded of this type: the process died then. */
async function diedAt(type: RunEvent["type"], ...turns: FleetTurn[]) {
  const world = await fleetWorld(agentsWith(...turns));
  await world.go();
  const events = await world.events();
  return { run: world.run, events: events.slice(0, events.findLastIndex(({ event }) => event.type === type) + 1) };
}

/** Who goes on with it, to the end. */
async function goneOn({ run, events }: Awaited<ReturnType<typeof diedAt>>, agents: AgentRunner) {
  const log = await prefixOf(events, events.length);
  await drive(run, fleetEngine(log, agents), never);
  const recorded = await log.read(run);
  const state = fold(recorded);
  expect(state.finished).toMatchObject({ outcome: "succeeded" });
  expect(state.stages.get("conduct:one")?.current?.failure).toBeUndefined();
  expect(firstDifference(recorded)).toBeUndefined();
  return { run, events: recorded, state };
}

const count = (events: readonly RecordedEvent[], type: RunEvent["type"]) =>
  events.filter(({ event }) => event.type === type).length;

describe("what a lost reply had said", () => {
  const lost = () => diedAt("note.written", plain, status("free"));

  test("is what is answered when it is said again in the next turn", async () => {
    const { events } = await goneOn(await lost(), agentsWith(plain, status("free", { version: 1 })));
    expect(count(events, "note.written")).toBe(1);
  });

  test("is no answer in a later turn: what the model says then is done", async () => {
    const { state } = await goneOn(await lost(), agentsWith(plain, plain, status("free", { version: 2 })));
    expect(state.talk.notes.get("status")).toMatchObject({ value: "free", version: 2 });
    const aside = talking((talk) => talk.write("other", "x", 0));
    const late = await goneOn(await lost(), agentsWith(plain, aside, status("free", { version: 3 })));
    expect(count(late.events, "note.written")).toBe(3);
    const messages = await goneOn(
      await diedAt("message.sent", plain, say("hello", 1)),
      agentsWith(plain, plain, say("hello", 2)),
    );
    expect(messages.state.talk.messages).toHaveLength(2);
  });

  test("is past when the model says otherwise, in the same turn too", async () => {
    const otherwise = both(status("busy", { version: 2 }), status("free", { version: 3 }));
    const { state } = await goneOn(await lost(), agentsWith(plain, otherwise));
    expect(state.talk.notes.get("status")).toMatchObject({ value: "free", version: 3 });
    const spoken = await goneOn(
      await diedAt("message.sent", plain, say("hello", 1)),
      agentsWith(plain, both(say("no, wait", 2), say("hello", 3))),
    );
    expect(spoken.state.talk.messages.map(({ text }) => text)).toEqual(["hello", "no, wait", "hello"]);
  });

  test("of others than the one that is said otherwise is still answered", async () => {
    const other = talking(async (talk) => expect(await talk.write("other", "x", 0)).toMatchObject({ version: 2 }));
    const died = await diedAt("note.written", plain, both(status("free"), other));
    const { events } = await goneOn(died, agentsWith(plain, both(status("busy", { version: 3 }), other)));
    expect(count(events, "note.written")).toBe(3);
  });

  test("twice about one thing is answered in its order only", async () => {
    const died = await diedAt("note.written", plain, both(status("busy"), status("free")));
    const turned = both(status("free", { version: 2 }), status("busy", { version: 3 }));
    const { state } = await goneOn(died, agentsWith(plain, turned));
    expect(state.talk.notes.get("status")?.value).toBe("busy");
    const same = both(status("busy", { version: 1 }), status("free", { version: 2 }));
    expect(count((await goneOn(died, agentsWith(plain, same))).events, "note.written")).toBe(2);
  });
});

describe("what an attempt had said before it began again from nothing", () => {
  /** Its workspace is gone. */
  class Forgetful extends FleetAgents {
    override resume(...args: Parameters<FleetAgents["resume"]>): ReturnType<FleetAgents["resume"]> {
      return args[0].stage === "conduct:one" ? Promise.resolve({ type: "gone", why: "swept" }) : super.resume(...args);
    }
  }
  const forgetful = (...turns: FleetTurn[]) =>
    new Forgetful({ conduct: [{ turns: [send, ended] }], "conduct:one": [{ turns }] });
  const died = () => diedAt("message.sent", status("free"), plain, say("hello", 1));

  test("is answered in whichever turn it is said again", async () => {
    const again = forgetful(plain, plain, status("free", { version: 1 }), say("hello", 1));
    const { events } = await goneOn(await died(), again);
    const begun = events.filter(({ event }) => event.type === "stage.started" && event.stage === "conduct:one");
    expect(begun).toHaveLength(2);
    expect(count(events, "note.written") + count(events, "message.sent")).toBe(2);
  });

  test("is past when the model says otherwise, also for a third process", async () => {
    const otherwise = forgetful(status("busy", { version: 2 }), status("free", { version: 3 }));
    expect((await goneOn(await died(), otherwise)).state.talk.notes.get("status")?.version).toBe(3);

    const whole = await goneOn(await died(), forgetful(status("busy", { version: 2 }), plain));
    const at = whole.events.findLastIndex(({ event }) => event.type === "agent.turn" && event.stage === "conduct:one");
    const second = { run: whole.run, events: whole.events.slice(0, at) };
    const { state } = await goneOn(second, agentsWith(plain, status("free", { version: 3 })));
    expect(state.talk.notes.get("status")?.value).toBe("free");
  });
});
