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
// The Message Batches API is spoken too (scripted-batches.ts), by the same script: each request of a batch is a call like any other, but for plans.
//
// Nothing is remembered between calls: the agent is read from the first line of the system prompt (`# Agent: fixer`), the
// attempt from the first line of the brief (`Attempt 2 of 3`), the turn from the replies in the conversation. So a stage that
// starts again after a crash hears the same again.
//
// Faults also come by plan (`plan`, model-faults.ts), for any script: a reply that such a fault spoiled is not counted as a turn
// of the script, which goes on where it was. `set` changes the weather: models that are down, a spending cap, keys that are no
// longer valid, a small context, latency. `ledger` is what the real API would have billed. With `control: true` all of it is
// served over HTTP, for tests whose programs run in other processes:
//
//   PUT | GET | DELETE /_playground/faults       a plan: { seed, rules: [{ kinds: ["cut-tool"], probability: 0.1 }] }; its counts
//   PUT | GET          /_playground/conditions   { down?, spendCap?, spendCapTokens?, keys?, contextTokens?, delayMs? }
//   GET                /_playground/ledger
//   GET                /_playground/calls?after=0&limit=1000
//   GET                /_playground/unscripted
//   PUT | GET          /_playground/batches      { delayMs?, faults?, maxRequests?, maxBytes? }; what was made and asked
//
// Not built on @copilotkit/aimock: it shows a script the request in the shape of another API (no cache breakpoints, no system
// blocks), has no prompt-cache token counts, and cannot hang until the client leaves or say that it left.
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { BatonError, messageOf as reasonOf } from "../core/errors.ts";
import { createModelControl } from "./model-control.ts";
import {
  type ModelConditions,
  type ModelFaultPlan,
  type PlannedModelFaults,
  planModelFaults,
  refusalBy,
  spoil,
} from "./model-faults.ts";
import { createModelLedger, type ModelLedger } from "./model-ledger.ts";
import type { BatchConditions } from "./batch-faults.ts";
import { createBatchWork } from "./scripted-batch-work.ts";
import { createScriptedBatches, type ScriptedBatches } from "./scripted-batches.ts";
import {
  eventsOf,
  inputTokensOf,
  messageOf,
  noUsage,
  sendFailure,
  type ScriptedTurn,
  type StreamEvent,
} from "./scripted-reply.ts";
import { type MessagesRequest, readRequest } from "./scripted-request.ts";
import { callOf, described, type Call, type Script, type ScriptedCall, turnScript } from "./scripted-script.ts";

export type { ModelConditions, ModelFaultPlan } from "./model-faults.ts";
export type { ModelLedger } from "./model-ledger.ts";
export type { ScriptedTurn } from "./scripted-reply.ts";
export type { AgentScript, Script, ScriptedCall } from "./scripted-script.ts";

export interface ScriptedModelOptions {
  /** Default: any free one. */
  readonly port?: number;
  readonly script: Script | ((call: ScriptedCall) => Script);
  /** Called when a request has been read, before it is answered. */
  readonly onCall?: (call: ScriptedCall) => void;
  readonly faults?: ModelFaultPlan;
  readonly conditions?: ModelConditions;
  readonly batches?: BatchConditions;
  /** So many of the newest calls keep their whole request; default 1,000. */
  readonly keptRequests?: number;
  /** Serves `/_playground/…` beside the API. Default no. */
  readonly control?: boolean;
}

export interface ScriptedModel extends AsyncDisposable {
  /** The base URL for `createModel`. */
  readonly url: string;
  /** Every request that was well formed, oldest first. */
  readonly calls: readonly ScriptedCall[];
  /** What was asked that nobody scripted, or that the API would have refused: one line each. A test expects it to be empty. */
  readonly unscripted: readonly string[];
  /** Spoils replies by plan from now on; undefined: no more. Says what the plan did so far. */
  plan(plan: ModelFaultPlan | undefined): PlannedModelFaults["counts"];
  /** Takes the place of all conditions set before. */
  set(conditions: ModelConditions): void;
  conditions(): ModelConditions;
  /** What was asked and billed, by model and by conversation. */
  ledger(): ModelLedger;
  readonly batches: Pick<ScriptedBatches, "set" | "journal" | "settled">;
}

