// The status card: one comment per run, edited silently. Pure: the same state gives the same text.
import type { RunId } from "../core/ids.ts";
import type { Evidence, GateResult } from "../engine/events.ts";
import { isForPeople, openAsks } from "../engine/asks.ts";
import { NOT_A_BUG, NOT_REPRODUCED } from "../engine/event-words.ts";
import { circleWords } from "../engine/circles.ts";
import { hopLine } from "../engine/hops.ts";
import { isPublished, type State } from "../engine/state.ts";
import { baseLine } from "./base-line.ts";
import { checksLine } from "./checks-line.ts";
import { askedLine, clock, heldLine } from "./held.ts";
import { keptLines, leftLines } from "./kept-line.ts";
import { bullets, commandText, count, folded, marker, MAX_BODY, seconds, stack } from "./markdown.ts";
import type { Neutral } from "./neutral.ts";
import {
  citedLines,
  commandsRun,
  duplicateOf,
  duplicateWhy,
  notesOf,
  repeatedLink,
  repeatedPart,
} from "./nothing-to-mend.ts";
import { costLine, endMessage, isGuess, missingIn, nextStep, stateWord, type Links } from "./progress.ts";
import { checklist, degradations, position, pullRequestLink, stageLines } from "./stages.ts";
import { startCommand } from "./start-command.ts";
import { isTaken, takenLine } from "./taken-line.ts";
import { toldLine } from "./told.ts";

export interface CardOptions {
  readonly neutral: Neutral;
  readonly links: Links;
  /** Milliseconds since 1970; the time of a finished run is its own. */
  readonly now: number;
  /** The address of the comment in which people are asked, when it is written. */
  readonly ask?: string | undefined;
}

/** The hidden first line of a run's card. */
export function cardMarker(run: RunId): string {
  return marker("status", run);
}

/** The card's Markdown, at most `MAX_BODY` characters; evidence is left out first. */
export function renderCard(state: State, options: CardOptions): string {
  const essentials = [
    cardMarker(state.runId),
    state.created.hop !== undefined && hopLine(state.created.hop),
    header(state, options),
    triageLine(state, options.neutral),
    revisionLine(state, options.neutral),
    baseLine(state, options.neutral),
    takenLine(state, options.neutral),
    checksLine(state, options.neutral),
    circleLine(state, options.neutral),
    checklist(stageLines(state, options.neutral)),
    partialLine(state, options.neutral),
    ending(state, options),
    heldLine(state, options.neutral, options.ask),
    askedLine(state, options.ask),
    toldLine(state, options.neutral),
    editedLine(state),
    `**Next:** ${nextStep(state, undefined, options.ask)}`,
    linkLine(state, options.links),
  ];
  const evidence = stack(failedEvidence(state, options.neutral), commandsRun(state, options.neutral));
  const full = stack(...essentials, evidence, commandHelp(state));
  return full.length <= MAX_BODY ? full : stack(...essentials, commandHelp(state)).slice(0, MAX_BODY);
}

function header(state: State, { neutral, now }: CardOptions): string {
  const { sign, word } = stateWord(state);
  const { request, dryRun } = state.created;
  const place = position(state) ?? (state.pullRequest ? `draft pull request ${pullRequestLink(state)}` : undefined);
  const asked = `asked for by ${neutral.code(request.by.login, 60)} with ${neutral.code(request.quote, 200)}`;
  return stack(
    `### ${sign} ${word}${place === undefined ? "" : ` · ${place}`}`,
    [costLine(state, now), asked, dryRun ? "dry run" : "", lastNews(state)].filter((part) => part !== "").join(" · "),
  );
}

/** Nobody can edit the card of a run whose process is gone: so a run under way says of when it speaks. */
function lastNews({ finished, updatedAt }: State): string {
  return finished ? "" : `as of ${clock(updatedAt, updatedAt)}`;
}

function editedLine({ edited, created, finished }: State): string {
  if (!edited || created.subject.kind !== "issue" || finished?.code === "restarted") return "";
  return "The issue was edited since the start; the run works from the text it began with. `/agent restart` takes the new text.";
}

