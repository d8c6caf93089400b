// The administrator's list of MCP servers: what it may say, and which agents may name what.
import { describe, expect, test } from "vitest";
import { mayName, parseServerList, readServerTool, serverToolName } from "#src/workflows/servers.ts";

const file = "/etc/baton/mcp.yml";
const parse = (text: string, secrets: Readonly<Record<string, string>> = {}) =>
  parseServerList(text, file, (variable) => {
    const value = secrets[variable];
    return value === undefined ? { wrong: "that variable is not set" } : { value };
  });
function problems(text: string): string[] {
  const parsed = parse(text);
  return parsed.type === "invalid" ? parsed.problems : [];
}

const list = `servers:
  docs:
    command: docs-server
    args: [--read-only]
    show: [/opt/docs]
    repositories: [acme/*, Other/Site]
  tickets:
    url: https://mcp.example.com/mcp
    header: { name: Authorization, variable: TICKETS_TOKEN }
    tools: [search]
    repositories: ["*"]
`;

test("a list of a local and a remote server is read, with the header's value", () => {
  expect(parse(list, { TICKETS_TOKEN: "Bearer of-nobody" })).toEqual({
    type: "ok",
    servers: [
      {
        type: "local",
        name: "docs",
        tools: undefined,
        repositories: ["acme/*", "Other/Site"],
        argv: ["docs-server", "--read-only"],
        show: ["/opt/docs"],
      },
      {
        type: "remote",
        name: "tickets",
        tools: ["search"],
        repositories: ["*"],
        url: "https://mcp.example.com/mcp",
        header: { name: "Authorization", value: "Bearer of-nobody" },
      },
    ],
  });
});

test("a header whose variable is missing is refused at its place", () => {
  expect(problems(list)).toEqual([
    `${file}:9:46: servers.tickets.header.variable is "TICKETS_TOKEN" — that variable is not set`,
  ]);
});

test.each([
  ["servers: { docs: { command: x } }", '1:12: "repositories" is missing in servers.docs'],
  ["servers: { docs: { command: x, repositories: [acme] } }", "write owner/name, owner/* or *"],
  ["servers: { docs: { command: x, repositories: ['*'], env: { KEY: v } } }", 'unknown key "env"'],
  ["servers: { docs: { command: x, repositories: ['*'], show: [opt] } }", "an absolute path"],
  ["servers: { docs: { command: x, repositories: ['*'], show: [/a/../root] } }", "an absolute path"],
  ["servers: { web: { url: 'https://a.example', repositories: ['*'] } }", '"tools" is missing in servers.web'],
  ["servers: { web: { url: 'file:///a', tools: [a], repositories: ['*'] } }", "an http(s) address"],
  ["servers: { a__b: { command: x, repositories: ['*'] } }", 'the key "a__b" in servers is not valid'],
  ["mcpServers: {}", 'unknown key "mcpServers"'],
])("%s is refused with its place and what to do", (text, expected) => {
  const found = problems(text).join("\n");
  expect(found).toContain(expected);
  expect(found).toMatch(/^\/etc\/baton\/mcp\.yml:1:\d+: /);
});

describe("who may name what", () => {
  const parsed = parse(list, { TICKETS_TOKEN: "x" });
  const servers = parsed.type === "ok" ? parsed.servers : [];
  const acme = { owner: "acme", name: "sums" };
  const one = { merges: false };

  test.each([
    ["docs", acme, "it may"],
    ["docs", { owner: "ACME", name: "x" }, "it may"],
    ["docs", { owner: "other", name: "site" }, "it may"],
    ["docs", { owner: "other", name: "sites" }, "not allowed for other/sites"],
    ["docs", { owner: "acme-evil", name: "sums" }, "not allowed for acme-evil/sums"],
    ["tickets", { owner: "any", name: "body" }, "it may"],
    ["ticket", acme, 'did you mean "tickets"?'],
    ["shell", acme, "(on it are docs, tickets) — take it out, or ask who runs Baton to list it"],
    ["toString", acme, "not on the allow-list"],
  ])("%s for %o: %s", (name, repo, expected) => {
    expect(mayName(servers, repo)(name, one) ?? "it may").toContain(expected);
  });

  test("nothing is on an empty list", () => {
    expect(mayName([], acme)("docs", one)).toContain("nothing is on it for this repository");
  });

  test("a server that works on files is not for an agent that hands in what it merges", () => {
    expect(mayName(servers, acme)("docs", { merges: true })).toContain("merge_work");
    expect(mayName(servers, acme)("tickets", { merges: true })).toBeUndefined();
  });

  test("a kind that cannot be had here is refused with the reason", () => {
    const may = mayName(servers, acme, { local: "BATON_SANDBOX is none" });
    expect(may("docs", one)).toBe("which cannot be used here: BATON_SANDBOX is none");
    expect(may("tickets", one)).toBeUndefined();
  });
});

test("names of tools are put together and taken apart again", () => {
  expect(serverToolName("my_docs", "search.all")).toBe("mcp__my_docs__search_all");
  expect(readServerTool("mcp__my_docs__search_all")).toEqual({ server: "my_docs", tool: "search_all" });
  expect(readServerTool("mcp__docs__*")).toEqual({ server: "docs", tool: undefined });
  expect(readServerTool("mcp__docs")).toEqual({ server: "docs", tool: undefined });
  for (const name of ["bash", "mcp__", "mcp_docs__x"]) expect(readServerTool(name)).toBeUndefined();
});
