// Words to a run that asks: approve, reject, tell, and an edit of the plan itself; who may, when they change nothing, and said twice.
import { describe, expect, test } from "vitest";
import { systemClock } from "#src/core/clock.ts";
import { askKey, askMarker, openAsks, planMarker } from "#src/engine/asks.ts";
import { drive } from "#src/engine/drive.ts";
import type { EventOf, RunEvent } from "#src/engine/events.ts";
import { planBlock, printPlan } from "#src/engine/plan-text.ts";
import type { State } from "#src/engine/state.ts";
import type { Plan } from "#src/workflows/artifacts.ts";
import type { Workflow } from "#src/workflows/schema.ts";
import { featureWith } from "#test/support/asked-run.ts";
import { commit, engineWith, featureWorkflow, samplePlan, ScriptedAgents } from "#test/support/engine-world.ts";
import { commentPayload, intakeWorld, maria, self, type World } from "#test/support/intake-world.ts";

const ada = { login: "ada", id: 8 };
const now = () => new Date().toISOString();
const say = (world: World, words: string, change: Parameters<typeof commentPayload>[1] = {}, id?: string) =>
  world.send(
    "issue_comment",
    commentPayload(words, { ...change, comment: { created_at: now(), ...change.comment } }),
    id,
  );

interface Asking extends World {
  /** Drives the run until nothing is left to do without a person. */
  go(): Promise<State>;
  readonly agents: ScriptedAgents;
}

/** The comment in which the first attempt is asked about; words have the id 1,000 where a test says nothing else. */
const ASKED_IN = 900;

/** Records a comment of Baton's as the publisher does. */
async function post({ outbox }: World, key: string, id: number): Promise<void> {
  await outbox.record({ key, run: undefined, kind: "plan", payload: {} });
  await outbox.done(key, { id, url: `https://github.com/octo/tab/issues/12#issuecomment-${id}` });
}

/** A world whose run about the issue waits for a person. Maria maintains, Ada writes, Ott only reads. */
async function asking(
  workflow: Workflow = featureWorkflow,
  { agents = new ScriptedAgents(), recorded = true }: { agents?: ScriptedAgents; recorded?: boolean } = {},
): Promise<Asking> {
  const workflows = { load: () => Promise.resolve(workflow), names: () => ["bug", "feature"] };
  const world = intakeWorld({ workflows });
  world.reader.roles = { maria: "maintain", ada: "write", ott: "read" };
  await say(world, "/agent implement");
  const engine = engineWith(world.log, { workflows, agents, clock: systemClock });
  const { runId } = await world.only();
  const go = async () => {
    await drive(runId, engine, new AbortController().signal);
    const state = await world.only();
    if (!recorded) return state;
    for (const ask of openAsks(state)) await post(world, askKey(state, ask), ASKED_IN + ask.attempt);
    return state;
  };
  await go();
  world.rung.length = 0;
  world.publisher.acknowledged.length = 0;
  world.reader.calls.length = 0;
  return { ...world, go, agents };
}

const answersWanted = featureWith({ approve: { needs: ["plan"], wait: "answer" } });

async function judged(world: World): Promise<EventOf<"plan.judged">[]> {
  const { runId } = await world.only();
  return (await world.log.read(runId)).flatMap(({ event }) => (event.type === "plan.judged" ? [event] : []));
}

async function append({ log }: World, { runId, version }: State, ...events: RunEvent[]): Promise<void> {
  expect(await log.append(runId, version, events)).toMatchObject({ type: "appended" });
}