function triageLine(state: State, neutral: Neutral): string {
  const { routed } = state;
  const { dropped } = state.created.input;
  const left =
    dropped.length === 0
      ? ""
      : `Left out of the issue before any model read it: ${dropped.map((item) => neutral.line(item, 100)).join(", ")}.`;
  if (!routed) return left;
  const asked = askedForLine(state, neutral);
  if (asked !== undefined) return stack(asked, left);
  const { triage } = routed;
  const sorted = triage
    ? `**${triage.type}**${repeatedPart(state)}, ${Math.round(triage.confidence * 100)} % sure (next best: ${triage.runnerUp}) · severity ${triage.severity} · size ${triage.size}`
    : "";
  const source = routed.source === "heuristic" ? "by rules of thumb, because no model could be reached" : "";
  // What the model says of type and runner-up stands in the line already.
  const why = neutral.line(routed.source === "model" && triage ? triage.summary : routed.why, 300);
  const to = state.workflow ? `→ workflow **${state.workflow.name}**` : "";
  const first = [sorted, to, source].filter((part) => part !== "").join(" ");
  const security = triage?.securitySensitive
    ? "⚠️ This looks security-sensitive: think before saying more in public."
    : "";
  return stack(`**Triage:** ${[first, why].filter((part) => part !== "").join(" · ")}`, security, left);
}

/** Who wants the pull request changed, the latest. */
function revisionLine(state: State, neutral: Neutral): string {
  const { revision } = state;
  // Nobody asked for what a base that moved on makes necessary: its own line says why.
  if (!revision || revision.base?.how === "conflicts") return "";
  const threads =
    revision.threads.length === 0
      ? ""
      : ` · ${count(revision.threads.length, "thread")} ${isPublished(state) ? "answered" : "to answer"}`;
  return `**Changes** in ${pullRequestLink(state)}, asked for by ${neutral.code(revision.by.login, 60)} with ${neutral.code(revision.quote, 200)}${threads}`;
}

/** What a person wanted all the same. */
function circleLine({ created: { circle } }: State, neutral: Neutral): string {
  if (!circle) return "";
  return `**In circles:** the runs before this one ${neutral.line(circleWords(circle), 500)}. Words behind the command that say which way to go may end that.`;
}

/** Of a run whose workflow was asked for by name, so that nothing was sorted; undefined for any other. */
export function askedForLine({ routed, created }: State, neutral: Neutral): string | undefined {
  if (routed?.source !== "asked-for" || created.workflow === undefined) return undefined;
  return `**Workflow:** ${neutral.line(created.workflow, 60)}, as asked with ${neutral.code(created.request.quote, 200)}`;
}

/** A result that lacks something says so, whatever its word is. */
function partialLine(state: State, neutral: Neutral): string {
  const partial = degradations(state).filter(({ degraded }) => degraded);
  if (partial.length === 0) return "";
  return `**Partial:** the run ${state.finished ? "went" : "goes"} on without ${partial.map(({ stage, why }) => `**${stage}** (${neutral.line(why, 200)})`).join("; ")}.`;
}

function ending(state: State, { neutral, links }: CardOptions): string {
  const { finished } = state;
  if (!finished) return "";
  if (finished.code === "asked" && state.routed?.decision.kind === "ask") {
    return stack(
      isGuess(state)
        ? "**No model answered, so I sorted this by rules of thumb. Before I start, I need to know:**"
        : "**Before I start, I need to know:**",
      bullets(state.routed.decision.questions.map((question) => neutral.line(question))),
    );
  }
  if (finished.code === "dry-run") return `**Dry run:** ${neutral.line(finished.message, 1_200)}`;
  if (duplicateOf(state) !== undefined)
    return `**Duplicate** of ${repeatedLink(state)}: ${duplicateWhy(state, neutral)}`;
  const missing = missingIn(state);
  if (missing.length > 0)
    return stack(
      "**Before somebody can start, it helps to know:**",
      bullets(missing.map((question) => neutral.line(question))),
    );
  if (finished.outcome === "succeeded" || finished.outcome === "triaged") return leftLines(state, { neutral, links });
  if (finished.code === NOT_REPRODUCED)
    return stack(
      `**Why it ended:** it does not show (\`${finished.code}\`). What was tried:`,
      notesOf(state, neutral, 2_500),
    );
  if (finished.code === NOT_A_BUG)
    return stack(
      `**Not a bug:** ${neutral.line(finished.message, 1_000)} That is said here:`,
      citedLines(state, { neutral, links }),
    );
  return stack(
    `**Why it ended:** ${neutral.line(endMessage(state), 1_200)} (\`${finished.code}\`)`,
    ...(finished.code === "restarted" ? [] : keptLines(state, { neutral, links })),
  );
}

function linkLine(state: State, links: Links): string {
  const { repo } = state.created;
  const page = links.run?.(state.runId);
  const { jobPage, driver } = state;
  return [
    page === undefined ? `Run \`${state.runId}\`` : `[Run ${state.runId}](${page})`,
    jobPage === undefined
      ? ""
      : `${driver === undefined || state.finished ? "worked" : "being worked"} in [a job of Actions](${jobPage})`,
    state.pullRequest && state.pullRequest.number > 0
      ? `[Branch](${links.serverUrl}/${repo.owner}/${repo.name}/tree/${state.pullRequest.branch})`
      : "",
    state.pullRequest && state.pullRequest.number > 0 ? `[Pull request](${state.pullRequest.url})` : "",
    originLine(state),
  ]
    .filter((part) => part !== "")
    .join(" · ");
}

