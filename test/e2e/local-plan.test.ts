// A workflow with a plan to approve, without a server: asked at the terminal, told by options, or left waiting and gone on with later.
import { execFile } from "node:child_process";
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { parsePlan, printPlan } from "#src/engine/plan-text.ts";
import { openPlayground, type Playground } from "#src/playground/playground.ts";
import { sampleFiles, sampleFolder } from "#src/playground/sample-script.ts";
import { openScriptedModel, type ScriptedModel } from "#src/playground/scripted-model.ts";
import { startBaton } from "#test/support/baton-process.ts";
import { startAtTerminal } from "#test/support/baton-terminal.ts";
import { needs } from "#test/support/needs.ts";
import { feature, plan, receiptAgents } from "#test/support/receipts.ts";

const sandbox = (await needs("bubblewrap")) ? "required" : "none";
const hasTerminal = await needs("script");
const run = promisify(execFile);
const token = "a-token-for-the-playground";
const QUESTION = "or [l]ater? ";

let folder: string;
let repo: string;
let model: ScriptedModel;
let playground: Playground;
/** The plan has one task: where it counts that it is built, and not what. */
let small: boolean;
const planSmall = {
  tools: [{ name: "finish", input: { ...plan, tasks: plan.tasks.slice(0, 1), questions: [] } }],
};

