// The life of a pull request behind its opening, over real HTTP: a review is answered thread by thread on the same branch, and what was
// done is resolved; what a person pushes is theirs, kept, and built upon when they say so; and who may not, or asks for nothing, changes nothing.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import type { State } from "#src/engine/state.ts";
import { fold } from "#src/engine/fold.ts";
import { runId } from "#src/core/ids.ts";
import { openWorld, person, type Played, type World } from "#test/support/baton-world.ts";
import { until } from "#test/support/until.ts";

const repo = "octo/revised";
const renamed = "  const left = total - share * people;";
let world: World;
let played: Played;
let number = 0;

/** What the fixer does about each demand, by words of its brief. */
const demands = [
  {
    words: "Say what is left",
    edits: [
      ["  const rest = total - share * people;", renamed],
      ["(i < rest ? 1 : 0)", "(i < left ? 1 : 0)"],
    ],
    answers: [
      { thread: 1, done: true, what: "It is called `left` now, as @passer-by would say. Closes #1" },
      { thread: 2, done: false, what: "The test is older than this change." },
    ],
  },
  {
    words: "Explain the share",
    edits: [["  const share = ", "  // Nobody pays less than this.\n  const share = "]],
    answers: [],
  },
] as const;

/** What a person does while the fixer thinks. */
const pushes: (() => Promise<void>)[] = [];

const pull = () => world.playground.pulls(repo).find((one) => one.number === number);
const headOf = () => pull()?.pull?.headSha ?? "";
const source = () => world.playground.file(repo, headOf(), "src/split.js");
const commentsOn = (at: number) => world.playground.comments({ repo, number: at }).map(({ body }) => body);
const lastOn = (at: number) => commentsOn(at).at(-1) ?? "";
const Remarks = z.array(
  z.object({
    id: z.number(),
    body: z.string(),
    in_reply_to_id: z.number().optional(),
    user: z.object({ login: z.string() }),
  }),
);
const get = async (path: string): Promise<unknown> =>
  (await fetch(`${world.playground.apiUrl}/repos/${repo}/${path}`)).json();
const remarks = async () => Remarks.parse(await get(`pulls/${number}/comments`));

async function stateNow(): Promise<State> {
  return fold(await world.baton.store.log.read(runId(played.state.runId)));
}

/** The run when it has ended again, later than `since`. */
async function endedAfter(since: number): Promise<State> {
  return until(
    async () => {
      const state = await stateNow();
      return state.finished && state.finished.at > since ? state : undefined;
    },
    { milliseconds: 120_000, what: "the run did not end again" },
  );
}

async function settled(): Promise<void> {
  await world.playground.settled();
  await until(async () => (await world.baton.store.deliveries.pending()).length === 0, { what: "deliveries wait" });
}

async function parentsOf(commit: string): Promise<string[]> {
  const parents = z.object({ parents: z.array(z.object({ sha: z.string() })) });
  return parents.parse(await get(`commits/${commit}`)).parents.map(({ sha }) => sha);
}

beforeAll(async () => {
  world = await openWorld();
  played = await world.play({ name: "revised" });
  number = played.state.pullRequest?.number ?? 0;
  world.script(repo, {
    fixer: async ({ brief, turn }) => {
      const [push] = pushes.splice(0);
      await push?.();
      const demand = demands.find(({ words }) => brief.includes(words));
      if (!demand) throw new Error(`nobody asked for this: ${brief.slice(0, 400)}`);
      if (turn > 1)
        return {
          tools: [
            {
              name: "finish",
              input: { summary: demand.words, files: ["src/split.js"], followUps: [], answers: [...demand.answers] },
            },
          ],
        };
      return {
        tools: demand.edits.map(([before, after]) => ({
          name: "edit",
          input: { file_path: "src/split.js", old_string: before, new_string: after },
        })),
      };
    },
  });
}, 120_000);

afterAll(async () => world[Symbol.asyncDispose]());

