// Which issue a job is about, and whose word about it is believed: what a fork, a branch or another workflow kept is not.
import { describe, expect, test } from "vitest";
import { openPlayground, type Playground } from "#src/playground/playground.ts";
import type { WorkflowRun } from "#src/playground/state.ts";
import { findPlace, jobRequests, type Place } from "#src/cli/action-place.ts";
import { silentLog } from "#src/core/log.ts";
import type { JobMode } from "#src/cli/action-env.ts";
import { actionsApp, actionsBot, mintJobToken } from "#test/support/actions-identity.ts";
import "#test/support/described.ts";

const repo = "octo/tab";
const workflow = ".github/workflows/baton.yml";
const own = 900;

interface World extends AsyncDisposable {
  readonly playground: Playground;
  keep(id: number, name: string, change?: Partial<WorkflowRun>, expired?: boolean): void;
  place(event: string, fields: Record<string, unknown>, mode?: JobMode, subject?: number): Promise<Place>;
}

async function openWorld(): Promise<World> {
  const playground = await openPlayground({
    apps: [actionsApp],
    users: [actionsBot, { login: "maria", tokens: ["token-of-maria"] }],
  });
  const repository = await playground.addRepository({
    owner: "octo",
    name: "tab",
    from: { [workflow]: "on:\n  workflow_dispatch:\n" },
    collaborators: { maria: "write" },
  });
  const permissions = { actions: "write", contents: "read", issues: "write", "pull-requests": "write" };
  const token = await mintJobToken(playground.apiUrl, repository.id, permissions);
  const requests = await jobRequests(token, playground.apiUrl, silentLog);
  const maria = playground.addUser({ login: "maria" });
  return {
    playground,
    keep(id, name, change = {}, expired = false) {
      const run: WorkflowRun = {
        id,
        path: workflow,
        event: "issue_comment",
        headBranch: "main",
        headSha: "a".repeat(40),
        headRepositoryId: repository.id,
        actor: maria,
        createdAt: "2026-01-01T00:00:00Z",
        attempt: 1,
        status: "completed",
        conclusion: "success",
        ...change,
      };
      repository.workflowRuns.push(run);
      const files = new Map([["baton.tar.gz", Buffer.from("x")]]);
      repository.artifacts.push({ id, name, run, files, createdAt: run.createdAt, expired });
    },
    place(event, fields, mode = "begin", subject) {
      const about = { id: repository.id, full_name: repo, default_branch: "main" };
      const env = {
        owner: "octo",
        name: "tab",
        event: { name: event, text: JSON.stringify({ repository: about, ...fields }) },
        runId: String(own),
        workflow,
        mode,
        subject,
      };
      return findPlace({ requests, env, journal: silentLog, pause: () => Promise.resolve() });
    },
    [Symbol.asyncDispose]: () => playground[Symbol.asyncDispose](),
  };
}

const dispatches = ({ playground }: World) =>
  playground.journal.filter(({ path }) => path.endsWith("/dispatches")).map(({ body }) => body);
const issue = (number: number) => ({ issue: { number } });

describe("what an earlier run kept", () => {
  test("is the newest that the default branch's own workflow kept of this issue", async () => {
    await using world = await openWorld();
    expect(await world.place("issues", issue(12))).toEqual({ type: "here", subject: 12, keptBy: undefined });
    world.keep(1, "baton-12");
    world.keep(2, "baton-12", { createdAt: "2026-01-02T00:00:00Z" });
    world.keep(3, "baton-13", { createdAt: "2026-01-03T00:00:00Z" });
    expect(await world.place("issues", issue(12))).toEqual({ type: "here", subject: 12, keptBy: 2 });
  });

  test.each([
    ["a fork's run", { headRepositoryId: 4_711 }],
    ["a run of another workflow", { path: ".github/workflows/other.yml" }],
    ["a run of a pull request, whose branch has the workflow's text", { event: "pull_request" }],
    ["a run by hand on another branch", { event: "workflow_dispatch", headBranch: "mine" }],
  ])("is not believed of %s", async (_, change) => {
    await using world = await openWorld();
    world.keep(1, "baton-12");
    world.keep(2, "baton-12", { createdAt: "2026-01-02T00:00:00Z", ...change });
    expect(await world.place("issues", issue(12))).toMatchObject({ keptBy: 1 });
  });

  test("is nothing when it has expired", async () => {
    await using world = await openWorld();
    world.keep(1, "baton-12", {}, true);
    expect(await world.place("issues", issue(12))).toMatchObject({ keptBy: undefined });
  });

  test("must be there for a later job of the same run", async () => {
    await using world = await openWorld();
    world.keep(1, "baton-12");
    await expect(world.place("issues", issue(12), "work", 12)).rejects.toThrow(/kept no artifact baton-12.*all jobs/);
    world.keep(own, "baton-12", { createdAt: "2026-01-02T00:00:00Z" });
    expect(await world.place("issues", issue(12), "work", 12)).toMatchObject({ keptBy: own });
    // A newer run of the workflow knows more than the one whose job is run again.
    world.keep(999, "baton-12", { createdAt: "2026-01-03T00:00:00Z" });
    expect(await world.place("issues", issue(12), "work", 12)).toMatchObject({ keptBy: 999 });
    await expect(world.place("issues", issue(12), "work")).rejects.toThrow(/needs the input subject/);
  });
});

describe("news of a pull request", () => {
  const pull = (ref: string, id: number) => ({ pull_request: { number: 15, head: { ref, repo: { id } } } });

  test("of Baton's starts the workflow for the issue it came of", async () => {
    await using world = await openWorld();
    const { id } = world.playground.repository(repo);
    const found = await world.place("pull_request_review", pull("baton/issue-12-a-lost-cent", id));
    expect(found).toEqual({ type: "elsewhere", subject: 12 });
    expect(dispatches(world)).toEqual([{ ref: "main", inputs: { subject: "12" } }]);
  });

  test.each([
    ["a person's", "fix-12", 0],
    ["a fork's, whatever its branch is called", "baton/issue-12-a-lost-cent", 4_711],
  ])("of %s starts nothing", async (_, ref, by) => {
    await using world = await openWorld();
    const { id } = world.playground.repository(repo);
    expect(await world.place("pull_request_review", pull(ref, by === 0 ? id : by))).toMatchObject({ type: "nowhere" });
    expect(dispatches(world)).toEqual([]);
  });
});
