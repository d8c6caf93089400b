// Lessons through the engine, by Baton's own workflow: what is collected once stands in the log, and a new driver sees the same.
import { describe, expect, test } from "vitest";
import { newRunId } from "#src/core/ids.ts";
import { firstDifference } from "#src/engine/agree.ts";
import { drive } from "#src/engine/drive.ts";
import type { Engine } from "#src/engine/engine.ts";
import type { RunEvent } from "#src/engine/events.ts";
import { fold } from "#src/engine/fold.ts";
import { lookBack, type ClosedPulls } from "#src/engine/hindsight.ts";
import { nothingToLose } from "#src/github/subjects.ts";
import { otherEnds } from "#test/support/recorded-run.ts";
import { forbiddenChange } from "#src/github/publishable.ts";
import type { Artifact } from "#src/workflows/artifacts.ts";
import type { Hindsight } from "#src/workflows/hindsight.ts";
import { createLibrary } from "#src/workflows/load.ts";
import {
  commit,
  created,
  CountingPublisher,
  engineWith,
  memoryLog,
  ScriptedAgents,
} from "#test/support/engine-world.ts";

const library = await createLibrary();
const { signal } = new AbortController();
const made = commit(7);
const seen: Hindsight = {
  since: 0,
  pulls: [{ number: 12, title: "Fix", outcome: "merged", words: [], commits: [], patch: "" }],
  runs: [],
  leftOut: 0,
};
const lesson = { what: "It happened", applies: "tests", evidence: ["#12"], instruction: "Name tests well." };
const lessons: Artifact = { name: "Lessons", value: { summary: "x", lessons: [lesson] } };
const added = (path: string) => ({ path, kind: "added", mode: "100644", added: 1, removed: 0, binary: false }) as const;

const files: Engine["files"] = {
  changes: () => Promise.resolve([]),
  paths: () => Promise.resolve(["src/a.js"]),
  file: () => Promise.resolve(undefined),
  write: (_repo, _onto, written) =>
    Promise.resolve({ type: "written", commit: made, changes: written.map(({ path }) => added(path)) }),
};
const workflows = { load: () => library.workflows.load("retrospective"), names: () => ["retrospective"] };

async function driven(before: readonly RunEvent[] = [], looks: readonly Hindsight[] = [seen]) {
  const log = memoryLog();
  const left = [...looks];
  const agents = new ScriptedAgents({ reflect: [lessons] });
  const publisher = new CountingPublisher();
  const event = created({ workflow: "retrospective" });
  await log.create(event);
  await log.append(event.runId, 1, before);
  const lookedBack = () => {
    const next = left.shift();
    return next ? Promise.resolve(next) : Promise.reject(new Error("it was looked at before"));
  };
  const subjects = { ...nothingToLose, lookBack: lookedBack };
  await drive(event.runId, engineWith(log, { agents, files, publisher, subjects, workflows }), signal);
  const events = await log.read(event.runId);
  expect(firstDifference(events)).toBe(undefined);
  return { state: fold(events), recorded: events, events: events.map((one) => one.event), agents, publisher };
}

describe("lessons", () => {
  test("come of what was collected, which the agent is shown", async () => {
    const { state, agents, publisher } = await driven();
    expect(state.finished?.outcome).toBe("succeeded");
    expect(agents.tasks.map(({ hindsight }) => hindsight)).toEqual([seen]);
    expect(state.stages.get("write")?.current?.written).toMatchObject({ type: "lessons.written", commit: made });
    expect(publisher.opened).toBe(1);
  });

  test("come of the same when another driver goes on, wherever the first one stopped", async () => {
    const { events } = await driven();
    const collected = events.findIndex(({ type }) => type === "hindsight.collected");
    for (let end = 1; end < events.length; end += 1) {
      const { state, agents } = await driven(events.slice(1, end), end > collected ? [] : [seen]);
      expect(state.finished?.outcome).toBe("succeeded");
      expect(agents.tasks.every(({ hindsight }) => hindsight === undefined || hindsight.pulls[0]?.number === 12)).toBe(
        true,
      );
    }
  });

  test("are not asked for where nothing happened", async () => {
    const { state, recorded, agents, publisher } = await driven([], [{ ...seen, pulls: [] }]);
    expect(state.finished).toMatchObject({ outcome: "succeeded", code: "nothing-to-propose" });
    for (const otherEnd of otherEnds(recorded)) expect(firstDifference(otherEnd)).toBeDefined();
    expect(agents.tasks).toEqual([]);
    expect(publisher.opened).toBe(0);
  });

  test("are published with nothing else, and no other commit for them", async () => {
    const { state } = await driven();
    expect(forbiddenChange(state, made, [added("AGENTS.md")])).toBe(undefined);
    for (const path of ["src/a.js", ".github/baton.yml", ".github/baton/agents/a.md", ".github/workflows/ci.yml"])
      expect(forbiddenChange(state, made, [added("AGENTS.md"), added(path)])).toMatchObject({ type: "refused" });
    for (const path of [".github/baton.yml", "AGENTS.md"])
      expect(forbiddenChange(state, commit(8), [added(path)])).toMatchObject({ code: "setup-files" });
  });
});

describe("looking back", () => {
  const opened = {
    type: "pull_request.opened",
    number: 5,
    url: "u",
    branch: "b",
    head: commit(3),
    title: "t",
  } as const;
  const end = (outcome: "failed" | "succeeded" | "cancelled" | "needs-a-decision", code = "x"): RunEvent => ({
    type: "run.finished",
    outcome,
    code,
    message: "why",
  });

  async function looked(earlier: readonly (readonly RunEvent[])[]) {
    const log = memoryLog();
    for (const [index, events] of earlier.entries()) {
      const event = created({ runId: newRunId(), subject: { ...created().subject, number: 100 + index } });
      await log.create(event);
      await log.append(event.runId, 1, events);
    }
    const event = created({ workflow: "retrospective" });
    await log.create(event);
    const asked: Parameters<ClosedPulls>[1][] = [];
    const closedPulls: ClosedPulls = (_repo, pulls) => {
      asked.push(pulls);
      return Promise.resolve([]);
    };
    const hindsight = await lookBack(fold(await log.read(event.runId)), { log, closedPulls }, signal);
    return { hindsight, asked: asked.flat() };
  }

  test("asks for the pull requests that runs opened, and lists the runs that came to nothing", async () => {
    const { hindsight, asked } = await looked([
      [opened, end("succeeded")],
      [end("failed")],
      [end("cancelled")],
      [end("needs-a-decision", "asked")],
      [end("needs-a-decision", "baseline")],
      [],
    ]);
    expect(asked).toEqual([expect.objectContaining({ number: 5, head: commit(3) })]);
    expect(hindsight.runs.map(({ outcome, code }) => [outcome, code])).toEqual([
      ["needs-a-decision", "baseline"],
      ["failed", "x"],
    ]);
  });
});
