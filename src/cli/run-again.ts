// Runs of `baton run` that wait for a person: kept in a file of events, and gone on with by a later process.
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { BatonError } from "../core/errors.ts";
import type { RunId } from "../core/ids.ts";
import { openAsks } from "../engine/asks.ts";
import { RunEvent, type EventOf } from "../engine/events.ts";
import { fold } from "../engine/fold.ts";
import type { State } from "../engine/state.ts";
import { lockFolder } from "../store/folder-lock.ts";
import { readRunFile } from "../store/run-file.ts";
import { lockFolderOf, runFile } from "./local-runs.ts";
import { howToGoOn, planText } from "./people.ts";
import { githubEdges } from "./run-github.ts";
import { localEdges } from "./run-local.ts";
import type { CaseOptions, Edges } from "./run.ts";

/** A run of `baton run` as it stands. Throws `not-found`. */
export async function readRunState(run: RunId, home: string): Promise<State> {
  const file = runFile(run, home);
  if (!existsSync(file))
    throw new BatonError(
      "not-found",
      `${run} is no run of \`baton run\`: ${file} is not there. A run of a server goes on, and is stopped, by a comment on its issue`,
    );
  return fold(await readRunFile(file, (json) => RunEvent.parse(json)));
}

/** A run that can be gone on with. Throws `not-found`, and `invalid-usage` for one that has ended. */
export async function readEarlier(run: RunId, home: string): Promise<State> {
  const state = await readRunState(run, home);
  if (state.finished)
    throw new BatonError(
      "invalid-usage",
      `${run} has ended (${state.finished.outcome}), so there is nothing to go on with`,
    );
  return state;
}

/** Keeps other processes from the run. Throws `database-failed` naming the one that has it. */
export async function lockRun(run: RunId, home: string): Promise<AsyncDisposable> {
  const folder = lockFolderOf(run, home);
  await mkdir(folder, { recursive: true });
  return await lockFolder(
    folder,
    (process) => `${run} is worked by process ${process}; wait for it, or end it: baton stop ${run}`,
  );
}

/** Where the run was shown, opened again. */
export function edgesAgain(
  created: EventOf<"run.created">,
  options: Pick<CaseOptions, "id" | "env" | "parts" | "log" | "journal" | "print">,
): Promise<Edges> | Edges {
  return created.subject.kind === "local"
    ? localEdges({ ...options, root: created.repo.cloneUrl })
    : githubEdges(created, options);
}

/** Says how to go on with a run that waits, and lays its plan beside its events, to be edited. */
export async function showHowToGoOn(state: State, home: string, print: (line: string) => void): Promise<void> {
  const [ask] = openAsks(state);
  if (!ask) return;
  const file = join(home, "runs", `${state.runId}.plan.yaml`);
  if (ask.asked.for === "approval") await writeFile(file, planText(state, ask));
  for (const line of howToGoOn(state, ask, file)) print(line);
}
