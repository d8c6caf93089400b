// The base of a pull request moves on, over real HTTP, git and sandboxes: in conflict it is brought together with the work by the run that
// opened it, in a merge that keeps people's change; without a conflict it is left, merged on demand without an agent, or gone on from where
// people merged it; and what agents leave in conflict is not published.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { runId } from "#src/core/ids.ts";
import { fold } from "#src/engine/fold.ts";
import type { State } from "#src/engine/state.ts";
import type { ScriptedTurn } from "#src/playground/scripted-model.ts";
import { openWorld, person, type Played, type World } from "#test/support/baton-world.ts";
import { until } from "#test/support/until.ts";

const repo = "octo/rebased";
let world: World;
let played: Played;
let number = 0;

const pull = () => world.playground.pulls(repo).find((one) => one.number === number);
const headOf = () => pull()?.pull?.headSha ?? "";
const fileAt = (path: string) => world.playground.file(repo, headOf(), path);
const cardNow = () => world.look(repo, played.number, played.state).card;
const commentsOn = (at: number) => world.playground.comments({ repo, number: at }).map(({ body }) => body);
const stateNow = async (): Promise<State> => fold(await world.baton.store.log.read(runId(played.state.runId)));
const get = async (path: string): Promise<unknown> =>
  (await fetch(`${world.playground.apiUrl}/repos/${repo}/${path}`)).json();
const mainNow = async () => (await world.playground.refs(repo))["refs/heads/main"] ?? "";

async function parentsOf(commit: string): Promise<string[]> {
  const parents = z.object({ parents: z.array(z.object({ sha: z.string() })) });
  return parents.parse(await get(`commits/${commit}`)).parents.map(({ sha }) => sha);
}

/** What GitHub says of merging it, once it knows. */
const mergeable = () =>
  until(
    async () => {
      const said = z.object({ mergeable: z.boolean().nullable() }).parse(await get(`pulls/${number}`)).mergeable;
      return said === null ? undefined : { said };
    },
    { what: "GitHub does not know whether it merges" },
  );

async function endedAfter(since: number): Promise<State> {
  const state = await until(
    async () => {
      const now = await stateNow();
      return now.finished && now.finished.at > since ? now : undefined;
    },
    { milliseconds: 120_000, what: "the run did not end again" },
  );
  await world.baton.engine.projection.settle(runId(played.state.runId));
  return state;
}

async function settled(): Promise<void> {
  await world.playground.settled();
  await until(async () => (await world.baton.store.deliveries.pending()).length === 0, { what: "deliveries wait" });
}

/** A person changes files on main. */
const pushToMain = (files: Readonly<Record<string, string>>) =>
  world.playground.push({ repo, branch: "main", files, as: person });

const edit = (path: string, before: string, after: string) => ({
  name: "edit",
  input: { file_path: path, old_string: before, new_string: after },
});

const even = (share: string) =>
  [
    "/** Shares of `total` cents for so many people, as even as cents allow. */",
    "export function splitEvenly(total, people) {",
    "  if (!Number.isInteger(people) || people < 1) throw new RangeError(`cannot split between ${people} people`);",
    share,
    "}",
    "",
  ].join("\n");
const theirs = "  return Array.from({ length: people }, () => Math.trunc(total / people));";
const both = [
  "  const share = Math.trunc(total / people);",
  "  const rest = total - share * people;",
  "  return Array.from({ length: people }, (_, i) => share + (i < rest ? 1 : 0));",
].join("\n");

/** What the fixer does next, each time it is asked. */
const turns: ScriptedTurn[] = [];
const finish = (summary: string): ScriptedTurn => ({
  tools: [{ name: "finish", input: { summary, files: ["src/split.js"], followUps: [] } }],
});
let sample: string;

beforeAll(async () => {
  world = await openWorld();
  played = await world.play({ name: "rebased" });
  number = played.state.pullRequest?.number ?? 0;
  sample = (await world.playground.file(repo, await mainNow(), "src/split.js")) ?? "";
  world.script(repo, {
    fixer: () => turns.shift() ?? finish("Nothing more."),
  });
}, 120_000);

afterAll(async () => world[Symbol.asyncDispose]());

/** The source with another `splitEvenly`. */
const withEven = (share: string) => sample.replace(/^\/\*\*[^]*?\n}\n/, even(share));
const calls = () => world.model.calls.length;

