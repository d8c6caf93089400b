// Probot: the App's webhooks and its clients for GitHub. One of the two files that know it.
//
// Deliveries do not go through Probot's own middleware but through a thin one before it, for four reasons. It answers 202 after
// nine seconds whether or not anything was kept, reads bodies of any size, answers a bad signature with 400, and decodes
// bytes leniently before it verifies them. What it verifies with is used: @octokit/webhooks, through `probot.webhooks`.
// A delivery is kept in the database before it is answered; whatever becomes of it comes later.
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Octokit } from "@octokit/core";
import { systemClock, type Clock } from "../core/clock.ts";
import { BatonError, messageOf } from "../core/errors.ts";
import type { Log } from "../core/log.ts";
import type { Deliveries } from "../store/deliveries.ts";
import { createTelling } from "./telling.ts";
import { createInstallationTokens, type TokenRequest } from "./installation-tokens.ts";

export const WEBHOOK_PATH = "/api/github/webhooks";
/** GitHub caps payloads at 25 MB (docs.github.com, "Webhook events and payloads"). */
export const MAX_PAYLOAD_BYTES = 25 * 1024 * 1024;
/** A refused request's body is read to its end when it is no longer than this. */
const DRAINED_BYTES = 65_536;
/** Milliseconds a sender may take for a body; GitHub itself gives up after 10 s. */
const BODY_TIMEOUT_MS = 10_000;
/** Milliseconds that asking for a token, or giving one back, may take. */
const TOKEN_TIMEOUT_MS = 20_000;

export interface WebhooksOptions {
  readonly appId: number;
  /** PEM. */
  readonly privateKey: string;
  /** Webhook secrets; while one is replaced by another, either counts. */
  readonly secrets: readonly string[];
  /** https://api.github.com, or https://HOST/api/v3. */
  readonly apiUrl: string;
  readonly deliveries: Pick<Deliveries, "keep">;
  /** Told after a delivery was kept and answered, and again when it is sent again: rings the bell. Its failure is logged: the delivery is safe. */
  readonly stored: (delivery: string) => Promise<void>;
  readonly log: Log;
  /** For tests. Default 25 MB. */
  readonly maxBytes?: number;
  readonly clock?: Clock;
}

/** Disposing gives the tokens back that are still good. */
export interface AppWebhooks extends AsyncDisposable {
  /** Answers `POST /api/github/webhooks`; false when the request is for another path, which is then untouched. */
  handle(request: IncomingMessage, response: ServerResponse): Promise<boolean>;
  /**
   * A client of Probot's that may do what is asked for, in one repository, and nothing else. It sends each request once.
   * `rejected`: a client given earlier whose token GitHub no longer accepts; the one given now has another.
   */
  clientFor(installationId: number, request: TokenRequest, rejected?: Pick<Octokit, "request">): Promise<Octokit>;
  /** A client that acts as the App itself. */
  asApp(): Promise<Octokit>;
  /** A token for one repository with these permissions and no more. It lives an hour, and is given out until ten minutes before its end. */
  tokenFor(installationId: number, request: TokenRequest): Promise<{ token: string; expiresAt: number }>;
  /** The App's name in mentions and the account it writes with. Asks GitHub. */
  whoAmI(): Promise<{ slug: string; login: string }>;
}

/** Reads a request's body, or says why not. */
type Body = { type: "read"; text: string } | { type: "failed"; status: number; why: string };

