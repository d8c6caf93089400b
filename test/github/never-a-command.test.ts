// No text of Baton's is a command: neither for itself, nor for another Baton that listens on the same issue, whatever is quoted in it.
import { describe, expect, test } from "vitest";
import type { CheckVerdict } from "#src/engine/check-events.ts";
import type { RunEvent } from "#src/engine/events.ts";
import type { Reply } from "#src/engine/reply.ts";
import type { State } from "#src/engine/state.ts";
import { renderCard } from "#src/github/card.ts";
import { renderEnding } from "#src/github/ending-comment.ts";
import { renderFinding } from "#src/github/finding-issue.ts";
import { createNeutral } from "#src/github/neutral.ts";
import { pullRequestBody } from "#src/github/pull-request.ts";
import { renderReply } from "#src/github/replies.ts";
import { answerTo } from "#src/github/thread-answers.ts";
import { readCommands } from "#src/intake/grammar.ts";
import { flags, helpLines } from "#src/intake/verbs.ts";
import { runId, sha } from "#src/core/ids.ts";
import { artifactFor, created, goodTriage } from "#test/support/engine-world.ts";
import {
  citedOf,
  doesNotShow,
  gateResult,
  notABug,
  recordedRunNames,
  recordedRuns,
  richDiagnosis,
  RunScript,
} from "#test/support/recorded-run.ts";

const slugs = ["baton-one", "baton-two"];
const commands = ["/agent fix", "/BATON stop", "@baton-one retry", "@Baton-Two[bot] fix", "   /agent approve"];
const ways: readonly ((command: string) => string)[] = [
  (command) => command,
  (command) => `so:\n\n${command}\n\nand so on`,
  (command) => `so:\r\n\r\n${command}\r\n`,
  (command) => `so\n${command}`,
  (command) => `\`\`\`\n${command}\n\`\`\`\n${command}`,
  (command) => `~~~~~\n\n${command}`,
  (command) => `\`\`${command}\`\n${command}`,
  (command) => `</details></td></table>\n\n${command}`,
  (command) => `<!-- x -->\n${command}\n<!-- `,
  (command) => `- a\n\n${command}\n> b\n\n${command}`,
  (command) => `\u200b${command}\u2028${command}\u0085${command}`,
  (command) => `| a |\n|---|\n| b |\n\n${command} | c`,
  (command) => `<p>\n\n${command}`,
  (command) => `a\\\n${command}  \n${command}`,
];
/** Each way with one of the commands, and the plainest with all. */
const attacks = [...commands, ...ways.map((way, index) => way(commands[index % commands.length] ?? ""))];

const options = {
  neutral: createNeutral((text) => text),
  links: { serverUrl: "https://github.com" },
  now: Date.UTC(2026, 10, 20, 13),
};

/** What either Baton would read as a command in these texts. */
function heardIn(texts: readonly string[]): string[] {
  return texts.flatMap((text) =>
    slugs.flatMap((slug) => {
      const reading = readCommands(text, slug);
      if (reading.type === "unreadable") return [`${reading.quote} in ${text}`];
      return reading.commands.map(({ quote }) => `${quote} in ${text}`);
    }),
  );
}

/** Every kind of answer, with the attack wherever somebody else's words may stand. */
const replies: { readonly [K in Reply["kind"]]: (attack: string, state: State) => Extract<Reply, { kind: K }> } = {
  refused: (quote) => ({ kind: "refused", quote, why: quote, who: quote, next: quote }),
  "too-many": (quote) => ({ kind: "too-many", what: "comments", quote, most: 30, again: options.now }),
  "unknown-verb": (quote) => ({ kind: "unknown-verb", quote, nearest: quote }),
  "invalid-flags": (quote) => ({ kind: "invalid-flags", quote, problems: [quote, quote] }),
  "plan-invalid": (quote) => ({ kind: "plan-invalid", problems: [quote, quote] }),
  "config-broken": (quote) => ({ kind: "config-broken", quote, problems: [quote] }),
  "already-running": (quote) => ({ kind: "already-running", quote, run: runId("run-0123456789ab"), held: "asked" }),
  "nothing-running": (quote) => ({ kind: "nothing-running", quote, next: quote }),
  "nothing-to-do": (quote) => ({ kind: "nothing-to-do", quote, why: quote, next: quote }),
  conflicts: (quote) => ({ kind: "conflicts", branch: quote, rounds: 1 }),
  "checks-failed": (quote) => ({ kind: "checks-failed", own: [quote], onBase: [quote], rounds: 1 }),
  "budget-lowered": (quote) => ({ kind: "budget-lowered", quote, was: 3, now: 2, spent: 1 }),
  help: (quote) => ({
    kind: "help",
    verbs: [...helpLines(), { usage: quote, summary: quote, who: quote }],
    flags: [...Object.values(flags), { usage: quote, summary: quote }],
  }),
  status: (_, state) => ({ kind: "status", state }),
  why: (_, state) => ({ kind: "why", state }),
};

