// The few values that must not be mixed up are branded: a head for a base commit, dollars for micro-dollars.
// Brands are made only here (by checking) and by schemas at a door.
import { randomUUID } from "node:crypto";
import { BatonError } from "./errors.ts";

declare const brand: unique symbol;
type Brand<T, Name extends string> = T & { readonly [brand]: Name };

/** Names one run: `run-` and 12 hex digits. */
export type RunId = Brand<string, "RunId">;
/** A full git commit id: 40 lower-case hex digits. */
export type Sha = Brand<string, "Sha">;
/** Millionths of a US dollar; always a whole number. Money is never held in floating dollars. */
export type MicroDollars = Brand<number, "MicroDollars">;

export function isRunId(value: string): value is RunId {
  return /^run-[0-9a-f]{12}$/.test(value);
}

/** Reads a run id from text that came from outside; throws `invalid-id` when it is not one. */
export function runId(value: string): RunId {
  if (isRunId(value)) return value;
  throw new BatonError("invalid-id", `"${value}" is not a run id (expected run- and 12 hex digits)`);
}

/** A fresh run id. */
export function newRunId(): RunId {
  return runId(`run-${randomUUID().replaceAll("-", "").slice(0, 12)}`);
}

export function isSha(value: string): value is Sha {
  return /^[0-9a-f]{40}$/.test(value);
}

/** Reads a commit id; throws `invalid-id` when it is not 40 hex digits. */
export function sha(value: string): Sha {
  if (isSha(value)) return value;
  throw new BatonError("invalid-id", `"${value}" is not a commit id (expected 40 hex digits)`);
}

function isMicroDollars(value: number): value is MicroDollars {
  return Number.isSafeInteger(value);
}

/** Rounds to whole micro-dollars; throws `invalid-id` for NaN and infinities. */
export function microDollars(value: number): MicroDollars {
  const rounded = Math.round(value);
  if (isMicroDollars(rounded)) return rounded;
  throw new BatonError("invalid-id", `${value} is not an amount of micro-dollars`);
}

/** Dollars, as people write them, in micro-dollars: 5 → 5_000_000. */
export function dollars(value: number): MicroDollars {
  return microDollars(value * 1_000_000);
}

/** An amount as people read it: `$0.05`, `$12.30`; below a cent with four digits. */
export function formatDollars(amount: MicroDollars): string {
  const value = amount / 1_000_000;
  return `$${value !== 0 && Math.abs(value) < 0.01 ? value.toFixed(4) : value.toFixed(2)}`;
}
