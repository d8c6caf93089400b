// The MCP servers an agent file names: names of a list that is not the repository's, and nothing else.
import { expect, test } from "vitest";
import { parseAgent } from "#src/workflows/parse-agent.ts";

const file = ".github/baton/agents/fixer.md";
const mayName = (name: string) =>
  name === "docs" || name === "tickets" ? undefined : "which is not on the allow-list";
const parse = (keys: string, known: Parameters<typeof parseAgent>[2] = { mayName }) =>
  parseAgent(`---\nname: fixer\ndescription: Fixes\n${keys}\n---\nFix it.\n`, file, known);
function granted(keys: string) {
  const parsed = parse(keys);
  return parsed.type === "ok" ? parsed.agent.servers : parsed.problems;
}

test("without mcpServers an agent has none", () => {
  expect(granted("tools: Read")).toEqual([]);
  expect(granted("mcpServers: []")).toEqual([]);
  expect(granted("mcpServers:")).toEqual([]);
});

test.each(["mcpServers: [docs, tickets]", "mcpServers: docs, tickets", "mcpServers:\n  - docs\n  - tickets\n  - docs"])(
  "%s names two, with all their tools",
  (keys) => {
    expect(granted(keys)).toEqual([
      { server: "docs", only: undefined, without: [] },
      { server: "tickets", only: undefined, without: [] },
    ]);
  },
);

test.each([
  ["tools: Read, mcp__docs__search, mcp__docs__get", ["mcp__docs__search", "mcp__docs__get"], []],
  ["tools: Read, mcp__docs__search, mcp__docs", undefined, []],
  ["tools: Read, mcp__docs__*", undefined, []],
  ["tools: Read, mcp__docs__search(x:*)", ["mcp__docs__search(x:*)"], []],
  ["disallowedTools: mcp__docs__drop", undefined, ["mcp__docs__drop"]],
  ["disallowedTools: mcp__docs", [], ["mcp__docs"]],
])("%s narrows what it has of the server", (keys, only, without) => {
  expect(granted(`mcpServers: [docs]\n${keys}`)).toEqual([{ server: "docs", only, without }]);
});

test("a name that is not on the list is refused at its place", () => {
  expect(parse("mcpServers:\n  - docs\n  - shell")).toEqual({
    type: "invalid",
    problems: [`${file}:6:5: mcpServers names "shell", which is not on the allow-list`],
  });
  expect(parse("mcpServers: [shell]", {}).type).toBe("ok");
});

test.each([
  "mcpServers:\n  - own:\n      command: npx\n      args: [-y, everything]",
  "mcpServers:\n  own: { type: http, url: 'https://a.example' }",
  "mcpServers: { docs: {} }",
  "mcpServers: [docs, 7]",
])("a definition is refused, and never taken for a name: %s", (keys) => {
  const refusal = expect.stringMatching(
    /^\.github\/baton\/agents\/fixer\.md:\d+:\d+: mcpServers has .* — write names only: servers are defined by whoever runs Baton/,
  );
  for (const known of [{ mayName }, {}])
    expect(parse(keys, known)).toEqual({ type: "invalid", problems: expect.arrayContaining([refusal]) });
});

test("a tool of a server that is not named is ignored, with a warning", () => {
  expect(parse("tools: Read, mcp__docs__search")).toMatchObject({
    type: "ok",
    agent: { tools: ["read"], servers: [] },
    warnings: [`${file}:4:8: the tool "mcp__docs__search" is ignored — name "docs" in mcpServers to have it`],
  });
});

test("more than ten are too many", () => {
  const names = Array.from({ length: 11 }, (_, index) => `docs${index}`).join(", ");
  expect(parse(`mcpServers: ${names}`, {})).toMatchObject({
    type: "invalid",
    problems: [`${file}:4:13: mcpServers names 11 servers — name at most 10`],
  });
});
