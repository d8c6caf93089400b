// A stream that breaks off is never taken for a reply, wherever it breaks: every prefix of a whole one, byte by byte.
import { createServer } from "node:http";
import { once } from "node:events";
import { expect, test } from "vitest";
import { createModel } from "#src/agents/model.ts";
import { silentLog } from "#src/core/log.ts";
import { eventsOf, messageOf } from "#src/playground/scripted-reply.ts";

const request = {
  model: "claude-haiku-5-5",
  maxTokens: 1_000,
  system: [],
  tools: [],
  messages: [{ role: "user" as const, content: "Hello" }],
};
const input = { command: "rm -rf /tmp/x && rm -rf /tmp/xyz" };
const scripted = { text: "Now.", tools: [{ name: "bash", input }] };

function wholeStream(): Buffer {
  const message = messageOf(scripted, { ...request, max_tokens: 1_000, stream: true }, "seed");
  const frames = [...eventsOf(message, scripted)].flatMap((event) =>
    event === undefined ? [] : [`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`],
  );
  return Buffer.from(frames.join(""));
}

test.each(["end", "destroy"] as const)(
  "every prefix of a stream, when the connection does %s",
  async (how) => {
    const stream = wholeStream();
    const server = createServer((incoming, response) => {
      incoming.resume().once("end", () => {
        const cut = Number(incoming.url?.split("/")[1]);
        response.writeHead(200, { "content-type": "text/event-stream" });
        response.write(stream.subarray(0, cut), () => {
          if (how === "end") response.end();
          else setImmediate(() => response.destroy());
        });
      });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const signal = new AbortController().signal;
    const ends: { cut: number; type: string; calls: unknown }[] = [];
    try {
      // Byte by byte where the call is; before it and for the second way a prefix here and there will do.
      const call = stream.indexOf('"tool_use"');
      const cuts = Array.from({ length: stream.length }, (_, index) => index + 1).filter(
        (cut) => cut === stream.length || cut % 11 === 0 || (how === "end" && cut > call),
      );
      const one = async () => {
        for (let cut = cuts.pop(); cut !== undefined; cut = cuts.pop()) {
          const baseURL = `http://127.0.0.1:${port}/${cut}`;
          const model = createModel({ apiKey: "test-key-of-nobody", baseURL, log: silentLog, patience: { tries: 1 } });
          const answer = await model.ask(request, { signal });
          ends.push({ cut, type: answer.type, calls: answer.type === "reply" ? answer.reply.calls : undefined });
        }
      };
      await Promise.all(Array.from({ length: 16 }, one));
    } finally {
      server.closeAllConnections();
      server.close();
    }
    expect(ends.length).toBeGreaterThan(100);
    const replies = ends.filter(({ type }) => type === "reply");
    for (const { calls } of replies) expect(calls).toMatchObject([{ name: "bash", input, problem: undefined }]);
    // Only what lacks nothing but the last words of the stream is a reply.
    const told = stream.indexOf("event: message_delta");
    expect(replies.filter(({ cut }) => cut <= told)).toEqual([]);
    expect(replies.some(({ cut }) => cut === stream.length)).toBe(how === "end");
  },
  60_000,
);
