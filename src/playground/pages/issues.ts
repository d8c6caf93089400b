// Issues: the list, one with its conversation, and the form for a new one. The conversation is a pull request's as well.
import { html } from "hono/html";
import { associationOf } from "../shapes/issues.ts";
import {
  type Account,
  type Comment,
  type Happening,
  hasRole,
  type Issue,
  type Reaction,
  type Repository,
} from "../state.ts";
import { type Frame, layout, mayClose, mayEdit, maySort, openCount } from "./layout.ts";
import { avatar, faces, icon, issueIcon, labelChip, pageOf, type Piece, prose, stateBadge, time } from "./pieces.ts";

/** Issues or pull requests, newest first, the open or the closed ones. */
export function issueList(frame: Frame, repo: Repository, pulls: boolean, state: "open" | "closed"): Piece {
  const all = [...repo.issues.values()].filter((issue) => (issue.pull !== undefined) === pulls).toReversed();
  const shown = all.filter((issue) => issue.state === state);
  const open = openCount(repo, pulls);
  const room = pulls ? "pulls" : "issues";
  const rows = shown.map((issue) => {
    const comments = issue.comments.length;
    const labels = issue.labels.map((label) => html` ${labelChip(label)}`);
    return html`<div class="row">
      ${issueIcon(issue)}
      <div class="grow">
        <a class="title" href="/${repo.fullName}/${pulls ? "pull" : "issues"}/${issue.number}">${issue.title}</a
        >${labels}
        <div class="dim small">
          #${issue.number} opened ${time(issue.createdAt)} by
          ${issue.by.account.login}${issue.pull?.draft ? " · draft" : ""}
        </div>
      </div>
      ${comments > 0 ? html`<span class="dim small">${comments} ${comments === 1 ? "comment" : "comments"}</span>` : ""}
    </div>`;
  });
  const none = html`<div class="empty">
    ${pulls ? "No pull requests here yet." : "No issues here yet. Open one and see what happens."}
  </div>`;
  const heading = (which: "open" | "closed", name: "issue" | "done" | "pull", count: number) =>
    html`<a
      class="${which === state ? "" : "dim"}"
      href="/${repo.fullName}/${room}${which === "closed" ? "?state=closed" : ""}"
      >${icon(name)} <b>${count}</b> ${which === "open" ? "Open" : "Closed"}</a
    >`;
  const body = html`<div class="bar" style="padding:0;margin-bottom:16px;max-width:none">
      <h2 style="margin:0">${pulls ? "Pull requests" : "Issues"}</h2>
      <span class="grow"></span>
      ${pulls ? "" : html`<a class="button" href="/${repo.fullName}/issues/new">New issue</a>`}
    </div>
    <div class="box" id="list" data-live>
      <div class="head">
        ${heading("open", pulls ? "pull" : "issue", open)} ${heading("closed", "done", all.length - open)}
      </div>
      <div>${rows.length > 0 ? rows : none}</div>
    </div>`;
  return layout(frame, { title: `${pulls ? "Pull requests" : "Issues"} · ${repo.fullName}`, body, repo, tab: room });
}

export function newIssuePage(frame: Frame, repo: Repository): Piece {
  const { acting } = frame;
  const body = acting
    ? html`<h2 style="margin-top:0">New issue</h2>
        <div class="turn">
          ${avatar(acting)}
          <form class="box write" method="post" action="/${repo.fullName}/issues">
            <p style="margin-top:0">
              <input
                class="wide"
                type="text"
                name="title"
                placeholder="Title"
                aria-label="Title"
                required
                maxlength="256"
                autofocus
              />
            </p>
            <textarea
              name="body"
              rows="12"
              placeholder="What happens, and what should happen? Markdown works."
              aria-label="Description"
              maxlength="65536"
            ></textarea>
            <div class="actions"><button class="primary">Create issue</button></div>
          </form>
        </div>`
    : html`<div class="empty">There is nobody to act as.</div>`;
  return layout(frame, { title: `New issue · ${repo.fullName}`, body, repo, tab: "issues" });
}

