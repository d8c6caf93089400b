// Rate limits that refuse: by requests, by content, by plan; and who asks inside a forbidden window is counted.
import type { Clock } from "#src/core/clock.ts";
import { afterEach, describe, expect, test } from "vitest";
import { openTown, statusOf, type Town } from "./town.ts";

let town: Town;
const at = { owner: "octo", repo: "tab" };
let now = 0;
const clock: Clock = { now: () => now };
const open = async (limits: object) => {
  now = Date.now();
  town = await openTown({ limits, clock });
};
afterEach(async () => {
  await town[Symbol.asyncDispose]();
});

const headersOf = async (token: string) => {
  const answer = await fetch(`${town.playground.apiUrl}/repos/octo/tab`, {
    headers: { authorization: `token ${token}` },
  });
  return { status: answer.status, headers: answer.headers, body: await answer.text() };
};

test("the primary limit counts an installation over all its tokens, refuses at zero, and ends at its reset", async () => {
  await open({ requests: 3, windowMs: 60_000 });
  const [one, two] = [await town.token(), await town.token()];
  expect((await headersOf(one)).headers.get("x-ratelimit-remaining")).toBe("2");
  expect((await headersOf(two)).headers.get("x-ratelimit-remaining")).toBe("1");
  expect((await headersOf(one)).status).toBe(200);
  const refused = await headersOf(two);
  expect(refused.status).toBe(403);
  expect(refused.body).toContain("API rate limit exceeded");
  expect(refused.headers.get("x-ratelimit-remaining")).toBe("0");
  expect(Number(refused.headers.get("x-ratelimit-reset")) * 1000).toBeGreaterThan(now);
  expect((await headersOf("ghp_maria")).status).toBe(200);
  expect(town.playground.insideWindows()).toBe(0);
  now += 5_000;
  expect((await headersOf(one)).status).toBe(403);
  expect(town.playground.windows()).toMatchObject([
    { caller: "installation 555", kind: "primary", inside: 1, afterMs: [5_000] },
  ]);
  expect([town.playground.insideWindows(), town.playground.insideWindows(6_000)]).toEqual([1, 0]);
  now = Number(refused.headers.get("x-ratelimit-reset")) * 1000;
  expect((await headersOf(one)).headers.get("x-ratelimit-remaining")).toBe("2");
});

test("the secondary limit counts what was made, refuses everything for its time, with and without saying how long", async () => {
  await open({ contentPerMinute: 2, contentPerHour: 3, secondaryMs: 30_000, status: 429 });
  const maria = town.as("ghp_maria");
  const create = () => statusOf(maria.rest.issues.create({ ...at, title: "One" }));
  expect([await create(), await create(), await create()]).toEqual([201, 201, 429]);
  const inside = await headersOf("ghp_maria");
  expect([inside.status, inside.headers.get("retry-after")]).toEqual([429, "30"]);
  expect(town.playground.windows()).toMatchObject([{ kind: "secondary", inside: 1 }]);
  now += 61_000;
  expect(await create()).toBe(201);
  now += 61_000;
  expect(await create(), "three in this hour are enough").toBe(429);
  now += 3_600_000;
  town.playground.setLimits({ contentPerMinute: 1, retryAfter: false });
  expect([await create(), await create()]).toEqual([201, 403]);
  const untold = await headersOf("ghp_maria");
  expect([untold.status, untold.headers.get("retry-after")]).toEqual([403, null]);
  expect(untold.body).toContain("secondary rate limit");
  expect(town.playground.ledger()).toMatchObject({
    made: { issue: 4 },
    refused: 5,
    content: { total: 4, perMinute: 2, perHour: 3 },
  });
});

test("a planned limit holds for all that caller asks until it ends", async () => {
  await open({});
  town.playground.plan({ seed: 1, rules: [{ kinds: ["secondary-limit"], methods: ["POST"], seconds: 10, count: 1 }] });
  const maria = town.as("ghp_maria");
  expect(await statusOf(maria.rest.issues.create({ ...at, title: "One" }))).toBe(403);
  expect(await statusOf(maria.rest.repos.get(at))).toBe(403);
  expect(await statusOf(town.as("ghp_teo").rest.repos.get(at))).toBe(200);
  now += 10_000;
  expect(await statusOf(maria.rest.repos.get(at))).toBe(200);
  expect(town.playground.insideWindows()).toBe(1);
});

describe("tokens", () => {
  test("live as long as was set, and not longer", async () => {
    await open({});
    town.playground.setTokenLifetime(5_000);
    const token = await town.token();
    expect((await headersOf(token)).status).toBe(200);
    now += 5_000;
    expect((await headersOf(token)).status).toBe(401);
    const other = await town.token();
    town.playground.expireTokens();
    expect((await headersOf(other)).status).toBe(401);
  });
});
