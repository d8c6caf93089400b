// `baton status`: how the runs of a folder's repository stand, or those on one issue: what `baton run` keeps, and the card on GitHub.
import { systemClock } from "../core/clock.ts";
import { BatonError } from "../core/errors.ts";
import { formatDollars, isRunId } from "../core/ids.ts";
import { createLog } from "../core/log.ts";
import { createRedact } from "../core/redact.ts";
import { openAsks } from "../engine/asks.ts";
import { fold } from "../engine/fold.ts";
import type { State } from "../engine/state.ts";
import { readEnv, type Env, type Source } from "../env.ts";
import { createClient, whoIs } from "../github/client.ts";
import { duration } from "../github/markdown.ts";
import { createGitHubReader } from "../github/reader.ts";
import { createMemoryThrottle } from "../store/throttle.ts";
import { invalidUsage, readArguments } from "./arguments.ts";
import { harmlessText } from "./harmless.ts";
import { remoteOf, rootOf } from "./local-clone.ts";
import { latestUnit, localRuns, type LocalRun } from "./local-runs.ts";
import { isIssueOnGitHub } from "./run-github.ts";
import { readRun } from "./run-source.ts";

const USAGE = `Usage: baton status [--repo <folder>]             runs of \`baton run\` for this folder's repository: those that have not ended, the latest that have
       baton status <owner/repo#12>               runs on this issue; with GITHUB_TOKEN what Baton's card there says, too
       baton status <run-0123456789ab>            one run, whoever worked it

  --repo <folder>   the folder of a clone; default: this one
  --all             not only the latest 5 that have ended
  --json            as JSON

Exit code 0: it is shown. 1: nothing is known of that issue or run. 2: it cannot be asked for so.`;

const LATEST = 5;
const CARD_LINES = 40;

