// The main job over real HTTP: a person's issue becomes a verified draft pull request, and people can follow and steer it.
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { Issue, JournalEntry } from "#src/playground/playground.ts";
import { sampleFiles, sampleIssues } from "#src/playground/sample-script.ts";
import { openWorld, person, type Played, type World } from "#test/support/baton-world.ts";
import { until } from "#test/support/until.ts";

let world: World;
let played: Played;
let pull: Issue | undefined;
const repo = "octo/first";

beforeAll(async () => {
  world = await openWorld();
  // As an Enterprise Server comes: no limits and no word of them. The API is under a prefix, pages and git at the root.
  world.playground.setLimits({ off: true });
  played = await world.play({ name: "first" });
  [pull] = world.playground.pulls(repo);
}, 120_000);

afterAll(async () => world[Symbol.asyncDispose]());

const byBaton = ({ actor, door }: JournalEntry) => door === "rest" && actor === "baton[bot]";

/** Says something on the issue and waits for Baton's answer, a new comment. */
async function ask(body: string, as = person): Promise<string> {
  const at = { repo, number: played.number };
  const before = world.playground.comments(at).length;
  world.playground.comment({ ...at, body, as });
  await vi.waitUntil(() => world.playground.comments(at).length > before + 1, { timeout: 20_000 });
  return world.playground.comments(at).at(-1)?.body ?? "";
}

