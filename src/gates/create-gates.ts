// The gates: deterministic checks run by Baton, never by a model. Each one fails closed: a gate that breaks has not passed.
import type { Execute } from "../core/command.ts";
import { assertNever, messageOf } from "../core/errors.ts";
import type { Log } from "../core/log.ts";
import type { GateResult } from "../engine/events.ts";
import type { Gates } from "../engine/ports.ts";
import type { Workspaces } from "../workspace/workspaces.ts";
import { baseline } from "./baseline.ts";
import { green } from "./green.ts";
import { integrity } from "./integrity.ts";
import { kept } from "./kept.ts";
import { pinned } from "./pinned.ts";
import { red } from "./red.ts";
import { createRunCache, type RunCache } from "./run-cache.ts";
import { resolved } from "./resolved.ts";
import { scope } from "./scope.ts";
import { sharp } from "./sharp.ts";
import { surface } from "./surface.ts";
import { tried } from "./tried.ts";
import { readable } from "./trial.ts";
import { refused, type GateContext, type GateLimits, type Verdict } from "./verdict.ts";

export interface GatesOptions {
  readonly workspaces: Workspaces;
  /** Runs the repository's commands in a sandbox, without network. */
  readonly run: Execute;
  readonly log: Log;
  /** Where editors find the schema of the config, when that is known. */
  readonly schema?: string | undefined;
  readonly limits?: Partial<GateLimits>;
}

const defaultLimits: GateLimits = { reproductionMs: 5 * 60_000, thirdRunMs: 60_000, suiteMs: 20 * 60_000 };

/** Bounds of a recorded result (engine/events.ts). */
const most = { code: 60, summary: 500, notes: 50, note: 1_000, evidence: 20 };

/** Gates that work in fresh workspaces and remember, while they live, how commands went on commits that do not change. */
export function createGates(options: GatesOptions): Gates {
  const { workspaces, run, log, schema } = options;
  const limits = { ...defaultLimits, ...options.limits };
  const cache = createRunCache();
  return {
    async check(request, signal) {
      signal.throwIfAborted();
      const started = performance.now();
      const context: GateContext = { request, workspaces, run, log, schema, limits, signal, evidence: [], notes: [] };
      const verdict = await decide(context, cache);
      signal.throwIfAborted();
      const result = recorded(context, verdict, (performance.now() - started) / 1_000);
      const { gate, passed, code, summary, seconds } = result;
      log.info("gate checked", { run: request.runId, gate, passed, code, summary, seconds });
      return result;
    },
  };
}

async function decide(context: GateContext, cache: RunCache): Promise<Verdict> {
  try {
    return await runGate(context, cache);
  } catch (error) {
    context.signal.throwIfAborted();
    context.log.warn("gate broke", { run: context.request.runId, gate: context.request.gate, error: messageOf(error) });
    return refused("gate-failed", `The check itself could not be made: ${messageOf(error)}`);
  }
}

async function runGate(context: GateContext, cache: RunCache): Promise<Verdict> {
  const { gate } = context.request;
  switch (gate) {
    case "red":
      return await red(context);
    case "green":
      return await green(context, cache);
    case "baseline":
      return await baseline(context, cache);
    case "integrity":
      return await integrity(context);
    case "scope":
      return await scope(context);
    case "resolved":
      return await resolved(context);
    case "pinned":
      return await pinned(context);
    case "sharp":
      return await sharp(context);
    case "kept":
      return await kept(context, cache);
    case "surface":
      return await surface(context);
    case "tried":
      return await tried(context);
    default:
      return assertNever(gate);
  }
}

function recorded({ request, evidence, notes }: GateContext, verdict: Verdict, seconds: number): GateResult {
  const line = (text: string, length: number) =>
    readable(text).replace(/\s+/g, " ").trim().slice(0, length).toWellFormed();
  return {
    gate: request.gate,
    passed: verdict.passed,
    code: verdict.code.slice(0, most.code),
    summary: line(verdict.summary, most.summary),
    notes: [...(verdict.notes ?? []), ...notes].slice(0, most.notes).map((note) => line(note, most.note)),
    // The last ones decided.
    evidence: evidence.slice(-most.evidence),
    seconds: Math.round(seconds * 1_000) / 1_000,
    ...(verdict.tried ? { tried: verdict.tried } : {}),
    ...(verdict.cited ? { cited: verdict.cited } : {}),
  };
}
