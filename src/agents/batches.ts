// Message batches: many requests worked within a day at half the price. One call asks the API one thing and gives a value; nothing is thrown.
//
// What may be asked twice is tried again by the policy of `model-fault.ts`. Making a batch may not: a try whose answer was lost may have
// made it, and a second one would be paid for too. So before each further try the caller looks whether it is there. The API does not tell
// the ids of a batch's requests before it has ended; how to look all the same is the caller's business (`triage/backlog-work.ts`).
import type { MessageBatch } from "@anthropic-ai/sdk/resources/messages/batches";
import { setTimeout as delay } from "node:timers/promises";
import type { Log } from "../core/log.ts";
import { readResults, type BatchResult } from "./batch-results.ts";
import type { ModelRequest } from "./model.ts";
import { givenUp, judge, pauseMs, type Fault, type GiveUp } from "./model-fault.ts";
import { connectionFault, openSdk, type Sdk } from "./sdk.ts";

/** `id`: 1 to 64 letters, digits, `-` and `_`, each once in a batch; its result is told by it. */
export interface BatchRequest {
  readonly id: string;
  readonly request: ModelRequest;
}

/** A batch as the API tells it. Times in milliseconds since 1970. */
export interface Batch {
  readonly id: string;
  /** `ended`: every request has its result. */
  readonly status: "in-progress" | "canceling" | "ended";
  readonly createdAt: number;
  /** Requests in all. */
  readonly requests: number;
  /** Its results are no longer kept: they are for 29 days. */
  readonly archived: boolean;
}

export interface BatchFailure {
  readonly type: "failed";
  readonly reason: GiveUp | "aborted";
  readonly message: string;
  /** How long the API asks to wait, in milliseconds. */
  readonly waitMs?: number | undefined;
}
export type Told<T> = { readonly type: "told"; readonly value: T } | BatchFailure;

export interface MakeOptions {
  readonly signal: AbortSignal;
  /** Asked before a further try when an earlier one may have made the batch: the batch, if it did. */
  readonly look: () => Promise<Told<Batch | undefined>>;
}

export interface Batches {
  /** Makes a batch, at most once. `perhaps`: it failed, and there may be a batch all the same. */
  create(
    requests: readonly BatchRequest[],
    options: MakeOptions,
  ): Promise<{ readonly type: "told"; readonly value: Batch } | (BatchFailure & { readonly perhaps: boolean })>;
  status(id: string, signal: AbortSignal): Promise<Told<Batch>>;
  /** A page of all batches of the key's workspace, newest first, behind the batch `after`; whether more follow. */
  list(
    page: { readonly after?: string | undefined; readonly limit: number },
    signal: AbortSignal,
  ): Promise<Told<{ readonly batches: readonly Batch[]; readonly more: boolean }>>;
  /** Hands over the results of an ended batch one by one, in no order, until `take` says "enough". A broken stream is read again, so one may come twice. */
  results(id: string, take: (result: BatchResult) => "enough" | void, signal: AbortSignal): Promise<Told<void>>;
  /** Asks for no more work on it; what is done by then is kept, and paid for. */
  cancel(id: string, signal: AbortSignal): Promise<Told<Batch>>;
}

export interface BatchesOptions {
  readonly apiKey: string;
  readonly baseURL: string;
  readonly log: Log;
  /** Default: 3 tries, 1 s before the second, 10 minutes for one answer. */
  readonly patience?: { readonly tries?: number; readonly firstPauseMs?: number; readonly replyMs?: number };
}

/** What a person is told comes of mending an account. */
const THEN = "call `baton triage` again and it goes on; nothing is paid twice";

