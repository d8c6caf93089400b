// What agents of one run say to each other: notes, messages and locks, with whom each reaches, what is refused, and that any process can
// go on from anywhere without anything said twice.
import { describe, expect, test } from "vitest";
import { firstDifference } from "#src/engine/agree.ts";
import { drive } from "#src/engine/drive.ts";
import type { RecordedEvent, RunEvent } from "#src/engine/events.ts";
import type { NewAgent } from "#src/engine/fleet-port.ts";
import { fold } from "#src/engine/fold.ts";
import type { Talk } from "#src/engine/talk-port.ts";
import {
  FleetAgents,
  fleetEngine,
  fleetWorld,
  prefixOf,
  type FleetTurn,
  type Script,
} from "#test/support/fleet-world.ts";

const never = new AbortController().signal;
const long = 60_000;
const good = { outcome: "succeeded" };
const agent = (id: string): NewAgent => ({
  id,
  agent: "scout",
  makes: "Report",
  instructions: "",
  fromConflict: false,
});

const talking =
  (act: (talk: Talk, signal: AbortSignal) => Promise<unknown>): FleetTurn =>
  async (_, signal, talk) => {
    if (!talk) throw new Error("it cannot talk");
    await act(talk, signal);
  };
/** Creates these agents and commands them. */
const send =
  (...ids: string[]): FleetTurn =>
  async (fleet) => {
    for (const id of ids) {
      expect(await fleet.create(agent(id))).toMatchObject({ type: "done" });
      expect(await fleet.command(id, "work")).toMatchObject({ type: "done" });
    }
  };
const ended =
  (id: string): FleetTurn =>
  async (fleet, signal) => {
    while (fleet.agents().some((view) => view.id === id && view.status === "executing"))
      await fleet.wait([id], long, signal);
  };
const count = (events: readonly RecordedEvent[], type: RunEvent["type"]) =>
  events.filter(({ event }) => event.type === type).length;

/** A run in which the orchestrator has these at work side by side. */
async function sideBySide(scripts: Readonly<Record<string, FleetTurn[]>>, conduct?: readonly FleetTurn[]) {
  const ids = Object.keys(scripts);
  const agents = new FleetAgents({
    conduct: [{ turns: [...(conduct ?? [send(...ids)]), ...ids.map(ended)] }],
    ...Object.fromEntries(ids.map((id) => [`conduct:${id}`, [{ turns: scripts[id] ?? [] }]])),
  });
  const world = await fleetWorld(agents);
  const state = await world.go();
  const events = await world.events();
  expect(state.finished).toMatchObject(good);
  for (const id of ids) expect(state.stages.get(`conduct:${id}`)?.current?.failure, id).toBeUndefined();
  expect(firstDifference(events)).toBeUndefined();
  return { state, events };
}

describe("notes", () => {
  test("are written over only at the version that was seen, and who comes late is shown what stands there", async () => {
    const { state, events } = await sideBySide({
      one: [
        talking(async (talk) => {
          expect(await talk.write("api", "split(total)", 0)).toEqual({ type: "done", version: 1 });
          expect(await talk.write("other", "x", undefined)).toEqual({ type: "done", version: 2 });
        }),
      ],
      two: [
        talking(async (talk, signal) => {
          expect((await talk.watch(["api"], 0, long, signal)).notes).toMatchObject([
            { value: "split(total)", version: 1 },
          ]);
          expect(await talk.write("api", "split()", 0)).toEqual({
            type: "refused",
            why: expect.stringMatching(
              /^"api" is at version 1 now, by conduct:one, and yours was 0. Its value:\nsplit\(total\)/,
            ),
          });
          expect(await talk.write("none", "x", 7)).toMatchObject({ why: expect.stringContaining("with if_version 0") });
          await talk.watch(["other"], 0, long, signal);
          expect(await talk.write("api", "split(total, parts)", 1)).toEqual({ type: "done", version: 3 });
          expect(talk.notes("").map(({ key, version }) => [key, version])).toEqual([
            ["api", 3],
            ["other", 2],
          ]);
          expect(talk.notes("o").map(({ key }) => key)).toEqual(["other"]);
        }),
      ],
    });
    expect(count(events, "note.written")).toBe(3);
    expect(state.talk.notes.get("api")).toMatchObject({ value: "split(total, parts)", by: "conduct:two" });
  });

  test("that nobody writes are waited for no longer than was asked", async () => {
    await sideBySide({
      one: [
        talking(async (talk, signal) =>
          expect(await talk.watch(["api"], 0, 5, signal)).toEqual({ notes: [], version: 0 }),
        ),
      ],
    });
  });
});

