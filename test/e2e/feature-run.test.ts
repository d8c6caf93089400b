// A feature over real HTTP, git and sandboxes: scouted, planned, rewritten as a maintainer wishes, built in two waves of which the first
// needs an agent to merge it, tried, reviewed, and opened as a draft pull request.
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { State } from "#src/engine/state.ts";
import type { Issue } from "#src/playground/playground.ts";
import { sampleFiles } from "#src/playground/sample-script.ts";
import { openWorld, person, type Played, type World } from "#test/support/baton-world.ts";
import { drivenAgain, same } from "#test/support/driven-again.ts";
import { feature, receiptAgents } from "#test/support/receipts.ts";

const repo = "octo/receipts";
const patience = { timeout: 90_000, interval: 50 };

let world: World;
let played: Played;
let pull: Issue | undefined;
let planComment = "";

/** A repository with an issue that asks for the feature, and nothing that starts by itself. */
async function openIssue(): Promise<number> {
  await world.playground.addRepository({
    owner: "octo",
    name: "receipts",
    from: {
      ...(await sampleFiles()),
      ".github/baton.yml": "commands: { test: node --test }\ntriggers: { onOpened: false }\n",
    },
    labels: ["enhancement"],
    collaborators: { [person]: "maintain", "passer-by": "read" },
  });
  const { number } = await world.playground.openIssue({ repo, ...feature, as: person });
  return number;
}

const bodies = (number: number) => world.playground.comments({ repo, number }).map(({ body }) => body);

beforeAll(async () => {
  world = await openWorld();
  world.script(repo, receiptAgents);
  const number = await openIssue();
  const say = (body: string, as = person) => world.playground.comment({ repo, number, body, as });
  say("/agent implement");
  await vi.waitUntil(() => bodies(number).some((body) => body.includes("<!-- baton:plan:")), patience);
  planComment = bodies(number).find((body) => body.includes("<!-- baton:plan:")) ?? "";
  say("/agent approve", "passer-by");
  await vi.waitUntil(() => bodies(number).some((body) => body.includes("maintain")), patience);
  say("/agent approve with: amounts in CSV without the sign");
  await vi.waitUntil(() => world.playground.pulls(repo).length > 0, patience);
  [pull] = world.playground.pulls(repo);
  const [run] = await world.baton.store.log.list({ limit: 1, repo });
  if (!run) throw new Error("no run");
  const state = await world.ended(run.run);
  await world.baton.engine.projection.settle(state.runId);
  await world.playground.settled();
  played = world.look(repo, number, state);
}, 200_000);

afterAll(async () => world[Symbol.asyncDispose]());

const unit = (state: State, name: string) => state.stages.get(name)?.current;

describe("a feature", () => {
  test("is worked by the whole fleet and ends in a draft pull request", () => {
    expect(played.state.finished).toMatchObject({ outcome: "succeeded", code: "verified" });
    expect(pull?.pull?.draft).toBe(true);
    expect(world.model.unscripted).toEqual([]);
    const agents = new Set(world.model.calls.map(({ agent }) => agent));
    for (const agent of ["scout", "planner", "builder", "integrator", "tester", "reviewer"])
      expect(agents).toContain(agent);
  });

  test("comes as a plan that people can judge: tasks, waves, an honest estimate, questions, and a block to edit", () => {
    expect(planComment).toContain("```mermaid");
    expect(planComment).toContain("```yaml");
    for (const said of ["text", "csv", "receipt", "currency sign", "/agent approve", "/agent reject"])
      expect(planComment).toContain(said);
  });

  test("is written anew with what the maintainer wished, and not asked about again", () => {
    const plans = world.model.calls.filter(({ agent }) => agent === "planner");
    expect(plans.at(-1)?.brief).toContain("amounts in CSV without the sign");
    expect(played.state.stages.get("plan")?.attempts).toHaveLength(2);
  });

  test("is built in two waves, the first of them merged by git and an agent", () => {
    const board = unit(played.state, "build")?.board;
    expect(board?.waves.map(({ tasks }) => tasks)).toEqual([["text", "csv"], ["receipt"]]);
    expect(board?.merged).toEqual(["text", "csv", "receipt"]);
    expect(unit(played.state, "build:text")?.commit).not.toBe(unit(played.state, "build:csv")?.commit);
    expect(unit(played.state, "build:merge.csv")?.artifact).toBeDefined();
  });

  test("is on the branch whole: every task's work, and no conflict marker", async () => {
    const head = pull?.pull?.headSha ?? "";
    const index = await world.playground.file(repo, head, "src/index.js");
    for (const name of ["textReceipt", "csvReceipt", "receipt"]) expect(index).toContain(`export { ${name} }`);
    expect(index).not.toMatch(/[<>=|]{7}/);
    for (const id of ["text", "csv", "receipt"])
      expect(await world.playground.file(repo, head, `test/${id}.test.js`)).toContain("prints a bill");
  });

  test("costs the planner's words once: builders see their own task and no other's", () => {
    const briefs = world.model.calls
      .filter(({ agent, turn }) => agent === "builder" && turn === 1)
      .map(({ brief }) => brief);
    const text = briefs.find((brief) => brief.includes("## Your task: text"));
    expect(text).toContain("src/text.js");
    expect(text).not.toContain("## Your task: csv");
  });
});

test("is driven again with its recorded answers: two waves, the conflict and the words of people", async () => {
  const events = await world.baton.store.log.read(played.state.runId);
  expect(await drivenAgain(events, world)).toEqual(same);
  // A verdict turned round in the log: it is found at the gate that gives the other one.
  const turned = events.map((one) =>
    one.event.type === "gate.checked" && one.event.stage === "build:merge.csv"
      ? { ...one, event: { ...one.event, result: { ...one.event.result, passed: false } } }
      : one,
  );
  expect(await drivenAgain(turned, world)).toMatchObject({
    difference: {
      version: turned.find(({ event }) => event.type === "gate.checked" && !event.result.passed)?.version,
      expected: "gate.checked build:merge.csv 1 resolved: passed true",
      recorded: "gate.checked build:merge.csv 1 resolved: passed false",
    },
  });
}, 150_000);

describe("on GitHub's side", () => {
  test("the card tells of the tasks, and its last state is the end", () => {
    expect(played.card).toContain("Succeeded");
    for (const id of ["text", "csv", "receipt"]) expect(played.card).toContain(id);
  });
});
