// The text of `cargo test`: libtest has no stable machine format. Each test binary is announced before its tests.
import { createReport, isTooLong, PART, type TestReport, type TestStatus } from "./test-report.ts";

const binary = /^\s+(?:Running (?<path>(?:unittests )?\S+)|Doc-tests (?<doc>\S+))/;
const test = /^test (?<name>.+?)(?: - should panic)? \.\.\. (?<outcome>ok|FAILED|ignored)\b/;
const started = /^running \d+ tests?$/;
const statuses: Readonly<Record<string, TestStatus>> = { ok: "passed", FAILED: "failed", ignored: "skipped" };

/** Reads what `cargo test` printed; undefined when no test binary ran. */
export function parseCargo(output: string): TestReport | undefined {
  if (isTooLong(output)) return undefined;
  const into = createReport();
  let group = "";
  let ran = false;
  for (const line of output.split("\n")) {
    const announced = binary.exec(line)?.groups;
    if (announced) group = (announced["path"] ?? `doc-tests ${announced["doc"]}`).slice(0, PART);
    else if (started.test(line)) ran = true;
    const found = test.exec(line)?.groups;
    if (found && ran)
      into.add(`${group} › ${found["name"]}`.replace(/^ › /, ""), statuses[found["outcome"] ?? ""] ?? "failed");
  }
  return ran ? into.report() : undefined;
}