/** The verb. */
export async function status(argv: readonly string[], source?: Source): Promise<number> {
  const { values, positionals } = readArguments(argv, USAGE, {
    allowPositionals: true,
    options: {
      repo: { type: "string", default: "." },
      all: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  const [target, ...others] = positionals;
  if (others.length > 0) throw invalidUsage(`status takes one run or issue, not ${positionals.join(" ")}`, USAGE);
  const env = readEnv([], source);
  const { runs, card } = await found(target, values.repo, env);
  const shown = values.all ? runs : latest(runs);
  if (values.json) {
    console.log(JSON.stringify({ runs: shown.map(summary), ...(target !== undefined && card ? { card } : {}) }));
  } else for (const line of view(shown, runs.length - shown.length, card)) console.log(line);
  if (target === undefined || runs.length > 0 || card) return 0;
  console.error(
    `nothing is known of ${target} in ${env.home}${env.token === undefined ? "; with GITHUB_TOKEN the card on GitHub is read, too" : ", and Baton has no card there"}`,
  );
  return 1;
}

interface Found {
  readonly runs: readonly LocalRun[];
  readonly card?: Card | undefined;
}

async function found(target: string | undefined, folder: string, env: Env): Promise<Found> {
  if (target === undefined) {
    const root = await rootOf(folder, new AbortController().signal);
    const remote = (await remoteOf(root, new AbortController().signal))?.toLowerCase();
    const runs = await localRuns(env.home);
    return { runs: runs.filter(({ state }) => state.created.repo.cloneUrl === root || repoOf(state) === remote) };
  }
  if (isRunId(target)) {
    const own = (await localRuns(env.home)).find(({ state }) => state.runId === target);
    return { runs: [own ?? { state: fold(await readRun(target, env)), process: undefined }] };
  }
  if (!isIssueOnGitHub(target))
    throw invalidUsage(`${target} is no run (run-0123456789ab) and no issue (owner/repo#12)`, USAGE);
  const [repo = "", number = ""] = target.toLowerCase().split("#");
  const runs = (await localRuns(env.home)).filter(
    ({ state }) => repoOf(state) === repo && state.created.subject.number === Number(number),
  );
  return { runs, card: env.token === undefined ? undefined : await cardOn(target, env) };
}

function repoOf({ created: { repo } }: State): string {
  return `${repo.owner}/${repo.name}`.toLowerCase();
}

function latest(runs: readonly LocalRun[]): LocalRun[] {
  let ended = 0;
  return runs.filter(({ state }) => !state.finished || ++ended <= LATEST);
}

/** In a word: at work, waiting, interrupted, or how it ended. */
function stateOf({ state, process }: LocalRun): string {
  if (state.finished) return state.finished.outcome;
  if (process !== undefined) return state.stop ? "stopping" : "working";
  if (state.paused) return "paused";
  return state.waiting ? "waiting" : "interrupted";
}

function summary(run: LocalRun): Record<string, unknown> {
  const { state, process } = run;
  const { created, finished, waiting, pullRequest, kept, spend } = state;
  return {
    run: state.runId,
    repo: `${created.repo.owner}/${created.repo.name}`,
    issue: created.subject.number === 0 ? undefined : created.subject.number,
    title: created.input.title,
    state: stateOf(run),
    process,
    stage: finished ? undefined : latestUnit(state),
    waitsFor: finished ? undefined : waiting?.reason,
    code: finished?.code,
    message: finished?.message ?? waiting?.message,
    createdAt: state.createdAt,
    finishedAt: finished?.at,
    turns: spend.turns,
    dollars: spend.microDollars / 1_000_000,
    pullRequest: pullRequest && { number: pullRequest.number, url: pullRequest.url, branch: pullRequest.branch },
    kept: kept?.branches.map(({ branch }) => branch),
  };
}

function view(runs: readonly LocalRun[], left: number, card: Card | undefined): string[] {
  return [
    ...runs.flatMap((run) => viewOf(run)),
    ...(left > 0 ? [`${left} more that have ended: --all shows them`] : []),
    ...(runs.length === 0 && !card ? ["There are no runs of `baton run` for it."] : []),
    ...(card ? [`The card of @${card.by} says:`, ...card.text.split("\n").map((line) => `  ${line}`.trimEnd())] : []),
  ].map(harmlessText);
}

function viewOf(run: LocalRun): string[] {
  const { state } = run;
  const { created, finished, spend, pullRequest, kept } = state;
  const { number } = created.subject;
  const took = (finished?.at ?? Date.now()) - state.createdAt;
  const title = created.input.title.replaceAll(/\s+/g, " ").slice(0, 80);
  return [
    `${state.runId}  ${number > 0 ? `${created.repo.owner}/${created.repo.name}#${number} ` : ""}“${title}”`,
    `  ${lineOf(run)}`,
    `  ${spend.turns} ${spend.turns === 1 ? "turn" : "turns"}, ${formatDollars(spend.microDollars)}, ${finished ? "took" : "began"} ${duration(took)}${finished ? "" : " ago"}`,
    ...(pullRequest
      ? [
          `  ${pullRequest.number === 0 ? "" : `pull request #${pullRequest.number} ${pullRequest.url} `}on ${pullRequest.branch}`,
        ]
      : []),
    ...(kept?.branches ?? []).map(({ branch, holds }) => `  kept on ${branch}: ${holds.join(", ")}`),
  ];
}

function lineOf(run: LocalRun): string {
  const { state, process } = run;
  const { runId, finished, waiting } = state;
  if (finished) return `${finished.outcome}: ${finished.message}`;
  const at = latestUnit(state) ?? "triage";
  switch (stateOf(run)) {
    case "working":
      return `at work by process ${process}: ${at}; baton stop ${runId} ends it`;
    case "stopping":
      return `is being ended by process ${process}`;
    case "waiting": {
      const [ask] = openAsks(state);
      const how = ask ? (ask.asked.for === "approval" ? " --approve" : ' --answer "…"') : "";
      return `waits: ${waiting?.message.replace(/\.$/, "")}; baton run ${runId}${how} goes on, baton stop ${runId} ends it`;
    }
    default:
      return `interrupted at ${at}; baton run ${runId} goes on, baton stop ${runId} ends it`;
  }
}

interface Card {
  readonly by: string;
  readonly text: string;
}

/** What the latest card on an issue says, as text; undefined when there is none. A card counts that a bot wrote, or the token's own account. */
async function cardOn(target: string, env: Env): Promise<Card | undefined> {
  const [, owner = "", name = "", number = ""] = /^(.+)\/(.+)#(\d+)$/.exec(target) ?? [];
  const log = createLog({ level: env.logLevel === "info" ? "warn" : env.logLevel, redact: createRedact(env.secrets) });
  const client = await createClient({ token: env.token ?? "", apiUrl: env.apiUrl, log });
  const reader = createGitHubReader({
    octokitFor: () => Promise.resolve(client),
    throttle: createMemoryThrottle(systemClock),
    log,
  });
  const repo = await reader.repository(owner, name);
  if (!(await reader.issue(repo, Number(number))))
    throw new BatonError("not-found", `${target} does not exist, or the token may not see it`);
  const { login } = await whoIs(client);
  const isBatons = (by: string) => by.endsWith("[bot]") || by === login;
  const comments = await reader.comments(repo, Number(number));
  const found = comments.findLast(({ body, author }) => body.startsWith(CARD) && isBatons(author.login));
  return found && { by: found.author.login, text: plainText(found.body) };
}

const CARD = "<!-- baton:status:";

/** Markdown without what only GitHub shows. */
function plainText(body: string): string {
  const lines = body
    // What may be said there is nothing to say here.
    .replace(/<details>\s*<summary>Commands[^]*$/, "")
    .replaceAll(/<!--[^]*?-->/g, "")
    .replaceAll(/<\/?(?:details|summary|sub|sup|b|br)\b[^>]*>/g, "")
    .replaceAll(/\n{3,}/g, "\n\n")
    .trim()
    .split("\n");
  return [...lines.slice(0, CARD_LINES), ...(lines.length > CARD_LINES ? ["…"] : [])].join("\n");
}
