// Works a backlog: makes batches, waits for them, and writes down what came of them, each step so that a process that dies after it is
// followed by one that goes on.
// The one step that costs money, making a batch, is written down before it is tried; where it is not known whether it happened, it is
// searched for (`batch-search.ts`).
import { randomBytes } from "node:crypto";
import type { BatchResult } from "../agents/batch-results.ts";
import {
  bytesOf,
  type Batch,
  type BatchFailure,
  type BatchRequest,
  type Batches,
  type Told,
} from "../agents/batches.ts";
import { clip } from "../agents/clip.ts";
import type { ModelRequest } from "../agents/model.ts";
import { BATCH_FACTOR, noTokens, price, type TokenUsage } from "../agents/prices.ts";
import { BatonError } from "../core/errors.ts";
import { faultPoint } from "../core/fault-points.ts";
import type { Spend } from "../engine/events.ts";
import type { Fact, OpenBacklog, Outcome, UnderWay } from "./backlog.ts";
import { readTriage } from "./backlog-requests.ts";
import { countOf, createBatchSearch, patience, type Waiting } from "./batch-search.ts";

/** An issue that is ready to be submitted; `text` names what it says. */
export interface Prepared {
  readonly issue: number;
  readonly text: string;
  readonly mentioned: readonly number[];
  readonly request: ModelRequest;
}

export interface BacklogWorkOptions extends Waiting {
  readonly batches: Batches;
  readonly backlog: OpenBacklog;
  /** How much a batch may hold. Default: the API's limits. */
  readonly limits?: { readonly requests: number; readonly bytes: number };
  /** Milliseconds within which a request that was sent becomes a batch that is listed. Default 5 s. */
  readonly settleMs?: number;
}

/** What came of the request for an issue. */
export interface Collected {
  readonly issue: number;
  readonly outcome: Outcome;
}

/** Every method throws `model-failed` when the API does not do what is asked, and the signal's reason when it fires. */
export interface BacklogWork {
  /** Submits in as few batches as the limits allow; what is submitted is not waited for. */
  submit(prepared: Iterable<Prepared>, signal: AbortSignal): Promise<void>;
  /** Finds what was intended, waits for what is under way, and collects it. Gives what it collected, oldest first. */
  collect(signal: AbortSignal): Promise<readonly Collected[]>;
  /** Asks for no more work on what is under way. */
  cancel(signal: AbortSignal): Promise<void>;
}

/** docs.claude.com, "Batch processing"; a megabyte is kept for what is around the requests. */
const LIMITS = { requests: 100_000, bytes: 255_000_000 };
const REREAD_MS = 1_000;
/** Readings of results before what is missing is left to another call. */
const READINGS = 3;

