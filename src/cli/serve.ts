// `baton serve`: receives webhooks and works runs in one process. Without credentials it helps to create the GitHub App instead.
import { parseArgs } from "node:util";
import { BatonError, messageOf } from "../core/errors.ts";
import { createLog } from "../core/log.ts";
import { createRedact } from "../core/redact.ts";
import { envFile, isUnconfigured, readEnv } from "../env.ts";
import { listen } from "./listen.ts";

const USAGE = `Usage: baton serve

Receives webhooks on HOST:PORT and works runs. Its settings are environment variables (README.md lists them).
Without APP_ID, PRIVATE_KEY and WEBHOOK_SECRET it serves a page that creates the GitHub App.`;

/** The verb. Runs until SIGTERM or SIGINT, then parks runs that are under way; they go on in the next process. */
export async function serve(argv: readonly string[]): Promise<number> {
  if (readArguments(argv).help) {
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
  const env = readEnv(["app", "model"]);
  const { openBaton } = await import("../baton.ts");
  const journal = createLog({ level: env.logLevel, redact: createRedact(env.secrets) });
  await using baton = await openBaton(env, journal);
  await using server = await listen(baton, env);
  if (baton.parts.sandbox.warning !== undefined) console.error(`Warning: ${baton.parts.sandbox.warning}`);
  console.log(`Baton listens on ${server.address}. Webhooks go to ${server.address}/api/github/webhooks`);
  await stop;
  console.log("Stopping: runs that are under way are parked and go on at the next start.");
  return 0;
}

function readArguments(argv: readonly string[]): { help: boolean } {
  try {
    return parseArgs({ args: [...argv], options: { help: { type: "boolean", short: "h", default: false } } }).values;
  } catch (error) {
    throw new BatonError("invalid-usage", `${messageOf(error)}\n\n${USAGE}`, { cause: error });
  }
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
