// Nothing merged is lost: tasks that change random files in random ways, from one start, merged one after the other by real git.
//
// Apart: edits that leave untouched lines between them must merge without a conflict, in any order, to the very bytes that a model
// predicts which knows nothing of merging: it applies all edits to the start.
// At random: for edits that may meet, whatever git decides, every line that a side added is there, and after a clean merge every line
// that a side took away is gone. Each line is written once in the world, so that a line can be asked after.
import assert from "node:assert/strict";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Sha } from "#src/core/ids.ts";
import { mirrorFolder } from "#src/workspace/mirror.ts";
import type { Merged } from "#src/workspace/workspaces.ts";
import { commitTrees, type File, type Tree, treeAt } from "./trees.ts";
import { git, never, World } from "./world.ts";

/** Some hundred merges, in 15 s on a machine with nothing else to do. */
const RUNS = 12;
const TIMEOUT_MS = 180_000;
const SEED = 20_261_128;
let world: World;
let mirror: string;
beforeEach(async () => {
  world = await World.create("none");
  await world.workspaces.resolve(world.repo, "main", never);
  mirror = mirrorFolder(world.home, world.repo);
});
afterEach(async () => world[Symbol.asyncDispose]());

const merge = (into: Sha, theirs: Sha) => world.workspaces.merge(world.repo, into, theirs, "merge", never);
const treeOf = (commit: Sha) => git(mirror, "rev-parse", `${commit}^{tree}`);

// Apart

type Edit = "keep" | "delete" | { readonly replace: number } | { readonly before: number };

/** A line that one task may edit, between lines that nobody touches. */
interface Cell {
  readonly owner: number;
  readonly edit: Edit;
}

interface Text {
  readonly type: "text";
  readonly path: string;
  readonly cells: readonly Cell[];
  readonly newline: "\n" | "\r\n";
  readonly endsInNewline: boolean;
  /** Done to the whole file by one task; what a removed file's cells say nobody does. */
  readonly whole: { readonly owner: number; readonly does: "nothing" | "remove" | "rename" | "chmod" };
}

interface Whole {
  readonly type: "binary" | "new";
  readonly path: string;
  readonly owner: number;
  readonly bytes: Uint8Array;
}

const PATHS = ["a.txt", "src/b.js", "src/c.js", "dir with space/c", "q\"u'ote", "ü/日本.md", "-dash", "*?[x]", "x:y"];

const tasks = fc.integer({ min: 2, max: 4 });
const edit: fc.Arbitrary<Edit> = fc.oneof(
  fc.constantFrom<Edit>("keep", "delete"),
  fc.record({ replace: fc.integer({ min: 1, max: 3 }) }),
  fc.record({ before: fc.integer({ min: 1, max: 3 }) }),
);

const apart = tasks.chain((count) => {
  const owner = fc.nat(count - 1);
  const text = fc.record({
    type: fc.constant<"text">("text"),
    cells: fc.array(fc.record({ owner, edit }), { minLength: 1, maxLength: 6 }),
    newline: fc.constantFrom<"\n" | "\r\n">("\n", "\r\n"),
    endsInNewline: fc.boolean(),
    whole: fc.record({
      owner,
      does: fc.constantFrom<Text["whole"]["does"]>("nothing", "nothing", "remove", "rename", "chmod"),
    }),
  });
  const whole = fc.record({
    type: fc.constantFrom<Whole["type"]>("binary", "new"),
    owner,
    bytes: fc.uint8Array({ minLength: 1, maxLength: 40 }),
  });
  return fc.record({
    order: fc.shuffledSubarray(
      Array.from({ length: count }, (_, task) => task),
      { minLength: count },
    ),
    files: fc
      .array(fc.oneof({ arbitrary: text, weight: 3 }, whole), { minLength: 1, maxLength: PATHS.length })
      .map((files): (Text | Whole)[] => files.map((file, index) => ({ ...file, path: PATHS[index] ?? "" }))),
  });
});

/** The tree in which the edits of these tasks are done, and no others. */
function applied(files: readonly (Text | Whole)[], done: ReadonlySet<number>): Tree {
  const entries = files.map((file, index) => {
    if (file.type === "text") return editedText(file, index, done);
    const mine = done.has(file.owner);
    if (file.type === "new") return mine ? [[file.path, { content: file.bytes }] as const] : [];
    const bytes = Buffer.from([0, index, ...(mine ? file.bytes : [])]);
    return [[file.path, { content: bytes }] as const];
  });
  return Object.fromEntries(entries.flat());
}

