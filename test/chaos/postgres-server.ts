// A PostgreSQL server of the experiment's own, which may be stopped and started as often as it likes.
import { spawn } from "node:child_process";
import { chown, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { postgresPrograms } from "#test/support/needs.ts";

export interface PostgresServer extends AsyncDisposable {
  readonly url: string;
  /** Stops it as an administrator in a hurry would: connections are cut, nothing acknowledged is lost. */
  stop(): Promise<void>;
  start(): Promise<void>;
}

/** A new server on a free port of loopback, with its data in a temporary folder. */
export async function openPostgresServer(): Promise<PostgresServer> {
  const programs = await postgresPrograms();
  if (programs === undefined) throw new Error("there is no PostgreSQL server in /usr/lib/postgresql");
  const folder = await mkdtemp(join(tmpdir(), "baton-postgres-"));
  const owner = await ownerOf(folder);
  const data = join(folder, "data");
  const port = await freePort();
  const log = join(folder, "log");
  await run(join(programs, "initdb"), ["-D", data, "-U", "postgres", "--auth=trust", "-E", "UTF8", "--no-sync"], owner);
  await writeFile(
    join(data, "postgresql.auto.conf"),
    [`port = ${port}`, "listen_addresses = '127.0.0.1'", "unix_socket_directories = ''", "max_connections = 100"].join(
      "\n",
    ),
  );
  const start = () => run(join(programs, "pg_ctl"), ["-D", data, "-l", log, "-w", "start"], owner);
  const stop = () => run(join(programs, "pg_ctl"), ["-D", data, "-m", "fast", "-w", "stop"], owner);
  await start();
  let up = true;
  return {
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    async stop() {
      await stop();
      up = false;
    },
    async start() {
      await start();
      up = true;
    },
    async [Symbol.asyncDispose]() {
      if (up) await stop().catch(() => undefined);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The server refuses to run as root: then it runs as its own user. */
async function ownerOf(folder: string): Promise<{ uid?: number; gid?: number }> {
  if (userInfo().uid !== 0) return {};
  const ids = await new Promise<number[]>((resolve, reject) => {
    const child = spawn("sh", ["-c", "id -u postgres && id -g postgres"], { stdio: ["ignore", "pipe", "ignore"] });
    let said = "";
    child.stdout.on("data", (bytes: Buffer) => (said += bytes.toString()));
    child.on("error", reject);
    child.on("close", () => resolve(said.trim().split("\n").map(Number)));
  });
  const [uid = 0, gid = 0] = ids;
  await chown(folder, uid, gid);
  return { uid, gid };
}

async function run(program: string, args: readonly string[], owner: { uid?: number; gid?: number }): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    // Not a pipe: the server would inherit it and keep it open.
    const child = spawn(program, args, { stdio: "ignore", cwd: "/", ...owner });
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0) resolve();
      else reject(new Error(`${program} ended with ${code}`));
    });
  });
}

/** A port of loopback that nobody listens on just now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (typeof address !== "object" || address === null) throw new Error("no free port");
  return address.port;
}
