// Commits made of trees that a test holds in memory, many at once: one process of git writes them all.
import { execFileSync } from "node:child_process";
import { type Sha, sha } from "#src/core/ids.ts";

const env = { PATH: "/usr/local/bin:/usr/bin:/bin", HOME: "/nonexistent", GIT_CONFIG_NOSYSTEM: "1" };

export interface File {
  readonly content: string | Uint8Array;
  /** Default 100644. A link's (120000) content is where it leads, a repository's own (160000) the commit it is at. */
  readonly mode?: "100644" | "100755" | "120000" | "160000";
}

/** By path. A character from U+DC80 to U+DCFF stands for the single byte 0x80 to 0xFF: names need not be UTF-8. */
export type Tree = Readonly<Record<string, File | string>>;

export interface Planned {
  readonly tree: Tree;
  /** Commits that are there, or the places of others in the same list. */
  readonly parents?: readonly (Sha | number)[];
  /** Seconds since 1970. */
  readonly time?: number;
}

/** Writes the commits into the repository at `folder`; the last becomes the branch `branch`. */
export function commitTrees(folder: string, planned: readonly Planned[], branch = "planned"): Sha[] {
  const parts: (string | Uint8Array)[] = ["feature done\n"];
  const data = (content: string | Uint8Array) => {
    const bytes = Buffer.from(content);
    parts.push(`data ${bytes.length}\n`, bytes, "\n");
  };
  for (const [index, { tree, parents = [], time = 1_700_000_000 + index }] of planned.entries()) {
    // Without parents a branch would go on from where it is.
    parts.push(`reset refs/heads/${branch}\n\n`);
    parts.push(`commit refs/heads/${branch}\nmark :${index + 1}\ncommitter Ann <ann@example.com> ${time} +0100\n`);
    data(`planned ${index}`);
    for (const [place, parent] of parents.entries())
      parts.push(`${place === 0 ? "from" : "merge"} ${typeof parent === "number" ? `:${parent + 1}` : parent}\n`);
    parts.push("deleteall\n");
    for (const [path, file] of Object.entries(tree)) {
      const { content, mode = "100644" } = typeof file === "string" ? { content: file } : file;
      if (mode === "160000") parts.push(`M ${mode} ${String(content)} ${quoted(path)}\n`);
      else {
        parts.push(`M ${mode} inline ${quoted(path)}\n`);
        data(content);
      }
    }
    parts.push(`get-mark :${index + 1}\n`);
  }
  const input = Buffer.concat([...parts, "done\n"].map((part) => Buffer.from(part)));
  const made = execFileSync("git", ["fast-import", "--quiet", "--force", "--cat-blob-fd=1"], {
    cwd: folder,
    env,
    input,
    encoding: "utf8",
    stdio: ["pipe", "pipe", "inherit"],
  });
  return made.trim().split("\n").map(sha);
}

/** What the tree of a commit holds, by path: mode and object, and the text of plain files. */
export function treeAt(folder: string, commit: Sha): Map<string, { mode: string; text: string }> {
  const run = (args: readonly string[], input = "") =>
    execFileSync("git", args, { cwd: folder, env, input, encoding: "latin1", maxBuffer: 256 * 1024 ** 2 });
  const entries = run(["ls-tree", "-r", "-z", "--full-tree", commit])
    .split("\0")
    .flatMap((line) => {
      const [, mode, object, path] = /^(\d{6}) \w+ ([0-9a-f]{40})\t([^]+)$/.exec(line) ?? [];
      return mode && object && path ? [{ mode, object, path: Buffer.from(path, "latin1").toString() }] : [];
    });
  const files = entries.filter(({ mode }) => mode !== "160000");
  const printed = run(["cat-file", "--batch"], files.map(({ object }) => `${object}\n`).join(""));
  const texts = new Map<string, string>();
  for (let at = 0; at < printed.length;) {
    const end = printed.indexOf("\n", at);
    const [object = "", , size = "0"] = printed.slice(at, end).split(" ");
    texts.set(object, Buffer.from(printed.slice(end + 1, end + 1 + Number(size)), "latin1").toString());
    at = end + 1 + Number(size) + 1;
  }
  return new Map(entries.map(({ path, mode, object }) => [path, { mode, text: texts.get(object) ?? object }]));
}

function quoted(path: string): string {
  const bytes = Array.from(path).flatMap((character) => {
    const code = character.codePointAt(0) ?? 0;
    return code >= 0xdc80 && code <= 0xdcff ? [code - 0xdc00] : [...Buffer.from(character)];
  });
  return `"${bytes.map((byte) => `\\${byte.toString(8).padStart(3, "0")}`).join("")}"`;
}