function editedText(file: Text, index: number, done: ReadonlySet<number>): (readonly [string, File])[] {
  const { cells, newline, endsInNewline, path, whole } = file;
  const whatIsDone = done.has(whole.owner) ? whole.does : "nothing";
  if (whatIsDone === "remove") return [];
  // A renamed file is known by what it still holds, so most of it is nobody's.
  const still = (cell: number) => [1, 2, 3, 4].map((line) => `file ${index}: between the cells, ${cell}.${line}`);
  const lines = cells.flatMap(({ owner, edit: how }, cell) => {
    const old = `file ${index}, cell ${cell}`;
    const added = (count: number) => Array.from({ length: count }, (_, line) => `${old}: ${line} of task ${owner}`);
    if (!done.has(owner) || whole.does === "remove" || how === "keep") return [...still(cell), old];
    if (how === "delete") return still(cell);
    return [...still(cell), ...("replace" in how ? added(how.replace) : [...added(how.before), old])];
  });
  const content = [...lines, ...still(cells.length)].join(newline) + (endsInNewline ? newline : "");
  const mode = whatIsDone === "chmod" ? "100755" : "100644";
  return [[whatIsDone === "rename" ? `${path}.moved` : path, { content, mode }]];
}

test(
  "edits that lie apart merge in any order, in one wave or two, to what they are together",
  async () => {
    await fc.assert(
      fc.asyncProperty(apart, async ({ order, files }) => {
        const [start, all, ...work] = commitTrees(mirror, [
          { tree: applied(files, new Set()), parents: [world.head] },
          { tree: applied(files, new Set(order)) },
          ...order.map((task) => ({ tree: applied(files, new Set([task])), parents: [0] })),
        ]);
        const [leader = 0, ...rest] = order.toReversed();
        const [first, ...later] = commitTrees(
          mirror,
          [
            { tree: applied(files, new Set([leader])), parents: start ? [start] : [] },
            ...rest.map((task) => ({ tree: applied(files, new Set([leader, task])), parents: [0] })),
          ],
          "later",
        );
        if (!start || !all || !first) throw new Error("nothing was written");
        const [oneWave, twoWaves] = await Promise.all([merged(start, work), merged(first, later)]);
        if (typeof oneWave !== "string" || typeof twoWaves !== "string")
          throw new Error(`a merge was not clean: ${JSON.stringify([oneWave, twoWaves])}`);
        expect(treeAt(mirror, oneWave)).toEqual(treeAt(mirror, all));
        expect([treeOf(oneWave), treeOf(twoWaves)]).toEqual([treeOf(all), treeOf(all)]);
        for (const each of work)
          expect(await merge(oneWave, each)).toEqual({ type: "merged", commit: oneWave, changes: [] });
      }),
      { numRuns: RUNS, seed: SEED },
    );
  },
  TIMEOUT_MS,
);

/** All of these merged, one after the other, or the first result that was no clean merge. */
async function merged(start: Sha, work: readonly Sha[]): Promise<Sha | Merged> {
  let into = start;
  for (const theirs of work) {
    const result = await merge(into, theirs);
    if (result.type !== "merged") return result;
    into = result.commit;
  }
  return into;
}

// At random

type Deed =
  | {
      readonly does: "insert" | "replace" | "delete";
      readonly file: number;
      readonly at: number;
      readonly lines: number;
    }
  | { readonly does: "share"; readonly file: number; readonly at: number }
  | { readonly does: "remove" | "chmod"; readonly file: number }
  | { readonly does: "rename"; readonly file: number; readonly to: string }
  | { readonly does: "add"; readonly path: string; readonly lines: number };

const NAMES = ["a", "b", "c", "dir/a", "dir/b", "dir/deep/c", "a/b", "other/a"];
const name = fc.constantFrom(...NAMES);
const place = { file: fc.nat(9), at: fc.nat(20) };
const deed: fc.Arbitrary<Deed> = fc.oneof(
  {
    arbitrary: fc.record({
      does: fc.constantFrom<"insert" | "replace" | "delete">("insert", "replace", "delete"),
      lines: fc.integer({ min: 1, max: 3 }),
      ...place,
    }),
    weight: 6,
  },
  fc.record({ does: fc.constant<"share">("share"), ...place }),
  fc.record({ does: fc.constantFrom<"remove" | "chmod">("remove", "chmod"), file: fc.nat(9) }),
  fc.record({ does: fc.constant<"rename">("rename"), file: fc.nat(9), to: name }),
  fc.record({ does: fc.constant<"add">("add"), path: name, lines: fc.integer({ min: 0, max: 4 }) }),
);
const random = fc.record({
  start: fc.uniqueArray(fc.record({ path: name, lines: fc.integer({ min: 0, max: 12 }) }), {
    selector: ({ path }) => path,
    minLength: 1,
    maxLength: 4,
  }),
  tasks: fc.array(fc.array(deed, { minLength: 1, maxLength: 5 }), { minLength: 2, maxLength: 4 }),
});

