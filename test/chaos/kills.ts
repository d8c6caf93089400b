// Ends Baton's process again and again, wherever it just is, by SIGKILL or by SIGTERM, and starts it again.
import { join } from "node:path";
import { faultPoints } from "#src/core/fault-points.ts";
import { sampleScript } from "#src/playground/sample-script.ts";
import { openGrounds, pointsPassed, type Grounds, type Subject } from "#test/support/grounds.ts";
import { until } from "#test/support/until.ts";
import { numbersFrom } from "#test/support/numbers.ts";
import { between, check, type Experiment, type Options, type Outcome } from "./experiment.ts";
import { checkNothingLeft, checkPaidOnce, checkPublishedOnce, logsOf, type CallTimes } from "./once.ts";

/** A process ends at one of its first so many fault points: far enough to get on, near enough to be ended often. */
const FARTHEST = 12;
/** SIGTERM has to be obeyed within this time. */
const PARKED_MS = 30_000;

interface Ending {
  /** What a process does at its fault point; `fault-child.ts` has the words. */
  readonly act: "kill" | "stop";
  /** Processes to be ended in all. */
  readonly ends: number;
  readonly seeds: number;
  /** The first so many processes of a run end at the first fault point they pass. */
  readonly inARow?: number;
}

interface Ended {
  /** The fault points they ended at. */
  readonly at: string[];
  /** The longest that a process took to obey SIGTERM, in milliseconds. */
  readonly slowest: number;
}

/** Runs one run after another until enough processes were ended. */
async function endAnywhere({ seed, say }: Options, ending: Ending): Promise<Outcome> {
  const wrong: string[] = [];
  const where = new Map<string, number>();
  const counted = { ends: 0, runs: 0, "model calls": 0, "turns in the log": 0 };
  let slowest = 0;
  for (let round = 0; counted.ends < ending.ends && round < ending.ends; round += 1) {
    const random = numbersFrom(seed + (round % ending.seeds) + 1_000 * Math.floor(round / ending.seeds));
    const times: CallTimes = new Map();
    const usual = sampleScript();
    await using grounds = await openGrounds({
      script: (call) => {
        times.set(call.number, Date.now());
        return usual(call);
      },
    });
    const subject = await begin(grounds, ending.act);
    const ended = await endUntilPublished(
      grounds,
      subject,
      random,
      {
        ...ending,
        ends: Math.min(ending.ends - counted.ends, Math.ceil(ending.ends / ending.seeds)),
      },
      say,
    );
    for (const point of ended.at) where.set(point, (where.get(point) ?? 0) + 1);
    counted.ends += ended.at.length;
    counted.runs += 1;
    slowest = Math.max(slowest, ended.slowest);
    await grounds.playground.settled();
    await checkPublishedOnce(grounds, subject, wrong);
    const [events = []] = await logsOf(grounds, [subject]);
    const paid = checkPaidOnce(events, grounds.model.calls, times, wrong);
    counted["model calls"] += paid.calls;
    counted["turns in the log"] += paid.recorded;
    check(wrong, grounds.model.unscripted.length === 0, `unscripted: ${grounds.model.unscripted[0] ?? ""}`);
    await checkNothingLeft(grounds, wrong);
    say(
      `run ${counted.runs}: ended ${ended.at.length} times (${counted.ends} of ${ending.ends}), ${wrong.length} wrong${wrong.map((one) => `\n  ${one}`).join("")}`,
    );
  }
  // A run passes no place of a backlog: test/e2e/backlog.test.ts ends processes there.
  const all = Object.keys(faultPoints).filter((point) => !point.startsWith("backlog."));
  const places = all.map((point) => `${point} ${where.get(point) ?? 0}`);
  // Enough processes die for each place to be one's end: a place that was never met is not reached any more, or is new and rare.
  const missed = all.filter((point) => !where.has(point));
  check(wrong, ending.ends < 300 || missed.length === 0, `nobody died at ${missed.join(", ")}`);
  if (ending.act === "kill") return { counted: { ...counted, at: places.join(", ") }, wrong };
  check(wrong, slowest <= PARKED_MS, `SIGTERM took ${slowest} ms`);
  return { counted: { ...counted, "slowest ms": Math.round(slowest), at: places.join(", ") }, wrong };
}

