// From a delivery to what it causes, over a real event log.
import { describe, expect, test, vi } from "vitest";
import { systemClock } from "#src/core/clock.ts";
import { BatonError } from "#src/core/errors.ts";
import { noSpend, type EventOf, type RunEvent } from "#src/engine/events.ts";
import type { EventLog } from "#src/engine/ports.ts";
import { budgetOf } from "#src/engine/route.ts";
import type { State } from "#src/engine/state.ts";
import { GitHubFailure } from "#src/github/failure.ts";
import { runIdOf, withoutOwn } from "#src/intake/pin.ts";
import { helpLines, verbs } from "#src/intake/verbs.ts";
import { createMemoryLog } from "#src/store/memory-log.ts";
import { createLibrary } from "#src/workflows/load.ts";
import { bugWorkflow, commit, goodTriage } from "#test/support/engine-world.ts";
import { commentPayload, intakeWorld, issuePayload, type World } from "#test/support/intake-world.ts";

const ended: EventOf<"run.finished"> = { type: "run.finished", outcome: "failed", code: "turn-limit", message: "…" };

function routed(state: State): RunEvent {
  const decision = { kind: "start" as const, workflow: bugWorkflow, budget: budgetOf(state.created, bugWorkflow) };
  return { type: "run.routed", source: "model", triage: goodTriage, decision, why: "a bug", spend: noSpend };
}

async function append({ log }: World, { runId, version }: State, ...events: RunEvent[]): Promise<void> {
  expect(await log.append(runId, version, events)).toMatchObject({ type: "appended" });
}

/** A world in which a run about the issue exists, and has ended when `events` say so. */
async function worldWithRun(...events: RunEvent[]): Promise<{ world: World; run: State }> {
  const world = intakeWorld();
  await world.send("issue_comment", commentPayload("/agent fix"));
  const first = await world.only();
  await append(world, first, routed(first), ...events);
  world.rung.length = 0;
  world.publisher.acknowledged.length = 0;
  return { world, run: await world.only() };
}

describe("a new issue", () => {
  test("is triaged, from the text it was opened with", async () => {
    const world = intakeWorld();
    await world.send("issues", issuePayload("opened"), "d1");
    const { created, runId } = await world.only();
    expect(runId).toBe(runIdOf("d1", 0));
    expect(created).toMatchObject({
      wanted: "triage",
      request: { door: "opened", by: { login: "reporter", id: 99 }, quote: "a new issue" },
      base: { branch: "main", commit: "a".repeat(40) },
      labels: ["bug", "docs"],
      dryRun: false,
      input: {
        title: "Splitting loses a cent",
        body: "Ten dollars by three  only adds up to $9.99.",
        dropped: ["1 HTML comment"],
        comments: [],
      },
    });
    expect(world.rung).toEqual([runId]);
    expect(world.publisher.replies).toEqual([]);
    expect(world.reader.calls.toSorted()).toEqual(["file", "head", "labels"]);
  });

  test("starts by itself where the config says so, but not when somebody has it already, or it repeats another", async () => {
    const world = intakeWorld();
    world.reader.files[".github/baton.yml"] = "triggers: { autoStart: [bug] }";
    await world.send("issues", issuePayload("opened"));
    expect((await world.only()).created).toMatchObject({
      wanted: "auto",
      config: { triggers: { autoStart: ["bug"] } },
    });
    for (const issue of [{ assignees: [{ login: "x", id: 1 }] }, { labels: [{ name: "Duplicate" }] }]) {
      const taken = intakeWorld();
      taken.reader.files = world.reader.files;
      await taken.send("issues", issuePayload("opened", { issue }));
      expect((await taken.only()).created.wanted).toBe("triage");
    }
  });

  test("is left alone when the config says so", async () => {
    const world = intakeWorld();
    world.reader.files[".github/baton.yml"] = "triggers: { onOpened: false }";
    await world.send("issues", issuePayload("opened"));
    expect(await world.runs()).toEqual([]);
  });

  test("under a broken config starts nothing; people are told on the config's own issue, when it is news", async () => {
    let now = Date.now();
    const world = intakeWorld({ clock: { now: () => now } });
    const { configs, replies } = world.publisher;
    world.reader.files[".github/baton.yml"] = "triggers: { onOpend: false }";
    await world.send("issues", issuePayload("opened"));
    await world.send("issues", issuePayload("opened", { issue: { number: 13 } }));
    expect([...(await world.runs()), ...(await world.runs(13))]).toEqual([]);
    expect(configs).toEqual([[expect.stringContaining('.github/baton.yml:1:13: unknown key "onOpend"')]]);
    now += 600_000;
    await world.send("issue_comment", commentPayload("/agent help"));
    expect(configs).toHaveLength(2);
    world.reader.files[".github/baton.yml"] = "";
    await world.send("issues", issuePayload("opened"));
    await world.send("issue_comment", commentPayload("/agent help"));
    expect(configs.slice(2)).toEqual([[]]);
    expect(replies.map(({ reply }) => reply.kind)).toEqual(["help", "help"]);
  });

  test("is worked by the config together with what it extends, and that is recorded", async () => {
    const world = intakeWorld();
    world.reader.files[".github/baton.yml"] = "extends: org\nlimits: { files: 900 }\ncommands: { lint: x }";
    await world.send("issues", issuePayload("opened"));
    expect(world.publisher.configs).toEqual([[expect.stringContaining("the App may not read octo/.github")]]);
    world.reader.base = { type: "found", text: "limits: { files: 7 }\ncommands: { test: make }" };
    await world.send("issues", issuePayload("opened"));
    expect((await world.only()).created.config).toMatchObject({
      limits: { files: 7 },
      commands: { test: "make", lint: "x" },
    });
  });

  test("is handled also where nobody can be told about the config", async () => {
    const world = intakeWorld();
    world.publisher.configDown = true;
    expect(await world.send("issues", issuePayload("opened"))).toContain("started");
  });

  test("by a bot is left alone unless the config admits it", async () => {
    const bot = { user: { login: "helper[bot]", id: 5, type: "Bot" } };
    const world = intakeWorld();
    await world.send("issues", issuePayload("opened", { issue: bot }));
    expect(await world.runs()).toEqual([]);
    world.reader.files[".github/baton.yml"] = "triggers: { bots: [helper] }";
    await world.send("issues", issuePayload("opened", { issue: bot }));
    expect(await world.runs()).toHaveLength(1);
  });
});

