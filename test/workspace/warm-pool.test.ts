// Clones that are prepared once and leased often: what comes out of the pool, and above all what can never get in.
import { execFileSync } from "node:child_process";
import { chmod, mkdir, readdir, readFile, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openParts } from "#src/parts.ts";
import type { Execute } from "#src/core/command.ts";
import { execute } from "#src/core/exec.ts";
import type { Sha } from "#src/core/ids.ts";
import { silentLog } from "#src/core/log.ts";
import { readEnv } from "#src/env.ts";
import { seal } from "#src/workspace/copy-tree.ts";
import { createWorkspaces, type OpenedWorkspaces } from "#src/workspace/create-workspaces.ts";
import type { Workspace, WorkspacesOptions } from "#src/workspace/workspaces.ts";
import { needs } from "#test/support/needs.ts";
import { mebibytes, SmallDisk } from "#test/support/small-disk.ts";
import { until } from "#test/support/until.ts";
import { Keeper } from "./keeping.ts";
import { appears, commitFiles, never, World } from "./world.ts";

const bubblewrap = await needs("bubblewrap");
const small = await needs("tmpfs");
const KEY = "run-0123456789ab/fix/1";
const INSTALL =
  "mkdir -p node_modules/a ~/cache && echo pristine | tee node_modules/a/index > ~/cache/a && ln node_modules/a/index linked";
const bounds = { maxBytes: mebibytes(100), maxAgeMs: 3_600_000, perRepository: 3 };

let world: World;
let pooled: OpenedWorkspaces;
/** Install commands that were run, in order. */
let installs: string[];
/** Installs that were under way at once. */
let most: number;

async function over(options: Partial<WorkspacesOptions> = {}): Promise<OpenedWorkspaces> {
  let atOnce = 0;
  const inSandbox: Execute = async (command, signal) => {
    if (command.network !== "registries") return await world.sandbox.run(command, signal);
    installs.push(command.argv.at(-1) ?? "");
    most = Math.max(most, (atOnce += 1));
    try {
      return await world.sandbox.run(command, signal);
    } finally {
      atOnce -= 1;
    }
  };
  const credential = () => Promise.resolve(undefined);
  const usual = { home: world.home, onHost: execute, inSandbox, credential, warmPool: bounds, minFreeBytes: 0 };
  return await createWorkspaces({ ...usual, ...options });
}

interface Asked {
  readonly commit?: Sha;
  readonly base?: Sha;
  readonly install?: string;
  readonly keep?: string;
  readonly from?: OpenedWorkspaces;
  readonly signal?: AbortSignal;
}

const open = async ({
  base = world.head,
  commit = base,
  install = INSTALL,
  keep,
  from = pooled,
  signal = never,
}: Asked = {}) =>
  await from.open(world.repo, commit, signal, { setup: { install, base }, ...(keep === undefined ? {} : { keep }) });
const clones = async () => (await pooled.warmPool.figures()).clones;
/** Until there is a stock with its spare for each of so many bases. */
const settled = async (bases = 1) =>
  await until(async () => (await clones()) === 2 * bases, { what: "no spare was made" });
const entries = async () => await readdir(join(world.home, "pool")).catch(() => []);
const theEntry = async () => join(world.home, "pool", (await entries())[0] ?? "");
const theSpare = async () => {
  const entry = await theEntry();
  return join(entry, (await readdir(entry)).find((name) => name.startsWith("spare-")) ?? "");
};

/** Every file below a folder: its path, content's hash and mode, or where it leads. */
const fingerprint = (folder: string) =>
  execFileSync("sh", ["-c", "find . -type f -exec sha256sum {} + | sort; find . -printf '%p %m %l\\n' | sort"], {
    cwd: folder,
    encoding: "utf8",
  });
const inodes = (folder: string) =>
  execFileSync("find", [folder, "-type", "f", "-printf", "%i\\n"], { encoding: "utf8" }).trim().split("\n");