interface Lines {
  readonly lines: readonly string[];
  readonly mode: "100644" | "100755";
}
type Files = ReadonlyMap<string, Lines>;

/** A path may not be a file and a folder. */
const fits = (files: Files, path: string) =>
  [...files.keys()].every((other) => !other.startsWith(`${path}/`) && !path.startsWith(`${other}/`));

/** What a task makes of the start. `moved` gets the lines of files it renamed. */
function worked(start: Files, task: number, deeds: readonly Deed[], moved: Set<string>): Files {
  const files = new Map(start);
  let written = 0;
  const fresh = (count: number) => Array.from({ length: count }, () => `task ${task} wrote ${(written += 1)}`);
  for (const each of deeds) {
    if (each.does === "add") {
      if (!files.has(each.path) && fits(files, each.path))
        files.set(each.path, { lines: fresh(each.lines), mode: "100644" });
      continue;
    }
    const path = [...files.keys()][each.file % Math.max(1, files.size)];
    const file = path === undefined ? undefined : files.get(path);
    if (path === undefined || file === undefined) continue;
    const lines = [...file.lines];
    const at = "at" in each ? each.at % (lines.length + 1) : 0;
    if (each.does === "remove") files.delete(path);
    else if (each.does === "chmod") files.set(path, { ...file, mode: "100755" });
    else if (each.does === "rename") {
      const rest = new Map(files);
      rest.delete(path);
      if (rest.has(each.to) || !fits(rest, each.to)) continue;
      for (const line of lines) moved.add(line);
      files.delete(path);
      files.set(each.to, file);
    } else {
      // Two tasks may write the same line in the same place.
      if (each.does === "share") lines.splice(at, 0, `shared at ${at}`);
      if (each.does === "insert") lines.splice(at, 0, ...fresh(each.lines));
      if (each.does === "replace") lines.splice(at, each.lines, ...fresh(each.lines));
      if (each.does === "delete") lines.splice(at, each.lines);
      files.set(path, { ...file, lines });
    }
  }
  return files;
}

type Content = ReadonlyMap<string, readonly string[]>;

const asTree = (files: Files): Tree =>
  Object.fromEntries([...files].map(([path, { lines, mode }]) => [path, { content: asText(lines), mode }]));
const asText = (lines: readonly string[]) => lines.map((line) => `${line}\n`).join("");
const contentOf = (files: Files): Content => new Map([...files].map(([path, { lines }]) => [path, lines]));
const contentAt = (commit: Sha): Content =>
  new Map([...treeAt(mirror, commit)].map(([path, { text }]) => [path, text.split("\n").slice(0, -1)]));
const linesIn = (content: Content) => new Set([...content.values()].flat());

/** Lines that the start did not have. */
const addedTo = (base: Content, ...contents: readonly Content[]) =>
  contents.flatMap((content) => [...linesIn(content)]).filter((line) => !linesIn(base).has(line));
const lacksNone = (there: ReadonlySet<string>, wanted: Iterable<string>) =>
  assert.deepEqual(
    [...wanted].filter((each) => !there.has(each)),
    [],
  );

/** The start, and how a wave of tasks is merged into it: who resolves a conflict keeps both sides. */
class Wave {
  readonly start: Sha;
  readonly base: Content;
  /** Lines of files that a task renamed: git may take them for deleted and added. */
  readonly moved: ReadonlySet<string>;
  into: Sha;
  content: Content;
  conflicts = 0;

  constructor(start: Sha, base: Content, moved: ReadonlySet<string>) {
    this.start = this.into = start;
    this.base = this.content = base;
    this.moved = moved;
  }

  /** False when everything was there already. */
  async merge(theirs: Sha, mine: Content): Promise<boolean> {
    const result = await merge(this.into, theirs);
    if (result.type === "refused") throw new Error(result.reasons.join());
    const content = contentAt(result.type === "merged" ? result.commit : result.marked);
    const there = linesIn(content);
    lacksNone(there, addedTo(this.base, this.content, mine));
    if (result.type === "conflict") await this.#resolve(result, content);
    else {
      this.#isClean(content, mine);
      if (result.commit === this.into) return false;
      [this.into, this.content] = [result.commit, content];
    }
    return true;
  }

