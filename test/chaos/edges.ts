// The edges that fail: GitHub's answers that never come, its limits, and a model that fails in every way.
import { createMemoryOutbox } from "#src/store/outbox.ts";
import { createMemoryThrottle } from "#src/store/throttle.ts";
import { HandTiming } from "#test/support/hand-timing.ts";
import { playFrozenWrites } from "#test/support/frozen-writes.ts";
import { playLimits } from "#test/support/limits-trial.ts";
import { playLostAnswers } from "#test/support/lost-answers.ts";
import { underModelFaults, untilMended } from "#test/support/model-faults.ts";
import { check, type Experiment } from "./experiment.ts";

export const lostAnswers: Experiment = {
  id: "S9",
  breaks:
    "502, reset and time-out, before and after success, on every kind of write to GitHub × 50; freezes before each write",
  passes: "nothing is there twice, nothing is missing",
  minutes: 45,
  tested: "test/github/lost-answers.test.ts",
  async run({ size, seed }) {
    const { plays, writes, faults, doubled, amiss } = await playLostAnswers({ rounds: size === "full" ? 50 : 1, seed });
    const frozen = await playFrozenWrites("unnoticed");
    const noticed = await playFrozenWrites("noticed");
    const late = noticed.late.map((write) => `sent after the freeze: ${write}`);
    return {
      counted: { plays, writes, faults, freezes: frozen.tried + noticed.tried },
      wrong: [...doubled, ...amiss, ...frozen.doubled, ...frozen.amiss, ...noticed.doubled, ...noticed.amiss, ...late],
    };
  },
};

export const rateLimits: Experiment = {
  id: "S10",
  breaks: "primary and secondary rate limits, with and without `retry-after`, on every kind of request",
  passes: "no request comes while GitHub wants to be left alone",
  minutes: 15,
  tested: "test/github/limits.test.ts",
  async run({ size, seed }) {
    const blindMs = 3_000;
    const result = await playLimits({
      rounds: size === "full" ? 20 : 1,
      seed,
      timing: () => new HandTiming({ impatient: true }),
      share: (timing) =>
        Promise.resolve({
          outbox: createMemoryOutbox(timing),
          workers: [{ throttle: createMemoryThrottle(timing, { blindMs }) }],
        }),
      seconds: 20,
      blindMs,
    });
    const { plays, requests, limits, forbidden, doubled, amiss } = result;
    return { counted: { plays, requests, limits }, wrong: [...forbidden, ...doubled, ...amiss] };
  },
};

export const modelFaults: Experiment = {
  id: "S11",
  breaks:
    "1,000 model faults: 429, 529, 500, time-outs, streams cut in text and in tool input, errors behind 200, invalid input, empty, max_tokens, refusals",
  passes: "no crash, nothing of a partial reply executed, the ledger within 1 % of what was billed",
  minutes: 15,
  tested: "test/agents/model-faults.test.ts",
  async run({ size, seed }) {
    const counts = await underModelFaults({ faults: size === "full" ? 1_000 : 150, seed });
    const wrong = [...counts.crashes, ...counts.partial, ...counts.unscripted];
    check(wrong, counts.offBy < 0.01, `the ledger is off by ${(100 * counts.offBy).toFixed(2)} %`);
    const { sessions, faults, executed, offBy, ends } = counts;
    return {
      counted: {
        tasks: sessions,
        faults,
        finished: ends["finished"] ?? 0,
        "commands run": executed,
        "ledger off by": `${(100 * offBy).toFixed(3)} %`,
      },
      wrong,
    };
  },
};

export const badKeys: Experiment = {
  id: "S12",
  breaks: "a key that turns invalid, spend caps of every form and no credit, in the middle of a task, then the mend",
  passes: "no blind retry, one clear line, goes on after the mend, nothing paid twice",
  minutes: 10,
  tested: "test/agents/model-faults.test.ts",
  async run({ size, seed }) {
    const { tasks, ends, refused, waits, repeated, crashes } = await untilMended({
      tasks: size === "full" ? 120 : 12,
      seed,
    });
    const wrong = [...crashes];
    const waited = waits["model-account"] ?? 0;
    check(wrong, refused === waited, `${refused} requests were refused for ${waited} waits`);
    check(wrong, repeated === 0, `${repeated} replies were paid for twice`);
    check(wrong, ends["finished"] === tasks, `${ends["finished"] ?? 0} of ${tasks} tasks finished`);
    return { counted: { tasks, waits: waited, "refused requests": refused }, wrong };
  },
};
