// Tells the Apps what happened, as GitHub does: one signed POST for each, in order per repository, in the background, with
// ten seconds for the answer, and never again by itself.
import { AsyncLocalStorage } from "node:async_hooks";
import { createHmac, randomUUID } from "node:crypto";
import { messageOf } from "../core/errors.ts";
import { nodeId, userShape } from "./shapes/accounts.ts";
import { repositoryShape } from "./shapes/repositories.ts";
import { type Announcement, type App, covers, reaches, type Repository, type World } from "./state.ts";

const TIMEOUT_MS = 10_000;

/** So many payloads of deliveries that arrived are kept; those of failed ones always are. */
const KEPT_PAYLOADS = 5_000;
/** The number of the first delivery. */
const FIRST = 10_001;

/** One webhook as it was sent. `status` undefined: still on its way, or never answered (then `error` says why). */
export interface Delivery {
  /** Counted; a redelivery has its own. */
  readonly number: number;
  /** `X-GitHub-Delivery`: the same when it is sent again. */
  readonly id: string;
  readonly app: string;
  /** "owner/name"; "" for news of an installation. */
  readonly repository: string;
  readonly repositoryId: number | null;
  readonly installationId: number;
  readonly event: string;
  readonly action: string | undefined;
  /** Empty for old ones that arrived. */
  readonly payload: Readonly<Record<string, unknown>>;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly redelivery: boolean;
  readonly status: number | undefined;
  readonly ms: number | undefined;
  readonly error: string | undefined;
}

/** What is to be told, for those who decide whether it gets lost. */
export interface News {
  readonly event: string;
  readonly action: string | undefined;
  /** "owner/name"; "" for news of an installation. */
  readonly repository: string;
}

export interface Webhooks extends AsyncDisposable {
  readonly deliveries: readonly Delivery[];
  announce(repository: Repository, announcement: Announcement): void;
  /** Tells an App about its own installation; these events it always hears. */
  announceInstallation(app: App, news: Omit<Announcement, "only">): void;
  /** Sends it once more under the same id; throws for an id or a number that is not known. */
  redeliver(which: string | number): Promise<Delivery>;
  delivery(number: number): Delivery | undefined;
  /** News that this is true of reaches nobody and leaves no trace; undefined: none gets lost. */
  lose(lost: ((news: News) => boolean) | undefined): void;
  /** What happens inside `work` is told to nobody. */
  quietly<T>(work: () => Promise<T>): Promise<T>;
  /** Resolves when nothing is on its way. What an answer sets off later is not waited for. */
  settled(): Promise<void>;
}

/** The permission an App needs to hear of an event. */
function heard(app: App, { event, fields }: Announcement): boolean {
  if (app.standing !== "installed" || !app.events.includes(event)) return false;
  const may = (name: string) => reaches(app.permissions, name, "read");
  if (event === "pull_request" || event === "pull_request_review") return may("pull_requests");
  if (event === "push" || event === "repository_dispatch") return may("contents");
  if (event === "workflow_dispatch") return may("actions");
  if (event === "repository") return true;
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
  const byId = new Map<string, Delivery>();
  const ending = new AbortController();
  const silence = new AsyncLocalStorage<true>();
  let lost: ((news: News) => boolean) | undefined;

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
  const send = (app: App, unnumbered: Omit<Delivery, "number">): Promise<Delivery> => {
    const position = deliveries.length;
    const fresh: Delivery = { ...unnumbered, number: FIRST + position };
    deliveries.push(fresh);
    byId.set(fresh.id, fresh);
    forget(position - KEPT_PAYLOADS);
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

  const forget = (position: number) => {
    const old = deliveries[position];
    if (old?.status === undefined || old.status >= 400) return;
    deliveries[position] = { ...old, payload: {} };
    const known = byId.get(old.id);
    if (known?.number === old.number) byId.delete(old.id);
  };

  const unheard = (news: News) => silence.getStore() === true || lost?.(news) === true;

  const freshDelivery = (app: App, news: News, repositoryId: number | null, payload: Delivery["payload"]) => ({
    ...news,
    id: randomUUID(),
    app: app.slug,
    repositoryId,
    installationId: app.installationId,
    payload,
    at: world.clock.now(),
    redelivery: false,
    status: undefined,
    ms: undefined,
    error: undefined,
  });

  return {
    deliveries,
    announce(repository, announcement) {
      const { event, action, by, fields, only } = announcement;
      const news = { event, action, repository: repository.fullName };
      if (unheard(news)) return;
      for (const app of world.apps) {
        if (!app.webhook || !covers(app, repository) || !heard(app, announcement)) continue;
        if (only && only !== app) continue;
        // A picture of how things are now, not of how they will be when the queue gets there: shapes share nothing with the state.
        const payload = {
          ...(action === undefined ? {} : { action }),
          ...fields,
          repository: event === "push" ? pushRepository(world, repository) : repositoryShape(world, repository),
          sender: userShape(world, by),
          installation: { id: app.installationId, node_id: nodeId("I_", app.installationId) },
        };
        void send(app, freshDelivery(app, news, repository.id, payload));
      }
    },
    announceInstallation(app, { event, action, by, fields }) {
      const news = { event, action, repository: "" };
      if (!app.webhook || unheard(news)) return;
      const payload = { ...(action === undefined ? {} : { action }), ...fields, sender: userShape(world, by) };
      void send(app, freshDelivery(app, news, null, payload));
    },
    lose(which) {
      lost = which;
    },
    quietly: (work) => silence.run(true, work),
    delivery: (number) => deliveries[number - FIRST],
    async redeliver(which) {
      const first = typeof which === "number" ? deliveries[which - FIRST] : byId.get(which);
      const app = world.apps.find(({ slug }) => slug === first?.app);
      if (!first || !app) throw new Error(`no delivery has the id ${which}`);
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
