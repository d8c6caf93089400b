// `baton validate` on real folders: good ones are named, bad ones are refused with every problem.
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterEach, expect, test, vi } from "vitest";
import { validate, validateFolder } from "#src/cli/validate.ts";
import { createLibrary } from "#src/workflows/load.ts";
import type { AllowedServer } from "#src/workflows/servers.ts";

const folders: string[] = [];
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true });
});

/** Validates a repository made of these files. */
async function run(files: Readonly<Record<string, string>>): Promise<{ code: number; lines: string[] }> {
  const folder = await mkdtemp(join(tmpdir(), "baton-validate-"));
  folders.push(folder);
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
  const lines: string[] = [];
  const code = await validateFolder({ folder, print: (line) => lines.push(line) });
  return { code, lines };
}

const agent = "---\nname: artist\ndescription: Paints\ntools: Read, WebFetch\n---\nPaint.";
const workflow =
  "---\nname: paint\ndescription: Paints\nbudget: { run: 1, time: 5m }\nstages: { fix: { agent: artist, makes: Change } }\n---\n";

test("a repository that says nothing is in order, and Baton's own files are", async () => {
  const { code, lines } = await run({});
  expect(lines[0]).toBe("no .github/baton.yml: the defaults hold");
  expect(lines[1]).toMatch(/^workflows: .*\bbug\b/);
  expect(lines[2]).toMatch(/^agents: .*\bfixer\b/);
  expect(code).toBe(0);
});

test("a repository's own files are named, and what is ignored in them is said", async () => {
  const { code, lines } = await run({
    ".github/baton.yml": "routes: { feature: paint, bug: bug }\n",
    ".github/baton/workflows/paint.md": workflow,
    ".github/baton/agents/artist.md": agent,
    ".github/baton/agents/README.md": "What these are.",
  });
  expect(code).toBe(0);
  expect(lines[0]).toMatch(/^warning: \.github\/baton\/agents\/artist\.md:4:8: the tool "WebFetch" is ignored/);
  expect(lines[1]).toBe(".github/baton.yml is in order");
  expect(lines[2]).toContain("paint (this repository's)");
  expect(lines[3]).toContain("artist (this repository's)");
});

test("every problem of every file is told, and nothing passes for in order", async () => {
  const { code, lines } = await run({
    ".github/baton.yml": "rotues: {}\nroutes: { bug: bgu, docs: writing }\n",
    ".github/baton/workflows/paint.md": workflow.replace("agent: artist", "agent: artst"),
    ".github/baton/workflows/other.md": workflow,
    ".github/baton/agents/artist.md": agent.replace("tools:", "tolos:"),
  });
  expect(code).toBe(1);
  expect(lines).toEqual([
    '.github/baton/agents/artist.md:4:1: unknown key "tolos" — did you mean "tools"?',
    '.github/baton/workflows/other.md:2:7: name is "paint", but the file is called other.md — make them the same',
    '.github/baton/workflows/paint.md:5:25: fix names the agent "artst", which does not exist — did you mean "artist"?',
    expect.stringMatching(/^\.github\/baton\.yml:1:1: unknown key "rotues"/),
    '.github/baton.yml:2:16: routes.bug is "bgu", which is no workflow — did you mean "bug"?',
    expect.stringMatching(
      /^\.github\/baton\.yml:2:27: routes\.docs is "writing", which is no workflow — choose one of: .*bug/,
    ),
    "",
    "6 problems. Nothing was changed.",
  ]);
});

test("a package that is not there is told with its place, and is no problem", async () => {
  const { code, lines } = await run({
    ".github/baton.yml": "packages:\n- path: web\n- path: services/apy\n",
    "web/package.json": "{}",
  });
  expect(code).toBe(0);
  expect(lines[0]).toBe(
    'warning: .github/baton.yml:3:9: packages.1.path is "services/apy", which is no folder here — mend the path, or take the package out',
  );
  expect(lines[1]).toBe(".github/baton.yml is in order");
});

