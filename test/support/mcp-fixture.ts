// An MCP server made with the official SDK, for tests: honest by default, and troublesome in the ways that are asked for.
import { readFile, writeFile } from "node:fs/promises";
import { Server, type CallToolResult, type Tool } from "@modelcontextprotocol/server";

const text = (answer: string): CallToolResult => ({ content: [{ type: "text", text: answer }] });
const string = { type: "string" } as const;
const tool = (name: string, properties: Tool["inputSchema"]["properties"] = {}, more: Partial<Tool> = {}): Tool => ({
  name,
  description: `The tool ${name}.`,
  inputSchema: { type: "object", properties, required: Object.keys(properties) },
  ...more,
});

const acts: Readonly<Record<string, (input: Readonly<Record<string, unknown>>) => Promise<CallToolResult>>> = {
  add: async ({ a, b }) => text(`${Number(a) + Number(b)}`),
  write: async ({ path, words }) => {
    await writeFile(String(path), String(words));
    return text(`wrote ${String(path)}`);
  },
  read: async ({ path }) => text(await readFile(String(path), "utf8")),
  surroundings: async () => text(JSON.stringify({ env: process.env, folder: process.cwd() })),
  fetch: async ({ url }) => text(await (await fetch(String(url))).text()),
  huge: async ({ characters }) => text(`begin${"x".repeat(Number(characters))}end`),
  fail: async () => ({ ...text("the index is broken"), isError: true }),
  hang: () => new Promise<never>(() => {}),
  die: async () => process.exit(3),
  mixed: async () => ({
    content: [
      { type: "text", text: "a picture:" },
      { type: "image", data: "AAAA", mimeType: "image/png" },
      { type: "audio", data: "AAAA", mimeType: "audio/wav" },
      { type: "resource", resource: { uri: "file:///a.txt", text: "what a.txt says" } },
    ],
  }),
  "dotted.name": async () => text("dotted"),
  structured: async () => ({ content: [], structuredContent: { word: "a".repeat(30) + "!" } }),
};

const tools: readonly Tool[] = [
  tool("write", { path: string, words: string }),
  tool("add", { a: { type: "number" }, b: { type: "number" } }),
  tool("read", { path: string }),
  tool("surroundings"),
  tool("fetch", { url: string }),
  tool("huge", { characters: { type: "number" } }),
  tool("fail"),
  tool("hang"),
  tool("die"),
  tool("mixed"),
  tool("dotted.name"),
  // A pattern that takes a validator for ever.
  tool(
    "structured",
    {},
    {
      outputSchema: { type: "object", properties: { word: { type: "string", pattern: "^(a+)+$" } } },
    },
  ),
];

/** What a server may list besides, by the mode it was started in. */
const listed: Readonly<Record<string, readonly Tool[]>> = {
  many: Array.from({ length: 60 }, (_, index) => tool(`tool${index}`)),
  odd: [
    tool("add", { a: { type: "number" }, b: { type: "number" } }),
    tool("large", { word: { type: "string", description: "x".repeat(11_000) } }),
    tool("x".repeat(100)),
    { name: "either", inputSchema: { type: "object", anyOf: [{ required: ["a"] }] } },
    tool("spaced", { "a b": string }),
  ],
  wordy: Array.from({ length: 40 }, (_, index) => tool(`tool${index}`, {}, { description: "x".repeat(2_000) })),
};

/** A server in this mode. `calls`: told of each call. */
export function createMcpFixture(mode: string, calls?: (name: string) => void): Server {
  const server = new Server({ name: "fixture", version: "1" }, { capabilities: { tools: {} } });
  server.setRequestHandler("tools/list", async () => ({ tools: [...(listed[mode] ?? tools)] }));
  server.setRequestHandler("tools/call", async ({ params: { name, arguments: input = {} } }) => {
    calls?.(name);
    const act = acts[name];
    return act ? await act(input) : { ...text(`there is no ${name}`), isError: true };
  });
  return server;
}
