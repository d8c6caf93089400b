// What the JavaScript and TypeScript packages of one commit hand to others: what package.json says, and the names of the entry modules.
import { isBuiltin } from "node:module";
import { posix } from "node:path";
import { setImmediate } from "node:timers/promises";
import { isTestFile } from "../test-files.ts";
import { openModuleGraph, type ModuleGraph, type Resolved } from "./module-graph.ts";
import { unreadable, type ModuleRead } from "./module-record.ts";
import { entryFile, isScript, relativeFile, treeOf, type Tree } from "./package-files.ts";
import { parseManifest, type Entry, type Manifest } from "./package-manifest.ts";
import type { Part, Surface } from "./surface.ts";

/** The repository at one commit. */
export interface Side {
  readonly paths: readonly string[];
  /** The text of a file; undefined when it is none. */
  read(path: string): Promise<string | undefined>;
  readModule(path: string): Promise<ModuleRead>;
}

export interface Package {
  /** The folder it lies in; "" for the root. */
  readonly folder: string;
  readonly manifest: Manifest;
}

export interface Packages {
  readonly known: readonly Package[];
  /** Paths of package.json files that are not read, with the reason. */
  readonly unread: readonly { readonly path: string; readonly why: string }[];
}

/** Packages looked at in one repository, and entries of one package. */
const PACKAGES = 50;
const ENTRIES = 200;
/** Steps from name to name, for all packages of a commit: about a second of Baton's own thread, and as many names kept. */
const STEPS = 500_000;

/** The packages that others can use. Those of tests and dependencies are none. */
export async function findPackages(side: Side): Promise<Packages> {
  const paths = side.paths.filter(
    (path) => posix.basename(path) === "package.json" && !isTestFile(path) && !/(?:^|\/)node_modules\//.test(path),
  );
  const known: Package[] = [];
  const unread = paths.slice(PACKAGES).map((path) => ({ path, why: `${PACKAGES} packages are read` }));
  for (const path of paths.slice(0, PACKAGES)) {
    const text = await side.read(path);
    const manifest = text === undefined ? undefined : parseManifest(text);
    if (!manifest) unread.push({ path, why: "it cannot be read" });
    else if (manifest.isPublic) known.push({ folder: posix.dirname(path).replace(/^\.$/, ""), manifest });
  }
  return { known, unread };
}

/** Names packages for people, the same on both sides: by name where it stayed, by place where that stayed. */
export function labelPackages(
  before: readonly Package[],
  after: readonly Package[],
): { readonly before: ReadonlyMap<Package, string>; readonly after: ReadonlyMap<Package, string> } {
  const labels = new Map<Package, string>();
  for (const one of before) {
    const label = one.manifest.name ?? (one.folder === "" ? "the package" : one.folder);
    labels.set(one, [...labels.values()].includes(label) ? `${label} in ${one.folder}` : label);
  }
  const then = new Map<Package, string>();
  const free = new Set(before);
  const give = (one: Package, same: (old: Package) => boolean) => {
    const old = then.has(one) ? undefined : [...free].find(same);
    const label = old && labels.get(old);
    if (!old || label === undefined) return;
    free.delete(old);
    then.set(one, label);
  };
  for (const one of after) give(one, (old) => old.folder === one.folder && old.manifest.name === one.manifest.name);
  for (const one of after)
    give(one, (old) => old.manifest.name !== undefined && old.manifest.name === one.manifest.name);
  for (const one of after) give(one, (old) => old.folder === one.folder);
  for (const one of after) if (!then.has(one)) then.set(one, `${one.manifest.name ?? "a package"} in /${one.folder}`);
  return { before: labels, after: then };
}

