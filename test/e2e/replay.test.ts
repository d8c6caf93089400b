// A run of `baton run` looked at afterwards: listed, told, folded again, and driven again with what the model said then.
import { execFile } from "node:child_process";
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { sampleFolder, sampleIssues, sampleScript } from "#src/playground/sample-script.ts";
import { openScriptedModel } from "#src/playground/scripted-model.ts";
import { startBaton } from "#test/support/baton-process.ts";
import { needs } from "#test/support/needs.ts";

const sandbox = (await needs("bubblewrap")) ? "required" : "none";
const run = promisify(execFile);

let folder: string;
let home: string;
let repo: string;
let id: string;
/** The recorded log, as text. */
let log: string;

const git = async (...args: string[]) =>
  (await run("git", ["-c", "user.name=t", "-c", "user.email=t@localhost", ...args], { cwd: repo })).stdout.trim();

/** Without a model's key or address: nothing here may ask one. */
async function baton(...args: string[]) {
  await using process = startBaton(args, { BATON_HOME: home, BATON_SANDBOX: sandbox, NO_COLOR: "1" });
  const code = await process.exit;
  return { code, stdout: process.stdout(), stderr: process.stderr() };
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "baton-replay-"));
  home = join(folder, "home");
  repo = join(folder, "tab");
  await cp(sampleFolder, repo, { recursive: true });
  await git("init", "-q", "-b", "main");
  await git("add", "-A");
  await git("commit", "-q", "-m", "start");
  await writeFile(join(folder, "issue.md"), `# ${sampleIssues.first.title}\n\n${sampleIssues.first.body}\n`);
  const model = await openScriptedModel({ script: sampleScript() });
  try {
    await using process = startBaton(["run", join(folder, "issue.md"), "--repo", repo], {
      ANTHROPIC_API_KEY: "any-key-will-do-for-the-script",
      ANTHROPIC_BASE_URL: model.url,
      BATON_HOME: home,
      BATON_SANDBOX: sandbox,
    });
    if ((await process.exit) !== 0) throw new Error(process.stderr());
  } finally {
    await model[Symbol.asyncDispose]();
  }
  const [file = ""] = await readdir(join(home, "runs"));
  id = file.replace(".jsonl", "");
  log = await readFile(join(home, "runs", file), "utf8");
}, 120_000);

afterAll(async () => rm(folder, { recursive: true, force: true }));

/** The log of the same run, in which a person told the agents something behind the first turn. */
function told(lines: string): string {
  const line = z.looseObject({ from: z.number(), events: z.array(z.looseObject({ type: z.string() })) });
  const word = { type: "words.told", by: { login: "ada", id: 8 }, quote: "/agent tell", words: "mind the parser" };
  const recorded = lines
    .trimEnd()
    .split("\n")
    .map((text) => line.parse(JSON.parse(text)));
  const at = 1 + recorded.findIndex(({ events }) => events.some(({ type }) => type === "agent.turn"));
  const next = recorded[at];
  if (!next) throw new Error("no turn was recorded");
  const later = recorded.slice(at).map((one) => ({ ...one, from: one.from + 1 }));
  return [...recorded.slice(0, at), { ...next, events: [word] }, ...later]
    .map((one) => `${JSON.stringify(one)}\n`)
    .join("");
}

describe("a recorded run", () => {
  test("is listed and told, with what each gate saw", async () => {
    const list = await baton("runs");
    expect(list.code, list.stderr).toBe(0);
    expect(list.stdout).toMatch(new RegExp(`${id}\\s+local/tab-\\w+\\s+succeeded\\s+publish`));
    const json = z
      .array(z.object({ run: z.string(), state: z.string() }))
      .parse(JSON.parse((await baton("runs", "--json")).stdout));
    expect(json).toEqual([{ run: id, state: "succeeded" }]);
    expect((await baton("runs", "--unfinished")).stdout).toBe("There are no runs.\n");
    const story = await baton("runs", "show", id);
    expect(story.code).toBe(0);
    for (const word of ["reproduce", "gate red", "gate baseline", "node --test test/split.test.js", "Succeeded"])
      expect(story.stdout).toContain(word);
    expect(story.stdout).not.toContain("tool_use");
    const full = await baton("runs", "show", id, "--full");
    expect(full.stdout).toContain("tool_use");
    expect(full.stdout.length).toBeGreaterThan(story.stdout.length * 2);
  });

  test("folds again to what the engine would do", async () => {
    const replay = await baton("replay", id);
    expect(replay).toMatchObject({ code: 0, stdout: expect.stringContaining("no difference") });
  });

  test("is driven again with its recorded answers: the same run, and nothing published", async () => {
    const refs = await git("for-each-ref");
    const replay = await baton("replay", id, "--drive");
    expect(replay.stdout + replay.stderr).toContain("no difference");
    expect(replay.code).toBe(0);
    expect(await git("for-each-ref")).toBe(refs);
    expect(await readdir(join(home, "pull-requests"))).toHaveLength(1);
  });

  test("that was changed afterwards is told from a real one, at the event where it differs", async () => {
    // The fixer is made to have said that one person less gets the rest.
    const file = join(folder, "changed.jsonl");
    const changed = log.replaceAll("(i < rest ? 1 : 0)", "(i < rest - 1 ? 1 : 0)");
    expect(changed).not.toBe(log);
    await writeFile(file, told(changed));
    const driven = await baton("replay", file, "--drive", "--repo", repo);
    expect(driven.code, driven.stderr).toBe(1);
    expect(driven.stdout).toMatch(
      /differs at event \d+:\n {2}expected {2}gate\.checked verify 1 green: passed false, /,
    );
    expect(driven.stdout).toMatch(/\n {2}recorded {2}gate\.checked verify 1 green: passed true, /);
    // Folding alone cannot know what a command does; a verdict that was turned round it sees.
    expect((await baton("replay", file)).code).toBe(0);
    await writeFile(file, log.replace('"gate":"green","passed":true', '"gate":"green","passed":false'));
    expect(await baton("replay", file)).toMatchObject({
      code: 1,
      stdout: expect.stringContaining("expected  start fix 2"),
    });
  });

  test("in which something of Baton's own broke is driven up to there, and the end says why no further", async () => {
    const file = join(folder, "broken.jsonl");
    const broken = "Not done: something of Baton's own broke meanwhile. If it is still wanted, call it again.";
    await writeFile(file, log.replace(/"ok":true,"output":"(?:[^"\\]|\\.)*"/, `"ok":false,"output":"${broken}"`));
    const driven = await baton("replay", file, "--drive", "--repo", repo);
    expect(driven.stdout).toMatch(
      /no difference up to event \d+; it cannot be driven further: git, the disk or the log broke then under a tool of \w+; here nothing broke\./,
    );
    expect(driven.code, driven.stderr).toBe(3);
    expect((await baton("replay", "--help")).stdout).toContain("3 when the run could not be driven to its end");
  });

  test("that nobody knows is said so, and so is what is no run", async () => {
    expect(await baton("runs", "show", "run-000000000000")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("run-000000000000 is not in the database"),
    });
    expect((await baton("replay", "nonsense")).code).toBe(2);
    expect((await baton("runs", "sow", id)).code).toBe(2);
    expect((await baton("replay", id, "--repo", repo)).stderr).toContain("--repo is for --drive");
  });
});