/** What an agent finds in a workspace as it was installed. */
async function expectPristine(workspace: Workspace, commit: Sha = world.head): Promise<void> {
  const look =
    "git rev-parse HEAD work; git symbolic-ref HEAD; git status --short; cat node_modules/a/index ~/cache/a linked; ls -A; ls -A ~ node_modules";
  expect(await world.agent(workspace, look)).toBe(
    `${commit}\n${commit}\nrefs/heads/work\npristine\npristine\npristine\n` +
      ".git\n.gitignore\nREADME.md\nlinked\nnode_modules\nsrc\n/home/agent:\ncache\n\nnode_modules:\na\n",
  );
}

describe.skipIf(!bubblewrap)("the warm pool", () => {
  beforeEach(async () => {
    installs = [];
    most = 0;
    world = await World.create("required");
    pooled = await over();
  });
  afterEach(async () => {
    await pooled[Symbol.asyncDispose]();
    await world[Symbol.asyncDispose]();
  });

  describe("a second workspace of the same base", () => {
    test("comes from the pool: one install, the same files, and the install's result", async () => {
      await using first = await open();
      await settled();
      await using second = await open();
      expect(installs).toEqual([INSTALL]);
      await expectPristine(first);
      await expectPristine(second);
      expect(first.installedEarlier).toBe(false);
      expect(second.installedEarlier).toBe(true);
      expect(second.installed).toMatchObject({ exitCode: 0, outputHash: first.installed?.outputHash });
      expect(await pooled.warmPool.figures()).toMatchObject({ hits: 1, misses: 1, bytes: expect.any(Number) });
      await world.agent(second, "echo new > src/new.js");
      expect(await second.collect("m", never)).toMatchObject({ type: "collected", changes: [{ path: "src/new.js" }] });
    });

    test("is a spare, by a rename, and the next spare is made; without one it is a copy of the stock", async () => {
      await using _first = await open();
      await settled();
      const spare = await stat(join(await theSpare(), "tree"));
      await using second = await open();
      expect((await stat(second.folder)).ino).toBe(spare.ino);
      // At once: the next spare may not be there yet.
      await using third = await open();
      await settled();
      expect((await stat(third.folder)).ino).not.toBe(spare.ino);
      await expectPristine(third);
      expect(installs).toHaveLength(1);
    });

    test("that is to lie at another commit is moved there, and what was installed stays out of the work", async () => {
      const commit = await commitFiles(world.origin, { "src/tab.js": "export const tab = 2;\n", ".gitignore": "" });
      await using _first = await open();
      await using second = await open({ commit, base: world.head });
      expect(installs).toHaveLength(1);
      expect(
        await world.agent(second, "git rev-parse HEAD; git status --short; cat src/tab.js node_modules/a/index"),
      ).toBe(`${commit}\nexport const tab = 2;\npristine\n`);
      expect(await second.collect("m", never)).toMatchObject({ type: "collected", commit, changes: [] });
    });

    test("waits for the install that is under way, however many there are", async () => {
      const opened = await Promise.all(Array.from({ length: 5 }, () => open({ install: `sleep 1; ${INSTALL}` })));
      expect(installs).toHaveLength(1);
      expect(new Set(opened.map(({ folder }) => folder)).size).toBe(5);
      for (const workspace of opened) {
        await expectPristine(workspace);
        await workspace[Symbol.asyncDispose]();
      }
    });

    test("does not wait for it any longer when it is aborted", async () => {
      const install = `touch begun; until [ -e go ]; do sleep 0.02; done; ${INSTALL}`;
      const first = open({ install });
      await appears(world, "begun");
      const [lease = ""] = await readdir(join(world.home, "workspaces"));
      const over = new AbortController();
      const second = open({ install, signal: over.signal });
      await until(async () => (await readdir(join(world.home, "workspaces"))).length === 2);
      over.abort();
      await expect(second).rejects.toMatchObject({ code: "sandbox-failed" });
      await writeFile(join(world.home, "workspaces", lease, "tree/go"), "");
      await (await first)[Symbol.asyncDispose]();
      expect(installs).toHaveLength(1);
    });

    test("installs itself when it wants another base, command or repository", async () => {
      const base = await commitFiles(world.origin, { "src/tab.js": "export const tab = 2;\n" });
      await using _first = await open();
      await using other = await open({ base });
      await using third = await open({ install: `${INSTALL} && true` });
      const moved = join(world.base, "elsewhere");
      await rename(world.origin, moved);
      const repo = { ...world.repo, cloneUrl: moved };
      await using fourth = await pooled.open(repo, world.head, never, {
        setup: { install: INSTALL, base: world.head },
      });
      expect(installs).toHaveLength(4);
      for (const workspace of [other, third, fourth]) expect(workspace.installedEarlier).toBe(false);
      expect(await readFile(join(other.folder, "src/tab.js"), "utf8")).toBe("export const tab = 2;\n");
    });

    test("installs itself where the install failed, side by side with whoever waited", async () => {
      const install = `sleep 0.5; ${INSTALL}; exit 3`;
      const opened = await Promise.all([open({ install }), open({ install }), open({ install })]);
      expect(installs).toHaveLength(3);
      expect(opened.map(({ installed }) => installed?.exitCode)).toEqual([3, 3, 3]);
      expect(most).toBe(2);
      expect(await clones()).toBe(0);
      for (const workspace of opened) await workspace[Symbol.asyncDispose]();
    });
  });

  describe("what somebody has touched", () => {
    const POISON = `for file in node_modules/a/index ~/cache/a linked README.md .git/config; do echo poison > $file; done
      mkdir -p .git/hooks node_modules/evil; echo poison | tee .git/hooks/post-checkout node_modules/evil/index ~/.gitconfig > ~/.npmrc`;

    test("never enters the pool, whatever becomes of the workspace", async () => {
      const maker = await open({ keep: KEY });
      await settled();
      const before = fingerprint(await theEntry());
      // The one that installed, a spare, and a copy of the stock; given back, put aside, gone on with, and still open.
      const spare = await open();
      const copy = await open({ keep: "run-0123456789ab/fix/2" });
      for (const workspace of [maker, spare, copy]) await world.agent(workspace, POISON);
      await spare[Symbol.asyncDispose]();
      await maker.park();
      await using adopted = await pooled.adopt(world.repo, KEY, 0, never);
      expect(await readFile(join(adopted?.folder ?? "", "README.md"), "utf8")).toBe("poison\n");
      await settled();
      expect(fingerprint(join(await theEntry(), "stock"))).toBe(fingerprint(await theSpare()));
      expect(before).toContain(
        fingerprint(join(await theEntry(), "stock"))
          .split("\n")[0]
          ?.slice(0, 64),
      );
      for (let count = 0; count < 4; count += 1) {
        await using workspace = await open();
        expect(workspace.installedEarlier).toBe(true);
        await expectPristine(workspace);
      }
      await copy[Symbol.asyncDispose]();
    });

    test("cannot be reached by a change either: a commit of the run is checked out behind the pool", async () => {
      const poison = { "node_modules/a/index": "poison\n", "package.json": "poison\n", "linked/x": "poison\n" };
      const commit = await commitFiles(world.origin, { ...poison, ".gitignore": "" });
      // The first to ask for this base already works on a change.
      await using first = await open({ commit, base: world.head });
      expect(await readFile(join(first.folder, "node_modules/a/index"), "utf8")).toBe("poison\n");
      for (let count = 0; count < 3; count += 1) {
        await using second = await open();
        await expectPristine(second);
      }
      expect(installs).toHaveLength(1);
    });

    test("shares no file with what stays in the pool, nor can an agent see the pool", async () => {
      await using first = await open();
      await settled();
      await using spare = await open();
      await using copy = await open();
      await settled();
      const own = [first, spare, copy].flatMap(({ folder }) => inodes(dirname(folder)));
      const theirs = new Set(inodes(await theEntry()));
      expect(theirs.size).toBeGreaterThan(20);
      expect(own.filter((inode) => theirs.has(inode))).toEqual([]);
      // What the install linked is linked within each copy.
      for (const { folder } of [first, spare, copy])
        expect((await stat(join(folder, "linked"))).ino).toBe((await stat(join(folder, "node_modules/a/index"))).ino);
      const pool = join(world.home, "pool");
      expect(await readdir(pool)).toHaveLength(1);
      expect(await world.agent(copy, `[ -e '${pool}' ] || ls -A / /home /workspace/..`)).not.toMatch(/pool|spare|^$/);
    });
  });

  describe("a clone in the pool", () => {
    const damage: [string, () => Promise<void>][] = [
      ["whose HEAD has moved", () => resealed((clone) => writeFile(join(clone, "tree/.git/HEAD"), "ref: x\n"))],
      [
        "that is not at its base",
        () => resealed((clone) => writeFile(join(clone, "tree/.git/refs/heads/work"), "0\n")),
      ],
      ["without its home folder", () => resealed((clone) => rm(join(clone, "baton-home"), { recursive: true }))],
      ["that borrows elsewhere", () => resealed((clone) => borrowing(clone))],
      [
        "with another content in a tracked file",
        () => inBoth((clone) => writeFile(join(clone, "tree/README.md"), "# bat\n")),
      ],
      [
        "with a file more in its dependencies",
        () => inBoth((clone) => writeFile(join(clone, "tree/node_modules/b"), "")),
      ],
      ["with a file less in its home", () => inBoth((clone) => rm(join(clone, "baton-home/cache/a")))],
      ["with another mode", () => inBoth((clone) => chmod(join(clone, "tree/node_modules/a/index"), 0o755))],
      ["that says nothing of itself", async () => writeFile(join(await theEntry(), "about.json"), "{}")],
      ["of an earlier start of the machine", async () => tell({ boot: "another" })],
      ["of another base", async () => tell({ base: "1".repeat(40) })],
      ["that is too old", async () => tell({ madeAt: Date.now() - bounds.maxAgeMs - 1_000 })],
    ];
    async function inBoth(harm: (clone: string) => Promise<void>): Promise<void> {
      for (const clone of [join(await theEntry(), "stock"), await theSpare()]) await harm(clone);
    }
    /** As if it had been put into the pool like that. */
    const resealed = (harm: (clone: string) => Promise<void>) =>
      inBoth(async (clone) => {
        await harm(clone);
        await seal(clone);
      });
    async function borrowing(clone: string): Promise<void> {
      await rm(join(clone, "baton-objects"));
      await symlink(world.base, join(clone, "baton-objects"));
    }
    async function tell(change: Record<string, unknown>): Promise<void> {
      const file = join(await theEntry(), "about.json");
      await writeFile(file, JSON.stringify({ ...JSON.parse(await readFile(file, "utf8")), ...change }));
    }

    test.each(damage)("%s is not leased: the install runs, and puts another in its place", async (_name, harm) => {
      await using _first = await open();
      await settled();
      await harm();
      await using second = await open();
      expect(second.installedEarlier).toBe(false);
      await expectPristine(second);
      expect(installs).toHaveLength(2);
      await using third = await open();
      await expectPristine(third);
      expect(installs).toHaveLength(2);
    });

    test("is not made where an install takes the clone apart", async () => {
      for (const install of [`${INSTALL}; rm -rf .git`, `${INSTALL}; git checkout -q -b other`]) {
        await (await open({ install }))[Symbol.asyncDispose]();
        await using second = await open({ install });
        expect(second.installedEarlier).toBe(false);
      }
      expect(await entries()).toEqual([]);
    });

    test("goes when it is too old, or its machine was started anew, or there are too many of its repository", async () => {
      const bases = [world.head];
      for (const number of [2, 3, 4]) bases.push(await commitFiles(world.origin, { "src/tab.js": `${number}\n` }));
      for (const base of bases) await (await open({ base }))[Symbol.asyncDispose]();
      await settled(bounds.perRepository);
      // The first is the one that went.
      await using _newest = await open({ base: bases[3] ?? world.head });
      expect(installs).toHaveLength(4);
      await using _oldest = await open();
      expect(installs).toHaveLength(5);
      await pooled[Symbol.asyncDispose]();
      pooled = await over({ warmPool: { ...bounds, maxAgeMs: 1 }, sweepMs: 5 });
      await until(async () => (await entries()).length === 0);
    });

    test("goes for another one when the pool would outgrow its bound, and is not followed by a spare there", async () => {
      const other = await commitFiles(world.origin, { "src/tab.js": "2\n" });
      await (await open())[Symbol.asyncDispose]();
      await settled();
      const bytes = (await pooled.warmPool.figures()).bytes / (await clones());
      await pooled[Symbol.asyncDispose]();
      pooled = await over({ warmPool: { ...bounds, maxBytes: Math.ceil(bytes * 1.5) }, sweepMs: 5 });
      await until(async () => (await clones()) === 0);
      await (await open())[Symbol.asyncDispose]();
      expect(installs).toHaveLength(2);
      await (await open({ base: other }))[Symbol.asyncDispose]();
      expect(await clones()).toBe(1);
      await (await open({ base: other }))[Symbol.asyncDispose]();
      expect(installs).toHaveLength(3);
      await using _again = await open();
      expect(installs).toHaveLength(4);
      expect((await pooled.warmPool.figures()).bytes).toBeLessThanOrEqual(bytes * 1.5);
    });

    test("is not kept when it alone would be too large", async () => {
      await pooled[Symbol.asyncDispose]();
      const copies: string[] = [];
      const onHost: Execute = (command, signal) => {
        if (command.argv[0] === "cp") copies.push(command.argv.at(-1) ?? "");
        return execute(command, signal);
      };
      pooled = await over({ onHost, warmPool: { ...bounds, maxBytes: 1_000 } });
      for (let count = 0; count < 2; count += 1) await (await open())[Symbol.asyncDispose]();
      expect(installs).toHaveLength(2);
      expect(copies).toEqual([]);
    });
  });

  test("that is switched off keeps nothing, and empties what is there", async () => {
    await (await open())[Symbol.asyncDispose]();
    await settled();
    await pooled[Symbol.asyncDispose]();
    pooled = await over({ warmPool: { ...bounds, maxBytes: 0 }, sweepMs: 5 });
    await until(async () => (await entries()).length === 0);
    await (await open())[Symbol.asyncDispose]();
    await (await open())[Symbol.asyncDispose]();
    expect(installs).toHaveLength(3);
    expect(await pooled.warmPool.figures()).toEqual({ clones: 0, bytes: 0, hits: 0, misses: 0 });
  });

  describe("several processes", () => {
    test("use what a killed one left, and sweep what it had not finished", async () => {
      {
        await using keeper = await Keeper.start(world, "warm");
        await keeper.does(`open ${KEY}`);
        await until(async () => JSON.parse(await keeper.does("figures")).clones === 2);
        const own = /workspaces\/([^/]+)-[0-9a-f]{16}-[0-9a-f]{12}-/.exec(await keeper.does("begin 1"))?.[1];
        await mkdir(join(world.home, "making", `${own}-0123456789abcdef`, "copy/stock"), { recursive: true });
        await keeper.kill();
      }
      await using next = await Keeper.start(world, "warm");
      await next.does("open run-0123456789ab/fix/2");
      expect(JSON.parse(await next.does("figures"))).toMatchObject({ hits: 1, misses: 0 });
      expect((await readdir(join(world.home, "making"))).filter((name) => name.includes("0123456789abcdef"))).toEqual(
        [],
      );
    });

    test("lease side by side, each its own", async () => {
      const keepers = await Promise.all([1, 2, 3].map(() => Keeper.start(world, "warm")));
      const folders: string[] = [];
      for (let round = 0; round < 4; round += 1)
        folders.push(
          ...(await Promise.all(keepers.map((keeper, at) => keeper.does(`open run-0123456789ab/${at}/${round}`)))),
        );
      expect(new Set(folders).size).toBe(12);
      for (const folder of folders) expect(await readdir(folder)).toContain("vendored");
      const told = await Promise.all(keepers.map(async (keeper) => JSON.parse(await keeper.does("figures"))));
      for (const { hits, misses, clones: there } of told) {
        expect(hits + misses).toBe(4);
        expect(hits).toBeGreaterThanOrEqual(3);
        expect(there).toBeLessThanOrEqual(2);
      }
      for (const keeper of keepers) await keeper.kill();
    });
  });
});