/** The surface of those packages. Never throws for what stands in them. */
export async function javaScriptSurface(
  side: Side,
  { known, unread }: Packages,
  labels: ReadonlyMap<Package, string>,
): Promise<Surface> {
  const parts = new Map<string, Part>(unread.map(({ path, why }) => [path, unreadable(why)]));
  const tree = treeOf(side.paths);
  const steps = { left: STEPS };
  for (const one of known) {
    const label = labels.get(one) ?? one.folder;
    const { manifest, folder } = one;
    parts.set(`${label}, package.json`, { type: "settings", items: manifest.settings });
    const entries: Entry[] = [];
    for (const entry of entriesOf(manifest, folder, side.paths, tree)) if (entries.push(entry) > ENTRIES) break;
    if (entries.length === 0 && !manifest.hasCommands)
      parts.set(`${label} "."`, unreadable("package.json names no entry module, and there is no index file"));
    const graph = openModuleGraph(
      {
        resolve: (specifier, from) => resolve(specifier, from, { tree, ...one }),
        read: (file) => side.readModule(file),
      },
      steps,
    );
    for (const { subpath, condition, target } of entries.slice(0, ENTRIES)) {
      const name = `${label} "${subpath}"${condition === "" ? "" : ` (${condition})`}`;
      // Of a list of targets, the first is taken.
      if (!parts.has(name)) parts.set(name, await entryPart(graph, tree, folder, target));
      await setImmediate();
    }
    if (entries.length > ENTRIES) parts.set(`${label}, further entries`, unreadable(`${ENTRIES} are read`));
  }
  return parts;
}

/**
 * The manifest's entries, with one for each file that a pattern means, and Node's own when it names none. Take as many as are needed:
 * patterns times files may be more than there is memory for.
 */
function* entriesOf(
  { settings, entries }: Manifest,
  folder: string,
  paths: readonly string[],
  tree: Tree,
): Generator<Entry> {
  if (!settings.has("main") && entries.every(({ subpath }) => subpath === ".")) {
    const index = entryFile(tree, folder, "index.js");
    const closed = settings.get("exports") === "a closed list";
    if (index && !index.built && !closed) yield { subpath: ".", condition: "", target: "index.js" };
  }
  for (const entry of entries) yield* filled(entry, folder, paths);
}

function* filled(entry: Entry, folder: string, paths: readonly string[]): Generator<Entry> {
  const [start, end, ...more] = posix.join(folder, entry.target).split("*");
  let fits = false;
  if (start !== undefined && end !== undefined && more.length === 0)
    for (const path of paths) {
      if (path.length <= start.length + end.length || !path.startsWith(start) || !path.endsWith(end)) continue;
      fits = true;
      const part = path.slice(start.length, path.length - end.length);
      const target = posix.relative(folder === "" ? "." : folder, path);
      yield { ...entry, subpath: entry.subpath.replace("*", () => part), target };
    }
  if (!fits) yield entry;
}

async function entryPart(graph: ModuleGraph, tree: Tree, folder: string, target: string): Promise<Part> {
  const found = entryFile(tree, folder, target);
  if (!found) return unreadable(`${target} is not in the repository, and what it is built from is not known`);
  if (!isScript(found.file)) return { type: "names", items: new Map([["the file", ""]]) };
  const read = await graph.exportedNames(found.file);
  return read.type === "read" ? { type: "names", items: read.names } : read;
}

function resolve(
  specifier: string,
  from: string,
  { tree, folder, manifest }: Package & { readonly tree: Tree },
): Resolved {
  if (/^\.{1,2}(?:\/|$)/.test(specifier)) return asFile(relativeFile(tree, specifier, from));
  if (specifier.startsWith("#")) {
    for (const [name, targets] of manifest.imports) {
      const part = matched(name, specifier);
      if (part === undefined) continue;
      for (const target of targets) {
        const found = entryFile(
          tree,
          folder,
          target.replace("*", () => part),
        );
        if (found) return found;
      }
      return undefined;
    }
    return undefined;
  }
  const name = /^(?:@[^/]+\/)?[^/]+/.exec(specifier)?.[0] ?? specifier;
  return isBuiltin(specifier) || manifest.dependencies.has(name) ? "outside" : undefined;
}

function asFile(file: string | undefined): Resolved {
  return file === undefined ? undefined : { file };
}

/** What `*` stands for when `text` is of that pattern; "" when both are the same. */
function matched(pattern: string, text: string): string | undefined {
  const [start = "", end] = pattern.split("*");
  if (end === undefined) return pattern === text ? "" : undefined;
  const fits = text.length >= start.length + end.length && text.startsWith(start) && text.endsWith(end);
  return fits ? text.slice(start.length, text.length - end.length) : undefined;
}
