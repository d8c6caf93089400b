// Anything, over real HTTP: an orchestrator whose agents change something ends in a draft pull request, one whose agents only look in a report.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { firstDifference } from "#src/engine/agree.ts";
import type { AgentScript, ScriptedCall } from "#src/playground/scripted-model.ts";
import { askToDo } from "#test/support/asked-to-do.ts";
import { openWorld, type World } from "#test/support/baton-world.ts";
import { turn, use } from "#test/support/conducted-play.ts";

const titles = ["Work done", "Files", "Next steps", "Blockers", "Status"];

/** Conducts one builder, or one scout, to the end. */
const conduct = (changes: boolean): AgentScript => [
  [
    turn(
      use("create_agent", {
        name: "hand",
        agent: changes ? "builder" : "scout",
        hands_in: changes ? "change" : "report",
      }),
      use("command_agent", { name: "hand", command: "Say hello in HELLO.md." }),
    ),
    turn(use("check_agent_status", { names: ["hand"], wait_seconds: 60 })),
    ...(changes ? [turn(use("merge_work", { name: "hand" }))] : []),
    turn(
      use("finish", {
        summary: changes ? "It says hello now." : "There are two loaders.",
        sections: changes ? [] : [{ title: "Loaders", body: "src/a.js:1 and src/b.js:2" }],
        files: [],
        followUps: [],
      }),
    ),
  ],
];
const builder: AgentScript = [
  [
    turn(use("write", { file_path: "HELLO.md", content: "Hello.\n" })),
    turn(use("finish", { summary: "Said hello.", files: ["HELLO.md"], followUps: [] })),
  ],
];
const scout: AgentScript = [[turn(use("finish", { summary: "Two loaders.", sections: [] }))]];
const reviewer: AgentScript = [[turn(use("finish", { verdict: "approve", findings: [] }))]];
const reporter: AgentScript = [
  [turn(use("finish", { summary: "Hello is said.", sections: titles.map((title) => ({ title, body: "None." })) }))],
];

let world: World;

beforeAll(async () => {
  world = await openWorld();
}, 60_000);

afterAll(async () => world[Symbol.asyncDispose]());

describe("/agent do", () => {
  test("ends in a draft pull request with what its agents changed", async () => {
    const { end, state, pulls, events } = await askToDo(world, "doing", "/agent do say hello", {
      orchestrator: conduct(true),
      builder,
      reviewer,
    });
    expect(state.finished).toMatchObject({ outcome: "succeeded" });
    expect(pulls).toHaveLength(1);
    expect(pulls[0]).toMatchObject({ body: expect.stringContaining("It says hello now.") });
    expect(end).toContain("draft pull request");
    expect(state.stages.get("conduct")?.current?.artifact).toMatchObject({ value: { files: ["HELLO.md"] } });
    expect(firstDifference(events)).toBeUndefined();
  });

  test("ends in a report where nothing was changed", async () => {
    const { end, state, pulls } = await askToDo(world, "looking", "/agent do count the loaders", {
      orchestrator: conduct(false),
      scout,
    });
    expect(state.finished).toMatchObject({ outcome: "succeeded" });
    expect(pulls).toEqual([]);
    expect(end).toContain("There are two loaders.");
    expect(end).toContain("#### Loaders");
    expect(
      world.model.calls.filter(({ agent, brief }) => agent === "reviewer" && brief.includes("octo/looking")),
    ).toEqual([]);
  });
});

test("agents at work side by side agree by notes, and one waits for the other's lock", async () => {
  const partner = { agent: "partner", hands_in: "change" };
  const isFirst = ({ brief }: ScriptedCall) => brief.includes("You are the first.");
  const scripts = {
    first: [
      turn(use("lock_paths", { paths: ["HELLO.md"] })),
      turn(use("note_write", { key: "greeting", value: "Good day.", if_version: 0 })),
      turn(use("note_watch", { keys: ["second"], after_version: 0, seconds: 60 })),
      turn(use("write", { file_path: "HELLO.md", content: "Good day.\n" })),
      turn(use("unlock_paths")),
      turn(use("finish", { summary: "Said good day.", files: ["HELLO.md"], followUps: [] })),
    ],
    second: [
      turn(use("note_watch", { keys: ["greeting"], after_version: 0, seconds: 60 })),
      turn(
        use("note_write", { key: "greeting", value: "Hi.", if_version: 0 }),
        use("lock_paths", { paths: ["*.md"], seconds: 0 }),
        use("note_write", { key: "second", value: "waits" }),
      ),
      turn(use("lock_paths", { paths: ["*.md"], seconds: 60 })),
      turn(use("write", { file_path: "docs/HELLO.md", content: "Good day.\n" })),
      turn(use("finish", { summary: "Said it there too.", files: ["docs/HELLO.md"], followUps: [] })),
    ],
  };
  const { state, pulls, events } = await askToDo(world, "agreeing", "/agent do say hello twice", {
    orchestrator: [
      [
        turn(use("create_agent", { name: "first", ...partner }), use("create_agent", { name: "second", ...partner })),
        turn(
          use("command_agent", { name: "first", command: "You are the first." }),
          use("command_agent", { name: "second", command: "You are the second." }),
        ),
        turn(use("check_agent_status", { names: ["first"], wait_seconds: 60 })),
        turn(use("check_agent_status", { names: ["second"], wait_seconds: 60 })),
        turn(use("merge_work", { name: "first" }), use("merge_work", { name: "second" })),
        turn(use("finish", { summary: "It says hello twice.", sections: [], files: [], followUps: [] })),
      ],
    ],
    partner: (asked) => (isFirst(asked) ? scripts.first : scripts.second)[asked.turn - 1] ?? turn(),
    reviewer,
  });
  expect(state.finished).toMatchObject({ outcome: "succeeded" });
  expect(pulls).toHaveLength(1);
  expect(state.stages.get("conduct")?.current?.artifact).toMatchObject({
    value: { files: ["HELLO.md", "docs/HELLO.md"] },
  });
  expect(state.talk.notes.get("greeting")).toMatchObject({ value: "Good day.", by: "conduct:first" });
  const locks = events.flatMap(({ event }) =>
    event.type.startsWith("lock.") && "stage" in event ? [`${event.type} ${event.stage}`] : [],
  );
  expect(locks).toEqual([
    "lock.asked conduct:first",
    "lock.granted conduct:first",
    "lock.asked conduct:second",
    "lock.deferred conduct:second",
    "lock.released conduct:first",
    "lock.granted conduct:second",
  ]);
  const told = JSON.stringify(
    world.model.calls
      .filter(({ agent, brief }) => agent === "partner" && !brief.includes("first."))
      .map((call) => call.toolResults),
  );
  expect(told).toContain("is at version 1 now, by conduct:first");
  expect(firstDifference(events)).toBeUndefined();
});

test("/agent background is answered by a report of five sections", async () => {
  const { end, state, pulls } = await askToDo(world, "aside", "/agent background say hello", {
    orchestrator: conduct(true),
    builder,
    reporter,
  });
  expect(state.finished).toMatchObject({ outcome: "succeeded" });
  expect([...end.matchAll(/^#### (.*)$/gm)].map(([, title]) => title)).toEqual(titles);
  expect(pulls).toHaveLength(1);
});
