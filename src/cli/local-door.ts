// How `baton runs` reads an embedded database while a server has it: the server answers on a socket in BATON_HOME, for the same user of
// the machine and nobody else. Read-only.
import { chmod, rm } from "node:fs/promises";
import { createServer, request, type ServerResponse } from "node:http";
import { once } from "node:events";
import { join } from "node:path";
import { z } from "zod";
import { BatonError, messageOf } from "../core/errors.ts";
import { isRunId, microDollars, runId } from "../core/ids.ts";
import type { Log } from "../core/log.ts";
import { RunEvent } from "../engine/events.ts";
import type { EventLog } from "../engine/ports.ts";

export type RunReader = Pick<EventLog, "list" | "read">;

/** The kernel takes no longer path of a socket. */
const LONGEST_PATH = 107;
const ANSWER_MS = 30_000;

const Lines = z.array(
  z.object({
    run: z.string().transform(runId),
    repo: z.object({ owner: z.string(), name: z.string() }),
    subject: z.number(),
    createdAt: z.number(),
    finishedAt: z.number().optional(),
    outcome: z.string().optional(),
    workflow: z.string().optional(),
    stage: z.string().optional(),
    spent: z.number().transform(microDollars),
    dueAt: z.number().optional(),
    held: z.boolean(),
  }),
);
const Events = z.array(z.object({ version: z.number(), at: z.number(), event: RunEvent }));

function socketOf(home: string): string {
  return join(home, "baton.sock");
}

/** Answers until it is disposed of. Where no socket can be made, says so in the journal and goes without. */
export async function openLocalDoor(home: string, log: RunReader, journal: Log): Promise<AsyncDisposable> {
  const path = socketOf(home);
  const server = createServer((asked, response) => {
    answer(log, asked.url ?? "/", response).catch((error: unknown) => {
      if (!response.headersSent) response.writeHead(500);
      response.end(messageOf(error));
    });
  });
  try {
    if (Buffer.byteLength(path) > LONGEST_PATH) throw new Error(`${path} is longer than ${LONGEST_PATH} bytes`);
    // Only the process that has the database comes here: what lies there is a dead one's.
    await rm(path, { force: true });
    server.listen(path);
    await once(server, "listening");
    await chmod(path, 0o600);
  } catch (error) {
    journal.warn("`baton runs` cannot ask this server", { error: messageOf(error) });
    server.close();
    return { async [Symbol.asyncDispose]() {} };
  }
  return {
    async [Symbol.asyncDispose]() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
      await rm(path, { force: true });
    },
  };
}

async function answer(log: RunReader, address: string, response: ServerResponse): Promise<void> {
  const { pathname, searchParams } = new URL(address, "http://local");
  const [, , run = ""] = pathname.split("/");
  const found =
    pathname === "/runs"
      ? await log.list({
          limit: Number(searchParams.get("limit") ?? "20"),
          repo: searchParams.get("repo") ?? undefined,
          unfinished: searchParams.has("unfinished"),
        })
      : isRunId(run)
        ? await log.read(run)
        : undefined;
  response.writeHead(found === undefined ? 404 : 200, { "content-type": "application/json" });
  response.end(JSON.stringify(found ?? null));
}

/** The runs of the server that has the embedded database of `home`; undefined when none runs there. */
export async function askLocalDoor(home: string): Promise<RunReader | undefined> {
  const path = socketOf(home);
  if (Buffer.byteLength(path) > LONGEST_PATH) return undefined;
  const reader: RunReader = {
    async list({ limit, repo, unfinished = false }) {
      const query = new URLSearchParams({
        limit: String(limit),
        ...(repo === undefined ? {} : { repo }),
        ...(unfinished ? { unfinished: "" } : {}),
      });
      const lines = Lines.parse(await ask(path, `/runs?${query.toString()}`));
      return lines.map(({ finishedAt, outcome, workflow, stage, dueAt, ...line }) => ({
        ...line,
        finishedAt,
        outcome,
        workflow,
        stage,
        dueAt,
      }));
    },
    read: async (run, after = 0) =>
      Events.parse(await ask(path, `/runs/${run}`)).filter(({ version }) => version > after),
  };
  try {
    await reader.list({ limit: 0 });
    return reader;
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT" || code === "ECONNREFUSED") return undefined;
    throw new BatonError("database-failed", `the server at ${path} did not answer: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

async function ask(socketPath: string, path: string): Promise<unknown> {
  const asking = request({ socketPath, path, timeout: ANSWER_MS });
  asking.on("timeout", () => asking.destroy(new Error(`no answer in ${ANSWER_MS / 1_000} s`)));
  return await new Promise((resolve, reject) => {
    asking.on("error", reject);
    asking.on("response", (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (more: string) => (text += more));
      response.on("error", reject);
      response.on("end", () => {
        try {
          if (response.statusCode !== 200) throw new Error(text);
          const value: unknown = JSON.parse(text);
          resolve(value);
        } catch (error) {
          reject(error instanceof Error ? error : new Error(messageOf(error)));
        }
      });
    });
    asking.end();
  });
}
