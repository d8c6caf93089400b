// Baton never loops: what would begin again and again is stopped, and says so once.
import { describe, expect, test } from "vitest";
import { sha } from "#src/core/ids.ts";
import type { EventOf, RepoRef } from "#src/engine/events.ts";
import type { State } from "#src/engine/state.ts";
import { renderCard } from "#src/github/card.ts";
import { createNeutral } from "#src/github/neutral.ts";
import { scheduleId } from "#src/workflows/schedules.ts";
import { createMemoryLog } from "#src/store/memory-log.ts";
import { HandTiming } from "#test/support/hand-timing.ts";
import { recordedRuns, type RecordedRunName } from "#test/support/recorded-run.ts";
import { commentPayload, intakeWorld, issuePayload, type World } from "#test/support/intake-world.ts";

const failed: EventOf<"run.finished"> = { type: "run.finished", outcome: "failed", code: "turn-limit", message: "…" };

const repo: RepoRef = {
  id: 1,
  owner: "octo",
  name: "tab",
  private: false,
  defaultBranch: "main",
  cloneUrl: "https://github.com/octo/tab.git",
  installationId: 5,
};

/** Ends the latest run about the issue. */
async function end(world: World, how = failed): Promise<State> {
  const [run] = await world.runs();
  if (!run) throw new Error("there is no run");
  expect(await world.log.append(run.runId, run.version, [how])).toMatchObject({ type: "appended" });
  return run;
}

/** The latest run about the issue goes as the recorded one does. */
async function work(world: World, name: RecordedRunName): Promise<State> {
  const [run] = await world.runs();
  if (!run) throw new Error("there is no run");
  const events = recordedRuns[name](run.created)
    .events.slice(1)
    .map(({ event }) => event);
  expect(await world.log.append(run.runId, run.version, events)).toMatchObject({ type: "appended" });
  return run;
}

const say = (world: World, words: string, change?: Parameters<typeof commentPayload>[1]) =>
  world.send("issue_comment", commentPayload(words, change));

describe("so many runs begin on an issue within an hour", () => {
  /** Three may begin; one has, by a comment. */
  async function world() {
    const clock = new HandTiming();
    const log = createMemoryLog({ clock });
    const open = () => {
      const one = intakeWorld({ log });
      one.reader.files[".github/baton.yml"] = "limits: { runsPerHour: 3 }";
      return one;
    };
    const first = open();
    await say(first, "/agent fix first");
    await end(first);
    return { clock, open, first, begun: clock.now() };
  }

  test("by whatever door, in whatever process; then it is refused with the time from which on it may", async () => {
    const { clock, open, first, begun } = await world();
    clock.forward(60_000);
    expect(await say(first, "/agent retry")).toContain("goes on");
    await end(first);
    // A process that knows nothing of the others.
    const other = open();
    expect(await other.send("issues", issuePayload("labeled", { label: "agent" }))).toContain("started");
    await end(other);
    expect(other.publisher.replies).toEqual([]);
    const doors = [
      () => say(open2, "/agent fix fourth"),
      () => say(open2, "/agent retry"),
      () => say(open2, "/agent restart"),
      () => open2.send("issues", issuePayload("labeled", { label: "agent" })),
    ];
    const open2 = open();
    for (const door of doors) {
      expect(await door()).toContain("refused: 3 runs have begun within the hour");
      expect(open2.publisher.replies.at(-1)?.reply).toMatchObject({
        kind: "too-many",
        what: "runs",
        most: 3,
        again: begun + 3_600_000,
      });
    }
    // An issue that is opened, and the clock, wait for no answer.
    expect(await open().send("issues", issuePayload("opened"))).toContain("refused: 3 runs");
    expect(await other.runs()).toHaveLength(2);
    clock.forward(3_600_000 - 60_000);
    expect(await say(open(), "/agent fix fifth")).toContain("started");
  });

  test("and on every issue as many", async () => {
    const { first } = await world();
    for (const words of ["/agent retry", "/agent fix x"]) {
      await say(first, words);
      await end(first);
    }
    expect(await say(first, "/agent fix y")).toContain("refused");
    expect(await say(first, "/agent fix y", { issue: { number: 13 } })).toContain("started");
  });

  test("a restart that may not begin leaves the run alone that is at work", async () => {
    const { first } = await world();
    await say(first, "/agent fix second");
    await end(first);
    await say(first, "/agent fix third");
    expect(await say(first, "/agent restart")).toContain("refused: 3 runs");
    expect((await first.runs())[0]?.phase).not.toBe("finished");
  });
});

