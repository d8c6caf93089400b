// Every endpoint, driven by the real client; then every request and answer of the whole file is held against GitHub's description.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { checkAnswer, checkDelivery, checkRequest } from "#test/support/openapi.ts";
import { files, jwt, openTown, type Town } from "./town.ts";

let town: Town;
let bot: ReturnType<Town["as"]>;
let maria: ReturnType<Town["as"]>;
const at = { owner: "octo", repo: "tab" };

beforeAll(async () => {
  town = await openTown();
  bot = town.as(await town.token());
  maria = town.as("ghp_maria");
});
afterAll(async () => {
  await town[Symbol.asyncDispose]();
});

const main = async () => (await bot.rest.git.getRef({ ...at, ref: "heads/main" })).data.object.sha;

/** A branch with one commit on main that writes these files (null deletes). */
async function branch(name: string, change: Readonly<Record<string, string | null>>, client = bot): Promise<string> {
  const parent = await main();
  const tree = await client.rest.git.createTree({
    ...at,
    base_tree: parent,
    tree: Object.entries(change).map(([path, content]) =>
      content === null
        ? { path, mode: "100644", type: "blob", sha: null }
        : { path, mode: "100644", type: "blob", content },
    ),
  });
  const commit = await client.rest.git.createCommit({
    ...at,
    message: `work on ${name}`,
    tree: tree.data.sha,
    parents: [parent],
  });
  await client.rest.git.createRef({ ...at, ref: `refs/heads/${name}`, sha: commit.data.sha });
  return commit.data.sha;
}

describe("apps and people", () => {
  test("an App knows itself, its installations and makes tokens; a token can be revoked", async () => {
    const app = town.as(jwt());
    expect((await app.rest.apps.getAuthenticated()).data?.slug).toBe("conductor");
    expect((await app.rest.apps.listInstallations()).data[0]?.id).toBe(555);
    expect((await app.rest.apps.getInstallation({ installation_id: 555 })).data.app_id).toBe(77);
    expect((await app.rest.apps.getRepoInstallation(at)).data.id).toBe(555);
    const token = await town.token({ repositories: ["tab"], permissions: { issues: "read" } });
    expect(town.playground.journal.at(-1)?.answer).toMatchObject({
      permissions: { issues: "read", metadata: "read" },
      repository_selection: "selected",
      repositories: [{ full_name: "octo/tab" }],
    });
    const narrow = town.as(token);
    expect((await narrow.rest.apps.listReposAccessibleToInstallation()).data.total_count).toBe(1);
    await narrow.rest.apps.revokeInstallationAccessToken();
    await expect(narrow.rest.repos.get(at)).rejects.toMatchObject({ status: 401 });
  });

  test("people, by their token and by their name; bots too", async () => {
    expect((await maria.rest.users.getAuthenticated()).data.login).toBe("maria");
    expect((await bot.rest.users.getByUsername({ username: "conductor[bot]" })).data.type).toBe("Bot");
    expect((await maria.rest.rateLimit.get()).data.rate.limit).toBe(5000);
  });

  test("what people may do in a repository, in the old words and the new", async () => {
    const ask = async (username: string) =>
      (await bot.rest.repos.getCollaboratorPermissionLevel({ ...at, username })).data;
    expect(await ask("maria")).toMatchObject({ permission: "write", role_name: "maintain", user: { id: 7 } });
    expect(await ask("teo")).toMatchObject({ permission: "read", role_name: "triage" });
    expect(await ask("ott")).toMatchObject({ permission: "read", role_name: "read" });
    const hidden = await bot.rest.repos.getCollaboratorPermissionLevel({
      owner: "octo",
      repo: "vault",
      username: "ott",
    });
    expect(hidden.data).toMatchObject({ permission: "none", role_name: "none" });
  });
});

