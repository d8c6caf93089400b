// Words to a run: pause, resume, budget, restart; said twice, by two at once, while it is sorted, on its pull request.
import { describe, expect, test } from "vitest";
import { systemClock } from "#src/core/clock.ts";
import { dollars } from "#src/core/ids.ts";
import { drive } from "#src/engine/drive.ts";
import { noSpend, type EventOf, type RunEvent } from "#src/engine/events.ts";
import { budgetOf } from "#src/engine/route.ts";
import type { State } from "#src/engine/state.ts";
import { bugWorkflow, commit, engineWith, goodTriage, ScriptedAgents } from "#test/support/engine-world.ts";
import { commentPayload, intakeWorld, issuePayload, type World } from "#test/support/intake-world.ts";

const ended: EventOf<"run.finished"> = { type: "run.finished", outcome: "failed", code: "turn-limit", message: "…" };
const broke: RunEvent = { ...ended, outcome: "out-of-budget", code: "budget-dollars" };
const parked: RunEvent = { type: "run.parked", reason: "model-account", message: "the spend cap is reached" };
const ada = { by: { login: "ada", id: 8 } };
const opened: RunEvent = {
  type: "pull_request.opened",
  number: 13,
  url: "u",
  branch: "b",
  head: commit(12),
  title: "t",
};

function routed(state: State): RunEvent {
  const decision = { kind: "start" as const, workflow: bugWorkflow, budget: budgetOf(state.created, bugWorkflow) };
  return { type: "run.routed", source: "model", triage: goodTriage, decision, why: "a bug", spend: noSpend };
}

async function append({ log }: World, { runId, version }: State, ...events: RunEvent[]): Promise<void> {
  expect(await log.append(runId, version, events)).toMatchObject({ type: "appended" });
}

/** A world in which a run about the issue is at work, or what `events` make of it. Maria maintains, Ada too. */
async function worldWithRun(...events: RunEvent[]): Promise<World> {
  const world = intakeWorld();
  world.reader.roles = { maria: "maintain", ada: "maintain" };
  await world.send("issue_comment", commentPayload("/agent fix only the rounding --max-time 20m"));
  const first = await world.only();
  await append(world, first, { type: "run.driven", driver: "d" }, routed(first), ...events);
  world.rung.length = 0;
  world.publisher.acknowledged.length = 0;
  return world;
}

const say = (world: World, words: string, change: Parameters<typeof commentPayload>[1] = {}, id?: string) =>
  world.send("issue_comment", commentPayload(words, change), id);

const types = async (world: World) => {
  const [run] = await world.runs();
  return run ? (await world.log.read(run.runId)).map(({ event }) => event.type) : [];
};
const count = async (world: World, type: RunEvent["type"]) => (await types(world)).filter((one) => one === type).length;

/** Handles a delivery, forgets that it did, and handles it again: a crash before the mark. */
async function twice(world: World, words: string, between: () => Promise<void> = async () => {}): Promise<void> {
  await say(world, words, {}, "again");
  await between();
  const kept = world.deliveries.kept.get("again");
  if (kept) world.deliveries.kept.set("again", { ...kept, handledAt: undefined });
  await world.intake.handle("again", AbortSignal.timeout(5_000));
}