describe("messages", () => {
  test("reach all, a topic, or one agent; also those who begin later", async () => {
    await sideBySide(
      {
        one: [
          talking(async (talk, signal) => {
            expect(await talk.send("all", "I take the parser")).toMatchObject({ type: "done", number: 1 });
            expect(await talk.send("#api", "names are short")).toMatchObject({ number: 2 });
            expect(await talk.send("nobody", "?")).toMatchObject({
              why: expect.stringMatching(/nobody called "nobody"; at work are .*conduct:one/),
            });
            // What it said itself is no news.
            const heard = await talk.messages(["all", talk.name], 0, long, signal);
            expect(heard.map(({ from, text }) => [from, text])).toEqual([
              ["conduct:one", "I take the parser"],
              ["conduct:late", "thanks"],
            ]);
          }),
        ],
        late: [
          talking(async (talk, signal) => {
            expect(talk.others().toSorted()).toEqual(["conduct", "conduct:one"]);
            const heard = await talk.messages(["all", "#api"], 0, long, signal);
            expect(heard.map(({ number, to }) => [number, to])).toEqual([
              [1, "all"],
              [2, "#api"],
            ]);
            expect(await talk.messages(["all"], 1, 5, signal)).toEqual([]);
            expect(await talk.send("conduct:one", "thanks")).toMatchObject({ type: "done" });
          }),
        ],
      },
      [
        send("one"),
        async (fleet, signal, talk) => {
          await talk?.messages(["#api"], 0, long, signal);
          await send("late")(fleet, signal, talk);
        },
      ],
    );
  });
});

/** Asks until it is granted. */
const lock = async (talk: Talk, signal: AbortSignal, ...paths: string[]) =>
  expect(await talk.lock(paths, 10, long, signal)).toMatchObject({ type: "granted" });

