// The table of runs, the story of one, and the door by which a server tells them.
import { chmod, mkdir, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { askLocalDoor, openLocalDoor } from "#src/cli/local-door.ts";
import { openRunSource } from "#src/cli/run-source.ts";
import { describe as tell } from "#src/cli/run-story.ts";
import { fold } from "#src/engine/fold.ts";
import { ledgerOf } from "#src/engine/ledger.ts";
import { stateOf, table } from "#src/cli/runs.ts";
import { dollars, newRunId } from "#src/core/ids.ts";
import { silentLog } from "#src/core/log.ts";
import type { RunLine } from "#src/engine/ports.ts";
import { readEnv } from "#src/env.ts";
import { runLine } from "#src/store/run-file.ts";
import { created, memoryLog } from "#test/support/engine-world.ts";
import { recordedRuns, RunScript } from "#test/support/recorded-run.ts";

const now = Date.UTC(2026, 10, 21, 12);
const line = (change: Partial<RunLine> = {}): RunLine => ({
  run: newRunId(),
  repo: { owner: "octo", name: "tab" },
  subject: 12,
  createdAt: now - 5_000,
  finishedAt: undefined,
  outcome: undefined,
  workflow: "bug",
  stage: "fix",
  spent: dollars(1.5),
  dueAt: now - 1_000,
  held: false,
  ...change,
});

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "baton-runs-"));
});
afterEach(async () => rm(home, { recursive: true, force: true }));

test("a run is working, queued, waiting, held by a person, or what it ended as", () => {
  expect(stateOf(line({ held: true }), now)).toBe("working");
  expect(stateOf(line(), now)).toBe("queued");
  expect(stateOf(line({ dueAt: now + 1 }), now)).toBe("waiting");
  expect(stateOf(line({ dueAt: undefined }), now)).toBe("held");
  expect(stateOf(line({ finishedAt: now, outcome: "out-of-budget", dueAt: undefined }), now)).toBe("out-of-budget");
});

