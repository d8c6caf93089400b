// The frame of every page: header, who one acts as, the repository's tabs.
import { html } from "hono/html";
import { hasRole, type Account, type Comment, type Issue, type Repository, roleOf, type World } from "../state.ts";
import { icon, type Piece } from "./pieces.ts";

export interface Frame {
  readonly world: World;
  /** In whose name forms are sent; undefined when there is nobody. */
  readonly acting: Account | undefined;
  /** Where the page is: to come back to after choosing somebody else. */
  readonly path: string;
}

export type Tab = "code" | "issues" | "pulls";

/** People one may act as: everybody but bots and organisations. */
export function people(world: World): Account[] {
  return [...world.accounts.values()].filter(({ type }) => type === "User");
}

function roleWord(repo: Repository | undefined, account: Account): string {
  if (!repo) return "";
  const role = roleOf(repo, account);
  return repo.roles.has(account.id) || account.id === repo.owner.id
    ? ` · ${role === "maintain" ? "maintainer" : role}`
    : " · outsider";
}

function actingAs({ world, acting, path }: Frame, repo: Repository | undefined): Piece {
  const options = people(world).map(
    (account) =>
      html`<option value="${account.login}" ${account.id === acting?.id ? "selected" : ""}>
        ${account.login}${roleWord(repo, account)}
      </option>`,
  );
  return html`<form class="acting" method="post" action="/ui/act-as">
    <input type="hidden" name="back" value="${path}" />
    <label for="acting">acting as</label>
    <select id="acting" name="login" data-submit>
      ${options}
    </select>
    <button class="plain">go</button>
  </form>`;
}

export function openCount(repo: Repository, pulls: boolean): number {
  return [...repo.issues.values()].filter((issue) => issue.state === "open" && (issue.pull !== undefined) === pulls)
    .length;
}

function tabs(repo: Repository, here: Tab | undefined): Piece {
  const tab = (name: Tab, path: string, words: Piece, count?: number) =>
    html`<a href="/${repo.fullName}${path}" class="${name === here ? "here" : ""}"
      >${words}${count === undefined ? "" : html` <span class="count" id="count-${name}" data-live>${count}</span>`}</a
    >`;
  return html`<nav class="tabs">
    <div class="bar">
      ${tab("code", "", html`${icon("code")} Code`)}
      ${tab("issues", "/issues", html`${icon("issue")} Issues`, openCount(repo, false))}
      ${tab("pulls", "/pulls", html`${icon("pull")} Pull requests`, openCount(repo, true))}
    </div>
  </nav>`;
}

/** A whole page. */
export function layout(
  frame: Frame,
  page: { readonly title: string; readonly body: Piece; readonly repo?: Repository; readonly tab?: Tab },
): Piece {
  const { repo } = page;
  const crumbs = repo
    ? html`<span class="slash">/</span>${repo.owner.login}<span class="slash">/</span
        ><b><a href="/${repo.fullName}">${repo.name}</a></b>
        ${repo.private ? html` <span class="chip">Private</span>` : ""}`
    : "";
  return html`<!doctype html>
    <html lang="en" class="no-script">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${page.title} · playground</title>
        <link rel="stylesheet" href="/ui/style.css" />
        <link rel="icon" href="/ui/mark.svg" />
        <script src="/ui/live.js" defer></script>
      </head>
      <body data-version="${frame.world.version}">
        <header class="top">
          <div class="bar">
            <a class="mark" href="/" title="All repositories">${icon("mark")}</a>
            <span class="crumbs"><a href="/">playground</a>${crumbs}</span>
            <span class="note">a local GitHub: nothing here leaves this machine</span>
            <span class="grow"></span>
            <span class="live" title="This page follows what happens">live</span>
            ${actingAs(frame, repo)}
          </div>
        </header>
        ${repo ? tabs(repo, page.tab) : ""}
        <main>${page.body}</main>
      </body>
    </html>`;
}

/** May sort (labels, state): triage and up. */
export function maySort(repo: Repository, account: Account | undefined): boolean {
  return hasRole(repo, account, "triage");
}

/** One's own comments; everybody's with the role write. */
export function mayEdit(repo: Repository, comment: Pick<Comment, "by">, account: Account | undefined): boolean {
  return account !== undefined && (hasRole(repo, account, "write") || account.id === comment.by.account.id);
}

export function mayClose(repo: Repository, issue: Issue, account: Account | undefined): boolean {
  return account !== undefined && (maySort(repo, account) || account.id === issue.by.account.id);
}
