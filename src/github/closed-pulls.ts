// What became of Baton's pull requests: how they were closed, what people with a say in the repository wrote there, and what they committed
// on top. Words of anybody else, of programs and of Baton itself are left out, and so is what nobody can see on the page.
import type { RepoRef } from "../engine/events.ts";
import type { ClosedPulls } from "../engine/hindsight.ts";
import type { ClosedPull } from "../workflows/hindsight.ts";
import { type Author, isSelf, type Self } from "./client.ts";
import { latestComments } from "./comments.ts";
import { isRefused } from "./failure.ts";
import { place, type Requests } from "./requests.ts";

export interface ClosedPullsOptions {
  readonly requests: Requests;
  readonly self: Self;
  /** Takes out of a text what people cannot see of it. */
  readonly visible: (text: string) => string;
}

type Limits = { readonly since: number; readonly most: number };
type Words = ClosedPull["words"][number];

const PER_PAGE = 100;
/** Pages of closed pull requests that are looked through, latest change first. */
const PAGES = 5;
const WORDS = 20;
const MAX_TEXT = 1_500;
const MAX_PATCH = 4_000;

/** Who may decide in a repository, or was given access to it. */
const withSay = new Set(["OWNER", "MEMBER", "COLLABORATOR"]);

/** As the engine wants it: one request for the list, and three or four for each that is in it. Throws `github-failed`. */
export function createClosedPulls(options: ClosedPullsOptions): ClosedPulls {
  return (repo, opened, limits, signal) => closedPulls(options, repo, opened, limits, signal);
}

async function closedPulls(
  options: ClosedPullsOptions,
  ...[repo, opened, limits, signal]: Parameters<ClosedPulls>
): Promise<ClosedPull[]> {
  const closed = await closedSince(options.requests, repo, limits, new Set(opened.map(({ number }) => number)), signal);
  const found: ClosedPull[] = [];
  for (const { number, head } of opened) {
    const pull = closed.get(number);
    if (!pull || found.length === limits.most || found.some((one) => one.number === number)) continue;
    signal.throwIfAborted();
    const [words, pushed] = await Promise.all([
      wordsOn(options, repo, number, signal),
      pushedOnTop(options, repo, { from: head, to: pull.head }, signal),
    ]);
    const title = options.visible(pull.title).slice(0, 300);
    found.push({ number, title, outcome: pull.isMerged ? "merged" : "closed-unmerged", words, ...pushed });
  }
  return found;
}

async function closedSince(
  requests: Requests,
  repo: RepoRef,
  { since }: Limits,
  wanted: ReadonlySet<number>,
  signal: AbortSignal,
): Promise<Map<number, { title: string; isMerged: boolean; head: string }>> {
  const found = new Map<number, { title: string; isMerged: boolean; head: string }>();
  for (let page = 1; page <= PAGES && wanted.size > 0; page += 1) {
    const { data } = await requests.read(
      repo,
      "read the closed pull requests",
      (octokit, request) =>
        octokit.request("GET /repos/{owner}/{repo}/pulls", {
          ...place(repo),
          state: "closed",
          sort: "updated",
          direction: "desc",
          per_page: PER_PAGE,
          page,
          request,
        }),
      { signal },
    );
    for (const { number, title, closed_at, merged_at, head } of data)
      if (wanted.has(number) && Date.parse(closed_at ?? "") >= since)
        found.set(number, { title, isMerged: merged_at !== null, head: head.sha });
    const last = data.at(-1);
    // What was changed for the last time before was closed before.
    if (data.length < PER_PAGE || (last && Date.parse(last.updated_at) < since)) break;
  }
  return found;
}

async function wordsOn(
  { requests, self, visible }: ClosedPullsOptions,
  repo: RepoRef,
  number: number,
  signal: AbortSignal,
): Promise<Words[]> {
  const at = { ...place(repo), pull_number: number, per_page: PER_PAGE };
  const [reviews, lines, comments] = await Promise.all([
    requests.read(
      repo,
      `read the reviews of #${number}`,
      (octokit, request) =>
        octokit.request("GET /repos/{owner}/{repo}/pulls/{pull_number}/reviews", { ...at, request }),
      { signal },
    ),
    requests.read(
      repo,
      `read the remarks on #${number}`,
      (octokit, request) =>
        octokit.request("GET /repos/{owner}/{repo}/pulls/{pull_number}/comments", { ...at, request }),
      { signal },
    ),
    latestComments(requests, repo, number),
  ]);
  const said = [
    ...reviews.data.map((one) => ({
      ...one,
      kind: "review" as const,
      at: one.submitted_at,
      body: [one.state === "COMMENTED" ? "" : one.state.toLowerCase().replaceAll("_", " "), one.body ?? ""]
        .filter((part) => part !== "")
        .join(": "),
    })),
    ...lines.data.map((one) => ({
      ...one,
      kind: "line" as const,
      at: one.created_at,
      place: one.line === undefined || one.line === null ? one.path : `${one.path}:${one.line}`,
    })),
    ...comments.map((one) => ({ ...one, kind: "comment" as const, at: one.created_at })),
  ];
  const words = said
    .filter((one) => hasSay(one, self))
    .toSorted((a, b) => Date.parse(a.at ?? "") - Date.parse(b.at ?? ""))
    .map((one): Words => {
      const { kind, user, body } = one;
      const text = visible(body ?? "")
        .trim()
        .slice(0, MAX_TEXT)
        .toWellFormed();
      return { kind, by: user?.login ?? "ghost", text, ...("place" in one ? { place: one.place.slice(0, 300) } : {}) };
    });
  return words.filter(({ text }) => text !== "").slice(-WORDS);
}

function hasSay(
  one: {
    readonly author_association?: string | undefined;
    readonly user?: (Author & { readonly type?: string | undefined }) | null | undefined;
    readonly performed_via_github_app?: { readonly id?: number | bigint } | null | undefined;
  },
  self: Self,
): boolean {
  const { author_association: is = "NONE", user, performed_via_github_app: app } = one;
  return withSay.has(is) && user?.type !== "Bot" && !isSelf(self, user, app);
}

/** Nothing where the branch was rewritten: then nobody can say what is on top of what. */
async function pushedOnTop(
  { requests, visible }: ClosedPullsOptions,
  repo: RepoRef,
  { from, to }: { readonly from: string; readonly to: string },
  signal: AbortSignal,
): Promise<Pick<ClosedPull, "commits" | "patch">> {
  if (from === to) return { commits: [], patch: "" };
  try {
    const { data } = await requests.read(
      repo,
      `compare ${from.slice(0, 10)} with ${to.slice(0, 10)}`,
      (octokit, request) =>
        octokit.request("GET /repos/{owner}/{repo}/compare/{basehead}", {
          ...place(repo),
          basehead: `${from}...${to}`,
          request,
        }),
      { signal },
    );
    if (data.status !== "ahead") return { commits: [], patch: "" };
    const commits = data.commits.map(({ commit }) => visible(commit.message.split("\n")[0] ?? "").slice(0, 200));
    const patches = (data.files ?? []).map(({ filename, patch }) => `${filename}\n${patch ?? ""}`);
    return { commits: commits.slice(-20), patch: patches.join("\n").slice(0, MAX_PATCH).toWellFormed() };
  } catch (error) {
    if (isRefused(error, 404)) return { commits: [], patch: "" };
    throw error;
  }
}
