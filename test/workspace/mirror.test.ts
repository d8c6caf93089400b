// Mirrors: what a run began from stays, what nobody asks for goes, and what a killed process left there stands in nobody's way.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { cp, readdir, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { execute } from "#src/core/exec.ts";
import type { Sha } from "#src/core/ids.ts";
import { silentLog } from "#src/core/log.ts";
import { sizeOf } from "#src/workspace/copy-tree.ts";
import { createWorkspaces } from "#src/workspace/create-workspaces.ts";
import { createGit } from "#src/workspace/git.ts";
import { createLeases } from "#src/workspace/lease.ts";
import { mirrorFolder } from "#src/workspace/mirror.ts";
import { lockMirror } from "#src/workspace/mirror-lock.ts";
import { ownName } from "#src/workspace/owner.ts";
import { upkeep } from "#src/workspace/upkeep.ts";
import { commitFiles, git, never, World } from "./world.ts";

const DAY = 86_400_000;
let world: World;
beforeEach(async () => {
  world = await World.create("none");
});
afterEach(async () => {
  await world[Symbol.asyncDispose]();
});

const resolve = (branch = "main") => world.workspaces.resolve(world.repo, branch, never);
const contains = (commit: Sha, branch = "main") => world.workspaces.contains(world.repo, branch, commit, never);

async function mirror(): Promise<string> {
  const owner = join(world.home, "mirrors/octo");
  const name = (await readdir(owner)).find((each) => each.endsWith(".git"));
  return join(owner, name ?? "none");
}

const age = async (file: string, days: number) => {
  const then = new Date(Date.now() - days * DAY);
  await utimes(file, then, then);
};

/** `main` becomes another commit with the same parent, and the old one is gone from the repository for good. */
async function rewrite(): Promise<Sha> {
  git(world.origin, "commit", "--quiet", "--amend", "--message", "rewritten");
  git(world.origin, "reflog", "expire", "--expire=now", "--all");
  git(world.origin, "gc", "--quiet", "--prune=now");
  return await resolve();
}

describe("a base commit", () => {
  test("is part of its branch, as head or behind it", async () => {
    expect(await contains(world.head)).toBe("yes");
    await commitFiles(world.origin, { more: "more" });
    expect(await contains(world.head)).toBe("yes");
  });

  test("is not any more when the branch was rewritten, whether the repository still has it or not", async () => {
    const before = await commitFiles(world.origin, { more: "more" });
    expect(await contains(before)).toBe("yes");
    await rewrite();
    expect(await contains(before)).toBe("rewritten");
    const unseen = await commitFiles(world.origin, { more: "never fetched" });
    await rewrite();
    expect(await contains(unseen)).toBe("rewritten");
  });

  test("has lost its branch; a repository that is gone is something else", async () => {
    git(world.origin, "branch", "topic");
    expect(await contains(world.head, "topic")).toBe("yes");
    git(world.origin, "branch", "-D", "topic");
    expect(await contains(world.head, "topic")).toBe("branch-gone");
    await rename(world.origin, `${world.origin}-moved`);
    await expect(contains(world.head)).rejects.toMatchObject({ code: "not-found" });
  });

  test("a branch in the place of a deleted one's folder can be fetched", async () => {
    git(world.origin, "branch", "topic");
    expect(await resolve("topic")).toBe(world.head);
    git(world.origin, "branch", "-D", "topic");
    git(world.origin, "branch", "topic/part");
    expect(await resolve("topic/part")).toBe(world.head);
    git(world.origin, "branch", "-D", "topic/part");
    git(world.origin, "branch", "topic");
    expect(await resolve("topic")).toBe(world.head);
  });
});

