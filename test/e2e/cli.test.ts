// The verbs as people run them, each in a process of its own.
import { execFile } from "node:child_process";
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { createKeys } from "#src/cli/demo-keys.ts";
import { openPlayground, type Playground } from "#src/playground/playground.ts";
import { sampleFiles, sampleFolder, sampleIssues, sampleScript } from "#src/playground/sample-script.ts";
import { openScriptedModel, type ScriptedModel } from "#src/playground/scripted-model.ts";
import { startBaton } from "#test/support/baton-process.ts";
import { needs } from "#test/support/needs.ts";

const sandbox = (await needs("bubblewrap")) ? "required" : "none";
const run = promisify(execFile);
const token = "a-token-for-the-playground";

let folder: string;
let model: ScriptedModel;
let playground: Playground;

beforeAll(async () => {
  model = await openScriptedModel({ script: sampleScript() });
  playground = await openPlayground({ users: [{ login: "maria", tokens: [token] }] });
});
afterAll(async () => {
  await model[Symbol.asyncDispose]();
  await playground[Symbol.asyncDispose]();
});
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "baton-cli-"));
});
afterEach(async () => rm(folder, { recursive: true, force: true }));

const environment = () => ({
  ANTHROPIC_API_KEY: "any-key-will-do-for-the-script",
  ANTHROPIC_BASE_URL: model.url,
  BATON_HOME: join(folder, "home"),
  BATON_SANDBOX: sandbox,
  GITHUB_TOKEN: token,
  GITHUB_API_URL: playground.apiUrl,
  GITHUB_SERVER_URL: playground.url,
});

function summaryOf(stdout: string): Record<string, unknown> {
  return JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
}

