// What people see of a run: one card, edited seldom and always a last time; labels one at a time; one comment at the end; nothing doubled.
import { rmSync } from "node:fs";
import { afterAll, afterEach, describe, expect, test, vi } from "vitest";
import { newRunId, type RunId } from "#src/core/ids.ts";
import { onFaultPoint } from "#src/core/fault-points.ts";
import { silentLog } from "#src/core/log.ts";
import type { RecordedEvent } from "#src/engine/events.ts";
import { createClient } from "#src/github/client.ts";
import { createProjection, type GitHubProjection } from "#src/github/projection.ts";
import { createPublisher } from "#src/github/publisher.ts";
import { createMemoryOutbox, type Outbox } from "#src/store/outbox.ts";
import { bareRepository, BreakingGitHub, git, writeCommit } from "#test/support/breaking-github.ts";
import { GitWorkspaces } from "#test/support/git-workspaces.ts";
import { HandTiming } from "#test/support/hand-timing.ts";
import { recordedRunNames, recordedRuns, RunScript } from "#test/support/recorded-run.ts";
import { soon } from "#test/support/until.ts";

const bare = bareRepository();
afterAll(() => rmSync(bare, { recursive: true, force: true }));
const self = { login: "baton[bot]", id: 1, appId: undefined };
const links = { serverUrl: "https://github.com" };

/** A log that holds as many of a run's events as it is told to. */
class GrowingLog {
  readonly #all: readonly RecordedEvent[];
  length: number;
  readonly reads: { readonly run: RunId; readonly after: number }[] = [];
  constructor(all: readonly RecordedEvent[], length = all.length) {
    this.#all = all;
    this.length = length;
  }
  /** The version after which was read last: the whole length when a projection has nothing left to show. */
  get readAfter(): number {
    return this.reads.at(-1)?.after ?? -1;
  }
  read(run: RunId, after = 0): Promise<RecordedEvent[]> {
    this.reads.push({ run, after });
    const [first] = this.#all;
    const mine = first?.event.type === "run.created" && first.event.runId === run;
    return Promise.resolve(mine ? this.#all.slice(after, this.length) : []);
  }
}

interface World {
  readonly github: BreakingGitHub;
  readonly log: GrowingLog;
  readonly timing: HandTiming;
  readonly outbox: Outbox;
  readonly run: RunId;
  /** What was logged as a warning. */
  readonly warnings: string[];
  projection(): GitHubProjection;
}

const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one[Symbol.asyncDispose]();
});

const publisherOf = (w: World) =>
  createPublisher({
    octokitFor: () => createClient({ token: "t", apiUrl: w.github.url, log: silentLog }),
    outbox: w.outbox,
    workspaces: new GitWorkspaces(bare),
    redact: (text) => text,
    self,
    links,
    log: silentLog,
    timing: w.timing,
  });

async function openWorld(script: RunScript, options: { length?: number; impatient?: boolean } = {}): Promise<World> {
  const github = await BreakingGitHub.open(bareRepository(bare));
  open.push({
    [Symbol.asyncDispose]: async () => {
      expect(github.complaints).toEqual([]);
      await github[Symbol.asyncDispose]();
    },
  });
  const log = new GrowingLog(script.events, options.length);
  const timing = new HandTiming({ impatient: options.impatient ?? false });
  github.now = () => timing.now();
  const outbox = createMemoryOutbox(timing);
  const warnings: string[] = [];
  return {
    warnings,
    github,
    log,
    timing,
    outbox,
    run: script.state.runId,
    projection() {
      const projection = createProjection({
        log,
        octokitFor: () => createClient({ token: "t", apiUrl: github.url, log: silentLog }),
        outbox,
        redact: (text) => text,
        self,
        links,
        journal: { ...silentLog, warn: (message) => void warnings.push(message) },
        timing,
      });
      open.push(projection);
      return projection;
    },
  };
}

const cardOf = (github: BreakingGitHub) => github.comments.filter(({ body }) => body.startsWith("<!-- baton:status:"));

