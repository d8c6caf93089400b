// One request of a batch for one issue, and what its reply says. There is no conversation in a batch: a reply that holds no valid triage
// is counted and named, and nothing is asked again.
import type { TextBlockParam } from "@anthropic-ai/sdk/resources/messages/messages";
import { FINISH, readFinish } from "../agents/finish.ts";
import type { ModelReply, ModelRequest } from "../agents/model.ts";
import { systemPrompt } from "../agents/system-prompt.ts";
import { Triage } from "../workflows/artifacts.ts";
import type { AgentDefinition } from "../workflows/schema.ts";
import { TRIAGE_TOKENS, triageTool, writeTriageBrief, type Issue } from "./prompt.ts";

export interface Asking {
  readonly agent: AgentDefinition;
  readonly model: string;
  /** One for all requests of a batch, so that they begin alike. */
  readonly boundary: string;
}

/**
 * The request for one issue. What is the same for all (tools, rules, labels) comes first, up to a cache breakpoint of five minutes:
 * requests of a batch are worked side by side, and one of an hour costs more whenever nothing is found in it.
 */
export function triageRequest({ agent, model, boundary }: Asking, issue: Issue): ModelRequest {
  const { shared, own } = writeTriageBrief(issue, boundary);
  const cached = (text: string): TextBlockParam => ({ type: "text", text, cache_control: { type: "ephemeral" } });
  return {
    model,
    maxTokens: TRIAGE_TOKENS,
    system: [cached(systemPrompt(agent, false))],
    tools: [triageTool()],
    messages: [{ role: "user", content: [cached(shared), { type: "text", text: own }] }],
  };
}

/** What a reply hands in, or in words why it is no triage. */
export function readTriage({
  stopReason,
  calls,
}: Pick<ModelReply, "stopReason" | "calls">):
  | { readonly type: "sorted"; readonly triage: Triage }
  | { readonly type: "invalid"; readonly problem: string } {
  const invalid = (problem: string) => ({ type: "invalid" as const, problem: problem.slice(0, 1_000) });
  if (stopReason === "refusal") return invalid("the model declined");
  if (stopReason === "max_tokens") return invalid(`the reply was cut off at ${TRIAGE_TOKENS} tokens`);
  if (stopReason === "model_context_window_exceeded") return invalid("the issue does not fit the model's context");
  const call = calls.find(({ name }) => name === FINISH);
  if (!call) return invalid(`the reply does not call ${FINISH}`);
  const read = readFinish(Triage, call.input);
  return read.type === "valid"
    ? { type: "sorted", triage: read.value }
    : invalid(read.problems.replaceAll(/\n?- /g, "; ").replace(/^; /, ""));
}
