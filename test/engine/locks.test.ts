// Rules of what is said and locked, on a run that is folded by hand: time-outs, claims of a wave, bounds, and that whatever is asked for
// in whatever order, no two hold the same path, who asked first is first, and nobody waits in a circle.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { microDollars, type RunId } from "#src/core/ids.ts";
import { noSpend, type RecordedEvent, type RunEvent } from "#src/engine/events.ts";
import { apply, fold } from "#src/engine/fold.ts";
import { locksOf } from "#src/engine/locks.ts";
import type { Course } from "#src/engine/perform.ts";
import type { State } from "#src/engine/state.ts";
import { createTalk } from "#src/engine/talk.ts";
import type { Locked, Talk } from "#src/engine/talk-port.ts";
import {
  MOST_KEYS,
  MOST_LOCKS,
  MOST_MESSAGES,
  MOST_OWN_LOCKS,
  MOST_WRITTEN,
  talkRefusal,
} from "#src/engine/talk-rules.ts";
import type { TalkState } from "#src/engine/talk-state.ts";
import { Workflow } from "#src/workflows/schema.ts";
import { until } from "#test/support/until.ts";
import { base, commit, created, HandClock, samplePlan, turn } from "#test/support/engine-world.ts";

const never = new AbortController().signal;
const MINUTE = 60_000;
const SHORT = 1;

/** A run whose stages are at work side by side, with a clock that is set by hand. */
class Room {
  readonly clock = new HandClock();
  readonly #events: RecordedEvent[] = [];
  /** Behind which version its log was read, each time. */
  readonly reads: (number | undefined)[] = [];
  #state: State;
  #change = Promise.withResolvers<void>();

  constructor(stages: Record<string, unknown>) {
    const workflow = Workflow.parse({ name: "flow", description: "x", budget: { run: 5, time: "1h" }, stages });
    const budget = { microDollars: microDollars(5_000_000), turns: 100, milliseconds: 3_600_000 };
    this.#events.push({ version: 1, at: this.clock.now(), event: created() });
    this.#state = fold(this.#events);
    const decision = { kind: "start" as const, workflow, budget };
    this.say(
      { type: "run.driven", driver: "one" },
      { type: "run.routed", source: "asked-for", decision, why: "", spend: noSpend },
    );
  }

  get state(): State {
    return this.#state;
  }

