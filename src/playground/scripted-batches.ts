// The batches of the scripted model, as the Message Batches API has them: made by one request, worked behind a delay, told as lines of
// JSON in no order. What the API does not tell, this does not either: which requests a batch has, before it has ended.
//
// What goes wrong with single requests is the script's business (`fail`: errored, `expires`: expired). What goes wrong with the calls of
// this API is a condition: `set({ delayMs, faults: [{ call: "create", status: 500, afterEffect: true, count: 1 }] })`.
// `journal` counts what was asked and made: "nothing is paid for twice" is counted there.
import { randomBytes } from "node:crypto";
import type { ServerResponse } from "node:http";
import {
  type Answer,
  type BatchCall,
  type BatchConditions,
  createStrikes,
  fail,
  failWith,
  send,
} from "./batch-faults.ts";
import { readBatch } from "./scripted-request.ts";
import type { messageOf } from "./scripted-reply.ts";

/** What came of one request, as the API tells it. */
export type Worked =
  | { readonly type: "succeeded"; readonly message: ReturnType<typeof messageOf> }
  | { readonly type: "errored"; readonly error: object }
  | { readonly type: "expired" }
  | { readonly type: "canceled" };

export interface BatchJournal {
  /** In the order they were made. */
  readonly batches: readonly {
    readonly id: string;
    readonly requests: readonly string[];
    readonly status: "in_progress" | "canceling" | "ended";
    readonly counts: Readonly<Record<Worked["type"], number>>;
  }[];
  /** How often each call was made, and how often it failed on purpose. */
  readonly asked: Readonly<Record<BatchCall, number>>;
  readonly failed: Readonly<Record<BatchCall, number>>;
}

export interface ScriptedBatches extends Disposable {
  /** Takes the place of all conditions set before, from now on. */
  set(conditions: BatchConditions): void;
  journal(): BatchJournal;
  /** Resolves when every batch has ended. */
  settled(): Promise<void>;
  /** Answers the calls of the API; false for other addresses. `create` asks `refusal` whether anything may be made. */
  answer(asked: { method: string; url: URL; body: string }, response: ServerResponse): boolean;
}

export interface ScriptedBatchesOptions {
  /** Works one request: its `params`, as they came. */
  readonly work: (params: unknown) => Promise<Worked>;
  /** `http://127.0.0.1:PORT`. */
  readonly url: () => string;
  /** Told of what the API would have refused. */
  readonly refused: (message: string) => void;
}

interface Batch {
  readonly id: string;
  readonly createdAt: Date;
  readonly requests: readonly { readonly custom_id: string; readonly params: unknown }[];
  readonly results: Map<string, Worked>;
  status: "in_progress" | "canceling" | "ended";
  canceledAt: Date | undefined;
  endedAt: Date | undefined;
  /** Begins the work in so many milliseconds. */
  readonly begin: (after: number) => NodeJS.Timeout;
  timer: NodeJS.Timeout;
  done: Promise<void>;
}

const DAY_MS = 86_400_000;
const ROOT = "/v1/messages/batches";

