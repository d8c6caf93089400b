// The import ladder of ARCHITECTURE.md, as data: a folder may import from rows below its own, never sideways, never up.
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { describe, expect, test } from "vitest";

const rows: readonly (readonly string[])[] = [
  ["main.ts", "baton.ts", "parts.ts", "env.ts", "cli", "playground"],
  ["intake", "github", "dashboard", "jobs"],
  ["triage"],
  ["agents", "gates", "store"],
  ["engine"],
  ["hands", "workspace", "workflows"],
  ["core"],
];
const wiring = new Set(rows[0]);
/** Implement the engine's ports: from engine/ they may import types only. */
const implementers = new Set(["agents", "gates", "store"]);

/** The one file that may know each outside thing. */
const outside: Readonly<Record<string, readonly string[]>> = {
  probot: ["intake/probot-app.ts", "intake/setup.ts"],
  "@octokit/rest": ["github/client.ts"],
  "@anthropic-ai/sdk": ["agents/sdk.ts", "agents/servers/connection.ts", "hands/toolbox.ts"],
  "@modelcontextprotocol/client": ["agents/servers/connection.ts"],
  jose: ["jobs/identity.ts"],
  cockatiel: ["agents/circuits.ts"],
  bullmq: ["store/queue.ts"],
  pg: ["store/postgres.ts"],
  "@electric-sql/pglite": ["store/pglite.ts"],
  "prom-client": ["dashboard/metrics.ts"],
  "@babel/parser": ["gates/surface/syntax.ts"],
  "node:worker_threads": ["gates/surface/module-reader.ts", "gates/surface/module-thread.ts"],
  "node:child_process": ["core/process.ts", "core/starter.ts"],
};

interface Import {
  readonly from: string;
  readonly to: string;
  readonly typeOnly: boolean;
}

const src = join(import.meta.dirname, "../src");
const files = readdirSync(src, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));

function importsOf(file: string): Import[] {
  const text = readFileSync(join(src, file), "utf8");
  const statements = text.matchAll(
    /^(?:import|export)\s+(type\s)?(?:[^"';]*?\sfrom\s+)?"([^"]+)"|\bimport\(\s*"([^"]+)"\s*\)/gm,
  );
  return [...statements].map(([, type, target, late]) => {
    const to = target ?? late ?? "";
    const path = to.startsWith(".") ? relative(src, join(src, dirname(file), to)) : to.replace(/^#src\//, "");
    return { from: file, to: path, typeOnly: type !== undefined };
  });
}

const imports = files.flatMap(importsOf);
const room = (path: string) => path.split("/")[0] ?? path;
const row = (path: string) => rows.findIndex((names) => names.includes(room(path)));

describe("the import ladder", () => {
  test("reads every source file and finds imports in them", () => {
    expect(files.length).toBeGreaterThan(10);
    expect(imports.length).toBeGreaterThan(files.length);
  });

  test("every file stands in a known room", () => {
    expect(files.filter((file) => row(file) === -1)).toEqual([]);
  });

  test("imports go down the ladder only", () => {
    const wrong = imports.filter(({ from, to, typeOnly }) => {
      if (row(to) === -1 || room(from) === room(to)) return false;
      if (wiring.has(room(from))) return false;
      if (row(to) <= row(from)) return true;
      return implementers.has(room(from)) && room(to) === "engine" && !typeOnly;
    });
    expect(wrong.map(({ from, to }) => `${from} → ${to}`)).toEqual([]);
  });

  test("each outside thing is known to its own files only", () => {
    const wrong = imports.filter(({ from, to, typeOnly }) => {
      const name = Object.keys(outside).find((outer) => to === outer || to.startsWith(`${outer}/`));
      return name !== undefined && !typeOnly && outside[name]?.includes(from) === false;
    });
    expect(wrong.map(({ from, to }) => `${from} → ${to}`)).toEqual([]);
  });
});
