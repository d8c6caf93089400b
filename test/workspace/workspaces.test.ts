import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readFile, readdir, rm, stat, utimes, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Command, Execute } from "#src/core/command.ts";
import { execute } from "#src/core/exec.ts";
import { sha } from "#src/core/ids.ts";
import { createWorkspaces } from "#src/workspace/create-workspaces.ts";
import { excludeLine } from "#src/workspace/in-clone.ts";
import { branchName } from "#src/workspace/mirror.ts";
import { needs } from "#test/support/needs.ts";
import type { Workspace } from "#src/workspace/workspaces.ts";
import { commitFiles, git, never, World } from "./world.ts";

const bubblewrap = await needs("bubblewrap");
let world: World;

type Collected = Awaited<ReturnType<Workspace["collect"]>>;

const reasonsOf = (result: Collected) =>
  result.type === "refused" ? result.reasons.join("\n") : "nothing was refused";
const emptied = async (folder: string) => expect(await readdir(folder).catch(() => [])).toEqual([]);

describe.each([
  ["required", bubblewrap],
  ["none", true],
] as const)("workspaces, sandbox %s", (mode, possible) => {
  describe.skipIf(!possible)("over a real repository", () => {
    beforeEach(async () => {
      world = await World.create(mode);
    });
    afterEach(async () => {
      await world[Symbol.asyncDispose]();
    });

    test("a branch is where it is, also after it moved or was rewritten", async () => {
      expect(await world.workspaces.resolve(world.repo, "main", never)).toBe(world.head);
      const next = await commitFiles(world.origin, { "README.md": "more\n" });
      expect(await world.workspaces.resolve(world.repo, "main", never)).toBe(next);
      git(world.origin, "reset", "--quiet", "--hard", world.head);
      const rewritten = await commitFiles(world.origin, { "README.md": "other\n" });
      expect(await world.workspaces.resolve(world.repo, "main", never)).toBe(rewritten);
    });

    test("a clone holds the commit, and only that", async () => {
      await using workspace = await world.open();
      expect(workspace.commit).toBe(world.head);
      expect(await readFile(join(workspace.folder, "src/tab.js"), "utf8")).toBe("export const tab = 1;\n");
      expect(await world.agent(workspace, "git status --short; git log --format=%H; git cat-file -t HEAD")).toBe(
        `${world.head}\ncommit\n`,
      );
      expect(await world.agent(workspace, "git remote; git config --get-all remote.origin.url || true")).toBe("");
    });

    test("work comes back as one commit of Baton's on top of the start", async () => {
      await using workspace = await world.open();
      await world.agent(
        workspace,
        `echo 'export const tab = 2;' > src/tab.js; git commit -qam 'agent: one' --author 'Mallory <m@evil>'
         git rm -q src/old.js; mkdir new; echo new > new/file; chmod +x new/file; touch ignored.txt; printf '\\0\\1' > data.bin`,
      );
      const collected = await workspace.collect("fix: the tab\n\nBecause.", never);
      expect(collected).toMatchObject({ type: "collected" });
      if (collected.type !== "collected") return;
      const changes = [
        { path: "data.bin", kind: "added", mode: "100644", added: 0, removed: 0, binary: true },
        { path: "new/file", kind: "added", mode: "100755", added: 1, removed: 0, binary: false },
        { path: "src/old.js", kind: "deleted", mode: "000000", added: 0, removed: 1, binary: false },
        { path: "src/tab.js", kind: "modified", mode: "100644", added: 1, removed: 1, binary: false },
      ];
      expect(collected.changes).toEqual(changes);
      expect(await world.workspaces.changes(world.repo, world.head, collected.commit, never)).toEqual(changes);
      await world.workspaces.deliver(world.repo, collected.commit, world.origin, "baton/fix", never);
      expect(git(world.origin, "log", "--format=%an <%ae> %cn|%B|%P", "-1", "baton/fix")).toBe(
        `Baton <baton@localhost> Baton|fix: the tab\n\nBecause.|${world.head}`,
      );
    });

    test("what came since something was collected is a commit on top of that, also in a workspace that was put aside", async () => {
      const keep = "run-1/conduct:writer/7";
      const first = await world.workspaces.open(world.repo, world.head, never, { keep });
      await writeFile(join(first.folder, "one.txt"), "1\n");
      const one = await first.collect("one", never);
      if (one.type !== "collected") throw new Error("refused");
      await first.park();
      await using again = await world.workspaces.adopt(world.repo, keep, 0, never);
      if (!again) throw new Error("nothing was kept");
      expect(await again.collect("nothing more", never, one.commit)).toEqual({ ...one, changes: [] });
      await writeFile(join(again.folder, "two.txt"), "2\n");
      const two = await again.collect("two", never, one.commit);
      if (two.type !== "collected") throw new Error("refused");
      expect(two.changes.map(({ path }) => path)).toEqual(["two.txt"]);
      // Merging it behind the first brings in what is new, and nothing twice.
      const merged = await world.workspaces.merge(world.repo, one.commit, two.commit, "merge", never);
      expect(merged).toMatchObject({ type: "merged", commit: two.commit });
    });

    test("no change is the start; collecting again takes what came since", async () => {
      await using workspace = await world.open();
      expect(await workspace.collect("nothing", never)).toEqual({ type: "collected", commit: world.head, changes: [] });
      await world.agent(workspace, "echo one > one");
      const one = await workspace.collect("one", never);
      await world.agent(workspace, "echo two > two");
      const two = await workspace.collect("two", never);
      expect(one).toMatchObject({ changes: [{ path: "one" }] });
      expect(two).toMatchObject({ changes: [{ path: "one" }, { path: "two" }] });
      await world.agent(workspace, "rm one two");
      expect(await workspace.collect("back", never)).toMatchObject({ commit: world.head, changes: [] });
    });

    test("a collected commit can be the start of the next workspace", async () => {
      await using first = await world.open();
      await world.agent(first, "echo one > one");
      const collected = await first.collect("one", never);
      if (collected.type !== "collected") throw new Error("refused");
      await using second = await world.open(collected.commit);
      expect(await readFile(join(second.folder, "one"), "utf8")).toBe("one\n");
      await world.agent(second, "echo two > two");
      expect(await second.collect("two", never)).toMatchObject({ changes: [{ path: "two" }] });
    });

    test("whatever the agent did to its own git, the tree is what counts", async () => {
      await using workspace = await world.open();
      await world.agent(
        workspace,
        "echo work > work; git add -A; git reset -q --hard; echo later > later; git checkout -q --orphan x; git rm -q --cached -r .",
      );
      expect(await workspace.collect("m", never)).toMatchObject({ changes: [{ path: "later" }] });
      await world.agent(
        workspace,
        "rm -rf .git; git init -q; git add -A; git -c user.name=a -c user.email=b commit -qm evil",
      );
      expect(await workspace.collect("m", never)).toMatchObject({ changes: [{ path: "later" }] });
      await world.agent(workspace, "rm -rf .git; echo 'gitdir: /nonexistent' > .git");
      expect(await workspace.collect("m", never)).toMatchObject({ changes: [{ path: "later" }] });
    });

    test("what an install leaves untracked is not part of the work, and what it did to tracked files is taken back", async () => {
      await using workspace = await world.openInstalled(
        `mkdir -p node_modules/a vendor/b && touch node_modules/a/x vendor/b/y 'odd [name]*?' '!bang' '#hash' 'trail ' 'back\\slash' && echo changed > README.md && rm src/old.js && echo kept > $HOME/tool && echo done`,
      );
      expect(workspace.installed).toMatchObject({ exitCode: 0, stdout: "done\n" });
      expect(await world.agent(workspace, "git status --short; cat $HOME/tool")).toBe("kept\n");
      await world.agent(workspace, "touch vendor/b/more src/new.js 'odd n*'");
      expect(await workspace.collect("m", never)).toMatchObject({
        type: "collected",
        changes: [{ path: "odd n*" }, { path: "src/new.js" }],
      });
    });

    test("an install that fails says so and keeps nothing", async () => {
      await using workspace = await world.openInstalled("touch half; echo broken >&2; exit 3");
      expect(workspace.installed).toMatchObject({ exitCode: 3, stderr: "broken\n" });
      expect(await workspace.collect("m", never)).toMatchObject({ commit: world.head });
    });

    test("files, paths, trees and patches are read from the mirror", async () => {
      const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
      const next = await commitFiles(world.origin, { "bin/all.bin": bytes, "a b/ü\n.txt": "odd", empty: "" });
      const { workspaces, repo } = world;
      expect(await workspaces.file(repo, next, "bin/all.bin", never)).toEqual(Buffer.from(bytes));
      expect(await workspaces.file(repo, next, "empty", never)).toEqual(Buffer.alloc(0));
      expect(await workspaces.file(repo, next, "a b/ü\n.txt", never)).toEqual(Buffer.from("odd"));
      for (const absent of [
        "no",
        "bin",
        "bin/",
        "",
        ".",
        "../origin/README.md",
        "/README.md",
        "README.md/x",
        "*",
        ":(glob)**",
      ])
        expect(await workspaces.file(repo, next, absent, never)).toBeUndefined();
      expect(await workspaces.paths(repo, next, never)).toEqual([
        ".gitignore",
        "README.md",
        "a b/ü\n.txt",
        "bin/all.bin",
        "empty",
        "src/old.js",
        "src/tab.js",
      ]);
      expect(await workspaces.tree(repo, next, never)).toBe(git(world.origin, "rev-parse", "HEAD^{tree}"));
      expect(await workspaces.patch(repo, world.head, next, never)).toContain("+odd");
      const cut = await workspaces.patch(repo, world.head, next, never, 100);
      expect(cut.length).toBeLessThan(200);
      expect(cut).toContain("bytes left out");
    });

    test("links are not files", async () => {
      execFileSync("ln", ["-s", "/etc/passwd", join(world.origin, "link")]);
      const next = await commitFiles(world.origin, {});
      expect(await world.workspaces.file(world.repo, next, "link", never)).toBeUndefined();
      expect(await world.workspaces.paths(world.repo, next, never)).not.toContain("link");
      await using workspace = await world.open(next);
      await world.agent(workspace, "echo x > x");
      expect(await workspace.collect("a link that was there may stay", never)).toMatchObject({ type: "collected" });
    });

    test("a name that is not there is not-found, in words", async () => {
      const { workspaces, repo } = world;
      await expect(workspaces.resolve(repo, "nope", never)).rejects.toMatchObject({
        code: "not-found",
        message: 'octo/tab has no branch "nope"',
      });
      await expect(workspaces.open(repo, sha("a".repeat(40)), never)).rejects.toMatchObject({ code: "not-found" });
      await expect(
        workspaces.resolve({ ...repo, cloneUrl: join(world.base, "absent") }, "main", never),
      ).rejects.toMatchObject({ code: "not-found" });
      for (const branch of [
        "-x",
        "a..b",
        "a b",
        "",
        "x.lock",
        "a/.b",
        "a//b",
        "--upload-pack=touch x",
        "a\nb",
        "@",
        "/a",
        "a/",
      ])
        await expect(workspaces.resolve(repo, branch, never)).rejects.toMatchObject({ code: "invalid-id" });
    });

    test("disposing takes the folder away at once and leaves nothing after closing", async () => {
      const workspace = await world.open();
      await world.agent(
        workspace,
        "mkdir -p sealed/deep && touch sealed/deep/file && chmod -R a-w sealed && chmod 000 sealed",
      );
      await workspace[Symbol.asyncDispose]();
      await workspace[Symbol.asyncDispose]();
      await expect(stat(workspace.folder)).rejects.toThrow("ENOENT");
      await world.workspaces[Symbol.asyncDispose]();
      for (const kind of ["workspaces", "trash", "quarantine"]) await emptied(join(world.home, kind));
    });

    test("many clones at once, of one mirror", async () => {
      const opened = await Promise.all(Array.from({ length: 6 }, () => world.open()));
      const commits = await Promise.all(
        opened.map(async (workspace, index) => {
          await world.agent(workspace, `echo ${index} > file-${index}`);
          return await workspace.collect(`work ${index}`, never);
        }),
      );
      expect(commits.map((each) => (each.type === "collected" ? each.changes.map(({ path }) => path) : each))).toEqual(
        opened.map((_, index) => [`file-${index}`]),
      );
      for (const workspace of opened) await workspace[Symbol.asyncDispose]();
    });

    test("an abort stops it", async () => {
      await expect(world.workspaces.resolve(world.repo, "main", AbortSignal.abort())).rejects.toMatchObject({
        code: "git-failed",
      });
      await using workspace = await world.open();
      await expect(workspace.collect("m", AbortSignal.abort())).rejects.toMatchObject({ code: "sandbox-failed" });
      const abort = new AbortController();
      const slow = world.openInstalled("echo > $HOME/started; sleep 60", world.head, world.head, abort.signal);
      const clones = join(world.home, "workspaces");
      const started = async () =>
        (await readdir(clones, { recursive: true })).some((path) => path.endsWith("/baton-home/started"));
      await expect.poll(started).toBe(true);
      abort.abort();
      await expect(slow).rejects.toMatchObject({ code: "sandbox-failed" });
    });
  });
});

