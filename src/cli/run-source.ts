// Where recorded runs are found, whoever worked them: the database (PostgreSQL, the embedded one, or the server that has it open), the
// files of `baton run`, and the archive. Nothing is ever changed here.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { BatonError } from "../core/errors.ts";
import { isRunId, type RunId } from "../core/ids.ts";
import { createLog } from "../core/log.ts";
import { createRedact } from "../core/redact.ts";
import { RunEvent, type RecordedEvent } from "../engine/events.ts";
import type { EventLog, RunLine } from "../engine/ports.ts";
import { archiveFolder, type Env } from "../env.ts";
import { findArchived } from "../store/archive.ts";
import { openDatabase } from "../store/database.ts";
import { openEventLog } from "../store/event-log.ts";
import { readRunFile } from "../store/run-file.ts";
import { latestUnit, localRuns, runFile, type LocalRun } from "./local-runs.ts";
import { askLocalDoor, type RunReader } from "./local-door.ts";

const parse = (json: unknown) => RunEvent.parse(json);

export interface RunSource extends AsyncDisposable {
  list(options: Parameters<EventLog["list"]>[0]): Promise<RunLine[]>;
  /** Empty when nobody knows the run. */
  read(run: RunId): Promise<RecordedEvent[]>;
}

/** Opens what there is. Throws `database-failed` when the database cannot be read, with what to do. */
export async function openRunSource(env: Env): Promise<RunSource> {
  await using undo = new AsyncDisposableStack();
  const database = await openReader(env, undo);
  const opened = undo.move();
  return {
    async list(options) {
      const lines = [...((await database?.list(options)) ?? []), ...(await linesOf(env.home, options))];
      return lines.toSorted((a, b) => b.createdAt - a.createdAt).slice(0, options.limit);
    },
    async read(run) {
      const events = (await database?.read(run)) ?? [];
      if (events.length > 0) return events;
      const own = runFile(run, env.home);
      const file = existsSync(own) ? own : await findArchived(archiveFolder(env), run);
      return file === undefined ? [] : await readRunFile(file, parse);
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

/** A recorded run by its id or its file. Throws `not-found`. */
export async function readRun(target: string, env: Env): Promise<RecordedEvent[]> {
  if (!isRunId(target)) {
    if (/\.jsonl(\.gz)?$/.test(target)) return await readRunFile(target, parse);
    throw new BatonError(
      "invalid-usage",
      `"${target}" is no run (run- and 12 hex digits) and no file of one (.jsonl, .jsonl.gz)`,
    );
  }
  await using source = await openRunSource(env);
  const events = await source.read(target);
  if (events.length === 0)
    throw new BatonError(
      "not-found",
      `${target} is not in the database, in ${join(env.home, "runs")} or in ${archiveFolder(env)}`,
    );
  return events;
}

async function openReader(env: Env, undo: AsyncDisposableStack): Promise<RunReader | undefined> {
  const folder = join(env.home, "database");
  if (env.databaseUrl === undefined) {
    const server = await askLocalDoor(env.home);
    if (server) return server;
    if (!existsSync(join(folder, "ready"))) return undefined;
  }
  const log = createLog({ level: env.logLevel === "info" ? "warn" : env.logLevel, redact: createRedact(env.secrets) });
  const database = undo.use(await openDatabase({ url: env.databaseUrl, folder, update: false, log }));
  return undo.use(await openEventLog(database, { parse, log }));
}

async function linesOf(home: string, options: Parameters<EventLog["list"]>[0]): Promise<RunLine[]> {
  const lines = (await localRuns(home, options.limit)).map(lineOf);
  return lines.filter(
    (line) =>
      [undefined, `${line.repo.owner}/${line.repo.name}`].includes(options.repo) &&
      !(options.unfinished === true && line.finishedAt !== undefined),
  );
}

function lineOf({ state, process }: LocalRun): RunLine {
  const { created, finished } = state;
  return {
    run: state.runId,
    repo: { owner: created.repo.owner, name: created.repo.name },
    subject: created.subject.number,
    createdAt: state.createdAt,
    finishedAt: finished?.at,
    outcome: finished?.outcome,
    workflow: state.workflow?.name,
    stage: latestUnit(state),
    spent: state.spend.microDollars,
    dueAt: undefined,
    held: process !== undefined,
  };
}
