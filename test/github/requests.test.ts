// How GitHub is asked, over real HTTP: what may be repeated, what may not, how long a limit is respected, under which name, with which token.
import { afterEach, describe, expect, test } from "vitest";
import { BatonError } from "#src/core/errors.ts";
import { onFaultPoint } from "#src/core/fault-points.ts";
import { newRunId } from "#src/core/ids.ts";
import { silentLog } from "#src/core/log.ts";
import type { Octokit } from "#src/github/client.ts";
import { createRequests, type Ask, type Requests, type RequestsOptions } from "#src/github/requests.ts";
import { createMemoryThrottle } from "#src/store/throttle.ts";
import { openAnsweringServer, type Answer, type AnsweringServer, type Asked } from "#test/support/answering-server.ts";
import { HandTiming } from "#test/support/hand-timing.ts";

const repo = { id: 1, owner: "octo", name: "tab" };
const route = { owner: "octo", repo: "tab", issue_number: 3 };

const get: Ask<unknown> = async (octokit, request) =>
  (await octokit.request("GET /repos/{owner}/{repo}/issues/{issue_number}", { ...route, request })).data;
const post: Ask<unknown> = async (octokit, request) =>
  (await octokit.request("POST /repos/{owner}/{repo}/issues/{issue_number}/comments", { ...route, body: "x", request }))
    .data;
const edit: Ask<unknown> = async (octokit, request) =>
  (
    await octokit.request("PATCH /repos/{owner}/{repo}/issues/comments/{comment_id}", {
      ...route,
      comment_id: 5,
      body: "x",
      request,
    })
  ).data;

function failure(status: number, headers: Record<string, string> = {}, data: unknown = { message: "no" }): Answer {
  return { status, headers, data };
}

interface World extends AsyncDisposable {
  readonly server: AnsweringServer;
  readonly timing: HandTiming;
  readonly requests: Requests;
  readonly another: (options?: Partial<RequestsOptions>) => Requests;
}

let opened: World | undefined;
afterEach(async () => {
  await opened?.[Symbol.asyncDispose]();
  opened = undefined;
});

