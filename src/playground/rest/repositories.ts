// Repositories, their contents, branches and commits, and what people may do in them.
import { Hono } from "hono";
import { z } from "zod";
import { changedFiles, commitsBetween, countBetween, diffText, mergeBase } from "../git-diff.ts";
import type { Commit, TreeEntry } from "../git-repository.ts";
import { userShape } from "../shapes/accounts.ts";
import { commitShape } from "../shapes/commits.ts";
import { repositoryUrl } from "../shapes/issues.ts";
import { encodePath, fileShape } from "../shapes/pulls.ts";
import { fullRepositoryShape, permissionsOf } from "../shapes/repositories.ts";
import { findAccount, type Repository, roleOf, type World } from "../state.ts";
import { accountOfActor } from "../tokens.ts";
import {
  answer,
  bodyOf,
  doer,
  here,
  noContent,
  notFound,
  page,
  param,
  Refusal,
  type RestContext,
  type RestEnv,
} from "./exchange.ts";

const newDispatch = z.strictObject({
  event_type: z.string().min(1).max(100),
  // GitHub takes at most ten keys.
  client_payload: z
    .record(z.string(), z.unknown())
    .refine((payload) => Object.keys(payload).length <= 10, "is too long (maximum is 10 keys)")
    .default({}),
});

/** GitHub's limit on what the contents API carries as base64. */
const MAX_CONTENT = 1_048_576;

/** The commit a name stands for, or GitHub's 422. */
export async function commitNamed(repo: Repository, name: string): Promise<Commit> {
  const sha = await repo.git.commitOf(name);
  const commit = sha === undefined ? undefined : await repo.git.readCommit(sha);
  if (!commit) throw new Refusal(422, `No commit found for SHA: ${name}`);
  return commit;
}

/** True when the client asked for this media type of GitHub's (`raw`, `diff`, `patch`, `sha`). */
export function wants(c: RestContext, media: string): boolean {
  return new RegExp(`application/vnd\\.github(\\.v3)?\\.${media}(\\+json)?\\b`).test(c.req.header("accept") ?? "");
}

