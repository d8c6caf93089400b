// Opens the sandbox of this machine: bubblewrap, tried out from the inside before it is trusted, or none at all when that was said.
import { existsSync } from "node:fs";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { beside } from "../core/beside.ts";
import type { CommandResult, Execute } from "../core/command.ts";
import { BatonError } from "../core/errors.ts";
import { execute, executeAs } from "../core/exec.ts";
import type { Log } from "../core/log.ts";
import { type GroupProcess, type ProcessOptions, startProcess } from "../core/process.ts";
import {
  enclose,
  type Enclosure,
  environmentInside,
  homePrograms,
  inside,
  type Machine,
  manners,
} from "./enclosure.ts";
import { openRegistries, registryEnvironment, withBridge } from "./registries.ts";
import type { Hands, Sandbox, SandboxProgram } from "./sandbox.ts";
import { selfTest } from "./self-test.ts";
import { startToolProcess } from "./start.ts";

export interface SandboxOptions {
  /** "required": bubblewrap or an error. "none": everything runs on the host itself. */
  readonly mode: "required" | "none";
  readonly log: Log;
  /** Hosts an install may reach besides the well-known registries: `host` or `host:port`. They may be on a private network. */
  readonly registries?: readonly string[];
  /** Absolute folders of toolchains outside /usr that commands may read; their `bin` joins PATH. */
  readonly toolchains?: readonly string[];
  /** The bubblewrap program; the usual places when absent. */
  readonly bwrap?: string;
  /** PATH for mode "none". */
  readonly path?: string;
}

const INSTALL = "apt-get install -y bubblewrap socat ripgrep";
const GIVES_UP =
  "commands and tools then run with your user's own rights: they can read and change every file you can, " +
  "see Baton's keys in its process, and use the network";
const LOCKED_UP = "a program with tools of its own runs in the sandbox only";
const SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Opens the sandbox. Throws `sandbox-missing` when bubblewrap or what it needs is not there, `sandbox-failed` when a probe got out of it. */
export async function openSandbox(options: SandboxOptions): Promise<Sandbox & AsyncDisposable> {
  return options.mode === "required" ? await openBubblewrap(options) : await openNone(options);
}

async function openBubblewrap(options: SandboxOptions): Promise<Sandbox & AsyncDisposable> {
  const machine = await inspect(options);
  const never = new AbortController().signal;
  const started = performance.now();
  const launch = (enclosure: Enclosure): ProcessOptions => {
    const { argv, args } = enclose(machine, enclosure);
    return { argv, cwd: "/", env: {}, inputs: [args], lifeline: true };
  };

  const run: Execute = async (command, signal) => {
    const missing = await missingFolder(command.cwd);
    if (missing !== undefined) return await execute({ ...command, cwd: missing }, signal);
    const base = { folder: command.cwd, argv: command.argv };
    const env = { ...environmentInside(machine), ...command.env };
    if (command.network !== "registries")
      return withStartFailure(await executeAs(command, launch({ ...base, env }), signal));
    await using registries = await openRegistries(options.registries ?? []);
    const bridged: Enclosure = {
      ...base,
      argv: withBridge(command.argv, inside.proxy),
      env: { ...registryEnvironment(options.registries ?? []), ...env },
      proxySocket: registries.socket,
    };
    return withStartFailure(await executeAs(command, launch(bridged), signal, registries.report));
  };

  const { failure, escapes } = await selfTest(run, never);
  if (failure !== undefined)
    throw missingSandbox(`bubblewrap (${machine.bwrap}) cannot start a sandbox here: ${failure}`);
  if (escapes.length > 0)
    throw new BatonError(
      "sandbox-failed",
      `the sandbox does not hold: ${escapes.join("; ")}. No agent is run in it. Update bubblewrap and the kernel, or report this.`,
    );
  options.log.debug("the sandbox holds", { milliseconds: Math.round(performance.now() - started) });

  const show = toolProcessFiles();
  await using undo = new AsyncDisposableStack();
  const hands = undo.use(
    startingHands((folder) =>
      launch({
        folder,
        env: environmentInside(machine),
        show,
        argv: [`${inside.node}/node`, `${inside.baton}/src/hands/main.ts`, inside.work],
      }),
    ),
  );
  const programs = undo.use(
    startingPrograms(({ folder, argv, env, show = {}, socket, withStdin = false }) => {
      const enclosure = { folder, env: { ...environmentInside(machine), ...env }, show };
      const bridged = socket === undefined ? { argv } : { argv: withBridge(argv, inside.proxy), proxySocket: socket };
      return { ...launch({ ...enclosure, ...bridged }), withStdin };
    }),
  );
  const opened = undo.move();
  return {
    kind: "bubblewrap",
    warning: undefined,
    run,
    startHands: hands.startHands,
    startProgram: programs.startProgram,
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

async function openNone(options: SandboxOptions): Promise<Sandbox & AsyncDisposable> {
  const spareHome = await mkdtemp(join(tmpdir(), "baton-home-"));
  const environment = (folder: string): Record<string, string> => {
    const own = join(dirname(folder), beside.home);
    const home = existsSync(own) ? own : spareHome;
    const path = [dirname(process.execPath), ...homePrograms(home), options.path ?? SYSTEM_PATH].join(":");
    return { ...manners, PATH: path, HOME: home, TMPDIR: tmpdir() };
  };
  const hands = startingHands((folder) => ({
    argv: [process.execPath, join(import.meta.dirname, "main.ts"), folder],
    cwd: folder,
    env: environment(folder),
  }));
  return {
    kind: "none",
    warning: `There is no sandbox: ${GIVES_UP}.`,
    run: (command, signal) =>
      executeAs(
        command,
        { argv: command.argv, cwd: command.cwd, env: { ...environment(command.cwd), ...command.env } },
        signal,
      ),
    startHands: hands.startHands,
    startProgram() {
      throw new BatonError("sandbox-missing", `${LOCKED_UP}; it cannot be started with BATON_SANDBOX=none`);
    },
    async [Symbol.asyncDispose]() {
      await hands[Symbol.asyncDispose]();
      await rm(spareHome, { recursive: true, force: true });
    },
  };
}

/** Starts tool processes and ends those that are left when the sandbox closes. */
function startingHands(launch: (folder: string) => ProcessOptions): Pick<Sandbox, "startHands"> & AsyncDisposable {
  const live = new Set<Hands>();
  return {
    async startHands(folder, signal) {
      const hands = await startToolProcess(launch(folder), signal);
      live.add(hands);
      return {
        call: (call, callSignal) => hands.call(call, callSignal),
        async [Symbol.asyncDispose]() {
          live.delete(hands);
          await hands[Symbol.asyncDispose]();
        },
      };
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...live].map((hands) => hands[Symbol.asyncDispose]()));
      live.clear();
    },
  };
}