describe("locks", () => {
  test("are given to one at a time, in the order in which they were asked for, and end with the work", async () => {
    const order: string[] = [];
    const asked = Promise.withResolvers<void>();
    const { events } = await sideBySide(
      {
        first: [
          talking(async (talk, signal) => {
            await lock(talk, signal, "src/a");
            await talk.write("first", "has it", undefined);
            await asked.promise;
            order.push("first");
            expect(await talk.unlock(["src/a"])).toEqual({ type: "done", paths: ["src/a"] });
            expect(await talk.unlock(undefined)).toEqual({ type: "done", paths: [] });
          }),
        ],
        second: [
          talking(async (talk, signal) => {
            await talk.watch(["first"], 0, long, signal);
            const waiting = lock(talk, signal, "src/*.ts", "src/a/**");
            await talk.write("second", "waits", undefined);
            await waiting;
            order.push("second");
            // It ends without giving anything back.
          }),
        ],
        third: [
          talking(async (talk, signal) => {
            await talk.watch(["second"], 0, long, signal);
            // In nobody's way.
            await lock(talk, signal, "docs");
            const waiting = lock(talk, signal, "src");
            await talk.write("third", "waits", undefined);
            asked.resolve();
            await waiting;
            order.push("third");
          }),
        ],
      },
      undefined,
    );
    expect(order).toEqual(["first", "second", "third"]);
    expect(count(events, "lock.granted")).toBe(4);
    // Granted while it is held by another it would be a difference.
    const bent = events
      .filter(({ event }) => event.type !== "lock.released")
      .map((recorded, index) => ({ ...recorded, version: index + 1 }));
    expect(firstDifference(bent)?.recorded).toBe("lock.granted conduct:second 1");
  });

  test("asked for in a circle are refused, and the circle is named", async () => {
    await sideBySide({
      one: [
        talking(async (talk, signal) => {
          await lock(talk, signal, "a");
          await talk.write("one", "has a", undefined);
          await talk.watch(["two"], 0, long, signal);
          const waiting = talk.lock(["b"], 10, long, signal);
          await talk.write("waits", "for b", undefined);
          expect(await waiting).toMatchObject({ type: "granted" });
        }),
      ],
      two: [
        talking(async (talk, signal) => {
          await lock(talk, signal, "b");
          await talk.write("two", "has b", undefined);
          await talk.watch(["waits"], 0, long, signal);
          expect(await talk.lock(["a"], 10, long, signal)).toEqual({
            type: "refused",
            why: "that would be a deadlock: conduct:two waits for conduct:one waits for conduct:two. Give back what you have (b) with unlock_paths first, or do without",
          });
          await talk.unlock(undefined);
        }),
      ],
    });
  });

  test("that are not granted in time are deferred in their place, and at the third time told to who conducts", async () => {
    const told = Promise.withResolvers<void>();
    const seen: unknown[] = [];
    const { events } = await sideBySide(
      {
        holds: [
          talking(async (talk, signal) => {
            await lock(talk, signal, "a");
            await talk.write("held", "a", undefined);
            await told.promise;
          }),
        ],
        waits: [
          talking(async (talk, signal) => {
            await talk.watch(["held"], 0, long, signal);
            const behind = ["conduct:holds"];
            for (const times of [1, 2, 3])
              expect(await talk.lock(["a"], 10, 1, signal)).toEqual({
                type: "deferred",
                behind,
                times,
                escalated: times === 3,
              });
            await lock(talk, signal, "a");
          }),
        ],
      },
      [
        send("holds", "waits"),
        async (fleet, signal) => {
          await fleet.wait(["holds", "waits"], long, signal);
          seen.push(...fleet.agents().map(({ id, status, stuck }) => [id, status, stuck]));
          told.resolve();
        },
      ],
    );
    expect(seen).toEqual([
      ["holds", "executing", undefined],
      ["waits", "executing", { paths: ["a"], behind: ["conduct:holds"] }],
    ]);
    expect(count(events, "lock.asked")).toBe(2);
    expect(count(events, "lock.deferred")).toBe(3);
  });

  test("wait for what a task on the board claims, while its agent is at work", async () => {
    const release = Promise.withResolvers<void>();
    const line = { id: "parser", title: "x", instructions: "x", needs: [], claims: ["src/parser"], acceptance: "x" };
    await sideBySide(
      {
        owner: [() => release.promise],
        other: [
          talking(async (talk, signal) => {
            expect(await talk.lock(["src"], 10, 1, signal)).toMatchObject({ behind: ["conduct:owner"] });
            release.resolve();
            await lock(talk, signal, "src");
          }),
        ],
      },
      [
        async (fleet, signal, talk) => {
          await send("owner")(fleet, signal, talk);
          await fleet.addTasks([line]);
          await fleet.changeTask({ id: "parser", status: "under way", agent: "owner" });
          await send("other")(fleet, signal, talk);
        },
      ],
    );
  });
});

