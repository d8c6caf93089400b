// `baton runs`: a table of runs, and the story of one.
import { invalidUsage, readArguments } from "./arguments.ts";
import { formatDollars } from "../core/ids.ts";
import type { RunLine } from "../engine/ports.ts";
import { readEnv } from "../env.ts";
import { openRunSource, readRun } from "./run-source.ts";
import { describe } from "./run-story.ts";
import { layOut } from "./table.ts";

const USAGE = `Usage: baton runs [options]              a table of runs, newest first
       baton runs show <id|file>         the story of one, archived ones too

  --repo <owner/repo>   of one repository
  --unfinished          only runs that have not ended
  --all                 not only the latest 20
  --full                with show: the conversations with the model, whole
  --json                as JSON

It reads DATABASE_URL, or the embedded database in BATON_HOME (a server that runs there is asked), the files of \`baton run\`, and the archive.`;

const LATEST = 20;
const MOST = 10_000;

/** The verb. */
export async function runs(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parse(argv);
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  const [verb, target, ...rest] = positionals;
  const env = readEnv([]);
  if (verb === undefined) {
    await using source = await openRunSource(env);
    const limit = values.all || values.unfinished ? MOST : LATEST;
    const lines = await source.list({ limit, repo: values.repo, unfinished: values.unfinished });
    const now = Date.now();
    if (values.json) console.log(JSON.stringify(lines.map((line) => ({ ...line, state: stateOf(line, now) }))));
    else console.log(lines.length === 0 ? "There are no runs." : table(lines, now));
    return 0;
  }
  if (verb !== "show" || target === undefined || rest.length > 0)
    throw invalidUsage(`"runs ${positionals.join(" ")}" is not a command`, USAGE);
  for (const line of describe(await readRun(target, env), { full: values.full, json: values.json })) console.log(line);
  return 0;
}

/** What a run is doing, in a word. */
export function stateOf({ finishedAt, outcome, held, dueAt }: RunLine, now: number): string {
  if (finishedAt !== undefined) return outcome ?? "ended";
  if (held) return "working";
  if (dueAt === undefined) return "held";
  return dueAt > now ? "waiting" : "queued";
}

/** The lines as a table, without colours in what people wrote. */
export function table(lines: readonly RunLine[], now: number): string {
  const rows = lines.map((line) => {
    const state = stateOf(line, now);
    return [
      line.run,
      `${line.repo.owner}/${line.repo.name}${line.subject > 0 ? `#${line.subject}` : ""}`,
      state,
      line.stage ?? "–",
      state === "waiting" ? clock(line.dueAt ?? 0) : state === "held" ? "a person" : "–",
      age(now - line.createdAt),
      formatDollars(line.spent),
    ];
  });
  return layOut(["RUN", "ISSUE", "STATE", "STAGE", "WAITS FOR", "AGE", "COST"], rows);
}

function clock(at: number): string {
  return `${new Date(at).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

function age(milliseconds: number): string {
  const minutes = Math.floor(milliseconds / 60_000);
  if (minutes < 1) return `${Math.max(0, Math.floor(milliseconds / 1_000))} s`;
  if (minutes < 120) return `${minutes} min`;
  return minutes < 2_880 ? `${Math.floor(minutes / 60)} h` : `${Math.floor(minutes / 1_440)} d`;
}

function parse(argv: readonly string[]) {
  return readArguments(argv, USAGE, {
    allowPositionals: true,
    options: {
      repo: { type: "string" },
      unfinished: { type: "boolean", default: false },
      all: { type: "boolean", default: false },
      full: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
}
