// What the sample's script hands in where it knows no bug: of each kind an artifact that is valid and says what the scripted model is.
import type { z } from "zod";
import { artifactNames, type artifactSchemas, type MadeName } from "../workflows/artifacts.ts";

/** What the scripted model says of everything that it was not told. */
export const honest =
  "This is the demo's scripted model: it only knows the two bugs of the sample repository, and a setup for it. Run the demo with --model real for anything else.";

type Made = { readonly [Name in MadeName]: z.infer<(typeof artifactSchemas)[Name]> };

const unknown: Made = {
  Triage: {
    type: "question",
    confidence: 0.35,
    runnerUp: "bug",
    severity: "low",
    size: "s",
    labels: [],
    areas: [],
    missing: [],
    securitySensitive: false,
    summary: honest,
    evidence: [],
  },
  Reproduction: { reproduced: false, testFiles: [], command: "", expectedFailure: "", notes: honest },
  // A pinning names at least one test file; the gate sees that nothing was pinned.
  Characterization: { testFiles: ["test/split.test.js"], command: "npm test", covers: honest, notes: honest },
  Diagnosis: { rootCause: honest, locations: [], approach: honest, risk: honest },
  Change: { summary: honest, files: [], followUps: [] },
  Plan: { summary: honest, tasks: [], risks: [], questions: [] },
  Review: { verdict: "changes", findings: [{ severity: "info", message: honest }] },
  Report: { summary: honest, sections: [] },
  Findings: { summary: honest, findings: [] },
  Conclusion: { summary: honest, sections: [], files: [], followUps: [] },
  Setup: { summary: honest, commands: {}, protect: [], agents: [], notes: [honest] },
  Lessons: { summary: honest, lessons: [] },
  Remarks: { summary: honest, lookedAt: [], notLookedAt: [honest], remarks: [] },
};

/** An artifact of the kind that a brief asks for. */
export function unknownOf(brief: string): Made[MadeName] {
  const [, kind] = /End by handing in (?:an? )?\*(\w+)\*/.exec(brief) ?? [];
  return unknown[artifactNames.find((name) => name === kind) ?? "Review"];
}