describe("repositories", () => {
  test("a repository, by name and by id", async () => {
    const { data } = await bot.rest.repos.get(at);
    expect(data).toMatchObject({ default_branch: "main", clone_url: `${town.playground.url}/octo/tab.git` });
    const byId = await bot.request("GET /repositories/{id}", { id: data.id });
    expect(byId.data).toMatchObject({ full_name: "octo/tab" });
  });

  test("contents: a file, a folder, raw, and what is not there", async () => {
    const file = await bot.rest.repos.getContent({ ...at, path: "src/split.js" });
    const { data } = file;
    const content = !Array.isArray(data) && data.type === "file" ? Buffer.from(data.content, "base64").toString() : "";
    expect(content).toBe(files["src/split.js"]);
    const folder = await bot.rest.repos.getContent({ ...at, path: "" });
    expect(Array.isArray(folder.data) && folder.data.map(({ name, type }) => `${name} ${type}`)).toEqual([
      ".github dir",
      "README.md file",
      "src dir",
    ]);
    const inner = await bot.rest.repos.getContent({ ...at, path: "src", ref: "main" });
    expect(Array.isArray(inner.data) && inner.data[0]?.path).toBe("src/split.js");
    const raw = await bot.rest.repos.getContent({ ...at, path: "README.md", mediaType: { format: "raw" } });
    expect(raw.data).toBe(files["README.md"]);
    await expect(bot.rest.repos.getContent({ ...at, path: "nope" })).rejects.toMatchObject({ status: 404 });
    await expect(bot.rest.repos.getContent({ ...at, path: "src", ref: "nope" })).rejects.toMatchObject({ status: 404 });
  });

  test("branches, commits and comparisons", async () => {
    const head = await branch("topic/one", {
      "src/split.js": "export const split = 1;\n",
      "a b.txt": "x\n",
      "README.md": null,
    });
    const names = (await bot.rest.repos.listBranches(at)).data.map(({ name }) => name);
    expect(names).toContain("topic/one");
    expect((await bot.rest.repos.getBranch({ ...at, branch: "topic/one" })).data.commit.sha).toBe(head);
    const commit = (await bot.rest.repos.getCommit({ ...at, ref: "topic/one" })).data;
    expect(commit.stats).toEqual({ additions: 2, deletions: 4, total: 6 });
    expect(commit.files?.map(({ filename, status }) => `${filename} ${status}`)).toEqual([
      "README.md removed",
      "a b.txt added",
      "src/split.js modified",
    ]);
    expect(commit.files?.[2]?.patch).toBe(
      "@@ -1 +1 @@\n-export const split = (total, people) => Math.floor(total / people);\n+export const split = 1;",
    );
    expect((await bot.rest.repos.listCommits({ ...at, sha: "topic/one" })).data).toHaveLength(2);
    const compared = (await bot.rest.repos.compareCommitsWithBasehead({ ...at, basehead: "main...topic/one" })).data;
    expect(compared).toMatchObject({ status: "ahead", ahead_by: 1, behind_by: 0, total_commits: 1 });
    expect((await bot.rest.repos.compareCommitsWithBasehead({ ...at, basehead: "topic/one...main" })).data.status).toBe(
      "behind",
    );
  });
});

