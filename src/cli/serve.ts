// `baton serve`: receives webhooks and works runs in one process. Without credentials it helps to create the GitHub App instead.
import { readArguments } from "./arguments.ts";
import { createLog } from "../core/log.ts";
import { createRedact } from "../core/redact.ts";
import type { Role } from "../baton.ts";
import { envFile, isUnconfigured, readEnv, type Env } from "../env.ts";
import { listen } from "./listen.ts";
import { openLocalDoor } from "./local-door.ts";

const USAGE = `Usage: baton serve [--no-worker]

Receives webhooks on HOST:PORT and works runs. Its settings are environment variables (docs/configuration.md lists them).
Without APP_ID, PRIVATE_KEY and WEBHOOK_SECRET it serves a page that creates the GitHub App.

  --no-worker   receive webhooks, and leave runs to \`baton worker\`; needs DATABASE_URL, and neither a model's key nor a sandbox`;

/** How long parking may take, in milliseconds: those who stop processes usually wait 30 s before they kill. */
const PARKING_MS = 28_000;

/** The verb. Runs until SIGTERM or SIGINT, then parks runs that are under way; they go on in the next process. */
export async function serve(argv: readonly string[]): Promise<number> {
  const { help, worker } = parse(argv);
  if (help) {
    console.log(USAGE);
    return 0;
  }
  const stop = stopSignal();
  if (isUnconfigured()) {
    const env = readEnv([]);
    const { openSetup } = await import("../intake/setup.ts");
    await using setup = await openSetup({
      host: env.host,
      port: env.port,
      apiUrl: env.apiUrl,
      serverUrl: env.serverUrl,
      envFile,
    });
    await Promise.race([stop, setup.done]);
    return 0;
  }
  return await work(
    worker ? readEnv(["app", "model"]) : readEnv(["app", "database"]),
    worker ? "all" : "webhooks",
    stop,
  );
}

/** Opens Baton in this role, listens until `stop` resolves, and puts everything down. */
export async function work(env: Env, role: Role, stop: Promise<void>): Promise<number> {
  const { openBaton } = await import("../baton.ts");
  const journal = createLog({ level: env.logLevel, redact: createRedact(env.secrets) });
  await using undo = new AsyncDisposableStack();
  const baton = undo.use(await openBaton(env, journal, role));
  const server = undo.use(await listen(baton, env));
  if (env.databaseUrl === undefined) undo.use(await openLocalDoor(env.home, baton.store.log, journal));
  if (baton.parts.sandbox.warning !== undefined) console.error(`Warning: ${baton.parts.sandbox.warning}`);
  const receives = role === "runs" ? "It works runs." : `Webhooks go to ${server.address}/api/github/webhooks`;
  console.log(`Baton listens on ${server.address}. ${receives}`);
  await stop;
  if (role !== "webhooks") console.log("Stopping: runs that are under way are parked and go on at the next start.");
  const late = setTimeout(() => {
    console.error(
      `Not everything could be put down in ${PARKING_MS / 1_000} s. Nothing is lost: it goes on at the next start.`,
    );
    process.exit(1);
  }, PARKING_MS);
  await undo.disposeAsync();
  clearTimeout(late);
  return 0;
}

function parse(argv: readonly string[]): { help: boolean; worker: boolean } {
  const { help, "no-worker": alone } = readArguments(argv, USAGE, {
    options: {
      help: { type: "boolean", short: "h", default: false },
      "no-worker": { type: "boolean", default: false },
    },
  }).values;
  return { help, worker: !alone };
}

/** Resolves at the first SIGTERM or SIGINT; a second one ends the process at once. */
export function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    let asked = false;
    const stop = () => {
      if (asked) process.exit(130);
      asked = true;
      resolve();
    };
    process.on("SIGTERM", stop);
    process.on("SIGINT", stop);
  });
}