describe("what came to nothing by itself is not tried again without a change", () => {
  const comment = (id: number, body: string, login = "maria") => ({
    id,
    body,
    author: { login, id: login.length },
    createdAt: Date.UTC(2026, 10, 20, 11, id),
  });

  /** A run that was asked for by `/agent fix` has ended. The command is the issue's first comment. */
  async function world(name: RecordedRunName = "needs a person") {
    const first = intakeWorld();
    first.reader.said = [comment(1, "/agent fix")];
    await say(first, "/agent fix", { comment: { id: 1 } });
    const run = await work(first, name);
    first.reader.said = [comment(1, "/agent fix"), comment(2, "/agent status"), comment(3, "/agent fix")];
    return { world: first, run };
  }
  const again = (world: World, words = "/agent fix") => say(world, words, { comment: { id: 3 } });

  test("the answer names the run, its end and what makes a difference", async () => {
    const { world: one, run } = await world();
    expect(await again(one)).toContain(`refused: as ${run.runId}`);
    const { why, next, quote } = one.publisher.only("refused");
    expect(quote).toBe("/agent fix");
    expect(why).toContain(`\`${run.runId}\``);
    expect(why).toContain("ended as **needs a decision** (`worse`): verify said no 3 times");
    for (const way of ["words behind the command", "commit on `main`", "`/agent retry`", "`/agent restart`"])
      expect(next).toContain(way);
    expect(await one.runs()).toHaveLength(1);
    // The label asks for the same.
    expect(await one.send("issues", issuePayload("labeled", { label: "agent" }))).toContain("refused: as");
  });

  test.each([
    ["words behind the command", (one: World) => again(one, "/agent fix but leave the API alone")],
    ["another workflow", (one: World) => again(one, "/agent fix --workflow own")],
    ["another budget", (one: World) => again(one, "/agent fix --budget $9")],
    ["/agent restart", (one: World) => again(one, "/agent restart")],
    ["/agent retry", (one: World) => again(one, "/agent retry")],
    [
      "another commit",
      (one: World) => {
        one.reader.branches = { main: sha("c".repeat(40)) };
        return again(one);
      },
    ],
    [
      "an edited issue",
      (one: World) => say(one, "/agent fix", { comment: { id: 3 }, issue: { body: "It is in split.js." } }),
    ],
    [
      "a comment that tells something",
      (one: World) => {
        one.reader.said.splice(1, 1, comment(2, "It only happens on Windows.", "ada"));
        return again(one);
      },
    ],
    [
      "an answer",
      (one: World) => {
        one.reader.said.splice(1, 1, comment(2, "/agent tell it only happens on Windows"));
        return again(one);
      },
    ],
  ])("%s makes a difference", async (_, ask) => {
    const { world: one } = await world();
    expect(await ask(one)).toMatch(/started|goes on/);
    expect(one.publisher.replies).toEqual([]);
  });

  test.each(["failed", "timed out", "out of budget", "stopped", "dry run"] as const)(
    "a run that %s by no fault of its own is tried again",
    async (name) => {
      const { world: one } = await world(name);
      expect(await again(one)).toContain("started");
    },
  );

  test("the same words behind the command make a difference once, whoever writes them again", async () => {
    const { world: one } = await world();
    const words = "/agent fix look at the rounding";
    expect(await say(one, words)).toContain("started");
    await work(one, "could not reproduce");
    const bot = { login: "helper[bot]", id: 5, type: "Bot" };
    one.reader.files[".github/baton.yml"] = "triggers: { bots: [helper] }";
    one.reader.said.push(comment(3, words));
    expect(await say(one, words, { comment: { id: 4 } })).toContain("refused: as");
    expect(await say(one, words, { by: bot, comment: { id: 5 } })).toContain("refused: as");
    expect(await one.runs()).toHaveLength(2);
  });

  test("another tier of model, or commands that were mended, make a difference", async () => {
    const { world: one } = await world();
    expect(await say(one, "/agent fix")).toContain("refused: as");
    expect(await say(one, "/agent fix --model deep")).toContain("started");
    const { world: other } = await world();
    other.reader.files[".github/baton.yml"] = "commands: { test: npm run other }";
    expect(await say(other, "/agent fix")).toContain("started");
  });

  test("a program that insists is told once, and starts nothing", async () => {
    const { world: one } = await world();
    one.reader.files[".github/baton.yml"] = "triggers: { bots: [helper] }";
    const by = { login: "helper[bot]", id: 5, type: "Bot" };
    for (const words of ["/agent fix", "/agent restart", "/agent fix"])
      expect(await say(one, words, { by, comment: { id: 3 } })).toContain("refused: as");
    one.publisher.only("refused");
    expect(await one.runs()).toHaveLength(1);
  });

  test("the clock is told nothing, and starts nothing", async () => {
    const one = intakeWorld();
    const entry = { cron: "0 3 * * *", timezone: "UTC", workflow: "bug", issue: 12 };
    one.reader.files[".github/baton.yml"] = `schedules: [${JSON.stringify(entry)}]`;
    const tick = () => one.send("baton.schedule", { repo, id: scheduleId(entry) });
    expect(await tick()).toContain("started");
    await work(one, "could not reproduce");
    expect(await tick()).toContain("refused: as");
    expect(one.publisher.replies).toEqual([]);
    expect(await one.runs()).toHaveLength(1);
  });
});

