// Tokens that end while a run is published, and a run that takes many times longer than its tokens live.
import { sampleScript } from "#src/playground/sample-script.ts";
import { openGrounds } from "#test/support/grounds.ts";
import { until } from "#test/support/until.ts";
import { check, type Experiment } from "./experiment.ts";
import { checkNothingLeft, checkPaidOnce, checkPublishedOnce, logsOf, type CallTimes } from "./once.ts";

/** Every token ends right before the `at`-th request that publishes; 0: tokens only live shortly. */
async function publishWith(at: number, lifetimeMs: number | undefined, wrong: string[]): Promise<number> {
  const times: CallTimes = new Map();
  const usual = sampleScript(lifetimeMs === undefined ? 0 : 200);
  await using grounds = await openGrounds({
    script: (call) => {
      times.set(call.number, Date.now());
      return usual(call);
    },
  });
  const { playground } = grounds;
  if (lifetimeMs !== undefined) playground.setTokenLifetime(lifetimeMs);
  let requests = 0;
  playground.setFault(({ method, path }) => {
    if (method === "POST" && /\/git\/(?:blobs|trees|commits|refs)$|\/pulls$/.test(path)) {
      requests += 1;
      if (requests === at) playground.expireTokens();
    }
    return undefined;
  });
  await using server = await grounds.start();
  const subject = await grounds.open("tab");
  await until(() => subject.published(), { milliseconds: 90_000, what: `tokens that end at ${at}: not published` });
  await playground.settled();
  await checkPublishedOnce(grounds, subject, wrong);
  server.kill("SIGTERM");
  check(wrong, (await server.exit) === 0, `the server ended with ${await server.exit}`);
  const revoked = playground.journal.filter(
    ({ method, path }) => method === "DELETE" && path.endsWith("/installation/token"),
  );
  check(wrong, revoked.length > 0, "no token was given back");
  const [events = []] = await logsOf(grounds, [subject]);
  checkPaidOnce(events, grounds.model.calls, times, wrong);
  await checkNothingLeft(grounds, wrong);
  return revoked.length;
}

/** Tokens. */
export const endingTokens: Experiment = {
  id: "S21",
  breaks:
    "every token ends in the middle of publishing, before each of its requests; tokens that live a fraction of a run",
  passes: "minted again, everything published once, tokens given back at the end",
  minutes: 5,
  needs: ["bubblewrap"],
  async run({ size, say }) {
    const wrong: string[] = [];
    const places = size === "full" ? [1, 2, 3, 4, 5, 6] : [3];
    let revoked = 0;
    for (const at of places) {
      revoked += await publishWith(at, undefined, wrong);
      say(`tokens ended before publishing request ${at}: ${wrong.length} wrong`);
    }
    if (size === "full") revoked += await publishWith(0, 2_000, wrong);
    return { counted: { runs: places.length + (size === "full" ? 1 : 0), "tokens given back": revoked }, wrong };
  },
};
