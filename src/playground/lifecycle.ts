// What people do to subjects, repositories and installations while a program works on them: delete, transfer, lock, rename,
// archive, remove, suspend, push. GitHub's consequences for whoever comes later, and its webhooks.
import { BatonError } from "../core/errors.ts";
import { ZERO } from "./git-repository.ts";
import { addIssue, ensureLabel, happen, tell } from "./issues.ts";
import { followMove } from "./pulls.ts";
import { installedOn } from "./rest/apps.ts";
import { installationShape, nodeId } from "./shapes/accounts.ts";
import { issueShape } from "./shapes/issues.ts";
import { repositoryShape } from "./shapes/repositories.ts";
import { type App, changed, covers, type Doer, type Issue, type Repository, timestamp, type World } from "./state.ts";
import type { Webhooks } from "./webhooks.ts";

/** The issue is gone: 410 from now on. */
export async function deleteIssue(world: World, repo: Repository, issue: Issue, by: Doer): Promise<void> {
  // Told before it goes, with the issue as it was.
  takeOut(repo, issue);
  repo.gone.set(issue.number, "deleted");
  await tell(world, repo, issue, by, "deleted");
}

/** The issue goes on in another repository under a new number; its old address sends on to it. */
export async function transferIssue(
  world: World,
  repo: Repository,
  issue: Issue,
  to: Repository,
  by: Doer,
): Promise<Issue> {
  const { title, body } = issue;
  const labels = issue.labels.map(({ name }) => ensureLabel(world, to, name).name);
  const there = addIssue(world, to, issue.by, { title, body, labels, assignees: issue.assignees });
  takeOut(repo, issue);
  for (const old of issue.comments) {
    const comment = { ...old, issue: there.number };
    there.comments.push(comment);
    to.comments.set(comment.id, comment);
  }
  repo.gone.set(issue.number, { repo: to, number: there.number });
  const changes = { new_issue: issueShape(world, to, there), new_repository: repositoryShape(world, to) };
  await tell(world, repo, issue, by, "transferred", { changes });
  return there;
}

function takeOut(repo: Repository, issue: Issue): void {
  repo.issues.delete(issue.number);
  if (issue.pull) repo.pulls.splice(repo.pulls.indexOf(issue), 1);
  if (issue.state === "open") repo.openIssues -= 1;
  for (const { id } of issue.comments) repo.comments.delete(id);
}

/** Locked: only those with write access may comment. */
export async function setLock(world: World, repo: Repository, issue: Issue, by: Doer, locked: boolean): Promise<void> {
  if (issue.locked === locked) return;
  issue.locked = locked;
  issue.updatedAt = timestamp(world);
  happen(world, issue, by.account, locked ? "locked" : "unlocked");
  await tell(world, repo, issue, by, locked ? "locked" : "unlocked");
}

/** Tells of a repository itself. */
function tellOfRepository(
  world: World,
  repo: Repository,
  by: Doer,
  action: string,
  fields: Readonly<Record<string, unknown>> = {},
): void {
  changed(world);
  world.announce(repo, { event: "repository", action, by: by.account, fields });
}

/** Its id stays; who comes under the old name is sent on. Throws when the name is taken or no name. */
export function renameRepository(world: World, repo: Repository, name: string, by: Doer): void {
  const fullName = `${repo.owner.login}/${name}`;
  if (!/^[\w.-]+$/.test(name) || world.repositories.has(fullName.toLowerCase()))
    throw new BatonError("invalid-usage", `"${fullName}" is taken, or not a name for a repository`);
  const [from, before] = [repo.name, repo.fullName];
  for (const app of world.apps)
    app.repositories = app.repositories?.map((one) => (one.toLowerCase() === before.toLowerCase() ? fullName : one));
  world.repositories.delete(before.toLowerCase());
  world.formerNames.set(before.toLowerCase(), repo);
  world.formerNames.delete(fullName.toLowerCase());
  repo.name = name;
  repo.fullName = fullName;
  world.repositories.set(fullName.toLowerCase(), repo);
  tellOfRepository(world, repo, by, "renamed", { changes: { repository: { name: { from } } } });
}

/** Archived: everything may be read and nothing written. */
export function setArchived(world: World, repo: Repository, by: Doer, archived: boolean): void {
  if (repo.archived === archived) return;
  repo.archived = archived;
  tellOfRepository(world, repo, by, archived ? "archived" : "unarchived");
}

/** Gone: 404 from now on, under every name it had. Its objects stay on disk. */
export function deleteRepository(world: World, repo: Repository, by: Doer): void {
  tellOfRepository(world, repo, by, "deleted");
  world.repositories.delete(repo.fullName.toLowerCase());
  world.repositoriesById.delete(repo.id);
  for (const [name, renamed] of world.formerNames) if (renamed === repo) world.formerNames.delete(name);
}

