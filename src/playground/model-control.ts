// The scripted model's control over HTTP: plans, conditions, and what was counted, as JSON. Its addresses are in scripted-model.ts.
import type { IncomingMessage, ServerResponse } from "node:http";
import { z } from "zod";
import { messageOf } from "../core/errors.ts";
import { CONTROL } from "./control.ts";
import { modelConditionsSchema, modelFaultPlanSchema, type PlannedModelFaults } from "./model-faults.ts";
import { batchConditionsSchema } from "./batch-faults.ts";
import type { ScriptedModel } from "./scripted-model.ts";

/** Answers requests to the control, and says whether the request was one. Only for programs: a browser's page is refused. */
export function createModelControl(
  model: Pick<ScriptedModel, "plan" | "set" | "conditions" | "ledger" | "calls" | "unscripted" | "batches">,
) {
  let counts: PlannedModelFaults["counts"] = () => [];

  const answer = (method: string, url: URL, body: string): unknown => {
    const given = (): unknown => JSON.parse(body || "{}");
    switch (`${method} ${url.pathname.slice(CONTROL.length)}`) {
      case "PUT faults":
        counts = model.plan(modelFaultPlanSchema.parse(given()));
        return {};
      case "GET faults":
        return counts();
      case "DELETE faults":
        counts = model.plan(undefined);
        return {};
      case "PUT conditions":
        model.set(modelConditionsSchema.parse(given()));
        return {};
      case "GET conditions":
        return model.conditions();
      case "GET ledger":
        return model.ledger();
      case "GET calls": {
        const from = Number(url.searchParams.get("after") ?? 0);
        const calls = model.calls.slice(from, from + Number(url.searchParams.get("limit") ?? 1000));
        return calls.map((call) => ({ ...call, request: undefined, toolResults: undefined }));
      }
      case "PUT batches":
        model.batches.set(batchConditionsSchema.parse(given()));
        return {};
      case "GET batches":
        return model.batches.journal();
      case "GET unscripted":
        return model.unscripted;
      default:
        return undefined;
    }
  };

  return (incoming: IncomingMessage, body: string, response: ServerResponse): boolean => {
    const url = new URL(incoming.url ?? "/", "http://127.0.0.1");
    if (!url.pathname.startsWith(CONTROL)) return false;
    const send = (status: number, value: unknown) => {
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
      return true;
    };
    if (incoming.headers.origin !== undefined || incoming.headers["sec-fetch-site"] !== undefined)
      return send(403, { error: "The control is for programs, not for pages." });
    try {
      const found = answer(incoming.method ?? "", url, body);
      return found === undefined
        ? send(404, { error: `No ${incoming.method ?? ""} ${url.pathname} here` })
        : send(200, found);
    } catch (error) {
      return send(400, { error: error instanceof z.ZodError ? z.prettifyError(error) : messageOf(error) });
    }
  };
}
