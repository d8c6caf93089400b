// Runs that found nothing to mend, as people read of them: each is a result, with its reason and the way out.
import { describe, expect, test } from "vitest";
import { createRedact } from "#src/core/redact.ts";
import { renderCard } from "#src/github/card.ts";
import { renderEnding } from "#src/github/ending-comment.ts";
import { stateLabelOf } from "#src/github/labels.ts";
import { createNeutral } from "#src/github/neutral.ts";
import { renderReply } from "#src/github/replies.ts";
import { afterTheEnd } from "#src/intake/answers.ts";
import type { State } from "#src/engine/state.ts";
import { base, goodTriage } from "#test/support/engine-world.ts";
import { citedOf, doesNotShow, notABug, recordedRuns, RunScript } from "#test/support/recorded-run.ts";

const neutral = createNeutral(createRedact([]));
const links = { serverUrl: "https://github.com" };
const card = (state: State) => renderCard(state, { neutral, links, now: state.updatedAt });
const comment = (state: State) => renderEnding(state, { neutral, links, card: undefined }) ?? "";

describe("a duplicate", () => {
  const { state } = recordedRuns.duplicate();
  const original = "[#41](http://127.0.0.1/octo/tab/issues/41)";

  test("answers whoever asked for work with the issue it repeats, why, and how to insist", () => {
    const text = comment(state);
    expect(text).toContain(`@maria this repeats ${original}, so I started nothing: the issue says “same as \`#41\`”.`);
    expect(text).toContain("`/agent fix --workflow bug`");
    // GitHub would mark the issue by these words.
    expect(text).not.toMatch(/duplicate of #/i);
    expect(stateLabelOf(state)).toBe("agent/triaged");
  });

  test("that was only sorted is told by the card alone", () => {
    const sorted = recordedRuns.duplicate({ wanted: "triage" }).state;
    expect(card(sorted)).toContain(`**Duplicate** of ${original}`);
    expect(comment(sorted)).toBe("");
  });

  test("without words of the issue's own is told in those of triage", () => {
    const triage = { ...goodTriage, type: "duplicate" as const, duplicateOf: 41, evidence: [] };
    const run = new RunScript().driven().routed(triage, { decision: { kind: "stop", duplicateOf: 41 } });
    expect(card(run.finished("triaged", "duplicate", "…").state)).toContain(
      `**Duplicate** of ${original}: Splitting loses a cent`,
    );
  });

  test("that is not sure is named on the card all the same", () => {
    const triage = { ...goodTriage, type: "duplicate" as const, duplicateOf: 41, confidence: 0.4 };
    const run = new RunScript().driven().routed(triage, { decision: { kind: "ask", questions: ["Is it?"] } });
    const asked = run.finished("needs-a-decision", "asked", "Is it?").state;
    expect(card(asked)).toContain(`**duplicate** of ${original}, 40 % sure`);
    expect(card(asked)).not.toContain("**Duplicate**");
  });

  test("is told to whoever asks why, and to whoever wants it to go on", () => {
    expect(renderReply({ kind: "why", state }, { neutral, links, now: 0 })).toContain(
      `**Route:** duplicate of ${original}`,
    );
    expect(afterTheEnd(state)).toContain("`/agent fix --workflow bug`");
  });
});

describe("what is not a bug", () => {
  const { state } = recordedRuns["not a bug"]();
  const place = `[\`docs/how (it) rounds.md:7\`](https://github.com/octo/tab/blob/${base}/docs/how%20%28it%29%20rounds.md#L7)`;

  test("is told with the lines that say so, at the commit that was looked at, and is done", () => {
    const text = comment(state);
    expect(text).toContain("@maria this seems not to be a bug, so I changed nothing.");
    expect(text).toContain("> Shares are rounded down on purpose.");
    expect(text).toContain(`- ${place}: \`every share is rounded down\``);
    expect(text).toContain("`/agent implement`");
    expect(stateLabelOf(state)).toBe("agent/done");
    expect(card(state)).not.toMatch(/❌|Could not reproduce/);
  });

  test("shows only what the gate found", () => {
    const claim = {
      ...notABug,
      value: { ...notABug.value, notABug: { why: "So.", where: [{ path: "invented.md", line: 1, quote: "no such" }] } },
    };
    const run = new RunScript()
      .driven()
      .routed()
      .stage("reproduce", { artifact: claim, gates: [citedOf(notABug)] });
    const ended = run.finished("could-not-reproduce", "not-a-bug", "So.").state;
    expect(card(ended)).toContain(place);
    expect(card(ended)).not.toContain("invented");
  });

  test("leads to no page where the run is local", () => {
    const { repo } = state.created;
    const local = recordedRuns["not a bug"]({ repo: { ...repo, id: 0 } }).state;
    expect(card(local)).toContain("- `docs/how (it) rounds.md:7`: `every share is rounded down`");
  });
});

describe("what does not show", () => {
  const script = (notes: string, commands: readonly string[]) =>
    new RunScript()
      .driven()
      .routed()
      .add({ type: "stage.started", stage: "reproduce", attempt: 1, reasons: [] })
      .add(...doesNotShow(notes, commands))
      .finished("could-not-reproduce", "not-reproduced", notes);

  test("is told with what was tried, line by line", () => {
    const { state } = recordedRuns["does not show"]();
    expect(comment(state)).toContain(
      "@maria I could not reproduce this. What I tried:\n\nI tried:\n\n- 1000 over 3\n- 1000 over 7",
    );
    expect(stateLabelOf(state)).toBe("agent/needs-info");
  });

  test("shows the last six commands, each bounded, and no other tool", () => {
    const long = `echo ${"x".repeat(5_000)}`;
    const commands = ["first", "second", "third", "fourth", "fifth", "sixth", long];
    const run = script("Nothing.", commands);
    const text = card(run.state);
    expect(text).not.toContain("`first`");
    for (const command of commands.slice(1, -1)) expect(text).toContain(`\`${command}\` ended well:`);
    expect(text).toContain("…` failed:");
    expect(text.length).toBeLessThan(8_000);
    expect(text).toContain("printed by sixth\n```");
    const { state } = script("Nothing.", []);
    expect(card(state)).not.toContain("The last commands");
  });

  test("is told without its commands where another end came", () => {
    const run = script("Nothing.", ["ls"]).add({
      type: "retry.requested",
      by: { login: "ada", id: 8 },
      quote: "/agent retry",
    });
    expect(card(run.state)).not.toContain("The last commands");
  });
});
