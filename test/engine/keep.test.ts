// However a run ends without its pull request: what is finished of it is put on a branch before, what the guards refuse never is, and a try
// that succeeds takes the branch away.
import { describe, expect, test, vi } from "vitest";
import { BatonError } from "#src/core/errors.ts";
import { dollars, type RunId } from "#src/core/ids.ts";
import { firstDifference } from "#src/engine/agree.ts";
import { drive, type Driven } from "#src/engine/drive.ts";
import type { Engine } from "#src/engine/engine.ts";
import type { EventOf, GateResult, RecordedEvent, RunEvent } from "#src/engine/events.ts";
import { fold } from "#src/engine/fold.ts";
import type { Gates, GateRequest } from "#src/engine/ports.ts";
import type { State } from "#src/engine/state.ts";
import type { Workflow } from "#src/workflows/schema.ts";
import {
  bugWorkflow,
  commit,
  commitNamed,
  CountingPublisher,
  created,
  engineWith,
  featureWorkflow,
  gate,
  HandClock,
  memoryLog,
  ScriptedAgents,
  ScriptedGates,
  ScriptedMerges,
} from "#test/support/engine-world.ts";
import { FleetAgents, fleetEngine, fleetWorld, prefixOf } from "#test/support/fleet-world.ts";

const never = new AbortController().signal;
const by = { login: "maria", id: 7 };
const stop = { type: "stop.requested", by, quote: "/agent stop" } as const;
const retry = { type: "retry.requested", by, quote: "/agent retry" } as const;
const approved: EventOf<"plan.judged"> = {
  type: "plan.judged",
  by,
  quote: "/agent approve",
  stage: "approve",
  verdict: "approved",
  words: "",
};

interface World {
  readonly run: RunId;
  readonly publisher: CountingPublisher;
  readonly go: () => Promise<State>;
  readonly drive: () => Promise<Driven>;
  readonly say: (event: RunEvent) => Promise<void>;
  readonly events: () => Promise<RecordedEvent[]>;
}

async function world(
  parts: Partial<Engine> & { publisher?: CountingPublisher; workflow?: Workflow } = {},
  event: Partial<EventOf<"run.created">> = {},
): Promise<World> {
  const { workflow = featureWorkflow, publisher = new CountingPublisher(), ...rest } = parts;
  const log = memoryLog(rest.clock);
  const first = created({ workflow: workflow.name, ...event });
  await log.create(first);
  const run = first.runId;
  const workflows = { load: () => Promise.resolve(workflow), names: () => [workflow.name] };
  const engine = engineWith(log, { workflows, publisher, ...rest });
  const say = async (what: RunEvent) => {
    await vi.waitFor(async () => {
      const { length } = await log.read(run);
      expect((await log.append(run, length, [what])).type).toBe("appended");
    });
  };
  return {
    run,
    publisher,
    events: () => log.read(run),
    drive: () => drive(run, engine, never),
    async go() {
      await drive(run, engine, never);
      return fold(await log.read(run));
    },
    say,
  };
}

/** A feature run whose plan is approved, driven to its end. */
async function built(...given: Parameters<typeof world>): Promise<World & { state: State }> {
  const w = await world(...given);
  await w.go();
  await w.say(approved);
  return { ...w, state: await w.go() };
}

const ending = (state: State) => `${state.finished?.outcome}: ${state.finished?.code}`;
const merged = (into: string, theirs: string) => commitNamed(`${into} ${commitNamed(theirs)}`);
const base = commit(0);
/** The commit that holds the first task alone. */
const parserAlone = merged(base, "build:parser 1");

/** Agents of which the second task hangs until `act` has ended it. */
async function whileHanging(act: (w: World) => Promise<void>, parts: Parameters<typeof world>[0] = {}) {
  const agents = new ScriptedAgents({ "build:printer": ["hang"] });
  const hanging = Promise.withResolvers<void>();
  agents.onHang = () => hanging.resolve();
  const w = await world({ agents, ...parts });
  await w.go();
  await w.say(approved);
  const going = w.go();
  await hanging.promise;
  await act(w);
  return { ...w, state: await going };
}