  say(...events: RunEvent[]): void {
    for (const event of events) {
      const recorded = { version: this.#state.version + 1, at: this.clock.now(), event };
      this.#events.push(recorded);
      this.#state = apply(this.#state, recorded);
    }
    this.#change.resolve();
    this.#change = Promise.withResolvers();
  }

  begin(stage: string): void {
    const attempt = (this.#state.stages.get(stage)?.attempts.length ?? 0) + 1;
    this.say({ type: "stage.started", stage, attempt, reasons: [] });
  }

  end(stage: string): void {
    const attempt = this.#state.stages.get(stage)?.current?.number ?? 1;
    this.say({ type: "agent.failed", stage, attempt, failure: { code: "turn-limit", message: "it ended" } });
  }

  readonly course: Course = {
    now: () => this.#state,
    record: (event) => Promise.resolve(this.say(event)),
    propose: (make) => {
      const { events, answer } = make(this.#state);
      // What is recorded is what may be recorded.
      for (const event of events) this.say(event);
      return Promise.resolve(answer);
    },
    changed: async (version, signal) => {
      const aborted = Promise.withResolvers<void>();
      signal.addEventListener("abort", () => aborted.resolve(), { once: true });
      while (this.#state.version <= version && !signal.aborted)
        await Promise.race([this.#change.promise, aborted.promise]);
    },
  };

  talk(stage: string): Talk {
    const attempt = this.#state.stages.get(stage)?.current?.number ?? 1;
    const read = (_run: RunId, after?: number) => {
      this.reads.push(after);
      return Promise.resolve(this.#events.filter(({ version }) => version > (after ?? 0)));
    };
    return createTalk(this.course, { log: { read }, clock: this.clock }, { stage, attempt });
  }

  async lock(stage: string, paths: readonly string[], minutes = 10): Promise<Locked> {
    return await this.talk(stage).lock(paths, minutes, SHORT, never);
  }

  held(): string[] {
    return locksOf(this.#state).flatMap(({ unit, paths, until }) =>
      until === undefined ? [] : [`${unit}: ${paths.join(" ")}`],
    );
  }
}

const scout = { agent: "scout", makes: "Report" };

function beside(...stages: string[]): Room {
  const room = new Room(Object.fromEntries(stages.map((stage) => [stage, scout])));
  for (const stage of stages) room.begin(stage);
  return room;
}

describe("a lock", () => {
  test("ends when its time is over, and the next in line has it", async () => {
    const room = beside("one", "two");
    expect(await room.lock("one", ["a"], 5)).toEqual({ type: "granted", until: room.clock.now() + 5 * MINUTE });
    room.clock.forward(5 * MINUTE - 1);
    expect(await room.lock("two", ["a"])).toMatchObject({ type: "deferred", behind: ["one"] });
    room.clock.forward(1);
    expect(await room.lock("two", ["a"])).toMatchObject({ type: "granted" });
    expect(room.held()).toEqual(["two: a"]);
  });

  test("that is asked for again while it is held is the same one; behind its end it is another, in its turn", async () => {
    const room = beside("one", "two");
    const first = await room.lock("one", ["a", "b"], 5);
    expect(await room.lock("one", ["b", "a", "a"], 30)).toEqual(first);
    expect(room.state.talk.asked).toBe(1);
    await room.lock("two", ["a"]);
    room.clock.forward(5 * MINUTE);
    expect(await room.lock("one", ["a", "b"])).toMatchObject({ type: "deferred", behind: ["two"] });
  });

  test("wakes who waits when its time is over", async () => {
    const room = beside("one", "two");
    await room.lock("one", ["a"], 1);
    room.clock.forward(MINUTE - 20);
    const waiting = room.talk("two").lock(["a"], 1, MINUTE, never);
    await until(() => room.state.talk.asked === 2, { what: "it is not in line" });
    room.clock.forward(20);
    expect(await waiting).toMatchObject({ type: "granted" });
  });

  test("is not used up while nobody works", async () => {
    const room = beside("one", "two");
    await room.lock("one", ["a"], 5);
    room.say({ type: "run.parked", reason: "model-limit", message: "later" });
    room.clock.forward(60 * MINUTE);
    room.say({ type: "run.driven", driver: "two" });
    expect(await room.lock("two", ["a"])).toMatchObject({ type: "deferred" });
    room.clock.forward(5 * MINUTE);
    expect(await room.lock("two", ["a"])).toMatchObject({ type: "granted" });
  });

  test("ends with the attempt of its agent, also when that begins again", async () => {
    const room = beside("one", "two");
    await room.lock("one", ["a"]);
    room.end("one");
    expect(await room.lock("two", ["a"])).toMatchObject({ type: "granted" });
    room.say({ type: "stage.started", stage: "two", attempt: 1, reasons: [] });
    room.begin("one");
    expect(await room.lock("one", ["a"])).toMatchObject({ type: "granted" });
    expect(room.held()).toEqual(["one: a"]);
  });

  test("is not waited for by one that was stopped", async () => {
    const room = beside("one", "two");
    await room.lock("one", ["a"]);
    const stop = new AbortController();
    const waiting = room.talk("two").lock(["a"], 1, MINUTE, stop.signal);
    stop.abort();
    expect(await waiting).toMatchObject({ type: "refused" });
    expect(room.state.talk.locks.at(-1)?.deferred).toBe(0);
  });
});

test("what was said before an attempt began again is not said twice, and only once not", async () => {
  const room = beside("one");
  const of = { stage: "one", attempt: 1 };
  await room.talk("one").send("all", "hello");
  await room.talk("one").write("k", "x", undefined);
  room.say({ type: "agent.turn", ...of, ...turn(1) });
  room.say({ type: "stage.started", ...of, reasons: [] });
  const talk = room.talk("one");
  expect(await talk.send("all", "hello")).toMatchObject({ number: 1 });
  expect(await talk.send("all", "hello")).toMatchObject({ number: 2 });
  expect(await talk.write("k", "y", undefined)).toMatchObject({ version: 2 });
  // What it says otherwise goes before what it had said.
  expect(await talk.write("k", "x", undefined)).toMatchObject({ version: 3 });
});

function wave(more: Record<string, unknown> = {}): Room {
  const room = new Room({
    plan: { agent: "planner", makes: "Plan" },
    build: { agent: "builder", needs: ["plan"], for_each: "plan.tasks", makes: "Change", merge: "integrator" },
    look: scout,
    ...more,
  });
  for (const stage of ["plan", "build", "look"]) room.begin(stage);
  const of = { stage: "build", attempt: 1 };
  const tasks = ["parser", "printer"];
  room.say(
    { type: "tasks.opened", ...of, tasks: samplePlan.tasks },
    { type: "wave.started", ...of, wave: 1, tasks, base },
  );
  for (const task of tasks) room.begin(`build:${task}`);
  return room;
}

test("the log is read once, from where the attempt began, and only for who says something that may have been said before", async () => {
  const room = beside("one");
  await room.talk("one").write("k", "x", undefined);
  room.begin("two");
  const begun = room.state.version;
  const two = { stage: "two", attempt: 1 };
  const talk = room.talk("two");
  talk.notes("");
  await talk.lock(["a"], 1, SHORT, never);
  await talk.messages(["all"], 0, SHORT, never);
  expect(room.reads).toEqual([]);
  await talk.send("all", "hello");
  await talk.write("k", "y", undefined);
  expect(room.reads).toEqual([begun]);

  const later = room.talk("two");
  room.say({ type: "agent.turn", ...two, ...turn(1) });
  await later.send("all", "hello again");
  expect(room.reads).toEqual([begun]);

  room.say({ type: "stage.started", ...two, reasons: [] });
  await room.talk("two").send("all", "hello");
  expect(room.reads).toEqual([begun, begun]);
});

test("at work are agents that have not handed in: no stage that waits, checks or publishes, and none that is passed over", () => {
  const room = wave({
    approve: { needs: ["plan"], wait: "approval" },
    verify: { needs: ["build"], gates: ["scope"], otherwise: { again: 1, ending: "needs-a-person" } },
    summary: { ...scout, needs: ["build"] },
    publish: { needs: ["verify"], pull_request: "draft" },
  });
  for (const stage of ["approve", "verify", "publish"]) room.begin(stage);
  const why = { because: "condition", degraded: false, why: "there is nothing to sum up" } as const;
  room.say({ type: "stage.skipped", stage: "summary", attempt: 1, ...why });
  room.end("plan");
  expect(room.talk("look").others()).toEqual(["build:parser", "build:printer"]);
});

describe("what the tasks of a wave claim", () => {
  const change = { name: "Change" as const, value: { summary: "x", files: [], followUps: [] } };

  test("is held until the wave is merged, against everybody outside", async () => {
    const room = wave();
    expect(await room.lock("look", ["src/parser.js"])).toMatchObject({ type: "deferred", behind: ["build:parser"] });
    expect(await room.lock("look", ["src/index.js"])).toMatchObject({ type: "granted" });
    const done = { attempt: 1, artifact: change, commit: commit(3), changes: [] };
    room.say({ type: "agent.finished", stage: "build:parser", ...done });
    expect(await room.lock("look", ["src/parser.js"])).toMatchObject({ type: "deferred", behind: ["build:parser"] });
    const merged = { wave: 1, tasks: ["parser"], commit: commit(4) };
    room.say({ type: "wave.merged", stage: "build", attempt: 1, ...merged });
    expect(await room.lock("look", ["src/parser.js"])).toMatchObject({ type: "granted" });
  });

  test("is refused to the tasks beside it at once: both are merged together", async () => {
    const room = wave();
    expect(await room.lock("build:printer", ["src/*.js"])).toMatchObject({
      type: "refused",
      why: expect.stringMatching(/^build:parser claims these paths, and its work is merged with yours/),
    });
    expect(await room.lock("build:printer", ["src/printer.js"])).toMatchObject({ type: "granted" });
    expect(room.state.talk.locks).toHaveLength(1);
  });

  test("closes a circle with locks", async () => {
    const room = wave();
    await room.lock("look", ["docs"]);
    await room.lock("look", ["src/printer.js"]);
    expect(await room.lock("build:printer", ["docs"])).toMatchObject({
      type: "refused",
      why: expect.stringContaining("build:printer waits for look waits for build:printer"),
    });
  });
});

describe("bounds", () => {
  const of = { stage: "one", attempt: 1 };
  const told = (talk: Partial<TalkState>, event: Parameters<typeof talkRefusal>[1]) => {
    const { state } = beside("one");
    return talkRefusal({ ...state, talk: { ...state.talk, ...talk } }, event);
  };
  const note = (key: string, version: number) => ({ type: "note.written" as const, ...of, key, value: "x", version });
  const standing = (key: string) => [key, { key, value: "x", version: 1, by: "one" }] as const;

  test("of notes: so many keys, and so many writings", () => {
    const full = new Map(Array.from({ length: MOST_KEYS }, (_, index) => standing(`k${index}`)));
    expect(told({ notes: full, written: MOST_KEYS }, note("new", MOST_KEYS + 1))).toContain(
      `at most ${MOST_KEYS} notes`,
    );
    expect(told({ notes: full, written: MOST_KEYS }, note("k1", MOST_KEYS + 1))).toBeUndefined();
    const much = { notes: new Map([standing("k1")]), written: MOST_WRITTEN };
    expect(told(much, note("k1", MOST_WRITTEN + 1))).toContain(`${MOST_WRITTEN} times`);
  });

  test("of messages", () => {
    const messages = Array.from({ length: MOST_MESSAGES }, (_, index) => ({
      number: index + 1,
      from: "one",
      to: "all",
      text: "x",
    }));
    const event = { type: "message.sent" as const, ...of, to: "all", text: "x" };
    expect(told({ messages }, { ...event, number: MOST_MESSAGES + 1 })).toContain(`${MOST_MESSAGES} messages`);
    expect(told({ messages: messages.slice(1) }, { ...event, number: MOST_MESSAGES })).toBeUndefined();
  });

  test("of locks: of one agent, and of the run", async () => {
    const room = beside("one");
    for (let index = 0; index < MOST_OWN_LOCKS; index += 1)
      expect(await room.lock("one", [`p${index}`])).toMatchObject({ type: "granted" });
    expect(await room.lock("one", ["more"])).toMatchObject({ why: expect.stringContaining("unlock_paths") });
    const event = { type: "lock.asked" as const, ...of, lock: MOST_LOCKS + 1, paths: ["a"], minutes: 1 };
    expect(told({ asked: MOST_LOCKS }, event)).toContain(`${MOST_LOCKS} times`);
  });

  test("of who is there: nobody says anything when the work is over", () => {
    const room = beside("one");
    room.end("one");
    expect(talkRefusal(room.state, note("k", 1))).toBe("you are not at work any more");
  });
});

describe("whatever is asked for", () => {
  const units = ["one", "two", "three"];
  const pool = ["a", "a/x", "a/y", "b", "b/z", "c"];
  const meets = (a: readonly string[], b: readonly string[]) =>
    a.some((x) => b.some((y) => x === y || x.startsWith(`${y}/`) || y.startsWith(`${x}/`)));

  type Line = ReturnType<typeof locksOf>[number];
  const before = (lines: readonly Line[], of: Line) =>
    lines.filter(({ unit, number, paths }) => number < of.number && unit !== of.unit && meets(paths, of.paths));

  function isCircular(lines: readonly Line[]): boolean {
    const edges = new Map(
      units.map((unit) => [
        unit,
        lines
          .filter((line) => line.unit === unit && line.until === undefined)
          .flatMap((line) => before(lines, line).map((other) => other.unit)),
      ]),
    );
    const reaches = (from: string, to: string, seen: readonly string[]): boolean =>
      (edges.get(from) ?? []).some(
        (next) => next === to || (!seen.includes(next) && reaches(next, to, [...seen, next])),
      );
    return units.some((unit) => reaches(unit, unit, [unit]));
  }

  const unit = fc.constantFrom(...units);
  const act = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant("lock" as const),
        unit,
        paths: fc.subarray(pool, { minLength: 1, maxLength: 2 }),
        minutes: fc.integer({ min: 1, max: 5 }),
      }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("unlock" as const), unit }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("end" as const), unit }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("wait" as const), minutes: fc.integer({ min: 1, max: 4 }) }) },
  );

  test("no two hold the same path, who asked first is first, and nobody waits in a circle", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(act, { maxLength: 25 }), async (acts) => {
        const room = beside(...units);
        for (const one of acts) {
          let refused = false;
          if (one.do === "lock") refused = (await room.lock(one.unit, one.paths, one.minutes)).type === "refused";
          else if (one.do === "unlock") await room.talk(one.unit).unlock(undefined);
          else if (one.do === "wait") room.clock.forward(one.minutes * MINUTE);
          else {
            room.end(one.unit);
            room.begin(one.unit);
          }
          const lines = locksOf(room.state);
          const ahead = lines.map((line) => ({ held: line.until !== undefined, before: before(lines, line).length }));
          expect(ahead.filter(({ held, before: others }) => held && others > 0)).toEqual([]);
          // Whoever asks or gives back grants what is due, to all; a refusal records nothing.
          const granting = (one.do === "lock" && !refused) || one.do === "unlock";
          expect(ahead.filter(({ held, before: others }) => granting && !held && others === 0)).toEqual([]);
          expect(isCircular(lines)).toBe(false);
        }
      }),
      { numRuns: 150 },
    );
  });

  test("compare-and-set lets one of those who saw the same version write, and loses nothing", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(unit, { minLength: 1, maxLength: 6 }), { maxLength: 6 }), async (rounds) => {
        const room = beside(...units);
        let written = 0;
        for (const writers of rounds) {
          const seen = room.state.talk.notes.get("count");
          const next = `${Number(seen?.value ?? 0) + 1}`;
          const answers = await Promise.all(
            writers.map((who) => room.talk(who).write("count", next, seen?.version ?? 0)),
          );
          expect(answers.filter(({ type }) => type === "done")).toHaveLength(1);
          written += 1;
        }
        expect(Number(room.state.talk.notes.get("count")?.value ?? 0)).toBe(written);
        expect(room.state.talk.written).toBe(written);
      }),
      { numRuns: 60 },
    );
  });
});
