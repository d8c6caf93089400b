// The environment, read once and checked whole: the only file that reads process.env.
// Each verb asks for what it needs; everything wrong is said at once, one line each.
import { createPrivateKey } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { z } from "zod";
import { BatonError, messageOf } from "./core/errors.ts";
import { pagesOf } from "./core/github-pages.ts";
import type { DispatchRuns } from "./jobs/open-jobs.ts";
import { schemaPath } from "./workflows/json-schemas.ts";
import { headerSecrets, parseServerList, type AllowedServer } from "./workflows/servers.ts";
import type { WarmPoolBounds } from "./workspace/warm-pool.ts";

const MEGABYTE = 1_000_000;

export type Source = Readonly<Record<string, string | undefined>>;

const httpAddress = z
  .url({ protocol: /^https?$/, error: "must be an http(s) address" })
  .transform((url) => url.replace(/\/+$/, ""));
const address = (protocol: RegExp, example: string) => z.url({ protocol, error: `must be an address like ${example}` });

const count = (min: number, max: number) =>
  z.coerce
    .number("must be a number")
    .int("must be a whole number")
    .min(min, `must be at least ${min}`)
    .max(max, `must be at most ${max}`);

/** Every variable Baton knows, with what it must look like. `.describe()` is the README's text. */
export const Variables = z.object({
  APP_ID: z.coerce
    .number("must be a number")
    .int("must be a whole number")
    .positive("must be above zero")
    .optional()
    .describe("The GitHub App's id"),
  PRIVATE_KEY: z
    .string()
    .optional()
    .describe("The App's private key: PEM, with real line breaks or \\n, or base64 of it"),
  PRIVATE_KEY_PATH: z.string().optional().describe("A file with the private key, instead of PRIVATE_KEY"),
  WEBHOOK_SECRET: z
    .string()
    .transform((value) =>
      value
        .split(",")
        .map((secret) => secret.trim())
        .filter((secret) => secret !== ""),
    )
    .refine((secrets) => secrets.length > 0, "must hold at least one secret")
    .optional()
    .describe("The App's webhook secret; several, comma-separated, while rotating"),
  GITHUB_TOKEN: z.string().min(1).optional().describe("A token for `baton run` and `baton triage` on GitHub"),
  GITHUB_API_URL: httpAddress
    .default("https://api.github.com")
    .describe("GitHub's API; https://HOST/api/v3 for Enterprise Server"),
  GITHUB_SERVER_URL: httpAddress
    .optional()
    .describe("GitHub's pages; read off GITHUB_API_URL: https://github.com, or an Enterprise Server's https://HOST"),
  ANTHROPIC_API_KEY: z.string().min(1).optional().describe("The model's key"),
  ANTHROPIC_BASE_URL: httpAddress.default("https://api.anthropic.com").describe("The model's address"),
  DATABASE_URL: address(/^postgres(ql)?$/, "postgres://user@host/database")
    .optional()
    .describe("PostgreSQL; without it Baton keeps an embedded database in BATON_HOME"),
  REDIS_URL: address(/^rediss?$/, "redis://host:6379")
    .optional()
    .describe("Redis for the queue; without it the queue lives in the database"),
  HOST: z.string().min(1).default("127.0.0.1").describe("Address to listen on"),
  PORT: z.coerce
    .number("must be a number")
    .int("must be a whole number")
    .min(0)
    .max(65_535, "must be a port (0 to 65535)")
    .default(3000)
    .describe("Port to listen on"),
  BATON_URL: httpAddress
    .optional()
    .describe("Baton's own address, as the editors of people reach it; files that it proposes name the schema there"),
  DISPATCH_RUNS: z
    .enum(["never", "asked", "always"], "must be never, asked or always")
    .default("never")
    .describe(
      "Runs that jobs of GitHub Actions work, in their own repository: `asked` those whose `.github/baton.yml` says `runsOn`, `always` every one (then no model's key is needed here); needs BATON_URL",
    ),
  ACTIONS_ISSUER: httpAddress
    .optional()
    .describe("Who signs what jobs of GitHub Actions prove themselves with; by default as GITHUB_SERVER_URL has it"),
  WORKER_RUNS: count(1, 64).default(4).describe("Runs that one process works at once"),
  REPOSITORY_RUNS: count(1, 1_000)
    .default(4)
    .describe("Runs of one repository under way at once, in all processes together"),
  INSTALLATION_RUNS: count(1, 1_000)
    .default(16)
    .describe("Runs of one installation of the App under way at once, in all processes together"),
  RETENTION_DAYS: count(0, 36_500)
    .refine(
      (days) => days === 0 || days >= 7,
      "must be 0 (keep everything) or at least 7: GitHub may send a delivery again for days",
    )
    .default(90)
    .describe(
      "Days after which a run that has ended moves from the database to ARCHIVE_FOLDER, and handled deliveries go; 0 keeps everything",
    ),
  ARCHIVE_FOLDER: z
    .string()
    .min(1)
    .transform((folder) => resolve(folder))
    .optional()
    .describe("Folder for archived runs; `archive` in BATON_HOME when absent"),
  METRICS_TOKEN: z
    .string()
    .min(16, "must have at least 16 characters")
    .optional()
    .describe("What a monitor sends as `Authorization: Bearer …` to read /metrics; without it only this machine may"),
  BATON_HOME: z
    .string()
    .min(1)
    .default(".baton")
    .transform((folder) => resolve(folder))
    .describe("Folder for the embedded database, mirrors and workspaces"),
  WARM_POOL_MB: count(0, 10_000_000)
    .default(4_000)
    .describe(
      "What clones with installed dependencies may take in BATON_HOME, in MB, so that what needs the same base need not install again; 0: none are kept",
    ),
  WARM_POOL_HOURS: count(1, 720).default(24).describe("Hours after its install that such a clone is used"),
  WARM_POOL_BASES: count(1, 100).default(3).describe("Base commits of one repository that such clones are kept of"),
  MIRRORS_MB: count(0, 100_000_000)
    .default(20_000)
    .describe(
      "What mirrors of repositories may take in BATON_HOME, in MB, before those that nobody used for a day go; 0: no bound",
    ),
  BATON_SANDBOX: z
    .enum(["required", "none"], 'must be "required" or "none"')
    .default("required")
    .describe(
      "`none` runs agents and tests without a sandbox: they can then read and change everything this user can, and reach the network",
    ),
  BATON_RUNNER: z
    .enum(["messages", "claude-code"], 'must be "messages" or "claude-code"')
    .default("messages")
    .describe(
      "How agents work: `messages` with Baton's own tools, `claude-code` as the program `claude` in the sandbox, which needs CLAUDE_CODE_PATH",
    ),
  CLAUDE_CODE_PATH: z
    .string()
    .min(1)
    .optional()
    .describe("The program `claude` on this machine, as an absolute path; Baton installs none"),
  BATON_MCP: z
    .string()
    .min(1)
    .transform((file) => resolve(file))
    .optional()
    .describe("A YAML file with the MCP servers that agents may name; without it they have none"),
  LOG_LEVEL: z
    .enum(["debug", "info", "warn", "error", "silent"], "must be debug, info, warn, error or silent")
    .default("info")
    .describe("How much is logged"),
});

