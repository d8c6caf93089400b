// People are asked once, whatever breaks: by a new comment behind the card, found again by the next process; the card then points to it.
import { rmSync } from "node:fs";
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { silentLog } from "#src/core/log.ts";
import { createClient } from "#src/github/client.ts";
import { createProjection, type GitHubProjection } from "#src/github/projection.ts";
import { createMemoryOutbox, type Outbox } from "#src/store/outbox.ts";
import { askedRun, verdict, type AskedRun } from "#test/support/asked-run.ts";
import { samplePlan, ScriptedAgents } from "#test/support/engine-world.ts";
import { bareRepository, BreakingGitHub, type Call } from "#test/support/breaking-github.ts";
import { HandTiming } from "#test/support/hand-timing.ts";
import { soon } from "#test/support/until.ts";

const bare = bareRepository();
afterAll(() => rmSync(bare, { recursive: true, force: true }));
const self = { login: "baton[bot]", id: 1, appId: undefined };

let github: BreakingGitHub;
let timing: HandTiming;
let outbox: Outbox;
const open: AsyncDisposable[] = [];
async function openWorld(): Promise<void> {
  github = await BreakingGitHub.open(bareRepository(bare));
  const here = github;
  open.push({
    [Symbol.asyncDispose]: async () => {
      expect(here.complaints).toEqual([]);
      await here[Symbol.asyncDispose]();
    },
  });
  timing = new HandTiming({ impatient: true });
  github.now = () => timing.now();
  outbox = createMemoryOutbox(timing);
}
beforeEach(openWorld);
afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one[Symbol.asyncDispose]();
});

function projectionOf({ log }: Pick<AskedRun, "log">, memory: Outbox = outbox): GitHubProjection {
  const projection = createProjection({
    log,
    octokitFor: () => createClient({ token: "t", apiUrl: github.url, log: silentLog }),
    outbox: memory,
    redact: (text) => text,
    self,
    links: { serverUrl: "https://github.com" },
    journal: silentLog,
    timing,
  });
  open.push(projection);
  return projection;
}

const kinds = () => github.comments.map(({ body }) => /^<!-- baton:([a-z-]+):/.exec(body)?.[1]);
const cardText = () => github.comments.find(({ body }) => body.startsWith("<!-- baton:status:"))?.body ?? "";
const labels = () => github.issueLabels;
const address = (index: number) => `${github.url}/octo/tab/issues/12#issuecomment-${github.comments[index]?.id}`;
/** Whether a request is the comment that asks. */
const asks = ({ method, path }: Call) =>
  method === "POST" && path.endsWith("/issues/12/comments") && kinds().length === 1;

describe("a run that asks", () => {
  test("asks by a new comment behind the card, which points to it; once, however often it is shown", async () => {
    const one = await askedRun();
    const projection = projectionOf(one);
    await projection.settle(one.run);
    await projection.settle(one.run);
    expect(kinds()).toEqual(["status", "plan"]);
    const plan = github.comments[1];
    expect(plan?.body).toContain("### 🙋 A plan, and it waits for you");
    await vi.waitFor(() => expect(cardText()).toContain(`[its plan](${address(1)})`), soon);
    expect(plan?.edits).toBe(0);
    expect(labels()).toContain("agent/awaiting-approval");
  });

  test("is told at once, though the card has been edited often and rests", async () => {
    const one = await askedRun({ agents: new ScriptedAgents({}, 1) });
    const events = await one.events();
    let length = events.length - 3;
    const log = { ...one.log, read: async (_: unknown, after = 0) => events.slice(after, length) };
    timing = new HandTiming();
    github.now = () => timing.now();
    outbox = createMemoryOutbox(timing);
    const projection = projectionOf({ log });
    projection.touch(one.run);
    await vi.waitFor(() => expect(kinds()).toEqual(["status"]), soon);
    length = events.length;
    projection.touch(one.run);
    await vi.waitFor(() => expect(timing.waiting).toBe(1), soon);
    timing.forward(1_000);
    await vi.waitFor(() => expect(kinds()).toEqual(["status", "plan"]), soon);
  });

  test("is not asked again by the next process, which knows where it was asked", async () => {
    const one = await askedRun();
    await projectionOf(one).settle(one.run);
    await projectionOf(one).settle(one.run);
    expect(kinds()).toEqual(["status", "plan"]);
    await vi.waitFor(() => expect(cardText()).toContain("[its plan]("), soon);
  });

  test("is asked once though the answer to that was lost", async () => {
    const one = await askedRun();
    let lost = 0;
    github.faults = (call) => (asks(call) && (lost += 1) === 1 ? { when: "after", how: "reset" } : undefined);
    await projectionOf(one).settle(one.run);
    expect([lost, kinds()]).toEqual([1, ["status", "plan"]]);
  });

  test("is drawn on the card also when the comment cannot be written, which is tried again", async () => {
    const one = await askedRun();
    const projection = projectionOf(one);
    await projectionOf({ log: { ...one.log, read: async (run) => (await one.log.read(run)).slice(0, 3) } }).settle(
      one.run,
    );
    expect(cardText()).not.toContain("Waiting for you");
    let broken = 0;
    github.faults = (call) => (asks(call) && (broken += 1) <= 2 ? { when: "before", status: 403 } : undefined);
    await projection.settle(one.run);
    expect([broken, kinds()]).toEqual([1, ["status"]]);
    expect(cardText()).toContain("Waiting for you");
    await projection.settle(one.run);
    await projection.settle(one.run);
    expect([broken, kinds()]).toEqual([3, ["status", "plan"]]);
  });

  test("that was sent back asks anew, and leaves what it asked before as it was", async () => {
    const one = await askedRun();
    const projection = projectionOf(one);
    await projection.settle(one.run);
    const before = github.comments[1]?.body;
    await one.say(verdict({ verdict: "rejected", words: "smaller" }));
    await one.go();
    await projection.settle(one.run);
    expect(kinds()).toEqual(["status", "plan", "plan"]);
    expect(github.comments[1]).toMatchObject({ body: before, edits: 0 });
    await vi.waitFor(() => expect(cardText()).toContain(`[its plan](${address(2)})`), soon);
  });

  test("that was approved with words shows the plan that came of them, and the end comes behind it", async () => {
    const agents = new ScriptedAgents({
      plan: [
        { name: "Plan", value: samplePlan },
        { name: "Plan", value: { ...samplePlan, summary: "In colour" } },
      ],
    });
    const one = await askedRun({ agents });
    const projection = projectionOf(one);
    await projection.settle(one.run);
    await one.say(verdict({ words: "in colour" }));
    await one.go();
    await projection.settle(one.run);
    expect(kinds()).toEqual(["status", "plan", "plan-anew", "end"]);
    expect(github.comments[2]?.body).toContain("In colour");
    expect(labels()).not.toContain("agent/awaiting-approval");
  });

  test("that is answered before anybody could be asked asks nobody", async () => {
    const one = await askedRun();
    await one.say(verdict());
    await projectionOf(one).settle(one.run);
    expect(kinds()).toEqual(["status"]);
  });
});
