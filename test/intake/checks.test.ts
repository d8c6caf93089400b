// Checks on the commit of a pull request of Baton's: by which news they are looked at, what is done about them, and when nothing is.
import { describe, expect, test } from "vitest";
import { sha } from "#src/core/ids.ts";
import type { Check } from "#src/engine/checks.ts";
import { noSpend, type EventOf, type RunEvent } from "#src/engine/events.ts";
import { budgetOf } from "#src/engine/route.ts";
import type { State } from "#src/engine/state.ts";
import { createCheckLooks } from "#src/intake/check-looks.ts";
import { IGNORED_LABEL } from "#src/workflows/names.ts";
import { bugWorkflow, goodTriage } from "#test/support/engine-world.ts";
import { commentPayload, intakeWorld, issuePayload, self, type World } from "#test/support/intake-world.ts";

const head = sha("b".repeat(40));
const base = sha("a".repeat(40));
const branch = "baton/issue-12-x";
const open = {
  state: "open",
  merged: false,
  branch,
  head,
  into: "main",
  fork: false,
  mergeable: true,
  author: { login: self.login, id: 1 },
} as const;
const opening: EventOf<"pull_request.opened"> = {
  type: "pull_request.opened",
  number: 5,
  url: "u",
  branch,
  head,
  title: "t",
};
const ended: RunEvent = { type: "run.finished", outcome: "succeeded", code: "verified", message: "…" };

const check = (name: string, state: Check["state"], id = 1): Check => ({
  name,
  state,
  id,
  by: "github-actions",
  app: 15_368,
  conclusion: "failure",
  url: "",
  workflowRun: 7,
});

/** A world in which a run has opened pull request #5, and has ended. */
async function opened(...more: RunEvent[]): Promise<World> {
  const world = intakeWorld();
  await world.send("issue_comment", commentPayload("/agent fix"));
  const { created, runId, version } = await world.only();
  const decision = { kind: "start" as const, workflow: bugWorkflow, budget: budgetOf(created, bugWorkflow) };
  await append(world, version, [
    { type: "run.routed", source: "model", triage: goodTriage, decision, why: "a bug", spend: noSpend },
    opening,
    ended,
    ...more,
  ]);
  expect(runId).toBeDefined();
  world.reader.pull = open;
  world.reader.pulls.set(5, "Closes #12");
  return world;
}

async function append(world: World, version: number, events: readonly RunEvent[]): Promise<void> {
  const { runId } = await world.only();
  expect(await world.log.append(runId, version, events)).toMatchObject({ type: "appended" });
}

const suite = (world: World, change: object = {}, id?: string) =>
  world.send(
    "check_suite",
    {
      ...issuePayload("completed", { sender: { login: self.login, id: 1, type: "Bot" } }),
      check_suite: { head_sha: head, head_branch: branch, app: { id: 15_368, slug: "github-actions" }, ...change },
    },
    id,
  );
const status = (world: World, state: string, name: string = branch) =>
  world.send("status", { ...issuePayload(""), sha: head, state, branches: [{ name }] });
const show = (world: World, ...checks: Check[]) => void world.checks.of.set(head, checks);

/** The repair is done, and the pull request shows another commit, whose checks fail again. */
async function repaired(world: World, at: string): Promise<void> {
  const commit = sha(at.repeat(40));
  await append(world, (await world.only()).version, [{ ...opening, head: commit }, ended]);
  world.reader.pull = { ...open, head: commit };
  world.checks.of.set(commit, [check("test", "failed")]);
}

