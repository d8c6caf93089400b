// The sample's script reads from the conversation what comes next: resumed, begun anew, or with work already there.
import { expect, test } from "vitest";
import { issueSection } from "#src/agents/brief.ts";
import { dataBlock, newBoundary } from "#src/agents/data-block.ts";
import { sampleIssues, sampleScript } from "#src/playground/sample-script.ts";
import { artifactNames, artifactSchemas } from "#src/workflows/artifacts.ts";
import { callOf } from "#src/playground/scripted-script.ts";

/** An issue as a brief tells it. */
function told({ title, body }: { title: string; body: string }, boundary = newBoundary()): string {
  const input = { title, body, comments: [], instruction: "", dropped: [], hash: "" };
  return issueSection(input, (label, text, max) => dataBlock(boundary, label, text, max));
}

const issue = told(sampleIssues.first);
const briefly = { role: "user" as const, content: `Attempt 1 of 3\n${issue}` };

/** What the reproducer says next after these tool calls and results. */
async function next(...played: readonly { name: string; input: object; output: string }[]) {
  return await after(briefly, ...played);
}
async function after(
  brief: { role: "user"; content: string },
  ...played: readonly { name: string; input: object; output: string }[]
) {
  const messages = played.flatMap(({ name, input, output }, index) => [
    { role: "assistant" as const, content: [{ type: "tool_use", id: `t${index}`, name, input }] },
    { role: "user" as const, content: [{ type: "tool_result", tool_use_id: `t${index}`, content: output }] },
  ]);
  const request = { model: "m", max_tokens: 1, system: "# Agent: reproducer", messages: [brief, ...messages] };
  const call = callOf(request, 1, 0);
  const script = sampleScript()(call)["reproducer"];
  const turn = typeof script === "function" ? await script(call) : {};
  return (turn.tools ?? []).map(({ name, input }) => ({ name, input: input ?? {} }));
}

/** What `agent` hands in at once. */
async function handedIn(agent: string, brief: string): Promise<unknown> {
  const request = {
    model: "m",
    max_tokens: 1,
    system: `# Agent: ${agent}`,
    messages: [{ role: "user" as const, content: brief }],
  };
  const call = callOf(request, 1, 0);
  const script = sampleScript()(call)[agent];
  const turn = typeof script === "function" ? await script(call) : {};
  return turn.tools?.find(({ name }) => name === "finish")?.input;
}

const reads = (output = "") =>
  ["src/split.js", "test/split.test.js"].map((file_path) => ({ name: "read", input: { file_path }, output }));

test("step by step, by the tool results that are there", async () => {
  const first = await next();
  expect(first.map(({ name }) => name)).toEqual(["read", "read"]);
  const [edit] = await next(...reads());
  expect(edit?.name).toBe("edit");
  const edited = { name: "edit", input: edit?.input ?? {}, output: "ok" };
  const [bash] = await next(...reads(), edited);
  expect(bash?.name).toBe("bash");
  const ran = { name: "bash", input: bash?.input ?? {}, output: "999 !== 1000" };
  expect((await next(...reads(), edited, ran)).map(({ name }) => name)).toEqual(["finish"]);
  const refused = { name: "finish", input: {}, output: "not valid" };
  expect((await next(...reads(), edited, ran, refused)).map(({ name }) => name)).toEqual(["finish"]);
});

test("calls of other shapes are no steps", async () => {
  const wrong = { name: "edit", input: { surprise: true }, output: "no" };
  expect((await next(...reads(), wrong)).map(({ name }) => name)).toEqual(["edit"]);
});

test("begun anew from a summary, with the test already there: it is not written twice", async () => {
  const summary = { role: "user" as const, content: `Summary of the work so far. The issue:\n${issue}` };
  expect((await after(summary)).map(({ name }) => name)).toEqual(["read", "read"]);
  const names = (await after(summary, ...reads('test("splitEvenly loses no cent"'))).map(({ name }) => name);
  expect(names).toEqual(["bash"]);
});

test("digits of chance around an issue say nothing of it", async () => {
  const brief = `Attempt 1 of 3\n${told({ title: "Tips are rounded up", body: "By a cent." }, "972333123433300033312345")}`;
  const [only] = await after({ role: "user", content: brief });
  expect(only).toMatchObject({ name: "finish" });
});

test("the second bug is not taken for the first, whatever stands around it", async () => {
  const second = { role: "user" as const, content: `splitEvenly\n${told(sampleIssues.second, "333".repeat(8))}` };
  const [first] = await after(second);
  expect(first?.input).toEqual({ file_path: "src/money.js" });
});

test.each(artifactNames)("what it does not know it says in a valid %s", async (name) => {
  const article = name === "Lessons" || name === "Findings" ? "" : "a ";
  const brief = `Attempt 1 of 3\n\nYou work a stage. End by handing in ${article}*${name}*.\n\n${told({ title: "Tips", body: "Up." })}`;
  const input = await handedIn("somebody", brief);
  expect(artifactSchemas[name].safeParse(input)).toMatchObject({ success: true });
  expect(JSON.stringify(input)).toContain("scripted model");
});
