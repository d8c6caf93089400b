// Checks on a pull request of Baton's, over real HTTP: what fails runs once more, what is flaky or fails on the base is only told, and what
// fails for good is repaired by the run that opened the pull request, with what the checks said.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runId } from "#src/core/ids.ts";
import { fold } from "#src/engine/fold.ts";
import type { State } from "#src/engine/state.ts";
import { openWorld, person, type Played, type World } from "#test/support/baton-world.ts";
import { until } from "#test/support/until.ts";

const repo = "octo/checked";
const annotation = {
  path: "src/split.js",
  start_line: 5,
  end_line: 5,
  annotation_level: "failure",
  message: "Say what is left in its name",
} as const;
const secret = `ghp_${"a".repeat(36)}`;
const log = [
  ...Array.from({ length: 4_000 }, (_, line) => `2026-11-20T12:00:00.0000000Z line ${line} of a long log`),
  `2026-11-20T12:00:01.0000000Z \u{1B}[31mrest\u{1B}[0m has no \u{200B}good name, says ${secret}`,
  "2026-11-20T12:00:02.0000000Z ##[error]Process completed with exit code 1.",
].join("\n");
const renamed = "const left = total - share * people;";
/** It passes when the repair is in. */
const naming = { name: "naming", needs: { path: "src/split.js", text: renamed }, annotations: [annotation], log };
const lint = { name: "lint", log: "lint is broken everywhere" };

/** A commit status. */
const legacy = { name: "ci/legacy", isStatus: true, needs: { path: "package.json", text: "{" } };

let world: World;
let played: Played;
let number = 0;
let first: string;

const pull = () => world.playground.pulls(repo).find((one) => one.number === number);
const headOf = () => pull()?.pull?.headSha ?? "";
const cardNow = () => world.look(repo, played.number, played.state).card;
const requestsTo = (path: RegExp) =>
  world.playground.journal.filter((entry) => entry.method === "POST" && path.test(entry.path));

async function stateNow(): Promise<State> {
  return fold(await world.baton.store.log.read(runId(played.state.runId)));
}

/** The checks run on the commit that the pull request shows; gives the state once Baton has looked. */
async function checksRun(verdict: string): Promise<State> {
  const { version } = await stateNow();
  await world.playground.runCi(repo, headOf());
  return until(
    async () => {
      const state = await stateNow();
      return state.version > version && state.checks.judged?.verdict === verdict ? state : undefined;
    },
    { milliseconds: 30_000, what: `nobody judged ${verdict}` },
  );
}

beforeAll(async () => {
  world = await openWorld();
  played = await world.play({ name: "checked" });
  number = played.state.pullRequest?.number ?? 0;
  first = headOf();
  world.script(repo, {
    fixer: ({ turn }) =>
      turn > 1
        ? {
            tools: [
              { name: "finish", input: { summary: "Name what is left.", files: ["src/split.js"], followUps: [] } },
            ],
          }
        : {
            tools: [
              ["  const rest = total - share * people;", `  ${renamed}`],
              ["(i < rest ? 1 : 0)", "(i < left ? 1 : 0)"],
            ].map(([before, after]) => ({
              name: "edit",
              input: { file_path: "src/split.js", old_string: before, new_string: after },
            })),
          },
  });
  world.playground.setCi(repo, [{ ...naming, needs: { path: "package.json", text: "{" } }, lint, legacy]);
  await world.playground.runCi(repo, "main");
}, 120_000);

afterAll(async () => world[Symbol.asyncDispose]());

describe("checks that fail", () => {
  let brief = "";

  test("run once more, but for what fails on the base, and the card says so", async () => {
    world.playground.setCi(repo, [naming, lint, { name: "e2e", flaky: true }]);
    const { checks } = await checksRun("again");
    expect(checks.judged).toMatchObject({ head: first, own: ["e2e", "naming"], onBase: ["lint"] });
    expect(requestsTo(/\/actions\/runs\/\d+\/rerun-failed-jobs$/)).toHaveLength(1);
    await until(() => cardNow().includes("`e2e`, `naming` failed and run once more"), {
      what: "the card says nothing",
    });
    expect(cardNow()).toContain("`lint` fails on the base too");
  }, 60_000);

  test("and fail again are repaired with what they said, on the same branch; what passes then was flaky", async () => {
    const at = (await stateNow()).finished?.at ?? 0;
    const { checks } = await checksRun("repair");
    expect(checks.judged).toMatchObject({ own: ["naming"], onBase: ["lint"], flaky: ["e2e"] });
    const state = await until(
      async () => {
        const now = await stateNow();
        return now.finished && now.finished.at > at ? now : undefined;
      },
      { milliseconds: 120_000, what: "the run did not end again" },
    );
    expect(state.finished).toMatchObject({ outcome: "succeeded", code: "verified" });
    expect(headOf()).not.toBe(first);
    expect(await world.playground.file(repo, headOf(), "src/split.js")).toContain(renamed);
    expect(world.playground.pulls(repo)).toHaveLength(1);
    expect(pull()?.body).toContain("Changed since, because checks failed");
    brief = world.model.calls.findLast(({ agent }) => agent === "fixer")?.brief ?? "";
    expect(state.revision?.by).toEqual({ login: "github-actions", id: 0 });
  }, 150_000);

  test("tell the agent what they saw, as data, and within limits", () => {
    expect(brief).toContain("## What failed on the pull request");
    expect(brief).toContain("The check naming failed: it ended as failure.");
    expect(brief).toContain("src/split.js:5: failure: Say what is left in its name");
    expect(brief).toContain("rest has no good name, says [redacted]");
    expect(brief).toContain("line 3999 of a long log");
    expect(brief).not.toContain("line 100 of");
    expect(brief).not.toContain("lint is broken");
  });

  test("pass behind the repair: what fails on the base stays, and nobody was written to", async () => {
    world.playground.setCi(repo, [naming, lint]);
    const { checks } = await checksRun("green");
    expect(checks).toMatchObject({ rounds: 1, judged: { own: [], onBase: ["lint"], head: headOf() } });
    await until(() => cardNow().includes("**CI:** nothing fails that does not fail on the base."), {
      what: "the card does not say how it stands",
    });
    expect(world.playground.comments({ repo, number })).toEqual([]);
    expect(requestsTo(/rerun-failed-jobs$/)).toHaveLength(1);
  }, 60_000);

  test("on a commit that a person pushed are left to people", async () => {
    const { version } = await stateNow();
    const branch = pull()?.pull?.headRef ?? "";
    await world.playground.push({ repo, branch, files: { "NOTES.md": "Mine.\n" }, as: person });
    world.playground.setCi(repo, [{ name: "broken" }]);
    await world.playground.runCi(repo, headOf());
    await world.playground.settled();
    await until(async () => (await world.baton.store.deliveries.pending()).length === 0, { what: "deliveries wait" });
    const now = await stateNow();
    expect(now.branch.taken).toMatchObject({ by: { login: person } });
    // That somebody pushed is all that was recorded.
    expect(now.version).toBe(version + 1);
  }, 60_000);
});