describe("checks that have ended", () => {
  test("are looked at whoever pushed, and shown", async () => {
    const world = await opened();
    show(world, check("test", "passed"));
    expect(await suite(world)).toContain("checks: green");
    expect((await world.only()).checks.judged).toMatchObject({ verdict: "green", head });
    const { version } = await world.only();
    expect(await status(world, "success")).toContain("as before");
    expect((await world.only()).version).toBe(version);
  });

  test.each<[string, (world: World) => Promise<string>]>([
    ["Baton's own checks", (world) => suite(world, { app: { id: self.appId } })],
    ["a branch of somebody else's", (world) => suite(world, { head_branch: "issue-12" })],
    ["no branch", (world) => suite(world, { head_branch: null })],
    ["a status that waits", (world) => status(world, "pending")],
    ["a status on another branch", (world) => status(world, "failure", "main")],
    ["a branch that no run made", (world) => suite(world, { head_branch: "baton/issue-12-y" })],
    ["a commit that was not published", (world) => suite(world, { head_sha: base })],
  ])("are no news where they are of %s", async (_, send) => {
    const world = await opened();
    show(world, check("test", "failed"));
    const { version } = await world.only();
    await send(world);
    expect((await world.only()).version).toBe(version);
    expect(world.publisher.again).toEqual([]);
  });

  test("run once more, and are repaired when they fail again", async () => {
    const world = await opened();
    show(world, check("test", "failed"));
    expect(await suite(world, {}, "first")).toContain("checks: again (test)");
    expect(world.publisher.again).toEqual(["test"]);
    // The news of another suite, before anything runs again.
    expect(await suite(world)).toContain("checks: waiting");
    show(world, check("test", "failed", 2));
    expect(await suite(world)).toContain("goes on");
    const { phase, revision, checks } = await world.only();
    expect(phase).toBe("working");
    expect(revision).toMatchObject({
      stage: "fix",
      by: { login: "github-actions", id: 0 },
      quote: "failed: test",
      checks: [{ name: "test", text: "what test said" }],
    });
    expect(checks.rounds).toBe(1);
    expect(world.publisher.again).toEqual(["test"]);
    expect(world.publisher.replies).toEqual([]);
  });

  test("of a commit that a person pushed and gave Baton are repaired on top of it", async () => {
    const pushed = sha("d".repeat(40));
    const by = { login: "ada", id: 8 };
    const given = { type: "branch.given" as const, by, quote: "/agent resume", onto: pushed };
    const world = await opened({ type: "branch.taken", by, head: pushed }, given);
    world.publisher.leftAsTheyAre.add("test");
    world.reader.pull = { ...open, head: pushed };
    world.checks.of.set(pushed, [check("test", "failed")]);
    expect(await suite(world, { head_sha: pushed })).toContain("goes on");
    expect((await world.only()).revision).toMatchObject({ onto: pushed, checks: [{ name: "test" }] });
  });

  test("that pass when they run again are flaky, and nothing is repaired", async () => {
    const world = await opened();
    show(world, check("test", "failed"));
    await suite(world);
    show(world, check("test", "passed", 2));
    await suite(world);
    expect((await world.only()).checks.judged).toMatchObject({ verdict: "green", flaky: ["test"] });
    expect((await world.only()).phase).toBe("finished");
  });

  test("that GitHub will not run again are repaired at once, but for what fails on the base", async () => {
    const world = await opened();
    world.publisher.leftAsTheyAre.add("test");
    show(world, check("test", "failed"), check("lint", "failed", 2));
    world.checks.of.set(base, [check("lint", "failed"), check("test", "passed")]);
    await suite(world);
    const { revision, checks } = await world.only();
    expect(revision?.checks).toMatchObject([{ name: "test" }]);
    expect(checks.judged).toMatchObject({ verdict: "repair", own: ["test"], onBase: ["lint"] });
    expect(world.checks.reported).toEqual(["test"]);
  });

  test("are repaired three times, then a person is asked, once; and their word starts the count anew", async () => {
    const world = await opened();
    world.publisher.leftAsTheyAre.add("test");
    world.reader.roles = { maria: "write" };
    show(world, check("test", "failed"));
    let last: string = head;
    for (const at of ["1", "2", "3"]) {
      expect(await suite(world, { head_sha: last })).toContain("goes on");
      await repaired(world, at);
      last = at.repeat(40);
    }
    expect((await world.only()).checks.rounds).toBe(3);
    for (const _ of ["once", "twice"]) expect(await suite(world, { head_sha: last })).toContain("checks: people");
    expect(world.publisher.replies).toMatchObject([
      { number: 5, reply: { kind: "checks-failed", own: ["test"], rounds: 3 } },
    ]);
    expect((await world.only()).phase).toBe("finished");
    await world.send(
      "issue_comment",
      commentPayload("/agent revise do it otherwise", { issue: { number: 5, pull_request: {} } }),
    );
    expect((await world.only()).checks.rounds).toBe(0);
    await repaired(world, "4");
    expect(await suite(world, { head_sha: "4".repeat(40) })).toContain("goes on");
  });
});

