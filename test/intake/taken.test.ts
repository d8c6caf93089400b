// A branch of Baton's that people push to: it is theirs from then on, until somebody gives it back by /agent resume or /agent revise.
import { describe, expect, test } from "vitest";
import { sha } from "#src/core/ids.ts";
import type { Remark } from "#src/engine/github-port.ts";
import type { RunEvent } from "#src/engine/events.ts";
import { commentPayload, maria, self, type World } from "#test/support/intake-world.ts";
import { head, onPull, open, opened } from "#test/support/opened-pull.ts";

const theirs = sha("c".repeat(40));
const person = { ...maria, type: "User" };
const own = { login: self.login, id: 1, type: "Bot" };

/** A push to a branch, as GitHub tells it; `head` is where the branch then ends. */
async function push(
  world: World,
  changes: { ref?: string; after?: string; sender?: Readonly<Record<string, unknown>> } = {},
): Promise<string> {
  const { ref = `refs/heads/${open.branch}`, after = theirs, sender = person } = changes;
  if (world.reader.pull && /^[^0]/.test(after)) world.reader.pull = { ...world.reader.pull, head: sha(after) };
  return world.send("push", { ...commentPayload("", { by: sender }), ref, after, forced: false, commits: [] });
}

const command = (world: World, words: string, id?: string) =>
  world.send("issue_comment", commentPayload(words, onPull), id);

const review = (world: World) =>
  world.send("pull_request_review", {
    ...commentPayload(""),
    action: "submitted",
    pull_request: { number: 5, html_url: "u", title: "t", merged_at: null, head: { sha: head }, user: own },
    review: { id: 3, state: "changes_requested", body: "Name it better.", user: person },
  });

const remark: Remark = {
  id: 9,
  replyTo: undefined,
  path: "a.js",
  line: 1,
  outdated: false,
  body: "Why?",
  author: maria,
  isBot: false,
  association: "OWNER",
};

const eventsOf = async (world: World): Promise<RunEvent[]> =>
  (await world.log.read((await world.only()).runId)).map(({ event }) => event);

describe("a push to the branch of Baton's pull request", () => {
  test("by a person makes it theirs, and says so once for each push", async () => {
    const world = await opened();
    expect(await push(world)).toContain("leaves its branch to people");
    expect(await push(world)).toContain("knows");
    expect((await world.only()).branch).toMatchObject({ ground: head, taken: { by: maria, head: theirs } });
    const further = sha("d".repeat(40));
    await push(world, { after: further });
    expect((await world.only()).branch.taken?.head).toBe(further);
    expect((await eventsOf(world)).filter(({ type }) => type === "branch.taken")).toHaveLength(2);
    expect(world.publisher.replies).toEqual([]);
  });

  test("by a bot counts as people's", async () => {
    const world = await opened();
    const bot = { login: "pre-commit-ci[bot]", id: 44, type: "Bot" };
    await push(world, { sender: bot });
    expect((await world.only()).branch.taken).toMatchObject({ by: { login: bot.login } });
  });

  test.each<[string, (world: World) => Promise<string>, string]>([
    ["Baton's own", (world) => push(world, { sender: own }), "Baton did it itself"],
    ["what Baton has published meanwhile", (world) => push(world, { after: head }), "knows"],
    ["another branch", (world) => push(world, { ref: "refs/heads/baton/issue-12-other" }), "no run opened"],
    ["a branch of another issue", (world) => push(world, { ref: "refs/heads/baton/issue-13-x" }), "no run opened"],
    [
      "a branch of people's",
      (world) => push(world, { ref: "refs/heads/issue-12-x" }),
      "0 pull requests go into issue-12-x",
    ],
    ["the branch's end", (world) => push(world, { after: "0".repeat(40) }), "was deleted"],
  ])("is nothing when it is %s", async (_, send, why) => {
    const world = await opened();
    expect(await send(world)).toContain(why);
    expect((await world.only()).branch.taken).toBeUndefined();
  });

  test("is nothing once the pull request is closed", async () => {
    const world = await opened();
    world.reader.pull = { ...open, state: "closed" };
    expect(await push(world)).toContain("is closed");
    expect((await world.only()).branch.taken).toBeUndefined();
  });

  test("leaves reviews to people, who are told once for what was pushed, and retries too", async () => {
    const world = await opened();
    await push(world);
    await review(world);
    await review(world);
    expect(world.publisher.only("refused")).toMatchObject({
      why: expect.stringContaining("@maria pushed"),
      next: expect.stringContaining("`/agent resume`"),
    });
    await command(world, "/agent retry");
    expect(world.publisher.kinds).toEqual(["refused", "nothing-to-do"]);
    expect((await world.only()).phase).toBe("finished");
  });
});