describe("the card", () => {
  test("is one comment, edited, and its last state is always shown", async () => {
    const w = await openWorld(recordedRuns.succeeded(), { length: 2 });
    const projection = w.projection();
    projection.touch(w.run);
    await vi.waitFor(() => expect(cardOf(w.github)[0]?.body).toContain("Running"), soon);
    w.log.length = 6;
    projection.touch(w.run);
    await vi.waitFor(() => expect(w.timing.waiting).toBe(1), soon);
    w.log.length = 1_000;
    await projection.settle(w.run);
    expect(cardOf(w.github)).toHaveLength(1);
    expect(cardOf(w.github)[0]).toMatchObject({ edits: 1, body: expect.stringContaining("### ✅ Succeeded") });
  });

  test("is edited at most once in five seconds, however much happens", async () => {
    const script = recordedRuns.succeeded();
    const w = await openWorld(script, { length: 1 });
    const projection = w.projection();
    projection.touch(w.run);
    await vi.waitFor(() => expect(cardOf(w.github)).toHaveLength(1), soon);
    for (let length = 2; length < 14; length += 1) {
      w.log.length = length;
      projection.touch(w.run);
    }
    await vi.waitFor(() => expect(w.timing.waiting).toBe(1), soon);
    w.timing.forward(4_999);
    projection.touch(w.run);
    await vi.waitFor(() => expect(w.timing.waiting).toBe(1), soon);
    expect(cardOf(w.github)[0]?.edits).toBe(0);
    w.timing.forward(1);
    await vi.waitFor(() => expect(cardOf(w.github)[0]?.edits).toBe(1), soon);
  });

  test("a whole run with a touch after every event stays within the numbers", async () => {
    const script = recordedRuns["sent back, then succeeded"]();
    const w = await openWorld(script, { length: 1 });
    const projection = w.projection();
    for (let length = 1; length <= script.events.length; length += 1) {
      w.log.length = length;
      projection.touch(w.run);
      await vi.waitFor(() => expect(w.timing.waiting === 1 || w.log.readAfter === length).toBe(true), soon);
      w.timing.forward(Math.max(0, (script.events[length]?.at ?? 0) - (script.events[length - 1]?.at ?? 0)));
    }
    await projection.settle(w.run);
    expect(cardOf(w.github)[0]?.edits).toBeLessThanOrEqual(12);
    expect(w.github.count("POST", /comments$/)).toBe(2);
  });

  test("costs nothing when nothing has changed", async () => {
    const w = await openWorld(recordedRuns.succeeded(), { length: 5, impatient: true });
    const projection = w.projection();
    await projection.settle(w.run);
    const calls = w.github.calls.length;
    await projection.settle(w.run);
    await projection.settle(w.run);
    expect(w.github.calls).toHaveLength(calls);
  });

  test("is not written again where somebody deleted it", async () => {
    const w = await openWorld(recordedRuns.succeeded(), { length: 5, impatient: true });
    const projection = w.projection();
    await projection.settle(w.run);
    w.github.comments.length = 0;
    w.log.length = 1_000;
    await projection.settle(w.run);
    expect(w.github.comments).toEqual([]);
  });

  test("a process that comes after a crash edits the same card", async () => {
    const w = await openWorld(recordedRuns.failed(), { length: 5, impatient: true });
    await w.projection().settle(w.run);
    w.log.length = 1_000;
    await w.projection().settle(w.run);
    expect(cardOf(w.github)).toMatchObject([{ body: expect.stringContaining("### ❌ Failed") }]);
  });

  test("two processes that begin at once leave one card", async () => {
    const w = await openWorld(recordedRuns.succeeded(), { impatient: true });
    await Promise.all([w.projection().settle(w.run), w.projection().settle(w.run)]);
    expect(cardOf(w.github)).toHaveLength(1);
    expect(w.github.comments).toHaveLength(2);
  });
});

describe("another driver", () => {
  test("shows the run from its first word on: a process that was frozen before it wrote, writes nothing", async () => {
    const script = new RunScript().driven().routed();
    const length = script.events.length;
    script.driven();
    const w = await openWorld(script, { length, impatient: true });
    const projection = w.projection();
    using _ = onFaultPoint((point) => {
      if (point === "github.intended") w.log.length = length + 1;
      return Promise.resolve();
    });
    await projection.settle(w.run);
    expect(w.github.calls.filter(({ method }) => method !== "GET")).toEqual([]);
    // Told of the run again, because the new driver is here, it shows it.
    await projection.settle(w.run);
    expect(cardOf(w.github)).toHaveLength(1);
  });
});

