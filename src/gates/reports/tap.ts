// TAP 13 and 14 as node --test, tap and tape print it: nested subtests by indentation of four spaces.
import { createReport, isTooLong, PART, relativeTo, type TestReport } from "./test-report.ts";

const line = /^(?<indent> *)(?<not>not )?ok\b(?:[ \t]+\d+)?(?:[ \t]*-)?[ \t]*(?<rest>[^\n]*)$/;
const subtest = /^(?<indent> *)# Subtest: (?<name>.*)$/;

/** Reads TAP out of a program's output; undefined when there is none. Groups are not counted, only the tests in them. */
export function parseTap(text: string, folder: string): TestReport | undefined {
  if (isTooLong(text) || !/^TAP version 1[34][ \t]*$/m.test(text)) return undefined;
  const into = createReport();
  /** Names of the subtests that are open, by depth, with those around them, and whether a test was seen inside. */
  const open: { name: string; path: string; filled: boolean }[] = [];
  const within = (depth: number, name: string) => {
    const outer = open[depth - 1];
    // Bounded, or one long name would be copied for each of the tests in it.
    return outer ? `${outer.path} › ${name}`.slice(0, PART) : name.slice(0, PART);
  };
  const lines = text.split("\n").map((raw) => raw.trimEnd());
  const endsFile = wholeFiles(lines);
  for (const [index, raw] of lines.entries()) {
    const started = subtest.exec(raw)?.groups;
    if (started) {
      open.length = Math.min(open.length, depthOf(started["indent"]));
      const name = unescaped(started["name"] ?? "");
      open.push({ name, path: within(open.length, name), filled: false });
      continue;
    }
    const groups = line.exec(raw)?.groups;
    if (!groups) continue;
    const depth = Math.min(open.length, depthOf(groups["indent"]));
    const { name, skipped } = directive(groups["rest"] ?? "");
    const own = open[depth];
    for (const outer of open.slice(0, depth)) outer.filled = true;
    const isGroup = own !== undefined && own.name === name && own.filled;
    const path = within(depth, name);
    open.length = depth;
    if (isGroup) continue;
    const failed = groups["not"] !== undefined && !skipped;
    if (failed && depth === 0 && endsFile.has(index)) into.addUnloaded(relativeTo(folder, name));
    else into.add(path, skipped ? "skipped" : failed ? "failed" : "passed");
  }
  const report = into.report();
  return report?.tests.size === 0 && !/^1\.\.0\b/m.test(text) ? undefined : report;
}

/** Lines whose block names an exit code: node --test says of a file that ended badly which one it had. Read from the end, once. */
function wholeFiles(lines: readonly string[]): ReadonlySet<number> {
  const found = new Set<number>();
  let block: "none" | "plain" | "exit" = "none";
  for (let index = lines.length - 1; index >= 0; index -= 1) {
    if (block === "exit") found.add(index);
    const text = lines[index] ?? "";
    if (text.trim() === "...") block = "plain";
    else if (block === "plain" && /^\s*exitCode: /.test(text)) block = "exit";
  }
  return found;
}

function depthOf(indent = ""): number {
  return Math.floor(indent.length / 4);
}

function directive(rest: string): { name: string; skipped: boolean } {
  const found = /(?:^|[^\\])#\s*(?:skip|todo)\b/i.exec(rest);
  const name = found ? rest.slice(0, found.index + (found[0].startsWith("#") ? 0 : 1)) : rest;
  return { name: unescaped(name.trim()), skipped: found !== null };
}

function unescaped(name: string): string {
  return name.replace(/\\([#\\])/g, "$1").trim();
}
