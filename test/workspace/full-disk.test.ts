// A disk that is full, a real one: everything that writes says so by one name, leaves nothing half done, and works when there is room again.
import { randomBytes } from "node:crypto";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Execute } from "#src/core/command.ts";
import { execute } from "#src/core/exec.ts";
import { createWorkspaces } from "#src/workspace/create-workspaces.ts";
import { readTurns } from "#src/workspace/ledger.ts";
import { needs } from "#test/support/needs.ts";
import { mebibytes, SmallDisk } from "#test/support/small-disk.ts";
import { commitFiles, never, World } from "./world.ts";

const small = await needs("tmpfs");
const bubblewrap = await needs("bubblewrap");
const SIZE = 6;
let world: World;

describe.skipIf(!small)("a full disk", () => {
  beforeEach(async () => {
    world = await World.create(bubblewrap ? "required" : "none");
    world.head = await commitFiles(world.origin, { "data.bin": randomBytes(mebibytes(SIZE)) });
  });
  afterEach(async () => {
    await world[Symbol.asyncDispose]();
  });

  const over = async (disk: SmallDisk, { minFreeBytes = 0, inSandbox = world.sandbox.run } = {}) =>
    await createWorkspaces({
      home: disk.folder,
      onHost: execute,
      inSandbox,
      credential: () => Promise.resolve(undefined),
      minFreeBytes,
    });
  const full = (disk: SmallDisk) => ({
    code: "disk-full",
    retryable: true,
    message: expect.stringMatching(new RegExp(`${disk.folder}.*(free some|BATON_HOME)`, "s")),
  });

  test("while a mirror is fetched", async () => {
    await using disk = new SmallDisk(SIZE - 2);
    await using workspaces = await over(disk);
    const before = await disk.free();
    await expect(workspaces.resolve(world.repo, "main", never)).rejects.toMatchObject(full(disk));
    expect(before - (await disk.free())).toBeLessThan(mebibytes(0.5));
    disk.grow(SIZE * 4);
    expect(await workspaces.resolve(world.repo, "main", never)).toBe(world.head);
  });

  test("while a clone is made", async () => {
    await using disk = new SmallDisk(SIZE + 4);
    await using workspaces = await over(disk);
    await workspaces.resolve(world.repo, "main", never);
    const before = await disk.free();
    const keep = "run-0123456789ab/fix/1";
    await expect(workspaces.open(world.repo, world.head, never, { keep })).rejects.toMatchObject(full(disk));
    expect(await readdir(join(disk.folder, "workspaces"))).toEqual([]);
    await expect.poll(async () => before - (await disk.free())).toBeLessThan(mebibytes(0.5));
    disk.grow(SIZE * 4);
    await using workspace = await workspaces.open(world.repo, world.head, never, { keep });
    expect(workspace.commit).toBe(world.head);
  });

  test("while work comes in, wherever it happens on the way", async () => {
    await using disk = new SmallDisk(SIZE * 8);
    let leave = async () => {};
    const inSandbox: Execute = async (command, signal) => {
      const result = await world.sandbox.run(command, signal);
      await leave();
      return result;
    };
    await using workspaces = await over(disk, { inSandbox });
    await using workspace = await workspaces.open(world.repo, world.head, never);
    await writeFile(join(workspace.folder, "work"), randomBytes(mebibytes(3)));
    const seen = new Map<string, unknown>();
    const collect = async () => {
      const outcome: unknown = await workspace.collect("m", never).catch((error: unknown) => error);
      const where = outcome instanceof Error ? /\/(workspaces|quarantine|mirrors)\//.exec(outcome.message)?.[1] : "in";
      seen.set(where ?? "elsewhere", outcome);
      return where;
    };
    await disk.leave(mebibytes(0.5));
    await collect();
    // With room for the packing, and less and less scarce behind it.
    for (const left of [0, 1, 4, 7, 10, 13, 16]) {
      leave = () => disk.leave(mebibytes(left));
      await disk.empty();
      if ((await collect()) === "in") break;
    }
    const said = full(disk);
    expect(Object.fromEntries(seen)).toMatchObject({ workspaces: said, quarantine: said, mirrors: said });
    expect(seen.get("elsewhere")).toBeUndefined();
    expect(seen.get("in")).toMatchObject({ type: "collected" });
    expect(await readdir(join(disk.folder, "quarantine"))).toEqual([]);
    leave = async () => {};
    await disk.empty();
    const collected = await workspace.collect("m", never);
    expect(collected).toMatchObject({ type: "collected", changes: [{ path: "work" }] });
  }, 30_000);

  test("while a turn is written down: what was written before stays", async () => {
    await using disk = new SmallDisk(SIZE * 4);
    await using workspaces = await over(disk);
    await using workspace = await workspaces.open(world.repo, world.head, never, { keep: "run-0123456789ab/fix/1" });
    await workspace.begin(1);
    await disk.leave(0);
    await expect(workspace.begin(2)).rejects.toMatchObject(full(disk));
    expect(await readTurns(join(workspace.folder, ".."))).toEqual({ begun: 1, recorded: 0 });
    await disk.empty();
    await workspace.recorded(1);
    expect(await readTurns(join(workspace.folder, ".."))).toEqual({ begun: 1, recorded: 1 });
  });

  test("is seen before a clone is begun", async () => {
    await using disk = new SmallDisk(SIZE * 4);
    await using workspaces = await over(disk, { minFreeBytes: mebibytes(SIZE * 2) });
    await disk.leave(mebibytes(SIZE));
    await expect(workspaces.open(world.repo, world.head, never)).rejects.toMatchObject({
      ...full(disk),
      message: expect.stringContaining(`only ${SIZE} MiB are free on the disk of ${disk.folder}`),
    });
    expect(await readdir(disk.folder)).toEqual(["ballast"]);
    await disk.empty();
    await using workspace = await workspaces.open(world.repo, world.head, never);
    expect(workspace.commit).toBe(world.head);
  });

  test.skipIf(!bubblewrap)("that an agent filled is an answer to the agent", async () => {
    await using disk = new SmallDisk(SIZE * 4);
    await using workspaces = await over(disk);
    await using workspace = await workspaces.open(world.repo, world.head, never);
    await using hands = await world.sandbox.startHands(workspace.folder, never);
    const bash = (command: string) => hands.call({ name: "bash", input: { command } }, never);
    expect((await bash("head -c 100M /dev/zero > big")).output).toContain("No space left on device");
    const wrote = await hands.call({ name: "write", input: { file_path: "more", content: "x".repeat(50_000) } }, never);
    expect(wrote).toMatchObject({ ok: false, output: expect.stringMatching(/no space left/i) });
    expect((await bash("fallocate -l 2G /tmp/big")).output).toContain("No space left on device");
    expect((await bash("rm -f big more && echo room > more && cat more")).output).toContain("room");
  });
});
