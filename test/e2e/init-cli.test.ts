// `baton init` as people run it: without a key what is detected is tried and told; with --write the file is there; with --agent a branch.
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { sampleFolder } from "#src/playground/sample-script.ts";
import { openScriptedModel } from "#src/playground/scripted-model.ts";
import type { Setup } from "#src/workflows/setup.ts";
import { startBaton } from "#test/support/baton-process.ts";
import { needs } from "#test/support/needs.ts";

const sandbox = (await needs("bubblewrap")) ? "required" : "none";
const run = promisify(execFile);

let folder: string;
let repo: string;
const git = async (...args: string[]) =>
  (await run("git", ["-c", "user.name=t", "-c", "user.email=t@localhost", ...args], { cwd: repo })).stdout.trim();
const environment = (more: Record<string, string> = {}) => ({
  BATON_HOME: join(folder, "home"),
  BATON_SANDBOX: sandbox,
  ...more,
});

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "baton-init-cli-"));
  repo = join(folder, "tab");
  await cp(sampleFolder, repo, { recursive: true });
  await rm(join(repo, ".github"), { recursive: true, force: true });
  await git("init", "-q", "-b", "main");
  await git("add", "-A");
  await git("commit", "-q", "-m", "start");
});
afterEach(async () => rm(folder, { recursive: true, force: true }));

