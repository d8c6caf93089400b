// Baton's own comments: written once, found again by their hidden marker, edited in place.
// A marker counts only as the first line of a comment that GitHub says is ours; anybody may type one.
import { z } from "zod";
import type { RunId } from "../core/ids.ts";
import type { Redact } from "../core/redact.ts";
import type { RepoRef } from "../engine/events.ts";
import { subjectKey } from "../store/recorded.ts";
import { isSelf, type Self } from "./client.ts";
import { goneIsFine, isRefused } from "./failure.ts";
import { MAX_BODY } from "./markdown.ts";
import type { Lane, Once } from "./once.ts";
import { place, type Requests } from "./requests.ts";

export const CommentRef = z.object({ id: z.number(), url: z.string() });
export type CommentRef = z.infer<typeof CommentRef>;

export interface Comments {
  /** Writes a comment once. `marker` becomes its hidden first line unless the body begins with it already. */
  post(comment: {
    repo: RepoRef;
    number: number;
    key: string;
    kind: string;
    run: RunId | undefined;
    lane?: Lane;
    marker: string;
    body: string;
    /** Told when a comment is really written, not found again. */
    written?: () => void;
  }): Promise<CommentRef>;
  /** A comment's text as it is at this moment; undefined when the comment is gone. */
  read(repo: RepoRef, id: number): Promise<string | undefined>;
  /** Replaces a comment's text for a run. False when the comment is gone. */
  edit(repo: RepoRef, id: number, body: string, run: RunId | undefined): Promise<boolean>;
}

export interface CommentsOptions {
  readonly requests: Requests;
  readonly once: Once;
  readonly redact: Redact;
  readonly self: Self;
}

export function createComments({ requests, once, redact, self }: CommentsOptions): Comments {
  const ready = (text: string) => redact(text).slice(0, MAX_BODY);

  return {
    post({ repo, number, key, kind, run, lane, marker, body, written }) {
      const text = ready(body.startsWith(marker) ? body : `${marker}\n\n${body}`);
      return once({
        key,
        run,
        kind,
        lane,
        subject: subjectKey(repo, { number }),
        payload: { repo: `${repo.owner}/${repo.name}`, number, characters: text.length },
        result: CommentRef,
        async look() {
          const comments = await latestComments(requests, repo, number);
          return comments
            .filter(
              ({ body: found, user, performed_via_github_app: app }) =>
                found?.startsWith(marker) && isSelf(self, user, app),
            )
            .map((comment) => ({ id: Number(comment.id), url: comment.html_url }));
        },
        async write(how) {
          const { data } = await requests.write(
            repo,
            `write a comment on #${number}`,
            (octokit, request) =>
              octokit.request("POST /repos/{owner}/{repo}/issues/{issue_number}/comments", {
                ...place(repo),
                issue_number: number,
                body: text,
                request,
              }),
            how,
          );
          written?.();
          return { id: Number(data.id), url: data.html_url };
        },
        async remove({ id }) {
          await goneIsFine(
            requests.read(repo, `take a second copy of comment ${id} away`, (octokit, request) =>
              octokit.request("DELETE /repos/{owner}/{repo}/issues/comments/{comment_id}", {
                ...place(repo),
                comment_id: id,
                request,
              }),
            ),
          );
        },
      });
    },

    async read(repo, id) {
      try {
        const { data } = await requests.read(repo, `read comment ${id}`, (octokit, request) =>
          octokit.request("GET /repos/{owner}/{repo}/issues/comments/{comment_id}", {
            ...place(repo),
            comment_id: id,
            request,
          }),
        );
        return data.body;
      } catch (error) {
        if (isRefused(error, 404, 410)) return undefined;
        throw error;
      }
    },

    async edit(repo, id, body, run) {
      try {
        // The same text twice is the same text: an edit may be asked for again.
        await requests.read(
          repo,
          `edit comment ${id}`,
          (octokit, request) =>
            octokit.request("PATCH /repos/{owner}/{repo}/issues/comments/{comment_id}", {
              ...place(repo),
              comment_id: id,
              body: ready(body),
              request,
            }),
          { run },
        );
        return true;
      } catch (error) {
        if (isRefused(error, 404, 410)) return false;
        throw error;
      }
    },
  };
}

interface IssueComment {
  readonly id: number | bigint;
  readonly html_url: string;
  readonly body?: string | undefined;
  readonly created_at: string;
  readonly updated_at: string;
  readonly user: { readonly login: string; readonly id: number | bigint; readonly type?: string | undefined } | null;
  readonly author_association?: string | undefined;
  readonly performed_via_github_app?: { readonly id?: number | bigint } | null;
}

const PER_PAGE = 100;

/** The latest comments of an issue, oldest first: at least the last 100, at most 200. */
export async function latestComments(
  requests: Requests,
  repo: RepoRef,
  number: number,
): Promise<readonly IssueComment[]> {
  const page = async (at: number) => {
    const { data, headers } = await requests.read(repo, `read the comments of #${number}`, (octokit, request) =>
      octokit.request("GET /repos/{owner}/{repo}/issues/{issue_number}/comments", {
        ...place(repo),
        issue_number: number,
        per_page: PER_PAGE,
        page: at,
        request,
      }),
    );
    return { data, last: lastPage(headers.link) };
  };
  const first = await page(1);
  if (first.last === 1) return first.data;
  const before = first.last === 2 ? first : await page(first.last - 1);
  return [...before.data, ...(await page(first.last)).data];
}

function lastPage(link: string | undefined): number {
  const last = /<[^>]*[?&]page=(\d+)[^>]*>;\s*rel="last"/.exec(link ?? "");
  return last?.[1] === undefined ? 1 : Number(last[1]);
}