describe("approve", () => {
  test("by a program judges nothing, and says who does", async () => {
    const world = await asking();
    const { runId } = await world.only();
    const asked = { issue: 12, command: "approve" };
    await world.send("repository_dispatch", { ...commentPayload(""), action: "agent", client_payload: asked });
    expect(world.publisher.only("nothing-to-do").why).toContain("not by a program");
    expect(await judged(world)).toEqual([]);
    expect((await world.only()).runId).toBe(runId);
  });

  test("sends the run on, and says nothing but by the reaction and the card", async () => {
    const world = await asking();
    expect(await say(world, "/agent approve")).toContain("is judged");
    expect(await judged(world)).toMatchObject([
      { stage: "approve", verdict: "approved", words: "", by: { login: "maria", id: 7 }, quote: "/agent approve" },
    ]);
    expect(world.reader.calls).toContain("permission");
    expect([world.publisher.replies, world.publisher.acknowledged]).toEqual([[], [1_000]]);
    expect(world.rung).toEqual([(await world.only()).runId]);
    expect((await world.go()).finished).toMatchObject({ outcome: "succeeded" });
  });

  test.each([
    ["/agent approve with: print in colour", "print in colour"],
    ["/agent approve With print in colour", "print in colour"],
    ["/agent approve: print in colour", "print in colour"],
    ["/agent approve with: a <!-- hidden --> word", "a word"],
  ])("%s has the changes worked in", async (words, expected) => {
    const world = await asking();
    await say(world, words);
    expect((await judged(world)).map((event) => event.words)).toEqual([expected]);
  });

  test.each([
    ["/agent approve with:", "changes are missing"],
    ["/agent approve:", "changes are missing"],
    ["/agent approve thanks!", "cannot tell whether these words are to change the plan"],
    ["/agent approve with: " + "x".repeat(4_001), "at most 4000 characters"],
    ["/agent approve --budget $3", "takes no flags"],
  ])("%s is asked back about, and approves nothing", async (words, problem) => {
    const world = await asking();
    await say(world, words);
    expect(world.publisher.only("invalid-flags").problems.join()).toContain(problem);
    expect(await judged(world)).toEqual([]);
  });

  test("by somebody who writes but does not maintain is refused, with who may", async () => {
    const world = await asking();
    await say(world, "/agent approve", { by: ada });
    expect(world.publisher.only("refused")).toMatchObject({
      why: "@ada has the role write in this repository, and this needs maintain",
      who: "people with the role maintain or admin in this repository",
    });
    expect(await judged(world)).toEqual([]);
    expect((await world.only()).waiting?.reason).toBe("approval");
  });

  test("is refused when GitHub does not say which role somebody has, and by a bot whatever is configured", async () => {
    const world = await asking();
    world.reader.roles = { maria: "error" };
    await say(world, "/agent approve");
    world.reader.files = { ".github/baton.yml": "triggers: { bots: [helper] }\n" };
    await say(world, "/agent approve", { by: { login: "helper[bot]", id: 77, type: "Bot" } });
    expect(world.publisher.kinds).toEqual(["refused", "refused"]);
    expect(await judged(world)).toEqual([]);
  });

  test("counts by the role of the moment: it is looked up each time", async () => {
    const world = await asking();
    world.reader.roles = { maria: "write" };
    await say(world, "/agent approve");
    expect(await judged(world)).toEqual([]);
    world.reader.roles = { maria: "admin" };
    await say(world, "/agent approve");
    expect(await judged(world)).toHaveLength(1);
  });

  test("handled twice counts once, and says nothing", async () => {
    const world = await asking();
    await say(world, "/agent approve", {}, "twice");
    await world.again("twice");
    expect(await judged(world)).toHaveLength(1);
    expect(world.publisher.replies).toEqual([]);
  });

  test("by two at once counts once, and whoever was second hears of it", async () => {
    const world = await asking();
    world.reader.roles = { maria: "maintain", ada: "maintain" };
    await Promise.all([say(world, "/agent approve"), say(world, "/agent approve", { by: ada })]);
    expect(await judged(world)).toHaveLength(1);
    expect(world.publisher.only("nothing-to-do").why).toMatch(/approved already, by @(?:maria|ada)$/);
  });

  test("when nothing is asked says so: before the plan, for a run that is over, without a run, while it asks something else", async () => {
    const early = intakeWorld({
      workflows: { load: () => Promise.resolve(featureWorkflow), names: () => ["feature"] },
    });
    early.reader.roles = { maria: "maintain" };
    await say(early, "/agent implement");
    await say(early, "/agent approve");
    expect(early.publisher.only("nothing-to-do").why).toBe("no plan waits for approval");
    const over = await asking();
    await append(over, await over.only(), { type: "run.finished", outcome: "failed", code: "x", message: "" });
    await say(over, "/agent approve");
    expect(over.publisher.only("nothing-running").next).toContain("The last run has ended");
    const none = intakeWorld();
    none.reader.roles = { maria: "maintain" };
    await say(none, "/agent approve");
    expect(none.publisher.only("nothing-running").next).toContain("`/agent fix` starts a run");
    const asks = await asking(answersWanted);
    await say(asks, "/agent approve");
    expect(asks.publisher.only("nothing-to-do")).toMatchObject({ why: "no plan waits for approval" });
    expect(asks.publisher.only("nothing-to-do").next).toContain("and so does `/agent tell …`");
    for (const world of [over, asks]) expect(await judged(world)).toEqual([]);
  });

  test("comes too late for a run that is being stopped", async () => {
    const world = await asking();
    await append(world, await world.only(), { type: "stop.requested", by: ada, quote: "/agent stop" });
    await say(world, "/agent approve");
    expect(world.publisher.only("nothing-to-do").why).toBe("the run is being ended");
    expect(await judged(world)).toEqual([]);
  });
});