describe("a change of people's on main that conflicts", () => {
  let before: string;
  let base: string;
  let state: State;

  beforeAll(async () => {
    before = headOf();
    const at = (await stateNow()).finished?.at ?? 0;
    const tests = (await world.playground.file(repo, await mainNow(), "test/split.test.js")) ?? "";
    turns.push(
      { tools: [{ name: "write", input: { file_path: "src/split.js", content: withEven(both) } }] },
      finish("Both: whole cents by truncation, and none lost."),
    );
    base = await pushToMain({
      "src/split.js": withEven(theirs),
      // Beside the test that the run has added.
      "test/split.test.js": `${tests}\ntest("a party of one pays all", () => {\n  assert.deepEqual(splitEvenly(7, 1), [7]);\n});\n`,
    });
    state = await endedAfter(at);
  }, 150_000);

  test("is merged into the pull request's branch, with both changes in it, and the pull request merges again", async () => {
    expect(state.finished).toMatchObject({ outcome: "succeeded" });
    expect(await parentsOf(headOf())).toEqual([before, base]);
    expect(await fileAt("src/split.js")).toContain("Math.trunc");
    expect(await fileAt("src/split.js")).toContain("const rest");
    expect(await fileAt("test/split.test.js")).toMatch(/loses no cent[^]*a party of one pays all/);
    expect(await mergeable()).toEqual({ said: true });
  });

  test("was told to the agent as what it is, and judged by every gate on the new base", () => {
    const { brief } = world.model.calls.findLast(({ agent }) => agent === "fixer") ?? { brief: "" };
    expect(brief).toContain("What git could not merge");
    expect(brief).toContain("git could not merge this work with it in: src/split.js");
    const gates = [...state.stages.values()].flatMap(({ current }) => current?.gates ?? []);
    expect(gates.map(({ gate }) => gate)).toEqual(["red", "resolved", "scope", "integrity", "green", "baseline"]);
    expect(gates.every(({ passed }) => passed)).toBe(true);
    expect(state.stages.get("reproduce")?.current).toMatchObject({ carried: true, turns: 0 });
    expect(state.stages.get("review")?.current?.carried).toBe(false);
  });

  test("is told in the pull request and on the card, and nobody is written to", async () => {
    for (const text of [pull()?.body ?? "", cardNow()]) {
      expect(text).toContain(`**Base:** \`main\` moved on and [#${number}]`);
      expect(text).toContain(
        `merged at \`${base.slice(0, 10)}\`. Agents resolved what git could not: \`src/split.js\`.`,
      );
    }
    expect(pull()?.body).toContain("**Changed since**, to bring it together with its base");
    expect(cardNow()).toContain(`from \`main\` at \`${base.slice(0, 10)}\``);
    expect(commentsOn(number)).toEqual([]);
    await settled();
    // Its own push is no news to it.
    expect((await stateNow()).version).toBe(state.version);
  });
});

describe("a change on main that does not conflict", () => {
  test("is left alone, and merged without an agent where somebody asks for it", async () => {
    const { version, finished, spend } = await stateNow();
    const base = await pushToMain({ "NOTES.md": "Cents are whole.\n" });
    await settled();
    expect((await stateNow()).version).toBe(version);
    const [asked, before] = [calls(), headOf()];
    world.playground.comment({ repo, number, body: "/agent rebase", as: person });
    const state = await endedAfter(finished?.at ?? 0);
    expect(state.finished).toMatchObject({ outcome: "succeeded" });
    expect(await parentsOf(headOf())).toEqual([before, base]);
    expect(await fileAt("NOTES.md")).toBe("Cents are whole.\n");
    expect(calls()).toBe(asked);
    expect(state.spend).toEqual(spend);
    expect(pull()?.body).toContain("Git found no conflict, and no agent changed anything for it.");
    expect(pull()?.body).toContain("The agents' review is of the change before that.");
  }, 150_000);

  test("is gone on from where a person has pressed Update branch", async () => {
    const base = await pushToMain({ "NOTES.md": "Cents are whole, always.\n" });
    await settled();
    await world.playground.updateBranch({ repo, number, as: person });
    await settled();
    const { finished, branch } = await stateNow();
    const pushed = headOf();
    expect(branch.taken).toMatchObject({ head: pushed });
    turns.push(
      { tools: [edit("src/split.js", "  const share = ", "  // Nobody pays less than this.\n  const share = ")] },
      finish("Say what the share is."),
    );
    world.playground.comment({ repo, number, body: "/agent revise Explain the share.", as: person });
    const state = await endedAfter(finished?.at ?? 0);
    expect(state.finished).toMatchObject({ outcome: "succeeded" });
    expect(state.base).toMatchObject({ commit: base, moved: { how: "held" } });
    expect(await parentsOf(headOf())).toContain(pushed);
    expect(await fileAt("src/split.js")).toContain("Nobody pays less than this.");
    expect(pull()?.body).toContain("people merged `main` into this branch");
    // What is newer on main is no change of the pull request's.
    expect(pull()?.body).toContain("2 files changed");
  }, 150_000);
});

test("a conflict that agents leave in the files is not published, and people are told once", async () => {
  const { finished } = await stateNow();
  const [before, said] = [headOf(), commentsOn(number).length];
  const refs = await world.playground.refs(repo);
  const base = await pushToMain({ "src/split.js": withEven(theirs.replace("trunc", "floor")) });
  const state = await endedAfter(finished?.at ?? 0);
  expect(state.finished).toMatchObject({ outcome: "needs-a-decision", code: "unresolved" });
  expect(await world.playground.refs(repo)).toEqual({ ...refs, "refs/heads/main": base });
  expect(headOf()).toBe(before);
  const last = commentsOn(number).slice(said);
  expect(last).toHaveLength(1);
  expect(last[0]).toContain("Conflict markers are left in src/split.js");
  expect(cardNow()).toContain("was not merged. Both changed `src/split.js`.");
}, 150_000);
