// Tells the Apps what happened, as GitHub does: one signed POST for each, in order per repository, in the background, with
// ten seconds for the answer, and never again by itself.
import { createHmac, randomUUID } from "node:crypto";
import { messageOf } from "../core/errors.ts";
import { nodeId, userShape } from "./shapes/accounts.ts";
import { repositoryShape } from "./shapes/repositories.ts";
import { type Announcement, type App, covers, reaches, type Repository, type World } from "./state.ts";

const TIMEOUT_MS = 10_000;

/** One webhook as it was sent. `status` undefined: still on its way, or never answered (then `error` says why). */
export interface Delivery {
  readonly id: string;
  readonly app: string;
  readonly repository: string;
  readonly event: string;
  readonly action: string | undefined;
  readonly payload: Readonly<Record<string, unknown>>;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly redelivery: boolean;
  readonly status: number | undefined;
  readonly ms: number | undefined;
  readonly error: string | undefined;
}

export interface Webhooks extends AsyncDisposable {
  readonly deliveries: readonly Delivery[];
  announce(repository: Repository, announcement: Announcement): void;
  /** Sends it once more under the same id; throws for an id that is not known. */
  redeliver(id: string): Promise<Delivery>;
  /** Resolves when nothing is on its way. What an answer sets off later is not waited for. */
  settled(): Promise<void>;
}

/** The permission an App needs to hear of an event. */
function heard(app: App, { event, fields }: Announcement): boolean {
  if (!app.events.includes(event)) return false;
  const may = (name: string) => reaches(app.permissions, name, "read");
  if (event === "pull_request") return may("pull_requests");
  if (event === "push") return may("contents");
  if (event.startsWith("check_")) return may("checks");
  const issue = fields["issue"];
  const onPull = typeof issue === "object" && issue !== null && "pull_request" in issue;
  return may("issues") || (onPull && may("pull_requests"));
}

/** The signature of a body, as in `X-Hub-Signature-256`. */
export function signatureOf(secret: string, body: string): string {
  return `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`;
}

export function createWebhooks(world: World): Webhooks {
  const deliveries: Delivery[] = [];
  const queues = new Map<string, Promise<void>>();
  const ending = new AbortController();

  const post = async (app: App, delivery: Delivery): Promise<Delivery> => {
    const { webhook } = app;
    if (!webhook) return { ...delivery, error: "the App has no webhook address" };
    const body = JSON.stringify(delivery.payload);
    const started = performance.now();
    const ms = () => Math.round((performance.now() - started) * 10) / 10;
    try {
      const answer = await fetch(webhook.url, {
        method: "POST",
        body,
        redirect: "manual",
        signal: AbortSignal.any([ending.signal, AbortSignal.timeout(TIMEOUT_MS)]),
        headers: {
          accept: "*/*",
          "content-type": "application/json",
          "user-agent": "GitHub-Hookshot/playground",
          "x-github-delivery": delivery.id,
          "x-github-event": delivery.event,
          "x-github-hook-id": String(app.id),
          "x-github-hook-installation-target-id": String(app.id),
          "x-github-hook-installation-target-type": "integration",
          "x-hub-signature": `sha1=${createHmac("sha1", webhook.secret).update(body).digest("hex")}`,
          "x-hub-signature-256": signatureOf(webhook.secret, body),
        },
      });
      await answer.arrayBuffer();
      return { ...delivery, status: answer.status, ms: ms() };
    } catch (error) {
      return { ...delivery, error: messageOf(error), ms: ms() };
    }
  };

  /** Behind what the same repository still has on its way. */
  const send = (app: App, fresh: Delivery): Promise<Delivery> => {
    const position = deliveries.push(fresh) - 1;
    const before = queues.get(fresh.repository) ?? Promise.resolve();
    const sent = before.then(async () => {
      const done = await post(app, fresh);
      deliveries[position] = done;
      return done;
    });
    const queue = sent.then(() => {
      if (queues.get(fresh.repository) === queue) queues.delete(fresh.repository);
    });
    queues.set(fresh.repository, queue);
    return sent;
  };

  return {
    deliveries,
    announce(repository, announcement) {
      const { event, action, by, fields, only } = announcement;
      for (const app of world.apps) {
        if (!app.webhook || !covers(app, repository) || !heard(app, announcement)) continue;
        if (only && only !== app) continue;
        const payload = {
          ...(action === undefined ? {} : { action }),
          ...fields,
          repository: event === "push" ? pushRepository(world, repository) : repositoryShape(world, repository),
          sender: userShape(world, by),
          installation: { id: app.installationId, node_id: nodeId("I_", app.installationId) },
        };
        void send(app, {
          id: randomUUID(),
          app: app.slug,
          repository: repository.fullName,
          event,
          action,
          // A picture of how things are now, not of how they will be when the queue gets there: shapes share nothing with the state.
          payload,
          at: world.clock.now(),
          redelivery: false,
          status: undefined,
          ms: undefined,
          error: undefined,
        });
      }
    },
    async redeliver(id) {
      const first = deliveries.find((delivery) => delivery.id === id);
      const app = world.apps.find(({ slug }) => slug === first?.app);
      if (!first || !app) throw new Error(`no delivery has the id ${id}`);
      const again = { redelivery: true, at: world.clock.now(), status: undefined, ms: undefined, error: undefined };
      return await send(app, { ...first, ...again });
    },
    async settled() {
      while (queues.size > 0) await Promise.all(queues.values());
    },
    async [Symbol.asyncDispose]() {
      ending.abort(new Error("the playground is closing"));
      await Promise.all(queues.values());
    },
  };
}

/** In `push` the times are seconds, and the owner has a name. */
function pushRepository(world: World, repository: Repository) {
  const shape = repositoryShape(world, repository);
  const seconds = (time: string) => Math.floor(Date.parse(time) / 1000);
  return {
    ...shape,
    owner: { ...shape.owner, name: repository.owner.login, email: null },
    created_at: seconds(shape.created_at),
    pushed_at: seconds(shape.pushed_at),
    stargazers: 0,
    master_branch: repository.defaultBranch,
  };
}
