// A small repository with real git, and the workspaces over it.
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Execute } from "#src/core/command.ts";
import { execute } from "#src/core/exec.ts";
import { type Sha, sha } from "#src/core/ids.ts";
import { silentLog } from "#src/core/log.ts";
import { openSandbox } from "#src/hands/open-sandbox.ts";
import { createWorkspaces } from "#src/workspace/create-workspaces.ts";
import type { RepoSource, Workspace } from "#src/workspace/workspaces.ts";
import { until } from "#test/support/until.ts";

export const never = new AbortController().signal;

/** git as a person would run it, in a repository of the test's own. */
export function git(cwd: string, ...args: string[]): string {
  const env = {
    PATH: "/usr/local/bin:/usr/bin:/bin",
    HOME: "/nonexistent",
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_AUTHOR_NAME: "Ann",
    GIT_AUTHOR_EMAIL: "ann@example.com",
    GIT_COMMITTER_NAME: "Ann",
    GIT_COMMITTER_EMAIL: "ann@example.com",
  };
  return execFileSync("git", args, { cwd, env, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }).trim();
}

export async function commitFiles(
  folder: string,
  files: Readonly<Record<string, string | Uint8Array>>,
  message = "change",
): Promise<Sha> {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }
  git(folder, "add", "--all");
  git(folder, "commit", "--quiet", "--message", message);
  return sha(git(folder, "rev-parse", "HEAD"));
}

/** Waits until a file is in the one workspace that is open. */
export async function appears(world: World, file: string): Promise<void> {
  const workspaces = join(world.home, "workspaces");
  await until(async () => {
    const [folder = ""] = await readdir(workspaces).catch(() => []);
    return existsSync(join(workspaces, folder, "tree", file));
  });
}

export class World implements AsyncDisposable {
  readonly base: string;
  readonly home: string;
  readonly origin: string;
  readonly repo: RepoSource;
  readonly sandbox: Awaited<ReturnType<typeof openSandbox>>;
  readonly workspaces: Awaited<ReturnType<typeof createWorkspaces>>;
  /** The tip of `main`. */
  head: Sha;

  private constructor(base: string, head: Sha, sandbox: World["sandbox"], workspaces: World["workspaces"]) {
    this.base = base;
    this.home = join(base, "home");
    this.origin = join(base, "origin");
    this.repo = { owner: "octo", name: "tab", cloneUrl: this.origin };
    this.head = head;
    this.sandbox = sandbox;
    this.workspaces = workspaces;
  }

  static async create(
    mode: "required" | "none",
    { onHost = execute, registries = [] }: { onHost?: Execute; registries?: readonly string[] } = {},
  ): Promise<World> {
    const base = await mkdtemp(join(tmpdir(), "baton-workspace-"));
    const origin = join(base, "origin");
    await mkdir(origin);
    git(origin, "init", "--quiet", "--initial-branch=main");
    const head = await commitFiles(origin, {
      "README.md": "# tab\n",
      "src/tab.js": "export const tab = 1;\n",
      "src/old.js": "old\n",
      ".gitignore": "node_modules\nignored.txt\n",
    });
    const sandbox = await openSandbox({ mode, log: silentLog, registries });
    const workspaces = await createWorkspaces({
      home: join(base, "home"),
      onHost,
      inSandbox: sandbox.run,
      credential: () => Promise.resolve(undefined),
    });
    return new World(base, head, sandbox, workspaces);
  }

  open(commit: Sha = this.head): Promise<Workspace> {
    return this.workspaces.open(this.repo, commit, never);
  }

  /** Opens `commit` after `install` has run on `base`. */
  openInstalled(install: string, commit: Sha = this.head, base: Sha = this.head, signal = never): Promise<Workspace> {
    return this.workspaces.open(this.repo, commit, signal, { setup: { install, base } });
  }

  /** What an agent does in its workspace. Fails the test when its script fails. */
  async agent(workspace: Workspace, script: string): Promise<string> {
    const argv = ["/bin/bash", "-ec", script] as const;
    const result = await this.sandbox.run({ argv, cwd: workspace.folder, timeoutMs: 20_000 }, never);
    if (result.exitCode !== 0) throw new Error(`the agent's script failed: ${result.output}`);
    return result.stdout;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.workspaces[Symbol.asyncDispose]();
    await this.sandbox[Symbol.asyncDispose]();
    // What a killed process had started (a cp of the pool's) may still write for a moment.
    await rm(this.base, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  }
}
