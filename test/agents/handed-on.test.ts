// What an agent gets of the results before it, and what it reads only when it asks.
import { describe, expect, test } from "vitest";
import { handOn, READ_ARTIFACT, withArtifacts } from "#src/agents/handed-on.ts";
import { noTools } from "#src/agents/session.ts";
import type { Artifact } from "#src/workflows/artifacts.ts";

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
const plan: Artifact = {
  name: "Plan",
  value: { summary: "s".repeat(4_000), tasks: [], risks: [], questions: [] },
};

describe("a result", () => {
  test("that is short is shown whole, and so is a plan, however long", () => {
    expect(handOn({ stage: "scout", artifact: short })).toMatchObject({ whole: true });
    expect(handOn({ stage: "plan", artifact: plan })).toMatchObject({ whole: true });
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
