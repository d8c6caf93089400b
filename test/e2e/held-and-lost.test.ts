// People pause, resume and restart runs, and change what they stand on: through webhooks, or unseen. Everything is real but the model.
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { fold } from "#src/engine/fold.ts";
import type { AgentScript } from "#src/playground/scripted-model.ts";
import { openWorld, person, type Played, type Scene, type World } from "#test/support/baton-world.ts";

const mend = `sed -i 's|return Array.from.*|const share = Math.floor(total / people); const rest = total - share * people; return Array.from({ length: people }, (_, i) => share + (i < rest ? 1 : 0));|' src/split.js`;
const change = { summary: "Hand out the remaining cents.", files: ["src/split.js"], followUps: [] };
const hangs: AgentScript = () => ({ hang: "before" });

/** Hangs the first time it is asked at all, then does as it should. */
function hangsOnce(): AgentScript {
  let hung = false;
  return ({ turn }) => {
    if (!hung) {
      hung = true;
      return { hang: "before" };
    }
    return turn === 1
      ? { tools: [{ name: "bash", input: { command: mend } }] }
      : { tools: [{ name: "finish", input: change }] };
  };
}

type Stage = Parameters<NonNullable<Scene["meanwhile"]>>[0];

async function untilFixing({ world, repo, number }: Stage): Promise<void> {
  const { log } = world.baton.store;
  const { id } = world.playground.repository(repo);
  const [owner = "", name = ""] = repo.split("/");
  await vi.waitUntil(
    async () => {
      const [run] = await log.runsOf({ id, owner, name }, { number });
      return run !== undefined && fold(await log.read(run)).stages.get("fix")?.current?.session !== undefined;
    },
    { timeout: 180_000, interval: 100 },
  );
}

async function untilCard({ world, repo, number }: Stage, words: string): Promise<void> {
  const shown = () => world.playground.comments({ repo, number }).some(({ body }) => body.includes(words));
  await vi.waitUntil(shown, { timeout: 60_000 });
}

const scenes = {
  locked: {
    name: "locked",
    agents: { fixer: hangs },
    meanwhile: async (stage) => {
      await untilFixing(stage);
      await stage.world.playground.lockIssue({ ...stage, as: person });
    },
  },
  archived: {
    name: "archived",
    agents: { fixer: hangs },
    meanwhile: async (stage) => {
      await untilFixing(stage);
      await stage.world.playground.archiveRepository({ ...stage, as: person });
    },
  },
  baseGone: {
    name: "base-gone",
    meanwhile: async (stage) => {
      await untilFixing(stage);
      // Unseen: only looking before the pull request is opened finds it.
      await stage.world.playground.deleteBranch({ ...stage, branch: "main", as: person, quiet: true });
    },
  },
  paused: {
    name: "paused",
    agents: { fixer: hangsOnce() },
    meanwhile: async (stage) => {
      await untilFixing(stage);
      stage.world.playground.comment({ ...stage, body: "/agent pause", as: person });
      await untilCard(stage, "### ⏸️ Paused");
      stage.world.playground.comment({ ...stage, body: "/agent resume", as: person });
    },
  },
  restarted: {
    name: "restarted",
    agents: { fixer: hangsOnce() },
    meanwhile: async (stage) => {
      await untilFixing(stage);
      await stage.world.playground.editIssue({ ...stage, as: person, title: "Two cents are lost" });
      await untilCard(stage, "edited since the start");
      stage.world.playground.comment({ ...stage, body: "/agent restart", as: person });
    },
  },
} satisfies Record<string, Scene>;

let world: World;
const played = new Map<string, Played>();

beforeAll(async () => {
  world = await openWorld();
  const results = await Promise.all(Object.values(scenes).map((scene) => world.play(scene)));
  for (const [index, name] of Object.keys(scenes).entries()) {
    const result = results[index];
    if (result) played.set(name, result);
  }
  // The successor of the restarted run is at work until it has ended, too.
  const { created } = result("restarted").state;
  const [next] = await world.baton.store.log.runsOf(created.repo, created.subject);
  if (next !== undefined) await world.ended(next);
}, 240_000);
afterAll(async () => world[Symbol.asyncDispose]());

function result(name: keyof typeof scenes): Played {
  const found = played.get(name);
  if (!found) throw new Error(`${name} was not played`);
  return found;
}

describe("lost ground is a named end, and nothing is opened", () => {
  test.each([
    ["locked", "issue-locked"],
    ["archived", "repository-archived"],
    ["baseGone", "base-gone"],
  ] as const)("%s", (name, code) => {
    const { state, repo } = result(name);
    expect([state.finished?.outcome, state.finished?.code]).toEqual(["cancelled", code]);
    expect(world.playground.pulls(repo)).toEqual([]);
  });

  test("the card says so where it can be written, and the base's end is told in a comment too", () => {
    expect(result("locked").card).toMatch(/### ⏹️ Cancelled[^]*locked the conversation/);
    expect(result("baseGone").card).toMatch(/### ⏹️ Cancelled[^]*is gone/);
    const told = (name: keyof typeof scenes) =>
      result(name).comments.filter(({ body }) => body.includes("<!-- baton:end:"));
    expect(told("locked")).toEqual([]);
    expect(told("baseGone")).toHaveLength(1);
  });
});

test("a paused run goes on when somebody says so, and ends well", () => {
  const { state, card, repo } = result("paused");
  expect(state.finished?.outcome).toBe("succeeded");
  expect(card).toContain("### ✅ Succeeded");
  expect(world.playground.pulls(repo)).toHaveLength(1);
});

test("a restarted run has a successor with the text as it is now", async () => {
  const { state, comments } = result("restarted");
  expect(state.finished?.code).toBe("restarted");
  const { log } = world.baton.store;
  const [next] = await log.runsOf(state.created.repo, state.created.subject);
  expect(next).not.toBe(state.runId);
  const [first] = next === undefined ? [] : await log.read(next);
  expect(first?.event).toMatchObject({ input: { title: "Two cents are lost" }, request: { quote: "/agent restart" } });
  expect(comments.filter(({ body }) => body.includes(`<!-- baton:end:${state.runId}`))).toEqual([]);
});
