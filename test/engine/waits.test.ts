// What holds a run without ending it: waits for the model and for GitHub, pauses, and how it goes on afterwards.
import { describe, expect, test, vi } from "vitest";
import { BatonError } from "#src/core/errors.ts";
import { dollars, microDollars, type RunId } from "#src/core/ids.ts";
import { drive } from "#src/engine/drive.ts";
import type { Engine } from "#src/engine/engine.ts";
import type { RunEvent } from "#src/engine/events.ts";
import { fold } from "#src/engine/fold.ts";
import type { EventLog } from "#src/engine/ports.ts";
import { nothingToLose } from "#src/github/subjects.ts";
import { recover } from "#src/engine/recovery.ts";
import { stageLimit } from "#src/engine/stage-limit.ts";
import { noHistory } from "#src/store/history.ts";
import {
  CountingPublisher,
  created,
  engineWith,
  HandClock,
  memoryLog,
  ScriptedAgents,
} from "#test/support/engine-world.ts";

const never = new AbortController().signal;
const by = { login: "maria", id: 7 };
const START = 1_000_000;

async function world(parts: Partial<Engine> = {}) {
  const clock = new HandClock(START);
  const log = memoryLog(clock);
  const first = created();
  await log.create(first);
  const run = first.runId;
  const engine = engineWith(log, { clock, ...parts });
  return {
    clock,
    log,
    run,
    engine,
    drive: () => drive(run, engine, never),
    state: async () => fold(await log.read(run)),
    types: async () => (await log.read(run)).map(({ event }) => event.type),
    say: (event: RunEvent) => append(log, run, event),
  };
}

async function append(log: EventLog, run: RunId, event: RunEvent): Promise<void> {
  await vi.waitFor(async () =>
    expect((await log.append(run, (await log.read(run)).length, [event])).type).toBe("appended"),
  );
}

const limited = (until?: number) =>
  ({ type: "wait", reason: "model-limit", message: "The model asks to wait.", until }) as const;

describe("a run that waits", () => {
  test("holds no worker, goes on when its time has come, and its waiting costs no time of its budget", async () => {
    const hour = 3_600_000;
    const agents = new ScriptedAgents({ fix: [limited(START + hour)] });
    agents.resumable = true;
    const { clock, drive: go, state } = await world({ agents });
    expect(await go()).toBe("waiting");
    expect((await state()).waiting).toMatchObject({ reason: "model-limit", until: START + hour });

    agents.answers["fix"] = [];
    clock.forward(hour);
    expect(await go()).toBe("ended");
    const end = await state();
    expect(end.finished?.outcome).toBe("succeeded");
    expect(end.waiting).toBeUndefined();
    expect(end.budgetFrom.at).toBe(START + hour);
  });

  test("is left waiting by a driver that comes too early", async () => {
    const agents = new ScriptedAgents({ fix: [limited(START + 1_000)] });
    const { clock, drive: go, state } = await world({ agents });
    await go();
    clock.forward(999);
    expect(await go()).toBe("waiting");
    expect((await state()).waiting?.until).toBe(START + 1_000);
    expect(agents.tasks.filter(({ stage }) => stage === "fix")).toHaveLength(1);
  });

  test("without a time goes on only when a person says so", async () => {
    const agents = new ScriptedAgents({ fix: [limited()] });
    const { clock, drive: go, say, state } = await world({ agents });
    await go();
    clock.forward(1e9);
    expect(await go()).toBe("waiting");
    agents.answers["fix"] = [];
    await say({ type: "resume.requested", by, quote: "/agent resume" });
    expect(await go()).toBe("ended");
    expect((await state()).finished?.outcome).toBe("succeeded");
  });

  test("can be stopped while it waits", async () => {
    const { drive: go, say, state } = await world({ agents: new ScriptedAgents({ fix: [limited()] }) });
    await go();
    await say({ type: "stop.requested", by, quote: "/agent stop" });
    expect(await go()).toBe("ended");
    expect((await state()).finished).toMatchObject({ outcome: "cancelled", code: "stopped" });
  });
});

