// What the checks of a pull request's commit come to: wait, run once more, repair, ask people, or nothing. Pure.
//
//   a check failed                 on the base too            told, never repaired
//                                  the first time here        runs once more, where it can; passes then: flaky
//                                  again                      repaired, at most `rounds` times until a person asks for changes
//   a check has not ended, or one that must run has not begun: everything waits for it, but not for ever
import { isDeepStrictEqual } from "node:util";
import { MOST_NAME } from "./check-events.ts";
import type { EventOf } from "./events.ts";
import type { Sha } from "../core/ids.ts";

/** One check of a commit, the latest of its name: a check run or a commit status. */
export interface Check {
  readonly name: string;
  readonly state: "open" | "passed" | "failed" | "stopped";
  /** Of a check run; a commit status has none. */
  readonly id: number | undefined;
  /** Who ran it: an App's name, or an account. */
  readonly by: string;
  /** The App that made it. */
  readonly app: number | undefined;
  /** As GitHub calls it: "failure", "timed_out", "action_required" … */
  readonly conclusion: string;
  /** Where people read it; empty where there is no page. */
  readonly url: string;
  /** The run of a workflow of GitHub Actions that it is a job of. */
  readonly workflowRun: number | undefined;
}

export type Judged = EventOf<"checks.judged">;

/** What a run knows of the checks of its pull request. */
export interface ChecksState {
  /** Repairs since a person last asked for changes, or the pull request was opened. */
  readonly rounds: number;
  /** The latest look, of whichever commit. */
  readonly judged: (Judged & { readonly version: number; readonly at: number }) | undefined;
  /** What ran once more at the commit of the latest look. */
  readonly again: Judged["again"];
}

export const noChecks: ChecksState = { rounds: 0, judged: undefined, again: [] };

/** The state after one more look. */
export function checksAfter(
  before: ChecksState,
  event: Judged,
  { version, at }: { version: number; at: number },
): ChecksState {
  const known = before.judged?.head === event.head ? before.again : [];
  return { ...before, judged: { ...event, version, at }, again: [...known, ...event.again] };
}

/** The state when somebody wants changes: a person's word starts the count anew. */
export function checksRevised(
  before: ChecksState,
  { checks, base }: Pick<EventOf<"revision.requested">, "checks" | "base">,
): ChecksState {
  if (base?.how === "conflicts") return before;
  return { ...before, rounds: checks === undefined ? 0 : before.rounds + 1 };
}

export interface Judging {
  readonly head: Sha;
  readonly checks: readonly Check[];
  /** Of the commit that the work stands on. */
  readonly base: readonly Check[];
  /** Names of checks that must pass before anybody may merge. */
  readonly required: readonly string[];
  readonly known: ChecksState;
  /** Repairs until people are asked. */
  readonly rounds: number;
  /** What has not begun, or does not run again, is waited for. False when it has had its time. */
  readonly patient: boolean;
  /** True for a check that GitHub will not run again for Baton. */
  readonly isLeft: (check: Check) => boolean;
}

/** What to do, with the checks it is to be done about. */
export interface Judgement {
  readonly event: Judged;
  /** Those that fail here and not on the base, latest of each name. */
  readonly own: readonly Check[];
}

/** Whether nothing more can be said before something is known of the base. */
export function needsBase(checks: readonly Check[]): boolean {
  return checks.some(({ state }) => state === "failed");
}

export function judgeChecks(judging: Judging): Judgement {
  const { head, base, required, known, patient } = judging;
  const checks = judging.checks.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const again = known.judged?.head === head ? known.again : [];
  const wasAgain = ({ name }: Check) => again.some((one) => one.name === name);
  // What was asked to run again shows its old result until it begins.
  const isStill = (check: Check) => patient && again.some(({ id }) => id === check.id);
  const failing = new Set(base.filter(({ state }) => state === "failed").map(({ name }) => name));
  const missing = required.filter((name) => !checks.some((check) => check.name === name));
  const failed = checks.filter(({ state }) => state === "failed");
  const own = failed.filter((check) => !failing.has(check.name) && !isStill(check));
  const found = {
    type: "checks.judged" as const,
    head,
    own: namesOf(own),
    onBase: namesOf(failed.filter(({ name }) => failing.has(name))),
    flaky: namesOf(checks.filter((check) => check.state === "passed" && wasAgain(check))),
    open: [...namesOf(checks.filter((check) => check.state === "open" || isStill(check))), ...cut(missing)].slice(
      0,
      MOST,
    ),
    stopped: namesOf(checks.filter(({ state }) => state === "stopped")),
  };
  const answer = (verdict: Judged["verdict"], more: Judged["again"] = []): Judgement => ({
    event: { ...found, verdict, again: more },
    own,
  });
  const ran = checks.length > 0;
  const expected = required.length > 0 || base.length > 0;
  if (!ran) return answer(expected ? (patient ? "waiting" : "not-started") : "none");
  if (checks.some((check) => check.state === "open" || isStill(check))) return answer("waiting");
  if (missing.length > 0 && patient) return answer("waiting");
  const fresh = own.filter((check) => check.id !== undefined && !wasAgain(check) && !judging.isLeft(check));
  if (fresh.length > 0)
    return answer(
      "again",
      fresh
        .slice(0, MOST)
        .flatMap(({ name, id }) => (id === undefined ? [] : [{ name: name.slice(0, MOST_NAME), id }])),
    );
  if (own.length > 0) return answer(known.rounds < judging.rounds ? "repair" : "people");
  return answer(missing.length > 0 || found.stopped.length > 0 ? "not-started" : "green");
}

/** Whether a look found nothing that is not known. */
export function isKnown({ judged }: ChecksState, event: Judged): boolean {
  if (event.verdict === "again") return false;
  if (!judged) return event.verdict === "none";
  const { version: _, at: __, ...before } = judged;
  return isDeepStrictEqual(before, event);
}

/** Names an event holds. */
const MOST = 50;

function namesOf(checks: readonly Check[]): string[] {
  return cut([...new Set(checks.map(({ name }) => name))]);
}

function cut(names: readonly string[]): string[] {
  return names.map((name) => name.slice(0, MOST_NAME)).slice(0, MOST);
}
