// What a job may ask of the server, and everything that it is refused: over real HTTP, on a real database.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { dollars, type RunId, type Sha } from "#src/core/ids.ts";
import { systemClock } from "#src/core/clock.ts";
import { fold } from "#src/engine/fold.ts";
import { noSpend, type RunEvent } from "#src/engine/events.ts";
import { budgetOf } from "#src/engine/route.ts";
import { nothingToLose } from "#src/github/subjects.ts";
import { answers, Claimed, jobLimits } from "#src/jobs/protocol.ts";
import { workRun } from "#src/jobs/work-run.ts";
import { bugWorkflow, ScriptedAgents, commit, created, engineWith } from "#test/support/engine-world.ts";
import { usualClaims } from "#test/support/job-issuer.ts";
import { openJobsWorld, type JobsWorld } from "#test/support/jobs-world.ts";
import { until } from "#test/support/until.ts";

const page = "https://github.com/octo/tab/actions/runs/77";
const by = { login: "maria", id: 7 };
const never = new AbortController().signal;

let at: JobsWorld;
beforeAll(async () => {
  at = await openJobsWorld();
}, 60_000);
beforeEach(() => {
  at.ground = nothingToLose;
  at.refusedWork = [];
});
afterAll(async () => at[Symbol.asyncDispose]());

const driven: RunEvent = { type: "run.driven", driver: "driver-1", job: page };
const append = (token: string, expected: number, ...events: RunEvent[]) =>
  at.ask(token, "POST", "events", { expected, events });

/** Everything before it is passed over: what is left to do is to publish. */
const upToPublishing: readonly RunEvent[] = [
  {
    type: "run.routed",
    source: "asked-for",
    why: "…",
    spend: noSpend,
    decision: { kind: "start", workflow: bugWorkflow, budget: budgetOf(created(), bugWorkflow) },
  },
  ...Object.keys(bugWorkflow.stages).flatMap((stage): RunEvent[] =>
    stage === "publish"
      ? [{ type: "stage.started", stage, attempt: 1, reasons: [] }]
      : [{ type: "stage.skipped", stage, attempt: 1, because: "condition", degraded: false, why: "…" }],
  ),
];
/** The version behind that. */
const AT = 1 + upToPublishing.length;

describe("claiming a run", () => {
  test("gives the job a token, its own page and how long it may be silent", async () => {
    const run = await at.start();
    expect(await at.claim(run)).toEqual({
      status: 200,
      body: { token: expect.stringMatching(/^[\w-]{43}$/), page, leaseMs: 60_000 },
    });
  });

  test.each([
    ["a job of another repository", { ...usualClaims, repository_id: "12" }, 403, /no run/],
    ["another branch's job", { ...usualClaims, ref: "refs/heads/evil" }, 403, /only the default branch/],
    ["a job that something else started", { ...usualClaims, event_name: "push" }, 403, /workflow_dispatch/],
  ])("is refused to %s", async (_, claims, status, words) => {
    const answer = await at.claim(await at.start(), claims);
    expect(answer).toMatchObject({ status, body: { error: { message: expect.stringMatching(words) } } });
  });

  test("is refused without a token that GitHub signed", async () => {
    const run = await at.start();
    expect(await at.ask(undefined, "POST", "claim", { run, identity: "made up" })).toMatchObject({ status: 403 });
  });

  test("is refused for a run that there is not, with the same words as for one of others", async () => {
    const strange = await at.claim(created().runId);
    const others = await at.claim(await at.start(), { ...usualClaims, repository_id: "12" });
    const words = (answer: typeof strange) => JSON.stringify(answer.body).replaceAll(/run-[0-9a-f]{12}/g, "RUN");
    expect([strange.status, words(strange)]).toEqual([others.status, words(others)]);
  });

  test("is put off while GitHub's keys cannot be had, and refused for a run that this server's own workers work", async () => {
    await using own = await openJobsWorld({ all: false });
    own.issuer.down = true;
    expect(await own.claim(await own.start())).toMatchObject({ status: 503, body: { error: { retryable: true } } });
    own.issuer.down = false;
    expect(await own.claim(await own.start())).toMatchObject({ status: 403 });
    const asked = "octo/tab/.github/workflows/agents.yml@refs/heads/main";
    const claims = { ...usualClaims, workflow_ref: asked, job_workflow_ref: asked };
    expect(await own.claim(await own.start({}, true), claims)).toMatchObject({ status: 200 });
    // Another file than the one its repository names.
    expect(await own.claim(await own.start({}, true))).toMatchObject({ status: 403 });
  });

  test("goes by the default branch as it is now, whatever it was called when the run began", async () => {
    const onTrunk = "octo/tab/.github/workflows/baton.yml@refs/heads/trunk";
    const renamed = {
      ...usualClaims,
      ref: "refs/heads/trunk",
      workflow_ref: onTrunk,
      job_workflow_ref: onTrunk,
    };
    expect(await at.claim(await at.start(), renamed)).toMatchObject({ status: 403 });
    at.defaultBranch = "trunk";
    try {
      expect(await at.claim(await at.start(), renamed)).toMatchObject({ status: 200 });
      expect(await at.claim(await at.start())).toMatchObject({ status: 403 });
    } finally {
      at.defaultBranch = "main";
    }
  });

  test("is refused while another job has it, and when it has ended or waits", async () => {
    const run = await at.start();
    const token = await at.token(run);
    expect(await at.claim(run)).toMatchObject({ status: 409, body: { error: { code: "run-taken" } } });
    await at.ask(token, "POST", "release", { rests: 1 });
    expect(await at.claim(run)).toMatchObject({
      status: 409,
      body: { error: { message: expect.stringContaining("waits") } },
    });
  });
});