describe("the Git Data API", () => {
  test("blobs and trees keep bytes and modes", async () => {
    const bytes = Buffer.from([0, 255, 1, 254, 13, 10]);
    const blob = await bot.rest.git.createBlob({ ...at, content: bytes.toString("base64"), encoding: "base64" });
    const read = await bot.rest.git.getBlob({ ...at, file_sha: blob.data.sha });
    expect(Buffer.from(read.data.content, "base64")).toEqual(bytes);
    const tree = await bot.rest.git.createTree({
      ...at,
      tree: [{ path: "bin/run", mode: "100755", type: "blob", sha: blob.data.sha }],
    });
    const listed = await bot.rest.git.getTree({ ...at, tree_sha: tree.data.sha, recursive: "true" });
    expect(listed.data.tree.map(({ path, mode, type }) => `${path} ${mode} ${type}`)).toEqual([
      "bin 040000 tree",
      "bin/run 100755 blob",
    ]);
  });

  test("a commit keeps the author, committer and dates it is given; only an unnamed commit of an App is verified", async () => {
    const parent = await main();
    const tree = (await bot.rest.git.getCommit({ ...at, commit_sha: parent })).data.tree.sha;
    const author = { name: "Maria", email: "m@example.com", date: "2024-05-06T07:08:09Z" };
    const named = await bot.rest.git.createCommit({
      ...at,
      message: "Ein Gruß\n\nund mehr",
      tree,
      parents: [parent],
      author,
    });
    expect(named.data).toMatchObject({
      author,
      committer: author,
      message: "Ein Gruß\n\nund mehr",
      verification: { verified: false },
    });
    const plain = await bot.rest.git.createCommit({ ...at, message: "plain", tree, parents: [parent] });
    expect(plain.data.verification.verified).toBe(true);
    expect(plain.data.author.name).toBe("conductor[bot]");
    const again = await bot.rest.git.getCommit({ ...at, commit_sha: plain.data.sha });
    expect(again.data.verification.verified).toBe(true);
    const byMaria = await maria.rest.git.createCommit({ ...at, message: "hers", tree, parents: [parent] });
    expect(byMaria.data.verification.verified).toBe(false);
  });

  test("refs are made, moved forward only, forced, and deleted", async () => {
    const first = await main();
    const head = await branch("moving", { "x.txt": "1\n" });
    expect((await bot.rest.git.listMatchingRefs({ ...at, ref: "heads/mov" })).data).toHaveLength(1);
    const back = { ...at, ref: "heads/moving", sha: first };
    await expect(bot.rest.git.updateRef(back)).rejects.toMatchObject({ status: 422 });
    expect((await bot.rest.git.updateRef({ ...back, force: true })).data.object.sha).toBe(first);
    expect((await bot.rest.git.updateRef({ ...back, sha: head })).data.object.sha).toBe(head);
    await bot.rest.git.deleteRef({ ...at, ref: "heads/moving" });
    await expect(bot.rest.git.getRef({ ...at, ref: "heads/moving" })).rejects.toMatchObject({ status: 404 });
  });
});