/** Starts the server on 127.0.0.1. Throws `invalid-usage` when the port is taken. */
export async function openScriptedModel(options: ScriptedModelOptions): Promise<ScriptedModel> {
  const { port = 0, script, onCall, keptRequests = 1_000 } = options;
  const calls: Call[] = [];
  const unscripted: string[] = [];
  const seen = new Map<string, number>();
  const ledger = createModelLedger();
  let conditions = options.conditions ?? {};
  let faults = planModelFaults(options.faults ?? { seed: 0, rules: [] });

  /** Writes a request down. */
  const enter = (request: MessagesRequest, body: string, batched: boolean) => {
    const hash = createHash("sha256").update(body).digest("base64");
    const tries = seen.get(hash) ?? 0;
    seen.set(hash, tries + 1);
    const call = callOf(request, calls.length + 1, tries, batched);
    calls.push(call);
    forget(calls[calls.length - 1 - keptRequests]);
    return { call, hash };
  };

  const answer = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await bodyOf(incoming);
    const refuse = (status: number, message: string) => {
      unscripted.push(message);
      sendFailure(response, { status, message });
    };
    const path = incoming.url?.split("?")[0] ?? "";
    if (control?.(incoming, body, response)) return;
    const inBatches = path === "/v1/messages/batches" || path.startsWith("/v1/messages/batches/");
    if (!inBatches && (incoming.method !== "POST" || path !== "/v1/messages")) {
      return refuse(
        404,
        `The scripted model serves POST /v1/messages and batches only, not ${incoming.method ?? ""} ${path}`,
      );
    }
    const key = keyOf(incoming);
    if (key === undefined) return refuse(401, "The request has no API key");
    if (!incoming.headers["anthropic-version"]) return refuse(400, "anthropic-version: header is required");
    if (inBatches) {
      const method = incoming.method ?? "";
      // What a key or a cap forbids is refused at once; what a request's own model and length do, when it is worked.
      const refusal = refusalBy(conditions, { key, model: "", inputTokens: 0, billedTokens: ledger.total() });
      if (refusal && (refusal.cause === "key" || method === "POST")) return sendFailure(response, refusal.failure);
      const url = new URL(incoming.url ?? "/", "http://127.0.0.1");
      if (batches.answer({ method, url, body }, response)) return;
      return refuse(404, `There is no ${method} ${path} here`);
    }
    const read = readRequest(body);
    if (read.type === "invalid") return refuse(400, `The request is not one the Messages API accepts: ${read.problem}`);

    const { call, hash } = enter(read.request, body, false);
    response.once("close", () => {
      if (call.outcome === "pending" && !response.writableFinished) call.outcome = "client-left";
      ledger.count(call, hash);
    });
    onCall?.(call);
    const refusal = refusalBy(conditions, {
      key,
      model: call.model,
      inputTokens: inputTokensOf(read.request),
      billedTokens: ledger.total(),
    });
    if (refusal) {
      [call.outcome, call.fault] = ["failed", refusal.cause];
      return sendFailure(response, refusal.failure);
    }
    const found = turnScript(typeof script === "function" ? script(call) : script, call);
    if ("missing" in found) {
      call.outcome = "unscripted";
      return refuse(400, `unscripted call: ${found.missing}. ${described(call)}`);
    }
    const turn = typeof found.turn === "function" ? await found.turn(call) : found.turn;
    const struck = faults.strike(call, hash);
    call.fault = struck?.kind;
    const played = struck ? spoil(struck, turn) : turn;
    await play(conditions.delayMs === undefined ? played : { delayMs: conditions.delayMs, ...played }, call, response);
  };

  const batches = createScriptedBatches({
    work: createBatchWork({
      script,
      enter: (request, body) => enter(request, body, true),
      ended: (call, hash) => ledger.count(call, hash),
      conditions: () => conditions,
      onCall,
      unscripted,
    }),
    url: () => model.url,
    refused: (message) => unscripted.push(message),
  });
  batches.set(options.batches ?? {});
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
  const model: ScriptedModel = {
    url: `http://127.0.0.1:${address.port}`,
    calls,
    unscripted,
    plan(plan) {
      faults = planModelFaults(plan ?? { seed: 0, rules: [] });
      return faults.counts;
    },
    set(fresh) {
      conditions = fresh;
    },
    conditions: () => conditions,
    ledger: () => ledger.sums(),
    batches,
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, "close");
      batches[Symbol.dispose]();
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
  const control = options.control === true ? createModelControl(model) : undefined;
  return model;
}

