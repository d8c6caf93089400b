// Agents that conduct agents: their lives, the limits, what reaches whom, what money they have, and that any process can go on from anywhere.
import { describe, expect, test } from "vitest";
import { onFaultPoint } from "#src/core/fault-points.ts";
import { Parking, parkingOf } from "#src/core/parking.ts";
import { firstDifference } from "#src/engine/agree.ts";
import { statusOf } from "#src/engine/conducted.ts";
import { drive } from "#src/engine/drive.ts";
import type { RecordedEvent, RunEvent } from "#src/engine/events.ts";
import type { AgentView, Fleet, NewAgent } from "#src/engine/fleet-port.ts";
import { fold } from "#src/engine/fold.ts";
import { ledgerOf, type LedgerLine } from "#src/engine/ledger.ts";
import type { AgentRunner } from "#src/engine/ports.ts";
import { dollars } from "#src/core/ids.ts";
import {
  commitNamed,
  created,
  CountingPublisher,
  gate,
  ScriptedGates,
  ScriptedMerges,
} from "#test/support/engine-world.ts";
import {
  doWorkflow,
  FleetAgents,
  fleetEngine,
  fleetWorld,
  prefixOf,
  type FleetTurn,
  type Script,
} from "#test/support/fleet-world.ts";
import { Workflow } from "#src/workflows/schema.ts";

const never = new AbortController().signal;
const agent = (id: string, more: Partial<NewAgent> = {}): NewAgent => ({
  id,
  agent: "scout",
  makes: "Report",
  instructions: "",
  fromConflict: false,
  ...more,
});
const long = 60_000;
const good = { outcome: "succeeded" };

/** Creates an agent and commands it. */
const send =
  (id: string, words = "look", more: Partial<NewAgent> = {}): FleetTurn =>
  async (fleet) => {
    expect(await fleet.create(agent(id, more))).toMatchObject({ type: "done" });
    expect(await fleet.command(id, words)).toMatchObject({ type: "done" });
  };
const ended =
  (id: string): FleetTurn =>
  async (fleet, signal) => {
    await fleet.wait([id], long, signal);
    expect(viewOf(fleet, id)?.status, id).not.toBe("executing");
  };

const again =
  (id: string): FleetTurn =>
  async (fleet) =>
    void (await fleet.command(id, "again"));
const startsOf = (events: readonly RecordedEvent[], unit: string) =>
  events.flatMap(({ event }) => (event.type === "stage.started" && event.stage === unit ? [`${event.attempt}`] : []));

function viewOf(fleet: Fleet, id: string): AgentView | undefined {
  return fleet.agents().find((view) => view.id === id);
}

const finishedUnits = (events: readonly RecordedEvent[]) =>
  events.flatMap(({ event }) => (event.type === "agent.finished" ? [event.stage] : []));
const count = (events: readonly RecordedEvent[], type: RunEvent["type"]) =>
  events.filter(({ event }) => event.type === type).length;

