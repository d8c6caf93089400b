// `baton replay`: a recorded run again. Folded, event by event, against what the engine decides today; or driven anew with the recorded
// model answers, in real workspaces with real gates. Either way the first difference is shown.
import { invalidUsage, readArguments } from "./arguments.ts";
import { firstDifference } from "../engine/agree.ts";
import { fold } from "../engine/fold.ts";
import { readEnv } from "../env.ts";
import { driveAgain } from "./replay-drive.ts";
import { readRun } from "./run-source.ts";

const USAGE = `Usage: baton replay <id|file>            fold a recorded run again and see whether the engine would record the same
       baton replay <id|file> --drive    drive it anew with its recorded model answers; nothing is published

  --repo <folder>   with --drive: a clone that holds the commit the run began from, when Baton has no mirror of the repository
  --json            one JSON object: run, events, state, difference; with --drive also stopped, notes

Exit code 0 when there is no difference, 1 when there is one, 3 when the run could not be driven to its end: something happened in it then
that no log holds. What was driven until there is without a difference.`;

/** The verb. */
export async function replay(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parse(argv);
  const [target, ...rest] = positionals;
  if (values.help || target === undefined) {
    console.log(USAGE);
    return values.help ? 0 : 2;
  }
  if (rest.length > 0) throw invalidUsage(`replay takes one run, not ${positionals.length}`, USAGE);
  if (values.repo !== undefined && !values.drive) throw invalidUsage(`--repo is for --drive`, USAGE);
  const env = readEnv([]);
  const events = await readRun(target, env);
  const { difference, stopped, notes } = values.drive
    ? await driveAgain(events, { env, repo: values.repo })
    : { difference: firstDifference(events), stopped: undefined, notes: [] };
  const { runId, finished, phase } = fold(events);
  const state = finished?.outcome ?? phase;
  if (values.json) {
    const of = { run: runId, events: events.length, state, difference: difference ?? null };
    console.log(JSON.stringify(values.drive ? { ...of, stopped: stopped ?? null, notes } : of));
  } else {
    for (const note of notes) console.log(`Note: ${note}`);
    if (difference)
      console.log(
        `${runId} (${state}) differs at event ${difference.version}:\n  expected  ${difference.expected}\n  recorded  ${difference.recorded}`,
      );
    else if (stopped)
      console.log(
        `${runId} (${state}): no difference up to event ${stopped.version}; it cannot be driven further: ${stopped.why}.`,
      );
    else console.log(`${runId} (${state}): ${events.length} events, no difference.`);
  }
  return difference ? 1 : stopped ? 3 : 0;
}

function parse(argv: readonly string[]) {
  return readArguments(argv, USAGE, {
    allowPositionals: true,
    options: {
      drive: { type: "boolean", default: false },
      repo: { type: "string" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
}
