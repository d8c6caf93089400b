// The MCP servers that an administrator allows, for the agents that name them. A local one is a program in a sandbox of its own on the
// agent's work tree, and ends with its hands; a remote one is asked from here.
//
// What goes wrong with a server is not the run's end: one that cannot be started is missing, and the agent is told; one that dies, hangs
// or answers nonsense is an answer that says so, and is started again at the next call, three times in all.
import type { Tool } from "@anthropic-ai/sdk/resources/messages/messages";
import { BatonError, messageOf } from "../../core/errors.ts";
import { silentLog, type Log } from "../../core/log.ts";
import { isRecord, TOOL_TIME } from "../../hands/protocol.ts";
import { closedSandbox, type Sandbox } from "../../hands/sandbox.ts";
import type { AgentDefinition } from "../../workflows/schema.ts";
import {
  mayName,
  readServerTool,
  type AllowedServer,
  type MayName,
  type RepoName,
  type ServerGrant,
} from "../../workflows/servers.ts";
import { clip } from "../clip.ts";
import type { ToolAnswer, ToolCall } from "../session.ts";
import type { Connection, Times } from "./connection.ts";
import { offered } from "./offered.ts";

/** What gives agents the servers they name. */
export interface Servers {
  /** What the agents of a repository may name. */
  mayName(repo: RepoName): MayName;
  /** True for the tools of servers that have no way to the work tree. */
  readonly elsewhere: (tool: string) => boolean;
  /** The servers of one agent's attempt; undefined when it names none. Throws `invalid-config` for one it may not name. */
  open(
    agent: AgentDefinition,
    at: { readonly repo: RepoName; readonly stage: string; readonly attempt: number },
  ): OpenServers | undefined;
}

/** The servers of one attempt. */
export interface OpenServers extends AsyncDisposable {
  /** Some of them work on the files, and need a folder. */
  readonly local: boolean;
  /** Local servers work in this folder from now on; disposing ends them. */
  enter(folder: string): AsyncDisposable;
  /** Starts them. The tools, always in the same order, and what the agent must know of those that are missing. Throws only when aborted. */
  declare(signal: AbortSignal): Promise<{ readonly tools: readonly Tool[]; readonly missing: readonly string[] }>;
  /** Calls a tool that was declared. Throws only when aborted; a local server has ended then. */
  call(call: ToolCall, signal: AbortSignal): Promise<ToolAnswer>;
}

export interface ServersOptions {
  readonly allowed: readonly AllowedServer[];
  readonly sandbox: Pick<Sandbox, "startProgram">;
  readonly log: Log;
  /** Why there can be no server of a kind here. */
  readonly without?: Parameters<typeof mayName>[2];
  readonly times?: Times;
}

const usualTimes: Times = { start: 20_000, call: TOOL_TIME.usual };
/** How often one server is started in an attempt. */
const MAX_STARTS = 3;

/** The servers of an allow-list. */
export function createServers(options: ServersOptions): Servers {
  const { allowed, without } = options;
  return {
    mayName: (repo) => mayName(allowed, repo, without),
    elsewhere: (tool) => {
      const server = readServerTool(tool)?.server;
      return allowed.find(({ name }) => name === server)?.type === "remote";
    },
    open(agent, { repo }) {
      if (agent.servers.length === 0) return undefined;
      const may = mayName(allowed, repo, without);
      const named = agent.servers.map((grant) => {
        const why = may(grant.server, { merges: agent.tools.includes("merge_work") });
        const server = allowed.find(({ name }) => name === grant.server);
        if (why === undefined && server) return new Served(server, grant, options);
        throw new BatonError(
          "invalid-config",
          `${agent.file}: mcpServers names "${grant.server}", ${why ?? "which is not there"}`,
        );
      });
      return new AgentServers(named.toSorted((a, b) => (a.name < b.name ? -1 : 1)));
    },
  };
}

/** For who lists none: whatever an agent names is refused. */
export const noServers: Servers = createServers({ allowed: [], sandbox: closedSandbox, log: silentLog });

class AgentServers implements OpenServers {
  readonly #servers: readonly Served[];
  readonly #tools = new Map<string, Served>();

  constructor(servers: readonly Served[]) {
    this.#servers = servers;
  }

  get local(): boolean {
    return this.#servers.some((served) => served.local);
  }

  enter(folder: string): AsyncDisposable {
    const local = this.#servers.filter((served) => served.local);
    for (const served of local) served.enter(folder);
    return { [Symbol.asyncDispose]: async () => void (await Promise.all(local.map((served) => served.leave()))) };
  }