describe("an agent that conducts", () => {
  test("creates agents, commands them, merges their work, and leaves what was merged", async () => {
    const seen: (string | undefined)[] = [];
    const note =
      (id: string): FleetTurn =>
      (fleet) =>
        void seen.push(viewOf(fleet, id)?.status);
    const agents = new FleetAgents({
      conduct: [
        {
          turns: [
            async (fleet) => void (await fleet.create(agent("scout"))),
            note("scout"),
            async (fleet) => void (await fleet.command("scout", "look")),
            note("scout"),
            ended("scout"),
            note("scout"),
            send("builder", "build", { agent: "builder", makes: "Change" }),
            ended("builder"),
            async (fleet) => {
              expect(viewOf(fleet, "builder")?.work).toBe("to merge");
              expect(await fleet.merge("builder", never)).toMatchObject({ type: "done" });
              expect(viewOf(fleet, "builder")?.work).toBe("merged");
            },
          ],
        },
      ],
    });
    const publisher = new CountingPublisher();
    const { go, events } = await fleetWorld(agents, { publisher });
    const state = await go();
    expect(seen).toEqual(["created", "executing", "idle"]);
    expect(state.finished).toMatchObject(good);
    const [, scout, builder] = agents.tasks;
    expect(scout).toMatchObject({ stage: "conduct:scout", agent: "scout", makes: "Report", kept: true, inputs: [] });
    expect(scout?.part).toMatchObject({ type: "child", id: "scout", command: "look" });
    const merged = commitNamed(`${builder?.start} ${commitNamed("conduct:builder 1")}`);
    expect(state.stages.get("conduct")?.current?.commit).toBe(merged);
    expect(publisher.opened).toBe(1);
    expect(firstDifference(await events())).toBeUndefined();
  });

  test("has its agents worked side by side with it, and does not count while it waits for them", async () => {
    const both: FleetTurn = async (fleet, signal) => {
      await send("one")(fleet, signal);
      await send("two")(fleet, signal);
    };
    const { config } = created();
    const parallel = (most: number) => ({ config: { ...config, limits: { ...config.limits, parallel: most } } });
    const conduct = [{ turns: [both, ended("one"), ended("two")] }];
    const narrow = new FleetAgents({ conduct });
    expect((await (await fleetWorld(narrow, {}, parallel(1))).go()).finished).toMatchObject(good);
    // It, and one of the two.
    expect(narrow.most).toBe(2);
    const together = Promise.withResolvers<void>();
    const meet: FleetTurn = () => {
      if (wide.most === 3) together.resolve();
      return together.promise;
    };
    const wide = new FleetAgents({
      conduct,
      "conduct:one": [{ turns: [meet] }],
      "conduct:two": [{ turns: [meet] }],
    });
    expect((await (await fleetWorld(wide, {}, parallel(2))).go()).finished).toMatchObject(good);
    expect(wide.most).toBe(3);
  });

  test("commands one again with its context kept: the same conversation, the same files, numbered on", async () => {
    const agents = new FleetAgents({
      conduct: [
        {
          turns: [
            send("builder", "first", { agent: "builder", makes: "Change" }),
            ended("builder"),
            async (fleet) => expect(await fleet.command("builder", "second")).toMatchObject({ number: 2 }),
            ended("builder"),
            async (fleet) => expect(await fleet.command("builder", "third")).toMatchObject({ number: 3 }),
            ended("builder"),
          ],
        },
      ],
      "conduct:builder": [{ turns: [() => {}, () => {}] }, {}, {}],
    });
    const { go, events } = await fleetWorld(agents);
    expect((await go()).finished).toMatchObject(good);
    const first = agents.tasks.find(({ stage }) => stage === "conduct:builder");
    expect(agents.resumed.map(({ task }) => [task.stage, task.attempt, task.begun])).toEqual([
      ["conduct:builder", 2, first?.begun],
      ["conduct:builder", 3, first?.begun],
    ]);
    const [second, third] = agents.resumed;
    expect(second?.task.start).toBe(commitNamed("conduct:builder 1"));
    expect(second?.conversation.turns.map(({ turn }) => turn)).toEqual([1, 2]);
    expect(second?.conversation.commands).toEqual([{ session: 1, after: 2, words: "second", failure: undefined }]);
    expect(third?.conversation.turns.map(({ turn }) => turn)).toEqual([1, 2, 3]);
    expect(third?.conversation.commands?.map(({ words, after }) => [words, after])).toEqual([
      ["second", 2],
      ["third", 3],
    ]);
    expect(third?.task.limits.turns).toBe(first?.limits.turns);
    expect(firstDifference(await events())).toBeUndefined();
  });

  test("interrupts one that is stuck, at once and without losing what it knows, and finishes", async () => {
    const stuck = Promise.withResolvers<void>();
    const agents = new FleetAgents({
      conduct: [
        {
          turns: [
            send("stuck"),
            () => stuck.promise,
            async (fleet) => expect(await fleet.interrupt("stuck")).toMatchObject({ type: "done" }),
            (fleet) => expect(viewOf(fleet, "stuck")).toMatchObject({ status: "idle", failure: { code: "cancelled" } }),
            async (fleet) => void (await fleet.command("stuck", "answer with what you have")),
            ended("stuck"),
          ],
        },
      ],
      "conduct:stuck": [{ end: "hang" }, {}],
    });
    agents.onHang = () => stuck.resolve();
    const { go, events } = await fleetWorld(agents);
    expect((await go()).finished).toMatchObject(good);
    expect(agents.ended).toEqual([{ unit: "conduct:stuck", reason: expect.objectContaining({ why: "interrupted" }) }]);
    expect(agents.resumed[0]?.conversation.commands).toMatchObject([
      { words: "answer with what you have", failure: { code: "cancelled" } },
    ]);
    expect(firstDifference(await events())).toBeUndefined();
  });

  test("one that is commanded again right behind its interruption begins when it has come to its end", async () => {
    const stuck = Promise.withResolvers<void>();
    const slow = Promise.withResolvers<void>();
    const agents = new FleetAgents({
      conduct: [
        {
          turns: [
            send("stuck"),
            () => stuck.promise,
            async (fleet) => {
              await fleet.interrupt("stuck");
              await fleet.command("stuck", "again");
              await send("other")(fleet, never);
            },
            ended("other"),
            () => slow.resolve(),
            ended("stuck"),
          ],
        },
      ],
      "conduct:stuck": [{ end: "hang" }, {}],
    });
    agents.onHang = () => stuck.resolve();
    const { go, log, run } = await fleetWorld(agents);
    let begun: string[] = [];
    agents.onEnd = async () => {
      await slow.promise;
      begun = startsOf(await log.read(run), "conduct:stuck");
    };
    expect((await go()).finished).toMatchObject(good);
    expect(agents.resumed.map(({ task }) => `${task.stage} ${task.attempt}`)).toEqual(["conduct:stuck 2"]);
    // What the first still records comes before the second begins.
    expect(begun).toEqual(["1"]);
  });

  test("a turn that was recorded when the next attempt had begun is paid for by the one that took it", async () => {
    const agents = new FleetAgents({
      conduct: [{ turns: [send("scout"), ended("scout"), again("scout"), ended("scout")] }],
    });
    const { go, events } = await fleetWorld(agents);
    await go();
    const recorded = await events();
    const starts = recorded.flatMap(({ event }, at) =>
      event.type === "stage.started" && event.stage === "conduct:scout" ? [at] : [],
    );
    const spent = (of: readonly RecordedEvent[]) =>
      fold(of)
        .stages.get("conduct:scout")
        ?.attempts.map(({ spend }) => spend.microDollars);
    const upTo = recorded.slice(0, (starts[1] ?? 0) + 1);
    const last = upTo.findLast(({ event }) => event.type === "agent.turn" && event.stage === "conduct:scout");
    if (!last) throw new Error("no turn");
    const late = [...upTo, { ...last, version: upTo.length + 1 }];
    expect(spent(upTo)).toEqual([dollars(0.01), 0]);
    expect(spent(late)).toEqual([dollars(0.02), 0]);
  });

  test("one that is interrupted before it has begun does not begin", async () => {
    const interrupted = Promise.withResolvers<void>();
    let commanded = false;
    using _ = onFaultPoint(async (point) => {
      if (point === "engine.before-effect" && commanded) await interrupted.promise;
    });
    const agents = new FleetAgents({
      conduct: [
        {
          turns: [
            async (fleet) => {
              await fleet.create(agent("scout"));
              commanded = true;
              await fleet.command("scout", "look");
              await fleet.interrupt("scout");
              interrupted.resolve();
            },
          ],
        },
      ],
    });
    const { go, events } = await fleetWorld(agents);
    expect((await go()).finished).toMatchObject(good);
    expect(agents.tasks.map(({ stage }) => stage)).toEqual(["conduct"]);
    expect(firstDifference(await events())).toBeUndefined();
  });

  test("what one that was deleted hands in late is not taken", async () => {
    const stuck = Promise.withResolvers<void>();
    const agents = new FleetAgents({
      conduct: [
        {
          turns: [
            send("late"),
            () => stuck.promise,
            async (fleet) => expect(await fleet.delete("late")).toMatchObject({ type: "done" }),
            async (fleet) => {
              expect(viewOf(fleet, "late")).toMatchObject({ status: "deleted", result: undefined });
              expect(await fleet.command("late", "more")).toEqual({ type: "refused", why: "late is deleted" });
            },
          ],
        },
      ],
      "conduct:late": [{ end: "late" }],
    });
    agents.onHang = () => stuck.resolve();
    const { go, events } = await fleetWorld(agents);
    const state = await go();
    expect(state.finished).toMatchObject(good);
    expect(agents.ended.map(({ unit }) => unit)).toEqual(["conduct:late"]);
    // Its files are nobody's any more.
    const signal = AbortSignal.abort(agents.ended[0]?.reason);
    expect(parkingOf(signal)).toBeUndefined();
    expect(finishedUnits(await events())).toEqual(["conduct"]);
    expect(firstDifference(await events())).toBeUndefined();
  });

  test("also when the log has it: what is recorded of a deleted agent changes nothing but its cost", async () => {
    const agents = new FleetAgents({ conduct: [{ turns: [send("scout"), ended("scout")], end: "hang" }] });
    const { go, events, log, run } = await fleetWorld(agents);
    const stop = { type: "stop.requested" as const, by: { login: "maria", id: 7 }, quote: "/agent stop" };
    agents.onHang = () => void log.read(run).then(({ length }) => log.append(run, length, [stop]));
    await go();
    const recorded = await events();
    const finished = recorded.findIndex(({ event }) => event.type === "agent.finished");
    const deleted: RunEvent = { type: "agent.deleted", stage: "conduct", attempt: 1, id: "scout" };
    const changed = await prefixOf(recorded, finished);
    await changed.append(run, finished, [deleted, ...recorded.slice(finished, finished + 1).map(({ event }) => event)]);
    const state = fold(await changed.read(run));
    expect(state.stages.get("conduct:scout")?.current).toMatchObject({ artifact: undefined });
    expect(statusOf(state, "conduct:scout")).toBe("deleted");
  });

  test("leaves nobody at work behind it, and neither does a run that ends", async () => {
    const hanging = Promise.withResolvers<void>();
    const agents = new FleetAgents({
      conduct: [{ turns: [send("deaf"), () => hanging.promise] }],
      "conduct:deaf": [{ end: "hang" }],
    });
    agents.onHang = () => hanging.resolve();
    const { go } = await fleetWorld(agents);
    const state = await go();
    expect(state.finished).toMatchObject(good);
    expect(agents.now).toBe(0);
    expect(agents.ended.map(({ unit }) => unit)).toEqual(["conduct:deaf"]);
    expect(statusOf(state, "conduct:deaf")).toBe("deleted");

    const stopped = new FleetAgents({
      conduct: [{ turns: [send("deaf")], end: "hang" }],
      "conduct:deaf": [{ end: "hang" }],
    });
    const world = await fleetWorld(stopped);
    let hangs = 0;
    stopped.onHang = () => {
      hangs += 1;
      if (hangs < 2) return;
      const stop = { type: "stop.requested" as const, by: { login: "maria", id: 7 }, quote: "/agent stop" };
      void world.log.read(world.run).then(({ length }) => world.log.append(world.run, length, [stop]));
    };
    expect((await world.go()).finished?.code).toBe("stopped");
    expect(stopped.now).toBe(0);
  });

  test("one that fails is errored, ends nothing else, and may be commanded again", async () => {
    const agents = new FleetAgents({
      conduct: [
        {
          turns: [
            send("scout"),
            ended("scout"),
            async (fleet) => {
              expect(viewOf(fleet, "scout")).toMatchObject({ status: "errored", failure: { code: "turn-limit" } });
              expect(await fleet.command("scout", "shorter")).toMatchObject({ type: "done" });
            },
            ended("scout"),
            (fleet) => expect(viewOf(fleet, "scout")).toMatchObject({ status: "idle", result: { name: "Report" } }),
          ],
        },
      ],
      "conduct:scout": [{ end: { code: "turn-limit", message: "too long" } }, {}],
    });
    const { go } = await fleetWorld(agents);
    expect((await go()).finished).toMatchObject(good);
  });

  test("what is handed in while git merges what was handed in before is not taken for merged", async () => {
    const merging = Promise.withResolvers<void>();
    const handedIn = Promise.withResolvers<void>();
    class SlowMerges extends ScriptedMerges {
      override async merge(...what: Parameters<ScriptedMerges["merge"]>): ReturnType<ScriptedMerges["merge"]> {
        merging.resolve();
        await handedIn.promise;
        return await super.merge(...what);
      }
    }
    const merges = new SlowMerges();
    const agents = new FleetAgents({
      conduct: [
        {
          turns: [
            send("b", "build", { agent: "builder", makes: "Change" }),
            ended("b"),
            async (fleet) => void (await fleet.command("b", "mend")),
            async (fleet, signal) => {
              const merged = fleet.merge("b", never);
              await ended("b")(fleet, signal);
              handedIn.resolve();
              expect(await merged).toMatchObject({ type: "done" });
              expect(viewOf(fleet, "b")?.work).toBe("to merge");
            },
          ],
        },
      ],
      "conduct:b": [{}, { turns: [() => merging.promise] }],
    });
    const world = await fleetWorld(agents, { merges });
    expect((await world.go()).finished).toMatchObject(good);
    expect(merges.asked.map(({ theirs }) => theirs)).toEqual([commitNamed("conduct:b 1")]);
  });

  test("two that are merged at once are both in what is left", async () => {
    const merges = new ScriptedMerges();
    const change = { agent: "builder", makes: "Change" } as const;
    const agents = new FleetAgents({
      conduct: [
        {
          turns: [
            send("a", "build", change),
            send("b", "build", change),
            ended("a"),
            ended("b"),
            async (fleet) => void (await Promise.all([fleet.merge("a", never), fleet.merge("b", never)])),
          ],
        },
      ],
    });
    const world = await fleetWorld(agents, { merges });
    const state = await world.go();
    const [first] = (await world.events()).flatMap(({ event }) =>
      event.type === "fleet.merged" ? [event.commit] : [],
    );
    expect(state.stages.get("conduct")?.current?.commit).toBe(commitNamed(`${first} ${commitNamed("conduct:b 1")}`));
  });

  test("sent back it begins with nobody, from what was merged, and may use the same names", async () => {
    const build = [
      send("builder", "build", { agent: "builder", makes: "Change" }),
      ended("builder"),
      async (fleet: Fleet) => void (await fleet.merge("builder", never)),
    ];
    const agents = new FleetAgents({ conduct: [{ turns: build }, { turns: build }] });
    const gates = new ScriptedGates({ scope: [gate("scope", false)] });
    const { go, events } = await fleetWorld(agents, { gates });
    const state = await go();
    expect(state.finished).toMatchObject(good);
    const starts = agents.tasks.map(({ stage, attempt, start }) => ({ stage, attempt, start }));
    const first = commitNamed(`${starts[1]?.start} ${commitNamed("conduct:builder 1")}`);
    expect(starts[2]).toEqual({ stage: "conduct", attempt: 2, start: first });
    expect(starts[3]).toEqual({ stage: "conduct:builder", attempt: 2, start: first });
    // The second of that name knows nothing of the first.
    expect(agents.resumed).toEqual([]);
    expect(firstDifference(await events())).toBeUndefined();
  });
});