describe("upkeep", () => {
  async function lookAfter(needed: readonly Sha[] = []): Promise<void> {
    await rm(join(await mirror(), "baton-last-upkeep"), { force: true });
    const leases = createLeases(world.home, execute, 0);
    const options = { git: createGit(execute), home: world.home, leases, log: silentLog };
    await upkeep({ ...options, needed: () => Promise.resolve(new Set(needed)) }, never);
    await leases.settle();
  }
  /** Deletes everything in the mirror that has no name. */
  const pruneHard = async () => git(await mirror(), "gc", "--quiet", "--prune=now");
  const has = async (commit: Sha) =>
    await world.workspaces.tree(world.repo, commit, never).then(
      () => true,
      () => false,
    );
  /** As a process sees it that has never asked. */
  const reopened = async (commit: Sha) => {
    const { home, repo, sandbox } = world;
    const credential = () => Promise.resolve(undefined);
    await using other = await createWorkspaces({ home, onHost: execute, inSandbox: sandbox.run, credential });
    return await other.tree(repo, commit, never).then(
      () => true,
      () => false,
    );
  };

  test("keeps what a run began from when the branch was rewritten", async () => {
    const base = await resolve();
    await using workspace = await world.open();
    await rewrite();
    await lookAfter();
    await pruneHard();
    expect(await reopened(base)).toBe(true);
    expect(await world.agent(workspace, "git log --format=%H; git fsck --connectivity-only --no-dangling 2>&1")).toBe(
      `${base}\n`,
    );
    await writeFile(join(workspace.folder, "work"), "work");
    expect(await workspace.collect("m", never)).toMatchObject({ type: "collected", changes: [{ path: "work" }] });
  });

  test("lets go of what nobody asked for in a month, but for what an unfinished run needs", async () => {
    const base = await resolve();
    await using workspace = await world.open();
    await writeFile(join(workspace.folder, "work"), "work");
    const collected = await workspace.collect("m", never);
    if (collected.type !== "collected") throw new Error("refused");
    await rewrite();
    for (const commit of [base, collected.commit]) await age(join(await mirror(), "baton-used", commit), 31);
    await lookAfter([base, collected.commit]);
    await pruneHard();
    expect(await reopened(collected.commit)).toBe(true);
    for (const commit of [base, collected.commit]) await age(join(await mirror(), "baton-used", commit), 31);
    await lookAfter([base]);
    await pruneHard();
    expect(await reopened(base)).toBe(true);
    expect(await reopened(collected.commit)).toBe(false);
    expect(await readdir(join(await mirror(), "baton-used"))).not.toContain(collected.commit);
  });

  test("packs what lies about", async () => {
    await resolve();
    const at = await mirror();
    const packs = async () => (await readdir(join(at, "objects/pack"))).filter((name) => name.endsWith(".pack")).length;
    const script = `for n in $(seq 60); do b=$(echo $n | git hash-object -w --stdin); t=$(printf '100644 blob %s\\tf\\n' $b | git mktree)
      c=$(git -c user.name=a -c user.email=b commit-tree $t -m m); git update-ref refs/baton/kept/$c $c; printf '%s\\n%s\\n%s\\n' $b $t $c | git pack-objects -q objects/pack/pack >/dev/null; done`;
    const env = { PATH: "/usr/bin:/bin" };
    await execute({ argv: ["/bin/sh", "-ec", script], cwd: at, env, timeoutMs: 60_000 }, never);
    expect(await packs()).toBeGreaterThanOrEqual(60);
    await lookAfter();
    expect(await packs()).toBeLessThan(5);
    expect(git(at, "for-each-ref", "refs/baton/kept").split("\n")).toHaveLength(60);
    expect(await has(world.head)).toBe(true);
  }, 60_000);

  test("deletes a mirror that nobody used for a month, not one that is borrowed from or needed; it is made again", async () => {
    await resolve();
    const at = await mirror();
    const there = () =>
      stat(join(at, "objects")).then(
        () => true,
        () => false,
      );
    const old = () => age(join(at, "baton-last-use"), 31);
    const workspace = await world.open();
    await old();
    await lookAfter();
    expect(await there()).toBe(true);
    await workspace[Symbol.asyncDispose]();
    await old();
    await lookAfter([world.head]);
    expect(await there()).toBe(true);
    await age(join(at, "baton-last-use"), 29);
    await lookAfter();
    expect(await there()).toBe(true);
    await old();
    await lookAfter();
    expect(await there()).toBe(false);
    // The process that knew it sees that it is gone.
    await using again = await world.open();
    expect(again.commit).toBe(world.head);
    expect(await resolve()).toBe(world.head);
  });

  test("leaves a mirror alone that is being changed, and one that it has looked after today", async () => {
    await resolve();
    const at = await mirror();
    const old = () => age(join(at, "baton-last-use"), 31);
    await old();
    const leases = createLeases(world.home, execute, 0);
    const needed = () => Promise.reject(new Error("nobody is asked"));
    const options = { git: createGit(execute), home: world.home, leases, needed, log: silentLog };
    {
      await using _held = await lockMirror(`${at}.lock`, never);
      await upkeep(options, never);
    }
    expect(await readdir(at)).not.toContain("baton-last-upkeep");
    await writeFile(join(at, "baton-last-upkeep"), "");
    await upkeep(options, never);
    expect(await readdir(at)).toContain("objects");
  });
});

