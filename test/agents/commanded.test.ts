// An agent that is commanded again: where the command stands in its conversation, and how its last reply is answered, however that ended.
import { expect, test } from "vitest";
import { sinceCommand } from "#src/agents/commanded.ts";
import { messagesOf, readExchanges } from "#src/agents/transcript.ts";
import type { Command, Turn } from "#src/engine/ports.ts";
import { turn } from "#test/support/engine-world.ts";

type Block = NonNullable<Turn["exchange"]>["reply"][number];
type Tool = Turn["tools"][number];

const OPENING = "Attempt 1 of 1\nLook.";
const call = (id: string, name: string): Block => ({ type: "tool_use", id, name, input: {} });
const tool = (name: string, ok: boolean, output: string): Tool => ({ name, input: "", ok, output, seconds: 0 });
const command = (after: number, words: string, more: Partial<Command> = {}): Command => ({
  session: 1,
  after,
  words,
  failure: undefined,
  ...more,
});

function said(number: number, reply: Block[], tools: Tool[], answer?: Block[]): Turn {
  return { ...turn(number), tools, exchange: { reply, stopReason: "tool_use", ...(answer ? { answer } : {}) } };
}

/** The blocks of the last user message when these turns are gone on with. */
function lastOf(turns: readonly Turn[], commands: readonly Command[]): Record<string, unknown>[] {
  const read = readExchanges(OPENING, turns, commands);
  const { content } = messagesOf({ role: "user", content: OPENING }, read?.exchanges ?? []).at(-1) ?? { content: "" };
  if (typeof content === "string") throw new Error("no message");
  return content.map((block) => ({ ...block }));
}

const handedIn = said(
  1,
  [call("a", "bash"), call("b", "finish")],
  [tool("bash", true, "ls"), tool("finish", true, "accepted")],
);

test("what was handed in is accepted, every call is answered, and the command stands behind as data", () => {
  const [bash, finish, text] = lastOf([handedIn], [command(1, "now this")]);
  expect(bash).toEqual({ type: "tool_result", tool_use_id: "a", content: "ls" });
  expect(finish).toEqual({ type: "tool_result", tool_use_id: "b", content: "accepted" });
  expect(text).toMatchObject({
    type: "text",
    text: expect.stringMatching(/accepted[^]*----- data [0-9a-f]{24}: command -----\nnow this\n/),
  });
});

test("the same is said in the same words by whichever process says it, and other words have another boundary", () => {
  const twice = [1, 2].map(() => JSON.stringify(lastOf([handedIn], [command(1, "now this")])));
  expect(twice[0]).toBe(twice[1]);
  const boundary = (words: string) =>
    /data ([0-9a-f]{24})/.exec(JSON.stringify(lastOf([handedIn], [command(1, words)])))?.[1];
  expect(boundary("one")).not.toBe(boundary("two"));
});

test("one that was interrupted had been answered: the command comes behind that answer", () => {
  const interrupted = said(
    1,
    [call("a", "bash")],
    [tool("bash", false, "ended")],
    [{ type: "tool_result", tool_use_id: "a", content: "ended", is_error: true }],
  );
  const failure = { code: "cancelled" as const, message: "It was interrupted." };
  const [result, text] = lastOf([interrupted], [command(1, "shorter", { failure })]);
  expect(result).toMatchObject({ content: "ended" });
  expect(text).toMatchObject({ text: expect.stringContaining("You were interrupted") });
});

test("one that failed is told how: by input that was refused, by a reply without a call, by tools that broke", () => {
  const failure = { code: "invalid-output" as const, message: "three times" };
  const refused = said(1, [call("a", "finish")], [tool("finish", false, "- summary: missing")]);
  expect(lastOf([refused], [command(1, "again", { failure })])).toMatchObject([
    { type: "tool_result", is_error: true, content: "- summary: missing" },
    { text: expect.stringContaining("invalid-output: three times") },
  ]);
  const silent = said(1, [{ type: "text", text: "Done." }], []);
  expect(lastOf([silent], [command(1, "again", { failure })])).toHaveLength(1);
  const broken = said(1, [call("a", "bash"), call("b", "read")], [tool("bash", false, "gone")]);
  expect(lastOf([broken], [command(1, "again", { failure })])).toMatchObject([
    { tool_use_id: "a", is_error: true, content: "gone" },
    { tool_use_id: "b", is_error: true, content: "Not run." },
    { type: "text" },
  ]);
});

test("behind a reply that broke off the command stands where something was said last; before any reply it is part of the opening", () => {
  const { exchange: _, ...waste } = turn(2);
  const read = readExchanges(OPENING, [handedIn, waste], [command(2, "late")]);
  expect(read?.opening).toBe(OPENING);
  expect(JSON.stringify(read?.exchanges[0]?.answer)).toContain("late");
  const early = readExchanges(OPENING, [], [command(0, "early")]);
  expect(early?.opening).toMatch(/^Attempt 1 of 1\nLook\.\n\n[^]*early/);
});

test("what counts against an agent counts for one command", () => {
  const read = readExchanges(OPENING, [handedIn, { ...handedIn, turn: 2 }], [command(1, "one"), command(2, "two")]);
  expect(sinceCommand(read?.exchanges ?? [])).toEqual([]);
  const first = readExchanges(OPENING, [handedIn, { ...handedIn, turn: 2 }], [command(1, "one")]);
  expect(sinceCommand(first?.exchanges ?? [])).toHaveLength(1);
});