describe("pause", () => {
  test("holds the run, and says nothing but by the reaction and the card", async () => {
    const world = await worldWithRun();
    expect(await say(world, "/agent pause")).toContain("is held");
    const run = await world.only();
    expect(run.paused).toMatchObject({ by: { login: "maria", id: 7 }, quote: "/agent pause" });
    expect(world.publisher.acknowledged).toEqual([1_000]);
    expect(world.publisher.replies).toEqual([]);
    expect(world.rung).toEqual([run.runId]);
  });

  test("while it is sorted holds it there; resumed, it is sorted", async () => {
    const world = intakeWorld();
    await say(world, "/agent fix");
    const { runId } = await world.only();
    await say(world, "/agent pause");
    const engine = engineWith(world.log, { clock: systemClock });
    expect(await drive(runId, engine, new AbortController().signal)).toBe("waiting");
    expect((await world.only()).routed).toBeUndefined();
    await say(world, "/agent resume");
    expect(await drive(runId, engine, new AbortController().signal)).toBe("ended");
    expect((await world.only()).finished).toMatchObject({ outcome: "succeeded" });
  });

  test("that changes nothing is answered: held already, being ended, over, none", async () => {
    const held = await worldWithRun();
    await say(held, "/agent pause", { by: ada.by });
    await say(held, "/agent pause");
    expect(held.publisher.only("nothing-to-do")).toMatchObject({
      why: "it is paused already, by @ada",
      next: "`/agent resume` goes on.",
    });
    const stopping = await worldWithRun({ type: "stop.requested", by: ada.by, quote: "/agent stop" });
    await say(stopping, "/agent pause");
    expect(stopping.publisher.only("nothing-to-do").why).toContain("being ended");
    const over = await worldWithRun(ended);
    await say(over, "/agent pause");
    const none = intakeWorld();
    await say(none, "/agent pause");
    expect([over.publisher.kinds, none.publisher.kinds]).toEqual([["nothing-running"], ["nothing-running"]]);
    for (const world of [stopping, over, none]) expect(await count(world, "pause.requested")).toBe(0);
  });

  test("by two at once is recorded once, and whoever was second hears of it", async () => {
    const world = await worldWithRun();
    await Promise.all([say(world, "/agent pause"), say(world, "/agent pause", { by: ada.by })]);
    expect(await count(world, "pause.requested")).toBe(1);
    expect(world.publisher.kinds).toEqual(["nothing-to-do"]);
  });

  test("handled twice is said once, even when somebody resumed it in between", async () => {
    const world = await worldWithRun();
    await twice(world, "/agent pause", async () => void (await say(world, "/agent resume", { by: ada.by })));
    expect(await count(world, "pause.requested")).toBe(1);
    expect((await world.only()).paused).toBeUndefined();
    expect(world.publisher.replies).toEqual([]);
  });

  test("three quick words of one person all count, though they came before the first was handled", async () => {
    const world = await worldWithRun();
    for (const [index, words] of ["/agent pause", "/agent resume", "/agent pause"].entries()) {
      const payload = JSON.stringify(commentPayload(words, { comment: { id: 2_000 + index } }));
      await world.deliveries.keep({ id: `quick-${index}`, name: "issue_comment", payload });
    }
    for (const index of [0, 1, 2]) await world.intake.handle(`quick-${index}`, AbortSignal.timeout(5_000));
    expect((await types(world)).slice(-3)).toEqual(["pause.requested", "resume.requested", "pause.requested"]);
    expect((await world.only()).paused).toBeDefined();
  });
});

test("a run that nobody works on is shown all the same, one at work by its driver", async () => {
  const touched: string[] = [];
  const world = intakeWorld({ projection: { touch: (run) => void touched.push(run) } });
  await say(world, "/agent fix");
  await say(world, "/agent pause");
  const { runId } = await world.only();
  expect(touched).toEqual([runId]);
  await say(world, "/agent resume");
  expect(touched).toHaveLength(2);
  await append(world, await world.only(), { type: "run.driven", driver: "d" });
  await say(world, "/agent stop");
  expect(touched).toHaveLength(2);
});

describe("resume", () => {
  test.each(["/agent resume", "/agent retry"])("%s goes on with a run that is paused or waits", async (words) => {
    for (const held of [{ type: "pause.requested", by: ada.by, quote: "/agent pause" } as const, parked]) {
      const world = await worldWithRun(held);
      await say(world, words);
      const run = await world.only();
      expect([run.paused, run.waiting]).toEqual([undefined, undefined]);
      expect(await count(world, "resume.requested")).toBe(1);
      expect(world.rung).toEqual([run.runId]);
      expect(world.publisher.replies).toEqual([]);
    }
  });

  test("with nothing to resume says so", async () => {
    const atWork = await worldWithRun();
    await say(atWork, "/agent resume");
    expect(atWork.publisher.only("nothing-to-do").why).toContain("under way");
    const over = await worldWithRun(ended);
    await say(over, "/agent resume");
    expect(over.publisher.only("nothing-running").next).toContain("`/agent retry` goes on where it ended");
    const none = intakeWorld();
    await say(none, "/agent resume");
    expect(none.publisher.only("nothing-running").next).toContain("`/agent fix` starts a run.");
    for (const world of [atWork, over, none]) expect(await count(world, "resume.requested")).toBe(0);
  });

  test("handled twice, and by two at once, is said once", async () => {
    const again = await worldWithRun(parked);
    await twice(again, "/agent resume");
    expect(again.publisher.replies).toEqual([]);
    const two = await worldWithRun(parked);
    await Promise.all([say(two, "/agent resume"), say(two, "/agent resume", { by: ada.by })]);
    for (const world of [again, two]) expect(await count(world, "resume.requested")).toBe(1);
    expect(two.publisher.kinds).toEqual(["nothing-to-do"]);
  });

  test("retry of a stage does not send a waiting run back", async () => {
    const world = await worldWithRun(parked);
    await say(world, "/agent retry fix");
    expect(world.publisher.kinds).toEqual(["already-running"]);
    expect((await world.only()).waiting).toBeDefined();
  });
});

