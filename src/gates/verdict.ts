// What one gate concludes, and what it is given to conclude it with. `create-gates.ts` makes the recorded result of it.
import type { Execute } from "../core/command.ts";
import type { Log } from "../core/log.ts";
import type { Evidence, GateResult } from "../engine/events.ts";
import type { GateRequest } from "../engine/ports.ts";
import type { Tried } from "../workflows/setup.ts";
import type { Workspaces } from "../workspace/workspaces.ts";

export interface Verdict {
  readonly passed: boolean;
  readonly code: string;
  readonly summary: string;
  readonly notes?: readonly string[];
  /** Of the gate `tried`. */
  readonly tried?: Tried;
  /** Of the gate `red`. */
  readonly cited?: GateResult["cited"];
}

export interface GateLimits {
  /** Milliseconds one run of the reproduction, or of the tests that pin behaviour, may take. */
  readonly reproductionMs: number;
  /** These are run a third time, in another fresh clone, when all before took fewer milliseconds than this. */
  readonly thirdRunMs: number;
  /** Milliseconds one run of the test suite may take. */
  readonly suiteMs: number;
}

/** One check. */
export interface GateContext {
  readonly request: GateRequest;
  readonly workspaces: Workspaces;
  readonly run: Execute;
  readonly log: Log;
  /** Where editors find the schema of the config, when that is known. */
  readonly schema?: string | undefined;
  readonly limits: GateLimits;
  readonly signal: AbortSignal;
  /** Every command's evidence is added here, so that it is kept when the gate breaks later on. */
  readonly evidence: Evidence[];
  /** Lines for people, added along the way. */
  readonly notes: string[];
}

export function passed(code: string, summary: string, notes: readonly string[] = []): Verdict {
  return { passed: true, code, summary, notes };
}

export function refused(code: string, summary: string, notes: readonly string[] = []): Verdict {
  return { passed: false, code, summary, notes };
}

/** "3 tests", "1 test". */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

/** The first few of many, for one line. */
export function few(items: readonly string[], most = 3): string {
  const shown = items.slice(0, most).join(", ");
  return items.length > most ? `${shown} and ${items.length - most} more` : shown;
}

/** Runs of white space count as one space: runners wrap and indent. */
export function squeezed(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}

export function clip(text: string): string {
  const short = squeezed(text);
  return short.length > 120 ? `${short.slice(0, 119)}…` : short;
}