describe("a job with a run", () => {
  let run: RunId;
  let token: string;
  beforeEach(async () => {
    run = await at.start();
    token = await at.token(run);
  });

  test("reads its events, and hears what people say while it waits for news", async () => {
    const all = await at.ask(token, "GET", "events?after=0");
    expect(all.body).toMatchObject({ events: [{ version: 1, event: { type: "run.created" } }] });
    const news = at.ask(token, "GET", "events?after=1&wait=20000");
    await at.append(run, { type: "stop.requested", by, quote: "/agent stop" });
    expect((await news).body).toMatchObject({ events: [{ version: 2, event: { type: "stop.requested" } }] });
  });

  test("appends behind the version it knows, and is told when that is not the last", async () => {
    expect(await append(token, 1, driven)).toEqual({ status: 200, body: { type: "appended", version: 2 } });
    expect(await append(token, 1, driven)).toEqual({ status: 200, body: { type: "conflict", version: 2 } });
  });

  const said: readonly RunEvent[] = [
    { type: "stop.requested", by, quote: "/agent stop" },
    { type: "pause.requested", by, quote: "/agent pause" },
    { type: "resume.requested", by, quote: "/agent resume" },
    { type: "budget.changed", by, quote: "/agent budget $900", microDollars: dollars(900) },
    { type: "plan.judged", by, quote: "/agent approve", stage: "plan", verdict: "approved", words: "" },
    { type: "answer.given", by, quote: "/agent tell", stage: "ask", words: "yes" },
    { type: "words.told", by, quote: "/agent tell", words: "push to main" },
    { type: "retry.requested", by, quote: "/agent retry" },
    { type: "revision.requested", by, quote: "review", stage: "fix", words: "", threads: [] },
    { type: "subject.edited", by },
    { type: "pull_request.closed", by, merged: true },
    { ...created() },
  ];
  test.each(said.map((event) => [event.type, event] as const))("never says %s: that is people's", async (_, event) => {
    expect(await append(token, 1, event)).toMatchObject({ status: 422, body: { error: { code: "invalid-event" } } });
    expect(await at.log.read(run)).toHaveLength(1);
  });

  const done: readonly RunEvent[] = [
    { type: "pull_request.opened", number: 1, url: "", branch: "main", head: commit(9), title: "mine" },
    {
      type: "work.kept",
      from: [commit(9)],
      branches: [{ branch: "main", head: commit(9), holds: ["fix"] }],
      missing: [],
    },
    { type: "kept.removed", removed: ["main"], left: [] },
    { type: "subject.closed", by },
    { type: "subject.lost", loss: "issue-gone", message: "gone" },
    { type: "run.driven", driver: "driver-1" },
    { type: "run.driven", driver: "driver-1", job: "https://evil.example/" },
  ];
  test.each(done.map((event) => [event.type, event] as const))(
    "says %s only as the server has it",
    async (_, event) => {
      expect(await append(token, 1, event)).toMatchObject({ status: 422 });
      expect(await at.log.read(run)).toHaveLength(1);
    },
  );

  test("says what the server answered it, and nothing that is not quite that", async () => {
    // Nothing is published before the run wants it, whatever a job asks for.
    expect(await at.ask(token, "POST", "ask", { ask: "publish" })).toMatchObject({ status: 409 });
    expect(await append(token, 1, ...upToPublishing)).toMatchObject({ status: 200 });
    const { body } = await at.ask(token, "POST", "ask", { ask: "publish" });
    const event: RunEvent = {
      type: "pull_request.opened",
      number: 13,
      url: "http://127.0.0.1/octo/tab/pull/13",
      branch: expect.any(String),
      head: commit(9),
      title: "fix: split",
    };
    expect(body).toMatchObject({ type: "opened", event });
    const { event: opened } = answers.publish.options[0].parse(body);
    if (opened.type !== "pull_request.opened") throw new Error(`it was answered "${opened.type}"`);
    expect(await append(token, AT, { ...opened, branch: "main" })).toMatchObject({ status: 422 });
    expect(await append(token, AT, opened)).toMatchObject({ status: 200 });

    const kept = await at.ask(token, "POST", "ask", { ask: "keep", head: commit(8), holds: ["fix"], gates: [] });
    const { branch } = answers.keep.options[0].parse(kept.body);
    const of = (head: Sha): RunEvent => ({
      type: "work.kept",
      from: [commit(8)],
      branches: [{ branch, head, holds: ["fix"] }],
      missing: [],
    });
    expect(await append(token, AT + 1, of(commit(7)))).toMatchObject({ status: 422 });
    expect(await append(token, AT + 1, of(commit(8)))).toMatchObject({ status: 200 });

    expect(await at.ask(token, "POST", "ask", { ask: "remove", branch: "main" })).toMatchObject({ status: 502 });
    await at.ask(token, "POST", "ask", { ask: "remove", branch });
    expect(at.publisher.removed.at(-1)).toMatchObject({ branch });
    expect(await append(token, AT + 2, { type: "kept.removed", removed: ["main"], left: [] })).toMatchObject({
      status: 422,
    });
    expect(await append(token, AT + 2, { type: "kept.removed", removed: [branch], left: [] })).toMatchObject({
      status: 200,
    });
  });

  test("is told that the issue is closed, and may say so then", async () => {
    at.ground = { ...at.ground, look: () => Promise.resolve({ type: "subject.closed", by }) };
    expect((await at.ask(token, "POST", "ask", { ask: "look" })).body).toEqual({
      lost: { type: "subject.closed", by },
    });
    expect(await append(token, 1, { type: "subject.closed", by: { login: "eve", id: 8 } })).toMatchObject({
      status: 422,
    });
    expect(await append(token, 1, { type: "subject.closed", by })).toMatchObject({ status: 200 });
  });

  test.each([
    ["POST", "events", { expected: 1, events: [{ type: "agent.turn" }] }],
    ["POST", "events", { expected: 1, events: Array.from({ length: jobLimits.events + 1 }, () => driven) }],
    ["POST", "events", "not an object"],
    ["POST", "ask", { ask: "merge" }],
    ["POST", "ask", { ask: "publish", branch: "main" }],
    ["POST", "release", {}],
    ["GET", "events?after=-1", undefined],
    ["GET", "work/main", undefined],
    ["DELETE", "events", undefined],
    ["GET", "runs", undefined],
  ])("is refused what is no request: %s %s %j", async (method, path, body) => {
    const { status } = await at.ask(token, method, path, body);
    expect([400, 404, 422]).toContain(status);
  });

  test("is refused what is too large", async () => {
    const large = { expected: 1, events: [], more: "x".repeat(jobLimits.json) };
    expect(await at.ask(token, "POST", "events", large)).toMatchObject({ status: 413 });
    const claim = { run, identity: "x".repeat(jobLimits.claim) };
    expect(await at.ask(undefined, "POST", "claim", claim)).toMatchObject({ status: 413 });
  });

  test("puts work into the server's mirror, and on the shelf of its repository alone", async () => {
    const bundle = new TextEncoder().encode("a bundle");
    const path = `work/${commit(5)}`;
    expect(await at.ask(token, "GET", path)).toMatchObject({ status: 404 });
    expect(await at.ask(token, "PUT", path, bundle)).toMatchObject({ status: 200 });
    expect(at.takenIn).toMatchObject([{ commit: commit(5), start: "b".repeat(40), bundle }]);
    expect(await at.ask(token, "GET", path)).toEqual({ status: 200, body: "a bundle" });

    const elsewhere = await at.start({ repo: { ...created().repo, id: 12, name: "other" } });
    const file = "octo/other/.github/workflows/baton.yml@refs/heads/main";
    const claims = {
      ...usualClaims,
      repository: "octo/other",
      repository_id: "12",
      workflow_ref: file,
      job_workflow_ref: file,
    };
    const { token: other } = Claimed.parse((await at.claim(elsewhere, claims)).body);
    expect(await at.ask(other, "GET", path)).toMatchObject({ status: 404 });

    // What a worker of the server shelved for the repository, before the run was the jobs', is theirs as well.
    const own = { commit: commit(7), start: commit(5), bundle };
    await at.jobs.shelves({ id: 11 }).put(own);
    expect(await at.ask(token, "GET", `work/${commit(7)}`)).toEqual({ status: 200, body: "a bundle" });
    expect(await at.ask(other, "GET", `work/${commit(7)}`)).toMatchObject({ status: 404 });

    at.refusedWork = ["it changes .git"];
    expect(await at.ask(token, "PUT", `work/${commit(6)}`, bundle)).toMatchObject({
      status: 422,
      body: { error: { code: "import-refused", message: expect.stringContaining("it changes .git") } },
    });
    expect(await at.ask(token, "GET", `work/${commit(6)}`)).toMatchObject({ status: 404 });
  });

  const everything = [
    ["GET", "events?after=0", undefined],
    ["POST", "events", { expected: 1, events: [driven] }],
    ["POST", "release", { rests: 1 }],
    ["GET", `work/${commit(5)}`, undefined],
    ["PUT", `work/${commit(5)}`, new Uint8Array(3)],
    ["POST", "ask", { ask: "publish" }],
  ] as const;

  test("that was silent too long lives again when it speaks, as long as nobody has taken the run", async () => {
    await at.silence();
    expect(await at.ask(token, "POST", "events", { expected: 1, events: [driven] })).toMatchObject({ status: 200 });
    expect(await at.claim(run)).toMatchObject({ status: 409, body: { error: { code: "run-taken" } } });
  });

  test.each([...everything, ["POST", "beat", undefined] as const])(
    "whose run another has is refused: %s %s",
    async (method, path, body) => {
      const { opened } = at.publisher;
      await at.silence();
      const next = await at.token(run);
      expect(await at.ask(token, method, path, body)).toMatchObject({ status: 409 });
      expect(await at.ask(next, "GET", "events?after=0")).toMatchObject({ status: 200 });
      expect(at.publisher.opened).toBe(opened);
    },
  );

  test.each(everything)("without its token is refused: %s %s", async (method, path, body) => {
    expect(await at.ask(undefined, method, path, body)).toMatchObject({ status: 401 });
    expect(await at.ask("x".repeat(43), method, path, body)).toMatchObject({ status: 409 });
  });

  test("that cannot work says why, and the run waits for people who read it", async () => {
    await at.ask(token, "POST", "release", { trouble: "bubblewrap is missing." });
    const { waiting } = fold(await at.log.read(run));
    expect(waiting).toMatchObject({
      reason: "no-job",
      until: undefined,
      message: expect.stringContaining("bubblewrap"),
    });
    expect(waiting?.message).toContain(page);
    expect(await at.claim(run)).toMatchObject({ status: 409 });
  });

  test("that cannot work a run which people have stopped leaves it ended", async () => {
    await at.append(run, { type: "stop.requested", by, quote: "/agent stop" });
    await at.ask(token, "POST", "release", { trouble: "bubblewrap is missing." });
    expect(fold(await at.log.read(run)).finished).toMatchObject({ outcome: "cancelled", code: "stopped" });
  });
});

