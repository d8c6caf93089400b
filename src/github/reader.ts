// The read side of GitHub: what the intake asks before anything starts.
import { BatonError, messageOf } from "../core/errors.ts";
import { sha, type Sha } from "../core/ids.ts";
import type { Log } from "../core/log.ts";
import type { RepoRef } from "../engine/events.ts";
import type { GitHubReader, IssueList, Remark } from "../engine/github-port.ts";
import { BASE_REPOSITORY } from "../workflows/extend-config.ts";
import { isOwnBranch } from "./branch.ts";
import type { OctokitFor, Timing } from "./client.ts";
import { latestComments } from "./comments.ts";
import type { Throttle } from "../store/throttle.ts";
import { isRefused } from "./failure.ts";
import { listOpenIssues, namesOf, personOf } from "./issue-list.ts";
import { ASKED_FOR_IN } from "./pull-request.ts";
import { createRequests, place } from "./requests.ts";
import { readThreads } from "./review-threads.ts";

export interface GitHubReaderOptions {
  readonly octokitFor: OctokitFor;
  readonly log: Log;
  readonly timing?: Timing;
  readonly throttle?: Throttle | undefined;
}

const PER_PAGE = 100;
/** Labels a repository may have before the rest is left unread; an event holds at most 1,000. */
const LABEL_PAGES = 10;
/** Remarks on a pull request that are read: 500. */
const REMARK_PAGES = 5;
/** GitHub lists at most 3,000 files of a pull request. */
const FILE_PAGES = 30;
/** Open pull requests that are looked through: 300. */
const PULL_PAGES = 3;

const levels = ["none", "read", "triage", "write", "maintain", "admin"] as const;
type Level = (typeof levels)[number];