describe("what was merged, when the stage is worked again", () => {
  const build: FleetTurn[] = [
    send("b", "build", { agent: "builder", makes: "Change" }),
    ended("b"),
    async (fleet) => void (await fleet.merge("b", never)),
  ];
  const startsIn = ({ tasks }: FleetAgents) =>
    tasks.flatMap(({ stage, attempt, start, leftBehind }) =>
      stage === "conduct" ? [{ attempt, start, leftBehind }] : [],
    );

  test("is left behind where a stage before it was done anew: what is new there is not lost, and the agent is told", async () => {
    const workflow = Workflow.parse({
      ...doWorkflow,
      stages: {
        lay: { agent: "builder", makes: "Change" },
        conduct: { agent: "orchestrator", needs: ["lay"], makes: "Conclusion" },
        verify: {
          needs: ["conduct"],
          gates: ["scope", "integrity"],
          otherwise: { back_to: "lay", max: 2, ending: "needs-a-person" },
        },
        publish: { needs: ["verify"], pull_request: "draft" },
      },
    });
    const agents = new FleetAgents({ conduct: [{ turns: build }, { turns: [] }] });
    const gates = new ScriptedGates({ scope: [gate("scope", false)] });
    const { go, events } = await fleetWorld(agents, {
      gates,
      workflows: { load: () => Promise.resolve(workflow), names: () => ["do"] },
    });
    expect((await go()).finished).toMatchObject(good);
    const merged = commitNamed(`${commitNamed("lay 1")} ${commitNamed("conduct:b 1")}`);
    expect(startsIn(agents)).toEqual([
      { attempt: 1, start: commitNamed("lay 1"), leftBehind: undefined },
      { attempt: 2, start: commitNamed("lay 2"), leftBehind: merged },
    ]);
    expect(gates.requests.at(-1)?.head).toBe(commitNamed("lay 2"));
    expect(firstDifference(await events())).toBeUndefined();
  });

  test("is gone on from by a retry, also when the attempts behind it created no agent", async () => {
    const agents = new FleetAgents({ conduct: [{ turns: build }] });
    const no = gate("scope", false);
    const { run, log, go, events } = await fleetWorld(agents, { gates: new ScriptedGates({ scope: [no, no, no] }) });
    expect((await go()).finished).toMatchObject({ outcome: "needs-a-decision" });
    const before = await events();
    const quote = "/agent retry conduct";
    const by = { login: "maria", id: 7 };
    await log.append(run, before.length, [{ type: "retry.requested", by, quote, stage: "conduct" }]);
    expect((await go()).finished).toMatchObject(good);
    const [first, ...later] = startsIn(agents);
    const start = commitNamed(`${first?.start} ${commitNamed("conduct:b 1")}`);
    expect(later).toEqual([2, 3, 4].map((attempt) => ({ attempt, start, leftBehind: undefined })));
    expect(firstDifference(await events())).toBeUndefined();
  });
});