describe("a stage that was left in the middle", () => {
  test("goes on from its last recorded turn when its workspace is kept: no turn is asked for twice", async () => {
    const agents = new ScriptedAgents({ fix: [limited(START)] }, 3);
    agents.resumable = true;
    const { drive: go, types } = await world({ agents });
    await go();
    agents.answers["fix"] = [];
    expect(await go()).toBe("ended");
    expect(agents.resumed).toHaveLength(1);
    expect(agents.resumed[0]).toMatchObject({ session: 1, opening: "work on fix", turnsBefore: 3 });
    expect(agents.resumed[0]?.turns.map(({ turn }) => turn)).toEqual([1, 2, 3]);
    const all = await types();
    expect(all.filter((type) => type === "stage.started")).toHaveLength(6);
    expect(all.filter((type) => type === "agent.turn")).toHaveLength(4 * 3);
  });

  test("begins the same attempt again when nothing is kept, with what is left of its turns", async () => {
    const agents = new ScriptedAgents({ fix: [limited(START)] }, 3);
    const { drive: go, state } = await world({ agents });
    await go();
    agents.answers["fix"] = [];
    await go();
    const fixes = agents.tasks.filter(({ stage }) => stage === "fix");
    expect(fixes.map(({ attempt }) => attempt)).toEqual([1, 1]);
    expect((await state()).stages.get("fix")?.attempts).toHaveLength(1);
  });

  test("what is kept of a run is forgotten at its end", async () => {
    const agents = new ScriptedAgents();
    const { run, drive: go } = await world({ agents });
    await go();
    expect(agents.forgotten).toEqual([run]);
  });
});

test("an agent whose infrastructure stumbled goes on with its conversation when it is tried again", async () => {
  const agents = new ScriptedAgents({
    fix: [new BatonError("git-failed", "the mirror is locked", { retryable: true })],
  });
  agents.resumable = true;
  const resume = agents.resume.bind(agents);
  agents.resume = (...given) => {
    agents.answers["fix"] = [];
    return resume(...given);
  };
  const { drive: go, state, types } = await world({ agents });
  expect(await go()).toBe("ended");
  expect((await state()).finished?.outcome).toBe("succeeded");
  expect(agents.resumed.map(({ turnsBefore }) => turnsBefore)).toEqual([2]);
  expect((await types()).filter((type) => type === "stage.started")).toHaveLength(6);
});

test("an agent that must begin again each time is tried no more often for it", async () => {
  const broken = new BatonError("git-failed", "the mirror is locked", { retryable: true });
  const agents = new ScriptedAgents({ fix: [broken] });
  const { drive: go, state } = await world({ agents });
  expect(await go()).toBe("waiting");
  expect((await state()).waiting?.reason).toBe("broken");
  expect(agents.tasks.filter(({ stage }) => stage === "fix")).toHaveLength(3);
});