describe("a command", () => {
  test("starts a run with its flags, and is acknowledged", async () => {
    const world = intakeWorld();
    const words = "/agent fix only the rounding --budget $3 --max-time 20m --workflow bug";
    const note = await world.send("issue_comment", commentPayload(words));
    const { created, runId } = await world.only();
    expect(created).toMatchObject({
      wanted: "work",
      workflow: "bug",
      ceilings: { dollars: 3, minutes: 20 },
      dryRun: false,
      base: { branch: "main", commit: "a".repeat(40) },
      request: { door: "comment", by: { login: "maria", id: 7 }, quote: words, commentId: 1_000 },
      input: { instruction: "only the rounding" },
    });
    expect(note).toContain(`${runId} started`);
    expect(world.publisher.acknowledged).toEqual([1_000]);
    expect(world.publisher.replies).toEqual([]);
    expect(world.rung).toEqual([runId]);
  });

  test("of several in one comment each is carried out, in order", async () => {
    const world = intakeWorld();
    await world.send("issue_comment", commentPayload("/agent fix\n/agent status\n/agent help"));
    expect(world.publisher.kinds).toEqual(["status", "help"]);
    expect(world.publisher.acknowledged).toEqual([1_000]);
    expect(world.publisher.replies[0]?.reply).toMatchObject({ state: { runId: (await world.only()).runId } });
  });

  test("more than ten in one comment are not", async () => {
    const world = intakeWorld();
    await world.send("issue_comment", commentPayload("/agent help\n".repeat(30)));
    expect(world.publisher.kinds).toEqual([...Array.from({ length: 10 }, () => "help"), "invalid-flags"]);
  });

  test("takes the comments up to it, as they were", async () => {
    const world = intakeWorld();
    const at = Date.parse("2026-11-20T12:00:00Z");
    const by = { login: "x", id: 3 };
    world.reader.said = [
      { id: 1, author: by, body: "before \u202e<!-- hidden -->", createdAt: at - 60_000 },
      { id: 2, author: by, body: "edited afterwards", createdAt: at - 50_000, updatedAt: at + 1_000 },
      { id: 3, author: by, body: "edited in time", createdAt: at - 40_000, updatedAt: at - 1_000 },
      { id: 999, author: by, body: "in the same second", createdAt: at, updatedAt: at },
      { id: 1_000, author: by, body: "/agent fix", createdAt: at },
      { id: 1_001, author: by, body: "too late", createdAt: at },
    ];
    await world.send("issue_comment", commentPayload("/agent fix"));
    const { input } = (await world.only()).created;
    expect(input.comments.map(({ body }) => body)).toEqual([
      "before ",
      "edited in time",
      "in the same second",
      "/agent fix",
    ]);
    expect(input.dropped).toEqual(["2 HTML comments", "1 invisible character", "1 comment edited after it was asked"]);
  });

  test("leaves Baton's own cards and answers out, and does not count their markers", async () => {
    const world = intakeWorld();
    const by = (login: string) => ({ login, id: 3 });
    const before = { createdAt: Date.parse("2026-11-20T11:00:00Z") };
    world.reader.said = [
      { id: 1, author: by("baton-app[bot]"), body: "<!-- baton:status:run-1 -->\n\n### Running", ...before },
      { id: 2, author: by("Baton-App[bot]"), body: "an answer whose marker somebody took away", ...before },
      { id: 3, author: by("other-baton[bot]"), body: "<!-- baton:status:run-2 -->\n\n### Running", ...before },
      { id: 4, author: by("x"), body: "by a person", ...before },
    ];
    await world.send("issue_comment", commentPayload("/agent fix"));
    const { input } = (await world.only()).created;
    expect(input.comments.map(({ body }) => body)).toEqual(["by a person"]);
    expect(input.dropped).toEqual(["1 HTML comment"]);
  });

  test("with a person's token only what carries the marker is Baton's", () => {
    const comment = (login: string, body: string) => ({ author: { login, id: 7 }, body });
    const mine = comment("maria", "what I saw");
    const card = comment("maria", "<!-- baton:status:run-1 -->");
    expect(withoutOwn([mine, card], { login: "maria", id: 7, appId: undefined })).toEqual([mine]);
    // Nobody hides what another person wrote.
    expect(withoutOwn([card], { login: "ada", id: 8 })).toEqual([card]);
  });

  test("that is unknown or malformed is answered and starts nothing", async () => {
    const world = intakeWorld();
    await world.send("issue_comment", commentPayload("/agent fxi\n/agent fix --budget lots"));
    expect(world.publisher.replies.map(({ reply }) => reply)).toMatchObject([
      { kind: "unknown-verb", nearest: "fix" },
      { kind: "invalid-flags", problems: [expect.stringContaining("lots")] },
    ]);
    expect(await world.runs()).toEqual([]);
  });

  test("in text too intricate to read is answered", async () => {
    const world = intakeWorld();
    await world.send("issue_comment", commentPayload(`${">".repeat(3_000)}\n\n/agent fix`));
    expect(world.publisher.only("invalid-flags").problems.join()).toContain("write the command alone");
    expect(await world.runs()).toEqual([]);
  });

  test.each(Object.keys(verbs))("%s is done by something", async (verb) => {
    const world = intakeWorld();
    world.reader.roles["maria"] = "admin";
    expect(await world.send("issue_comment", commentPayload(`/agent ${verb} x`))).toContain(`/agent ${verb}`);
  });

  test("takes another base, a dry run and a tier along, and a restart takes them over", async () => {
    const world = intakeWorld();
    await world.send("issue_comment", commentPayload("/agent fix --base release/1.x --dry-run --model deep"));
    const wanted = { base: { branch: "release/1.x", commit: "b".repeat(40) }, dryRun: true, tier: "deep" };
    const first = await world.only();
    expect(first.created).toMatchObject(wanted);
    await world.send("issue_comment", commentPayload("/agent restart"));
    const [again] = await world.runs();
    expect(again?.runId).not.toBe(first.runId);
    expect(again?.created).toMatchObject(wanted);
    expect(helpLines().find(({ usage }) => usage.startsWith("/agent fix"))?.usage).toMatch(
      /--model.*--base.*--dry-run/,
    );
  });

  test("from a branch that is none is answered; a restart of a run whose base is gone begins from the default branch", async () => {
    const world = intakeWorld();
    await world.send("issue_comment", commentPayload("/agent fix --base nowhere"));
    expect(world.publisher.only("invalid-flags").problems).toEqual(["there is no branch `nowhere`"]);
    expect(await world.runs()).toEqual([]);
    await world.send("issue_comment", commentPayload("/agent fix --base release/1.x"));
    const run = await world.only();
    await append(world, run, { type: "subject.lost", loss: "base-gone", message: "gone" }, ended);
    await world.send("issue_comment", commentPayload("/agent restart"));
    expect((await world.runs())[0]?.created.base.branch).toBe("main");
  });

  test("is not answered while GitHub is silent", async () => {
    const world = intakeWorld();
    world.reader.head = () => Promise.reject(new BatonError("github-failed", "GitHub does not answer"));
    await expect(world.send("issue_comment", commentPayload("/agent fix"), "silent")).rejects.toThrow(
      "does not answer",
    );
    expect(await world.deliveries.pending()).toEqual(["silent"]);
  });

  test("for a workflow that does not exist is answered; one of the repository's own counts", async () => {
    const world = intakeWorld();
    await world.send("issue_comment", commentPayload("/agent fix --workflow feature"));
    expect(world.publisher.only("invalid-flags").problems).toEqual([
      "there is no workflow `feature` yet; there is `bug`",
    ]);
    await world.send("issue_comment", commentPayload("/agent fix --workflow own"));
    expect((await world.only()).created.workflow).toBe("own");
  });

  test("under a broken config is told so, but stop and help work", async () => {
    const { world } = await worldWithRun();
    world.reader.files[".github/baton.yml"] = "nonsense: 1";
    await world.send("issue_comment", commentPayload("/agent stop\n/agent help\n/agent triage"));
    expect(world.publisher.kinds).toEqual(["help", "config-broken"]);
    expect((await world.only()).stop).toBeDefined();
  });
});

