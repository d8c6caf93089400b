// The checks of a commit as GitHub tells them, what is told of a failed one, and running it again; and what is left when the App may less.
import { createServer } from "node:http";
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BatonError } from "#src/core/errors.ts";
import { sha, type Sha } from "#src/core/ids.ts";
import { silentLog } from "#src/core/log.ts";
import { createRedact } from "#src/core/redact.ts";
import { createCheckReader } from "#src/github/check-reader.ts";
import { createClient, type OctokitFor } from "#src/github/client.ts";
import { tailOf } from "#src/github/log-tail.ts";
import { createOnce } from "#src/github/once.ts";
import { createRequests, systemTiming } from "#src/github/requests.ts";
import { createRerunChecks } from "#src/github/rerun-checks.ts";
import { createMemoryOutbox } from "#src/store/outbox.ts";
import { stripInvisible } from "#src/intake/invisible.ts";
import { openTown, publicKey, type Town } from "#test/playground/town.ts";
import { created } from "#test/support/engine-world.ts";
import { checkAnswer, checkRequest } from "#test/support/openapi.ts";

const name = "octo/tab";
let town: Town;
let head: Sha;
const repo = { ...created().repo, id: 0, owner: "octo", name: "tab", installationId: 555 };
const remark = (level: "notice" | "failure", message: string) =>
  ({ path: "src/split.js", start_line: 1, end_line: 1, annotation_level: level, message }) as const;

beforeAll(async () => {
  const permissions = { checks: "write", contents: "write", statuses: "read", actions: "write" } as const;
  town = await openTown({ apps: [{ id: 77, slug: "conductor", publicKey, installationId: 555, permissions }] });
  town.playground.setCi(
    name,
    [
      {
        name: "test",
        annotations: [remark("notice", "slow"), remark("failure", "1 is not 2")],
        log: "a\n".repeat(9_000),
      },
      { name: "lint", needs: { path: "README.md", text: "Tab" } },
      { name: "ci/legacy", isStatus: true },
    ],
    ["test", "Baton / verification"],
  );
  await town.playground.runCi(name, "main");
  head = sha(town.playground.checkRuns(name)[0]?.headSha ?? "");
  const own = town.as(await town.token());
  for (const mine of ["Baton / config", "other"])
    await own.rest.checks.create({ owner: "octo", repo: "tab", name: mine, head_sha: head, conclusion: "failure" });
}, 60_000);

afterAll(async () => town[Symbol.asyncDispose]());

type Level = "read" | "write";

/** A client whose token has this permission. The App has none to deployments, so a token with one is refused, as for whatever nobody granted. */
function client(permission: string, level: Level | undefined): OctokitFor {
  return async () => {
    const token = await town.token({ permissions: { [level ? permission : "deployments"]: level ?? "read" } });
    return createClient({ token, apiUrl: town.playground.apiUrl, log: silentLog });
  };
}

function reader(may: { checks?: Level; statuses?: Level; actions?: Level }) {
  return createCheckReader({
    clients: {
      checks: client("checks", may.checks),
      statuses: client("statuses", may.statuses),
      actions: client("actions", may.actions),
      contents: client("contents", "read"),
    },
    appId: 77,
    redact: createRedact([]),
    visible: (text) => stripInvisible(text, {}),
    log: silentLog,
  });
}

const all = { checks: "read", statuses: "read", actions: "read" } as const;

describe("the checks of a commit", () => {
  test.each<[string, Parameters<typeof reader>[0], string[]]>([
    ["all but Baton's own", all, ["ci/legacy failed", "lint passed", "test failed"]],
    ["statuses alone, without the permission for checks", { statuses: "read" }, ["ci/legacy failed"]],
    ["check runs alone, without the one for statuses", { checks: "read" }, ["lint passed", "test failed"]],
    ["none, without either", {}, []],
  ])("are %s", async (_, may, expected) => {
    const found = await reader(may).checks(repo, head);
    expect(found.map((one) => `${one.name} ${one.state}`).toSorted()).toEqual(expected);
  });

  test("that must pass are those of rules, but for Baton's own", async () => {
    expect(await reader(all).required(repo, "main")).toEqual(["test"]);
  });

  test("that GitHub does not tell because it is away are no fewer checks", async () => {
    const away = createCheckReader({
      clients: { checks: down, statuses: down, actions: down, contents: down },
      appId: 77,
      redact: createRedact([]),
      visible: String,
      log: silentLog,
    });
    await expect(away.checks(repo, head)).rejects.toThrow(BatonError);
  });
});

