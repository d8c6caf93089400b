// Finished work on another machine: what one home's agents made is found from a home that never had it, and only as it was.
import { mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { execute } from "#src/core/exec.ts";
import { sha, type Sha } from "#src/core/ids.ts";
import { silentLog } from "#src/core/log.ts";
import { openSandbox } from "#src/hands/open-sandbox.ts";
import { createWorkspaces } from "#src/workspace/create-workspaces.ts";
import type { Shelf, Shelves, ShelvedWork } from "#src/workspace/shelf.ts";
import { BatonError } from "#src/core/errors.ts";
import { needs } from "#test/support/needs.ts";
import { commitFiles, git, never } from "./world.ts";

const mode = (await needs("bubblewrap")) ? "required" : "none";

let undo: AsyncDisposableStack;
let folder: string;
let head: Sha;
let shelved: Map<Sha, ShelvedWork>;
/** That of the repository with the number 1. */
let shelf: Shelf;
const shelvesWith =
  (one: Shelf): Shelves =>
  ({ id }) =>
    id === 1 ? one : { put: () => Promise.resolve(), get: () => Promise.resolve(undefined) };
beforeEach(async () => {
  undo = new AsyncDisposableStack();
  folder = await mkdtemp(join(tmpdir(), "baton-shelf-"));
  undo.defer(() => rm(folder, { recursive: true, force: true }));
  git(folder, "init", "--quiet", "--initial-branch=main", "origin");
  head = await commitFiles(join(folder, "origin"), { "a.txt": "one\n" });
  shelved = new Map();
  shelf = {
    put: (work) => Promise.resolve(void shelved.set(work.commit, work)),
    get: (commit) => Promise.resolve(shelved.get(commit)),
  };
});
afterEach(async () => undo.disposeAsync());

const repo = () => ({ id: 1, owner: "octo", name: "tab", cloneUrl: join(folder, "origin") });

async function machine(name: string, over: Shelf = shelf, warn: (message: string) => void = () => {}) {
  const log = { ...silentLog, warn };
  const sandbox = undo.use(await openSandbox({ mode, log: silentLog }));
  return undo.use(
    await createWorkspaces({
      home: join(folder, name),
      onHost: execute,
      inSandbox: sandbox.run,
      credential: () => Promise.resolve(undefined),
      shelves: shelvesWith(over),
      log,
      minFreeBytes: 0,
    }),
  );
}

async function change(
  workspaces: Awaited<ReturnType<typeof machine>>,
  from: Sha,
  file: string,
  text = `${file}\n`,
): Promise<Sha> {
  await using workspace = await workspaces.open(repo(), from, never);
  await writeFile(join(workspace.folder, file), text);
  const collected = await workspace.collect(`add ${file}`, never);
  if (collected.type !== "collected") throw new Error(collected.reasons.join());
  return collected.commit;
}

test("a chain of work made on one machine is gone on with on another", async () => {
  const one = await machine("one");
  const first = await change(one, head, "b.txt");
  const second = await change(one, first, "c.txt");
  const two = await machine("two");
  const third = await change(two, second, "d.txt");
  expect(await two.paths(repo(), third, never)).toEqual(["a.txt", "b.txt", "c.txt", "d.txt"]);
  expect(await two.tree(repo(), second, never)).toBe(await one.tree(repo(), second, never));
  // And back again.
  expect(await one.paths(repo(), third, never)).toContain("d.txt");
});

test("what was merged, or is in conflict, on one machine is gone on with on another", async () => {
  const one = await machine("one");
  const [b, c] = [await change(one, head, "b.txt"), await change(one, head, "c.txt")];
  const [mine, theirs] = [await change(one, head, "a.txt", "mine\n"), await change(one, head, "a.txt", "theirs\n")];
  const merged = await one.merge(repo(), b, c, "merge c", never);
  const marked = await one.merge(repo(), mine, theirs, "merge theirs", never);
  if (merged.type !== "merged" || marked.type !== "conflict") throw new Error(JSON.stringify([merged, marked]));
  const two = await machine("two");
  expect(await two.paths(repo(), merged.commit, never)).toEqual(["a.txt", "b.txt", "c.txt"]);
  expect(await two.conflictMarkers(repo(), marked.marked, marked.paths, never)).toEqual(["a.txt"]);
  const resolved = await change(two, marked.marked, "a.txt", "mine and theirs\n");
  expect(await two.merge(repo(), resolved, theirs, "again", never)).toMatchObject({ commit: resolved, changes: [] });
  // A third machine, which must find all of it, comes to the same as the first.
  const three = await machine("three");
  expect(await three.conflictMarkers(repo(), resolved, marked.paths, never)).toEqual([]);
  expect(await three.merge(repo(), mine, theirs, "merge theirs", never)).toEqual(marked);
});

test("a machine that lost its disk has the work still", async () => {
  const made = await change(await machine("one"), head, "b.txt");
  await rm(join(folder, "one"), { recursive: true, force: true });
  expect(await (await machine("again")).paths(repo(), made, never)).toContain("b.txt");
});

test("what nobody shelved is nowhere to be found", async () => {
  const made = await change(await machine("one"), head, "b.txt");
  shelved.clear();
  await expect((await machine("two")).paths(repo(), made, never)).rejects.toMatchObject({ code: "not-found" });
});

test("what is shelved for one repository is nowhere to be found for another", async () => {
  const made = await change(await machine("one"), head, "b.txt");
  expect(shelved.has(made)).toBe(true);
  const other = { ...repo(), id: 2, name: "other" };
  await expect((await machine("two")).paths(other, made, never)).rejects.toMatchObject({ code: "not-found" });
});

test("a bundle that is not the commit's own is refused", async () => {
  const one = await machine("one");
  const first = await change(one, head, "b.txt");
  const other = await change(one, head, "c.txt");
  const [mine, theirs] = [shelved.get(first), shelved.get(other)];
  if (!mine || !theirs) throw new Error("nothing was shelved");
  shelved.set(first, { ...mine, bundle: theirs.bundle });
  await expect((await machine("two")).paths(repo(), first, never)).rejects.toMatchObject({ code: "not-found" });
  shelved.set(first, { ...mine, bundle: mine.bundle.subarray(0, -30) });
  await expect((await machine("three")).paths(repo(), first, never)).rejects.toMatchObject({ code: "git-failed" });
});

test("work is not lost to this machine because the shelf is away, and that is said", async () => {
  const warned: string[] = [];
  const away: Shelf = {
    put: () => Promise.reject(new BatonError("database-failed", "away", { retryable: true })),
    get: () => Promise.resolve(undefined),
  };
  const one = await machine("one", away, (message) => warned.push(message));
  const made = await change(one, head, "b.txt");
  expect(await one.paths(repo(), made, never)).toContain("b.txt");
  expect(warned).toContain("finished work is on this machine only");
});

test("work that another Baton hands in comes in as the commit it is, and by policy", async () => {
  const one = await machine("one");
  const first = await change(one, head, "b.txt");
  const second = await change(one, first, "c.txt");
  const [earlier, later] = [shelved.get(first), shelved.get(second)];
  if (!earlier || !later) throw new Error("nothing was shelved");
  shelved.clear();
  const two = await machine("two");
  expect(await two.takeIn(repo(), earlier, never)).toEqual({ type: "taken" });
  expect(await two.takeIn(repo(), later, never)).toEqual({ type: "taken" });
  expect(await two.paths(repo(), second, never)).toEqual(["a.txt", "b.txt", "c.txt"]);

  const three = await machine("three");
  const other = { ...earlier, commit: second };
  expect(await three.takeIn(repo(), other, never)).toMatchObject({
    type: "refused",
    reasons: [expect.stringContaining("another commit")],
  });
  const cut = { ...earlier, bundle: earlier.bundle.subarray(0, -30) };
  expect(await three.takeIn(repo(), cut, never)).toMatchObject({
    type: "refused",
    reasons: [expect.stringContaining("git refuses")],
  });
  await expect(three.takeIn(repo(), later, never)).rejects.toMatchObject({ code: "not-found" });
  await three.takeIn(repo(), earlier, never);
  const elsewhere = { ...later, start: head };
  expect(await three.takeIn(repo(), elsewhere, never)).toMatchObject({ type: "refused" });
  await expect(three.paths(repo(), second, never)).rejects.toMatchObject({ code: "not-found" });

  // Made past the quarantine: what policy does not let in from an agent it does not let in from here.
  const evil = join(folder, "evil");
  git(folder, "clone", "--quiet", "origin", "evil");
  git(evil, "checkout", "--quiet", "-b", "made");
  await symlink("/etc/passwd", join(evil, "link"));
  git(evil, "add", "link");
  git(evil, "-c", "user.name=e", "-c", "user.email=e@example.org", "commit", "--quiet", "-m", "a link");
  git(evil, "bundle", "create", "--quiet", "link.bundle", "made", `^${head}`);
  const bundle = await readFile(join(evil, "link.bundle"));
  const work = { commit: sha(git(evil, "rev-parse", "HEAD").trim()), start: head, bundle };
  expect(await three.takeIn(repo(), work, never)).toEqual({
    type: "refused",
    reasons: [expect.stringContaining("symbolic link")],
  });
});