test("of many words that may be meant the first are listed, and the rest counted", async () => {
  const { lines } = await run({
    ".github/baton/workflows/paint.md": workflow.replace("agent: artist", "agent: somebody-else"),
  });
  const [, listed = "", left] = /choose one of: (.*) and (\d+) more$/.exec(lines[0] ?? "") ?? [];
  const agents = (await createLibrary()).agents.names().length;
  expect(listed.split(", ").length + Number(left)).toBe(agents);
});

test("the servers agents name are checked where a list is given, and said to be unchecked where there is none", async () => {
  const folder = await mkdtemp(join(tmpdir(), "baton-validate-"));
  folders.push(folder);
  await mkdir(join(folder, ".github/baton/agents"), { recursive: true });
  const file = ".github/baton/agents/artist.md";
  await writeFile(join(folder, file), "---\nname: artist\ndescription: Paints\nmcpServers: [docs]\n---\nPaint.");
  const validated = async (servers: AllowedServer[] | undefined) => {
    const lines: string[] = [];
    return { code: await validateFolder({ folder, servers, print: (line) => lines.push(line) }), line: lines[0] };
  };
  const docs: AllowedServer = {
    type: "local",
    name: "docs",
    argv: ["docs"],
    show: [],
    tools: undefined,
    repositories: ["acme/*"],
  };
  expect(await validated(undefined)).toEqual({
    code: 0,
    line: `warning: ${file}: mcpServers is not checked — only who runs Baton knows which there are, by BATON_MCP`,
  });
  expect(await validated([docs])).toEqual({ code: 0, line: "no .github/baton.yml: the defaults hold" });
  expect(await validated([])).toMatchObject({
    code: 1,
    line: expect.stringContaining(`${file}:4:14: mcpServers names "docs", which is not on the allow-list`),
  });
});

test("a config where Baton does not look is said, not passed over", async () => {
  const { code, lines } = await run({ ".github/baton.yaml": "" });
  expect(code).toBe(1);
  expect(lines[0]).toBe(".github/baton.yaml:1:1: this file is not read — call it .github/baton.yml");
});

test("a huge file is refused, not read", async () => {
  const folder = await mkdtemp(join(tmpdir(), "baton-validate-"));
  folders.push(folder);
  await mkdir(join(folder, ".github"));
  await writeFile(join(folder, ".github/baton.yml"), "");
  // More than Node reads at once; it takes no room on the disk.
  await truncate(join(folder, ".github/baton.yml"), 3 * 2 ** 30);
  const lines: string[] = [];
  expect(await validateFolder({ folder, print: (line) => lines.push(line) })).toBe(1);
  expect(lines[0]).toBe(".github/baton.yml:1:1: the file is larger than 256 KiB — make it shorter");
});

test("a folder that is not there, or in no repository, is said", async () => {
  await expect(validate(["/nowhere/at/all"])).rejects.toMatchObject({
    code: "invalid-usage",
    message: expect.stringContaining("there is no folder /nowhere/at/all — give the folder of a repository"),
  });
  const folder = await mkdtemp(join(tmpdir(), "baton-validate-"));
  folders.push(folder);
  await expect(validate([folder])).rejects.toMatchObject({
    code: "invalid-usage",
    message: expect.stringContaining(`${folder} is in no git repository`),
  });
});

test("from a folder inside the repository all of it is checked", async () => {
  const folder = await mkdtemp(join(tmpdir(), "baton-validate-"));
  folders.push(folder);
  await mkdir(join(folder, ".github"));
  await mkdir(join(folder, "src"));
  await writeFile(join(folder, ".github/baton.yml"), "rotues: {}\n");
  await promisify(execFile)("git", ["init", "-q", folder]);
  const said = vi.spyOn(console, "log").mockImplementation(() => undefined);
  try {
    expect(await validate([join(folder, "src")])).toBe(1);
    expect(said.mock.calls.flat()[0]).toMatch(/unknown key "rotues"/);
  } finally {
    said.mockRestore();
  }
});

test("options that do not exist are refused with the usage", async () => {
  await expect(validate(["--fix"])).rejects.toMatchObject({
    code: "invalid-usage",
    message: expect.stringContaining("--fix"),
  });
  await expect(validate(["a", "b"])).rejects.toThrow("validate takes one folder, not 2 words");
});
