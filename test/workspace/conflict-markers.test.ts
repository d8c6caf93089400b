// The check behind whoever resolves a conflict: markers that were left are seen, and lines that only look like markers are let be.
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Sha } from "#src/core/ids.ts";
import { cleanly, inConflict, lines, MergeWorld } from "./merge-world.ts";
import { commitTrees, type Tree } from "./trees.ts";

let place: MergeWorld;
beforeEach(async () => {
  place = await MergeWorld.create();
});
afterEach(async () => place[Symbol.asyncDispose]());

/** The commit in which these two are in conflict. */
async function marked(start: Tree, ours: Tree, theirs: Tree): Promise<Sha> {
  const [, one, two] = place.wave(start, ours, theirs);
  return inConflict(await place.merge(one, two)).marked;
}

describe("in a file that was in conflict", () => {
  let conflict: Sha;
  beforeEach(async () => {
    conflict = await marked({ a: "0\n", b: "0\n" }, { a: "1\n", b: "0\n" }, { a: "2\n", b: "3\n" });
  });

  test.each([
    ["everything", lines("<<<<<<< ours", 1, "||||||| 1234567", 0, "=======", 2, ">>>>>>> theirs")],
    ["the beginning", lines("<<<<<<< ours", 1, 2)],
    ["the base", lines(1, "||||||| 1234567", 2)],
    ["the end", lines(1, 2, ">>>>>>> theirs")],
    ["an end without a label", lines(1, 2, ">>>>>>>")],
    ["one with a label of somebody's own", lines("<<<<<<< HEAD", 1)],
    ["one in a file of Windows", "1\r\n<<<<<<<\r\n2\r\n"],
    ["one at the end of the file, without a line break", "1\n>>>>>>> theirs"],
    ["one in what is no text", "\0\n<<<<<<< ours\n\0"],
    ["a longer one, as for a file with two names", lines("<<<<<<<< ours:a", 1)],
    ["one that is very long", `<<<<<<< ${"x".repeat(300_000)}\n`],
    ["one after a row that is too long to be one", `${"<".repeat(5_000_000)} x\n<<<<<<< ours\n`],
    ["very many", "<<<<<<<\n".repeat(200_000)],
  ])("%s is seen", async (_name, a) => {
    expect(await place.leftIn(place.onTop(conflict, { a, b: "3\n" }), "a", "b")).toEqual(["a"]);
  });

  test.each([
    ["both sides", lines(1, 2)],
    ["nothing", ""],
    ["a title", lines("Title==", "=======", "", "Chapter", "=======", 1, 2)],
    [
      "a row of signs",
      lines("<<<<<<<>>>>>>>", "|||||||x|||||||", ">>>>>>>>>>>>>>a", "<<<<<<", " <<<<<<< ours", "x <<<<<<< y"),
    ],
    ["a table", lines("|||||| a |", "| ||||||| |")],
  ])("%s is none", async (_name, a) => {
    expect(await place.leftIn(place.onTop(conflict, { a, b: "3\n" }), "a", "b")).toEqual([]);
  });

  test("what is absent, a folder, a link or a repository of its own holds none", async () => {
    const resolved = place.onTop(conflict, {
      "a/in": lines("<<<<<<< ours"),
      b: { content: "<<<<<<< ours\n", mode: "120000" },
      c: { content: "1".repeat(40), mode: "160000" },
    });
    expect(await place.leftIn(resolved, "a", "b", "c", "d", "", "..", "a/", "*", ":(glob)**")).toEqual([]);
    expect(await place.leftIn(resolved, "a/in", "a/in")).toEqual(["a/in"]);
    expect(await place.leftIn(resolved)).toEqual([]);
  });

  test("it is seen as long as it is there, whatever is committed or merged on top", async () => {
    const tried = place.onTop(conflict, { a: lines("<<<<<<< ours", 1, 2), b: "3\n" });
    const again = place.onTop(tried, { a: lines("<<<<<<< ours", 1, 2), b: "4\n" });
    expect(await place.leftIn(again, "a", "b")).toEqual(["a"]);
    expect(await place.leftIn(place.onTop(again, { a: lines(1, 2), b: "4\n" }), "a", "b")).toEqual([]);
  });
});