describe("an attempt that conducts and must begin again", () => {
  const merge: FleetTurn = async (fleet) => void (await fleet.merge("builder", never));
  const script = (more: readonly FleetTurn[]) => ({
    conduct: [
      { turns: [send("builder", "build", { agent: "builder", makes: "Change" }), ended("builder"), merge, ...more] },
    ],
  });

  test("keeps what was merged: it begins with nobody, from there, and leaves no less", async () => {
    const stop = new AbortController();
    const { run, log, engine } = await fleetWorld(
      new FleetAgents(script([() => stop.abort(new Parking("stopping")), (_, signal) => signal.throwIfAborted()])),
    );
    await drive(run, engine, stop.signal);
    const before = fold(await log.read(run)).stages.get("conduct")?.current;
    expect(before?.fleet?.agents).toEqual(["builder"]);

    const agents = new FleetAgents({ conduct: [{ turns: [] }] });
    const gone = { type: "gone" as const, why: "its workspace is not there any more" };
    const forgetful: AgentRunner = {
      run: (task, told, signal) => agents.run(task, told, signal),
      resume: () => Promise.resolve(gone),
      forget: () => Promise.resolve(),
    };
    await drive(run, fleetEngine(log, forgetful), never);
    const events = await log.read(run);
    const state = fold(events);
    expect(state.finished).toMatchObject(good);
    expect(agents.tasks.map(({ stage, attempt, start }) => ({ stage, attempt, start }))).toEqual([
      { stage: "conduct", attempt: 1, start: before?.commit },
    ]);
    expect(state.stages.get("conduct")?.current).toMatchObject({ commit: before?.commit, fleet: { agents: [] } });
    expect(statusOf(state, "conduct:builder")).toBe("deleted");
    expect(firstDifference(events)).toBeUndefined();
  });
});

