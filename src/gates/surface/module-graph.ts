// The names an entry module exports, followed through the modules of its package that hand names on. The rules are those of
// ECMAScript (ResolveExport, GetExportedNames): what two `export *` give from two places is exported by neither. The modules may be an
// agent's, and all of this happens in Baton's own thread: so each step is counted, and others have their turn in between.
import { setImmediate } from "node:timers/promises";
import {
  merged,
  unreadable,
  WHOLE,
  type Export,
  type ModuleRead,
  type ModuleRecord,
  type Space,
} from "./module-record.ts";

export type Resolved = { readonly file: string } | "outside" | undefined;

export interface Modules {
  /** The file of the package that `specifier` means in `from`; "outside" when it is another package's; undefined when it is not there. */
  resolve(specifier: string, from: string): Resolved;
  read(file: string): Promise<ModuleRead>;
}

export type Names =
  | { readonly type: "read"; readonly names: ReadonlyMap<string, Space> }
  | { readonly type: "unreadable"; readonly why: string };

/** What may still be looked at: names in modules, and what specifiers mean. Shared by all entries of a commit. */
export interface Steps {
  left: number;
}

/** The modules of one package. */
export interface ModuleGraph {
  /** Every name that `entry` exports. Names of other packages stand for themselves: `* of "other"`. */
  exportedNames(entry: string): Promise<Names>;
}

/** A module with what its specifiers mean, and its exports by name. */
interface Linked {
  readonly record: ModuleRecord;
  readonly targets: ReadonlyMap<string, Resolved>;
  readonly exports: ReadonlyMap<string, readonly Export[]>;
}

/** What the names of one entry lead through. */
interface Graph {
  readonly loaded: ReadonlyMap<string, Linked>;
  readonly steps: Steps;
  /** Files of which it is known whether they hand on everything of another package. */
  readonly outside: Map<string, boolean>;
}

/** A name found, with the place it comes from; undefined where there is none. */
interface Found {
  readonly space: Space;
  readonly origin: string;
}

/** Places that one name leads through; following them is a call within a call. */
const PLACES = 500;
/** Steps that it takes to look up what a specifier means: a dozen paths are tried. */
const LOOKUP = 10;
/** Names followed at once, before others have their turn. */
const AT_ONCE = 500;

/** The graph of one package. An entry for which `steps` do not suffice is unreadable. */
export function openModuleGraph(modules: Modules, steps: Steps): ModuleGraph {
  const linked = new Map<string, Linked>();
  return {
    async exportedNames(entry) {
      const loaded = await load(modules, entry, steps, linked);
      if (!(loaded instanceof Map)) return loaded;
      const graph = { loaded, steps, outside: new Map<string, boolean>() };
      const names = new Map<string, Space>();
      let followed = 0;
      for (const name of namesOf(graph, entry)) {
        if (steps.left <= 0) break;
        if ((followed += 1) % AT_ONCE === 0) await setImmediate();
        const found = name.startsWith("* of ") ? { space: "unknown" as const } : find(graph, entry, name, new Set());
        if (found) names.set(name, found.space);
      }
      return steps.left > 0 ? { type: "read", names } : tooMuch(entry);
    },
  };
}

function tooMuch(file: string) {
  return unreadable(`the names of ${file} lead through more places than are looked at`);
}

function isFile(found: Resolved): found is { readonly file: string } {
  return typeof found === "object";
}

/** Every module that names come from. One that everything is taken of must be readable; of others the name is known anyhow. */
async function load(
  modules: Modules,
  entry: string,
  steps: Steps,
  linked: Map<string, Linked>,
): Promise<Map<string, Linked> | { type: "unreadable"; why: string }> {
  const loaded = new Map<string, Linked>();
  // A set that grows while it is walked gives what is added, once.
  const named = new Set<string>();
  const needed = new Set([entry]);
  const take = async (file: string, record: ModuleRecord): Promise<Linked> => {
    const one = linked.get(file) ?? (await link(modules, file, record, steps));
    linked.set(file, one);
    loaded.set(file, one);
    steps.left -= 1;
    return one;
  };
  for (const file of needed) {
    if (steps.left <= 0) return tooMuch(entry);
    const read = await modules.read(file);
    if (read.type === "unreadable") return read;
    const { targets } = await take(file, read.module);
    for (const { from } of read.module.stars) {
      const target = targets.get(from);
      if (target === undefined) return unreadable(`${file} hands on everything of "${from}", which is not found`);
      if (isFile(target)) needed.add(target.file);
    }
    for (const target of targets.values()) if (isFile(target)) named.add(target.file);
  }
  for (const file of named) {
    if (loaded.has(file)) continue;
    if (steps.left <= 0) return tooMuch(entry);
    const read = await modules.read(file);
    if (read.type === "unreadable") continue;
    const { targets } = await take(file, read.module);
    for (const target of targets.values()) if (isFile(target)) named.add(target.file);
  }
  return loaded;
}

