// What people may ask of the demo's scripted model besides its bugs: a setup that becomes a pull request, and an honest word on the rest.
import { afterAll, beforeAll, expect, test } from "vitest";
import { sampleFiles } from "#src/playground/sample-script.ts";
import { openWorld, person, personToken, type World } from "#test/support/baton-world.ts";

const repo = "octo/shown";
let world: World;
let runs = 0;

beforeAll(async () => {
  world = await openWorld();
  await world.playground.addRepository({
    owner: "octo",
    name: "shown",
    from: {
      ...(await sampleFiles()),
      ".github/baton.yml": "commands: { test: node --test }\ntriggers: { onOpened: false }\n",
    },
    labels: [],
    collaborators: { [person]: "maintain" },
  });
}, 60_000);
afterAll(async () => world[Symbol.asyncDispose]());

/** As a program would: with a token, by GitHub's API. */
async function dispatch(issue: number, command: string): Promise<void> {
  const answer = await fetch(`${world.playground.apiUrl}/repos/${repo}/dispatches`, {
    method: "POST",
    headers: { authorization: `Bearer ${personToken}`, "content-type": "application/json" },
    body: JSON.stringify({ event_type: "agent", client_payload: { issue, command } }),
  });
  expect(answer.status).toBe(204);
}

/** By a comment, or without `/agent` by a program. */
async function asked(command: string) {
  const { number } = await world.playground.openIssue({ repo, title: "Try it", body: "Show me.", as: person });
  if (command.startsWith("/agent")) world.playground.comment({ repo, number, body: command, as: person });
  else await dispatch(number, command);
  runs += 1;
  const state = await world.endedIn(repo, runs);
  const words = world.playground.comments({ repo, number }).map(({ body }) => body);
  return { state, words: words.join("\n\n") };
}

test("/agent init opens the pull request of a setup", async () => {
  const { state } = await asked("/agent init");
  expect(state.finished).toMatchObject({ outcome: "succeeded", code: "verified" });
  const head = world.playground.pulls(repo)[0]?.pull?.headSha ?? "";
  expect(await world.playground.file(repo, head, ".github/baton/agents/cents.md")).toContain("whole cents");
  expect(await world.playground.file(repo, head, ".github/baton.yml")).toContain("node --check src/index.js");
}, 150_000);

test("/agent retrospective learns nothing from what was merged, and says why", async () => {
  const [pull] = world.playground.pulls(repo);
  await world.playground.forcePush({ repo, branch: "main", to: pull?.pull?.headRef ?? "", as: person });
  const { state, words } = await asked("/agent retrospective");
  expect(state.stages.get("reflect")?.attempts.length).toBeGreaterThan(0);
  expect(words).toContain("scripted model");
  expect(words).not.toContain("was invalid");
}, 150_000);

test.each([
  ["/agent do look around", "comment"],
  ["audit", "dispatch"],
])(
  "%s ends with a word about the scripted model",
  async (command, door) => {
    const { state, words } = await asked(command);
    expect(state.created.request).toMatchObject({ door, by: { login: person } });
    expect(state.finished?.outcome).toBe("succeeded");
    expect(words).toContain("scripted model");
    expect(words).not.toContain("was invalid");
  },
  150_000,
);
