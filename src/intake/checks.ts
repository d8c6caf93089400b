// The checks that others run on a pull request of Baton's: waited for, run once more, and what fails for good is repaired by the run that
// opened it, some times. What nobody can repair here is said on the card, and people are asked once.
//
// A pull request is Baton's as long as it shows the commit that Baton published: what a person pushed is left to people.
import { MOST_CHECK_TEXT, MOST_NAME, type FailedCheck } from "../engine/check-events.ts";
import { isKnown, judgeChecks, needsBase, type Check, type Judged, type Judgement } from "../engine/checks.ts";
import type { CheckReader } from "../engine/checks-port.ts";
import type { GitHubReader } from "../engine/github-port.ts";
import type { EventLog, Publisher } from "../engine/ports.ts";
import { groundOf } from "../engine/pull-state.ts";
import { revisedStage } from "../engine/revise.ts";
import type { PullRequestRef, State } from "../engine/state.ts";
import type { Carried } from "./asked.ts";
import { isByItself, type Conflicts } from "./conflicts.ts";
import type { Intent } from "./intent.ts";
import { ownPull } from "./own-pull.ts";
import { createRuns, type Found, type RunsParts } from "./runs.ts";
import { unasked, createTakeUp, type TakeUpParts } from "./take-up.ts";

export interface ChecksParts extends RunsParts, Omit<TakeUpParts, "publisher"> {
  readonly log: EventLog;
  readonly reader: GitHubReader;
  readonly checks: CheckReader;
  readonly publisher: Pick<Publisher, "reply" | "removeLabel" | "rerunChecks">;
  readonly conflicts: Pick<Conflicts, "bringTogether">;
}

type ChecksIntent = Intent & { door: "checks" };

/** How long checks have to begin, and those that run again to begin again, in milliseconds. */
export const PATIENCE_MS = 600_000;
/** Characters of all that failed checks say to an agent. */
const MOST_TEXT = 20_000;
/** Failed checks that are told to an agent; others fail with them, or in the next round. */
const MOST_TOLD = 8;

/** What was found, for whoever looks. */
interface Looking {
  readonly found: Found;
  readonly pullRequest: PullRequestRef;
  readonly carried: Carried;
}