describe("a rate limit", () => {
  test("is waited for, and then the last state is shown, however long it took", async () => {
    const w = await openWorld(recordedRuns.succeeded(), { length: 6, impatient: true });
    const projection = w.projection();
    await projection.settle(w.run);
    w.log.length = 1_000;
    let closed = 0;
    w.github.faults = () =>
      closed++ === 0
        ? { when: "before", status: 429, headers: { "retry-after": "3000" }, message: "slow down" }
        : undefined;
    projection.touch(w.run);
    await vi.waitFor(() => expect(w.timing.pauses.at(-1)).toBeGreaterThan(2_900_000), soon);
    w.timing.forward(3_000_000);
    await vi.waitFor(() => expect(cardOf(w.github)[0]?.body).toContain("### ✅ Succeeded"), soon);
  });
});

describe("a broken GitHub", () => {
  test("hurts nobody, and the last state is shown when it is back", async () => {
    const w = await openWorld(recordedRuns.succeeded(), { impatient: true });
    let left = 12;
    w.github.faults = () => ((left -= 1) >= 0 ? { when: "before", status: 500 } : undefined);
    await w.projection().settle(w.run);
    await vi.waitFor(() => expect(cardOf(w.github)).toHaveLength(1), soon);
    expect(w.github.issueLabels).toContain("agent/in-pr");
  });

  test("an answer that is lost after the card was written makes no second card", async () => {
    const w = await openWorld(recordedRuns.succeeded(), { impatient: true });
    let lost = 0;
    w.github.faults = ({ method }) => (method === "POST" && (lost += 1) <= 2 ? { when: "after", how: 502 } : undefined);
    await w.projection().settle(w.run);
    expect(cardOf(w.github)).toHaveLength(1);
    expect(w.github.comments).toHaveLength(2);
  });

  test("settle gives up after its time, and does not throw", async () => {
    const w = await openWorld(recordedRuns.succeeded(), {});
    w.github.faults = () => ({ when: "before", status: 500 });
    const settled = w.projection().settle(w.run);
    await vi.waitFor(() => expect(w.timing.waiting).toBeGreaterThan(1), soon);
    w.timing.forward(60_000);
    await settled;
    expect(w.github.comments).toEqual([]);
    w.github.faults = () => undefined;
    await vi.waitFor(() => {
      w.timing.forward(5_000);
      expect(w.github.issueLabels).toContain("agent/in-pr");
    }, soon);
  });

  test("an end that GitHub did not take in all that time rests, and is shown when it is looked for again", async () => {
    const w = await openWorld(recordedRuns.succeeded(), { impatient: true });
    const projection = w.projection();
    w.github.faults = () => ({ when: "before", status: 500 });
    projection.touch(w.run);
    // Five tries, and it gives up.
    await vi.waitFor(() => {
      w.timing.forward(60_000);
      expect(w.warnings.filter((text) => text === "the run could not be shown on GitHub")).toHaveLength(5);
    }, 20_000);
    const asked = w.github.calls.length;
    await projection.refresh([w.run]);
    expect(w.github.calls).toHaveLength(asked);
    w.github.faults = () => undefined;
    w.timing.forward(300_000);
    await projection.refresh([w.run]);
    expect(cardOf(w.github)[0]?.body).toContain("### ✅ Succeeded");
  });

  test("a run at rest is forgotten, and read anew when something happens to it", async () => {
    const w = await openWorld(recordedRuns.succeeded(), { length: 5, impatient: true });
    const projection = w.projection();
    await projection.settle(w.run);
    await projection.settle(w.run);
    expect(w.log.reads.at(-1)?.after).toBe(5);
    w.timing.forward(300_000);
    w.log.reads.length = 0;
    await projection.settle(newRunId());
    await projection.settle(w.run);
    expect(w.log.reads.filter(({ run }) => run === w.run)[0]?.after).toBe(0);
    expect(cardOf(w.github)).toHaveLength(1);
  });

  test("a card that still says running is mended at the next start", async () => {
    const w = await openWorld(recordedRuns["out of budget"](), { length: 6, impatient: true });
    await w.projection().settle(w.run);
    expect(cardOf(w.github)[0]?.body).toContain("Running");
    w.log.length = 1_000;
    const next = w.projection();
    await next.refresh([w.run]);
    await vi.waitFor(() => expect(cardOf(w.github)[0]?.body).toContain("Failed (out of budget)"), soon);
    await next.settle(w.run);
    const calls = w.github.calls.length;
    const third = w.projection();
    await third.refresh([w.run]);
    await third[Symbol.asyncDispose]();
    expect(w.github.calls).toHaveLength(calls);
  });
});

