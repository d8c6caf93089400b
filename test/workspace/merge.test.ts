// Two pieces of work that began in the same place come together, or it is said why they do not; by real git, over a real repository.
import { execFileSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { BatonError } from "#src/core/errors.ts";
import { sha } from "#src/core/ids.ts";
import { readMerge } from "#src/workspace/merge.ts";
import { importLimits } from "#src/workspace/policy.ts";
import { Keeper } from "./keeping.ts";
import { cleanly, inConflict, lines, MergeWorld, reasonsOf } from "./merge-world.ts";
import { commitTrees, type Tree } from "./trees.ts";
import { git, never } from "./world.ts";

let place: MergeWorld;
beforeEach(async () => {
  place = await MergeWorld.create();
});
afterEach(async () => place[Symbol.asyncDispose]());

describe("work that does not meet", () => {
  const start = { "a.txt": lines(1, 2, 3, 4, 5), "b.txt": "b\n", gone: "gone\n" };

  test("becomes one commit of Baton's with both as parents", async () => {
    const [, one, two] = place.wave(
      start,
      { ...start, "a.txt": lines("one", 2, 3, 4, 5), "new/one": "1\n" },
      { "a.txt": lines(1, 2, 3, 4, "two"), "b.txt": { content: "b\n", mode: "100755" } },
    );
    const { commit, changes } = cleanly(await place.merge(one, two, "merge: two\n\nBecause."));
    expect(place.texts(commit)).toEqual({ "a.txt": lines("one", 2, 3, 4, "two"), "b.txt": "b\n", "new/one": "1\n" });
    expect(git(place.mirror, "log", "-1", "--format=%an <%ae> %cn|%B|%P", commit)).toBe(
      `Baton <baton@localhost> Baton|merge: two\n\nBecause.|${one} ${two}`,
    );
    expect(changes).toEqual([
      { path: "a.txt", kind: "modified", mode: "100644", added: 1, removed: 1, binary: false },
      { path: "b.txt", kind: "modified", mode: "100755", added: 0, removed: 0, binary: false },
      { path: "gone", kind: "deleted", mode: "000000", added: 0, removed: 1, binary: false },
    ]);
    expect(await place.world.workspaces.changes(place.world.repo, one, commit, never)).toEqual(changes);
    await using workspace = await place.world.open(commit);
    expect(await readFile(join(workspace.folder, "new/one"), "utf8")).toBe("1\n");
  });

  test("is held against the side it is merged into: what people have there is theirs", async () => {
    const link = { content: "b.txt", mode: "120000" } as const;
    const [, base, work] = place.wave(start, { ...start, link }, { ...start, "a.txt": "mine\n" });
    const { changes } = cleanly(await place.merge(base, work));
    expect(changes.map(({ path }) => path)).toEqual(["a.txt"]);
    expect(reasonsOf(await place.merge(work, base))).not.toEqual([]);
  });

  test("is the same commit wherever and whenever it is merged", async () => {
    const [, one, two] = place.wave(start, { ...start, one: "1" }, { ...start, two: "2", "a.txt": "other\n" });
    const first = cleanly(await place.merge(one, two));
    await using elsewhere = await place.elsewhere();
    expect(await elsewhere.merge(place.world.repo, one, two, "merge", never)).toEqual(first);
    expect(cleanly(await place.merge(one, two, "other words")).commit).not.toBe(first.commit);
  });

  test("with times that are nonsense is merged all the same", async () => {
    const [, one = place.world.head, two = place.world.head] = commitTrees(place.world.origin, [
      { tree: start },
      { tree: { ...start, one: "1" }, parents: [0], time: 0 },
      { tree: { ...start, two: "2" }, parents: [0], time: 99_999_999_999_999 },
    ]);
    expect(place.texts(cleanly(await place.merge(one, two)).commit)).toEqual({ ...start, one: "1", two: "2" });
  });

  test("many merges of one repository at once", async () => {
    const works = Array.from({ length: 6 }, (_, index) => ({ ...start, [`file ${index}`]: `${index}` }));
    const [, one, ...rest] = place.wave(start, { ...start, one: "1" }, ...works);
    const merged = await Promise.all(rest.map((theirs) => place.merge(one, theirs)));
    expect(merged.map((each) => cleanly(each).changes.map(({ path }) => path))).toEqual(
      works.map((_, index) => [`file ${index}`]),
    );
  });

  test("in a shallow repository", async () => {
    const shallow = join(place.world.base, "shallow");
    git(place.world.base, "clone", "--quiet", "--depth=1", `file://${place.world.origin}`, shallow);
    const repo = { ...place.world.repo, cloneUrl: shallow };
    const works = await Promise.all(
      ["one", "two"].map(async (name) => {
        await using workspace = await place.world.workspaces.open(repo, place.world.head, never);
        await place.world.agent(workspace, `echo ${name} > ${name}`);
        const work = await workspace.collect(name, never);
        return work.type === "collected" ? work.commit : place.world.head;
      }),
    );
    const [one = place.world.head, two = place.world.head] = works;
    const { commit } = cleanly(await place.world.workspaces.merge(repo, one, two, "merge", never));
    expect(await place.world.workspaces.paths(repo, commit, never)).toEqual(expect.arrayContaining(["one", "two"]));
  });
});

describe("work that is there already", () => {
  const start = { "a.txt": lines(1, 2, 3), "b.txt": "b\n" };

  test("changes nothing: itself, what it was made on, what was merged before, what another task did too", async () => {
    const same = { ...start, same: "same\n" };
    const [first, one, two, three = first] = place.wave(start, { ...start, one: "1\n" }, same, same);
    const merged = cleanly(await place.merge(one, two)).commit;
    for (const each of [merged, one, two, first, place.world.head, three])
      expect(await place.merge(merged, each)).toEqual({ type: "merged", commit: merged, changes: [] });
  });

  test("stays away when later work took it away again", async () => {
    const [, one, two] = place.wave(start, { ...start, "b.txt": "one\n" }, { ...start, "a.txt": lines(1, "two", 3) });
    const merged = cleanly(await place.merge(one, two)).commit;
    const without = place.onTop(merged, { ...start, "b.txt": "one\n" });
    expect(await place.merge(without, two)).toEqual({ type: "merged", commit: without, changes: [] });
  });

  test("is not compared anew when more is built on it", async () => {
    const [, one, two] = place.wave(start, { ...start, "b.txt": "one\n" }, { ...start, "a.txt": lines(1, "two", 3) });
    const merged = cleanly(await place.merge(one, two)).commit;
    const more = place.onTop(two, { ...start, "a.txt": lines(1, "two, mended", 3) });
    expect(place.texts(cleanly(await place.merge(merged, more)).commit)).toEqual({
      "a.txt": lines(1, "two, mended", 3),
      "b.txt": "one\n",
    });
  });
});

test("work that was made on top is taken as it is", async () => {
  const [first, one] = place.wave({ a: "a\n" }, { a: "a\n", b: "b\n" }, {});
  expect(await place.merge(first, one)).toMatchObject({ type: "merged", commit: one, changes: [{ path: "b" }] });
  const idle = place.onTop(first, { a: "a\n" });
  expect(await place.merge(first, idle)).toEqual({ type: "merged", commit: first, changes: [] });
  const long = place.onTop(one, { a: "a\n", b: "b\n", [`${"x/".repeat(importLimits.path / 2)}y`]: "deep\n" });
  expect(reasonsOf(await place.merge(first, long))).toContain("is a path of 401 characters");
});

describe("a merge is refused", () => {
  const half = "x".repeat(99).concat("\n").repeat(60_000);

  test("when a file would become larger than what may come in, clean or not", async () => {
    const [, one, two] = place.wave({ a: "1\n2\n3\n" }, { a: `${half}1\n2\n3\n` }, { a: `1\n2\n3\n${half}` });
    expect(reasonsOf(await place.merge(one, two))).toMatch(/^a is 12000006 bytes, at most 10485760/);
    const [, three, four] = place.wave({ a: "1\n" }, { a: half }, { a: half.replaceAll("x", "y") });
    expect(reasonsOf(await place.merge(three, four))).toMatch(/^a is 120000\d\d bytes/);
  });

  test("when it would bring a link, a repository of its own, or what steers git, in conflict or not", async () => {
    const bad: Tree[] = [
      { a: "1\n", link: { content: "a", mode: "120000" } },
      { a: { content: "b", mode: "120000" } },
      { a: "1\n", sub: { content: "1".repeat(40), mode: "160000" } },
      { a: "1\n", "x/.gitmodules": "[submodule]\n" },
    ];
    const [, one, ...rest] = place.wave({ a: "0\n" }, { a: "1\n" }, ...bad);
    const told = await Promise.all(rest.map(async (theirs) => reasonsOf(await place.merge(one, theirs))));
    expect(told).toEqual([
      expect.stringContaining("link is a symbolic link"),
      expect.stringContaining("a is a symbolic link"),
      expect.stringContaining("sub is a repository of its own"),
      expect.stringContaining("x/.gitmodules steers git"),
    ]);
  });

  test("when more files would change than an event can hold", async () => {
    const many = Object.fromEntries(Array.from({ length: importLimits.files + 1 }, (_, index) => [`f/${index}`, ""]));
    const [, one, two] = place.wave({ a: "" }, { a: "", b: "b" }, { a: "", ...many });
    expect(reasonsOf(await place.merge(one, two))).toBe("2001 files differ, at most 2000 may");
  });

  test("when the two have nothing in common", async () => {
    const [one = place.world.head, two = place.world.head] = commitTrees(place.world.origin, [
      { tree: { a: "1" } },
      { tree: { a: "2" } },
    ]);
    expect(reasonsOf(await place.merge(one, two))).toBe(`${one} and ${two} have no commit in common`);
  });

  test("when git does not come to an end, or says more than is read", async () => {
    const [, one, two] = place.wave({ a: "0\n" }, { a: "1\n" }, { a: "2\n" });
    place.answer = (result) => ({ ...result, timedOut: true, exitCode: null });
    expect(reasonsOf(await place.merge(one, two))).toBe("merging took longer than 120 s");
    place.answer = (result) => ({ ...result, truncated: true });
    expect(reasonsOf(await place.merge(one, two))).toContain("more places than Baton reads");
  });
});

describe("what is no answer of git's is thrown", () => {
  test.each([
    ["an error", { exitCode: 128, stderr: "fatal: bad object" }],
    ["a signal", { exitCode: null, signal: "SIGKILL" }],
    ["an abort", { exitCode: null, aborted: true }],
    ["an answer without a tree", { stdout: "warning\0" }],
  ])("%s", async (_name, over) => {
    const [, one, two] = place.wave({ a: "0\n" }, { a: "1\n" }, { a: "2\n" });
    place.answer = (result) => ({ ...result, ...over });
    await expect(place.merge(one, two)).rejects.toMatchObject({ code: "git-failed" });
    place.answer = (result) => result;
    expect(inConflict(await place.merge(one, two)).paths).toEqual(["a"]);
  });

  test("a commit nobody has, an abort", async () => {
    const [, one, two] = place.wave({ a: "0\n" }, { a: "1\n" }, { a: "2\n" });
    await expect(place.merge(one, sha("a".repeat(40)))).rejects.toMatchObject({ code: "not-found" });
    await place.merge(one, two);
    await expect(place.merge(one, two, "again", AbortSignal.abort())).rejects.toMatchObject({ code: "git-failed" });
  });

  test("whatever is printed, it is read to an end", () => {
    const field = fc.oneof(
      fc.constantFrom("", "1", "2", "999", "-1", "NaN", "CONFLICT (contents)", "Auto-merging"),
      fc.string(),
      fc.constantFrom("1", "2", "3").map((stage) => `100644 ${"b".repeat(40)} ${stage}\ta\tb`),
    );
    fc.assert(
      fc.property(fc.array(field), (fields) => {
        const read = readMerge(["a".repeat(40), ...fields].join("\0"));
        expect(read.tree).toBe("a".repeat(40));
      }),
    );
    expect(() => readMerge("no tree\0")).toThrow(BatonError);
  });
});

describe("a process that dies in a merge", () => {
  test.each([
    ["workspace.before-import", "merged", "4\n5\n"],
    ["workspace.after-import", "merged", "4\n5\n"],
    ["workspace.before-import", "conflict", "two\n"],
    ["workspace.after-import", "conflict", "two\n"],
  ] as const)("at %s, %s: the mirror is whole, and the next one comes to the same", async (point, type, theirs) => {
    const start = { a: "1\n2\n3\n" };
    const [first, one, two] = place.wave(
      start,
      { a: "one\n2\n3\n" },
      { a: type === "merged" ? `1\n2\n3\n${theirs}` : `${theirs}2\n3\n` },
    );
    await place.merge(first, one);
    await place.merge(first, two);
    const refs = () => git(place.mirror, "for-each-ref", "--format=%(objectname)").split("\n");
    const before = refs();
    await using keeper = await Keeper.start(place.world);
    await keeper.does(`die ${point}`);
    await expect(keeper.does(`merge ${one} ${two}`)).rejects.toThrow("the process ended");
    await keeper.kill();
    const after = refs().filter((each) => !before.includes(each));
    expect(after).toHaveLength(point === "workspace.before-import" ? 0 : 1);
    const again = await place.merge(one, two, "work");
    const commit = again.type === "merged" ? again.commit : inConflict(again).marked;
    expect(again.type).toBe(type);
    expect(after[0] ?? commit).toBe(commit);
    expect(refs()).toContain(commit);
    execFileSync("git", ["fsck", "--strict"], { cwd: place.mirror, stdio: "pipe" });
    // What it left in quarantine goes with the next process that looks.
    await place.world.workspaces[Symbol.asyncDispose]();
    await (await place.elsewhere(place.world.home))[Symbol.asyncDispose]();
  });
});
