// GraphQL, as far as Baton asks it: two documents, word for word, and nothing else. GitHub answers 200 with `errors` where it refuses.
import { Hono } from "hono";
import { z } from "zod";
import { mayDo, maySee } from "../access.ts";
import { resolveThread, threadsOf } from "../review-threads.ts";
import { nodeId } from "../shapes/accounts.ts";
import { findRenamed, findRepository, type World } from "../state.ts";
import type { Actor } from "../tokens.ts";
import { answer, bodyOf, doer, type RestContext, type RestEnv } from "./exchange.ts";

const THREADS =
  "query ($owner: String!, $name: String!, $number: Int!, $after: String) { repository(owner: $owner, name: $name) { pullRequest(number: $number) { reviewThreads(first: 100, after: $after) { pageInfo { hasNextPage endCursor } nodes { id isResolved isOutdated resolvedBy { login } comments(first: 1) { nodes { fullDatabaseId } } } } } } }";
const RESOLVE =
  "mutation ($threadId: ID!) { resolveReviewThread(input: { threadId: $threadId }) { thread { id isResolved } } }";

const asked = z.strictObject({ query: z.string(), variables: z.record(z.string(), z.unknown()).default({}) });
const threadsOfPull = z.strictObject({
  owner: z.string(),
  name: z.string(),
  number: z.number().int(),
  after: z.string().nullish(),
});
const oneThread = z.strictObject({ threadId: z.string() });

const PAGE = 100;

export function graphqlRoutes(world: World): Hono<RestEnv> {
  const rest = new Hono<RestEnv>();

  rest.post("/graphql", async (c) => {
    const { query, variables } = await bodyOf(c, asked);
    const document = query.replaceAll(/\s+/g, " ").trim();
    const actor = c.get("actor");
    if (actor.type === "anonymous") return answer(c, { message: "Requires authentication" }, 401);
    if (document === THREADS) {
      const { data } = threadsOfPull.safeParse(variables);
      return data ? threads(c, actor, data) : refuse(c, undefined, "Variables do not fit the query");
    }
    if (document === RESOLVE) {
      const { data } = oneThread.safeParse(variables);
      return data ? resolve(c, actor, data.threadId) : refuse(c, undefined, "Variables do not fit the mutation");
    }
    return refuse(c, undefined, "The playground knows no such document");
  });

  function threads(c: RestContext, actor: Actor, { owner, name, number, after }: z.infer<typeof threadsOfPull>) {
    const repo = findRepository(world, owner, name) ?? findRenamed(world, owner, name);
    if (!repo || !maySee(actor, repo))
      return refuse(c, "NOT_FOUND", `Could not resolve to a Repository with the name '${owner}/${name}'.`);
    if (mayDo(actor, repo, { level: "read", permissions: ["pull_requests"], role: "read" }).type === "no")
      return refuse(c, "FORBIDDEN", "Resource not accessible by integration");
    const pull = repo.issues.get(number)?.pull;
    if (!pull) return refuse(c, "NOT_FOUND", `Could not resolve to a PullRequest with the number of ${number}.`);
    const all = threadsOf(pull);
    const from = after === undefined || after === null ? 0 : Number(Buffer.from(after, "base64url").toString());
    const page = all.slice(from, from + PAGE);
    const nodes = page.map(({ first, resolvedBy }) => ({
      id: nodeId("PRRT_", first.id),
      isResolved: resolvedBy !== undefined,
      // The playground does not follow lines: by REST, too, each is where it was.
      isOutdated: false,
      resolvedBy: resolvedBy?.type === "User" ? { login: resolvedBy.login } : null,
      comments: { nodes: [{ fullDatabaseId: String(first.id) }] },
    }));
    const hasNextPage = from + PAGE < all.length;
    const endCursor = hasNextPage ? Buffer.from(String(from + PAGE)).toString("base64url") : null;
    const reviewThreads = { pageInfo: { hasNextPage, endCursor }, nodes };
    return answer(c, { data: { repository: { pullRequest: { reviewThreads } } } });
  }

  /** An App needs to write contents beside pull requests (github.com/orgs/community/discussions/44650). */
  function resolve(c: RestContext, actor: Actor, node: string) {
    for (const repo of world.repositoriesById.values()) {
      for (const { pull } of repo.pulls) {
        const thread = pull && threadsOf(pull).find(({ first }) => nodeId("PRRT_", first.id) === node);
        if (!pull || !thread) continue;
        const may = ["pull_requests", "contents"].every(
          (name) => mayDo(actor, repo, { level: "write", permissions: [name], role: "write" }).type === "yes",
        );
        if (!may) return refuse(c, "FORBIDDEN", "Resource not accessible by integration");
        resolveThread(world, pull, thread.first.id, doer(actor).account);
        return answer(c, { data: { resolveReviewThread: { thread: { id: node, isResolved: true } } } });
      }
    }
    return refuse(c, "NOT_FOUND", `Could not resolve to a node with the global id of '${node}'`);
  }

  return rest;
}

function refuse(c: RestContext, type: string | undefined, message: string) {
  return answer(c, { data: null, errors: [{ ...(type === undefined ? {} : { type }), message }] });
}
