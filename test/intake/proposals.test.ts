// Pull requests that change what a repository says to Baton: what is at their head is checked, and others are left alone.
import { expect, test } from "vitest";
import { sha } from "#src/core/ids.ts";
import type { AllowedServer } from "#src/workflows/servers.ts";
import { MAX_FILE_BYTES } from "#src/workflows/source-file.ts";
import { intakeWorld, issuePayload, type World } from "#test/support/intake-world.ts";

const head = "b".repeat(40);
const payload = {
  ...issuePayload("opened"),
  pull_request: { number: 5, html_url: "u", title: "t", head: { sha: head } },
};
const propose = (world: World) => world.send("pull_request", payload);
const config = ".github/baton.yml";
const agent = (more = "") => `---\nname: artist\ndescription: Paints\ntools: Read${more}\n---\nPaint.`;

test("without a word to Baton is left alone, and its files are not read", async () => {
  const world = intakeWorld();
  world.reader.files = { [config]: "comands: {}" };
  world.reader.touched = ["src/a.ts", "docs/.github/baton.yml", ".github/baton.yml.md"];
  expect(await propose(world)).toContain("nothing");
  expect(world.publisher.checks).toEqual([]);
  expect(world.reader.calls).toEqual(["touches"]);
});

test("is checked as a folder is: every file, with places, and nothing in it is acted on", async () => {
  const world = intakeWorld();
  world.reader.touched = [".github/baton/agents/artist.md"];
  world.reader.files = {
    [config]: "routes: { bug: bgu }\n",
    ".github/baton.yaml": "",
    ".github/baton/agents/artist.md": agent(", WebFetch"),
    ".github/baton/agents/README.md": "What these are.",
  };
  await propose(world);
  expect(world.publisher.checks).toEqual([
    [
      head,
      [
        '.github/baton.yml:1:16: routes.bug is "bgu", which is no workflow — did you mean "bug"?',
        ".github/baton.yaml:1:1: this file is not read — call it .github/baton.yml",
      ],
      [expect.stringMatching(/^\.github\/baton\/agents\/artist\.md:4:8: the tool "WebFetch" is ignored/)],
    ],
  ]);
  expect(world.learned).toEqual([]);
  expect(world.publisher.configs).toEqual([]);
});

test("is checked together with what its config extends", async () => {
  const world = intakeWorld();
  world.reader.touched = [config];
  world.reader.files = { [config]: "extends: org" };
  world.reader.base = { type: "found", text: "comands: {}" };
  await propose(world);
  expect(world.publisher.checks[0]?.[1]).toEqual([
    expect.stringMatching(/^octo\/\.github:\.github\/baton\.yml:1:1: this line is not as it must be/),
  ]);
});

test.each([
  [false, 1],
  [true, 0],
])("may name the servers that its repository may have; from a fork: %s, nobody is told which", async (fork, told) => {
  const server = (name: string, repositories: string[]): AllowedServer => ({
    type: "local",
    name,
    tools: undefined,
    repositories,
    argv: ["x"],
    show: [],
  });
  const world = intakeWorld({ servers: [server("docs", ["octo/*"]), server("secret", ["else/where"])] });
  world.reader.touched = [".github/baton/agents/artist.md"];
  world.reader.files = { ".github/baton/agents/artist.md": agent("\nmcpServers: [docs, secret]") };
  const author = { login: "ada", id: 8 };
  const where = { branch: "b", head: sha(head), into: "main", mergeable: true };
  world.reader.pull = { state: "open", merged: false, fork, author, ...where };
  await propose(world);
  const [, problems = [], warnings = []] = world.publisher.checks[0] ?? [];
  expect(problems.filter((problem) => problem.includes("not allowed for octo/tab"))).toHaveLength(told);
  expect(problems).toHaveLength(told);
  expect(warnings.filter((warning) => warning.includes("mcpServers is not checked"))).toHaveLength(1 - told);
});

test("is bounded: what is too large is not fetched, and of many files some are left out", async () => {
  const world = intakeWorld();
  world.reader.touched = [config];
  world.reader.files = { [config]: " ".repeat(MAX_FILE_BYTES + 1) };
  for (let at = 0; at < 60; at += 1) world.reader.files[`.github/baton/agents/a${at}.md`] = agent();
  await propose(world);
  const [, problems, warnings] = world.publisher.checks[0] ?? ["", [], []];
  expect(problems.join("\n")).toContain(`${config}:1:1: the file is larger than 256 KiB`);
  expect(warnings).toEqual([".github/baton/agents: 10 of 60 files were not looked at"]);
  expect(world.reader.calls.filter((call) => call === "file")).toHaveLength(50);
});
