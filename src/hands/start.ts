// Baton's side of one tool process: starts it, matches answers to calls, and notices when it is gone or silent.
import { BatonError, messageOf } from "../core/errors.ts";
import { createOutput } from "../core/output.ts";
import { describeEnd, type ProcessOptions, startProcess } from "../core/process.ts";
import { isRecord, MAX_LINE, parseResponse, readLines, READY, TOOL_TIME, type ToolResponse } from "./protocol.ts";
import type { Hands, ToolCall } from "./sandbox.ts";

/** Milliseconds until a tool process that has not said that it is ready is given up. */
const START_MS = 15_000;
/** Milliseconds an answer may be late beyond the tool's own limit before the whole process is given up. */
const SLACK_MS = 15_000;
/** Milliseconds a tool process gets to end by itself once its input has ended. */
const FAREWELL_MS = 1_000;

interface Pending {
  resolve(response: ToolResponse): void;
  reject(error: BatonError): void;
}

/** Starts a tool process and waits until it is ready. Throws `sandbox-failed` when it does not become so, or when `signal` aborts first. */
export async function startToolProcess(launch: ProcessOptions, signal: AbortSignal): Promise<Hands> {
  if (signal.aborted) throw gone("the start was aborted");
  const group = startProcess({ ...launch, withStdin: true });
  if ("notStarted" in group) throw gone(group.notStarted);
  const complaints = createOutput(8 * 1024);
  group.stderr.on("data", (chunk: Uint8Array) => complaints.add(chunk));

  const pending = new Map<number, Pending>();
  const ready = Promise.withResolvers<void>();
  let failure: BatonError | undefined;
  let calls = 0;

  const fail = (error: BatonError): BatonError => {
    failure ??= error;
    // SIGTERM first: without a sandbox, the process itself must end the shell it has running.
    group.end();
    ready.reject(failure);
    for (const call of pending.values()) call.reject(failure);
    pending.clear();
    return failure;
  };
  ready.promise.catch(() => {});

  readLines(
    group.stdout,
    (line) => {
      if (line === READY) return ready.resolve();
      const response = parseResponse(line);
      if (response === undefined) return;
      pending.get(response.id)?.resolve(response);
      pending.delete(response.id);
    },
    () => fail(gone(`it wrote a line of more than ${MAX_LINE} bytes`)),
  );
  void group.ended.then((end) => fail(gone(describeEnd(end, complaints.text()))));

  const abortStart = () => fail(gone("the start was aborted"));
  signal.addEventListener("abort", abortStart, { once: true });
  const tooSlow = setTimeout(() => fail(gone(`it was not ready within ${START_MS} ms`)), START_MS);
  try {
    await ready.promise;
  } catch (error) {
    await group.ended;
    throw error;
  } finally {
    clearTimeout(tooSlow);
    signal.removeEventListener("abort", abortStart);
  }

  return {
    async call(call, callSignal) {
      if (failure !== undefined) throw failure;
      if (callSignal.aborted) throw fail(gone("a tool call was aborted"));
      const id = (calls += 1);
      const answered = Promise.withResolvers<ToolResponse>();
      pending.set(id, answered);
      const line = lineOf(id, call);
      if (typeof line !== "string") {
        pending.delete(id);
        return line;
      }
      const abort = () => fail(gone("a tool call was aborted"));
      callSignal.addEventListener("abort", abort, { once: true });
      // Calls of the shell wait for those before them, so the limit counts every call that is under way.
      const limit = [...pending].length * timeOf(call) + SLACK_MS;
      const silent = setTimeout(() => fail(gone(`no answer to ${call.name} within ${limit} ms`)), limit);
      group.stdin?.write(line);
      try {
        const { ok, output } = await answered.promise;
        return { ok, output };
      } finally {
        clearTimeout(silent);
        callSignal.removeEventListener("abort", abort);
      }
    },
    async [Symbol.asyncDispose]() {
      failure ??= gone("it was ended");
      group.stdin?.end();
      const impatient = setTimeout(() => group.end(), FAREWELL_MS);
      await group.ended;
      clearTimeout(impatient);
    },
  };
}

function lineOf(id: number, call: ToolCall): string | { ok: false; output: string } {
  let line: string;
  try {
    line = `${JSON.stringify({ id, name: call.name, input: call.input })}\n`;
  } catch (error) {
    return { ok: false, output: `${call.name}: the input cannot be passed on: ${messageOf(error)}` };
  }
  if (line.length <= MAX_LINE) return line;
  return {
    ok: false,
    output: `${call.name}: the input is ${line.length} characters, at most ${MAX_LINE} are passed on`,
  };
}

function timeOf(call: ToolCall): number {
  const asked = isRecord(call.input) ? call.input["timeout_ms"] : undefined;
  return typeof asked === "number" && asked > TOOL_TIME.usual ? TOOL_TIME.most : TOOL_TIME.usual;
}

function gone(why: string): BatonError {
  return new BatonError("sandbox-failed", `the tool process is gone: ${why}`, { retryable: true });
}
