// The event stream of `go test -json` (https://pkg.go.dev/cmd/test2json): one JSON object a line.
import { z } from "zod";
import { createReport, isTooLong, type TestReport, type TestStatus } from "./test-report.ts";

const Event = z.object({
  Action: z.string(),
  Package: z.string().optional(),
  ImportPath: z.string().optional(),
  Test: z.string().optional(),
  Output: z.string().optional(),
});
type Event = z.infer<typeof Event>;

const statuses: Readonly<Record<string, TestStatus>> = { pass: "passed", fail: "failed", skip: "skipped" };

/** Reads `go test -json` out of a program's output; undefined when there is none. */
export function parseGo(output: string): TestReport | undefined {
  if (isTooLong(output)) return undefined;
  const events = eventsOf(output);
  if (events.length === 0) return undefined;
  const into = createReport();
  const failing = new Set<string>();
  const withTests = new Set<string>();
  for (const { Action, Package = "", Test } of events) {
    const status = statuses[Action];
    if (Test !== undefined) withTests.add(Package);
    if (status === undefined) continue;
    if (Test !== undefined) {
      if (status === "failed") failing.add(Package);
      into.add(`${Package} › ${Test}`, status);
    } else if (status === "failed" && !failing.has(Package)) {
      // The package failed although no test in it did: it was not built, or ended early.
      into.addUnloaded(Package);
    }
  }
  // A test that started and never ended (a panic, an exit) is not a pass.
  const ended = into.report()?.tests;
  if (!ended) return undefined;
  const unfinished = new Set(
    events.flatMap(({ Action, Package = "", Test }) =>
      Action === "run" && Test !== undefined && !ended.has(`${Package} › ${Test}`) ? [`${Package} › ${Test}`] : [],
    ),
  );
  for (const id of unfinished) into.add(id, "failed");
  return into.report();
}

/** What a person would have read without -json. */
export function goText(output: string): string {
  return output
    .split("\n")
    .map((line) => {
      const event = eventOf(line);
      return event ? (event.Output ?? "") : `${line}\n`;
    })
    .join("");
}

function eventsOf(output: string): Event[] {
  return output.split("\n").flatMap((line) => eventOf(line) ?? []);
}

function eventOf(line: string): Event | undefined {
  if (!line.startsWith('{"')) return undefined;
  try {
    return Event.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}
