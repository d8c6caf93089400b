// What the checks of a pull request come to, for the card.
import type { Judged } from "../engine/checks.ts";
import { groundOf } from "../engine/pull-state.ts";
import type { State } from "../engine/state.ts";
import type { Neutral } from "./neutral.ts";
import { count } from "./markdown.ts";

/** The latest look, as long as the pull request shows the commit it was of, and is open. */
export function checksNow(state: State): Judged | undefined {
  const { judged } = state.checks;
  return state.pullClosed || judged === undefined || judged.head !== groundOf(state) ? undefined : judged;
}

/** True when repairs have not helped, so that a person is asked. */
export function needsPeople(state: State): boolean {
  return state.finished?.outcome === "succeeded" && checksNow(state)?.verdict === "people";
}

/** One line of harmless Markdown, with a sentence for each thing; "" where there is nothing to say. */
export function checksLine(state: State, neutral: Neutral): string {
  const judged = checksNow(state);
  if (!judged || judged.verdict === "none") return "";
  const list = (names: readonly string[]) => named(names, neutral);
  const { onBase, flaky, stopped } = judged;
  const parts = [
    verdictWords(state, judged, neutral),
    onBase.length > 0 &&
      `${list(onBase)} ${onBase.length === 1 ? "fails" : "fail"} on the base too, so ${onBase.length === 1 ? "it is" : "they are"} not this change's to repair.`,
    flaky.length > 0 &&
      `${list(flaky)} failed once and passed when ${flaky.length === 1 ? "it" : "they"} ran again on the same commit: flaky, and nothing was changed for it.`,
    stopped.length > 0 &&
      `${list(stopped)} ended without a result: cancelled, or waiting for somebody to click **Approve and run workflows** on the pull request.`,
  ];
  return `**CI:** ${parts.filter((part) => typeof part === "string" && part !== "").join(" ")}`;
}

function verdictWords(state: State, { verdict, own, onBase, open, stopped, why }: Judged, neutral: Neutral): string {
  const { rounds } = state.checks;
  const most = state.created.config.limits.rounds;
  switch (verdict) {
    case "none":
      return "";
    case "waiting":
      return open.length === 0 ? "waiting for it to begin." : `waiting for ${named(open, neutral)}.`;
    case "not-started":
      if (open.length === 0 && stopped.length > 0) return "not whole.";
      return `${open.length === 0 ? "nothing" : named(open, neutral)} has${open.length === 0 ? "" : " not"} begun on this commit. If the pull request shows **Approve and run workflows**, click it; if it shows nothing, close and reopen it: GitHub starts no workflows for what some tokens open.`;
    case "green":
      return onBase.length > 0 ? "nothing fails that does not fail on the base." : "green.";
    case "again":
      return `${named(own, neutral)} failed and ${own.length === 1 ? "runs" : "run"} once more, to tell a passing trouble from a real one.`;
    case "repair":
      return `${named(own, neutral)} failed${rounds > 0 ? `: repair ${Math.min(rounds, most)} of ${most}` : ""}.`;
    case "people":
      return most === 0
        ? `${named(own, neutral)} failed, and \`limits.rounds\` here is 0: a person decides.`
        : `${named(own, neutral)} still ${own.length === 1 ? "fails" : "fail"} after ${count(rounds, "repair")}: a person decides.`;
    case "held":
      return `${named(own, neutral)} failed, and is not repaired now: ${neutral.line(why ?? "", 300)}. \`/agent revise\` with what is to be done goes on.`;
    default:
      return verdict satisfies never;
  }
}

/** At most so many names; the others are counted. */
const SHOWN = 8;

function named(names: readonly string[], neutral: Neutral): string {
  const shown = names.slice(0, SHOWN).map((name) => neutral.code(name, 100));
  const more = names.length - shown.length;
  return [...shown, ...(more > 0 ? [`${more} more`] : [])].join(", ");
}
