// The REST door: every request is recognised, counted, written to the journal, and carried out (or made to fail on purpose).
import { randomUUID } from "node:crypto";
import { type Context, Hono } from "hono";
import { messageOf } from "../core/errors.ts";
import type { Fault, FaultedRequest, FaultHook, JournalEntry } from "./journal.ts";
import { appRoutes } from "./rest/apps.ts";
import { checkRoutes } from "./rest/checks.ts";
import { answer, Refusal, type RestEnv } from "./rest/exchange.ts";
import { gitDataRoutes } from "./rest/git-data.ts";
import { issueRoutes } from "./rest/issues.ts";
import { pullRoutes } from "./rest/pulls.ts";
import { repositoryRoutes } from "./rest/repositories.ts";
import type { World } from "./state.ts";
import { nameOfActor, recognise } from "./tokens.ts";

const LIMIT = 5000;
const HOUR_MS = 3_600_000;

export interface Rest {
  /** `path` is without the prefix. Rejects with `Cut` when the connection is to be cut. */
  answer(request: Request, path: string): Promise<Response>;
}

/** Thrown instead of an answer: the caller cuts the connection. */
export class Cut extends Error {
  override readonly name = "Cut";
}

export interface RestOptions {
  readonly journal: JournalEntry[];
  fault(): FaultHook | undefined;
}

/** First segments that belong to the API where it has no prefix of its own. */
const apiRoots = new Set(["app", "installation", "rate_limit", "repos", "repositories", "user", "users"]);

/** The path inside the API; undefined when the address is not the API's. */
export function apiPath(prefix: string, pathname: string): string | undefined {
  if (prefix !== "") return pathname.startsWith(`${prefix}/`) ? pathname.slice(prefix.length) : undefined;
  return apiRoots.has(pathname.split("/")[1] ?? "") ? pathname : undefined;
}

function createRoutes(world: World): Hono<RestEnv> {
  const routes = new Hono<RestEnv>({
    // hono's own reading of the path, after the prefix and `/repositories/ID` (what a renamed repository redirects to).
    getPath: (request) => decode(routed(world, request.headers.get(ROUTED) ?? new URL(request.url).pathname)),
  });
  routes.use(async (c, next) => {
    const known = recognise(world, c.req.header("authorization"));
    if (known.type === "refused") throw new Refusal(401, known.message);
    c.set("actor", known.actor);
    await next();
  });
  for (const room of [appRoutes, checkRoutes, repositoryRoutes, gitDataRoutes, issueRoutes, pullRoutes])
    routes.route("/", room(world));
  routes.get("/rate_limit", (c) => {
    const used = Number(c.req.header(USED) ?? 0);
    const rate = { limit: LIMIT, remaining: LIMIT - used, reset: Number(c.req.header(RESET) ?? 0), used };
    return answer(c, {
      resources: { core: { ...rate, resource: "core" }, search: { ...rate, limit: 30, remaining: 30 } },
      rate,
    });
  });
  routes.notFound((c: Context) => refuse(new Refusal(404, "Not Found"), c));
  routes.onError((error, c) => {
    if (error instanceof Refusal) return refuse(error, c);
    return refuse(new Refusal(500, `The playground broke: ${messageOf(error)}`), c);
  });
  return routes;
}

function refuse(refusal: Refusal, c: Context): Response {
  for (const [name, value] of Object.entries(refusal.headers)) c.header(name, value);
  return c.body(JSON.stringify(refusal.body), refusal.status, { "content-type": "application/json; charset=utf-8" });
}

/** Internal headers, overwritten on the way in. */
const ROUTED = "x-playground-path";
const USED = "x-playground-used";
const RESET = "x-playground-reset";

function routed(world: World, path: string): string {
  const [, id, rest = ""] = /^\/repositories\/(\d+)(\/.*)?$/.exec(path) ?? [];
  const repo = id === undefined ? undefined : [...world.repositories.values()].find((one) => String(one.id) === id);
  return repo ? `/repos/${repo.fullName}${rest}` : path;
}

/** `%2F` stays, so that it does not part segments; parameters are decoded one by one. */
function decode(path: string): string {
  try {
    return decodeURI(path.replaceAll("%25", "%2525"));
  } catch {
    return path;
  }
}

export function createRest(world: World, options: RestOptions): Rest {
  const routes = createRoutes(world);
  const used = new Map<string, { count: number; reset: number }>();
  let number = 0;

  const count = (actor: string) => {
    const now = world.clock.now();
    const known = used.get(actor);
    const rate = known && known.reset > now ? known : { count: 0, reset: now + HOUR_MS };
    rate.count += 1;
    used.set(actor, rate);
    return { used: rate.count, reset: Math.floor(rate.reset / 1000) };
  };

  const perform = async (request: Request, path: string, text: string, rate: { used: number; reset: number }) => {
    const headers = new Headers(request.headers);
    headers.set(ROUTED, path);
    headers.set(USED, String(rate.used));
    headers.set(RESET, String(rate.reset));
    const body = text === "" || request.method === "GET" || request.method === "HEAD" ? {} : { body: text };
    const response = await routes.fetch(new Request(request.url, { method: request.method, headers, ...body }));
    return { response, text: response.body === null ? "" : await response.text() };
  };

  return {
    async answer(request, path) {
      number += 1;
      const started = performance.now();
      const at = world.clock.now();
      const text = await request.text();
      const known = recognise(world, request.headers.get("authorization") ?? undefined);
      const actor = known.type === "known" ? nameOfActor(known.actor) : "unknown";
      const query = Object.fromEntries(new URL(request.url).searchParams);
      const body = text === "" ? undefined : parsed(text);
      const seen: FaultedRequest = { number, door: "rest", method: request.method, path, query, actor, body };
      const rate = count(actor);

      const fault = await options.fault()?.(seen);
      const before = fault !== undefined && !(typeof fault === "object" && fault.afterEffect === true);
      const done = before ? undefined : await perform(request, path, text, rate);
      const shown = fault === undefined ? done : faultAnswer(fault);

      const status = shown?.response.status ?? 0;
      const contentType = shown?.response.headers.get("content-type") ?? "";
      const said = shown?.text ?? "";
      options.journal.push({
        ...seen,
        at,
        ms: Math.round((performance.now() - started) * 10) / 10,
        status,
        contentType,
        answer: said === "" ? undefined : contentType.includes("json") ? parsed(said) : said,
        faulty: fault !== undefined,
      });
      if (!shown) throw new Cut(`${request.method} ${path}`);
      const headers = new Headers(shown.response.headers);
      const standard = {
        "x-ratelimit-limit": String(LIMIT),
        "x-ratelimit-remaining": String(Math.max(0, LIMIT - rate.used)),
        "x-ratelimit-used": String(rate.used),
        "x-ratelimit-reset": String(rate.reset),
        "x-ratelimit-resource": "core",
        "x-github-media-type": "github.v3; format=json",
        "x-github-request-id": randomUUID(),
      };
      for (const [name, value] of Object.entries(standard)) if (!headers.has(name)) headers.set(name, value);
      return new Response(status === 204 || status === 304 ? null : said, { status, headers });
    },
  };
}

function faultAnswer(fault: Fault): { response: Response; text: string } | undefined {
  if (fault === "reset" || "reset" in fault) return undefined;
  const text = typeof fault.body === "string" ? fault.body : fault.body === undefined ? "" : JSON.stringify(fault.body);
  const type = typeof fault.body === "string" ? "text/html; charset=utf-8" : "application/json; charset=utf-8";
  const headers = { "content-type": type, ...fault.headers };
  return { response: new Response(null, { status: fault.status, headers }), text };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
