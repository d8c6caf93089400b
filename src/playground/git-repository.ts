// One bare git repository, by git's own plumbing. Bytes in, bytes out: file contents may be anything.
// Every command gets an explicit environment, so that nobody's git configuration changes what the playground does.
import { appendFile, chmod, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Command, CommandResult } from "../core/command.ts";
import { BatonError } from "../core/errors.ts";
import { execute } from "../core/exec.ts";
import { createOneByOne } from "../core/one-by-one.ts";
import { readBlob, readLoose, writeLoose } from "./loose-objects.ts";
import { createMemory } from "./memory.ts";

const TIMEOUT_MS = 60_000;
/** Answers about objects that are kept, of each kind. */
const KEPT = 20_000;
const FULL_ID = /^[0-9a-f]{40}$/;
export const ZERO = "0".repeat(40);

export interface Signature {
  readonly name: string;
  readonly email: string;
  /** ISO 8601. */
  readonly date: string;
}

export interface Commit {
  readonly sha: string;
  readonly tree: string;
  readonly parents: readonly string[];
  readonly author: Signature;
  readonly committer: Signature;
  readonly message: string;
}

export interface TreeEntry {
  readonly mode: string;
  readonly type: string;
  readonly sha: string;
  readonly path: string;
  /** Bytes; undefined for what is not a blob. */
  readonly size: number | undefined;
}

export interface Ref {
  /** In full: `refs/heads/main`. */
  readonly name: string;
  readonly sha: string;
  readonly type: string;
}

/** A change of a tree: content, an object that exists, or null to delete. */
export interface TreeChange {
  readonly path: string;
  readonly mode: string;
  readonly sha: string | null;
}

export interface GitRepository {
  readonly folder: string;
  /** Runs `git` here; throws `git-failed` when it fails, unless its exit code is in `accept`. */
  git(args: readonly string[], options?: GitOptions): Promise<CommandResult>;
  text(args: readonly string[], options?: GitOptions): Promise<string>;
  /** The commit a name stands for: a branch, a tag, a full or short id. */
  commitOf(name: string): Promise<string | undefined>;
  /** The kind of an object, undefined when there is none. */
  typeOf(sha: string): Promise<string | undefined>;
  readCommit(sha: string): Promise<Commit | undefined>;
  writeCommit(commit: Omit<Commit, "sha">): Promise<string>;
  readBlob(sha: string): Promise<Buffer>;
  writeBlob(content: Uint8Array): Promise<string>;
  /** Entries of a tree, or of a commit's tree; `path` names one entry or, with a slash at its end, the entries of a folder. */
  listTree(treeish: string, options?: { recursive?: boolean; path?: string }): Promise<TreeEntry[]>;
  /** A new tree; undefined when a change does not fit (deletes what is not there). */
  writeTree(base: string | undefined, changes: readonly TreeChange[]): Promise<string | undefined>;
  refs(prefix?: string): Promise<Ref[]>;
  ref(name: string): Promise<Ref | undefined>;
  /** Moves, makes (`from` = zeros) or deletes (`to` undefined) a ref; false when it no longer is where it was. */
  moveRef(name: string, from: string, to: string | undefined): Promise<boolean>;
  isAncestor(ancestor: string, descendant: string): Promise<boolean>;
  /** One after another: what reads refs and then changes them. */
  alone<T>(work: () => Promise<T>): Promise<T>;
}

interface GitOptions {
  readonly stdin?: string | Uint8Array;
  readonly env?: Readonly<Record<string, string>>;
  readonly accept?: readonly number[];
}

/** The environment of every git process: PATH and nothing of the machine's or the user's configuration. */
export function gitEnvironment(path: string): Record<string, string> {
  return {
    PATH: path,
    HOME: "/nonexistent",
    LC_ALL: "C",
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_TERMINAL_PROMPT: "0",
  };
}

/**
 * Told by the environment what the pusher may do, because only git knows what a push changes before it is accepted.
 * The message is GitHub's.
 */
const preReceive = `#!/bin/sh
zero=${ZERO}
while read -r old new ref; do
  case "$ref" in refs/pull/*) echo "deny updating a hidden ref" >&2; exit 1 ;; esac
  [ "$PLAYGROUND_MAY_CHANGE_WORKFLOWS" = yes ] && continue
  [ "$new" = $zero ] && continue
  touched=$(git log --format= --name-only "$new" --not --all -- .github/workflows | head -n 1)
  if [ -n "$touched" ]; then
    echo "refusing to allow a GitHub App to create or update workflow \\\`$touched\\\` without \\\`workflows\\\` permission" >&2
    exit 1
  fi
done
`;

/** Who may push is decided before git is asked; commits may be fetched by id, as from GitHub; nothing runs by itself. */
const settings = `[http]
\treceivepack = true
[uploadpack]
\tallowAnySHA1InWant = true
[gc]
\tauto = 0
`;