/** Variables whose values must never be shown. */
const secret = new Set([
  "PRIVATE_KEY",
  "WEBHOOK_SECRET",
  "GITHUB_TOKEN",
  "ANTHROPIC_API_KEY",
  "DATABASE_URL",
  "REDIS_URL",
  "METRICS_TOKEN",
]);

/** What a verb cannot do without. "app-key" is the App without its webhook secret, for who receives no webhooks. */
export type Needs = "app" | "app-key" | "token" | "model" | "database";

export interface Env {
  /** Without webhook secrets no webhooks can be received. */
  readonly app:
    | { readonly id: number; readonly privateKey: string; readonly webhookSecrets: readonly string[] }
    | undefined;
  readonly token: string | undefined;
  readonly apiUrl: string;
  readonly serverUrl: string;
  readonly model: { readonly apiKey: string; readonly baseURL: string } | undefined;
  readonly databaseUrl: string | undefined;
  readonly redisUrl: string | undefined;
  /** Which runs jobs of GitHub Actions work, where those find this Baton, and who vouches for them; undefined: they work none. */
  readonly dispatch: DispatchRuns | undefined;
  /** Where editors find the schema of a repository's config, when that is known. */
  readonly configSchema: string | undefined;
  readonly host: string;
  readonly port: number;
  /** Runs under way at once: in this process, and in all processes of a repository and of an installation. */
  readonly parallel: { readonly worker: number; readonly repository: number; readonly installation: number };
  /** Days that ended runs stay in the database; 0: for ever. */
  readonly retentionDays: number;
  /** Absolute; undefined for the usual folder in `home`. */
  readonly archive: string | undefined;
  readonly metricsToken: string | undefined;
  readonly home: string;
  readonly warmPool: WarmPoolBounds;
  /** What mirrors may take, in bytes; 0: no bound. */
  readonly mirrorBytes: number;
  readonly sandbox: "required" | "none";
  readonly runner: "messages" | "claude-code";
  /** As it was given; whether it can be run is looked at where runs are worked. */
  readonly claudeCodePath: string | undefined;
  /** The MCP servers that agents may name; undefined where there is no list. */
  readonly servers: readonly AllowedServer[] | undefined;
  readonly logLevel: "debug" | "info" | "warn" | "error" | "silent";
  /** Every secret value held, for the redactor. */
  readonly secrets: readonly string[];
}