describe("limits say no", () => {
  const withLimits = (limits: { depth?: number; agents?: number }) => {
    const { config } = created();
    return { config: { ...config, limits: { ...config.limits, ...limits } } };
  };

  test("to agents that are created too deep", async () => {
    const answers: unknown[] = [];
    const deeper =
      (id: string): FleetTurn =>
      async (fleet) => {
        const answer = await fleet.create(agent(id));
        answers.push(answer.type);
        if (answer.type === "refused") answers.push(answer.why);
        else await fleet.command(id, "go deeper");
      };
    const agents = new FleetAgents({
      conduct: [{ turns: [deeper("a"), ended("a")] }],
      "conduct:a": [{ turns: [deeper("b"), ended("b")] }],
      "conduct:a+b": [{ turns: [deeper("c")] }],
    });
    const { go, events } = await fleetWorld(agents, {}, withLimits({ depth: 2 }));
    expect((await go()).finished).toMatchObject(good);
    expect(answers).toEqual(["done", "done", "refused", expect.stringContaining("limits.depth")]);
    expect(agents.tasks.map(({ stage }) => stage)).toEqual(["conduct", "conduct:a", "conduct:a+b"]);
    expect(firstDifference(await events())).toBeUndefined();
  });

  test("to more agents than there may be, wherever they are; one that is deleted makes room", async () => {
    const agents = new FleetAgents({
      conduct: [
        {
          turns: [
            send("a"),
            ended("a"),
            async (fleet) => {
              expect(await fleet.create(agent("b"))).toMatchObject({ type: "done" });
              expect(await fleet.create(agent("c"))).toMatchObject({
                type: "refused",
                why: expect.stringContaining("limits.agents"),
              });
              await fleet.delete("b");
              expect(await fleet.create(agent("c"))).toMatchObject({ type: "done" });
            },
          ],
        },
      ],
    });
    const { go } = await fleetWorld(agents, {}, withLimits({ agents: 2 }));
    expect((await go()).finished).toMatchObject(good);
  });

  test("to what makes no sense: unknown names, the same twice, one that is at work", async () => {
    const hanging = Promise.withResolvers<void>();
    const no = (why: string) => ({ type: "refused", why: expect.stringContaining(why) });
    const agents = new FleetAgents({
      conduct: [
        {
          turns: [
            async (fleet) => {
              expect(await fleet.command("nobody", "x")).toEqual(no('no agent "nobody"'));
              expect(await fleet.merge("nobody", never)).toEqual(no('no agent "nobody"'));
            },
            send("a"),
            () => hanging.promise,
            async (fleet) => {
              expect(await fleet.create(agent("a"))).toEqual(no('an agent "a" already, executing'));
              expect(await fleet.command("a", "x")).toEqual(no("is at work"));
              expect(await fleet.merge("a", never)).toEqual(no("no change"));
              expect(await fleet.create(agent("b", { fromConflict: true }))).toEqual(no("no conflict"));
              await fleet.create(agent("idle"));
              expect(await fleet.interrupt("idle")).toEqual(no("nothing to do"));
              await fleet.delete("idle");
              expect(await fleet.create(agent("idle"))).toEqual(no("is deleted: choose another name"));
            },
          ],
        },
      ],
      "conduct:a": [{ end: "hang" }],
    });
    agents.onHang = () => hanging.resolve();
    expect((await (await fleetWorld(agents)).go()).finished).toMatchObject(good);
  });

  test("an agent that an engine would not have let in is found in a log", async () => {
    const agents = new FleetAgents({ conduct: [{ turns: [send("a"), send("b")] }] });
    const { go, events } = await fleetWorld(agents, {}, withLimits({ agents: 2 }));
    await go();
    const recorded = await events();
    expect(firstDifference(recorded)).toBeUndefined();
    const fewer = recorded.map((one): RecordedEvent =>
      one.event.type === "run.created" ? { ...one, event: { ...one.event, ...withLimits({ agents: 1 }) } } : one,
    );
    expect(firstDifference(fewer)).toMatchObject({ recorded: "agent.created conduct 1 b" });
  });
});