describe("before a run starts", () => {
  test.each([
    ["closed", { state: "closed" as const }, "the issue is closed"],
    ["locked", { locked: true }, "locked"],
  ])("an issue that is %s by now is refused", async (_, change, why) => {
    const world = intakeWorld();
    if (world.reader.found) world.reader.found = { ...world.reader.found, ...change };
    await world.send("issue_comment", commentPayload("/agent fix"));
    expect(world.publisher.only("refused").why).toContain(why);
    // It has nothing to do with rights, so nobody's are named.
    expect(world.publisher.only("refused").who).toBeUndefined();
    expect(await world.runs()).toEqual([]);
  });

  test("an issue that is gone is left alone", async () => {
    const world = intakeWorld();
    world.reader.found = undefined;
    expect(await world.send("issue_comment", commentPayload("/agent fix"))).toContain("gone");
    expect(await world.runs()).toEqual([]);
  });

  test("an open pull request that closes it is pointed at; triage does not mind", async () => {
    const world = intakeWorld();
    world.reader.closing = [77];
    await world.send("issue_comment", commentPayload("/agent fix"));
    expect(world.publisher.only("refused")).toMatchObject({ why: expect.stringContaining("#77") });
    expect(world.publisher.only("refused").who).toBeUndefined();
    await world.send("issue_comment", commentPayload("/agent triage"));
    expect((await world.only()).created.wanted).toBe("triage");
  });

  test.each([
    ["init", "init", []],
    ["retrospective", "retrospective", []],
    ["fix --workflow init", "init", []],
    ["audit", undefined, ["refused"]],
  ])("%s minds it only where it works on the issue", async (words, workflow, said) => {
    const { workflows } = await createLibrary();
    const world = intakeWorld({ workflows });
    world.reader.roles["maria"] = "maintain";
    world.reader.closing = [77];
    await world.send("issue_comment", commentPayload(`/agent ${words}`));
    expect((await world.runs())[0]?.created.workflow).toBe(workflow);
    expect(world.publisher.kinds).toEqual(said);
  });

  test("a run that is at work is named", async () => {
    const { world, run } = await worldWithRun();
    await world.send("issue_comment", commentPayload("/agent fix"));
    expect(world.publisher.only("already-running").run).toBe(run.runId);
    expect(await world.runs()).toHaveLength(1);
  });

  test("two commands at the same moment start one run", async () => {
    const world = intakeWorld();
    await Promise.all([
      world.send("issue_comment", commentPayload("/agent fix")),
      world.send("issue_comment", commentPayload("/agent fix", { comment: { id: 1_001 } })),
    ]);
    expect(await world.runs()).toHaveLength(1);
    expect(world.publisher.kinds).toEqual(["already-running"]);
  });

  test("on a pull request work is refused", async () => {
    const world = intakeWorld();
    await world.send("issue_comment", commentPayload("/agent fix", { issue: { pull_request: {} } }));
    expect(world.publisher.only("refused").why).toContain("pull request");
  });
});

