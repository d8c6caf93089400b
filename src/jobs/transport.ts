// How a job asks the server: HTTP, with patience. A server that starts again, or whose database is away, is waited for; what it refuses is
// an error with its own code.
import { setTimeout as delay } from "node:timers/promises";
import type { z } from "zod";
import { BatonError, messageOf } from "../core/errors.ts";
import { JOBS_PATH, Trouble } from "./protocol.ts";

/** Before the next tries of what could not be sent, in milliseconds: a minute and a half in all. */
export const PAUSES_MS = [250, 1_000, 3_000, 5_000, 10_000, 15_000, 25_000, 30_000];

export interface Asking {
  readonly method?: "GET" | "POST" | "PUT";
  /** JSON. */
  readonly body?: unknown;
  readonly bytes?: Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
  /** Milliseconds for the answer. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
  /** Asks once, whatever happens. */
  readonly once?: boolean;
}

/** Gives the answer, which is a 2xx. Throws a `BatonError` with the server's code, or `database-failed` (retryable) when it cannot be reached. */
export type Transport = (path: string, asking?: Asking) => Promise<Response>;

export interface TransportOptions {
  /** The server's own address. */
  readonly server: string;
  /** The claim's token, once there is one. */
  readonly token?: string | undefined;
  readonly pausesMs?: readonly number[];
}

/** Asks this server. */
export function createTransport({ server, token, pausesMs = PAUSES_MS }: TransportOptions): Transport {
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return async (path, asking = {}) => {
    const { method = "POST", body, bytes, headers, timeoutMs = 60_000, signal, once = false } = asking;
    const json = body === undefined ? {} : { "content-type": "application/json" };
    const sent = bytes ?? (body === undefined ? undefined : JSON.stringify(body));
    const send = async () => {
      const response = await fetch(`${server}${JOBS_PATH}/${path}`, {
        method,
        headers: { ...authorization, ...json, ...headers },
        ...(sent === undefined ? {} : { body: sent }),
        redirect: "error",
        signal: AbortSignal.any([AbortSignal.timeout(timeoutMs), ...(signal ? [signal] : [])]),
      });
      if (response.ok) return response;
      throw await troubleOf(response, server);
    };
    for (const pause of once ? [undefined] : [...pausesMs, undefined]) {
      try {
        return await send();
      } catch (error) {
        signal?.throwIfAborted();
        const away = error instanceof BatonError ? error : unreachable(server, error);
        if (pause === undefined || (error instanceof BatonError && !isAway(error))) throw away;
        await delay(pause, undefined, signal ? { signal } : {});
      }
    }
    throw new Error("unreachable");
  };
}

/** An answer read as what it should be. Throws `database-failed` for another one. */
export async function read<T>(response: Response, schema: z.ZodType<T>): Promise<T> {
  const answer = schema.safeParse(await response.json().catch(() => undefined));
  if (answer.success) return answer.data;
  const [first] = answer.error.issues;
  throw new BatonError(
    "database-failed",
    `Baton's server gave an answer that this version does not understand (${first?.path.join(".")}: ${first?.message}); use the same version in the workflow file`,
  );
}

/** A proxy in front of a server that is away says so with 502, 503 and 504 and words of its own. */
const awayStatus = new Set([502, 503, 504]);

/** The server cannot be reached, or says itself that its database is away. */
function isAway({ code, retryable }: BatonError): boolean {
  return code === "database-failed" && retryable;
}

function unreachable(server: string, error: unknown): BatonError {
  const cause = error instanceof Error && error.cause instanceof Error ? `: ${error.cause.message}` : "";
  return new BatonError("database-failed", `Baton's server ${server} cannot be reached: ${messageOf(error)}${cause}`, {
    cause: error,
    retryable: true,
  });
}

async function troubleOf(response: Response, server: string): Promise<BatonError> {
  const text = await response.text().catch(() => "");
  const told = Trouble.safeParse(parsed(text));
  if (told.success) {
    const { code, message, retryable, retryAt } = told.data.error;
    return new BatonError(code, message, { retryable, retryAt });
  }
  const message = `${server} answered ${response.status} and is no Baton that knows jobs, or not now: ${text.slice(0, 200)}`;
  return new BatonError("database-failed", message, { retryable: awayStatus.has(response.status) });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
