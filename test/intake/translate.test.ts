// What a delivery asks for; and every payload GitHub gives as an example is taken without an error.
import { createRequire } from "node:module";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { translate } from "#src/intake/translate.ts";
import { commentPayload, issuePayload, self } from "#test/support/intake-world.ts";

const Examples = z.array(z.object({ name: z.string(), examples: z.array(z.record(z.string(), z.unknown())) }));
const examples = Examples.parse(createRequire(import.meta.url)("@octokit/webhooks-examples"));

const because = (name: string, payload: unknown) => {
  const translation = translate(name, payload, self);
  if (translation.type === "nothing") return translation.because;
  if (translation.type === "intent") return translation.intent.door;
  if (translation.type === "wish") return translation.wish.door;
  return translation.type === "ground" ? translation.ground.loss : "config";
};

describe("GitHub's own examples", () => {
  test.each(examples.map(({ name, examples: payloads }) => [name, payloads] as const))("%s", (name, payloads) => {
    expect(payloads.length).toBeGreaterThan(0);
    for (const payload of payloads) expect(because(name, payload)).not.toContain("not as GitHub describes it");
  });

  test("opened issues among them are intents", () => {
    const opened =
      examples.find(({ name }) => name === "issues")?.examples.filter(({ action }) => action === "opened") ?? [];
    expect(opened.length).toBeGreaterThan(2);
    for (const payload of opened) expect(because("issues", payload)).toBe("opened");
  });
});

describe("what asks for something", () => {
  test("an opened issue, with the text it was opened with", () => {
    expect(translate("issues", issuePayload("opened"), self)).toMatchObject({
      type: "intent",
      intent: {
        door: "opened",
        repo: { id: 1, owner: "octo", name: "tab", defaultBranch: "main", installationId: 5 },
        subject: { kind: "issue", number: 12, author: { login: "reporter", id: 99 } },
        actor: { person: { login: "reporter", id: 99 }, app: undefined },
        text: { title: "Splitting loses a cent" },
        free: true,
      },
    });
  });

  test.each([
    ["agent", undefined],
    ["Agent", undefined],
    ["agent:bug", "bug"],
    ["AGENT:Refactor", "refactor"],
    ["agent:nonsense", "nonsense"],
  ])("the label %s", (label, type) => {
    expect(translate("issues", issuePayload("labeled", { label }), self)).toMatchObject({
      intent: { door: "label", label, type, actor: { person: { login: "maria" } } },
    });
  });

  test.each([
    { login: "baton-app[bot]", id: 1, type: "Bot" },
    { login: "Baton-App[bot]", id: 1 },
    { login: "baton-app", id: 1, type: "Bot" },
  ])("an assignment to $login", (assignee) => {
    expect(translate("issues", issuePayload("assigned", { assignee }), self)).toMatchObject({
      intent: { door: "assigned", to: assignee.login, actor: { person: { login: "maria" } } },
    });
  });

  test("a command in a comment", () => {
    expect(translate("issue_comment", commentPayload("/agent fix"), self)).toMatchObject({
      intent: { door: "comment", commentId: 1_000, reading: { commands: [{ verb: "fix" }] } },
    });
  });

  test("an App that writes in a person's name is no person", () => {
    const payload = commentPayload("/agent fix", { comment: { performed_via_github_app: { id: 1, slug: "other" } } });
    expect(translate("issue_comment", payload, self)).toMatchObject({ intent: { actor: { app: "other" } } });
  });

  test("a closed issue", () => {
    expect(because("issues", issuePayload("closed"))).toBe("closed");
  });
});

