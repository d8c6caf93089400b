// Without credentials `npm start` serves Probot's setup page, which creates the GitHub App from app.yml and writes its credentials to .env.
//
// Probot's own `run` cannot serve it for Baton: it sends deliveries to `/` instead of the webhook path, fetches a relay program
// from the registry, takes its settings from the environment, and accepts a code or a key from any page a browser has open,
// which would let that page hand Baton an App of its own. So Probot's pages are served from here, with a state that GitHub
// hands back. They are not part of Probot's exports and are loaded by file; the version is pinned and a test looks at them.
import { randomBytes, randomUUID, timingSafeEqual } from "node:crypto";
import { readFile, rename, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { parse } from "yaml";
import { z } from "zod";
import { BatonError, messageOf } from "../core/errors.ts";
import { silentLog, type Log } from "../core/log.ts";
import { WEBHOOK_PATH } from "./probot-app.ts";

export interface SetupOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** https://api.github.com, or https://HOST/api/v3. */
  readonly apiUrl: string;
  /** https://github.com, or https://HOST: where the form goes. */
  readonly serverUrl: string;
  /** Where Baton is reached from outside, when it is not the address the page is opened at. */
  readonly publicUrl?: string | undefined;
  /** Creates the App for an organisation instead of the visitor's own account. */
  readonly organization?: string | undefined;
  /** The file `npm start` reads its variables from. Default: `.env` in the working folder. */
  readonly envFile?: string;
  /** Says a line to the person at the terminal. Default: standard output. */
  readonly say?: (line: string) => void;
  readonly log?: Log;
}

export interface Setup extends AsyncDisposable {
  /** Where the page is, with the key that opens it: whoever else finds the port cannot hand Baton an App. */
  readonly address: string;
  /** Resolves when the credentials are written. */
  readonly done: Promise<void>;
}

const AppFile = z.looseObject({
  name: z.string(),
  description: z.string(),
  default_permissions: z.record(z.string(), z.enum(["read", "write"])),
  default_events: z.array(z.string()),
});

