// Freezes a process that works a run (SIGSTOP), lets another take it over, and wakes the first one up again.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { temporaryUrl } from "#test/store/databases.ts";
import { sampleScript } from "#src/playground/sample-script.ts";
import { allPublished, openGrounds } from "#test/support/grounds.ts";
import { until } from "#test/support/until.ts";
import { numbersFrom } from "#test/support/numbers.ts";
import { between, check, type Experiment, type Outcome } from "./experiment.ts";
import { allShown, checkNothingLeft, checkPaidOnce, checkPublishedOnce, logsOf, type CallTimes } from "./once.ts";

/** How long a process that woke up is watched for writes, milliseconds. */
const WATCHED_MS = 4_000;

async function freeze(seed: number, frozenMs: number, wrong: string[]): Promise<string> {
  const random = numbersFrom(seed);
  const times: CallTimes = new Map();
  const usual = sampleScript();
  await using address = await temporaryUrl();
  await using grounds = await openGrounds({
    env: { DATABASE_URL: address.url },
    script: (call) => {
      times.set(call.number, Date.now());
      return usual(call);
    },
  });
  const log = join(grounds.home, "points");
  await using zombie = await grounds.start({ fault: { act: `freeze ${between(random, 10, 90)}`, log } });
  const subject = await grounds.open("tab");
  await until(async () => (await stateOf(zombie.pid)) === "T", { what: "the process was never frozen" });
  const frozenAt = performance.now();
  await using other = await grounds.start();
  await allPublished([subject]);
  await allShown(grounds, subject, address.url);
  const tookMs = performance.now() - frozenAt;
  await delay(Math.max(0, frozenMs - tookMs));
  await grounds.playground.settled();

  const writes = () => grounds.playground.journal.filter(({ method }) => !["GET", "HEAD"].includes(method));
  // A token changes nothing, and git asks for what it fetches by POST.
  const changing = (list: ReturnType<typeof writes>) =>
    list.filter(({ path }) => !/\/access_tokens$|\/git-upload-pack$/.test(path));
  const before = changing(writes()).length;
  zombie.kill("SIGCONT");
  await delay(WATCHED_MS);
  const after = changing(writes()).slice(before);
  check(
    wrong,
    after.length === 0,
    `the zombie wrote ${after.map(({ method, path }) => `${method} ${path}`).join(", ")}`,
  );
  await checkPublishedOnce(grounds, subject, wrong);
  for (const process of [zombie, other]) {
    process.kill("SIGTERM");
    check(wrong, (await process.exit) === 0, `a process ended with ${await process.exit}`);
  }
  const [events = []] = await logsOf(grounds, [subject], address.url);
  checkPaidOnce(events, grounds.model.calls, times, wrong);
  await checkNothingLeft(grounds, wrong);
  const points = (await readFile(log, "utf8")).split("\n").filter(Boolean);
  return `frozen at ${points.at(-1) ?? "?"}, published ${Math.round(tookMs / 1_000)} s later`;
}

/** One letter of /proc: T is stopped. */
async function stateOf(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return stat.split(") ").at(-1)?.split(" ")[0];
}

/** A paused worker that comes back. */
export const zombies: Experiment = {
  id: "S3",
  breaks: "SIGSTOP of the process that works a run for 45–180 s; another takes over; SIGCONT",
  passes: "the woken process writes nothing to GitHub, and everything is there once",
  minutes: 20,
  needs: ["bubblewrap", "postgres"],
  async run({ size, seed, say }): Promise<Outcome> {
    const wrong: string[] = [];
    const freezes = size === "full" ? [45_000, 60_000, 45_000, 90_000, 180_000] : [6_000];
    for (const [index, ms] of freezes.entries()) say(`${ms / 1_000} s: ${await freeze(seed + index, ms, wrong)}`);
    return { counted: { freezes: freezes.length, "longest s": Math.max(...freezes) / 1_000 }, wrong };
  },
};
