// `baton run`: works one issue in this process, without a server: an issue on GitHub with a token, or a text about a local clone.
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openParts, type Parts } from "../parts.ts";
import { systemClock } from "../core/clock.ts";
import { invalidUsage, readArguments } from "./arguments.ts";
import { isRunId, newRunId, type RunId } from "../core/ids.ts";
import { createLog, type Log } from "../core/log.ts";
import { createRedact } from "../core/redact.ts";
import { noHistory } from "../store/history.ts";
import { RunEvent, type EventOf } from "../engine/events.ts";
import { fold } from "../engine/fold.ts";
import type { EventLog, Projection, Publisher } from "../engine/ports.ts";
import type { Subjects } from "../engine/subjects-port.ts";
import { readEnv, type Env, type Source } from "../env.ts";
import { readCommands, type Flags } from "../intake/grammar.ts";
import { createMemoryLog, openFileLog } from "../store/memory-log.ts";
import { follow } from "./follow.ts";
import { driveToItsEnd } from "./one-shot.ts";
import { createPeople } from "./people.ts";
import { runFile } from "./local-runs.ts";
import { edgesAgain, lockRun, readEarlier, showHowToGoOn } from "./run-again.ts";
import { isIssueOnGitHub, openGitHubCase } from "./run-github.ts";
import { openLocalCase } from "./run-local.ts";
import { sayingsOf, terminalOf } from "./sayings.ts";
import { stopSignal } from "./serve.ts";
import { clearStop, isStopLeft, stopLeft } from "./stop-word.ts";
import { summarise, tell } from "./story.ts";

/** The exit code of a run that waits for a person, and is kept. */
const WAITS = 3;

const USAGE = `Usage: baton run <owner/repo#12> [options]          an issue on GitHub; needs GITHUB_TOKEN
       baton run <issue.md> --repo <folder> [options]  a text about a local clone; leaves a branch and a pull-request text
       baton run <run-0123456789ab> [options]          goes on with a run of this command that waits for a person

  --workflow <name>   work it with this workflow instead of asking triage
  --budget <dollars>  stop when this much is spent
  --max-time <20m>    stop after this long
  --model <tier>      let every agent use this tier at least: fast, balanced or deep
  --base <branch>     begin from this branch, and propose the work to it
  --approve           approve each plan that is asked about; --approve-with <changes>, --reject <why>
                      and --plan <file.yaml> say something else to the first
  --answer <words>    answer what is asked
  --dry-run           work and verify, but write nothing
  --json              print one JSON summary as the last line; the story goes to stderr

Exit code 0: it succeeded. 1: it ended otherwise. 2: it cannot be asked for so. 3: it waits for a person, and is kept. 130: it was stopped,
by Ctrl+C or by \`baton stop\` elsewhere. \`baton status\` shows the runs of a folder.`;

/** Where one run is shown. */
export interface Edges {
  readonly publisher: Publisher;
  readonly projection: Projection & Partial<AsyncDisposable>;
  readonly subjects: Subjects;
}

/** What one run needs besides the parts that work it. */
export interface Case extends Edges {
  readonly created: EventOf<"run.created">;
}

export interface CaseOptions {
  readonly id: RunId;
  readonly target: string;
  readonly repo: string;
  readonly flags: Flags;
  readonly env: Env;
  readonly parts: Parts;
  readonly log: EventLog;
  readonly journal: Log;
  readonly print: (line: string) => void;
  readonly signal: AbortSignal;
}

/**
 * The verb. Exit code 0 when the run succeeded, 1 when it ended otherwise, 3 when it waits for a person, 130 when it was stopped. With
 * `onlyEnd` no agent will work: for a run that is to stop.
 */