/** Where Baton keeps its own settings: beside its package.json, never in the folder of a repository, which could redirect keys. */
export const envFile = join(import.meta.dirname, "../.env");

/** Takes what Baton's file `.env` says into the environment, where there is one; what is set already stays. */
export function loadEnvFile(): void {
  if (existsSync(envFile)) process.loadEnvFile(envFile);
}

/** The folder the person who typed the command is in: `npm run` itself goes to the folder of package.json. */
export function callerFolder(source: Source = process.env): string {
  return source["INIT_CWD"] ?? process.cwd();
}

/** The whole environment, for who reads what others than Baton have defined in it. */
export function environment(): Source {
  return process.env;
}

/** True when nothing of the App's credentials is set: then `serve` offers to create the App. */
export function isUnconfigured(source: Source = process.env): boolean {
  return ["APP_ID", "PRIVATE_KEY", "PRIVATE_KEY_PATH", "WEBHOOK_SECRET"].every((name) => (source[name] ?? "") === "");
}

/** True when somebody said where Baton keeps what it needs. */
export function isHomeSet(source: Source = process.env): boolean {
  return (source["BATON_HOME"] ?? "") !== "";
}

/** Where archived runs are. */
export function archiveFolder({ archive, home }: Pick<Env, "archive" | "home">): string {
  return archive ?? join(home, "archive");
}

/** Reads and checks the environment. Throws `invalid-environment` whose message has one line per variable that is missing or malformed. */
export function readEnv(needs: readonly Needs[], source: Source = process.env): Env {
  const given = Object.fromEntries(
    Object.entries(source).filter(([name, value]) => name in Variables.shape && value !== undefined && value !== ""),
  );
  const parsed = Variables.safeParse(given);
  const problems = parsed.success
    ? []
    : parsed.error.issues.map(({ path, message }) => describeProblem(String(path[0]), message, given));
  const key = readKey(given, problems);
  const missing = (name: string, hint: string) => {
    if (given[name] === undefined) problems.push(`${name} is missing: ${hint}`);
  };
  if (needs.includes("app") || needs.includes("app-key")) {
    missing("APP_ID", "the App's id, from the App's settings page on GitHub");
    if (given["PRIVATE_KEY"] === undefined && given["PRIVATE_KEY_PATH"] === undefined) {
      problems.push("PRIVATE_KEY is missing: the App's private key (or PRIVATE_KEY_PATH, a file with it)");
    }
    if (needs.includes("app")) missing("WEBHOOK_SECRET", "the secret set in the App's webhook settings");
  }
  if (needs.includes("database"))
    missing("DATABASE_URL", "several processes share one PostgreSQL; an embedded database has one process");
  if (needs.includes("token"))
    missing("GITHUB_TOKEN", "a token that may write issues, pull requests and contents of the repository");
  // A server whose runs are all worked elsewhere asks no model.
  const works = needs.includes("model") && !(needs.includes("app") && given["DISPATCH_RUNS"] === "always");
  if (works) missing("ANTHROPIC_API_KEY", "the key agents call the model with");
  if ((needs.includes("app") || needs.includes("app-key")) && (parsed.data?.DISPATCH_RUNS ?? "never") !== "never")
    missing("BATON_URL", "DISPATCH_RUNS is set, and jobs of GitHub Actions must know where this server is");
  const servers = readServerList(parsed.data?.BATON_MCP, { source, needed: works }, problems);
  if (!parsed.success || problems.length > 0) throw new BatonError("invalid-environment", problems.join("\n"));

  const env = parsed.data;
  const app =
    env.APP_ID !== undefined && key !== undefined
      ? { id: env.APP_ID, privateKey: key, webhookSecrets: env.WEBHOOK_SECRET ?? [] }
      : undefined;
  return {
    app,
    token: env.GITHUB_TOKEN,
    apiUrl: env.GITHUB_API_URL,
    serverUrl: env.GITHUB_SERVER_URL ?? pagesOf(env.GITHUB_API_URL),
    model:
      env.ANTHROPIC_API_KEY === undefined
        ? undefined
        : { apiKey: env.ANTHROPIC_API_KEY, baseURL: env.ANTHROPIC_BASE_URL },
    databaseUrl: env.DATABASE_URL,
    redisUrl: env.REDIS_URL,
    dispatch:
      env.DISPATCH_RUNS === "never" || env.BATON_URL === undefined
        ? undefined
        : { which: env.DISPATCH_RUNS, server: env.BATON_URL, issuer: env.ACTIONS_ISSUER },
    configSchema: env.BATON_URL === undefined ? undefined : `${env.BATON_URL}${schemaPath("baton")}`,
    host: env.HOST,
    port: env.PORT,
    parallel: { worker: env.WORKER_RUNS, repository: env.REPOSITORY_RUNS, installation: env.INSTALLATION_RUNS },
    retentionDays: env.RETENTION_DAYS,
    archive: env.ARCHIVE_FOLDER,
    metricsToken: env.METRICS_TOKEN,
    home: env.BATON_HOME,
    warmPool: {
      maxBytes: env.WARM_POOL_MB * MEGABYTE,
      maxAgeMs: env.WARM_POOL_HOURS * 3_600_000,
      perRepository: env.WARM_POOL_BASES,
    },
    mirrorBytes: env.MIRRORS_MB * MEGABYTE,
    sandbox: env.BATON_SANDBOX,
    runner: env.BATON_RUNNER,
    claudeCodePath: env.CLAUDE_CODE_PATH,
    servers,
    logLevel: env.LOG_LEVEL,
    secrets: [
      key,
      ...(env.WEBHOOK_SECRET ?? []),
      env.GITHUB_TOKEN,
      env.ANTHROPIC_API_KEY,
      passwordOf(env.DATABASE_URL),
      passwordOf(env.REDIS_URL),
      env.METRICS_TOKEN,
      ...(servers ?? []).flatMap(headerSecrets),
    ].filter((value) => value !== undefined),
  };
}

