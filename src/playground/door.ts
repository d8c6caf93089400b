// Every request comes in here, REST and git alike: it is recognised, counted against the limits, made to fail on purpose where
// that is asked for, and written down with what was done and what was told.
import { createHash, randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { creationOf } from "./creations.ts";
import {
  type Fault,
  type FaultedRequest,
  type FaultHook,
  type Journal,
  type JournalEntry,
  nameOfFault,
} from "./journal.ts";
import { type Limiter, type LimitRefusal, type Rate, unlimited } from "./limits.ts";
import type { World } from "./state.ts";
import { type Actor, nameOfActor, recognise, tokenIn } from "./tokens.ts";

/** A true answer. `text` undefined: its body is a stream, which is passed on as it is. */
export interface Done {
  readonly response: Response;
  readonly text: string | undefined;
  /** `/repos/:owner/:repo`, or the path where no route is known. */
  readonly route: string;
}

/** Thrown instead of an answer: the caller cuts the connection, at once or when the client has left. */
export class Cut extends Error {
  override readonly name = "Cut";
  readonly when: "now" | "client-left";

  constructor(message: string, when: Cut["when"]) {
    super(message);
    this.when = when;
  }
}

export interface DoorOptions {
  readonly journal: Journal;
  readonly limiter: Limiter;
  readonly fault: () => FaultHook | undefined;
}

export interface Door {
  /**
   * Answers a request. `path` is without the prefix; `body` is its text, undefined where it is not read ahead (git).
   * Rejects with `Cut` when there is to be no answer.
   */
  pass(
    request: Request,
    at: { readonly door: JournalEntry["door"]; readonly path: string; readonly body: string | undefined },
    perform: (rate: Rate) => Promise<Done>,
  ): Promise<Response>;
}

type Shown = { readonly response: Response; readonly text: string | undefined } | "reset" | "hang";

export function createDoor(world: World, { journal, limiter, fault: hook }: DoorOptions): Door {
  let number = 0;

  return {
    async pass(request, { door, path, body: sent }, perform) {
      number += 1;
      const started = performance.now();
      const at = world.clock.now();
      const authorization = request.headers.get("authorization") ?? undefined;
      const known = recognise(world, authorization);
      const actor = known.type === "known" ? nameOfActor(known.actor) : "unknown";
      const caller = known.type === "known" ? callerOf(known.actor) : "unknown";
      const query = Object.fromEntries(new URL(request.url).searchParams);
      const body = sent === undefined || sent === "" ? undefined : parsed(sent);
      const { method } = request;
      const seen: FaultedRequest = { number, door, method, path, query, actor, body };

      // What git fetches and pushes, and GraphQL, is not counted by the limits of REST.
      const { rate, refusal } =
        door === "rest" ? limiter.admit(caller, method, path) : { rate: uncounted(at), refusal: undefined };
      const planned = refusal ? undefined : await hook()?.(seen);
      const forced = limitOf(planned, (kind, seconds, status, told) =>
        limiter.forbid(caller, kind, seconds, status, told),
      );
      const refused = refusal ?? forced;

      let done: Done | undefined;
      if (!refused && carriedOut(planned)) done = await perform(rate);
      if (planned !== undefined && done && done.text === undefined) await done.response.clone().arrayBuffer();
      const trueAnswer = done?.text === undefined || done.text === "" ? undefined : answerOf(done.response, done.text);
      const made = done && creationOf({ method, path, route: done.route, body }, done.response.status, trueAnswer);
      if (made) limiter.made(caller);
      if (typeof planned === "object" && "delayMs" in planned) await delay(planned.delayMs);

      const shown: Shown = refused ? refusalAnswer(refused) : shownFor(planned, done);
      const answered = typeof shown === "string" ? undefined : shown;
      journal.add({
        ...seen,
        at,
        ms: Math.round((performance.now() - started) * 10) / 10,
        status: answered?.response.status ?? 0,
        contentType: answered?.response.headers.get("content-type") ?? "",
        answer:
          answered?.text === undefined || answered.text === "" ? undefined : answerOf(answered.response, answered.text),
        faulty: planned !== undefined,
        route: done?.route ?? path,
        token: tokenName(authorization),
        done: done?.response.status,
        made,
        refused: refused?.kind,
        fault: planned === undefined ? undefined : nameOfFault(planned),
      });
      if (!answered) throw new Cut(`${method} ${path}`, shown === "hang" ? "client-left" : "now");
      return door === "git"
        ? answered.response
        : withStandardHeaders(answered.response, answered.text ?? "", rate, door === "rest" ? "core" : door);
    },
  };
}

/** What is not counted has everything left. */
function uncounted(at: number): Rate {
  return { limit: 5_000, used: 0, remaining: 5_000, reset: Math.ceil(at / 1_000) + 3_600 };
}

/** Whose limit a request counts against: an installation has one, whatever its tokens. */
function callerOf(actor: Actor): string {
  return actor.type === "installation" ? `installation ${actor.app.installationId}` : nameOfActor(actor);
}

function limitOf(
  fault: Fault | undefined,
  forbid: (kind: "primary" | "secondary", seconds: number, status: 403 | 429, told: boolean) => LimitRefusal,
): LimitRefusal | undefined {
  if (typeof fault !== "object" || !("limit" in fault)) return undefined;
  return forbid(fault.limit, fault.seconds, fault.status ?? 403, fault.told ?? true);
}

function carriedOut(fault: Fault | undefined): boolean {
  if (fault === undefined) return true;
  if (fault === "reset" || "limit" in fault) return false;
  return "delayMs" in fault || fault.afterEffect === true;
}

function shownFor(fault: Fault | undefined, done: Done | undefined): Shown {
  if (fault === undefined || (typeof fault === "object" && ("delayMs" in fault || "limit" in fault)))
    return done ?? "reset";
  if (fault === "reset" || "reset" in fault) return "reset";
  if ("hang" in fault) return "hang";
  const text = typeof fault.body === "string" ? fault.body : fault.body === undefined ? "" : JSON.stringify(fault.body);
  const type = typeof fault.body === "string" ? "text/html; charset=utf-8" : "application/json; charset=utf-8";
  const headers = { "content-type": type, ...fault.headers };
  return { response: new Response(text, { status: fault.status, headers }), text };
}

function refusalAnswer({ status, message, headers }: LimitRefusal): Exclude<Shown, string> {
  const documentation = "https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api";
  const text = JSON.stringify({ message, documentation_url: documentation, status: String(status) });
  const all = { "content-type": "application/json; charset=utf-8", ...headers };
  return { response: new Response(text, { status, headers: all }), text };
}

function withStandardHeaders(response: Response, text: string, rate: Rate, resource: string): Response {
  const headers = new Headers(response.headers);
  const limits = {
    "x-ratelimit-limit": String(rate.limit),
    "x-ratelimit-remaining": String(rate.remaining),
    "x-ratelimit-used": String(rate.used),
    "x-ratelimit-reset": String(rate.reset),
    "x-ratelimit-resource": resource,
  };
  const standard = {
    ...(rate === unlimited ? {} : limits),
    "x-github-media-type": "github.v3; format=json",
    "x-github-request-id": randomUUID(),
  };
  for (const [name, value] of Object.entries(standard)) if (!headers.has(name)) headers.set(name, value);
  const { status } = response;
  return new Response(status === 204 || status === 304 ? null : text, { status, headers });
}

function tokenName(authorization: string | undefined): string {
  const token = authorization === undefined ? undefined : tokenIn(authorization);
  return token === undefined ? "" : createHash("sha256").update(token).digest("hex").slice(-8);
}

function answerOf(response: Response, text: string): unknown {
  return (response.headers.get("content-type") ?? "").includes("json") ? parsed(text) : text;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
