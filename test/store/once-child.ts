// Run by tests as a process of its own: uses a whole store once, closes it, and must then end by itself.
import { silentLog } from "#src/core/log.ts";
import { RunEvent } from "#src/engine/events.ts";
import { openStore } from "#src/store/open-store.ts";

const [folder = "", databaseUrl, redisUrl] = process.argv.slice(2);
{
  await using store = await openStore({
    folder,
    databaseUrl: databaseUrl || undefined,
    redisUrl: redisUrl || undefined,
    parse: (json) => RunEvent.parse(json),
    log: silentLog,
  });
  const looked = Promise.withResolvers<string>();
  await store.bell.answer(async (topic, id) => looked.resolve(`${topic} ${id}`), { parallel: 2 });
  await store.bell.ring("delivery", `of-${process.pid}`);
  process.stdout.write(`${await looked.promise} ${await store.healthy()}\n`);
}
process.stdout.write("closed\n");
