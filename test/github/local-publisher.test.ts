// A run without GitHub: a branch in the person's own repository and a text file, and lines on the terminal.
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createLocalPublisher } from "#src/github/local-publisher.ts";
import { bareRepository, git, writeCommit } from "#test/support/breaking-github.ts";
import { GitWorkspaces } from "#test/support/git-workspaces.ts";
import { gateResult, RunScript } from "#test/support/recorded-run.ts";

test("delivers the verified commit as a branch that was free, and the text beside it", async () => {
  const mirror = bareRepository();
  const target = bareRepository();
  const home = await mkdtemp(join(tmpdir(), "baton-local-"));
  try {
    const base = writeCommit(mirror, { "a.js": "1\n" }, []);
    const head = writeCommit(mirror, { "a.js": "2\n" }, [base]);
    git(target, ["fetch", "-q", mirror, `${base}:refs/heads/baton/local-splitting-loses-a-cent`]);
    const { state } = new RunScript({
      base: { branch: "main", commit: base },
      subject: { kind: "local", number: 0, url: "", author: { login: "me", id: 0 } },
    })
      .driven()
      .routed()
      .stage("reproduce", { commit: head })
      .stage("diagnose")
      .stage("fix", { commit: head })
      .stage("verify")
      .stage("review")
      .stage("publish");
    const printed: string[] = [];
    const textFile = join(home, "runs", "pull-request.md");
    const publisher = createLocalPublisher({
      workspaces: new GitWorkspaces(mirror),
      redact: (text) => text,
      links: { serverUrl: "" },
      target,
      textFile,
      print: (line) => printed.push(line),
    });
    const answer = await publisher.openPullRequest(state, new AbortController().signal);
    expect(answer).toMatchObject({
      type: "opened",
      event: { number: 0, branch: "baton/local-splitting-loses-a-cent-2", head },
    });
    expect(git(target, ["rev-parse", "baton/local-splitting-loses-a-cent-2"])).toBe(head);
    expect(git(target, ["rev-parse", "baton/local-splitting-loses-a-cent"])).toBe(base);
    const text = await readFile(textFile, "utf8");
    expect(text).toContain("# Fix: Splitting loses a cent");
    expect(text).toContain("### Verified by Baton");
    expect(text).not.toContain("Closes #");
    expect(printed.join("\n")).toContain(textFile);
    const empty = new RunScript({ base: { branch: "main", commit: head }, subject: state.created.subject });
    const nothing = empty
      .driven()
      .routed()
      .stage("reproduce", { commit: head })
      .stage("diagnose")
      .stage("fix", { commit: head });
    const { state: unchanged } = nothing.stage("verify").stage("review").stage("publish");
    expect(await publisher.openPullRequest(unchanged, new AbortController().signal)).toMatchObject({
      type: "refused",
      code: "empty-diff",
    });
    const gates = [gateResult("scope"), gateResult("integrity")];
    const work = { head, part: undefined, holds: ["fix"], gates };
    expect(await publisher.keep(state, work, new AbortController().signal)).toEqual({
      type: "kept",
      branch: "baton/local-splitting-loses-a-cent-kept",
      head,
    });
    expect(git(target, ["rev-parse", "baton/local-splitting-loses-a-cent-kept"])).toBe(head);
    expect(await publisher.keep(state, { ...work, gates: [] }, new AbortController().signal)).toMatchObject({
      type: "refused",
      code: "not-verified",
    });
    await publisher.reply(state.created.repo, state.created.subject, "k", {
      kind: "nothing-running",
      quote: "/agent audit",
      next: "Nothing.",
    });
    expect(printed.at(-1)).toContain("audit");
  } finally {
    await Promise.all([mirror, target, home].map((folder) => rm(folder, { recursive: true, force: true })));
  }
});