describe("two Batons that let each other ask", () => {
  const apps = [
    { appId: 4711, login: "baton-one[bot]", slug: "baton-one" },
    { appId: 4712, login: "baton-two[bot]", slug: "baton-two" },
  ] as const;
  const neutral = createNeutral((text) => text);
  const links = { serverUrl: "https://github.com" };

  /** Each with a log of its own, on one issue: what one of them writes there, both can read. */
  function two() {
    const comments: ReturnType<World["reader"]["comments"]> extends Promise<infer T> ? T : never = [];
    const worlds = apps.map((self, index) => {
      const world = intakeWorld({ self });
      world.reader.said = comments;
      world.reader.files[".github/baton.yml"] = `triggers: { bots: [${apps[1 - index]?.slug}] }`;
      return world;
    });
    const at = (index: number) => {
      const world = worlds[index % 2];
      const self = apps[index % 2];
      if (!world || !self) throw new Error("there are two");
      return { world, self, account: { login: self.login, id: self.appId, type: "Bot" } };
    };
    /** The one asks the other as a bot can: by a label, or by a comment, after its own card was written. */
    const ask = async (index: number, by: "label" | "comment") => {
      const { account } = at(index);
      const { world } = at(index + 1);
      return by === "label"
        ? world.send("issues", issuePayload("labeled", { label: "agent", sender: account }))
        : say(world, "/agent fix", { by: account, comment: { id: 5_000 + comments.length } });
    };
    const finish = async (index: number) => {
      const { world, self } = at(index);
      const run = await work(world, "stopped");
      const card = renderCard(run, { neutral, links, now: 0 });
      comments.push({
        id: comments.length + 1,
        author: { login: self.login, id: self.appId },
        body: card,
        createdAt: 0,
      });
      return card;
    };
    return { at, ask, finish, comments };
  }

  test.each(["label", "comment"] as const)("stop two hops behind the person, who began it, by %s", async (by) => {
    const { at, ask, finish } = two();
    await say(at(0).world, "/agent fix");
    expect(await finish(0)).not.toContain("baton:hop");
    expect(await ask(0, by)).toContain("started");
    expect(await finish(1)).toContain("<!-- baton:hop:1 -->");
    expect(await ask(1, by)).toContain("started");
    expect(await finish(0)).toContain("<!-- baton:hop:2 -->");
    expect(await ask(0, by)).toContain("programs have started each other 2 times in a row");
    expect((await at(0).world.runs()).map(({ created }) => created.hop)).toEqual([2, undefined]);
    expect((await at(1).world.runs()).map(({ created }) => created.hop)).toEqual([1]);
    for (const index of [0, 1]) expect(at(index).world.publisher.replies).toEqual([]);
    // A person's word begins anew.
    await say(at(1).world, "/agent fix");
    expect(await finish(1)).not.toContain("baton:hop");
    expect(await ask(1, by)).toContain("started");
  });

  test("count only what the bot itself has written", async () => {
    const { at, ask, comments } = two();
    const body = "<!-- baton:status:run-0123456789ab -->\n\n<!-- baton:hop:2 -->\n\nI am far away.";
    comments.push({ id: 1, author: { login: "mallory", id: 66 }, body, createdAt: 0 });
    expect(await ask(0, "label")).toContain("started");
    expect((await at(1).world.only()).created.hop).toBe(1);
  });

  test("do not hear each other: what one writes is nothing for the other", async () => {
    const { at, ask, finish } = two();
    await ask(0, "label");
    const card = await finish(1);
    const before = await at(0).world.runs();
    for (const body of [card, `${card}\n\n/agent fix`, "/agent fix\n\n<!-- baton:reply:x -->"])
      expect(await say(at(0).world, body, { by: at(1).account })).toMatch(
        /^nothing: the comment carries Baton's marker/,
      );
    expect(await at(0).world.runs()).toEqual(before);
    expect(at(0).world.publisher.replies).toEqual([]);
  });
});

