// surface: what others use of the repository by name is still there: the commands and entry points of its packages, and the names
// that they export. Nothing of the repository is run. Names are compared, not what stands behind them; and where even names cannot be
// read, the gate passes as "not-computed", which shows nothing. What could be read before must be readable now.
import { posix } from "node:path";
import type { Sha } from "../core/ids.ts";
import { textAt } from "../workspace/text-at.ts";
import { findPackages, javaScriptSurface, labelPackages, type Side } from "./surface/javascript.ts";
import { openModuleReader, type ModuleReader } from "./surface/module-reader.ts";
import { unreadable, type ModuleRead } from "./surface/module-record.ts";
import { isScript } from "./surface/package-files.ts";
import { isPython, pythonSurface } from "./surface/python.ts";
import { compareSurfaces, type Surface, type SurfaceDifference } from "./surface/surface.ts";
import { isTestFile } from "./test-files.ts";
import { inFreshWorkspace } from "./trial.ts";
import { clip, count, few, passed, refused, type GateContext, type Verdict } from "./verdict.ts";

/** Modules read on one side. */
const MODULES = 500;
/** Lines of each kind in the notes. */
const LISTED = 20;

/** Manifests of packages whose names nobody here can read. */
const others =
  /(?:^|\/)(?:go\.mod|Cargo\.toml|pom\.xml|build\.gradle(?:\.kts)?|composer\.json|Package\.swift|mix\.exs|pubspec\.yaml|CMakeLists\.txt|[^/]+\.(?:gemspec|csproj|fsproj|cabal))$/;

/** The gate. Codes: unchanged, partly-computed, not-computed; export-removed, export-changed, unreadable. */
export async function surface(context: GateContext): Promise<Verdict> {
  const { request, workspaces, signal } = context;
  const { repo, base, head } = request;
  await using reader = openModuleReader();
  const changed = new Set((await workspaces.changes(repo, base, head, signal)).map(({ path }) => path));
  const known = new Map<string, Promise<ModuleRead>>();
  const before = await sideOf(context, base, reader, (path) => (changed.has(path) ? `${base} ${path}` : path), known);
  const after = await sideOf(context, head, reader, (path) => (changed.has(path) ? `${head} ${path}` : path), known);

  const packages = { before: await findPackages(before), after: await findPackages(after) };
  const labels = labelPackages(packages.before.known, packages.after.known);
  const was = new Map(await javaScriptSurface(before, packages.before, labels.before));
  const is = new Map(await javaScriptSurface(after, packages.after, labels.after));
  if (isPython(before.paths))
    await inFreshWorkspace(context, base, undefined, async (workspace) => {
      for (const [name, part] of await pythonSurface(context, workspace, before)) was.set(name, part);
      for (const [name, part] of await pythonSurface(context, workspace, after)) is.set(name, part);
    });
  for (const path of before.paths)
    if (others.test(path) && !isTestFile(path))
      was.set(path, unreadable(`the names of such a package (${posix.basename(path)}) are not read`));
  return judge(compareSurfaces(was, is), was);
}

function judge(difference: SurfaceDifference, was: Surface): Verdict {
  const { removed, changed, lost, added, unknown } = difference;
  const worse = [...removed, ...changed, ...lost];
  const notes = [
    ...listed(worse),
    ...listed(added.map((line) => `added: ${line}`)),
    ...listed(unknown.map((line) => `not computed: ${line}`)),
  ];
  if (worse.length > 0) {
    const code = removed.length > 0 ? "export-removed" : changed.length > 0 ? "export-changed" : "unreadable";
    const what = code === "unreadable" ? "could be read before and cannot be now" : "others use by name";
    return refused(code, `The change alters what ${what}: ${few(worse.map(clip))}.`, notes);
  }
  const read = [...was.values()].filter((part) => part.type !== "unreadable");
  const names = read.filter(({ type }) => type === "names");
  const hasCommands = read.some((part) => [...part.items.keys()].some((item) => item.startsWith("the command ")));
  if (names.length === 0 && !hasCommands)
    return passed(
      "not-computed",
      `Not computed, so nothing is shown: ${few(unknown.map(clip), 2) || "no package was found whose names can be read"}.`,
      notes,
    );
  const size = names.reduce((sum, { items }) => sum + items.size, 0);
  const what = `${count(size, "name")} in ${count(names.length, "entry point")}`;
  const limits = "Names and paths were compared, not what they take and give.";
  if (unknown.length > 0)
    return passed(
      "partly-computed",
      `Of what could be read, nothing is gone: ${what}. Not computed: ${few(unknown.map(clip), 2)}.`,
      [...notes, limits],
    );
  return passed("unchanged", `None of ${what} is gone, nor a command or path of a package. ${limits}`, notes);
}

function listed(lines: readonly string[]): string[] {
  return lines.length <= LISTED
    ? [...lines]
    : [...lines.slice(0, LISTED), `… and ${lines.length - LISTED} more like that`];
}

/** The repository at a commit, with at most `MODULES` modules read. `keyOf` says which modules are the same on both sides. */
async function sideOf(
  { request, workspaces, signal }: GateContext,
  commit: Sha,
  reader: ModuleReader,
  keyOf: (path: string) => string,
  known: Map<string, Promise<ModuleRead>>,
): Promise<Side> {
  const seen = new Set<string>();
  const text = textAt(workspaces, request.repo, commit, signal);
  const read: Side["read"] = async (path) => {
    signal.throwIfAborted();
    return await text(path);
  };
  const readNow = async (path: string): Promise<ModuleRead> => {
    const text = await read(path);
    return text === undefined ? unreadable(`${path} is not an ordinary file`) : await reader.read(path, text);
  };
  return {
    paths: await workspaces.paths(request.repo, commit, signal),
    read,
    async readModule(path) {
      if (!isScript(path)) return unreadable(`${path} is neither JavaScript nor TypeScript`);
      if (!seen.has(path) && seen.size >= MODULES) return unreadable(`${MODULES} modules are read`);
      seen.add(path);
      const key = keyOf(path);
      const one = known.get(key) ?? readNow(path);
      known.set(key, one);
      return await one;
    },
  };
}
