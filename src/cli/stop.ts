// `baton stop`: ends a run of `baton run`, whoever works it: as `/agent stop` and Ctrl+C do, with what is finished kept on a branch.
import { setTimeout as delay } from "node:timers/promises";
import { BatonError } from "../core/errors.ts";
import { isRunId, type RunId } from "../core/ids.ts";
import { RunEvent } from "../engine/events.ts";
import { apply } from "../engine/fold.ts";
import type { State } from "../engine/state.ts";
import { readEnv, type Source } from "../env.ts";
import { holderOf } from "../store/folder-lock.ts";
import { readRunFile } from "../store/run-file.ts";
import { invalidUsage, readArguments } from "./arguments.ts";
import { localRuns, lockFolderOf, runFile } from "./local-runs.ts";
import { isIssueOnGitHub } from "./run-github.ts";
import { readRunState } from "./run-again.ts";
import { run as goOn } from "./run.ts";
import { clearStop, leaveStop } from "./stop-word.ts";
import { summarise, tell } from "./story.ts";

const USAGE = `Usage: baton stop <run-0123456789ab> [--json]     a run of \`baton run\`
       baton stop <owner/repo#12> [--json]         the one on this issue that has not ended

The run ends as by Ctrl+C: what is finished is kept on a branch. The process that works it is told, and waited for. Where there is none
(it waits for a person, or its process died) the run is ended here; for an issue on GitHub that needs GITHUB_TOKEN. The word holds
even if this command is interrupted. A run of a server is stopped by \`/agent stop\` on its issue.

  --json   print one JSON summary as the last line; what is told goes to stderr

Exit code 0: the run has ended. 1: there is no such run, or it has not ended in two minutes. 2: it cannot be asked for so.`;

const LOOK_MS = 200;
const PATIENCE_MS = 120_000;

/** The verb. */
export async function stop(argv: readonly string[], source?: Source): Promise<number> {
  const { values, positionals } = readArguments(argv, USAGE, {
    allowPositionals: true,
    options: { json: { type: "boolean", default: false }, help: { type: "boolean", short: "h", default: false } },
  });
  const [target, ...others] = positionals;
  if (values.help || target === undefined) {
    console.log(USAGE);
    return values.help ? 0 : 2;
  }
  if (others.length > 0) throw invalidUsage(`stop takes one run, not ${positionals.join(" ")}`, USAGE);
  const { home } = readEnv([], source);
  const run = await runNamed(target, home);
  const print = values.json ? (line: string) => console.error(line) : (line: string) => console.log(line);
  const before = await readRunState(run, home);
  if (before.finished) {
    await clearStop(run, home);
    print(`${run} has ended already: ${before.finished.message}`);
    if (values.json) console.log(JSON.stringify(summarise(before)));
    return 0;
  }
  await leaveStop(run, home);
  const process = await holderOf(lockFolderOf(run, home));
  if (process === undefined) return await endHere(run, values.json, home, source);
  print(`Told process ${process}, which works ${run}. It keeps what is finished, and ends …`);
  const ended = await endedThere(before, home, print);
  if (ended === "left") return await endHere(run, values.json, home, source);
  if (!ended) {
    print(`${run} has not ended yet. The word stays: \`baton status ${run}\` shows how it stands.`);
    return 1;
  }
  await clearStop(run, home);
  if (values.json) console.log(JSON.stringify(summarise(ended)));
  return 0;
}

/** Throws `not-found`, and `invalid-usage` where the word names neither a run nor an issue. */
async function runNamed(target: string, home: string): Promise<RunId> {
  if (isRunId(target)) return target;
  if (!isIssueOnGitHub(target))
    throw invalidUsage(`${target} is no run (run-0123456789ab) and no issue (owner/repo#12)`, USAGE);
  const found = (await localRuns(home)).find(({ state }) => !state.finished && nameOf(state) === target.toLowerCase());
  if (found) return found.state.runId;
  throw new BatonError(
    "not-found",
    `no run of \`baton run\` on ${target} is under way or waits in ${home}. A run of a server is stopped by \`/agent stop\` on the issue`,
  );
}

function nameOf({ created: { repo, subject } }: State): string {
  return `${repo.owner}/${repo.name}#${subject.number}`.toLowerCase();
}

/** Nobody works it: this process takes it up, finds the word, and ends it. */
async function endHere(run: RunId, json: boolean, home: string, source: Source | undefined): Promise<number> {
  await goOn([run, ...(json ? ["--json"] : [])], source, true);
  return (await readRunState(run, home)).finished ? 0 : 1;
}

/** Tells what becomes of it; undefined when that takes too long, "left" when its process is gone and the run is not at its end. */
async function endedThere(
  before: State,
  home: string,
  print: (line: string) => void,
): Promise<State | "left" | undefined> {
  const { runId } = before;
  let state = before;
  const catchUp = async () => {
    for (const recorded of await readRunFile(runFile(runId, home), (json) => RunEvent.parse(json))) {
      if (recorded.version <= state.version) continue;
      state = apply(state, recorded);
      for (const line of tell(recorded, state)) print(line);
    }
    return state.finished !== undefined;
  };
  const until = performance.now() + PATIENCE_MS;
  while (performance.now() < until) {
    // Looked at in this order: it may write its last lines between the two.
    const gone = (await holderOf(lockFolderOf(runId, home))) === undefined;
    if (await catchUp()) return state;
    if (gone) return "left";
    await delay(LOOK_MS);
  }
  return undefined;
}