describe("an issue", () => {
  test("is triaged, worked and ends in a pull request", () => {
    expect(played.state.finished).toMatchObject({ outcome: "succeeded", code: "verified" });
    expect([...played.state.stages.keys()]).toEqual(["reproduce", "diagnose", "fix", "verify", "review", "publish"]);
    expect(played.labels).toContain("bug");
    expect(played.labels).toContain("agent/in-pr");
    expect(world.model.unscripted).toEqual([]);
  });

  test("has one status card that was edited while the run went on, and ends in its last state", () => {
    const cards = played.comments.filter(({ body }) => body.includes("<!-- baton:status:"));
    expect(cards).toHaveLength(1);
    expect(cards[0]?.edits.length).toBeGreaterThan(0);
    expect(played.card).toContain("Succeeded");
    expect(played.card).toContain(`/${repo}/pull/${pull?.number}`);
    expect(played.card).not.toContain("🔄");
  });

  test("gets a draft pull request that closes it, with verified and claimed apart", () => {
    expect(pull?.pull?.draft).toBe(true);
    expect(pull?.body).toContain(`Closes #${played.number}`);
    const body = pull?.body ?? "";
    expect(body.indexOf("Verified by Baton")).toBeGreaterThan(0);
    expect(body.indexOf("Claimed by the agents")).toBeGreaterThan(body.indexOf("Verified by Baton"));
    for (const gate of ["red", "green", "baseline", "integrity", "scope"])
      expect(body).toMatch(new RegExp(`✅ ${gate} `));
  });

  test("is mended on that branch, by one signed commit whose tree is the verified one", async () => {
    const head = pull?.pull?.headSha ?? "";
    expect(await world.playground.file(repo, head, "src/split.js")).toContain("share + (i < rest ? 1 : 0)");
    expect(await world.playground.file(repo, head, "test/split.test.js")).toContain("splitEvenly loses no cent");
    const commit = await (await fetch(`${world.playground.apiUrl}/repos/${repo}/commits/${head}`)).json();
    expect(commit).toMatchObject({
      commit: { verification: { verified: true } },
      parents: [{ sha: played.state.created.base.commit }],
    });
    expect(JSON.stringify(commit)).toContain("Co-authored-by: maria");
  });

  test("the branch passes its own tests for whoever clones it", async () => {
    const folder = await mkdtemp(join(tmpdir(), "baton-clone-"));
    const run = promisify(execFile);
    await run("git", ["clone", "-q", "-b", pull?.pull?.headRef ?? "", `${world.playground.url}/${repo}.git`, folder]);
    const { stdout } = await run(process.execPath, ["--test", "--test-reporter=tap"], {
      cwd: folder,
      env: { PATH: "/usr/bin:/bin" },
    });
    expect(stdout).toMatch(/# pass 11\n# fail 0/);
    await rm(folder, { recursive: true });
  });
});

describe("on GitHub's side", () => {
  test("everything went through an Enterprise Server's prefix: the App, tokens, the repository, its git and its pages", async () => {
    const { apiUrl, url, journal } = world.playground;
    expect(apiUrl).toBe(`${url}/api/v3`);
    for (const route of [
      "GET /app",
      "GET /app/hook/deliveries",
      "POST /app/installations/:id/access_tokens",
      "POST /repos/:owner/:repo/issues/:number/comments",
      "POST /repos/:owner/:repo/git/refs",
      "POST /repos/:owner/:repo/pulls",
      "POST /:owner/:repo/git-upload-pack",
    ])
      await until(() => journal.some((seen) => `${seen.method} ${seen.route.replaceAll(/\{[^}]*\}/g, "")}` === route), {
        what: `${route} was not asked`,
      });
    expect(played.card).toContain(`${url}/${repo}/tree/`);
    expect(played.card).not.toContain("github.com");
  });

  test("every webhook was answered", () => {
    const statuses = world.playground.deliveries.map(({ status }) => status);
    expect(statuses.length).toBeGreaterThan(3);
    expect(statuses).not.toContain(undefined);
  });

  test("a run costs at most 22 requests, of which 6 create comments and 3 check runs, and 12 edits more", () => {
    const mine = world.playground.journal.filter((entry) => byBaton(entry) && entry.path.startsWith(`/repos/${repo}`));
    const creates = mine.filter(({ method, path }) => method === "POST" && /(comments|pulls|issues)$/.test(path));
    const edits = mine.filter(({ method }) => method === "PATCH");
    const others = mine.filter((entry) => !edits.includes(entry));
    expect(others.length, others.map(({ method, path }) => `${method} ${path}`).join("\n")).toBeLessThanOrEqual(22);
    expect(others.filter(({ path }) => path.endsWith("/check-runs"))).toHaveLength(3);
    expect(creates.length).toBeLessThanOrEqual(6);
    expect(edits.length).toBeLessThanOrEqual(12);
  });
});

describe("people", () => {
  test("are told where things stand, why, and what they can say", async () => {
    expect(await ask("/agent status")).toMatch(/Succeeded/);
    expect(await ask("/agent why")).toMatch(/bug/);
    const help = await ask("/agent help");
    expect(help).toMatch(/\/agent fix/);
    expect(help).not.toMatch(/not yet/i);
  });

  test("are told what was meant by a slip", async () => {
    expect(await ask("/agent fxi")).toMatch(/fix/);
  });

  test("who may not, are told so once, and nothing starts", async () => {
    const runs = await world.baton.store.log.runsOf(played.state.created.repo, played.state.created.subject);
    expect(await ask("/agent fix", "passer-by")).toMatch(/write/);
    expect(await world.baton.store.log.runsOf(played.state.created.repo, played.state.created.subject)).toEqual(runs);
  });

  test("an issue that has an open pull request is not worked twice; asked for again, that is not said again", async () => {
    expect(await ask("/agent implement a dark mode")).toMatch(new RegExp(`#${pull?.number}`));
    const at = { repo, number: played.number };
    const said = world.playground.comments(at).length;
    const { id } = world.playground.comment({ ...at, body: "/agent fix", as: person });
    await until(() =>
      world.playground
        .comments(at)
        .find((comment) => comment.id === id)
        ?.reactions.some(({ content }) => content === "confused"),
    );
    expect(world.playground.comments(at)).toHaveLength(said + 1);
    expect(world.playground.pulls(repo)).toHaveLength(1);
  });

  test("a delivery that comes again does nothing again", async () => {
    const opened = world.playground.deliveries.find(({ event, action }) => event === "issues" && action === "opened");
    const before = world.playground.comments({ repo, number: played.number }).length;
    expect((await world.playground.redeliver(opened?.id ?? "")).status).toBe(200);
    await world.playground.settled();
    expect(await world.baton.store.deliveries.pending()).toEqual([]);
    expect(world.playground.comments({ repo, number: played.number })).toHaveLength(before);
  });
});

describe("the label `agent:bug`", () => {
  test("starts the workflow without triage, and is taken off", async () => {
    const { title, body } = sampleIssues.second;
    await world.playground.addRepository({
      owner: "octo",
      name: "labelled",
      from: {
        ...(await sampleFiles()),
        ".github/baton.yml": "triggers: { onOpened: false }\n",
      },
      labels: ["agent:bug"],
      collaborators: { [person]: "write" },
    });
    const at = {
      repo: "octo/labelled",
      ...(await world.playground.openIssue({ repo: "octo/labelled", title, body, as: person })),
    };
    await world.playground.label({ repo: at.repo, number: at.number, add: ["agent:bug"], as: person });
    await vi.waitUntil(() => world.playground.pulls(at.repo).length === 1, { timeout: 60_000 });
    const [pullRequest] = world.playground.pulls(at.repo);
    expect(pullRequest?.body).toMatch(/thousands/);
    expect(world.playground.issue(at).labels.map(({ name }) => name)).not.toContain("agent:bug");
    expect(world.model.calls.some(({ agent, brief }) => agent === "triager" && brief.includes("1,234"))).toBe(false);
  });
});
