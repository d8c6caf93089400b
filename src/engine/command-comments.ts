// The comments whose commands made a run begin or go on: its end is shown on the latest, and those before it say nothing any more. Pure.

export interface CommandComments {
  /** The one that the run's end answers; undefined where no comment asked. */
  readonly now: number | undefined;
  /** Earlier ones, oldest first. */
  readonly before: readonly number[];
}

/** Earlier ones that are remembered. */
const MOST = 20;

/** After something made the run go on; `comment`: where it was a comment. */
export function commandCommentsAfter({ now, before }: CommandComments, comment: number | undefined): CommandComments {
  const earlier = now === undefined ? before : [...before.filter((one) => one !== now), now];
  return { now: comment, before: earlier.filter((one) => one !== comment).slice(-MOST) };
}
