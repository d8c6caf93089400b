import { chmod, symlink } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openGateWorld, type Files } from "./gate-world.ts";
import { fixed, reproduced, tab } from "./tab.ts";

async function scope(change: Files, config: unknown = {}, alter?: (origin: string) => Promise<void>) {
  await using world = await openGateWorld(tab);
  const head = await world.commit(change);
  if (!alter) return await world.check({ gate: "scope", head, config });
  await alter(world.request({ gate: "scope", head }).repo.cloneUrl);
  return await world.check({ gate: "scope", head: await world.commit({}, head), config });
}

describe("scope", () => {
  test("says yes to a small change of source and tests", async () => {
    const result = await scope({ ...fixed, ...reproduced });
    expect(result).toMatchObject({ passed: true, code: "in-scope" });
    expect(result.summary).toMatch(/^2 files, \d\.\d KiB, no protected path\.$/);
  });

  test("says yes to tests alone where they are all that is wanted, and no to anything else there", async () => {
    await using world = await openGateWorld(tab);
    const tests = await world.commit(reproduced);
    const more = await world.commit({ ...fixed, ...reproduced });
    const check = (head: typeof tests) => world.check({ gate: "scope", head, testsAlone: true });
    expect(await check(tests)).toMatchObject({ passed: true, code: "in-scope" });
    expect(await check(more)).toMatchObject({ passed: false, code: "touches-source" });
    expect(await check(world.base)).toMatchObject({ passed: false, code: "empty-diff" });
  });

  test.each(["docs/.env.example", ".gitignore", "docs/github/x.md", "src/env.js"])("leaves %s alone", async (path) => {
    expect(await scope({ [path]: "x" })).toMatchObject({ passed: true });
  });

  test.each<[string, Files, unknown]>([
    ["empty-diff", {}, {}],
    ["empty-diff", reproduced, {}],
    ["too-many-files", { "src/a.js": "", "src/b.js": "", "src/c.js": "" }, { limits: { files: 2 } }],
    ["patch-too-large", { "src/a.js": "x".repeat(4_000) }, { limits: { patchKb: 2 } }],
    ["binary-added", { "src/a.bin": "a\0b\0" }, {}],
    ["protected-path", { ".github/test/x.test.js": "" }, {}],
    ["protected-path", { "src/pay/.hidden.js": "" }, { protect: ["src/pay/**"] }],
  ])("says no: %s (%#)", async (code, change, config) => {
    expect(await scope(change, config)).toMatchObject({ passed: false, code });
  });

  test.each([
    ".github/workflows/ci.yml",
    ".GitHub/workflows/ci.yml",
    "packages/a/.github/CODEOWNERS",
    "CODEOWNERS",
    "docs/CODEOWNERS",
    ".gitattributes",
    ".gitmodules",
    ".husky/pre-commit",
    ".npmrc",
    ".env",
    "packages/a/.env.production",
    "package-lock.json",
    "packages/a/yarn.lock",
    "go.sum",
    ".gitlab-ci.yml",
    ".vscode/tasks.json",
    ".claude/settings.json",
    "CLAUDE.md",
  ])("says no to the protected path %s, whatever the config says", async (path) => {
    expect(await scope({ ...fixed, [path]: "x" })).toMatchObject({ passed: false, code: "protected-path" });
  });

  test("says no to a file that became executable or a link", async () => {
    const executable = await scope(fixed, {}, (origin) => chmod(join(origin, "src/split.js"), 0o755));
    expect(executable).toMatchObject({
      passed: false,
      code: "mode-changed",
      notes: ["src/split.js is now executable"],
    });
    const link = await scope(fixed, {}, (origin) => symlink("/etc/passwd", join(origin, "src/link.js")));
    expect(link).toMatchObject({ passed: false, code: "mode-changed", notes: ["src/link.js is now a symbolic link"] });
  });
});