async function link(modules: Modules, file: string, record: ModuleRecord, steps: Steps): Promise<Linked> {
  const targets = new Map<string, Resolved>();
  for (const one of [...record.stars, ...record.exports]) {
    if (!("from" in one) || targets.has(one.from) || steps.left <= 0) continue;
    steps.left -= LOOKUP;
    targets.set(one.from, modules.resolve(one.from, file));
    if (targets.size % AT_ONCE === 0) await setImmediate();
  }
  return { record, targets, exports: Map.groupBy(record.exports, ({ name }) => name) };
}

function namesOf({ loaded, steps }: Graph, entry: string): Set<string> {
  const names = new Set<string>();
  const seen = new Set<string>();
  const collect = (file: string, takesDefault: boolean) => {
    const one = loaded.get(file);
    if (!one || seen.has(file)) return;
    seen.add(file);
    for (const name of one.exports.keys()) if (name !== "default" || takesDefault) names.add(name);
    steps.left -= one.exports.size;
    for (const { from } of one.record.stars) {
      const target = one.targets.get(from);
      if (isFile(target)) collect(target.file, takesDefault && one.record.commonjs);
      else names.add(`* of "${from}"`);
    }
  };
  collect(entry, true);
  return names;
}

function find(graph: Graph, file: string, name: string, seen: Set<string>): Found | undefined {
  const { steps } = graph;
  const one = graph.loaded.get(file);
  if (!one) return { space: "unknown", origin: `${file} ${name}` };
  const key = `${file} ${name}`;
  if (seen.has(key)) return undefined;
  seen.add(key);
  steps.left = seen.size > PLACES ? 0 : steps.left - 1;
  if (steps.left <= 0) return undefined;
  const own = one.exports.get(name);
  if (own) {
    const found = own.flatMap((exported): Found[] => {
      if ("space" in exported) return [{ space: exported.space, origin: key }];
      const target = one.targets.get(exported.from);
      const there = isFile(target)
        ? findIn(graph, target.file, exported.imported, seen)
        : { space: "unknown" as const, origin: `${exported.from} ${exported.imported}` };
      return there ? [{ ...there, space: exported.typeOnly ? "type" : there.space }] : [];
    });
    return found.reduce<Found | undefined>(
      (all, other) => (all ? { ...other, space: merged(all.space, other.space) } : other),
      undefined,
    );
  }
  if (name === "default" && !one.record.commonjs) return undefined;
  const handedOn = new Map<string, Found>();
  for (const { from, typeOnly } of one.record.stars) {
    const target = one.targets.get(from);
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
  const guessed = graph.loaded.get(target)?.record.commonjs === true || hasStarOutside(graph, target, new Set());
  return found ?? (guessed || imported === WHOLE ? { space: "unknown", origin: `${target} ${imported}` } : undefined);
}

/** True when some of what a module hands on comes from another package: then a name that is not found may be there. */
function hasStarOutside(graph: Graph, file: string, seen: Set<string>): boolean {
  const known = graph.outside.get(file);
  if (known !== undefined || seen.has(file)) return known ?? false;
  seen.add(file);
  const one = graph.loaded.get(file);
  const is = (one?.record.stars ?? []).some(({ from }) => {
    const target = one?.targets.get(from);
    return !isFile(target) || hasStarOutside(graph, target.file, seen);
  });
  // What was found while going in a circle holds for where the circle was entered, not for what lies in it.
  if (seen.values().next().value === file) graph.outside.set(file, is);
  return is;
}
