// Additions to a config: whatever people wrote stays, character by character, and what cannot be added is not.
import { describe, expect, test } from "vitest";
import { withAdditions, type Additions } from "#src/workflows/config-text.ts";
import { parseRepoConfig } from "#src/workflows/parse-repo-config.ts";

const file = ".github/baton.yml";
const additions: Additions = {
  commands: { test: { command: "npm test", comment: "Ran." }, lint: { command: "true", comment: "Passed." } },
  protect: [{ glob: "gen/**", comment: "generated" }],
};
const read = (text: string | undefined) => {
  const parsed = text === undefined ? undefined : parseRepoConfig(text, file);
  return parsed?.type === "ok" ? { commands: parsed.config.commands, protect: parsed.config.protect } : parsed;
};
const both = { commands: { test: "npm test", lint: "true" }, protect: ["gen/**"] };

describe("additions to a config", () => {
  test("make a file where there is none", () => {
    const text = withAdditions(undefined, additions, file) ?? "";
    expect(read(text)).toEqual(both);
    expect(text).toContain('  # Passed.\n  lint: "true"\n');
  });

  test.each([
    ["", both],
    ["# only words", both],
    ["triggers: { onOpened: false } # ours\n", both],
    ["commands:\n    build: make # why\n\n# the end\n", { ...both, commands: { ...both.commands, build: "make" } }],
    [
      "commands:\n  build: |\n    make\n\nlimits: { rounds: 1 }",
      { ...both, commands: { ...both.commands, build: "make" } },
    ],
    ["commands: { build: make } # one line\n", { ...both, commands: { ...both.commands, build: "make" } }],
    ["commands: {}\nprotect: []\n", both],
    ["protect:\n- a # first\n- b\n", { ...both, protect: ["a", "b", "gen/**"] }],
    ["protect: [a, 'b']", { ...both, protect: ["a", "b", "gen/**"] }],
  ])("keep what is there: %j", (text, wanted) => {
    const next = withAdditions(text, additions, file) ?? "";
    expect(read(next)).toEqual(wanted);
    for (const line of text.split("\n").filter((one) => !/[{[]/.test(one))) expect(next.split("\n")).toContain(line);
    for (const comment of text.match(/#.*/g) ?? []) expect(next).toContain(comment);
  });

  test.each([
    "# only words\r\n",
    "budget: { run: 2 }\r\ncommands:\r\n  build: make\r\nprotect:\r\n  - a\r\n",
    "triggers: { onOpened: false }\r\ncommands:\r\n  build: make",
    "commands:\r\n  build: |\r\n    make\r\n\r\nprotect:\r\n- a",
  ])("end their lines as the file does: %j", (text) => {
    const next = withAdditions(text, additions, file) ?? "";
    expect(read(next)).toMatchObject({ commands: both.commands });
    expect(next.replaceAll("\r\n", "")).not.toMatch(/[\r\n]/);
  });

  test.each([
    "{ triggers: { onOpened: false } }\n",
    "nonsense: 1\n",
    "limits: { rounds: 1 }\n...\n",
    "triggers:\n  bots:\n    - |+\n      a\n",
  ])("are not made where they do not fit: %j", (text) => expect(withAdditions(text, additions, file)).toBe(undefined));
});
