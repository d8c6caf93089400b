// Runs whose agents name MCP servers, from webhook to pull request: an allowed server is used and its answers are in the log, which can be
// driven again without it; a refused one ends the run before any agent works.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openMcpHttp, type McpHttp } from "#test/support/mcp-http.ts";
import { openWorld, type Played, type World } from "#test/support/baton-world.ts";
import { drivenAgain, same } from "#test/support/driven-again.ts";
import { needs } from "#test/support/needs.ts";
import { local, remote } from "../agents/servers/world.ts";

const mend = `sed -i 's|return Array.from.*|const share = Math.floor(total / people); const rest = total - share * people; return Array.from({ length: people }, (_, i) => share + (i < rest ? 1 : 0));|' src/split.js`;
const change = { summary: "Hand out the remaining cents.", files: ["src/split.js"], followUps: [] };
const fixer = (servers: string) => `---
name: fixer
description: Fixes what was reproduced
mcpServers: [${servers}]
---
Fix it.
`;

describe.skipIf(!(await needs("bubblewrap")))("a run whose agent names servers", () => {
  let world: World;
  let http: McpHttp;
  let played: Played;
  beforeAll(async () => {
    http = await openMcpHttp();
    const beside = remote(http.url, { name: "beside", repositories: ["octo/served"] });
    world = await openWorld({ servers: [local("good", { repositories: ["octo/*"] }), beside] });
    played = await world.play({
      name: "served",
      files: {
        ".github/baton/agents/fixer.md": fixer("fixture, beside"),
        // What a checkout defines is a file like any other.
        ".mcp.json": '{"mcpServers":{"own":{"command":"node","args":["-e","process.exit(1)"]}}}',
      },
      agents: {
        fixer: [
          [
            { tools: [{ name: "bash", input: { command: mend } }] },
            {
              tools: [
                { name: "mcp__fixture__read", input: { path: "src/split.js" } },
                { name: "mcp__beside__add", input: { a: 999, b: 1 } },
                { name: "mcp__own__anything", input: {} },
              ],
            },
            { tools: [{ name: "finish", input: change }] },
          ],
        ],
      },
    });
  }, 180_000);
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
    await http?.[Symbol.asyncDispose]();
  });

  test("opens its pull request, with what they said in the log", async () => {
    expect(played.state.finished).toMatchObject({ outcome: "succeeded" });
    const events = (await world.baton.store.log.read(played.state.runId)).map(({ event }) => event);
    const said = events.flatMap((event) => (event.type === "agent.turn" && event.stage === "fix" ? event.tools : []));
    expect(said.map(({ name, ok }) => `${name} ${ok}`)).toEqual([
      "bash true",
      "mcp__fixture__read true",
      "mcp__beside__add true",
      "mcp__own__anything false",
      "finish true",
    ]);
    // The server saw what the agent had changed.
    expect(said[1]?.output).toContain("const rest = total - share * people");
    expect(said[2]?.output).toBe("1000");
    expect(said[3]?.output).toContain('There is no tool called "mcp__own__anything"');
    expect(http.calls).toEqual(["add"]);
  });

  test("is driven again without its servers: they say what they said", async () => {
    const events = await world.baton.store.log.read(played.state.runId);
    expect(await drivenAgain(events, { env: { ...world.env, servers: undefined } })).toEqual(same);
    expect(http.calls).toEqual(["add"]);
  });

  test("that is not allowed here ends before any agent works, and says why and where", async () => {
    const refused = await world.play({
      name: "unserved",
      files: { ".github/baton/agents/fixer.md": fixer("beside") },
    });
    expect(refused.state.finished).toMatchObject({
      outcome: "failed",
      code: "invalid-config",
      message: expect.stringContaining(
        '.github/baton/agents/fixer.md:4:14: mcpServers names "beside", which is not allowed for octo/unserved',
      ),
    });
    expect(refused.card).toContain("mcpServers names");
    const asked = world.model.calls.filter(({ brief }) => brief.includes("scene unserved"));
    expect(asked.map(({ agent }) => agent).filter((agent) => agent !== "triager")).toEqual([]);
    expect(http.calls).toEqual(["add"]);
  });
});
