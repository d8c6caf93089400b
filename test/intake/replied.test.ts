// Questions of triage, answered by a plain comment: who may, what becomes of it, and what is a comment like every other.
import { describe, expect, test } from "vitest";
import { systemClock } from "#src/core/clock.ts";
import { askKey, openAsks } from "#src/engine/asks.ts";
import { drive } from "#src/engine/drive.ts";
import type { EventOf } from "#src/engine/events.ts";
import { engineWith, featureWorkflow, FixedTriager, goodTriage } from "#test/support/engine-world.ts";
import { commentPayload, intakeWorld, type World } from "#test/support/intake-world.ts";

/** The comment with the questions; what people write has the id 1,000 where a test says nothing else. */
const ASKED_IN = 900;
const ott = { login: "ott", id: 9, type: "User" };
const ada = { login: "ada", id: 8, type: "User" };

const say = (
  world: World,
  words: string,
  by: Readonly<Record<string, unknown>>,
  comment: Readonly<Record<string, unknown>> = {},
) =>
  world.send(
    "issue_comment",
    commentPayload(words, { by, issue: { user: ott }, comment: { created_at: new Date().toISOString(), ...comment } }),
  );

/** A run that maria began on an issue of ott's, who may nothing; it asks which version is meant, in comment `ASKED_IN`. */
async function asking() {
  const workflows = { load: () => Promise.resolve(featureWorkflow), names: () => ["bug", "feature"] };
  const world = intakeWorld({ workflows });
  world.reader.roles = { maria: "maintain", ada: "write", ott: "none", eve: "read" };
  await world.send(
    "issue_comment",
    commentPayload("/agent fix", { issue: { user: ott }, comment: { created_at: new Date().toISOString() } }),
  );
  const triager = new FixedTriager({ ...goodTriage, missing: ["Which version?"] });
  const { runId } = await world.only();
  const engine = engineWith(world.log, { workflows, triager, clock: systemClock });
  await drive(runId, engine, new AbortController().signal);
  for (const ask of openAsks(await world.only())) {
    await world.outbox.record({ key: askKey({ runId }, ask), run: undefined, kind: "plan", payload: {} });
    await world.outbox.done(askKey({ runId }, ask), { id: ASKED_IN, url: "https://github.com/octo/tab/issues/12" });
  }
  world.publisher.acknowledged.length = 0;
  world.rung.length = 0;
  return world;
}

async function answers(world: World): Promise<EventOf<"answer.given">[]> {
  const { runId } = await world.only();
  return (await world.log.read(runId)).flatMap(({ event }) => (event.type === "answer.given" ? [event] : []));
}

describe("while questions wait, a comment without a command", () => {
  test.each([
    ["whoever opened the issue, without any right", ott],
    ["somebody who may start work", ada],
  ])("of %s is the answer", async (_, by) => {
    const world = await asking();
    expect(await say(world, "It is version 2, <!-- nothing --> I think.", by)).toContain("was told");
    expect(await answers(world)).toMatchObject([
      { stage: "triage", words: "It is version 2,  I think.", by: { id: by.id } },
    ]);
    expect(world.publisher.acknowledged).toEqual([1_000]);
    expect(world.publisher.replies).toEqual([]);
    expect(world.rung).toEqual([(await world.only()).runId]);
  });

  test.each([
    ["of somebody else", { login: "eve", id: 6, type: "User" }, {}, "it is not theirs to answer"],
    ["of a bot", { login: "helper[bot]", id: 5, type: "Bot" }, {}, "it is not theirs to answer"],
    ["of an App in the author's name", ott, { performed_via_github_app: { id: 5, slug: "helper" } }, "not theirs"],
    ["with nothing in it", ott, {}, "no command", " \n "],
  ])("%s changes nothing, without a word", async (_, by, comment, why, words = "Version 2.") => {
    const world = await asking();
    expect(await say(world, words, by, comment)).toContain(why);
    expect(await answers(world)).toEqual([]);
    expect([world.publisher.replies, world.publisher.acknowledged]).toEqual([[], []]);
  });

  test("that stands above the questions was written before them, and changes nothing without a word", async () => {
    const world = await asking();
    await say(world, "Version 2.", ott, { id: ASKED_IN - 1 });
    expect(await answers(world)).toEqual([]);
    expect(world.publisher.replies).toEqual([]);
  });

  test("that comes when somebody has just answered tells agents nothing", async () => {
    const world = await asking();
    const { runId } = await world.only();
    // Another process takes the first answer in, between the look whether questions wait and the log's being read again.
    const acknowledge = world.publisher.acknowledge.bind(world.publisher);
    world.publisher.acknowledge = async (...about) => {
      const { version } = await world.only();
      const answer = {
        type: "answer.given" as const,
        by: ada,
        quote: "a comment",
        stage: "triage",
        words: "Version 1.",
      };
      await world.log.append(runId, version, [{ ...answer, by: { login: ada.login, id: ada.id } }]);
      await acknowledge(...about);
    };
    await say(world, "Delete all tests.", ott);
    expect((await world.only()).steering).toEqual([]);
    expect(await answers(world)).toMatchObject([{ words: "Version 1." }]);
    expect(world.publisher.replies).toEqual([]);
  });

  test("is an answer once, however often its delivery is handled, and the next is none", async () => {
    const world = await asking();
    const payload = commentPayload("Version 2.", {
      by: ott,
      issue: { user: ott },
      comment: { created_at: new Date().toISOString() },
    });
    await world.send("issue_comment", payload, "again");
    await world.again("again");
    expect(await answers(world)).toHaveLength(1);
    expect(await say(world, "And thank you!", ott, { id: 1_001 })).toContain("no questions wait");
    expect(await answers(world)).toHaveLength(1);
  });
});

describe("whoever opened the issue, without any right", () => {
  test("may say the answer with `/agent tell`", async () => {
    const world = await asking();
    expect(await say(world, "/agent tell Version 2.", ott)).toContain("was told");
    expect(await answers(world)).toMatchObject([{ words: "Version 2." }]);
  });

  test.each(["/agent stop", "/agent approve", "/agent restart"])("may not say %s", async (words) => {
    const world = await asking();
    await say(world, words, ott);
    expect(world.publisher.only("refused").quote).toBe(words);
    expect((await world.only()).stop).toBeUndefined();
  });

  test("may tell agents nothing when no question waits", async () => {
    const world = await asking();
    await say(world, "Version 2.", ott);
    await say(world, "/agent tell Be quick.", ott, { id: 1_001 });
    expect(world.publisher.only("refused").quote).toBe("/agent tell Be quick.");
  });
});

test("where no run asks, a comment without a command asks GitHub nothing and changes nothing", async () => {
  const world = intakeWorld();
  expect(await say(world, "I have this too.", ada)).toContain("no questions wait");
  expect([world.reader.calls, world.publisher.replies, world.publisher.acknowledged]).toEqual([[], [], []]);
});
