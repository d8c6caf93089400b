// A review of a pull request, published against the playground: once, on the lines that GitHub takes, and as a comment only.
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "#src/core/clock.ts";
import { execute } from "#src/core/exec.ts";
import { sha } from "#src/core/ids.ts";
import { silentLog } from "#src/core/log.ts";
import { createRedact } from "#src/core/redact.ts";
import { noSpend } from "#src/engine/events.ts";
import { budgetOf } from "#src/engine/route.ts";
import type { State } from "#src/engine/state.ts";
import { createClient, whoIs } from "#src/github/client.ts";
import { createPublisher } from "#src/github/publisher.ts";
import { openPlayground, type Playground } from "#src/playground/playground.ts";
import { createMemoryOutbox } from "#src/store/outbox.ts";
import { parseWorkflow } from "#src/workflows/parse.ts";
import type { Remarks } from "#src/workflows/remarks.ts";
import { bareRepository } from "#test/support/breaking-github.ts";
import { commit } from "#test/support/engine-world.ts";
import { GitWorkspaces } from "#test/support/git-workspaces.ts";
import { HandTiming } from "#test/support/hand-timing.ts";
import { RunScript } from "#test/support/recorded-run.ts";

const signal = new AbortController().signal;
const long = Array.from({ length: 60 }, (_, index) => `line ${index}`).join("\n");
const at = { repo: "octo/tab", number: 0 };
let playground: Playground;
let folder: string;
let base: string;

