// The MCP server of the tests as a program on stdin and stdout; its argument is its mode.
import { serveStdio } from "@modelcontextprotocol/server/stdio";
import { createMcpFixture } from "./mcp-fixture.ts";

const [, , mode = "good"] = process.argv;
if (mode === "ends") {
  process.stderr.write("there is no licence\n");
  process.exit(7);
}
if (mode === "garbage") for (let line = 0; line < 2_000; line += 1) process.stdout.write(`{"nonsense": ${line}\n`);
if (mode === "endless") process.stdout.write("x".repeat(9 * 1024 * 1024));
if (mode === "greets") process.stdout.write("Welcome to the fixture!\n");
if (mode === "mute" || mode === "garbage" || mode === "endless") process.stdin.resume();
else serveStdio(() => createMcpFixture(mode));
