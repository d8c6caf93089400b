// `baton worker`: works runs and receives no webhooks; as many of them as there is work, beside `baton serve` and on one database.
import { readArguments } from "./arguments.ts";
import { BatonError } from "../core/errors.ts";
import { readEnv } from "../env.ts";
import { stopSignal, work } from "./serve.ts";

const USAGE = `Usage: baton worker

Works runs that \`baton serve\` takes in, on the same DATABASE_URL. Needs the App's id and key, not its webhook secret.
On HOST:PORT it answers /healthz, /readyz and /metrics, and nothing else. WORKER_RUNS says how many runs it works at once.`;

/** The verb. Runs until SIGTERM or SIGINT, then parks runs that are under way; they go on in other workers, or the next. */
export async function worker(argv: readonly string[]): Promise<number> {
  if (readArguments(argv, USAGE, { options: { help: { type: "boolean", short: "h", default: false } } }).values.help) {
    console.log(USAGE);
    return 0;
  }
  const stop = stopSignal();
  const env = readEnv(["app-key", "model", "database"]);
  if (env.dispatch?.which === "always")
    throw new BatonError(
      "invalid-environment",
      'DISPATCH_RUNS is "always": jobs of GitHub Actions work every run, and a worker would find none. Start `baton serve` alone, or set it to asked',
    );
  return await work(env, "runs", stop);
}
