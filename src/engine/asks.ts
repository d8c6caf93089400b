// What people are asked and have not answered yet, and how the comment in which they are asked is known again.
import type { EventOf, WaitReason } from "./events.ts";
import type { State } from "./state.ts";

/** What people are asked and have not answered. */
export interface OpenAsk {
  /** The stage that waits. */
  readonly stage: string;
  readonly attempt: number;
  readonly asked: EventOf<"people.asked"> & { readonly at: number };
}

/** Everything that people are asked now, in the order of asking. */
export function openAsks({ stages, unclear, finished }: State): OpenAsk[] {
  if (finished) return [];
  if (unclear) return [{ stage: unclear.stage, attempt: unclear.attempt, asked: unclear }];
  return [...stages.values()]
    .flatMap(({ name, current }) =>
      current?.asked && !current.said && !current.skipped
        ? [{ stage: name, attempt: current.number, asked: current.asked }]
        : [],
    )
    .toSorted((a, b) => a.asked.at - b.asked.at);
}

/** Names the comment in which something is asked, for ever. */
export function askKey(
  { runId }: Pick<State, "runId">,
  { stage, attempt }: Pick<OpenAsk, "stage" | "attempt">,
): string {
  return `ask:${runId}:${stage}:${attempt}`;
}

/** The hidden first line of the comment in which something is asked. */
export function askMarker(state: Pick<State, "runId">, ask: OpenAsk): string {
  if (ask.asked.for === "approval") return planMarker(state, ask);
  return `<!-- baton:${askKey(state, ask).replaceAll("--", "_")} -->`;
}

/** The hidden first line of the comment in which a plan is asked about: by it an edit finds what it is an edit of. */
export function planMarker(
  { runId }: Pick<State, "runId">,
  { stage, attempt }: Pick<OpenAsk, "stage" | "attempt">,
): string {
  // Two dashes would end the comment early in some readers; stage names hold no underscore.
  return `<!-- baton:plan:${runId}:${stage.replaceAll("--", "__")}:${attempt} -->`;
}

/** The first line of a comment when it marks a plan, asked about or only shown. */
export function planMarkerIn(body: string): string | undefined {
  const [first = ""] = body.split("\n", 1);
  return /^<!-- baton:plan(?:-anew)?:[\w.:-]{1,200} -->(?=\r?$)/.exec(first)?.[0];
}

/** True for a wait that only a person's word ends, whatever is mended. */
export function isForPeople(reason: WaitReason): reason is "approval" | "answer" {
  return reason === "approval" || reason === "answer";
}
