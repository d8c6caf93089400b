// What a script for the scripted model is, what it is shown of a request, and which turn of it comes next: read from the request
// alone, so that a conversation that was resumed, restarted or begun anew hears what belongs there.
import { hash } from "./creations.ts";
import { noUsage, type ScriptedTurn, type ScriptedUsage, SPOILED } from "./scripted-reply.ts";
import { type MessagesRequest, textOf, toolResults, toolUses } from "./scripted-request.ts";

/** One request, as the journal keeps it. */
export interface ScriptedCall {
  /** Counted from 1 over the server's life. */
  readonly number: number;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly agent: string;
  readonly attempt: number;
  /** Counted from 1: the number of replies in the conversation so far, and one. */
  readonly turn: number;
  /** How often the very same request came before: a retry of Baton's. */
  readonly tries: number;
  readonly model: string;
  /** The same for all requests of one conversation: from its system prompt and its first message. */
  readonly conversation: string;
  /** The first user message; of an old call its beginning. */
  readonly brief: string;
  /** What the tools of the turn before said, in the order they were called. */
  readonly toolResults: readonly { readonly name: string; readonly ok: boolean; readonly output: string }[];
  /** Of an old call without its messages. */
  readonly request: MessagesRequest;
  /** It was a request of a batch. */
  readonly batched: boolean;
  /** How it ended; "pending" until then. */
  readonly outcome: "pending" | "answered" | "failed" | "cut" | "client-left" | "unscripted";
  /** What went wrong by plan or condition. */
  readonly fault: string | undefined;
  /** What the API would have billed for it so far. */
  readonly billed: ScriptedUsage;
  /** The whole of a reply that called `finish` was sent. */
  readonly finished: boolean;
  /** The request shows an earlier reply that called `finish`: it asks for a better one. */
  readonly showsFinish: boolean;
}
export type Call = { -readonly [Key in keyof ScriptedCall]: ScriptedCall[Key] };

export type TurnScript = ScriptedTurn | ((call: ScriptedCall) => ScriptedTurn | Promise<ScriptedTurn>);
/** Attempts, each a list of turns; or one function for every turn of every attempt. */
export type AgentScript =
  | readonly (readonly TurnScript[])[]
  | ((call: ScriptedCall) => ScriptedTurn | Promise<ScriptedTurn>);
export type Script = Readonly<Record<string, AgentScript>>;

/** What a script is shown of a request. */
export function callOf(request: MessagesRequest, number: number, tries: number, batched = false): Call {
  const system = textOf(request.system ?? "");
  const brief = textOf(request.messages[0]?.content ?? "");
  const last = request.messages.at(-1);
  const uses = toolUses(request.messages.at(-2)?.content ?? "");
  return {
    number,
    at: Date.now(),
    agent: /^# Agent: (\S+)/.exec(system)?.[1] ?? "unknown",
    attempt: Number(/^Attempt (\d+) of \d+/.exec(brief)?.[1] ?? 1),
    turn: request.messages.filter(({ role }) => role === "assistant").length + 1,
    tries,
    model: request.model,
    conversation: hash(`${system}\0${brief}`),
    brief,
    toolResults: toolResults(last?.content ?? "").map(({ id, ok, output }) => ({
      name: uses.find((use) => use.id === id)?.name ?? "",
      ok,
      output,
    })),
    request,
    batched,
    outcome: "pending",
    fault: undefined,
    billed: noUsage,
    finished: false,
    showsFinish: request.messages.some(({ content }) => toolUses(content).some(({ name }) => name === "finish")),
  };
}

/** The turn that comes next, or why there is none. */
export function turnScript(script: Script, call: ScriptedCall): { turn: TurnScript } | { missing: string } {
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
  const position = played(attempt, call.request);
  const turn = attempt[position];
  if (turn === undefined) {
    return {
      missing: `attempt ${call.attempt} of agent "${call.agent}" has ${attempt.length} scripted turns, and turn ${position + 1} was asked for`,
    };
  }
  return { turn };
}

/**
 * How many turns of a list the conversation shows. A reply that a planned fault spoiled is none: its tool calls are marked, and
 * where the script calls tools a reply without a call cannot have been the script's.
 */
function played(turns: readonly TurnScript[], request: MessagesRequest): number {
  let count = 0;
  for (const { role, content } of request.messages) {
    if (role !== "assistant") continue;
    const uses = toolUses(content);
    const turn = turns[count];
    const callsTools = typeof turn === "object" && (turn.tools ?? []).length > 0;
    const spoiled = uses.length === 0 ? callsTools : uses.every(({ id }) => id.startsWith(SPOILED));
    if (!spoiled) count += 1;
  }
  return count;
}

/** The call in one line, for the message about a script that has a gap. */
export function described(call: ScriptedCall): string {
  const last = textOf(call.request.messages.at(-1)?.content ?? "").slice(-300);
  const results = call.toolResults.map(
    ({ name, ok, output }) => `${name} ${ok ? "ok" : "failed"}: ${output.slice(0, 200)}`,
  );
  return `Model ${call.model}; last said to it: ${JSON.stringify([...results, ...(last ? [last] : [])])}`;
}