describe("baton init", () => {
  test("needs no key, tells what can be verified, and changes nothing", async () => {
    await using baton = startBaton(["init", repo], environment({ BATON_URL: "https://baton.example.org/" }));
    expect(await baton.exit, baton.stderr()).toBe(0);
    expect(baton.stdout()).toContain("  # yaml-language-server: $schema=https://baton.example.org/schema/baton.json\n");
    expect(baton.stdout()).toMatch(
      /✓ The suite is no worse than before \(baseline\): yes\n +`npm test`: 10 tests read/,
    );
    expect(baton.stdout()).toContain("  test: npm test");
    expect(baton.stdout()).toContain("# `npm --prefix /path/to/baton run baton -- validate` checks this file.");
    expect(baton.stdout()).toContain("Nothing was written; --write does.");
    expect(await git("status", "--porcelain")).toBe("");
  });

  test.each([
    ["that can be verified", "node --test", 0],
    ["that cannot", "exit 1", 1],
  ])("leaves nothing behind in a clone %s, nor elsewhere", async (_, script, code) => {
    await writeFile(join(repo, "package.json"), JSON.stringify({ type: "module", scripts: { test: script } }));
    await git("commit", "-q", "-a", "-m", "other tests");
    const temporary = join(folder, "temporary");
    await mkdir(temporary);
    const before = await readdir(repo);
    await using baton = startBaton(["init"], { BATON_SANDBOX: sandbox, TMPDIR: temporary }, { cwd: repo });
    expect(await baton.exit, baton.stderr()).toBe(code);
    expect(await readdir(repo)).toEqual(before);
    expect(await readdir(temporary)).toEqual([]);
  });

  test("of a repository that says nothing tells what to write, and what its exit codes mean", async () => {
    await git("rm", "-q", "-r", ".");
    await writeFile(join(repo, "README.md"), "# Nothing yet\n");
    await git("add", "README.md");
    await git("commit", "-q", "-m", "nothing");
    await using baton = startBaton(["init", repo], environment());
    expect(await baton.exit).toBe(1);
    expect(baton.stdout()).toContain("Found no command to propose. Write `commands.test` into .github/baton.yml.");
    await using help = startBaton(["init", "--help"], environment());
    await help.exit;
    expect(help.stdout()).toMatch(/Exit code 0: .* 1: .* 2: [\s\S]* 130: /);
  });

  test("where the install fails says above the file that it is not enough yet", async () => {
    const manifest = {
      name: "tab",
      type: "module",
      scripts: { test: "node --test" },
      dependencies: { nowhere: "1.0.0" },
    };
    await writeFile(join(repo, "package.json"), JSON.stringify(manifest));
    await writeFile(join(repo, "package-lock.json"), JSON.stringify({ name: "tab", lockfileVersion: 3, packages: {} }));
    await git("add", "-A");
    await git("commit", "-q", "-m", "a lock file that does not fit");
    await using baton = startBaton(["init", repo], environment());
    expect(await baton.exit).toBe(1);
    expect(baton.stdout()).toMatch(
      /Not enough yet: `npm ci` does not work here, and every check begins with it\.\n\n\.github\/baton\.yml\n/,
    );
  });

  test("takes a config that is not committed for what is there today, and names its mistakes before a model is asked", async () => {
    await mkdir(join(repo, ".github"));
    await writeFile(join(repo, ".github/baton.yml"), "commands: { tets: npm test }\n");
    for (const more of [[], ["--agent"]]) {
      await using baton = startBaton(["init", repo, ...more], environment({ ANTHROPIC_API_KEY: "x" }));
      expect(await baton.exit).toBe(1);
      expect(baton.stderr()).toContain('.github/baton.yml:1:13: unknown key "tets" in commands — did you mean "test"?');
    }
    await writeFile(join(repo, ".github/baton.yml"), "commands: { test: node --test }\n");
    await using baton = startBaton(["init", repo], environment());
    expect(await baton.exit, baton.stderr()).toBe(0);
    expect(baton.stdout()).toContain(
      ".github/baton.yml counts as it is in the folder, which is not as it was committed.",
    );
    expect(baton.stdout()).toContain("There is nothing to add to what the repository says already.");
  });

  test("with --write refuses before it tries anything where its last file is not committed", async () => {
    await mkdir(join(repo, ".github"));
    await writeFile(join(repo, ".github/baton.yml"), "commands: { test: npm test }\n");
    await using baton = startBaton(["init", repo, "--write"], environment());
    expect(await baton.exit).toBe(2);
    expect(baton.stderr()).toContain(".github/baton.yml has changes that are not committed");
    expect(baton.stdout()).not.toContain("trying");
  });

  test("with --write writes the file, and never over what is not committed", async () => {
    await using first = startBaton(["init", repo, "--write", "--json"], environment());
    expect(await first.exit, first.stderr()).toBe(0);
    const file = join(repo, ".github/baton.yml");
    expect(await readFile(file, "utf8")).toContain("  test: npm test\n");
    expect(JSON.parse(first.stdout())).toMatchObject({ written: true, files: [{ path: ".github/baton.yml" }] });
    await writeFile(file, "# mine\n");
    await using second = startBaton(["init", repo, "--write"], environment());
    expect(await second.exit).toBe(2);
    expect(second.stderr()).toContain(".github/baton.yml has changes that are not committed");
    expect(await readFile(file, "utf8")).toBe("# mine\n");
  });

  test("adds to a committed file that begins with a byte order mark, and leaves the mark", async () => {
    const file = join(repo, ".github/baton.yml");
    await mkdir(join(repo, ".github"));
    await writeFile(file, "\uFEFFtriggers: { onOpened: false }\n");
    await git("add", "-A");
    await git("commit", "-q", "-m", "say something to Baton");
    await using baton = startBaton(["init", repo, "--write"], environment());
    expect(await baton.exit, baton.stderr()).toBe(0);
    const text = await readFile(file, "utf8");
    expect(text.startsWith("\uFEFFtriggers: { onOpened: false }\n")).toBe(true);
    expect(text).toContain("  test: npm test\n");
  });

  test("outside of a repository, and before its first commit, says what is missing", async () => {
    await rm(join(repo, ".git"), { recursive: true });
    await using outside = startBaton(["init", repo], environment());
    expect(await outside.exit).toBe(2);
    expect(outside.stderr()).toContain(`${repo} is in no git repository; name the folder of a clone`);
    await git("init", "-q", "-b", "main");
    await using unborn = startBaton(["init", repo], environment());
    expect(await unborn.exit).toBe(2);
    expect(unborn.stderr()).toContain(`${repo} has no commit yet`);
  });

  test("where no suite can be compared says so by its exit code", async () => {
    await writeFile(join(repo, "package.json"), '{ "scripts": { "test": "exit 1" } }');
    await git("commit", "-q", "-a", "-m", "no tests");
    await using baton = startBaton(["init", repo], environment());
    expect(await baton.exit).toBe(1);
    expect(baton.stdout()).toMatch(/✗ The suite is no worse than before \(baseline\): no/);
  });

  test("with --agent leaves a branch with the setup, by the workflow of /agent init", async () => {
    const agents: Setup["agents"] = [
      { name: "cents", description: "Counts.", tier: "fast", tools: ["read"], prompt: "Count." },
    ];
    const setup: Setup = { summary: "A library.", commands: { test: "node --test" }, protect: [], agents, notes: [] };
    await using model = await openScriptedModel({
      script: { surveyor: [[{ tools: [{ name: "finish", input: { ...setup } }] }]] },
    });
    const key = { ANTHROPIC_API_KEY: "any-key-will-do-for-the-script", ANTHROPIC_BASE_URL: model.url };
    await using baton = startBaton(["init", repo, "--agent", "--json"], environment(key));
    expect(await baton.exit, baton.stderr()).toBe(0);
    const branch = (await git("branch", "--list", "baton/*", "--format=%(refname:short)")).trim();
    expect(branch).toBe("baton/setup");
    expect(await git("diff", "--name-only", "main", branch)).toBe(".github/baton.yml\n.github/baton/agents/cents.md");
    expect(await git("show", `${branch}:.github/baton.yml`)).toContain("  test: node --test");
    expect(await git("status", "--porcelain")).toBe("");
  });

  test.each([
    [["init", "octo/tab"], "name an issue that asks for it (octo/tab#12)"],
    [["init", ".", "--agent", "--write"], "--write belongs to what is detected"],
    [["init", ".", "--budget", "3"], "--budget and --max-time belong to --agent"],
  ])("%j is told what is wrong with it", async (argv, words) => {
    await using baton = startBaton(argv, environment());
    expect(await baton.exit).toBe(2);
    expect(baton.stderr()).toContain(words);
  });
});