const down: OctokitFor = () => Promise.reject(new BatonError("github-failed", "away", { retryable: true }));

describe("what a failed check says", () => {
  const report = async (may: Parameters<typeof reader>[0], most: number) => {
    const read = reader(may);
    const failed = (await reader(all).checks(repo, head)).find((one) => one.name === "test");
    if (!failed) throw new Error("test has not failed");
    return read.report(repo, failed, most);
  };

  test("is its remarks, failures first, and the end of its log, within what it may take", async () => {
    const said = await report(all, 2_000);
    expect(said.length).toBeLessThanOrEqual(2_000);
    expect((await report(all, 300)).length).toBeLessThanOrEqual(300);
    expect(said).toMatch(/1: failure: 1 is not 2\n.*1: notice: slow/);
    expect(said).toMatch(/The end of its log:\n\[…\]\n(?:a\n){100}/);
  });

  test("is its remarks alone where logs may not be read", async () => {
    const said = await report({ checks: "read" }, 2_000);
    expect(said).toContain("1 is not 2");
    expect(said).not.toContain("log");
  });

  test("of a commit status is what that says", async () => {
    const status = (await reader(all).checks(repo, head)).find((one) => one.name === "ci/legacy");
    if (!status) throw new Error("there is no status");
    expect(await reader(all).report(repo, status, 500)).toBe("ci/legacy: failure");
  });
});

describe("running again", () => {
  const requests = (octokitFor: OctokitFor) => createRequests({ octokitFor, log: silentLog });
  const outbox = createMemoryOutbox(systemTiming);
  const rerun = (actions: Level, checks: Level = "write") =>
    createRerunChecks({
      actions: requests(client("actions", actions)),
      checks: requests(client("checks", checks)),
      once: createOnce({ outbox, log: silentLog, timing: systemTiming }),
      log: silentLog,
    });
  const failed = async () =>
    (await reader(all).checks(repo, head)).filter(({ state, id }) => state === "failed" && id !== undefined);
  const queued = () => town.playground.checkRuns(name).filter(({ status }) => status === "queued");

  test("is not for who may only read, nor for what another App does not run again", async () => {
    const checks = await failed();
    expect(await rerun("read")(repo, head, checks)).toEqual([]);
    const theirs = town.playground.checkRuns(name).find((run) => run.name === "other");
    const other = checks.map((check) => ({ ...check, id: theirs?.id, workflowRun: undefined }));
    expect(await rerun("write")(repo, head, other)).toEqual([]);
    expect(queued()).toEqual([]);
  });

  test("is asked for once, however often", async () => {
    const checks = await failed();
    expect(checks.map((check) => check.name)).toEqual(["test"]);
    for (const _ of ["once", "twice"]) expect(await rerun("write")(repo, head, checks)).toEqual(checks);
    expect(queued().map((run) => run.name)).toEqual(["test"]);
    expect((await reader(all).checks(repo, head)).find((one) => one.name === "test")?.state).toBe("open");
  });
});

describe("the end of a text that is kept elsewhere", () => {
  test("is so many bytes of it, and nothing where it is refused or sent on", async () => {
    const server = createServer((request, response) => {
      const path = request.url ?? "";
      if (path === "/gone") response.writeHead(404).end();
      else if (path === "/on") response.writeHead(302, { location: "/text" }).end();
      else response.end(`${"x".repeat(300_000)}the end`);
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    const at = (path: string) =>
      new URL(path, `http://127.0.0.1:${typeof address === "object" && address ? address.port : 0}`);
    expect(await tailOf(at("/text"), 10, silentLog)).toBe("xxxthe end");
    expect(await tailOf(at("/gone"), 10, silentLog)).toBe("");
    expect(await tailOf(at("/on"), 10, silentLog)).toBe("");
    server.close();
    server.closeAllConnections();
    await once(server, "close");
  });
});

test("every request and answer is as GitHub describes it", () => {
  const entries = town.playground.journal.filter(({ door }) => door === "rest");
  expect(entries.flatMap((entry) => checkRequest(entry))).toEqual([]);
  expect(entries.flatMap((entry) => checkAnswer({ ...entry, body: entry.answer }))).toEqual([]);
});