const inShort = (repo: Repository) => ({
  id: repo.id,
  node_id: nodeId("R_", repo.id),
  name: repo.name,
  full_name: repo.fullName,
  private: repo.private,
});

/** As `installation` of a webhook about it: times are whole there too. */
function tellOfInstallation(
  world: World,
  webhooks: Webhooks,
  app: App,
  by: Doer,
  action: string,
  covered: readonly Repository[],
) {
  changed(world);
  const installation = installationShape(world, app, covered[0]?.owner ?? installedOn(world, app));
  const fields = { installation, repositories: covered.map(inShort) };
  webhooks.announceInstallation(app, { event: "installation", action, by: by.account, fields });
}

/** The App no longer has this repository; tokens that were made for it have nothing left there. */
export function removeFromInstallation(world: World, webhooks: Webhooks, app: App, repo: Repository, by: Doer): void {
  if (!covers(app, repo)) return;
  if (app.repositories)
    app.repositories = app.repositories.filter((one) => one.toLowerCase() !== repo.fullName.toLowerCase());
  else app.without.add(repo.id);
  changed(world);
  const fields = {
    installation: installationShape(world, app, repo.owner),
    repository_selection: "selected",
    repositories_added: [],
    repositories_removed: [inShort(repo)],
    requester: null,
  };
  webhooks.announceInstallation(app, { event: "installation_repositories", action: "removed", by: by.account, fields });
}

/** Suspended: no tokens, no webhooks, and the tokens there are may do nothing. Gone: as if it had never been. */
export function setStanding(world: World, webhooks: Webhooks, app: App, standing: App["standing"], by: Doer): void {
  if (app.standing === standing || app.standing === "gone") return;
  const covered = [...world.repositories.values()].filter((repo) => covers(app, repo));
  app.standing = standing;
  const action = standing === "gone" ? "deleted" : standing === "suspended" ? "suspend" : "unsuspend";
  tellOfInstallation(world, webhooks, app, by, action, covered);
}

export interface PushedChange {
  /** Without `refs/heads/`. Made when it is not there. */
  readonly branch: string;
  /** Path → text; null takes a file away. */
  readonly files: Readonly<Record<string, string | null>>;
  readonly message?: string;
  /** A branch or commit to build on instead of the branch itself: then the push is forced. */
  readonly onto?: string;
}

/** A person pushes one commit. Gives its id. */
export async function pushCommit(world: World, repo: Repository, by: Doer, push: PushedChange): Promise<string> {
  const { git } = repo;
  return await git.alone(async () => {
    const ref = `refs/heads/${push.branch}`;
    const before = (await git.ref(ref))?.sha;
    const parent = (await git.commitOf(push.onto ?? push.branch)) ?? (await git.commitOf(repo.defaultBranch));
    if (parent === undefined) throw new BatonError("not-found", `${repo.fullName} has nothing to push onto`);
    const changes = await Promise.all(
      Object.entries(push.files).map(async ([path, text]) => ({
        path,
        mode: "100644",
        sha: text === null ? null : await git.writeBlob(Buffer.from(text)),
      })),
    );
    const tree = await git.writeTree(parent, changes);
    if (tree === undefined) throw new BatonError("not-found", "a file to take away is not there");
    const { id, login } = by.account;
    const author = { name: login, email: `${id}+${login}@users.noreply.github.com`, date: timestamp(world) };
    const message = `${push.message ?? `Work by ${login}`}\n`;
    const sha = await git.writeCommit({ tree, parents: [parent], author, committer: author, message });
    await git.moveRef(ref, before ?? ZERO, sha);
    await followMove(world, repo, by, { name: ref, before, after: sha });
    return sha;
  });
}

/** A branch is put on another commit, whatever it held, or taken away (`to` undefined); the default branch too. */
export async function forceBranch(
  world: World,
  repo: Repository,
  by: Doer,
  branch: string,
  to: string | undefined,
): Promise<void> {
  const { git } = repo;
  await git.alone(async () => {
    const name = `refs/heads/${branch}`;
    const before = (await git.ref(name))?.sha;
    const after = to === undefined ? undefined : await git.commitOf(to);
    if (before === undefined || (to !== undefined && after === undefined))
      throw new BatonError("not-found", `${repo.fullName} has no branch ${branch}, or nothing is called ${to ?? ""}`);
    await git.moveRef(name, before, after);
    await followMove(world, repo, by, { name, before, after });
  });
}