describe("money", () => {
  const nothing: FleetTurn = () => {};
  const greedy: Script = { turns: Array.from({ length: 30 }, () => nothing), cost: 1 };

  test("an agent gets no more than it was given, and those below it share that", async () => {
    const agents = new FleetAgents({
      conduct: [
        {
          turns: [
            send("boss", "x", { microDollars: dollars(3) }),
            ended("boss"),
            (fleet) => {
              // One reply of each may have been under way when the money was spent.
              expect(viewOf(fleet, "boss")?.spent).toBe(dollars(4));
              expect(viewOf(fleet, "boss")).toMatchObject({ status: "errored", failure: { code: "budget" } });
            },
            async (fleet) =>
              expect(await fleet.command("boss", "more")).toMatchObject({
                type: "refused",
                why: expect.stringContaining("spent what it was given"),
              }),
          ],
        },
      ],
      "conduct:boss": [{ turns: [send("greedy"), ended("greedy"), nothing, nothing], cost: 0.5 }],
      "conduct:boss+greedy": [greedy],
    });
    const { go } = await fleetWorld(agents);
    const state = await go();
    expect(state.finished).toMatchObject(good);
    expect(agents.tasks.find(({ stage }) => stage === "conduct:boss")?.limits.microDollars).toBe(dollars(3));
    expect(agents.tasks.find(({ stage }) => stage === "conduct:boss+greedy")?.limits.microDollars).toBe(dollars(2.5));
    expect(state.stages.get("conduct:boss+greedy")?.current).toMatchObject({
      turns: 3,
      failure: { code: "budget" },
    });
  });

  test("nobody can give what it does not have, nor spend what the run does not have", async () => {
    const agents = new FleetAgents({
      conduct: [
        {
          turns: [
            async (fleet) =>
              expect(await fleet.create(agent("rich", { microDollars: dollars(11) }))).toEqual({
                type: "refused",
                why: "you cannot give $11.00: $10.00 are left to you",
              }),
            send("greedy"),
            ended("greedy"),
            nothing,
          ],
        },
      ],
      "conduct:greedy": [greedy],
    });
    const { go, events } = await fleetWorld(agents);
    const state = await go();
    expect(state.finished).toMatchObject({ outcome: "out-of-budget" });
    // One reply may have been under way when the money was spent.
    expect(state.spend.microDollars).toBeLessThan(dollars(11));
    expect(firstDifference(await events())).toBeUndefined();
  });
});

describe("merging", () => {
  const change = { agent: "builder", makes: "Change" as const };
  const conflicting = () => new ScriptedMerges([commitNamed("conduct:b 1")]);
  const mended = commitNamed("conduct:mender 1");
  const build: FleetTurn[] = [
    send("a", "build", change),
    send("b", "build", change),
    ended("a"),
    ended("b"),
    async (fleet) => void (await fleet.merge("a", never)),
    async (fleet) => expect(await fleet.merge("b", never)).toEqual({ type: "conflict", paths: ["src/both.js"] }),
  ];
  const mend: FleetTurn[] = [
    send("mender", "bring both together", { ...change, fromConflict: true }),
    ended("mender"),
    async (fleet) => expect(await fleet.merge("mender", never)).toMatchObject({ type: "done" }),
  ];

  test("a conflict is told with its paths, and an agent begins from it; what it brings together is merged", async () => {
    const agents = new FleetAgents({ conduct: [{ turns: [...build, ...mend] }] });
    const merges = conflicting();
    const gates = new ScriptedGates();
    const { go, events } = await fleetWorld(agents, { merges, gates });
    const state = await go();
    expect(state.finished).toMatchObject(good);
    const mender = agents.tasks.find(({ stage }) => stage === "conduct:mender");
    const [first] = merges.asked;
    const afterA = commitNamed(`${first?.into} ${commitNamed("conduct:a 1")}`);
    expect(mender?.start).toBe(commitNamed(`${afterA} ${commitNamed("conduct:b 1")}`));
    expect(mender?.part).toMatchObject({ conflict: { of: "b", paths: ["src/both.js"] } });
    expect(gates.requests[0]).toMatchObject({ gate: "resolved", head: mended, conflict: { paths: ["src/both.js"] } });
    expect(state.stages.get("conduct")?.current?.fleet?.conflict).toBeUndefined();
    expect(state.stages.get("conduct")?.current?.commit).toBe(commitNamed(`${afterA} ${mended}`));
    expect(firstDifference(await events())).toBeUndefined();
  });

  test("work in which markers are left is not merged", async () => {
    const turns = [
      ...build,
      ...mend.slice(0, 2),
      async (fleet: Fleet) =>
        expect(await fleet.merge("mender", never)).toEqual({ type: "refused", why: "resolved is unresolved" }),
    ];
    const agents = new FleetAgents({ conduct: [{ turns }] });
    const gates = new ScriptedGates({ resolved: [gate("resolved", false, "unresolved")] });
    const merges = conflicting();
    const { go } = await fleetWorld(agents, { merges, gates });
    expect((await go()).finished).toMatchObject(good);
    expect(merges.asked.map(({ theirs }) => theirs)).not.toContain(mended);
  });
});

describe("the board", () => {
  const task = (id: string, needs: string[] = [], claims: string[] = [`src/${id}.js`]) => ({
    id,
    title: id,
    instructions: "…",
    needs,
    claims,
    acceptance: "…",
  });

  test("knows what may begin: needs done, and no claims in the way of what is under way", async () => {
    const ready: (readonly string[])[] = [];
    const look = (fleet: Fleet) => void ready.push(fleet.board().ready);
    const agents = new FleetAgents({
      conduct: [
        {
          turns: [
            async (fleet) => {
              const tasks = [task("a"), task("b"), task("both", [], ["src/b.js"]), task("last", ["a", "both"], [])];
              expect(await fleet.addTasks(tasks)).toEqual({ type: "done" });
              await fleet.addTasks([task("reads", [], [])]);
              look(fleet);
              await fleet.create(agent("scout"));
              await fleet.changeTask({ id: "both", status: "under way", agent: "scout" });
              look(fleet);
              await fleet.changeTask({ id: "both", status: "done", note: "well" });
              await fleet.changeTask({ id: "a", status: "done" });
              look(fleet);
              expect(fleet.board().lines[2]).toMatchObject({ status: "done", agent: "scout", note: "well" });
            },
          ],
        },
      ],
    });
    const { go, events } = await fleetWorld(agents);
    expect((await go()).finished).toMatchObject(good);
    expect(ready).toEqual([
      ["a", "b", "reads"],
      ["a", "reads"],
      ["b", "last", "reads"],
    ]);
    expect(firstDifference(await events())).toBeUndefined();
  });

  test("takes no circle, no unknown need, no name twice, no unknown task or agent", async () => {
    const no = (why: string) => ({ type: "refused", why: expect.stringContaining(why) });
    const agents = new FleetAgents({
      conduct: [
        {
          turns: [
            async (fleet) => {
              expect(await fleet.addTasks([task("a", ["b"]), task("b", ["a"])])).toEqual(no("circle"));
              expect(await fleet.addTasks([task("a", ["x"])])).toEqual(no('needs "x"'));
              expect(await fleet.addTasks([task("a"), task("a")])).toEqual(no('two tasks "a"'));
              expect(await fleet.changeTask({ id: "a", status: "done" })).toEqual(no('no task "a"'));
              await fleet.addTasks([task("a")]);
              expect(await fleet.changeTask({ id: "a", status: "done", agent: "x" })).toEqual(no('no agent "x"'));
            },
          ],
        },
      ],
    });
    expect((await (await fleetWorld(agents)).go()).finished).toMatchObject(good);
  });
});