describe("issues", () => {
  test("are opened, listed, edited, closed and opened again", async () => {
    const made = await maria.rest.issues.create({
      ...at,
      title: "It leaks",
      body: "a lot",
      labels: ["bug"],
      assignees: ["teo"],
    });
    const issue = { ...at, issue_number: made.data.number };
    expect(made.data).toMatchObject({
      state: "open",
      user: { login: "maria" },
      labels: [{ name: "bug" }],
      author_association: "MEMBER",
    });
    await bot.rest.issues.update({ ...issue, title: "It leaks badly", body: "even more", labels: ["bug", "question"] });
    await bot.rest.issues.update({ ...issue, state: "closed", state_reason: "not_planned" });
    expect((await bot.rest.issues.get(issue)).data).toMatchObject({
      state: "closed",
      state_reason: "not_planned",
      closed_by: { login: "conductor[bot]" },
    });
    expect((await bot.rest.issues.listForRepo(at)).data.map(({ number }) => number)).not.toContain(made.data.number);
    await maria.rest.issues.update({ ...issue, state: "open" });
    const open = await bot.rest.issues.listForRepo({
      ...at,
      labels: "bug,question",
      creator: "maria",
      assignee: "teo",
    });
    expect(open.data.map(({ title }) => title)).toEqual(["It leaks badly"]);
    await bot.rest.issues.addAssignees({ ...issue, assignees: ["maria"] });
    await bot.rest.issues.removeAssignees({ ...issue, assignees: ["teo"] });
    expect((await bot.rest.issues.get(issue)).data.assignees?.map(({ login }) => login)).toEqual(["maria"]);
    expect(town.playground.issue({ repo: "octo/tab", number: made.data.number }).edits).toMatchObject([
      { before: "a lot", by: "conductor[bot]" },
    ]);
  });

  test("comments are made, edited with their history kept, listed and deleted", async () => {
    const issue = { ...at, issue_number: (await maria.rest.issues.create({ ...at, title: "Talk" })).data.number };
    const first = await bot.rest.issues.createComment({ ...issue, body: "Looking." });
    expect(first.data).toMatchObject({
      user: { login: "conductor[bot]", type: "Bot" },
      performed_via_github_app: { slug: "conductor" },
    });
    await maria.rest.issues.createComment({ ...issue, body: "Thanks" });
    await bot.rest.issues.updateComment({ ...at, comment_id: first.data.id, body: "Done." });
    expect((await bot.rest.issues.getComment({ ...at, comment_id: first.data.id })).data.body).toBe("Done.");
    expect((await bot.rest.issues.listComments(issue)).data.map(({ body }) => body)).toEqual(["Done.", "Thanks"]);
    expect((await bot.rest.issues.listCommentsForRepo(at)).data.length).toBeGreaterThan(1);
    const known = town.playground.comments({ repo: "octo/tab", number: issue.issue_number })[0];
    expect(known?.edits).toMatchObject([{ before: "Looking.", by: "conductor[bot]" }]);
    await bot.rest.issues.deleteComment({ ...at, comment_id: first.data.id });
    await expect(bot.rest.issues.getComment({ ...at, comment_id: first.data.id })).rejects.toMatchObject({
      status: 404,
    });
  });

  test("labels: of the repository and of an issue", async () => {
    const issue = { ...at, issue_number: (await maria.rest.issues.create({ ...at, title: "Labels" })).data.number };
    await bot.rest.issues.createLabel({ ...at, name: "agent/running", color: "0e8a16", description: "at work" });
    expect((await bot.rest.issues.getLabel({ ...at, name: "agent/running" })).data.color).toBe("0e8a16");
    expect((await bot.rest.issues.listLabelsForRepo({ ...at, per_page: 100 })).data.map(({ name }) => name)).toContain(
      "agent/running",
    );
    await bot.rest.issues.addLabels({ ...issue, labels: ["agent/running", "bug"] });
    await bot.rest.issues.addLabels({ ...issue, labels: ["BUG"] });
    expect((await bot.rest.issues.listLabelsOnIssue(issue)).data).toHaveLength(2);
    await bot.rest.issues.removeLabel({ ...issue, name: "agent/running" });
    const set = await bot.rest.issues.setLabels({ ...issue, labels: ["question"] });
    expect(set.data.map(({ name }) => name)).toEqual(["question"]);
    await bot.rest.issues.removeAllLabels(issue);
    expect(town.playground.issue({ repo: "octo/tab", number: issue.issue_number }).labels).toEqual([]);
  });

  test("reactions: one of a kind for each; asking again is 200", async () => {
    const issue = { ...at, issue_number: (await maria.rest.issues.create({ ...at, title: "React" })).data.number };
    const first = await bot.rest.reactions.createForIssue({ ...issue, content: "eyes" });
    expect(first.status).toBe(201);
    const again = await bot.rest.reactions.createForIssue({ ...issue, content: "eyes" });
    expect([again.status, again.data.id]).toEqual([200, first.data.id]);
    await maria.rest.reactions.createForIssue({ ...issue, content: "eyes" });
    expect((await bot.rest.reactions.listForIssue({ ...issue, content: "eyes" })).data).toHaveLength(2);
    await bot.rest.reactions.deleteForIssue({ ...issue, reaction_id: first.data.id });
    expect((await bot.rest.issues.get(issue)).data.reactions).toMatchObject({ eyes: 1, total_count: 1 });
    const comment = {
      ...at,
      comment_id: (await maria.rest.issues.createComment({ ...issue, body: "/agent fix" })).data.id,
    };
    const rocket = await bot.rest.reactions.createForIssueComment({ ...comment, content: "rocket" });
    expect((await bot.rest.reactions.listForIssueComment(comment)).data[0]?.content).toBe("rocket");
    await bot.rest.reactions.deleteForIssueComment({ ...comment, reaction_id: rocket.data.id });
    expect((await bot.rest.reactions.listForIssueComment(comment)).data).toEqual([]);
  });
});

