// Starting a workflow: what GitHub takes, and what it refuses until somebody changes something.
import { afterAll, beforeAll, expect, test } from "vitest";
import { silentLog } from "#src/core/log.ts";
import { createClient } from "#src/github/client.ts";
import { createDispatches } from "#src/github/dispatches.ts";
import { openPlayground, type Playground } from "#src/playground/playground.ts";
import { created } from "#test/support/engine-world.ts";
import { checkAnswer, checkRequest } from "#test/support/openapi.ts";

let playground: Playground;
let id = 0;
beforeAll(async () => {
  playground = await openPlayground({
    users: [
      { login: "maria", tokens: ["token-of-maria"] },
      { login: "eve", tokens: ["token-of-eve"] },
    ],
  });
  await playground.addRepository({
    owner: "octo",
    name: "tab",
    from: {
      ".github/workflows/baton.yml": "on:\n  workflow_dispatch:\n",
      ".github/workflows/ci.yml": "on: push\n",
    },
    collaborators: { maria: "write", eve: "read" },
  });
  ({ id } = playground.repository("octo/tab"));
});
afterAll(async () => playground[Symbol.asyncDispose]());

async function start(file: string, { token = "token-of-maria" } = {}) {
  const client = await createClient({ token, apiUrl: playground.apiUrl, log: silentLog });
  const dispatch = createDispatches({ octokitFor: () => Promise.resolve(client), log: silentLog });
  return await dispatch({ ...created().repo, id, defaultBranch: "main" }, file, { run: "run-0123456789ab" });
}

test("a workflow is started on the default branch, by a request that GitHub knows", async () => {
  expect(await start("baton.yml")).toEqual({ type: "sent" });
  const entry = playground.journal.at(-1);
  if (!entry) throw new Error("GitHub was asked nothing");
  const { method, path, body, status, answer } = entry;
  expect(path).toBe("/repos/octo/tab/actions/workflows/baton.yml/dispatches");
  expect(body).toEqual({ ref: "main", inputs: { run: "run-0123456789ab" } });
  expect(checkRequest({ method, path, body })).toEqual([]);
  expect(status).toBe(204);
  expect(checkAnswer({ method, path, status, body: answer })).toEqual([]);
});

test.each([
  ["no such file", "baton.yaml", {}, /no such workflow on main/],
  ["a file that is started otherwise", "ci.yml", {}, /workflow_dispatch/],
  ["somebody without the right", "baton.yml", { token: "token-of-eve" }, /Actions: write/],
])("%s is refused for good", async (_, file, how, why) => {
  expect(await start(file, how)).toEqual({ type: "refused", why: expect.stringMatching(why) });
});

test("a default branch that was renamed since the run began is the one it is started on", async () => {
  await playground.push({ repo: "octo/tab", as: "maria", branch: "trunk", files: {} });
  await playground.setDefaultBranch({ repo: "octo/tab", as: "maria", branch: "trunk" });
  await playground.deleteBranch({ repo: "octo/tab", as: "maria", branch: "main" });
  expect(await start("baton.yml")).toEqual({ type: "sent" });
  expect(playground.journal.at(-1)?.body).toMatchObject({ ref: "trunk" });
  expect(await start("baton.yaml")).toEqual({ type: "refused", why: "there is no such workflow on trunk" });
});

test("a repository that is gone is said as that", async () => {
  await playground.deleteRepository({ repo: "octo/tab", as: "maria" });
  expect(await start("baton.yml")).toEqual({ type: "refused", why: expect.stringContaining("Not Found") });
});
