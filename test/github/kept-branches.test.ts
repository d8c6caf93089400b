// Finished work of a run that ends without its pull request: one branch for it, moved on by a later try, with nothing on it that may not be
// published; and taken away again only where nobody has put it to use.
import { afterEach, describe, expect, test } from "vitest";
import type { KeepRequest } from "#src/engine/keeping.ts";
import { createRedact } from "#src/core/redact.ts";
import { silentLog } from "#src/core/log.ts";
import { BatonError } from "#src/core/errors.ts";
import type { Sha } from "#src/core/ids.ts";
import { createClient } from "#src/github/client.ts";
import { createPublisher } from "#src/github/publisher.ts";
import { createMemoryOutbox } from "#src/store/outbox.ts";
import type { Publisher } from "#src/engine/ports.ts";
import { bareRepository, BreakingGitHub, git, writeCommit, type Fault } from "#test/support/breaking-github.ts";
import { GitWorkspaces } from "#test/support/git-workspaces.ts";
import { HandTiming } from "#test/support/hand-timing.ts";
import { gateResult, RunScript } from "#test/support/recorded-run.ts";

const NAME = "baton/issue-12-splitting-loses-a-cent-kept";
const signal = new AbortController().signal;
const files = { "src/split.js": "floor\n" };

async function openWorld(fence?: () => Promise<void>) {
  const folder = bareRepository();
  const base = writeCommit(folder, files, [], "first");
  git(folder, ["update-ref", "refs/heads/main", base]);
  const github = await BreakingGitHub.open(folder);
  const timing = new HandTiming({ impatient: true });
  github.now = () => timing.now();
  const outbox = createMemoryOutbox(timing);
  const { state } = new RunScript({ base: { branch: "main", commit: base } }).driven().routed();
  /** A publisher of a fresh process. */
  const publisher = (): Publisher =>
    createPublisher({
      octokitFor: () => createClient({ token: "t", apiUrl: github.url, log: silentLog }),
      outbox,
      workspaces: new GitWorkspaces(folder),
      redact: createRedact(["a-very-secret-value"]),
      self: { login: "baton[bot]", id: 1, appId: undefined },
      links: { serverUrl: "https://github.com" },
      log: silentLog,
      timing,
      fence,
    });
  const made = (change: Record<string, string>): Sha => writeCommit(folder, { ...files, ...change }, [base], "work");
  const tree = (at: string | undefined) => git(folder, ["rev-parse", `${at}^{tree}`]);
  return { github, folder, base, state, publisher, made, tree };
}

type World = Awaited<ReturnType<typeof openWorld>>;
let world: World | undefined;
afterEach(async () => {
  const complaints = world?.github.complaints ?? [];
  await world?.github[Symbol.asyncDispose]();
  world = undefined;
  if (complaints.length > 0)
    throw new Error(`GitHub's description of its API has something against this: ${complaints.join("; ")}`);
});
async function fresh(fence?: () => Promise<void>): Promise<World> {
  world = await openWorld(fence);
  return world;
}

const gates = [gateResult("scope"), gateResult("integrity")];
const work = (head: Sha, more: Partial<KeepRequest> = {}): KeepRequest => ({
  head,
  part: undefined,
  holds: ["build:parser"],
  gates,
  ...more,
});