describe("runs that go in circles", () => {
  const ways = [failed, { ...failed, outcome: "timed-out", code: "budget-time" }] as const;

  async function world() {
    const one = intakeWorld();
    for (const how of [...ways, ...ways]) {
      await say(one, "/agent fix");
      await end(one, how);
    }
    expect(one.publisher.replies).toEqual([]);
    return one;
  }

  test("are not gone on with by themselves, and that is said once", async () => {
    const one = await world();
    const entry = { cron: "0 3 * * *", timezone: "UTC", workflow: "bug", issue: 12 };
    const config = { schedules: [entry], triggers: { bots: ["helper"] } };
    one.reader.files[".github/baton.yml"] = JSON.stringify(config);
    const helper = { login: "helper[bot]", id: 5, type: "Bot" };
    const doors = [
      () => one.send("baton.schedule", { repo, id: scheduleId(entry) }),
      () => say(one, "/agent fix", { by: helper }),
      () => say(one, "/agent retry", { by: helper }),
      () => one.send("issues", issuePayload("labeled", { label: "agent", sender: helper })),
    ];
    for (const door of doors) expect(await door()).toContain("refused: the last runs go in circles");
    const { why, next } = one.publisher.only("refused");
    expect(why).toContain("the last runs here ended in turn as failed (turn-limit) in `run-");
    expect(next).toContain("until a person has looked");
    expect(await one.runs()).toHaveLength(4);
  });

  test("are gone on with by a person's command, and the card says so", async () => {
    const one = await world();
    expect(await say(one, "/agent fix")).toContain("started");
    const [run] = await one.runs();
    expect(run?.created.circle).toMatchObject({ of: "ends", steps: [{}, {}, {}, {}] });
    if (!run) throw new Error("there is no run");
    const card = renderCard(run, { neutral: createNeutral((text) => text), links: { serverUrl: "x" }, now: 0 });
    expect(card).toContain("**In circles:** the runs before this one ended in turn as failed (turn-limit) in `run-");
    expect(one.publisher.replies).toEqual([]);
  });
});