export function createBacklogWork(options: BacklogWorkOptions): BacklogWork {
  const { batches, backlog, clock, pause, tell, limits = LIMITS } = options;
  const search = createBatchSearch(options);

  /** What an intention has become, written down. False when there is no batch. */
  async function identify(batch: UnderWay, signal: AbortSignal): Promise<boolean> {
    if (batch.id !== undefined) return true;
    const found = demand(await search(batch, signal), signal);
    if (!found) {
      const why = "no batch with its requests was found";
      await backlog.append({ type: "abandoned", batch: batch.batch, why });
      return false;
    }
    await backlog.append({ type: "submitted", batch: batch.batch, id: found.id, at: clock.now() });
    tell(`Found the batch ${found.id}, which an earlier process had submitted.`);
    return true;
  }

  async function ended(id: string, count: number, signal: AbortSignal): Promise<Batch> {
    const wait = patience(options, `Still waiting for ${id}`);
    let told = false;
    for (;;) {
      const seen = await batches.status(id, signal);
      signal.throwIfAborted();
      if (seen.type === "told" && seen.value.status === "ended") return seen.value;
      if (seen.type === "failed") {
        if (seen.reason !== "away" && seen.reason !== "limited") throw unknown(id, seen);
        tell(`The batch cannot be looked at for now: ${seen.message} It goes on all the same.`);
      } else if (!told) {
        tell(
          `Waiting for ${id} (${countOf(count)}): most batches end within an hour, all within a day. Ctrl-C is safe: the same command goes on with it.`,
        );
        told = true;
      }
      await faultPoint("backlog.looked");
      await wait(seen.type === "failed" ? (seen.waitMs ?? 0) : 0, signal);
    }
  }

  async function resultsOf(id: string, requests: UnderWay["requests"], signal: AbortSignal) {
    const results = new Map<string, BatchResult>();
    for (let reading = 1; ; reading += 1) {
      demand(
        await batches.results(
          id,
          (result) => {
            if (!results.has(result.id)) results.set(result.id, result);
          },
          signal,
        ),
        signal,
      );
      const missing = requests.filter((request) => !results.has(request.id)).length;
      if (missing === 0) return results;
      if (reading === READINGS)
        throw new BatonError(
          "model-failed",
          `${missing} of ${requests.length} results of ${id} did not come, ${READINGS} times; call \`baton triage\` again to collect them`,
          { retryable: true },
        );
      await pause(REREAD_MS, signal);
      signal.throwIfAborted();
    }
  }

  async function collectOne(batch: UnderWay & { readonly id: string }, signal: AbortSignal): Promise<Collected[]> {
    const { id, requests, model } = batch;
    const { archived } = await ended(id, requests.length, signal);
    const read = archived ? new Map<string, BatchResult>() : await resultsOf(id, requests, signal);
    const results = requests.map((request) => ({ id: request.id, outcome: outcomeOf(read.get(request.id), model) }));
    await faultPoint("backlog.read");
    await backlog.append({ type: "collected", batch: batch.batch, at: clock.now(), results });
    await faultPoint("backlog.collected");
    return results.map(({ outcome }, index) => ({ issue: requests[index]?.issue ?? 0, outcome }));
  }

  return {
    async submit(prepared, signal) {
      for (const requests of chunks(prepared, limits)) {
        const [newest] = demand(await batches.list({ limit: 1 }, signal), signal).batches;
        const name = randomBytes(8).toString("hex");
        const named = requests.map((one) => ({ ...one, id: requestId(name, one.issue) }));
        const intended: Extract<Fact, { type: "intended" }> = {
          type: "intended",
          batch: name,
          at: clock.now(),
          after: newest?.id ?? null,
          model: requests[0]?.request.model ?? "",
          requests: named.map(({ request, mentioned, ...rest }) => ({
            ...rest,
            mentioned: [...mentioned],
            bytes: bytesOf({ id: rest.id, request }),
          })),
        };
        await backlog.append(intended);
        await faultPoint("backlog.intended");
        const look = () => search({ ...intended, intendedAt: intended.at }, signal);
        const made = await batches.create(named satisfies readonly BatchRequest[], { signal, look });
        if (made.type === "failed") {
          if (!made.perhaps) await backlog.append({ type: "abandoned", batch: name, why: clip(made.message, 2_000) });
          signal.throwIfAborted();
          throw modelFailed(made);
        }
        await faultPoint("backlog.made");
        await backlog.append({ type: "submitted", batch: name, id: made.value.id, at: clock.now() });
        await faultPoint("backlog.submitted");
        tell(`Submitted ${countOf(requests.length)} as ${made.value.id}.`);
      }
    },

    async collect(signal) {
      for (const batch of backlog.state.underWay) await identify(batch, signal);
      const collected: Collected[] = [];
      for (const batch of backlog.state.underWay)
        if (batch.id !== undefined) collected.push(...(await collectOne({ ...batch, id: batch.id }, signal)));
      return collected;
    },

    async cancel(signal) {
      for (const batch of backlog.state.underWay) await identify(batch, signal);
      for (const { id } of backlog.state.underWay) {
        if (id === undefined) continue;
        const told = await batches.cancel(id, signal);
        signal.throwIfAborted();
        if (told.type === "failed") throw unknown(id, told);
      }
    },
  };
}

/** A request's name: unique for ever, and legible. */
function requestId(batch: string, issue: number): string {
  return `${batch}-${issue}`;
}

/** Parts no larger than a batch may be, each request in one. */
function* chunks(prepared: Iterable<Prepared>, limits: NonNullable<BacklogWorkOptions["limits"]>) {
  let part: Prepared[] = [];
  let size = 0;
  for (const one of prepared) {
    const bytes = bytesOf({ id: requestId("0".repeat(16), one.issue), request: one.request });
    if (part.length > 0 && (part.length === limits.requests || size + bytes > limits.bytes)) {
      yield part;
      part = [];
      size = 0;
    }
    part.push(one);
    size += bytes;
  }
  if (part.length > 0) yield part;
}

function outcomeOf(result: BatchResult | undefined, model: string): Outcome {
  if (!result) return { type: "lost" };
  if (result.type === "expired" || result.type === "canceled") return { type: result.type };
  if (result.type === "errored") return { type: "errored", problem: clip(result.message, 1_000) };
  if (result.type === "unreadable")
    return { type: "invalid", problem: clip(result.message, 1_000), spend: spendOf(model, noTokens) };
  return { ...readTriage(result.reply), spend: spendOf(model, result.reply.usage) };
}

function spendOf(model: string, usage: TokenUsage): Spend {
  return { turns: 1, ...usage, microDollars: price(model, usage, BATCH_FACTOR) };
}

function demand<T>(told: Told<T>, signal: AbortSignal): T {
  if (told.type === "told") return told.value;
  signal.throwIfAborted();
  throw modelFailed(told);
}

function modelFailed({ message, waitMs }: BatchFailure): BatonError {
  const retryAt = waitMs === undefined ? undefined : Date.now() + waitMs;
  return new BatonError("model-failed", message, { retryable: true, retryAt });
}

/** A batch whose id is written down and that the API does not know. */
function unknown(id: string, failure: BatchFailure): BatonError {
  if (failure.reason !== "rejected") return modelFailed(failure);
  return new BatonError(
    "model-failed",
    `the batch ${id} cannot be looked at: ${failure.message} Batches belong to the workspace of the key they were submitted with: use that key`,
  );
}
