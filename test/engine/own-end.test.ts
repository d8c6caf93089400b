// Which ends are the work's own, so that the same would most likely come of the same again.
import { expect, test } from "vitest";
import { isOwnEnd } from "#src/engine/own-end.ts";
import { goodTriage } from "#test/support/engine-world.ts";
import { gateResult, recordedRunNames, recordedRuns, RunScript } from "#test/support/recorded-run.ts";

const own = new Set(["asked", "duplicate", "could not reproduce", "not a bug", "does not show", "needs a person"]);

test.each(recordedRunNames.map((name) => [name, own.has(name)] as const))("%s: %s", (name, expected) => {
  expect(isOwnEnd(recordedRuns[name]().state)).toBe(expected);
});

const begun = () => new RunScript().driven().routed().stage("reproduce");
const failedWith = (code: "turn-limit" | "invalid-output" | "tools-broken" | "model-refused") =>
  begun()
    .stage("diagnose", { artifact: "none" })
    .add({ type: "agent.failed", stage: "diagnose", attempt: 1, failure: { code, message: "…" } });
const no = (code: string) =>
  begun()
    .stage("diagnose")
    .stage("fix", { gates: [gateResult("green", { passed: false, code })] });

test.each([
  ["an agent that found no end", failedWith("turn-limit").finished("failed", "turn-limit", "…"), true],
  ["an agent whose tools broke", failedWith("tools-broken").finished("failed", "tools-broken", "…"), false],
  ["a model that refused", failedWith("model-refused").finished("failed", "model-refused", "…"), false],
  ["a check that said no", no("still-fails").finished("failed", "still-fails", "…"), true],
  ["a check that could not decide", no("gate-failed").finished("failed", "gate-failed", "…"), false],
  ["a check that took too long", no("timeout").finished("needs-a-decision", "timeout", "…"), false],
  ["a check that says now this, now that", no("flaky").finished("could-not-reproduce", "flaky", "…"), false],
  ["a disk that was full", begun().finished("failed", "disk", "…"), false],
  ["a branch that GitHub refused", begun().finished("failed", "branch-taken", "…"), false],
  ["a reviewer that wants changes", begun().finished("needs-a-decision", "changes-requested", "…"), true],
  [
    "a tool that broke beside a task that failed",
    failedWith("tools-broken").finished("needs-a-decision", "tasks-failed", "…"),
    false,
  ],
  [
    "rules of thumb that asked, because no model answered",
    new RunScript()
      .driven()
      .routed(goodTriage, { source: "heuristic", decision: { kind: "ask", questions: ["?"] } })
      .finished("needs-a-decision", "asked", "?"),
    false,
  ],
  [
    "rules of thumb that took it for a duplicate",
    new RunScript()
      .driven()
      .routed(goodTriage, { source: "heuristic", decision: { kind: "stop", duplicateOf: 41 } })
      .finished("triaged", "duplicate", "…"),
    false,
  ],
  [
    "a person who rejected the plan",
    begun()
      .add({
        type: "plan.judged",
        by: { login: "ada", id: 8 },
        quote: "/agent reject",
        stage: "reproduce",
        verdict: "rejected",
        words: "",
      })
      .finished("needs-a-decision", "changes-requested", "…"),
    false,
  ],
  [
    "a run that is taken up again",
    no("still-fails")
      .finished("failed", "still-fails", "…")
      .add({
        type: "retry.requested",
        by: { login: "ada", id: 8 },
        quote: "/agent retry",
      }),
    false,
  ],
] as const)("%s", (_, script, expected) => {
  expect(isOwnEnd(script.state)).toBe(expected);
});