describe("mirrors that together take more than they may", () => {
  const addresses = ["one", "two", "three"];
  const repoAt = (name: string) => ({ ...world.repo, name, cloneUrl: join(world.base, name) });
  const folder = (name: string) => mirrorFolder(world.home, repoAt(name));
  const there = async () => (await readdir(join(world.home, "mirrors/octo"))).filter((name) => name.endsWith(".git"));
  async function lookAfter(bytes: number, needed: readonly Sha[] = []): Promise<string[]> {
    for (const name of addresses) await rm(join(folder(name), "baton-last-upkeep"), { force: true });
    const leases = createLeases(world.home, execute, 0);
    const options = { git: createGit(execute), home: world.home, leases, log: silentLog, bound: { bytes, execute } };
    await upkeep({ ...options, needed: () => Promise.resolve(new Set(needed)) }, never);
    await leases.settle();
    return (await there()).map((name) => name.split("-")[0] ?? "").toSorted();
  }
  beforeEach(async () => {
    for (const [days, name] of addresses.entries()) {
      await cp(world.origin, join(world.base, name), { recursive: true });
      await world.workspaces.resolve(repoAt(name), "main", never);
      await age(join(folder(name), "baton-last-use"), 4 - days);
    }
  });

  test("lose the longest unused, until the rest is within the bound", async () => {
    const one = (await sizeOf(execute, folder("one"), never)) ?? 0;
    expect(await lookAfter(one * 4)).toEqual(["one", "three", "two"]);
    expect(await lookAfter(one * 2.5)).toEqual(["three", "two"]);
    expect(await lookAfter(1)).toEqual([]);
    // And it is made again.
    expect(await world.workspaces.resolve(repoAt("one"), "main", never)).toBe(world.head);
  });

  test("keep one that was used within a day, one that is borrowed from, and one that is being changed", async () => {
    await age(join(folder("three"), "baton-last-use"), 0.9);
    await using _workspace = await world.workspaces.open(repoAt("two"), world.head, never);
    await age(join(folder("two"), "baton-last-use"), 3);
    await using _held = await lockMirror(`${folder("one")}.lock`, never);
    expect(await lookAfter(1)).toEqual(["one", "three", "two"]);
  });

  test("keep what an unfinished run needs", async () => {
    expect(await lookAfter(1, [world.head])).toEqual(["one", "three", "two"]);
  });
});

describe("a mirror that does not say when it was used", () => {
  let asked: number;
  const look = async (needed: readonly Sha[] = []) => {
    const leases = createLeases(world.home, execute, 0);
    const commits = async () => {
      asked += 1;
      return new Set(needed);
    };
    await upkeep({ git: createGit(execute), home: world.home, leases, needed: commits, log: silentLog }, never);
    await leases.settle();
  };
  const there = async () => (await readdir(join(world.home, "mirrors/octo"))).some((name) => name.endsWith(".git"));
  beforeEach(async () => {
    asked = 0;
    await resolve();
    await rm(join(await mirror(), "baton-last-use"));
  });

  test("costs nobody a look at what unfinished runs need, and is looked at once a day like the others", async () => {
    await look();
    await look();
    expect(asked).toBe(0);
    expect(await readdir(await mirror())).toContain("baton-last-upkeep");
  });

  test("goes by its own age, unless an unfinished run needs it", async () => {
    await age(await mirror(), 31);
    await look([world.head]);
    expect(await there()).toBe(true);
    await rm(join(await mirror(), "baton-last-upkeep"));
    await age(await mirror(), 31);
    await look();
    expect(await there()).toBe(false);
    expect(asked).toBe(2);
  });
});

describe("what a killed process left in a mirror", () => {
  test("its lock is seen through at once, one from elsewhere when it has been silent", async () => {
    await resolve();
    const lock = `${await mirror()}.lock`;
    const gone = ownName().replace(/\d+$/, "1");
    await writeFile(lock, `${gone} x`);
    expect(await resolve()).toBe(world.head);
    await writeFile(lock, "000000000000-1-1 x");
    const abort = new AbortController();
    const waiting = world.workspaces.resolve(world.repo, "main", abort.signal);
    abort.abort();
    await expect(waiting).rejects.toMatchObject({ code: "git-failed" });
    await age(lock, 31 / 86_400);
    expect(await resolve()).toBe(world.head);
    expect(await readdir(join(world.home, "mirrors/octo"))).toEqual([(await mirror()).split("/").at(-1)]);
  });

  describe("a lock of git's own", () => {
    let lock: string;
    beforeEach(async () => {
      await resolve();
      const ref = git(await mirror(), "for-each-ref", "--format=%(refname)", "refs/baton/branches");
      lock = join(await mirror(), `${ref}.lock`);
      await commitFiles(world.origin, { more: "more" });
      await writeFile(lock, "");
    });

    test("is taken away when nobody works there", async () => {
      await age(lock, 10 / 86_400);
      expect(await resolve()).not.toBe(world.head);
    });

    test("is left alone while it is fresh", async () => {
      await expect(resolve()).rejects.toMatchObject({ code: "git-failed" });
      await stat(lock);
    });

    test("is left alone while the git of a killed process works there", async () => {
      await age(lock, 1);
      const child: ChildProcess = spawn("sleep", ["60"], { cwd: await mirror(), stdio: "ignore" });
      await once(child, "spawn");
      await expect(resolve()).rejects.toMatchObject({ code: "git-failed" });
      await stat(lock);
      child.kill("SIGKILL");
      await once(child, "exit");
      expect(await resolve()).not.toBe(world.head);
    });
  });
});