describe("a label", () => {
  test("starts work and is taken off", async () => {
    const world = intakeWorld();
    await world.send("issues", issuePayload("labeled", { label: "agent" }));
    const { created } = await world.only();
    expect(created).toMatchObject({
      wanted: "work",
      request: { door: "label", by: { login: "maria" }, quote: "label agent" },
    });
    expect(created.workflow).toBeUndefined();
    expect(world.publisher.removed).toEqual(["agent"]);
  });

  test("with a type forces that type's workflow, as the config routes it", async () => {
    const world = intakeWorld();
    await world.send("issues", issuePayload("labeled", { label: "agent:bug" }));
    expect((await world.only()).created.workflow).toBe("bug");
    const routes = intakeWorld();
    routes.reader.files[".github/baton.yml"] = "routes: { feature: own }";
    await routes.send("issues", issuePayload("labeled", { label: "agent:feature" }));
    expect((await routes.only()).created.workflow).toBe("own");
  });

  test.each([
    ["agent:feature", "no workflow `feature` yet"],
    ["agent:nonsense", 'no type "nonsense"'],
  ])("%s is answered, starts nothing and is taken off all the same", async (label, problem) => {
    const world = intakeWorld();
    await world.send("issues", issuePayload("labeled", { label }));
    expect(world.publisher.only("invalid-flags").problems.join()).toContain(problem);
    expect(world.publisher.removed).toEqual([label]);
    expect(await world.runs()).toEqual([]);
  });

  test("by somebody who may not is refused and taken off", async () => {
    const world = intakeWorld();
    world.reader.roles["maria"] = "triage";
    await world.send("issues", issuePayload("labeled", { label: "agent" }));
    expect(world.publisher.only("refused").why).toContain("needs write");
    expect(world.publisher.removed).toEqual(["agent"]);
    expect(await world.runs()).toEqual([]);
  });

  test("by a bot is left where it is", async () => {
    const world = intakeWorld();
    await world.send("issues", issuePayload("labeled", { label: "agent", sender: { login: "x[bot]", type: "Bot" } }));
    expect(world.publisher.removed).toEqual([]);
    expect(await world.runs()).toEqual([]);
  });
});

describe("an assignment to the bot", () => {
  const assignee = { login: "baton-app[bot]", id: 4_711, type: "Bot" };

  test("starts work, and its end leaves the run alone", async () => {
    const world = intakeWorld();
    await world.send("issues", issuePayload("assigned", { assignee }));
    const run = await world.only();
    expect(run.created).toMatchObject({
      wanted: "work",
      request: { door: "assigned", by: { login: "maria" }, quote: "assignment to baton-app[bot]" },
    });
    expect(await world.send("issues", issuePayload("unassigned", { assignee }))).toContain("nothing");
    expect((await world.only()).version).toBe(run.version);
    expect(world.publisher.replies).toEqual([]);
  });

  test("by somebody who may not is refused, by a bot that is not listed passed over", async () => {
    const world = intakeWorld();
    world.reader.roles["maria"] = "triage";
    await world.send("issues", issuePayload("assigned", { assignee }));
    expect(world.publisher.only("refused").why).toContain("needs write");
    const bot = intakeWorld();
    await bot.send("issues", issuePayload("assigned", { assignee, sender: { login: "x[bot]", type: "Bot" } }));
    expect(bot.publisher.replies).toEqual([]);
    expect([...(await world.runs()), ...(await bot.runs())]).toEqual([]);
  });
});

