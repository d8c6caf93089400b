// What a card says of the checks on its pull request, as the maintainer reads it.
import { describe, expect, test } from "vitest";
import { sha } from "#src/core/ids.ts";
import { createRedact } from "#src/core/redact.ts";
import type { EventOf } from "#src/engine/events.ts";
import type { State } from "#src/engine/state.ts";
import { renderCard } from "#src/github/card.ts";
import { checksLine } from "#src/github/checks-line.ts";
import { stateLabelOf } from "#src/github/labels.ts";
import { createNeutral } from "#src/github/neutral.ts";
import { renderReply } from "#src/github/replies.ts";
import { recordedRuns } from "#test/support/recorded-run.ts";

type Judged = EventOf<"checks.judged">;
const neutral = createNeutral(createRedact([]));
const links = { serverUrl: "https://github.com" };
const none = { own: [], onBase: [], flaky: [], open: [], stopped: [], again: [] };

function seen(change: Partial<Judged>, head?: Judged["head"]): State {
  const run = recordedRuns.succeeded();
  const shown = head ?? run.state.pullRequest?.head ?? sha("0".repeat(40));
  return run.add({ type: "checks.judged", head: shown, verdict: "green", ...none, ...change }).state;
}

const word = (state: State) => renderCard(state, { neutral, links, now: state.updatedAt });

describe("the line of a card", () => {
  test.each<[Partial<Judged>, string]>([
    [{}, "**CI:** green."],
    [{ verdict: "waiting", open: ["test", "lint"] }, "**CI:** waiting for `test`, `lint`."],
    [
      { verdict: "again", own: ["test"] },
      "**CI:** `test` failed and runs once more, to tell a passing trouble from a real one.",
    ],
    [
      { flaky: ["test"] },
      "**CI:** green. `test` failed once and passed when it ran again on the same commit: flaky, and nothing was changed for it.",
    ],
    [
      { onBase: ["lint"] },
      "**CI:** nothing fails that does not fail on the base. `lint` fails on the base too, so it is not this change's to repair.",
    ],
    [
      { verdict: "not-started" },
      "**CI:** nothing has begun on this commit. If the pull request shows **Approve and run workflows**, click it; if it shows nothing, close and reopen it: GitHub starts no workflows for what some tokens open.",
    ],
    [
      { verdict: "not-started", stopped: ["Actions"] },
      "**CI:** not whole. `Actions` ended without a result: cancelled, or waiting for somebody to click **Approve and run workflows** on the pull request.",
    ],
    [
      { verdict: "held", own: ["test"], why: "refused: 10 runs have begun within the hour" },
      "**CI:** `test` failed, and is not repaired now: refused: 10 runs have begun within the hour. `/agent revise` with what is to be done goes on.",
    ],
    [{ verdict: "none" }, ""],
  ])("%j", (change, expected) => {
    expect(checksLine(seen(change), neutral)).toBe(expected);
  });

  test("says nothing of another commit, nor of a pull request that is closed", () => {
    expect(checksLine(seen({}, sha("9".repeat(40))), neutral)).toBe("");
    const closed = recordedRuns.succeeded();
    const head = closed.state.pullRequest?.head ?? sha("0".repeat(40));
    const by = { login: "maria", id: 7 };
    closed.add({ type: "checks.judged", head, verdict: "green", ...none });
    expect(checksLine(closed.add({ type: "pull_request.closed", by, merged: true }).state, neutral)).toBe("");
  });

  test("counts the repair under way, and who asked for it is the check", () => {
    const run = recordedRuns.succeeded();
    const head = run.state.pullRequest?.head ?? sha("0".repeat(40));
    run.add({ type: "checks.judged", head, verdict: "repair", ...none, own: ["test"], onBase: ["lint"] });
    const { state } = run.add({
      type: "revision.requested",
      by: { login: "github-actions", id: 0 },
      quote: "failed: test",
      stage: "fix",
      words: "",
      threads: [],
      checks: [{ name: "test", url: "", text: "…" }],
    });
    expect(checksLine(state, neutral)).toBe(
      "**CI:** `test` failed: repair 1 of 3. `lint` fails on the base too, so it is not this change's to repair.",
    );
    const card = renderCard(state, { neutral, links, now: state.updatedAt });
    expect(card).toContain("asked for by `github-actions` with `failed: test`");
  });
});

test("a person is asked: the word, the label, the next step and one comment say so", () => {
  const state = seen({ verdict: "people", own: ["test"] });
  expect(word(state)).toContain("🙋 Needs a decision");
  expect(stateLabelOf(state)).toBe("agent/needs-info");
  expect(renderCard(state, { neutral, links, now: state.updatedAt })).toContain("`/agent revise <what to do>`");
  const at = { neutral, links, now: 0 };
  expect(renderReply({ kind: "checks-failed", own: ["test"], onBase: ["lint"], rounds: 3 }, at)).toBe(
    [
      "I need a person's decision. On the latest commit `test` fails, also when run again, and not on the base. I have repaired this 3 times, and that is as often as `limits.rounds` in `.github/baton.yml` allows.",
      "`lint` fails on the base too: that is not of this change, and I leave it.",
      "**Next:** `/agent revise <what to do>` has it worked in, and starts the count anew. What you push to the branch yourself is left to you.",
    ].join("\n\n"),
  );
  expect(word(seen({}))).toContain("✅ Succeeded");
});