describe("baton run ./issue.md --repo .", () => {
  let repo: string;
  const git = async (...args: string[]) =>
    (await run("git", ["-c", "user.name=t", "-c", "user.email=t@localhost", ...args], { cwd: repo })).stdout.trim();

  beforeEach(async () => {
    repo = join(folder, "tab");
    await cp(sampleFolder, repo, { recursive: true });
    await git("init", "-q", "-b", "main");
    await git("add", "-A");
    await git("commit", "-q", "-m", "start");
    await writeFile(join(folder, "issue.md"), `# ${sampleIssues.first.title}\n\n${sampleIssues.first.body}\n`);
  });

  test("leaves a branch with the verified commit and a pull-request text, and nothing else", async () => {
    await using baton = startBaton(["run", join(folder, "issue.md"), "--repo", repo, "--json"], environment());
    expect(await baton.exit, baton.stderr()).toBe(0);
    const summary = summaryOf(baton.stdout());
    expect(summary).toMatchObject({ state: "succeeded", workflow: "bug", pullRequest: { number: 0 } });
    const branches = (await git("branch", "--format=%(refname:short)")).split("\n");
    expect(branches).toEqual([expect.stringMatching(/^baton\//), "main"]);
    expect(await git("show", `${branches[0]}:src/split.js`)).toContain("rest");
    expect(await git("status", "--porcelain")).toBe("");
    const [text] = await readdir(join(folder, "home/pull-requests"));
    expect(await readFile(join(folder, "home/pull-requests", text ?? ""), "utf8")).toContain("Verified by Baton");
  });

  test("with --dry-run writes nothing at all; a budget above what the repository allows is lowered, and that is said", async () => {
    const before = await git("for-each-ref");
    await using baton = startBaton(
      ["run", join(folder, "issue.md"), "--repo", repo, "--budget", "99", "--dry-run", "--json"],
      environment(),
    );
    expect(await baton.exit, baton.stderr()).toBe(0);
    expect(baton.stderr()).toContain("budget $2.00 ($99.00 was asked for; `budget.run` here is $2.00)");
    expect(summaryOf(baton.stdout())).toMatchObject({ state: "succeeded", code: "dry-run" });
    expect(await git("for-each-ref")).toBe(before);
    expect((await readdir(folder)).toSorted()).toEqual(["issue.md", "tab"]);
  });

  test("stops at a budget that is too small, and says so by its exit code; paths are of the folder of whoever typed `npm run`", async () => {
    await using baton = startBaton(["run", "issue.md", "--repo", "tab", "--budget", "0.01", "--json"], {
      ...environment(),
      INIT_CWD: folder,
    });
    expect(await baton.exit).toBe(1);
    expect(summaryOf(baton.stdout())).toMatchObject({ state: "out-of-budget" });
    expect(baton.stderr()).toContain("Out of budget");
  });

  test("interrupted ends the run, in words, and by its exit code", async () => {
    await using slow = await openScriptedModel({ script: { triager: [[{ hang: "before" }]] } });
    await using baton = startBaton(["run", join(folder, "issue.md"), "--repo", repo, "--json"], {
      ...environment(),
      ANTHROPIC_BASE_URL: slow.url,
    });
    await vi.waitUntil(() => slow.calls.length > 0, { timeout: 20_000 });
    baton.kill("SIGINT");
    expect(await baton.exit).toBe(130);
    expect(summaryOf(baton.stdout())).toMatchObject({ state: "cancelled", code: "stopped" });
  });

  test.each([
    [["run", "/nowhere.md"], /nowhere\.md is no issue on GitHub .* and no file/, 2],
    [["run", "../issue.md", "--budget", "much"], /budget/, 2],
    [["run", "../issue.md", "--colour"], /colour/, 2],
    [["rnu"], /no verb "rnu"/, 2],
  ])("%j is refused in words", async (args, words, code) => {
    await using baton = startBaton(args, environment(), { cwd: repo });
    expect(await baton.exit).toBe(code);
    expect(baton.stderr()).toMatch(words);
    expect(baton.stderr()).not.toMatch(/\n {4}at /);
  });

  test("says which variables are missing, all at once", async () => {
    await using baton = startBaton(["run", "octo/tab#1"], {}, { cwd: repo });
    expect(await baton.exit).toBe(2);
    expect(baton.stderr().trim().split("\n")).toEqual([
      expect.stringContaining("GITHUB_TOKEN"),
      expect.stringContaining("ANTHROPIC_API_KEY"),
    ]);
  });
});

describe("baton run owner/repo#12", () => {
  async function openIssue(name: string): Promise<string> {
    await playground.addRepository({
      owner: "octo",
      name,
      from: await sampleFiles(),
      labels: ["bug"],
      collaborators: { maria: "write" },
    });
    const { title, body } = sampleIssues.first;
    const { number } = await playground.openIssue({ repo: `octo/${name}`, title, body, as: "maria" });
    return `octo/${name}#${number}`;
  }

  test("does with a token what the App does: card and draft pull request", async () => {
    const issue = await openIssue("token");
    await using baton = startBaton(["run", issue, "--json"], environment());
    expect(await baton.exit, baton.stderr()).toBe(0);
    expect(summaryOf(baton.stdout())).toMatchObject({ state: "succeeded", pullRequest: { number: 2 } });
    const [pull] = playground.pulls("octo/token");
    expect(pull?.pull?.draft).toBe(true);
    const [card] = playground.comments({ repo: "octo/token", number: 1 });
    expect(card?.body).toContain("Succeeded");
  });

  test("with --dry-run writes nothing to GitHub", async () => {
    const issue = await openIssue("dry");
    const before = playground.journal.length;
    await using baton = startBaton(["run", issue, "--dry-run", "--workflow", "bug", "--json"], environment());
    expect(await baton.exit, baton.stderr()).toBe(0);
    expect(playground.journal.slice(before).filter(({ method, door }) => door === "rest" && method !== "GET")).toEqual(
      [],
    );
    expect(playground.pulls("octo/dry")).toEqual([]);
    expect(Object.keys(await playground.refs("octo/dry"))).toEqual(["refs/heads/main"]);
  });

  test("waits for a GitHub that stumbles at the first question, and does not end without a word", async () => {
    const issue = await openIssue("stumbling");
    await playground.closeIssue({ repo: "octo/stumbling", number: 1, as: "maria" });
    let asked = 0;
    playground.setFault(({ path }) =>
      path === "/repos/octo/stumbling" && (asked += 1) === 1
        ? { status: 502, body: { message: "Bad gateway" } }
        : undefined,
    );
    await using baton = startBaton(["run", issue], environment());
    expect(await baton.exit).toBe(2);
    playground.setFault(undefined);
    expect(baton.stderr()).toContain("is closed");
  });

  test("refuses a closed issue in words", async () => {
    const issue = await openIssue("closed-before");
    await playground.closeIssue({ repo: "octo/closed-before", number: 1, as: "maria" });
    await using baton = startBaton(["run", issue], environment());
    expect(await baton.exit).toBe(2);
    expect(baton.stderr()).toContain("is closed");
  });
});

describe("baton serve", () => {
  test("without credentials serves the page that creates the App, with app.yml's permissions", async () => {
    await using baton = startBaton(["serve"], { PORT: "0", BATON_HOME: join(folder, "home") }, { cwd: folder });
    const [address] = await baton.says(/http:\/\/127\.0\.0\.1:\d+\S*/);
    const page = await (await fetch(address)).text();
    expect(page).toContain("Register GitHub App");
    expect(page).toContain("pull_requests");
    expect(page).not.toContain("administration");
    baton.kill("SIGTERM");
    expect(await baton.exit).toBe(0);
  });

  test("that cannot reach GitHub, or whose key GitHub refuses, says so in a line", async () => {
    const credentials = {
      APP_ID: "1",
      PRIVATE_KEY: createKeys().privateKey,
      WEBHOOK_SECRET: "a-webhook-secret-for-tests",
      ANTHROPIC_API_KEY: "any-key-will-do-for-the-script",
      BATON_HOME: join(folder, "home"),
      BATON_SANDBOX: sandbox,
      PORT: "0",
    };
    for (const [address, words] of [
      ["http://127.0.0.1:1", /^GitHub at http:\/\/127\.0\.0\.1:1 cannot be asked: .+$/],
      [playground.apiUrl, /^GitHub at .+ does not accept APP_ID with this private key$/],
    ] as const) {
      await using baton = startBaton(["serve"], { ...credentials, GITHUB_API_URL: address });
      expect(await baton.exit).toBe(1);
      expect(baton.stderr().trim()).toMatch(words);
    }
  });

  test("with half of the credentials says what is missing and what is wrong, one line each", async () => {
    await using baton = startBaton(
      ["serve"],
      { APP_ID: "seven", PORT: "x", BATON_HOME: join(folder, "home") },
      { cwd: folder },
    );
    expect(await baton.exit).toBe(2);
    expect(
      baton
        .stderr()
        .trim()
        .split("\n")
        .map((line) => line.split(" ")[0]),
    ).toEqual(["APP_ID", "PORT", "PRIVATE_KEY", "WEBHOOK_SECRET", "ANTHROPIC_API_KEY"]);
  });
});

describe("npm run demo -- --exit --json", () => {
  test("ends well, with a summary as its last line", async () => {
    await using baton = startBaton(["demo", "--exit", "--json"]);
    expect(await baton.exit, baton.stderr()).toBe(0);
    const summary = summaryOf(baton.stdout());
    expect(summary).toMatchObject({
      run: expect.stringMatching(/^run-/),
      state: "succeeded",
      pullRequest: { number: 2, branch: expect.stringMatching(/^baton\/issue-1-/) },
      turns: expect.any(Number),
      tokens: { input: expect.any(Number), output: expect.any(Number) },
      dollars: expect.any(Number),
      events: expect.any(Number),
    });
    expect(summary["gates"]).toEqual(
      ["red", "scope", "integrity", "green", "baseline"].map((gate) =>
        expect.objectContaining({ gate, passed: true, seconds: expect.any(Number) }),
      ),
    );
    expect(baton.stderr()).toContain("With --exit these addresses are gone when the run has ended.");
    // No address of what is gone stands at the end.
    const end = baton.stderr().slice(baton.stderr().lastIndexOf("The draft pull request"));
    expect(end).toContain("was #2; without --exit the demo stays");
    expect(end).not.toContain("http");
  });

  test("does not touch the real model without its key", async () => {
    await using baton = startBaton(["demo", "--exit", "--model", "real"]);
    expect(await baton.exit).toBe(2);
    expect(baton.stderr()).toContain("ANTHROPIC_API_KEY");
  });
});