describe("pull requests", () => {
  test("a draft from a branch: found, read with its diff, edited, reviewers asked, closed", async () => {
    const head = await branch("baton/issue-1-split", { "src/split.js": "export const split = 2;\n" });
    const made = await bot.rest.pulls.create({
      ...at,
      title: "fix: split",
      head: "baton/issue-1-split",
      base: "main",
      body: "Closes #1",
      draft: true,
    });
    const pull = { ...at, pull_number: made.data.number };
    expect(made.data).toMatchObject({
      draft: true,
      head: { sha: head },
      mergeable: null,
      additions: 1,
      deletions: 1,
      changed_files: 1,
      commits: 1,
    });
    const found = await bot.rest.pulls.list({ ...at, head: "octo:baton/issue-1-split", base: "main", state: "all" });
    expect(found.data.map(({ number }) => number)).toEqual([made.data.number]);
    expect((await bot.rest.pulls.list({ ...at, head: "octo:nope" })).data).toEqual([]);
    const diff = await bot.request("GET /repos/{owner}/{repo}/pulls/{pull_number}", {
      ...pull,
      mediaType: { format: "diff" },
    });
    expect(diff.data).toContain("+export const split = 2;");
    expect((await bot.rest.pulls.listFiles(pull)).data.map(({ filename }) => filename)).toEqual(["src/split.js"]);
    expect((await bot.rest.pulls.listCommits(pull)).data.map(({ sha }) => sha)).toEqual([head]);
    await bot.rest.pulls.requestReviewers({ ...pull, reviewers: ["maria"] });
    expect((await bot.rest.pulls.get(pull)).data.requested_reviewers?.map(({ login }) => login)).toEqual(["maria"]);
    await bot.rest.pulls.removeRequestedReviewers({ ...pull, reviewers: ["maria"] });
    await bot.rest.pulls.update({ ...pull, title: "fix: split fairly", body: "Closes #1\n" });
    await bot.rest.issues.addLabels({ ...at, issue_number: pull.pull_number, labels: ["bug"] });
    await bot.rest.issues.createComment({ ...at, issue_number: pull.pull_number, body: "About it" });
    expect(
      (await bot.rest.issues.get({ ...at, issue_number: pull.pull_number })).data.pull_request?.html_url,
    ).toContain("/octo/tab/pull/");
    expect((await bot.rest.pulls.update({ ...pull, state: "closed" })).data.state).toBe("closed");
  });

  test("follows its branch, and is merged when its commits come into the base", async () => {
    const head = await branch("follow", { "f.txt": "1\n" });
    const made = await bot.rest.pulls.create({ ...at, title: "follow", head: "follow", base: "main" });
    const tree = await bot.rest.git.createTree({
      ...at,
      base_tree: head,
      tree: [{ path: "f.txt", mode: "100644", type: "blob", content: "2\n" }],
    });
    const next = await bot.rest.git.createCommit({ ...at, message: "two", tree: tree.data.sha, parents: [head] });
    await bot.rest.git.updateRef({ ...at, ref: "heads/follow", sha: next.data.sha });
    const pull = { ...at, pull_number: made.data.number };
    expect((await bot.rest.pulls.get(pull)).data).toMatchObject({
      head: { sha: next.data.sha },
      commits: 2,
      merged: false,
    });
    expect((await town.playground.refs("octo/tab"))[`refs/pull/${made.data.number}/head`]).toBe(next.data.sha);
    await maria.rest.git.updateRef({ ...at, ref: "heads/main", sha: next.data.sha });
    expect((await bot.rest.pulls.get(pull)).data).toMatchObject({
      merged: true,
      state: "closed",
      merged_by: { login: "maria" },
    });
  });

  test("a conflict with the base is told", async () => {
    await branch("clash", { "README.md": "# Mine\n" });
    const made = await bot.rest.pulls.create({ ...at, title: "clash", head: "clash", base: "main" });
    const theirs = await branch("theirs", { "README.md": "# Theirs\n" }, maria);
    await maria.rest.git.updateRef({ ...at, ref: "heads/main", sha: theirs });
    const pull = { ...at, pull_number: made.data.number };
    const stands = async () => {
      const { data } = await bot.rest.pulls.get(pull);
      return [data.mergeable, data.mergeable_state];
    };
    // GitHub begins to find out when it is asked, and knows it for these two commits then.
    expect(await stands()).toEqual([null, "unknown"]);
    expect(await stands()).toEqual([false, "dirty"]);
    await expect(maria.rest.pulls.updateBranch(pull)).rejects.toMatchObject({ status: 422 });
    const further = await branch("further", { "README.md": "# Mine\n" }, maria);
    await maria.rest.git.updateRef({ ...at, ref: "heads/main", sha: further });
    expect(await stands()).toEqual([null, "unknown"]);
    expect(await stands()).toEqual([true, "clean"]);
  });

  test("a branch is updated by a merge of its base, once there is something new", async () => {
    const before = await branch("behind", { "src/behind.js": "export const behind = 1;\n" });
    const made = await bot.rest.pulls.create({ ...at, title: "behind", head: "behind", base: "main" });
    const pull = { ...at, pull_number: made.data.number };
    await expect(maria.rest.pulls.updateBranch(pull)).rejects.toMatchObject({ status: 422 });
    const base = await branch("ahead", { "src/ahead.js": "export const ahead = 1;\n" }, maria);
    await maria.rest.git.updateRef({ ...at, ref: "heads/main", sha: base });
    await expect(maria.rest.pulls.updateBranch({ ...pull, expected_head_sha: base })).rejects.toMatchObject({
      status: 422,
    });
    expect((await maria.rest.pulls.updateBranch(pull)).status).toBe(202);
    const { head } = (await bot.rest.pulls.get(pull)).data;
    const { data } = await bot.rest.repos.getCommit({ ...at, ref: head.sha });
    expect(data.parents.map(({ sha }) => sha)).toEqual([before, base]);
  });
});