describe("keeping", () => {
  test("puts exactly that tree on a branch of its own, once, and opens nothing", async () => {
    const w = await fresh();
    const head = w.made({ "src/parser.js": "parse\n" });
    const answer = await w.publisher().keep(w.state, work(head), signal);
    expect(answer).toMatchObject({ type: "kept", branch: NAME });
    expect(await w.publisher().keep(w.state, work(head), signal)).toEqual(answer);
    expect(Object.keys(w.github.branches)).toEqual([NAME]);
    const at = w.github.branches[NAME];
    expect(w.tree(at)).toBe(w.tree(head));
    expect(git(w.folder, ["rev-list", `${w.base}..${at}`]).split("\n")).toHaveLength(1);
    expect(git(w.folder, ["log", "-1", "--format=%B", at ?? ""])).toMatch(/^wip: .*build:parser[\s\S]*Refs: #12/);
    expect(w.github.pulls).toEqual([]);
    expect(w.github.count("POST", /git\/refs$/)).toBe(1);
  });

  test("moves the branch on when a later try ends so too, and gives a part a branch of its own", async () => {
    const w = await fresh();
    await w.publisher().keep(w.state, work(w.made({ "src/parser.js": "parse\n" })), signal);
    const first = w.github.branches[NAME];
    const better = w.made({ "src/parser.js": "parse\n", "src/printer.js": "print\n" });
    expect(await w.publisher().keep(w.state, work(better), signal)).toMatchObject({ type: "kept", branch: NAME });
    expect(w.tree(w.github.branches[NAME])).toBe(w.tree(better));
    expect(git(w.folder, ["merge-base", "--is-ancestor", first ?? "", w.github.branches[NAME] ?? ""])).toBe("");
    const side = await w.publisher().keep(w.state, work(better, { part: "printer" }), signal);
    expect(side).toMatchObject({ branch: `${NAME}-of-printer` });
  });

  test.each([
    ["a workflow file", { ".github/workflows/ci.yml": "on: push\n" }, "workflow-files"],
    ["a secret", { "src/key.js": "a-very-secret-value\n" }, "secret-in-change"],
    ["nothing", {}, "empty-diff"],
  ])("refuses %s", async (_, change, code) => {
    const w = await fresh();
    const answer = await w.publisher().keep(w.state, work(w.made(change)), signal);
    expect(answer).toMatchObject({ type: "refused", code });
    expect(w.github.branches).toEqual({});
  });

  test.each([
    ["that no gate has seen", []],
    ["whose integrity was not asked", [gateResult("scope")]],
    ["that is out of scope", [gateResult("scope", { passed: false }), gateResult("integrity")]],
    ["that weakens a test", [gateResult("scope"), gateResult("integrity", { passed: false })]],
  ])("refuses work %s", async (_, seen) => {
    const w = await fresh();
    const head = w.made({ "src/parser.js": "parse\n" });
    const answer = await w.publisher().keep(w.state, work(head, { gates: seen }), signal);
    expect(answer).toMatchObject({ type: "refused", code: "not-verified" });
    expect(w.github.calls.filter(({ method }) => method !== "GET")).toEqual([]);
  });

  test.each([
    ["may only be read", 403, "Resource not accessible by integration", "no-permission"],
    ["is archived", 403, "Repository was archived so is read-only.", "repository-archived"],
  ])("a repository that %s is a refusal in words", async (_, status, message, code) => {
    const w = await fresh();
    w.github.faults = ({ method }): Fault | undefined =>
      method === "POST" ? { when: "before", status, message } : undefined;
    const answer = await w.publisher().keep(w.state, work(w.made({ "src/parser.js": "parse\n" })), signal);
    expect(answer).toMatchObject({ type: "refused", code });
    expect(w.github.branches).toEqual({});
  });

  test("never touches a branch of somebody else's under that name", async () => {
    const w = await fresh();
    git(w.folder, ["update-ref", `refs/heads/${NAME}`, w.base]);
    const answer = await w.publisher().keep(w.state, work(w.made({ "src/parser.js": "parse\n" })), signal);
    expect(answer).toMatchObject({ branch: `${NAME}-2` });
    expect(w.github.branches[NAME]).toBe(w.base);
  });

  test("a process that lost the run writes nothing", async () => {
    const w = await fresh(() => Promise.reject(new BatonError("fence-lost", "it is another worker's")));
    const keeping = w.publisher().keep(w.state, work(w.made({ "src/parser.js": "parse\n" })), signal);
    await expect(keeping).rejects.toMatchObject({ code: "fence-lost" });
    expect(w.github.branches).toEqual({});
  });
});

describe("taking it away", () => {
  async function kept(): Promise<World & { branch: { branch: string; head: Sha; holds: string[] } }> {
    const w = await fresh();
    const answer = await w.publisher().keep(w.state, work(w.made({ "src/parser.js": "parse\n" })), signal);
    if (answer.type !== "kept") throw new Error(answer.message);
    return { ...w, branch: { branch: answer.branch, head: answer.head, holds: ["build:parser"] } };
  }

  test("removes it once, also when the answer is lost", async () => {
    const w = await kept();
    let lost = false;
    w.github.faults = ({ method }): Fault | undefined => {
      if (method !== "DELETE" || lost) return undefined;
      lost = true;
      return { when: "after", how: "reset" };
    };
    expect(await w.publisher().removeKept(w.state, w.branch, signal)).toEqual({ type: "removed" });
    expect(await w.publisher().removeKept(w.state, w.branch, signal)).toEqual({ type: "removed" });
    expect(w.github.branches).toEqual({});
    expect(w.github.count("DELETE", /git\/refs/)).toBe(1);
  });

  test("leaves one that somebody has pushed to", async () => {
    const w = await kept();
    const theirs = writeCommit(w.folder, { ...files, "src/parser.js": "mine\n" }, [w.branch.head], "theirs");
    git(w.folder, ["update-ref", `refs/heads/${NAME}`, theirs]);
    expect(await w.publisher().removeKept(w.state, w.branch, signal)).toMatchObject({ type: "left" });
    expect(w.github.branches[NAME]).toBe(theirs);
  });

  test("leaves one from which a pull request is open", async () => {
    const w = await kept();
    w.github.pulls.push({
      number: 40,
      head: NAME,
      base: "main",
      title: "mine",
      body: "",
      draft: false,
      by: 7,
      reviewers: [],
      state: "open",
    });
    expect(await w.publisher().removeKept(w.state, w.branch, signal)).toMatchObject({
      type: "left",
      why: expect.stringContaining("#40"),
    });
    expect(w.github.branches[NAME]).toBe(w.branch.head);
  });

  test("says why it could not, where it may not", async () => {
    const w = await kept();
    w.github.faults = ({ method }): Fault | undefined =>
      method === "DELETE"
        ? { when: "before", status: 403, message: "Resource not accessible by integration" }
        : undefined;
    expect(await w.publisher().removeKept(w.state, w.branch, signal)).toMatchObject({
      type: "left",
      why: expect.stringContaining("may not write"),
    });
  });
});
