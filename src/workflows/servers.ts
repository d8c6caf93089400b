// Which MCP servers agents may have: an administrator's list, from a file outside every repository. What a repository says about
// servers are names; whether a name may be used there is decided here.
import { z } from "zod";
import { explain } from "./explain.ts";
import { parseLocatedYaml } from "./located-yaml.ts";
import { nearest } from "./nearest.ts";
import { openSource, quote } from "./source-file.ts";

/** A server's name, which is in the names of its tools: without two underscores, so that these can be taken apart again. */
const name = z
  .string()
  .max(32)
  .regex(
    /^[A-Za-z](?:_?[A-Za-z0-9-])*$/,
    "must be letters, digits, dashes and single underscores, starting with a letter",
  );

const repository = z
  .string()
  .max(200)
  .regex(/^(?:\*|[\w.-]+\/(?:\*|[\w.-]+))$/, "must be owner/name, owner/* or *");

const absolute = z
  .string()
  .max(1_000)
  .regex(/^(?:\/(?!\.{1,2}(?:\/|$))[^/\0]+)+$/, "must be an absolute path without . and ..");

const tools = z.array(z.string().min(1).max(128)).min(1).max(100);
const repositories = z
  .array(repository)
  .min(1)
  .max(200)
  .describe("Repositories whose agents may name it: owner/name, owner/* or *");

export const LocalServer = z.strictObject({
  command: z
    .string()
    .min(1)
    .max(1_000)
    .describe("A local server: the program, as it is found inside the sandbox; it speaks MCP on stdin and stdout"),
  args: z.array(z.string().max(4_000)).max(100).default([]).describe("Its arguments"),
  show: z
    .array(absolute)
    .max(20)
    .default([])
    .describe("Files and folders of this machine that it may read, at the same path; /usr is there anyway"),
  tools: tools.optional().describe("The tools agents may have of it; all of them when absent"),
  repositories,
});

export const RemoteServer = z.strictObject({
  url: z
    .url({ protocol: /^https?$/, error: "must be an http(s) address" })
    .max(2_000)
    .describe("A remote server: its address (Streamable HTTP)"),
  header: z
    .strictObject({
      name: z
        .string()
        .regex(/^[A-Za-z][A-Za-z0-9-]{0,99}$/, "must be the name of an HTTP header")
        .describe("A header to send"),
      variable: z
        .string()
        .regex(/^[A-Z][A-Z0-9_]{0,99}$/, "must be the name of an environment variable")
        .describe("The environment variable that holds its whole value"),
    })
    .optional(),
  tools: tools.describe("The tools agents may have of it"),
  repositories,
});

/** The administrator's file. */
export const ServerList = z.strictObject({
  servers: z.record(name, z.union([LocalServer, RemoteServer])).describe("MCP servers by name"),
});

interface Allowed {
  readonly name: string;
  /** The tools that agents may have of it, by the server's own names; undefined for all. */
  readonly tools: readonly string[] | undefined;
  readonly repositories: readonly string[];
}

export interface AllowedLocal extends Allowed {
  readonly type: "local";
  readonly argv: readonly [string, ...string[]];
  readonly show: readonly string[];
}

export interface AllowedRemote extends Allowed {
  readonly type: "remote";
  readonly url: string;
  /** Undefined also where the process that read the list does not need it. */
  readonly header: { readonly name: string; readonly value: string } | undefined;
}

/** A server of the allow-list. */
export type AllowedServer = AllowedLocal | AllowedRemote;

/**
 * Reads the administrator's list. `secretOf` gives the value of a variable, or says what is wrong with it. Every problem is reported at
 * once as `file:line:column: what is wrong — what to do`. Never throws.
 */
