// Answers to people: each says what was wrong and how to go on, and none can be read as a command.
import { expect, test } from "vitest";
import { createNeutral } from "#src/github/neutral.ts";
import { renderReply } from "#src/github/replies.ts";
import type { Reply } from "#src/engine/reply.ts";
import { runId } from "#src/core/ids.ts";
import { flags, helpLines } from "#src/intake/verbs.ts";
import { recordedRuns, RunScript } from "#test/support/recorded-run.ts";

const options = {
  neutral: createNeutral((text) => text),
  links: { serverUrl: "https://github.com" },
  now: Date.UTC(2026, 10, 20, 13),
};
const quote = "/agent fxi @ada";

const replies: readonly (readonly [Reply, readonly string[]])[] = [
  [
    {
      kind: "refused",
      quote,
      why: "you have read access",
      who: "people with write access",
      next: "ask a maintainer to write `/agent fix`",
    },
    [
      "you have read access",
      "**Who may:** people with write access",
      "**Next:** ask a maintainer to write `/agent fix`",
    ],
  ],
  [{ kind: "refused", quote, why: "the issue is closed", next: "Reopen it." }, ["not done this: the issue is closed"]],
  [
    { kind: "too-many", what: "runs", quote, most: 10, again: Date.UTC(2026, 10, 20, 13, 40) },
    ["10 runs have begun", "`limits.runsPerHour`", "**Next:** from 13:40 UTC on"],
  ],
  [
    { kind: "too-many", what: "comments", quote, most: 30, again: Date.UTC(2026, 10, 21) },
    ["of the 30", "`limits.commentsPerHour`", "**Next:** from 2026-11-21 00:00 UTC on"],
  ],
  [{ kind: "unknown-verb", quote, nearest: "fix" }, ["Did you mean `/agent fix`?"]],
  [{ kind: "unknown-verb", quote, nearest: undefined }, ["`/agent help` lists what I know"]],
  [
    { kind: "invalid-flags", quote, problems: ["--budget lots: not an amount"] },
    ["--budget lots: not an amount", "write the command again"],
  ],
  [
    { kind: "config-broken", quote, problems: ['baton.yml:3:1 unknown key "comands"'] },
    ["`.github/baton.yml`", "3:1 unknown key"],
  ],
  [
    { kind: "already-running", quote, run: runId("run-0123456789ab") },
    ["already at work", "run-0123456789ab", "`/agent stop` ends it"],
  ],
  [
    { kind: "nothing-running", quote, next: "`/agent fix` starts a run." },
    ["Nothing is running", "`/agent fix` starts a run."],
  ],
  [
    { kind: "budget-lowered", quote, was: 5_000_000, now: 2_000_000, spent: 400_000 },
    ["may spend $2.00 now; before it was $5.00. $0.40 of it is spent.", "`/agent budget $5.00` takes it back"],
  ],
  [
    { kind: "budget-lowered", quote, was: 5_000_000, now: 2_000_000, spent: 2_000_000 },
    ["$2.00 of it is spent already, so the run ends."],
  ],
  [
    {
      kind: "help",
      verbs: [{ usage: "/agent fix [advice]", summary: "Fix it | or try", who: "write and up" }],
      flags: [{ usage: "--budget $3", summary: "what it may spend" }],
    },
    ["| `/agent fix [advice]` | Fix it \\| or try | write and up |", "- `--budget $3`: what it may spend"],
  ],
  [{ kind: "status", state: undefined }, ["no run here yet"]],
  [
    { kind: "status", state: new RunScript().driven().routed().stage("reproduce").state },
    ["**Running**", "✅ **reproduce**", "⬜ **publish**", "**Next:**"],
  ],
  [
    { kind: "why", state: recordedRuns["needs a person"]().state },
    [
      "bug, 93 % sure, next best question",
      "“only adds up to $9.99”",
      "baseline: 1 test that passed on the base fails on the head",
      "**Next:**",
    ],
  ],
];

test("help says every command and every flag whole, and who may", () => {
  const text = renderReply({ kind: "help", verbs: helpLines(), flags: Object.values(flags) }, options);
  for (const { usage, summary, who } of helpLines())
    expect(text).toContain(`| \`${usage.replaceAll("|", "\\|")}\` | ${summary} | ${who} |`);
  for (const { usage } of Object.values(flags)) expect(text).toContain(`- \`${usage}\`: `);
  expect(text).not.toContain("…");
});

test("the status does not point to itself", () => {
  const state = new RunScript().driven().routed().stage("reproduce").state;
  expect(renderReply({ kind: "status", state }, options)).toMatch(/by itself\. `\/agent stop` stops it\.$/);
});

test("a refusal that has nothing to do with rights names nobody's", () => {
  const text = renderReply({ kind: "refused", quote, why: "the issue is closed", next: "Reopen it." }, options);
  expect(text).not.toContain("Who may");
});

test.each(replies.map(([reply, expected]) => [reply.kind, reply, expected] as const))(
  "%s",
  (_kind, reply, expected) => {
    const text = renderReply(reply, options);
    for (const part of expected) expect(text).toContain(part);
    expect(text).not.toMatch(/^\s*(?:[-*>]\s*)?\/(?:agent|baton)/m);
    expect(text.replace(/`[^`]*`/g, "")).not.toMatch(/@\w|undefined/);
  },
);
