// The task board's order: what begins when, what never does, and what keeps a plan from being a board, in words that mend it.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { overlaps } from "#src/workflows/path-claims.ts";
import { nextWave, taskProblems, waves } from "#src/workflows/waves.ts";
import { cost } from "#test/support/cost.ts";

interface Task {
  id: string;
  needs: string[];
  claims: string[];
}

/** A task that claims a folder of its own unless it says otherwise. */
function task(id: string, needs: string[] = [], claims: string[] = [`src/${id}/**`]): Task {
  return { id, needs, claims };
}

const none: ReadonlySet<string> = new Set();

describe("waves", () => {
  test("what needs nothing begins at once, what needs it comes behind it", () => {
    expect(waves([task("page", ["api"]), task("api"), task("docs"), task("end", ["page", "docs"])])).toEqual([
      ["api", "docs"],
      ["page"],
      ["end"],
    ]);
  });

  test("tasks whose claims overlap do not share a wave; the first in the plan goes first", () => {
    expect(waves([task("a", [], ["src/**"]), task("b", [], ["src/b.ts"]), task("c", [], ["docs/**"])])).toEqual([
      ["a", "c"],
      ["b"],
    ]);
  });

  test("a task without claims works alone", () => {
    expect(waves([task("a"), task("b", [], []), task("c")])).toEqual([["a", "c"], ["b"]]);
    expect(waves([task("b", [], []), task("a"), task("c")])).toEqual([["b"], ["a", "c"]]);
  });

  test("no tasks make no waves", () => {
    expect(waves([])).toEqual([]);
    expect(nextWave([], { done: none, failed: none })).toEqual({ wave: [], skipped: [] });
  });
});

describe("a plan whose claims are hard to compare", () => {
  // As long as the longest, and as many as a plan may have.
  const board = (of: (tag: string) => string) =>
    Array.from({ length: 50 }, (_, index) =>
      task(
        `t${index}`,
        [],
        Array.from({ length: 20 }, (_claim, claim) => of(`${index}x${claim}`).slice(0, 200)),
      ),
    );
  const folded = "{a,b}{c,d}{e,f}{g,h}{i,j}{k,l}";

  test.each<[string, (tag: string) => string]>([
    ["alternatives", (tag) => `${folded}${tag}`],
    ["gaps within names, told apart at their end", (tag) => `${folded}${"*?".repeat(14)}${tag}/*`],
    ["gaps that are nearly filled", (tag) => `${folded}${"*?".repeat(60)}/${tag}`],
    ["long names told apart at their end", (tag) => `${"a".repeat(180)}*${tag}`],
    ["gaps within and between names", (tag) => `${"a*".repeat(40)}/**/${"b".repeat(90)}${tag}*`],
    ["many gaps between names", (tag) => `${"**/a/".repeat(30)}*${tag}`],
  ])("holds nobody up: %s", (_, of) => {
    const tasks = board(of);
    // A tenth of it on a machine of 2026; without bounds it was a minute.
    expect(cost(() => waves(tasks), 1)).toBeLessThan(2_000);
    expect(waves(tasks).flat()).toHaveLength(50);
  });

  test("is read and compared once, however often it is asked for", () => {
    const tasks = board((tag) => `${folded}${"*?".repeat(14)}${tag}/*`);
    const first = cost(() => nextWave(tasks, { done: none, failed: none }), 1);
    const later = cost(() => {
      for (let times = 0; times < 10; times += 1) nextWave(tasks, { done: none, failed: none });
    }, 1);
    expect(later).toBeLessThan(first + 20);
  });
});