describe("budget", () => {
  test("sets the ceiling of a run at work", async () => {
    const world = await worldWithRun();
    await say(world, "/agent budget $7.50");
    const run = await world.only();
    expect(run.budget?.microDollars).toBe(dollars(7.5));
    expect(run.raised).toBe(dollars(7.5));
    expect(world.publisher.replies).toEqual([]);
  });

  test("under what is set is answered with both figures, and with what is spent", async () => {
    const world = await worldWithRun();
    await say(world, "/agent budget $2.50");
    const { was, now, spent } = world.publisher.only("budget-lowered");
    expect([was, now, spent]).toEqual([dollars(bugWorkflow.budget.run), dollars(2.5), 0]);
    await say(world, "/agent budget $2.50");
    expect(world.publisher.replies).toHaveLength(1);
  });

  test("of a run that is sorted still counts when it is routed", async () => {
    const world = intakeWorld();
    world.reader.roles["maria"] = "maintain";
    await say(world, "/agent fix");
    await say(world, "/agent budget 2");
    const run = await world.only();
    await append(world, run, routed(run));
    expect((await world.only()).budget?.microDollars).toBe(dollars(2));
  });

  test("takes a run that is out of budget up again, in one step", async () => {
    const world = await worldWithRun(broke);
    await say(world, "/agent budget $9");
    expect((await types(world)).slice(-2)).toEqual(["budget.changed", "retry.requested"]);
    const run = await world.only();
    expect([run.phase, run.budget?.microDollars]).toEqual(["working", dollars(9)]);
    expect(world.rung).toEqual([run.runId]);
    expect(world.publisher.replies).toEqual([]);
  });

  test("of a closed issue is refused: nothing goes on there", async () => {
    const world = await worldWithRun(broke);
    if (world.reader.found) world.reader.found = { ...world.reader.found, state: "closed" };
    await say(world, "/agent budget $9");
    expect(world.publisher.only("refused").why).toBe("the issue is closed");
    expect((await world.only()).phase).toBe("finished");
  });

  test.each([
    ["/agent budget", "`$3` or `3.50`"],
    ["/agent budget lots", "not `lots`"],
    ["/agent budget $0", "from 0.01 to 1000"],
    ["/agent budget 5000", "not `5000`"],
    ["/agent budget -3", "not `-3`"],
  ])("%s is not an amount", async (words, problem) => {
    const world = await worldWithRun();
    await say(world, words);
    expect(world.publisher.only("invalid-flags").problems.join()).toContain(problem);
    expect(await count(world, "budget.changed")).toBe(0);
  });

  test("above the repository's own is refused with the number and the place", async () => {
    for (const end of [[], [broke]]) {
      const world = await worldWithRun(...end);
      world.reader.files[".github/baton.yml"] = "budget: { run: 8 }";
      await say(world, "/agent budget $8.01");
      const no = world.publisher.only("refused");
      expect(no.why).toContain("$8.00");
      expect(no.next).toMatch(/`budget\.run` in `\.github\/baton\.yml`.*`\/agent budget \$8\.00`/);
      await say(world, "/agent budget $8");
      expect(await count(world, "budget.changed")).toBe(1);
    }
  });

  test("under a broken config is not taken: the law is not known", async () => {
    const world = await worldWithRun();
    world.reader.files[".github/baton.yml"] = "budget: { rum: 8 }";
    await say(world, "/agent budget $800");
    expect(world.publisher.kinds).toEqual(["config-broken"]);
    expect(await count(world, "budget.changed")).toBe(0);
  });

  test("is a maintainer's word", async () => {
    const world = await worldWithRun(broke);
    world.reader.roles["maria"] = "write";
    await say(world, "/agent budget $9");
    expect(world.publisher.only("refused").why).toContain("needs maintain");
    expect((await world.only()).phase).toBe("finished");
  });

  test("of a run that ended otherwise starts nothing", async () => {
    const world = await worldWithRun(ended);
    await say(world, "/agent budget $9");
    expect(world.publisher.kinds).toEqual(["nothing-running"]);
    expect(await count(world, "budget.changed")).toBe(0);
  });

  test("handled twice takes it up once, even when it has ended again meanwhile", async () => {
    const world = await worldWithRun(broke);
    await twice(world, "/agent budget $9", async () => append(world, await world.only(), broke));
    expect(await count(world, "budget.changed")).toBe(1);
    expect((await world.only()).phase).toBe("finished");
    expect(world.publisher.replies).toEqual([]);
  });

  test("by two at once takes it up once; both amounts are recorded in their order", async () => {
    const world = await worldWithRun(broke);
    await Promise.all([say(world, "/agent budget $9"), say(world, "/agent budget $11", { by: ada.by })]);
    expect(await count(world, "retry.requested")).toBe(1);
    expect(await count(world, "budget.changed")).toBe(2);
    expect((await world.only()).budget?.microDollars).toBe(dollars(11));
  });
});