describe("what is known of agents", () => {
  test("their turns page by page, and the cost of each", async () => {
    const agents = new FleetAgents({
      conduct: [
        {
          turns: [
            send("scout"),
            ended("scout"),
            async (fleet) => void (await fleet.command("scout", "again")),
            ended("scout"),
            async (fleet) => {
              const page = await fleet.turns("scout", 1, 2);
              expect(page).toMatchObject({
                all: 4,
                turns: [
                  { turn: 2, command: 1 },
                  { turn: 3, command: 1 },
                ],
              });
              expect((await fleet.turns("scout", 3, 9))?.turns).toMatchObject([{ turn: 4, command: 2 }]);
              expect(await fleet.turns("nobody", 0, 1)).toBeUndefined();
              expect(fleet.cost()).toMatchObject({
                left: dollars(10 - 0.08),
                lines: [
                  { who: "you", spend: { turns: 4 } },
                  { who: "scout", status: "idle", spend: { turns: 4, microDollars: dollars(0.04) } },
                ],
              });
            },
          ],
        },
      ],
      "conduct:scout": [{ turns: [() => {}, () => {}, () => {}] }, {}],
    });
    expect((await (await fleetWorld(agents)).go()).finished).toMatchObject(good);
  });

  test("a wait ends when one of them does, when the time is over, and when the work is ended", async () => {
    const hanging = Promise.withResolvers<void>();
    const agents = new FleetAgents({
      conduct: [
        {
          turns: [
            send("deaf"),
            () => hanging.promise,
            (fleet) => fleet.wait(["deaf"], 5, never),
            (fleet) => fleet.wait(["deaf"], long, AbortSignal.abort()),
            send("quick"),
            (fleet) => fleet.wait(["deaf", "quick"], long, never),
            (fleet) => expect(viewOf(fleet, "quick")?.status).toBe("idle"),
          ],
        },
      ],
      "conduct:deaf": [{ end: "hang" }],
    });
    agents.onHang = () => hanging.resolve();
    expect((await (await fleetWorld(agents)).go()).finished).toMatchObject(good);
  });
});

describe("whoever goes on and is told otherwise by the model than whoever was before", () => {
  const build = send("b", "build", { agent: "builder", makes: "Change" });
  const merge: FleetTurn = async (fleet) => expect(await fleet.merge("b", never)).toMatchObject({ type: "done" });
  const again: FleetTurn = async (fleet) =>
    expect(await fleet.command("b", "mend the tests")).toMatchObject({ type: "done", number: 2 });
  const merged: FleetTurn = (fleet) => expect(viewOf(fleet, "b")).toMatchObject({ work: "merged", commands: 2 });

  /** What is recorded until the first event of this type, whose turn is not. */
  async function lost(type: RunEvent["type"], agents: FleetAgents) {
    const whole = await fleetWorld(agents);
    await whole.go();
    const events = await whole.events();
    return { run: whole.run, log: await prefixOf(events, events.findIndex(({ event }) => event.type === type) + 1) };
  }

  test.each<[string, FleetTurn[]]>([
    ["in a later turn", [again, ended("b"), merge, merged]],
    [
      "in the same turn",
      [
        async (fleet, signal) => {
          await again(fleet, signal);
          await fleet.wait(["b"], long, signal);
          await merge(fleet, signal);
          await merged(fleet, signal);
        },
      ],
    ],
  ])("has merged what it asks to have merged, %s", async (_when, otherwise) => {
    const { run, log } = await lost(
      "fleet.merged",
      new FleetAgents({ conduct: [{ turns: [build, ended("b"), merge] }] }),
    );
    const agents = new FleetAgents({ conduct: [{ turns: [build, ended("b"), ...otherwise] }], "conduct:b": [{}, {}] });
    await drive(run, fleetEngine(log, agents), never);
    const recorded = await log.read(run);
    expect(fold(recorded).finished).toMatchObject(good);
    expect(count(recorded, "fleet.merged")).toBe(2);
    expect(firstDifference(recorded)).toBeUndefined();
  });

  test("interrupts whom it asks to have interrupted", async () => {
    const scripts = (hanging: Promise<void>, ...otherwise: FleetTurn[]): Record<string, Script[]> => ({
      conduct: [{ turns: [send("b"), () => hanging, ...otherwise] }],
      "conduct:b": [{ end: "hang" }, { end: "hang" }],
    });
    const interrupt: FleetTurn = async (fleet) => {
      expect(viewOf(fleet, "b")?.status).toBe("executing");
      expect(await fleet.interrupt("b")).toMatchObject({ type: "done" });
      expect(viewOf(fleet, "b")?.status).toBe("idle");
    };
    const first = Promise.withResolvers<void>();
    const before = new FleetAgents(scripts(first.promise, interrupt));
    before.onHang = () => first.resolve();
    const { run, log } = await lost("agent.interrupted", before);
    const second = Promise.withResolvers<void>();
    const agents = new FleetAgents(scripts(Promise.resolve(), again, () => second.promise, interrupt));
    agents.onHang = () => second.resolve();
    await drive(run, fleetEngine(log, agents), never);
    const recorded = await log.read(run);
    expect(fold(recorded).finished).toMatchObject(good);
    expect(count(recorded, "agent.interrupted")).toBe(2);
  });
});

