// Kills Baton with SIGKILL, again and again, wherever it just is, and starts it again.
import { join } from "node:path";
import { faultPoints } from "#src/core/fault-points.ts";
import { sampleScript } from "#src/playground/sample-script.ts";
import { openGrounds, pointsPassed, type Grounds, type Subject } from "#test/support/grounds.ts";
import { until } from "#test/support/until.ts";
import { between, check, randomOf, type Experiment, type Options, type Outcome } from "./experiment.ts";
import { checkNothingLeft, checkPaidOnce, checkPublishedOnce, logsOf, type CallTimes } from "./once.ts";

/** A process is killed at one of its first so many fault points: far enough to get on, near enough to be killed often. */
const FARTHEST = 12;
const MOST_KILLS_A_RUN = 120;

export interface KillOptions extends Options {
  readonly kills: number;
  readonly seeds: number;
  /** Kills one after the other at the very next fault points before the run may go on. */
  readonly inARow?: number;
}

/** Runs one run after another until enough processes were killed. */
export async function killAnywhere({ kills, seeds, seed, say, inARow = 0 }: KillOptions): Promise<Outcome> {
  const wrong: string[] = [];
  const where = new Map<string, number>();
  const counted = { kills: 0, runs: 0, "model calls": 0, "turns in the log": 0 };
  for (let round = 0; counted.kills < kills && round < kills; round += 1) {
    const random = randomOf(seed + (round % seeds) + 1_000 * Math.floor(round / seeds));
    const times: CallTimes = new Map();
    const usual = sampleScript();
    await using grounds = await openGrounds({
      script: (call) => {
        times.set(call.number, Date.now());
        return usual(call);
      },
    });
    const subject = await begin(grounds);
    const died = await killUntilPublished(
      grounds,
      subject,
      random,
      Math.min(kills - counted.kills, MOST_KILLS_A_RUN),
      inARow,
    );
    for (const point of died) where.set(point, (where.get(point) ?? 0) + 1);
    counted.kills += died.length;
    counted.runs += 1;
    await grounds.playground.settled();
    checkPublishedOnce(subject, wrong);
    const [events = []] = await logsOf(grounds, [subject]);
    const paid = checkPaidOnce(events, grounds.model.calls, times, wrong);
    counted["model calls"] += paid.calls;
    counted["turns in the log"] += paid.recorded;
    check(wrong, grounds.model.unscripted.length === 0, `unscripted: ${grounds.model.unscripted[0] ?? ""}`);
    await checkNothingLeft(grounds, wrong);
    say(`run ${counted.runs}: killed ${died.length} times (${counted.kills} of ${kills}), ${wrong.length} wrong`);
  }
  const places = Object.keys(faultPoints).map((point) => `${point} ${where.get(point) ?? 0}`);
  return { counted: { ...counted, "killed at": places.join(", ") }, wrong };
}

/** An issue whose run has begun in a process that is dead by now. */
async function begin(grounds: Grounds): Promise<Subject> {
  await using server = await grounds.start();
  const subject = await grounds.open("tab");
  await until(() => grounds.model.calls.length > 0 || undefined);
  server.kill("SIGKILL");
  await server.exit;
  return subject;
}

/** Starts processes that die, as long as may be, and at last one that may live. Gives the fault points they died at. */
async function killUntilPublished(
  grounds: Grounds,
  subject: Subject,
  random: () => number,
  most: number,
  inARow: number,
): Promise<string[]> {
  const died: string[] = ["(in the first model call)"];
  for (let process = 1; ; process += 1) {
    const log = join(grounds.home, `points-${process}`);
    const at = died.length <= inARow ? 1 : between(random, 1, FARTHEST);
    const fault = died.length < most ? { act: `kill ${at}`, log } : undefined;
    await using baton = grounds.spawn({ fault });
    const died_ = baton.exit.then(() => "died" as const);
    const done = until(() => subject.published() || undefined, { milliseconds: 120_000 }).then(() => "done" as const);
    done.catch(() => undefined);
    if ((await Promise.race([died_, done])) === "done") {
      // The last edits of the card and its labels may be under way, and a kill may still be in store for them.
      baton.kill("SIGTERM");
      if ((await baton.exit) === 0) return died;
    }
    died.push((await pointsPassed(log)).at(-1) ?? "(before any)");
    if (process > 3 * most) throw new Error(`${process} processes and no end:\n${baton.stderr().slice(-2_000)}`);
  }
}

/** Kill -9 at every boundary. */
export const anywhere: Experiment = {
  id: "S1",
  breaks: "kill -9 at every kind of boundary of a whole run, then start again, 5 seeds",
  passes:
    "every run ends as if nothing had happened: nothing posted twice, no finished stage asked again, nothing left over",
  minutes: 45,
  needs: ["bubblewrap"],
  run: (options) =>
    killAnywhere({ ...options, ...(options.size === "full" ? { kills: 300, seeds: 5 } : { kills: 6, seeds: 1 }) }),
};

/** The same run ten times in a row, at the very first thing it does. */
export const inARow: Experiment = {
  id: "S2",
  breaks: "kill -9 of the same run 10 times in a row at the first thing it does",
  passes: "it goes on all the same",
  minutes: 5,
  needs: ["bubblewrap"],
  run: (options) =>
    killAnywhere({
      ...options,
      seeds: 1,
      kills: options.size === "full" ? 11 : 4,
      inARow: options.size === "full" ? 10 : 3,
    }),
};