  #isClean(content: Content, mine: Content): void {
    const there = linesIn(content);
    const [ours, theirs] = [linesIn(this.content), linesIn(mine)];
    const [kept, gone] = [new Set<string>(), new Set<string>()];
    for (const line of linesIn(this.base)) (ours.has(line) && theirs.has(line) ? kept : gone).add(line);
    lacksNone(there, kept);
    assert.deepEqual(
      [...gone].filter((line) => there.has(line) && !this.moved.has(line)),
      [],
    );
    inOrder(content, this.content);
    // Both sides one after the other may have turned lines of the start around.
    if (this.conflicts === 0) inOrder(content, mine);
  }

  async #resolve(conflict: Extract<Merged, { type: "conflict" }>, content: Content): Promise<void> {
    this.conflicts += 1;
    assert.equal(conflict.base, this.start);
    assert.notEqual(conflict.paths.length, 0);
    const held = [...content].flatMap(([path, lines]) => (lines.some((line) => line.startsWith("<<<")) ? [path] : []));
    const reported = await leftIn(conflict.marked, content);
    assert.deepEqual(new Set(reported), new Set(held));
    lacksNone(new Set(conflict.paths), held);
    this.content = new Map([...content].map(([path, lines]) => [path, bothSides(lines)]));
    const tree = Object.fromEntries([...this.content].map(([path, lines]) => [path, asText(lines)]));
    [this.into = this.start] = commitTrees(mirror, [{ tree, parents: [conflict.marked] }]);
    assert.deepEqual(await leftIn(this.into, this.content), []);
  }
}

const leftIn = (commit: Sha, content: Content) =>
  world.workspaces.conflictMarkers(world.repo, commit, [...content.keys()], never);

/** Both sides of every conflict, one after the other, without the base between them. */
function bothSides(lines: readonly string[]): string[] {
  let inBase = false;
  return lines.filter((line) => {
    if (line.startsWith("|||||||")) inBase = true;
    if (line.startsWith("=======")) inBase = false;
    return !inBase && !/^(?:<{7,}|={7,}|>{7,})/.test(line);
  });
}

/** What a file of the result took over from the file of the same name of one side is in the same order there. */
function inOrder(result: Content, side: Content): void {
  for (const [path, lines] of result) {
    const its = side.get(path) ?? [];
    const once = (line: string) => !line.startsWith("shared");
    assert.deepEqual(
      lines.filter((line) => once(line) && its.includes(line)),
      its.filter((line) => once(line) && lines.includes(line)),
    );
  }
}

test(
  "whatever two sides did, no line that one of them added is lost, and none that one took away comes back",
  async () => {
    let conflicts = 0;
    let clean = 0;
    await fc.assert(
      fc.asyncProperty(random, async ({ start, tasks: deeds }) => {
        const files = new Map<string, Lines>();
        for (const [index, { path, lines: count }] of start.entries()) {
          const lines = Array.from({ length: count }, (_, line) => `file ${index} line ${line}`);
          if (fits(files, path)) files.set(path, { lines, mode: "100644" });
        }
        const moved = new Set<string>();
        const work = deeds.map((each, task) => worked(files, task, each, moved));
        const [first, ...commits] = commitTrees(mirror, [
          { tree: asTree(files), parents: [world.head] },
          ...work.map((each) => ({ tree: asTree(each), parents: [0] })),
        ]);
        if (!first) throw new Error("nothing was written");
        const wave = new Wave(first, contentOf(files), moved);
        const recorded: Sha[] = [];
        for (const [task, theirs] of commits.entries())
          if (await wave.merge(theirs, contentOf(work[task] ?? new Map()))) recorded.push(theirs);
        lacksNone(linesIn(wave.content), addedTo(wave.base, ...work.map(contentOf)));
        for (const theirs of recorded)
          expect(await merge(wave.into, theirs)).toEqual({ type: "merged", commit: wave.into, changes: [] });
        conflicts += wave.conflicts;
        clean += commits.length - wave.conflicts;
        const reversed = wave.conflicts === 0 ? await merged(first, commits.toReversed()) : wave.into;
        const either = typeof reversed === "string" ? reversed : wave.into;
        expect(treeOf(either)).toBe(treeOf(wave.into));
      }),
      { numRuns: RUNS, seed: SEED },
    );
    // Both were tried, often.
    expect(Math.min(conflicts, clean)).toBeGreaterThan(RUNS / 2);
  },
  TIMEOUT_MS,
);
