// What a run's state says to a person, before it becomes a card, a comment or a reply: its word, its stages, what comes next.
import { assertNever } from "../core/errors.ts";
import { dollars, formatDollars, microDollars, type RunId } from "../core/ids.ts";
import { CONTRADICTION } from "../engine/contradictions.ts";
import { DUPLICATE, NOT_A_BUG } from "../engine/event-words.ts";
import { BRANCH_TAKEN } from "../engine/pull-state.ts";
import { findingsOf } from "../engine/findings.ts";
import { reviewOf } from "../engine/review.ts";
import {
  isBeingEnded,
  isIdle,
  isPublished,
  stageThatEnded,
  totalCost,
  used,
  workedMs,
  type State,
} from "../engine/state.ts";
import { issueTypes } from "../workflows/artifacts.ts";
import { needsPeople } from "./checks-line.ts";
import { heldNext, waitWord } from "./held.ts";
import { count, duration } from "./markdown.ts";
import { duplicateOf, repeatedLink } from "./nothing-to-mend.ts";
import { hadNothingToPropose, position, pullRequestLink } from "./stages.ts";
import { startCommand } from "./start-command.ts";
import { takenNext } from "./taken-line.ts";

/** Addresses of the pages that Baton's texts point to. */
export interface Links {
  /** Where GitHub's web pages are: "https://github.com". */
  readonly serverUrl: string;
  /** The run's own page, when there is a dashboard that people can reach. */
  readonly run?: ((run: RunId) => string) | undefined;
  /** GitHub starts no CI for pull requests that are opened with this token. */
  readonly startsNoChecks?: boolean | undefined;
}

export interface Word {
  readonly sign: string;
  readonly word: string;
}

function isStopping(state: State): boolean {
  return isBeingEnded(state) && !isPublished(state);
}

/** The one word for where a run stands. */
export function stateWord(state: State): Word {
  const { finished } = state;
  if (!finished) {
    if (isStopping(state)) return { sign: "⏹️", word: "Stopping" };
    if (state.paused) return { sign: "⏸️", word: "Paused" };
    if (state.waiting) return { sign: "🕓", word: waitWord(state.waiting) };
    return state.driver === undefined ? { sign: "🕓", word: "Queued" } : { sign: "🔄", word: "Running" };
  }
  switch (finished.outcome) {
    case "succeeded":
      return needsPeople(state) ? { sign: "🙋", word: "Needs a decision" } : { sign: "✅", word: "Succeeded" };
    case "triaged":
      return finished.code === DUPLICATE ? { sign: "🔗", word: "Duplicate" } : { sign: "🏷️", word: "Triaged" };
    case "needs-a-decision":
      return { sign: "🙋", word: "Needs a decision" };
    case "could-not-reproduce":
      return finished.code === NOT_A_BUG
        ? { sign: "📖", word: "Not a bug" }
        : { sign: "🔍", word: "Could not reproduce" };
    case "failed":
      return { sign: "❌", word: "Failed" };
    case "timed-out":
      return { sign: "⌛", word: "Timed out" };
    case "out-of-budget":
      return { sign: "💰", word: "Failed (out of budget)" };
    case "cancelled":
      return finished.code === BRANCH_TAKEN ? { sign: "⏸️", word: "Frozen" } : { sign: "⏹️", word: "Cancelled" };
    default:
      return assertNever(finished.outcome);
  }
}

/**
 * Time and money of the whole run: "4 min 12 s · $0.42 of $5.00 · 34 model turns". A retry, or a revision, has the budget to itself, so then what
 * it has used of it is told apart. `now` in milliseconds since 1970.
 */
export function costLine(state: State, now: number): string {
  const of = state.budget ? ` of ${formatDollars(state.budget.microDollars)}${lowered(state)}` : "";
  const retried = state.budgetFrom.spend.turns > 0 || state.budgetFrom.spend.microDollars > 0;
  const since = microDollars(used(state, now).microDollars);
  const worked = duration(workedMs(state, isIdle(state) ? state.updatedAt : now));
  const less = loweredTime(state);
  return [
    less === "" || !state.budget ? worked : `${worked} of ${duration(state.budget.milliseconds)}${less}`,
    `${formatDollars(totalCost(state))}${retried ? "" : of}`,
    count(state.spend.turns, "model turn"),
    ...(retried ? [`this try ${formatDollars(since)}${of}`] : []),
  ].join(" · ");
}

