// A model that says what a script says: a server on 127.0.0.1 that speaks the Messages API, streamed or not, for the demo,
// tests and benchmarks. A call nobody scripted is refused with HTTP 400 and kept in `unscripted`; nothing is ever made up.
//
// A script gives, for each agent, its attempts, and for each attempt its turns:
//
//   openScriptedModel({ script: {
//     triager:    [[{ tools: [{ name: "finish", input: { type: "bug", … } }] }]],
//     reproducer: [
//       [                                                                   // attempt 1
//         { text: "Looking.", tools: [{ name: "read", input: { file_path: "src/sum.js" } }] },     // turn 1
//         { tools: [{ name: "write", input: { … } }, { name: "bash", input: { command: "npm test" } }] },
//         { tools: [{ name: "finish", input: { reproduced: true, … } }] },                         // last turn
//       ],
//       [ … ],                                                              // attempt 2, after a gate said no
//     ],
//     fixer: (call) => ({ tools: [{ name: "bash", input: { command: `echo ${call.turn}` } }] }),   // every attempt and turn: never ends
//   } });
//
// Tools and their inputs are those of `hands/tool-declarations.ts`: bash {command}, read {file_path}, write {file_path, content},
// edit {file_path, old_string, new_string}, glob {pattern}, grep {pattern}; `finish` takes the artifact of `workflows/artifacts.ts`.
// An attempt is one working of a stage: each time a gate or the reviewer sends it back, the next list is played.
//
// A turn may be a function of the call (its brief, the tool results just sent, how often it was tried), and the whole script
// may be one too, to serve several issues: `script: (call) => (call.brief.includes("typo") ? typoScript : bugScript)`.
// Faults are fields of a turn: `failFirst: [{ status: 429 }]`, `fail`, `cut`, `streamError`, `hang`, `rawInput`, `delayMs`.
//
// Nothing is remembered between calls: the agent is read from the first line of the system prompt (`# Agent: fixer`), the
// attempt from the first line of the brief (`Attempt 2 of 3`), the turn from the number of replies in the conversation. So a
// stage that starts again after a crash hears the same again.
//
// Not built on @copilotkit/aimock: it shows a script the request in the shape of another API (no cache breakpoints, no system
// blocks), has no prompt-cache token counts, and cannot hang until the client leaves or say that it left.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { BatonError, messageOf as reasonOf } from "../core/errors.ts";
import { eventsOf, messageOf, sendFailure, type ScriptedTurn } from "./scripted-reply.ts";
import { readRequest, textOf, toolResults, toolUses, type MessagesRequest } from "./scripted-request.ts";

export type { ScriptedTurn } from "./scripted-reply.ts";

/** One request, as the journal keeps it. */
export interface ScriptedCall {
  /** Counted from 1 over the server's life. */
  readonly number: number;
  readonly agent: string;
  readonly attempt: number;
  /** Counted from 1: the number of replies in the conversation so far, and one. */
  readonly turn: number;
  /** How often the very same request came before: a retry of Baton's. */
  readonly tries: number;
  readonly model: string;
  /** The first user message. */
  readonly brief: string;
  /** What the tools of the turn before said, in the order they were called. */
  readonly toolResults: readonly { readonly name: string; readonly ok: boolean; readonly output: string }[];
  readonly request: MessagesRequest;
  /** How it ended; "pending" until then. */
  readonly outcome: "pending" | "answered" | "failed" | "cut" | "client-left" | "unscripted";
}

export type TurnScript = ScriptedTurn | ((call: ScriptedCall) => ScriptedTurn | Promise<ScriptedTurn>);
/** Attempts, each a list of turns; or one function for every turn of every attempt. */
export type AgentScript =
  | readonly (readonly TurnScript[])[]
  | ((call: ScriptedCall) => ScriptedTurn | Promise<ScriptedTurn>);
export type Script = Readonly<Record<string, AgentScript>>;

export interface ScriptedModelOptions {
  /** Default: any free one. */
  readonly port?: number;
  readonly script: Script | ((call: ScriptedCall) => Script);
  /** Called when a request has been read, before it is answered. */
  readonly onCall?: (call: ScriptedCall) => void;
}

export interface ScriptedModel extends AsyncDisposable {
  /** The base URL for `createModel`. */
  readonly url: string;
  /** Every request that was well formed, oldest first. */
  readonly calls: readonly ScriptedCall[];
  /** What was asked that nobody scripted, or that the API would have refused: one line each. A test expects it to be empty. */
  readonly unscripted: readonly string[];
}

type Journal = { -readonly [Key in keyof ScriptedCall]: ScriptedCall[Key] };