describe("nothing is done about failed checks", () => {
  test.each<[string, (world: World) => void]>([
    ["when a person pushed", (world) => (world.reader.pull = { ...open, head: sha("c".repeat(40)) })],
    ["when the pull request is closed", (world) => (world.reader.pull = { ...open, state: "closed" })],
    ["when it is gone", (world) => (world.reader.pull = undefined)],
    ["when the issue is closed", ({ reader }) => reader.found && (reader.found = { ...reader.found, state: "closed" })],
    [
      "when the issue is to be left alone",
      ({ reader }) => reader.found && (reader.found = { ...reader.found, labels: [IGNORED_LABEL] }),
    ],
  ])("%s", async (_, change) => {
    const world = await opened();
    world.publisher.leftAsTheyAre.add("test");
    show(world, check("test", "failed"));
    change(world);
    expect(await suite(world)).toContain("left alone");
    expect((await world.only()).phase).toBe("finished");
    expect(world.publisher.again).toEqual([]);
    expect(world.publisher.replies).toEqual([]);
  });

  test("unless it was closed and is open again: then they are looked at", async () => {
    const closed: RunEvent = { type: "pull_request.closed", by: { login: "maria", id: 7 }, merged: false };
    const world = await opened(closed);
    show(world, check("test", "passed"));
    expect(await suite(world)).toContain("checks: green");
    expect((await world.only()).pullClosed).toBeUndefined();
  });

  test("when the run knows that it is merged, its branch is people's, it ended otherwise, or is at work", async () => {
    const by = { login: "maria", id: 7 };
    const asked: RunEvent = { type: "revision.requested", by, quote: "q", stage: "fix", words: "w", threads: [] };
    const failed: RunEvent = { type: "run.finished", outcome: "failed", code: "turn-limit", message: "…" };
    const merged: RunEvent = { type: "pull_request.closed", by, merged: true };
    const taken: RunEvent = { type: "branch.taken", by, head: sha("d".repeat(40)) };
    for (const more of [[merged], [taken], [asked], [asked, failed]]) {
      const world = await opened(...more);
      show(world, check("test", "failed"));
      expect(await suite(world)).toContain("left alone");
      expect(world.publisher.again).toEqual([]);
    }
  });

  test("when as many runs have begun within the hour as may: the card says so, and no comment does", async () => {
    const world = await opened();
    world.publisher.leftAsTheyAre.add("test");
    const { created } = await world.only();
    const most = created.config.limits.runsPerHour;
    // A retry counts as one more.
    for (let begun = 1; begun < most; begun += 1) {
      const { version } = await world.only();
      await append(world, version, [
        { type: "retry.requested", by: { login: "maria", id: 7 }, quote: "/agent retry" },
        opening,
        ended,
      ]);
    }
    show(world, check("test", "failed"));
    await suite(world);
    const { phase, checks } = await world.only();
    expect(phase).toBe("finished");
    expect(checks.judged).toMatchObject({ verdict: "held", why: expect.stringContaining("within the hour") });
    expect(checks.rounds).toBe(0);
    expect(world.publisher.replies).toEqual([]);
  });
});

describe("a look that nobody asked for", () => {
  /** As the store finds it due. */
  async function look(world: World, version = 1): Promise<string> {
    const { runId } = await world.only();
    const due = () => Promise.resolve([{ run: runId, version }]);
    const bell = { ring: () => Promise.resolve() };
    const begin = createCheckLooks({ looks: { due }, log: world.log, deliveries: world.deliveries, bell });
    expect(await begin()).toBe(1);
    const id = `checks-${runId}-${version}`;
    const kept = world.deliveries.kept.get(id);
    // It is due when checks have had their time.
    if (kept) world.deliveries.kept.set(id, { ...kept, receivedAt: kept.receivedAt + 600_000 });
    return world.again(id);
  }
  const judged = async (world: World): Promise<State["checks"]["judged"]> => (await world.only()).checks.judged;

  test("finds checks that have not begun, and those that must", async () => {
    const world = await opened();
    world.checks.of.set(base, [check("test", "passed")]);
    expect(await look(world)).toContain("not-started");
    world.checks.mustPass = ["deploy"];
    show(world, check("test", "passed"));
    expect(await suite(world)).toContain("checks: waiting");
    expect(await look(world, 2)).toContain("not-started");
    expect(await judged(world)).toMatchObject({ open: ["deploy"] });
  });

  test("says nothing where a repository has no checks", async () => {
    const world = await opened();
    const { version } = await world.only();
    expect(await look(world)).toContain("none");
    expect((await world.only()).version).toBe(version);
  });

  test("is taken once for each event behind which it is due", async () => {
    const world = await opened();
    world.checks.of.set(base, [check("test", "passed")]);
    await look(world);
    const { version } = await world.only();
    await look(world);
    expect((await world.only()).version).toBe(version);
  });
});