beforeAll(async () => {
  playground = await openPlayground({ users: [{ login: "maria", tokens: [token] }] });
});
afterAll(async () => playground[Symbol.asyncDispose]());
beforeEach(async () => {
  small = false;
  model = await openScriptedModel({
    script: { ...receiptAgents, planner: (call) => (small ? planSmall : receiptAgents.planner(call)) },
  });
  folder = await mkdtemp(join(tmpdir(), "baton-plan-"));
  repo = join(folder, "tab");
  await cp(sampleFolder, repo, { recursive: true });
  await git("init", "-q", "-b", "main");
  await git("add", "-A");
  await git("commit", "-q", "-m", "start");
  await writeFile(join(folder, "issue.md"), `# ${feature.title}\n\n${feature.body}\n`);
});
afterEach(async () => {
  if (model.unscripted.length > 0) throw new Error(`not scripted: ${JSON.stringify(model.unscripted)}`);
  await model[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const git = async (...args: string[]) =>
  (await run("git", ["-c", "user.name=t", "-c", "user.email=t@localhost", ...args], { cwd: repo })).stdout.trim();
const branches = async () => (await git("branch", "--format=%(refname:short)")).split("\n");
const planned = () => model.calls.filter(({ agent }) => agent === "planner").length;

const environment = () => ({
  ANTHROPIC_API_KEY: "any-key-will-do-for-the-script",
  ANTHROPIC_BASE_URL: model.url,
  BATON_HOME: join(folder, "home"),
  BATON_SANDBOX: sandbox,
  GITHUB_TOKEN: token,
  GITHUB_API_URL: playground.apiUrl,
  GITHUB_SERVER_URL: playground.url,
  NO_COLOR: "1",
});

async function baton(...args: string[]) {
  await using process = startBaton(["run", ...args], environment());
  const code = await process.exit;
  return { code, stdout: process.stdout(), stderr: process.stderr() };
}

const fresh = (...more: string[]) => [join(folder, "issue.md"), "--repo", repo, "--workflow", "feature", ...more];
const idIn = (text: string) => /run-[0-9a-f]{12}/.exec(text)?.[0] ?? "none";

describe("where nobody can be asked", () => {
  test("the run is kept and says how it goes on; an edited plan is checked, and then built", async () => {
    const first = await baton(...fresh());
    expect(first.code, first.stderr).toBe(3);
    const id = idIn(first.stdout);
    for (const said of ["wave 1", "wave 2", "text: The text receipt", "currency sign", "Estimate: none", "Budget: $"])
      expect(first.stdout).toContain(said);
    expect(first.stdout).toContain(`baton run ${id} --approve `);
    expect(await branches()).toEqual(["main"]);

    const file = join(folder, "home", "runs", `${id}.plan.yaml`);
    const laid = await readFile(file, "utf8");
    expect(parsePlan(laid)).toMatchObject({ type: "ok", plan });
    await writeFile(file, laid.replace("needs:\n      - text", "needs:\n      - txet"));
    const broken = await baton(id, "--plan", file);
    expect(broken.code).toBe(2);
    expect(broken.stderr).toMatch(/line \d+: task "receipt" needs "txet"/);
    const again = await baton(id, "--json");
    expect(again.code).toBe(3);
    expect(JSON.parse(again.stdout)).toMatchObject({ run: id, state: "waiting", waitsFor: "approval" });

    await writeFile(file, printPlan({ ...plan, tasks: plan.tasks.slice(0, 2), questions: [] }));
    const end = await baton(id, "--plan", file, "--json");
    expect(end.code, end.stderr).toBe(0);
    expect(JSON.parse(end.stdout)).toMatchObject({ run: id, state: "succeeded", pullRequest: { number: 0 } });
    // Told from where it waited, not from the beginning.
    expect(end.stderr).not.toContain("scout");
    expect(planned()).toBe(1);
    const [branch = ""] = await branches();
    expect(await git("show", `${branch}:src/index.js`)).toContain("csvReceipt");
    expect(await git("ls-tree", "--name-only", branch, "src/")).not.toContain("src/receipt.js");
    expect(await baton(id, "--approve")).toMatchObject({ code: 2, stderr: expect.stringContaining("has ended") });
  });

  test("--approve says yes beforehand", async () => {
    small = true;
    const end = await baton(...fresh("--approve", "--json"));
    expect(end.code, end.stderr).toBe(0);
    expect(JSON.parse(end.stdout)).toMatchObject({ state: "succeeded" });
    expect(await readdir(join(folder, "home", "runs"))).toHaveLength(1);
  });

  test("a dry run cannot be kept, and says what would have helped", async () => {
    const end = await baton(...fresh("--dry-run", "--json"));
    expect(end.code).toBe(1);
    expect(JSON.parse(end.stdout)).toMatchObject({
      state: "failed",
      code: "approval",
      message: expect.stringContaining("--approve"),
    });
  });

  test.each([
    [["--approve", "--reject", "no"], "say different things"],
    [["--approve-with", " "], "needs words behind it"],
    [["--plan", "/nowhere.yaml"], "cannot be read"],
  ])("%j is refused in words", async (words, said) => {
    const end = await baton(...fresh(...words));
    expect(end.code).not.toBe(0);
    expect(end.stderr).toContain(said);
    expect(model.calls).toEqual([]);
  });

  test("a run that is not there is not gone on with", async () => {
    expect(await baton("run-000000000000", "--approve")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("is no run of `baton run`"),
    });
  });

  test.skipIf(!hasTerminal)("nor is one that another process works", async () => {
    const { stdout } = await baton(...fresh());
    const id = idIn(stdout);
    expect(await baton(id, "--budget", "3")).toMatchObject({ code: 2 });
    await using other = startAtTerminal(["run", id], environment());
    await other.type(QUESTION, "");
    expect(await baton(id, "--approve")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("is worked by process"),
    });
  });

  test("an issue on GitHub goes on with its card, its plan and its labels, each of them once", async () => {
    small = true;
    await playground.addRepository({
      owner: "octo",
      name: "planned",
      from: { ...(await sampleFiles()), ".github/baton.yml": "commands: { test: node --test }\n" },
      labels: ["enhancement"],
      collaborators: { maria: "maintain" },
    });
    const { number } = await playground.openIssue({ repo: "octo/planned", ...feature, as: "maria" });
    const first = await baton(`octo/planned#${number}`, "--workflow", "feature");
    expect(first.code, first.stderr).toBe(3);
    const end = await baton(idIn(first.stdout), "--approve");
    expect(end.code, end.stderr).toBe(0);
    const bodies = playground.comments({ repo: "octo/planned", number }).map(({ body }) => body);
    for (const kind of ["status", "plan", "end"])
      expect(bodies.filter((body) => body.startsWith(`<!-- baton:${kind}:`))).toHaveLength(1);
    expect(bodies.find((body) => body.startsWith("<!-- baton:status:"))).toContain("Succeeded");
    expect(playground.pulls("octo/planned")).toHaveLength(1);
  });
});

describe.skipIf(!hasTerminal)("at a terminal", () => {
  test("the plan is shown and asked about; changes go into it, and it is built without another question", async () => {
    small = true;
    await using terminal = startAtTerminal(["run", ...fresh()], environment());
    await terminal.type(QUESTION, "what?\r");
    await terminal.type(QUESTION, "w\r");
    await terminal.type("What is to be changed? ", "amounts in CSV without the sign\r");
    expect(await terminal.exit, terminal.screen()).toBe(0);
    expect(terminal.screen()).toContain("wave 1");
    expect(planned()).toBe(2);
    expect(model.calls.findLast(({ agent }) => agent === "planner")?.brief).toContain("without the sign");
  });

  test("it may wait, be taken up again, and be rejected for good", async () => {
    await using first = startAtTerminal(["run", ...fresh()], environment());
    await first.type(QUESTION, "l\r");
    expect(await first.exit, first.screen()).toBe(3);
    await using second = startAtTerminal(["run", idIn(first.screen())], environment());
    await second.type(QUESTION, "r\r");
    await second.type("empty ends the run)? ", "\r");
    expect(await second.exit, second.screen()).toBe(1);
    expect(second.screen()).toContain("Needs a decision");
    expect(await branches()).toEqual(["main"]);
  });

  test("Ctrl+C at the question stops the run", async () => {
    await using terminal = startAtTerminal(["run", ...fresh()], environment());
    await terminal.type(QUESTION, "\u0003");
    expect(await terminal.exit, terminal.screen()).toBe(130);
  });
});