/** An old call keeps what it was about; its text is let go, also where a shorter string would hold on to it. */
function forget(call: Call | undefined): void {
  if (!call) return;
  call.request = { model: call.request.model, max_tokens: call.request.max_tokens, messages: [] };
  call.toolResults = [];
  call.brief = Buffer.from(call.brief.slice(0, 300)).toString("utf8");
}

/** The key, however it is sent; undefined without one. */
function keyOf({ headers }: IncomingMessage): string | undefined {
  const own = headers["x-api-key"];
  if (typeof own === "string" && own !== "") return own;
  return /^Bearer (\S+)$/i.exec(headers.authorization ?? "")?.[1];
}

async function bodyOf(incoming: IncomingMessage): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of incoming) if (chunk instanceof Uint8Array) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}

async function play(turn: ScriptedTurn, call: Call, response: ServerResponse): Promise<void> {
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
  const spoiled = call.fault === undefined ? "" : "spoiled";
  const message = messageOf(turn, call.request, `${call.agent} ${call.attempt} ${call.turn}`, spoiled);
  const billed = { ...noUsage };
  call.billed = billed;
  const { usage } = message;
  const begin = () => {
    billed.inputTokens = usage.input_tokens;
    billed.cacheReadTokens = usage.cache_read_input_tokens;
    billed.cacheWriteTokens = usage.cache_creation_input_tokens;
  };
  if (call.request.stream !== true) {
    response.writeHead(200, { "content-type": "application/json" });
    begin();
    billed.outputTokens = usage.output_tokens;
    call.finished = finishes(turn);
    call.outcome = "answered";
    return void response.end(JSON.stringify(message));
  }
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" });
  let characters = 0;
  for (const event of eventsOf(message, turn)) {
    if (gone.signal.aborted) return;
    if (event === undefined) {
      if (turn.hang === "middle") return void (await untilGone());
      if (turn.cut === "middle") return cut(call, response);
      if (!turn.streamError) continue;
      call.outcome = "failed";
      return void response.end(frame({ type: "error", error: turn.streamError }));
    }
    if (event.type === "message_delta" && turn.cut === "end") return cut(call, response);
    response.write(frame(event));
    // What has gone out is paid for, whether or not the rest follows: four characters a token, until the whole is counted.
    if (event.type === "message_start") begin();
    if (event.type === "content_block_delta")
      characters += event.delta?.text?.length ?? event.delta?.partial_json?.length ?? 0;
    billed.outputTokens =
      event.type === "message_delta"
        ? usage.output_tokens
        : Math.max(billed.outputTokens, 1, Math.ceil(characters / 4));
    if (event.type === "content_block_delta") await pause(turn.chunkMs);
  }
  call.finished = finishes(turn);
  call.outcome = "answered";
  response.end();
}

const finishes = ({ tools = [] }: ScriptedTurn) => tools.some(({ name }) => name === "finish");

/** What was written goes out, then the connection breaks without the end of the body. */
function cut(call: Call, response: ServerResponse): void {
  call.outcome = "cut";
  response.socket?.end();
}

function frame(event: StreamEvent): string {
  return `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
}