export function issuePage(frame: Frame, repo: Repository, issue: Issue): Piece {
  const count = issue.comments.length;
  const body = html`${headline(issue)}
    <div class="meta">
      ${stateBadge(issue)}
      <span id="opened" data-live
        ><b>${issue.by.account.login}</b> opened this issue ${time(issue.createdAt)} · ${count}
        ${count === 1 ? "comment" : "comments"}</span
      >
    </div>
    <hr class="rule" />
    ${conversation(frame, repo, issue)}`;
  return layout(frame, { title: `${issue.title} · Issue #${issue.number}`, body, repo, tab: "issues" });
}

export function headline(issue: Issue): Piece {
  return html`<h1 class="headline" id="headline" data-live>
    ${issue.title} <span class="dim">#${issue.number}</span>
  </h1>`;
}

/** Comments and happenings in the order of time, a form to answer, and what is known about the issue beside them. */
export function conversation(frame: Frame, repo: Repository, issue: Issue, below: Piece | "" = ""): Piece {
  const parts = [
    ...issue.comments.map((one) => ({ id: one.id, piece: commentBox(frame, repo, issue, one) })),
    ...sortings(issue).map((group) => ({ id: group[0]?.id ?? 0, piece: sortingLine(group) })),
    ...issue.happenings
      .filter((one) => !sorts(one))
      .map((one) => ({ id: one.id, piece: happeningLine(repo, issue, one) })),
  ].sort((a, b) => a.id - b.id);
  return html`<div class="columns">
    <div>
      <div class="timeline" id="timeline">${description(frame, repo, issue)} ${parts.map(({ piece }) => piece)}</div>
      ${below} ${answerForm(frame, repo, issue)}
    </div>
    <aside>${sidebar(frame, repo, issue)}</aside>
  </div>`;
}

/** The page on which a comment, or the issue's own text, is written anew. */
export function editPage(frame: Frame, repo: Repository, issue: Issue, comment?: Comment): Piece {
  const { account } = (comment ?? issue).by;
  const at = `/${repo.fullName}/issues/${issue.number}/${comment ? `comments/${comment.id}` : "description"}`;
  const body = html`<h2>Edit a comment of ${account.login}</h2>
    <form class="box write" method="post" action="${at}">
      <textarea name="body" aria-label="Text" maxlength="65536" style="min-height:70vh">
${(comment ?? issue).body}</textarea>
      <div class="actions"><button class="primary">Update comment</button></div>
    </form>`;
  return layout(frame, { title: `Edit · ${issue.title}`, body, repo, tab: issue.pull ? "pulls" : "issues" });
}

interface Said {
  readonly id: string;
  readonly by: Account;
  readonly at: string;
  readonly edits: number;
  readonly body: string;
  readonly reactions: readonly Reaction[];
  readonly reactTo: string;
  /** The page on which its text may be written anew. */
  readonly editAt?: string;
}

function description(frame: Frame, repo: Repository, issue: Issue): Piece {
  return said(frame, repo, issue, {
    id: "description",
    by: issue.by.account,
    at: issue.createdAt,
    edits: issue.edits.length,
    body: issue.body || "*No description provided.*",
    reactions: issue.reactions,
    reactTo: `${issue.number}/reactions`,
    ...(mayEdit(repo, issue, frame.acting) ? { editAt: `${issue.number}/description` } : {}),
  });
}

function commentBox(frame: Frame, repo: Repository, issue: Issue, comment: Comment): Piece {
  return said(frame, repo, issue, {
    id: `issuecomment-${comment.id}`,
    by: comment.by.account,
    at: comment.createdAt,
    edits: comment.edits.length,
    body: comment.body,
    reactions: comment.reactions,
    reactTo: `${issue.number}/comments/${comment.id}/reactions`,
    ...(mayEdit(repo, comment, frame.acting) ? { editAt: `${issue.number}/comments/${comment.id}` } : {}),
  });
}

function said({ world, acting }: Frame, repo: Repository, issue: Issue, one: Said): Piece {
  const association = associationOf(repo, one.by);
  const chips = [
    ...(one.by.type === "Bot" ? ["bot"] : []),
    ...(association === "NONE" ? [] : [association.toLowerCase().replace(/^./, (letter) => letter.toUpperCase())]),
    ...(one.by.id === issue.by.account.id && one.id !== "description" ? ["Author"] : []),
  ];
  return html`<div class="turn" id="${one.id}" data-live>
    ${avatar(one.by)}
    <div class="comment ${one.by.id === acting?.id ? "mine" : ""}">
      <div class="head">
        <b>${one.by.login}</b> ${chips.map((chip) => html`<span class="chip">${chip}</span>`)} commented ${time(one.at)}
        ${one.editAt === undefined ? "" : html`· <a href="/${repo.fullName}/issues/${one.editAt}">edit</a>`}
        ${one.edits > 0 ? html`<span title="${one.edits} earlier versions">· edited ${one.edits === 1 ? "" : `${one.edits}×`}</span>` : ""}
      </div>
      ${prose(world, repo, one.body)} ${reactionBar(repo, one, acting)}
    </div>
  </div>`;
}

