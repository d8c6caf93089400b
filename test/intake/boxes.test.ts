// Ticks in the dashboard: the command of the box, by whoever ticks it; and what nobody offered does nothing.
import { describe, expect, test } from "vitest";
import { boxLine } from "#src/engine/boxes.ts";
import { askedRun } from "#test/support/asked-run.ts";
import { intakeWorld, issuePayload, maria, self, type World } from "#test/support/intake-world.ts";
import { recordedRuns, type RunScript } from "#test/support/recorded-run.ts";
import { created } from "#test/support/engine-world.ts";

const own = { login: self.login, id: 41, type: "Bot" };
const mark = "<!-- baton:dashboard:0 -->\n\n";
const drawn = (names: readonly string[], box = " ") =>
  mark + names.map((name) => boxLine(name, "something").replace("[ ]", `[${box}]`)).join("\n");

/** An edit of the dashboard, by maria, in which these boxes are ticked. */
function ticked(names: readonly string[], change: { sender?: object; author?: object; body?: string } = {}) {
  const { sender, author = own, body = drawn(names, "x") } = change;
  return {
    ...issuePayload("edited", {
      issue: { number: 40, user: author, body },
      ...(sender ? { sender: { ...sender } } : {}),
    }),
    changes: { body: { from: drawn(names) } },
  };
}

async function worldOf(script: Pick<RunScript, "events"> | undefined, offered: readonly string[]): Promise<World> {
  const world = intakeWorld({ workflows: { names: () => ["bug"], load: () => Promise.resolve(undefined) } });
  world.dashboards.offered.push(...offered);
  const [first, ...rest] = script?.events ?? [];
  if (first?.event.type === "run.created") {
    await world.log.create(first.event);
    await world.log.append(
      first.event.runId,
      1,
      rest.map(({ event }) => event),
    );
  }
  return world;
}

describe("a tick", () => {
  test("starts the issue it is about, with its text as it is now, and has the text drawn anew", async () => {
    const world = await worldOf(undefined, ["start:12"]);
    await world.send("issues", ticked(["start:12"]), "tick-1");
    const { created: first } = await world.only();
    expect(first).toMatchObject({ subject: { number: 12 }, input: { title: "edited since" } });
    expect(first.request).toMatchObject({ door: "box", by: maria, quote: "/agent fix" });
    expect(world.dashboards.spoiled).toEqual([1]);
    await world.again("tick-1");
    expect(await world.runs()).toHaveLength(1);
  });

  test("retries the run it names", async () => {
    const script = recordedRuns.failed();
    const box = `retry:${script.state.runId}`;
    const world = await worldOf(script, [box]);
    await world.send("issues", ticked([box]));
    expect(await world.only()).toMatchObject({ phase: "working", finished: undefined });
  });

  test("approves the plan it names, and no other", async () => {
    const asked = await askedRun();
    const { runId } = await asked.go();
    const events = await asked.events();
    const right = `approve:ask:${runId}:approve:1`;
    const wrong = `approve:ask:${runId}:approve:2`;
    for (const [box, verdict] of [
      [wrong, undefined],
      [right, "approved"],
    ] as const) {
      const world = await worldOf({ events }, [box]);
      world.reader.roles = { maria: "maintain" };
      await world.send("issues", ticked([box]));
      const { said } = (await world.only()).stages.get("approve")?.current ?? {};
      expect([box, said?.type === "plan.judged" ? said.verdict : undefined]).toEqual([box, verdict]);
    }
  });

  test("several in one edit are each carried out", async () => {
    const script = recordedRuns.failed({ subject: { ...created().subject, number: 13 } });
    const boxes = ["start:12", `retry:${script.state.runId}`];
    const world = await worldOf(script, boxes);
    const note = await world.send("issues", ticked(boxes));
    expect([note, (await world.runs(12)).length, (await world.runs(13))[0]?.phase]).toEqual([
      expect.stringContaining("#13"),
      1,
      "working",
    ]);
  });
});

describe("nothing comes of", () => {
  const no = async (world: World, payload: unknown) => {
    const before = (await world.runs()).map(({ version }) => version);
    await world.send("issues", payload);
    expect((await world.runs()).map(({ version }) => version)).toEqual(before);
  };

  test("a box that was not offered, whatever stands in the text", async () => {
    const world = await worldOf(undefined, ["start:13"]);
    await no(world, ticked(["start:12"]));
    await no(world, ticked([], { body: `${mark}${boxLine("start:12", "mine").replace("[ ]", "[x]")}` }));
    expect([world.publisher.kinds, world.dashboards.spoiled]).toEqual([[], [1, 1]]);
  });

  test("a run of another repository", async () => {
    const script = recordedRuns.failed({ repo: { ...created().repo, id: 2 } });
    const box = `retry:${script.state.runId}`;
    const world = await worldOf(script, [box]);
    await world.send("issues", ticked([box]));
    expect((await world.log.read(script.state.runId)).at(-1)?.event.type).toBe("run.finished");
  });

  test("an issue of somebody else's that looks like it", async () => {
    const world = await worldOf(undefined, ["start:12"]);
    await no(world, ticked(["start:12"], { author: { ...maria, type: "User" } }));
    expect(world.dashboards.spoiled).toEqual([]);
  });

  test.each<[string, object]>([
    ["Baton itself", own],
    ["a bot", { login: "helper[bot]", id: 5, type: "Bot" }],
  ])("a tick by %s", async (_, sender) => {
    const world = await worldOf(undefined, ["start:12"]);
    await no(world, ticked(["start:12"], { sender }));
    expect(world.publisher.kinds).toEqual([]);
  });

  test.each([
    ["start:12", "triage", "/agent fix"],
    ["approve", "write", "/agent approve"],
  ] as const)("%s by somebody with the role %s, who is told so once on that issue", async (what, role, quote) => {
    const asked = await askedRun();
    const { runId } = await asked.go();
    const box = what === "approve" ? `approve:ask:${runId}:approve:1` : what;
    const world = await worldOf(what === "approve" ? { events: await asked.events() } : undefined, [box]);
    world.reader.roles = { maria: role };
    await no(world, ticked([box]));
    await no(world, ticked([box]));
    expect(world.publisher.replies).toEqual([expect.objectContaining({ number: 12 })]);
    expect(world.publisher.only("refused")).toMatchObject({ quote, why: expect.stringContaining(role) });
    expect(world.dashboards.spoiled).toEqual([1, 1]);
  });
});

test.each(["closed", "reopened", "edited"])(
  "it is looked at again when it is %s, and no run hears of it",
  async (action) => {
    const world = await worldOf(undefined, []);
    const note = await world.send("issues", issuePayload(action, { issue: { number: 40, user: own, body: mark } }));
    expect([note, world.dashboards.spoiled]).toEqual(["dashboard: is drawn anew", [1]]);
  },
);

test("a config says whether there is one", async () => {
  const world = await worldOf(undefined, []);
  await world.send("issues", issuePayload("opened"));
  expect(world.dashboards.wanted).toEqual(new Map([[1, false]]));
  world.reader.files[".github/baton.yml"] = "dashboard: true";
  await world.send("issues", issuePayload("opened", { issue: { number: 13 } }));
  expect(world.dashboards.wanted).toEqual(new Map([[1, true]]));
});
