// What a package.json says to those who use the package: its name, its commands, where its entry points are. Pure.
// The rules are Node's (nodejs.org/api/packages.html): with `exports`, nothing else can be imported.
import { z } from "zod";

/** One way into a package. */
export interface Entry {
  /** As an importer writes it behind the package's name: "." or "./extra". */
  readonly subpath: string;
  /** The conditions that lead to it: "import", "node, require"; "" for none. */
  readonly condition: string;
  /** A file of the package, as the manifest writes it. */
  readonly target: string;
}

export interface Manifest {
  readonly name: string | undefined;
  readonly settings: ReadonlyMap<string, string>;
  readonly entries: readonly Entry[];
  readonly hasCommands: boolean;
  /** Whether anybody but its own repository can use it: it is published, or says what of it is an entry. */
  readonly isPublic: boolean;
  /** Packages that it names, of whatever kind. */
  readonly dependencies: ReadonlySet<string>;
  /** Its own short names for its files, "#a", and what they may mean. */
  readonly imports: ReadonlyMap<string, readonly string[]>;
}

type Target = string | null | readonly Target[] | { readonly [condition: string]: Target };
const Target: z.ZodType<Target> = z.lazy(() =>
  z.union([z.string(), z.null(), z.array(Target), z.record(z.string(), Target)]),
);
const text = z.string().optional().catch(undefined);
const list = z.record(z.string(), z.unknown()).optional().catch(undefined);
const File = z.object({
  name: text,
  private: z.unknown().optional(),
  type: text,
  main: text,
  module: text,
  browser: z
    .union([z.string(), z.record(z.string(), z.unknown())])
    .optional()
    .catch(undefined),
  types: text,
  typings: text,
  bin: z
    .union([z.string(), z.record(z.string(), z.string())])
    .optional()
    .catch(undefined),
  exports: Target.optional().catch(undefined),
  imports: z.record(z.string(), Target).optional().catch(undefined),
  dependencies: list,
  devDependencies: list,
  peerDependencies: list,
  optionalDependencies: list,
});

/** Characters of a package.json that is read. */
const LONGEST = 256 * 1024;
/** Nested conditions and lists. */
const DEEPEST = 20;
/** Short names of one package, and files that one may mean: each specifier of its modules is held against them. */
const IMPORTS = 200;
const MEANINGS = 10;

/** Reads one; undefined when it is no package.json, or nested or long beyond reason. */
export function parseManifest(source: string): Manifest | undefined {
  if (source.length > LONGEST || depthOf(source) > DEEPEST) return undefined;
  let json: unknown;
  try {
    json = JSON.parse(source);
  } catch {
    return undefined;
  }
  const file = File.safeParse(json).data;
  if (!file) return undefined;
  const types = file.types ?? file.typings;
  const commands = commandsOf(file);
  const settings = new Map<string, string>();
  const say = (key: string, value: string | undefined) => value !== undefined && settings.set(key, value);
  say("name", file.name);
  say("type", file.type ?? "commonjs");
  for (const [key, value] of Object.entries({ main: file.main, module: file.module, types }))
    say(key, value === undefined ? undefined : plain(value));
  say("browser", file.browser === undefined ? undefined : JSON.stringify(file.browser));
  for (const [name, target] of commands) say(`the command ${name}`, plain(target));
  const subpaths = file.exports === undefined ? undefined : subpathsOf(file.exports);
  say("exports", subpaths ? "a closed list" : "absent: every file can be imported");
  for (const [subpath, target] of subpaths ?? []) say(`exports["${subpath}"]`, JSON.stringify(target));
  const entries = subpaths
    ? subpaths.flatMap(([subpath, target]) => leavesOf(target).map((leaf) => ({ subpath, ...leaf })))
    : Object.entries({ main: file.main, module: file.module, types }).flatMap(([condition, target]) =>
        target === undefined ? [] : [{ subpath: ".", condition: condition === "main" ? "" : condition, target }],
      );
  return {
    name: file.name,
    settings,
    entries,
    hasCommands: commands.length > 0,
    isPublic: file.private !== true || entries.length > 0 || commands.length > 0,
    dependencies: new Set(
      [file.dependencies, file.devDependencies, file.peerDependencies, file.optionalDependencies].flatMap((group) =>
        Object.keys(group ?? {}),
      ),
    ),
    imports: new Map(
      Object.entries(file.imports ?? {})
        .slice(0, IMPORTS)
        .map(([name, target]) => [
          name,
          leavesOf(target)
            .slice(0, MEANINGS)
            .map((leaf) => leaf.target),
        ]),
    ),
  };
}

/** How deep brackets stand in it, whatever they stand for: parsing and checking call themselves. */
function depthOf(source: string): number {
  let depth = 0;
  let most = 0;
  for (const character of source) {
    if (character === "{" || character === "[") most = Math.max(most, (depth += 1));
    if (character === "}" || character === "]") depth -= 1;
  }
  return most;
}

function commandsOf({ name = "", bin }: z.infer<typeof File>): [string, string][] {
  if (bin === undefined) return [];
  return typeof bin === "string" ? [[name.slice(name.indexOf("/") + 1), bin]] : Object.entries(bin);
}

/** `./lib/a.js` and `lib/a.js` are the same. */
function plain(path: string): string {
  return path.replace(/^\.\//, "");
}

function subpathsOf(exports: Target): [string, Target][] {
  const isMap = typeof exports === "object" && exports !== null && !Array.isArray(exports);
  const entries: [string, Target][] = isMap ? Object.entries(exports) : [];
  return entries.length > 0 && entries.every(([key]) => key.startsWith(".")) ? entries : [[".", exports]];
}

function leavesOf(target: Target, conditions: readonly string[] = []): { condition: string; target: string }[] {
  if (typeof target === "string") return [{ condition: conditions.join(", "), target }];
  if (target === null) return [];
  if (isList(target)) return target.flatMap((one) => leavesOf(one, conditions));
  return Object.entries(target).flatMap(([name, inner]) =>
    leavesOf(inner, name === "default" ? conditions : [...conditions, name]),
  );
}

function isList(target: readonly Target[] | { readonly [condition: string]: Target }): target is readonly Target[] {
  return Array.isArray(target);
}
