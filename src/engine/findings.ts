// The findings of a run, each by its number, and how the ticked ones are read from the comment that shows them.
import type { RunId } from "../core/ids.ts";
import { isRunId } from "../core/ids.ts";
import type { Findings } from "../workflows/artifacts.ts";
import { newlyTicked } from "./boxes.ts";
import { lastStage, type State } from "./state.ts";

export type Finding = Findings["findings"][number];

/** What the last stage of a run that was not passed over found, in the order in which it is shown: number 1 first; undefined when it made no findings. */
export function findingsOf(state: State): Findings | undefined {
  const last = lastStage(state);
  const artifact = last === undefined ? undefined : state.stages.get(last)?.current?.artifact;
  return artifact?.name === "Findings" ? artifact.value : undefined;
}

/** The line of a finding begins so, with a box before it that a person may tick. */
export function findingLabel(number: number): string {
  return `**F${number}**`;
}

/** Numbers of findings that were ticked between two versions of a comment. Whatever else somebody wrote into it does not count. */
export function findingsTicked(body: string, before: string): number[] {
  return newlyTicked(body, before, /^\*\*F(\d{1,2})\*\*/).map(Number);
}

/** The end that a comment tells, by its hidden first line: of which run, and when. A run that is retried ends again, with other findings. */
export function reportedEnd(body: string): { readonly run: RunId; readonly at: number } | undefined {
  const [first = ""] = body.split("\n", 1);
  const [, run = "", at] = /^<!-- baton:end:(run-[0-9a-f]{12}):(\d{1,15}) -->\r?$/.exec(first) ?? [];
  return isRunId(run) ? { run, at: Number(at) } : undefined;
}