/** What the agents were given. */
function originLine({ created: { pull }, base }: State): string {
  if (pull) return `pull request at \`${pull.head.slice(0, 10)}\``;
  return `from \`${base.branch}\` at \`${base.commit.slice(0, 10)}\``;
}

/** What the gates that said no have seen, newest first. */
function failedEvidence(state: State, neutral: Neutral): string {
  const failed = [...state.stages.values()].flatMap((stage) =>
    stage.attempts.flatMap((attempt) =>
      attempt.gates
        .filter((gate) => !gate.passed)
        .map((gate) => ({ stage: stage.name, attempt: attempt.number, gate })),
    ),
  );
  // The same no twice is told once, by its latest attempt.
  const latest = new Map(failed.map((no) => [`${no.stage} ${no.gate.gate} ${no.gate.code}`, no]));
  const shown = [...latest.values()].toReversed().slice(0, 4);
  if (shown.length === 0) return "";
  return folded(
    shown.length === 1 ? "What the check that said no has seen" : "What the checks that said no have seen",
    stack(...shown.map(({ stage, attempt, gate }) => gateEvidence(`${stage}, attempt ${attempt}`, gate, neutral))),
  );
}

function gateEvidence(place: string, gate: GateResult, neutral: Neutral): string {
  return stack(
    `**${gate.gate}** (${place}): ${neutral.line(gate.summary)} (\`${gate.code}\`)`,
    bullets(gate.notes.slice(0, 15).map((note) => neutral.line(note, 300))),
    ...failedIn(gate)
      .slice(0, 4)
      .map((evidence) => stack(...evidenceBlock(evidence, neutral))),
  );
}

/** What went well says nothing about a no, except where it should have failed: a reproduction that passes shows no defect. */
function failedIn({ gate, evidence }: GateResult): readonly Evidence[] {
  const failed = gate === "red" ? evidence : evidence.filter(({ exitCode }) => exitCode !== 0);
  return failed.length === 0 ? evidence : failed;
}

function evidenceBlock({ label, argv, commit, exitCode, seconds: took, tail }: Evidence, neutral: Neutral): string[] {
  const end = exitCode === null ? "killed" : `exit code ${exitCode}`;
  return [
    `${neutral.line(label)}: ${neutral.code(commandText(argv))} on \`${commit.slice(0, 10)}\`, ${end}, ${seconds(took)} s`,
    tail.trim() === "" ? "" : neutral.fence(tail.slice(-1_500), 1_500),
  ];
}

/** An ended run is not stopped any more, so that command is not listed. */
function commandHelp(state: State): string {
  const { finished, paused, waiting } = state;
  const asked = openAsks(state).map(({ asked: { for: what } }) => what);
  const start = startCommand(state);
  const flags = ["`--budget $3`", "`--max-time 20m`", ...(start === "/agent fix" ? ["`--workflow bug`"] : [])];
  return folded(
    "Commands",
    stack(
      bullets([
        ...(finished ? [] : ["`/agent stop` ends the run"]),
        ...(finished || paused ? [] : ["`/agent pause` holds the run"]),
        ...(paused || (waiting && !isForPeople(waiting.reason)) ? ["`/agent resume` goes on with it"] : []),
        ...(finished && isTaken(state) ? ["`/agent resume` goes on on top of what people pushed"] : []),
        ...(asked.includes("approval")
          ? ["`/agent approve`, `/agent approve with: …` and `/agent reject: …` judge the plan"]
          : []),
        ...(asked.includes("answer")
          ? ["a comment below the questions answers them, and so does `/agent tell …`"]
          : finished
            ? []
            : ["`/agent tell …` reaches the agents before their next step"]),
        ...(state.pullRequest
          ? ["`/agent revise <what>` has the pull request changed; `/agent rebase` merges its base into it"]
          : []),
        "`/agent retry` goes on where a run ended; `/agent retry <stage>` from that stage",
        "`/agent restart` begins again with the issue's text as it is now; `/agent budget $3` sets what the run may spend",
        `\`${start} <advice>\` begins a new run; ${flags.slice(0, -1).join(", ")} and ${flags.at(-1) ?? ""} may follow`,
        "`/agent status` and `/agent why` explain; `/agent help` lists everything",
      ]),
      "Each stands at the start of a line of a new comment.",
    ),
  );
}
