// A review of somebody's pull request: one, with a remark on each line that it is about. It comments; it never approves and never asks for
// changes, because that is for people, and a merge may hang on it.
import type { z } from "zod";
import { placed, type Placed } from "../engine/placed-remarks.ts";
import { Published } from "../engine/review-events.ts";
import { reviewAttempt } from "../engine/review.ts";
import { artifactOf, type State } from "../engine/state.ts";
import { linesOf } from "../workspace/patch-lines.ts";
import type { Workspaces } from "../workspace/workspaces.ts";
import { isSelf, type Self } from "./client.ts";
import { isRefused } from "./failure.ts";
import { marker, MAX_BODY } from "./markdown.ts";
import type { Neutral } from "./neutral.ts";
import type { Once } from "./once.ts";
import { refusalOf, refused, type Refusal } from "./refusal.ts";
import { place, type Requests } from "./requests.ts";
import { renderRemark, renderReview, type Looked } from "./review-text.ts";
import type { Redact } from "../core/redact.ts";

interface Tools {
  readonly requests: Requests;
  readonly once: Once;
  readonly self: Self;
  readonly neutral: Neutral;
  readonly redact: Redact;
  readonly workspaces: Pick<Workspaces, "changes" | "patch">;
}

/** Bytes of a diff in which lines are looked up; of a larger one every remark stands with its file. */
const MOST_PATCH = 8 * 1024 ** 2;
const PER_PAGE = 100;
/** Reviews of one pull request that are looked through for an earlier try of this one: 300. */
const PAGES = 3;

/** What the outbox keeps: with it the event is the same whoever asks. */
const Written = Published.pick({ id: true, url: true, onLines: true, onFiles: true });
type Written = z.infer<typeof Written>;

export type PublishReview = (
  state: State,
  signal: AbortSignal,
) => Promise<{ readonly type: "published"; readonly review: Published } | Refusal>;

/** Publishes the review of a run once. The function throws `GitHubFailure` and `fence-lost`. */
export function createReviews({ requests, once, self, neutral, redact, workspaces }: Tools): PublishReview {
  /** The pull request as it is now, or why it takes no review. */
  async function pullNow({ repo, subject }: State["created"], signal: AbortSignal) {
    const name = `Pull request #${subject.number}`;
    const no = (code: string, what: string) => refused(code, `${name} ${what}, so no review was published.`);
    try {
      const { data } = await requests.read(
        repo,
        `read pull request #${subject.number}`,
        (octokit, request) =>
          octokit.request("GET /repos/{owner}/{repo}/pulls/{pull_number}", {
            ...place(repo),
            pull_number: subject.number,
            request,
          }),
        { signal },
      );
      if (data.state !== "open") return no("pull-request-closed", "was closed");
      if (data.locked) return no("issue-locked", "was locked");
      return { type: "open" as const, head: data.head.sha };
    } catch (error) {
      if (isRefused(error, 404, 410)) return no("issue-gone", "is no longer there");
      throw error;
    }
  }

  async function look(state: State, signal: AbortSignal): Promise<Looked & { readonly at: Placed }> {
    const { repo, pull } = state.created;
    const remarks = artifactOf(state, "Remarks")?.artifact.value;
    if (!pull || !remarks) throw new Error(`${state.runId} has no remarks on a pull request`);
    const changes = await workspaces.changes(repo, pull.since, pull.head, signal);
    const patch = await workspaces.patch(repo, pull.since, pull.head, signal, MOST_PATCH);
    const isWhole = Buffer.byteLength(patch) < MOST_PATCH;
    const changed = new Set(changes.map(({ path }) => path));
    return { pull, remarks, changes, at: placed(remarks.remarks, changed, isWhole ? linesOf(patch) : new Map()) };
  }

  return async (state, signal) => {
    const { runId, created } = state;
    const { repo, subject } = created;
    const now = await pullNow(created, signal);
    if (now.type === "refused") return now;
    const looked = await look(state, signal);
    const name = `${runId}:${reviewAttempt(state)}`;
    const mark = marker("review", name);
    const route = { ...place(repo), pull_number: subject.number };
    const text = (at: Placed) =>
      redact(`${mark}\n\n${renderReview(state, { ...looked, at, now: now.head }, neutral)}`).slice(0, MAX_BODY);
    const all = { ...looked.at, onLines: [], onFiles: [...looked.at.onLines, ...looked.at.onFiles] };

    async function write(at: Placed, how: Parameters<typeof requests.write>[3]): Promise<Written> {
      const { data } = await requests.write(
        repo,
        `write a review of #${subject.number}`,
        (octokit, request) =>
          octokit.request("POST /repos/{owner}/{repo}/pulls/{pull_number}/reviews", {
            ...route,
            commit_id: looked.pull.head,
            event: "COMMENT",
            body: text(at),
            comments: at.onLines.map((remark, index) => ({
              path: remark.path,
              line: remark.line,
              side: "RIGHT",
              body: redact(`${marker("remark", `${runId}:${index + 1}`)}\n\n${renderRemark(remark, neutral)}`),
            })),
            request,
          }),
        how,
      );
      const { onLines, onFiles } = at;
      return { id: Number(data.id), url: data.html_url, onLines: onLines.length, onFiles: onFiles.length };
    }

    try {
      const written = await once({
        key: `review-of:${name}`,
        run: runId,
        kind: "review",
        lane: "pull-request",
        payload: { number: subject.number, remarks: looked.remarks.remarks.length },
        result: Written,
        look: () => find(mark, looked.at),
        async write(how) {
          try {
            return await write(looked.at, { signal, ...how });
          } catch (error) {
            // GitHub's diff may show other lines: of a file that was moved, and of a commit that a push took out of the pull request.
            if (looked.at.onLines.length === 0 || !isRefused(error, 422)) throw error;
            return await write(all, { signal, ...how });
          }
        },
      });
      return { type: "published", review: { ...written, leftOut: looked.at.leftOut.length } };
    } catch (error) {
      signal.throwIfAborted();
      const refusal = refusalOf(error);
      if (refusal) return refusal;
      throw error;
    }

    async function find(first: string, at: Placed): Promise<Written[]> {
      for (let page = 1; page <= PAGES; page += 1) {
        const { data } = await requests.read(
          repo,
          `look for a review on #${subject.number}`,
          (octokit, request) =>
            octokit.request("GET /repos/{owner}/{repo}/pulls/{pull_number}/reviews", {
              ...route,
              per_page: PER_PAGE,
              page,
              request,
            }),
          { signal },
        );
        const own = data.filter(({ body, user }) => body.startsWith(first) && isSelf(self, user));
        if (own.length > 0)
          return own.map(({ id, html_url }) => ({
            id: Number(id),
            url: html_url,
            onLines: at.onLines.length,
            onFiles: at.onFiles.length,
          }));
        if (data.length < PER_PAGE) break;
      }
      return [];
    }
  };
}
