// Takes away what a run is about, or may be worked with, while its fixer is at work: with the news of it, and with the news lost.
import { setTimeout as delay } from "node:timers/promises";
import { silentLog } from "#src/core/log.ts";
import { RunEvent } from "#src/engine/events.ts";
import { fold } from "#src/engine/fold.ts";
import { openStore } from "#src/store/open-store.ts";
import { temporaryUrl } from "#test/store/databases.ts";
import { heldScript, openGrounds, person, type Grounds, type Subject } from "#test/support/grounds.ts";
import { until } from "#test/support/until.ts";
import { check, type Experiment } from "./experiment.ts";
import { checkNothingLeft } from "./once.ts";

interface Loss {
  readonly what: string;
  /** What is done to the repository before the issue is opened. */
  readonly before?: (playground: Grounds["playground"], repo: string) => Promise<unknown>;
  readonly act: (playground: Grounds["playground"], subject: Subject) => Promise<unknown>;
  /** Codes of a named end; none: the run is not to be bothered. */
  readonly ends: readonly string[];
  /** What must still be so at the end, given what `act` gave. Says what is not. */
  readonly kept?: (playground: Grounds["playground"], subject: Subject, acted: unknown) => Promise<string | undefined>;
}

/** The branch that Baton would publish to. */
const BRANCH = "baton/issue-1-splitting-10-00-three-ways-only-adds-up";

const as = person;
const at = ({ repo, number }: Subject) => ({ repo, number, as });
const none: readonly string[] = [];

const losses: readonly Loss[] = [
  { what: "issue closed", act: (github, on) => github.closeIssue(at(on)), ends: ["issue-closed"] },
  { what: "issue locked", act: (github, on) => github.lockIssue(at(on)), ends: ["issue-locked"] },
  { what: "issue deleted", act: (github, on) => github.deleteIssue(at(on)), ends: ["issue-gone"] },
  {
    what: "issue transferred",
    act: async (github, on) => {
      await github.addRepository({
        owner: "octo",
        name: "elsewhere",
        from: { "README.md": "x" },
        collaborators: { [person]: "maintain" },
      });
      await github.transferIssue({ ...at(on), to: "octo/elsewhere" });
    },
    ends: ["issue-transferred"],
  },
  {
    what: "repository renamed",
    act: (github, { repo }) => github.renameRepository({ repo, as, name: "renamed" }),
    ends: none,
  },
  {
    what: "repository archived",
    act: (github, { repo }) => github.archiveRepository({ repo, as }),
    ends: ["repository-archived"],
  },
  {
    what: "repository deleted",
    act: (github, { repo }) => github.deleteRepository({ repo, as }),
    ends: ["repository-gone", "installation-removed"],
  },
  {
    what: "repository taken from the App",
    act: (github, { repo }) => github.removeFromInstallation({ repo, as }),
    // A public repository can still be read: only the write finds out.
    ends: ["installation-removed", "repository-gone", "no-permission"],
  },
  { what: "App suspended", act: (github) => github.suspendInstallation({ as }), ends: ["installation-suspended"] },
  { what: "App removed", act: (github) => github.deleteInstallation({ as }), ends: ["installation-removed"] },
  {
    what: "base rewritten",
    before: (github, repo) =>
      github.push({ repo, as, branch: "main", message: "A second commit", files: { "NOTES.md": "second" } }),
    act: (github, { repo }) =>
      github.push({
        repo,
        as,
        branch: "main",
        onto: "main~1",
        message: "Another second",
        files: { "NOTES.md": "other" },
      }),
    ends: ["base-rewritten"],
  },
  {
    what: "base deleted",
    act: (github, { repo }) => github.deleteBranch({ repo, as, branch: "main" }),
    ends: ["base-gone"],
  },
  {
    what: "a person pushes to Baton's branch",
    act: (github, { repo }) =>
      github.push({ repo, as, branch: BRANCH, message: "Mine", files: { "MINE.md": "a person's work" } }),
    ends: none,
    kept: async (github, { repo }, acted) => {
      const answer = await fetch(`${github.apiUrl}/repos/${repo}/git/ref/heads/${BRANCH}`);
      const text = await answer.text();
      return text.includes(String(acted))
        ? undefined
        : `the person's commit is gone from ${BRANCH}: ${text.slice(0, 200)}`;
    },
  },
];

async function lose(loss: Loss, newsLost: boolean, wrong: string[]): Promise<void> {
  const name = `${loss.what}${newsLost ? ", nobody told" : ""}`;
  const asked = Promise.withResolvers<void>();
  const lost = Promise.withResolvers<void>();
  await using address = await temporaryUrl();
  await using grounds = await openGrounds({
    env: { DATABASE_URL: address.url },
    script: heldScript((call) => {
      if (call.agent !== "fixer" || call.turn !== 1) return undefined;
      asked.resolve();
      return lost.promise;
    }),
  });
  await using store = await openStore({
    databaseUrl: address.url,
    folder: "/nowhere",
    parse: (json) => RunEvent.parse(json),
    log: silentLog,
  });
  await using server = await grounds.start();
  const subject = await grounds.open("tab", (repo) => loss.before?.(grounds.playground, repo) ?? Promise.resolve());
  await Promise.race([asked.promise, delay(90_000, undefined, { ref: false })]);
  if (newsLost) grounds.playground.loseNews(() => true);
  const acted = await loss.act(grounds.playground, subject);
  lost.resolve();
  const [line] = await store.log.list({ limit: 1 });
  if (!line) throw new Error("there is no run");
  const state = async () => fold(await store.log.read(line.run));
  await until(async () => (await state()).finished !== undefined, {
    milliseconds: 90_000,
    what: `${name}: the run did not end`,
  });
  const { finished } = await state();
  const end = `${finished?.outcome ?? ""}: ${finished?.code ?? ""}`;
  if (loss.ends.length === 0) check(wrong, finished?.outcome === "succeeded", `${name}: ended as ${end}`);
  else check(wrong, finished !== undefined && loss.ends.includes(finished.code), `${name}: ended as ${end}`);
  const broken = await loss.kept?.(grounds.playground, subject, acted);
  check(wrong, broken === undefined, `${name}: ${broken ?? ""}`);
  server.kill("SIGTERM");
  check(wrong, (await server.exit) === 0, `${name}: the server ended with ${await server.exit}`);
  await checkNothingLeft(grounds, wrong);
}

/** What a run stands on goes away. */
export const lostGround: Experiment = {
  id: "S17–S20",
  breaks:
    "issue closed, locked, deleted, transferred; repository renamed, archived, deleted, taken away; App suspended, removed; base rewritten, deleted; a person's push; with the news and without",
  passes:
    "a named end within one stage, a renamed repository is followed, a person's commit stays, nothing is left over",
  minutes: 15,
  needs: ["bubblewrap", "postgres"],
  async run({ size, seed, say }) {
    const wrong: string[] = [];
    const cases = losses.flatMap((loss) => [false, true].map((newsLost) => ({ loss, newsLost })));
    const chosen =
      size === "full"
        ? cases
        : [0, 1].map((step) => cases[(seed + 7 * step) % cases.length]).flatMap((one) => one ?? []);
    for (const { loss, newsLost } of chosen) {
      await lose(loss, newsLost, wrong);
      say(`${loss.what}${newsLost ? ", nobody told" : ""}: ${wrong.length} wrong`);
    }
    return { counted: { losses: chosen.length }, wrong };
  },
};