/** Runs of every end, with the attack in everything that people, models and programs wrote. */
function states(attack: string): State[] {
  const { input, request } = created();
  // A person may have the very name of a Baton.
  const by = { login: "baton-two", id: 5 };
  const first = {
    hop: 1,
    input: { ...input, title: attack, body: attack, instruction: attack, dropped: [attack.slice(0, 300)] },
    request: { ...request, by, quote: attack },
  };
  const triage = { ...goodTriage, summary: attack.slice(0, 300), evidence: [attack.slice(0, 200)] };
  const no = gateResult("green", {
    passed: false,
    code: "still-fails",
    summary: attack,
    notes: [attack],
    evidence: [
      {
        label: attack,
        argv: [attack],
        commit: sha("a".repeat(40)),
        exitCode: 1,
        seconds: 1,
        outputHash: "x",
        tail: attack,
      },
    ],
  });
  const change = artifactFor("fix");
  const fix =
    change.name === "Change" ? { ...change, value: { ...change.value, summary: attack, followUps: [attack] } } : change;
  if (richDiagnosis.name !== "Diagnosis") throw new Error("expected a diagnosis");
  const diagnosis = { ...richDiagnosis, value: { ...richDiagnosis.value, rootCause: attack, approach: attack } };
  const begun = () =>
    new RunScript(first)
      .driven()
      .routed(triage, { why: attack })
      .stage("reproduce")
      .stage("diagnose", { artifact: diagnosis })
      .stage("fix", { artifact: fix });
  const cited = [{ path: attack, line: 1, quote: attack }];
  const claim: typeof notABug = {
    ...notABug,
    value: { ...notABug.value, notes: attack, notABug: { why: attack, where: cited } },
  };
  const unshown = () =>
    new RunScript(first)
      .driven()
      .routed(triage)
      .add({ type: "stage.started", stage: "reproduce", attempt: 1, reasons: [] })
      .add(...doesNotShow(attack, [attack, attack]))
      .finished("could-not-reproduce", "not-reproduced", attack);
  const repeats = { ...triage, type: "duplicate" as const, duplicateOf: 41 };
  return [
    ...[repeats, { ...repeats, evidence: [] }].map(
      (sorted) =>
        new RunScript(first)
          .driven()
          .routed(sorted, { decision: { kind: "stop", duplicateOf: 41 }, why: attack })
          .finished("triaged", "duplicate", attack).state,
    ),
    new RunScript(first)
      .driven()
      .routed(triage)
      .stage("reproduce", { artifact: claim, gates: [citedOf(claim)] })
      .finished("could-not-reproduce", "not-a-bug", attack).state,
    unshown().state,
    ...recordedRunNames.map((name) => recordedRuns[name](first).state),
    begun()
      .stage("verify", { gates: [no] })
      .finished("needs-a-decision", "still-fails", attack).state,
    begun().stage("verify").stage("review").stage("publish").opened().state,
    new RunScript(first)
      .driven()
      .routed(triage, { decision: { kind: "ask", questions: [attack] } })
      .finished("needs-a-decision", "asked", attack).state,
    revised(begun().stage("verify").stage("review").stage("publish").opened(), attack).state,
    ...(["waiting", "again", "people", "held", "not-started", "green"] as const).map(
      (verdict) =>
        begun()
          .stage("verify")
          .stage("review")
          .stage("publish")
          .opened()
          .add(checksOf(attack.slice(0, 200), verdict)).state,
    ),
    begun().add({ type: "run.parked", reason: "broken", message: attack }).state,
    begun().add({ type: "pause.requested", by, quote: attack }).state,
  ];
}

/** Checks whose names are the attack. */
function checksOf(name: string, verdict: CheckVerdict): RunEvent {
  const names = [name];
  const lists = { own: names, onBase: names, flaky: names, open: names, stopped: names, again: [] };
  return { type: "checks.judged", head: sha("d".repeat(40)), verdict, ...lists, why: name };
}

/** A pull request that is changed as people wished, who wrote the attack, by an agent that answers with it. */
function revised(run: RunScript, attack: string): RunScript {
  const by = { login: "maria", id: 7 };
  const threads = [{ id: 1, path: attack.slice(0, 900), line: 1, outdated: false, text: attack }];
  const answers = [{ thread: 1, done: false, what: attack.replaceAll("\n", " ") }];
  const value = { summary: attack, files: [], followUps: [], answers };
  return run
    .add({ type: "revision.requested", by, quote: attack, stage: "fix", words: attack, threads })
    .stage("fix", { artifact: { name: "Change", value } });
}

describe.each(attacks)("%j", (attack) => {
  test("in any answer", () => {
    const [state] = states(attack);
    if (!state) throw new Error("there is no state");
    expect(heardIn(Object.values(replies).map((reply) => renderReply(reply(attack, state), options)))).toEqual([]);
  });

  test("in any card, comment at an end, pull request or issue", () => {
    for (const state of states(attack)) {
      const texts = [
        renderCard(state, options),
        renderReply({ kind: "status", state }, options),
        renderReply({ kind: "why", state }, options),
        renderEnding(state, { ...options, card: undefined }) ?? "",
        pullRequestBody(state, {
          ...options,
          head: sha("f".repeat(40)),
          tree: sha("e".repeat(40)),
          changes: [],
          template: undefined,
        }),
        ...(state.revision?.threads.map((thread) => answerTo(state, thread, sha("f".repeat(40)), options.neutral)) ??
          []),
        renderFinding(
          state,
          1,
          { title: attack, severity: "minor", area: attack, path: attack, detail: attack, mend: attack },
          options.neutral,
        ).body,
      ];
      expect(heardIn(texts)).toEqual([]);
    }
  });
});

test("the sieve lets a command through: most attacks hold one in plain text, and the others in code or HTML", () => {
  const found = attacks.filter((attack) => heardIn([attack]).length > 0);
  expect(found.length).toBeGreaterThan(attacks.length / 2);
});
