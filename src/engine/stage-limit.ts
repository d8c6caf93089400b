// How long an attempt of a stage may take: twice what attempts of it took in this repository, within bounds; the workflow's own
// figure until there are enough of them. Pure.
import { durationMs } from "../workflows/schema.ts";

/** Fewer attempts than this tell nothing. */
const ENOUGH = 5;

export interface StageBounds {
  /** As the workflow file writes them: "2m". */
  readonly least: string;
  readonly most: string;
}

/** Milliseconds, or undefined where the workflow's own figure holds. `times` are milliseconds of earlier attempts that finished. */
export function stageLimit(times: readonly number[], { least, most }: StageBounds): number | undefined {
  if (times.length < ENOUGH) return undefined;
  const mean = times.reduce((sum, time) => sum + time, 0) / times.length;
  return Math.round(Math.min(durationMs(most), Math.max(durationMs(least), 2 * mean)));
}