const Imported = z.object({
  appId: z.coerce.number().int().positive(),
  pem: z.string().includes("PRIVATE KEY").max(20_000),
  webhook_secret: z
    .string()
    .min(1)
    .max(500)
    .regex(/^[^\s"'\\,]+$/, "must have no spaces, quotes or commas"),
});

/** Never a destination GitHub could reach: for an App created from a page that GitHub cannot reach either. */
const UNREACHABLE_HOOK = `https://example.com${WEBHOOK_PATH}`;

/** What the App may do and is told; the one source of it. */
export const APP_FILE = join(import.meta.dirname, "../../app.yml");

/** Listens at once. Throws `invalid-environment` when the port is taken, `invalid-config` for an app.yml that is not one. */
export async function openSetup(options: SetupOptions): Promise<Setup> {
  const { host, port, envFile = resolve(".env"), log = silentLog } = options;
  const say = options.say ?? ((line: string) => void process.stdout.write(`${line}\n`));
  const app = await readAppFile();
  const pages = await loadPages();
  const state = randomUUID();
  const key = randomBytes(24).toString("base64url");
  const done = Promise.withResolvers<void>();
  let written = false;

  const finish = async (credentials: Readonly<Record<string, string>>) => {
    await writeEnv(envFile, credentials);
    written = true;
    say("");
    say(`The GitHub App is set up, and its credentials are in ${envFile}. Keep that file to yourself.`);
    say("Install the App on a repository, stop this program, and run `npm start` again.");
    done.resolve();
  };

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://localhost");
    const base = options.publicUrl?.replace(/\/+$/, "") ?? baseOf(request);
    const hook = isLocal(base) ? undefined : `${base}${WEBHOOK_PATH}`;
    const html = (text: string) =>
      void response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(text);
    const plain = (status: number, text: string) =>
      void response.writeHead(status, { "content-type": "text/plain; charset=utf-8" }).end(`${text}\n`);
    const redirect = (location: string) => void response.writeHead(302, { location }).end();
    if (pathname === "/healthz") return plain(200, "waiting for a GitHub App");
    if (pathname === WEBHOOK_PATH) return plain(503, "Baton is not set up yet");
    const hasKey = isSame(searchParams.get("key") ?? "", key);
    if (hasKey) response.setHeader("set-cookie", `${COOKIE}=${key}; Path=/; HttpOnly; SameSite=Strict`);
    // The address in the bar holds the key: it goes to nobody else.
    response.setHeader("referrer-policy", "same-origin");
    // GitHub's answer comes from another site, so without the cookie; its state is known only to who has seen the page.
    const mayEnter = hasKey || isSame(cookieOf(request), key) || pathname === "/probot/setup";
    if (!mayEnter) return plain(403, "open the address that Baton printed when it started, with its key");
    switch (`${request.method} ${pathname}`) {
      case "GET /":
      case "GET /probot": {
        const account =
          options.organization === undefined ? "" : `/organizations/${encodeURIComponent(options.organization)}`;
        return html(
          inOwnWords(
            pages.setupView({
              name: app.name,
              description: `${app.description} ${hook === undefined ? localAdvice : ""}`.trim(),
              version: "",
              createAppUrl: `${options.serverUrl.replace(/\/+$/, "")}${account}/settings/apps/new?state=${state}`,
              manifest: escape(JSON.stringify(manifestFor(app, base, hook))),
            }),
          ),
        );
      }
      case "GET /probot/setup": {
        const code = searchParams.get("code") ?? "";
        if (!/^[\w-]{1,200}$/.test(code))
          return plain(400, "the code is missing or malformed; start again at the address that Baton printed");
        if (!isSame(searchParams.get("state") ?? "", state))
          return plain(403, "this answer belongs to another setup page; start again at the address that Baton printed");
        if (written) return plain(409, "the App is set up already; stop this program and run `npm start`");
        const created = await createApp(code, options);
        await finish(created.credentials);
        if (hook === undefined)
          say(
            `Then set the webhook's address in the App's settings to your public address + ${WEBHOOK_PATH}, and switch it on.`,
          );
        return redirect(`${created.page}/installations/new`);
      }
      case "GET /probot/import":
        return html(
          inOwnWords(
            pages.importView({
              name: app.name,
              WEBHOOK_PROXY_URL: escape(hook ?? `your public address + ${WEBHOOK_PATH}`),
              GH_HOST: options.serverUrl.replace(/\/+$/, ""),
            }),
          ),
        );
      case "POST /probot/import": {
        if (!isSameOrigin(request)) return plain(403, "credentials are taken from this server's own page only");
        if (written) return plain(409, "the App is set up already; stop this program and run `npm start`");
        const given = Imported.safeParse(await readJson(request));
        if (!given.success) return plain(400, z.prettifyError(given.error));
        await finish({
          APP_ID: String(given.data.appId),
          PRIVATE_KEY: given.data.pem,
          WEBHOOK_SECRET: given.data.webhook_secret,
        });
        return void response.writeHead(200).end();
      }
      case "GET /probot/success":
        return html(inOwnWords(pages.successView({ name: app.name })));
      default:
        if (!pages.staticFilesHandler(request, response)) plain(404, "not found");
    }
  }

  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      log.error("the setup page failed", { error: messageOf(error) });
      if (!response.headersSent) response.writeHead(502, { "content-type": "text/plain; charset=utf-8" });
      response.end(`${messageOf(error)}\n`);
    });
  });
  await new Promise<void>((ready, reject) => {
    server.once("error", (error) =>
      reject(
        new BatonError(
          "invalid-environment",
          `cannot listen on ${host}:${port}: ${messageOf(error)}. Set PORT to a free one`,
          { cause: error },
        ),
      ),
    );
    server.listen(port, host, ready);
  });
  const bound = server.address();
  const taken = typeof bound === "object" && bound !== null ? bound.port : port;
  const address = `http://${host.includes(":") ? `[${host}]` : host}:${taken}/?key=${key}`;
  say("Baton has no GitHub App yet: APP_ID, PRIVATE_KEY and WEBHOOK_SECRET are not set.");
  say(`Open ${address} and press "Register GitHub App". It asks for the permissions in app.yml, and nothing more.`);
  say(
    "GitHub sends deliveries to the address at which you open that page; from this machine only, use a tunnel and open its address.",
  );
  return {
    address,
    done: done.promise,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}

const COOKIE = "baton-setup";

function cookieOf({ headers }: IncomingMessage): string {
  const pairs = (headers.cookie ?? "").split(";").map((pair) => pair.trim().split("="));
  return pairs.find(([name]) => name === COOKIE)?.[1] ?? "";
}

/** Probot's pages speak to people who build Apps of their own; these set up Baton. */
function inOwnWords(page: string): string {
  return page
    .replaceAll(" | built with Probot", "")
    .replace(
      /To start building a GitHub App[^<]*/,
      "Baton works as a GitHub App of your own. GitHub shows what it asks for before it is created.",
    )
    .replace(
      /Congrats! You have successfully installed your app![\s\S]*?(?=<\/h1>)/,
      "The credentials are written. Install the App on a repository, stop this program, and run `npm start` again.",
    )
    .replace(/<div class="mt-4">\s*<h4[^>]*>Need help\?<\/h4>[\s\S]*?<\/div>\s*<\/div>/, "");
}

const localAdvice =
  "(You have opened this page at a local address, which GitHub cannot reach: the App is created with its webhook switched off.)";

async function readAppFile(): Promise<z.infer<typeof AppFile>> {
  const read = AppFile.safeParse(parse(await readFile(APP_FILE, "utf8")));
  if (read.success) return read.data;
  throw new BatonError("invalid-config", `${APP_FILE} does not describe a GitHub App: ${z.prettifyError(read.error)}`);
}

