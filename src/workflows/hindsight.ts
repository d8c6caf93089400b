// What became of earlier runs, collected by Baton for an agent that looks back. People and programs wrote most of it, so to an agent it is
// data; and it is bounded, because it is kept in the log.
import { z } from "zod";

/** Characters of all of it together, as an agent reads it. */
export const HINDSIGHT_ROOM = 48_000;

/** A pull request of Baton's that was closed. */
export const ClosedPull = z.strictObject({
  number: z.number().int().positive(),
  title: z.string().max(300),
  outcome: z.enum(["merged", "closed-unmerged"]),
  /** What people with a say in the repository wrote there, oldest first. */
  words: z
    .array(
      z.strictObject({
        by: z.string().max(100),
        /** A review's verdict and text, a remark on a line, or a comment below. */
        kind: z.enum(["review", "line", "comment"]),
        place: z.string().max(300).optional(),
        text: z.string().max(1_500),
      }),
    )
    .max(20),
  /** First lines of what people committed on top of Baton's commit, and how it differs. */
  commits: z.array(z.string().max(200)).max(20),
  patch: z.string().max(4_000),
});
export type ClosedPull = z.infer<typeof ClosedPull>;

export const Hindsight = z.strictObject({
  /** Milliseconds since 1970: nothing that ended before is in it. */
  since: z.number().int().nonnegative(),
  /** Newest first. */
  pulls: z.array(ClosedPull).max(15),
  /** Runs that came to nothing, newest first. */
  runs: z
    .array(
      z.strictObject({
        run: z.string().max(40),
        subject: z.number().int().nonnegative(),
        title: z.string().max(300),
        workflow: z.string().max(40),
        outcome: z.string().max(40),
        code: z.string().max(60),
        message: z.string().max(1_000),
        /** What gates said no for, oldest first. */
        reasons: z.array(z.string().max(600)).max(6),
      }),
    )
    .max(20),
  /** How many more there were. */
  leftOut: z.number().int().nonnegative(),
});
export type Hindsight = z.infer<typeof Hindsight>;

/** By what a lesson may name what it was learned from: `#12` for a pull request, a run's id for a run. */
export function sourcesOf({ pulls, runs }: Hindsight): ReadonlySet<string> {
  return new Set([...pulls.map(({ number }) => `#${number}`), ...runs.map(({ run }) => run)]);
}

/** As what people can look a source up: a run by the issue it was about. A run in no repository of GitHub's has none. */
export function citedAs(source: string, { runs }: Hindsight): string {
  const run = runs.find((one) => one.run === source);
  return run === undefined || run.subject === 0 ? source : `#${run.subject}`;
}

/** All of it as text. */
export function hindsightText({ pulls, runs, leftOut }: Hindsight): string {
  return [
    ...pulls.map(pullText),
    ...runs.map(
      ({ run, subject, title, workflow, outcome, code, message, reasons }) =>
        `${run}: a run of ${workflow} about #${subject} "${title}" ended: ${outcome} (${code}). ${message}${reasons.map((reason) => `\n- ${reason}`).join("")}`,
    ),
    ...(leftOut === 0 ? [] : [`${leftOut} more are left out.`]),
  ].join("\n\n");
}

function pullText({ number, title, outcome, words, commits, patch }: ClosedPull): string {
  return [
    `#${number} "${title}": ${outcome === "merged" ? "merged" : "closed without being merged"}`,
    ...words.map(
      ({ by, kind, place, text }) => `- ${kind} by ${by}${place === undefined ? "" : ` at ${place}`}: ${text}`,
    ),
    ...(commits.length === 0 ? [] : [`People committed on top of it: ${commits.join("; ")}`]),
    ...(patch === "" ? [] : [patch]),
  ].join("\n");
}

/** As much of it as agents have room for: the oldest goes first. */
export function withinRoom(whole: Hindsight): Hindsight {
  let kept = whole;
  while (hindsightText(kept).length > HINDSIGHT_ROOM) {
    const ofRuns = kept.runs.length > kept.pulls.length;
    kept = {
      ...kept,
      pulls: ofRuns ? kept.pulls : kept.pulls.slice(0, -1),
      runs: ofRuns ? kept.runs.slice(0, -1) : kept.runs,
      leftOut: kept.leftOut + 1,
    };
  }
  return kept;
}
