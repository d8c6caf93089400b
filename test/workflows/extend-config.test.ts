// What a config says together with the one it extends: the owner's word where it says nothing, and protections only ever tighter.
import { expect, test } from "vitest";
import { parseExtended, type Base } from "#src/workflows/extend-config.ts";

const file = ".github/baton.yml";
const tab = { owner: "octo", name: "tab" };
const found = (text: string) => (): Promise<Base> => Promise.resolve({ type: "found", text });
const never = () => Promise.reject(new Error("nobody extends anything"));

async function config(base: string, own: string) {
  const parsed = await parseExtended(`extends: org\n${own}`, file, tab, found(base));
  if (parsed.type === "invalid") throw new Error(parsed.problems.join("\n"));
  return parsed.config;
}
async function problems(text: string, read: () => Promise<Base> = never, repo = tab) {
  const parsed = await parseExtended(text, file, repo, read);
  return parsed.type === "invalid" ? parsed.problems : [];
}

test("without the key nothing else is read", async () => {
  expect(await parseExtended("limits: { files: 3 }", file, tab, never)).toMatchObject({
    config: { limits: { files: 3 } },
  });
});

test("the owner's keys hold where the file says nothing; mappings join, lists and values are replaced", async () => {
  const base =
    "commands: { test: make, lint: x }\ntriggers: { bots: [a, b], threshold: 0.9 }\nmodels: { deep: [m, n] }\nroutes: { bug: own }";
  expect(
    await config(base, "commands: { test: npm test }\ntriggers: { bots: [c] }\nmodels: { deep: o }"),
  ).toMatchObject({
    extends: "org",
    commands: { test: "npm test", lint: "x" },
    triggers: { bots: ["c"], threshold: 0.9, onOpened: true },
    models: { deep: "o" },
    routes: { bug: "own" },
  });
});

test("what starts by the clock is each repository's own", async () => {
  const base = "schedules: [{ cron: 0 6 * * 1, workflow: bug }]";
  expect((await config(base, "")).schedules).toEqual([]);
});

test("the packages of a monorepo are its own", async () => {
  expect((await config("packages: [{ path: web }]", "")).packages).toEqual([]);
});

test.each([
  ["tighter", { files: 10, rounds: 1, most: "5m", run: 1 }],
  ["looser", { files: 900, rounds: 5, most: "2h", run: 900 }],
])("bounds that are %s: the smaller ones hold, and protected paths add up", async (_, own) => {
  const base =
    "limits: { files: 20, rounds: 2, stageTime: { most: 10m } }\nbudget: { run: 2, turns: 50 }\nprotect: [gen/**, a]";
  const merged = await config(
    base,
    `limits: { files: ${own.files}, rounds: ${own.rounds}, parallel: 9, stageTime: { most: ${own.most} } }\nbudget: { run: ${own.run} }\nprotect: [a, b]`,
  );
  const tighter = own.files === 10;
  expect(merged.limits).toMatchObject(
    tighter
      ? { files: 10, rounds: 1, parallel: 9, stageTime: { most: "5m" } }
      : { files: 20, rounds: 2, parallel: 9, stageTime: { most: "10m" } },
  );
  expect(merged.budget).toEqual({ run: tighter ? 1 : 2, turns: 50 });
  expect(merged.protect).toEqual(["gen/**", "a", "b"]);
});

test("only the owner's own repository may be named, by either name", async () => {
  expect(await problems("extends: Octo/.github\n", found(""))).toEqual([]);
  expect(await problems("# ours\nextends: evil/.github\n")).toEqual([
    `${file}:2:10: extends is "evil/.github" — write org, or octo/.github: no other owner`,
  ]);
  expect(await problems("extends: octo/other\n")).toEqual([
    `${file}:1:10: extends is "octo/other" — write org, or OWNER/.github`,
  ]);
});

test("a base that is not there, or broken, is a problem with its place in the right repository", async () => {
  expect(await problems("extends: org", () => Promise.resolve({ type: "closed" }))).toEqual([
    expect.stringMatching(
      /^\.github\/baton\.yml:1:10: .*the App may not read octo\/\.github, or there is none: install it there/,
    ),
  ]);
  expect(await problems("extends: org", () => Promise.resolve({ type: "none" }))).toEqual([
    expect.stringMatching(/^\.github\/baton\.yml:1:10: .*octo\/\.github has no \.github\/baton\.yml/),
  ]);
  expect(await problems("extends: org", found("\ncomands: {}"))).toEqual([
    "octo/.github:.github/baton.yml:2:1: this line is not as it must be — whoever may read that file mends it; `baton validate` says there what is wrong",
  ]);
});

test("what is wrong in a base is told by its key, and none of its words are quoted", async () => {
  const told = await problems("extends: org", found('\nbudget: { run: "secret sum" }\nroutes: { "hidden team": 5 }\n'));
  expect(told.length).toBeGreaterThan(1);
  expect(told.join("\n")).toContain("octo/.github:.github/baton.yml:2:16: budget is not as it must be");
  expect(told.join("\n")).not.toMatch(/secret|hidden|team/);
});

test("one level: the base extends nothing, and neither does the owner's repository itself", async () => {
  expect(await problems("extends: org", found("\nextends: org"))).toEqual([
    expect.stringMatching(/^octo\/\.github:\.github\/baton\.yml:2:10: .*extends none/),
  ]);
  expect(await problems("extends: org", never, { owner: "octo", name: ".github" })).toEqual([
    expect.stringMatching(/^\.github\/baton\.yml:1:10: .*extends none/),
  ]);
});

test("what is too much together is told at the line that brings it together", async () => {
  const list = (name: string) => `protect: [${Array.from({ length: 60 }, (_, index) => `${name}${index}`).join(", ")}]`;
  expect(await problems(`extends: org\n${list("a")}`, found(list("b")))).toEqual([
    expect.stringMatching(/^\.github\/baton\.yml:1:10: .*together with it protect is not valid/),
  ]);
});
