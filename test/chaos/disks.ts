// A disk that is full when a run begins, and one that fills up while an agent works.
import { temporaryUrl } from "#test/store/databases.ts";
import { heldScript, openGrounds, person, type Grounds, type Subject } from "#test/support/grounds.ts";
import { mebibytes, SmallDisk } from "#test/support/small-disk.ts";
import { until } from "#test/support/until.ts";
import { check, type Experiment } from "./experiment.ts";
import { checkNothingLeft, checkPaidOnce, logsOf, type CallTimes } from "./once.ts";

/** The card says that the run failed, and that it was the disk. */
async function failsByName(subject: Subject, wrong: string[]): Promise<void> {
  const card = () => subject.comments().find(({ body }) => body.includes("<!-- baton:status:"))?.body ?? "";
  await until(() => card().includes("Failed"), {
    milliseconds: 90_000,
    what: () => `no failure on the card:\n${card()}`,
  });
  check(wrong, /disk|space/i.test(card()), `${subject.repo}: the card does not speak of the disk`);
}

async function retried(grounds: Grounds, subject: Subject): Promise<void> {
  grounds.playground.comment({ ...subject, body: "/agent retry", as: person });
  await until(() => subject.published(), { milliseconds: 120_000, what: `${subject.repo} was not published` });
}

/** A full disk. */
export const fullDisks: Experiment = {
  id: "S13",
  breaks: "the disk of mirrors and clones is full when a run begins, and fills up while an agent works",
  passes:
    "the run fails with the name `disk`, the server goes on, a retry with room succeeds, nothing finished is paid again",
  minutes: 10,
  needs: ["bubblewrap", "postgres", "tmpfs"],
  async run({ size, seed, say }) {
    const wrong: string[] = [];
    const rounds = size === "full" ? 5 : 1;
    await using disk = new SmallDisk(900);
    await using address = await temporaryUrl();
    const times: CallTimes = new Map();
    let fill: (() => Promise<void>) | undefined;
    await using grounds = await openGrounds({
      under: disk.folder,
      env: { DATABASE_URL: address.url },
      script: heldScript((call) => {
        times.set(call.number, Date.now());
        if (fill === undefined || call.agent !== "fixer" || call.turn !== 1 + (seed % 2)) return undefined;
        const filling = fill();
        fill = undefined;
        return filling;
      }),
    });
    await using server = await grounds.start();
    const subjects: Subject[] = [];
    for (let round = 1; round <= rounds; round += 1) {
      await disk.leave(mebibytes(300));
      const before = await grounds.open(`full-before-${round}`);
      await failsByName(before, wrong);
      await disk.empty();
      await retried(grounds, before);

      // Baton writes meanwhile: what no longer fits is as full as can be.
      fill = () => disk.leave(0).catch(() => undefined);
      const during = await grounds.open(`full-during-${round}`);
      await until(() => fill === undefined, { what: "the fixer was never asked" });
      await failsByName(during, wrong);
      await disk.empty();
      await retried(grounds, during);
      subjects.push(before, during);
      say(`round ${round} of ${rounds}: ${wrong.length} wrong`);
    }
    await grounds.playground.settled();
    for (const subject of subjects)
      check(wrong, subject.pulls() === 1, `${subject.repo}: ${subject.pulls()} pull requests`);
    server.kill("SIGTERM");
    check(wrong, (await server.exit) === 0, `the server ended with ${await server.exit}`);
    for (const [index, events] of (await logsOf(grounds, subjects, address.url)).entries()) {
      const calls = subjects[index]?.calls() ?? [];
      checkPaidOnce(events, calls, times, wrong);
    }
    await checkNothingLeft(grounds, wrong);
    return { counted: { "full disks": 2 * rounds }, wrong };
  },
};