describe("the engine in a job", () => {
  test("works a run to its end over HTTP", async () => {
    const run = await at.start();
    await using remote = await at.remote(run);
    const engine = engineWith(at.log, { clock: systemClock, ...remote.edges });
    expect(await workRun(remote, engine, never)).toBe("ended");
    const events = await at.log.read(run);
    expect(fold(events)).toMatchObject({
      finished: { outcome: "succeeded" },
      jobPage: page,
      pullRequest: { number: 13 },
    });
    expect(await remote.edges.log.read(run)).toEqual(events);
    expect(await at.claim(run)).toMatchObject({ status: 409 });
  });

  test("works it whichever of two servers answers, and both say to others that it is taken", async () => {
    const run = await at.start();
    const { url, came } = await at.besides();
    await using remote = await at.remote(run, { server: url });
    const two = await at.besides();
    for (const server of [two.url, two.url])
      await expect(at.remote(run, { server })).rejects.toMatchObject({ code: "run-taken" });
    const { opened } = at.publisher;
    expect(await workRun(remote, engineWith(at.log, { clock: systemClock, ...remote.edges }), never)).toBe("ended");
    const events = await at.log.read(run);
    expect(fold(events).finished).toMatchObject({ outcome: "succeeded" });
    expect(events.map(({ version }) => version)).toEqual(events.map((_, index) => index + 1));
    expect(at.publisher.opened).toBe(opened + 1);
    expect(Math.min(...came)).toBeGreaterThan(5);
  });

  test("records no secret that the job holds", async () => {
    const run = await at.start();
    await using remote = await at.remote(run, { redact: (text) => text.replaceAll("a-secret", "***") });
    await remote.edges.log.append(run, 1, [{ type: "run.parked", reason: "broken", message: "the key is a-secret" }]);
    expect((await at.log.read(run)).at(-1)?.event).toMatchObject({ message: "the key is ***" });
  });

  test("hears a person's stop in the middle of an agent's work", async () => {
    const run = await at.start();
    await using remote = await at.remote(run);
    const agents = new ScriptedAgents();
    const begun = Promise.withResolvers<void>();
    agents.run = async (_task, _events, signal) => {
      begun.resolve();
      await until(() => signal.aborted);
      return { type: "failed", failure: { code: "cancelled", message: "stopped" } };
    };
    const worked = workRun(remote, engineWith(at.log, { clock: systemClock, ...remote.edges, agents }), never);
    await begun.promise;
    await at.append(run, { type: "stop.requested", by, quote: "/agent stop" });
    expect(await worked).toBe("ended");
    expect(fold(await at.log.read(run)).finished).toMatchObject({ code: "stopped" });
  });

  test("that loses its run writes nothing more", async () => {
    const run = await at.start();
    await using remote = await at.remote(run);
    const agents = new ScriptedAgents();
    agents.run = async (_task, _events, signal) => {
      await at.silence();
      await at.token(run);
      await at.append(run, { ...driven, driver: "the next one" });
      await until(() => signal.aborted);
      return { type: "failed", failure: { code: "cancelled", message: "parked" } };
    };
    expect(await workRun(remote, engineWith(at.log, { clock: systemClock, ...remote.edges, agents }), never)).toBe(
      "lost",
    );
    expect((await at.log.read(run)).at(-1)?.event).toMatchObject({ type: "run.driven", driver: "the next one" });
  });

  test("that is told to end leaves the run waiting for people", async () => {
    const run = await at.start();
    await using remote = await at.remote(run);
    const stopping = new AbortController();
    const agents = new ScriptedAgents();
    agents.run = async (_task, _events, signal) => {
      stopping.abort();
      await until(() => signal.aborted);
      return { type: "failed", failure: { code: "cancelled", message: "parked" } };
    };
    const engine = engineWith(at.log, { clock: systemClock, ...remote.edges, agents });
    expect(await workRun(remote, engine, stopping.signal)).toBe("stopped");
    expect(fold(await at.log.read(run)).waiting).toMatchObject({
      reason: "no-job",
      message: expect.stringContaining("cancelled"),
    });
  });

  test("that breaks says so to people, and fails", async () => {
    const run = await at.start();
    await using remote = await at.remote(run);
    const projection = { touch: () => undefined, settle: () => Promise.reject(new Error("no idea")) };
    await expect(
      workRun(remote, engineWith(at.log, { clock: systemClock, ...remote.edges, projection }), never),
    ).rejects.toThrow("no idea");
    expect(await at.claim(run)).toMatchObject({ status: 409 });
  });
});
