// What an agent may hand in: a plan that cannot be worked is told what is wrong with it.
import { expect, test } from "vitest";
import { readFinish } from "#src/agents/finish.ts";
import { schemaOf } from "#src/agents/schema-of.ts";

const task = (id: string, needs: string[]) => ({
  id,
  title: id,
  instructions: "do it",
  needs,
  claims: [`src/${id}.ts`],
  acceptance: "done",
});
const handIn = (...tasks: object[]) =>
  readFinish(schemaOf("Plan"), { summary: "a plan", tasks, risks: [], questions: [] });

test("a plan whose tasks can be worked is taken", () => {
  expect(handIn(task("a", []), task("b", ["a"])).type).toBe("valid");
});

test.each([
  ["a circle, spelled out", [task("a", ["b"]), task("b", ["a"])], "a → b → a"],
  ["a need that is no task", [task("a", ["c"])], 'needs "c", which is not a task'],
  ["two tasks of one name", [task("a", []), task("a", [])], "2 tasks have the id"],
])("%s is refused in words", (_, tasks, words) => {
  const read = handIn(...tasks);
  expect(read.type === "invalid" ? read.problems : "").toContain(words);
});

test("what is not a plan has its own schema and no more", () => {
  expect(readFinish(schemaOf("Review"), { verdict: "approve", findings: [] }).type).toBe("valid");
});
