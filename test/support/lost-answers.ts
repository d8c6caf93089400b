// Lost answers on every kind of write: GitHub says 502, breaks the connection or never answers, before it has acted, after, or late.
import type { Fault } from "./breaking-github.ts";
import { HandTiming } from "./hand-timing.ts";
import { numbersFrom } from "./numbers.ts";
import { kindOf, openPlay, writeKinds } from "./publishing-play.ts";

export const lostAnswers: Readonly<Record<string, Fault>> = {
  "502 before": { when: "before", status: 502 },
  "reset before": { when: "before", how: "reset" },
  "time-out before": { when: "before", how: "hang" },
  "502 after": { when: "after", how: 502 },
  "reset after": { when: "after", how: "reset" },
  "time-out after": { when: "after", how: "hang" },
  late: { when: "late" },
};

/** Happen more than once in a play, so that the first one may go well. */
const often = new Set([
  "write a comment",
  "edit a comment",
  "set labels",
  "store a tree",
  "make a commit",
  "ask for a review",
]);

export interface LostAnswersResult {
  readonly plays: number;
  /** Requests that write, and faults, over all plays; the faults also by kind of write and fault. */
  readonly writes: number;
  readonly faults: number;
  readonly table: Readonly<Record<string, number>>;
  /** What was there twice. */
  readonly doubled: readonly string[];
  /** What was missing or wrong at the end, or threw. */
  readonly amiss: readonly string[];
}

/**
 * In each round every kind of write meets every fault once, or twice in a row, in seven plays. Every play is a whole one: two
 * runs, their cards, labels, reactions, branches, pull request and answers.
 */
export async function playLostAnswers({ rounds, seed }: { rounds: number; seed: number }): Promise<LostAnswersResult> {
  const random = numbersFrom(seed);
  const names = Object.keys(lostAnswers);
  const table: Record<string, number> = {};
  const doubled: string[] = [];
  const amiss: string[] = [];
  let writes = 0;
  let faults = 0;
  for (let play = 0; play < rounds * names.length; play += 1) {
    const timing = new HandTiming({ impatient: true });
    await using stage = await openPlay(timing, { timeoutMs: 250 });
    const plan = new Map(
      writeKinds.map(({ name }, index) => [
        name,
        {
          fault: names[(index + play) % names.length] ?? "",
          skip: random() < 0.3 ? 1 : 0,
          times: random() < 0.3 ? 2 : 1,
        },
      ]),
    );
    // A comment that arrives late makes a second copy, which has to be taken away.
    let copy = false;
    stage.github.faults = (call) => {
      if (call.method !== "GET") writes += 1;
      const kind = kindOf(call);
      if (kind === undefined) return undefined;
      if (copy && kind === "write a comment") {
        copy = false;
        return { when: "late" };
      }
      const due = plan.get(kind);
      if (!due || due.times === 0) return undefined;
      if (due.skip > 0 && often.has(kind)) {
        due.skip -= 1;
        return undefined;
      }
      due.times -= 1;
      faults += 1;
      table[`${kind}: ${due.fault}`] = (table[`${kind}: ${due.fault}`] ?? 0) + 1;
      return lostAnswers[due.fault];
    };
    await using worker = stage.worker();
    for (const step of stage.steps) {
      copy = step.name === "answer twice";
      await stage
        .perform(step, worker)
        .catch((error: unknown) => amiss.push(`play ${play}, ${step.name}: ${String(error)}`));
    }
    const wrong = stage.wrong();
    doubled.push(...wrong.doubled.map((what) => `play ${play}: ${what}`));
    amiss.push(...wrong.amiss.map((what) => `play ${play}: ${what}`));
  }
  return { plays: rounds * names.length, writes, faults, table, doubled, amiss };
}
