// Works one request of a batch by the script of the scripted model, as its server works a request that comes alone.
import { createHash } from "node:crypto";
import { messageOf as reasonOf } from "../core/errors.ts";
import { type ModelConditions, refusalBy } from "./model-faults.ts";
import type { ScriptedBatchesOptions } from "./scripted-batches.ts";
import { batchUsage, failureBody, inputTokensOf, messageOf, type ScriptedFailure } from "./scripted-reply.ts";
import { checkRequest, type MessagesRequest } from "./scripted-request.ts";
import { type Call, described, type Script, type ScriptedCall, turnScript } from "./scripted-script.ts";

export interface BatchWorkOptions {
  readonly script: Script | ((call: ScriptedCall) => Script);
  /** Writes a request down. */
  readonly enter: (request: MessagesRequest, body: string) => { readonly call: Call; readonly hash: string };
  /** Told when it has ended. */
  readonly ended: (call: Call, hash: string) => void;
  readonly conditions: () => ModelConditions;
  readonly onCall: ((call: ScriptedCall) => void) | undefined;
  readonly unscripted: string[];
}

/** What works a request's `params`. What goes wrong is its result. */
export function createBatchWork(options: BatchWorkOptions): ScriptedBatchesOptions["work"] {
  const { script, enter, ended, conditions, onCall, unscripted } = options;
  /** Beginnings of prompts that the cache has; one for all batches. */
  const cached = new Set<string>();
  return async (params) => {
    const body = JSON.stringify(params) ?? "";
    const errored = (failure: ScriptedFailure) => ({
      type: "errored" as const,
      error: { ...failureBody(failure), request_id: requestId(body) },
    });
    const read = checkRequest(params);
    if (read.type === "invalid") return errored({ status: 400, message: read.problem });
    const { call, hash } = enter(read.request, body);
    onCall?.(call);
    try {
      call.outcome = "failed";
      const asked = { key: "", model: call.model, inputTokens: inputTokensOf(read.request), billedTokens: 0 };
      const refusal = refusalBy({ ...conditions(), keys: undefined, spendCap: undefined }, asked);
      if (refusal) {
        call.fault = refusal.cause;
        return errored(refusal.failure);
      }
      const found = turnScript(typeof script === "function" ? script(call) : script, call);
      if ("missing" in found) {
        call.outcome = "unscripted";
        const message = `unscripted call: ${found.missing}. ${described(call)}`;
        unscripted.push(message);
        return errored({ status: 400, message });
      }
      const turn = typeof found.turn === "function" ? await found.turn(call) : found.turn;
      if (turn.fail) return errored(turn.fail);
      if (turn.expires) return { type: "expired" };
      const usage = { ...batchUsage(read.request, cached), ...turn.usage };
      // The ids of messages are the request's own: a batch holds many first turns.
      const message = messageOf({ ...turn, usage }, read.request, body);
      call.billed = {
        inputTokens: message.usage.input_tokens,
        outputTokens: message.usage.output_tokens,
        cacheReadTokens: message.usage.cache_read_input_tokens,
        cacheWriteTokens: message.usage.cache_creation_input_tokens,
      };
      [call.outcome, call.finished] = ["answered", (turn.tools ?? []).some(({ name }) => name === "finish")];
      return { type: "succeeded", message };
    } catch (error) {
      const message = `the script failed: ${reasonOf(error)}`;
      unscripted.push(message);
      return errored({ status: 400, message });
    } finally {
      ended(call, hash);
    }
  };
}

/** A stable id for a request, as it stands in an error. */
function requestId(seed: string): string {
  return `req_${createHash("sha256").update(seed).digest("hex").slice(0, 24)}`;
}