/** A reader for every repository that `octokitFor` can reach. */
export function createGitHubReader(options: GitHubReaderOptions): GitHubReader & IssueList {
  const requests = createRequests(options);

  async function openPulls(repo: RepoRef) {
    const found = [];
    for (let page = 1; page <= PULL_PAGES; page += 1) {
      const { data } = await requests.read(repo, "read the open pull requests", (octokit, request) =>
        octokit.request("GET /repos/{owner}/{repo}/pulls", {
          ...place(repo),
          state: "open",
          per_page: PER_PAGE,
          page,
          request,
        }),
      );
      found.push(...data);
      if (data.length < PER_PAGE) break;
    }
    return found;
  }

  async function file(repo: RepoRef, path: string, commit?: Sha): Promise<string | undefined> {
    try {
      const { data } = await requests.read(repo, `read ${path}`, (octokit, request) =>
        octokit.request("GET /repos/{owner}/{repo}/contents/{path}", {
          ...place(repo),
          path,
          ...(commit === undefined ? {} : { ref: commit }),
          headers: { accept: "application/vnd.github.raw+json" },
          request,
        }),
      );
      return contentOf(data, path);
    } catch (error) {
      if (isRefused(error, 404)) return undefined;
      throw error;
    }
  }

  return {
    async repository(owner, name) {
      const repo = { id: 0, owner, name };
      const { data } = await requests.read(repo, `read the repository ${owner}/${name}`, (octokit, request) =>
        octokit.request("GET /repos/{owner}/{repo}", { owner, repo: name, request }),
      );
      return {
        id: Number(data.id),
        owner: data.owner.login,
        name: data.name,
        private: data.private,
        defaultBranch: data.default_branch,
        cloneUrl: data.clone_url,
      };
    },

    async permission(repo, person) {
      if (person.id === 0) return "none";
      try {
        const { data } = await requests.read(repo, `look up the permission of ${person.login}`, (octokit, request) =>
          octokit.request("GET /repos/{owner}/{repo}/collaborators/{username}/permission", {
            ...place(repo),
            username: person.login,
            request,
          }),
        );
        if (Number(data.user?.id) !== person.id) return "none";
        return levelOf(data.permission, data.role_name);
      } catch (error) {
        if (isRefused(error, 404)) return "none";
        throw error;
      }
    },

    file,

    async ownersFile(repo, path) {
      // Its number is not known; the installation is the same for all repositories of an owner.
      const base = { ...repo, id: 0, name: BASE_REPOSITORY };
      try {
        await requests.read(base, `read the repository ${base.owner}/${base.name}`, (octokit, request) =>
          octokit.request("GET /repos/{owner}/{repo}", { ...place(base), request }),
        );
      } catch (error) {
        if (isRefused(error, 403, 404, 422)) return { type: "closed" };
        throw error;
      }
      const text = await file(base, path);
      return text === undefined ? { type: "none" } : { type: "found", text };
    },

    async folder(repo, path, commit) {
      try {
        const { data } = await requests.read(repo, `list the folder ${path}`, (octokit, request) =>
          octokit.request("GET /repos/{owner}/{repo}/contents/{path}", { ...place(repo), path, ref: commit, request }),
        );
        if (!Array.isArray(data)) return [];
        return data.filter(({ type }) => type === "file").map(({ name, size }) => ({ name, bytes: size }));
      } catch (error) {
        if (isRefused(error, 404)) return [];
        throw error;
      }
    },

    async touches(repo, number, which) {
      for (let page = 1; page <= FILE_PAGES; page += 1) {
        const { data } = await requests.read(repo, `read the files of #${number}`, (octokit, request) =>
          octokit.request("GET /repos/{owner}/{repo}/pulls/{pull_number}/files", {
            ...place(repo),
            pull_number: number,
            per_page: PER_PAGE,
            page,
            request,
          }),
        );
        if (data.some((file) => which(file.filename) || which(file.previous_filename ?? ""))) return true;
        if (data.length < PER_PAGE) break;
      }
      return false;
    },

    async issue(repo, number) {
      try {
        const { data } = await requests.read(repo, `read issue #${number}`, (octokit, request) =>
          octokit.request("GET /repos/{owner}/{repo}/issues/{issue_number}", {
            ...place(repo),
            issue_number: number,
            request,
          }),
        );
        return {
          title: data.title,
          body: data.body ?? "",
          author: personOf(data.user),
          state: data.state === "open" ? "open" : "closed",
          locked: data.locked,
          isPull: data.pull_request !== undefined,
          url: data.html_url,
          labels: namesOf(data.labels),
          assignees: (data.assignees ?? []).map(personOf),
        };
      } catch (error) {
        // 410: deleted for good. A transferred issue answers with a redirect, which the client follows.
        if (isRefused(error, 404, 410)) return undefined;
        throw error;
      }
    },

    openIssues: (repo, options) => listOpenIssues(requests, repo, options),

    async comments(repo, number) {
      const latest = await latestComments(requests, repo, number);
      return latest.slice(-PER_PAGE).map((comment) => ({
        id: Number(comment.id),
        author: personOf(comment.user),
        body: comment.body ?? "",
        createdAt: Date.parse(comment.created_at),
        updatedAt: Date.parse(comment.updated_at),
      }));
    },

    async labels(repo) {
      const names: string[] = [];
      for (let page = 1; page <= LABEL_PAGES; page += 1) {
        const { data } = await requests.read(repo, "read the labels", (octokit, request) =>
          octokit.request("GET /repos/{owner}/{repo}/labels", { ...place(repo), per_page: PER_PAGE, page, request }),
        );
        names.push(...data.map(({ name }) => name));
        if (data.length < PER_PAGE) break;
      }
      return names;
    },

    async head(repo, branch) {
      const { data } = await requests.read(repo, `read the branch ${branch}`, (octokit, request) =>
        octokit.request("GET /repos/{owner}/{repo}/git/ref/{ref}", { ...place(repo), ref: `heads/${branch}`, request }),
      );
      return sha(data.object.sha);
    },

    async pullRequestsAbout(repo, number) {
      const pulls = await openPulls(repo);
      const closing = closes(repo, number);
      const asked = new RegExp(`\\b${ASKED_FOR_IN} #${number}\\b`);
      const isAskedFor = ({ body, head }: (typeof pulls)[number]) =>
        asked.test(body ?? "") && isOwnBranch(head.ref) && Number(head.repo?.id) === repo.id;
      return {
        closing: pulls.filter(({ body }) => closing.test(body ?? "")).map((pull) => pull.number),
        askedFor: pulls.filter(isAskedFor).map((pull) => pull.number),
      };
    },

    async pullRequest(repo, number) {
      try {
        const { data } = await requests.read(repo, `read pull request #${number}`, (octokit, request) =>
          octokit.request("GET /repos/{owner}/{repo}/pulls/{pull_number}", {
            ...place(repo),
            pull_number: number,
            request,
          }),
        );
        return {
          state: data.state === "open" ? "open" : "closed",
          merged: data.merged_at !== null,
          branch: data.head.ref,
          head: sha(data.head.sha),
          into: data.base.ref,
          fork: data.head.repo?.full_name !== data.base.repo.full_name,
          author: personOf(data.user),
          mergeable: data.mergeable ?? undefined,
        };
      } catch (error) {
        if (isRefused(error, 404, 410)) return undefined;
        throw error;
      }
    },

    async mergeBase(repo, branch, commit) {
      const { data } = await requests.read(repo, `compare ${branch} with ${commit.slice(0, 10)}`, (octokit, request) =>
        octokit.request("GET /repos/{owner}/{repo}/compare/{basehead}", {
          ...place(repo),
          basehead: `${branch}...${commit}`,
          per_page: 1,
          request,
        }),
      );
      return sha(data.merge_base_commit.sha);
    },

    async threads(repo, number) {
      try {
        return await readThreads(requests, repo, number);
      } catch (error) {
        if (!isRefused(error)) throw error;
        options.log.info("whether threads are resolved is not known", { number, error: messageOf(error) });
        return undefined;
      }
    },

    async remarks(repo, number) {
      const found: Remark[] = [];
      for (let page = 1; page <= REMARK_PAGES; page += 1) {
        const { data } = await requests.read(repo, `read the remarks on #${number}`, (octokit, request) =>
          octokit.request("GET /repos/{owner}/{repo}/pulls/{pull_number}/comments", {
            ...place(repo),
            pull_number: number,
            sort: "created",
            direction: "asc",
            per_page: PER_PAGE,
            page,
            request,
          }),
        );
        found.push(...data.map(remarkOf));
        if (data.length < PER_PAGE) break;
      }
      return found;
    },
  };
}