describe("a pause", () => {
  test("reaches the agent at once, and the run goes on where it was", async () => {
    const agents = new ScriptedAgents({ fix: ["hang"] });
    const { drive: go, say, state, types } = await world({ agents });
    agents.onHang = () => void say({ type: "pause.requested", by, quote: "/agent pause" });
    expect(await go()).toBe("waiting");
    expect((await state()).paused?.by).toEqual(by);
    expect(await types()).not.toContain("agent.failed");

    agents.answers["fix"] = [];
    await say({ type: "resume.requested", by, quote: "/agent resume" });
    expect(await go()).toBe("ended");
    expect((await state()).finished?.outcome).toBe("succeeded");
    expect(agents.tasks.map(({ stage }) => stage)).toEqual(["reproduce", "diagnose", "fix", "fix", "review"]);
  });

  test("that comes while the run is being parked is not overrun by the parking", async () => {
    const { log, run, engine, state } = await world({ agents: new ScriptedAgents({ fix: [limited(START + 1)] }) });
    let paused = false;
    const racing: EventLog = {
      create: (event) => log.create(event),
      read: (id, after) => log.read(id, after),
      at: (id, versions) => log.at(id, versions),
      follow: (listener) => log.follow(listener),
      unfinished: () => log.unfinished(),
      list: (options) => log.list(options),
      endedWithin: (milliseconds) => log.endedWithin(milliseconds),
      runsOf: (repo, subject) => log.runsOf(repo, subject),
      begunOn: (...asked) => log.begunOn(...asked),
      eventsOf: (...asked) => log.eventsOf(...asked),
      unfinishedOn: (ground) => log.unfinishedOn(ground),
      append: async (id, expected, events) => {
        if (events[0]?.type === "run.parked" && !paused) {
          paused = true;
          await append(log, run, { type: "pause.requested", by, quote: "/agent pause" });
        }
        return await log.append(id, expected, events);
      },
    };
    expect(await drive(run, { ...engine, log: racing }, never)).toBe("waiting");
    expect(await state()).toMatchObject({ paused: { by }, waiting: undefined });
  });

  test("behind the opened pull request holds nothing", async () => {
    const publisher = new CountingPublisher();
    const { drive: go, say, state } = await world({ publisher });
    const open = publisher.openPullRequest.bind(publisher);
    publisher.openPullRequest = async (given) => {
      await say({ type: "pause.requested", by, quote: "/agent pause" });
      return await open(given);
    };
    expect(await go()).toBe("ended");
    expect((await state()).finished?.outcome).toBe("succeeded");
  });
});

describe("words that change what a run may do", () => {
  test("an end written by somebody else stops the agent, and nothing is written behind it", async () => {
    const agents = new ScriptedAgents({ fix: ["hang"] });
    const { drive: go, say, types } = await world({ agents });
    const end = { type: "run.finished", outcome: "cancelled", code: "restarted", message: "Begun again." } as const;
    agents.onHang = () => void say(end);
    expect(await go()).toBe("ended");
    expect((await types()).at(-1)).toBe("run.finished");
  });

  test("a budget set by a person goes before every other, before the route is known and after", async () => {
    const set = (amount: number) =>
      ({ type: "budget.changed", by, quote: `/agent budget $${amount}`, microDollars: dollars(amount) }) as const;
    const { drive: go, say, state } = await world({ agents: new ScriptedAgents({ fix: [limited()] }) });
    await say(set(0.01));
    await go();
    expect(await state()).toMatchObject({ finished: { outcome: "out-of-budget" }, budget: { microDollars: 10_000 } });
    await say(set(9));
    await say({ type: "retry.requested", by, quote: "/agent budget $9" });
    await go();
    expect(await state()).toMatchObject({ waiting: { reason: "model-limit" }, budget: { microDollars: 9_000_000 } });
  });

  test("lost ground is a named end, and it is looked for at most once a minute", async () => {
    let looks = 0;
    const lost = { type: "subject.lost", loss: "issue-transferred", message: "The issue was moved." } as const;
    const agents = new ScriptedAgents();
    const {
      clock,
      drive: go,
      state,
      engine,
    } = await world({
      agents,
      subjects: { ...nothingToLose, look: () => Promise.resolve(++looks === 1 ? undefined : lost) },
    });
    const run = agents.run.bind(agents);
    engine.agents.run = async (...given) => {
      clock.forward(31_000);
      return await run(...given);
    };
    expect(await go()).toBe("ended");
    expect((await state()).finished).toMatchObject({ outcome: "cancelled", code: "issue-transferred" });
    expect(looks).toBe(2);
    expect(agents.tasks.map(({ stage }) => stage)).toEqual(["reproduce", "diagnose", "fix", "review"]);
  });

  test("before publishing it is looked for always, however lately it was; a closed issue is no loss but an end all the same", async () => {
    for (const [news, code] of [
      [{ type: "subject.lost", loss: "base-rewritten", message: "The branch was rewritten." }, "base-rewritten"],
      [{ type: "subject.closed", by }, "issue-closed"],
    ] as const) {
      const publisher = new CountingPublisher();
      const { drive: go, state } = await world({
        publisher,
        subjects: { ...nothingToLose, look: () => Promise.resolve(news) },
      });
      expect(await go()).toBe("ended");
      expect((await state()).finished).toMatchObject({ outcome: "cancelled", code });
      expect(publisher.opened).toBe(0);
    }
  });

  test("not knowing whether the issue is still there stops nothing", async () => {
    const {
      clock,
      drive: go,
      state,
    } = await world({
      subjects: {
        ...nothingToLose,
        look: () => Promise.reject(new BatonError("github-failed", "GitHub is away", { retryable: true })),
      },
    });
    clock.forward(120_000);
    await go();
    expect((await state()).finished?.outcome).toBe("succeeded");
  });
});