describe.skipIf(!bubblewrap)("an agent that turns its clone against the host", () => {
  let marker: string;
  beforeEach(async () => {
    world = await World.create("required");
    marker = join(world.base, "pwned");
  });
  afterEach(async () => {
    await world[Symbol.asyncDispose]();
  });

  const weapons: Record<string, string> = {
    "hooks of every kind": `for hook in pre-commit post-commit post-checkout pre-push reference-transaction post-index-change fsmonitor-watchman post-rewrite pre-receive update; do
       printf '#!/bin/sh\\ntouch MARK\\n' > .git/hooks/$hook 2>/dev/null || { mkdir -p .git/hooks; printf '#!/bin/sh\\ntouch MARK\\n' > .git/hooks/$hook; }; chmod +x .git/hooks/$hook; done`,
    fsmonitor: `git config core.fsmonitor 'touch MARK; false'`,
    filters: `git config filter.x.clean 'touch MARK; cat'; git config filter.x.smudge 'touch MARK; cat'; git config filter.x.process 'touch MARK'; echo '* filter=x' > .gitattributes`,
    "a text converter and an external diff": `git config diff.x.textconv 'touch MARK;cat'; git config diff.x.command 'touch MARK'; git config diff.external 'touch MARK'; echo '* diff=x' > .gitattributes`,
    "a pager, an editor, an ssh command, an alias": `for key in core.pager core.editor core.sshCommand core.askPass alias.fetch alias.diff-tree gpg.program sequence.editor; do git config $key 'touch MARK'; done; git config commit.gpgSign true`,
    "an upload-pack hook": `git config uploadpack.packObjectsHook 'touch MARK; exec'`,
    "a merge driver": `git config merge.x.driver 'touch MARK'; echo '* merge=x' > .gitattributes`,
    "an included config": `printf '[core]\\n\\tfsmonitor = touch MARK\\n' > evil.cfg; git config include.path ../evil.cfg`,
    "a worktree pointing elsewhere": `git config core.worktree /; git config core.hooksPath /workspace/h; mkdir h; printf '#!/bin/sh\\ntouch MARK\\n' > h/pre-commit; chmod +x h/pre-commit`,
    "its home folder": `printf '[core]\\n\\tfsmonitor = touch MARK\\n' > $HOME/.gitconfig; printf 'touch MARK\\n' > $HOME/.bashrc; cp $HOME/.bashrc $HOME/.profile; mkdir -p $HOME/.local/bin; printf '#!/bin/sh\\ntouch MARK\\n' > $HOME/.local/bin/git; chmod +x $HOME/.local/bin/git`,
    "alternates that lead elsewhere": `echo /etc > .git/objects/info/alternates`,
  };
  test.each(Object.entries(weapons))("%s do nothing outside", async (_name, script) => {
    await using workspace = await world.open();
    await world.agent(workspace, `${script.replaceAll("MARK", marker)}\necho work > work`);
    const collected = await workspace.collect("m", never);
    expect(collected).toMatchObject({
      type: "collected",
      changes: expect.arrayContaining([expect.objectContaining({ path: "work" })]),
    });
    if (collected.type !== "collected") return;
    await world.workspaces.patch(world.repo, world.head, collected.commit, never);
    await using next = await world.open(collected.commit);
    await world.workspaces.deliver(world.repo, collected.commit, world.origin, "baton/x", never);
    await workspace[Symbol.asyncDispose]();
    await next[Symbol.asyncDispose]();
    await expect(stat(marker)).rejects.toThrow("ENOENT");
  });

  const contraband: Record<string, [string, RegExp]> = {
    "a link to outside": ["ln -s /etc/passwd link", /link is a symbolic link/],
    "a link within": ["ln -s README.md link", /link is a symbolic link/],
    "a file turned into a link": ["rm README.md; ln -s /etc/passwd README.md", /README.md is a symbolic link/],
    "a nested repository": [
      "mkdir sub; cd sub; git init -q; git -c user.name=a -c user.email=b commit -q --allow-empty -m x",
      /sub is a repository of its own/,
    ],
    "a nested repository without a commit": ["git init -q sub", /sub/],
    "a submodule": [
      "mkdir sub; cd sub; git init -q; git -c user.name=a -c user.email=b commit -q --allow-empty -m x; cd ..; printf '[submodule \"sub\"]\\n\\tpath = sub\\n\\turl = ./x\\n' > .gitmodules",
      /\.gitmodules|submodule/,
    ],
    "a .gitmodules alone": ["echo x > .gitmodules", /\.gitmodules|gitmodules/],
    "a short name of .git": ["mkdir 'git~1'; echo x > 'git~1/config'", /git~1|hasDotgit|dotgit/i],
    "a name with a line break": ["touch $'a\\nb'", /control/],
    "a name that is not UTF-8": ["touch $'a\\xffb'", /UTF-8/],
    "a name that hides itself": ["touch $'.g\\u200cit'", /git/],
    "a file that is too large": ["truncate -s 11M big", /big is 11534336 bytes/],
    "a file nobody can read": [
      "echo x > secret; chmod 000 secret; [ -r secret ] && rm secret && ln -s x secret || true",
      /secret/,
    ],
  };
  test.each(Object.entries(contraband))("%s is refused, with the path", async (_name, [script, said]) => {
    await using workspace = await world.open();
    await world.agent(workspace, script);
    const result = await workspace.collect("m", never);
    expect(reasonsOf(result)).toMatch(said);
    expect(git(await mirrorOf(world), "for-each-ref", "refs/baton/kept")).toBe("");
  });

  async function mirrorOf({ home }: World): Promise<string> {
    const owner = join(home, "mirrors/octo");
    const [name = ""] = await readdir(owner);
    return join(owner, name);
  }

  /** Everything the sandbox is asked goes through; when work is packed, `forge` is run in its place, with $1 the bundle's path. */
  async function withForgedBundle(forge: string): Promise<Awaited<ReturnType<World["open"]>>> {
    const inSandbox: Execute = (command: Command, signal) => {
      const [, , script = "", , , name] = command.argv;
      if (!script.includes("git bundle create")) return world.sandbox.run(command, signal);
      const argv = ["/bin/bash", "-ec", forge, "forge", `/home/agent/${name}`, world.head] as const;
      return world.sandbox.run({ ...command, argv, env: {} }, signal);
    };
    const workspaces = await createWorkspaces({
      home: world.home,
      onHost: execute,
      inSandbox,
      credential: () => Promise.resolve(undefined),
    });
    return await workspaces.open(world.repo, world.head, never);
  }

  test.each([
    ["a link to a file of the host", `ln -s /etc/passwd $1; echo packed`, /not a plain file/],
    ["a pipe", `mkfifo $1; echo packed`, /not a plain file/],
    ["a folder", `mkdir $1; echo packed`, /not a plain file/],
    ["nothing", `echo packed`, /not a plain file/],
    ["garbage", `head -c 1000 /dev/urandom > $1; echo packed`, /git refuses/],
    ["more than the limit", `truncate -s 101M $1; echo packed`, /at most 104857600/],
    [
      "a bundle of another name",
      `git checkout -q -b other; git commit -q --allow-empty -m x; git bundle create -q $1 other ^$2; echo packed`,
      /git refuses/,
    ],
    [
      "a tag in place of a commit",
      `b=$(echo hi | git hash-object -w --stdin); git update-ref refs/heads/evil $b 2>/dev/null || true; git tag work $b; git bundle create -q $1 work 2>/dev/null || echo x > $1; echo packed`,
      /git refuses|no tree/,
    ],
    [
      "a tree with .git in it, made by hand",
      `b=$(echo hi | git hash-object -w --stdin); t=$(printf "100644 config\\0$(echo $b | sed 's/../\\\\x&/g')" | git hash-object -w -t tree --stdin --literally);
       u=$(printf "40000 .git\\0$(echo $t | sed 's/../\\\\x&/g')" | git hash-object -w -t tree --stdin --literally);
       c=$(git commit-tree $u -p $2 -m x); git update-ref refs/heads/work $c; git bundle create -q $1 refs/heads/work ^$2; echo packed`,
      /hasDotgit|dotgit|\.git/i,
    ],
    [
      "a tree that climbs out",
      `b=$(echo hi | git hash-object -w --stdin); t=$(printf "100644 evil\\0$(echo $b | sed 's/../\\\\x&/g')" | git hash-object -w -t tree --stdin --literally);
       u=$(printf "40000 ..\\0$(echo $t | sed 's/../\\\\x&/g')" | git hash-object -w -t tree --stdin --literally);
       c=$(git commit-tree $u -p $2 -m x); git update-ref refs/heads/work $c; git bundle create -q $1 refs/heads/work ^$2; echo packed`,
      /hasDotdot|\.\./i,
    ],
    [
      "a tree with a path that holds a slash",
      `b=$(echo hi | git hash-object -w --stdin); u=$(printf "100644 a/../../x\\0$(echo $b | sed 's/../\\\\x&/g')" | git hash-object -w -t tree --stdin --literally);
       c=$(git commit-tree $u -p $2 -m x); git update-ref refs/heads/work $c; git bundle create -q $1 refs/heads/work ^$2; echo packed`,
      /fullPathname|path/i,
    ],
    [
      "a tree with one name twice, which only the check of every object sees",
      `b=$(echo hi | git hash-object -w --stdin); hex=$(echo $b | sed 's/../\\\\x&/g'); u=$(printf "100644 a\\0$hex""100644 a\\0$hex" | git hash-object -w -t tree --stdin --literally);
       c=$(git commit-tree $u -p $2 -m x); git update-ref refs/heads/work $c; git bundle create -q $1 refs/heads/work ^$2; echo packed`,
      /duplicateEntries/,
    ],
    [
      "a tree of too many files",
      `b=$(echo hi | git hash-object -w --stdin); t=$(for i in $(seq 2001); do printf "100644 blob $b\\tf$i\\n"; done | git mktree);
       c=$(git commit-tree $t -p $2 -m x); git update-ref refs/heads/work $c; git bundle create -q $1 refs/heads/work ^$2; echo packed`,
      /20\d\d files differ, at most 2000/,
    ],
    [
      "a small bundle that unfolds into much",
      `head -c 60M /dev/zero > zeros; git add -A; git commit -qm x; git bundle create -q $1 work ^$2; ls -la $1 >&2; echo packed`,
      /bytes/,
    ],
  ])("forged: %s is refused", async (_name, forge, said) => {
    const workspace = await withForgedBundle(forge);
    const result = await workspace.collect("m", never);
    expect(reasonsOf(result)).toMatch(said);
    expect(git(await mirrorOf(world), "for-each-ref", "refs/baton/kept")).toBe("");
    await workspace[Symbol.asyncDispose]();
  });

  test("forged history is dropped: only the tree is taken, onto the start", async () => {
    const workspace = await withForgedBundle(
      `git checkout -q --orphan lone; git rm -rqf .; echo only > only; git add -A; git commit -qm 'ROOT by evil'; git branch -f work lone; git bundle create -q $1 refs/heads/work; echo packed`,
    );
    const result = await workspace.collect("ours", never);
    if (result.type !== "collected") throw new Error(`refused: ${reasonsOf(result)}`);
    expect(result.changes.map(({ path, kind }) => `${kind} ${path}`)).toContain("added only");
    const log = git(await mirrorOf(world), "log", "--format=%an %s %P", result.commit);
    expect(log.split("\n")).toEqual([`Baton ours ${world.head}`, "Ann change"]);
    await workspace[Symbol.asyncDispose]();
  });

  test("an agent cannot change what the mirror holds, nor see another repository's", async () => {
    await using workspace = await world.open();
    const script = `ls -d /baton-objects/info; touch /baton-objects/x 2>/dev/null && echo written; chmod u+w /baton-objects/pack/* 2>/dev/null && echo opened; ls /baton-objects/.. | grep -c mirrors || true`;
    expect(await world.agent(workspace, script)).toBe("/baton-objects/info\n0\n");
  });

  test("an install that makes .git/info a link writes nothing on the host", async () => {
    const victim = join(world.base, "victim");
    await mkdir(victim);
    await using workspace = await world.openInstalled(`rm -rf .git/info; ln -s ${victim} .git/info; touch untracked`);
    await emptied(victim);
    expect(await workspace.collect("m", never)).toMatchObject({ commit: world.head });
  });
});

