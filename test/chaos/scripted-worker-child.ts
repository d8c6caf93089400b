// Run by experiments as a process of its own: a worker of the real engine over a real database, whose agents, gates and GitHub
// answer from a script at once. Usage: node scripted-worker-child.ts <database url> <runs at once>
import { createLog } from "#src/core/log.ts";
import { systemClock } from "#src/core/clock.ts";
import { RunEvent } from "#src/engine/events.ts";
import { startWorker } from "#src/engine/worker.ts";
import { openStore } from "#src/store/open-store.ts";
import { engineWith, ScriptedAgents } from "#test/support/engine-world.ts";
import { until } from "#test/support/until.ts";

const [databaseUrl = "", parallel = "8"] = process.argv.slice(2);
const stopped = Promise.withResolvers<void>();
process.on("SIGTERM", () => stopped.resolve());

const log = createLog({ level: "silent", redact: (text) => text });
const open = () =>
  openStore({
    databaseUrl,
    folder: "/nowhere",
    parse: (json) => RunEvent.parse(json),
    limits: { perRepository: 1_000, perInstallation: 1_000 },
    log,
  });
// The database may be away just now; whoever keeps a server running would start it again.
await using store = await until(() => open().catch(() => undefined), { every: 200 });
const engine = engineWith(store.log, { clock: systemClock, history: store.history, agents: new ScriptedAgents({}, 2) });
await using _worker = startWorker({
  engine,
  claims: store.claims,
  parallel: Number(parallel),
  beatMs: store.claims.leaseMs / 4,
});
process.stdout.write("working\n");
await stopped.promise;