/** Starts programs and ends those that are left when the sandbox closes. */
function startingPrograms(
  launch: (program: SandboxProgram) => ProcessOptions,
): Pick<Sandbox, "startProgram"> & AsyncDisposable {
  const live = new Set<GroupProcess>();
  return {
    startProgram(program) {
      const group = startProcess(launch(program));
      if ("notStarted" in group)
        throw new BatonError("sandbox-failed", `the sandbox could not be started: ${group.notStarted}`, {
          retryable: true,
        });
      live.add(group);
      void group.ended.then(() => live.delete(group));
      return group;
    },
    async [Symbol.asyncDispose]() {
      for (const group of live) group.end(0);
      await Promise.all([...live].map(({ ended }) => ended));
    },
  };
}

/** What of Baton the tool process needs, by the path inside. */
function toolProcessFiles(): Record<string, string> {
  const root = join(import.meta.dirname, "../..");
  const toolset = fileURLToPath(import.meta.resolve("@anthropic-ai/sdk/tools/agent-toolset/node"));
  const packages = toolset.slice(0, toolset.indexOf("/node_modules/") + "/node_modules".length);
  return {
    [`${inside.baton}/package.json`]: join(root, "package.json"),
    [`${inside.baton}/src/core`]: join(root, "src/core"),
    [`${inside.baton}/src/hands`]: join(root, "src/hands"),
    [`${inside.baton}/node_modules`]: packages,
  };
}

async function inspect(options: SandboxOptions): Promise<Machine> {
  const bwrap =
    options.bwrap ?? ["/usr/bin/bwrap", "/usr/local/bin/bwrap", "/bin/bwrap"].find((path) => existsSync(path));
  if (bwrap === undefined) throw missingSandbox("bubblewrap (bwrap) is not installed");
  const help = await execute({ argv: [bwrap, "--help"], cwd: "/", timeoutMs: 5_000 }, new AbortController().signal);
  if (help.startFailure !== undefined) throw missingSandbox(`bubblewrap cannot be run (${help.startFailure})`);
  for (const [need, flag] of [
    ["sizes for temporary folders", "--size"],
    ["arguments by descriptor", "--args"],
  ] as const)
    if (!help.output.includes(flag)) throw missingSandbox(`${bwrap} is too old: it does not know ${need} (${flag})`);
  for (const program of ["/usr/bin/socat", "/bin/bash"])
    if (!existsSync(program)) throw missingSandbox(`${program} is missing`);
  return { bwrap, canDisableUserns: help.output.includes("--disable-userns"), toolchains: options.toolchains ?? [] };
}

function missingSandbox(why: string): BatonError {
  return new BatonError(
    "sandbox-missing",
    `${why}. Install what the sandbox needs with: ${INSTALL} (in a container, unprivileged user namespaces must be allowed). ` +
      `To go without a sandbox, say BATON_SANDBOX=none: ${GIVES_UP}.`,
  );
}

/** A program that is missing inside shows as the complaint of the shell that was to become it. */
function withStartFailure(result: CommandResult): CommandResult {
  const complaint =
    /^(?:sandbox|bridge): line \d+: (?:exec: )?(.+): (not found|No such file or directory|Permission denied)$/m;
  const [, program, reason] = complaint.exec(result.stderr) ?? [];
  if (program === undefined || (result.exitCode !== 127 && result.exitCode !== 126)) return result;
  const code = result.exitCode === 127 ? "ENOENT" : "EACCES";
  return { ...result, exitCode: null, startFailure: `${code}: ${program}: ${reason}` };
}

/** The folder when it is not one; `execute` then says so in the usual shape. */
async function missingFolder(folder: string): Promise<string | undefined> {
  const found = await stat(folder).catch(() => undefined);
  return found?.isDirectory() === true ? undefined : folder;
}