/** Makes an empty bare repository in `folder`, which must not exist. */
export async function createGitRepository(options: {
  readonly folder: string;
  readonly path: string;
  readonly defaultBranch: string;
}): Promise<GitRepository> {
  const { folder } = options;
  await mkdir(dirname(folder), { recursive: true });
  await mkdir(folder);
  const repository = openRepository(folder, options.path);
  await repository.git(["init", "--quiet", "--bare", `--initial-branch=${options.defaultBranch}`, "."]);
  await appendFile(join(folder, "config"), settings);
  const hook = join(folder, "hooks", "pre-receive");
  await mkdir(join(folder, "hooks"), { recursive: true });
  await writeFile(hook, preReceive);
  await chmod(hook, 0o755);
  return repository;
}

function openRepository(folder: string, path: string): GitRepository {
  let index = 0;
  const types = createMemory<string | undefined>(KEPT);
  const commits = createMemory<Commit | undefined>(KEPT);
  const named = createMemory<string | undefined>(KEPT);
  const ancestry = createMemory<boolean | undefined>(KEPT);

  const git: GitRepository["git"] = async (args, options = {}) => {
    const command: Command = {
      argv: ["git", ...args],
      cwd: folder,
      env: { ...gitEnvironment(path), GIT_DIR: folder, ...options.env },
      ...(options.stdin === undefined ? {} : { stdin: options.stdin }),
      timeoutMs: TIMEOUT_MS,
      maxOutputBytes: Number.MAX_SAFE_INTEGER,
    };
    const end = await execute(command, new AbortController().signal);
    if (end.exitCode !== 0 && !(end.exitCode !== null && options.accept?.includes(end.exitCode))) {
      const why = end.startFailure ?? `exit code ${end.exitCode}: ${end.stderr.trim()}`;
      throw new BatonError("git-failed", `git ${args.join(" ")} in ${folder} failed: ${why}`);
    }
    return end;
  };
  /** The commit behind a tag object, or an object that is none. */
  const peeled = async (id: string) =>
    await named(id, async () => {
      const found = await git(["rev-parse", "--verify", "--quiet", `${id}^{commit}`], { accept: [1, 128] });
      return found.exitCode === 0 ? found.stdout.trim() : undefined;
    });
  const text: GitRepository["text"] = async (args, options) => (await git(args, options)).stdout;

  const written = async (sha: string, type: string) => {
    await types(sha, () => Promise.resolve(type));
    return sha;
  };

  return {
    folder,
    git,
    text,
    async commitOf(name) {
      if (name.startsWith("-") || name.includes("..") || name === "") return undefined;
      if (FULL_ID.test(name)) return (await this.typeOf(name)) === "commit" ? name : await peeled(name);
      const tried = name.startsWith("refs/")
        ? [name]
        : [`refs/heads/${name}`, `refs/tags/${name}`, `refs/${name}`, name];
      for (const candidate of tried) {
        const loose = await looseRef(folder, candidate);
        if (loose === null) continue;
        // A branch is a commit; a tag may be an object of its own, and git is asked for the commit behind it.
        if (candidate.startsWith("refs/heads/") && loose !== undefined) return loose;
        const found = await git(["rev-parse", "--verify", "--quiet", "--end-of-options", `${candidate}^{commit}`], {
          accept: [1, 128],
        });
        if (found.exitCode === 0) return found.stdout.trim();
      }
      return undefined;
    },
    async typeOf(sha) {
      if (!FULL_ID.test(sha)) return undefined;
      return await types(sha, async () => {
        const loose = await readLoose(folder, sha);
        if (loose) return loose.type;
        const found = await git(["cat-file", "-t", sha], { accept: [128] });
        return found.exitCode === 0 ? found.stdout.trim() : undefined;
      });
    },
    async readCommit(sha) {
      return await commits(sha, async () => {
        const loose = await readLoose(folder, sha);
        if (loose?.type === "commit") return parseCommit(sha, loose.content.toString("utf8"));
        if ((await this.typeOf(sha)) !== "commit") return undefined;
        return parseCommit(sha, await text(["cat-file", "commit", sha]));
      });
    },
    async writeCommit({ tree, parents, author, committer, message }) {
      const lines = [
        `tree ${tree}`,
        ...parents.map((parent) => `parent ${parent}`),
        `author ${identity(author)}`,
        `committer ${identity(committer)}`,
      ];
      const stdin = `${lines.join("\n")}\n\n${message}`;
      return await written(await writeLoose(folder, "commit", Buffer.from(stdin)), "commit");
    },
    readBlob: (sha) => readBlob(folder, { ...gitEnvironment(path), GIT_DIR: folder }, sha, TIMEOUT_MS),
    writeBlob: async (content) => await written(await writeLoose(folder, "blob", content), "blob"),
    async listTree(treeish, { recursive = false, path: inside } = {}) {
      const args = ["ls-tree", "-z", "-l", ...(recursive ? ["-r", "-t"] : []), treeish];
      const listed = await text(inside === undefined ? args : [...args, "--", inside]);
      return listed.split("\0").filter(Boolean).map(parseEntry);
    },
    async writeTree(base, changes) {
      index += 1;
      const file = join(folder, `playground-index-${index}`);
      const env = { GIT_INDEX_FILE: file };
      try {
        if (base !== undefined) await git(["read-tree", base], { env });
        if (changes.some(({ sha }) => sha === null)) {
          const there = new Set((await text(["ls-files", "-z"], { env })).split("\0"));
          for (const { path: at, sha } of changes) if (sha === null && !there.has(at)) return undefined;
        }
        const folders = changes.filter(({ mode, sha }) => mode === "040000" && sha !== null);
        const files = changes.filter((change) => !folders.includes(change));
        // `read-tree --prefix` wants a work tree; a folder's files, one by one, do not.
        for (const { path: at, sha } of folders)
          for (const entry of await this.listTree(sha ?? "", { recursive: true }))
            if (entry.type !== "tree") files.push({ path: `${at}/${entry.path}`, mode: entry.mode, sha: entry.sha });
        const lines = files.map(({ path: at, mode, sha }) => `${sha === null ? 0 : mode} ${sha ?? ZERO}\t${at}\0`);
        await git(["update-index", "-z", "--index-info"], { env, stdin: lines.join("") });
        return await written((await text(["write-tree"], { env })).trim(), "tree");
      } finally {
        await rm(file, { force: true });
      }
    },
    async refs(prefix = "refs/") {
      const listed = await text(["for-each-ref", "--format=%(refname) %(objectname) %(objecttype)", prefix]);
      return listed
        .split("\n")
        .filter(Boolean)
        .map((line) => {
          const [name = "", sha = "", type = ""] = line.split(" ");
          return { name, sha, type };
        });
    },
    async ref(name) {
      const loose = await looseRef(folder, name);
      if (loose === null) return undefined;
      if (loose !== undefined && name.startsWith("refs/heads/")) return { name, sha: loose, type: "commit" };
      return (await this.refs(name)).find((ref) => ref.name === name);
    },
    async moveRef(name, from, to) {
      const args = to === undefined ? ["update-ref", "-d", name, from] : ["update-ref", name, to, from];
      return (await git(args, { accept: [1, 128] })).exitCode === 0;
    },
    async isAncestor(ancestor, descendant) {
      const ask = async () => {
        const { exitCode } = await git(["merge-base", "--is-ancestor", ancestor, descendant], { accept: [1, 128] });
        // 128: one of them is not here, and may come yet.
        return exitCode === 128 ? undefined : exitCode === 0;
      };
      const known = FULL_ID.test(ancestor) && FULL_ID.test(descendant);
      return (known ? await ancestry(`${ancestor} ${descendant}`, ask) : await ask()) ?? false;
    },
    alone: createOneByOne(),
  };
}