describe("finished tasks are on a branch before the run ends, when it", () => {
  test("fails", async () => {
    const failure = { code: "model-refused", message: "no" } as const;
    const agents = new ScriptedAgents({ "build:printer": [failure, failure] });
    const { state, publisher, events } = await built({ agents });
    expect(ending(state)).toBe("failed: tasks-failed");
    expect(publisher.kept).toMatchObject([{ head: parserAlone, holds: ["build:parser"], part: undefined }]);
    expect(state.kept).toMatchObject({ branches: [{ branch: "baton/issue-12-split-kept" }], missing: [] });
    expect((await events()).slice(-2).map(({ event }) => event.type)).toEqual(["work.kept", "run.finished"]);
    expect(firstDifference(await events())).toBeUndefined();
  });

  test("is stopped by a person", async () => {
    const { state, publisher, events } = await whileHanging(({ say }) => say(stop));
    expect(ending(state)).toBe("cancelled: stopped");
    // It was done and not merged: the wave was not over.
    expect(publisher.kept).toMatchObject([{ head: parserAlone, holds: ["build:parser"] }]);
    expect(firstDifference(await events())).toBeUndefined();
  });

  test("is ended with its issue", async () => {
    const { state, publisher } = await whileHanging(({ say }) => say({ type: "subject.closed", by }));
    expect(ending(state)).toBe("cancelled: issue-closed");
    expect(publisher.kept).toHaveLength(1);
  });

  test("runs out of budget", async () => {
    const { state, publisher } = await built({}, { ceilings: { dollars: 0.09 } });
    expect(ending(state)).toBe("out-of-budget: budget-dollars");
    expect(publisher.kept).toHaveLength(1);
    expect(publisher.kept[0]?.holds).toEqual(["build:parser", "build:printer"]);
  });

  test("times out", async () => {
    const clock = new HandClock();
    const { state, publisher } = await whileHanging(
      async ({ say }) => {
        clock.forward(3 * 3_600_000);
        await say({ type: "budget.changed", by, quote: "/agent budget $9", microDollars: dollars(9) });
      },
      { clock },
    );
    expect(ending(state)).toBe("timed-out: budget-time");
    expect(publisher.kept).toMatchObject([{ holds: ["build:parser"] }]);
  });

  test("needs a person for a conflict: both sides, each on a branch", async () => {
    const no = gate("resolved", false, "markers");
    const { state, publisher, events } = await built({
      merges: new ScriptedMerges([commitNamed("build:printer 1")]),
      gates: new ScriptedGates({ resolved: [no, no] }),
    });
    expect(ending(state)).toBe("needs-a-decision: merge-conflict");
    expect(publisher.kept).toMatchObject([
      { head: parserAlone, holds: ["build:parser"], part: undefined },
      { head: commitNamed("build:printer 1"), holds: ["build:printer"], part: "printer" },
    ]);
    expect(state.kept?.branches.map(({ branch }) => branch)).toEqual([
      "baton/issue-12-split-kept",
      "baton/issue-12-split-kept-of-printer",
    ]);
    expect(firstDifference(await events())).toBeUndefined();
  });

  test("ends by something that GitHub refused", async () => {
    const publisher = new CountingPublisher();
    publisher.refusal = { code: "branch-protected", message: "not here" };
    const { state, events } = await built({ publisher });
    expect(ending(state)).toBe("failed: branch-protected");
    expect(publisher.kept).toMatchObject([{ head: commitNamed("finish 1"), holds: ["build", "finish"] }]);
    expect(firstDifference(await events())).toBeUndefined();
  });

  test("has checks that said no too often: the work they saw, for whoever decides", async () => {
    const no = gate("baseline", false, "breaks-tests");
    const { state, publisher } = await built({ gates: new ScriptedGates({ baseline: [no, no, no] }) });
    expect(ending(state)).toBe("needs-a-decision: breaks-tests");
    expect(publisher.kept).toMatchObject([{ head: commitNamed("finish 3"), holds: ["build", "finish"] }]);
  });

  test("is stopped while an agent conducts: what it merged, and what it did not come to merge", async () => {
    const hanging = Promise.withResolvers<void>();
    const create = (id: string) => ({
      id,
      agent: "builder",
      makes: "Change" as const,
      instructions: "",
      fromConflict: false,
    });
    const agents = new FleetAgents({
      conduct: [
        {
          turns: [
            async (fleet, signal) => {
              for (const id of ["one", "two", "three"]) {
                await fleet.create(create(id));
                await fleet.command(id, "build");
              }
              for (const id of ["one", "two", "three"]) await fleet.wait([id], 60_000, signal);
              await fleet.merge("one", signal);
              await fleet.delete("three");
            },
          ],
          end: "hang",
        },
      ],
    });
    agents.onHang = () => hanging.resolve();
    const publisher = new CountingPublisher();
    const w = await fleetWorld(agents, { publisher });
    const going = w.go();
    await hanging.promise;
    await vi.waitFor(async () => {
      const { length } = await w.events();
      expect((await w.log.append(w.run, length, [stop])).type).toBe("appended");
    });
    expect(ending(await going)).toBe("cancelled: stopped");
    expect(publisher.kept).toMatchObject([{ holds: ["conduct:one", "conduct:two", "conduct:three"] }]);
  });

  test("is stopped when an agent that conducts has begun again: what it had merged, of agents that are gone", async () => {
    const hanging = Promise.withResolvers<void>();
    const agents = new FleetAgents({
      conduct: [
        {
          turns: [
            async (fleet, signal) => {
              for (const id of ["one", "two"]) {
                await fleet.create({ id, agent: "builder", makes: "Change", instructions: "", fromConflict: false });
                await fleet.command(id, "build");
                await fleet.wait([id], 60_000, signal);
              }
              await fleet.merge("one", signal);
            },
          ],
          end: "hang",
        },
      ],
    });
    agents.onHang = () => hanging.resolve();
    const first = await fleetWorld(agents);
    const going = first.go();
    await hanging.promise;
    const events = await first.events();
    const log = await prefixOf(events, events.length);
    const again: RunEvent = { type: "stage.started", stage: "conduct", attempt: 1, reasons: [] };
    expect((await log.append(first.run, events.length, [again, stop])).type).toBe("appended");
    expect((await first.log.append(first.run, events.length, [stop])).type).toBe("appended");
    await going;

    const publisher = new CountingPublisher();
    await drive(first.run, fleetEngine(log, agents, { publisher }), never);
    const state = fold(await log.read(first.run));
    expect(ending(state)).toBe("cancelled: stopped");
    const head = merged(base, "conduct:one 1");
    expect(publisher.kept).toMatchObject([{ head, holds: ["conduct:one"] }]);
    expect(state.kept).toMatchObject({ branches: [{ holds: ["conduct:one"] }], missing: [] });
  });
});