test("a branch that was pushed to and taken back again is people's until they give it back", async () => {
  const world = await opened();
  await push(world);
  await push(world, { after: head });
  await review(world);
  expect(world.publisher.only("refused").why).toContain("@maria pushed");
  expect(await command(world, "/agent resume")).toContain("has its branch again");
  expect((await world.only()).branch).toMatchObject({ ground: head, taken: undefined });
});

describe("/agent resume", () => {
  test("gives the branch back as it is, so that the next review is followed on top of it", async () => {
    const world = await opened();
    await push(world);
    expect(await command(world, "/agent resume", "given")).toContain("has its branch again");
    expect(await world.again("given")).toContain("was asked before");
    expect((await eventsOf(world)).filter(({ type }) => type === "branch.given")).toHaveLength(1);
    expect(await world.only()).toMatchObject({ phase: "finished", branch: { ground: theirs, taken: undefined } });
    expect(await push(world)).toContain("knows");
    expect(await review(world)).toContain("goes on");
    expect((await world.only()).revision).toMatchObject({ onto: theirs, words: "Name it better." });
    expect(world.publisher.replies).toEqual([]);
  });

  test("works what waits in threads meanwhile", async () => {
    const world = await opened();
    await push(world);
    world.reader.remarked = [remark];
    expect(await command(world, "/agent resume")).toContain("goes on");
    const { revision, branch } = await world.only();
    expect(branch.taken).toBeUndefined();
    expect(revision).toMatchObject({ onto: theirs, words: "", threads: [{ id: 9 }] });
  });

  test("goes on with the revision that the push has ended, in the words of whoever wanted it", async () => {
    const world = await opened();
    await command(world, "/agent revise name it better");
    await push(world);
    const { runId, version } = await world.only();
    const end = { type: "run.finished", outcome: "cancelled", code: "branch-taken", message: "…" } as const;
    await world.log.append(runId, version, [end]);
    world.reader.roles = { paul: "write" };
    await world.send("issue_comment", commentPayload("/agent resume", { ...onPull, by: { login: "paul", id: 8 } }));
    const { phase, revision } = await world.only();
    expect(phase).toBe("working");
    expect(revision).toMatchObject({ onto: theirs, words: "name it better", by: maria, quote: "/agent resume" });
  });

  test("with the base merged in there by people leaves it at that, whatever base was wanted before", async () => {
    const world = await opened();
    world.reader.branches["main"] = sha("d".repeat(40));
    await command(world, "/agent rebase");
    await push(world);
    const { runId, version, phase } = await world.only();
    expect(phase).toBe("working");
    const end = { type: "run.finished", outcome: "cancelled", code: "branch-taken", message: "…" } as const;
    await world.log.append(runId, version, [end]);
    world.reader.joined = sha("e".repeat(40));
    expect(await command(world, "/agent resume")).toContain("has its branch again");
    // What was wanted is in there; what comes next is judged against what they merged.
    await command(world, "/agent revise name it better");
    const { revision, base } = await world.only();
    expect(revision).toMatchObject({ onto: theirs, base: { commit: sha("e".repeat(40)), how: "held" } });
    expect(base).toMatchObject({ commit: sha("e".repeat(40)), moved: { how: "held" } });
  });

  test("notices a push of which no delivery came", async () => {
    const world = await opened();
    world.reader.pull = { ...open, head: theirs };
    expect(await command(world, "/agent resume")).toContain("has its branch again");
    expect((await world.only()).branch.ground).toBe(theirs);
  });

  test("has nothing to go on with where nobody pushed", async () => {
    const world = await opened();
    await command(world, "/agent resume");
    expect(world.publisher.kinds).toEqual(["nothing-running"]);
    expect((await eventsOf(world)).map(({ type }) => type)).not.toContain("branch.given");
  });

  test("needs write, and an open pull request", async () => {
    const world = await opened();
    await push(world);
    world.reader.roles = { maria: "triage" };
    await command(world, "/agent resume");
    world.reader.roles = { maria: "write" };
    world.reader.pull = { ...open, state: "closed", head: theirs };
    await command(world, "/agent resume");
    expect(world.publisher.replies.map(({ reply }) => "why" in reply && reply.why)).toEqual([
      expect.stringContaining("needs write"),
      expect.stringContaining("is closed"),
    ]);
    expect((await world.only()).branch.taken).toBeDefined();
  });
});

test("/agent revise gives the branch back as well", async () => {
  const world = await opened();
  await push(world);
  await command(world, "/agent revise name it better");
  expect(await world.only()).toMatchObject({
    phase: "working",
    branch: { ground: theirs, taken: undefined },
    revision: { onto: theirs, words: "name it better" },
  });
});