/**
 * The id in a ref's own file, without a process; null when there is no such ref at all. Undefined: git has to be asked,
 * because the name is no ref's, or because refs are packed.
 */
async function looseRef(folder: string, name: string): Promise<string | null | undefined> {
  if (!/^refs\/[\w/.#@+-]+$/.test(name)) return undefined;
  const content = await readFile(join(folder, name), "utf8").catch(() => undefined);
  if (content !== undefined) return FULL_ID.test(content.trim()) ? content.trim() : undefined;
  const packed = await readFile(join(folder, "packed-refs"), "utf8").catch(() => undefined);
  return packed === undefined ? null : undefined;
}

function identity({ name, email, date }: Signature): string {
  const clean = (value: string) => value.replaceAll(/[<>\n]/g, "");
  return `${clean(name)} <${clean(email)}> ${Math.floor(Date.parse(date) / 1000)} +0000`;
}

function parseIdentity(line: string): Signature {
  const [, name = "", email = "", seconds = "0"] = /^(.*?) ?<(.*?)> (-?\d+)/.exec(line) ?? [];
  return { name, email, date: new Date(Number(seconds) * 1000).toISOString().replace(".000Z", "Z") };
}

function parseCommit(sha: string, raw: string): Commit {
  const end = raw.indexOf("\n\n");
  const head = raw.slice(0, end).split("\n");
  const all = (key: string) =>
    head.filter((line) => line.startsWith(`${key} `)).map((line) => line.slice(key.length + 1));
  return {
    sha,
    tree: all("tree")[0] ?? "",
    parents: all("parent"),
    author: parseIdentity(all("author")[0] ?? ""),
    committer: parseIdentity(all("committer")[0] ?? ""),
    message: raw.slice(end + 2).replace(/\n$/, ""),
  };
}

function parseEntry(line: string): TreeEntry {
  const [, mode = "", type = "", sha = "", size = "-", path = ""] =
    /^(\d+) (\w+) (\w+) +(\S+)\t(.*)$/s.exec(line) ?? [];
  return { mode, type, sha, path, size: size === "-" ? undefined : Number(size) };
}
