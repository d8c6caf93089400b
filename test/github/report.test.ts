// What a run says at its end that an orchestrator conducted, by Baton's own workflows: a report, a pull request, or both.
import { describe, expect, test } from "vitest";
import { createRedact } from "#src/core/redact.ts";
import { firstDifference } from "#src/engine/agree.ts";
import { fold } from "#src/engine/fold.ts";
import type { State } from "#src/engine/state.ts";
import { renderEnding } from "#src/github/ending-comment.ts";
import { createNeutral } from "#src/github/neutral.ts";
import { stageLines } from "#src/github/stages.ts";
import { createLibrary } from "#src/workflows/load.ts";
import type { Artifact } from "#src/workflows/artifacts.ts";
import { CountingPublisher } from "#test/support/engine-world.ts";
import { FleetAgents, fleetWorld, type FleetTurn, type Script } from "#test/support/fleet-world.ts";

const library = await createLibrary();
const neutral = createNeutral(createRedact([]));
const never = new AbortController().signal;

const conclusion = (files: string[], sections: { title: string; body: string }[]): Artifact => ({
  name: "Conclusion",
  value: { summary: "It came to its end.", sections, files, followUps: [] },
});
const titles = ["Work done", "Files", "Next steps", "Blockers", "Status"];
const report = (names: readonly string[]): Artifact => ({
  name: "Report",
  value: { summary: "In short.", sections: names.map((title) => ({ title, body: `About ${title}.` })) },
});
const build: FleetTurn = async (fleet) => {
  await fleet.create({ id: "builder", agent: "builder", makes: "Change", instructions: "", fromConflict: false });
  await fleet.command("builder", "build");
  await fleet.wait(["builder"], 60_000, never);
  await fleet.merge("builder", never);
};

async function ended(name: string, scripts: Record<string, Script[]>) {
  const agents = new FleetAgents(scripts);
  const publisher = new CountingPublisher();
  const workflows = { load: () => library.workflows.load(name), names: () => [name] };
  const { go, events } = await fleetWorld(agents, { publisher, workflows }, { workflow: name });
  const state: State = await go();
  expect(firstDifference(await events())).toBeUndefined();
  return {
    state,
    publisher,
    agents,
    ending: renderEnding(state, { neutral, links: { serverUrl: "https://github.com" }, card: undefined }),
  };
}

const approve: Script = { end: { name: "Review", value: { verdict: "approve", findings: [] } } };

describe("anything", () => {
  test("shows on the card, while it is conducted, how each agent stands", async () => {
    const agents = new FleetAgents({ conduct: [{ turns: [build], end: conclusion([], []) }] });
    const { go, events } = await fleetWorld(agents);
    await go();
    const recorded = await events();
    const at = (type: string) => recorded.findIndex(({ event }) => event.type === type) + 1;
    const text = (length: number) => stageLines(fold(recorded.slice(0, length)), neutral)[0]?.text;
    expect(text(at("agent.created"))).toContain("1 agent (builder created)");
    expect(text(at("agent.commanded"))).toContain("1 agent (builder executing)");
    expect(text(recorded.length)).not.toContain("agent");
  });

  test("that changed nothing is answered by its report, and nothing is verified or published", async () => {
    const sections = [{ title: "What was found", body: "Three loaders." }];
    const { state, publisher, agents, ending } = await ended("do", {
      conduct: [{ end: conclusion([], sections) }],
    });
    expect(state.finished).toMatchObject({ outcome: "succeeded" });
    expect(publisher.opened).toBe(0);
    expect(agents.tasks.map(({ stage }) => stage)).toEqual(["conduct"]);
    expect(["verify", "review", "publish"].map((name) => state.stages.get(name)?.current?.skipped?.because)).toEqual(
      Array.from({ length: 3 }, () => "condition"),
    );
    expect(
      stageLines(state, neutral)
        .slice(1)
        .map(({ text }) => text),
    ).toEqual(Array.from({ length: 3 }, () => "passed over: nothing was changed"));
    expect(ending).toContain("It came to its end.");
    expect(ending).toContain("#### What was found");
  });

  test("that changed something is verified, reviewed and published, with the report where there is one", async () => {
    const sections = [{ title: "What was found", body: "Three loaders." }];
    const changed = (parts: typeof sections) =>
      ended("do", {
        conduct: [{ turns: [build], end: conclusion(["src/a.js"], parts) }],
        review: [approve],
      });
    const { state, publisher, ending } = await changed(sections);
    expect(state.finished).toMatchObject({ outcome: "succeeded" });
    expect(publisher.opened).toBe(1);
    expect(ending).toContain("draft pull request");
    expect(ending).toContain("#### What was found");
    // What a change comes to is said in the pull request.
    expect((await changed([])).ending).not.toContain("It came to its end.");
  });
});

describe("the background", () => {
  test("is answered by a report of five sections, also beside a pull request", async () => {
    const { state, publisher, ending } = await ended("background", {
      conduct: [{ turns: [build], end: conclusion(["src/a.js"], []) }],
      report: [{ end: report(titles) }],
    });
    expect(state.finished).toMatchObject({ outcome: "succeeded" });
    expect(publisher.opened).toBe(1);
    expect([...(ending ?? "").matchAll(/^#### (.*)$/gm)].map(([, title]) => title)).toEqual(titles);
    const quiet = await ended("background", {
      conduct: [{ end: conclusion([], []) }],
      report: [{ end: report(titles) }],
    });
    expect(quiet.publisher.opened).toBe(0);
    expect(quiet.ending).toContain("#### Blockers");
  });

  test("a report of another form is written again, and at last the run fails", async () => {
    const { state, agents } = await ended("background", {
      conduct: [{ end: conclusion([], []) }],
      report: [{ end: report(titles.slice(1)) }, { end: report([...titles, "Thanks"]) }, { end: report(titles) }],
    });
    expect(state.finished).toMatchObject({ outcome: "succeeded" });
    expect(agents.tasks.filter(({ stage }) => stage === "report")).toHaveLength(3);
    const never = Array.from({ length: 3 }, (): Script => ({ end: report(["All of it"]) }));
    const failed = await ended("background", { conduct: [{ end: conclusion([], []) }], report: never });
    expect(failed.state.finished).toMatchObject({ outcome: "failed" });
  });
});
