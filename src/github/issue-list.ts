// The open issues of a repository, page by page, and who and what an issue of GitHub's names.
import type { Person, RepoRef } from "../engine/events.ts";
import type { IssueList, ListedIssue } from "../engine/github-port.ts";
import { place, type Requests } from "./requests.ts";

const PER_PAGE = 100;
/** Pages more than should be needed: issues that are opened meanwhile move the others on. */
const SPARE_PAGES = 5;

/** GitHub's account for people who have left (github.com/ghost). */
const ghost: Person = { login: "ghost", id: 10_137 };

/** As the port says. An issue that comes twice, because others were opened meanwhile, counts once. */
export async function listOpenIssues(
  requests: Requests,
  repo: RepoRef,
  { most, since }: Parameters<IssueList["openIssues"]>[1],
): ReturnType<IssueList["openIssues"]> {
  const found = new Map<number, ListedIssue>();
  let page: Readonly<Record<string, string>> | undefined = {};
  for (let left = Math.ceil(most / PER_PAGE) + SPARE_PAGES; left > 0 && page !== undefined; left -= 1) {
    const at: Readonly<Record<string, string>> = page;
    const { data, headers } = await requests.read(repo, "list the open issues", (octokit, request) =>
      octokit.request("GET /repos/{owner}/{repo}/issues", {
        ...place(repo),
        state: "open",
        sort: "created",
        direction: "desc",
        per_page: PER_PAGE,
        ...(since === undefined ? {} : { since: new Date(since).toISOString() }),
        ...at,
        request,
      }),
    );
    for (const issue of data) {
      if (found.size === most && !found.has(issue.number)) return { issues: [...found.values()], more: true };
      const isPull = issue.pull_request !== undefined;
      found.set(issue.number, {
        number: issue.number,
        title: issue.title,
        body: isPull ? "" : (issue.body ?? ""),
        author: personOf(issue.user),
        locked: issue.locked,
        isPull,
        url: issue.html_url,
        labels: namesOf(issue.labels),
        comments: issue.comments,
      });
    }
    page = nextPage(headers.link);
  }
  return { issues: [...found.values()], more: page !== undefined };
}

/** GitHub names the next page in its own way: by a number, or by a cursor in long lists. Undefined on the last one. */
function nextPage(link: string | undefined): Record<string, string> | undefined {
  const address = /<([^>]+)>;\s*rel="next"/.exec(link ?? "")?.[1];
  if (address === undefined || !URL.canParse(address)) return undefined;
  const named = [...new URL(address).searchParams].filter(([name]) => name === "page" || name === "after");
  return named.length === 0 ? undefined : Object.fromEntries(named);
}

export function personOf(user: { login: string; id: number | bigint } | null | undefined): Person {
  return user ? { login: user.login, id: Number(user.id) } : ghost;
}

export function namesOf(labels: readonly (string | { readonly name?: string | null })[]): string[] {
  return labels.flatMap((label) => (typeof label === "string" ? [label] : label.name ? [label.name] : []));
}