describe("nothing is kept", () => {
  test("where nothing was finished", async () => {
    const agents = new ScriptedAgents({ plan: ["hang"] });
    const hanging = Promise.withResolvers<void>();
    agents.onHang = () => hanging.resolve();
    const { go, say, publisher, events } = await world({ agents });
    const going = go();
    await hanging.promise;
    await say(stop);
    expect(ending(await going)).toBe("cancelled: stopped");
    expect(publisher.kept).toEqual([]);
    expect((await events()).some(({ event }) => event.type === "work.kept")).toBe(false);
  });

  test.each([
    ["a run that succeeds", {}],
    ["a dry run", { dryRun: true }],
  ])("of %s", async (_, event) => {
    const { state, publisher } = await built({}, event);
    expect(state.finished?.outcome).toBe("succeeded");
    expect(publisher.kept).toEqual([]);
  });

  test("where the ground is lost", async () => {
    const message = "The repository is archived.";
    const { state, publisher } = await whileHanging(({ say }) =>
      say({ type: "subject.lost", loss: "repository-archived", message }),
    );
    expect(ending(state)).toBe("cancelled: repository-archived");
    expect(publisher.kept).toEqual([]);
  });

  test("where GitHub says so when it is to be published", async () => {
    const publisher = new CountingPublisher();
    publisher.refusal = { code: "repository-archived", message: "archived" };
    const { state } = await built({ publisher });
    expect(ending(state)).toBe("cancelled: repository-archived");
    expect(publisher.kept).toEqual([]);
  });
});