/** Why less may be spent than was asked for; nothing where it is what was asked for, or people have set it since. */
export function lowered({ budget, created }: State): string {
  const asked = created.ceilings.dollars;
  const law = created.config.budget.run;
  if (asked === undefined || law === undefined || asked <= law || budget?.microDollars !== dollars(law)) return "";
  return ` (${formatDollars(dollars(asked))} was asked for; \`budget.run\` here is ${formatDollars(dollars(law))})`;
}

/** The same of the time it may take. */
export function loweredTime({ created }: State): string {
  const asked = created.ceilings.minutes;
  const law = created.config.budget.time;
  if (asked === undefined || law === undefined || asked <= law) return "";
  return ` (${minutes(asked)} was asked for; \`budget.time\` here is ${minutes(law)})`;
}

function minutes(number: number): string {
  return duration(number * 60_000);
}

/** Why a run ended, with nothing said twice: what a gate notes is often what it concludes. Not harmless yet. */
export function endMessage({ finished }: State): string {
  const told: string[] = [];
  for (const line of (finished?.message ?? "").split("\n")) {
    const text = line.trim().replace(/ \(([a-z-]+)\)$/, (whole, code) => (code === finished?.code ? "" : whole));
    if (!told.some((earlier) => earlier.includes(text))) told.push(text);
  }
  return told.join("\n");
}

/** What comes next, whom it waits for, and the exact command that changes it. Markdown, without the label. `asked` for the status itself: it is not pointed to again; `ask` is the address of the comment that asks people. */
export function nextStep(state: State, asked?: "status", ask?: string): string {
  const { finished } = state;
  if (!finished) {
    if (isStopping(state)) return "the work under way is being ended.";
    const held = heldNext(state, ask);
    if (held !== undefined) return held;
    if (!state.routed) return "sorting the issue, then the work it calls for. `/agent stop` stops it.";
    return `${position(state) ?? "the last step"}, by itself. \`/agent stop\` stops it${asked === "status" ? "" : ", `/agent status` tells more"}.`;
  }
  const taken = takenNext(state);
  if (taken !== undefined) return taken;
  const where = stageThatEnded(state);
  const start = startCommand(state);
  const again =
    where === undefined
      ? "`/agent retry` tries again"
      : `\`/agent retry\` goes on at **${where}** and keeps what is done`;
  switch (finished.outcome) {
    case "succeeded":
      if (state.pullRequest && state.pullClosed) {
        const { by, merged } = state.pullClosed;
        return `nothing; \`${by.login}\` ${merged ? "merged" : "closed"} ${pullRequestLink(state)}.`;
      }
      if (needsPeople(state))
        return `a person looks at what fails in ${pullRequestLink(state)}. \`/agent revise <what to do>\` has it worked in, and starts the count of repairs anew.`;
      if (state.pullRequest && state.pullRequest.number > 0) {
        return `review the draft ${pullRequestLink(state)}; changes that you ask for there are worked in. Baton never merges it or marks it ready; that is yours to do.`;
      }
      if (state.pullRequest) return `look at ${pullRequestLink(state)}.`;
      if (reviewOf(state)) return `read [the review](${reviewOf(state)?.url ?? ""}); \`/agent review\` looks again.`;
      if (hadNothingToPropose(state)) return "nothing; there was nothing to propose.";
      // A local run has no comment in which to tick them.
      if (state.created.repo.id !== 0 && (findingsOf(state)?.findings.length ?? 0) > 0)
        return "tick the findings that should become issues, in the report below.";
      return state.created.dryRun
        ? `this was a dry run; \`${start}\` does it for real.`
        : "nothing; every stage is done.";
    case "triaged":
      if (duplicateOf(state) !== undefined)
        return `look at ${repeatedLink(state)}. If this is something else, \`/agent fix <what is different>\` has it sorted again; or have it worked at once with ${startsWithoutTriage(state)}.`;
      if (missingIn(state).length > 0)
        return "somebody answers that in a comment. Nothing starts by itself: somebody with write access can start the work with `/agent fix`, which takes the answers along.";
      return "nothing starts by itself. Somebody with write access can start the work with `/agent fix`.";
    case "needs-a-decision":
      if (finished.code === CONTRADICTION)
        return "a person decides: by an answer in one of the threads, or by `/agent tell …` here. Everything that is wanted is worked then.";
      if (finished.code === "unresolved" && state.base.moved && state.pullRequest)
        return `a person brings ${pullRequestLink(state)} and \`${state.base.branch}\` together in its branch; \`/agent revise <what>\` goes on from there. \`/agent rebase\` tries it once more.`;
      return finished.code === "asked"
        ? answers(state)
        : `a person decides. ${capital(again)}; \`${start} <your advice>\` begins anew with your advice.`;
    case "could-not-reproduce":
      if (finished.code === NOT_A_BUG)
        return `a person judges. If it is as it should be, close the issue; if not, \`${start} <what should happen, and where that is said>\` begins anew, and \`/agent implement\` has it changed.`;
      return `add what is missing to the issue (steps, input, version), then write \`${start}\`.`;
    case "failed":
      return `${again}; \`/agent restart\` begins anew.`;
    case "timed-out":
      return `${again}, with the same time again; \`${start} --max-time 90m\` begins anew with more.`;
    case "out-of-budget":
      return outOfBudget(state, where, again);
    case "cancelled":
      return cancelled(state, again);
    default:
      return assertNever(finished.outcome);
  }
}

