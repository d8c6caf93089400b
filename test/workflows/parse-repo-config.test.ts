// `.github/baton.yml`: empty means the defaults, and a slip is an error with its line, never a protection switched off silently.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseRepoConfig } from "#src/workflows/parse-repo-config.ts";
import { defaultRepoConfig } from "#src/workflows/repo-config.ts";

const file = ".github/baton.yml";

function problemsOf(text: string): string[] {
  const parsed = parseRepoConfig(text, file);
  return parsed.type === "ok" ? [] : parsed.problems;
}

describe("a config", () => {
  test.each(["", "\n\n", "# nothing but a comment\n", "---\n", "{}", "\uFEFF", "~"])("%j is the default", (text) => {
    const said = { said: {}, report: expect.any(Function) };
    expect(parseRepoConfig(text, file)).toEqual({ type: "ok", config: defaultRepoConfig, ...said });
  });

  test("takes what it says and the default for the rest", () => {
    const parsed = parseRepoConfig(
      "commands:\r\n  test: npm test\r\nbudget: { run: 2.5 }\r\nprotect: ['*.lock']\r\nmodels: { deep: [a, b], fast: c }\r\n",
      file,
    );
    expect(parsed).toEqual({
      type: "ok",
      said: expect.objectContaining({ commands: { test: "npm test" } }),
      report: expect.any(Function),
      config: {
        ...defaultRepoConfig,
        commands: { test: "npm test" },
        budget: { run: 2.5 },
        protect: ["*.lock"],
        models: { deep: ["a", "b"], fast: "c" },
      },
    });
  });
});

test("packages are folders of the repository, as people write them", () => {
  const parsed = parseRepoConfig(
    "packages:\n- path: ./services/api/\n  commands: { test: npm test }\n- path: 'my web'\n",
    file,
  );
  expect(parsed.type === "ok" && parsed.config.packages).toEqual([
    { path: "services/api", commands: { test: "npm test" } },
    { path: "my web", commands: {} },
  ]);
});

test("workflows that nobody knows are told where the names are known", () => {
  const text = "schedules: [{ cron: 0 6 * * 1, workflow: audti }]\nroutes: { bug: bgu }";
  expect(parseRepoConfig(text, file).type).toBe("ok");
  expect(parseRepoConfig(text, file, { workflows: new Set(["audit", "bug"]) })).toEqual({
    type: "invalid",
    problems: [
      `${file}:1:42: schedules.0.workflow is "audti", which is no workflow — did you mean "audit"?`,
      `${file}:2:16: routes.bug is "bgu", which is no workflow — did you mean "bug"?`,
    ],
  });
});

describe("a slip", () => {
  test.each([
    ["protcet: [a]", '1:1: unknown key "protcet" — did you mean "protect"?'],
    ["commands:\n  tset: npm test", '2:3: unknown key "tset" in commands — did you mean "test"?'],
    ["routes:\n  bgu: bug", '2:3: unknown key "bgu" in routes — did you mean "bug"?'],
    ["packages: [{ path: web, comands: {} }]", '1:25: unknown key "comands" in packages.0 — did you mean "commands"?'],
    ["packages: [{ commands: {} }]", '1:12: "path" is missing in packages.0 — add it: text of 1 to 200 characters'],
    ...["../x", "/x", "a/../b", "a//b", ".", "apps/*", "a\\\\b"].map((path) => [
      `packages: [{ path: "${path}" }]`,
      `1:20: packages.0.path is ${JSON.stringify(path.replace("\\\\", "\\"))} — write a folder below the repository's root, like services/api: no .., no slash at the start, no wildcards`,
    ]),
    [
      "packages:\n- path: web\n- path: web/",
      '3:9: packages.1.path is "web/" — it is named above: put its commands there',
    ],
    ["commands: npm test", '1:11: commands is "npm test" — write a mapping with install, test, lint, typecheck, build'],
    ["commands: { test: '' }", '1:19: commands.test is "" — write text of 1 to 1000 characters'],
    ["triggers:", "1:10: triggers has no value — write a mapping with onOpened, autoStart, threshold, bots"],
    ["triggers: { onOpened: yes }", '1:23: triggers.onOpened is "yes" — write true or false'],
    [
      "triggers: { autoStart: [bug, featuer] }",
      '1:30: triggers.autoStart.1 is "featuer" — did you mean feature? write one of bug, feature, refactor, docs, question, duplicate, invalid',
    ],
    ["triggers: { threshold: 60 }", "1:24: triggers.threshold is 60 — write a number, at least 0 and at most 1"],
    ["budget: { run: $5 }", '1:16: budget.run is "$5" — write a number, above 0 and at most 1000'],
    [
      "models: { deep: [] }",
      "1:17: models.deep is a list of 0 — write text of 1 to 100 characters, or a list of 1 to 5, each text of 1 to 100 characters",
    ],
    ["models: { deep: [a, 5] }", "1:21: models.deep.1 is 5 — write text of 1 to 100 characters"],
    [
      "schedules: [{ cron: '*/30 * * * *', workflow: audit }]",
      '1:21: schedules.0.cron is "*/30 * * * *" — two starts would be 30 min apart; once an hour is the most, as in `0 * * * *`',
    ],
    [
      "schedules: [{ cron: 0 6 * *, workflow: audit }]",
      '1:21: schedules.0.cron is "0 6 * *" — write five fields: minute, hour, day of month, month, day of week, as in `0 6 * * 1` (Mondays at 6:00)',
    ],
    [
      "schedules: [{ cron: 0 6 * * 1, workflow: audit, timezone: Berlin }]",
      '1:59: schedules.0.timezone is "Berlin" — name a time zone of the IANA list, as in `Europe/Berlin`, or leave it out for UTC',
    ],
    [
      "protect: [*.lock]",
      "1:11: aliases are not taken (*.lock) — write the value out; put text that begins with * in quotes",
    ],
    ["- a", "1:1: the file is a list of 1 — write a mapping with"],
    ["budget:\n\trun: 5", '2:1: Tabs are not allowed as indentation ("run: 5") — indent with spaces'],
    ["a: 1\n---\nb: 2", "2:1: Source contains multiple documents"],
    ["<<: { protect: [] }", '1:1: unknown key "<<"'],
  ])("%j", (text, problem) => {
    expect(problemsOf(text).join("\n")).toContain(`${file}:${problem}`);
  });
});

test("more than 16 KiB is refused unread", () => {
  expect(problemsOf(`protect: [${"a, ".repeat(6_000)}]`)).toEqual([
    `${file}:1:1: more than 16 KiB of YAML — make it shorter`,
  ]);
});

test("anything at all is answered without throwing", () => {
  const words = fc.constantFrom(
    "commands",
    "budget",
    "models",
    ": ",
    ":\n  ",
    "[",
    "]",
    "{",
    "}",
    "\n",
    "- ",
    "5",
    "true",
    "'",
    "&a ",
    "*a",
    "!x ",
    "|\n",
    "? ",
    "#",
    "\t",
    "---\n",
    "...\n",
    "%TAG ! x\n",
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ maxLength: 200 }),
        fc.array(words, { maxLength: 60 }).map((parts) => parts.join("")),
      ),
      (text) => {
        for (const line of problemsOf(text)) expect(line).toMatch(/^\.github\/baton\.yml:.+( — .+|\?)$/su);
      },
    ),
    { numRuns: 600 },
  );
});