/** An issue whose run has begun in a process that is gone by now. */
async function begin(grounds: Grounds, act: Ending["act"]): Promise<Subject> {
  await using server = await grounds.start();
  const subject = await grounds.open("tab");
  await until(() => grounds.model.calls.length > 0);
  server.kill(act === "kill" ? "SIGKILL" : "SIGTERM");
  await server.exit;
  return subject;
}

/** Starts processes that end, as often as they may, and at last one that may live. */
async function endUntilPublished(
  grounds: Grounds,
  subject: Subject,
  random: () => number,
  { act, ends, inARow = 0 }: Ending,
  say: Options["say"],
): Promise<Ended> {
  const at: string[] = ["(in the first model call)"];
  let slowest = 0;
  for (let process = 1; ; process += 1) {
    const log = join(grounds.home, `points-${process}`);
    const nth = at.length <= inARow ? 1 : between(random, 1, FARTHEST);
    const fault = at.length < ends ? { act: `${act} ${nth}`, log } : undefined;
    await using baton = grounds.spawn({ fault });
    let reached = 0;
    if (act === "stop" && fault)
      void until(async () => (await pointsPassed(log)).length >= nth).then(
        () => (reached = performance.now()),
        () => undefined,
      );
    const ended = baton.exit.then(() => "ended" as const);
    const published = until(() => subject.published(), { milliseconds: 120_000 }).then(() => "published" as const);
    published.catch(() => undefined);
    if ((await Promise.race([ended, published])) === "published") {
      // The last edits of the card and its labels may be under way, and an end may still be in store for them.
      baton.kill("SIGTERM");
      if ((await baton.exit) === 0) return { at, slowest };
    }
    if (act === "stop" && (await baton.exit) !== 0) throw new Error(`SIGTERM was not obeyed:\n${baton.stderr()}`);
    if (reached > 0) slowest = Math.max(slowest, performance.now() - reached);
    at.push((await pointsPassed(log)).at(-1) ?? "(before any)");
    if (process % 10 === 0) say(`${process} processes ended`);
    if (process > 3 * ends + 10) throw new Error(`${process} processes and no end:\n${baton.stderr().slice(-2_000)}`);
  }
}

/** Kill -9 at every boundary. */
export const kills: Experiment = {
  id: "S1",
  breaks: "kill -9 at every kind of boundary of a whole run, then a new process, 5 seeds",
  passes:
    "every run ends as if nothing had happened: nothing posted twice, no finished stage asked again, nothing left over",
  minutes: 45,
  needs: ["bubblewrap"],
  run: (options) =>
    endAnywhere(options, {
      act: "kill",
      ...(options.size === "full" ? { ends: 300, seeds: 5 } : { ends: 6, seeds: 1 }),
    }),
};

/** The same run again and again, at the very first thing it does. */
export const killsInARow: Experiment = {
  id: "S2",
  breaks: "kill -9 of the same run 10 times in a row, at the first thing it does",
  passes: "it goes on all the same",
  minutes: 5,
  needs: ["bubblewrap"],
  run: (options) => {
    const inARow = options.size === "full" ? 10 : 3;
    return endAnywhere(options, { act: "kill", seeds: 1, ends: inARow + 1, inARow });
  },
};

/** SIGTERM wherever it just is, as a deploy does it. */
export const deploys: Experiment = {
  id: "S26",
  breaks: "SIGTERM at boundaries all over a run, then a new process",
  passes: "parked within 30 s with exit code 0; the new process goes on; nothing done or paid twice",
  minutes: 15,
  needs: ["bubblewrap"],
  run: (options) =>
    endAnywhere(options, {
      act: "stop",
      ...(options.size === "full" ? { ends: 60, seeds: 3 } : { ends: 4, seeds: 1 }),
    }),
};
