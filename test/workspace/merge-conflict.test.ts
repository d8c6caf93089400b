// Work that meets: what comes of it is a tree that somebody can resolve the conflict in, whatever the conflict is about.
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { cleanly, inConflict, lines, MergeWorld, reasonsOf } from "./merge-world.ts";
import { commitTrees, type Tree, treeAt } from "./trees.ts";
import { git, never } from "./world.ts";

let place: MergeWorld;
beforeEach(async () => {
  place = await MergeWorld.create();
});
afterEach(async () => place[Symbol.asyncDispose]());

describe("a conflict", () => {
  const start = { "a.txt": lines(1, 2, 3), "b.txt": lines(1, 2, 3, 4, 5) };

  test("is marked with both sides and the base, on top of what was merged into, beside what could be merged", async () => {
    const [first, one, two] = place.wave(
      start,
      { ...start, "a.txt": lines(1, "one", 3), "b.txt": lines("one", 2, 3, 4, 5) },
      { ...start, "a.txt": lines(1, "two", 3), "b.txt": lines(1, 2, 3, 4, "two"), "c.txt": "two\n" },
    );
    const { marked, paths, base, notes } = inConflict(await place.merge(one, two, "merge two\n"));
    expect({ paths, base, notes }).toEqual({
      paths: ["a.txt"],
      base: first,
      notes: ["CONFLICT (content): Merge conflict in a.txt"],
    });
    expect(place.texts(marked)).toEqual({
      "a.txt": lines(
        1,
        "<<<<<<< ours",
        "one",
        `||||||| ${first.slice(0, 7)}`,
        2,
        "=======",
        "two",
        ">>>>>>> theirs",
        3,
      ),
      "b.txt": lines("one", 2, 3, 4, "two"),
      "c.txt": "two\n",
    });
    expect(git(place.mirror, "log", "-1", "--format=%B|%P", marked)).toMatch(
      new RegExp(`^merge two\n\nNot resolved: .*\n\\|${one} ${two}$`),
    );
    expect(inConflict(await place.merge(one, two, "merge two\n")).marked).toBe(marked);
  });

  test("in more places than an agent is given is refused, with their number", async () => {
    const many = (word: string) =>
      Object.fromEntries(Array.from({ length: 201 }, (_, at) => [`f${at}.md`, lines(1, word, 3)]));
    const [, one, two] = place.wave(many("zero"), many("one"), many("two"));
    expect(reasonsOf(await place.merge(one, two))).toBe(
      "the sides conflict in 201 paths, and an agent is given at most 200 to bring together",
    );
  });

  test("is resolved in a workspace, and then the wave goes on from there", async () => {
    const [first, one, two, three = first] = place.wave(
      start,
      { ...start, "a.txt": lines(1, "one", 3) },
      { ...start, "a.txt": lines(1, "two", 3) },
      { ...start, "b.txt": lines(1, 2, 3, 4, "three") },
    );
    const { marked, paths, base } = inConflict(await place.merge(one, two));
    await using workspace = await place.world.open(marked);
    const seen = await place.world.agent(
      workspace,
      `git status --short; git show HEAD^1:a.txt HEAD^2:a.txt ${base}:a.txt; git merge-base HEAD^1 HEAD^2`,
    );
    expect(seen).toBe(`${lines(1, "one", 3, 1, "two", 3, 1, 2, 3)}${base}\n`);
    await place.world.agent(workspace, "printf '1\\none, two\\n3\\n' > a.txt");
    const resolved = await workspace.collect("both", never);
    if (resolved.type !== "collected") throw new Error(resolved.reasons.join());
    expect(await place.leftIn(resolved.commit, ...paths)).toEqual([]);
    const whole = cleanly(await place.merge(resolved.commit, three)).commit;
    expect(place.texts(whole)).toEqual({ "a.txt": lines(1, "one, two", 3), "b.txt": lines(1, 2, 3, 4, "three") });
    for (const each of [one, two, three])
      expect(await place.merge(whole, each)).toEqual({ type: "merged", commit: whole, changes: [] });
  });

  const old = lines(...Array.from({ length: 20 }, (_, line) => `line ${line}`));
  const bytes = (last: number) => ({ content: Buffer.from([0, 1, 2, last]) });
  const link = (content: string) => ({ content, mode: "120000" }) as const;
  const repository = (content: string) => ({ content: content.repeat(40), mode: "160000" }) as const;
  const kinds: Record<string, { start: Tree; ours: Tree; theirs: Tree; paths: string[]; tree: string[] }> = {
    "one changes, the other deletes": {
      start: { a: old },
      ours: { a: `${old}more\n` },
      theirs: {},
      paths: ["a"],
      tree: ["a"],
    },
    "one deletes, the other changes": {
      start: { a: old },
      ours: {},
      theirs: { a: `${old}more\n` },
      paths: ["a"],
      tree: ["a"],
    },
    "two names for one file": {
      start: { a: old },
      ours: { b: old },
      theirs: { c: old },
      paths: ["a", "b", "c"],
      tree: ["b", "c"],
    },
    "one name for two files": {
      start: { a: old, b: old.replaceAll("line", "row") },
      ours: { c: old, b: old.replaceAll("line", "row") },
      theirs: { a: old, c: old.replaceAll("line", "row") },
      paths: ["c"],
      tree: ["c"],
    },
    "one renames, the other deletes": {
      start: { a: old },
      ours: { b: old },
      theirs: {},
      paths: ["a", "b"],
      tree: ["b"],
    },
    "one renames to what the other adds": {
      start: { a: old },
      ours: { b: old },
      theirs: { a: old, b: "new\n" },
      paths: ["b"],
      tree: ["b"],
    },
    "both add": { start: {}, ours: { a: "1\n" }, theirs: { a: "2\n" }, paths: ["a"], tree: ["a"] },
    "both add the same, in two modes": {
      start: {},
      ours: { a: "1\n" },
      theirs: { a: { content: "1\n", mode: "100755" } },
      paths: ["a"],
      tree: ["a"],
    },
    "a file where the other has a folder": {
      start: { a: old },
      ours: { "a/b": "in\n" },
      theirs: { a: `${old}more\n` },
      paths: ["a", "a~theirs"],
      tree: ["a/b", "a~theirs"],
    },
    "a folder where the other has a file": {
      start: { a: old },
      ours: { a: `${old}more\n` },
      theirs: { "a/b": "in\n" },
      paths: ["a", "a~ours"],
      tree: ["a/b", "a~ours"],
    },
    "bytes that are no text": {
      start: { a: bytes(3) },
      ours: { a: bytes(4) },
      theirs: { a: bytes(5) },
      paths: ["a"],
      tree: ["a"],
    },
    "a file added to a folder that the other renames": {
      start: { "old/a": old, "old/b": `${old}b\n` },
      ours: { "new/a": old, "new/b": `${old}b\n` },
      theirs: { "old/a": old, "old/b": `${old}b\n`, "old/c": "new\n" },
      paths: ["new/c", "old/c"],
      tree: ["new/a", "new/b", "new/c"],
    },
    "a link that leads elsewhere, deleted": {
      start: { a: link("one") },
      ours: { a: link("two") },
      theirs: {},
      paths: ["a"],
      tree: ["a"],
    },
    "two links": { start: {}, ours: { a: link("two") }, theirs: { a: link("three") }, paths: ["a"], tree: ["a"] },
    "a link that became a file": {
      start: { a: link("one") },
      ours: { a: link("two") },
      theirs: { a: "text\n" },
      paths: ["a", "a~theirs"],
      tree: ["a", "a~theirs"],
    },
    "two commits of a repository within": {
      start: { a: repository("1") },
      ours: { a: repository("2") },
      theirs: { a: repository("3") },
      paths: ["a"],
      tree: ["a"],
    },
    "a link in the way of a folder": {
      start: {},
      ours: { a: link("one") },
      theirs: { "a/b": "in\n" },
      paths: ["a", "a~ours"],
      tree: ["a/b", "a~ours"],
    },
  };
  test.each(Object.entries(kinds))("%s: there is a tree to work in, and what it is about", async (_name, kind) => {
    const all = { ...kind, rest: "rest\n" };
    const [first, one, two] = place.wave(
      { ...all.start, rest: "rest\n" },
      { ...all.ours, rest: "rest\n" },
      { ...all.theirs, rest: "rest\n", apart: "new\n" },
    );
    const { marked, paths, base, notes } = inConflict(await place.merge(one, two));
    expect({ paths, base }).toEqual({ paths: kind.paths, base: first });
    expect(notes.join("\n")).toMatch(/CONFLICT|Cannot merge|Failed to merge/);
    expect([...treeAt(place.mirror, marked).keys()]).toEqual([...kind.tree, "apart", "rest"].toSorted());
    await using workspace = await place.world.open(marked);
    await place.world.agent(
      workspace,
      "git rm -rqf --ignore-unmatch a a~ours a~theirs b c new old; echo resolved > rest",
    );
    expect(await workspace.collect("resolved", never)).toMatchObject({ type: "collected" });
  });
});

