// Webhooks as a receiver sees them: signed, in order, once, with GitHub's headers and patience.
import { Webhooks } from "@octokit/webhooks";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openReceiver, openTown, publicKey, secret, type Town } from "./town.ts";

let town: Town;
const repo = "octo/tab";
beforeEach(async () => {
  town = await openTown();
});
afterEach(async () => {
  await town[Symbol.asyncDispose]();
});

const told = () => town.playground.deliveries.map(({ event, action }) => `${event} ${action ?? ""}`.trim());

describe("a delivery", () => {
  test("has GitHub's headers and a signature that GitHub's own library believes, and not with another secret", async () => {
    await town.playground.openIssue({ repo, title: "Grüße 💸", body: "ä", as: "maria" });
    await town.playground.settled();
    const [heard] = town.receiver.heard;
    const signature = String(heard?.headers["x-hub-signature-256"]);
    expect(await new Webhooks({ secret }).verify(heard?.body ?? "", signature)).toBe(true);
    expect(await new Webhooks({ secret: "another" }).verify(heard?.body ?? "", signature)).toBe(false);
    expect(heard?.headers).toMatchObject({
      "x-github-event": "issues",
      "x-github-delivery": town.playground.deliveries[0]?.id,
      "x-github-hook-installation-target-type": "integration",
      "x-github-hook-installation-target-id": "77",
      "content-type": "application/json",
    });
    expect(JSON.parse(heard?.body ?? "")).toMatchObject({
      action: "opened",
      issue: { number: 1, title: "Grüße 💸", user: { login: "maria", id: 7 } },
      repository: { full_name: repo },
      sender: { login: "maria", type: "User" },
      installation: { id: 555 },
    });
  });

  test("comes in the order things happened, and tells how they were then", async () => {
    const issue = await town.playground.openIssue({ repo, title: "One", body: "", as: "maria", labels: ["bug"] });
    const at = { repo, number: issue.number };
    await town.playground.label({ ...at, add: ["agent"], as: "maria" });
    const { id } = town.playground.comment({ ...at, body: "/agent fix", as: "maria" });
    town.playground.editComment({ repo, id, body: "/agent stop", as: "maria" });
    await town.playground.label({ ...at, remove: ["agent"], as: "maria" });
    await town.playground.editIssue({ ...at, title: "Two", as: "maria" });
    await town.playground.closeIssue({ ...at, as: "maria" });
    await town.playground.reopenIssue({ ...at, as: "maria" });
    await town.playground.settled();
    const heard = town.receiver.heard.map(({ body }): unknown => JSON.parse(body));
    expect(told()).toEqual([
      "issues opened",
      "issues labeled",
      "issues labeled",
      "issue_comment created",
      "issue_comment edited",
      "issues unlabeled",
      "issues edited",
      "issues closed",
      "issues reopened",
    ]);
    expect(heard).toMatchObject([
      { action: "opened", issue: { title: "One" } },
      { action: "labeled", label: { name: "bug" } },
      { action: "labeled", label: { name: "agent" } },
      { action: "created", comment: { body: "/agent fix" } },
      { action: "edited", changes: { body: { from: "/agent fix" } } },
      { action: "unlabeled", label: { name: "agent" } },
      { action: "edited", changes: { title: { from: "One" } } },
      { action: "closed", issue: { state: "closed" } },
      { action: "reopened", issue: { state: "open" } },
    ]);
  });

  test("what an App does is told to it too, in its bot's name", async () => {
    await town.playground.openIssue({ repo, title: "One", body: "", as: "maria" });
    const bot = town.as(await town.token());
    await bot.rest.issues.createComment({ owner: "octo", repo: "tab", issue_number: 1, body: "Looking" });
    await town.playground.settled();
    expect(town.playground.deliveries.at(-1)).toMatchObject({
      event: "issue_comment",
      payload: { sender: { login: "conductor[bot]", type: "Bot" }, comment: { performed_via_github_app: { id: 77 } } },
    });
  });

  test("nothing is told where nothing changed", async () => {
    await town.playground.openIssue({ repo, title: "One", body: "Text", as: "maria", labels: ["bug"] });
    await town.playground.label({ repo, number: 1, add: ["bug"], as: "maria" });
    await town.playground.editIssue({ repo, number: 1, title: "One", body: "Text", as: "maria" });
    await town.playground.reopenIssue({ repo, number: 1, as: "maria" });
    await town.playground.settled();
    expect(told()).toEqual(["issues opened", "issues labeled"]);
  });
});

