// What the default test run may do without, said aloud: tests that need it are left out where it is absent.
// With CI=true leaving any of it out is a failure, so that a green run on CI has run everything.
import { spawnSync } from "node:child_process";
import { readdir } from "node:fs/promises";
import { connect } from "node:net";
import { mountsDisks } from "./small-disk.ts";

export type Need =
  | "bubblewrap"
  | "postgres"
  | "postgres-server"
  | "redis"
  | "redis-server"
  | "chromium"
  | "python3"
  | "pytest"
  | "script"
  | "tmpfs";

const found = new Map<Need, boolean>();

async function listens(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port, timeout: 1_000 });
    const end = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once("connect", () => end(true));
    socket.once("error", () => end(false));
    socket.once("timeout", () => end(false));
  });
}

const runs = (program: string, ...args: string[]) => spawnSync(program, args, { stdio: "ignore" }).status === 0;

/** True when this machine has it. Prints one line for what is left out; throws instead with CI=true. */
export async function needs(need: Need): Promise<boolean> {
  const known = found.get(need);
  if (known !== undefined) return known;
  const here = {
    bubblewrap: () => runs("bwrap", "--unshare-all", "--ro-bind", "/", "/", "true"),
    postgres: () => listens(5432),
    "postgres-server": async () => (await postgresPrograms()) !== undefined,
    redis: () => listens(6379),
    "redis-server": () => runs("redis-server", "--version"),
    chromium: () => runs("chromium", "--version"),
    python3: () => runs("python3", "-c", "import tomllib"),
    pytest: () => runs("python3", "-m", "pytest", "--version"),
    script: () => runs("script", "--version"),
    tmpfs: () => mountsDisks(),
  }[need];
  const answer = await here();
  found.set(need, answer);
  if (!answer && process.env["CI"] === "true")
    throw new Error(`CI=true, and ${need} is missing: its tests may not be left out`);
  if (!answer) process.stderr.write(`left out: tests that need ${need}, which this machine does not have\n`);
  return answer;
}

/** The folder of the newest PostgreSQL server's programs, or undefined where there are none. */
export async function postgresPrograms(): Promise<string | undefined> {
  const versions = await readdir("/usr/lib/postgresql").catch(() => []);
  const newest = versions.sort((a, b) => Number(b) - Number(a))[0];
  return newest === undefined ? undefined : `/usr/lib/postgresql/${newest}/bin`;
}