/** Starts the server on 127.0.0.1. Throws `invalid-usage` when the port is taken. */
export async function openScriptedModel({ port = 0, script, onCall }: ScriptedModelOptions): Promise<ScriptedModel> {
  const calls: Journal[] = [];
  const unscripted: string[] = [];
  const seen = new Map<string, number>();

  const answer = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await bodyOf(incoming);
    const refuse = (status: number, message: string) => {
      unscripted.push(message);
      sendFailure(response, { status, message });
    };
    const path = incoming.url?.split("?")[0] ?? "";
    if (incoming.method !== "POST" || path !== "/v1/messages") {
      return refuse(404, `The scripted model serves POST /v1/messages only, not ${incoming.method ?? ""} ${path}`);
    }
    if (!incoming.headers.authorization && !incoming.headers["x-api-key"])
      return refuse(401, "The request has no API key");
    if (!incoming.headers["anthropic-version"]) return refuse(400, "anthropic-version: header is required");
    const read = readRequest(body);
    if (read.type === "invalid") return refuse(400, `The request is not one the Messages API accepts: ${read.problem}`);

    const tries = seen.get(body) ?? 0;
    seen.set(body, tries + 1);
    const call = callOf(read.request, calls.length + 1, tries);
    calls.push(call);
    response.once("close", () => {
      if (call.outcome === "pending" && !response.writableFinished) call.outcome = "client-left";
    });
    onCall?.(call);
    const found = turnScript(typeof script === "function" ? script(call) : script, call);
    if ("missing" in found) {
      call.outcome = "unscripted";
      return refuse(400, `unscripted call: ${found.missing}. ${described(call)}`);
    }
    const turn = typeof found.turn === "function" ? await found.turn(call) : found.turn;
    await play(turn, call, response);
  };

  const server = createServer((incoming, response) => {
    answer(incoming, response).catch((error: unknown) => {
      unscripted.push(`the script failed: ${reasonOf(error)}`);
      if (response.headersSent) response.destroy();
      else sendFailure(response, { status: 400, message: `the script failed: ${reasonOf(error)}` });
    });
  });
  server.listen(port, "127.0.0.1");
  const failure = await once(server, "listening").then(() => undefined, reasonOf);
  const address = server.address();
  if (failure !== undefined || address === null || typeof address === "string") {
    throw new BatonError(
      "invalid-usage",
      `the scripted model cannot listen on port ${port}: ${failure ?? "no address"}`,
    );
  }
  return {
    url: `http://127.0.0.1:${address.port}`,
    calls,
    unscripted,
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

async function bodyOf(incoming: IncomingMessage): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of incoming) if (chunk instanceof Uint8Array) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}

function callOf(request: MessagesRequest, number: number, tries: number): Journal {
  const system = textOf(request.system ?? "");
  const brief = textOf(request.messages[0]?.content ?? "");
  const last = request.messages.at(-1);
  const uses = toolUses(request.messages.at(-2)?.content ?? "");
  return {
    number,
    agent: /^# Agent: (\S+)/.exec(system)?.[1] ?? "unknown",
    attempt: Number(/^Attempt (\d+) of \d+/.exec(brief)?.[1] ?? 1),
    turn: request.messages.filter(({ role }) => role === "assistant").length + 1,
    tries,
    model: request.model,
    brief,
    toolResults: toolResults(last?.content ?? "").map(({ id, ok, output }) => ({
      name: uses.find((use) => use.id === id)?.name ?? "",
      ok,
      output,
    })),
    request,
    outcome: "pending",
  };
}

function turnScript(script: Script, call: ScriptedCall): { turn: TurnScript } | { missing: string } {
  const agent = script[call.agent];
  if (agent === undefined) {
    return {
      missing: `nothing is scripted for the agent "${call.agent}" (scripted: ${Object.keys(script).join(", ") || "none"})`,
    };
  }
  if (typeof agent === "function") return { turn: agent };
  const attempt = agent[call.attempt - 1];
  if (attempt === undefined) {
    return {
      missing: `agent "${call.agent}" has ${agent.length} scripted attempts, and attempt ${call.attempt} was asked for`,
    };
  }
  const turn = attempt[call.turn - 1];
  if (turn === undefined) {
    return {
      missing: `attempt ${call.attempt} of agent "${call.agent}" has ${attempt.length} scripted turns, and turn ${call.turn} was asked for`,
    };
  }
  return { turn };
}

function described(call: ScriptedCall): string {
  const last = textOf(call.request.messages.at(-1)?.content ?? "").slice(-300);
  const results = call.toolResults.map(
    ({ name, ok, output }) => `${name} ${ok ? "ok" : "failed"}: ${output.slice(0, 200)}`,
  );
  return `Model ${call.model}; last said to it: ${JSON.stringify([...results, ...(last ? [last] : [])])}`;
}

async function play(turn: ScriptedTurn, call: Journal, response: ServerResponse): Promise<void> {
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  const pause = (ms: number | undefined) =>
    ms === undefined ? Promise.resolve() : delay(ms, undefined, { signal: gone.signal }).catch(() => undefined);
  const untilGone = () => (gone.signal.aborted ? Promise.resolve() : once(response, "close"));
  const failure = turn.fail ?? turn.failFirst?.[call.tries];

  await pause(turn.delayMs);
  if (gone.signal.aborted) return;
  if (turn.hang === "before") return void (await untilGone());
  if (failure) {
    call.outcome = "failed";
    return sendFailure(response, failure);
  }
  if (turn.cut === "before") return cut(call, response);
  const message = messageOf(turn, call.request, `${call.agent} ${call.attempt} ${call.turn}`);
  if (call.request.stream !== true) {
    response.writeHead(200, { "content-type": "application/json" });
    call.outcome = "answered";
    return void response.end(JSON.stringify(message));
  }
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" });
  for (const event of eventsOf(message, turn)) {
    if (gone.signal.aborted) return;
    if (event === undefined) {
      if (turn.hang === "middle") return void (await untilGone());
      if (turn.cut === "middle") return cut(call, response);
      if (!turn.streamError) continue;
      call.outcome = "failed";
      return void response.end(frame({ type: "error", error: turn.streamError }));
    }
    if ("type" in event && event.type === "message_delta" && turn.cut === "end") return cut(call, response);
    response.write(frame(event));
    if ("type" in event && event.type === "content_block_delta") await pause(turn.chunkMs);
  }
  call.outcome = "answered";
  response.end();
}

/** What was written goes out, then the connection breaks without the end of the body. */
function cut(call: Journal, response: ServerResponse): void {
  call.outcome = "cut";
  response.socket?.end();
}

function frame(event: object): string {
  const name = "type" in event ? String(event.type) : "message";
  return `event: ${name}\ndata: ${JSON.stringify(event)}\n\n`;
}
