// The issue about a config that cannot be read, on the playground: one for all problems, as loud as what happened.
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "#src/core/clock.ts";
import { sha } from "#src/core/ids.ts";
import { silentLog } from "#src/core/log.ts";
import type { Publisher } from "#src/engine/ports.ts";
import { createClient, whoIs } from "#src/github/client.ts";
import { createPublisher } from "#src/github/publisher.ts";
import { openPlayground, type Playground } from "#src/playground/playground.ts";
import { createMemoryOutbox } from "#src/store/outbox.ts";
import { GitWorkspaces } from "#test/support/git-workspaces.ts";
import "#test/support/described.ts";

const name = "octo/tab";
const first = sha("1".repeat(40));
const later = sha("2".repeat(40));
const typo = '.github/baton.yml:3:5: unknown key "comands" — did you mean "commands"?';
const other = ".github/baton.yml:7:1: budget.run is -1 — write a number above 0";
const broken = (problems: readonly string[], commit = first) => ({ type: "broken", commit, problems }) as const;
const inOrder = { type: "in-order" } as const;

let playground: Playground;
let repo: Parameters<Publisher["showConfig"]>[0];
/** A process; it shares nothing with another one but GitHub. */
let open: () => Promise<Publisher>;
let publisher: Publisher;

beforeEach(async () => {
  playground = await openPlayground({
    users: [{ login: "octo", type: "Organization" }, { login: "helper", tokens: ["t"] }, { login: "maria" }],
  });
  await playground.addRepository({
    owner: "octo",
    name: "tab",
    from: { "a.txt": "a\n" },
    collaborators: { helper: "write", maria: "admin" },
  });
  const { id } = playground.repository(name);
  repo = { id, owner: "octo", name: "tab", private: false, defaultBranch: "main", cloneUrl: "" };
  const octokitFor = () => createClient({ token: "t", apiUrl: playground.apiUrl, log: silentLog });
  const self = await whoIs(await octokitFor());
  open = async () =>
    createPublisher({
      octokitFor,
      outbox: createMemoryOutbox(systemClock),
      workspaces: new GitWorkspaces(playground.url),
      redact: (text) => text,
      self,
      links: { serverUrl: playground.url },
      log: silentLog,
    });
  publisher = await open();
});
afterEach(async () => {
  await playground[Symbol.asyncDispose]();
});

const issue = (number = 1) => playground.issue({ repo: name, number });
const words = (number = 1) => playground.comments({ repo: name, number }).map(({ body }) => body);
const writes = () => playground.journal.filter(({ method }) => method === "POST" || method === "PATCH").length;

test("names each problem at its line, says what holds meanwhile, and once is enough", async () => {
  await publisher.showConfig(repo, broken([typo, other]));
  expect(issue()).toMatchObject({ title: expect.stringContaining("Configuration problem"), state: "open" });
  expect(issue().body).toContain(
    `- [\`.github/baton.yml:3:5\`](${playground.url}/${name}/blob/${first}/.github/baton.yml#L3): unknown key "comands"`,
  );
  expect(issue().body).toContain("`.github/baton.yml:7:1`");
  expect(issue().body).toContain("No run begins.");
  const before = writes();
  await publisher.showConfig(repo, broken([typo, other], later));
  expect(writes()).toBe(before);
  // The text changes in silence when something else is wrong.
  await publisher.showConfig(repo, broken([other], later));
  expect(issue().body).not.toContain("comands");
  expect(words()).toEqual([]);
});

test("is closed with a word when it can be read again, and the same one is opened again", async () => {
  await publisher.showConfig(repo, inOrder);
  expect(playground.journal.filter(({ door }) => door === "rest")).toHaveLength(1);
  await publisher.showConfig(repo, broken([typo]));
  await publisher.showConfig(repo, inOrder);
  expect(issue()).toMatchObject({ state: "closed" });
  expect(words()).toEqual([expect.stringContaining("can be read again")]);
  const before = writes();
  await publisher.showConfig(repo, inOrder);
  expect(writes()).toBe(before);
  await publisher.showConfig(repo, broken([typo], later));
  expect(issue()).toMatchObject({ state: "open", body: expect.stringContaining(later) });
  await publisher.showConfig(repo, inOrder);
  expect(words()).toHaveLength(2);
  expect(playground.repository(name).issues.size).toBe(1);
});

test("stays closed where a person closed it, until something else is wrong", async () => {
  await publisher.showConfig(repo, broken([typo]));
  await playground.closeIssue({ repo: name, number: 1, as: "maria" });
  await publisher.showConfig(repo, broken([typo], later));
  expect(issue().state).toBe("closed");
  await publisher.showConfig(repo, inOrder);
  expect(words()).toEqual([]);
  await publisher.showConfig(repo, broken([typo]));
  expect(issue().state).toBe("open");
});

test("links a problem of another repository there", async () => {
  await publisher.showConfig(repo, broken(['octo/.github:.github/baton.yml:4:1: unknown key "comands"']));
  expect(issue().body).toContain(
    `[\`octo/.github:.github/baton.yml:4:1\`](${playground.url}/octo/.github/blob/HEAD/.github/baton.yml#L4)`,
  );
});

test("is another one where it was deleted", async () => {
  await publisher.showConfig(repo, broken([typo]));
  await playground.deleteIssue({ repo: name, number: 1, as: "maria" });
  await publisher.showConfig(repo, broken([typo]));
  expect(issue(2).state).toBe("open");
  await publisher.showConfig(repo, inOrder);
  expect(issue(2).state).toBe("closed");
});

test("is found again by a process that has forgotten it", async () => {
  await publisher.showConfig(repo, broken([typo]));
  await (await open()).showConfig(repo, broken([other]));
  expect(playground.repository(name).issues.size).toBe(1);
  expect(issue().body).not.toContain("comands");
});
