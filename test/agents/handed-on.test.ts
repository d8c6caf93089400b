// What an agent gets of the results before it, and what it reads only when it asks.
import { describe, expect, test } from "vitest";
import { writeBrief } from "#src/agents/brief.ts";
import { handOn, READ_ARTIFACT, ROOM, withArtifacts } from "#src/agents/handed-on.ts";
import { noTools } from "#src/agents/session.ts";
import type { Artifact } from "#src/workflows/artifacts.ts";
import { newTask } from "./task.ts";

const signal = new AbortController().signal;
const short: Artifact = {
  name: "Report",
  value: { summary: "All is well.", sections: [{ title: "One", body: "short" }] },
};
const long: Artifact = {
  name: "Report",
  value: {
    summary: "Much was found.",
    sections: [
      { title: "First", body: "a".repeat(4_000) },
      { title: "Second", body: "the telling detail" },
    ],
  },
};
const plan = (tasks: number, each: number): Artifact => ({
  name: "Plan",
  value: {
    summary: "Sixteen steps.",
    tasks: Array.from({ length: tasks }, (_, at) => ({
      id: `task-${at}`,
      title: `Title ${at}`,
      instructions: "x".repeat(each),
      needs: [],
      claims: [`src/${at}/**`],
      acceptance: `acceptance of ${at}`,
    })),
    risks: [],
    questions: [],
  },
});
const conclusion: Artifact = {
  name: "Conclusion",
  value: {
    summary: "It is done.",
    sections: Array.from({ length: 6 }, (_, at) => ({ title: `Section ${at}`, body: "y".repeat(5_000) })),
    files: [],
    followUps: [],
  },
};
const briefOf = (...inputs: { stage: string; artifact: Artifact }[]) =>
  writeBrief(newTask({ inputs }), { commands: {}, guides: [], patch: undefined }, "b".repeat(24));

const excerpt: Artifact = {
  name: "Excerpt",
  value: {
    of: "plan",
    parts: Array.from({ length: 10 }, (_, at) => ({ path: `plan.part${at}`, value: `${at}`.repeat(6_000) })),
  },
};

describe("a result", () => {
  test("that was picked in parts is named part by part, and each can be read", async () => {
    expect(briefOf({ stage: "pick", artifact: excerpt })).toContain("10. plan.part9");
    const reading = withArtifacts(noTools, [{ stage: "pick", artifact: excerpt }]);
    for (let part = 1; part <= 10; part += 1) {
      const { output } = await reading.call({ id: "1", name: READ_ARTIFACT, input: { stage: "pick", part } }, signal);
      expect(output).toContain(`${part - 1}`.repeat(6_000));
    }
  });

  test("that is short is shown whole, and so is a plan that fits", () => {
    expect(handOn({ stage: "scout", artifact: short })).toMatchObject({ whole: true });
    const { whole } = handOn({ stage: "plan", artifact: plan(9, 1_500) });
    expect(whole).toBe(true);
    const brief = briefOf({ stage: "plan", artifact: plan(9, 1_500) });
    expect(brief.split("x".repeat(1_500))).toHaveLength(10);
    expect(brief).not.toContain(READ_ARTIFACT);
  });

  test("that does not fit is shown without a hole: every task with its acceptance, every section, and the tool for the rest", () => {
    const brief = briefOf({ stage: "plan", artifact: plan(16, 1_500) }, { stage: "conduct", artifact: conclusion });
    for (let at = 0; at < 16; at += 1)
      expect(brief).toContain(`task-${at}: Title ${at}. Done when: acceptance of ${at}`);
    for (let at = 0; at < 6; at += 1) expect(brief).toContain(`Section ${at}`);
    expect(brief).toContain(`\`${READ_ARTIFACT}\` with the stage \`plan\``);
    expect(brief).toContain(`\`${READ_ARTIFACT}\` with the stage \`conduct\``);
  });

  test("of very many long parts names each of them, in the room there is", () => {
    const many = plan(50, 1_500);
    if (many.name !== "Plan") throw new Error(many.name);
    for (const task of many.value.tasks) task.acceptance = "z".repeat(1_000);
    many.value.summary = "s".repeat(9_000);
    const { text } = handOn({ stage: "plan", artifact: many });
    expect(text.length).toBeLessThanOrEqual(ROOM);
    for (let at = 0; at < 50; at += 1) expect(text).toContain(`task-${at}: Title ${at}`);
  });

  test("that is long is shown by its summary and the titles of its parts", () => {
    const { text, whole } = handOn({ stage: "scout", artifact: long });
    expect(whole).toBe(false);
    expect(text).toBe("Much was found.\n1. First\n2. Second");
  });
});

describe("the tool", () => {
  const tools = withArtifacts(noTools, [
    { stage: "scout:tests", artifact: long },
    { stage: "scout:code", artifact: short },
  ]);
  const read = (input: unknown) => tools.call({ id: "1", name: READ_ARTIFACT, input }, signal);

  test("is there only where something was shown in short", () => {
    expect(tools.declarations.map(({ name }) => name)).toEqual([READ_ARTIFACT]);
    expect(withArtifacts(noTools, [{ stage: "scout:code", artifact: short }]).declarations).toEqual([]);
  });

  test("reads one task of a plan, and one section of a conclusion", async () => {
    const both = withArtifacts(noTools, [
      { stage: "plan", artifact: plan(16, 1_500) },
      { stage: "conduct", artifact: conclusion },
    ]);
    const part = async (stage: string) =>
      await both.call({ id: "1", name: READ_ARTIFACT, input: { stage, part: 2 } }, signal);
    expect(await part("plan")).toMatchObject({ ok: true, output: expect.stringContaining('"task-1"') });
    expect(await part("conduct")).toMatchObject({ ok: true, output: expect.stringContaining('"Section 1"') });
  });

  test("reads one part, or the whole", async () => {
    expect(await read({ stage: "scout:tests", part: 2 })).toMatchObject({
      ok: true,
      output: expect.stringContaining("telling detail"),
    });
    const { output } = await read({ stage: "scout:tests" });
    expect(output).toContain("aaaa");
    expect(output).toContain("telling detail");
  });

  test.each([
    [{ stage: "scout:code" }],
    [{ stage: "nobody" }],
    [{}],
    [{ stage: "scout:tests", part: 9 }],
    ["scout:tests"],
    [null],
  ])("says no to %j, and what there is", async (input) => {
    const { ok, output } = await read(input);
    expect(ok).toBe(false);
    expect(output).toContain("scout:tests");
  });

  test("leaves other calls to the tools it stands beside", async () => {
    expect(await tools.call({ id: "1", name: "bash", input: {} }, signal)).toMatchObject({ ok: false });
  });
});
