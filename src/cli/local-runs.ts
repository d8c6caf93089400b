// The runs of `baton run` in BATON_HOME: a file of events each, and a lock while a process works one.
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "../core/errors.ts";
import type { RunId } from "../core/ids.ts";
import { RunEvent } from "../engine/events.ts";
import { fold } from "../engine/fold.ts";
import type { State } from "../engine/state.ts";
import { holderOf } from "../store/folder-lock.ts";
import { readRunFile } from "../store/run-file.ts";

export interface LocalRun {
  readonly state: State;
  /** The process that works it. */
  readonly process: number | undefined;
}

/** Files that are looked into, the latest first. */
const MAX_FILES = 200;

/** The file that holds the events of a run of `baton run`. */
export function runFile(run: RunId, home: string): string {
  return join(home, "runs", `${run}.jsonl`);
}

/** The folder whose lock whoever works the run has. */
export function lockFolderOf(run: RunId, home: string): string {
  return join(home, "locks", run);
}

/** The latest of them, newest first. What cannot be read is left out, which is said on stderr. */
export async function localRuns(home: string, most = MAX_FILES): Promise<LocalRun[]> {
  const folder = join(home, "runs");
  const names = (await readdir(folder).catch(() => [])).filter((name) => /^run-[0-9a-f]{12}\.jsonl$/.test(name));
  const dated = await Promise.all(
    names.map(async (name) => ({ name, at: (await stat(join(folder, name)).catch(() => undefined))?.mtimeMs ?? 0 })),
  );
  const latest = dated.toSorted((a, b) => b.at - a.at).slice(0, Math.min(most, MAX_FILES));
  const runs = await Promise.all(latest.map(({ name }) => readLocal(join(folder, name), home)));
  return runs.filter((run) => run !== undefined).toSorted((a, b) => b.state.createdAt - a.state.createdAt);
}

async function readLocal(file: string, home: string): Promise<LocalRun | undefined> {
  try {
    const state = fold(await readRunFile(file, (json) => RunEvent.parse(json)));
    const process = state.finished ? undefined : await holderOf(lockFolderOf(state.runId, home));
    return { state, process };
  } catch (error) {
    console.error(`left out: ${messageOf(error)}`);
    return undefined;
  }
}

/** What was begun last: a stage, a task. Undefined before the first. */
export function latestUnit({ stages }: State): string | undefined {
  let latest: { readonly name: string; readonly version: number } | undefined;
  for (const { name, attempts } of stages.values()) {
    const version = attempts.at(-1)?.version ?? 0;
    if (version > (latest?.version ?? 0)) latest = { name, version };
  }
  return latest?.name;
}