function describeProblem(name: string, message: string, given: Readonly<Record<string, string | undefined>>): string {
  return secret.has(name) ? `${name} ${message}` : `${name} ${message}, but is "${given[name] ?? ""}"`;
}

/** The administrator's list of servers. Where no agent works (`needed` is false) the secrets of their headers may be absent. */
function readServerList(
  file: string | undefined,
  { source, needed }: { source: Source; needed: boolean },
  problems: string[],
): AllowedServer[] | undefined {
  if (file === undefined) return undefined;
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    problems.push(`BATON_MCP names a file that cannot be read: ${messageOf(error)}`);
    return undefined;
  }
  const read = parseServerList(text, file, (variable) => {
    if (variable in Variables.shape)
      return { wrong: "that is Baton's own, and no server gets it; use another variable" };
    const value = source[variable] ?? "";
    if (value !== "") return { value };
    return needed
      ? { wrong: "that variable is not set; set it to the whole value of the header" }
      : { value: undefined };
  });
  if (read.type === "ok") return read.servers;
  problems.push(...read.problems);
  return undefined;
}

/** The private key as PEM, from the variable or the file; what is wrong with it goes to `problems`. */
function readKey(given: Readonly<Record<string, string | undefined>>, problems: string[]): string | undefined {
  const path = given["PRIVATE_KEY_PATH"];
  const name = given["PRIVATE_KEY"] === undefined ? "PRIVATE_KEY_PATH" : "PRIVATE_KEY";
  let text = given["PRIVATE_KEY"];
  if (text === undefined) {
    if (path === undefined) return undefined;
    try {
      text = readFileSync(path, "utf8");
    } catch (error) {
      problems.push(`PRIVATE_KEY_PATH names a file that cannot be read: ${messageOf(error)}`);
      return undefined;
    }
  }
  const plain = text.includes("-----BEGIN")
    ? text.replaceAll("\\n", "\n")
    : Buffer.from(text, "base64").toString("utf8");
  try {
    createPrivateKey(plain);
    return plain;
  } catch {
    problems.push(
      `${name} is not a private key: expected the PEM file that GitHub gave for the App (-----BEGIN RSA PRIVATE KEY-----)`,
    );
    return undefined;
  }
}

function passwordOf(url: string | undefined): string | undefined {
  const password = url === undefined ? "" : new URL(url).password;
  return password === "" ? undefined : decodeURIComponent(password);
}
