// The publisher against a GitHub that breaks: whatever happens, one branch, one commit on it, one pull request, one comment.
import { messageOf } from "#src/core/errors.ts";
import { rmSync } from "node:fs";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { sha, type Sha } from "#src/core/ids.ts";
import { createRedact } from "#src/core/redact.ts";
import { silentLog } from "#src/core/log.ts";
import { createClient } from "#src/github/client.ts";
import { cardKey } from "#src/github/shown.ts";
import { createPublisher } from "#src/github/publisher.ts";
import { createMemoryOutbox, type Outbox } from "#src/store/outbox.ts";
import type { Publisher } from "#src/engine/ports.ts";
import type { State } from "#src/engine/state.ts";
import { bareRepository, BreakingGitHub, git, writeCommit, type Fault } from "#test/support/breaking-github.ts";
import { artifactFor, created } from "#test/support/engine-world.ts";
import { GitWorkspaces } from "#test/support/git-workspaces.ts";
import { HandTiming } from "#test/support/hand-timing.ts";
import { gateResult, RunScript } from "#test/support/recorded-run.ts";

const files = {
  "src/split.js": "floor\n",
  "test/split.test.js": "old\n",
  "docs/gone.md": "bye\n",
  "logo.bin": new Uint8Array([1, 2]),
};
const fixed = {
  "src/split.js": "floor and rest\n",
  "test/split.test.js": "old\nnew\n",
  "logo.bin": new Uint8Array([1, 2, 250]),
  "src/neu.js": "größer\r\n",
};
const original = (() => {
  const folder = bareRepository();
  const base = writeCommit(folder, files, [], "first");
  git(folder, ["update-ref", "refs/heads/main", base]);
  return { folder, base, head: writeCommit(folder, fixed, [base], "the fix") };
})();
afterAll(() => rmSync(original.folder, { recursive: true, force: true }));

const self = { login: "baton[bot]", id: 1, appId: undefined };

interface World extends AsyncDisposable {
  readonly github: BreakingGitHub;
  readonly outbox: Outbox;
  readonly timing: HandTiming;
  readonly base: Sha;
  readonly head: Sha;
  /** A publisher of a fresh process: it shares nothing but the outbox. */
  publisher(outbox?: Outbox): Publisher;
  state(change?: Parameters<typeof created>[0], head?: Sha): State;
}

async function openWorld(change: Record<string, string | Uint8Array> = fixed): Promise<World> {
  const folder = bareRepository(original.folder);
  const { base } = original;
  const head = change === fixed ? original.head : writeCommit(folder, change, [base], "the fix");
  const github = await BreakingGitHub.open(folder);
  const timing = new HandTiming({ impatient: true });
  github.now = () => timing.now();
  const outbox = createMemoryOutbox(timing);
  return {
    github,
    outbox,
    timing,
    base,
    head,
    publisher: (shared = outbox) =>
      createPublisher({
        octokitFor: () => createClient({ token: "t", apiUrl: github.url, log: silentLog }),
        outbox: shared,
        workspaces: new GitWorkspaces(folder),
        redact: createRedact(["a-very-secret-value"]),
        self,
        links: { serverUrl: "https://github.com" },
        log: silentLog,
        timing,
      }),
    state: (first, at = head) =>
      new RunScript({ base: { branch: "main", commit: base }, ...first })
        .driven()
        .routed()
        .stage("reproduce", { commit: head })
        .stage("diagnose")
        .stage("fix", { commit: at })
        .stage("verify")
        .stage("review")
        .stage("publish").state,
    [Symbol.asyncDispose]: () => github[Symbol.asyncDispose](),
  };
}

const signal = new AbortController().signal;
let world: World | undefined;
afterEach(async () => {
  const complaints = world?.github.complaints ?? [];
  await world?.[Symbol.asyncDispose]();
  world = undefined;
  if (complaints.length > 0)
    throw new Error(`GitHub's description of its API has something against this: ${complaints.join("; ")}`);
});
async function fresh(change?: Record<string, string | Uint8Array>): Promise<World> {
  world = await openWorld(change);
  return world;
}

