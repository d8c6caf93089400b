// How to make a repository's own command report test by test, without changing which tests run:
// by the runner's environment where it has one, else by arguments. The report goes to a file that only the sandbox reads.
import type { RunnerUse } from "../../workspace/runner.ts";
import { parseCargo } from "./cargo.ts";
import { goText, parseGo } from "./go.ts";
import { parseJest } from "./jest.ts";
import { parseJUnit } from "./junit.ts";
import { parseTap } from "./tap.ts";
import type { TestReport } from "./test-report.ts";

export interface Instrumented {
  /** The shell command to run instead of the plain one. */
  readonly command: string;
  readonly env: Readonly<Record<string, string>>;
  /** Shell text run before and after the command; what `collect` prints is the report. */
  readonly prepare: string;
  readonly collect: string;
  /** Undefined when there is no report to be found. `folder` is where the tests ran. */
  parse(told: { report: string; output: string; folder: string }): TestReport | undefined;
  /** The output as people know it. */
  text(output: string): string;
}

const asPrinted = (output: string) => output;

/** The plain command: a report only when it prints TAP or cargo's text by itself. */
export function plain(command: string): Instrumented {
  return {
    command,
    env: {},
    prepare: "",
    collect: "",
    parse: ({ output, folder }) => parseTap(output, folder) ?? parseCargo(output),
    text: asPrinted,
  };
}

/** The command made to report into `file` (a path without shell characters); undefined when nothing is known for it. */
export function instrument(command: string, use: RunnerUse | undefined, file: string): Instrumented | undefined {
  if (!use) return undefined;
  const own = use.words.join(" ");
  const fromFile = {
    command,
    env: {},
    prepare: "",
    collect: `cat ${file} 2>/dev/null; rm -f ${file}`,
    text: asPrinted,
    parse: ({ report, folder }: { report: string; folder: string }) => parseJUnit(report, folder),
  };
  const appended = (flags: string) => `${command.trimEnd()} ${use.append ?? ""}${flags}`;
  switch (use.runner) {
    case "node": {
      // Reporters and destinations must pair up; a command that names its own is left alone.
      if (/--test-reporter/.test(own)) return undefined;
      const reporters = [
        "--test-reporter=spec",
        "--test-reporter-destination=stdout",
        "--test-reporter=junit",
        `--test-reporter-destination=${file}`,
      ];
      return { ...fromFile, env: { NODE_OPTIONS: reporters.join(" ") } };
    }
    case "pytest":
      return { ...fromFile, env: { PYTEST_ADDOPTS: `--junitxml=${file}` } };
    case "vitest":
    case "jest": {
      if (use.append === undefined) return undefined;
      const flags =
        use.runner === "jest"
          ? `--json --outputFile=${file}`
          : `--reporter=default --reporter=json --outputFile.json=${file}`;
      return {
        ...fromFile,
        command: appended(flags),
        parse: ({ report, folder }) => parseJest(report, folder),
      };
    }
    case "go": {
      const changed = command.replace(/\bgo\s+test\b(?![^\n]*\s-json\b)/, "go test -json");
      if (changed === command) return undefined;
      return {
        ...plain(changed),
        parse: ({ output }) => parseGo(output),
        text: goText,
      };
    }
    case "cargo":
      // Without it, cargo leaves out every test binary after the first one that fails.
      return {
        ...plain(command.replace(/\bcargo\s+(?:test|t)\b(?![^\n]*--no-fail-fast)/, "$& --no-fail-fast")),
        parse: ({ output }) => parseCargo(output),
      };
    case "maven":
    case "gradle":
      return {
        ...fromFile,
        prepare: `: > ${file}.mark`,
        collect: [
          // Only reports written by this run: a committed one proves nothing.
          `find . -type f -newer ${file}.mark \\( -path '*/target/surefire-reports/TEST-*.xml'`,
          "-o -path '*/target/failsafe-reports/TEST-*.xml' -o -path '*/build/test-results/*/TEST-*.xml' \\)",
          `-exec cat {} + 2>/dev/null; rm -f ${file}.mark`,
        ].join(" "),
      };
  }
}
