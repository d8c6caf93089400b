// What people read of a pull request whose base moved on: on the card, in its text, and at the end of a run that could not bring both together.
import { describe, expect, test } from "vitest";
import { sha } from "#src/core/ids.ts";
import type { EventOf } from "#src/engine/events.ts";
import { baseLine } from "#src/github/base-line.ts";
import { renderCard } from "#src/github/card.ts";
import { revisionCheck } from "#src/github/checks.ts";
import { renderEnding } from "#src/github/ending-comment.ts";
import { createNeutral } from "#src/github/neutral.ts";
import { nextStep } from "#src/github/progress.ts";
import { commit } from "#test/support/engine-world.ts";
import { recordedRuns } from "#test/support/recorded-run.ts";

const neutral = createNeutral((text) => text);
const links = { serverUrl: "https://github.com" };
const moved = sha("d".repeat(40));
const pusher = { login: "paul", id: 8 };
type Requested = EventOf<"revision.requested">;

const asked = (how: "conflicts" | "asked" | "held", change: Partial<Requested> = {}): Requested => ({
  type: "revision.requested",
  by: pusher,
  quote: "main moved on",
  stage: "fix",
  words: "",
  threads: [],
  base: { commit: moved, how },
  ...change,
});
const merged = (stage: string, attempt: number, paths: string[] = []): EventOf<"base.merged"> => ({
  type: "base.merged",
  stage,
  attempt,
  commit: commit(0xc),
  paths,
});
const begun = (how: "conflicts" | "asked" | "held") => recordedRuns.succeeded().add(asked(how));
const card = (state: Parameters<typeof renderCard>[0]) => renderCard(state, { neutral, links, now: 0 });

describe("the base of a run", () => {
  test("is no word on the card while it is the one it began from", () => {
    const { state } = recordedRuns.succeeded();
    expect(baseLine(state, neutral)).toBe("");
    expect(card(state)).toContain("from `main` at `0000000000`");
  });

  test("in conflict says what moved, where both meet and who resolved it; nobody asked for that", () => {
    const script = begun("conflicts").add(merged("reproduce", 2), merged("diagnose", 2));
    expect(baseLine(script.state, neutral)).toMatch(
      /^\*\*Base:\*\* `main` moved on and \[#13\]\(\S+\) conflicted with it; `dddddddddd` is being merged\.$/,
    );
    expect(card(script.state)).not.toContain("asked for by `paul`");
    expect(card(script.state)).toContain("from `main` at `dddddddddd`");
    expect(revisionCheck(script.state, { neutral, page: undefined }).summary).toContain("moved on and");
    script.add(merged("fix", 2, ["src/split.js"]));
    expect(baseLine(script.state, neutral)).toContain("is being merged. Both changed `src/split.js`.");
    // As the pull request says it when it is published.
    expect(baseLine(script.state, neutral, true)).toMatch(
      /merged at `dddddddddd`\. Agents resolved what git could not: `src\/split\.js`\. The gates judged all of it anew\.$/,
    );
  });

  test("that git merged alone says that no agent changed anything, and of what the review is", () => {
    const script = begun("asked").add(merged("reproduce", 2), merged("diagnose", 2), merged("fix", 2));
    script.stage("verify").add(merged("review", 2)).stage("publish").opened();
    expect(baseLine(script.state, neutral)).toBe(
      "**Base:** `paul` asked to have `main` merged; merged at `dddddddddd`. Git found no conflict, and no agent changed anything for it. The gates judged all of it anew. The agents' review is of the change before that.",
    );
    expect(card(script.state)).toContain("as before");
  });

  test("that people merged themselves is told as theirs", () => {
    expect(baseLine(begun("held").state, neutral)).toBe(
      "**Base:** people merged `main` into this branch; everything is judged against `dddddddddd`.",
    );
  });

  test("that could not be merged is asked about, of whoever wanted the run and not of whoever pushed", () => {
    const { state } = begun("conflicts")
      .add(merged("fix", 2, ["src/split.js"]))
      .finished("needs-a-decision", "unresolved", "fix said no 2 times. Conflict markers are left.");
    const ending = renderEnding(state, { neutral, links, card: undefined });
    expect(ending).toContain("@maria I need a person's decision.");
    expect(ending).not.toContain("@paul");
    expect(nextStep(state)).toMatch(/brings \[#13\]\(\S+\) and `main` together in its branch; `\/agent revise <what>`/);
    expect(baseLine(state, neutral)).toContain("`dddddddddd` was not merged.");
  });

  test("is named as text, whatever a branch or a file is called", () => {
    const script = recordedRuns.succeeded({ base: { branch: "x`@tim", commit: commit(0) } });
    const { state } = script.add(asked("conflicts"), merged("fix", 2, ["a`@ada"]));
    expect(baseLine(state, neutral)).not.toMatch(/(?<!`)@(?:tim|ada)/);
  });
});
