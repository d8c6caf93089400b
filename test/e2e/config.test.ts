// A config from a pull request to the default branch: checked before, told about while it cannot be read, and taken back.
import { expect, test } from "vitest";
import { silentLog } from "#src/core/log.ts";
import { createClient } from "#src/github/client.ts";
import { openWorld, person, personToken } from "#test/support/baton-world.ts";
import { until } from "#test/support/until.ts";

const repo = "octo/told";
const file = ".github/baton.yml";

test("a pull request with a mistake fails its check; merged, the mistake has an issue until it is mended", async () => {
  await using world = await openWorld();
  const { playground } = world;
  await playground.addRepository({
    owner: "octo",
    name: "told",
    from: { "README.md": "# Told\n" },
    collaborators: { [person]: "maintain" },
  });
  const octokit = await createClient({ token: personToken, apiUrl: playground.apiUrl, log: silentLog });
  const push = (branch: string, files: Record<string, string>) =>
    playground.push({ repo, branch, files, message: "config", as: person });
  const checks = () => playground.checkRuns(repo).map(({ name, headSha, conclusion }) => [name, headSha, conclusion]);

  // Another branch without a word to Baton: it is opened first, and nothing is said about it.
  const main = (await playground.refs(repo))["refs/heads/main"] ?? "";
  for (const branch of ["other", "config"])
    await octokit.request("POST /repos/{owner}/{repo}/git/refs", {
      owner: "octo",
      repo: "told",
      ref: `refs/heads/${branch}`,
      sha: main,
    });
  await push("other", { "README.md": "# Told twice\n" });
  const broken = await push("config", { [file]: "triggers: { onOpend: false }\n" });
  for (const head of ["other", "config"])
    await octokit.request("POST /repos/{owner}/{repo}/pulls", {
      owner: "octo",
      repo: "told",
      title: head,
      head,
      base: "main",
    });
  await until(() => checks().length === 1);
  expect(checks()).toEqual([["Baton / config", broken, "failure"]]);
  const [run] = playground.checkRuns(repo);
  expect(run?.annotations).toMatchObject([{ path: file, start_line: 1, annotation_level: "failure" }]);
  const mended = await push("config", { [file]: "triggers: { onOpened: false }\n" });
  await until(() => checks().length === 2);
  expect(checks()[1]).toEqual(["Baton / config", mended, "success"]);

  const issues = () => [...playground.repository(repo).issues.values()].filter(({ pull }) => !pull);
  const bad = await push("main", { [file]: "triggers: { onOpend: false }\n" });
  await until(() => issues().length === 1);
  const [issue] = issues();
  expect(issue).toMatchObject({ state: "open", body: expect.stringContaining(`/blob/${bad}/${file}#L1`) });
  await push("main", { [file]: "triggers: { onOpened: false }\n" });
  await until(() => issue?.state === "closed");
  expect(playground.comments({ repo, number: issue?.number ?? 0 })).toHaveLength(1);

  // What the organisation says holds here too, once there is such a repository.
  await push("main", { [file]: "extends: org\n" });
  await until(() => issue?.state === "open");
  expect(issue?.body).toContain("the App may not read octo/.github");
  await playground.addRepository({ owner: "octo", name: ".github", from: { [file]: "protect: [gen/**]\n" } });
  await push("main", { [file]: "extends: octo/.github\n" });
  await until(() => issue?.state === "closed");
  expect(checks()).toHaveLength(2);
});