/** Batches behind the API at `baseURL`. Does no I/O until it is asked. */
export function createBatches({ apiKey, baseURL, log, patience = {} }: BatchesOptions): Batches {
  const { tries = 3, firstPauseMs = 1_000, replyMs = 600_000 } = patience;
  let opened: Promise<Sdk> | undefined;
  const open = () => (opened ??= openSdk(apiKey, baseURL));

  type Try<T> = { type: "told"; value: T } | { type: "aborted" } | { type: "fault"; fault: Fault };
  async function once<T>(ask: (sdk: Sdk, signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<Try<T>> {
    if (signal.aborted) return { type: "aborted" };
    const sdk = await open();
    const tooSlow = AbortSignal.timeout(replyMs);
    try {
      return { type: "told", value: await ask(sdk, AbortSignal.any([signal, tooSlow])) };
    } catch (error) {
      if (signal.aborted) return { type: "aborted" };
      if (!tooSlow.aborted) return { type: "fault", fault: sdk.faultOf(error) };
      return { type: "fault", fault: connectionFault(new Error(`no whole answer within ${replyMs / 1_000} s`)) };
    }
  }

  /** Why there is no further try after this one; undefined after the pause before it. */
  async function next(what: string, fault: Fault, tried: number, signal: AbortSignal) {
    const judged = judge(fault, THEN);
    const verdict = judged.type === "again" && tried >= tries ? givenUp(fault, tries) : judged;
    log.warn(`${what} failed`, { try: tried, status: fault.status, error: fault.message });
    if (verdict.type === "give-up") return failed(verdict.reason, verdict.why, verdict.waitMs);
    await delay(pauseMs(fault, tried + 1, firstPauseMs, Math.random), undefined, { signal }).catch(() => undefined);
    return undefined;
  }

  async function patiently<T>(
    what: string,
    ask: (sdk: Sdk, signal: AbortSignal) => Promise<T>,
    signal: AbortSignal,
  ): Promise<Told<T>> {
    for (let tried = 1; ; tried += 1) {
      const answer = await once(ask, signal);
      if (answer.type === "told") return answer;
      if (answer.type === "aborted") return aborted;
      const failure = await next(what, answer.fault, tried, signal);
      if (failure) return failure;
    }
  }

  return {
    async create(requests, { signal, look }) {
      const body = { requests: requests.map(paramsOf) };
      const ask = async ({ client }: Sdk, stop: AbortSignal) =>
        batchOf(await client.messages.batches.create(body, { signal: stop }));
      for (let tried = 1, perhaps = false; ; tried += 1) {
        const sent = !signal.aborted;
        const answer = await once(ask, signal);
        if (answer.type === "told") return answer;
        if (answer.type === "aborted") return { ...aborted, perhaps: perhaps || sent };
        perhaps ||= isUnclear(answer.fault);
        const failure = await next("making a batch", answer.fault, tried, signal);
        if (failure) return { ...failure, perhaps };
        if (!perhaps) continue;
        const found = await look();
        if (found.type === "failed") return { ...found, perhaps };
        if (found.value) return { type: "told", value: found.value };
      }
    },
    status: (id, signal) =>
      patiently(
        "looking at a batch",
        async ({ client }, stop) => batchOf(await client.messages.batches.retrieve(id, {}, { signal: stop })),
        signal,
      ),
    list: ({ after, limit }, signal) =>
      patiently(
        "listing batches",
        async ({ client }, stop) => {
          const query = { limit, ...(after === undefined ? {} : { after_id: after }) };
          const page = await client.messages.batches.list(query, { signal: stop });
          return { batches: page.data.map(batchOf), more: page.has_more };
        },
        signal,
      ),
    results: (id, take, signal) =>
      patiently(
        "reading the results of a batch",
        async ({ client }, stop) => {
          // Not the SDK's `results`: it sends the key to whatever address the batch names, and takes a line that broke off for an error of its own.
          const path = `/v1/messages/batches/${encodeURIComponent(id)}/results`;
          const options = { headers: { accept: "application/x-jsonl" }, signal: stop };
          const { body } = await client.get(path, options).asResponse();
          if (!body) throw new Error("the results have no content");
          await readResults(body, take);
        },
        signal,
      ),
    cancel: (id, signal) =>
      patiently(
        "cancelling a batch",
        async ({ client }, stop) => batchOf(await client.messages.batches.cancel(id, {}, { signal: stop })),
        signal,
      ),
  };
}

const aborted: BatchFailure = { type: "failed", reason: "aborted", message: "Aborted." };

function failed(reason: GiveUp, message: string, waitMs: number | undefined): BatchFailure {
  return { type: "failed", reason, message, waitMs };
}

/** A broken server or connection does not say whether the batch was made; a clear no does. */
function isUnclear({ status }: Fault): boolean {
  return status === undefined || status >= 500 || status === 408 || status === 409;
}

/** One request as it goes into a batch. */
function paramsOf({ id, request }: BatchRequest) {
  const { model, maxTokens, system, tools, messages } = request;
  return {
    custom_id: id,
    params: { model, max_tokens: maxTokens, system: [...system], tools: [...tools], messages: [...messages] },
  };
}

/** How many bytes of a batch a request takes. */
export function bytesOf(request: BatchRequest): number {
  return Buffer.byteLength(JSON.stringify(paramsOf(request))) + 1;
}

const statuses = { in_progress: "in-progress", canceling: "canceling", ended: "ended" } as const;

function batchOf(batch: MessageBatch): Batch {
  const { processing, succeeded, errored, canceled, expired } = batch.request_counts;
  return {
    id: batch.id,
    status: statuses[batch.processing_status],
    createdAt: Date.parse(batch.created_at),
    requests: processing + succeeded + errored + canceled + expired,
    archived: batch.archived_at !== null,
  };
}