export function parseServerList(
  text: string,
  file: string,
  secretOf: (variable: string) => { readonly value: string | undefined } | { readonly wrong: string },
): { type: "ok"; servers: AllowedServer[] } | { type: "invalid"; problems: string[] } {
  const opened = openSource(text, file);
  if (opened.type === "invalid") return opened;
  const { source } = opened;
  const yaml = parseLocatedYaml(source.text, 0);
  if (yaml.type === "invalid") return { type: "invalid", problems: source.report(yaml.problems) };
  const { root } = yaml;
  const checked = ServerList.safeParse(root.value);
  if (!checked.success) return { type: "invalid", problems: source.report(explain(ServerList, checked.error, root)) };
  const problems: { offset: number; message: string }[] = [];
  const servers = Object.entries(checked.data.servers).map(([name, server]): AllowedServer => {
    const common = { name, tools: server.tools, repositories: server.repositories };
    if ("command" in server)
      return { type: "local", ...common, argv: [server.command, ...server.args], show: server.show };
    const { url, header } = server;
    if (!header) return { type: "remote", ...common, url, header: undefined };
    const found = secretOf(header.variable);
    if ("wrong" in found) {
      const place = root.entries.get("servers")?.entries.get(name)?.entries.get("header")?.entries.get("variable");
      problems.push({
        offset: place?.offset ?? 0,
        message: `servers.${name}.header.variable is ${quote(header.variable)} — ${found.wrong}`,
      });
    }
    const value = "value" in found ? found.value : undefined;
    return { type: "remote", ...common, url, header: value === undefined ? undefined : { name: header.name, value } };
  });
  return problems.length > 0 ? { type: "invalid", problems: source.report(problems) } : { type: "ok", servers };
}

/** What an agent may have of a server, as its file says: by the full names of tools. */
export interface ServerGrant {
  readonly server: string;
  /** Only these; undefined for all. */
  readonly only: readonly string[] | undefined;
  readonly without: readonly string[];
}

/** The name by which an agent has a server's tool. */
export function serverToolName(server: string, tool: string): string {
  return `mcp__${server}__${tool.replaceAll(/[^A-Za-z0-9_-]/g, "_")}`;
}

/** The server and the rest of a name like `mcp__docs__search`, `mcp__docs__*` or `mcp__docs`; undefined for other names. */
export function readServerTool(
  name: string,
): { readonly server: string; readonly tool: string | undefined } | undefined {
  const [, server, tool] = /^mcp__([A-Za-z](?:_?[A-Za-z0-9-])*)(?:__(.+))?$/s.exec(name) ?? [];
  return server === undefined ? undefined : { server, tool: tool === "*" ? undefined : tool };
}

export interface RepoName {
  readonly owner: string;
  readonly name: string;
}

/**
 * Why an agent of a repository may not name a server, with what to do; undefined when it may. `merges`: it hands in what it merges of
 * others' work, so nothing else may change files for it.
 */
export type MayName = (server: string, agent: { readonly merges: boolean }) => string | undefined;

/**
 * Who may name what: the allow-list for the agents of one repository, or of any. `missing`: why a kind of server cannot be had at all
 * here.
 */
export function mayName(
  servers: readonly AllowedServer[],
  repo: RepoName | undefined,
  missing: Partial<Record<AllowedServer["type"], string>> = {},
): MayName {
  return (asked, { merges }) => {
    const server = servers.find(({ name }) => name === asked);
    if (!server) {
      const mine = servers.filter((one) => !repo || isFor(one, repo)).map(({ name }) => name);
      const near = nearest(asked, mine);
      if (near !== undefined) return `which is not on the allow-list — did you mean ${quote(near)}?`;
      const known = mine.length === 0 ? "nothing is on it for this repository" : `on it are ${mine.join(", ")}`;
      return `which is not on the allow-list (${known}) — take it out, or ask who runs Baton to list it`;
    }
    if (repo && !isFor(server, repo))
      return `which is not allowed for ${repo.owner}/${repo.name} — take it out, or ask who runs Baton to list the repository`;
    if (merges && server.type === "local")
      return "which works on the files, and tools has merge_work — an agent hands in what it merged, or what was changed in its own files; take one of them out";
    const why = missing[server.type];
    return why === undefined ? undefined : `which cannot be used here: ${why}`;
  };
}

function isFor({ repositories }: AllowedServer, { owner, name }: RepoName): boolean {
  const [all, full] = [`${owner}/*`.toLowerCase(), `${owner}/${name}`.toLowerCase()];
  return repositories.some((one) => one === "*" || one.toLowerCase() === all || one.toLowerCase() === full);
}

/** The value of a server's header, and what follows a scheme like Bearer in it. */
export function headerSecrets(server: AllowedServer): string[] {
  if (server.type === "local" || !server.header) return [];
  const { value } = server.header;
  return [...new Set([value, value.trim().split(/\s+/).at(-1) ?? value])];
}