function reactionBar(repo: Repository, one: Said, acting: Account | undefined): Piece {
  const count = (content: string) => one.reactions.filter((reaction) => reaction.content === content).length;
  const given = faces.filter(([content]) => count(content) > 0);
  const offered = acting ? faces.filter(([content]) => content === "+1" && count(content) === 0) : [];
  const buttons = [...given, ...offered].map(([content, face]) => {
    const those = one.reactions.filter((reaction) => reaction.content === content);
    const mine = those.some(({ by }) => by.id === acting?.id) ? "mine" : "";
    const who = those.map(({ by }) => by.login).join(", ");
    const offer = those.length === 0 ? "offer" : "";
    return html`<button
      class="${mine} ${offer}"
      name="content"
      value="${content}"
      title="${who || "React"}"
      ${acting ? "" : "disabled"}
    >
      ${face}${those.length > 0 ? ` ${those.length}` : ""}
    </button>`;
  });
  return buttons.length === 0
    ? html``
    : html`<div class="reactions ${one.reactions.length === 0 ? "bare" : ""}">
        <form method="post" action="/${repo.fullName}/issues/${one.reactTo}">${buttons}</form>
      </div>`;
}

const sorts = ({ what }: Happening) => what === "labeled" || what === "unlabeled";

/** Labels that one person put on and took off with nothing else in between: one line together. */
function sortings(issue: Issue): Happening[][] {
  const others = [...issue.comments, ...issue.happenings.filter((one) => !sorts(one))].map(({ id }) => id);
  const groups: Happening[][] = [];
  for (const one of issue.happenings.filter(sorts)) {
    const group = groups.at(-1);
    const last = group?.at(-1);
    const together = last?.by.id === one.by.id && !others.some((id) => id > last.id && id < one.id);
    if (group && together) group.push(one);
    else groups.push([one]);
  }
  return groups;
}

function sortingLine(group: readonly Happening[]): Piece {
  const [first] = group;
  if (!first) return html``;
  const chips = (what: Happening["what"]) =>
    group
      .filter((one) => one.what === what)
      .map(({ detail, color }) => html` ${labelChip({ name: detail, color: color ?? "ededed" })}`);
  const [added, removed] = [chips("labeled"), chips("unlabeled")];
  return html`<div class="happening" id="happening-${first.id}" data-live>
    <span class="dot">${icon("tag")}</span>${avatar(first.by, "tiny")}<span
      ><b>${first.by.login}</b>
      ${added.length > 0 ? html`added${added}` : ""}${added.length > 0 && removed.length > 0 ? " and " : ""}
      ${removed.length > 0 ? html`removed${removed}` : ""} ${time(first.at)}</span
    >
  </div>`;
}

function happeningLine(repo: Repository, issue: Issue, one: Happening): Piece {
  const commit = html`<a class="mono" href="/${repo.fullName}/commit/${one.detail}">${one.detail.slice(0, 7)}</a>`;
  const kind = issue.pull ? "pull request" : "issue";
  const why = one.detail === "not_planned" ? " as not planned" : one.detail === "completed" ? " as completed" : "";
  const [name, className, words] = (
    {
      closed: ["done", "is-closed", html`closed this ${kind}${why}`],
      reopened: ["issue", "is-open", html`reopened this ${kind}`],
      labeled: ["tag", "", html`added ${one.detail}`],
      unlabeled: ["tag", "", html`removed ${one.detail}`],
      assigned: ["person", "", html`assigned <b>${one.detail}</b>`],
      unassigned: ["person", "", html`unassigned <b>${one.detail}</b>`],
      locked: ["lock", "", html`locked the conversation`],
      unlocked: ["lock", "", html`unlocked the conversation`],
      renamed: ["pencil", "", html`changed the title: ${one.detail}`],
      pushed: ["commit", "", html`pushed ${commit}`],
      merged: [
        "merge",
        "is-closed",
        html`merged this into <span class="branch mono">${issue.pull?.baseRef ?? ""}</span> with ${commit}`,
      ],
    } as const
  )[one.what];
  return html`<div class="happening" id="happening-${one.id}" data-live>
    <span class="dot ${className}">${icon(name)}</span>${avatar(one.by, "tiny")}<span
      ><b>${one.by.login}</b> ${words} ${time(one.at)}</span
    >
  </div>`;
}

