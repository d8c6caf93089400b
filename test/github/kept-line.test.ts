// What people read of finished work that is on a branch: which branch, what is on it, and what is not.
import { describe, expect, test } from "vitest";
import type { EventOf } from "#src/engine/events.ts";
import type { State } from "#src/engine/state.ts";
import { sha } from "#src/core/ids.ts";
import { renderCard } from "#src/github/card.ts";
import { renderEnding } from "#src/github/ending-comment.ts";
import { createNeutral } from "#src/github/neutral.ts";
import { RunScript } from "#test/support/recorded-run.ts";

const neutral = createNeutral((text) => text);
const links = { serverUrl: "https://github.com" };
const card = (state: State) => renderCard(state, { neutral, links, now: state.updatedAt });
const comment = (state: State) => renderEnding(state, { neutral, links, card: undefined }) ?? "";
const branch = "baton/issue-12-splitting-loses-a-cent-kept";
const head = sha("a".repeat(40));

function ended(kept: Partial<EventOf<"work.kept">>): State {
  return new RunScript()
    .driven()
    .routed()
    .stage("reproduce", { commit: head })
    .add({ type: "work.kept", from: [head], branches: [], missing: [], ...kept })
    .add({ type: "run.finished", outcome: "failed", code: "tasks-failed", message: "It did not work." }).state;
}

describe("the card and the comment at the end", () => {
  test("name the branch, what is on it and what is not finished", () => {
    const state = ended({ branches: [{ branch, head, holds: ["reproduce"] }] });
    for (const text of [card(state), comment(state)]) {
      expect(text).toContain(
        `**Kept:** **reproduce** · on the branch [\`${branch}\`](https://github.com/octo/tab/tree/${branch}): \`reproduce\``,
      );
      expect(text).toContain("**On no branch:** not finished: `diagnose`, `fix`, `verify`, `review`");
      expect(text).not.toContain("kept by Baton");
    }
  });

  test("say why there is none", () => {
    const state = ended({ missing: [{ what: "reproduce", why: "Baton may not write here. <!-- @all -->" }] });
    for (const text of [card(state), comment(state)]) {
      expect(text).toContain("the last work is commit `aaaaaaaaaa`, kept by Baton");
      expect(text).toMatch(/\*\*On no branch:\*\* `reproduce` \(Baton may not write here\./);
      expect(text.replace(/^<!-- baton:.*-->$/gm, "")).not.toContain("<!--");
    }
  });
});

test("what came to nothing is not told as kept", () => {
  const skipped = { type: "stage.skipped", attempt: 1, degraded: true, why: "turn-limit" } as const;
  const { state } = new RunScript()
    .driven()
    .routed()
    .add({ ...skipped, stage: "reproduce", because: "failure" })
    .finished("failed", "agent-failed", "It did not work.");
  expect(card(state)).toContain("**Partial:** the run went on without **reproduce**");
  expect(card(state)).not.toContain("**Kept:**");
});

test("a run that succeeds later names only what could not be removed", () => {
  const script = new RunScript()
    .driven()
    .routed()
    .stage("reproduce", { commit: head })
    .add({ type: "work.kept", from: [head], branches: [{ branch, head, holds: ["reproduce"] }], missing: [] })
    .add({ type: "kept.removed", removed: [], left: [{ branch, why: "somebody has pushed to it since" }] })
    .add({ type: "run.finished", outcome: "succeeded", code: "verified", message: "" });
  const text = card(script.state);
  expect(text).toContain("of an earlier try is left, because somebody has pushed to it since");
  expect(text).not.toContain("**Kept:**");
});
