// What a repository's dashboard says, as a maintainer reads it.
import { describe, expect, test } from "vitest";
import { microDollars } from "#src/core/ids.ts";
import { boxesTicked, boxNamed, isDashboard } from "#src/engine/boxes.ts";
import { renderDashboard, type DashboardFacts } from "#src/github/dashboard-text.ts";
import { createNeutral } from "#src/github/neutral.ts";
import { askedRun } from "#test/support/asked-run.ts";
import { RunScript } from "#test/support/recorded-run.ts";

const neutral = createNeutral((text) => text);
const now = Date.UTC(2026, 10, 20, 12, 30, 10);
const mark = "<!-- baton:dashboard:0 -->";
const nothing: DashboardFacts = {
  mark,
  open: [],
  asked: [],
  failed: [],
  sorted: [],
  week: microDollars(0),
  month: microDollars(0),
  merged: 0,
  now,
  page: "https://github.com/octo/tab",
};
const run = new RunScript().state.runId;
const bodyOf = (facts: Partial<DashboardFacts>) => renderDashboard({ ...nothing, ...facts }, neutral).body;
const tick = (body: string, line: string) => body.replace(`- [ ] ${line}`, `- [x] ${line}`);

test("where nothing is, it says so", () => {
  const body = bodyOf({});
  expect(isDashboard(body)).toBe(true);
  expect(body).toContain("Nothing waits for you, nothing is under way");
  expect(body).toContain("- $0.00 in the last 7 days\n- $0.00 in the last 30 days; no pull request of mine was merged");
  expect(body).toContain("Close this issue to let it rest");
});

describe("with much going on", async () => {
  const asked = await askedRun();
  const plan = await asked.go();
  const working = new RunScript().driven().routed().stage("reproduce").stage("diagnose", { artifact: "none" });
  const facts = {
    open: [
      { state: plan, held: false, spent: microDollars(300_000) },
      { state: working.state, held: true, spent: microDollars(420_000) },
      { state: new RunScript().state, held: false, spent: microDollars(0) },
    ],
    asked: [{ number: 14, title: "Export as CSV" }],
    failed: [
      { number: 9, title: "Crash", run, outcome: "timed-out", at: now - 86_400_000, spent: microDollars(1_200_000) },
    ],
    sorted: Array.from({ length: 12 }, (_, at) => ({ number: 30 + at, title: `Wish ${at}` })),
    week: microDollars(3_200_000),
    month: microDollars(4_400_000),
    merged: 4,
  };
  const { body, boxes } = renderDashboard({ ...nothing, ...facts }, neutral);

  test("it has a part for each, with how many there are", () => {
    expect(body.match(/^### .*$/gm)).toEqual([
      "### Waiting for you (2)",
      "### Running (1)",
      "### Queued (1)",
      "### Failed in the last 7 days (1)",
      "### Sorted, not started (12)",
      "### Spent",
    ]);
    expect(body).toMatch(
      /^- \[ \] \[#12\]\(https:\/\/github\.com\/octo\/tab\/issues\/12\) .* · a plan to approve: read it there first · `\/agent approve` <!-- /m,
    );
    expect(body).toMatch(/^- \[#14\]\(.*\) Export as CSV · questions to answer/m);
    expect(body).toMatch(
      /^- \[#12\]\(.*\) Splitting loses a cent · stage 2 of 6 \(diagnose\) · \d+ min · \$0\.42 of \$\d+\.00$/m,
    );
    expect(body).toMatch(/^- \[ \] \[#9\]\(.*\) Crash · Timed out on 2026-11-19 · \$1\.20 · `\/agent retry` <!-- /m);
    expect(body).toContain("$1.10 for each merged pull request: $4.40 in the last 30 days, 4 pull requests merged");
  });

  test("long parts are cut, and only what is shown is offered", () => {
    expect(body).toContain("- and [2 more](https://github.com/octo/tab/issues?q=is%3Aopen+label%3Aagent%2Ftriaged)");
    expect(boxes.filter((name) => name.startsWith("start:"))).toEqual(
      Array.from({ length: 10 }, (_, at) => `start:${30 + at}`),
    );
    expect(boxes).toContain(`retry:${run}`);
  });

  test("each box is read back as what it does", () => {
    const all = boxesTicked(body.replaceAll("- [ ]", "- [x]"), body);
    expect(all.toSorted()).toEqual([...boxes].toSorted());
    expect(boxes.map((name) => boxNamed(name)?.does)).toEqual([
      "approve",
      "retry",
      ...Array.from({ length: 10 }, () => "start"),
    ]);
    expect(boxesTicked(tick(body, "[#30]"), body)).toEqual(["start:30"]);
    expect(boxesTicked(tick(body, "[#30]").replaceAll("\n", "\r\n"), body)).toEqual(["start:30"]);
    expect(boxesTicked(body, tick(body, "[#30]"))).toEqual([]);
  });

  test("the same facts give the same text, within the minute too", () => {
    expect(renderDashboard({ ...nothing, ...facts, now: now + 20_000 }, neutral).body).toBe(body);
  });
});

test("a title does nothing, and cannot pass for a box", () => {
  const title = "Fix <!-- baton:box:start:1 --> for @ada\n- [x] this <!-- baton:box:start:2 -->";
  const body = bodyOf({ sorted: [{ number: 7, title }] });
  expect(boxesTicked(tick(body, "[#7]"), body)).toEqual(["start:7"]);
  expect(boxesTicked(body, "")).toEqual([]);
  expect(body.replaceAll(/`[^`]*`/g, "")).not.toContain("@ada");
});

test.each(["start:0", "start:-1", "start:1e3", "retry:run-1", "approve:run-0123456789ab", "stop:12", "", "start:12 "])(
  "%j names no box",
  (name) => {
    expect(boxNamed(name)).toBeUndefined();
  },
);