async function world(
  script: readonly Answer[] | ((asked: Asked) => Answer | undefined) = [],
  options: Partial<RequestsOptions> = {},
  timing = new HandTiming({ impatient: true }),
): Promise<World> {
  const server = await openAnsweringServer(() => timing.now(), script);
  const client = await server.client();
  const another = (more: Partial<RequestsOptions> = {}) =>
    createRequests({ octokitFor: () => Promise.resolve(client), log: silentLog, timing, ...options, ...more });
  opened = { server, timing, another, requests: another(), [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
  return opened;
}

describe("a read", () => {
  test.each([failure(500), failure(502), failure(408), "reset" as const, "cut" as const])(
    "is asked again after %j",
    async (error) => {
      const { requests, server } = await world([error, error]);
      expect(await requests.read(repo, "ask", get)).toBe("yes");
      expect(server.asked).toHaveLength(3);
    },
  );

  test("is given up after four times, as something that may work later", async () => {
    const { requests, server } = await world(() => failure(503));
    await expect(requests.read(repo, "read the moon", get)).rejects.toMatchObject({
      code: "github-failed",
      retryable: true,
      status: 503,
      message: "GitHub could not read the moon (503): no",
    });
    expect(server.asked).toHaveLength(4);
  });

  test.each([400, 401, 403, 404, 410, 422, 451])("takes %d for an answer", async (status) => {
    const { requests, server } = await world((asked) =>
      asked.route.includes("/repositories/")
        ? { status: 200, data: { id: 1, name: "tab", owner: { login: "octo" } } }
        : failure(status),
    );
    await expect(requests.read(repo, "ask", get)).rejects.toMatchObject({ retryable: false, status });
    expect(server.asked.filter(({ route: asked }) => asked.includes("/issues/3"))).toHaveLength(1);
  });
});

describe("a write", () => {
  test.each([failure(502), "reset" as const, "cut" as const])("is never repeated blindly after %j", async (error) => {
    const { requests, server } = await world([error]);
    await expect(requests.write(repo, "write", post)).rejects.toMatchObject({ kind: "unclear" });
    expect(server.asked).toHaveLength(1);
  });

  test("is not even begun for a signal that has fired", async () => {
    const { requests, server } = await world();
    await expect(
      requests.write(repo, "write", post, { signal: AbortSignal.abort(new Error("told to stop")) }),
    ).rejects.toThrow("told to stop");
    expect(server.asked).toHaveLength(0);
  });

  test("to a server that never answers is given up in time", async () => {
    const { requests } = await world(["hang"], { timeoutMs: 30 });
    await expect(requests.write(repo, "wait", post)).rejects.toMatchObject({ kind: "unclear", retryable: true });
  });
});

describe("a rate limit", () => {
  test.each([
    ["429 with retry-after", failure(429, { "retry-after": "7" }), 7_000],
    [
      "secondary, with retry-after",
      failure(403, { "retry-after": "20" }, { message: "You have exceeded a secondary rate limit" }),
      20_000,
    ],
    [
      "primary, with a reset",
      failure(403, {
        "x-ratelimit-remaining": "0",
        "x-ratelimit-reset": String(Date.UTC(2026, 10, 20, 12, 0, 30) / 1_000),
      }),
      30_000,
    ],
    [
      "both: the later one counts",
      failure(403, {
        "retry-after": "5",
        "x-ratelimit-remaining": "0",
        "x-ratelimit-reset": String(Date.UTC(2026, 10, 20, 12, 0, 30) / 1_000),
      }),
      30_000,
    ],
  ])("%s: waits as long as GitHub says, then asks again", async (_name, limit, wait) => {
    const { requests, server } = await world([limit]);
    expect(await requests.write(repo, "write", post)).toBe("yes");
    expect((server.asked[1]?.at ?? 0) - (server.asked[0]?.at ?? 0)).toBeGreaterThanOrEqual(wait);
  });

  test("counts by the clock of the answer, not by this machine's", async () => {
    const reset = String(Date.UTC(2026, 10, 20, 9, 0, 30) / 1_000);
    const limit = failure(403, {
      date: new Date(Date.UTC(2026, 10, 20, 9)).toUTCString(),
      "x-ratelimit-remaining": "0",
      "x-ratelimit-reset": reset,
    });
    const { requests, server } = await world([limit]);
    await requests.write(repo, "write", post);
    expect((server.asked[1]?.at ?? 0) - (server.asked[0]?.at ?? 0)).toBe(30_000);
  });

  test("without any header lasts the minute GitHub asks for, and everybody else waits too", async () => {
    const limit = failure(403, {}, { message: "You have exceeded a secondary rate limit" });
    const { requests, server, timing } = await world([limit], {}, new HandTiming());
    const first = requests.write(repo, "write", post);
    await expect.poll(() => timing.waiting).toBe(1);
    const second = requests.read(repo, "read", get);
    await expect.poll(() => timing.waiting).toBe(2);
    expect(timing.pauses).toEqual([60_000, 60_000]);
    expect(server.asked).toHaveLength(1);
    timing.forward(60_000);
    expect(await Promise.all([first, second])).toEqual(["yes", "yes"]);
  });

  test("that lasts longer than Baton's patience is an error that says until when, and nothing is asked inside it", async () => {
    const { requests, server, timing } = await world([failure(429, { "retry-after": "3600" })]);
    const until = timing.now() + 3_600_000;
    await expect(requests.read(repo, "read it", get)).rejects.toMatchObject({
      kind: "limited",
      retryable: true,
      retryAt: until,
      message: "GitHub could not read it (429): its rate limit is used up until 13:00 UTC",
    });
    await expect(requests.write(repo, "write it", post)).rejects.toMatchObject({ retryAt: until });
    expect(server.asked).toHaveLength(1);
    timing.forward(3_600_000);
    expect(await requests.write(repo, "write it", post)).toBe("yes");
  });

  test("of one installation does not stop another", async () => {
    const { requests } = await world([failure(429, { "retry-after": "3600" })]);
    await expect(requests.read({ ...repo, installationId: 1 }, "ask", get)).rejects.toThrow("rate limit");
    expect(await requests.read({ ...repo, installationId: 2 }, "ask", get)).toBe("yes");
  });

  test("that one worker meets stops the others", async () => {
    const timing = new HandTiming({ impatient: true });
    const throttle = createMemoryThrottle(timing);
    const { another, server } = await world([failure(429, { "retry-after": "3600" })], { throttle }, timing);
    await expect(another().read(repo, "ask", get)).rejects.toThrow("rate limit");
    await expect(another().read(repo, "ask", get)).rejects.toThrow("rate limit");
    expect(server.asked).toHaveLength(1);
  });

  const nearly = (remaining: number) => ({
    status: 200,
    data: "yes",
    headers: {
      "x-ratelimit-limit": "5000",
      "x-ratelimit-remaining": String(remaining),
      "x-ratelimit-reset": String(Date.UTC(2026, 10, 20, 12, 30) / 1_000),
      "x-ratelimit-resource": "core",
    },
  });

  test("nearly used up: the last requests are kept for edits of cards, and the very last for nobody", async () => {
    const { requests, server } = await world([nearly(51), nearly(50), nearly(49), nearly(5)]);
    await requests.read(repo, "read", get);
    await requests.read(repo, "read", get);
    await expect(requests.read(repo, "read", get)).rejects.toThrow("12:30");
    await expect(requests.write(repo, "write", post)).rejects.toThrow("12:30");
    expect(await requests.read(repo, "edit", edit)).toBe("yes");
    expect(await requests.read(repo, "edit", edit)).toBe("yes");
    await expect(requests.read(repo, "edit", edit)).rejects.toThrow("12:30");
    expect(server.asked).toHaveLength(4);
  });

  test("of another resource closes nothing", async () => {
    const search = nearly(0);
    const { requests } = await world([{ ...search, headers: { ...search.headers, "x-ratelimit-resource": "search" } }]);
    await requests.read(repo, "read", get);
    expect(await requests.read(repo, "read", get)).toBe("yes");
  });

  test("on content: the next comment waits for the hour, an edit and a read do not", async () => {
    const timing = new HandTiming({ impatient: true });
    const throttle = createMemoryThrottle(timing, { perHour: 2 });
    const { requests, server } = await world([], { throttle }, timing);
    await requests.write(repo, "write", post);
    await requests.write(repo, "write", post);
    await expect(requests.write(repo, "write", post)).rejects.toMatchObject({ kind: "limited" });
    expect(await requests.read(repo, "edit", edit)).toBe("yes");
    expect(await requests.read(repo, "read", get)).toBe("yes");
    expect(server.asked).toHaveLength(4);
  });

  test("when nobody can say what is allowed, nothing is asked", async () => {
    const down = new BatonError("database-failed", "it is away", { retryable: true });
    const throttle = { ...createMemoryThrottle(new HandTiming()), turn: () => Promise.reject(down) };
    const { requests, server } = await world([], { throttle });
    await expect(requests.read(repo, "read", get)).rejects.toBe(down);
    expect(server.asked).toHaveLength(0);
  });
});

describe("a write for a run", () => {
  const run = newRunId();
  const lost = new BatonError("fence-lost", "somebody else has it");

  test("is refused when another worker has the run; a read is not", async () => {
    const { requests, server } = await world([], { fence: () => Promise.reject(lost) });
    await expect(requests.write(repo, "write", post, { run })).rejects.toBe(lost);
    await expect(requests.read(repo, "edit", edit, { run })).rejects.toBe(lost);
    expect(server.asked).toHaveLength(0);
    expect(await requests.read(repo, "read", get, { run })).toBe("yes");
  });

  test("is asked for again when the process was frozen between the permission and the sending", async () => {
    let now = 0;
    let taken = false;
    let asked = 0;
    const fence = () => {
      asked += 1;
      return taken ? Promise.reject(lost) : Promise.resolve();
    };
    const { requests, server } = await world([], { fence, monotonic: () => now });
    using _ = onFaultPoint((point) => {
      if (point === "github.before-write") [now, taken] = [now + 45_000, true];
      return Promise.resolve();
    });
    await expect(requests.write(repo, "write", post, { run })).rejects.toBe(lost);
    expect(asked).toBe(2);
    expect(server.asked).toHaveLength(0);
  });

  test("is asked for after the wait for a limit, not before it", async () => {
    const timing = new HandTiming();
    const throttle = createMemoryThrottle(timing);
    let asked = 0;
    const fence = () => Promise.resolve(void (asked += 1));
    const { requests } = await world([], { throttle, fence }, timing);
    await throttle.close(0, 30_000);
    const written = requests.write(repo, "write", post, { run });
    await expect.poll(() => timing.waiting).toBe(1);
    expect(asked).toBe(0);
    timing.forward(30_000);
    await written;
    expect(asked).toBe(1);
  });

  test("is given up when permissions are always old", async () => {
    let now = 0;
    const { requests, server } = await world([], { monotonic: () => (now += 5_000) });
    await expect(requests.write(repo, "write it", post, { run })).rejects.toThrow("longer than 1000 ms");
    expect(server.asked).toHaveLength(0);
  });
});

describe("a token that GitHub no longer accepts", () => {
  const dead = (token: string) => (asked: Asked) =>
    asked.authorization === `token ${token}` ? failure(401, {}, { message: "Bad credentials" }) : undefined;

  test("is replaced, and the write is made once", async () => {
    const w = await world(dead("old"));
    const [old, fresh] = [await w.server.client("old"), await w.server.client("new")];
    const rejected: (Octokit | undefined)[] = [];
    const requests = w.another({
      octokitFor: (_repo, no) => (rejected.push(no), Promise.resolve(no === old ? fresh : old)),
    });
    expect(await requests.write(repo, "write", post)).toBe("yes");
    expect(rejected).toEqual([undefined, old]);
    expect(w.server.asked.map(({ authorization }) => authorization)).toEqual(["token old", "token new"]);
  });

  test("is replaced once only, and not by itself", async () => {
    const w = await world(() => failure(401, {}, { message: "Bad credentials" }));
    await expect(w.requests.write(repo, "write", post)).rejects.toMatchObject({ status: 401, retryable: false });
    expect(w.server.asked).toHaveLength(1);
    const requests = w.another({ octokitFor: () => w.server.client() });
    await expect(requests.write(repo, "write", post)).rejects.toMatchObject({ status: 401 });
    expect(w.server.asked).toHaveLength(3);
  });
});

describe("a repository that was renamed", () => {
  const now = { status: 200, data: { id: 1, name: "table", owner: { login: "cto" } } };
  const renamed = (old: Answer) => (asked: Asked) =>
    asked.route.includes("/repositories/1") ? now : asked.route.includes("/octo/tab/") ? old : undefined;

  test.each([
    ["answers with a redirect", failure(301, { location: "/repositories/1/issues/3" })],
    ["answers to a write with a redirect", failure(307, { location: "/repositories/1/issues/3/comments" })],
    ["is not found", failure(404, {}, { message: "Not Found" })],
    ["has left its name to another", failure(403, {}, { message: "Resource not accessible by integration" })],
  ])("and %s is asked under its new name, from then on", async (_name, old) => {
    const { requests, server } = await world(renamed(old));
    expect(await requests.write(repo, "write", post)).toBe("yes");
    expect(await requests.read(repo, "read", get)).toBe("yes");
    expect(server.asked.map(({ route: asked }) => asked)).toEqual([
      "POST /repos/octo/tab/issues/3/comments",
      "GET /repositories/1",
      "POST /repos/cto/table/issues/3/comments",
      "GET /repos/cto/table/issues/3",
    ]);
    expect(requests.nameOf(repo)).toEqual({ owner: "cto", name: "table" });
  });

  test("is not looked for when its name worked a moment ago", async () => {
    const { requests, server } = await world([{ status: 200, data: "yes" }, failure(404)]);
    await requests.read(repo, "read", get);
    await expect(requests.read(repo, "read", get)).rejects.toMatchObject({ status: 404 });
    expect(server.asked).toHaveLength(2);
  });

  test("an issue that moved to another repository is gone from this one", async () => {
    const { requests, server } = await world([failure(301, { location: "/repositories/77/issues/1" })]);
    await expect(requests.read(repo, "read", get)).rejects.toMatchObject({ status: 410, trouble: "issue-gone" });
    expect(server.asked).toHaveLength(1);
  });

  test("a read that is sent on to another place asks nothing there; whoever expects that is told the address", async () => {
    const { requests, server } = await world(() => failure(302, { location: "http://127.0.0.1:9/else" }));
    await expect(requests.read(repo, "read", get)).rejects.toMatchObject({ status: 301 });
    const told: string[] = [];
    const elsewhere = (to: URL) => {
      told.push(to.href);
      return Response.json({});
    };
    await requests.read(repo, "read", get, { elsewhere });
    expect(told).toEqual(["http://127.0.0.1:9/else"]);
    expect(server.asked).toHaveLength(2);
  });

  test("a write is never redirected elsewhere", async () => {
    const { requests, server } = await world([failure(307, { location: "http://127.0.0.1:9/else" })]);
    await expect(requests.write(repo, "write", post)).rejects.toMatchObject({ kind: "refused", status: 301 });
    expect(server.asked).toHaveLength(1);
  });

  test("one without a number is followed where its name leads", async () => {
    const { requests, server } = await world([failure(301, { location: "/repos/cto/table" })]);
    await requests.read({ ...repo, id: 0 }, "read", get);
    expect(server.asked.map(({ route: asked }) => asked)).toEqual([
      "GET /repos/octo/tab/issues/3",
      "GET /repos/cto/table",
    ]);
  });
});

describe("what became of the place a run writes to", () => {
  const there = { status: 200, data: { id: 1, name: "tab", owner: { login: "octo" } } };

  test.each([
    ["repository-gone", post, [failure(404), failure(404)]],
    ["repository-gone", get, [failure(451, {}, { message: "Repository access blocked" })]],
    ["repository-archived", post, [failure(403, {}, { message: "Repository was archived so is read-only." })]],
    ["issue-gone", get, [failure(410, {}, { message: "This issue was deleted" })]],
    ["issue-gone", post, [failure(404), there]],
    ["issue-locked", post, [failure(403, {}, { message: "Unable to create comment because issue is locked." })]],
    ["installation-suspended", post, [failure(403, {}, { message: "This installation has been suspended" })]],
    [undefined, edit, [failure(404), there]],
    [undefined, post, [failure(410, {}, { message: "Issues has been disabled in this repository." })]],
    [undefined, post, [failure(403, {}, { message: "Resource not accessible by integration" }), there]],
    [undefined, post, [failure(422)]],
  ])("%s", async (trouble, ask, script) => {
    const { requests, server } = await world(script);
    const refusal = await requests.write(repo, "write", ask).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ kind: "refused", retryable: false, trouble });
    expect(server.asked).toHaveLength(script.length);
  });

  test.each([
    ["installation-suspended", 403, "This installation has been suspended"],
    ["installation-removed", 404, "Not Found"],
    [
      "repository-gone",
      422,
      "There is at least one repository that does not exist or is not accessible to the parent installation.",
    ],
    [undefined, 401, "A JSON web token could not be decoded"],
  ])("%s, said when a token is asked for", async (trouble, status, message) => {
    const { another, server } = await world();
    const requests = another({
      octokitFor: () => Promise.reject(Object.assign(new Error(message), { status, response: { data: { message } } })),
    });
    await expect(requests.write(repo, "write", post)).rejects.toMatchObject({ kind: "refused", status, trouble });
    expect(server.asked).toHaveLength(0);
  });
});

test("GitHub's details are part of the message, and the token is not", async () => {
  const { requests } = await world([
    failure(422, {}, { message: "Validation Failed", errors: [{ field: "base", code: "invalid" }] }),
  ]);
  await expect(requests.write(repo, "open the pull request", post)).rejects.toThrow(
    "GitHub could not open the pull request (422): Validation Failed; base invalid",
  );
});