describe("a receiver in trouble", () => {
  test("its answer is kept, nothing is sent again by itself, and by hand under the same id", async () => {
    town.receiver.state.status = 500;
    await town.playground.openIssue({ repo, title: "One", body: "", as: "maria" });
    await town.playground.settled();
    expect(town.playground.deliveries).toMatchObject([{ status: 500, ms: expect.any(Number), redelivery: false }]);
    town.receiver.state.status = 202;
    const id = town.playground.deliveries[0]?.id ?? "";
    expect(await town.playground.redeliver(id)).toMatchObject({ id, status: 202, redelivery: true });
    const [first, second] = town.receiver.heard;
    expect(second?.headers["x-github-delivery"]).toBe(first?.headers["x-github-delivery"]);
    expect(second?.body).toBe(first?.body);
    await expect(town.playground.redeliver("nope")).rejects.toThrow("no delivery has the id nope");
  });

  test("one that is not there is an error on the delivery, and the next is sent all the same", async () => {
    town.playground.deliverTo("http://127.0.0.1:9/", secret);
    await town.playground.openIssue({ repo, title: "One", body: "", as: "maria" });
    await town.playground.settled();
    expect(town.playground.deliveries).toMatchObject([{ status: undefined, error: expect.any(String) }]);
    town.playground.deliverTo(town.receiver.url, "new secret");
    town.playground.comment({ repo, number: 1, body: "Hi", as: "maria" });
    await town.playground.settled();
    expect(town.playground.deliveries[1]).toMatchObject({ status: 200 });
    const signature = String(town.receiver.heard[0]?.headers["x-hub-signature-256"]);
    expect(await new Webhooks({ secret: "new secret" }).verify(town.receiver.heard[0]?.body ?? "", signature)).toBe(
      true,
    );
  });

  test("one that never answers holds up what comes after it, but not other repositories, nor the end", async () => {
    town.receiver.state.status = "hang";
    await town.playground.openIssue({ repo, title: "Slow", body: "", as: "maria", labels: ["bug"] });
    await expect.poll(() => town.receiver.heard.length).toBe(1);
    town.receiver.state.status = 200;
    await town.playground.openIssue({ repo: "octo/vault", title: "Quick", body: "", as: "maria" });
    await expect.poll(() => town.playground.deliveries[2]?.status).toBe(200);
    expect(told()).toEqual(["issues opened", "issues labeled", "issues opened"]);
    expect(town.playground.deliveries[0]?.status).toBeUndefined();
    expect(town.receiver.heard).toHaveLength(2);
  });
});

describe("who hears what", () => {
  test("only Apps that cover the repository, have the permission, and listen to the event", async () => {
    await using few = await openReceiver();
    const webhook = { url: few.url, secret };
    const all = { issues: "read", contents: "read", pull_requests: "read", checks: "read" } as const;
    const base = { publicKey, webhook, permissions: all };
    await using other = await openTown({
      apps: [
        { ...base, id: 1, slug: "elsewhere", installationId: 1, repositories: ["octo/vault"] },
        { ...base, id: 2, slug: "blind", installationId: 2, permissions: { contents: "read" } },
        { ...base, id: 3, slug: "quiet", installationId: 3, events: ["push"] },
        { ...base, id: 4, slug: "listener", installationId: 4, repositories: ["Octo/Tab"] },
      ],
    });
    await other.playground.openIssue({ repo, title: "One", body: "", as: "maria" });
    await other.playground.settled();
    expect(other.playground.deliveries.map(({ app }) => app)).toEqual(["listener"]);
  });
});