/** A look at the checks of a commit. Returns a few words for the operator; throws when GitHub or the database does not answer. */
export function createChecks(parts: ChecksParts): (intent: ChecksIntent, carried: Carried) => Promise<string> {
  const { log, reader, checks: reading, publisher, conflicts } = parts;
  const runs = createRuns(parts);
  const takeUp = createTakeUp(parts);

  /** Judges what there is now, and has run again what may be a passing trouble. */
  async function judged({ found: { state, events }, pullRequest, carried }: Looking): Promise<Judgement> {
    const { base } = state;
    const { repo, config } = state.created;
    const { head } = pullRequest;
    const checks = await reading.checks(repo, head);
    const required = await reading.required(repo, base.branch);
    const wantsBase = needsBase(checks) || (checks.length === 0 && required.length === 0);
    const onBase = wantsBase ? await reading.checks(repo, base.commit) : [];
    const judging = {
      head,
      checks,
      base: onBase,
      required,
      known: state.checks,
      rounds: config.limits.rounds,
      patient: carried.delivery.receivedAt < lastMove(events, state) + PATIENCE_MS,
    };
    const first = judgeChecks({ ...judging, isLeft: () => false });
    if (first.event.verdict !== "again") return first;
    const wanted = first.own.filter(({ id }) => first.event.again.some((one) => one.id === id));
    const asked = await publisher.rerunChecks(repo, head, wanted);
    if (asked.length === 0) return judgeChecks({ ...judging, isLeft: () => true });
    const again = first.event.again.filter(({ id }) => asked.some((check) => check.id === id));
    return { ...first, event: { ...first.event, again } };
  }

  async function record({ found: { state }, carried }: Looking, event: Judged): Promise<string> {
    const said = wordsOf(event);
    if (isKnown(state.checks, event)) return `${said}, as before`;
    const outcome = await runs.append(
      state.runId,
      (now) => (now.state.version === state.version ? [event] : undefined),
      carried.signal,
    );
    return outcome === "moot" ? "the run went on meanwhile" : said;
  }

  async function repair(intent: ChecksIntent, looking: Looking, { event, own }: Judgement): Promise<string> {
    const { found, carried } = looking;
    const { state } = found;
    const stage = revisedStage(state);
    if (stage === undefined) return "its workflow opens no pull request";
    const told = own.slice(0, MOST_TOLD);
    const by = { login: told[0]?.by ?? "checks", id: 0 };
    const { asked, revision } = unasked(
      intent,
      carried,
      { state, head: looking.pullRequest.head, stage },
      { by, quote: `failed: ${event.own.join(", ")}`.slice(0, 500), checks: await reports(state, told) },
    );
    const note = await takeUp(asked, state, [event, revision]);
    const now = await log.read(state.runId, state.version);
    if (now.some(({ event: one }) => one.type === "revision.requested")) return note;
    return record(looking, { ...event, verdict: "held", why: note.slice(0, 1_000) });
  }

  async function reports({ created: { repo } }: State, failed: readonly Check[]): Promise<FailedCheck[]> {
    const most = Math.min(MOST_CHECK_TEXT, Math.floor(MOST_TEXT / Math.max(1, failed.length)));
    const told: FailedCheck[] = [];
    for (const check of failed) {
      const text = await reading.report(repo, check, most);
      told.push({ name: check.name.slice(0, MOST_NAME), url: check.url.slice(0, 1_000), text });
    }
    return told;
  }

  /** Once for each commit and count: a person has to look. */
  async function askPeople({ found: { state }, pullRequest }: Looking, event: Judged): Promise<void> {
    const { repo, config, subject } = state.created;
    const on = { kind: "pull" as const, number: pullRequest.number, url: pullRequest.url, author: subject.author };
    const key = `checks:${state.runId}:${event.head}`;
    const { own, onBase } = event;
    await publisher.reply(repo, on, key, { kind: "checks-failed", own, onBase, rounds: config.limits.rounds });
  }

  return async (intent, carried) => {
    const found = await runs.onBranch(intent.repo, intent.subject.number, intent.branch);
    if (!found) return "no run opened a pull request from this branch";
    // A commit of people's that they gave Baton is looked after like one of its own.
    const pull = await ownPull(reader, intent, found.state, intent.head);
    if (typeof pull === "string") return `left alone: ${pull}`;
    if (pull.mergeable === false) {
      const note = await conflicts.bringTogether(intent, carried, found, pull);
      // The checks of what conflicts are none of what will be merged.
      if (isByItself(found.state)) return note;
    }
    const looking = { found, pullRequest: pull.pullRequest, carried };
    const judgement = await judged(looking);
    const { event } = judgement;
    if (event.verdict === "repair") return repair(intent, looking, judgement);
    if (event.verdict === "people") await askPeople(looking, event);
    return record(looking, event);
  };
}

/** When the pull request showed its commit, or checks were last asked to run again: what is to begin has its time from then. */
function lastMove(events: Found["events"], state: State): number {
  const moves = new Set<string>(["pull_request.opened", "branch.given"]);
  const shown = events.findLast(({ event }) => moves.has(event.type))?.at ?? 0;
  const again = events.findLast(
    ({ event }) => event.type === "checks.judged" && event.verdict === "again" && event.head === groundOf(state),
  );
  return Math.max(shown, again?.at ?? 0);
}

function wordsOf({ verdict, own, onBase }: Judged): string {
  const names = [...own, ...onBase];
  return names.length === 0 ? `checks: ${verdict}` : `checks: ${verdict} (${names.join(", ")})`;
}
