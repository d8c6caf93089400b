// A Redis of the experiment's own, which may be killed, emptied and started again. It keeps nothing: what was in it is gone.
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { Redis } from "ioredis";
import { until } from "#test/support/until.ts";
import { freePort } from "./postgres-server.ts";

export interface RedisServer extends AsyncDisposable {
  readonly url: string;
  flush(): Promise<void>;
  /** kill -9. */
  stop(): Promise<void>;
  start(): Promise<void>;
}

export async function openRedisServer(): Promise<RedisServer> {
  const port = await freePort();
  const url = `redis://127.0.0.1:${port}`;
  let child: ChildProcess | undefined;
  const ask = async (command: "ping" | "flushall"): Promise<boolean> => {
    const redis = new Redis(url, { lazyConnect: true, retryStrategy: () => null });
    redis.on("error", () => undefined);
    try {
      await redis.connect();
      await (command === "ping" ? redis.ping() : redis.flushall());
      return true;
    } catch {
      return false;
    } finally {
      redis.disconnect();
    }
  };
  const start = async () => {
    child = spawn("redis-server", ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"], {
      stdio: "ignore",
      cwd: "/",
    });
    await until(() => ask("ping"), { milliseconds: 10_000, what: "Redis did not start" });
  };
  const stop = async () => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGKILL");
    await once(child, "close");
  };
  await start();
  return {
    url,
    start,
    stop,
    flush: async () => void (await ask("flushall")),
    [Symbol.asyncDispose]: stop,
  };
}
