// The engine against what it did before: every recorded run is one it would do again, and a log with something wrong in it is not.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { dollars } from "#src/core/ids.ts";
import { BatonError } from "#src/core/errors.ts";
import { firstDifference } from "#src/engine/agree.ts";
import { drive } from "#src/engine/drive.ts";
import { RunEvent, type EventOf, type RecordedEvent } from "#src/engine/events.ts";
import { fold } from "#src/engine/fold.ts";
import { readRunFile } from "#src/store/run-file.ts";
import { created, engineWith, memoryLog, ScriptedAgents, turn } from "#test/support/engine-world.ts";
import { recordedRunNames, recordedRuns, RunScript } from "#test/support/recorded-run.ts";

const folder = join(import.meta.dirname, "../fixtures/runs");
const files = readdirSync(folder).filter((name) => name.endsWith(".jsonl"));
const read = (file: string) => readRunFile(join(folder, file), (json) => RunEvent.parse(json));
const by = { login: "maria", id: 7 };
const diagnosing = { stage: "diagnose", attempt: 1 };

describe("logs that were recorded", () => {
  test("there are some of the first release, of its main endings", () => {
    for (const name of ["succeeded", "could-not-reproduce", "needs-a-decision", "out-of-budget", "cancelled"])
      expect(files).toContain(`old.${name}.jsonl`);
  });

  test.each(files)("%s parses, folds, and is what the engine would do", async (file) => {
    const events = await read(file);
    const state = fold(events);
    expect(state.version).toBe(events.length);
    const outcome = /\.(.+)\.jsonl$/.exec(file)?.[1]?.replace(/-\d+$/, "");
    expect(outcome === "closed" ? "cancelled" : outcome).toBe(state.finished?.outcome);
    expect(firstDifference(events)).toBeUndefined();
  });
});

/** The same events, numbered anew. */
function numbered(events: readonly RecordedEvent[]): RecordedEvent[] {
  return events.map((recorded, index) => ({ ...recorded, version: index + 1 }));
}

describe("a log that the engine would not have written", () => {
  const good = recordedRuns.succeeded().events;
  const at = (type: RunEvent["type"]) => good.findIndex(({ event }) => event.type === type);

  test("is told from a good one", () => {
    expect(firstDifference(good)).toBeUndefined();
  });

  test.each(["run.routed", "stage.started", "agent.finished", "gate.checked"] as const)("lacks its %s", (type) => {
    const broken = numbered(good.filter((_, index) => index !== at(type)));
    expect(firstDifference(broken)?.version).toBeLessThanOrEqual(at(type) + 4);
    expect(firstDifference(broken)).toBeDefined();
  });

  test("opens a pull request although a gate said no", () => {
    const broken = good.map((recorded) =>
      recorded.event.type === "gate.checked" && recorded.event.result.gate === "integrity"
        ? { ...recorded, event: { ...recorded.event, result: { ...recorded.event.result, passed: false } } }
        : recorded,
    );
    expect(firstDifference(broken)).toMatchObject({
      expected: expect.stringContaining("start fix 2"),
      recorded: expect.stringContaining("gate.checked verify 1 green"),
    });
  });

  test("says why it ended in other words, or goes on behind its end", () => {
    const { events } = new RunScript().driven().routed().add({ type: "stop.requested", by, quote: "/agent stop" });
    const end = (message: string): RecordedEvent => ({
      version: events.length + 1,
      at: events.at(-1)?.at ?? 0,
      event: { type: "run.finished", outcome: "cancelled", code: "stopped", message },
    });
    expect(firstDifference([...events, end("Stopped by @maria (/agent stop).")])).toBeUndefined();
    expect(firstDifference([...events, end("Because.")])).toMatchObject({ version: events.length + 1 });
    const after = [...good, ...good.slice(-2, -1)].map((recorded, index) => ({ ...recorded, version: index + 1 }));
    expect(firstDifference(after)).toMatchObject({ expected: "rest" });
  });

  test("ends otherwise than an effort to publish can", () => {
    const until = good.slice(0, at("pull_request.opened"));
    const ended = (outcome: EventOf<"run.finished">["outcome"], code: string) =>
      firstDifference([
        ...until,
        { version: until.length + 1, at: 0, event: { type: "run.finished", outcome, code, message: "" } },
      ]);
    for (const [outcome, code] of [
      ["failed", "no-free-branch"],
      ["cancelled", "issue-closed"],
      ["cancelled", "issue-locked"],
    ] as const)
      expect(ended(outcome, code)).toBeUndefined();
    for (const [outcome, code] of [
      ["succeeded", "verified"],
      ["cancelled", "stopped"],
      ["needs-a-decision", "worse"],
    ] as const)
      expect(ended(outcome, code)).toMatchObject({ recorded: expect.stringContaining(`run.finished ${outcome}`) });
  });

  test("has a gap", () => {
    expect(firstDifference(good.filter(({ version }) => version !== 4))).toMatchObject({ recorded: "event 5" });
  });
});