/** The command that goes on with more money, as far as the repository allows more. */
function outOfBudget({ budget, created, finished }: State, where: string | undefined, again: string): string {
  if (finished?.code === "budget-turns")
    return `${again}, with the same number of turns again; \`/agent restart\` begins anew.`;
  const now = budget?.microDollars ?? 0;
  const law = created.config.budget.run;
  const more = Math.min(Math.max(1, Math.ceil((2 * now) / 1_000_000)), law ?? Number.POSITIVE_INFINITY, 1_000);
  if (more * 1_000_000 <= now)
    return `${again}, with the same budget again. The repository allows a run no more: \`budget.run\` in \`.github/baton.yml\`.`;
  const at = where === undefined ? "goes on" : `goes on at **${where}** and keeps what is done`;
  return `\`/agent budget $${Number.isInteger(more) ? more : more.toFixed(2)}\` ${at}; \`/agent retry\` does with the same budget again.`;
}

/** What can be done about a run that was ended before its time. */
function cancelled(state: State, again: string): string {
  const { finished, created } = state;
  switch (finished?.code) {
    case "issue-closed":
    case "pull-request-closed":
      return `reopen the ${state.created.pull ? "pull request" : "issue"}, then ${again}.`;
    case "restarted":
      return "a new run has begun; it has a card of its own.";
    case "issue-locked":
      return `unlock the issue, then ${again}.`;
    case "issue-gone":
    case "repository-gone":
      return "nothing; what it was about is gone.";
    case "issue-transferred":
      return `write \`${startCommand(state)}\` where the issue is now, if Baton is installed there.`;
    case "repository-archived":
      return `unarchive the repository, then ${again}.`;
    case "installation-suspended":
      return `let the App back in, then ${again}.`;
    case "installation-removed":
      return `install the App here again, then \`${startCommand(state)}\` begins anew.`;
    case "base-rewritten":
      return `\`/agent restart\` begins again from \`${created.base.branch}\` as it is now.`;
    case "base-gone":
      return `\`/agent restart\` begins again from \`${created.repo.defaultBranch}\` as it is now.`;
    default:
      return `${again}.`;
  }
}

/** Questions of an issue that was only sorted: nobody waits for their answers, and whoever starts the work will want them. */
export function missingIn(state: State): readonly string[] {
  const { finished, routed } = state;
  if (finished?.outcome !== "triaged" || duplicateOf(state) !== undefined) return [];
  return routed?.triage?.missing ?? [];
}

/** True when rules of thumb sorted the issue because no model answered: the question may be none. */
export function isGuess({ routed }: State): boolean {
  return routed?.source === "heuristic";
}

/** Every way to answer before anything starts, as commands: in words, or by naming the workflow or the type. */
function answers(state: State): string {
  return [
    isGuess(state)
      ? "no model answered, so this was sorted by rules of thumb; `/agent fix` asks one again. Or answer"
      : "answer",
    "in a comment, then write `/agent fix` (Baton reads the issue again);",
    `or decide at once with ${startsWithoutTriage(state)}.`,
  ].join(" ");
}

/** The commands and labels by which work starts without being sorted. */
function startsWithoutTriage({ created }: State): string {
  // What a command of its own starts is no kind of issue. A route may name anything; only what a command can name is shown.
  const ways = Object.entries({ bug: "bug", ...created.config.routes }).filter(
    ([type, name]) => issueTypes.some((known) => known === type) && /^[a-z][a-z0-9-]*$/.test(name),
  );
  const commands = [...new Set(ways.map(([, workflow]) => `\`/agent fix --workflow ${workflow}\``))];
  const labels = ways.map(([type]) => `\`agent:${type}\``);
  return `${commands.join(", ")}, or with the label ${labels.join(", ")}`;
}

function capital(text: string): string {
  return text.replace(/^[a-z]/, (letter) => letter.toUpperCase());
}
