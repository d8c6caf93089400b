// Where a review begins and where other work does, and the words for whoever asked in the wrong place.
import { expect, test } from "vitest";
import { sha } from "#src/core/ids.ts";
import type { Workflow } from "#src/workflows/schema.ts";
import { bugWorkflow } from "#test/support/engine-world.ts";
import { commentPayload, intakeWorld, issuePayload, maria, type World } from "#test/support/intake-world.ts";

const head = sha("d".repeat(40));
const since = sha("e".repeat(40));
const onPull = { issue: { number: 12, pull_request: {} } };
const stage = { needs: [], gates: [], turns: 5, time: "5m" };
const review: Workflow = {
  ...bugWorkflow,
  name: "review",
  stages: {
    judge: { ...stage, agent: "referee", makes: "Remarks" },
    publish: { ...stage, needs: ["judge"], review: "comment" },
  },
};
const open = {
  state: "open",
  merged: false,
  branch: "theirs",
  head,
  into: "main",
  fork: true,
  mergeable: true,
  author: { login: "mallory", id: 66 },
} as const;

function world(pull: World["reader"]["pull"] = open): World {
  const made = intakeWorld({
    workflows: {
      names: () => ["bug", "review"],
      load: (name) => Promise.resolve({ bug: bugWorkflow, review }[name]),
    },
  });
  made.reader.pull = pull;
  made.reader.joined = since;
  made.reader.pulls.set(12, "Mine.");
  return made;
}
const say = (in_: World, words: string, changes: object = onPull) =>
  in_.send("issue_comment", commentPayload(words, changes));

test("a review begins on the pull request, at its commit, by what the default branch says", async () => {
  const found = world();
  await say(found, "/agent review the locks --budget $2");
  const { created } = await found.only();
  expect(created).toMatchObject({
    workflow: "review",
    subject: { kind: "pull", number: 12 },
    base: { branch: "main", commit: found.reader.branches["main"] },
    pull: { head, since, into: "main", fork: true },
    input: { instruction: "the locks" },
    ceilings: { dollars: 2 },
  });
});

test.each([
  ["/agent fix it", "I push to nobody's branch", "write `/agent fix` there"],
  ["/agent fix --workflow bug", "I push to nobody's branch", "`/agent review` looks through it"],
])("%s is sent to an issue", async (words, why, next) => {
  const found = world();
  await say(found, words);
  expect(found.publisher.only("refused")).toMatchObject({
    why: expect.stringContaining(why),
    next: expect.stringContaining(next),
  });
  expect(await found.runs()).toEqual([]);
});

test.each([
  [[], "`/agent audit` looks through the code"],
  [[7], "Write the command on #7"],
])("on an issue a review is sent to the pull request, %j", async (closing, next) => {
  const found = world();
  found.reader.pulls.clear();
  found.reader.closing = closing;
  await say(found, "/agent review", {});
  expect(found.publisher.only("refused")).toMatchObject({
    why: "this is an issue, and what I review is a pull request",
    next: expect.stringContaining(next),
  });
  expect(await found.runs()).toEqual([]);
});

test.each([
  [{ ...open, state: "closed" as const }, "the pull request is closed"],
  [{ ...open, state: "closed" as const, merged: true }, "the pull request is merged"],
  [undefined, "the pull request is closed"],
])("a pull request that is not open is not reviewed", async (pull, why) => {
  const found = world();
  found.reader.pull = pull;
  await say(found, "/agent review");
  expect(found.publisher.only("refused").why).toBe(why);
  expect(await found.runs()).toEqual([]);
});

const closed = (user: object) => ({
  ...issuePayload("closed"),
  pull_request: { number: 12, html_url: "u", title: "t", user, merged_at: null, head: { sha: head } },
});

test("who closes the pull request ends its review, and stop does", async () => {
  const found = world();
  await say(found, "/agent review");
  await found.send("pull_request", closed({ login: "mallory", id: 66, type: "User" }));
  expect((await found.only()).closedBy).toMatchObject({ login: maria.login });
  const other = world();
  await say(other, "/agent review");
  await say(other, "/agent stop");
  expect((await other.only()).stop).toMatchObject({ by: { login: maria.login } });
});

test("the same pull request is looked at again when there is a new commit, and not before where that came to nothing", async () => {
  const found = world();
  await say(found, "/agent review");
  const first = await found.only();
  const end = {
    type: "run.finished" as const,
    outcome: "could-not-reproduce" as const,
    code: "x",
    message: "It said nothing.",
  };
  await found.log.append(first.runId, first.version, [end]);
  await say(found, "/agent review");
  expect(found.publisher.only("refused").why).toContain(`from the same commit \`${head.slice(0, 10)}\``);
  found.reader.pull = { ...open, head: sha("f".repeat(40)) };
  await say(found, "/agent review");
  const heads = (await found.runs()).map(({ created }) => created.pull?.head);
  expect(new Set(heads)).toEqual(new Set([head, "f".repeat(40)]));
});
