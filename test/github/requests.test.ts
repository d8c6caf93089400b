// How GitHub is asked: what may be repeated, what may not, and how long a rate limit is respected.
import { describe, expect, test } from "vitest";
import { silentLog } from "#src/core/log.ts";
import { createClient, type Octokit } from "#src/github/client.ts";
import { createRequests, type Requests } from "#src/github/requests.ts";
import { HandTiming } from "#test/support/hand-timing.ts";

const client: Octokit = await createClient({ token: "t", apiUrl: "http://127.0.0.1:9", log: silentLog });
const repo = { id: 1, owner: "octo", name: "tab" };

function failure(status: number, headers: Record<string, string> = {}, data: unknown = { message: "no" }): Error {
  return Object.assign(new Error(`HTTP ${status}`), { status, response: { headers, data } });
}

/** Answers from a list, one an ask; counts the asks. */
class Answers {
  asked: number[] = [];
  readonly #list: unknown[];
  readonly #timing: HandTiming;
  constructor(timing: HandTiming, ...list: unknown[]) {
    this.#timing = timing;
    this.#list = list;
  }
  ask = (): Promise<unknown> => {
    const answer = this.#list[this.asked.length];
    this.asked.push(this.#timing.now());
    return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
  };
}

function world(...list: unknown[]): { requests: Requests; answers: Answers; timing: HandTiming } {
  const timing = new HandTiming({ impatient: true });
  return {
    timing,
    answers: new Answers(timing, ...list),
    requests: createRequests({ octokitFor: () => Promise.resolve(client), log: silentLog, timing }),
  };
}

describe("a read", () => {
  test.each([
    failure(500),
    failure(502),
    failure(408),
    Object.assign(new Error("reset"), { status: 500 }),
    new Error("fetch failed"),
  ])("is asked again after %s", async (error) => {
    const { requests, answers } = world(error, error, "yes");
    expect(await requests.read(repo, "ask", answers.ask)).toBe("yes");
    expect(answers.asked).toHaveLength(3);
  });

  test("is given up after four times, as something that may work later", async () => {
    const { requests, answers } = world(...Array.from({ length: 9 }, () => failure(503)));
    await expect(requests.read(repo, "read the moon", answers.ask)).rejects.toMatchObject({
      code: "github-failed",
      retryable: true,
      status: 503,
      message: "GitHub could not read the moon (503): no",
    });
    expect(answers.asked).toHaveLength(4);
  });

  test.each([400, 401, 403, 404, 410, 422, 451])("takes %d for an answer", async (status) => {
    const { requests, answers } = world(failure(status), "never");
    await expect(requests.read(repo, "ask", answers.ask)).rejects.toMatchObject({ retryable: false, status });
    expect(answers.asked).toHaveLength(1);
  });
});

describe("a write", () => {
  test.each([failure(502), new Error("socket hang up")])("is never repeated blindly after %s", async (error) => {
    const { requests, answers } = world(error, "never");
    await expect(requests.write(repo, "write", answers.ask)).rejects.toMatchObject({ kind: "unclear" });
    expect(answers.asked).toHaveLength(1);
  });

  test("is not even begun for a signal that has fired", async () => {
    const { requests, answers } = world("never");
    await expect(
      requests.write(repo, "write", answers.ask, AbortSignal.abort(new Error("told to stop"))),
    ).rejects.toThrow("told to stop");
    expect(answers.asked).toHaveLength(0);
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
  ])("%s: waits as long as GitHub says, then asks again", async (_name, limit, wait) => {
    const { requests, answers } = world(limit, "yes");
    expect(await requests.write(repo, "write", answers.ask)).toBe("yes");
    expect((answers.asked[1] ?? 0) - (answers.asked[0] ?? 0)).toBeGreaterThanOrEqual(wait);
  });

  test("without any header lasts the minute GitHub asks for, and everybody else waits too", async () => {
    const timing = new HandTiming();
    const answers = new Answers(
      timing,
      failure(403, {}, { message: "You have exceeded a secondary rate limit" }),
      "first",
      "second",
    );
    const requests = createRequests({ octokitFor: () => Promise.resolve(client), log: silentLog, timing });
    const first = requests.write(repo, "write", answers.ask);
    await expect.poll(() => timing.waiting).toBe(1);
    const second = requests.read(repo, "read", answers.ask);
    await expect.poll(() => timing.waiting).toBe(2);
    expect(timing.pauses).toEqual([60_000, 60_000]);
    expect(answers.asked).toHaveLength(1);
    timing.forward(60_000);
    expect(new Set(await Promise.all([first, second]))).toEqual(new Set(["first", "second"]));
  });

  test("that lasts longer than Baton's patience is an error that says until when, and nothing is asked inside it", async () => {
    const { requests, answers, timing } = world(failure(429, { "retry-after": "3600" }), "yes", "yes");
    await expect(requests.read(repo, "read it", answers.ask)).rejects.toMatchObject({
      retryable: true,
      message: "GitHub could not read it (429): its rate limit is used up until 13:00 UTC",
    });
    await expect(requests.write(repo, "write it", answers.ask)).rejects.toThrow("13:00");
    expect(answers.asked).toHaveLength(1);
    timing.forward(3_600_000);
    expect(await requests.write(repo, "write it", answers.ask)).toBe("yes");
  });

  test("of one installation does not stop another", async () => {
    const { requests, answers } = world(failure(429, { "retry-after": "3600" }), "yes");
    await expect(requests.read({ ...repo, installationId: 1 }, "ask", answers.ask)).rejects.toThrow("rate limit");
    expect(await requests.read({ ...repo, installationId: 2 }, "ask", answers.ask)).toBe("yes");
  });
});

test("GitHub's details are part of the message, and the token is not", async () => {
  const { requests, answers } = world(
    failure(422, {}, { message: "Validation Failed", errors: [{ field: "base", code: "invalid" }] }),
  );
  await expect(requests.write(repo, "open the pull request", answers.ask)).rejects.toThrow(
    "GitHub could not open the pull request (422): Validation Failed; base invalid",
  );
});

test("a server that never answers is given up in time", async () => {
  const timing = new HandTiming({ impatient: true });
  const requests = createRequests({ octokitFor: () => Promise.resolve(client), log: silentLog, timing, timeoutMs: 30 });
  const hang = (_octokit: Octokit, { signal }: { signal: AbortSignal }) =>
    new Promise<never>((_resolve, reject) =>
      signal.addEventListener("abort", () => reject(new Error("timed out")), { once: true }),
    );
  await expect(requests.write(repo, "wait", hang)).rejects.toMatchObject({ kind: "unclear", retryable: true });
});