describe("check runs", () => {
  test("are made, finished with annotations, and listed by their newest", async () => {
    const head = await main();
    const run = await bot.rest.checks.create({
      ...at,
      name: "Baton / verification",
      head_sha: head,
      status: "in_progress",
    });
    expect(run.data).toMatchObject({ status: "in_progress", conclusion: null, app: { slug: "conductor" } });
    await bot.rest.checks.update({
      ...at,
      check_run_id: run.data.id,
      conclusion: "success",
      output: {
        title: "green",
        summary: "all of it",
        annotations: [
          { path: "src/split.js", start_line: 1, end_line: 1, annotation_level: "notice", message: "here" },
        ],
      },
      actions: [{ label: "Retry", description: "Try again", identifier: "retry" }],
    });
    expect((await bot.rest.checks.get({ ...at, check_run_id: run.data.id })).data).toMatchObject({
      status: "completed",
      conclusion: "success",
      output: { annotations_count: 1 },
    });
    expect((await bot.rest.checks.listAnnotations({ ...at, check_run_id: run.data.id })).data).toHaveLength(1);
    await bot.rest.checks.create({ ...at, name: "Baton / verification", head_sha: head, conclusion: "failure" });
    const listed = (await bot.rest.checks.listForRef({ ...at, ref: "main" })).data;
    expect(listed.check_runs.map(({ conclusion }) => conclusion)).toEqual(["failure"]);
    const all = await bot.rest.checks.listForRef({
      ...at,
      ref: head,
      filter: "all",
      check_name: "Baton / verification",
      status: "completed",
    });
    expect(all.data.total_count).toBe(2);
  });
});

describe("GitHub's description", () => {
  test("has nothing against any request or answer above", () => {
    const { journal } = town.playground;
    const endpoints = new Set(
      journal.map(({ method, path }) => `${method} ${path.replaceAll(/\d+|[0-9a-f]{40}/g, "N")}`),
    );
    expect(endpoints.size).toBeGreaterThan(60);
    expect(journal.flatMap((entry) => checkRequest(entry))).toEqual([]);
    expect(journal.flatMap((entry) => checkAnswer({ ...entry, body: entry.answer }))).toEqual([]);
  });

  test("has nothing against any webhook that was sent", async () => {
    await town.playground.settled();
    const { deliveries } = town.playground;
    const kinds = new Set(deliveries.map(({ event, action }) => `${event} ${action ?? ""}`.trim()));
    expect([...kinds].sort()).toEqual([
      "check_run completed",
      "check_run created",
      "check_suite completed",
      "issue_comment created",
      "issue_comment deleted",
      "issue_comment edited",
      "issues assigned",
      "issues closed",
      "issues edited",
      "issues labeled",
      "issues opened",
      "issues reopened",
      "issues unassigned",
      "issues unlabeled",
      "pull_request closed",
      "pull_request edited",
      "pull_request labeled",
      "pull_request opened",
      "pull_request review_requested",
      "pull_request synchronize",
      "push",
    ]);
    expect(deliveries.flatMap((delivery) => checkDelivery(delivery))).toEqual([]);
    expect(deliveries.map(({ status }) => status)).toEqual(deliveries.map(() => 200));
  });
});