describe("a push", () => {
  const config = ".github/baton.yml";
  const push = (changes: object) => ({
    ...commentPayload(""),
    ref: "refs/heads/main",
    after: "b".repeat(40),
    forced: false,
    commits: [{ added: [], modified: ["src/a.js", config], removed: [] }],
    ...changes,
  });
  const paths = (path: string) => ({ added: [path], modified: [], removed: [] });

  test.each([
    ["touches the config", {}],
    ["takes it away", { commits: [paths("a"), { ...paths("b"), removed: [config] }] }],
    ["goes back", { forced: true, commits: [paths("a")] }],
    ["is too long to be told whole", { commits: Array.from({ length: 2_048 }, () => paths("a")) }],
    ["tells no commits", { commits: [] }],
  ])("to the default branch that %s", (_, changes) => {
    expect(translate("push", push(changes), self)).toMatchObject({
      type: "moved",
      repo: { id: 1, defaultBranch: "main" },
      branch: "main",
      config: true,
    });
  });

  test.each([
    ["of other files", { commits: [paths("a"), paths("docs/.github/baton.yml")] }, "main"],
    ["to another branch", { ref: "refs/heads/main-2" }, "main-2"],
    ["to a branch that only looks like Baton's", { ref: "refs/heads/x/baton/issue-12-x" }, "x/baton/issue-12-x"],
  ])("%s changes no config, and is one into which pull requests may go", (_, changes, branch) => {
    const head = "b".repeat(40);
    expect(translate("push", push(changes), self)).toMatchObject({ type: "moved", branch, head, config: false });
  });

  test.each([
    ["of a tag", { ref: "refs/tags/main" }],
    ["that takes a branch away", { after: "0".repeat(40) }],
  ])("%s is nothing", (_, changes) => {
    expect(translate("push", push(changes), self)).toMatchObject({ type: "nothing" });
  });
});

describe("a pull request", () => {
  const head = "b".repeat(40);
  const event = (action: string, at = head) => ({
    ...issuePayload(action),
    pull_request: { number: 5, html_url: "u", title: "t", head: { sha: at } },
  });

  test.each(["opened", "synchronize", "reopened"])("that is %s proposes its head", (action) => {
    expect(translate("pull_request", event(action), self)).toMatchObject({ type: "proposed", pull: 5, head });
  });

  test("proposes nothing by other changes, nor without a commit", () => {
    expect(translate("pull_request", event("edited"), self)).toMatchObject({ type: "nothing" });
    expect(translate("pull_request", event("opened", "main"), self)).toMatchObject({ type: "nothing" });
  });
});

describe("a pull request of Baton's", () => {
  const own = { login: "Baton-App[bot]", id: 1, type: "Bot" };
  const maria = { login: "maria", id: 7, type: "User" };
  const pull = (changes: object = {}) => ({
    ...commentPayload(""),
    action: "closed",
    sender: maria,
    pull_request: {
      number: 5,
      html_url: "u",
      title: "t",
      user: own,
      merged_at: null,
      head: { sha: "b".repeat(40) },
      ...changes,
    },
  });
  const review = (changes: object = {}, sender: object = maria) => ({
    ...pull(),
    action: "submitted",
    sender,
    review: {
      id: 3,
      state: "changes_requested",
      body: "No.",
      user: maria,
      submitted_at: "2026-11-20T12:00:00Z",
      ...changes,
    },
  });

  test.each([
    ["closed", null, false],
    ["merged", "2026-11-20T12:00:00Z", true],
  ])("is %s", (_, merged_at, merged) => {
    expect(translate("pull_request", pull({ merged_at }), self)).toMatchObject({
      intent: { door: "pull-closed", merged, head: "b".repeat(40), subject: { kind: "pull", number: 5 } },
    });
  });

  test.each(["changes_requested", "COMMENTED"])("is reviewed: %s", (state) => {
    expect(translate("pull_request_review", review({ state }), self)).toMatchObject({
      intent: {
        door: "review",
        words: "No.",
        subject: { kind: "pull", number: 5 },
        actor: { person: { login: "maria" } },
      },
    });
  });

  test.each([
    ["an approval", "pull_request_review", review({ state: "approved" })],
    ["a dismissed review", "pull_request_review", { ...review(), action: "dismissed" }],
    ["its own review", "pull_request_review", review({ user: own }, own)],
    ["a review of somebody else than the sender", "pull_request_review", review({ user: { login: "x", id: 8 } })],
    ["a review with its marker", "pull_request_review", review({ body: "<!-- baton:x -->" })],
    [
      "a review of somebody's own",
      "pull_request_review",
      { ...review(), pull_request: { ...pull().pull_request, user: maria } },
    ],
    ["a pull request that it closed itself", "pull_request", { ...pull(), sender: own }],
  ])("asks for nothing by %s", (_, name, payload) => {
    expect(translate(name, payload, self)).toMatchObject({ type: "nothing" });
  });

  test("ends a review of somebody's own pull request when that is closed", () => {
    expect(translate("pull_request", pull({ user: maria }), self)).toMatchObject({
      type: "intent",
      intent: { door: "closed", subject: { kind: "pull", number: 5 } },
    });
  });
});