describe("reject", () => {
  test.each(["/agent reject: one task is enough", "/agent reject one task is enough"])(
    "%s has another plan made, which is asked about again",
    async (words) => {
      const world = await asking();
      await say(world, words);
      expect(await judged(world)).toMatchObject([{ verdict: "rejected", words: "one task is enough" }]);
      await say(world, "/agent approve", { comment: { created_at: now() } });
      expect(world.publisher.only("nothing-to-do").why).toContain("sent back, by @maria, and another is being made");
      const state = await world.go();
      expect(state.waiting?.reason).toBe("approval");
      expect(world.agents.tasks.at(-1)?.reasons).toEqual(["@maria rejected the plan: one task is enough"]);
    },
  );

  test("without a word ends the run", async () => {
    const world = await asking();
    await say(world, "/agent reject");
    expect((await world.go()).finished).toMatchObject({ outcome: "needs-a-decision", code: "plan-rejected" });
  });

  test("with a colon and nothing behind it is asked back about: the reason was to follow", async () => {
    const world = await asking();
    await say(world, "/agent reject:\nbecause it is too big");
    expect(world.publisher.only("invalid-flags").problems.join()).toContain("the reason is missing");
    expect(await judged(world)).toEqual([]);
  });

  test("needs the role maintain", async () => {
    const world = await asking();
    await say(world, "/agent reject", { by: ada });
    expect(world.publisher.kinds).toEqual(["refused"]);
    expect(await judged(world)).toEqual([]);
  });
});