describe("an issue to be left alone", () => {
  const ignored = () => {
    const world = intakeWorld();
    if (world.reader.found) world.reader.found = { ...world.reader.found, labels: ["bug", "Agent/Ignored"] };
    return world;
  };
  const assignee = { login: "baton-app[bot]", id: 4_711, type: "Bot" };

  test("is marked by a command that triage may give; what runs goes on, and nothing is said", async () => {
    const { world, run } = await worldWithRun();
    world.reader.roles["maria"] = "triage";
    await world.send("issue_comment", commentPayload("/agent ignore"));
    expect(world.publisher.leftAlone).toEqual([12]);
    expect([world.publisher.replies, world.publisher.acknowledged]).toEqual([[], [1_000]]);
    expect((await world.only()).version).toBe(run.version);
    const pull = intakeWorld();
    await pull.send("issue_comment", commentPayload("/agent ignore", { issue: { pull_request: {} } }));
    expect(pull.publisher.only("nothing-to-do").why).toContain("pull request");
    expect(pull.publisher.leftAlone).toEqual([]);
  });

  test.each([
    ["the label agent", "issues", issuePayload("labeled", { label: "agent" })],
    ["an assignment", "issues", issuePayload("assigned", { assignee })],
    [
      "a program",
      "repository_dispatch",
      { ...issuePayload("agent"), action: "agent", client_payload: { issue: 12, command: "fix" } },
    ],
  ])("is not worked by %s: that is refused, with the way back", async (_, name, payload) => {
    const world = ignored();
    await world.send(name, payload);
    expect(world.publisher.only("refused")).toMatchObject({
      why: expect.stringContaining("`agent/ignored`"),
      next: expect.stringContaining("Take that label off"),
    });
    expect(await world.runs()).toEqual([]);
    expect(world.publisher.removed).not.toContain("agent/ignored");
  });

  test("is not sorted when it is opened so, nor worked by a listed bot", async () => {
    const world = ignored();
    await world.send("issues", issuePayload("opened", { issue: { labels: [{ name: "agent/ignored" }] } }));
    world.reader.files[".github/baton.yml"] = 'triggers: { bots: ["helper[bot]"] }';
    const by = { login: "helper[bot]", id: 5, type: "Bot" };
    await world.send("issue_comment", commentPayload("/agent fix", { by }));
    expect(world.publisher.only("refused").why).toContain("left alone");
    expect(await world.runs()).toEqual([]);
  });

  test.each(["/agent fix", "/agent triage"])(
    "is worked when a person says %s, and no longer left alone",
    async (words) => {
      const world = ignored();
      await world.send("issue_comment", commentPayload(words));
      expect(await world.runs()).toHaveLength(1);
      expect(world.publisher.removed).toEqual(["agent/ignored"]);
    },
  );

  test("whose run has ended is worked again by a person's retry; what only asks changes nothing", async () => {
    const { world } = await worldWithRun(ended);
    if (world.reader.found) world.reader.found = { ...world.reader.found, labels: ["agent/ignored"] };
    await world.send("issue_comment", commentPayload("/agent status\n/agent help"));
    expect(world.publisher.removed).toEqual([]);
    world.reader.files[".github/baton.yml"] = 'triggers: { bots: ["helper[bot]"] }';
    const by = { login: "helper[bot]", id: 5, type: "Bot" };
    await world.send("issue_comment", commentPayload("/agent retry", { by }));
    expect(world.publisher.kinds).toEqual(["status", "help", "refused"]);
    expect((await world.only()).phase).toBe("finished");
    await world.send("issue_comment", commentPayload("/agent retry"));
    expect((await world.only()).phase).toBe("working");
    expect(world.publisher.removed).toEqual(["agent/ignored"]);
  });
});

