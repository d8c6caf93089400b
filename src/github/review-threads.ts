// Threads of a review as GitHub's GraphQL API knows them: REST tells the remarks, and not whether a thread is resolved.
//
// The two documents here are all that Baton asks there. GitHub answers 200 with `errors` where it refuses; that is made the same failure
// as a refusal of REST. Resolving needs `contents: write` beside `pull_requests: write`.
import { z } from "zod";
import { messageOf } from "../core/errors.ts";
import type { Log } from "../core/log.ts";
import type { RunId } from "../core/ids.ts";
import type { RepoRef } from "../engine/events.ts";
import type { ReviewThread } from "../engine/github-port.ts";
import type { Octokit } from "./client.ts";
import { GitHubFailure, isRefused, limited } from "./failure.ts";
import type { Once } from "./once.ts";
import type { How, RequestOptions, Requests } from "./requests.ts";

const THREADS = `query ($owner: String!, $name: String!, $number: Int!, $after: String) {
  repository(owner: $owner, name: $name) {
    pullRequest(number: $number) {
      reviewThreads(first: 100, after: $after) {
        pageInfo { hasNextPage endCursor }
        nodes {
          id isResolved isOutdated
          resolvedBy { login }
          comments(first: 1) { nodes { fullDatabaseId } }
        }
      }
    }
  }
}`;
const RESOLVE = `mutation ($threadId: ID!) {
  resolveReviewThread(input: { threadId: $threadId }) { thread { id isResolved } }
}`;

/** Pages of threads that are read: 500, as many as remarks. */
const PAGES = 5;
/** GraphQL names no time where its limit is used up; it counts by the hour. */
const LIMIT_MS = 600_000;

const Threads = z.object({
  repository: z.object({
    pullRequest: z.object({
      reviewThreads: z.object({
        pageInfo: z.object({ hasNextPage: z.boolean(), endCursor: z.string().nullish() }),
        nodes: z.array(
          z.object({
            id: z.string(),
            isResolved: z.boolean(),
            isOutdated: z.boolean(),
            resolvedBy: z.object({ login: z.string() }).nullish(),
            // A 64-bit number, as text.
            comments: z.object({ nodes: z.array(z.object({ fullDatabaseId: z.coerce.number().int().positive() })) }),
          }),
        ),
      }),
    }),
  }),
});
const Resolved = z.object({ resolveReviewThread: z.object({ thread: z.object({ isResolved: z.literal(true) }) }) });
const Refused = z.object({
  errors: z.tuple([z.object({ type: z.string().nullish(), message: z.string() })], z.unknown()),
});

type Asked = Readonly<Record<string, string | number | undefined>>;

/** What a document is answered. Throws `GitHubFailure` where GitHub refuses, also with an answer that says 200. */
async function ask<T>(
  octokit: Octokit,
  request: RequestOptions,
  what: string,
  document: string,
  variables: Asked,
  answer: z.ZodType<T>,
): Promise<T> {
  try {
    return answer.parse(await octokit.graphql(document, { ...variables, request }));
  } catch (error) {
    const { data } = Refused.safeParse(error);
    if (!data) throw error;
    const [{ type, message }] = data.errors;
    if (type === "RATE_LIMITED") throw limited(what, Date.now() + LIMIT_MS, error);
    throw new GitHubFailure(what, "refused", type === "NOT_FOUND" ? 404 : 403, message, error);
  }
}

/** The threads of a pull request, at most 500. Throws `GitHubFailure`. */
export async function readThreads(
  requests: Requests,
  repo: RepoRef,
  number: number,
  how: How = {},
): Promise<ReviewThread[]> {
  const found: ReviewThread[] = [];
  let after: string | undefined;
  for (let page = 0; page < PAGES; page += 1) {
    const what = `read the threads on #${number}`;
    const { owner, name } = requests.nameOf(repo);
    const { repository } = await requests.read(
      repo,
      what,
      (octokit, request) => ask(octokit, request, what, THREADS, { owner, name, number, after }, Threads),
      how,
    );
    const { nodes, pageInfo } = repository.pullRequest.reviewThreads;
    found.push(
      ...nodes.flatMap(({ id: node, isResolved: resolved, isOutdated: outdated, resolvedBy, comments }) =>
        comments.nodes.map(({ fullDatabaseId: first }) => ({
          node,
          first,
          resolved,
          outdated,
          resolvedBy: resolvedBy?.login,
        })),
      ),
    );
    after = pageInfo.endCursor ?? undefined;
    if (!pageInfo.hasNextPage || after === undefined) break;
  }
  return found;
}

/**
 * Resolves the threads that begin with these remarks, each once for `key`: what people open again stays open. Where GitHub refuses, they
 * stay open, and the log says so. Throws what else `Requests` throws.
 */
export async function resolveThreads(
  { requests, once, log }: { readonly requests: Requests; readonly once: Once; readonly log: Log },
  {
    repo,
    run,
    number,
    key,
  }: { readonly repo: RepoRef; readonly run: RunId; readonly number: number; readonly key: string },
  first: readonly number[],
  signal: AbortSignal,
): Promise<void> {
  if (first.length === 0) return;
  try {
    const threads = await readThreads(requests, repo, number, { signal, run });
    for (const thread of threads.filter((one) => first.includes(one.first) && !one.resolved)) {
      const what = `resolve a thread on #${number}`;
      await once({
        key: `resolved:${run}:${thread.first}:${key}`,
        run,
        kind: "thread-resolved",
        lane: "pull-request",
        payload: { number, thread: thread.first },
        result: z.object({}),
        look: async () => {
          const now = await readThreads(requests, repo, number, { signal, run });
          return now.some(({ node, resolved }) => node === thread.node && resolved) ? [{}] : [];
        },
        async write(how) {
          await requests.write(
            repo,
            what,
            (octokit, request) => ask(octokit, request, what, RESOLVE, { threadId: thread.node }, Resolved),
            { signal, ...how },
          );
          return {};
        },
      });
    }
  } catch (error) {
    if (!isRefused(error)) throw error;
    log.info("threads of the review are answered and stay open", { run, number, error: messageOf(error) });
  }
}
