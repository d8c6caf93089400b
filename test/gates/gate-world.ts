// A little repository, its commits, and the real gates over real clones of it. Commands run on the host here, with the
// project's own Node in PATH: what the gates decide does not depend on where they run. `sandbox.test.ts` runs them in the sandbox.
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Execute } from "#src/core/command.ts";
import { execute } from "#src/core/exec.ts";
import { newRunId, sha, type Sha } from "#src/core/ids.ts";
import { silentLog } from "#src/core/log.ts";
import { GateResult } from "#src/engine/events.ts";
import type { GateRequest, Gates } from "#src/engine/ports.ts";
import { createGates } from "#src/gates/create-gates.ts";
import type { GateLimits } from "#src/gates/verdict.ts";
import { createWorkspaces } from "#src/workspace/create-workspaces.ts";
import type { WarmPoolBounds } from "#src/workspace/warm-pool.ts";
import type { Workspaces } from "#src/workspace/workspaces.ts";
import type { Characterization, Reproduction } from "#src/workflows/artifacts.ts";
import { RepoConfig } from "#src/workflows/repo-config.ts";

/** Path → text; null deletes the file. */
export type Files = Readonly<Record<string, string | null>>;

const path = `${join(import.meta.dirname, "../../node_modules/.bin")}:${process.env["PATH"] ?? ""}`;
const identity = { GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_NOSYSTEM: "1" };

/** Runs on the host as a sandbox would: its own small environment. */
export const plainly: Execute = (command, signal) =>
  execute({ ...command, env: { PATH: path, HOME: "/tmp", ...identity, ...command.env } }, signal);

export const never = new AbortController().signal;

export interface GateWorld extends AsyncDisposable {
  readonly base: Sha;
  readonly gates: Gates;
  readonly workspaces: Workspaces;
  /** The commands the gates ran, newest last. */
  readonly commands: string[];
  /** Commits on top of another commit, the base when none is given. */
  commit(files: Files, parent?: Sha): Promise<Sha>;
  request(about: {
    gate: GateRequest["gate"];
    head: Sha;
    reproduction?: { value: Reproduction; commit: Sha } | undefined;
    characterization?: { value: Characterization; commit: Sha } | undefined;
    setup?: GateRequest["setup"];
    lessons?: GateRequest["lessons"];
    last?: boolean;
    testsAlone?: boolean;
    config?: unknown;
  }): GateRequest;
  check(about: Parameters<GateWorld["request"]>[0], signal?: AbortSignal): Promise<GateResult>;
}

export async function openGateWorld(
  files: Files,
  options: { limits?: Partial<GateLimits>; run?: Execute; inSandbox?: Execute; warmPool?: WarmPoolBounds } = {},
): Promise<GateWorld> {
  const folder = await mkdtemp(join(tmpdir(), "gates-"));
  const origin = join(folder, "origin");
  const git = async (...args: string[]) => {
    const result = await plainly({ argv: ["git", ...args], cwd: origin, timeoutMs: 30_000 }, never);
    if (result.exitCode !== 0) throw new Error(`git ${args.join(" ")}: ${result.output}`);
    return result.stdout.trim();
  };
  const write = async (changes: Files) => {
    for (const [name, text] of Object.entries(changes)) {
      const file = join(origin, name);
      if (text === null) await rm(file);
      else {
        await mkdir(dirname(file), { recursive: true });
        await writeFile(file, text);
      }
    }
    await git("add", "-A", "-f");
    await git("-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-q", "--allow-empty", "-m", "a commit");
    return sha(await git("rev-parse", "HEAD"));
  };
  await mkdir(origin);
  await git("init", "-q", "-b", "main");
  await git("config", "uploadpack.allowAnySHA1InWant", "true");
  const base = await write(files);

  const commands: string[] = [];
  const run: Execute = async (command, signal) => {
    commands.push(typeof command.stdin === "string" ? command.stdin : command.argv.join(" "));
    return await (options.run ?? plainly)(command, signal);
  };
  const workspaces = await createWorkspaces({
    home: join(folder, "home"),
    onHost: plainly,
    inSandbox: options.inSandbox ?? plainly,
    credential: () => Promise.resolve(undefined),
    warmPool: options.warmPool,
    minFreeBytes: 0,
  });
  const gates = createGates({ workspaces, run, log: silentLog, ...(options.limits && { limits: options.limits }) });
  const request: GateWorld["request"] = ({
    gate,
    head,
    reproduction,
    characterization,
    setup,
    lessons,
    last,
    testsAlone,
    config = {},
  }) => ({
    gate,
    head,
    base,
    reproduction,
    characterization,
    setup,
    lessons,
    last,
    testsAlone,
    runId: newRunId(),
    repo: { id: 0, owner: "local", name: "tab", private: false, defaultBranch: "main", cloneUrl: origin },
    config: RepoConfig.parse(config),
  });
  return {
    base,
    gates,
    workspaces,
    commands,
    request,
    async commit(changes, parent = base) {
      await git("checkout", "-q", "--detach", parent);
      const made = await write(changes);
      await git("branch", "-f", `at-${made}`, made);
      return made;
    },
    check: async (about, signal = never) => GateResult.parse(await gates.check(request(about), signal)),
    async [Symbol.asyncDispose]() {
      await workspaces[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