test.skipIf(!bubblewrap).each([
  ["required", 1, true],
  ["none", 0, false],
] as const)("Baton with sandbox %s pools %i clone(s)", async (sandbox, stocks, earlier) => {
  await using probe = await World.create("none");
  const model = { apiKey: "any-key-will-do", baseURL: "http://127.0.0.1:9" };
  const env = { ...readEnv([], {}), home: probe.home, sandbox, model };
  await using parts = await openParts({ env, journal: silentLog, credential: () => Promise.resolve(undefined) });
  const setup = { install: INSTALL, base: probe.head };
  await using _first = await parts.workspaces.open(probe.repo, probe.head, never, { setup });
  await using second = await parts.workspaces.open(probe.repo, probe.head, never, { setup });
  expect(second.installedEarlier).toBe(earlier);
  expect(await readdir(join(probe.home, "pool")).catch(() => [])).toHaveLength(stocks);
});

describe.skipIf(!small || !bubblewrap)("a full disk", () => {
  let disk: SmallDisk;
  beforeEach(async () => {
    installs = [];
    most = 0;
    disk = new SmallDisk(60);
    world = await World.create("required");
  });
  afterEach(async () => {
    await pooled[Symbol.asyncDispose]();
    await disk[Symbol.asyncDispose]();
    await world[Symbol.asyncDispose]();
  });
  const BIG = "mkdir node_modules && head -c 8M /dev/zero > node_modules/big";
  /** Until a stock has its spare and nothing is at work: even a lock that goes would leave a full disk a page. */
  const atRest = () =>
    until(
      async () => {
        const [entry = ""] = await readdir(join(disk.folder, "pool")).catch(() => []);
        const names = await readdir(join(disk.folder, "pool", entry)).catch(() => []);
        return names.some((name) => name.startsWith("spare-")) && !names.some((name) => name.startsWith("lock"));
      },
      { what: "the pool never came to rest" },
    );

  test("is not made by the pool", async () => {
    pooled = await over({ home: disk.folder, minFreeBytes: mebibytes(10) });
    await using _first = await open({ install: BIG });
    // 52 MiB are free, and 40 are to stay so.
    expect(await readdir(join(disk.folder, "pool"))).toHaveLength(1);
    await using second = await open({ install: BIG });
    expect(second.installedEarlier).toBe(true);
    expect((await pooled.warmPool.figures()).clones).toBe(1);
    expect(await disk.free()).toBeGreaterThan(mebibytes(30));
  });

  test("is what the pool gives way to: nothing fails while it has something to give", async () => {
    pooled = await over({ home: disk.folder });
    const workspace = await open({ install: BIG, keep: KEY });
    await atRest();
    await disk.leave(0);
    // Written down, begun and collected on a disk without a free byte.
    await workspace.begin(1);
    expect(await readdir(join(disk.folder, "pool"))).toEqual([]);
    await disk.empty();
    await (await open({ install: BIG }))[Symbol.asyncDispose]();
    await atRest();
    await disk.leave(mebibytes(2));
    await using other = await open({ install: "head -c 6M /dev/urandom > work" });
    expect(other.installed).toMatchObject({ exitCode: 0 });
    await workspace[Symbol.asyncDispose]();
  });

  test("is given way to before it is full", async () => {
    pooled = await over({ home: disk.folder, minFreeBytes: mebibytes(5), sweepMs: 5 });
    await (await open({ install: BIG }))[Symbol.asyncDispose]();
    await atRest();
    await disk.leave(mebibytes(12));
    await until(async () => (await pooled.warmPool.figures()).clones === 0);
    await expect.poll(() => disk.free(), { timeout: 10_000 }).toBeGreaterThanOrEqual(mebibytes(20));
  });
});