function treeOf(folder: string, commit: string): string {
  return git(folder, ["rev-parse", `${commit}^{tree}`]);
}

/** What must hold after any trouble: one branch with one commit of the verified tree on the base, one draft pull request. */
function expectOne({ github, base, head }: World): void {
  const branches = Object.entries(github.branches);
  expect(branches.map(([name]) => name)).toEqual(["baton/issue-12-splitting-loses-a-cent"]);
  const [, at = ""] = branches[0] ?? [];
  expect(treeOf(github.folder, at)).toBe(treeOf(github.folder, head));
  expect(git(github.folder, ["rev-list", `${base}..${at}`]).split("\n")).toHaveLength(1);
  expect(github.pulls).toHaveLength(1);
  expect(github.pulls[0]).toMatchObject({
    draft: true,
    base: "main",
    head: "baton/issue-12-splitting-loses-a-cent",
    reviewers: expect.arrayContaining(["maria"]),
  });
}

describe("opening the pull request", () => {
  test("publishes exactly the verified tree, as a draft, in few requests", async () => {
    const w = await fresh();
    const state = w.state();
    const answer = await w.publisher().openPullRequest(state, signal);
    expectOne(w);
    expect(answer).toMatchObject({
      type: "opened",
      event: { number: 13, branch: "baton/issue-12-splitting-loses-a-cent", title: "Fix: Splitting loses a cent" },
    });
    // Files that come back are known by it.
    expect(answer).toMatchObject({ event: { tree: treeOf(w.github.folder, w.head) } });
    const [pull] = w.github.pulls;
    expect(pull?.body).toMatch(/^<!-- baton:pull:run-[0-9a-f]{12} -->\n\nCloses #12/);
    expect(pull?.body).toContain(treeOf(w.github.folder, w.head).slice(0, 12));
    const message = git(w.github.folder, ["log", "-1", "--format=%B", pull?.head ?? ""]);
    expect(message).toContain("Co-authored-by: maria <7+maria@users.noreply.github.com>");
    expect(message).toContain(`Baton-Run: ${state.runId}`);
    // One of them is the blob of the binary file.
    expect(w.github.calls.length).toBeLessThanOrEqual(9);
  });

  test("leads to the run's card from the commit and from the text, where there is no better page", async () => {
    const w = await fresh();
    const state = w.state();
    const card = { id: 99, url: "https://github.com/octo/tab/issues/12#issuecomment-99" };
    await w.outbox.record({ key: cardKey(state.runId), run: state.runId, kind: "card", payload: {} });
    await w.outbox.done(cardKey(state.runId), card);
    await w.publisher().openPullRequest(state, signal);
    const [pull] = w.github.pulls;
    expect(pull?.body).toContain(`[run ${state.runId}](${card.url})`);
    expect(git(w.github.folder, ["log", "-1", "--format=%B", pull?.head ?? ""])).toContain(
      `Baton-Run: ${state.runId} ${card.url}`,
    );
  });

  test("uses the repository's own style of titles, and its template", async () => {
    const w = await fresh({ ...fixed });
    const template = writeCommit(
      w.github.folder,
      { ...files, ".github/pull_request_template.md": "## Checklist\n- [ ] tests" },
      [],
      "template",
    );
    const head = writeCommit(
      w.github.folder,
      { ...fixed, ".github/pull_request_template.md": "## Checklist\n- [ ] tests" },
      [template],
    );
    for (const title of ["feat: one", "fix(split): two", "Some words"]) {
      w.github.pulls.push({
        number: 2,
        title,
        body: "",
        head: "x",
        base: "main",
        draft: false,
        by: 7,
        state: "closed",
        reviewers: [],
      });
    }
    const state = w.state({ base: { branch: "main", commit: template } }, head);
    await w.publisher().openPullRequest(state, signal);
    expect(w.github.pulls.at(-1)?.title).toBe("fix: splitting loses a cent");
    expect(w.github.pulls.at(-1)?.body).toContain("## Checklist");
  });

  test.each([
    ["closed", { state: "closed" }, "issue-closed"],
    ["locked", { locked: true }, "issue-locked"],
    ["gone", { gone: true }, "issue-gone"],
    ["moved to another number", { number: 99 }, "issue-gone"],
  ])("an issue that is %s gets none", async (_name, change, code) => {
    const w = await fresh();
    Object.assign(w.github.issue, change);
    expect(await w.publisher().openPullRequest(w.state(), signal)).toMatchObject({ type: "refused", code });
    expect(w.github.calls.filter(({ method }) => method !== "GET")).toEqual([]);
  });

  test("nothing is published that the gates have not passed", async () => {
    const w = await fresh();
    const red = new RunScript({ base: { branch: "main", commit: w.base } })
      .driven()
      .routed()
      .stage("reproduce")
      .stage("diagnose")
      .stage("fix", { commit: w.head });
    const failed = red
      .stage("verify", { gates: [gateResult("scope"), gateResult("integrity", { passed: false })] })
      .stage("publish").state;
    const missing = new RunScript({ base: { branch: "main", commit: w.base } })
      .driven()
      .routed()
      .stage("fix", { commit: w.head })
      .stage("publish").state;
    const other = new RunScript({ base: { branch: "main", commit: w.base } })
      .driven()
      .routed()
      .stage("reproduce")
      .stage("diagnose")
      .stage("fix", { commit: w.head })
      .stage("verify")
      .stage("review", { commit: w.base })
      .stage("publish").state;
    for (const state of [failed, missing, other, w.state({ dryRun: true })]) {
      expect(await w.publisher().openPullRequest(state, signal)).toMatchObject({ type: "refused" });
    }
    expect(w.github.calls).toEqual([]);
  });

  test.each([
    ["an empty diff", files, "empty-diff"],
    ["a workflow file", { ...fixed, ".github/workflows/ci.yml": "on: push\n" }, "workflow-files"],
    ["a secret", { ...fixed, "src/neu.js": "key = 'a-very-secret-value'\n" }, "secret-in-change"],
  ])("%s is not published", async (_name, change, code) => {
    const w = await fresh(change);
    expect(await w.publisher().openPullRequest(w.state(), signal)).toMatchObject({ type: "refused", code });
    expect(w.github.branches).toEqual({});
    expect(w.github.pulls).toEqual([]);
  });

  test("a tree other than the verified one is not published", async () => {
    const w = await fresh();
    const lying = new GitWorkspaces(w.github.folder);
    lying.tree = () => Promise.resolve(sha("1".repeat(40)));
    lying.tree = async (repo, commit) =>
      commit === w.head ? sha("1".repeat(40)) : await new GitWorkspaces(w.github.folder).tree(repo, commit);
    const publisher = createPublisher({
      octokitFor: () => createClient({ token: "t", apiUrl: w.github.url, log: silentLog }),
      outbox: w.outbox,
      workspaces: lying,
      redact: (text) => text,
      self,
      links: { serverUrl: "https://github.com" },
      log: silentLog,
      timing: w.timing,
    });
    expect(await publisher.openPullRequest(w.state(), signal)).toMatchObject({
      type: "refused",
      code: "tree-mismatch",
    });
    expect(w.github.branches).toEqual({});
  });

  test("GitHub's no is passed on with what to do", async () => {
    const w = await fresh();
    w.github.faults = ({ method, path }) =>
      method === "POST" && path.endsWith("/git/refs")
        ? { when: "before", status: 422, message: "Repository rule violations found" }
        : undefined;
    const answer = await w.publisher().openPullRequest(w.state(), signal);
    expect(answer).toMatchObject({
      type: "refused",
      code: "branch-protected",
      message: expect.stringContaining("baton/"),
    });
    w.github.faults = ({ method, path }) =>
      method === "POST" && path.endsWith("/pulls")
        ? { when: "before", status: 403, message: "Resource not accessible by integration" }
        : undefined;
    expect(await w.publisher().openPullRequest(w.state(), signal)).toMatchObject({
      type: "refused",
      code: "no-permission",
    });
    const message = "GitHub Actions is not permitted to create or approve pull requests.";
    w.github.faults = ({ method, path }) =>
      method === "POST" && path.endsWith("/pulls") ? { when: "before", status: 403, message } : undefined;
    expect(await w.publisher().openPullRequest(w.state(), signal)).toMatchObject({
      code: "actions-may-not-open",
      message: expect.stringMatching(/branch is there.*Allow GitHub Actions to create.*retry/),
    });
  });
});

describe("people's branches", () => {
  const branch = "baton/issue-12-splitting-loses-a-cent";

  test("a branch with somebody else's commit stays as it is; the work goes beside it", async () => {
    const w = await fresh();
    const theirs = writeCommit(w.github.folder, { "a.txt": "mine" }, [w.base], "by a person");
    git(w.github.folder, ["update-ref", `refs/heads/${branch}`, theirs]);
    const answer = await w.publisher().openPullRequest(w.state(), signal);
    expect(answer).toMatchObject({ type: "opened", event: { branch: `${branch}-2` } });
    expect(w.github.branches[branch]).toBe(theirs);
  });

  test("our own earlier branch goes forward, and its open pull request shows the new work", async () => {
    const w = await fresh();
    const first = await w.publisher().openPullRequest(w.state(), signal);
    const earlier = w.github.branches[branch] ?? "";
    const better = writeCommit(w.github.folder, { ...fixed, "src/split.js": "better\n" }, [w.base]);
    const second = await w.publisher().openPullRequest(w.state({}, better), signal);
    expect(first).toMatchObject({ event: { number: 13 } });
    expect(second).toMatchObject({ type: "opened", event: { number: 13, branch } });
    const now = w.github.branches[branch] ?? "";
    expect(treeOf(w.github.folder, now)).toBe(treeOf(w.github.folder, better));
    expect(git(w.github.folder, ["rev-list", "--parents", "-1", now]).split(" ").slice(1)).toContain(earlier);
    expect(w.github.pulls).toHaveLength(1);
  });

  test("a retry of the same run publishes the new work, not the old answer", async () => {
    const w = await fresh();
    const state = w.state();
    await w.publisher().openPullRequest(state, signal);
    const better = writeCommit(w.github.folder, { ...fixed, "src/split.js": "better\n" }, [w.base]);
    const again = await w.publisher().openPullRequest(w.state({ runId: state.runId }, better), signal);
    expect(again).toMatchObject({ type: "opened", event: { number: 13 } });
    expect(treeOf(w.github.folder, w.github.branches[branch] ?? "")).toBe(treeOf(w.github.folder, better));
  });

  test("a person who pushes while Baton publishes wins", async () => {
    const w = await fresh();
    await w.publisher().openPullRequest(w.state(), signal);
    const ours = w.github.branches[branch] ?? "";
    const theirs = writeCommit(w.github.folder, { ...fixed, "a.txt": "by a person" }, [ours]);
    // Between Baton's look at the branch and its move of it.
    w.github.afterwards = ({ method, path }) => {
      if (method === "GET" && path.includes("/git/ref/heads/"))
        git(w.github.folder, ["update-ref", `refs/heads/${branch}`, theirs]);
    };
    const better = writeCommit(w.github.folder, { ...fixed, "src/split.js": "better\n" }, [w.base]);
    const answer = await w.publisher().openPullRequest(w.state({}, better), signal);
    expect(w.github.branches[branch]).toBe(theirs);
    expect(answer).toMatchObject({ type: "opened", event: { branch: `${branch}-2` } });
  });

  test("a person who pushes after a crash of ours wins too", async () => {
    const w = await fresh();
    const state = w.state();
    w.github.faults = ({ method, path }) =>
      method === "POST" && path.endsWith("/pulls") ? { when: "before", status: 500 } : undefined;
    await expect(w.publisher().openPullRequest(state, signal)).rejects.toThrow("open the pull request");
    const theirs = writeCommit(w.github.folder, { "a.txt": "by a person" }, [w.github.branches[branch] ?? ""]);
    git(w.github.folder, ["update-ref", `refs/heads/${branch}`, theirs]);
    w.github.faults = () => undefined;
    expect(await w.publisher().openPullRequest(state, signal)).toMatchObject({
      type: "opened",
      event: { branch: `${branch}-2` },
    });
    expect(w.github.branches[branch]).toBe(theirs);
  });
});

describe("trouble", () => {
  const writes = ["git/blobs", "git/trees", "git/commits", "git/refs", "pulls", "requested_reviewers"];
  const lost: readonly Fault[] = [
    { when: "after", how: 502 },
    { when: "after", how: "reset" },
  ];
  const undone: readonly Fault[] = [
    { when: "before", status: 500 },
    {
      when: "before",
      status: 403,
      headers: { "retry-after": "30" },
      message: "You have exceeded a secondary rate limit",
    },
  ];

  test.each([
    ...writes.flatMap((write) => lost.map((fault) => [write, fault] as const)),
    ...["git/refs", "pulls"].flatMap((write) => undone.map((fault) => [write, fault] as const)),
  ])("POST %s with %o once: nothing doubled, nothing missing", async (write, fault) => {
    const w = await fresh();
    let done = false;
    w.github.faults = ({ method, path }) => {
      if (done || method !== "POST" || !path.endsWith(write)) return undefined;
      done = true;
      return fault;
    };
    expect(await w.publisher().openPullRequest(w.state(), signal)).toMatchObject({ type: "opened" });
    expect(done).toBe(true);
    expectOne(w);
  });

  test("a crash at any request, and another process goes on: nothing doubled", async () => {
    const probe = await openWorld();
    await probe.publisher().openPullRequest(probe.state(), signal);
    const requests = probe.github.calls.length;
    await probe[Symbol.asyncDispose]();
    for (let at = 1; at <= requests; at += 1) {
      const w = await openWorld();
      const state = w.state();
      const kill = new AbortController();
      // The request is acted upon, and then the process is gone before it hears of it.
      w.github.afterwards = () => {
        if (w.github.calls.length === at) kill.abort();
      };
      w.github.faults = () => (w.github.calls.length === at ? { when: "after", how: "reset" } : undefined);
      await w
        .publisher()
        .openPullRequest(state, kill.signal)
        .catch(() => undefined);
      expect(await w.publisher().openPullRequest(state, signal)).toMatchObject({ type: "opened" });
      expectOne(w);
      expect(w.github.complaints).toEqual([]);
      await w[Symbol.asyncDispose]();
    }
  });

  /** Opens a pull request while a stop comes right behind the POST to this path. */
  async function stoppedBehind(path: string) {
    const w = await fresh();
    const stop = new AbortController();
    w.github.afterwards = (call) => {
      if (call.method === "POST" && call.path.endsWith(path)) stop.abort(new Error("a person ended the run"));
    };
    const opening = w.publisher().openPullRequest(w.state(), stop.signal);
    const end = await opening.then(
      ({ type }) => type,
      (error: unknown) => messageOf(error),
    );
    return { end, pulls: w.github.pulls.length };
  }

  test("a stop while the pull request is being opened finds it opened; one before it opens none", async () => {
    expect(await stoppedBehind("/pulls")).toEqual({ end: "opened", pulls: 1 });
    expect(await stoppedBehind("/git/refs")).toEqual({ end: "a person ended the run", pulls: 0 });
  });

  test("two processes at once end with one of everything", async () => {
    const w = await fresh();
    const state = w.state();
    const answers = await Promise.all([
      w.publisher().openPullRequest(state, signal),
      w.publisher().openPullRequest(state, signal),
    ]);
    expect(answers[0]).toEqual(answers[1]);
    expect(Object.keys(w.github.branches)).toHaveLength(1);
    expect(w.github.pulls).toHaveLength(1);
  });

  test("asked a second time it answers from the outbox", async () => {
    const w = await fresh();
    const state = w.state();
    const first = await w.publisher().openPullRequest(state, signal);
    const calls = w.github.calls.length;
    expect(await w.publisher().openPullRequest(state, signal)).toEqual(first);
    expect(w.github.calls).toHaveLength(calls);
  });
});

describe("answers to people", () => {
  const repo = created().repo;
  const subject = created().subject;
  const help = { kind: "nothing-running", quote: "/agent audit", next: "Nothing." } as const;

  test("one delivery is answered once, also when the answer to the answer is lost", async () => {
    const w = await fresh();
    let lost = 0;
    w.github.faults = ({ method }) => (method === "POST" && (lost += 1) <= 1 ? { when: "after", how: 502 } : undefined);
    await w.publisher().reply(repo, subject, "delivery-1", help);
    await w.publisher().reply(repo, subject, "delivery-1", help);
    expect(w.github.comments).toHaveLength(1);
    await w.publisher().reply(repo, subject, "delivery-2", help);
    expect(w.github.comments).toHaveLength(2);
  });

  test("a marker that somebody else typed is not taken for ours", async () => {
    const w = await fresh();
    w.github.comments.push({ id: 1, issue: 12, body: "<!-- baton:reply:delivery-1 -->\n\nhaha", by: 9, edits: 0 });
    let lost = 0;
    w.github.faults = ({ method }) =>
      method === "POST" && (lost += 1) <= 1 ? { when: "before", status: 502 } : undefined;
    await w.publisher().reply(repo, subject, "delivery-1", help);
    expect(w.github.comments.filter(({ by }) => by === 1)).toHaveLength(1);
  });

  test("two processes that answer at the same moment leave one answer", async () => {
    const w = await fresh();
    await Promise.all([1, 2, 3].map(() => w.publisher().reply(repo, subject, "delivery-1", help)));
    expect(w.github.comments).toHaveLength(1);
  });

  test("so many comments stand on an issue within an hour, for all processes together; the last says that it is", async () => {
    const w = await fresh();
    const answer = (number: number) => w.publisher().reply(repo, subject, `delivery-${number}`, refusal);
    const refusal = { kind: "refused" as const, quote: "/agent fix @ada", why: "…", next: "…" };
    for (let number = 1; number <= 40; number += 1) {
      await answer(number);
      w.timing.forward(10_000);
    }
    expect(w.github.comments).toHaveLength(30);
    const last = w.github.comments.at(-1)?.body ?? "";
    expect(last).toContain("> `/agent fix @ada`");
    expect(last).toContain("`limits.commentsPerHour`");
    // It is one of them itself: so the second one must be an hour old.
    expect(last).toContain("from 13:00 UTC on");
    w.timing.forward(3_600_001);
    await answer(41);
    expect(w.github.comments.at(-1)?.body).toContain("I have not done this: …");
  });

  test("what a run says counts, and is said all the same", async () => {
    const w = await fresh();
    const on = { key: "card", run: undefined, kind: "card", payload: {}, subject: `${repo.id}#${subject.number}` };
    for (let number = 1; number <= 60; number += 1) await w.outbox.record({ ...on, key: `card-${number}` });
    for (let number = 1; number <= 3; number += 1) await w.publisher().reply(repo, subject, `delivery-${number}`, help);
    expect(w.github.comments.map(({ body }) => body)).toEqual([
      expect.stringContaining("I have written so many comments"),
    ]);
  });

  test("that too many runs have begun is said once an hour", async () => {
    const w = await fresh();
    const say = (key: string) =>
      w
        .publisher()
        .reply(repo, subject, key, { kind: "too-many", what: "runs", quote: "/agent fix", most: 10, again: 0 });
    for (let number = 1; number <= 5; number += 1) await say(`delivery-${number}`);
    expect(w.github.comments).toHaveLength(1);
    expect(w.github.comments[0]?.body).toContain("10 runs have begun on this issue within the last hour");
    w.timing.forward(3_600_001);
    await say("delivery-6");
    expect(w.github.comments).toHaveLength(2);
  });

  test("what was said before, or could not be said, does not count: nobody can silence it", async () => {
    const w = await fresh();
    const publisher = w.publisher();
    for (let round = 1; round <= 30; round += 1) await publisher.reply(repo, subject, "refused:stranger", help);
    await Promise.all(Array.from({ length: 30 }, () => publisher.reply(repo, subject, "refused:other", help)));
    w.github.faults = () => ({ when: "before", status: 403, message: "Resource not accessible by integration" });
    for (let round = 1; round <= 30; round += 1)
      await expect(publisher.reply(repo, subject, `no-${round}`, help)).rejects.toThrow("403");
    w.github.faults = () => undefined;
    expect(w.github.comments).toHaveLength(2);
    await publisher.reply(repo, subject, "delivery-1", help);
    expect(w.github.comments).toHaveLength(3);
  });

  test("a label that is gone, a comment that is gone: no harm", async () => {
    const w = await fresh();
    w.github.issueLabels = ["agent"];
    await w.publisher().removeLabel(repo, subject, "agent");
    await w.publisher().removeLabel(repo, subject, "agent");
    expect(w.github.issueLabels).toEqual([]);
    await w.publisher().acknowledge(repo, 99);
    await w.publisher().acknowledge(repo, 99);
    expect(w.github.reactions).toMatchObject([{ comment: 99, content: "eyes" }]);
    w.github.faults = () => ({ when: "before", status: 404, message: "Not Found" });
    await w.publisher().acknowledge(repo, 98);
  });

  test.each([
    ["done", "rocket"],
    ["refused", "confused"],
  ] as const)("on a command that is %s 👀 gives way to %s, once, in two requests", async (as, content) => {
    const w = await fresh();
    await w.publisher().acknowledge(repo, 99);
    const before = w.github.calls.length;
    await w.publisher().conclude(repo, 99, as);
    await w.publisher().conclude(repo, 99, as);
    expect(w.github.reactions).toMatchObject([{ comment: 99, content }]);
    expect(w.github.calls.length - before).toBe(2);
  });

  test("an issue that is to be left alone has a label of its own beside those it had, made in its colour", async () => {
    const w = await fresh();
    w.github.issueLabels = ["bug", "agent/failed"];
    await w.publisher().leaveAlone(repo, subject);
    await w.publisher().leaveAlone(repo, subject);
    expect(w.github.issueLabels).toEqual(["bug", "agent/failed", "agent/ignored"]);
    expect(w.github.calls.filter(({ path }) => path.endsWith("/tab/labels"))).toHaveLength(1);
  });

  test("a rate limit that lasts too long is said, and nothing is asked inside it", async () => {
    const w = await fresh();
    const until = Math.round(w.timing.now() / 1_000) + 1_800;
    w.github.faults = () => ({
      when: "before",
      status: 403,
      headers: { "x-ratelimit-remaining": "0", "x-ratelimit-reset": String(until) },
      message: "API rate limit exceeded",
    });
    const publisher = w.publisher();
    await expect(publisher.openPullRequest(w.state(), signal)).rejects.toMatchObject({
      code: "github-failed",
      retryable: true,
      message: expect.stringContaining("until 12:30 UTC"),
    });
    await expect(publisher.openPullRequest(w.state(), signal)).rejects.toThrow("12:30");
    expect(w.github.calls).toHaveLength(1);
  });
});

test("the artifact that says what was changed cannot forge trailers", async () => {
  const w = await fresh();
  const change = artifactFor("fix");
  if (change.name !== "Change") throw new Error("expected a change");
  const state = new RunScript({ base: { branch: "main", commit: w.base } })
    .driven()
    .routed()
    .stage("reproduce", { commit: w.head })
    .stage("diagnose")
    .stage("fix", {
      commit: w.head,
      artifact: {
        name: "Change",
        value: { ...change.value, summary: "x\n\nCo-authored-by: eve <eve@example.com>\nFixes #99 @ada [skip ci]" },
      },
    })
    .stage("verify")
    .stage("review")
    .stage("publish").state;
  await w.publisher().openPullRequest(state, signal);
  const branch = Object.keys(w.github.branches)[0] ?? "";
  expect(git(w.github.folder, ["log", "-1", "--format=%(trailers:key=Co-authored-by,valueonly)", branch])).toBe(
    "maria <7+maria@users.noreply.github.com>\n",
  );
  expect(git(w.github.folder, ["log", "-1", "--format=%B", branch])).not.toMatch(/#99|@ada|\[skip ci\]/);
});
