// What a test runner said, test by test: the one shape all parsers end in.

export type TestStatus = "passed" | "failed" | "skipped";

export interface TestReport {
  /** Test id → how it went. An id holds file or class, groups and name, so that it is the same in another clone. */
  readonly tests: ReadonlyMap<string, TestStatus>;
  /** Ids (also in `tests`, as failed) that stand for a whole file that could not be loaded or ended early. */
  readonly unloaded: ReadonlySet<string>;
}

/** Characters of a report or output that are read: what a command may print in bytes (16 MiB). */
const READ = 16 * 1024 * 1024;
/** Tests in one report. */
const TESTS = 100_000;
/** Characters taken of a name that is repeated in many ids, such as a group's: twice what an id keeps. */
export const PART = 1_000;

/** True for a text that no parser should start with; the exit code decides then. */
export function isTooLong(text: string): boolean {
  return text.length > READ;
}

/** Collects tests; there is no report of more than 100,000. The same id a second time is numbered, so that no result is lost. */
export function createReport(): {
  add(id: string, status: TestStatus): void;
  addUnloaded(id: string): void;
  report(): TestReport | undefined;
} {
  const tests = new Map<string, TestStatus>();
  const unloaded = new Set<string>();
  const seen = new Map<string, number>();
  const free = (wanted: string) => {
    const id = clean(wanted);
    const count = (seen.get(id) ?? 0) + 1;
    seen.set(id, count);
    return count === 1 ? id : `${id} #${count}`;
  };
  return {
    add(id, status) {
      if (tests.size <= TESTS) tests.set(free(id), status);
    },
    addUnloaded(id) {
      if (tests.size > TESTS) return;
      const key = free(id);
      tests.set(key, "failed");
      unloaded.add(key);
    },
    report: () => (tests.size > TESTS ? undefined : { tests, unloaded }),
  };
}

/** One line, bounded: names come from the repository. */
function clean(id: string): string {
  return id
    .replace(/[\s\p{Cc}]+/gu, " ")
    .trim()
    .slice(0, 500);
}

/** Ids with that status, in the order of the report. */
export function idsOf(report: TestReport, status: TestStatus): string[] {
  return [...report.tests].filter(([, value]) => value === status).map(([id]) => id);
}

/** Makes a path relative to the folder the tests ran in. */
export function relativeTo(folder: string, path: string): string {
  return folder !== "" && path.startsWith(`${folder}/`) ? path.slice(folder.length + 1) : path;
}
