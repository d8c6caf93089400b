// Buttons of Baton's check runs, and checks that somebody wants to run again: the command of the button's name, of nobody else's check.
import { describe, expect, test } from "vitest";
import type { RunEvent } from "#src/engine/events.ts";
import { created } from "#test/support/engine-world.ts";
import { intakeWorld, issuePayload, maria, self, type World } from "#test/support/intake-world.ts";
import { recordedRuns, type RunScript } from "#test/support/recorded-run.ts";

const repo = { ...created().repo, id: 1, owner: "octo", name: "tab" };
const head = "d".repeat(40);
const wants: RunEvent = {
  type: "revision.requested",
  by: maria,
  quote: "a review",
  stage: "fix",
  words: "Say why",
  threads: [],
};
const failed: RunEvent = { type: "run.finished", outcome: "failed", code: "model-unreachable", message: "Away." };

/** A world in which the run of pull request #13 has come so far. */
async function worldWith(...more: RunEvent[]): Promise<World & { readonly script: RunScript }> {
  const script = recordedRuns.succeeded({ repo }).add(...more);
  const world = intakeWorld();
  const [first, ...rest] = script.events;
  if (first?.event.type !== "run.created") throw new Error("no beginning");
  await world.log.create(first.event);
  await world.log.append(
    script.state.runId,
    1,
    rest.map(({ event }) => event),
  );
  world.reader.pulls.set(13, "Closes #12");
  world.reader.pull = {
    state: "open",
    merged: false,
    branch: "b",
    into: "main",
    fork: false,
    mergeable: true,
    head: script.state.pullRequest?.head ?? first.event.base.commit,
    author: maria,
  };
  return { ...world, script };
}

interface Press {
  readonly button?: string;
  readonly of?: string;
  readonly app?: number;
  readonly sender?: object;
  readonly action?: string;
}

function payload(
  run: string,
  { button = "stop", of = `${run}:revision:40`, app = self.appId, sender, action }: Press = {},
) {
  return {
    ...issuePayload(action ?? "requested_action", sender ? { sender: { ...sender } } : {}),
    check_run: { id: 9, name: "Baton / revision", head_sha: head, external_id: of, app: { id: app } },
    requested_action: { identifier: button },
  };
}

describe("a button", () => {
  test("Stop ends a revision under way, in the name of whoever pressed it", async () => {
    const world = await worldWith(wants);
    await world.send("check_run", payload(world.script.state.runId));
    expect((await world.only()).stop).toMatchObject({ by: maria, quote: "/agent stop" });
    expect(world.publisher.kinds).toEqual([]);
  });

  test("Retry goes on with one that failed; pressed twice in one delivery's name it does so once", async () => {
    const world = await worldWith(wants, failed);
    await world.send("check_run", payload(world.script.state.runId, { button: "retry" }), "press-1");
    expect(await world.only()).toMatchObject({ phase: "working", finished: undefined });
    const { version } = await world.only();
    await world.again("press-1");
    expect((await world.only()).version).toBe(version);
  });

  test("whoever may not is told so on the pull request, once", async () => {
    const world = await worldWith(wants, failed);
    world.reader.roles = { maria: "triage" };
    await world.send("check_run", payload(world.script.state.runId, { button: "retry" }));
    await world.send("check_run", payload(world.script.state.runId, { button: "retry" }));
    expect(world.publisher.replies).toEqual([expect.objectContaining({ number: 13 })]);
    expect(world.publisher.only("refused")).toMatchObject({
      quote: "/agent retry",
      why: expect.stringContaining("triage"),
    });
    expect((await world.only()).finished).toBeDefined();
  });

  test("of a page that is old is answered as the command is", async () => {
    const world = await worldWith();
    await world.send("check_run", payload(world.script.state.runId));
    expect(world.publisher.kinds).toEqual(["nothing-running"]);
  });

  test.each<[string, Press]>([
    ["another App's check", { app: 5 }],
    ["a check of no run", { of: "build-17" }],
    ["a check that only looks like a run's", { of: "xrun-0123456789ab:revision:1" }],
    ["a run that nobody knows", { of: "run-ffffffffffff:revision:1" }],
    ["a button that there is not", { button: "approve" }],
    ["Baton itself", { sender: { login: self.login, id: 1, type: "Bot" } }],
    ["a bot that is not listed", { sender: { login: "helper[bot]", id: 5, type: "Bot" } }],
  ])("pressed by, or on, %s does nothing", async (_, press) => {
    const world = await worldWith(wants);
    const { version } = await world.only();
    await world.send("check_run", payload(world.script.state.runId, press));
    expect((await world.only()).version).toBe(version);
    expect(world.publisher.kinds).toEqual([]);
  });

  test("a run of another repository is not this one's to stop", async () => {
    const world = await worldWith(wants);
    const pressed = payload(world.script.state.runId);
    await world.send("check_run", { ...pressed, repository: { ...Object(pressed)["repository"], id: 2 } });
    expect((await world.only()).stop).toBeUndefined();
  });
});

describe("asked to run again", () => {
  test.each(["check_run", "check_suite"])(
    "a %s of Baton's says once more what it said, and nothing is run",
    async (name) => {
      const world = await worldWith();
      const { version } = await world.only();
      const check = { head_sha: head, app: { id: self.appId } };
      await world.send(name, { ...issuePayload("rerequested"), [name]: check });
      expect(world.publisher.rerun).toEqual([head]);
      expect((await world.only()).version).toBe(version);
    },
  );

  test("another App's is that App's", async () => {
    const world = await worldWith();
    await world.send("check_suite", {
      ...issuePayload("rerequested"),
      check_suite: { head_sha: head, app: { id: 5 } },
    });
    expect(world.publisher.rerun).toEqual([]);
  });
});
