// Real git against the playground: clone, fetch and push, and who may; pushes and REST see the same refs.
import { mkdtemp, rm, writeFile, mkdir, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { execute } from "#src/core/exec.ts";
import { openTown, type Town } from "./town.ts";

let town: Town;
let folder: string;
let count = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "baton-git-http-"));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});
beforeEach(async () => {
  town = await openTown();
});
afterEach(async () => {
  await town[Symbol.asyncDispose]();
});

const env = {
  PATH: "/usr/local/bin:/usr/bin:/bin",
  HOME: "/nonexistent",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_TERMINAL_PROMPT: "0",
  GIT_AUTHOR_NAME: "Maria",
  GIT_AUTHOR_EMAIL: "m@example.com",
  GIT_COMMITTER_NAME: "Maria",
  GIT_COMMITTER_EMAIL: "m@example.com",
};
async function git(cwd: string, ...args: string[]) {
  return await execute({ argv: ["git", ...args], cwd, env, timeoutMs: 20_000 }, new AbortController().signal);
}
const address = (repo: string, token?: string) =>
  `${town.playground.url.replace("//", token === undefined ? "//" : `//x-access-token:${token}@`)}/octo/${repo}.git`;

async function clone(
  repo: string,
  token?: string,
  ...more: string[]
): Promise<{ code: number | null; at: string; said: string }> {
  count += 1;
  const at = join(folder, `clone-${count}`);
  const result = await git(folder, ...more, "clone", "--quiet", address(repo, token), at);
  return { code: result.exitCode, at, said: result.stderr };
}
async function commit(at: string, path: string, content: string, branch: string): Promise<string> {
  await git(at, "checkout", "--quiet", "-B", branch);
  await mkdir(join(at, path, ".."), { recursive: true });
  await writeFile(join(at, path), content);
  await git(at, "add", "-A");
  await git(at, "commit", "--quiet", "-m", `Add ${path}`);
  return (await git(at, "rev-parse", "HEAD")).stdout.trim();
}

describe("reading", () => {
  test("what is public anybody may clone; what is private only with a token that sees it", async () => {
    const open = await clone("tab");
    expect(open.code).toBe(0);
    expect(await readFile(join(open.at, "README.md"), "utf8")).toContain("# Tab");
    expect((await clone("vault")).code).not.toBe(0);
    expect((await clone("vault", "ghp_nobody")).said).toContain("Authentication failed");
    expect((await clone("vault", "ghp_ott")).said).toContain("not found");
    expect((await clone("vault", "ghp_teo")).code).toBe(0);
    expect((await clone("vault", await town.token())).code).toBe(0);
    expect((await clone("vault", await town.token({ repositories: ["tab"] }))).said).toContain("not found");
    expect((await clone("vault", await town.token({ permissions: { issues: "write" } }))).said).toContain("403");
  });

  test("with a bearer token in a header, and in git's first protocol as well", async () => {
    const header = `http.extraHeader=Authorization: bearer ${await town.token()}`;
    expect((await clone("vault", undefined, "-c", header)).code).toBe(0);
    expect((await clone("tab", undefined, "-c", "protocol.version=0")).code).toBe(0);
  });

  test("a large repository comes over whole", async () => {
    const noise = Buffer.from(Array.from({ length: 1_000_000 }, (_, n) => (n * 2_654_435_761) >>> 11)).toString(
      "latin1",
    );
    await town.playground.addRepository({ owner: "octo", name: "large", from: { "noise.bin": noise } });
    const { code, at } = await clone("large");
    expect(code).toBe(0);
    expect(await readFile(join(at, "noise.bin"), "utf8")).toBe(noise);
  });

  test("the dumb protocol and files of the repository are not there", async () => {
    expect((await fetch(`${town.playground.url}/octo/tab.git/info/refs`)).status).toBe(403);
    expect((await fetch(`${town.playground.url}/octo/tab.git/HEAD`)).status).toBe(404);
    expect((await fetch(`${town.playground.url}/octo/tab.git/objects/info/packs`)).status).toBe(404);
  });
});