/** What GitHub creates the App from: app.yml and the addresses. */
function manifestFor(app: z.infer<typeof AppFile>, base: string, hook: string | undefined): Record<string, unknown> {
  return {
    url: base,
    ...app,
    redirect_url: `${base}/probot/setup`,
    hook_attributes: hook === undefined ? { url: UNREACHABLE_HOOK, active: false } : { url: hook, active: true },
  };
}

const Created = z.object({
  id: z.number().int().positive(),
  pem: z.string(),
  webhook_secret: z.string().nullish(),
  html_url: z.string(),
});

/** Trades the code for the App's credentials; GitHub gives them once. Throws `github-failed`. */
async function createApp(
  code: string,
  { apiUrl }: SetupOptions,
): Promise<{ credentials: Record<string, string>; page: string }> {
  const { ProbotOctokit } = await import("probot");
  const octokit = new ProbotOctokit({
    baseUrl: apiUrl.replace(/\/+$/, ""),
    retry: { enabled: false },
    throttle: { enabled: false },
  });
  try {
    const { data } = await octokit.request("POST /app-manifests/{code}/conversions", { code });
    const { id, pem, webhook_secret, html_url } = Created.parse(data);
    return {
      credentials: {
        APP_ID: String(id),
        PRIVATE_KEY: pem,
        WEBHOOK_SECRET: webhook_secret ?? randomBytes(24).toString("hex"),
      },
      page: html_url,
    };
  } catch (error) {
    throw new BatonError(
      "github-failed",
      `GitHub did not hand out the App's credentials: ${messageOf(error)}. Start again at the address that Baton printed`,
      { cause: error },
    );
  }
}

/** Sets variables in an env file that only its owner may read; what else it holds stays. */
async function writeEnv(file: string, values: Readonly<Record<string, string>>): Promise<void> {
  const before = await readFile(file, "utf8").catch(() => "");
  const kept = before.split("\n").filter((line) => {
    const name = /^\s*(?:export\s+)?(\w+)\s*=/.exec(line)?.[1];
    return line.trim() !== "" && (name === undefined || !(name in values));
  });
  const lines = Object.entries(values).map(([name, value]) => `${name}="${value.trim().replaceAll(/\r?\n/g, "\\n")}"`);
  const draft = `${file}.${randomUUID()}.tmp`;
  await writeFile(draft, `${[...kept, ...lines].join("\n")}\n`, { mode: 0o600 });
  await rename(draft, file);
}

const view = z.custom<(fields: Readonly<Record<string, string>>) => string>((value) => typeof value === "function");
const Pages = z.object({
  setupView: view,
  importView: view,
  successView: view,
  staticFilesHandler: z.custom<(request: IncomingMessage, response: ServerResponse) => boolean>(
    (value) => typeof value === "function",
  ),
});

async function loadPages(): Promise<z.infer<typeof Pages>> {
  const lib = dirname(createRequire(import.meta.url).resolve("probot"));
  const files = ["views/setup.js", "views/import.js", "views/success.js", "server/handlers/static-files.js"];
  const modules: unknown[] = await Promise.all(files.map((file) => import(pathToFileURL(join(lib, file)).href)));
  return Pages.parse(Object.assign({}, ...modules));
}

/** The address the visitor sees, through proxies that say so. */
function baseOf({ headers }: IncomingMessage): string {
  const first = (value: string | string[] | undefined) =>
    (Array.isArray(value) ? value[0] : value)?.split(",")[0]?.trim();
  const scheme = first(headers["x-forwarded-proto"]) === "https" ? "https" : "http";
  const name = first(headers["x-forwarded-host"]) ?? headers.host ?? "localhost";
  return `${scheme}://${/^[\w.:[\]-]+$/.test(name) ? name : "localhost"}`;
}

function isLocal(base: string): boolean {
  const { hostname } = new URL(base);
  return /^(?:localhost|.*\.localhost|127\..*|0\.0\.0\.0|\[::1?\]|10\..*|192\.168\..*|172\.(?:1[6-9]|2\d|3[01])\..*|.*\.local)$/.test(
    hostname,
  );
}

/** A browser says where a request comes from; a page elsewhere cannot pretend. */
function isSameOrigin({ headers }: IncomingMessage): boolean {
  const { origin, host } = headers;
  const site = headers["sec-fetch-site"];
  if (site !== undefined && site !== "same-origin") return false;
  return (
    origin !== undefined &&
    URL.canParse(origin) &&
    (new URL(origin).host === host || new URL(origin).host === headers["x-forwarded-host"])
  );
}

function isSame(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)];
  return a.length === b.length && timingSafeEqual(a, b);
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  let text = "";
  for await (const chunk of request.setEncoding("utf8")) {
    text += String(chunk);
    if (text.length > 50_000) return undefined;
  }
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function escape(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll("'", "&#39;")
    .replaceAll('"', "&quot;");
}