beforeEach(async () => {
  playground = await openPlayground({
    users: [
      { login: "octo", type: "Organization" },
      { login: "helper", id: 3, tokens: ["helper-token"] },
      { login: "maria", id: 7 },
    ],
  });
  await playground.addRepository({
    owner: "octo",
    name: "tab",
    from: { "src/long.js": `${long}\n`, "README.md": "Read me.\n" },
    labels: [],
    collaborators: { helper: "write", maria: "write" },
  });
  base = (await playground.refs("octo/tab"))["refs/heads/main"] ?? "";
  folder = bareRepository();
});
afterEach(async () => {
  await playground[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

/** A run that has these remarks on a pull request which changes these files. */
async function reviewed(files: Record<string, string | null>, remarks: Remarks["remarks"]): Promise<State> {
  const head = await playground.push({ repo: at.repo, branch: "change", files, as: "maria", message: "change" });
  at.number = await playground.openPull({ repo: at.repo, head: "change", title: "Change", body: "", as: "maria" });
  const url = `${playground.url}/octo/tab.git`;
  const argv = ["git", "fetch", "-q", url, "+refs/*:refs/*"] as const;
  await execute({ argv, cwd: folder, env: { PATH: "/usr/bin:/bin" }, timeoutMs: 20_000 }, signal);
  const text = await readFile(join(import.meta.dirname, "../../workflows/review.md"), "utf8");
  const parsed = parseWorkflow(text, "review.md");
  if (parsed.type !== "ok") throw new Error(parsed.problems.join("\n"));
  const { workflow } = parsed;
  const author = { login: "maria", id: 7 };
  const script = new RunScript({
    repo: {
      id: playground.repository(at.repo).id,
      owner: "octo",
      name: "tab",
      private: false,
      defaultBranch: "main",
      cloneUrl: url,
    },
    base: { branch: "main", commit: sha(base) },
    pull: { head: sha(head), since: sha(base), into: "main", fork: false },
    subject: { kind: "pull", number: at.number, url: "u", author },
    request: { door: "comment", by: author, quote: "/agent review" },
  }).driven();
  const decision = { kind: "start" as const, workflow, budget: budgetOf(script.state.created, workflow) };
  const value: Remarks = { summary: "The key is hunter-2-secret.", lookedAt: [], notLookedAt: [], remarks };
  return script.add(
    { type: "run.routed", source: "asked-for", decision, why: "asked", spend: noSpend },
    { type: "stage.started", stage: "judge", attempt: 1, reasons: [] },
    {
      type: "agent.finished",
      stage: "judge",
      attempt: 1,
      artifact: { name: "Remarks", value },
      commit: commit(1),
      changes: [],
    },
    { type: "stage.started", stage: "publish", attempt: 1, reasons: [] },
  ).state;
}

async function publisher() {
  const octokitFor = () => createClient({ token: "helper-token", apiUrl: playground.apiUrl, log: silentLog });
  return createPublisher({
    octokitFor,
    outbox: createMemoryOutbox(systemClock),
    workspaces: new GitWorkspaces(folder),
    redact: createRedact(["hunter-2-secret"]),
    self: await whoIs(await octokitFor()),
    links: { serverUrl: playground.url },
    log: silentLog,
    timing: new HandTiming({ impatient: true }),
  });
}

const reviews = () => playground.pulls(at.repo).find(({ number }) => number === at.number)?.pull?.reviews ?? [];
const remark = (path: string, line?: number) => ({
  severity: "major" as const,
  path,
  ...(line === undefined ? {} : { line }),
  message: `About ${path}. /agent fix`,
  evidence: "Seen by @ada.",
});
const changed = { "src/long.js": `${long.replace("line 30", "line thirty")}\n` };

test("stands on lines that the diff shows; the rest is told with the file, or left out", async () => {
  const remarks = [
    remark("src/long.js", 31),
    remark("./src/long.js", 34),
    remark("src/long.js", 1),
    remark("src/long.js"),
    remark("README.md", 1),
  ];
  const answer = await (await publisher()).publishReview(await reviewed(changed, remarks), signal);
  expect(answer).toMatchObject({ type: "published", review: { onLines: 2, onFiles: 2, leftOut: 1 } });
  const [review, ...more] = reviews();
  expect(more).toEqual([]);
  expect(review).toMatchObject({ state: "COMMENTED", by: { login: "helper" } });
  expect(review?.remarks.map(({ path, line }) => `${path}:${line}`)).toEqual(["src/long.js:31", "src/long.js:34"]);
  expect(review?.body).toContain("**4 remarks: 4 major, 2 on its line.**");
  expect(review?.body).toContain("`src/long.js:1`");
  for (const text of [review?.body ?? "", ...(review?.remarks ?? []).map(({ body }) => body)]) {
    expect(text).toMatch(/^<!-- baton:/);
    expect(text).not.toMatch(/hunter-2|(?<!`)@ada|(?<!`)\/agent fix/);
  }
});

test("is written once when the answer to it is lost", async () => {
  const state = await reviewed(changed, [remark("src/long.js", 31)]);
  playground.plan({ seed: 1, rules: [{ kinds: ["502-after"], path: "/reviews$", methods: ["POST"], count: 1 }] });
  const publishing = await publisher();
  const first = await publishing.publishReview(state, signal);
  expect(first).toMatchObject({ type: "published", review: { onLines: 1 } });
  expect(await publishing.publishReview(state, signal)).toEqual(first);
  expect(reviews()).toHaveLength(1);
});

test("says all of it in its text where GitHub's diff shows other lines", async () => {
  // GitHub follows a file that is moved, and shows only what was changed in it.
  const moved = { "src/long.js": null, "src/moved.js": changed["src/long.js"] };
  const answer = await (await publisher()).publishReview(await reviewed(moved, [remark("src/moved.js", 2)]), signal);
  expect(answer).toMatchObject({ type: "published", review: { onLines: 0, onFiles: 1 } });
  expect(reviews()).toMatchObject([{ remarks: [], body: expect.stringContaining("`src/moved.js:2`") }]);
});

test("of a pull request that has moved on is of the commit that was looked at, and says so", async () => {
  const state = await reviewed(changed, [remark("src/long.js", 31)]);
  await playground.push({ repo: at.repo, branch: "change", files: { "new.txt": "x" }, as: "maria", message: "more" });
  await (await publisher()).publishReview(state, signal);
  expect(reviews()).toMatchObject([
    { commit: state.created.pull?.head, body: expect.stringContaining("has moved on to") },
  ]);
});

test.each(["closeIssue", "lockIssue"] as const)("is not written after %s", async (act) => {
  const state = await reviewed(changed, [remark("src/long.js", 31)]);
  await playground[act]({ ...at, as: "maria" });
  const code = act === "closeIssue" ? "pull-request-closed" : "issue-locked";
  expect(await (await publisher()).publishReview(state, signal)).toMatchObject({ type: "refused", code });
  expect(reviews()).toEqual([]);
});