export async function run(argv: readonly string[], source?: Source, onlyEnd = false): Promise<number> {
  const { target, values, flags, sayings } = await asked(argv);
  if (values.help || target === undefined) {
    console.log(USAGE);
    return values.help ? 0 : 2;
  }
  const earlier = isRunId(target) ? await readEarlier(target, readEnv([], source).home) : undefined;
  const onGitHub = earlier ? earlier.created.subject.kind !== "local" : isIssueOnGitHub(target);
  if (!onGitHub && !earlier && !existsSync(target)) {
    throw invalidUsage(`${target} is no issue on GitHub (owner/repo#12) and no file`, USAGE);
  }
  const print = values.json ? (line: string) => console.error(line) : (line: string) => console.log(line);
  const env = readEnv([...(onGitHub ? ["token" as const] : []), ...(onlyEnd ? [] : ["model" as const])], source);
  const journal = createLog({
    level: env.logLevel === "info" ? "warn" : env.logLevel,
    redact: createRedact(env.secrets),
  });

  await using undo = new AsyncDisposableStack();
  const home = flags.dryRun ? await temporaryFolder(undo) : env.home;
  const { signal } = new AbortController();
  const parts = undo.use(
    await openParts({
      env: { ...env, home },
      journal,
      credential: () => Promise.resolve(onGitHub ? env.token : undefined),
    }),
  );
  if (parts.sandbox.warning !== undefined) console.error(`Warning: ${parts.sandbox.warning}`);
  const id = earlier?.runId ?? newRunId();
  if (!flags.dryRun) undo.use(await lockRun(id, home));
  const log = flags.dryRun
    ? createMemoryLog({ clock: systemClock })
    : undo.use(
        await openFileLog({ clock: systemClock, parse: (json) => RunEvent.parse(json), file: runFile(id, home) }),
      );
  const common = { id, env: { ...env, home }, parts, log, journal, print };
  const open = onGitHub ? openGitHubCase : openLocalCase;
  const { created, publisher, projection, subjects } = earlier
    ? { created: earlier.created, ...(await edgesAgain(earlier.created, common)) }
    : await open({ ...common, target, repo: values.repo, flags, signal });
  undo.defer(async () => projection[Symbol.asyncDispose]?.());

  const following = undo.use(
    follow(log, (event, state) => tell(event, state).forEach(print), earlier ? [earlier] : []),
  );
  if (!earlier) await log.create(created);
  // A run of its own process cannot go on in another one, so an interrupt ends it, and people are told. `baton stop` does the same.
  const stopping = new AbortController();
  const over = new AbortController();
  undo.defer(() => over.abort());
  const word = Promise.race([
    stopSignal().then(() => "Ctrl+C"),
    stopLeft(id, home, over.signal).then(() => "baton stop"),
  ]);
  const stopped = word.then(async (quote) => {
    print("Stopping …");
    stopping.abort();
    const stop = { type: "stop.requested", by: created.request.by, quote } as const;
    for (;;) {
      const state = fold(await log.read(id));
      if (state.finished || state.stop) return;
      if ((await log.append(id, state.version, [stop])).type === "appended") return;
    }
  });
  if (await isStopLeft(id, home)) await stopped;
  const people = createPeople({
    sayings,
    terminal: terminalOf(values.json),
    print,
    by: created.request.by,
    stopping: stopping.signal,
  });
  const engine = parts.engine({ log, publisher, projection, history: noHistory, subjects });
  const rest = await driveToItsEnd(id, engine, {
    people,
    told: () => following.told(id),
    stopping: stopping.signal,
    stopped,
    keeps: !flags.dryRun,
  });
  if (rest) {
    await showHowToGoOn(rest, home, print);
    if (values.json) console.log(JSON.stringify(summarise(rest)));
    return WAITS;
  }
  const state = await following.ended(id);
  await clearStop(id, home);
  if (values.json) console.log(JSON.stringify(summarise(state)));
  if (state.finished?.code === "stopped") return 130;
  return state.finished?.outcome === "succeeded" ? 0 : 1;
}

async function temporaryFolder(undo: AsyncDisposableStack): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "baton-dry-run-"));
  undo.defer(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function asked(argv: readonly string[]) {
  const { values, positionals } = parse(argv);
  const { budget, "max-time": maxTime, workflow, base, model, "dry-run": dryRun } = values;
  const words = Object.entries({ budget, "max-time": maxTime, workflow, base, model }).flatMap(([name, value]) =>
    value === undefined ? [] : [`--${name} ${value}`],
  );
  const line = `/agent fix ${[...words, ...(dryRun ? ["--dry-run"] : [])].join(" ")}`;
  const reading = readCommands(line, "agent");
  const command = reading.type === "read" ? reading.commands[0] : undefined;
  if (command?.kind !== "command") throw invalidUsage(`${words.join(" ")} cannot be read`, USAGE);
  if (command.problems.length > 0) throw invalidUsage(command.problems.join("\n").replaceAll("`", ""), USAGE);
  if (positionals.length > 1)
    throw invalidUsage(`run takes one issue, not ${positionals.length}: ${positionals.join(" ")}`, USAGE);
  const target = positionals[0];
  if (target !== undefined && isRunId(target) && (words.length > 0 || dryRun || values.repo !== "."))
    throw invalidUsage(`${target} goes on as it was begun, so it takes only words about its plan`, USAGE);
  return { target, values, flags: command.flags, sayings: await sayingsOf(values, USAGE) };
}

function parse(argv: readonly string[]) {
  return readArguments(argv, USAGE, {
    allowPositionals: true,
    options: {
      repo: { type: "string", default: "." },
      workflow: { type: "string" },
      budget: { type: "string" },
      "max-time": { type: "string" },
      base: { type: "string" },
      model: { type: "string" },
      approve: { type: "boolean", default: false },
      "approve-with": { type: "string" },
      reject: { type: "string" },
      plan: { type: "string" },
      answer: { type: "string" },
      "dry-run": { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
}
