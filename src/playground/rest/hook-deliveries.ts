// An App's webhook deliveries: listed, shown and sent again, so that an App that was away can fetch what it missed.
import { Hono } from "hono";
import type { World } from "../state.ts";
import type { Delivery, Webhooks } from "../webhooks.ts";
import { appItself } from "./apps.ts";
import { answer, notFound, param, Refusal, type RestContext, type RestEnv } from "./exchange.ts";

/** The routes below `/app/hook/deliveries`. */
export function hookRoutes(world: World, webhooks: Webhooks): Hono<RestEnv> {
  const rest = new Hono<RestEnv>();

  rest.get("/app/hook/deliveries", (c) => {
    const app = appItself(c);
    const asked = c.req.query("status");
    if (asked !== undefined && asked !== "success" && asked !== "failure")
      throw new Refusal(422, `Invalid request.\n\n"${asked}" is not a permitted status.`);
    const size = Math.min(Math.max(Number.parseInt(c.req.query("per_page") ?? "", 10) || 30, 1), 100);
    const { found, next } = pageOf(webhooks.deliveries, size, before(c), (delivery) => {
      const { code } = outcome(delivery);
      return delivery.app === app.slug && (asked === undefined || code >= 400 === (asked === "failure"));
    });
    if (next !== undefined) {
      const url = new URL(c.req.url);
      url.searchParams.set("cursor", `v1_${next}`);
      c.header("link", `<${world.url}${url.pathname}${url.search}>; rel="next"`);
    }
    return answer(c, found.map(itemShape));
  });

  const one = (c: RestContext): Delivery => {
    const app = appItself(c);
    const found = webhooks.delivery(Number(param(c, "id")));
    if (found?.app !== app.slug) throw notFound();
    return found;
  };

  rest.get("/app/hook/deliveries/:id{[0-9]+}", (c) => {
    const delivery = one(c);
    const { webhook } = appItself(c);
    return answer(c, {
      ...itemShape(delivery),
      url: webhook?.url ?? "",
      request: {
        headers: { "X-GitHub-Delivery": delivery.id, "X-GitHub-Event": delivery.event },
        payload: delivery.payload,
      },
      response: { headers: {}, payload: delivery.error ?? "" },
    });
  });

  rest.post("/app/hook/deliveries/:id{[0-9]+}/attempts", (c) => {
    const { number } = one(c);
    // Answered before it is sent; what becomes of it is a delivery of its own.
    void webhooks.redeliver(number);
    return answer(c, {}, 202);
  });

  return rest;
}

/** The number a cursor stands for; every cursor is one of ours, or 400. */
function before(c: RestContext): number {
  const cursor = c.req.query("cursor");
  if (cursor === undefined) return Infinity;
  const [, number] = /^v1_(\d+)$/.exec(cursor) ?? [];
  if (number === undefined) throw new Refusal(400, "Invalid cursor");
  return Number(number);
}

/** Newest first, those that are done only; `next` is where the following page begins, undefined at the end. */
function pageOf(
  all: readonly Delivery[],
  size: number,
  cursor: number,
  wanted: (delivery: Delivery) => boolean,
): { readonly found: readonly Delivery[]; readonly next: number | undefined } {
  const found: Delivery[] = [];
  const first = all[0]?.number ?? 0;
  for (let at = Math.min(all.length - 1, cursor - first); at >= 0; at -= 1) {
    const delivery = all[at];
    if (!delivery || (delivery.status === undefined && delivery.error === undefined) || !wanted(delivery)) continue;
    if (found.length === size) return { found, next: delivery.number };
    found.push(delivery);
  }
  return { found, next: undefined };
}

/** How GitHub tells of the end of a delivery: who never answered has a code too. */
function outcome({ status, error }: Delivery): { readonly code: number; readonly words: string } {
  if (status !== undefined) return { code: status, words: status < 400 ? "OK" : `Invalid HTTP Response: ${status}` };
  return /time/i.test(error ?? "")
    ? { code: 504, words: "timed out" }
    : { code: 502, words: "failed to connect to host" };
}

function itemShape(delivery: Delivery) {
  const { code, words } = outcome(delivery);
  return {
    id: delivery.number,
    guid: delivery.id,
    delivered_at: new Date(delivery.at).toISOString().replace(/\.\d{3}Z$/, "Z"),
    redelivery: delivery.redelivery,
    duration: Math.round((delivery.ms ?? 0) / 10) / 100,
    status: words,
    status_code: code,
    event: delivery.event,
    action: delivery.action ?? null,
    installation_id: delivery.installationId,
    repository_id: delivery.repositoryId,
    throttled_at: null,
  };
}
