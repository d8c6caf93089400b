// TAP 13 and 14 as node --test, tap and tape print it: nested subtests by indentation of four spaces.
import { createReport, relativeTo, type TestReport } from "./test-report.ts";

const line = /^(?<indent> *)(?<not>not )?ok\b(?:[ \t]+\d+)?(?:[ \t]*-)?[ \t]*(?<rest>[^\n]*)$/;
const subtest = /^(?<indent> *)# Subtest: (?<name>.*)$/;

/** Reads TAP out of a program's output; undefined when there is none. Groups are not counted, only the tests in them. */
export function parseTap(text: string, folder: string): TestReport | undefined {
  if (!/^TAP version 1[34]\s*$/m.test(text)) return undefined;
  const into = createReport();
  /** Names of the subtests that are open, by depth, and whether a test was seen inside. */
  const open: { name: string; filled: boolean }[] = [];
  const lines = text.split("\n").map((raw) => raw.trimEnd());
  for (const [index, raw] of lines.entries()) {
    const started = subtest.exec(raw)?.groups;
    if (started) {
      open.length = depthOf(started["indent"]);
      open.push({ name: unescaped(started["name"] ?? ""), filled: false });
      continue;
    }
    const groups = line.exec(raw)?.groups;
    if (!groups) continue;
    const depth = depthOf(groups["indent"]);
    const { name, skipped } = directive(groups["rest"] ?? "");
    const own = open[depth];
    for (const outer of open.slice(0, depth)) outer.filled = true;
    const isGroup = own !== undefined && own.name === name && own.filled;
    const path = [...open.slice(0, depth).map((outer) => outer.name), name];
    open.length = depth;
    if (isGroup) continue;
    const failed = groups["not"] !== undefined && !skipped;
    if (failed && depth === 0 && isWholeFile(lines, index)) into.addUnloaded(relativeTo(folder, name));
    else into.add(path.join(" › "), skipped ? "skipped" : failed ? "failed" : "passed");
  }
  const report = into.report();
  return report.tests.size === 0 && !/^1\.\.0\b/m.test(text) ? undefined : report;
}

/** node --test says of a file that ended badly which exit code it had. */
function isWholeFile(lines: readonly string[], index: number): boolean {
  const end = lines.findIndex((text, at) => at > index && text.trim() === "...");
  return end !== -1 && lines.slice(index, end).some((text) => /^\s*exitCode: /.test(text));
}

function depthOf(indent = ""): number {
  return Math.floor(indent.length / 4);
}

function directive(rest: string): { name: string; skipped: boolean } {
  const found = /(?:^|[^\\])#\s*(?:skip|todo)\b.*$/i.exec(rest);
  const name = found ? rest.slice(0, found.index + (found[0].startsWith("#") ? 0 : 1)) : rest;
  return { name: unescaped(name.trim()), skipped: found !== null };
}

function unescaped(name: string): string {
  return name.replace(/\\([#\\])/g, "$1").trim();
}
