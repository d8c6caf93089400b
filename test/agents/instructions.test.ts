// Which of a monorepo's instructions an agent is given, and which are only named.
import { describe, expect, test } from "vitest";
import { chooseGuides, instructionsFor } from "#src/agents/instructions.ts";
import { writeBrief } from "#src/agents/brief.ts";
import { sha } from "#src/core/ids.ts";
import type { Part } from "#src/engine/part.ts";
import { GUIDE_BYTES } from "#src/workflows/guides.ts";
import { newTask } from "./task.ts";

const nested = ["libs/AGENTS.md", "services/AGENTS.md", "services/api/AGENTS.md", "services/web/AGENTS.md"];
const signal = new AbortController().signal;

describe("given are those of the folders the work is in, the nearest last", () => {
  test.each<[string, string[] | undefined, string[], string[]]>([
    ["claims of a folder", ["services/api/**"], [], ["services/AGENTS.md", "services/api/AGENTS.md"]],
    ["a claim of one file", ["services/web/src/a.ts"], [], ["services/AGENTS.md", "services/web/AGENTS.md"]],
    ["claims above", ["services"], [], nested.slice(1)],
    ["nobody claims anything", undefined, [], []],
    ["what was changed before", undefined, ["libs/a.js"], ["libs/AGENTS.md"]],
    ["claims elsewhere", ["docs/**"], [], []],
  ])("%s", (_, claims, changed, given) => {
    const chosen = chooseGuides(nested, claims, changed);
    expect(chosen.given).toEqual(given);
    expect(chosen.further).toEqual(nested.filter((path) => !given.includes(path)));
  });

  test("of too many the nearest; named are at most forty", () => {
    const deep = Array.from({ length: 60 }, (_, at) => `${"a/".repeat(at + 1)}AGENTS.md`);
    const { given, further } = chooseGuides(deep, undefined, [`${"a/".repeat(60)}x`]);
    expect(given).toEqual(deep.slice(-8));
    expect(further).toHaveLength(40);
  });
});

describe("the brief", () => {
  const texts: Readonly<Record<string, string>> = {
    "AGENTS.md": `root${" ".repeat(GUIDE_BYTES)}`,
    "services/api/CLAUDE.md": "Nearest: use tabs.",
    "web/AGENTS.md": "web",
    "node_modules/x/AGENTS.md": "of a dependency",
  };
  const workspaces = {
    paths: () => Promise.resolve(Object.keys(texts)),
    file: (_: unknown, __: unknown, path: string) =>
      Promise.resolve(texts[path] === undefined ? undefined : new TextEncoder().encode(texts[path])),
    changes: () =>
      Promise.resolve([
        { path: "services/api/a.test.js", kind: "added" as const, mode: "100644", added: 1, removed: 0, binary: false },
      ]),
  };
  const part: Part = {
    type: "task",
    of: 2,
    task: {
      id: "a",
      title: "a",
      instructions: "a",
      acceptance: "a",
      needs: [],
      claims: ["services/api/**"],
    },
  };

  test("gives those of the claimed paths with their path, and names the others; a long root takes no room of theirs", async () => {
    const task = newTask({ part });
    const given = await instructionsFor(task, workspaces, signal);
    expect(given.guides.map(({ path }) => path)).toEqual(["AGENTS.md", "services/api/CLAUDE.md"]);
    expect(given.further).toEqual(["web/AGENTS.md"]);
    const brief = writeBrief(task, { commands: {}, patch: undefined, ...given }, "0123456789abcdef01234567");
    expect(brief).toContain("## services/api/CLAUDE.md of the repository");
    expect(brief).toContain("It holds for what lies in `services/api`; there it goes before those");
    expect(brief).toMatch(/git show [0-9a-f]{12}:PATH[^]*- web\/AGENTS\.md/);
    expect(brief).not.toContain("of a dependency");
  });

  test("gives those of what earlier stages changed", async () => {
    const task = newTask({ part: undefined, start: sha("f".repeat(40)) });
    const { guides } = await instructionsFor(task, workspaces, signal);
    expect(guides.map(({ path }) => path)).toEqual(["AGENTS.md", "services/api/CLAUDE.md"]);
  });

  test("names the packages with their commands, and where a command begins", () => {
    const packages = [
      { path: "services/api", commands: { test: "npm test", install: "npm ci" }, scripts: {}, configured: true },
    ];
    const brief = writeBrief(newTask(), { commands: {}, packages, guides: [], patch: undefined }, "0".repeat(24));
    expect(brief).toContain(
      "- in `services/api`\n  - install: `npm ci` (run by Baton; do not run it again)\n  - test: `npm test`",
    );
    expect(brief).toContain("`cd FOLDER && …`");
  });
});