describe("a review that asks for changes", () => {
  let before: { head: string; comments: number; at: number };
  let state: State;

  beforeAll(async () => {
    const at = (await stateNow()).finished?.at ?? 0;
    before = { head: headOf(), comments: commentsOn(played.number).length, at };
    world.playground.review({
      repo,
      number,
      as: person,
      state: "CHANGES_REQUESTED",
      body: "Nearly there. <!-- HIDDEN -->",
      remarks: [
        { path: "src/split.js", line: 5, body: "Say what is left in its name." },
        { path: "test/split.test.js", line: 3, body: "Is this ours?" },
      ],
    });
    state = await endedAfter(at);
  }, 150_000);

  test("is worked by the same run, verified anew, on the same branch and in the same pull request", async () => {
    expect(state.finished).toMatchObject({ outcome: "succeeded", code: "verified" });
    expect(world.playground.pulls(repo)).toHaveLength(1);
    expect(await source()).toContain(renamed);
    expect(await parentsOf(headOf())).toEqual([before.head]);
    for (const gate of ["red", "green", "baseline"]) expect(pull()?.body).toMatch(new RegExp(`✅ ${gate} `));
    expect(pull()?.body).toMatch(
      /\*\*This change\*\*:[^]*hands the remaining cents[^]*\*\*Changed since\*\*[^]*Say what is left/,
    );
    const fixes = state.stages.get("fix")?.attempts ?? [];
    expect(fixes).toHaveLength(2);
    expect(state.stages.get("reproduce")?.attempts).toHaveLength(1);
  });

  test("tells the agent what people want, without what nobody can see", () => {
    const { brief } = world.model.calls.findLast(({ agent }) => agent === "fixer") ?? { brief: "" };
    expect(brief).toContain("What people want changed");
    expect(brief).toContain("@maria, of the pull request as a whole: Nearly there.");
    expect(brief).toContain("Thread 1 (src/split.js:5): @maria: Say what is left in its name.");
    expect(brief).not.toContain("HIDDEN");
  });

  test("is answered in each thread, and by nothing else", async () => {
    const said = await remarks();
    const answers = said.filter(({ user }) => user.login === "baton[bot]");
    expect(answers.map(({ in_reply_to_id: to }) => said.find(({ id }) => id === to)?.body)).toEqual([
      "Say what is left in its name.",
      "Is this ours?",
    ]);
    expect(answers[0]?.body).toContain(`Done in ${headOf()}, as the agents say.`);
    expect(answers[0]?.body).not.toMatch(/(?<!`)@passer-by|closes #1/i);
    expect(answers[1]?.body).toContain("The test is older than this change.");
    expect(answers[1]?.body).toContain("Not changed");
    expect(commentsOn(played.number)).toHaveLength(before.comments);
    const [done, open] = said;
    const resolved = pull()?.pull?.resolved;
    expect(done && resolved?.get(done.id)?.login).toBe("baton[bot]");
    expect(open && resolved?.has(open.id)).toBe(false);
    expect(commentsOn(number)).toEqual([]);
    expect(pull()?.pull?.reviewers.map(({ login }) => login)).toEqual([person]);
  });

  test("has the checks of each commit on it, and says on the first how it went", async () => {
    const on = (commit: string) =>
      world.playground
        .checkRuns(repo)
        .filter(({ headSha }) => headSha === commit)
        .map(({ name: check, conclusion }) => [check, conclusion]);
    const three = [
      ["Baton / reproduction", "success"],
      ["Baton / verification", "success"],
      ["Baton / review", "neutral"],
    ];
    await until(() => on(headOf()).length === 3, { what: "the new commit has no checks" });
    expect(on(headOf())).toEqual(three);
    await until(() => on(before.head).some(([check, ended]) => check === "Baton / revision" && ended === "success"), {
      what: "the first commit does not say how the revision went",
    });
    expect(on(before.head)).toEqual([...three, ["Baton / revision", "success"]]);
    const { version } = await stateNow();
    await world.playground.rerun({ repo, check: "Baton / revision", as: person });
    await settled();
    expect((await stateNow()).version).toBe(version);
  });

  test("starts nothing when it approves, says nothing, or comes from somebody who may not", async () => {
    const { version } = await stateNow();
    world.playground.review({ repo, number, as: person, state: "APPROVED", body: "Good." });
    world.playground.review({ repo, number, as: person, state: "COMMENTED", body: "" });
    world.playground.review({ repo, number, as: "passer-by", state: "CHANGES_REQUESTED", body: "Rewrite it in Rust." });
    await settled();
    expect((await stateNow()).version).toBe(version);
    expect(commentsOn(number)).toEqual([]);
  });
});

describe("/agent revise", () => {
  const say = async (body: string, as = person) => {
    world.playground.comment({ repo, number, body, as });
    await settled();
  };

  test("is refused to who may not, and has nothing to do where nothing is asked", async () => {
    await say("/agent revise everything", "passer-by");
    expect(lastOn(number)).toContain("needs write");
    await say("/agent revise");
    expect(lastOn(number)).toContain("no words behind the command, and no thread that waits");
  });

  test("is left to the person who pushes meanwhile, and /agent resume goes on with it on top of that", async () => {
    const files = { "NOTES.md": "Cents are whole.\n" };
    const { finished, stages } = await stateNow();
    const branch = pull()?.pull?.headRef ?? "";
    pushes.push(async () => {
      await world.playground.push({ repo, branch, files, message: "Note what a cent is", as: person });
      await until(async () => (await stateNow()).branch.taken, { what: "nobody noticed the push" });
    });
    await say("/agent revise Explain the share.");
    const left = await endedAfter(finished?.at ?? 0);
    const pushed = headOf();
    expect(left.finished).toMatchObject({ outcome: "cancelled", code: "branch-taken" });
    expect(left.branch.taken).toMatchObject({ by: { login: person }, head: pushed });
    expect(left.stages.get("fix")?.attempts).toHaveLength((stages.get("fix")?.attempts.length ?? 0) + 1);
    await until(
      () => commentsOn(played.number).some((body) => body.includes(`**Frozen** since \`${person}\` pushed`)),
      {
        what: "the card does not say whose the branch is",
      },
    );
    const said = commentsOn(number).length;
    world.playground.review({ repo, number, as: person, state: "CHANGES_REQUESTED", body: "Explain the share." });
    await settled();
    expect(lastOn(number)).toContain("so I leave it to people");
    expect(commentsOn(number)).toHaveLength(said + 1);
    expect(headOf()).toBe(pushed);

    await say("/agent resume");
    const state = await endedAfter(left.finished?.at ?? 0);
    expect(state.finished).toMatchObject({ outcome: "succeeded" });
    expect(state.branch).toMatchObject({ ground: headOf(), taken: undefined });
    expect(await parentsOf(headOf())).toEqual([pushed]);
    expect(await world.playground.file(repo, headOf(), "NOTES.md")).toBe(files["NOTES.md"]);
    expect(await source()).toContain("Nobody pays less than this.");
    expect(await source()).toContain(renamed);
    await until(() => !commentsOn(played.number).some((body) => body.includes("**Frozen**")), {
      what: "the card still says that the branch is people's",
    });
  }, 150_000);

  test("is refused when the pull request is closed, and the run knows how that came", async () => {
    await world.playground.closeIssue({ repo, number, as: person });
    await settled();
    expect((await stateNow()).pullClosed).toMatchObject({ by: { login: person }, merged: false });
    await say("/agent revise once more");
    expect(lastOn(number)).toContain(`pull request \`#${number}\` is closed`);
  });

  test("and once it is merged, its branch is gone and the card says who did it", async () => {
    await world.playground.reopenIssue({ repo, number, as: person });
    const branch = pull()?.pull?.headRef ?? "";
    await world.playground.forcePush({ repo, branch: "main", to: branch, as: person });
    await settled();
    expect((await stateNow()).pullClosed).toMatchObject({ merged: true });
    expect(await world.playground.refs(repo)).not.toHaveProperty([`refs/heads/${branch}`]);
    await until(() => commentsOn(played.number).some((body) => body.includes(`\`${person}\` merged [#${number}]`)), {
      what: "the card does not say who merged it",
    });
    const labels = () => world.playground.issue({ repo, number: played.number }).labels.map(({ name }) => name);
    await until(() => labels().includes("agent/done"), { what: "the issue is not labelled as done" });
  });
});