describe("who may", () => {
  const ours = { names: () => ["init", "setup", "retrospective"], load: () => Promise.resolve(undefined) };
  const own = { init: "init" };
  const elsewhere = { init: "setup", bug: "setup", do: "init" };

  test.each([
    ["/agent fix --workflow init", own],
    ["/agent fix --workflow init", elsewhere],
    ["/agent fix --workflow setup", elsewhere],
    ["/agent fix --workflow retrospective", own],
    ["/agent do whatever", elsewhere],
    ["label agent:bug", elsewhere],
  ])("who may not start a workflow by its own verb may not by %s, with the routes %o", async (words, routes) => {
    const world = intakeWorld({ workflows: ours });
    world.reader.files[".github/baton.yml"] = JSON.stringify({ routes });
    world.reader.roles = { maria: "write" };
    const ask = () =>
      words.startsWith("label")
        ? world.send("issues", issuePayload("labeled", { label: "agent:bug" }))
        : world.send("issue_comment", commentPayload(words));
    await ask();
    expect(world.publisher.kinds).toEqual(["refused"]);
    expect(world.publisher.only("refused").why).toContain("this needs maintain");
    expect(await world.runs()).toEqual([]);
    world.reader.roles = { maria: "maintain" };
    await ask();
    expect(await world.runs()).toHaveLength(1);
  });

  test.each(["/agent restart and add my own words", "/agent retry"])(
    "who may not start a workflow may not have an ended run of it begun again: %s",
    async (words) => {
      const world = intakeWorld({ workflows: ours });
      world.reader.roles = { maria: "maintain", ada: "write" };
      await world.send("issue_comment", commentPayload("/agent init"));
      const run = await world.only();
      await append(world, run, routed(run), ended);
      await world.send("issue_comment", commentPayload(words, { by: { login: "ada", id: 8 } }));
      expect(world.publisher.only("refused").why).toContain("@ada has the role write");
      expect((await world.only()).phase).toBe("finished");
      await world.send("issue_comment", commentPayload(words));
      expect((await world.runs())[0]?.phase).not.toBe("finished");
    },
  );

  test("a refusal is said once per person and reason", async () => {
    const world = intakeWorld();
    world.reader.roles = {};
    for (const words of ["/agent fix", "/agent fix now", "/agent retry"])
      await world.send("issue_comment", commentPayload(words));
    expect(world.publisher.kinds).toEqual(["refused"]);
    await world.send("issue_comment", commentPayload("/agent fix", { by: { login: "other", id: 8 } }));
    await world.send("issue_comment", commentPayload("/agent stop"));
    await world.send("issue_comment", commentPayload("/agent fix", { issue: { number: 13 } }));
    expect(world.publisher.replies.map(({ number }) => number)).toEqual([12, 12, 12, 13]);
  });

  test("an unknown verb from a stranger is refused, not explained", async () => {
    const world = intakeWorld();
    world.reader.roles = {};
    await world.send("issue_comment", commentPayload("/agent fxi"));
    expect(world.publisher.kinds).toEqual(["refused"]);
  });

  test("bots say nothing and are told nothing, unless they are listed; then they may start work and no more", async () => {
    const bot = { by: { login: "helper[bot]", id: 5, type: "Bot" } };
    const world = intakeWorld();
    await world.send("issue_comment", commentPayload("/agent fix", bot));
    expect(world.publisher.replies).toEqual([]);
    expect(await world.runs()).toEqual([]);
    world.reader.files[".github/baton.yml"] = 'triggers: { bots: ["helper[bot]"] }';
    await world.send("issue_comment", commentPayload("/agent fix\n/agent approve", bot));
    expect(await world.runs()).toHaveLength(1);
    expect(world.publisher.kinds).toEqual(["refused"]);
    expect(world.reader.calls).not.toContain("permission");
  });

  test("a listed App lends a stranger nothing, and a maintainer no more than a bot has", async () => {
    const via = { comment: { performed_via_github_app: { id: 5, slug: "helper" } } };
    const world = intakeWorld();
    world.reader.files[".github/baton.yml"] = "triggers: { bots: [helper] }";
    world.reader.roles = { maria: "admin" };
    await world.send("issue_comment", commentPayload("/agent fix", { ...via, by: { login: "stranger", id: 66 } }));
    expect(world.publisher.only("refused").why).toContain("@stranger has the role none");
    expect(await world.runs()).toEqual([]);
    await world.send("issue_comment", commentPayload("/agent approve", via));
    expect(world.publisher.kinds).toEqual(["refused", "refused"]);
    await world.send("issue_comment", commentPayload("/agent fix", via));
    expect(await world.runs()).toHaveLength(1);
  });

  test("an App that writes for a maintainer counts as the App", async () => {
    const world = intakeWorld();
    world.reader.roles["maria"] = "admin";
    await world.send(
      "issue_comment",
      commentPayload("/agent fix", { comment: { performed_via_github_app: { id: 5, slug: "x" } } }),
    );
    expect(await world.runs()).toEqual([]);
  });
});

