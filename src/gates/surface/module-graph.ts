// The names an entry module exports, followed through the modules of its package that hand names on. The rules are those of
// ECMAScript (ResolveExport, GetExportedNames): what two `export *` give from two places is exported by neither.
import { merged, WHOLE, type ModuleRead, type ModuleRecord, type Space } from "./module-record.ts";

export type Resolved = { readonly file: string } | "outside" | undefined;

export interface Modules {
  /** The file of the package that `specifier` means in `from`; "outside" when it is another package's; undefined when it is not there. */
  resolve(specifier: string, from: string): Resolved;
  read(file: string): Promise<ModuleRead>;
}

export type Names =
  | { readonly type: "read"; readonly names: ReadonlyMap<string, Space> }
  | { readonly type: "unreadable"; readonly why: string };

/** A name found, with the place it comes from; undefined where there is none. */
interface Found {
  readonly space: Space;
  readonly origin: string;
}

/** Every name that `entry` exports. Names of other packages stand for themselves: `* of "other"`. */
export async function exportedNames(modules: Modules, entry: string): Promise<Names> {
  const loaded = await load(modules, entry);
  if (!(loaded instanceof Map)) return loaded;
  const graph = { modules, loaded };
  const names = new Map<string, Space>();
  for (const name of namesOf(graph, entry, new Set())) {
    const found = name.startsWith("* of ") ? { space: "unknown" as const } : find(graph, entry, name, new Set());
    if (found) names.set(name, found.space);
  }
  return { type: "read", names };
}

function isFile(found: Resolved): found is { readonly file: string } {
  return typeof found === "object";
}

interface Graph {
  readonly modules: Modules;
  readonly loaded: ReadonlyMap<string, ModuleRecord>;
}

/** Every module that names come from. One that everything is taken of must be readable; of others the name is known anyhow. */
async function load(
  modules: Modules,
  entry: string,
): Promise<Map<string, ModuleRecord> | { type: "unreadable"; why: string }> {
  const loaded = new Map<string, ModuleRecord>();
  const wanted = [{ file: entry, needed: true }];
  for (let next = wanted.pop(); next; next = wanted.pop()) {
    if (loaded.has(next.file)) continue;
    const read = await modules.read(next.file);
    if (read.type === "unreadable") {
      if (next.needed) return read;
      continue;
    }
    loaded.set(next.file, read.module);
    for (const { from } of read.module.stars) {
      const found = modules.resolve(from, next.file);
      if (found === undefined && next.needed)
        return { type: "unreadable", why: `${next.file} hands on everything of "${from}", which is not found` };
      if (isFile(found)) wanted.push({ file: found.file, needed: next.needed });
    }
    for (const one of read.module.exports) {
      const found = "from" in one ? modules.resolve(one.from, next.file) : undefined;
      if (isFile(found)) wanted.unshift({ file: found.file, needed: false });
    }
  }
  return loaded;
}

function namesOf(graph: Graph, file: string, seen: Set<string>): Set<string> {
  const names = new Set<string>();
  const record = graph.loaded.get(file);
  if (!record || seen.has(file)) return names;
  seen.add(file);
  for (const { name } of record.exports) names.add(name);
  for (const { from } of record.stars) {
    const target = graph.modules.resolve(from, file);
    if (!isFile(target)) names.add(`* of "${from}"`);
    else
      for (const name of namesOf(graph, target.file, seen)) if (name !== "default" || record.commonjs) names.add(name);
  }
  return names;
}

function find(graph: Graph, file: string, name: string, seen: Set<string>): Found | undefined {
  const record = graph.loaded.get(file);
  if (!record) return { space: "unknown", origin: `${file} ${name}` };
  const key = `${file} ${name}`;
  if (seen.has(key)) return undefined;
  seen.add(key);
  const own = record.exports.filter((one) => one.name === name);
  if (own.length > 0) {
    const found = own.flatMap((one): Found[] => {
      if ("space" in one) return [{ space: one.space, origin: key }];
      const target = graph.modules.resolve(one.from, file);
      const there = isFile(target)
        ? findIn(graph, target.file, one.imported, seen)
        : { space: "unknown" as const, origin: `${one.from} ${one.imported}` };
      return there ? [{ ...there, space: one.typeOnly ? "type" : there.space }] : [];
    });
    return found.reduce<Found | undefined>(
      (all, one) => (all ? { ...one, space: merged(all.space, one.space) } : one),
      undefined,
    );
  }
  if (name === "default" && !record.commonjs) return undefined;
  const handedOn = new Map<string, Found>();
  for (const { from, typeOnly } of record.stars) {
    const target = graph.modules.resolve(from, file);
    const found = isFile(target) ? find(graph, target.file, name, seen) : undefined;
    if (found) handedOn.set(found.origin, typeOnly ? { ...found, space: "type" } : found);
  }
  return handedOn.size === 1 ? [...handedOn.values()][0] : undefined;
}

/** What `imported` of the module in `target` is. */
function findIn(graph: Graph, target: string, imported: string, seen: Set<string>): Found | undefined {
  if (imported === "*") return { space: "both", origin: `${target} *` };
  const found = find(graph, target, imported, seen);
  // What a CommonJS module exports is only guessed by those who import names of it.
  const guessed = graph.loaded.get(target)?.commonjs === true || hasStarOutside(graph, target, new Set());
  return found ?? (guessed || imported === WHOLE ? { space: "unknown", origin: `${target} ${imported}` } : undefined);
}

/** True when some of what a module hands on comes from another package: then a name that is not found may be there. */
function hasStarOutside(graph: Graph, file: string, seen: Set<string>): boolean {
  if (seen.has(file)) return false;
  seen.add(file);
  return (graph.loaded.get(file)?.stars ?? []).some(({ from }) => {
    const target = graph.modules.resolve(from, file);
    return !isFile(target) || hasStarOutside(graph, target.file, seen);
  });
}