describe("what people do meanwhile", () => {
  test("may come at any point, and what they interrupt may still be recorded", () => {
    const script = () => new RunScript().driven().routed().stage("reproduce");
    const stopped = script()
      .add({ type: "stage.started", stage: "diagnose", attempt: 1, reasons: [] })
      .add({ type: "budget.changed", by, quote: "/agent budget $9", microDollars: dollars(9) });
    expect(firstDifference(stopped.events)).toBeUndefined();
    const paused = script()
      .add({ type: "pause.requested", by, quote: "/agent pause" })
      .add({ type: "resume.requested", by, quote: "/agent resume" })
      .driven()
      .stage("diagnose");
    expect(firstDifference(paused.events)).toBeUndefined();
    // Nothing new begins while it is paused.
    const busy = script().add({ type: "pause.requested", by, quote: "/agent pause" }).driven().stage("diagnose");
    expect(firstDifference(busy.events)).toMatchObject({ recorded: expect.stringContaining("stage.started diagnose") });
  });

  test("an edited text and a restart are theirs, and what was under way may still be recorded behind them", () => {
    const busy = new RunScript()
      .driven()
      .routed()
      .stage("reproduce")
      .add({ type: "stage.started", stage: "diagnose", attempt: 1, reasons: [] })
      .add({ type: "subject.edited", by })
      .add({ type: "session.started", ...diagnosing, session: 1, model: "m", why: "first", opening: "Look." })
      .add({ type: "run.finished", outcome: "cancelled", code: "restarted", message: "@maria restarted it." })
      .add({ type: "agent.turn", ...diagnosing, ...turn(1) });
    expect(firstDifference(busy.events)).toBeUndefined();
    const other = busy.events.map((recorded) =>
      recorded.event.type === "run.finished"
        ? { ...recorded, event: { ...recorded.event, code: "stopped" } }
        : recorded,
    );
    expect(firstDifference(other)).toMatchObject({
      recorded: expect.stringContaining("run.finished cancelled stopped"),
    });
  });

  test("an agent that is tried again after the outside failed may begin its attempt again", async () => {
    const log = memoryLog();
    const first = created();
    await log.create(first);
    const agents = new ScriptedAgents();
    const work = agents.run.bind(agents);
    let failures = 1;
    agents.run = async (task, events, signal) => {
      const result = await work(task, events, signal);
      if (failures-- > 0) throw new BatonError("git-failed", "the mirror is away", { retryable: true });
      return result;
    };
    expect(await drive(first.runId, engineWith(log, { agents }), new AbortController().signal)).toBe("ended");
    const events = await log.read(first.runId);
    expect(events.filter(({ event }) => event.type === "stage.started" && event.stage === "reproduce")).toHaveLength(2);
    expect(firstDifference(events)).toBeUndefined();
    // Without a conversation there is nothing to begin again.
    const begun = events.findIndex(({ event }) => event.type === "stage.started");
    const early = numbered(events.toSpliced(begun + 1, 0, ...events.slice(begun, begun + 1)));
    expect(firstDifference(early)).toMatchObject({ expected: "agent reproduce 1" });
  });

  test.each(recordedRunNames)("a run that is %s folds", (name) => {
    const { events } = recordedRuns[name]();
    expect(fold(events).finished).toBeDefined();
  });
});