export function repositoryRoutes(world: World): Hono<RestEnv> {
  const rest = new Hono<RestEnv>();

  rest.get("/repos/:owner/:repo", (c) => {
    const { actor, repo } = here(c, world, "read", "metadata|contents|issues|pull_requests");
    return answer(c, fullRepositoryShape(world, repo, accountOfActor(actor)));
  });

  rest.get("/repos/:owner/:repo/collaborators/:login/permission", (c) => {
    const { repo } = here(c, world, "read", "metadata", "write");
    const account = findAccount(world, param(c, "login"));
    if (!account) throw new Refusal(404, `${param(c, "login")} is not a user`);
    const role = roleOf(repo, account);
    // The older field knows four words only: maintain is write there, and triage is read.
    const permission = role === "maintain" ? "write" : role === "triage" ? "read" : role;
    const user = { ...userShape(world, account), role_name: role, permissions: permissionsOf(repo, account) };
    return answer(c, { permission, role_name: role, user });
  });

  rest.post("/repos/:owner/:repo/dispatches", async (c) => {
    const { actor, repo } = here(c, world, "write", "contents", "write");
    const { event_type, client_payload } = await bodyOf(c, newDispatch);
    const fields = { branch: repo.defaultBranch, client_payload };
    const { account } = doer(actor);
    world.announce(repo, { event: "repository_dispatch", action: event_type, by: account, fields });
    return noContent();
  });

  const contents = async (c: RestContext, path: string) => {
    const { repo } = here(c, world, "read", "contents");
    const ref = c.req.query("ref") ?? repo.defaultBranch;
    const sha = await repo.git.commitOf(ref);
    if (sha === undefined) throw new Refusal(404, `No commit found for the ref ${ref}`);
    const clean = path.replace(/^\/+|\/+$/g, "");
    const found =
      clean === "" ? undefined : (await repo.git.listTree(sha, { path: clean })).find((one) => one.path === clean);
    if (clean !== "" && !found) throw notFound();
    if (!found || found.type === "tree") {
      const inside = await repo.git.listTree(sha, clean === "" ? {} : { path: `${clean}/` });
      return answer(
        c,
        inside.map((entry) => contentShape(world, repo, ref, entry)),
      );
    }
    const bytes = await repo.git.readBlob(found.sha);
    if (wants(c, "raw"))
      return new Response(new Uint8Array(bytes), {
        headers: { "content-type": "application/vnd.github.raw; charset=utf-8" },
      });
    const carried = bytes.length <= MAX_CONTENT;
    const base64 = (bytes.toString("base64").match(/.{1,60}/g) ?? []).map((line) => `${line}\n`).join("");
    return answer(c, {
      ...contentShape(world, repo, ref, found),
      content: carried ? base64 : "",
      encoding: carried ? "base64" : "none",
    });
  };
  rest.get("/repos/:owner/:repo/contents", (c) => contents(c, ""));
  rest.get("/repos/:owner/:repo/contents/:path{.*}", (c) => contents(c, param(c, "path")));

  rest.get("/repos/:owner/:repo/branches", async (c) => {
    const { repo } = here(c, world, "read", "contents");
    const branches = await repo.git.refs("refs/heads/");
    return answer(
      c,
      page(c, world, branches).map(({ name, sha }) => ({
        name: name.slice("refs/heads/".length),
        commit: { sha, url: `${repositoryUrl(world, repo)}/commits/${sha}` },
        protected: false,
      })),
    );
  });

  rest.get("/repos/:owner/:repo/branches/:branch{.+}", async (c) => {
    const { repo } = here(c, world, "read", "contents");
    const name = param(c, "branch");
    const ref = await repo.git.ref(`refs/heads/${name}`);
    if (!ref) throw new Refusal(404, "Branch not found");
    const self = `${repositoryUrl(world, repo)}/branches/${encodePath(name)}`;
    return answer(c, {
      name,
      commit: commitShape(world, repo, await commitNamed(repo, ref.sha)),
      _links: { self, html: `${world.url}/${repo.fullName}/tree/${encodePath(name)}` },
      protected: false,
      protection: { enabled: false, required_status_checks: { enforcement_level: "off", contexts: [], checks: [] } },
      protection_url: `${self}/protection`,
    });
  });

  rest.get("/repos/:owner/:repo/commits", async (c) => {
    const { repo } = here(c, world, "read", "contents");
    const { sha } = await commitNamed(repo, c.req.query("sha") ?? repo.defaultBranch);
    const path = c.req.query("path");
    const ids = (await repo.git.text(["rev-list", sha, ...(path === undefined ? [] : ["--", path])]))
      .split("\n")
      .filter(Boolean);
    const commits = await Promise.all(page(c, world, ids).map((id) => commitNamed(repo, id)));
    return answer(
      c,
      commits.map((commit) => commitShape(world, repo, commit)),
    );
  });

  rest.get("/repos/:owner/:repo/commits/:ref{.+}", async (c) => {
    const { repo } = here(c, world, "read", "contents");
    const commit = await commitNamed(repo, param(c, "ref"));
    if (wants(c, "sha")) return c.text(commit.sha);
    if (wants(c, "diff")) return c.text(await diffText(repo.git, commit.parents[0], commit.sha));
    const files = await changedFiles(repo.git, commit.parents[0], commit.sha);
    const additions = files.reduce((total, file) => total + file.additions, 0);
    const deletions = files.reduce((total, file) => total + file.deletions, 0);
    return answer(c, {
      ...commitShape(world, repo, commit),
      stats: { additions, deletions, total: additions + deletions },
      files: page(c, world, files).map((file) => fileShape(world, repo, commit.sha, file)),
    });
  });

  rest.get("/repos/:owner/:repo/compare/:range{.+}", async (c) => {
    const { repo } = here(c, world, "read", "contents");
    const range = param(c, "range");
    const [from = "", to = ""] = range
      .split("...")
      .map((side) => side.replace(new RegExp(`^${repo.owner.login}:`), ""));
    const [baseSha, headSha] = [await repo.git.commitOf(from), await repo.git.commitOf(to)];
    if (baseSha === undefined || headSha === undefined) throw notFound();
    const start = await mergeBase(repo.git, baseSha, headSha);
    if (start === undefined) throw new Refusal(404, `No common ancestor between ${from} and ${to}.`);
    if (wants(c, "diff")) return c.text(await diffText(repo.git, start, headSha));
    const [commits, behind, files] = await Promise.all([
      commitsBetween(repo.git, baseSha, headSha),
      countBetween(repo.git, headSha, baseSha),
      changedFiles(repo.git, start, headSha),
    ]);
    const ahead = commits.length;
    const url = `${repositoryUrl(world, repo)}/compare/${encodeURIComponent(range)}`;
    const html = `${world.url}/${repo.fullName}/compare/${encodeURIComponent(range)}`;
    return answer(c, {
      url,
      html_url: html,
      permalink_url: `${world.url}/${repo.fullName}/compare/${baseSha}...${headSha}`,
      diff_url: `${html}.diff`,
      patch_url: `${html}.patch`,
      base_commit: commitShape(world, repo, await commitNamed(repo, baseSha)),
      merge_base_commit: commitShape(world, repo, await commitNamed(repo, start)),
      status: ahead > 0 ? (behind > 0 ? "diverged" : "ahead") : behind > 0 ? "behind" : "identical",
      ahead_by: ahead,
      behind_by: behind,
      total_commits: ahead,
      commits: page(c, world, commits).map((commit) => commitShape(world, repo, commit)),
      files: files.slice(0, 300).map((file) => fileShape(world, repo, headSha, file)),
    });
  });

  return rest;
}

function contentShape(world: World, repo: Repository, ref: string, entry: TreeEntry) {
  const path = encodePath(entry.path);
  const type =
    entry.type === "tree"
      ? "dir"
      : entry.type === "commit"
        ? "submodule"
        : entry.mode === "120000"
          ? "symlink"
          : "file";
  const url = `${repositoryUrl(world, repo)}/contents/${path}?ref=${encodeURIComponent(ref)}`;
  const git = `${repositoryUrl(world, repo)}/git/${entry.type}s/${entry.sha}`;
  const html = `${world.url}/${repo.fullName}/${entry.type}/${encodePath(ref)}/${path}`;
  return {
    name: entry.path.split("/").at(-1) ?? entry.path,
    path: entry.path,
    sha: entry.sha,
    size: entry.size ?? 0,
    url,
    html_url: html,
    git_url: git,
    download_url: type === "file" ? `${world.url}/${repo.fullName}/raw/${encodePath(ref)}/${path}` : null,
    // A symlink is told with its target; its entry in a folder only as what it is.
    type: type === "symlink" ? "file" : type,
    _links: { self: url, git, html },
  };
}
