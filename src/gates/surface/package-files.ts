// Which file of a repository a path or an import of a package means. What a package hands out is often built and not in the
// repository: then it is the source it is built from by custom, when there is exactly that one. Pure.
import { posix } from "node:path";

/** The files of one commit. */
export interface Tree {
  has(path: string): boolean;
  /** Whether any file lies below this folder. */
  hasFolder(path: string): boolean;
}

export function treeOf(paths: readonly string[]): Tree {
  const files = new Set(paths);
  const folders = new Set<string>();
  for (const path of paths)
    for (let at = path.lastIndexOf("/"); at > 0 && !folders.has(path.slice(0, at)); at = path.lastIndexOf("/", at - 1))
      folders.add(path.slice(0, at));
  return { has: (path) => files.has(path), hasFolder: (path) => path === "" || folders.has(path) };
}

const scripts = ["ts", "tsx", "mts", "cts", "js", "jsx", "mjs", "cjs"];
const sources = ["src", "source", "lib", ""];
/** Folders of a build that only say in which form a module is. */
const forms = new Set(["esm", "cjs", "es", "mjs", "umd", "node", "browser", "types", "src", "commonjs", "module"]);

export interface EntryFile {
  readonly file: string;
  /** True when it is the source of what the manifest names. */
  readonly built: boolean;
}

/** The file in the package at `folder` ("" for the root) that the manifest's `target` means; undefined when that is not known. */
export function entryFile(tree: Tree, folder: string, target: string): EntryFile | undefined {
  const path = inside(folder, target);
  if (path === undefined) return undefined;
  const there = [path, ...extended(path), ...extended(posix.join(path, "index"))].find((one) => tree.has(one));
  if (there !== undefined) return { file: there, built: false };
  const [first = "", ...rest] = posix.relative(folder, path).split("/");
  // A folder that the repository has is no build's.
  if (rest.length === 0 || tree.hasFolder(posix.join(folder, first))) return undefined;
  const shorter = rest.length > 1 && forms.has(rest[0] ?? "") ? [rest.slice(1)] : [];
  for (const parts of [rest, ...shorter])
    for (const source of sources) {
      const stem = posix.join(folder, source, parts.join("/")).replace(/(?:\.d)?\.[cm]?[jt]sx?$/, "");
      const found = scripts.map((extension) => `${stem}.${extension}`).find((one) => tree.has(one));
      if (found !== undefined) return { file: found, built: true };
    }
  return undefined;
}

/** The file that `specifier` means in the file `from`; undefined when there is none. */
export function relativeFile(tree: Tree, specifier: string, from: string): string | undefined {
  const path = posix.join(posix.dirname(from), specifier);
  if (path.startsWith("..")) return undefined;
  // TypeScript is imported by the name it will have when it is compiled.
  const compiled = /\.([cm]?)jsx?$/.exec(path);
  const typed = compiled ? ["ts", "tsx", "d.ts"].map((end) => path.replace(/[cm]?jsx?$/, `${compiled[1]}${end}`)) : [];
  return [
    path,
    ...typed.map((one) => one.replace(/\.([cm])d\.ts$/, ".d.$1ts")),
    ...extended(path),
    ...extended(posix.join(path, "index")),
  ].find((one) => tree.has(one));
}

function extended(path: string): string[] {
  return [...scripts, "d.ts", "json", "node"].map((extension) => `${path}.${extension}`);
}

function inside(folder: string, target: string): string | undefined {
  const path = posix.join(folder, target);
  return path === ".." || path.startsWith("../") || posix.isAbsolute(target) ? undefined : path.replace(/\/$/, "");
}

/** True for what is parsed; the rest (data, styles, programs) has no names. */
export function isScript(file: string): boolean {
  return /\.[cm]?[jt]sx?$/.test(file);
}
