// The branch that Baton's pull request goes into moves on: where they conflict the run goes on with it, a few times, and else nothing happens.
import { describe, expect, test } from "vitest";
import { sha } from "#src/core/ids.ts";
import type { RunEvent } from "#src/engine/events.ts";
import { fold } from "#src/engine/fold.ts";
import { BASE } from "#src/intake/translate.ts";
import { commentPayload, intakeWorld, maria, self, type World } from "#test/support/intake-world.ts";
import { head, onPull, open, opened } from "#test/support/opened-pull.ts";

const main = sha("d".repeat(40));
const paul = { login: "paul", id: 8 };

/** The news that the base moved, as Baton keeps it for one pull request. */
async function news(world: World, id = "base-1"): Promise<string> {
  const { created } = await world.only();
  const payload = JSON.stringify({ repo: created.repo, branch: open.branch, by: paul });
  await world.deliveries.keep({ id, name: BASE, payload });
  return world.again(id);
}

async function inConflict(...more: RunEvent[]): Promise<World> {
  const world = await opened(...more);
  world.reader.pull = { ...open, mergeable: false };
  world.reader.branches["main"] = main;
  return world;
}

const ended = { type: "run.finished", outcome: "succeeded", code: "verified", message: "…" } as const;
const brought = (index: number): RunEvent[] => [
  {
    type: "revision.requested",
    by: paul,
    quote: "main moved on",
    stage: "fix",
    words: "",
    threads: [],
    base: { commit: sha(String(index).repeat(40)), how: "conflicts" },
  },
  { type: "pull_request.opened", number: 5, url: "u", branch: open.branch, head, title: "t" },
  ended,
];

describe("a push to the branch that pull requests go into", () => {
  const push = (changes: object = {}) => ({
    ...commentPayload("", { by: { ...paul, type: "User" } }),
    ref: "refs/heads/main",
    after: main,
    forced: false,
    commits: [{ added: [], modified: ["src/a.js"], removed: [] }],
    ...changes,
  });

  test("is told to each of Baton's, once for each commit", async () => {
    const asked: string[] = [];
    const before = await opened();
    const { runId } = await before.only();
    const looks = {
      open: (_: unknown, base: string) => {
        asked.push(base);
        return Promise.resolve([{ run: runId, branch: open.branch }]);
      },
    };
    const world = intakeWorld({ looks, log: before.log });
    expect(await world.send("push", push())).toContain("1 pull requests go into main");
    expect(await world.send("push", push())).toContain("1 pull requests go into main");
    expect(asked).toEqual(["main", "main"]);
    const kept = [...world.deliveries.kept.values()].filter(({ name }) => name === BASE);
    expect(kept.map(({ id }) => id)).toEqual([`base-${runId}-${main}`]);
    expect(world.rung).toContain(`base-${runId}-${main}`);
    expect(JSON.parse(kept[0]?.payload ?? "")).toMatchObject({ branch: open.branch, by: paul });
  });

  test("is nothing when Baton did it", async () => {
    const world = await opened();
    const own = { login: self.login, id: 1, type: "Bot" };
    expect(await world.send("push", push({ sender: own }))).toContain("Baton did it itself");
  });
});

