// How long stages took before, as events tell it.
import { describe, expect, test } from "vitest";
import { newRunId } from "#src/core/ids.ts";
import { silentLog } from "#src/core/log.ts";
import { RunEvent } from "#src/engine/events.ts";
import { createHistory } from "#src/store/history.ts";
import { openEventLog } from "#src/store/event-log.ts";
import type { Database } from "#src/store/database.ts";
import { created } from "#test/support/engine-world.ts";
import { RunScript } from "#test/support/recorded-run.ts";
import type { Artifact } from "#src/workflows/artifacts.ts";
import { databases } from "./databases.ts";

const repo = created().repo;
let subject = 0;

describe.each(databases.filter(({ here }) => here))("the history in $name", ({ open }) => {
  async function world() {
    await using undo = new AsyncDisposableStack();
    const { database } = undo.use(await open());
    const log = undo.use(await openEventLog(database, { parse: (json) => RunEvent.parse(json), log: silentLog }));
    const opened = undo.move();
    return {
      database,
      history: createHistory(database),
      /** Records a run whose events lie `paceMs` of the script apart. */
      async record(script: (run: RunScript) => RunScript, change: Parameters<typeof created>[0] = {}): Promise<void> {
        const runId = newRunId();
        const first = created({ runId, subject: { ...created().subject, number: ++subject }, ...change });
        await log.create(first);
        const { events } = script(new RunScript(first));
        await log.append(
          runId,
          1,
          events.slice(1).map(({ event }) => event),
        );
        await setTimes(
          database,
          events.map(({ at }) => at),
          runId,
        );
      },
      [Symbol.asyncDispose]: () => opened.disposeAsync(),
    };
  }

  async function setTimes(database: Database, times: readonly number[], run: string): Promise<void> {
    for (const [index, at] of times.entries())
      await database.query(
        "UPDATE baton.events SET at = to_timestamp($1::double precision / 1000) WHERE run_id = $2 AND version = $3",
        [at, run, index + 1],
      );
  }

  const end = (run: RunScript) => run.finished("failed", "x", "…");

  test("knows nothing before anything has finished", async () => {
    await using at = await world();
    await at.record((run) => run.driven().routed().stage("reproduce"));
    expect(await at.history.stageTimes(repo, "bug", "reproduce")).toEqual([]);
  });

  test("tells the milliseconds of attempts that finished, of this stage, workflow and repository, newest first", async () => {
    await using at = await world();
    await at.record((run) =>
      end(run.driven().routed().stage("reproduce", { turns: 1 }).stage("diagnose", { turns: 3 })),
    );
    await at.record((run) => end(run.driven().routed().stage("reproduce", { turns: 4 })));
    await at.record((run) => end(run.driven().routed().stage("reproduce", { turns: 2 })), {
      repo: { ...repo, id: 77 },
    });
    const [newest = 0, oldest = 0, ...none] = (await at.history.stageTimes(repo, "bug", "reproduce")).toSorted(
      (a, b) => b - a,
    );
    expect(none).toEqual([]);
    // Turns take 12 s each in the script, other events 20 ms.
    expect([Math.round(newest / 1_000), Math.round(oldest / 1_000)]).toEqual([48, 12]);
    expect(await at.history.stageTimes(repo, "feature", "reproduce")).toEqual([]);
    expect(await at.history.stageTimes(repo, "bug", "fix")).toEqual([]);
  });

  const begun = (stage: string): RunEvent => ({ type: "stage.started", stage, attempt: 1, reasons: [] });
  const done = (stage: string): RunEvent => ({
    type: "agent.finished",
    stage,
    attempt: 1,
    artifact: { name: "Report", value: { summary: "…", sections: [] } },
    commit: created().base.commit,
    changes: [],
  });
  const seconds = (milliseconds: readonly number[]) => milliseconds.map((time) => Math.round(time / 1_000));

  test("times each attempt by its own beginning, whoever was worked beside it", async () => {
    await using at = await world();
    await at.record((run) => {
      run.driven().routed().add(begun("inspect:tests")).later(300_000).add(begun("inspect:docs"));
      run.later(300_000).add(done("inspect:tests")).add(begun("inspect:speed")).later(300_000);
      return end(run.add(done("inspect:docs")).later(300_000).add(done("inspect:speed")));
    });
    for (const task of ["tests", "docs", "speed"])
      expect(seconds(await at.history.stageTimes(repo, "bug", `inspect:${task}`)), task).toEqual([600]);
  });

  test("leaves out whoever was at work beside another while the run waited", async () => {
    await using at = await world();
    const parked: RunEvent = { type: "run.parked", reason: "model-limit", message: "…", until: 1 };
    await at.record((run) => {
      run.driven().routed().add(begun("inspect:tests"), begun("inspect:docs"), done("inspect:tests"), parked);
      return end(run.later(300_000).driven().add(done("inspect:docs")));
    });
    expect(await at.history.stageTimes(repo, "bug", "inspect:docs")).toEqual([]);
    expect(await at.history.stageTimes(repo, "bug", "inspect:tests")).toHaveLength(1);
  });

  test("an estimate counts what was worked, not the days in which people made up their minds", async () => {
    await using at = await world();
    const by = { login: "maria", id: 7 };
    const day = 86_400_000;
    for (let runs = 0; runs < 3; runs += 1) {
      await at.record((run) => {
        run.later(day).driven().routed().later(600_000).add(begun("approve"));
        run.add({ type: "run.parked", reason: "approval", message: "…" }).later(day);
        run.add({ type: "answer.given", by, quote: "/agent tell yes", stage: "approve", words: "yes" }).driven();
        run.later(600_000).add(begun("fix"), { type: "pause.requested", by, quote: "/agent pause" }).later(day);
        run.add({ type: "resume.requested", by, quote: "/agent resume" }).driven();
        return run.later(600_000).finished("succeeded", "verified", "…");
      });
    }
    const estimate = await at.history.estimate(repo, "bug");
    expect(estimate?.runs).toBe(3);
    expect(estimate?.milliseconds.map((time) => Math.round(time / 60_000))).toEqual([30, 30]);
  });

  test("leaves out attempts in which another driver took over, or somebody waited", async () => {
    await using at = await world();
    await at.record((run) => {
      run.driven().routed().add({ type: "stage.started", stage: "fix", attempt: 1, reasons: [] });
      run.driven();
      return end(
        run.add({
          type: "agent.finished",
          stage: "fix",
          attempt: 1,
          artifact: { name: "Change", value: { summary: "…", files: [], followUps: [] } },
          commit: created().base.commit,
          changes: [],
        }),
      );
    });
    expect(await at.history.stageTimes(repo, "bug", "fix")).toEqual([]);
  });

  test("reads on over what PostgreSQL's JSON cannot hold", async () => {
    await using at = await world();
    const odd = '\0 \ud800 "stage":"fix"';
    await at.record((run) => {
      const artifact: Artifact = { name: "Change", value: { summary: odd, files: [], followUps: [] } };
      return end(
        run
          .driven()
          .routed()
          .stage("reproduce", { reasons: [odd], turns: 1, artifact }),
      );
    });
    expect(await at.history.stageTimes(repo, "bug", "reproduce")).toHaveLength(1);
    expect(await at.history.stageTimes(repo, "bug", "fix")).toEqual([]);
  });
});