describe("broken infrastructure", () => {
  const failing = (error: unknown) => {
    const publisher = new CountingPublisher();
    publisher.openPullRequest = () => Promise.reject(error);
    return world({ publisher });
  };

  test("that names a time parks the run until then", async () => {
    const { drive: go, state } = await failing(
      new BatonError("github-failed", "its rate limit is used up", { retryAt: START + 60_000 }),
    );
    expect(await go()).toBe("waiting");
    expect((await state()).waiting).toMatchObject({ reason: "github-limit", until: START + 60_000 });
  });

  test("that may pass is waited for longer and longer, and at last the run fails with its name", async () => {
    const {
      clock,
      drive: go,
      state,
    } = await failing(new BatonError("github-failed", "GitHub is away", { retryable: true }));
    const waits: number[] = [];
    for (let driven = await go(); driven === "waiting"; driven = await go()) {
      const { waiting } = await state();
      waits.push(((waiting?.until ?? 0) - clock.now()) / 60_000);
      clock.forward((waiting?.until ?? 0) - clock.now());
    }
    expect(waits).toEqual([1, 2, 4, 8, 16, 30, 30, 30]);
    expect((await state()).finished).toMatchObject({ outcome: "failed", code: "github-failed" });
  }, 20_000);

  test.each([
    ["a full disk", new BatonError("disk-full", "no space in /x"), { type: "fail", code: "disk" }],
    ["a full disk that may be freed", new BatonError("disk-full", "x", { retryable: true }), { type: "again" }],
    ["a bug", new TypeError("x is undefined"), { type: "fail", code: "internal-error" }],
    ["what cannot pass", new BatonError("not-found", "no such agent"), { type: "fail", code: "not-found" }],
    ["a full disk that stays full", new BatonError("disk-full", "x", { retryable: true }), { type: "fail" }, 3],
  ])("%s", (_, error, expected, tries = 1) => {
    expect(recover(error, { tries, parks: 0, now: START })).toMatchObject(expected);
  });

  test("a wait is never in the past", () => {
    const error = new BatonError("github-failed", "limit", { retryAt: 5 });
    expect(recover(error, { tries: 1, parks: 3, now: START })).toMatchObject({ type: "park", until: START + 1 });
  });
});

describe("the time of a stage", () => {
  const bounds = { least: "2m", most: "60m" };
  const minutes = (...times: number[]) => times.map((time) => time * 60_000);

  test.each([
    ["too few attempts tell nothing", minutes(5, 5, 5, 5), undefined],
    ["twice the mean", minutes(4, 6, 5, 5, 5), 600_000],
    ["not below the least", minutes(0.1, 0.1, 0.1, 0.1, 0.1), 120_000],
    ["not above the most", minutes(50, 50, 50, 50, 50), 3_600_000],
  ])("%s", (_, times, expected) => {
    expect(stageLimit(times, bounds)).toBe(expected);
  });

  test("is recorded with the attempt and given to its agent", async () => {
    const agents = new ScriptedAgents();
    const { drive: go, state } = await world({
      agents,
      history: {
        ...noHistory,
        stageTimes: (_, __, stage) => Promise.resolve(stage === "fix" ? minutes(2, 2, 2, 2, 2) : []),
      },
    });
    await go();
    expect((await state()).stages.get("fix")?.current?.milliseconds).toBe(240_000);
    expect(agents.tasks.map(({ limits }) => limits.milliseconds / 60_000)).toEqual([15, 15, 4, 15]);
    expect(agents.tasks[0]?.limits.microDollars).toBeLessThanOrEqual(microDollars(dollars(5)));
  });
});