describe("tell", () => {
  test("answers the questions a run waits with, and reaches who works from there", async () => {
    const world = await asking(answersWanted);
    await say(world, "/agent tell no colours", { by: ada });
    expect(world.publisher.replies).toEqual([]);
    expect((await world.go()).finished).toMatchObject({ outcome: "succeeded" });
    expect(world.agents.tasks.find(({ stage }) => stage === "build:parser")?.words).toEqual([
      { by: ada, about: "approve", words: "no colours" },
    ]);
  });

  test("where no question waits is for every agent, and answered by the reaction and the card alone", async () => {
    const world = await asking();
    expect(await say(world, "/agent tell no <!-- hidden --> colours", { by: ada })).toContain("was told");
    const run = await world.only();
    expect(run.steering).toEqual([{ by: ada, words: "no colours" }]);
    expect(run.waiting).toMatchObject({ reason: "approval" });
    expect([world.publisher.replies, world.publisher.acknowledged, world.rung]).toEqual([[], [1_000], [run.runId]]);
    await say(world, "/agent approve");
    await world.go();
    const later = world.agents.tasks.filter(({ stage }) => stage.startsWith("build:"));
    expect(later).not.toEqual([]);
    expect(later.every(({ steering }) => steering?.()[0]?.words === "no colours")).toBe(true);
  });

  test("is for every agent only before the run is stopped, and before its pull request is open", async () => {
    const stopped = await asking();
    await say(stopped, "/agent stop");
    await say(stopped, "/agent tell no colours", { by: ada });
    expect(stopped.publisher.only("nothing-to-do").why).toBe("the run is being ended");
    expect((await stopped.only()).steering).toEqual([]);
    const published = await asking();
    const pull = { number: 13, url: "u", branch: "b", head: commit(12), title: "t" };
    await append(
      published,
      await published.only(),
      { type: "stage.started", stage: "publish", attempt: 1, reasons: [] },
      { type: "pull_request.opened", ...pull },
    );
    await say(published, "/agent tell no colours", { by: ada });
    expect(published.publisher.only("nothing-to-do").why).toBe("the run has done its work");
  });

  test("is answered honestly when it says nothing, and when it is over", async () => {
    const empty = await asking(answersWanted);
    await say(empty, "/agent tell");
    expect(empty.publisher.only("invalid-flags").problems.join()).toContain("needs what it is to tell");
    const over = await asking(answersWanted);
    await append(over, await over.only(), { type: "run.finished", outcome: "failed", code: "x", message: "" });
    await say(over, "/agent tell x");
    expect(over.publisher.kinds).toEqual(["nothing-running"]);
  });

  test("needs the role write, and counts once", async () => {
    const world = await asking(answersWanted);
    await say(world, "/agent tell x", { by: { login: "ott", id: 9 } });
    expect(world.publisher.kinds).toEqual(["refused"]);
    await say(world, "/agent tell blue", { by: ada }, "blue");
    await world.again("blue");
    await say(world, "/agent tell green", { by: ada }, "green");
    await world.again("green");
    const { runId } = await world.only();
    const told = (await world.log.read(runId)).flatMap(({ event }) => ("words" in event ? [event.type] : []));
    expect(told).toEqual(["answer.given", "words.told"]);
    expect(world.publisher.kinds).toEqual(["refused"]);
  });
});

describe("words that were written before the comment they would meet", () => {
  test.each([
    ["/agent approve", featureWorkflow, "the plan that waits now was written after this command"],
    ["/agent approve with: more", featureWorkflow, "the plan that waits now was written after this command"],
    ["/agent reject: less", featureWorkflow, "the plan that waits now was written after this command"],
    ["/agent reject", featureWorkflow, "the plan that waits now was written after this command"],
    ["/agent tell blue", answersWanted, "the questions that wait now were written after this command"],
  ])("do not count, whatever the clocks say: %s", async (words, workflow, why) => {
    const world = await asking(workflow);
    await say(world, words, { comment: { id: ASKED_IN } });
    expect(world.publisher.only("nothing-to-do").why).toBe(why);
    const unchanged = await world.only();
    expect(unchanged.waiting).toBeDefined();
    // Behind it they count, also from a clock that is late.
    await say(world, words, { comment: { id: ASKED_IN + 2, created_at: "2020-01-01T00:00:00Z" } });
    expect((await world.only()).version).toBe(unchanged.version + 1);
  });

  test.each([featureWorkflow, answersWanted])(
    "nor while there is none; one that nobody recorded is found",
    async (one) => {
      const world = await asking(one, { recorded: false });
      const words = one === answersWanted ? "/agent tell blue" : "/agent approve";
      const state = await world.only();
      const [ask] = openAsks(state);
      const body = ask ? `${askMarker(state, ask)}\n\n### A plan` : "";
      const comment = { id: ASKED_IN, author: maria, body, createdAt: 0 };
      world.reader.said = [comment];
      await say(world, words);
      expect(world.publisher.only("nothing-to-do").why).toContain("written after this command");
      world.reader.said = [comment, { ...comment, id: ASKED_IN + 1, author: { login: self.login, id: 4711 } }];
      await say(world, words);
      expect((await world.only()).version).toBe(state.version + 1);
    },
  );
});

describe("while a run waits for a person", () => {
  test.each(["/agent implement", "/agent fix", "/agent refactor", "/agent retry"])(
    "%s says what it waits for",
    async (words) => {
      const world = await asking();
      await say(world, words);
      expect(world.publisher.only("already-running").held).toBe("asked");
    },
  );

  test("resume does not pretend to go on, but ends a pause", async () => {
    const world = await asking();
    await say(world, "/agent resume");
    expect(world.publisher.only("nothing-to-do").next).toContain("`/agent approve`");
    await say(world, "/agent pause");
    await say(world, "/agent resume");
    expect((await world.only()).paused).toBeUndefined();
    expect((await world.go()).waiting?.reason).toBe("approval");
  });
});

