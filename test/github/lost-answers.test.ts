// Every kind of write, with every kind of lost answer: done once, and done.
import { expect, test } from "vitest";
import { lostAnswers, playLostAnswers } from "#test/support/lost-answers.ts";
import { writeKinds } from "#test/support/publishing-play.ts";

test("nothing is doubled and nothing is missing, whatever answer to whatever write is lost", async () => {
  const result = await playLostAnswers({ rounds: 1, seed: 7 });
  expect(result.doubled).toEqual([]);
  expect(result.amiss).toEqual([]);
  const untried = writeKinds.flatMap(({ name }) =>
    Object.keys(lostAnswers)
      .filter((fault) => result.table[`${name}: ${fault}`] === undefined)
      .map((fault) => `${name}: ${fault}`),
  );
  expect(untried).toEqual([]);
});