describe("fetching over HTTP", () => {
  const TOKEN = "ghs_thisIsTheTokenOfTheTest0123456789";

  /** git http-backend behind a check of the Authorization header. */
  async function serve(folder: string) {
    const asked: { url: string; authorization: string | undefined }[] = [];
    const server = createServer((request, response) => {
      asked.push({ url: request.url ?? "", authorization: request.headers.authorization });
      const expected = `Basic ${Buffer.from(`x-access-token:${TOKEN}`).toString("base64")}`;
      if (request.headers.authorization !== expected) {
        response.writeHead(401, { "www-authenticate": "Basic" }).end();
        return;
      }
      const [path = "", query = ""] = (request.url ?? "").split("?");
      const backend = spawn("git", ["http-backend"], {
        env: {
          PATH: "/usr/bin:/bin",
          GIT_PROJECT_ROOT: folder,
          GIT_HTTP_EXPORT_ALL: "1",
          GIT_CONFIG_COUNT: "1",
          GIT_CONFIG_KEY_0: "safe.directory",
          GIT_CONFIG_VALUE_0: "*",
          PATH_INFO: path,
          QUERY_STRING: query,
          REQUEST_METHOD: request.method ?? "GET",
          CONTENT_TYPE: request.headers["content-type"] ?? "",
          HTTP_CONTENT_ENCODING: request.headers["content-encoding"] ?? "",
          GIT_PROTOCOL: request.headers["git-protocol"]?.toString() ?? "",
        },
      });
      request.pipe(backend.stdin);
      const parts: Buffer[] = [];
      backend.stdout.on("data", (chunk: Buffer) => parts.push(chunk));
      backend.on("close", () => {
        const all = Buffer.concat(parts);
        const end = all.indexOf("\r\n\r\n");
        for (const line of all.subarray(0, end).toString().split("\r\n")) {
          const [name = "", value = ""] = line.split(": ");
          if (name.toLowerCase() === "status") response.statusCode = Number.parseInt(value, 10);
          else response.setHeader(name, value);
        }
        response.end(all.subarray(end + 4));
      });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    return { asked, url: `http://127.0.0.1:${port}/origin/.git`, close: () => server.close().closeAllConnections() };
  }

  beforeEach(async () => {
    world = await World.create("none");
  });
  afterEach(async () => {
    await world[Symbol.asyncDispose]();
  });

  test("the token goes by header, and is on no command line, in no file and in no message", async () => {
    const server = await serve(world.base);
    const lines: string[] = [];
    const onHost: Execute = (command, signal) => {
      lines.push(JSON.stringify(command.argv));
      return execute(command, signal);
    };
    const home = join(world.base, "home-http");
    const secret = { credential: () => Promise.resolve(TOKEN) };
    const workspaces = await createWorkspaces({ home, onHost, inSandbox: world.sandbox.run, ...secret });
    const repo = { ...world.repo, cloneUrl: server.url };
    try {
      expect(await workspaces.resolve(repo, "main", never)).toBe(world.head);
      await using workspace = await workspaces.open(repo, world.head, never);
      expect(await world.agent(workspace, "env; git config --list; cat .git/config")).not.toContain(TOKEN);
      expect(server.asked.length).toBeGreaterThan(0);
      const encoded = Buffer.from(`x-access-token:${TOKEN}`).toString("base64");
      for (const secretText of [TOKEN, encoded]) {
        expect(lines.join("\n")).not.toContain(secretText);
        expect(
          execFileSync("grep", ["-rlF", secretText, home], { encoding: "utf8", stdio: "pipe" }).toString() || "",
        ).toBe("");
      }
    } catch (error) {
      if (!(error instanceof Error && "status" in error && error.status === 1)) throw error;
    } finally {
      await workspaces[Symbol.asyncDispose]();
      server.close();
    }
  });

  test("each fetch asks for its token when its turn has come: one that it held while it waited may be revoked", async () => {
    const server = await serve(world.base);
    const told: string[] = [];
    const onHost: Execute = async (command, signal) => {
      const isFetch = command.argv.includes("fetch");
      if (isFetch) told.push("fetching");
      const result = await execute(command, signal);
      if (isFetch) told.push("fetched");
      return result;
    };
    const credential = () => {
      told.push("asked");
      return Promise.resolve(TOKEN);
    };
    const options = { home: join(world.base, "home-turns"), inSandbox: world.sandbox.run };
    await using workspaces = await createWorkspaces({ ...options, onHost, credential });
    const repo = { ...world.repo, cloneUrl: server.url };
    try {
      const resolving = [workspaces.resolve(repo, "main", never), workspaces.resolve(repo, "main", never)];
      expect(await Promise.all(resolving)).toEqual([world.head, world.head]);
      expect(told).toEqual(["asked", "fetching", "fetched", "asked", "fetching", "fetched"]);
    } finally {
      server.close();
    }
  });

  test("a wrong token is git-failed and does not ask at a terminal", async () => {
    const server = await serve(world.base);
    const wrong = "ghs_wrongTokenWrongTokenWrongToken012";
    const options = { home: join(world.base, "home-wrong"), onHost: execute, inSandbox: world.sandbox.run };
    const workspaces = await createWorkspaces({ ...options, credential: () => Promise.resolve(wrong) });
    try {
      const error: unknown = await workspaces
        .resolve({ ...world.repo, cloneUrl: server.url }, "main", never)
        .catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: "git-failed" });
      expect(error).not.toHaveProperty("message", expect.stringContaining(wrong));
    } finally {
      server.close();
    }
  });

  test.each([
    "http://example.com/x.git",
    "ssh://git@example.com/x",
    "git@example.com:x/y",
    "ext::sh -c touch% x",
    "file:///etc",
    "relative/path",
    "https://user:pass@example.com/x",
    "--upload-pack=touch x",
  ])("the address %s is refused before anything is asked", async (cloneUrl) => {
    const error: unknown = await world.workspaces
      .resolve({ ...world.repo, cloneUrl }, "main", never)
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "git-failed", message: expect.stringMatching(/^the address /) });
    expect(error).not.toHaveProperty("message", expect.stringContaining("pass@"));
  });

  test.each([
    ["..", "x"],
    ["o", "../x"],
    ["o/p", "x"],
    ["", "x"],
    ["-o", "x"],
    ["o", ".git"],
  ])("the name %s/%s is refused", async (owner, name) => {
    await expect(world.workspaces.resolve({ ...world.repo, owner, name }, "main", never)).rejects.toMatchObject({
      code: "invalid-id",
    });
  });

  test("two addresses of one name do not share a mirror", async () => {
    const other = join(world.base, "other");
    await mkdir(other);
    git(other, "init", "--quiet", "--initial-branch=main");
    const head = await commitFiles(other, { "other.txt": "other" });
    await world.workspaces.resolve(world.repo, "main", never);
    expect(await world.workspaces.resolve({ ...world.repo, cloneUrl: other }, "main", never)).toBe(head);
    await expect(world.workspaces.paths(world.repo, head, never)).rejects.toMatchObject({ code: "not-found" });
  });

  test("a shallow repository can be worked on", async () => {
    await commitFiles(world.origin, { second: "2" });
    const tip = await commitFiles(world.origin, { third: "3" });
    const shallow = join(world.base, "shallow");
    git(world.base, "clone", "--quiet", "--depth=1", `file://${world.origin}`, shallow);
    const repo = { ...world.repo, cloneUrl: shallow };
    expect(await world.workspaces.resolve(repo, "main", never)).toBe(tip);
    await using workspace = await world.workspaces.open(repo, tip, never);
    expect(await world.agent(workspace, "git log --format=%H; echo work > work")).toBe(`${tip}\n`);
    const collected = await workspace.collect("m", never);
    expect(collected).toMatchObject({ type: "collected", changes: [{ path: "work" }] });
    if (collected.type === "collected")
      await world.workspaces.deliver(repo, collected.commit, shallow, "baton/x", never);
    expect(git(shallow, "show", "baton/x:work")).toBe("work");
  });
});

