// The JSON report of jest, which vitest writes too.
import { z } from "zod";
import { createReport, isTooLong, PART, relativeTo, type TestReport, type TestStatus } from "./test-report.ts";

const Report = z.object({
  testResults: z.array(
    z.object({
      name: z.string(),
      status: z.string().optional(),
      assertionResults: z.array(
        z.object({
          ancestorTitles: z.array(z.string()).default([]),
          title: z.string(),
          status: z.string(),
        }),
      ),
    }),
  ),
});

const statuses: Readonly<Record<string, TestStatus>> = { passed: "passed", failed: "failed" };

/** Reads the JSON report of jest or vitest; undefined when it is none. */
export function parseJest(text: string, folder: string): TestReport | undefined {
  if (isTooLong(text)) return undefined;
  const parsed = Report.safeParse(json(text));
  if (!parsed.success) return undefined;
  const into = createReport();
  for (const { name, status, assertionResults } of parsed.data.testResults) {
    const file = relativeTo(folder, name).slice(0, PART);
    // A file that failed although none of its tests did was not loaded, or ended early.
    const loaded = status !== "failed" || assertionResults.some((test) => test.status === "failed");
    if (!loaded) into.addUnloaded(file);
    for (const { ancestorTitles, title, status: outcome } of assertionResults)
      into.add([file, ...ancestorTitles, title].join(" › "), statuses[outcome] ?? "skipped");
  }
  return into.report();
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