describe("the next wave", () => {
  const tasks = [task("a"), task("b", ["a"]), task("c", ["b"]), task("d"), task("e", ["d", "c"])];

  test("ended tasks are not in it, and what they made possible is", () => {
    expect(nextWave(tasks, { done: new Set(["a"]), failed: none })).toEqual({ wave: ["b", "d"], skipped: [] });
    expect(nextWave(tasks, { done: new Set(["a", "b", "c", "d", "e"]), failed: none })).toEqual({
      wave: [],
      skipped: [],
    });
  });

  test("a failed task fails what needs it, also through others, and not its siblings", () => {
    expect(nextWave(tasks, { done: none, failed: new Set(["a"]) })).toEqual({
      wave: ["d"],
      skipped: [
        { id: "b", because: 'needs "a", which failed' },
        { id: "c", because: 'needs "b", which was skipped' },
        { id: "e", because: 'needs "c", which was skipped' },
      ],
    });
  });

  test("the reason is the need that failed, not another that was skipped", () => {
    const { skipped } = nextWave([...tasks, task("f", ["b", "d"])], { done: none, failed: new Set(["a", "d"]) });
    expect(skipped).toContainEqual({ id: "f", because: 'needs "d", which failed' });
  });

  test("a task that is said to be done and failed has failed", () => {
    const { wave } = nextWave(tasks, { done: new Set(["a", "d"]), failed: new Set(["a"]) });
    expect(wave).toEqual([]);
  });

  test("a board that is none comes to its end too", () => {
    const bad = [task("a", ["b"]), task("b", ["a"]), task("c", ["gone"]), task("d", ["d"]), task("e"), task("e")];
    const next = nextWave(bad, { done: none, failed: none });
    expect(next).toEqual({
      wave: ["e"],
      skipped: [
        { id: "a", because: 'needs "b", which was skipped' },
        { id: "b", because: 'needs "a", which was skipped' },
        { id: "c", because: 'needs "gone", which is not a task' },
        { id: "d", because: 'needs "d", which was skipped' },
      ],
    });
    expect(waves(bad)).toEqual([["e"]]);
  });
});

describe("what keeps tasks from being a board", () => {
  test.each<[string, Task[], string[]]>([
    ["nothing", [task("a"), task("b", ["a", "a"])], []],
    ["no task", [], []],
    ["two of one name", [task("a"), task("b"), task("a")], ['2 tasks have the id "a" — give each its own']],
    [
      "a need that is mistyped",
      [task("parser"), task("page", ["praser"])],
      ['task "page" needs "praser", which is not a task — did you mean "parser"?'],
    ],
    [
      "a need that nothing resembles",
      [task("parser"), task("docs"), task("page", ["x", "x"])],
      ['task "page" needs "x", which is not a task — choose of parser, docs, or take it out'],
    ],
    [
      "a need where there is no other task",
      [task("page", ["x"])],
      ['task "page" needs "x", which is not a task — take it out'],
    ],
    ["itself", [task("a", ["a"])], ['task "a" needs itself — take "a" out of its needs']],
    [
      "a circle",
      [task("a", ["b"]), task("b", ["c"]), task("c", ["a"]), task("d", ["a"])],
      ["tasks need each other in a circle: a → b → c → a — take one of these needs out"],
    ],
    [
      "two circles",
      [task("a", ["b"]), task("b", ["a"]), task("c", ["d"]), task("d", ["c"])],
      [
        "tasks need each other in a circle: a → b → a — take one of these needs out",
        "tasks need each other in a circle: c → d → c — take one of these needs out",
      ],
    ],
    [
      "a circle that the first task is not in",
      [task("d", ["a"]), task("a", ["b"]), task("b", ["a"])],
      ["tasks need each other in a circle: a → b → a — take one of these needs out"],
    ],
    [
      "two circles through one task",
      [task("a", ["b", "c"]), task("b", ["a"]), task("c", ["a"])],
      [
        "tasks need each other in a circle: a → b → a — take one of these needs out",
        "tasks need each other in a circle: a → c → a — take one of these needs out",
      ],
    ],
    ["names of inherited things", [task("constructor"), task("__proto__", ["constructor"])], []],
  ])("%s", (_, tasks, problems) => {
    expect(taskProblems(tasks)).toEqual(problems);
  });

  test("more than twenty are counted, not listed", () => {
    const problems = taskProblems(Array.from({ length: 31 }, (_, index) => task(`t${index}`, [`t${index}`])));
    expect(problems).toHaveLength(21);
    expect(problems.at(-1)).toBe("and 11 more problems — mend these first, then check again");
  });

  test("a long chain is followed to its end, and so is a circle of it", () => {
    const chain = Array.from({ length: 20_000 }, (_, index) => task(`t${index}`, [`t${(index + 1) % 20_000}`]));
    expect(taskProblems(chain.slice(0, -1).concat(task("t19999")))).toEqual([]);
    expect(taskProblems(chain)).toHaveLength(1);
  });
});

