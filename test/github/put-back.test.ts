// A plan's comment that somebody rewrote who may not: it says again what it said, whatever came in between.
import { afterEach, beforeEach, expect, test } from "vitest";
import { silentLog } from "#src/core/log.ts";
import { createRedact } from "#src/core/redact.ts";
import { createClient } from "#src/github/client.ts";
import { createPublisher } from "#src/github/publisher.ts";
import { createMemoryOutbox } from "#src/store/outbox.ts";
import { bareRepository, BreakingGitHub } from "#test/support/breaking-github.ts";
import { created } from "#test/support/engine-world.ts";
import { GitWorkspaces } from "#test/support/git-workspaces.ts";
import { HandTiming } from "#test/support/hand-timing.ts";

const marked = (text: string) => `<!-- baton:plan:run-000000000000:approve:1 -->\n\n${text}`;
const ours = marked("the plan");
const { repo } = created();
let github: BreakingGitHub;
let publisher: ReturnType<typeof createPublisher>;
const comment = { id: 5, issue: 12, body: "", by: 1, edits: 0 };

beforeEach(async () => {
  const folder = bareRepository();
  github = await BreakingGitHub.open(folder);
  Object.assign(comment, { body: ours, edits: 0 });
  github.comments.push(comment);
  const timing = new HandTiming({ impatient: true });
  publisher = createPublisher({
    octokitFor: () => createClient({ token: "t", apiUrl: github.url, log: silentLog }),
    outbox: createMemoryOutbox(timing),
    workspaces: new GitWorkspaces(folder),
    redact: createRedact([]),
    self: { login: "baton[bot]", id: 1, appId: undefined },
    links: { serverUrl: "https://github.com" },
    log: silentLog,
    timing,
  });
});
afterEach(async () => {
  if (github.complaints.length > 0) throw new Error(github.complaints.join("; "));
  await github[Symbol.asyncDispose]();
});

test("an edit that does not count is taken back", async () => {
  comment.body = marked("mine");
  await publisher.putBack(repo, { id: 5, edited: comment.body, before: ours });
  expect(comment.body).toBe(ours);
});

test("so is one on top of another: the text that counts is the one before both", async () => {
  const [first, second] = [marked("mine"), "mine, and without its first line"];
  comment.body = second;
  await publisher.putBack(repo, { id: 5, edited: first, before: ours });
  expect(comment.body).toBe(second);
  await publisher.putBack(repo, { id: 5, edited: second, before: first });
  expect(comment.body).toBe(ours);
});

test.each([
  ["somebody who may has written there since", marked("theirs"), ours],
  ["nobody knows what it was", marked("mine"), ""],
])("nothing is written where %s", async (_, now, before) => {
  comment.body = now;
  await publisher.putBack(repo, { id: 5, edited: marked("mine"), before });
  expect(comment).toMatchObject({ body: now, edits: 0 });
});

test("nor where the comment is gone", async () => {
  github.comments.length = 0;
  await publisher.putBack(repo, { id: 5, edited: marked("mine"), before: ours });
  expect(github.count("PATCH", /comments/)).toBe(0);
});