describe("labels and reactions", () => {
  test("one state label at a time, and what triage found from labels that exist", async () => {
    const w = await openWorld(recordedRuns.succeeded({ labels: ["bug", "agent"] }), { length: 6, impatient: true });
    w.github.issueLabels = ["agent/failed", "help wanted"];
    const projection = w.projection();
    await projection.settle(w.run);
    expect(w.github.issueLabels).toEqual(["help wanted", "agent/running", "bug"]);
    w.log.length = 1_000;
    await projection.settle(w.run);
    expect(w.github.issueLabels).toEqual(["help wanted", "bug", "agent/in-pr"]);
    expect(w.github.labels).toContain("agent/in-pr");
  });

  test.each(["stopped", "issue closed"] as const)("%s: no state label stays", async (name) => {
    const w = await openWorld(recordedRuns[name](), { impatient: true });
    w.github.issueLabels = ["agent/running", "agent/triaged", "help wanted"];
    await w.projection().settle(w.run);
    expect(cardOf(w.github)[0]?.body).toContain("Cancelled");
    expect(w.github.issueLabels).toEqual(["help wanted"]);
  });

  test("a guess labels nothing: below the threshold no type is set", async () => {
    const w = await openWorld(recordedRuns.asked({ labels: ["bug"] }), { impatient: true });
    await w.projection().settle(w.run);
    expect(w.github.issueLabels).toEqual(["agent/needs-info"]);
  });

  test("a model cannot set a label that starts a run", async () => {
    const script = new RunScript({ labels: ["agent", "agent:bug", "bug"] }).driven();
    script.routed({
      ...(recordedRuns.succeeded().state.routed?.triage ?? never()),
      labels: ["agent", "agent:bug", "bug"],
    });
    const w = await openWorld(script, { impatient: true });
    await w.projection().settle(w.run);
    expect(w.github.issueLabels).toEqual(["agent/running", "bug"]);
  });

  test.each([
    ["succeeded", "rocket"],
    ["could not reproduce", "confused"],
    ["stopped", "confused"],
  ] as const)("%s: 👀 gives way to %s", async (name, content) => {
    const w = await openWorld(recordedRuns[name](), { impatient: true });
    const publisher = publisherOf(w);
    await publisher.acknowledge(recordedRuns[name]().state.created.repo, 99);
    await w.projection().settle(w.run);
    expect(w.github.reactions).toMatchObject([{ comment: 99, content }]);
  });
});

test("what ended a revision is shown on the command that asked for it", async () => {
  const script = recordedRuns.succeeded();
  const asked = {
    type: "revision.requested" as const,
    by: { login: "maria", id: 7 },
    quote: "/agent revise",
    words: "x",
  };
  script.add({ ...asked, stage: "fix", threads: [], commentId: 98 }).finished("succeeded", "verified", "Revised.");
  const w = await openWorld(script, { impatient: true });
  await w.projection().settle(w.run);
  expect(w.github.reactions).toMatchObject([{ comment: 98, content: "rocket" }]);
});

test("what ended a retry is shown on the command that asked for it, and the earlier end goes from the first", async () => {
  const script = recordedRuns["could not reproduce"]();
  const length = script.events.length;
  const by = { login: "maria", id: 7 };
  script
    .add({ type: "retry.requested", by, quote: "/agent retry", commentId: 98 })
    .finished("succeeded", "verified", "Done.");
  const w = await openWorld(script, { length, impatient: true });
  const publisher = publisherOf(w);
  const projection = w.projection();
  await publisher.acknowledge(script.state.created.repo, 99);
  await projection.settle(w.run);
  expect(w.github.reactions).toMatchObject([{ comment: 99, content: "confused" }]);
  await publisher.acknowledge(script.state.created.repo, 98);
  w.log.length = 1_000;
  await projection.settle(w.run);
  expect(w.github.reactions).toMatchObject([{ comment: 98, content: "rocket" }]);
});

