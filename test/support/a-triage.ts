// A triage of which nothing is unclear, for tests to change.
import type { Triage } from "#src/workflows/artifacts.ts";

export const clearTriage: Triage = {
  type: "bug",
  confidence: 0.9,
  runnerUp: "question",
  severity: "medium",
  size: "s",
  labels: [],
  areas: [],
  missing: [],
  securitySensitive: false,
  summary: "The parser counts one too many.",
  evidence: ["gives 4"],
};
