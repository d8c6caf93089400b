// `baton run`: works one issue in this process, without a server: an issue on GitHub with a token, or a text about a local clone.
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { openParts, type Parts } from "../baton.ts";
import { systemClock } from "../core/clock.ts";
import { BatonError, messageOf } from "../core/errors.ts";
import { newRunId, type RunId } from "../core/ids.ts";
import { createLog, type Log } from "../core/log.ts";
import { createRedact } from "../core/redact.ts";
import { drive, type Engine } from "../engine/drive.ts";
import { fold } from "../engine/fold.ts";
import { noHistory } from "../store/history.ts";
import { RunEvent, type EventOf } from "../engine/events.ts";
import type { EventLog, Projection, Publisher } from "../engine/ports.ts";
import type { Subjects } from "../engine/subjects-port.ts";
import { readEnv, type Env, type Source } from "../env.ts";
import { readCommands, type Flags } from "../intake/grammar.ts";
import { createMemoryLog, openFileLog } from "../store/memory-log.ts";
import { follow } from "./follow.ts";
import { openGitHubCase } from "./run-github.ts";
import { openLocalCase } from "./run-local.ts";
import { stopSignal } from "./serve.ts";
import { summarise, tell } from "./story.ts";

/** How long `baton run` waits for a limit to pass, milliseconds. */
const LONGEST_WAIT_MS = 5 * 60_000;

const USAGE = `Usage: baton run <owner/repo#12> [options]          an issue on GitHub; needs GITHUB_TOKEN
       baton run <issue.md> --repo <folder> [options]  a text about a local clone; leaves a branch and a pull-request text

  --workflow <name>   work it with this workflow instead of asking triage
  --budget <dollars>  stop when this much is spent
  --max-time <20m>    stop after this long
  --dry-run           work and verify, but write nothing
  --json              print one JSON summary as the last line; the story goes to stderr`;

/** What one run needs besides the parts that work it: its first event, and where it is shown. */
export interface Case {
  readonly created: EventOf<"run.created">;
  readonly publisher: Publisher;
  readonly projection: Projection & Partial<AsyncDisposable>;
  readonly subjects: Subjects;
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

/** The verb. Exit code 0 when the run succeeded, 1 when it ended otherwise, 130 when it was interrupted. */
export async function run(argv: readonly string[], source?: Source): Promise<number> {
  const { target, values, flags } = readArguments(argv);
  if (values.help || target === undefined) {
    console.log(USAGE);
    return values.help ? 0 : 2;
  }
  const onGitHub = /^[\w.-]+\/[\w.-]+#\d+$/.test(target);
  if (!onGitHub && !existsSync(target)) {
    throw new BatonError("invalid-usage", `${target} is no issue on GitHub (owner/repo#12) and no file\n\n${USAGE}`);
  }
  const print = values.json ? (line: string) => console.error(line) : (line: string) => console.log(line);
  const env = readEnv(onGitHub ? ["token", "model"] : ["model"], source);
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
  const id = newRunId();
  const log = flags.dryRun
    ? createMemoryLog({ clock: systemClock })
    : undo.use(
        await openFileLog({
          clock: systemClock,
          parse: (json) => RunEvent.parse(json),
          file: join(home, "runs", `${id}.jsonl`),
        }),
      );
  const open = onGitHub ? openGitHubCase : openLocalCase;
  const { created, publisher, projection, subjects } = await open({
    id,
    target,
    repo: values.repo,
    flags,
    env: { ...env, home },
    parts,
    log,
    journal,
    print,
    signal,
  });
  undo.defer(async () => projection[Symbol.asyncDispose]?.());

  const following = undo.use(follow(log, (event, state) => tell(event, state).forEach(print)));
  await log.create(created);
  // A run of its own process cannot go on in another one, so an interrupt ends it, and people are told.
  void stopSignal().then(async () => {
    print("Stopping …");
    const stop = { type: "stop.requested", by: created.request.by, quote: "Ctrl+C" } as const;
    for (let version = 1; ;) {
      const answer = await log.append(id, version, [stop]);
      if (answer.type === "appended") return;
      version = answer.version;
    }
  });
  const engine = parts.engine({ log, publisher, projection, history: noHistory, subjects });
  await driveToItsEnd(created.runId, engine, signal);
  const state = await following.ended(created.runId);
  if (values.json) console.log(JSON.stringify(summarise(state)));
  if (state.finished?.code === "stopped") return 130;
  return state.finished?.outcome === "succeeded" ? 0 : 1;
}

/** Nobody else goes on with a one-shot run: a short wait is waited out, a longer one ends it, and says why. */
async function driveToItsEnd(run: RunId, engine: Engine, signal: AbortSignal): Promise<void> {
  for (;;) {
    const driven = await drive(run, engine, signal);
    if (driven === "ended") return;
    if (driven !== "waiting") throw new Error(`the run was ${driven}`);
    const state = fold(await engine.log.read(run));
    const { waiting } = state;
    const wait = (waiting?.until ?? Number.POSITIVE_INFINITY) - engine.clock.now();
    if (wait <= LONGEST_WAIT_MS) {
      await delay(Math.max(0, wait), undefined, { signal });
      continue;
    }
    const message = waiting?.message ?? "The run was to wait for a person.";
    const end = { type: "run.finished", outcome: "failed", code: waiting?.reason ?? "paused", message } as const;
    await engine.log.append(run, state.version, [end]);
  }
}

async function temporaryFolder(undo: AsyncDisposableStack): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "baton-dry-run-"));
  undo.defer(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

function readArguments(argv: readonly string[]) {
  const { values, positionals } = parse(argv);
  const { budget, "max-time": maxTime, workflow, "dry-run": dryRun } = values;
  const words = Object.entries({ budget, "max-time": maxTime, workflow }).flatMap(([name, value]) =>
    value === undefined ? [] : [`--${name} ${value}`],
  );
  const line = `/agent fix ${[...words, ...(dryRun ? ["--dry-run"] : [])].join(" ")}`;
  const reading = readCommands(line, "agent");
  const command = reading.type === "read" ? reading.commands[0] : undefined;
  if (command?.kind !== "command")
    throw new BatonError("invalid-usage", `${words.join(" ")} cannot be read\n\n${USAGE}`);
  if (command.problems.length > 0)
    throw new BatonError("invalid-usage", `${command.problems.join("\n").replaceAll("`", "")}\n\n${USAGE}`);
  if (positionals.length > 1)
    throw new BatonError(
      "invalid-usage",
      `run takes one issue, not ${positionals.length}: ${positionals.join(" ")}\n\n${USAGE}`,
    );
  return { target: positionals[0], values, flags: command.flags };
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        repo: { type: "string", default: "." },
        workflow: { type: "string" },
        budget: { type: "string" },
        "max-time": { type: "string" },
        "dry-run": { type: "boolean", default: false },
        json: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    });
  } catch (error) {
    throw new BatonError("invalid-usage", `${messageOf(error)}\n\n${USAGE}`, { cause: error });
  }
}