describe("names", () => {
  test.each(["a b", " 'x' \"y\"".trim(), "ü/日本", "-x", "*", "$(touch x)", "a:b", "%0a", "a~theirs"])(
    "%s",
    async (path) => {
      const [, one, two] = place.wave({ [path]: "0\n" }, { [path]: "1\n" }, { [path]: "2\n" });
      const { marked, paths } = inConflict(await place.merge(one, two));
      expect(paths).toEqual([path]);
      expect(await place.leftIn(marked, ...paths)).toEqual(paths);
    },
  );

  test.each([
    ["a line break", "a\nb", "a\nb", "control or invisible characters"],
    ["a tab", "a\tb", "a\tb", "control or invisible characters"],
    ["a backslash", "a\\b", "a\\b", "a backslash in its name"],
    ["bytes that are not UTF-8", "caf\udce9", "caf\ufffd", "is not UTF-8"],
  ])(
    "%s: what the repository has may stay, go and be in conflict, and not be changed",
    async (_name, odd, read, reason) => {
      const content = lines(...Array.from({ length: 20 }, (_, line) => line));
      const [first, renamed, other, gone = first, changed = first, apart = first] = place.wave(
        { [odd]: content },
        { good: content },
        { better: content },
        {},
        { [odd]: `${content}more\n` },
        { [odd]: content, apart: "new\n" },
      );
      expect(inConflict(await place.merge(renamed, other)).paths).toEqual(["better", "good", read].toSorted());
      expect(inConflict(await place.merge(changed, gone)).paths).toEqual([read]);
      expect(Object.keys(place.texts(cleanly(await place.merge(gone, apart)).commit))).toEqual(["apart"]);
      expect(Object.keys(place.texts(cleanly(await place.merge(changed, apart)).commit))).toEqual(
        ["apart", read].toSorted(),
      );
      expect(reasonsOf(await place.merge(apart, changed))).toContain(reason);
      expect(reasonsOf(await place.merge(gone, changed))).toContain(reason);
    },
  );
});

