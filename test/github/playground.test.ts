// Publisher and projection over real HTTP against the playground, whose answers are held to GitHub's own description.
import { rm } from "node:fs/promises";
import { expect, test } from "vitest";
import { z } from "zod";
import { execute } from "#src/core/exec.ts";
import { sha } from "#src/core/ids.ts";
import { silentLog } from "#src/core/log.ts";
import { createClient, whoIs } from "#src/github/client.ts";
import { createProjection } from "#src/github/projection.ts";
import { createPublisher } from "#src/github/publisher.ts";
import { openPlayground } from "#src/playground/playground.ts";
import { createMemoryOutbox } from "#src/store/outbox.ts";
import { systemClock } from "#src/core/clock.ts";
import { bareRepository, git, writeCommit } from "#test/support/breaking-github.ts";
import { GitWorkspaces } from "#test/support/git-workspaces.ts";
import { gateResult, RunScript } from "#test/support/recorded-run.ts";

test("an issue gets its card, labels, reaction, pull request and comment", async () => {
  await using playground = await openPlayground({
    users: [
      { login: "octo", type: "Organization" },
      { login: "helper", id: 3, tokens: ["helper-token"] },
      { login: "maria", id: 7 },
    ],
  });
  await playground.addRepository({
    owner: "octo",
    name: "tab",
    from: { "src/split.js": "floor\n" },
    labels: ["bug"],
    collaborators: { helper: "write", maria: "write" },
  });
  const issue = await playground.openIssue({
    repo: "octo/tab",
    title: "Splitting loses a cent",
    body: "…",
    as: "maria",
  });
  const at = { repo: "octo/tab", number: issue.number };
  const command = playground.comment({ ...at, body: "/agent fix", as: "maria" });
  const base = sha((await playground.refs("octo/tab"))["refs/heads/main"] ?? "");
  const folder = bareRepository();
  try {
    const fetchMain = () =>
      execute(
        {
          argv: ["git", "fetch", "-q", `${playground.url}/octo/tab.git`, "main:refs/heads/main"],
          cwd: folder,
          env: { PATH: "/usr/bin:/bin" },
          timeoutMs: 20_000,
        },
        new AbortController().signal,
      );
    expect(await fetchMain()).toMatchObject({ exitCode: 0 });
    const head = writeCommit(folder, { "src/split.js": "floor and rest\n", "test/split.test.js": "größer\n" }, [base]);
    const { id } = playground.repository("octo/tab");
    const repo = {
      id,
      owner: "octo",
      name: "tab",
      private: false,
      defaultBranch: "main",
      cloneUrl: `${playground.url}/octo/tab.git`,
    };
    const maria = { login: "maria", id: 7 };
    const script = new RunScript({
      repo,
      base: { branch: "main", commit: base },
      subject: {
        kind: "issue",
        number: issue.number,
        url: `${playground.url}/octo/tab/issues/${issue.number}`,
        author: maria,
      },
      request: { door: "comment", by: maria, quote: "/agent fix", commentId: command.id },
    })
      .driven()
      .routed()
      .stage("reproduce", { commit: head })
      .stage("diagnose")
      .stage("fix", { commit: head })
      .stage("verify")
      .stage("review")
      .stage("publish");
    const octokitFor = () => createClient({ token: "helper-token", apiUrl: playground.apiUrl, log: silentLog });
    const common = {
      octokitFor,
      outbox: createMemoryOutbox(systemClock),
      redact: (text: string) => text,
      self: await whoIs(await octokitFor()),
      links: { serverUrl: playground.url },
    };
    const publisher = createPublisher({ ...common, workspaces: new GitWorkspaces(folder), log: silentLog });
    await using projection = createProjection({
      ...common,
      log: { read: (_run, after = 0) => Promise.resolve(script.events.slice(after)) },
      journal: silentLog,
    });

    await publisher.acknowledge(repo, command.id);
    await projection.settle(script.state.runId);
    expect(playground.issue(at).labels.map(({ name }) => name)).toEqual(["agent/running", "bug"]);
    const answer = await publisher.openPullRequest(script.state, new AbortController().signal);
    if (answer.type !== "opened") throw new Error(answer.message);
    script.add(answer.event).finished("succeeded", "verified", "Draft pull request opened.");
    await projection.settle(script.state.runId);

    const [pull] = playground.pulls("octo/tab");
    expect(pull).toMatchObject({
      title: "Fix: Splitting loses a cent",
      body: expect.stringContaining(`Closes #${issue.number}`),
      pull: { draft: true },
    });
    const published = (await playground.refs("octo/tab"))[`refs/heads/${answer.event.branch}`];
    expect(published).toBe(answer.event.head);
    expect(await playground.file("octo/tab", answer.event.head, "test/split.test.js")).toBe("größer\n");
    expect(git(folder, ["rev-parse", `${head}^{tree}`])).toMatch(/^[0-9a-f]{40}$/);
    const bodies = playground.comments(at).map(({ body }) => body);
    expect(bodies).toHaveLength(3);
    expect(bodies[1]).toContain("### ✅ Succeeded");
    expect(bodies[2]).toContain("I opened a draft pull request");
    expect(
      playground
        .issue(at)
        .labels.map(({ name }) => name)
        .toSorted(),
    ).toEqual(["agent/in-pr", "bug"]);
    expect(playground.comments(at)[0]?.reactions.map(({ content }) => content)).toEqual(["rocket"]);
    expect(playground.journal.filter(({ door, status }) => door === "rest" && status >= 400)).toEqual([]);

    // Its base comes in, which holds half of it by now: the same files, and one commit further all the same, with both as parents.
    const further = sha(
      await playground.push({
        repo: "octo/tab",
        branch: "main",
        files: { "test/split.test.js": "größer\n" },
        as: "maria",
      }),
    );
    expect(await fetchMain()).toMatchObject({ exitCode: 0 });
    const together = writeCommit(folder, { "src/split.js": "floor and rest\n", "test/split.test.js": "größer\n" }, [
      further,
      head,
    ]);
    const merged = (stage: string, attempt: number) => ({
      type: "base.merged" as const,
      stage,
      attempt,
      commit: together,
      paths: [],
    });
    script
      .add(
        {
          type: "revision.requested",
          by: maria,
          quote: "/agent rebase",
          stage: "fix",
          words: "",
          threads: [],
          base: { commit: further, how: "asked" },
        },
        merged("reproduce", 2),
        { type: "gate.checked", stage: "reproduce", attempt: 2, result: gateResult("red") },
        merged("diagnose", 2),
        merged("fix", 2),
      )
      .stage("verify")
      .add(merged("review", 2))
      .stage("publish");
    const joined = await publisher.openPullRequest(script.state, new AbortController().signal);
    if (joined.type !== "opened") throw new Error(joined.message);
    const commits = z.object({ parents: z.array(z.object({ sha: z.string() })) });
    const made = await fetch(`${playground.apiUrl}/repos/octo/tab/commits/${joined.event.head}`);
    expect(commits.parse(await made.json()).parents.map((parent) => parent.sha)).toEqual([answer.event.head, further]);
    script.add(joined.event).finished("succeeded", "verified", "Revised.");

    // People want it changed; meanwhile one of them pushes, and somebody closes it: nothing is published over that.
    const again = writeCommit(folder, { "src/split.js": "floor, and rest\n", "test/split.test.js": "größer\n" }, [
      head,
    ]);
    const asked = { type: "revision.requested" as const, by: maria, quote: "a review", words: "A comma.", threads: [] };
    const revised = script
      .add({ ...asked, stage: "fix" })
      .stage("fix", { commit: again })
      .stage("verify")
      .stage("review")
      .stage("publish").state;
    const { branch } = answer.event;
    const pushed = await playground.push({
      repo: "octo/tab",
      branch,
      files: { "NOTES.md": "mine\n" },
      message: "mine",
      as: "maria",
    });
    const refused = await publisher.openPullRequest(revised, new AbortController().signal);
    expect(refused).toMatchObject({ type: "refused", code: "branch-moved" });
    expect((await playground.refs("octo/tab"))[`refs/heads/${branch}`]).toBe(pushed);
    await playground.closeIssue({ repo: "octo/tab", number: answer.event.number, as: "maria" });
    const closed = await publisher.openPullRequest(revised, new AbortController().signal);
    expect(closed).toMatchObject({ type: "refused", code: "pull-request-closed" });
    expect(playground.pulls("octo/tab")).toHaveLength(1);

    // A branch goes only from where it was merged, and only one of Baton's own.
    const heads = async () => Object.keys(await playground.refs("octo/tab"));
    await publisher.removeMerged(repo, branch, joined.event.head);
    await publisher.removeMerged(repo, "main", base);
    expect(await heads()).toEqual(expect.arrayContaining([`refs/heads/${branch}`, "refs/heads/main"]));
    for (const _ of ["there", "gone already"]) await publisher.removeMerged(repo, branch, sha(pushed));
    expect(await heads()).not.toContain(`refs/heads/${branch}`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