describe("words to a run", () => {
  test("stop reaches it, whoever is quicker", async () => {
    const inner = createMemoryLog({ clock: systemClock });
    let rivals = 3;
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
        // A driver appends just before, three times.
        if (rivals > 0) {
          rivals -= 1;
          await inner.append(run, expected, [{ type: "run.driven", driver: `driver ${rivals}` }]);
        }
        return inner.append(run, expected, events);
      },
    };
    const world = intakeWorld({ log });
    await world.send("issue_comment", commentPayload("/agent fix"));
    await world.send("issue_comment", commentPayload("/agent stop please"));
    const run = await world.only();
    expect(run.stop).toEqual({ by: { login: "maria", id: 7 }, quote: "/agent stop please" });
    expect(run.version).toBe(5);
    expect(world.rung).toEqual([run.runId, run.runId]);
  });

  test("stop right behind fix finds the run, however slow the start is", async () => {
    const world = intakeWorld();
    const silence = Promise.withResolvers<void>();
    const labels = world.reader.labels.bind(world.reader);
    vi.spyOn(world.reader, "labels").mockImplementation(() => silence.promise.then(labels));
    const fix = world.send("issue_comment", commentPayload("/agent fix"));
    const stop = world.send("issue_comment", commentPayload("/agent stop", { comment: { id: 1_001 } }));
    const elsewhere = commentPayload("/agent help", { issue: { number: 13 } });
    await world.send("issue_comment", elsewhere);
    expect(world.publisher.kinds).toEqual(["help"]);
    silence.resolve();
    await Promise.all([fix, stop]);
    expect((await world.only()).stop).toMatchObject({ quote: "/agent stop" });
    expect(world.publisher.kinds).toEqual(["help"]);
  });

  test("stop with nothing to stop says so", async () => {
    const world = intakeWorld();
    await world.send("issue_comment", commentPayload("/agent stop"));
    const { world: over } = await worldWithRun(ended);
    await over.send("issue_comment", commentPayload("/agent stop"));
    expect([world.publisher.kinds, over.publisher.kinds]).toEqual([["nothing-running"], ["nothing-running"]]);
    expect(over.rung).toEqual([]);
  });

  test("with nothing running they promise a start only where one is possible", async () => {
    const next = async (words: string, change: (world: World) => void) => {
      const world = intakeWorld();
      change(world);
      await world.send("issue_comment", commentPayload(words));
      return world.publisher.only("nothing-running").next;
    };
    for (const words of ["/agent stop", "/agent retry", "/agent why"]) {
      expect(await next(words, () => {})).toContain("`/agent fix` starts a run.");
      const blocked = await next(words, ({ reader }) => reader.closing.push(77));
      expect(blocked).toMatch(/#77 is open .* close it, and then/);
      const closed = await next(words, ({ reader }) => {
        if (reader.found) reader.found = { ...reader.found, state: "closed" };
      });
      expect(closed).toContain("none can start now: the issue is closed");
      expect(closed).not.toContain("/agent fix");
    }
  });

  test("retry takes the ended run up again, from the named stage or where it ended", async () => {
    for (const [words, stage] of [
      ["/agent retry", undefined],
      ["/agent retry Verify", "verify"],
    ] as const) {
      const { world, run } = await worldWithRun(ended);
      await world.send("issue_comment", commentPayload(words));
      const events = await world.log.read(run.runId);
      expect(events.at(-1)?.event).toEqual({
        type: "retry.requested",
        by: { login: "maria", id: 7 },
        quote: words,
        asked: expect.stringMatching(/^delivery-\d+:0$/),
        ...(stage === undefined ? {} : { stage }),
        commentId: 1_000,
      });
      expect(world.rung).toEqual([run.runId]);
      expect(world.publisher.replies).toEqual([]);
    }
  });

  test("retry says no to an unknown stage, a run at work, none at all, a good end, and a closed issue", async () => {
    const unknown = await worldWithRun(ended);
    await unknown.world.send("issue_comment", commentPayload("/agent retry verfy"));
    expect(unknown.world.publisher.only("invalid-flags").problems.join()).toContain("`reproduce`, `diagnose`, `fix`");

    const atWork = await worldWithRun();
    await atWork.world.send("issue_comment", commentPayload("/agent retry"));
    expect(atWork.world.publisher.only("already-running").run).toBe(atWork.run.runId);

    const none = intakeWorld();
    await none.send("issue_comment", commentPayload("/agent retry"));
    expect(none.publisher.kinds).toEqual(["nothing-running"]);

    const opened: RunEvent = {
      type: "pull_request.opened",
      number: 13,
      url: "u",
      branch: "b",
      head: commit(12),
      title: "t",
    };
    const good = await worldWithRun(opened, { ...ended, outcome: "succeeded", code: "verified" });
    await good.world.send("issue_comment", commentPayload("/agent retry"));
    expect(good.world.publisher.only("nothing-running").next).toContain("#13");

    const closed = await worldWithRun(ended);
    if (closed.world.reader.found) closed.world.reader.found = { ...closed.world.reader.found, state: "closed" };
    await closed.world.send("issue_comment", commentPayload("/agent retry"));
    expect(closed.world.publisher.only("refused")).toMatchObject({
      why: "the issue is closed",
      next: "Reopen it and write the command again.",
    });

    for (const { world } of [unknown, atWork, good, closed]) expect(world.rung).toEqual([]);
  });

  test("status and why show the latest run", async () => {
    const { world, run } = await worldWithRun(ended);
    await world.send("issue_comment", commentPayload("/agent status\n/agent why"));
    expect(world.publisher.replies.map(({ reply }) => reply)).toMatchObject([
      { kind: "status", state: { runId: run.runId } },
      { kind: "why", state: { runId: run.runId } },
    ]);
    const none = intakeWorld();
    await none.send("issue_comment", commentPayload("/agent status\n/agent why"));
    expect(none.publisher.replies.map(({ reply }) => reply)).toMatchObject([
      { kind: "status", state: undefined },
      { kind: "nothing-running" },
    ]);
  });

  test("on a pull request they are about the run that opened it, whatever its text claims", async () => {
    const opened: RunEvent = {
      type: "pull_request.opened",
      number: 13,
      url: "u",
      branch: "b",
      head: commit(12),
      title: "t",
    };
    const { world, run } = await worldWithRun(opened);
    const onPull = (number: number) => commentPayload("/agent status", { issue: { number, pull_request: {} } });
    if (world.reader.found) world.reader.found = { ...world.reader.found, isPull: true, body: "…\n\nCloses #12" };
    await world.send("issue_comment", onPull(13));
    if (world.reader.found) world.reader.found = { ...world.reader.found, body: "Asked for in #12 · _…_" };
    await world.send("issue_comment", { ...onPull(13) });
    await world.send("issue_comment", onPull(14));
    expect(
      world.publisher.replies.map(({ number, reply }) => [number, reply.kind === "status" && reply.state?.runId]),
    ).toEqual([
      [13, run.runId],
      [13, run.runId],
      [14, undefined],
    ]);
  });

  test("a closed issue is told to the run at work, once", async () => {
    const { world } = await worldWithRun();
    await world.send("issues", issuePayload("closed"));
    await world.send("issues", issuePayload("closed"));
    const run = await world.only();
    expect(run.closedBy).toEqual({ login: "maria", id: 7 });
    expect((await world.log.read(run.runId)).filter(({ event }) => event.type === "subject.closed")).toHaveLength(1);
    const idle = intakeWorld();
    expect(await idle.send("issues", issuePayload("closed"))).toContain("no run is at work");
  });
});

