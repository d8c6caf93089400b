// Servers of an allow-list for tests: the fixture in the real sandbox, or over HTTP.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createServers, type OpenServers } from "#src/agents/servers/servers.ts";
import { silentLog, type Log } from "#src/core/log.ts";
import { closedSandbox, type Sandbox } from "#src/hands/sandbox.ts";
import type { AgentDefinition } from "#src/workflows/schema.ts";
import type { AllowedLocal, AllowedRemote, AllowedServer, ServerGrant } from "#src/workflows/servers.ts";
import { never } from "#test/workspace/world.ts";

const child = join(import.meta.dirname, "../../support/mcp-server-child.ts");
const packages = join(import.meta.dirname, "../../../node_modules");

/** The fixture as an administrator would list it. */
export function local(mode = "good", changes: Partial<AllowedLocal> = {}): AllowedLocal {
  return {
    type: "local",
    name: "fixture",
    argv: ["node", child, mode],
    show: [dirname(child), packages],
    tools: undefined,
    repositories: ["acme/*"],
    ...changes,
  };
}

export function remote(url: string, changes: Partial<AllowedRemote> = {}): AllowedRemote {
  const tools = ["add", "hang", "huge", "structured", "fail"];
  return { type: "remote", name: "fixture", url, header: undefined, tools, repositories: ["*"], ...changes };
}

export const whole: ServerGrant = { server: "fixture", only: undefined, without: [] };

export function agentWith(...servers: ServerGrant[]): AgentDefinition {
  const tools = ["bash"] as const;
  return { name: "fixer", description: "Fixes", model: "balanced", tools, servers, prompt: "Fix.", file: "a/fixer.md" };
}

export const times = { start: 10_000, call: 2_000 };
export const at = { repo: { owner: "acme", name: "sums" }, stage: "fix", attempt: 1 };

export interface Opened extends AsyncDisposable {
  readonly servers: OpenServers;
  readonly folder: string;
  readonly names: readonly string[];
  readonly missing: readonly string[];
  readonly said: readonly string[];
  /** Calls a tool of the fixture. */
  call(name: string, input?: object, signal?: AbortSignal): Promise<{ ok: boolean; output: string }>;
}

/** The servers of an agent's attempt, declared, in a folder of their own. */
export async function openServers(
  allowed: readonly AllowedServer[],
  options: {
    sandbox?: Pick<Sandbox, "startProgram">;
    grants?: readonly ServerGrant[];
    times?: { start: number; call: number };
  } = {},
): Promise<Opened> {
  await using undo = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "baton-mcp-"));
  undo.defer(() => rm(folder, { recursive: true, force: true }));
  const said: string[] = [];
  const warn: Log["warn"] = (message, fields) => void said.push(`${message} ${JSON.stringify(fields)}`);
  const door = createServers({
    allowed,
    sandbox: options.sandbox ?? closedSandbox,
    log: { ...silentLog, warn },
    times: options.times ?? times,
  });
  const servers = door.open(agentWith(...(options.grants ?? [whole])), at);
  if (!servers) throw new Error("the agent names no server");
  undo.use(servers);
  undo.use(servers.enter(folder));
  const { tools, missing } = await servers.declare(never);
  const opened = undo.move();
  return {
    servers,
    folder,
    missing,
    said,
    names: tools.map(({ name }) => name),
    async call(name, input = {}, signal = never) {
      const { ok, output } = await servers.call({ id: "1", name: `mcp__fixture__${name}`, input }, signal);
      return { ok, output };
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}