const bot = { login: self.login, id: 4711, type: "Bot" };

/** The comment in which the plan of the run's latest ask stands. */
async function commentOf(world: World, plan: Plan = samplePlan, attempt = 1): Promise<string> {
  const marker = planMarker(await world.only(), { stage: "approve", attempt });
  return `${marker}\n\n### A plan\n\n${planBlock(printPlan(plan))}`;
}

interface Edit {
  readonly by?: Readonly<Record<string, unknown>>;
  readonly before?: string;
  readonly author?: Readonly<Record<string, unknown>>;
  readonly id?: string;
}

/** Somebody saves Baton's comment with another text. */
async function edit(world: World, body: string, { by, before, author = bot, id }: Edit = {}): Promise<string> {
  const payload = commentPayload(body, { action: "edited", by: by ?? {}, comment: { user: author } });
  const from = before ?? (await commentOf(world));
  return world.send("issue_comment", { ...payload, changes: { body: { from } } }, id);
}

const [first] = samplePlan.tasks;
if (!first) throw new Error("no task");
const mine: Plan = { ...samplePlan, tasks: [{ ...first, title: "Parse everything" }], questions: [] };

describe("an edit of the plan", () => {
  test("by a maintainer approves it as they wrote it", async () => {
    const world = await asking();
    expect(await edit(world, (await commentOf(world, mine)).replaceAll("\n", "\r\n"))).toContain("another plan");
    expect(await judged(world)).toMatchObject([
      { verdict: "approved", words: "", plan: mine, quote: "an edit of the plan", by: { login: "maria" } },
    ]);
    expect(world.reader.calls).toContain("permission");
    expect(world.publisher.replies).toEqual([]);
    expect((await world.go()).finished).toMatchObject({ outcome: "succeeded" });
    const built = world.agents.tasks.map(({ stage }) => stage).filter((stage) => stage.startsWith("build:"));
    expect(built).toEqual(["build:parser"]);
  });

  test("counts also when its first line was lost in it", async () => {
    const world = await asking();
    await edit(world, planBlock(printPlan(mine)));
    expect(await judged(world)).toHaveLength(1);
  });

  test("by somebody who does not maintain is refused once for the comment, not read, and put back", async () => {
    const world = await asking();
    const before = await commentOf(world);
    await edit(world, await commentOf(world, mine), { by: ada });
    expect(world.publisher.restored).toMatchObject([{ edited: await commentOf(world, mine), before }]);
    await edit(world, `${await commentOf(world, mine)}\n\`\`\`yaml\nbroken: [\n\`\`\``, { by: ada });
    expect(world.publisher.only("refused")).toMatchObject({
      why: "@ada has the role write in this repository, and this needs maintain",
      next: expect.stringContaining("I have put it back"),
    });
    expect(world.publisher.restored).toHaveLength(2);
    expect(await judged(world)).toEqual([]);
    await say(world, "/agent approve");
    expect((await world.only()).stages.get("plan")?.current?.artifact?.value).toEqual(samplePlan);
  });

  test("is refused when GitHub does not say who they are", async () => {
    const world = await asking();
    world.reader.roles = { maria: "error" };
    await edit(world, await commentOf(world, mine));
    expect(world.publisher.only("refused").why).toContain("GitHub did not say");
    expect([await judged(world), world.publisher.restored]).toEqual([[], []]);
  });

  test("that cannot be worked is answered with each problem and its line, and changes nothing", async () => {
    const world = await asking();
    const body = (await commentOf(world)).replace("title: Parse", "titel: Parse").replace("- printer\n", "- painter\n");
    await edit(world, body);
    expect(world.publisher.only("plan-invalid").problems).toEqual([
      expect.stringMatching(/^line 4: unknown key "titel" in tasks\.0 — did you mean "title"\?$/),
    ]);
    const needs = await asking();
    await edit(needs, (await commentOf(needs)).replace("- printer\n", "- painter\n"));
    expect(needs.publisher.only("plan-invalid").problems.join()).toMatch(/^line \d+: task "wiring" needs "painter"/);
    for (const one of [world, needs]) {
      expect(await judged(one)).toEqual([]);
      expect((await one.only()).waiting?.reason).toBe("approval");
    }
    await edit(world, await commentOf(world, mine), { before: body });
    expect(await judged(world)).toHaveLength(1);
  });

  test.each([
    ["without a block", (body: string) => body.replaceAll("```", ""), "there is no YAML block"],
    ["with two", (body: string) => `${body}\n\n\`\`\`yaml\nx: 1\n\`\`\`\n`, "there are 2 YAML blocks"],
  ])("%s says so", async (_, change, problem) => {
    const world = await asking();
    await edit(world, change(await commentOf(world, mine)));
    expect(world.publisher.only("plan-invalid").problems.join()).toContain(problem);
    expect(await judged(world)).toEqual([]);
  });

  test("that changes only the words around it, or only how the YAML is written, is nothing", async () => {
    const world = await asking();
    const body = await commentOf(world);
    expect(await edit(world, body.replace("A plan", "Our plan"))).toContain("the plan in it is as it was");
    expect(await edit(world, body.replace("title: Parse", 'title:   "Parse"  # a remark'))).toContain("as it was");
    expect([world.publisher.replies, await judged(world)]).toEqual([[], []]);
  });

  test("is put back without a word when somebody who does not maintain changes only the words around it", async () => {
    const world = await asking();
    const body = await commentOf(world);
    expect(await edit(world, body.replace("A plan", "Approved by maria"), { by: ada })).toContain("put back");
    expect(world.publisher.restored).toMatchObject([{ before: body }]);
    expect([world.publisher.replies, await judged(world)]).toEqual([[], []]);
  });

  test("of an earlier plan, of one that is judged, and of a run that is over is told that it is late", async () => {
    const sentBack = await asking();
    const old = await commentOf(sentBack);
    await say(sentBack, "/agent reject: no");
    await sentBack.go();
    await edit(sentBack, await commentOf(sentBack, mine), { before: old });
    const done = await asking();
    await say(done, "/agent approve");
    await edit(done, await commentOf(done, mine));
    const over = await asking();
    await append(over, await over.only(), { type: "run.finished", outcome: "failed", code: "x", message: "" });
    await edit(over, await commentOf(over, mine));
    for (const world of [sentBack, done, over]) {
      expect(world.publisher.only("nothing-to-do").why).toContain("is not asked about (any more)");
      expect((await judged(world)).some(({ plan }) => plan)).toBe(false);
    }
    await edit(sentBack, await commentOf(sentBack, mine, 2), { before: await commentOf(sentBack, samplePlan, 2) });
    expect((await judged(sentBack)).at(-1)).toMatchObject({ verdict: "approved", plan: mine });
  });

  test("handled twice counts once", async () => {
    const world = await asking();
    await edit(world, await commentOf(world, mine), { id: "edit" });
    await world.again("edit");
    expect(await judged(world)).toHaveLength(1);
    expect(world.publisher.replies).toEqual([]);
  });

  test.each([
    ["Baton's own", { by: bot }, "Baton did it itself"],
    ["a bot's", { by: { login: "helper[bot]", id: 77, type: "Bot" } }, "a bot edited it"],
    ["one of a person's own comment", { author: { login: "maria", id: 7 } }, "the comment is not Baton's"],
  ])("that is %s is nothing", async (_, change, because) => {
    const world = await asking();
    expect(await edit(world, await commentOf(world, mine), change)).toContain(because);
    expect([world.publisher.replies, await judged(world)]).toEqual([[], []]);
  });

  test("another comment of Baton's may be edited without anything happening", async () => {
    const world = await asking();
    const body = `<!-- baton:status:run-000000000000 -->\n\n${planBlock(printPlan(mine))}`;
    expect(await edit(world, body, { before: "<!-- baton:status:run-000000000000 -->" })).toContain("it shows no plan");
    expect(await judged(world)).toEqual([]);
  });

  test("carries nothing to agents that people could not see", async () => {
    const world = await asking();
    await edit(
      world,
      await commentOf(world, { ...mine, summary: "x" }).then((body) =>
        body.replace("summary: x", "summary: x\u200B\u202Ey"),
      ),
    );
    expect((await judged(world)).map(({ plan }) => plan?.summary)).toEqual(["xy"]);
  });
});