const sumOf = (lines: readonly LedgerLine[]) => lines.reduce((sum, { spend }) => sum + spend.microDollars, 0);

test("an agent whose workspace is gone again and again spends no more than it was given, and no dollar is forgotten", async () => {
  const scripts = (): Record<string, Script[]> => ({
    conduct: [
      { turns: [send("b", "build", { agent: "builder", makes: "Change", microDollars: dollars(3) }), ended("b")] },
    ],
    "conduct:b": [{ turns: Array.from({ length: 12 }, () => () => {}), cost: 1 }],
  });
  class Gone extends FleetAgents {
    override resume(...asked: Parameters<AgentRunner["resume"]>): ReturnType<AgentRunner["resume"]> {
      const [task] = asked;
      if (task.stage !== "conduct:b") return super.resume(...asked);
      return Promise.resolve({ type: "gone", why: "its workspace is not there any more" });
    }
  }
  const world = await fleetWorld(new FleetAgents(scripts()));
  await world.go();
  let events = await world.events();
  const turnsOf = (unit: string) =>
    events.flatMap(({ event, version }) => (event.type === "agent.turn" && event.stage === unit ? [version] : []));
  for (let crash = 0; crash < 3; crash += 1) {
    // Behind its first dollar of this beginning the process dies, and the next one has no workspace of it.
    const log = await prefixOf(events, turnsOf("conduct:b")[crash] ?? 0);
    await drive(world.run, fleetEngine(log, new Gone(scripts())), never);
    events = await log.read(world.run);
  }
  const state = fold(events);
  const spent = events.reduce(
    (sum, { event }) =>
      sum + (event.type === "agent.turn" && event.stage === "conduct:b" ? event.spend.microDollars : 0),
    0,
  );
  expect(state.stages.get("conduct:b")?.attempts).toHaveLength(1);
  expect(spent).toBe(dollars(3));
  expect(sumOf(ledgerOf(state))).toBe(state.spend.microDollars);
});

describe("from every prefix of its log", () => {
  const scripts = (hanging: Promise<void>): Record<string, Script[]> => ({
    conduct: [
      {
        turns: [
          async (fleet, signal) => {
            await send("scout")(fleet, signal);
            await send("builder", "build", { agent: "builder", makes: "Change" })(fleet, signal);
            await fleet.addTasks([
              { id: "parser", title: "x", instructions: "x", needs: [], claims: ["x"], acceptance: "x" },
            ]);
          },
          ended("scout"),
          ended("builder"),
          async (fleet) => {
            await fleet.changeTask({ id: "parser", status: "done", agent: "builder" });
            expect(await fleet.merge("builder", never)).toMatchObject({ type: "done" });
            expect(await fleet.command("builder", "more")).toMatchObject({ type: "done" });
          },
          ended("builder"),
          async (fleet) => expect(await fleet.merge("builder", never)).toMatchObject({ type: "done" }),
          async (fleet, signal) => {
            await send("boss")(fleet, signal);
            await fleet.delete("scout");
          },
          ended("boss"),
          send("stuck"),
          () => hanging,
          async (fleet) => expect(await fleet.interrupt("stuck")).toMatchObject({ type: "done" }),
          async (fleet) => expect(await fleet.command("stuck", "shorter")).toMatchObject({ type: "done" }),
          ended("stuck"),
        ],
      },
    ],
    "conduct:boss": [{ turns: [send("helper"), ended("helper")] }],
    "conduct:builder": [{ turns: [() => {}, () => {}] }, {}],
    "conduct:stuck": [{ end: "hang" }, {}],
  });
  const fleet = () => {
    const hanging = Promise.withResolvers<void>();
    const agents = new FleetAgents(scripts(hanging.promise));
    agents.onHang = () => hanging.resolve();
    return agents;
  };

  test("a fleet goes on to the same end, and nothing that was finished is worked again", async () => {
    const whole = await fleetWorld(fleet());
    const end = await whole.go();
    expect(end.finished).toMatchObject(good);
    const events = await whole.events();
    expect(firstDifference(events)).toBeUndefined();
    for (let length = 1; length < events.length; length += 1) {
      const log = await prefixOf(events, length);
      const done = new Set(
        events
          .slice(0, length)
          .flatMap(({ event }) => (event.type === "agent.finished" ? [`${event.stage} ${event.attempt}`] : [])),
      );
      const agents = fleet();
      await drive(whole.run, fleetEngine(log, agents), never);
      const recorded = await log.read(whole.run);
      const state = fold(recorded);
      const at = `after ${length} events (${events[length - 1]?.event.type})`;
      expect(state.finished, at).toMatchObject({ outcome: "succeeded" });
      expect(state.stages.get("conduct")?.current?.commit, at).toBe(end.stages.get("conduct")?.current?.commit);
      const again = [...agents.tasks, ...agents.resumed.map(({ task }) => task)]
        .map(({ stage, attempt }) => `${stage} ${attempt}`)
        .filter((work) => done.has(work));
      expect(again, at).toEqual([]);
      expect(sumOf(ledgerOf(state)), at).toBe(state.spend.microDollars);
      for (const type of ["agent.created", "agent.commanded", "agent.interrupted", "fleet.merged"] as const)
        expect(count(recorded, type), `${type} ${at}`).toBe(count(events, type));
      expect(firstDifference(recorded), at).toBeUndefined();
    }
  });
});