test("the table has a line for each, with what it waits for, its age and its cost", () => {
  const rows = [
    line({ dueAt: now + 3_600_000, createdAt: now - 7_200_000 }),
    line({ dueAt: undefined, createdAt: now - 3 * 86_400_000, stage: undefined }),
    line({ subject: 0, repo: { owner: "local", name: "a" } }),
  ];
  const [head, ...lines] = stripVTControlCharacters(table(rows, now)).split("\n");
  expect(head).toMatch(/^RUN +ISSUE +STATE +STAGE +WAITS FOR +AGE +COST$/);
  expect(lines[0]).toMatch(/octo\/tab#12 +waiting +fix +2026-11-21 13:00 UTC +2 h +\$1\.50$/);
  expect(lines[1]).toMatch(/octo\/tab#12 +held +– +a person +3 d/);
  expect(lines[2]).toMatch(/local\/a +queued +fix +– +5 s/);
});

describe("the story of a run", () => {
  test("has its gates' evidence, and its conversations only when asked for", () => {
    const { events } = recordedRuns.succeeded();
    const short = tell(events, { full: false, json: false }).join("\n");
    expect(short).toContain("reproduction on head, first time");
    expect(short).toContain("Succeeded");
    expect(short).not.toContain("rootCause");
    expect(tell(events, { full: true, json: false }).join("\n")).toContain("rootCause");
  });

  test("ends with what each agent used", () => {
    const { events } = recordedRuns.succeeded();
    const told = tell(events, { full: false, json: false }).map((line) => stripVTControlCharacters(line));
    const from = told.findIndex((line) => line.startsWith("AGENT"));
    expect(told.slice(from).map((line) => line.split(/ +/)[0])).toEqual([
      "AGENT",
      "triage",
      "reproduce",
      "diagnose",
      "fix",
      "review",
    ]);
    // Figures stand to the right, below each other.
    expect(new Set(told.slice(from).map((line) => line.length)).size).toBe(1);
    const spent = ledgerOf(fold(events)).reduce((sum, { spend }) => sum + spend.microDollars, 0);
    expect(spent).toBe(fold(events).spend.microDollars);
  });

  test("says why a run that has not ended does not go on", () => {
    const script = () => new RunScript().driven().routed();
    const ends = (run: RunScript) =>
      stripVTControlCharacters(tell(run.events, { full: false, json: false }).at(-1) ?? "");
    const by = { login: "maria", id: 7 };
    expect(ends(script().add({ type: "pause.requested", by, quote: "/agent pause" }))).toMatch(/^paused by @maria/);
    const parked = { type: "run.parked", reason: "model-limit", message: "The limit is reached.", until: now } as const;
    expect(ends(script().add(parked))).toMatch(/^waiting until 2026-11-21T12:00:00.000Z: The limit is reached\./);
    expect(ends(script())).toMatch(/^not finished, last touched/);
  });

  test("lets nobody steer the terminal", () => {
    const input = { ...created().input, title: "a \u001b]0;owned\u0007 title \u001b[2J \u202e" };
    const { events } = new RunScript({ input }).driven();
    const text = tell(events, { full: true, json: false }).join("\n");
    expect(text).toContain("a �]0;owned� title");
    expect(text).not.toContain("\u001b]0");
    expect(text).not.toContain("\u001b[2J");
    expect(text).not.toContain("\u202e");
  });

  test("is one JSON object when asked for, with the log when asked for whole", () => {
    const { events } = recordedRuns.stopped();
    const [text = ""] = tell(events, { full: true, json: true });
    expect(JSON.parse(text)).toMatchObject({ state: "cancelled", log: expect.any(Array) });
    expect(JSON.parse(tell(events, { full: false, json: true })[0] ?? "")).not.toHaveProperty("log");
  });
});

describe("the local door", () => {
  test("tells lists and logs as they are, to this user only, and is gone afterwards", async () => {
    const log = memoryLog();
    const { events, state } = recordedRuns.failed();
    const first = state.created;
    await log.create(first);
    await log.append(
      state.runId,
      1,
      events.slice(1).map(({ event }) => event),
    );
    {
      await using _door = await openLocalDoor(home, log, silentLog);
      expect((await stat(join(home, "baton.sock"))).mode & 0o777).toBe(0o600);
      const reader = await askLocalDoor(home);
      expect(await reader?.list({ limit: 5 })).toEqual(await log.list({ limit: 5 }));
      expect(await reader?.list({ limit: 5, repo: "octo/other" })).toEqual([]);
      expect(await reader?.list({ limit: 5, unfinished: true })).toEqual([]);
      expect(await reader?.read(state.runId)).toEqual(await log.read(state.runId));
      expect(await reader?.read(newRunId())).toEqual([]);
    }
    expect(await askLocalDoor(home)).toBeUndefined();
  });

  test("of a dead server is no server's, and a path too long for a socket is done without", async () => {
    await writeFile(join(home, "baton.sock"), "");
    expect(await askLocalDoor(home)).toBeUndefined();
    const long = join(home, "x".repeat(120));
    await mkdir(long);
    const warned: string[] = [];
    const journal = { ...silentLog, warn: (message: string) => void warned.push(message) };
    await using _door = await openLocalDoor(long, memoryLog(), journal);
    expect(warned).toEqual(["`baton runs` cannot ask this server"]);
    expect(await askLocalDoor(long)).toBeUndefined();
  });
});

describe("where runs are found", () => {
  const env = () => ({ ...readEnv([], {}), home });
  const save = async (folder: string) => {
    const { events, state } = recordedRuns.failed();
    await mkdir(folder, { recursive: true });
    const text = events
      .map(({ version, at, event }) => runLine(state.runId, version, at, JSON.stringify(event)))
      .join("");
    await writeFile(join(folder, `${state.runId}.jsonl`), text);
    return { run: state.runId, events };
  };

  test("files of one-shot runs are read beside the database; a broken one is left out aloud", async () => {
    const { run, events } = await save(join(home, "runs"));
    await writeFile(join(home, "runs", `${newRunId()}.jsonl`), "broken\n");
    await using source = await openRunSource(env());
    expect(await source.list({ limit: 9 })).toMatchObject([{ run, outcome: "failed", stage: "diagnose" }]);
    expect(await source.list({ limit: 9, unfinished: true })).toEqual([]);
    expect(await source.read(run)).toEqual(events);
    expect(await source.read(newRunId())).toEqual([]);
  });

  test("an empty home has none, and is not filled by looking", async () => {
    await chmod(home, 0o500);
    await using source = await openRunSource(env());
    expect(await source.list({ limit: 9 })).toEqual([]);
    await chmod(home, 0o700);
  });
});