describe("verbs that name a workflow", () => {
  const started = async (words: string, config = "") => {
    const loaded: string[] = [];
    const world = intakeWorld({
      workflows: {
        names: () => ["bug"],
        load: (name) => {
          loaded.push(name);
          return Promise.resolve(name === "none" ? undefined : featureWorkflow);
        },
      },
    });
    if (config !== "") world.reader.files = { ".github/baton.yml": config };
    if (/^\/agent (?:init|retrospective)/.test(words)) world.reader.roles["maria"] = "maintain";
    await say(world, words);
    return { world, run: (await world.runs())[0]?.created };
  };

  test.each([
    ["/agent implement", "", "feature"],
    ["/agent plan", "", "feature"],
    ["/agent refactor", "", "refactor"],
    ["/agent audit", "", "audit"],
    ["/agent do", "", "do"],
    ["/agent background", "", "background"],
    ["/agent init", "", "init"],
    ["/agent init", "routes: { init: ours }", "ours"],
    ["/agent retrospective", "", "retrospective"],
    ["/agent retrospective", "routes: { retrospective: ours }", "ours"],
    ["/agent implement", "routes: { feature: ours }", "ours"],
    ["/agent plan", "routes: { feature: ours }", "ours"],
    ["/agent refactor", "routes: { refactor: ours }", "ours"],
    ["/agent audit", "routes: { audit: ours }", "ours"],
    ["/agent do", "routes: { do: ours }", "ours"],
    ["/agent background", "routes: { background: ours }", "ours"],
    ["/agent implement --workflow bug", "routes: { feature: ours }", "bug"],
    ["/agent audit --workflow ours", "", "ours"],
  ])("%s with %j starts %s", async (words, config, workflow) => {
    expect((await started(`${words}`, config)).run).toMatchObject({ workflow, wanted: "work" });
  });

  test("take words and flags along", async () => {
    const { run } = await started("/agent implement only the printer --budget $3");
    expect(run).toMatchObject({ input: { instruction: "only the printer" }, ceilings: { dollars: 3 } });
  });

  test("say so when there is no such workflow, and are refused to who may not", async () => {
    const { world } = await started("/agent implement --workflow none");
    expect(world.publisher.only("invalid-flags").problems.join()).toContain("there is no workflow `none` yet");
    const no = intakeWorld();
    no.reader.roles = { maria: "triage" };
    await say(no, "/agent implement");
    expect(no.publisher.kinds).toEqual(["refused"]);
  });
});