describe("a delivery handled twice", () => {
  /** Handles, forgets that it did, and handles again: a crash before the mark. */
  async function twice(world: World, name: string, payload: unknown): Promise<void> {
    await world.send(name, payload, "again");
    const kept = world.deliveries.kept.get("again");
    if (kept) world.deliveries.kept.set("again", { ...kept, handledAt: undefined });
    await world.intake.handle("again", AbortSignal.timeout(5_000));
  }

  test("starts one run, and rings for it again", async () => {
    const world = intakeWorld();
    await twice(world, "issue_comment", commentPayload("/agent fix"));
    const { runId } = await world.only();
    expect(world.rung).toEqual([runId, runId]);
    expect(world.publisher.replies).toEqual([]);
  });

  test("starts none again after the run has ended meanwhile", async () => {
    const world = intakeWorld();
    await world.send("issue_comment", commentPayload("/agent fix"), "again");
    await append(world, await world.only(), ended);
    const kept = world.deliveries.kept.get("again");
    if (kept) world.deliveries.kept.set("again", { ...kept, handledAt: undefined });
    await world.intake.handle("again", AbortSignal.timeout(5_000));
    expect((await world.only()).phase).toBe("finished");
    expect(world.publisher.replies).toEqual([]);
  });

  test("answers once", async () => {
    const world = intakeWorld();
    await twice(world, "issue_comment", commentPayload("/agent help\n/agent fxi"));
    expect(world.publisher.kinds).toEqual(["help", "unknown-verb"]);
  });

  test.each(["stop", "retry"])("says %s once", async (verb) => {
    const { world, run } = await worldWithRun(...(verb === "retry" ? [ended] : []));
    await twice(world, "issue_comment", commentPayload(`/agent ${verb}`));
    const events = await world.log.read(run.runId);
    expect(events.filter(({ event }) => event.type === `${verb}.requested`)).toHaveLength(1);
    expect(world.rung).toEqual([run.runId, run.runId]);
    expect(world.publisher.replies).toEqual([]);
  });

  test("that was marked is not even read on", async () => {
    const world = intakeWorld();
    await world.send("issue_comment", commentPayload("/agent help"), "once");
    world.reader.calls.length = 0;
    await world.intake.handle("once", AbortSignal.timeout(5_000));
    expect(world.reader.calls).toEqual([]);
  });
});

describe("when something is down", () => {
  test("GitHub: nothing starts and the delivery stays pending; later it is handled", async () => {
    const world = intakeWorld();
    world.reader.down = true;
    await expect(world.send("issue_comment", commentPayload("/agent fix"), "later")).rejects.toThrow(
      "GitHub does not answer",
    );
    expect(await world.deliveries.pending()).toEqual(["later"]);
    world.reader.down = false;
    await world.intake.handle("later", AbortSignal.timeout(5_000));
    expect(await world.runs()).toHaveLength(1);
    expect(await world.deliveries.pending()).toEqual([]);
  });

  test.each([401, 403, 404, 410])("a clear no (%i) ends it: nobody asks for ever", async (status) => {
    const world = intakeWorld();
    const no = new GitHubFailure("read the labels", "refused", status, "Not Found", undefined);
    vi.spyOn(world.reader, "labels").mockRejectedValue(no);
    expect(await world.send("issue_comment", commentPayload("/agent fix"))).toContain("given up: GitHub could not");
    expect(await world.deliveries.pending()).toEqual([]);
    expect(await world.runs()).toEqual([]);
  });

  test.each([
    ["limited", 429],
    ["unclear", 404],
    ["refused", 422],
  ] as const)("what is no clear no (%s, %i) stays pending", async (kind, status) => {
    const world = intakeWorld();
    vi.spyOn(world.reader, "labels").mockRejectedValue(new GitHubFailure("read", kind, status, "…", undefined));
    await expect(world.send("issue_comment", commentPayload("/agent fix"), "later")).rejects.toThrow("GitHub");
    expect(await world.deliveries.pending()).toEqual(["later"]);
  });

  test("a delivery without an installation is given up", async () => {
    const world = intakeWorld();
    const payload = { ...commentPayload("/agent fix"), installation: null };
    expect(await world.send("issue_comment", payload)).toContain("names no installation");
    expect(world.reader.calls).toEqual([]);
  });

  test("what came more than a day ago is not carried out any more", async () => {
    let ahead = 0;
    const world = intakeWorld({ clock: { now: () => Date.now() + ahead } });
    ahead = 86_400_000 - 60_000;
    await world.send("issue_comment", commentPayload("/agent fix"));
    expect(await world.runs()).toHaveLength(1);
    ahead = 86_400_000 + 60_000;
    expect(await world.send("issue_comment", commentPayload("/agent stop"))).toContain("too old");
    expect((await world.only()).stop).toBeUndefined();
    expect(await world.deliveries.pending()).toEqual([]);
  });

  test("the bell: the run is there, and handling the delivery again rings", async () => {
    let broken = true;
    const rung: string[] = [];
    const world = intakeWorld({
      bell: {
        async ring(_, id) {
          if (broken) throw new Error("no bell");
          rung.push(id);
        },
      },
    });
    await expect(world.send("issue_comment", commentPayload("/agent fix"), "later")).rejects.toThrow("no bell");
    broken = false;
    await world.intake.handle("later", AbortSignal.timeout(5_000));
    expect(rung).toEqual([(await world.only()).runId]);
  });

  test("a closing process starts nothing", async () => {
    const world = intakeWorld();
    await world.deliveries.keep({
      id: "x",
      name: "issue_comment",
      payload: JSON.stringify(commentPayload("/agent fix")),
    });
    await expect(world.intake.handle("x", AbortSignal.abort())).rejects.toThrow("abort");
    expect(await world.runs()).toEqual([]);
  });

  test("a delivery nobody kept, or one that is not JSON, breaks nothing", async () => {
    const world = intakeWorld();
    await world.intake.handle("unheard-of", AbortSignal.timeout(5_000));
    await world.deliveries.keep({ id: "y", name: "issues", payload: "{" });
    await world.intake.handle("y", AbortSignal.timeout(5_000));
    expect(world.deliveries.notes.get("y")).toContain("nothing");
  });
});
