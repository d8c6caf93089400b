// The commands that README, AGENTS.md and the CI script tell people to type exist.
import { spawnSync } from "node:child_process";
import { accessSync, constants, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { z } from "zod";

const root = join(import.meta.dirname, "../..");
const read = (file: string) => readFileSync(join(root, file), "utf8");
const { scripts } = z.object({ scripts: z.record(z.string(), z.string()) }).parse(JSON.parse(read("package.json")));

test.each(["README.md", "AGENTS.md", ".ci/run", "docs/operations.md"])(
  "%s names only npm scripts that exist",
  (file) => {
    const named = [...read(file).matchAll(/\bnpm (?:run (?:--silent )?([a-z:]+)|(test|start))\b/g)].map(
      ([, script, short]) => script ?? short ?? "",
    );
    expect(named.filter((name) => !Object.hasOwn(scripts, name))).toEqual([]);
  },
);

test("the two commands of the README are the ones a stranger reads first", () => {
  expect(read("README.md")).toMatch(/npm ci && npm run demo[^]*npm test/);
});

test("the CI script is executable and its shell takes it", () => {
  accessSync(join(root, ".ci/run"), constants.X_OK);
  const checked = spawnSync("bash", ["-n", join(root, ".ci/run")], { encoding: "utf8" });
  expect(checked).toMatchObject({ status: 0, stderr: "" });
});

test("the CI script installs what tests may not be left out for", () => {
  for (const name of ["git", "bubblewrap", "socat", "ripgrep", "chromium", "postgresql", "redis-server"])
    expect(read(".ci/run")).toContain(name);
});

// npm ci refuses a lock file without the optional packages of other platforms, and npm leaves those out that a registry mirror lacks.
test("the lock file holds every optional package, so that npm ci works on every platform", () => {
  const Locked = z.object({ optionalDependencies: z.record(z.string(), z.string()).default({}) });
  const { packages } = z
    .object({ packages: z.record(z.string(), Locked) })
    .parse(JSON.parse(read("package-lock.json")));
  const missing = Object.entries(packages).flatMap(([path, { optionalDependencies }]) =>
    Object.keys(optionalDependencies).filter(
      (name) =>
        !Object.hasOwn(packages, `${path}/node_modules/${name}`) && !Object.hasOwn(packages, `node_modules/${name}`),
    ),
  );
  expect(missing).toEqual([]);
});