describe("restart", () => {
  const now = { issue: { title: "Splitting loses two cents", body: "Edited." } };

  test("ends the run at work and begins one with the text as it is now, as it was asked for", async () => {
    const world = await worldWithRun();
    const note = await say(world, "/agent restart", now);
    const [fresh, old] = await world.runs();
    expect(note).toContain(`${fresh?.runId} started`);
    expect(old?.finished).toMatchObject({ outcome: "cancelled", code: "restarted" });
    expect(fresh?.created).toMatchObject({
      wanted: "work",
      ceilings: { minutes: 20 },
      request: { quote: "/agent restart", commentId: 1_000 },
      input: { title: "Splitting loses two cents", body: "Edited.", instruction: "only the rounding" },
    });
    expect(world.rung).toEqual([fresh?.runId]);
    expect(world.publisher.replies).toEqual([]);
  });

  test("what it says goes before what was asked first", async () => {
    const world = await worldWithRun();
    await say(world, "/agent restart the tips too --max-time 5m --budget $2 --workflow bug");
    expect((await world.runs())[0]?.created).toMatchObject({
      workflow: "bug",
      ceilings: { minutes: 5, dollars: 2 },
      input: { instruction: "the tips too" },
    });
  });

  test("of an ended run begins anew; with none there is nothing to begin again", async () => {
    const world = await worldWithRun(ended);
    await say(world, "/agent restart", now);
    const [fresh, old] = await world.runs();
    expect(fresh?.phase).toBe("routing");
    expect(old?.finished?.code).toBe("turn-limit");
    const none = intakeWorld();
    await say(none, "/agent restart");
    expect(none.publisher.only("nothing-running").next).toContain("`/agent fix` starts a run.");
    expect(await none.runs()).toEqual([]);
  });

  test.each(["closed", "locked", "broken config", "unknown workflow", "open pull request"])(
    "that is refused (%s) leaves the run alone",
    async (why) => {
      const world = await worldWithRun();
      const { found } = world.reader;
      if (found && why === "closed") world.reader.found = { ...found, state: "closed" };
      if (found && why === "locked") world.reader.found = { ...found, locked: true };
      if (why === "broken config") world.reader.files[".github/baton.yml"] = "budget: { rum: 8 }";
      if (why === "open pull request") world.reader.closing.push(77);
      await say(world, `/agent restart${why === "unknown workflow" ? " --workflow nonsense" : ""}`);
      expect(world.publisher.replies).toHaveLength(1);
      expect((await world.only()).phase).toBe("working");
    },
  );

  test("handled twice, or after a crash in the middle, begins one run", async () => {
    const world = await worldWithRun();
    await twice(world, "/agent restart");
    expect(await world.runs()).toHaveLength(2);

    const crashed = await worldWithRun();
    const create = crashed.log.create.bind(crashed.log);
    crashed.log.create = () => Promise.reject(new Error("the process died here"));
    await expect(say(crashed, "/agent restart", {}, "crash")).rejects.toThrow("died");
    crashed.log.create = create;
    expect((await crashed.only()).finished?.code).toBe("restarted");
    await crashed.intake.handle("crash", AbortSignal.timeout(5_000));
    const [fresh, old] = await crashed.runs();
    expect([fresh?.phase, old?.phase]).toEqual(["routing", "finished"]);
    expect(fresh?.created.input.instruction).toBe("only the rounding");
  });

  test("by two at once: the second restarts what the first began, and one run is at work", async () => {
    const world = await worldWithRun();
    await Promise.all([say(world, "/agent restart"), say(world, "/agent restart", { by: ada.by })]);
    const runs = await world.runs();
    expect(runs.map(({ finished }) => finished?.code)).toEqual([undefined, "restarted", "restarted"]);
  });

  test("reaches the agent at work: its driver stops, and records nothing more of it", async () => {
    const world = intakeWorld();
    await say(world, "/agent fix");
    const { runId } = await world.only();
    const agents = new ScriptedAgents({ reproduce: ["hang"] });
    const hung = new Promise<void>((resolve) => (agents.onHang = resolve));
    const driven = drive(runId, engineWith(world.log, { agents }), new AbortController().signal);
    await hung;
    await say(world, "/agent restart");
    expect(await driven).toBe("ended");
    expect((await world.log.read(runId)).at(-1)?.event).toMatchObject({ type: "run.finished", code: "restarted" });
    expect((await world.runs()).map(({ phase }) => phase)).toEqual(["routing", "finished"]);
  });

  test("while it is sorted ends it: what triage finds afterwards does not open it again", async () => {
    const world = intakeWorld();
    await say(world, "/agent fix");
    const { runId } = await world.only();
    const begun = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    const triager = {
      async triage() {
        begun.resolve();
        await go.promise;
        return { source: "model" as const, triage: goodTriage, why: "a bug", spend: noSpend };
      },
    };
    const driven = drive(runId, engineWith(world.log, { triager }), new AbortController().signal);
    await begun.promise;
    await say(world, "/agent restart");
    go.resolve();
    expect(await driven).toBe("ended");
    const [, old] = await world.runs();
    expect([old?.phase, old?.finished?.code]).toEqual(["finished", "restarted"]);
  });
});

