// What the Python package of one commit hands to others: the commands in pyproject.toml, and the public names of its modules.
// Python itself reads them, in the sandbox and isolated from the repository: its own parser knows its own syntax, and there is none for
// it here. Only texts go in, and no module is imported.
import { readFile } from "node:fs/promises";
import { posix } from "node:path";
import { z } from "zod";
import type { Workspace } from "../../workspace/workspaces.ts";
import { isTestFile } from "../test-files.ts";
import { howItEnded, runPlainly } from "../trial.ts";
import type { GateContext } from "../verdict.ts";
import type { Side } from "./javascript.ts";
import { unreadable } from "./module-record.ts";
import type { Part, Surface } from "./surface.ts";

/** Modules, and characters of them all, that are read. */
const MODULES = 500;
const CHARACTERS = 8_000_000;
const OUTPUT_BYTES = 16 * 1024 ** 2;

const manifests = ["pyproject.toml", "setup.py", "setup.cfg"] as const;
/** Files beside a package that are no modules of it. */
const notModules = new Set(["setup.py", "conftest.py", "noxfile.py", "tasks.py", "manage.py", "fabfile.py"]);

interface Module {
  readonly name: string;
  readonly path: string;
  readonly isPackage: boolean;
}

/** True when something says that the repository is a Python package. */
export function isPython(paths: readonly string[]): boolean {
  return paths.some((path) => manifests.some((name) => posix.basename(path) === name) && !isTestFile(path));
}

const name = z.string().max(1_000);
const Told = z.object({
  modules: z.array(z.object({ name, names: z.record(name, z.string()).optional(), why: name.optional() })),
  project: z.object({ settings: z.record(name, z.string()).optional(), why: name.optional() }),
});

/** The surface, read in a clone of whatever commit: it is only where the sandbox starts. Never throws for what stands in the files. */
export async function pythonSurface(context: GateContext, workspace: Workspace, side: Side): Promise<Surface> {
  const parts = new Map<string, Part>();
  for (const path of side.paths)
    if (path.includes("/") && posix.basename(path) === "pyproject.toml" && !isTestFile(path))
      parts.set(path, unreadable("of several Python packages, the one in the root is read"));
  const found = modulesOf(side.paths);
  const modules: { name: string; package: boolean; text: string }[] = [];
  let left = CHARACTERS;
  for (const module of found.slice(0, MODULES)) {
    const text = (await side.read(module.path)) ?? "";
    left -= text.length;
    if (left >= 0) modules.push({ name: module.name, package: module.isPackage, text });
  }
  const project = (await side.read("pyproject.toml")) ?? null;
  const told = await ask(context, workspace, { modules, project });
  const why = "why" in told ? told.why : undefined;
  const byName = new Map("modules" in told ? told.modules.map((one) => [one.name, one] as const) : []);
  for (const module of found) {
    if (!isPublic(module.name)) continue;
    const one = byName.get(module.name);
    const names = one?.names;
    parts.set(
      module.name,
      names
        ? { type: "names", items: new Map(Object.entries(names)) }
        : unreadable(one?.why ?? why ?? `${MODULES} modules of ${CHARACTERS} characters are read`),
    );
  }
  if (found.length === 0) parts.set("the Python package", unreadable("no module was found at its top or in src/"));
  parts.set("the Python package's settings", settingsOf(told, project !== null));
  return parts;
}

function settingsOf(told: z.infer<typeof Told> | { why: string }, hasProject: boolean): Part {
  if ("why" in told) return unreadable(told.why);
  if (!hasProject) return unreadable("its name and commands are in setup.py or setup.cfg, which are not read");
  const { settings, why } = told.project;
  return settings ? { type: "settings", items: new Map(Object.entries(settings)) } : unreadable(why ?? "?");
}

/** Packages with an `__init__.py` and single modules, at the top or in src/. Private ones too: others may take their names. */
function modulesOf(paths: readonly string[]): Module[] {
  const files = new Set(paths);
  const root = paths.some((path) => /^src\/[^/]+(?:\/__init__)?\.py$/.test(path)) ? "src/" : "";
  return paths.flatMap((path): Module[] => {
    if (!path.startsWith(root) || !path.endsWith(".py") || isTestFile(path)) return [];
    const parts = path.slice(root.length, -".py".length).split("/");
    if (parts.length === 1 && notModules.has(path.slice(root.length))) return [];
    const folders = parts.slice(0, -1).map((_, index) => root + parts.slice(0, index + 1).join("/"));
    if (!folders.every((folder) => files.has(`${folder}/__init__.py`))) return [];
    const isPackage = parts.at(-1) === "__init__";
    if (isPackage) parts.pop();
    return parts.length === 0 ? [] : [{ name: parts.join("."), path, isPackage }];
  });
}

function isPublic(module: string): boolean {
  return !module.split(".").some((part) => part.startsWith("_") && part !== "__main__");
}

// -I and -S: neither the folder it starts in nor the environment nor site-packages decide which code runs.
const argv = [
  "python3",
  "-I",
  "-S",
  "-X",
  "utf8",
  "-c",
  "import json,sys;exec(json.loads(sys.stdin.readline()))",
] as const;

async function ask(
  context: GateContext,
  workspace: Workspace,
  given: { readonly modules: readonly object[]; readonly project: string | null },
): Promise<z.infer<typeof Told> | { why: string }> {
  const program = await readFile(new URL("./python_surface.py", import.meta.url), "utf8");
  const result = await runPlainly(context, workspace, "the public names of the Python modules", {
    argv,
    stdin: `${JSON.stringify(program)}\n${JSON.stringify(given)}`,
    timeoutMs: context.limits.reproductionMs,
    maxOutputBytes: OUTPUT_BYTES,
  });
  if (result.startFailure !== undefined) return { why: "there is no python3 to read it with" };
  if (result.exitCode !== 0) return { why: `python3 ${howItEnded(result)} when it read the modules` };
  try {
    return Told.parse(JSON.parse(result.stdout));
  } catch {
    return { why: "what python3 told of the modules cannot be read" };
  }
}