describe("a command that a program sends", () => {
  const dispatch = (asked: object, changes: object = {}) => ({
    ...commentPayload(""),
    action: "agent",
    client_payload: asked,
    ...changes,
  });

  test("is read as it stands behind /agent, on one line", () => {
    expect(
      translate("repository_dispatch", dispatch({ issue: 12, command: "fix it\n/agent stop" }), self),
    ).toMatchObject({
      type: "wish",
      wish: {
        door: "dispatch",
        issue: 12,
        actor: { person: { login: "maria" }, app: undefined },
        reading: { commands: [{ verb: "fix", instruction: "it /agent stop" }] },
      },
    });
  });

  test("is a bot's when a bot sends it", () => {
    const sender = { login: "github-actions[bot]", id: 41, type: "Bot" };
    expect(translate("repository_dispatch", dispatch({ issue: 1, command: "fix" }, { sender }), self)).toMatchObject({
      wish: { actor: { bot: true, app: "github-actions[bot]" } },
    });
  });

  test.each([
    ["of another type", dispatch({ issue: 12, command: "fix" }, { action: "deploy" })],
    ["without an issue", dispatch({ command: "fix" })],
    ["without a command", dispatch({ issue: 12, command: "  " })],
    ["of Baton's own", dispatch({ issue: 12, command: "fix" }, { sender: { login: self.login, id: 1, type: "Bot" } })],
  ])("%s asks for nothing", (_, payload) => {
    expect(translate("repository_dispatch", payload, self)).toMatchObject({ type: "nothing" });
  });
});

describe("what asks for nothing", () => {
  const own = { login: "baton-app[bot]", id: 1, type: "Bot" };
  const marked = "/agent fix\n<!-- baton:reply:x -->";
  test.each([
    ["its own comment", "issue_comment", commentPayload("/agent fix", { by: own })],
    [
      "its own comment, in other letters",
      "issue_comment",
      commentPayload("/agent fix", { by: { ...own, login: "Baton-App[bot]" } }),
    ],
    [
      "a comment through its App",
      "issue_comment",
      commentPayload("/agent fix", { comment: { performed_via_github_app: { id: 4711 } } }),
    ],
    ["text with its marker", "issue_comment", commentPayload(marked)],
    [
      "a comment of somebody else than the sender",
      "issue_comment",
      commentPayload("/agent fix", { comment: { user: { login: "other", id: 8 } } }),
    ],
    ["an edited comment", "issue_comment", commentPayload("/agent fix", { action: "edited" })],
    ["a deleted comment", "issue_comment", commentPayload("/agent fix", { action: "deleted" })],
    [
      "a comment without a command, on a pull request",
      "issue_comment",
      commentPayload("please fix", { issue: { pull_request: {} } }),
    ],
    ["an empty comment", "issue_comment", commentPayload("")],
    ["its own issue", "issues", issuePayload("opened", { sender: own })],
    ["its own label", "issues", issuePayload("labeled", { label: "agent", sender: own })],
    ["its own closing", "issues", issuePayload("closed", { sender: own })],
    ["an issue with its marker", "issues", issuePayload("opened", { issue: { body: "<!-- baton:dashboard -->" } })],
    ["an issue opened with the label", "issues", issuePayload("opened", { issue: { labels: [{ name: "agent" }] } })],
    ["an assignment to somebody else", "issues", issuePayload("assigned", { assignee: { login: "ada", id: 8 } })],
    [
      "an assignment to a person of the App's name",
      "issues",
      issuePayload("assigned", { assignee: { login: "baton-app", id: 8, type: "User" } }),
    ],
    ["an assignment without an account", "issues", issuePayload("assigned")],
    ["an assignment of its own", "issues", issuePayload("assigned", { assignee: own, sender: own })],
    ["an assignment to it that ends", "issues", issuePayload("unassigned", { assignee: own })],
    ["an issue opened with the assignment", "issues", issuePayload("opened", { issue: { assignees: [own] } })],
    ["another label", "issues", issuePayload("labeled", { label: "agent/running" })],
    ["a label like it", "issues", issuePayload("labeled", { label: "agents" })],
    ["an edited issue", "issues", issuePayload("edited")],
    ["an event nobody asked for", "push", { ref: "x" }],
    ["a payload that is none", "issues", null],
    ["a payload of another shape", "issues", { action: "opened", issue: "x" }],
    ["a number that is none", "issues", issuePayload("opened", { issue: { number: "12" } })],
    ["a name from the prototype", "__proto__", { action: "constructor" }],
  ])("%s", (_, name, payload) => {
    expect(translate(name, payload, self)).toMatchObject({ type: "nothing" });
  });
});
