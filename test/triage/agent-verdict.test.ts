// "Can an agent do this?": what speaks against it, in the order in which it counts.
import { expect, test } from "vitest";
import { agentVerdict } from "#src/triage/agent-verdict.ts";
import type { Triage } from "#src/workflows/artifacts.ts";
import { clearTriage } from "#test/support/a-triage.ts";

const flow = { workflow: "bug", threshold: 0.6 };

test.each<[string, Partial<Triage>, Partial<typeof flow> | { workflow: undefined }, string, string]>([
  ["a clear bug", {}, {}, "yes", "a bug, one file, and nothing is missing"],
  ["of a few files", { size: "m" }, {}, "yes", "a bug, a few files, and nothing is missing"],
  ["exactly as sure as it must be", { confidence: 0.6 }, {}, "yes", "a bug, one file, and nothing is missing"],
  ["a large one", { size: "l" }, {}, "perhaps", "it holds a design decision"],
  ["unsure", { confidence: 0.59 }, {}, "not-yet", "only 59 % sure that it is a bug"],
  ["one answer is missing", { missing: ["?"] }, {}, "not-yet", "an answer is missing"],
  [
    "answers are missing, and it is unsure",
    { missing: ["?", "!"], confidence: 0.1 },
    {},
    "not-yet",
    "2 answers are missing",
  ],
  [
    "several pull requests, and answers are missing",
    { size: "xl", missing: ["?"] },
    {},
    "no",
    "it is several pull requests; somebody has to cut it up first",
  ],
  [
    "no workflow",
    { type: "feature", size: "xl" },
    { workflow: undefined },
    "no",
    "there is no workflow for what is a feature",
  ],
  [
    "security, whatever else",
    { securitySensitive: true, type: "feature" },
    { workflow: undefined },
    "no",
    "it touches security; a person looks at it first",
  ],
  ["a duplicate", { type: "duplicate", duplicateOf: 7, securitySensitive: true }, {}, "no", "it repeats #7"],
  ["a duplicate of nobody knows what", { type: "duplicate" }, {}, "no", "it repeats another issue"],
  ["spam", { type: "invalid", size: "xs" }, {}, "no", "it is not a valid issue"],
])("%s", (_, change, material, verdict, why) => {
  expect(agentVerdict({ ...clearTriage, ...change }, { ...flow, ...material })).toEqual({ verdict, why });
});