const claim = fc.constantFrom(
  "src/**",
  "src/a/**",
  "src/b",
  "src/*.ts",
  "docs/**",
  "docs/a.md",
  "test/{a,b}/**",
  "**/*.md",
);

/** Tasks without circles, in any order. */
const plan: fc.Arbitrary<Task[]> = fc
  .array(fc.tuple(fc.array(fc.nat(), { maxLength: 3 }), fc.array(claim, { maxLength: 3 })), { maxLength: 14 })
  .chain((drawn) => {
    const tasks = drawn.map(([needs, claims], index) =>
      task(`t${index}`, index === 0 ? [] : needs.map((need) => `t${need % index}`), claims),
    );
    return fc.shuffledSubarray(tasks, { minLength: tasks.length });
  });

describe("whatever the plan", () => {
  test("every task is in one wave, behind its needs, and apart from the others in it", () => {
    fc.assert(
      fc.property(plan, (tasks) => {
        expect(taskProblems(tasks)).toEqual([]);
        const schedule = waves(tasks);
        expect(schedule.flat().toSorted()).toEqual(tasks.map(({ id }) => id).toSorted());
        const waveOf = new Map(schedule.flatMap((wave, index) => wave.map((id) => [id, index] as const)));
        for (const { id, needs } of tasks)
          for (const need of needs) expect(waveOf.get(need)).toBeLessThan(waveOf.get(id) ?? -1);
        for (const wave of schedule) {
          const claims = wave.map((id) => tasks.find((each) => each.id === id)?.claims ?? []);
          claims.forEach((list, index) => {
            expect(claims.slice(index + 1).some((other) => overlaps(list, other))).toBe(false);
          });
        }
      }),
      { numRuns: 500 },
    );
  });

  test("equal tasks give equal waves, and nothing is changed in them", () => {
    fc.assert(
      fc.property(plan, (tasks) => {
        const copy = structuredClone(tasks);
        expect(waves(copy)).toEqual(waves(tasks));
        expect(copy).toEqual(tasks);
      }),
    );
  });

  test("worked with any failures, every task comes to one end: done, failed, or skipped because of one", () => {
    fc.assert(
      fc.property(plan, fc.func(fc.boolean()), (tasks, fails) => {
        const done = new Set<string>();
        const failed = new Set<string>();
        const needsOf = new Map(tasks.map(({ id, needs }) => [id, needs]));
        let next = nextWave(tasks, { done, failed });
        while (next.wave.length > 0) {
          for (const id of next.wave) {
            expect(needsOf.get(id)?.every((need) => done.has(need))).toBe(true);
            (fails(id) ? failed : done).add(id);
          }
          next = nextWave(tasks, { done, failed });
        }
        const skipped = next.skipped.map(({ id }) => id);
        expect([...done, ...failed, ...skipped].toSorted()).toEqual([...needsOf.keys()].toSorted());
        const lost = new Set([...failed, ...skipped]);
        for (const id of skipped) expect(needsOf.get(id)?.some((need) => lost.has(need))).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  test("tasks of any kind, also with circles and unknown needs, are put into waves in the end or left out", () => {
    const id = fc.constantFrom("a", "b", "c", "d", "__proto__");
    const any = fc.record({ id, needs: fc.array(id, { maxLength: 3 }), claims: fc.array(claim, { maxLength: 2 }) });
    fc.assert(
      fc.property(fc.array(any, { maxLength: 8 }), (tasks) => {
        const placed = waves(tasks).flat();
        expect(new Set(placed).size).toBe(placed.length);
        const { skipped } = nextWave(tasks, { done: new Set(placed), failed: none });
        expect(new Set([...placed, ...skipped.map((each) => each.id)])).toEqual(new Set(tasks.map((each) => each.id)));
        expect(skipped.length > 0 && taskProblems(tasks).length === 0).toBe(false);
      }),
    );
  });
});