describe("the comment at the end", () => {
  test.each(recordedRunNames)("%s", async (name) => {
    const w = await openWorld(recordedRuns[name](), { impatient: true });
    await w.projection().settle(w.run);
    const said = w.github.comments.filter(({ body }) => body.startsWith("<!-- baton:end:"));
    const silent = ["triaged", "stopped", "issue closed"].includes(name);
    expect(said).toHaveLength(silent ? 0 : 1);
    // Each links the card.
    expect(said.filter(({ body }) => !body.includes(`${w.github.url}/octo/tab/issues/12#issuecomment-`))).toEqual([]);
  });

  test("a dry run of the command line and a local run write nothing anywhere", async () => {
    const request = { door: "cli", by: { login: "me", id: 1 }, quote: "baton run octo/tab#12" } as const;
    for (const script of [
      recordedRuns["dry run"]({ request }),
      recordedRuns.succeeded({ subject: { kind: "local", number: 0, url: "", author: { login: "me", id: 0 } } }),
    ]) {
      const w = await openWorld(script, { impatient: true });
      await w.projection().settle(w.run);
      expect(w.github.calls).toEqual([]);
      // Nobody need look for what is never shown.
      expect(await w.outbox.read(`shown:${w.run}:${script.state.finished?.at}`)).toMatchObject({
        tries: 1,
        result: {},
      });
    }
  });

  test("bots are not called by name", async () => {
    const w = await openWorld(
      recordedRuns.asked({ request: { door: "comment", by: { login: "other[bot]", id: 55 }, quote: "/agent fix" } }),
      { impatient: true },
    );
    await w.projection().settle(w.run);
    expect(w.github.comments.at(-1)?.body).not.toContain("@");
  });
});

test("a whole run, published and shown, stays within 25 requests, 6 of which make content", async () => {
  const folder = bareRepository();
  const base = writeCommit(folder, { "src/split.js": "floor\n" }, []);
  git(folder, ["update-ref", "refs/heads/main", base]);
  const head = writeCommit(folder, { "src/split.js": "rest\n", "test/a.test.js": "1\n" }, [base]);
  const script = new RunScript({
    base: { branch: "main", commit: base },
    labels: ["bug", "agent/running", "agent/in-pr"],
  })
    .driven()
    .routed()
    .stage("reproduce", { commit: head })
    .stage("diagnose")
    .stage("fix", { commit: head })
    .stage("verify")
    .stage("review")
    .stage("publish");
  const before = script.events.length;
  script.opened();
  const github = await BreakingGitHub.open(folder);
  open.push(github);
  // The repository has met Baton before: its state labels exist.
  const timing = new HandTiming();
  const log = new GrowingLog(script.events, 1);
  const outbox = createMemoryOutbox(timing);
  const octokitFor = () => createClient({ token: "t", apiUrl: github.url, log: silentLog });
  const common = { octokitFor, outbox, redact: (text: string) => text, self, links, timing };
  const publisher = createPublisher({ ...common, workspaces: new GitWorkspaces(folder), log: silentLog });
  const projection = createProjection({ ...common, log, journal: silentLog });
  open.push(projection);
  await publisher.acknowledge(script.state.created.repo, 99);
  for (let length = 1; length <= before; length += 1) {
    log.length = length;
    projection.touch(script.state.runId);
    await vi.waitFor(() => expect(timing.waiting === 1 || log.readAfter === length).toBe(true), soon);
    timing.forward(Math.max(0, (script.events[length]?.at ?? 0) - (script.events[length - 1]?.at ?? 0)));
  }
  const published = new RunScript({ ...script.state.created }).state;
  expect(published.runId).toBe(script.state.runId);
  const { fold } = await import("#src/engine/fold.ts");
  const answer = await publisher.openPullRequest(fold(script.events.slice(0, before)), new AbortController().signal);
  expect(answer).toMatchObject({ type: "opened" });
  log.length = 1_000;
  await projection.settle(script.state.runId);
  const creating = github.count("POST", /\/(comments|pulls|git\/\w+)$/);
  const edits = github.count("PATCH", /./);
  expect({ all: github.calls.length <= 25, creating, edits: edits <= 12 }).toEqual({
    all: true,
    creating: 6,
    edits: true,
  });
  expect(github.complaints).toEqual([]);
});

function never(): never {
  throw new Error("the run has no triage");
}
