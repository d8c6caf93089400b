// Every kind of write, with every kind of lost answer: done once, and done.
import { expect, test } from "vitest";
import { lostAnswers, playLostAnswers } from "#test/support/lost-answers.ts";
import { HandTiming } from "#test/support/hand-timing.ts";
import { kindOf, openPlay, writeKinds } from "#test/support/publishing-play.ts";

test(
  "nothing is doubled and nothing is missing, whatever answer to whatever write is lost",
  { timeout: 180_000 },
  async () => {
    const result = await playLostAnswers({ rounds: 1, seed: 7 });
    expect(result.doubled).toEqual([]);
    expect(result.amiss).toEqual([]);
    const untried = writeKinds.flatMap(({ name }) =>
      Object.keys(lostAnswers)
        .filter((fault) => result.table[`${name}: ${fault}`] === undefined)
        .map((fault) => `${name}: ${fault}`),
    );
    expect(untried).toEqual([]);
  },
);

test(
  "of two copies of a check run the newest goes on: nobody can take one away, and GitHub shows that",
  { timeout: 180_000 },
  async () => {
    await using play = await openPlay(new HandTiming({ impatient: true }), { timeoutMs: 250 });
    await using worker = play.worker();
    const faults = [{ when: "late" }, { when: "after", how: 502 }] as const;
    let met = 0;
    for (const step of play.steps) {
      play.github.faults = (call) =>
        step.name === "revise" && kindOf(call) === "write a check run" ? faults[met++] : undefined;
      await play.perform(step, worker);
    }
    expect(met).toBe(2);
    expect(play.github.review.checks.filter(({ name }) => name === "Baton / revision")).toHaveLength(2);
    expect(play.wrong()).toEqual({ doubled: [], amiss: [] });
  },
);