describe("a process that dies", () => {
  test("between a call and the record of its turn leaves nothing that is said twice", async () => {
    for (const type of ["note.written", "message.sent", "lock.granted"] as const) {
      const scripts = (): Record<string, Script[]> => ({
        conduct: [{ turns: [send("one"), ended("one")] }],
        "conduct:one": [
          {
            turns: [
              talking((talk) => talk.send("all", "hello")),
              talking(async (talk, signal) => {
                expect(await talk.write("api", "x", 0)).toEqual({ type: "done", version: 1 });
                // Said before as well: this is another one.
                expect(await talk.send("all", "hello")).toMatchObject({ number: 2 });
                await lock(talk, signal, "a");
              }),
            ],
          },
        ],
      });
      const world = await fleetWorld(new FleetAgents(scripts()));
      await world.go();
      const whole = await world.events();
      const at = whole.findLastIndex(({ event }) => event.type === type) + 1;
      const log = await prefixOf(whole, at);
      await drive(world.run, fleetEngine(log, new FleetAgents(scripts())), never);
      const events = await log.read(world.run);
      expect(fold(events).finished, type).toMatchObject(good);
      for (const said of ["note.written", "message.sent", "lock.asked"] as const)
        expect(count(events, said), `${said} after ${type}`).toBe(count(whole, said));
    }
  });

  test("and an attempt that begins again from nothing says nothing twice either, and holds nothing", async () => {
    const scripts = (): Record<string, Script[]> => ({
      conduct: [{ turns: [send("one"), ended("one")] }],
      "conduct:one": [
        {
          turns: [
            talking(async (talk, signal) => {
              await talk.send("all", "hello");
              await talk.write("api", "x", 0);
              await lock(talk, signal, "a");
            }),
          ],
        },
      ],
    });
    const world = await fleetWorld(new FleetAgents(scripts()));
    await world.go();
    const whole = await world.events();
    const at = whole.findIndex(({ event }) => event.type === "lock.granted") + 1;
    const log = await prefixOf(whole, at);
    // Nothing was recorded of its conversation, so it cannot go on with it.
    await drive(world.run, fleetEngine(log, new FleetAgents(scripts())), never);
    const events = await log.read(world.run);
    const begun = events.filter(({ event }) => event.type === "stage.started" && event.stage === "conduct:one");
    expect(begun).toHaveLength(2);
    expect(count(events, "message.sent")).toBe(1);
    expect(count(events, "note.written")).toBe(1);
    expect(count(events, "lock.asked")).toBe(2);
    expect(fold(events).finished).toMatchObject(good);
  });

  test("leaves every prefix of the log to be gone on with to the same end", async () => {
    const scripts = (): Record<string, Script[]> => ({
      conduct: [{ turns: [send("one", "two"), ended("one"), ended("two")] }],
      "conduct:one": [
        {
          turns: [
            talking((talk, signal) => lock(talk, signal, "src/a")),
            talking((talk) => talk.write("api", "split", 0)),
            talking((talk) => talk.send("conduct:two", "it is called split")),
            talking((talk) => talk.unlock(undefined)),
          ],
        },
      ],
      "conduct:two": [
        {
          turns: [
            talking((talk, signal) => talk.watch(["api"], 0, long, signal)),
            talking((talk, signal) => lock(talk, signal, "src")),
            talking((talk, signal) => talk.messages([talk.name], 0, long, signal)),
            talking((talk) => talk.write("api", "split, as told", 1)),
          ],
        },
      ],
    });
    const world = await fleetWorld(new FleetAgents(scripts()));
    const end = await world.go();
    expect(end.finished).toMatchObject(good);
    const events = await world.events();
    for (let length = 1; length < events.length; length += 1) {
      const log = await prefixOf(events, length);
      await drive(world.run, fleetEngine(log, new FleetAgents(scripts())), never);
      const recorded = await log.read(world.run);
      const state = fold(recorded);
      const at = `after ${length} events (${events[length - 1]?.event.type})`;
      expect(state.finished, at).toMatchObject(good);
      expect(state.talk.notes, at).toEqual(end.talk.notes);
      expect(state.talk.messages, at).toEqual(end.talk.messages);
      expect(firstDifference(recorded), at).toBeUndefined();
    }
  });
});
