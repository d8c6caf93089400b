// The packages of a monorepo: folders with commands of their own, and whose commands a path, a change or a shell command is about.
// Pure but for reading files of the repository; nothing of it is executed.
import type { RepoCommands } from "./commands.ts";
import type { Scripts } from "./runner.ts";

/** What a repository's config says of one package. */
export interface ConfiguredPackage {
  /** A folder, relative to the root, without a slash at either end. */
  readonly path: string;
  readonly commands: RepoCommands;
}

/** A folder with commands of its own; the repository's root is the one whose path is "". */
export interface Package {
  readonly path: string;
  /** Shell commands, run in that folder. */
  readonly commands: RepoCommands;
  /** The scripts of its package.json, for recognising the runner of a command. */
  readonly scripts: Scripts;
  /** False when nobody named it, and it was found by its files. */
  readonly configured: boolean;
}

/** A shell command and the folder it is run in: "" is the root. */
export interface PlacedCommand {
  readonly at: string;
  readonly command: string;
  readonly scripts: Scripts;
}

/** Packages that are looked for where the config names none, and how deep. */
const MOST_FOUND = 12;
const DEEPEST = 3;

const manifests = new Set([
  "package.json",
  "pyproject.toml",
  "setup.py",
  "go.mod",
  "Cargo.toml",
  "pom.xml",
  "build.gradle",
  "build.gradle.kts",
]);
/** Folders in which a manifest says nothing about how the repository is tested. */
const asides = new Set([
  "node_modules",
  "vendor",
  "third_party",
  "dist",
  "build",
  "examples",
  "example",
  "samples",
  "templates",
  "template",
  "docs",
  "test",
  "tests",
  "__tests__",
  "spec",
  "e2e",
  "fixtures",
  "__fixtures__",
  "testdata",
]);

/** Folders that look like packages, by the names of files alone: the outermost with a manifest. */
export function foldersOfPackages(paths: readonly string[]): string[] {
  const folders = new Set<string>();
  for (const path of paths) {
    const parts = path.split("/");
    const name = parts.pop() ?? "";
    if (parts.length === 0 || parts.length > DEEPEST || !manifests.has(name)) continue;
    if (parts.every((part) => /^[\w@][\w@.-]*$/.test(part) && !asides.has(part))) folders.add(parts.join("/"));
  }
  const all = [...folders].toSorted();
  return all.filter((folder) => !all.some((other) => folder.startsWith(`${other}/`))).slice(0, MOST_FOUND);
}

/** The longest of the packages a path lies in; undefined for what is the root's. */
export function packageOf<P extends Pick<Package, "path">>(path: string, packages: readonly P[]): P | undefined {
  let found: P | undefined;
  for (const one of packages)
    if (path.startsWith(`${one.path}/`) && one.path.length > (found?.path.length ?? 0)) found = one;
  return found;
}

/**
 * The suites that a change of `paths` is held against, each once, the root's first. A package's own; the root's for what lies in no
 * package, or in one without a test command. Where the root has none, what is the root's may break any package: then every one's.
 */
export function suitesFor(paths: readonly string[], root: Package, packages: readonly Package[]): PlacedCommand[] {
  const ownerOf = (path: string): Package => {
    const own = packageOf(path, packages);
    return own?.commands.test === undefined ? root : own;
  };
  const touched = new Set(paths.length === 0 ? [root] : paths.map(ownerOf));
  const chosen =
    touched.has(root) && root.commands.test === undefined
      ? packages
      : [root, ...packages].filter((one) => touched.has(one));
  return chosen.flatMap(({ path, commands, scripts }) =>
    commands.test === undefined ? [] : [{ at: path, command: commands.test, scripts }],
  );
}

/**
 * Where a command that is given for the root really runs: `cd services/api && npm test` is `npm test` in that package, whose scripts
 * tell its runner. Any other command is the root's, as it is.
 */
export function placed(command: string, root: Package, packages: readonly Package[]): PlacedCommand {
  const [, folder = "", rest = ""] = /^\s*cd\s+(?:\.\/)?([\w@./-]+?)\/?\s*&&\s*(\S[^]*)$/.exec(command) ?? [];
  const there = packages.find(({ path }) => path === folder);
  return there ? { at: there.path, command: rest, scripts: there.scripts } : { at: "", command, scripts: root.scripts };
}

/** Paths as they are called in a folder; those outside of it as they are. */
export function seenFrom(at: string, paths: readonly string[]): string[] {
  return at === "" ? [...paths] : paths.map((path) => (path.startsWith(`${at}/`) ? path.slice(at.length + 1) : path));
}

/** A command as people run it from the root. */
export function fromRoot({ at, command }: Pick<PlacedCommand, "at" | "command">): string {
  return at === "" ? command : `cd ${quoted(at)} && ${command}`;
}

/**
 * One install command for the whole repository: the root's, then each package's in its folder. The same one for everybody, so that what it
 * leaves is prepared once. A package that nobody named may fail: only its own tests then do.
 */
export function installAll(root: Package, packages: readonly Package[]): string | undefined {
  const own = packages.flatMap(({ path, commands: { install }, configured }) => {
    if (install === undefined) return [];
    const there = inSubshell(path, install);
    return [configured ? there : `{ ${there} || echo ${quoted(`the install of ${path} failed`)} >&2; }`];
  });
  const all = [...(root.commands.install === undefined ? [] : [root.commands.install]), ...own];
  if (all.length <= 1 || own.length === 0) return all[0];
  const [first = "", ...rest] = all;
  return [root.commands.install === undefined ? first : grouped(first), ...rest].join(" && ");
}

/** A plain command as it is; any other in a shell of its own, because `a; b && c` would not stop at a. */
function grouped(command: string): string {
  return isPlain(command) ? command : `(\n${command}\n)`;
}

function inSubshell(at: string, command: string): string {
  return isPlain(command) ? `(cd ${quoted(at)} && ${command})` : `(cd ${quoted(at)} || exit\n${command}\n)`;
}

function isPlain(command: string): boolean {
  return /^[\w ./@:=,+-]+$/.test(command);
}

function quoted(text: string): string {
  return /^[\w@./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
