// Runs without a server are looked at and ended from another shell: `baton status` and `baton stop`.
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify, stripVTControlCharacters } from "node:util";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { status } from "#src/cli/status.ts";
import { stop } from "#src/cli/stop.ts";
import { RunEvent } from "#src/engine/events.ts";
import { readRunFile, runLine } from "#src/store/run-file.ts";
import { openPlayground, type Playground } from "#src/playground/playground.ts";
import { sampleFiles, sampleFolder } from "#src/playground/sample-script.ts";
import { openScriptedModel, type ScriptedModel } from "#src/playground/scripted-model.ts";
import { startBaton } from "#test/support/baton-process.ts";
import { needs } from "#test/support/needs.ts";
import { feature, receiptAgents } from "#test/support/receipts.ts";
import { until } from "#test/support/until.ts";

const sandbox = (await needs("bubblewrap")) ? "required" : "none";
const git = promisify(execFile);
const token = "a-token-for-the-playground";

let folder: string;
let repo: string;
let model: ScriptedModel;
let playground: Playground;
/** The planner never answers while this is true. */
let silent = true;

beforeAll(async () => {
  playground = await openPlayground({ users: [{ login: "maria", tokens: [token] }, { login: "passer-by" }] });
  model = await openScriptedModel({
    script: {
      ...receiptAgents,
      planner: (call) => {
        const { planner } = receiptAgents;
        if (silent || typeof planner !== "function") return { hang: "middle", text: "Well, now," };
        return planner(call);
      },
    },
  });
  folder = await mkdtemp(join(tmpdir(), "baton-stop-"));
  repo = join(folder, "tab");
  await cp(sampleFolder, repo, { recursive: true });
  for (const args of [
    ["init", "-q", "-b", "main"],
    ["add", "-A"],
    ["-c", "user.name=t", "-c", "user.email=t@localhost", "commit", "-q", "-m", "start"],
  ])
    await git("git", args, { cwd: repo });
  await writeFile(join(folder, "issue.md"), `# ${feature.title}\n\n${feature.body}\n`);
});
afterEach(() => vi.restoreAllMocks());
afterAll(async () => {
  await model[Symbol.asyncDispose]();
  await playground[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

/** Without the model's key: nobody who looks or stops needs it. */
const without = () => ({
  BATON_HOME: join(folder, "home"),
  BATON_SANDBOX: sandbox,
  GITHUB_TOKEN: token,
  GITHUB_API_URL: playground.apiUrl,
});
const started = (...args: string[]) =>
  startBaton(["run", ...args, "--workflow", "feature"], {
    ...without(),
    ANTHROPIC_API_KEY: "any-key-will-do-for-the-script",
    ANTHROPIC_BASE_URL: model.url,
    NO_COLOR: "1",
  });

/** What a verb says here, in this process. */
async function told(verb: typeof status, ...args: string[]): Promise<{ code: number; text: string }> {
  const lines: string[] = [];
  const keep = (line: unknown) => void lines.push(String(line));
  vi.spyOn(console, "log").mockImplementation(keep);
  vi.spyOn(console, "error").mockImplementation(keep);
  const code = await verb(args, without());
  vi.restoreAllMocks();
  return { code, text: stripVTControlCharacters(lines.join("\n")) };
}

const plans = () => model.calls.filter(({ agent }) => agent === "planner").length;
/** Starts a run on the clone, and waits until its planner is asked. */
async function planning() {
  const before = plans();
  const other = started(join(folder, "issue.md"), "--repo", repo);
  await until(() => plans() > before || undefined, { milliseconds: 60_000 });
  return other;
}
const idIn = (text: string) => /run-[0-9a-f]{12}/.exec(text)?.[0] ?? "none";
const left = async () => (await readdir(join(folder, "home/runs"))).filter((name) => name.endsWith(".stop"));

test("a run at work in another process is shown, told to end, and ends there as by Ctrl+C", async () => {
  expect((await told(status, "--repo", repo)).text).toContain("There are no runs");
  await using other = await planning();
  const id = idIn(other.stdout());
  const shown = await told(status, "--repo", repo);
  expect(shown).toMatchObject({ code: 0, text: expect.stringContaining(`at work by process ${other.pid}: plan`) });
  expect(JSON.parse((await told(status, id, "--json")).text)).toMatchObject({
    runs: [{ run: id, state: "working", process: other.pid, stage: "plan", title: feature.title }],
  });

  const stopped = await told(stop, id);
  expect(stopped.code, stopped.text).toBe(0);
  expect(stopped.text).toContain(`Told process ${other.pid}`);
  expect(stopped.text).toMatch(/asked to stop\n[^]*Cancelled: /);
  expect(await other.exit).toBe(130);
  expect(await left()).toEqual([]);
  expect((await told(status, "--repo", repo)).text).toMatch(/cancelled: .*\n.* \d+ turns, \$[\d.]+, took/);
  expect(await told(stop, id)).toMatchObject({ code: 0, text: expect.stringContaining("has ended already") });
});

test("a run whose process dies while it is told is ended here, before anything else, without a model", async () => {
  await using other = await planning();
  const id = idIn(other.stdout());
  const events = async () => await readRunFile(join(folder, `home/runs/${id}.jsonl`), (json) => RunEvent.parse(json));
  other.kill("SIGSTOP");
  const before = await events();
  const asked = model.calls.length;
  const stopping = told(stop, id, "--json");
  await until(async () => ((await left()).length > 0 ? true : undefined));
  expect((await events()).length).toBe(before.length);
  await other[Symbol.asyncDispose]();

  const stopped = await stopping;
  expect(stopped.code, stopped.text).toBe(0);
  expect(stopped.text).toContain(`Told process ${other.pid}`);
  expect(JSON.parse(stopped.text.split("\n").at(-1) ?? "")).toMatchObject({
    run: id,
    state: "cancelled",
    code: "stopped",
  });
  expect((await events())[before.length]?.event.type).toBe("stop.requested");
  expect(model.calls).toHaveLength(asked);
  expect(await left()).toEqual([]);

  // As it lay there before anybody asked.
  const elsewhere = join(folder, "elsewhere");
  await mkdir(join(elsewhere, "runs"), { recursive: true });
  const text = before.map(({ version, at, event }) => runLine(id, version, at, JSON.stringify(event))).join("");
  await writeFile(join(elsewhere, `runs/${id}.jsonl`), text);
  expect((await told((args, source) => status(args, { ...source, BATON_HOME: elsewhere }), id)).text).toContain(
    `interrupted at plan; baton run ${id} goes on, baton stop ${id} ends it`,
  );
});

test("a run that waits on an issue is shown with its card, and ended by the issue's name", async () => {
  silent = false;
  await playground.addRepository({
    owner: "octo",
    name: "planned",
    from: { ...(await sampleFiles()), ".github/baton.yml": "commands: { test: node --test }\n" },
    labels: ["enhancement"],
    collaborators: { maria: "maintain" },
  });
  const { number } = await playground.openIssue({ repo: "octo/planned", ...feature, as: "maria" });
  const name = `octo/planned#${number}`;
  const nothing = await told(status, name);
  expect(nothing).toMatchObject({ code: 1, text: expect.stringContaining("Baton has no card there") });
  await expect(stop([name], without())).rejects.toMatchObject({ code: "not-found" });
  await using other = started(name);
  expect(await other.exit, other.stderr()).toBe(3);

  playground.comment({ repo: "octo/planned", number, body: "<!-- baton:status:run-1 -->\n\nForged.", as: "passer-by" });
  const shown = await told(status, name);
  expect(shown.text).toMatch(/waits: .*; baton run run-\w+ --approve goes on, baton stop run-\w+ ends it/);
  expect(shown.text).toMatch(/The card of @maria says:\n[^]*feature/);
  expect(shown.text).not.toMatch(/<!--|Forged|\/agent help/);

  const stopped = await told(stop, name.toUpperCase());
  expect(stopped.code, stopped.text).toBe(0);
  const cards = playground
    .comments({ repo: "octo/planned", number })
    .filter(({ body }) => body.includes("baton:status") && !body.includes("Forged"));
  expect(cards.map(({ body }) => body)).toEqual([expect.stringContaining("Cancelled")]);
});

test("what names nothing is refused in words", async () => {
  await expect(stop(["tab"], without())).rejects.toMatchObject({ code: "invalid-usage" });
  await expect(stop(["run-000000000000"], without())).rejects.toMatchObject({ code: "not-found" });
  await expect(status(["tab"], without())).rejects.toMatchObject({ code: "invalid-usage" });
  await expect(status(["--repo", tmpdir()], without())).rejects.toMatchObject({ code: "invalid-usage" });
});
