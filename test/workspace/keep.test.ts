// Workspaces that outlive their process: real processes, killed at once.
import { lstat, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { execute } from "#src/core/exec.ts";
import { createWorkspaces } from "#src/workspace/create-workspaces.ts";
import type { Workspace, Workspaces, WorkspacesOptions } from "#src/workspace/workspaces.ts";
import { needs } from "#test/support/needs.ts";
import { Keeper } from "./keeping.ts";
import { commitFiles, never, World } from "./world.ts";

const bubblewrap = await needs("bubblewrap");
const KEY = "run-0123456789ab/fix/1";
let world: World;

const adopt = (turn: number, key = KEY, workspaces: Workspaces = world.workspaces) =>
  workspaces.adopt(world.repo, key, turn, never);
const clones = () => readdir(join(world.home, "workspaces")).catch(() => []);
const lies = (folder: string) =>
  stat(folder).then(
    () => true,
    () => false,
  );

/** A process that opened a workspace, did these things and was killed. The folder it left. */
async function killedAfter(...lines: string[]): Promise<string> {
  await using keeper = await Keeper.start(world);
  const folder = await keeper.does(`open ${KEY}`);
  for (const line of lines) await keeper.does(line);
  await writeFile(join(folder, "work"), "work\n");
  return folder;
}

async function over(options: Partial<WorkspacesOptions> = {}): Promise<Workspaces & AsyncDisposable> {
  const { home, sandbox } = world;
  const credential = () => Promise.resolve(undefined);
  return await createWorkspaces({ home, onHost: execute, inSandbox: sandbox.run, credential, ...options });
}

beforeEach(async () => {
  world = await World.create("none");
});
afterEach(async () => {
  await world[Symbol.asyncDispose]();
});

describe("a workspace whose process was killed", () => {
  test("is gone on with, whole: its files, its start, its install's result, its objects, what is not part of the work", async () => {
    await killedAfter("begin 1", "recorded 1", "begin 2", "recorded 2");
    await using workspace = await adopt(2);
    expect(workspace).toMatchObject({ commit: world.head, installed: { exitCode: 0, stdout: "installed\n" } });
    if (!workspace) return;
    expect(await readFile(join(workspace.folder, "work"), "utf8")).toBe("work\n");
    expect(await world.agent(workspace, "git log --format=%H; git status --short")).toBe(`${world.head}\n?? work\n`);
    expect(await workspace.collect("m", never)).toMatchObject({ type: "collected", changes: [{ path: "work" }] });
  });

  test.each([
    ["nothing was begun", [], 0],
    ["a turn was recorded that used no tools", ["begin 1", "recorded 1", "recorded 2"], 2],
    ["the log had the turn, the ledger not yet", ["begin 1", "recorded 1", "begin 2"], 2],
  ] as const)("is gone on with when %s", async (_name, lines, turn) => {
    await killedAfter(...lines);
    await using workspace = await adopt(turn);
    expect(workspace?.commit).toBe(world.head);
  });

  test.each([
    ["a later turn was begun", ["begin 1", "recorded 1", "begin 2"], 1],
    ["a later turn was recorded", ["recorded 1", "recorded 2"], 1],
    ["it knows less than the log", ["begin 1", "recorded 1"], 2],
  ] as const)("is deleted when %s", async (_name, lines, turn) => {
    const folder = await killedAfter(...lines);
    expect(await adopt(turn)).toBeUndefined();
    expect(await lies(folder)).toBe(false);
    await world.workspaces[Symbol.asyncDispose]();
    expect(await clones()).toEqual([]);
  });

  test("is gone on with by one of several processes", async () => {
    await killedAfter("recorded 1");
    const keepers = await Promise.all(Array.from({ length: 4 }, () => Keeper.start(world)));
    const folders = await Promise.all(keepers.map((keeper) => keeper.does(`adopt ${KEY}@1`)));
    const got = folders.filter((folder) => folder !== "nothing");
    expect(got).toHaveLength(1);
    expect(await readFile(join(got[0] ?? "", "work"), "utf8")).toBe("work\n");
    for (const keeper of keepers) await keeper.kill();
    // And from the one who got it, again.
    await using again = await adopt(1);
    expect(again?.commit).toBe(world.head);
  });

  test("is not taken from a process that lives", async () => {
    await using keeper = await Keeper.start(world);
    const folder = await keeper.does(`open ${KEY}`);
    expect(await adopt(0)).toBeUndefined();
    await world.workspaces.forget("run-0123456789ab");
    await using other = await over({ sweepMs: 5, keepMs: 0 });
    await using mine = await other.open(world.repo, world.head, never, { keep: "run-0123456789ab/other/1" });
    expect(await lies(folder)).toBe(true);
    expect(await keeper.does("begin 1")).toBe(folder);
    expect(mine.folder).not.toBe(folder);
  });

  test("has no say any more when another was opened under its key", async () => {
    const left = await killedAfter("recorded 1");
    await using keeper = await Keeper.start(world);
    const newer = await keeper.does(`open ${KEY}`);
    expect(await lies(left)).toBe(false);
    await keeper.does("begin 1");
    expect(await lies(newer)).toBe(true);
  });

  test("is found under its old name by what an install wrote down, and leaves no link behind", async () => {
    const left = await killedAfter("recorded 1");
    const workspace = await adopt(1);
    expect(await readFile(join(left, "work"), "utf8")).toBe("work\n");
    expect(workspace?.folder).not.toBe(left);
    await workspace?.park();
    const again = await adopt(1);
    expect(await readFile(join(left, "work"), "utf8")).toBe("work\n");
    await again?.[Symbol.asyncDispose]();
    expect(await clones()).toEqual([]);
  });

  const damage: Record<string, (lease: string) => Promise<unknown>> = {
    "of an earlier start of the machine": async (lease) => {
      const clone = join(lease, "clone.json");
      await writeFile(clone, (await readFile(clone, "utf8")).replace(/"boot":"[^"]*"/, '"boot":"another"'));
    },
    "whose turns cannot be read": (lease) => writeFile(join(lease, "turns"), "begun 1 rec"),
    "without the note of what it is": (lease) => rm(join(lease, "clone.json")),
    "whose tree is a link": async (lease) => {
      await rm(join(lease, "tree"), { recursive: true });
      await symlink("/etc", join(lease, "tree"));
    },
    "that borrows objects of another mirror": async (lease) => {
      await rm(join(lease, "baton-objects"));
      await symlink("/tmp", join(lease, "baton-objects"));
    },
  };
  test.each(Object.entries(damage))("%s is deleted", async (_name, harm) => {
    const folder = await killedAfter("recorded 1");
    await harm(dirname(folder));
    expect(await adopt(1)).toBeUndefined();
    expect(await lies(dirname(folder))).toBe(false);
  });
});

describe("a process that dies in between", () => {
  /** Whether the workspace can be gone on with from this turn; then its work comes in, once. */
  async function goesOn(turn: number): Promise<boolean> {
    await using workspace = await adopt(turn);
    if (!workspace) return false;
    expect(await workspace.collect("m", never)).toMatchObject({ type: "collected", changes: [{ path: "work" }] });
    return true;
  }

  test.each([
    ["workspace.before-ledger", "begin 2", 1, true],
    ["workspace.after-ledger", "begin 2", 1, false],
    ["workspace.before-ledger", "recorded 2", 2, false],
    ["workspace.after-ledger", "recorded 2", 2, true],
    ["workspace.before-import", "collect", 1, true],
    ["workspace.after-import", "collect", 1, true],
  ] as const)("at %s, on %s: from turn %i on, %s", async (point, line, turn, can) => {
    await using keeper = await Keeper.start(world);
    const folder = await keeper.does(`open ${KEY}`);
    await keeper.does("begin 1");
    await writeFile(join(folder, "work"), "work\n");
    await keeper.does("recorded 1");
    await keeper.does(`die ${point}`);
    await expect(keeper.does(line)).rejects.toThrow("the process ended");
    await keeper.kill();
    expect(await goesOn(turn)).toBe(can);
  });
});

describe("a workspace put aside", () => {
  let workspace: Workspace;
  beforeEach(async () => {
    workspace = await world.workspaces.open(world.repo, world.head, never, { keep: KEY });
    await workspace.begin(1);
    await workspace.recorded(1);
  });

  test("is gone on with by the same process or another; disposing of it does nothing any more", async () => {
    await workspace.park();
    await workspace[Symbol.asyncDispose]();
    const mine = await adopt(1);
    expect(mine?.commit).toBe(world.head);
    await mine?.park();
    await using keeper = await Keeper.start(world);
    expect(await keeper.does(`adopt ${KEY}@1`)).toMatch(/\/tree$/);
    await keeper.does("park");
    await using again = await adopt(1);
    expect(again?.commit).toBe(world.head);
  });

  test("waits for some minutes, or until a time, and is then deleted", async () => {
    await workspace.park(Date.now() + 3_600_000);
    await using keeping = await over({ sweepMs: 5, keepMs: 0 });
    await using other = await keeping.open(world.repo, world.head, never, { keep: "run-0123456789ab/other/1" });
    await other.park();
    await expect.poll(clones).toHaveLength(1 + 1);
    expect((await adopt(1))?.commit).toBe(world.head);
  });

  test("is deleted when its run is over, and no other", async () => {
    await workspace.park();
    const other = await world.workspaces.open(world.repo, world.head, never, { keep: "run-ba9876543210/fix/1" });
    await other.park();
    await world.workspaces.forget("run-0123456789ab");
    expect(await adopt(1)).toBeUndefined();
    await using found = await adopt(0, "run-ba9876543210/fix/1");
    expect(found?.commit).toBe(world.head);
  });

  test("without a key is deleted", async () => {
    const plain = await world.open();
    await plain.begin(1);
    await plain.park();
    expect(await lies(plain.folder)).toBe(false);
    await workspace[Symbol.asyncDispose]();
  });

  test("a key must name run, stage and attempt", async () => {
    for (const keep of ["", "run", "run/stage", "run/../x/1", "run/stage/x"])
      await expect(world.workspaces.open(world.repo, world.head, never, { keep })).rejects.toMatchObject({
        code: "invalid-id",
      });
    await workspace[Symbol.asyncDispose]();
  });
});

describe("leftovers, while another process lives in the same home", () => {
  test("without a key they go at the next look, with one they wait, then go too", async () => {
    await using sweeping = await over({ sweepMs: 5, keepMs: 3_600_000 });
    await using keeper = await Keeper.start(world);
    const plain = await keeper.does("open ");
    await using second = await Keeper.start(world);
    const kept = await second.does(`open ${KEY}`);
    await using mine = await sweeping.open(world.repo, world.head, never);
    await keeper.kill();
    await second.kill();
    await expect.poll(() => lies(plain)).toBe(false);
    await expect.poll(async () => (await lstat(dirname(kept))).isSymbolicLink()).toBe(true);
    expect(await lies(kept)).toBe(true);
    expect(await lies(mine.folder)).toBe(true);
    await using impatient = await over({ sweepMs: 5, keepMs: 0 });
    await expect.poll(() => lies(kept)).toBe(false);
    expect(await impatient.adopt(world.repo, KEY, 0, never)).toBeUndefined();
    await expect.poll(clones).toEqual([dirname(mine.folder).split("/").at(-1)]);
  });
});

describe.skipIf(!bubblewrap)("in the sandbox", () => {
  test("an adopted workspace is where it was, with its home folder, and its ledger is out of reach", async () => {
    await using held = await World.create("required");
    const opened = await held.workspaces.open(held.repo, held.head, never, { keep: KEY });
    await opened.begin(1);
    await held.agent(
      opened,
      "echo work > work; echo mine > $HOME/mine; git add -A; git -c user.name=a -c user.email=b commit -qm w",
    );
    await opened.recorded(1);
    await opened.park();
    await using adopted = await held.workspaces.adopt(held.repo, KEY, 1, never);
    if (!adopted) throw new Error("it was not adopted");
    expect(
      await held.agent(
        adopted,
        "pwd; cat work $HOME/mine; git log --format=%s; ls -A ..; find / -name clone.json -o -name turns 2>/dev/null || true",
      ),
    ).toMatch(/^\/workspace\nwork\nmine\nw\nchange\n(?![^]*clone\.json)(?![^]*turns)/);
    expect(await adopted.collect("m", never)).toMatchObject({ type: "collected", changes: [{ path: "work" }] });
  });
});

test("several processes fetch into one mirror, and from it, at once", async () => {
  await commitFiles(world.origin, Object.fromEntries(Array.from({ length: 150 }, (_, n) => [`f/${n}`, `${n}\n`])));
  const keepers = await Promise.all(Array.from({ length: 4 }, () => Keeper.start(world)));
  for (let round = 0; round < 3; round += 1) {
    const head = await commitFiles(world.origin, { round: `${round}` });
    expect(await Promise.all(keepers.map((keeper) => keeper.does("resolve main")))).toEqual(keepers.map(() => head));
  }
  const folders = await Promise.all(keepers.map((keeper) => keeper.does("open ")));
  await Promise.all(folders.map((folder, index) => writeFile(join(folder, "mine"), `${index}`)));
  const works = await Promise.all(keepers.map((keeper) => keeper.does("collect")));
  expect(works.map((work) => work.includes('"type":"collected"'))).toEqual(keepers.map(() => true));
  for (const keeper of keepers) await keeper.kill();
}, 60_000);