test("a run that is restarted the moment it would wait, or end, only ends restarted", async () => {
  for (const answer of [
    { type: "wait", reason: "model-account", message: "the spend cap is reached" } as const,
    { code: "turn-limit", message: "too long" } as const,
  ]) {
    const world = intakeWorld();
    await say(world, "/agent fix");
    const { runId } = await world.only();
    const append = world.log.append.bind(world.log);
    world.log.append = async (run, expected, events) => {
      const [event] = events;
      if (run === runId && (event?.type === "run.parked" || event?.type === "agent.failed")) {
        world.log.append = append;
        await say(world, "/agent restart");
      }
      return append(run, expected, events);
    };
    const engine = engineWith(world.log, { agents: new ScriptedAgents({ reproduce: [answer] }), clock: systemClock });
    expect(await drive(runId, engine, new AbortController().signal)).toBe("ended");
    expect((await world.log.read(runId)).at(-1)?.event).toMatchObject({ type: "run.finished", code: "restarted" });
  }
});

describe("on the pull request of a run", () => {
  const onPull = (world: World) => {
    if (world.reader.found) world.reader.found = { ...world.reader.found, isPull: true, body: "…\n\nCloses #12" };
    return { issue: { number: 13, pull_request: {} } };
  };

  test("words reach the run that opened it", async () => {
    const world = await worldWithRun(opened, { type: "retry.requested", by: ada.by, quote: "/agent retry" });
    const at = onPull(world);
    await say(world, "/agent pause", at);
    expect((await world.only()).paused).toBeDefined();
    await say(world, "/agent budget $6", at);
    await say(world, "/agent resume", at);
    const run = await world.only();
    expect([run.paused, run.raised]).toEqual([undefined, dollars(6)]);
    expect(world.publisher.replies).toEqual([]);
  });

  test("restart is sent to the issue, and nothing is ended", async () => {
    const world = await worldWithRun(opened);
    await say(world, "/agent restart", onPull(world));
    expect(world.publisher.only("refused").next).toContain("write `/agent restart` there");
    expect((await world.only()).phase).toBe("working");
  });
});

