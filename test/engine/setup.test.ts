// A setup through the engine, by Baton's own workflow: tried, sent back, written once, and what may be published of it.
import { describe, expect, test } from "vitest";
import { firstDifference } from "#src/engine/agree.ts";
import { drive } from "#src/engine/drive.ts";
import type { GateResult } from "#src/engine/events.ts";
import { fold } from "#src/engine/fold.ts";
import type { Files } from "#src/engine/proposal.ts";
import { otherEnds } from "#test/support/recorded-run.ts";
import { forbiddenChange, verifiedHead } from "#src/github/publishable.ts";
import type { Artifact } from "#src/workflows/artifacts.ts";
import { createLibrary } from "#src/workflows/load.ts";
import { setupSentence } from "#src/github/setup-part.ts";
import { Setup, type Tried } from "#src/workflows/setup.ts";
import type { FileChange } from "#src/workspace/file-change.ts";
import {
  base,
  commit,
  CountingPublisher,
  created,
  engineWith,
  gate,
  memoryLog,
  ScriptedAgents,
  ScriptedGates,
} from "#test/support/engine-world.ts";

const library = await createLibrary();
const { signal } = new AbortController();
const made = commit(7);
const value = Setup.parse({ summary: "x", commands: { test: "npm test" }, protect: [], agents: [], notes: [] });
const surface = { code: "unchanged", summary: "" };
const command = { name: "test", command: "npm test", from: "proposed", why: "", runs: 2, stable: true } as const;
const seen = (works: boolean): Tried => ({
  commands: [{ ...command, works, code: works ? "by-name" : "fails" }],
  surface,
});
const result = (passed: boolean): GateResult => ({ ...gate("tried", passed), tried: seen(passed) });
const added = (path: string): FileChange => ({
  path,
  kind: "added",
  mode: "100644",
  added: 1,
  removed: 0,
  binary: false,
});

/** Files of a repository that has none, and what was written into it. */
class FakeFiles implements Files {
  changes(): Promise<never[]> {
    return Promise.resolve([]);
  }

  readonly written: { onto: string; paths: readonly string[] }[] = [];
  readonly known: Readonly<Record<string, string>>;
  constructor(known: Readonly<Record<string, string>> = {}) {
    this.known = known;
  }
  paths = () => Promise.resolve(["src/a.js", ...Object.keys(this.known)]);
  file = (_repo: unknown, _commit: unknown, path: string) => {
    const text = this.known[path];
    return Promise.resolve(text === undefined ? undefined : new TextEncoder().encode(text));
  };
  write = (_repo: unknown, onto: string, files: readonly { path: string }[]): ReturnType<Files["write"]> => {
    this.written.push({ onto, paths: files.map(({ path }) => path) });
    return Promise.resolve({ type: "written", commit: made, changes: files.map(({ path }) => added(path)) });
  };
}

async function driven(
  results: readonly boolean[],
  { files = new FakeFiles(), refusal }: { files?: FakeFiles; refusal?: CountingPublisher["refusal"] } = {},
) {
  const artifact: Artifact = { name: "Setup", value };
  const log = memoryLog();
  const agents = new ScriptedAgents({ survey: results.map(() => artifact) });
  const gates = new ScriptedGates({ tried: results.map(result) });
  const publisher = new CountingPublisher();
  publisher.refusal = refusal;
  const workflows = { load: () => library.workflows.load("init"), names: () => ["init"] };
  const event = created({ workflow: "init" });
  await log.create(event);
  const engine = engineWith(log, { agents, gates, files, publisher, workflows });
  const [run] = await log.unfinished();
  if (run === undefined) throw new Error("no run");
  await drive(run, engine, signal);
  const events = await log.read(run);
  expect(firstDifference(events)).toBe(undefined);
  return { state: fold(events), events, agents, gates, publisher, files };
}