export function createScriptedBatches({ work, url, refused }: ScriptedBatchesOptions): ScriptedBatches {
  const batches = new Map<string, Batch>();
  const zero = () => ({ create: 0, list: 0, status: 0, results: 0, cancel: 0 });
  const asked = zero();
  const failed = zero();
  let conditions: BatchConditions = {};
  let strike = createStrikes(conditions);

  const create = (body: string) => {
    const limits = { requests: conditions.maxRequests ?? 100_000, bytes: conditions.maxBytes ?? 256_000_000 };
    const read = readBatch(body, limits);
    if (read.type === "invalid") return read;
    const { promise, resolve } = Promise.withResolvers<void>();
    const begin = (after: number) => setTimeout(() => void workAll(batch).then(resolve, resolve), after);
    const batch: Batch = {
      id: `msgbatch_${randomBytes(12).toString("hex")}`,
      createdAt: new Date(),
      requests: read.requests,
      results: new Map(),
      status: "in_progress",
      canceledAt: undefined,
      endedAt: undefined,
      begin,
      timer: begin(conditions.delayMs ?? 0),
      done: promise,
    };
    batches.set(batch.id, batch);
    return { type: "made" as const, batch };
  };

  /** What was not worked when it was cancelled never is. */
  const workAll = async (batch: Batch) => {
    for (const { custom_id: id, params } of batch.requests)
      batch.results.set(id, batch.status === "canceling" ? { type: "canceled" } : await work(params));
    batch.status = "ended";
    batch.endedAt = new Date();
  };

  const countsOf = ({ results }: Batch) => {
    const counts = { succeeded: 0, errored: 0, expired: 0, canceled: 0 };
    for (const { type } of results.values()) counts[type] += 1;
    return counts;
  };

  const shape = (batch: Batch) => {
    const ended = batch.status === "ended";
    const counts = ended ? countsOf(batch) : { succeeded: 0, errored: 0, expired: 0, canceled: 0 };
    return {
      id: batch.id,
      type: "message_batch",
      processing_status: batch.status,
      request_counts: { processing: ended ? 0 : batch.requests.length, ...counts },
      created_at: batch.createdAt.toISOString(),
      expires_at: new Date(batch.createdAt.getTime() + DAY_MS).toISOString(),
      ended_at: batch.endedAt?.toISOString() ?? null,
      cancel_initiated_at: batch.canceledAt?.toISOString() ?? null,
      archived_at: null,
      results_url: ended ? `${url()}${ROOT}/${batch.id}/results` : null,
    };
  };

  const list = (query: URLSearchParams) => {
    const newest = [...batches.values()].toReversed();
    const limit = Math.min(Math.max(1, Number(query.get("limit") ?? 20)), 1_000);
    const [after, before] = [query.get("after_id"), query.get("before_id")];
    const from = after === null ? 0 : newest.findIndex(({ id }) => id === after) + 1;
    const to = before === null ? newest.length : newest.findIndex(({ id }) => id === before);
    const found = newest.slice(from, to);
    const data = (before === null ? found.slice(0, limit) : found.slice(-limit)).map(shape);
    return {
      data,
      has_more: found.length > data.length,
      first_id: data[0]?.id ?? null,
      last_id: data.at(-1)?.id ?? null,
    };
  };

  const linesOf = (batch: Batch) =>
    [...batch.results].toReversed().map(([custom_id, result]) => `${JSON.stringify({ custom_id, result })}\n`);

  const perform = (call: BatchCall, id: string | undefined, body: string, query: URLSearchParams): Answer => {
    if (call === "create") {
      const made = create(body);
      if (made.type === "made") return { status: 200, json: shape(made.batch) };
      refused(made.problem);
      return { status: made.status, problem: made.problem };
    }
    if (call === "list") return { status: 200, json: list(query) };
    const batch = batches.get(id ?? "");
    if (!batch) return { status: 404, problem: `No batch was found with the ID ${id ?? ""}` };
    if (call === "status") return { status: 200, json: shape(batch) };
    if (call === "results")
      return batch.status === "ended"
        ? { status: 200, lines: linesOf(batch) }
        : { status: 404, problem: "The results of this batch are not available: it has not ended" };
    if (batch.status === "in_progress") {
      batch.status = "canceling";
      batch.canceledAt = new Date();
      clearTimeout(batch.timer);
      batch.timer = batch.begin(0);
    }
    return { status: 200, json: shape(batch) };
  };

  return {
    set(fresh) {
      conditions = fresh;
      strike = createStrikes(fresh);
    },
    journal: () => ({
      batches: [...batches.values()].map((batch) => ({
        id: batch.id,
        requests: batch.requests.map(({ custom_id }) => custom_id),
        status: batch.status,
        counts: countsOf(batch),
      })),
      asked: { ...asked },
      failed: { ...failed },
    }),
    async settled() {
      await Promise.all([...batches.values()].map(({ done }) => done));
    },
    answer({ method, url: at, body }, response) {
      const [call, id] = callOf(method, at.pathname);
      if (call === undefined) return false;
      asked[call] += 1;
      const struck = strike(call);
      if (struck) failed[call] += 1;
      if (struck && !struck.afterEffect && call !== "results") {
        fail(struck, response);
        return true;
      }
      const answer = perform(call, id, body, at.searchParams);
      if (struck) failWith(struck, answer, response);
      else send(answer, response);
      return true;
    },
    [Symbol.dispose]() {
      for (const { timer } of batches.values()) clearTimeout(timer);
    },
  };
}

function callOf(method: string, path: string): [call: BatchCall | undefined, id?: string | undefined] {
  if (path !== ROOT && !path.startsWith(`${ROOT}/`)) return [undefined];
  const [id, more, ...rest] = path.slice(ROOT.length + 1).split("/");
  if (rest.length > 0) return [undefined];
  const names: Readonly<Record<string, BatchCall>> = {
    "POST ": "create",
    "GET ": "list",
    "GET id": "status",
    "GET id/results": "results",
    "POST id/cancel": "cancel",
  };
  return [names[`${method} ${id === "" ? "" : "id"}${more === undefined ? "" : `/${more}`}`], id];
}