  async declare(signal: AbortSignal): Promise<{ tools: Tool[]; missing: string[] }> {
    const found = await Promise.all(
      this.#servers.map(async (served) => ({ served, ...(await served.declare(signal)) })),
    );
    signal.throwIfAborted();
    for (const { served, tools } of found) for (const { name } of tools) this.#tools.set(name, served);
    return { tools: found.flatMap(({ tools }) => tools), missing: found.flatMap(({ missing }) => missing) };
  }

  async call(call: ToolCall, signal: AbortSignal): Promise<ToolAnswer> {
    const served = this.#tools.get(call.name);
    return served ? await served.call(call, signal) : { ok: false, output: `There is no tool called "${call.name}".` };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#servers.map((served) => served.leave()));
  }
}

/** One server, as often as it is started. */
class Served {
  readonly #server: AllowedServer;
  readonly #grant: ServerGrant;
  readonly #options: ServersOptions;
  /** The server's own names of the tools it declared, by ours. */
  readonly #names = new Map<string, string>();
  #folder: string | undefined;
  #connection: Connection | undefined;
  #starts = 0;

  constructor(server: AllowedServer, grant: ServerGrant, options: ServersOptions) {
    this.#server = server;
    this.#grant = grant;
    this.#options = options;
  }

  get name(): string {
    return this.#server.name;
  }

  get local(): boolean {
    return this.#server.type === "local";
  }

  enter(folder: string): void {
    this.#folder = folder;
    // On fresh files it begins afresh.
    this.#starts = 0;
  }

  async leave(): Promise<void> {
    this.#folder = undefined;
    const connection = this.#connection;
    this.#connection = undefined;
    await connection?.close();
  }

  async declare(signal: AbortSignal): Promise<{ tools: Tool[]; missing: string[] }> {
    const { log } = this.#options;
    const none = (why: string, told = why) => {
      log.warn("an agent goes without an MCP server", { server: this.name, why });
      return { tools: [], missing: [`${this.name}: ${told}`] };
    };
    let connection: Connection;
    try {
      connection = await this.#connected(signal);
    } catch (error) {
      // What it said is for who runs Baton, and not for the agent.
      return none(messageOf(error), "it could not be started, or did not answer");
    }
    const found = offered(this.#server, this.#grant, connection.tools);
    if (found.type === "too-many") {
      await this.#end();
      return none(`${found.why}: list those that are needed in its tools`, found.why);
    }
    for (const { name, declaration } of found.tools) this.#names.set(declaration.name, name);
    if (found.leftOut.length > 0)
      log.warn("tools of an MCP server were left out", { server: this.name, tools: found.leftOut.join("; ") });
    return { tools: found.tools.map(({ declaration }) => declaration), missing: [] };
  }

  async call({ name, input }: ToolCall, signal: AbortSignal): Promise<ToolAnswer> {
    const own = this.#names.get(name);
    if (own === undefined || !isRecord(input))
      return { ok: false, output: `${clip(name, 100)}: the input must be an object` };
    let connection: Connection;
    try {
      connection = await this.#connected(signal);
    } catch (error) {
      if (signal.aborted) throw error;
      this.#options.log.warn("an MCP server cannot be called", { server: this.name, why: messageOf(error) });
      return { ok: false, output: `The MCP server ${this.name} cannot be reached. Go on without it.` };
    }
    const { late, ok, output } = await connection.call(own, input, signal);
    // What a program still does would be done behind the record.
    if (this.local && (late || signal.aborted)) await this.#end();
    signal.throwIfAborted();
    return { ok, output };
  }

  async #end(): Promise<void> {
    const connection = this.#connection;
    this.#connection = undefined;
    await connection?.close();
  }

  async #connected(signal: AbortSignal): Promise<Connection> {
    if (this.#connection?.open === true) return this.#connection;
    await this.#end();
    if (this.#starts >= MAX_STARTS) throw new Error(`it was started ${MAX_STARTS} times, and is not any more`);
    this.#starts += 1;
    this.#connection = await this.#connect(signal);
    return this.#connection;
  }

  async #connect(signal: AbortSignal): Promise<Connection> {
    const { sandbox, times = usualTimes } = this.#options;
    // The client takes longer to load than everything else together, so only who needs it loads it.
    const { connectProgram, connectRemote } = await import("./connection.ts");
    const server = this.#server;
    if (server.type === "remote") return await connectRemote(server, times, signal);
    const folder = this.#folder;
    if (folder === undefined) throw new Error("there is no work tree to start it in");
    const show = Object.fromEntries(server.show.map((path) => [path, path]));
    signal.throwIfAborted();
    return await connectProgram(
      sandbox.startProgram({ folder, argv: server.argv, show, withStdin: true }),
      times,
      signal,
    );
  }
}