describe("writing", () => {
  test("a push is seen by REST at once, a ref made by REST by git at once; both are told", async () => {
    const token = await town.token();
    const { at } = await clone("tab", token);
    const head = await commit(at, "src/new.js", "1\n", "topic/push");
    expect((await git(at, "push", "--quiet", "origin", "topic/push")).exitCode).toBe(0);
    const bot = town.as(token);
    const ref = await bot.rest.git.getRef({ owner: "octo", repo: "tab", ref: "heads/topic/push" });
    expect(ref.data.object.sha).toBe(head);
    await bot.rest.git.createRef({ owner: "octo", repo: "tab", ref: "refs/heads/by-rest", sha: head });
    await git(at, "fetch", "--quiet");
    expect((await git(at, "rev-parse", "origin/by-rest")).stdout.trim()).toBe(head);
    await town.playground.settled();
    const pushes = town.playground.deliveries.filter(({ event }) => event === "push");
    expect(pushes.map(({ payload }) => [payload["ref"], payload["created"], payload["after"]])).toEqual([
      ["refs/heads/topic/push", true, head],
      ["refs/heads/by-rest", true, head],
    ]);
    expect(pushes[0]?.payload).toMatchObject({
      sender: { login: "conductor[bot]", type: "Bot" },
      commits: [{ id: head, added: ["src/new.js"], modified: [], removed: [], author: { email: "m@example.com" } }],
    });
    expect(
      (await bot.rest.repos.getCommit({ owner: "octo", repo: "tab", ref: head })).data.commit.verification?.verified,
    ).toBe(false);
  });

  test("an open pull request follows a push, also a forced one, and a deleted branch closes it", async () => {
    const { at } = await clone("tab", "ghp_maria");
    await commit(at, "a.txt", "1\n", "topic");
    await git(at, "push", "--quiet", "origin", "topic");
    const maria = town.as("ghp_maria");
    const made = await maria.rest.pulls.create({ owner: "octo", repo: "tab", title: "t", head: "topic", base: "main" });
    await git(at, "commit", "--quiet", "--amend", "-m", "another");
    await git(at, "push", "--quiet", "--force", "origin", "topic");
    const head = (await git(at, "rev-parse", "HEAD")).stdout.trim();
    const pull = { owner: "octo", repo: "tab", pull_number: made.data.number };
    expect((await maria.rest.pulls.get(pull)).data.head.sha).toBe(head);
    expect((await git(at, "fetch", "--quiet", "origin", `refs/pull/${made.data.number}/head`)).exitCode).toBe(0);
    await git(at, "push", "--quiet", "origin", ":topic");
    expect((await maria.rest.pulls.get(pull)).data.state).toBe("closed");
    await town.playground.settled();
    const told = town.playground.deliveries.map(
      ({ event, action, payload }) => `${event} ${action ?? String(payload["forced"])}`,
    );
    expect(told).toEqual([
      "push false",
      "pull_request opened",
      "push true",
      "pull_request synchronize",
      "push false",
      "pull_request closed",
    ]);
  });

  test("nobody pushes without the right: anonymous, outsiders, triage, read tokens, other repositories' tokens", async () => {
    const { at } = await clone("tab");
    await commit(at, "a.txt", "1\n", "topic");
    const push = async (token?: string) => {
      const result = await git(at, "push", "--quiet", address("tab", token), "topic");
      return [result.exitCode === 0, result.stderr];
    };
    const denied = [
      [undefined, /could not read Username|Authentication/],
      ["ghp_nobody", /Authentication failed/],
      ["ghp_ott", /403/],
      ["ghp_teo", /403/],
      [await town.token({ permissions: { contents: "read" } }), /403/],
      [await town.token({ permissions: { issues: "write" } }), /403/],
      [await town.token({ repositories: ["vault"] }), /403/],
    ] as const;
    for (const [token, why] of denied) expect(await push(token)).toEqual([false, expect.stringMatching(why)]);
    expect(Object.keys(await town.playground.refs("octo/tab"))).toEqual(["refs/heads/main"]);
    expect(town.playground.deliveries).toEqual([]);
    expect(await push("ghp_maria")).toEqual([true, ""]);
  });

  test("an App cannot push a workflow file, nor anybody a pull request's ref", async () => {
    const token = await town.token();
    const { at } = await clone("tab", token);
    await commit(at, ".github/workflows/evil.yml", "on: push\n", "evil");
    const evil = await git(at, "push", "origin", "evil");
    expect(evil.exitCode).not.toBe(0);
    expect(evil.stderr).toContain(
      "refusing to allow a GitHub App to create or update workflow `.github/workflows/evil.yml`",
    );
    // Hidden behind a later commit that takes it away again.
    await rm(join(at, ".github/workflows/evil.yml"));
    await commit(at, "b.txt", "1\n", "evil");
    expect((await git(at, "push", "origin", "evil")).exitCode).not.toBe(0);
    expect((await git(at, "push", "origin", "HEAD:refs/pull/1/head")).stderr).toContain("hidden ref");
    expect(Object.keys(await town.playground.refs("octo/tab"))).toEqual(["refs/heads/main"]);
    expect((await git(at, "push", "--quiet", address("tab", "ghp_maria"), "evil")).exitCode).toBe(0);
  });
});

describe("broken on purpose", () => {
  test("a push that was done and told as failed; a fetch that is cut; then all is well", async () => {
    const { at } = await clone("tab", "ghp_maria");
    const sha = await commit(at, "b.txt", "b\n", "b");
    town.playground.plan({ seed: 1, rules: [{ kinds: ["502-after"], door: "git", path: "git-receive-pack$" }] });
    const pushed = await git(at, "push", "--quiet", "origin", "b");
    expect([pushed.exitCode === 0, pushed.stderr]).toEqual([false, expect.stringContaining("502")]);
    expect((await town.playground.refs("octo/tab"))["refs/heads/b"]).toBe(sha);
    expect(town.playground.journal.at(-1)).toMatchObject({ door: "git", status: 502, done: 200, actor: "maria" });
    town.playground.plan({ seed: 1, rules: [{ kinds: ["reset"], door: "git" }] });
    expect((await git(at, "fetch", "--quiet")).exitCode).not.toBe(0);
    town.playground.plan(undefined);
    expect((await git(at, "fetch", "--quiet")).exitCode).toBe(0);
  });
});