describe("delivering into a repository of a person", () => {
  beforeEach(async () => {
    world = await World.create("none");
  });
  afterEach(async () => {
    await world[Symbol.asyncDispose]();
  });

  test("makes the branch and touches neither work tree nor other branches; never moves one that is there", async () => {
    await world.workspaces.resolve(world.repo, "main", never);
    const before = git(world.origin, "status", "--short", "--branch");
    await world.workspaces.deliver(world.repo, world.head, world.origin, "baton/new", never);
    expect(git(world.origin, "rev-parse", "baton/new")).toBe(world.head);
    expect(git(world.origin, "status", "--short", "--branch")).toBe(before);
    const other = await commitFiles(world.origin, { more: "more" });
    await world.workspaces.resolve(world.repo, "main", never);
    const again = world.workspaces.deliver(world.repo, other, world.origin, "baton/new", never);
    await expect(again).rejects.toMatchObject({
      code: "git-failed",
      message: expect.stringContaining("already has a branch baton/new"),
    });
    expect(git(world.origin, "rev-parse", "baton/new")).toBe(world.head);
    await expect(
      world.workspaces.deliver(world.repo, other, join(world.base, "absent"), "x", never),
    ).rejects.toMatchObject({ code: "not-found" });
    await expect(world.workspaces.deliver(world.repo, other, world.origin, "-x", never)).rejects.toMatchObject({
      code: "invalid-id",
    });
  });
});

