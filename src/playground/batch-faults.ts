// What goes wrong with calls of the scripted model's batches, and how each is answered.
import type { ServerResponse } from "node:http";
import { z } from "zod";
import { sendFailure } from "./scripted-reply.ts";

const calls = ["create", "list", "status", "results", "cancel"] as const;
export type BatchCall = (typeof calls)[number];

const fault = z.strictObject({
  call: z.enum(calls),
  /** An error of this status; 429 with `retryAfterSeconds` where it is given. */
  status: z.int().min(400).max(599).optional(),
  retryAfterSeconds: z.number().nonnegative().optional(),
  /** Nothing is sent; the results break off in the middle of a line, or end properly between two of them. */
  cut: z.enum(["before", "middle", "between"]).optional(),
  /** No answer until the client leaves. */
  hang: z.boolean().optional(),
  /** What was asked is done first, and only its answer is lost. */
  afterEffect: z.boolean().optional(),
  /** So many such calls pass first; at most so many fail then. */
  skip: z.int().nonnegative().optional(),
  count: z.int().nonnegative().optional(),
});
export const batchConditionsSchema = z.strictObject({
  /** Milliseconds from a batch's creation until its requests are worked; default 0. */
  delayMs: z.int().nonnegative().optional(),
  faults: z.array(fault).max(100).optional(),
  /** Default: the API's own, 100,000 and 256 MB. */
  maxRequests: z.int().positive().optional(),
  maxBytes: z.int().positive().optional(),
});
export type BatchConditions = z.infer<typeof batchConditionsSchema>;

type Fault = z.infer<typeof fault>;
/** What a call is answered with when nothing goes wrong. */
export type Answer =
  | { readonly status: 200; readonly json: object }
  | { readonly status: 200; readonly lines: readonly string[] }
  | { readonly status: number; readonly problem: string };

/** Which fault strikes a call under these conditions; one strike after the other, in their order. */
export function createStrikes({ faults = [] }: BatchConditions): (call: BatchCall) => Fault | undefined {
  const matched = faults.map(() => 0);
  return (call) => {
    for (const [index, one] of faults.entries()) {
      if (one.call !== call) continue;
      const nth = (matched[index] = (matched[index] ?? 0) + 1);
      const skip = one.skip ?? 0;
      if (nth > skip && nth <= skip + (one.count ?? Infinity)) return one;
    }
    return undefined;
  };
}

/** The true answer. */
export function send(answer: Answer, response: ServerResponse): void {
  if ("problem" in answer) return sendFailure(response, { status: answer.status, message: answer.problem });
  const type = "lines" in answer ? "application/x-jsonl" : "application/json";
  const body = "lines" in answer ? answer.lines.join("") : JSON.stringify(answer.json);
  response.writeHead(200, { "content-type": type }).end(body);
}

/** The fault in place of the answer, or in the middle of it. */
export function failWith(struck: Fault, answer: Answer, response: ServerResponse): void {
  if (!("lines" in answer) || struck.cut === undefined || struck.cut === "before") return fail(struck, response);
  const half = answer.lines.slice(0, Math.ceil(answer.lines.length / 2));
  response.writeHead(200, { "content-type": "application/x-jsonl" });
  if (struck.cut === "between") return void response.end(half.slice(0, -1).join(""));
  // What was written goes out, then the connection breaks without the end of the body.
  response.write(half.join("").slice(0, -20), () => response.socket?.end());
}

/** The fault in place of an answer. */
export function fail(struck: Fault, response: ServerResponse): void {
  if (struck.hang === true) return;
  if (struck.cut !== undefined) return void response.socket?.destroy();
  const wait = struck.retryAfterSeconds;
  sendFailure(response, {
    status: struck.status ?? 500,
    ...(wait === undefined ? {} : { headers: { "retry-after": String(wait) } }),
  });
}