describe("a pull request whose base moved on", () => {
  test("is taken up when it conflicts: with the base as it is now, and nothing else to do", async () => {
    const world = await inConflict();
    expect(await news(world)).toContain("goes on");
    const { phase, revision, base } = await world.only();
    expect(phase).toBe("working");
    expect(revision).toMatchObject({
      by: paul,
      quote: "main moved on",
      stage: "fix",
      words: "",
      threads: [],
      base: { commit: main, how: "conflicts" },
    });
    expect(base).toMatchObject({ commit: main, rounds: 1 });
    expect(world.publisher.replies).toEqual([]);
    // Handled again, it is not wanted twice.
    expect(await world.again("base-1")).toContain("is at work");
    const { runId } = await world.only();
    const requested = (await world.log.read(runId)).filter(({ event }) => event.type === "revision.requested");
    expect(requested).toHaveLength(1);
  });

  test("is left as it is without a conflict", async () => {
    const world = await opened();
    expect(await news(world)).toContain("no conflict");
    expect((await world.only()).phase).toBe("finished");
  });

  test("is looked at again while GitHub does not know", async () => {
    const world = await inConflict();
    world.reader.pull = { ...open, mergeable: undefined };
    await expect(news(world)).rejects.toMatchObject({ code: "github-failed", retryable: true });
    world.reader.pull = { ...open, mergeable: false };
    expect(await world.again("base-1")).toContain("goes on");
  });

  test("is noticed as well when its checks are looked at, because nothing more is run on what cannot be merged", async () => {
    const world = await inConflict();
    const repository = commentPayload("");
    const suite = { head_sha: head, head_branch: open.branch, app: { id: 9, slug: "ci" } };
    await world.send("check_suite", { ...repository, action: "completed", check_suite: suite });
    expect((await world.only()).revision?.base).toEqual({ commit: main, how: "conflicts" });
  });

  test.each<[string, (world: World) => void, RunEvent[], string]>([
    ["people pushed to", () => undefined, [{ type: "branch.taken", by: maria, head: main }], "left to people"],
    [
      "shows a push that nobody told of",
      (world) => (world.reader.pull = { ...open, mergeable: false, head: main }),
      [],
      "left to people",
    ],
    ["is closed", (world) => (world.reader.pull = { ...open, mergeable: false, state: "closed" }), [], "is closed"],
    ["goes elsewhere", (world) => (world.reader.pull = { ...open, mergeable: false, into: "next" }), [], "into next"],
    ["did not end well", () => undefined, [{ ...ended, outcome: "failed" }], "ended as failed"],
    ["holds that base", (world) => (world.reader.branches["main"] = sha("a".repeat(40))), [], "holds all of main"],
  ])("is left alone when it %s", async (_, change, more, why) => {
    const world = await inConflict(...more);
    change(world);
    const { version } = await world.only();
    expect(await news(world)).toContain(why);
    expect((await world.only()).version).toBe(version);
    expect(world.publisher.replies).toEqual([]);
  });

  test("is brought together a few times, then a person is asked once, and their word starts the count anew", async () => {
    const world = await inConflict(...brought(1), ...brought(2), ...brought(3));
    expect((await world.only()).base.rounds).toBe(3);
    expect(await news(world)).toContain("left to people");
    await news(world, "base-2");
    expect(new Set(world.publisher.replies.map(({ key }) => key)).size).toBe(1);
    expect(world.publisher.replies[0]).toMatchObject({ number: 5, reply: { kind: "conflicts", rounds: 3 } });
    expect((await world.only()).phase).toBe("finished");
    // Its checks are judged all the same.
    const passed = { id: 1, by: "ci", app: 9, conclusion: "success", url: "", workflowRun: undefined };
    world.checks.of.set(head, [{ name: "test", ...passed, state: "passed" }]);
    const suite = { head_sha: head, head_branch: open.branch, app: { id: 9, slug: "ci" } };
    await world.send("check_suite", { ...commentPayload(""), action: "completed", check_suite: suite });
    expect(await world.only()).toMatchObject({ phase: "finished", checks: { judged: { head } } });
    world.reader.joined = sha("3".repeat(40));
    await world.send("issue_comment", commentPayload("/agent rebase", onPull));
    expect((await world.only()).base.rounds).toBe(0);
  });
});

describe("/agent rebase", () => {
  const rebase = (world: World) => world.send("issue_comment", commentPayload("/agent rebase", onPull));

  test("merges the base as it is now, conflict or not, and answers no thread", async () => {
    const world = await opened();
    world.reader.branches["main"] = main;
    expect(await rebase(world)).toContain("goes on");
    expect((await world.only()).revision).toMatchObject({ words: "", base: { commit: main, how: "asked" }, by: maria });
  });

  test("has nothing to do where the branch holds all of it", async () => {
    const world = await opened();
    await rebase(world);
    expect(world.publisher.only("nothing-to-do").why).toContain("holds all of `main` already");
  });

  test("is refused where the pull request goes elsewhere", async () => {
    const world = await opened();
    world.reader.pull = { ...open, into: "next" };
    await rebase(world);
    expect(world.publisher.only("refused")).toMatchObject({ why: expect.stringContaining("`next`") });
  });

  test("goes on from what people pushed", async () => {
    const world = await opened();
    const theirs = sha("c".repeat(40));
    world.reader.pull = { ...open, head: theirs };
    world.reader.branches["main"] = main;
    await rebase(world);
    const state = await world.only();
    expect(state.branch.ground).toBe(theirs);
    expect(state.revision).toMatchObject({ onto: theirs, base: { commit: main, how: "asked" } });
  });

  test("that did not come to its end is taken along by what is wanted next", async () => {
    const world = await opened();
    world.reader.branches["main"] = main;
    await rebase(world);
    const { runId, version } = await world.only();
    await world.log.append(runId, version, [{ ...ended, outcome: "needs-a-decision", code: "unresolved" }]);
    await world.send("issue_comment", commentPayload("/agent revise shorter", onPull));
    expect(fold(await world.log.read(runId)).revision).toMatchObject({
      words: "shorter",
      base: { commit: main, how: "asked" },
    });
  });
});