describe("a setup", () => {
  test("that works is written once, on the base, and judged at that commit", async () => {
    const { state, events, gates, files, publisher } = await driven([true]);
    expect(state.finished?.outcome).toBe("succeeded");
    expect(files.written).toEqual([{ onto: base, paths: [".github/baton.yml"] }]);
    expect(gates.requests.map((request) => [request.gate, request.head, request.setup?.commit])).toEqual([
      ["tried", base, undefined],
      ["scope", made, made],
      ["integrity", made, made],
    ]);
    expect(gates.requests[1]?.setup?.tried).toEqual(seen(true));
    expect(publisher.opened).toBe(1);
    const opened = events.findIndex(({ event }) => event.type === "pull_request.opened");
    expect(verifiedHead(fold(events.slice(0, opened)))).toBe(made);
  });

  test("goes back with the reasons, and the gate is told which try is the last", async () => {
    const { gates, agents } = await driven([false, false, true]);
    expect(gates.requests.filter(({ gate: name }) => name === "tried").map(({ last }) => last)).toEqual([
      false,
      false,
      true,
    ]);
    expect(agents.tasks.map(({ reasons }) => reasons.length)).toEqual([0, 1, 1]);
  });

  test.each([
    [1, " 1 proposal is left out, with the reason."],
    [2, " 2 proposals are left out, with the reason."],
  ])(
    "says how many proposals are left out, and of none that it did not work: people may have decided",
    async (many, said) => {
      const { events } = await driven([true]);
      const left = { what: "commands.test: npm test", why: "people have written another" };
      const leftOut = Array.from({ length: many }, () => left);
      const state = fold(
        events.map((one) => (one.event.type === "setup.written" ? { ...one, event: { ...one.event, leftOut } } : one)),
      );
      expect(setupSentence(state)).toContain(said);
    },
  );

  test("in which nothing is new ends the run, and nothing is written", async () => {
    const files = new FakeFiles({ ".github/baton.yml": "commands: { test: npm test }\n" });
    const { state, events, publisher } = await driven([true], { files });
    expect(state.finished).toMatchObject({ outcome: "succeeded", code: "nothing-to-propose" });
    for (const otherEnd of otherEnds(events)) expect(firstDifference(otherEnd)).toBeDefined();
    expect(files.written).toEqual([]);
    expect(publisher.opened).toBe(0);
  });

  test("whose pull request is refused is kept on a branch, as it was judged", async () => {
    const refusal = { code: "refused", message: "The repository takes no pull requests." };
    const { state, publisher } = await driven([true], { refusal });
    expect(state.finished?.outcome).not.toBe("succeeded");
    expect(publisher.kept.map(({ head, holds }) => ({ head, holds }))).toEqual([{ head: made, holds: ["write"] }]);
  });

  test("every prefix of its log folds, and a new driver writes the same", async () => {
    const { events, state } = await driven([false, true]);
    for (let end = 1; end < events.length; end += 1) {
      const log = memoryLog();
      const [first, ...rest] = events.slice(0, end).map(({ event }) => event);
      if (first?.type !== "run.created") throw new Error("no beginning");
      await log.create(first);
      const [run] = await log.unfinished();
      if (run === undefined) throw new Error("no run");
      await log.append(run, 1, rest);
      const artifact: Artifact = { name: "Setup", value };
      const triedBefore = rest.filter((event) => event.type === "gate.checked" && event.result.gate === "tried").length;
      const engine = engineWith(log, {
        agents: new ScriptedAgents({ survey: [artifact, artifact] }),
        gates: new ScriptedGates({ tried: [false, true].slice(triedBefore).map(result) }),
        files: new FakeFiles(),
        workflows: { load: () => library.workflows.load("init"), names: () => ["init"] },
      });
      await drive(run, engine, signal);
      const again = fold(await log.read(run));
      expect(again.finished?.outcome).toBe(state.finished?.outcome);
      expect(again.stages.get("write")?.current?.written).toEqual(state.stages.get("write")?.current?.written);
    }
  });
});

describe("what may be published", () => {
  test("of a setup is what the repository says to Baton, and nothing besides", async () => {
    const { state } = await driven([true]);
    const setup = [added(".github/baton.yml"), added(".github/baton/agents/cents.md")];
    expect(forbiddenChange(state, made, setup)).toBe(undefined);
    for (const path of ["src/a.js", ".github/baton/workflows/bug.md", ".github/CODEOWNERS", ".github/workflows/ci.yml"])
      expect(forbiddenChange(state, made, [...setup, added(path)])).toMatchObject({ type: "refused" });
  });

  test("of any other commit touches none of it", async () => {
    const { state } = await driven([true]);
    for (const path of [".github/baton.yml", ".github/baton/agents/cents.md", ".github/Baton/workflows/bug.md"])
      expect(forbiddenChange(state, commit(8), [added("src/a.js"), added(path)])).toMatchObject({
        code: "setup-files",
      });
    expect(forbiddenChange(state, commit(8), [added("src/a.js")])).toBe(undefined);
  });
});