function answerForm({ acting }: Frame, repo: Repository, issue: Issue): Piece {
  if (!acting || !hasRole(repo, acting, "read")) return html``;
  const kind = issue.pull ? "pull request" : "issue";
  const close =
    issue.state === "open"
      ? html`${icon(issue.pull ? "pull" : "done")} Close ${kind}`
      : html`${icon("issue")} Reopen ${kind}`;
  const may = mayClose(repo, issue, acting) && !issue.pull?.mergedAt;
  return html`<hr class="rule" />
    <div class="turn">
      ${avatar(acting)}
      <form class="box write" method="post" action="/${repo.fullName}/issues/${issue.number}/comments">
        <textarea
          name="body"
          placeholder="Say something as ${acting.login}. Markdown works; Ctrl+Enter sends."
          aria-label="Comment"
          maxlength="65536"
        ></textarea>
        <div class="actions">
          <span id="closer" data-live
            >${may ? html`<button class="plain" name="do" value="${issue.state === "open" ? "close" : "reopen"}">${close}</button>` : ""}</span
          >
          <button class="primary" name="do" value="comment">Comment</button>
        </div>
      </form>
    </div>`;
}

function sidebar({ acting }: Frame, repo: Repository, issue: Issue): Piece {
  const sort = maySort(repo, acting);
  const action = `/${repo.fullName}/issues/${issue.number}/labels`;
  const others = repo.labels.filter((label) => !issue.labels.includes(label));
  const chips = issue.labels.map((label) =>
    labelChip(
      label,
      sort
        ? html`<form method="post" action="${action}">
            <button name="remove" value="${label.name}" title="Remove">×</button>
          </form>`
        : html``,
    ),
  );
  const linked = [...repo.issues.values()].filter(
    ({ pull, body }) =>
      pull && new RegExp(`(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?):? #${issue.number}\\b`, "i").test(body ?? ""),
  );
  return html`<section id="side-assignees" data-live>
      <h3>Assignees</h3>
      ${issue.assignees.length === 0 ? html`<span class="dim">No one</span>` : issue.assignees.map((one) => html`<div>${avatar(one, "tiny")} ${one.login}</div>`)}
    </section>
    <section>
      <h3>Labels</h3>
      <div class="labels" id="side-labels" data-live>
        ${chips.length === 0 ? html`<span class="dim">None yet</span>` : chips}
      </div>
      ${
        sort
          ? html`<form method="post" action="${action}">
              <select name="add" aria-label="Label to add">
                ${others.map(({ name }) => html`<option>${name}</option>`)}
              </select>
              <button class="plain">Add</button>
            </form>`
          : ""
      }
    </section>
    ${
      issue.pull
        ? html`<section id="side-reviewers" data-live>
            <h3>Reviewers</h3>
            ${issue.pull.reviewers.length === 0 ? html`<span class="dim">None asked</span>` : issue.pull.reviewers.map((one) => html`<div>${avatar(one, "tiny")} ${one.login}</div>`)}
          </section>`
        : html`<section id="side-linked" data-live>
            <h3>Development</h3>
            ${
              linked.length === 0
                ? html`<span class="dim">No pull request yet</span>`
                : linked.map(
                    (one) =>
                      html`<div>
                        ${issueIcon(one)}
                        <a href="${pageOfIssue(repo, one)}">${one.title} <span class="dim">#${one.number}</span></a>
                      </div>`,
                  )
            }
          </section>`
    }`;
}

function pageOfIssue(repo: Repository, issue: Issue): string {
  return `/${repo.fullName}/${issue.pull ? "pull" : "issues"}/${issue.number}`;
}

/** Where a form leads to: the issue's own page. */
export function issueAddress(frame: Frame, repo: Repository, issue: Issue): string {
  return `${pageOf(frame.world, repo)}/${issue.pull ? "pull" : "issues"}/${issue.number}`;
}
