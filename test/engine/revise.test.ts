// A run that opened a pull request goes on where it is changed: which stage that is, why it is told to, and on which commit it stands.
import { describe, expect, test } from "vitest";
import { originCommit, startCommit } from "#src/engine/commits.ts";
import { contradictions } from "#src/engine/contradictions.ts";
import { decide } from "#src/engine/decide.ts";
import type { RunEvent } from "#src/engine/events.ts";
import { reasonsToRevise, revisedStage } from "#src/engine/revise.ts";
import { createLibrary } from "#src/workflows/load.ts";
import type { State } from "#src/engine/state.ts";
import type { Artifact } from "#src/workflows/artifacts.ts";
import { commitNamed } from "#test/support/engine-world.ts";
import { recordedRuns } from "#test/support/recorded-run.ts";

const library = await createLibrary();
const by = { login: "maria", id: 7 };

test.each([
  ["bug", "fix"],
  ["feature", "finish"],
  ["refactor", "finish"],
  ["docs", "write"],
  ["do", "conduct"],
  ["init", "survey"],
  ["retrospective", "reflect"],
  ["audit", undefined],
  ["question", undefined],
])("%s is revised in its stage %s", async (name, stage) => {
  const workflow = await library.workflows.load(name);
  expect(revisedStage({ workflow })).toBe(stage);
});

/** The run that ended well, and what comes behind that. */
const then = (...events: RunEvent[]): State => recordedRuns.succeeded().add(...events).state;

