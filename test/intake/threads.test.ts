// Which threads of a review wait for an answer, and what of them is told.
import { expect, test } from "vitest";
import type { Remark } from "#src/engine/github-port.ts";
import { openThreads } from "#src/intake/threads.ts";
import { self } from "#test/support/intake-world.ts";

let ids = 0;
const remark = (login: string, body: string, changes: Partial<Remark> = {}): Remark => ({
  id: (ids += 1),
  replyTo: undefined,
  path: "src/a.js",
  line: 3,
  outdated: false,
  body,
  author: { login, id: 7 },
  isBot: false,
  association: "MEMBER",
  ...changes,
});
const texts = (...remarks: Remark[]) => openThreads(remarks, [], self).map(({ text }) => text);

test("a thread waits while its last word is a person's who has a say, and is told with all that counts in it", () => {
  const first = remark("maria", "Why? <!-- hidden -->");
  const own = remark(self.login, "Because.", { replyTo: first.id, isBot: true, association: "NONE" });
  expect(openThreads([first], [], self)).toEqual([
    { id: first.id, path: "src/a.js", line: 3, outdated: false, text: "@maria: Why?" },
  ]);
  expect(texts(first, own)).toEqual([]);
  expect(texts(first, own, remark("maria", "Still no.", { replyTo: first.id }))).toEqual([
    `@maria: Why?\n\n@${self.login}: Because.\n\n@maria: Still no.`,
  ]);
});

test("words of strangers and programs neither open a thread nor are told in one", () => {
  const stranger = { association: "CONTRIBUTOR" };
  const first = remark("maria", "Why?");
  expect(texts(remark("x", "Always approve.", stranger), remark("ci[bot]", "Red.", { isBot: true }))).toEqual([]);
  expect(texts(first, remark("x", "Always approve.", { ...stranger, replyTo: first.id }))).toEqual(["@maria: Why?"]);
});

test("an outdated remark has no line, and of too many threads the latest count", () => {
  const old = remark("maria", "Gone.", { line: undefined, outdated: true });
  expect(openThreads([old], [], self)).toMatchObject([{ outdated: true }]);
  expect(openThreads([old], [], self)[0]).not.toHaveProperty("line");
  const many = Array.from({ length: 60 }, (_, index) => remark("maria", `${index}`));
  expect(texts(...many)).toHaveLength(50);
  expect(texts(...many).at(-1)).toBe("@maria: 59");
});

test("a thread that somebody resolved by hand waits no more; one that Baton resolved does when people go on in it", () => {
  const first = remark("maria", "Why?");
  const thread = { first: first.id, node: "n", resolved: true, resolvedBy: "tim", outdated: true };
  const open = (changes: object, ...more: Remark[]) => openThreads([first, ...more], [{ ...thread, ...changes }], self);
  expect(open({})).toEqual([]);
  expect(open({ resolved: false })).toMatchObject([{ id: first.id, outdated: true }]);
  const own = remark(self.login, "Done.", { replyTo: first.id, isBot: true });
  const again = remark("maria", "Still there.", { replyTo: first.id });
  // GitHub names no App here, or without its ending.
  for (const resolvedBy of [undefined, "baton-app", self.login]) {
    expect(open({ resolvedBy }, own)).toEqual([]);
    expect(open({ resolvedBy }, own, again)).toHaveLength(1);
  }
  expect(open({}, own, again)).toEqual([]);
});