describe("attributes that the trees hold", () => {
  const start = { "a.txt": lines(1, 2, 3), "b.txt": lines(1, 2, 3, 4, 5) };
  const ours = { "a.txt": lines(1, "one", 3), "b.txt": lines("one", 2, 3, 4, 5) };
  const theirs = { "a.txt": lines(1, "two", 3), "b.txt": lines(1, 2, 3, 4, "two") };

  test.each([
    "* merge=x",
    "* filter=x diff=x",
    "* merge=union",
    "* merge=ours",
    "* -merge",
    "* binary",
    "* conflict-marker-size=20",
    "* working-tree-encoding=UTF-16",
    "* text eol=crlf ident",
  ])("%s has no say, and nothing runs, not even a driver that there is", async (line) => {
    // Worse than it can be: as if somebody had configured what the attributes name.
    const marker = join(place.world.base, "ran");
    const keys = ["merge.x.driver", "merge.ours.driver", "filter.x.clean", "filter.x.smudge", "filter.x.process"];
    for (const key of [...keys, "diff.x.command", "diff.x.textconv"])
      place.config = { ...place.config, [key]: `touch ${marker}` };
    const attributes = { ".gitattributes": `${line}\n` };
    const [first, one, two] = place.wave(
      { ...start, ...attributes },
      { ...ours, ...attributes },
      { ...theirs, ...attributes },
    );
    const { marked, paths } = inConflict(await place.merge(one, two));
    expect(paths).toEqual(["a.txt"]);
    expect(place.texts(marked)).toEqual({
      ...attributes,
      "a.txt": lines(
        1,
        "<<<<<<< ours",
        "one",
        `||||||| ${first.slice(0, 7)}`,
        2,
        "=======",
        "two",
        ">>>>>>> theirs",
        3,
      ),
      "b.txt": lines("one", 2, 3, 4, "two"),
    });
    expect(await place.leftIn(marked, ...paths)).toEqual(paths);
    await expect(stat(marker)).rejects.toThrow("ENOENT");
  });

  test("those of a branch that is called like the mirror's own HEAD neither", async () => {
    const [, one, two] = place.wave(start, ours, theirs);
    commitTrees(place.world.origin, [{ tree: { ".gitattributes": "* merge=union\n" } }], "baton");
    await place.world.workspaces.resolve(place.world.repo, "baton", never);
    git(place.world.origin, "config", "uploadpack.allowAnySHA1InWant", "false");
    expect(inConflict(await place.merge(one, two)).paths).toEqual(["a.txt"]);
  });
});
