// The REST API: every address it has, and who finds the one that is asked for.
import { type Context, Hono } from "hono";
import { matchedRoutes } from "hono/route";
import { messageOf } from "../core/errors.ts";
import type { Door, Done } from "./door.ts";
import type { Rate } from "./limits.ts";
import { actionRoutes } from "./rest/actions.ts";
import { appRoutes } from "./rest/apps.ts";
import { checkRoutes } from "./rest/checks.ts";
import { answer, Refusal, type RestEnv, ROUTED } from "./rest/exchange.ts";
import { gitDataRoutes } from "./rest/git-data.ts";
import { hookRoutes } from "./rest/hook-deliveries.ts";
import { issueRoutes } from "./rest/issues.ts";
import { pullRoutes } from "./rest/pulls.ts";
import { repositoryRoutes } from "./rest/repositories.ts";
import type { World } from "./state.ts";
import { recognise } from "./tokens.ts";
import type { Webhooks } from "./webhooks.ts";

export interface Rest {
  /** `path` is without the prefix. Rejects with `Cut` when the connection is to be cut. */
  answer(request: Request, path: string): Promise<Response>;
}

/** First segments that belong to the API where it has no prefix of its own. */
const apiRoots = new Set(["app", "installation", "rate_limit", "repos", "repositories", "user", "users"]);

/** The path inside the API; undefined when the address is not the API's. */
export function apiPath(prefix: string, pathname: string): string | undefined {
  if (prefix !== "") return pathname.startsWith(`${prefix}/`) ? pathname.slice(prefix.length) : undefined;
  return apiRoots.has(pathname.split("/")[1] ?? "") ? pathname : undefined;
}

function createRoutes(world: World, webhooks: Webhooks): Hono<RestEnv> {
  const routes = new Hono<RestEnv>({
    // hono's own reading of the path, after the prefix and `/repositories/ID` (what a renamed repository redirects to).
    getPath: (request) => decode(routed(world, request.headers.get(ROUTED) ?? new URL(request.url).pathname)),
  });
  routes.use(async (c, next) => {
    const known = recognise(world, c.req.header("authorization"));
    if (known.type === "refused") throw new Refusal(known.status, known.message);
    c.set("actor", known.actor);
    await next();
  });
  routes.use(async (c, next) => {
    await next();
    const route = matchedRoutes(c).findLast(({ path }) => path !== "/*" && path !== "*");
    if (route) c.res.headers.set(ROUTE, route.path);
  });
  routes.route("/", hookRoutes(world, webhooks));
  for (const room of [actionRoutes, appRoutes, checkRoutes, repositoryRoutes, gitDataRoutes, issueRoutes, pullRoutes])
    routes.route("/", room(world));
  routes.get("/rate_limit", (c) => {
    const number = (name: keyof Rate) => Number(c.req.header(`${RATE}${name}`) ?? 0);
    const rate = {
      limit: number("limit"),
      remaining: number("remaining"),
      reset: number("reset"),
      used: number("used"),
    };
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
const RATE = "x-playground-rate-";
/** Taken off on the way out. */
const ROUTE = "x-playground-route";

function routed(world: World, path: string): string {
  const [, id, rest = ""] = /^\/repositories\/(\d+)(\/.*)?$/.exec(path) ?? [];
  const repo = id === undefined ? undefined : world.repositoriesById.get(Number(id));
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

export function createRest(world: World, webhooks: Webhooks, door: Door): Rest {
  const routes = createRoutes(world, webhooks);

  const perform = async (request: Request, path: string, text: string, rate: Rate): Promise<Done> => {
    const headers = new Headers(request.headers);
    headers.set(ROUTED, path);
    for (const [name, value] of Object.entries(rate)) headers.set(`${RATE}${name}`, String(value));
    const body = text === "" || request.method === "GET" || request.method === "HEAD" ? {} : { body: text };
    const response = await routes.fetch(new Request(request.url, { method: request.method, headers, ...body }));
    const route = response.headers.get(ROUTE) ?? path;
    response.headers.delete(ROUTE);
    return { response, text: response.body === null ? "" : await response.text(), route };
  };

  return {
    async answer(request, path) {
      const body = await request.text();
      return await door.pass(request, { door: "rest", path, body }, (rate) => perform(request, path, body, rate));
    },
  };
}
