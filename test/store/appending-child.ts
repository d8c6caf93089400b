// Run by tests as a process of its own: appends to one run as fast as it can and says each acknowledged version.
import { isRunId, newRunId } from "#src/core/ids.ts";
import { silentLog } from "#src/core/log.ts";
import { RunEvent } from "#src/engine/events.ts";
import { openStore } from "#src/store/open-store.ts";
import { created } from "#test/support/engine-world.ts";

const [folder = "", known = ""] = process.argv.slice(2);
process.stdout.write("starting\n");
const store = await openStore({ folder, parse: (json) => RunEvent.parse(json), log: silentLog });
const run = isRunId(known) ? known : newRunId();
if (run !== known) await store.log.create(created({ runId: run }));
let version = (await store.log.read(run)).length;
process.stdout.write(`${run}\n`);
for (;;) {
  const answer = await store.log.append(run, version, [{ type: "run.driven", driver: "x".repeat(2_000) }]);
  version = answer.version;
  process.stdout.write(`${version}\n`);
}