describe("what may not be published is not kept", () => {
  /** Gates that say no to one commit. */
  class Against implements Gates {
    readonly no: GateResult;
    readonly head: string;
    constructor(no: GateResult, head: string) {
      this.no = no;
      this.head = head;
    }
    check({ gate: name, head }: GateRequest): Promise<GateResult> {
      return Promise.resolve(head === this.head && name === this.no.gate ? this.no : gate(name, true));
    }
  }

  test.each(["scope", "integrity"] as const)(
    "by %s: what was there before is, and the refusal is named",
    async (name) => {
      const { go, publisher, events } = await world({
        workflow: bugWorkflow,
        gates: new (class extends Against {
          override check(request: GateRequest) {
            // Whatever the fixer does is out of bounds; the reproduction is not.
            return request.head === commit(1)
              ? Promise.resolve(gate(request.gate, true))
              : super.check({ ...request, head: commit(5) });
          }
        })(gate(name, false, "bad"), commit(5)),
      });
      const state = await go();
      expect(ending(state)).toBe("needs-a-decision: bad");
      expect(publisher.kept).toMatchObject([{ head: commit(1), holds: ["reproduce"] }]);
      expect(publisher.kept[0]?.gates.map((result) => [result.gate, result.passed])).toEqual([
        ["scope", true],
        ["integrity", true],
      ]);
      expect(state.kept?.missing).toEqual([{ what: "fix", why: `${name}: ${name} is bad` }]);
      expect(firstDifference(await events())).toBeUndefined();
    },
  );

  test("one part that is refused does not take the others with it", async () => {
    const failure = { code: "model-refused", message: "no" } as const;
    const agents = new ScriptedAgents({ "build:wiring": [failure, failure] });
    const both = commitNamed(`${parserAlone} ${commitNamed("build:printer 1")}`);
    const w = await whileHangingWiring(agents, new Against(gate("integrity", false, "test-deleted"), both));
    expect(w.publisher.kept).toMatchObject([{ head: parserAlone, holds: ["build:parser"] }]);
    expect(w.state.kept?.missing).toEqual([{ what: "build:printer", why: "integrity: integrity is test-deleted" }]);
  });

  /** Stopped in the first wave when both of its tasks are done, and a third of it is not. */
  async function whileHangingWiring(agents: ScriptedAgents, gates: Gates) {
    const hanging = Promise.withResolvers<void>();
    agents.answers["build:wiring"] = ["hang"];
    agents.onHang = () => hanging.resolve();
    const w = await world({ agents, gates });
    await w.go();
    const plan = fold(await w.events()).stages.get("plan")?.current?.artifact;
    if (plan?.name !== "Plan") throw new Error("no plan");
    const tasks = plan.value.tasks.map((task) => ({ ...task, needs: [] }));
    await w.say({ ...approved, plan: { ...plan.value, tasks } });
    const going = w.go();
    await hanging.promise;
    await vi.waitFor(async () =>
      expect(
        (await w.events()).filter(({ event }) => event.type === "agent.finished" && event.stage.startsWith("build:")),
      ).toHaveLength(2),
    );
    await w.say(stop);
    return { ...w, state: await going };
  }

  test("by the publisher: the run ends as it would have, and says why there is no branch", async () => {
    const publisher = new CountingPublisher();
    publisher.keepRefusal = { code: "no-permission", message: "Baton may not write here." };
    const { state } = await whileHanging(({ say }) => say(stop), { publisher });
    expect(ending(state)).toBe("cancelled: stopped");
    expect(state.kept).toMatchObject({
      branches: [],
      missing: [{ what: "build:parser", why: "Baton may not write here." }],
    });
  });
});

