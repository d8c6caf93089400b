// Remembers how commands went at a commit, for the life of the process, so that a second round does not pay for the base again.
// Only finished runs are kept, with their evidence; a run that was aborted or broke is made again.
import type { Evidence } from "../engine/events.ts";
import type { TestRun } from "./trial.ts";
import type { GateContext } from "./verdict.ts";

export interface RunCache {
  /** The run of that key; made by `make` when it is not known. A known one brings its evidence along. */
  get(context: GateContext, key: readonly string[], make: () => Promise<TestRun>): Promise<TestRun>;
}

interface Entry {
  readonly run: TestRun;
  readonly evidence: readonly Evidence[];
  readonly notes: readonly string[];
}

/** Characters of output that are remembered; comparisons use the report and the exit code. */
const KEPT = 64 * 1024;

/** A cache of at most `most` runs; the oldest goes first. */
export function createRunCache(most = 100): RunCache {
  const entries = new Map<string, Entry>();
  return {
    async get({ evidence, notes }, key, make) {
      const name = JSON.stringify(key);
      const known = entries.get(name);
      if (known) {
        evidence.push(...known.evidence.map((one) => ({ ...one, label: `${one.label} (run earlier)` })));
        notes.push(...known.notes);
        return known.run;
      }
      const from = { evidence: evidence.length, notes: notes.length };
      const run = await make();
      // A time-out may be the machine's doing.
      if (!run.timedOut)
        entries.set(name, {
          run: { ...run, output: run.output.slice(-KEPT) },
          evidence: evidence.slice(from.evidence),
          notes: notes.slice(from.notes),
        });
      for (const oldest of entries.keys()) {
        if (entries.size <= most) break;
        entries.delete(oldest);
      }
      return run;
    },
  };
}