describe("the home folder", () => {
  let home: string;
  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), "baton-home-test-"));
  });
  afterEach(async () => {
    await rm(home, { recursive: true });
  });
  const create = (onHost: Execute = execute) =>
    createWorkspaces({ home, onHost, inSandbox: execute, credential: () => Promise.resolve(undefined) });

  test("what a dead process left is deleted; what a living one or a stranger of today has is not", async () => {
    await using probe = await World.create("none");
    await using workspace = await probe.open();
    const own = workspace.folder.split("/").at(-2) ?? "";
    const [machine = "", pid = "", start = ""] = own.split("-");
    expect(pid).toBe(`${process.pid}`);
    const kept = [own, `${"0".repeat(12)}-1-1-ffff`];
    const gone = [
      `${machine}-4194304-1-aaaa`,
      `${machine}-${pid}-${Number(start) - 1}-bbbb`,
      `${"0".repeat(12)}-1-1-0ld0`,
    ];
    for (const kind of ["workspaces", "quarantine", "making", "trash"])
      for (const name of [...kept, ...gone]) await mkdir(join(home, kind, name, "tree"), { recursive: true });
    const yesterday = new Date(Date.now() - 25 * 3_600_000);
    for (const kind of ["workspaces", "quarantine", "making", "trash"])
      await utimes(join(home, kind, `${"0".repeat(12)}-1-1-0ld0`), yesterday, yesterday);
    const workspaces = await create();
    await workspaces[Symbol.asyncDispose]();
    for (const kind of ["workspaces", "quarantine", "making", "trash"])
      expect((await readdir(join(home, kind))).sort()).toEqual(kept.toSorted());
  });

  test("a sealed folder is deleted by its owner too, who need not be root", async () => {
    await chmod(home, 0o777);
    const script = join(home, "leaves.mts");
    await writeFile(
      script,
      `import { execFileSync } from "node:child_process";
       import { execute } from ${JSON.stringify(join(import.meta.dirname, "../../src/core/exec.ts"))};
       import { createLeases } from ${JSON.stringify(join(import.meta.dirname, "../../src/workspace/lease.ts"))};
       const leases = createLeases(${JSON.stringify(join(home, "state"))}, execute);
       const folder = await leases.take("workspaces");
       execFileSync("sh", ["-c", "mkdir -p a/b && touch a/b/c && chmod 500 a/b && chmod 000 a"], { cwd: folder });
       await leases.give(folder);
       await leases.settle();`,
    );
    const nobody = process.getuid?.() === 0 ? ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] : [];
    const [program, ...rest] = [...nobody, process.execPath, script];
    const env = { PATH: "/usr/bin:/bin" };
    expect(await execute({ argv: [program, ...rest], cwd: home, env, timeoutMs: 20_000 }, never)).toMatchObject({
      exitCode: 0,
    });
    await emptied(join(home, "state/trash"));
    await emptied(join(home, "state/workspaces"));
  });

  test("must be absolute", async () => {
    await expect(
      createWorkspaces({
        home: "relative",
        onHost: execute,
        inSandbox: execute,
        credential: () => Promise.resolve(undefined),
      }),
    ).rejects.toMatchObject({ code: "invalid-usage" });
  });

  test("a full disk has its own name, whoever notices: git, or the file system", async () => {
    await using probe = await World.create("none", {
      onHost: async (command, signal) => {
        const result = await execute(command, signal);
        return command.argv.includes("checkout")
          ? { ...result, exitCode: 128, stderr: "fatal: cannot create directory: No space left on device" }
          : result;
      },
    });
    await expect(probe.open()).rejects.toMatchObject({ code: "disk-full", retryable: true });
    await probe.workspaces[Symbol.asyncDispose]();
    await emptied(join(probe.home, "workspaces"));
  });

  test("git that is not there is said", async () => {
    const workspaces = await create((command, signal) => execute({ ...command, argv: ["/no/such/git"] }, signal));
    await expect(workspaces.resolve({ owner: "o", name: "r", cloneUrl: "/tmp" }, "main", never)).rejects.toMatchObject({
      code: "git-failed",
      message: expect.stringContaining("install git"),
    });
  });
});

test("an exclude line matches its own path and no other", () => {
  expect(excludeLine("a/b")).toBe("/a/b");
  expect(excludeLine("a*[x]?\\ ")).toBe("/a\\*\\[x\\]\\?\\\\\\ ");
  for (const name of ["a\nb", "a\rb", "a\ufffdb"]) expect(excludeLine(name)).toBeUndefined();
});

test("branch names are git's own", () => {
  for (const name of ["main", "feature/x", "baton/issue-1-a.b", "ü", "a@b", "v1.0"])
    expect(branchName(name)).toBe(name);
  for (const name of ["a~1", "a^", "a:b", "a?b", "a*", "a[b", "a\\b", "a@{b", ".a", "a.", "x".repeat(245)])
    expect(() => branchName(name)).toThrow("not a branch name");
});