describe("while GitHub is away", () => {
  class Away extends CountingPublisher {
    away = true;
    tries = 0;
    override keep(...given: Parameters<CountingPublisher["keep"]>) {
      this.tries += 1;
      if (!this.away) return super.keep(...given);
      return Promise.reject(new BatonError("github-failed", "GitHub is away", { retryable: true, retryAt: 2_000_000 }));
    }
  }

  test("the end waits for it, without a worker, a stop as well", async () => {
    const publisher = new Away();
    const clock = new HandClock();
    const w = await whileHanging(({ say }) => say(stop), { publisher, clock });
    expect(w.state.finished).toBeUndefined();
    expect(w.state.waiting).toMatchObject({ reason: "github-limit", until: 2_000_000 });
    expect(publisher.tries).toBe(1);
    expect(await w.drive()).toBe("waiting");
    expect(publisher.tries).toBe(1);
    publisher.away = false;
    clock.forward(2_000_000);
    const state = await w.go();
    expect(ending(state)).toBe("cancelled: stopped");
    expect(publisher.kept).toHaveLength(1);
    expect(firstDifference(await w.events())).toBeUndefined();
  });

  test("for good, the run ends all the same, and says what is on no branch", async () => {
    const publisher = new CountingPublisher();
    publisher.keep = () => Promise.reject(new BatonError("git-failed", "the mirror is broken"));
    const { state } = await whileHanging(({ say }) => say(stop), { publisher });
    expect(ending(state)).toBe("cancelled: stopped");
    expect(state.kept?.missing).toEqual([{ what: "build:parser", why: "the mirror is broken" }]);
  });
});

describe("a retry", () => {
  test("that succeeds takes the branch away, and an end that comes again puts it there again", async () => {
    const failure = { code: "model-refused", message: "no" } as const;
    const agents = new ScriptedAgents({ "build:printer": [failure, failure, failure, failure] });
    const w = await built({ agents });
    await w.say(retry);
    const again = await w.go();
    expect(ending(again)).toBe("failed: tasks-failed");
    expect(w.publisher.kept).toHaveLength(2);
    expect(w.publisher.removed).toEqual([]);
    await w.say(retry);
    const state = await w.go();
    expect(ending(state)).toBe("succeeded: verified");
    expect(w.publisher.kept).toHaveLength(2);
    expect(w.publisher.removed).toMatchObject([{ branch: "baton/issue-12-split-kept" }]);
    expect(state.kept?.branches).toEqual([]);
    expect((await w.events()).slice(-2).map(({ event }) => event.type)).toEqual(["kept.removed", "run.finished"]);
    expect(firstDifference(await w.events())).toBeUndefined();
  });

  test("succeeds although the branch cannot be removed", async () => {
    const publisher = new CountingPublisher();
    const w = await whileHanging(({ say }) => say(stop), { publisher });
    await w.say(retry);
    publisher.removeKept = () => Promise.reject(new BatonError("git-failed", "broken"));
    const state = await w.go();
    expect(ending(state)).toBe("succeeded: verified");
    expect(state.kept?.left).toEqual([{ branch: "baton/issue-12-split-kept", why: "broken" }]);
  });
});

test("every prefix of a run that kept its work ends the same, with the work kept", async () => {
  const { events, run, state } = await whileHanging(({ say }) => say(stop));
  const all = await events();
  const said = all.findIndex(({ event }) => event.type === "stop.requested");
  for (let length = said + 1; length <= all.length; length += 1) {
    const log = await prefixOf(all, length);
    const publisher = new CountingPublisher();
    await drive(run, engineWith(log, { publisher }), never);
    const again = fold(await log.read(run));
    expect(ending(again)).toBe("cancelled: stopped");
    expect(again.kept).toEqual(state.kept);
  }
});