describe("a revision", () => {
  const asked: RunEvent = {
    type: "revision.requested",
    by,
    quote: "a review",
    stage: "fix",
    words: "Nearly.",
    threads: [
      { id: 4, path: "src/a.js", line: 3, outdated: false, text: "@maria: Why?" },
      { id: 5, path: "b.md", outdated: true, text: "@maria: Gone." },
    ],
  };

  test("opens the run again from that stage on, with what was said as its reasons", () => {
    const before = startCommit(then(), "verify");
    const open = then(asked);
    expect(open.phase).toBe("working");
    expect(decide(open, 0)).toEqual([
      {
        type: "start",
        stage: "fix",
        attempt: 2,
        reasons: [
          "@maria, of the pull request as a whole: Nearly.",
          "Thread 1 (src/a.js:3): @maria: Why?",
          "Thread 2 (b.md, which was changed since): @maria: Gone.",
        ],
      },
    ]);
    const begun = then(asked, { type: "stage.started", stage: "fix", attempt: 2, reasons: ["x"] });
    expect(startCommit(begun, "fix")).toBe(before);
    expect(begun.stages.get("reproduce")?.current?.artifact).toBeDefined();
  });

  test("is told again when its agent failed, and no more once it has been done", () => {
    const failure = { code: "turn-limit" as const, message: "…" };
    const start: RunEvent = { type: "stage.started", stage: "fix", attempt: 2, reasons: ["x"] };
    const failed = then(asked, start, { type: "agent.failed", stage: "fix", attempt: 2, failure });
    const [fix] = [failed.stages.get("fix")];
    expect(fix && reasonsToRevise(failed, fix)).toHaveLength(3);
    const artifact = { name: "Change" as const, value: { summary: "s", files: [], followUps: [] } };
    const done: RunEvent = {
      type: "agent.finished",
      stage: "fix",
      attempt: 2,
      artifact,
      commit: commitNamed("d"),
      changes: [],
    };
    const finished = then(asked, start, done);
    const after = finished.stages.get("fix");
    expect(after && reasonsToRevise(finished, after)).toEqual([]);
  });

  test("stands on what people pushed, where they did", () => {
    const onto = commitNamed("theirs");
    const begun = then({ ...asked, onto }, { type: "stage.started", stage: "fix", attempt: 2, reasons: ["x"] });
    expect(originCommit(begun, "fix")).toBe(onto);
    expect(startCommit(begun, "fix")).toBe(onto);
  });

  test("goes on with a retry when the pull request was closed and opened again", () => {
    const closed = { type: "pull_request.closed" as const, by, merged: false };
    const end = { type: "run.finished" as const, outcome: "failed" as const, code: "x", message: "…" };
    const again = then(asked, end, closed, { type: "retry.requested", by, quote: "/agent retry" });
    expect(again.pullClosed).toBeUndefined();
    expect(decide(again, 0)).toMatchObject([{ type: "start", stage: "fix" }]);
  });

  test("ends at once when people push meanwhile, and not when that comes behind it", () => {
    const taken: RunEvent = { type: "branch.taken", by, head: commitNamed("theirs") };
    expect(decide(then(asked, taken), 0).at(-1)).toMatchObject({
      type: "finish",
      outcome: "cancelled",
      code: "branch-taken",
    });
    expect(
      decide(then(taken, { type: "run.finished", outcome: "succeeded", code: "verified", message: "" }), 0),
    ).toEqual([{ type: "rest" }]);
    const given: RunEvent = { type: "branch.given", by, quote: "/agent resume", onto: commitNamed("theirs") };
    expect(decide(then(taken, given, asked), 0)).toMatchObject([{ type: "start", stage: "fix" }]);
  });

  test("knows whose the branch is: what it published, or was given, is its ground", () => {
    const published = then().pullRequest?.head;
    const onto = commitNamed("theirs");
    expect(then().branch).toMatchObject({ ground: published, taken: undefined });
    // As logs have it that are older than branch.given.
    expect(then({ ...asked, onto }).branch.ground).toBe(onto);
    const opened: RunEvent = {
      type: "pull_request.opened",
      number: 5,
      url: "u",
      branch: "b",
      head: commitNamed("e"),
      title: "t",
    };
    expect(then({ ...asked, onto }, opened, { ...asked, onto }).branch.ground).toBe(opened.head);
    const taken: RunEvent = { type: "branch.taken", by, head: onto };
    expect(then(asked, taken, opened).branch).toMatchObject({ ground: opened.head, taken: { head: onto } });
  });

  describe("whose demands contradict each other", () => {
    const opposed = [{ thread: 1, done: false, what: "…", contradicts: 2 }];
    const start: RunEvent = { type: "stage.started", stage: "fix", attempt: 2, reasons: ["x"] };
    const answered = (...pairs: [number, number | undefined][]): RunEvent => {
      const answers = pairs.map(([thread, contradicts]) => ({
        thread,
        done: false,
        what: "…",
        ...(contradicts === undefined ? {} : { contradicts }),
      }));
      return changed({ name: "Change", value: { summary: "s", files: [], followUps: [], answers } });
    };
    const changed = (artifact: Artifact): RunEvent => ({
      type: "agent.finished",
      stage: "fix",
      attempt: 2,
      artifact,
      commit: commitNamed("d"),
      changes: [],
    });
    const then2 = (...pairs: [number, number | undefined][]) => then(asked, start, answered(...pairs));

    test("ends with a question about each pair, and neither checks nor keeps what was made", () => {
      const state = then2([1, 2], [2, 1]);
      expect(decide(state, 0)).toMatchObject([
        {
          type: "finish",
          outcome: "needs-a-decision",
          code: "contradiction",
          message: expect.stringMatching(/the thread at b\.md asks for the opposite of the thread at src\/a\.js:3\. /),
        },
      ]);
      expect(contradictions(state)).toMatchObject([[{ thread: { id: 4 } }, { thread: { id: 5 } }]]);
      expect(contradictions(then2([2, 0]))).toMatchObject([[{ number: 0, thread: undefined }, { thread: { id: 5 } }]]);
    });

    test.each<Artifact>([
      { name: "Conclusion", value: { summary: "s", sections: [], files: [], followUps: [], answers: opposed } },
      {
        name: "Characterization",
        value: { testFiles: ["a.test.js"], command: "npm test", covers: "c", notes: "n", answers: opposed },
      },
    ])("is heard in a $name too", (artifact) => {
      expect(contradictions(then(asked, start, changed(artifact)))).toMatchObject([
        [{ thread: { id: 4 } }, { thread: { id: 5 } }],
      ]);
    });

    test("does not, where none is named that is there", () => {
      for (const pairs of [[[1, undefined]], [[1, 1]], [[1, 7]], [[9, 1]]] satisfies [number, number | undefined][][]) {
        const state = then2(...pairs);
        expect(contradictions(state)).toEqual([]);
        expect(decide(state, 0)).toMatchObject([{ type: "start", stage: "verify" }]);
      }
      expect(contradictions(then({ ...asked, words: "" }, start, answered([1, 0])))).toEqual([]);
    });

    test("is told to the agent again with a retry, and with what people decided", () => {
      const end = { type: "run.finished", outcome: "needs-a-decision", code: "contradiction", message: "…" } as const;
      const retried = then(asked, start, answered([1, 2]), end, { type: "retry.requested", by, quote: "/agent retry" });
      expect(decide(retried, 0)).toMatchObject([
        { type: "start", stage: "fix", reasons: [expect.anything(), expect.anything(), expect.anything()] },
      ]);
      const decided = then(asked, start, answered([1, 2]), end, { ...asked, words: "Thread 1 holds." });
      expect(decide(decided, 0)).toMatchObject([
        {
          reasons: [
            expect.stringContaining("Thread 1 holds."),
            "Thread 1 (src/a.js:3): @maria: Why?",
            expect.anything(),
          ],
        },
      ]);
    });
  });

  test("ends when the pull request is closed meanwhile, and keeps nothing that was in it", () => {
    expect(decide(then(asked, { type: "pull_request.closed", by, merged: true }), 0).at(-1)).toMatchObject({
      type: "finish",
      outcome: "cancelled",
      code: "pull-request-closed",
    });
  });
});
