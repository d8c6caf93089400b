// What a run works from: fixed when it was asked for, and named by a hash of all of it.
import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { pinInput, type RawComment, type RawInput } from "#src/intake/pin.ts";

const maria = { login: "maria", id: 7 };
const comment = (id: number, body: string, more: Partial<RawComment> = {}): RawComment => ({
  id,
  author: maria,
  body,
  createdAt: 1_000 * id,
  ...more,
});
const asked: RawInput = {
  title: "Splitting loses a cent",
  body: "10 among 3.",
  comments: [comment(1, "Seen here, too.")],
  instruction: "mind the tests",
  askedAt: 5_000,
  askedBy: 5,
};

test("the hash is of everything that the run works from, and of nothing else", () => {
  const { hash, ...text } = pinInput(asked);
  expect(hash).toBe(createHash("sha256").update(JSON.stringify(text)).digest("hex"));
  expect(pinInput({ ...asked }).hash).toBe(hash);
  // Said after the trigger, or by it.
  expect(pinInput({ ...asked, comments: [comment(1, "Seen here, too."), comment(6, "And now?")] }).hash).toBe(hash);
  for (const other of [
    { title: "Splitting loses two cents" },
    { body: "10 among 4." },
    { comments: [comment(1, "Seen there, too.")] },
    { comments: [comment(1, "Seen here, too.", { author: { login: "eve", id: 9 } })] },
    { comments: [] },
    { instruction: "" },
  ])
    expect(pinInput({ ...asked, ...other }).hash, JSON.stringify(other)).not.toBe(hash);
});

test("what was said or edited after the trigger is left out, and an edit is told", () => {
  const edited = comment(2, "Now it says something else.", { updatedAt: 6_000 });
  const late = comment(6, "Too late.");
  const { comments, dropped } = pinInput({ ...asked, comments: [comment(1, "Early."), edited, late] });
  expect(comments.map(({ id }) => id)).toEqual([1]);
  expect(dropped.join()).toMatch(/edited/);
});
