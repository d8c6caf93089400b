// The one step with a way out: it sees the base's files only, and what was written in the run comes after it, without a way out.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { needs } from "#test/support/needs.ts";
import { ask, openRegistry } from "./registry.ts";
import { commitFiles, git, never, World } from "./world.ts";

const bubblewrap = await needs("bubblewrap");

describe.skipIf(!bubblewrap)("an install with registries in reach", () => {
  test("runs the base's files, never those written since", async () => {
    await using registry = await openRegistry();
    await using world = await World.create("required", { registries: [registry.place] });
    const base = await commitFiles(world.origin, {
      "install.sh": `mkdir -p node_modules/a; ${ask(registry, "/a")} > node_modules/a/index\n`,
    });
    const canary = `${ask(registry, "/canary")}; cat README.md | sed 's/^/canary /'`;
    const head = await commitFiles(world.origin, {
      "install.sh": `${canary}\n`,
      "package.json": JSON.stringify({ name: "x", version: "1.0.0", scripts: { postinstall: canary } }),
      ".git-hooks/post-checkout": canary,
    });
    await using workspace = await world.openInstalled("sh install.sh; git rev-parse HEAD; ls", head, base);
    expect(workspace.installed).toMatchObject({
      exitCode: 0,
      stdout: `${base}\nREADME.md\ninstall.sh\nnode_modules\nsrc\n`,
    });
    expect(registry.asked).toEqual(["/a"]);

    expect(await readFile(join(workspace.folder, "node_modules/a/index"), "utf8")).toBe("a package\n");
    expect(await world.agent(workspace, "git status --short; git rev-parse HEAD work; git symbolic-ref HEAD")).toBe(
      `${head}\n${head}\nrefs/heads/work\n`,
    );
    expect(await world.agent(workspace, "sh install.sh")).toContain("canary # tab");
    expect(registry.asked).toEqual(["/a"]);
  });

  test("that leaves a folder nobody can write is a clear failure, not a mixture of two commits", async () => {
    await using world = await World.create("required");
    const head = await commitFiles(world.origin, { "src/tab.js": "export const tab = 2;\n" });
    await expect(world.openInstalled("chmod a-w src", head)).rejects.toMatchObject({
      code: "sandbox-failed",
      message: expect.stringMatching(
        /moving a workspace from \w{40} to \w{40} after its install failed.*src\/tab\.js/s,
      ),
    });
    await expect(world.openInstalled("echo > .git/HEAD; rm -rf .git/objects", head)).rejects.toMatchObject({
      code: "sandbox-failed",
    });
  });
});

describe.each([
  ["required", bubblewrap],
  ["none", true],
] as const)("the commit after an install, sandbox %s", (mode, possible) => {
  test.skipIf(!possible)("is there whole, whatever the install did, and the work is counted from it", async () => {
    await using world = await World.create(mode);
    const head = await commitFiles(world.origin, {
      "src/tab.js": "export const tab = 2;\n",
      "left/by/install": "of the commit\n",
      "left/too": "of the commit\n",
      ".gitignore": "ignored.txt\n",
    });
    git(world.origin, "rm", "--quiet", "src/old.js");
    const last = await commitFiles(world.origin, { "src/old.js/now": "a folder\n" });
    const install = `mkdir -p node_modules/b left/too; touch node_modules/b/x left/by left/too/deep
      echo changed > src/tab.js; rm README.md; git config core.hooksPath hooks; mkdir hooks
      for hook in post-index-change reference-transaction post-checkout; do printf '#!/bin/sh\\necho > hooked\\nexit 1\\n' > hooks/$hook; chmod +x hooks/$hook; done`;
    await using workspace = await world.openInstalled(install, last);
    expect(last).not.toBe(head);
    expect(await world.agent(workspace, "find . -path ./.git -prune -o -type f -print | sort")).toBe(
      `./.gitignore
./README.md
./hooks/post-checkout
./hooks/post-index-change
./hooks/reference-transaction
./left/by/install
./left/too
./node_modules/b/x
./src/old.js/now
./src/tab.js
`,
    );
    expect(await world.agent(workspace, "cat src/tab.js; git -c core.hooksPath=/ status --short")).toBe(
      "export const tab = 2;\n",
    );
    await world.agent(workspace, "echo new > src/new.js");
    expect(await workspace.collect("m", never)).toMatchObject({
      type: "collected",
      changes: [{ path: "src/new.js", kind: "added" }],
    });
  });

  test.skipIf(!possible)("is there too when the install took the clone's .git away", async () => {
    await using world = await World.create(mode);
    const head = await commitFiles(world.origin, { "src/tab.js": "export const tab = 2;\n" });
    await using workspace = await world.openInstalled("rm -rf .git", head, world.head);
    expect(await readFile(join(workspace.folder, "src/tab.js"), "utf8")).toBe("export const tab = 2;\n");
    expect(await workspace.collect("m", never)).toMatchObject({ commit: head, changes: [] });
  });
});