describe("retry of a task", () => {
  async function failed(): Promise<Asking> {
    const bad = { code: "turn-limit" as const, message: "no" };
    const world = await asking(featureWorkflow, { agents: new ScriptedAgents({ "build:parser": [bad, bad] }) });
    await say(world, "/agent approve");
    expect((await world.go()).finished).toMatchObject({ code: "tasks-failed" });
    return world;
  }

  test.each(["/agent retry", "/agent retry build", "/agent retry build:parser", "/agent retry build:wiring"])(
    "%s works what is not done, and nothing else",
    async (words) => {
      const world = await failed();
      const before = world.agents.tasks.length;
      expect(await say(world, words)).toContain("goes on");
      expect((await world.go()).finished).toMatchObject({ outcome: "succeeded" });
      expect(world.agents.tasks.slice(before).map(({ stage }) => stage)).toEqual([
        "build:parser",
        "build:wiring",
        "finish",
      ]);
    },
  );

  test.each([
    ["/agent retry build:printer", "is done, and others may stand on it"],
    ["/agent retry build:painter", "there is `build:parser`, `build:printer`, `build:wiring`"],
    ["/agent retry plan:parser", "`plan` has none"],
    ["/agent retry bild", "there is no stage `bild`"],
  ])("%s is answered", async (words, problem) => {
    const world = await failed();
    await say(world, words);
    expect(world.publisher.only("invalid-flags").problems.join()).toContain(problem);
    expect((await world.only()).phase).toBe("finished");
  });
});