describe("lines that look like markers, and belong to the file", () => {
  const fixture = (...inner: string[]) =>
    lines("<<<<<<< HEAD", "a", "||||||| 1234567", "=======", "b", ">>>>>>> main", ...inner);
  const spare = ["1", "2", "3", "4", "5"];

  test("are let be where the base, one side or both had them", async () => {
    const start = { base: fixture(...spare), added: lines(...spare), both: lines(...spare), other: "0\n" };
    const mine = fixture();
    const theirs = lines("<<<<<<< HEAD", "c", "=======", "d", ">>>>>>> branch");
    const conflict = await marked(
      start,
      {
        base: fixture("1", "2", "3", "4", "five"),
        added: mine + lines(...spare),
        both: mine + lines(...spare),
        other: "1\n",
      },
      {
        base: fixture("one", "2", "3", "4", "5"),
        added: lines(...spare),
        both: lines(...spare) + theirs,
        other: "2\n",
      },
    );
    const all = ["base", "added", "both", "other"];
    expect(await place.leftIn(conflict, ...all)).toEqual(["other"]);
    const files: Record<string, string> = { ...place.texts(conflict), other: "1 and 2\n" };
    expect(files).toMatchObject({ both: mine + lines(...spare) + theirs });
    expect(await place.leftIn(place.onTop(conflict, files), ...all)).toEqual([]);
    // One more of the same is one too many.
    for (const path of ["base", "added", "both"] as const) {
      const more = place.onTop(conflict, { ...files, [path]: `${files[path] ?? ""}<<<<<<< HEAD\n` });
      expect(await place.leftIn(more, ...all)).toEqual([path]);
    }
  });

  test("are let be beside a conflict in the same file, and real ones are seen", async () => {
    const conflict = await marked(
      { a: fixture(...spare) },
      { a: fixture("1", "2", "3", "4", "five") },
      { a: fixture("1", "2", "3", "4", "FIVE") },
    );
    expect(await place.leftIn(conflict, "a")).toEqual(["a"]);
    expect(await place.leftIn(place.onTop(conflict, { a: fixture("1", "2", "3", "4", "both") }), "a")).toEqual([]);
    expect(await place.leftIn(place.onTop(conflict, { a: fixture("1", ">>>>>>> theirs") }), "a")).toEqual(["a"]);
  });

  test("are let be in a file that a side renamed", async () => {
    const text = lines(...Array.from({ length: 20 }, (_, line) => `line ${line}`));
    const conflict = await marked(
      { a: fixture() + text },
      { a: `${fixture()}${text}more\n` },
      { b: `${fixture()}${text}other\n` },
    );
    expect(await place.leftIn(conflict, "a", "b")).toEqual(["b"]);
    expect(await place.leftIn(place.onTop(conflict, { b: `${fixture()}${text}both\n` }), "a", "b")).toEqual([]);
  });

  test("are let be in a clean merge", async () => {
    const [, one, two] = place.wave({ a: lines(...spare) }, { a: fixture(...spare) }, { a: lines(...spare, "more") });
    expect(await place.leftIn(cleanly(await place.merge(one, two)).commit, "a")).toEqual([]);
  });

  test("are measured against what a commit was made on when nothing was merged", async () => {
    const [start, one] = place.wave({ a: fixture(...spare), b: "" }, { a: fixture("1"), b: "<<<<<<< ours\n" }, {});
    await place.merge(start, one);
    expect(await place.leftIn(one, "a", "b")).toEqual(["b"]);
  });

  test("are no business of a merge that the repository did itself", async () => {
    const [one, other] = place.wave({ a: "0\n" }, { a: "1\n" }, { a: "2\n" });
    const trees = [{ a: "1 and 2\n" }, { a: fixture(...spare) }, { a: fixture(...spare), b: "later\n" }];
    const [, , later = one] = commitTrees(
      place.world.origin,
      trees.map((tree, index) => ({ tree, parents: index === 0 ? [one, other] : [index - 1] })),
    );
    expect(await place.leftIn(later, "a")).toEqual([]);
  });
});

test("names that cannot be said on a command line", async () => {
  const odd = "caf\udce9";
  const content = lines(...Array.from({ length: 20 }, (_, line) => line));
  const [, gone, changed] = place.wave({ [odd]: content }, {}, { [odd]: `${content}<<<<<<< ours\n` });
  const { marked: conflict, paths } = inConflict(await place.merge(changed, gone));
  expect(paths).toEqual(["caf\ufffd"]);
  expect(await place.leftIn(conflict, ...paths)).toEqual([]);
  const worse = place.onTop(conflict, { [odd]: `${content}<<<<<<< ours\n>>>>>>> theirs\n` });
  expect(await place.leftIn(worse, ...paths)).toEqual(paths);
});

test("more files than fit on a command line", async () => {
  const many = (text: (index: number) => string) =>
    Object.fromEntries(Array.from({ length: 1_200 }, (_, index) => [`f/${index}`, text(index)]));
  const [start, one] = place.wave(
    many((index) => `${index}\n`),
    many((index) => (index % 100 === 99 ? `<<<<<<< ours ${index}\n` : `${index}\n`)),
    {},
  );
  await place.merge(start, one);
  expect(await place.leftIn(one, ...Object.keys(many(String)))).toEqual(
    Array.from({ length: 12 }, (_, hundred) => `f/${hundred * 100 + 99}`),
  );
});