function remarkOf(data: {
  readonly id: number | bigint;
  readonly in_reply_to_id?: number | bigint | undefined;
  readonly path: string;
  readonly line?: number | undefined;
  readonly subject_type?: string | undefined;
  readonly body: string;
  readonly user: { readonly login: string; readonly id: number | bigint; readonly type?: string | undefined } | null;
  readonly author_association: string;
}): Remark {
  return {
    id: Number(data.id),
    replyTo: data.in_reply_to_id === undefined ? undefined : Number(data.in_reply_to_id),
    path: data.path,
    line: data.line ?? undefined,
    outdated: data.subject_type !== "file" && (data.line ?? undefined) === undefined,
    body: data.body,
    author: personOf(data.user),
    isBot: data.user?.type === "Bot",
    association: data.author_association,
  };
}

/** The named role when it is a standard one that agrees with the coarse permission; else the coarse permission, which never flatters. */
function levelOf(permission: string, role: string | undefined): Level {
  const coarse = levels.find((level) => level === permission) ?? "none";
  const named = levels.find((level) => level === role);
  if (named === undefined) return coarse;
  const expected = {
    none: "none",
    read: "read",
    triage: "read",
    write: "write",
    maintain: "write",
    admin: "admin",
  } as const;
  return expected[named] === coarse || named === coarse ? named : coarse;
}

/** Raw content arrives as text or bytes; a server that ignores the media type sends base64 in JSON. A folder has no content. */
function contentOf(data: unknown, path: string): string | undefined {
  if (typeof data === "string") return data;
  if (data instanceof ArrayBuffer) return new TextDecoder().decode(data);
  if (Array.isArray(data) || typeof data !== "object" || data === null) return undefined;
  if ("content" in data && typeof data.content === "string")
    return Buffer.from(data.content, "base64").toString("utf8");
  if ("type" in data && data.type !== "file") return undefined;
  throw new BatonError("github-failed", `GitHub's answer about ${path} holds no content`);
}

/** docs.github.com "Linking a pull request to an issue": the nine keywords, a colon allowed, the issue short, qualified or as address. */
function closes({ owner, name }: Pick<RepoRef, "owner" | "name">, number: number): RegExp {
  const full = `${owner}/${name}`.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return new RegExp(
    `\\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?):?\\s+(?:(?:${full})?#|https?://[^\\s]{1,200}/${full}/issues/)${number}\\b`,
    "i",
  );
}