/** Opens the door for the App's webhooks. Throws when the private key or a secret is missing. */
export async function openWebhooks(options: WebhooksOptions): Promise<AppWebhooks> {
  const { appId, privateKey, secrets, apiUrl, deliveries, stored, log, maxBytes = MAX_PAYLOAD_BYTES } = options;
  const { clock = systemClock } = options;
  if (secrets.length === 0 || secrets.includes(""))
    throw new Error("a webhook secret is missing: without one anybody could send deliveries");
  const [{ Probot, ProbotOctokit }, { pino }] = await Promise.all([import("probot"), import("pino")]);
  // Retries and waits are the business of github/requests.ts, which knows what may be repeated: a repeated POST doubles a comment.
  const Once = ProbotOctokit.defaults((given: Record<string, unknown>) => ({
    ...given,
    retry: { enabled: false },
    throttle: { enabled: false },
  }));
  const journal = pino(
    { level: "warn", base: null },
    { write: (line: string) => log.warn("probot", { line: line.trim().slice(0, 2_000) }) },
  );
  const baseUrl = apiUrl.replace(/\/+$/, "");
  // Probot takes one secret, so there is one for each; only the first one's clients are used.
  const probots = await Promise.all(
    secrets.map((secret) =>
      new Probot({
        appId,
        privateKey,
        secret,
        baseUrl,
        Octokit: Once,
        log: journal,
      }).ready(),
    ),
  );
  const [first] = probots;
  if (!first) throw new Error("unreachable");
  const probot = first;

  const telling = createTelling(stored, log);

  async function isSigned(text: string, signature: string): Promise<boolean> {
    // Throws for an empty signature or body, which nobody signed.
    if (text === "" || signature === "") return false;
    for (const { webhooks } of probots) if (await webhooks.verify(text, signature)) return true;
    return false;
  }

  async function receive(request: IncomingMessage): Promise<{ status: number; text: string }> {
    if (request.method !== "POST") return { status: 405, text: "deliveries are POSTed" };
    const signature = header(request, "x-hub-signature-256");
    if (signature === undefined || signature === "") return { status: 401, text: "the signature is missing" };
    const id = header(request, "x-github-delivery");
    const name = header(request, "x-github-event");
    if (id === undefined || !/^[\w.:-]{1,100}$/.test(id))
      return { status: 400, text: "X-GitHub-Delivery is missing or malformed" };
    if (name === undefined || !/^[a-z][a-z0-9_]{0,59}$/.test(name))
      return { status: 400, text: "X-GitHub-Event is missing or malformed" };
    if (!/^application\/json(?:;|$)/i.test(header(request, "content-type")?.trim() ?? ""))
      return { status: 400, text: "the body must be application/json" };
    const body = await readBody(request, maxBytes);
    if (body.type === "failed") return { status: body.status, text: body.why };
    if (!(await isSigned(body.text, signature))) return { status: 401, text: "the signature does not match" };
    if (!isObject(body.text)) return { status: 400, text: "the body is not a JSON object" };
    let kept: "kept" | "known";
    try {
      kept = await deliveries.keep({ id, name, payload: body.text });
    } catch (error) {
      log.error("a delivery could not be kept", { delivery: id, event: name, error: messageOf(error) });
      return { status: 503, text: "the delivery could not be kept; send it again" };
    }
    telling.tell(id);
    return kept === "kept" ? { status: 202, text: "kept" } : { status: 200, text: "known" };
  }

  const clientWith = (token: string): Octokit => new Once({ auth: { token }, baseUrl, log: journal });
  const tokens = createInstallationTokens({
    clock,
    log,
    async mint(installationId, { repositoryId, repositoryName, permissions }) {
      const octokit: Octokit = await probot.auth();
      const { data } = await octokit.request("POST /app/installations/{installation_id}/access_tokens", {
        installation_id: installationId,
        ...(repositoryName === undefined ? { repository_ids: [repositoryId] } : { repositories: [repositoryName] }),
        permissions,
        request: { signal: AbortSignal.timeout(TOKEN_TIMEOUT_MS) },
      });
      return { token: data.token, expiresAt: Date.parse(data.expires_at) };
    },
    async revoke(token) {
      const request = { signal: AbortSignal.timeout(TOKEN_TIMEOUT_MS) };
      await clientWith(token).request("DELETE /installation/token", { request });
    },
  });
  /** The token each client was made with. */
  const tokenOf = new WeakMap<Pick<Octokit, "request">, string>();

  return {
    async handle(request, response) {
      if (pathOf(request) !== WEBHOOK_PATH) return false;
      using _answering = telling.answering();
      const { status, text } = await receive(request).catch((error: unknown) => {
        log.error("a delivery broke the door", { error: messageOf(error) });
        return { status: 503, text: "not now; send it again" };
      });
      if (response.headersSent || response.destroyed) return true;
      // A small rest is taken in: a connection that ends with bytes unread may swallow the answer. A large one ends with it.
      const small = Number(request.headers["content-length"]) <= DRAINED_BYTES;
      if (!request.complete && small) request.resume();
      const close = request.complete || small ? {} : { connection: "close" };
      response.writeHead(status, { "content-type": "text/plain; charset=utf-8", ...close }).end(`${text}\n`);
      return true;
    },
    async clientFor(installationId, request, rejected) {
      const { token } = await tokens.tokenFor(installationId, request, rejected && tokenOf.get(rejected));
      const client = clientWith(token);
      tokenOf.set(client, token);
      return client;
    },
    asApp: () => probot.auth(),
    tokenFor: (installationId, request) => tokens.tokenFor(installationId, request),
    async whoAmI() {
      const octokit: Octokit = await probot.auth();
      const { data } = await octokit.request("GET /app").catch((error: unknown) => {
        const refused = typeof error === "object" && error !== null && "status" in error && error.status === 401;
        const why = refused ? "does not accept APP_ID with this private key" : `cannot be asked: ${messageOf(error)}`;
        throw new BatonError("github-failed", `GitHub at ${baseUrl} ${why}`, { cause: error, retryable: !refused });
      });
      const slug = data?.slug;
      if (slug === undefined || slug === "")
        throw new BatonError(
          "github-failed",
          `what answers at ${baseUrl} is not GitHub's API: it does not say what the App is called. On an Enterprise Server GITHUB_API_URL ends in /api/v3`,
        );
      return { slug, login: `${slug}[bot]` };
    },
    async [Symbol.asyncDispose]() {
      await telling[Symbol.asyncDispose]();
      await tokens[Symbol.asyncDispose]();
    },
  };
}

function pathOf({ url = "" }: IncomingMessage): string {
  return url.split("?")[0]?.replace(/\/+$/, "") ?? "";
}

function header({ headers }: IncomingMessage, name: string): string | undefined {
  const value = headers[name];
  return typeof value === "string" ? value : undefined;
}

/** The body as text that is byte for byte what was signed: anything that is not UTF-8 is refused, a byte order mark is kept. */
async function readBody(request: IncomingMessage, maxBytes: number): Promise<Body> {
  const tooLarge: Body = { type: "failed", status: 413, why: `a delivery has at most ${maxBytes} bytes` };
  if (Number(request.headers["content-length"]) > maxBytes) return tooLarge;
  const chunks: Buffer[] = [];
  let size = 0;
  const late = setTimeout(() => request.destroy(new Error("the body took too long")), BODY_TIMEOUT_MS);
  try {
    for await (const chunk of request.iterator({ destroyOnReturn: false })) {
      if (!Buffer.isBuffer(chunk)) throw new Error("the body was decoded before it was verified");
      size += chunk.length;
      if (size > maxBytes) return tooLarge;
      chunks.push(chunk);
    }
  } catch (error) {
    return { type: "failed", status: 400, why: `the body did not arrive: ${messageOf(error)}` };
  } finally {
    clearTimeout(late);
  }
  try {
    return {
      type: "read",
      text: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Buffer.concat(chunks)),
    };
  } catch {
    return { type: "failed", status: 400, why: "the body is not UTF-8" };
  }
}

function isObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}