describe("news of the issue", () => {
  test("an edit of the text is told to the run once, a changed label or a finished run never", async () => {
    const world = await worldWithRun();
    const edit = { ...issuePayload("edited"), changes: { body: { from: "before" } } };
    await world.send("issues", { ...edit, changes: {} });
    expect((await world.only()).edited).toBe(false);
    await world.send("issues", edit);
    await world.send("issues", { ...edit, changes: { title: { from: "x" } } });
    expect((await world.only()).edited).toBe(true);
    expect(await count(world, "subject.edited")).toBe(1);
    const over = await worldWithRun(ended);
    await over.send("issues", edit);
    expect(await count(over, "subject.edited")).toBe(0);
  });

  test.each([
    ["deleted", "issue-gone", "deleted issue #12"],
    ["locked", "issue-locked", "@maria locked the conversation"],
    ["transferred", "issue-transferred", "moved the issue to octo/other#3"],
  ])("%s is a loss, told once", async (action, loss, words) => {
    const world = await worldWithRun();
    const changes = { new_issue: { number: 3 }, new_repository: { full_name: "octo/other" } };
    await world.send("issues", { ...issuePayload(action), changes });
    await world.send("issues", { ...issuePayload(action), changes });
    const run = await world.only();
    expect(run.lost).toMatchObject({ loss, message: expect.stringContaining(words) });
    expect(await count(world, "subject.lost")).toBe(1);
    expect(world.rung).toEqual([run.runId, run.runId]);
    expect(await drive(run.runId, engineWith(world.log), new AbortController().signal)).toBe("ended");
    expect((await world.only()).finished).toMatchObject({ outcome: "cancelled", code: loss });
  });

  test.each(["unlocked", "reopened", "pinned"])("%s starts nothing", async (action) => {
    const world = await worldWithRun(ended);
    expect(await world.send("issues", issuePayload(action))).toContain("nothing is done");
    expect((await world.only()).phase).toBe("finished");
  });
});

describe("news of the ground", () => {
  const sender = { login: "ada", id: 8, type: "User" };
  const installation = { id: 5, account: { login: "octo", id: 2 } };
  const repository = { id: 1, full_name: "octo/tab" };

  test.each([
    ["repository", { action: "archived", repository, sender, installation }, "repository-archived"],
    ["repository", { action: "deleted", repository, sender, installation }, "repository-gone"],
    ["installation", { action: "suspend", installation, sender }, "installation-suspended"],
    ["installation", { action: "deleted", installation, sender }, "installation-removed"],
    [
      "installation_repositories",
      { action: "removed", installation, sender, repositories_removed: [{ id: 9 }, { id: 1 }] },
      "installation-removed",
    ],
  ])("%s %o ends the runs on it", async (name, payload, loss) => {
    const world = await worldWithRun({ type: "pause.requested", by: ada.by, quote: "/agent pause" });
    await say(world, "/agent fix", { issue: { number: 13 } });
    await say(world, "/agent fix", { issue: { number: 14 } });
    const [third] = await world.runs(14);
    if (third) await append(world, third, ended);
    await world.send(name, payload);
    const [first, second, over] = [await world.only(), (await world.runs(13))[0], (await world.runs(14))[0]];
    expect([first.lost?.loss, second?.lost?.loss, over?.lost]).toEqual([loss, loss, undefined]);
    expect(first.lost?.message).toContain("@ada");
  });

  test.each([
    ["repository", { action: "renamed", repository, sender, installation }],
    ["repository", { action: "archived", repository: { id: 2 }, sender, installation }],
    ["repository", { action: "unarchived", repository, sender, installation }],
    ["installation", { action: "unsuspend", installation, sender }],
    ["installation", { action: "suspend", installation: { id: 6 }, sender }],
    ["installation", { action: "suspend", sender }],
    ["installation_repositories", { action: "removed", installation, sender, repositories_removed: [{ id: 9 }] }],
    ["installation_repositories", { action: "added", installation, sender, repositories_added: [{ id: 1 }] }],
  ])("%s %o takes nothing from them", async (name, payload) => {
    const world = await worldWithRun();
    await world.send(name, payload);
    expect((await world.only()).lost).toBeUndefined();
  });
});
