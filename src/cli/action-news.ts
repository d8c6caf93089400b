// What happened on an issue and its pull request since a moment, as the deliveries that a server would have got. GitHub keeps one run of
// the workflow waiting, so of several comments some start none: whoever works there reads them all. The ids come from what is told, so
// that nothing is taken in twice.
import { z } from "zod";
import type { RepoRef } from "../engine/events.ts";
import { place, type Requests } from "../github/requests.ts";
import { actorOf } from "../intake/who.ts";
import type { Delivery } from "../store/deliveries.ts";

const PER_PAGE = 100;
/** Comments since the last look that are read: 500. */
const PAGES = 5;

export interface NewsParts {
  readonly requests: Pick<Requests, "read">;
  readonly repo: Pick<RepoRef, "id" | "owner" | "name">;
  /** Of these ids those that are known already. */
  readonly known: (ids: readonly string[]) => Promise<ReadonlySet<string>>;
}

export interface Since {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly issue: number;
  readonly pull: number | undefined;
}

const Person = z.looseObject({ login: z.string(), id: z.number() });
const Comment = z.looseObject({
  id: z.number(),
  created_at: z.string(),
  updated_at: z.string(),
  user: Person.nullable(),
});
const Review = z.looseObject({ id: z.number(), submitted_at: z.string().optional(), user: Person.nullable() });

/** The id of the delivery that tells of a comment, whoever heard of it first. */
export const commentDelivery = (id: number) => `comment-${id}`;

const Said = z.object({
  sender: Person.extend({ type: z.string().optional() }),
  comment: z.object({ performed_via_github_app: z.object({ id: z.number() }).nullish() }).optional(),
});

/** Whether a person did what a delivery tells of: neither Baton, nor another program. */
export function isPersons({ payload }: Delivery, self: { readonly login: string }): boolean {
  const { data } = Said.safeParse(JSON.parse(payload));
  if (!data) return false;
  const { person, bot, app } = actorOf(data.sender, data.comment?.performed_via_github_app);
  return !bot && app === undefined && person.login.toLowerCase() !== self.login.toLowerCase();
}

/** Deliveries that are not known yet, oldest first. */
export async function newsSince({ requests, repo, known }: NewsParts, since: Since): Promise<Delivery[]> {
  const found: { at: string; delivery: () => Promise<Delivery>; id: string }[] = [];
  const repository = once(() => ask("GET /repos/{owner}/{repo}", {}));
  for (const number of since.pull === undefined ? [since.issue] : [since.issue, since.pull]) {
    const issue = once(() => ask("GET /repos/{owner}/{repo}/issues/{issue_number}", { issue_number: number }));
    for (const comment of await commentsOn(number)) {
      const id = commentDelivery(comment.id);
      const delivery = async () => {
        const payload = { action: "created", comment, issue: await issue(), ...(await by(comment.user)) };
        return { id, name: "issue_comment", payload: JSON.stringify(payload) };
      };
      found.push({ at: comment.created_at, delivery, id });
    }
  }
  if (since.pull !== undefined) found.push(...(await newsOfPull(since.pull)));
  const before = await known(found.map(({ id }) => id));
  const fresh = found.filter(({ id }) => !before.has(id)).toSorted((a, b) => a.at.localeCompare(b.at));
  const deliveries: Delivery[] = [];
  for (const { delivery } of fresh) deliveries.push(await delivery());
  return deliveries;

  async function by(user: z.infer<typeof Person> | null) {
    return { repository: await repository(), ...(user ? { sender: user } : {}) };
  }

  async function commentsOn(number: number) {
    const comments: z.infer<typeof Comment>[] = [];
    for (let page = 1; page <= PAGES; page += 1) {
      const { data } = await requests.read(repo, `read the comments on #${number}`, (octokit, request) =>
        octokit.request("GET /repos/{owner}/{repo}/issues/{issue_number}/comments", {
          ...place(repo),
          issue_number: number,
          since: new Date(since.at).toISOString(),
          per_page: PER_PAGE,
          page,
          request,
        }),
      );
      comments.push(...z.array(Comment).parse(data));
      if (data.length < PER_PAGE) break;
    }
    // An old one is no news. What stands in one that was edited may be another's words, and whose is not told here.
    return comments.filter((one) => Date.parse(one.created_at) >= since.at && one.updated_at === one.created_at);
  }

  async function newsOfPull(number: number) {
    const pull = once(() => ask("GET /repos/{owner}/{repo}/pulls/{pull_number}", { pull_number: number }));
    const { data } = await requests.read(repo, `read the reviews of #${number}`, (octokit, request) =>
      octokit.request("GET /repos/{owner}/{repo}/pulls/{pull_number}/reviews", {
        ...place(repo),
        pull_number: number,
        per_page: PER_PAGE,
        request,
      }),
    );
    const reviews = z
      .array(Review)
      .parse(data)
      .filter(({ submitted_at: at }) => at !== undefined && Date.parse(at) >= since.at)
      .map((review) => ({
        at: review.submitted_at ?? "",
        id: `review-${review.id}`,
        delivery: async () => {
          const payload = { action: "submitted", review, pull_request: await pull(), ...(await by(review.user)) };
          return { id: `review-${review.id}`, name: "pull_request_review", payload: JSON.stringify(payload) };
        },
      }));
    const closed = z.object({ closed_at: z.string().nullable() }).parse(await pull()).closed_at;
    if (closed === null) return reviews;
    const id = `pull-${number}-closed-${Date.parse(closed)}`;
    const delivery = async () => {
      const issue = await ask("GET /repos/{owner}/{repo}/issues/{issue_number}", { issue_number: number });
      const who = z.object({ closed_by: Person.nullish() }).parse(issue).closed_by ?? null;
      const payload = { action: "closed", pull_request: await pull(), ...(await by(who)) };
      return { id, name: "pull_request", payload: JSON.stringify(payload) };
    };
    return [...reviews, { at: closed, id, delivery }];
  }

  async function ask(
    route:
      | "GET /repos/{owner}/{repo}"
      | "GET /repos/{owner}/{repo}/issues/{issue_number}"
      | "GET /repos/{owner}/{repo}/pulls/{pull_number}",
    parameters: Readonly<Record<string, number>>,
  ): Promise<unknown> {
    const { data } = await requests.read(repo, "read what was said", (octokit, request) =>
      octokit.request(route as string, { ...place(repo), ...parameters, request }),
    );
    return data;
  }
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
}
