// A pull request: conversation, commits, checks and the coloured diff.
import { html } from "hono/html";
import { type ChangedFile, changedFiles, commitsBetween, mergesCleanly } from "../git-diff.ts";
import type { Commit } from "../git-repository.ts";
import { accountOf } from "../shapes/commits.ts";
import { threadsOf } from "../review-threads.ts";
import { startOfPull } from "../shapes/pulls.ts";
import { type CheckRun, hasRole, type Issue, type PullRequest, type Repository } from "../state.ts";
import { conversation, headline } from "./issues.ts";
import { type Frame, layout } from "./layout.ts";
import { avatar, icon, type Piece, prose, stateBadge, time } from "./pieces.ts";

export type PullTab = "" | "commits" | "checks" | "files";

/** The newest run of each name and App on the head. */
function checksOf(repo: Repository, sha: string): CheckRun[] {
  const runs = repo.checkRuns.filter(({ headSha }) => headSha === sha);
  return runs.filter(
    (run, at) => !runs.slice(at + 1).some((later) => later.name === run.name && later.app === run.app),
  );
}

export async function pullPage(
  frame: Frame,
  repo: Repository,
  issue: Issue,
  pull: PullRequest,
  tab: PullTab,
): Promise<Piece> {
  const start = await startOfPull(repo, pull);
  const [commits, files] = await Promise.all([
    commitsBetween(repo.git, start, pull.headSha),
    changedFiles(repo.git, start, pull.headSha),
  ]);
  const checks = checksOf(repo, pull.headSha);
  const page = `/${repo.fullName}/pull/${issue.number}`;
  const link = (to: PullTab, words: string, count?: number) =>
    html`<a href="${page}${to === "" ? "" : `/${to}`}" class="${to === tab ? "here" : ""}"
      >${words}${count === undefined ? "" : html` <span class="count">${count}</span>`}</a
    >`;
  const additions = files.reduce((total, file) => total + file.additions, 0);
  const deletions = files.reduce((total, file) => total + file.deletions, 0);
  const [who, verb] = pull.mergedBy ? [pull.mergedBy, "merged"] : [issue.by.account, "wants to merge"];
  const inside = {
    "": async () =>
      conversation(
        frame,
        repo,
        issue,
        html`${commitLines(frame, repo, commits)} ${threadBoxes(frame, repo, pull)}
        ${await mergeBox(frame, repo, issue, pull, checks)}`,
      ),
    commits: () => commitList(frame, repo, commits),
    checks: () =>
      checks.length === 0
        ? html`<div class="box empty">No checks have run on ${pull.headSha.slice(0, 7)}.</div>`
        : checkBox(frame, repo, checks, true),
    files: () => html`<div id="files" data-live>${diffBoxes(files)}</div>`,
  }[tab];
  const body = html`${headline(issue)}
    <div class="meta">
      ${stateBadge(issue)}
      <span id="opened" data-live
        ><b>${who.login}</b> ${verb} ${commits.length} ${commits.length === 1 ? "commit" : "commits"} into
        <span class="branch mono">${pull.baseRef}</span> from <span class="branch mono">${pull.headRef}</span></span
      >
    </div>
    <nav class="subtabs" id="subtabs" data-live>
      ${link("", "Conversation")} ${link("commits", "Commits", commits.length)}
      ${link("checks", "Checks", checks.length)} ${link("files", "Files changed", files.length)}
      <span class="grow"></span
      ><span style="padding-top:8px"
        ><span class="plus">+${additions}</span> <span class="minus">−${deletions}</span></span
      >
    </nav>
    ${await inside()}`;
  return layout(frame, { title: `${issue.title} · Pull request #${issue.number}`, body, repo, tab: "pulls" });
}

function commitLine({ world }: Frame, repo: Repository, commit: Commit): Piece {
  const author = accountOf(world, commit.author);
  const [subject = ""] = commit.message.split("\n");
  return html`${author ? avatar(author, "tiny") : icon("commit")}
    <span class="grow"
      ><a class="title" style="font-weight:400;font-size:14px" href="/${repo.fullName}/commit/${commit.sha}"
        >${subject}</a
      >
      <span class="dim small">${commit.author.name}</span></span
    >
    ${repo.verified.has(commit.sha) ? html`<span class="verified" title="Signed by GitHub for the App">Verified</span>` : ""}
    <a class="mono ref" href="/${repo.fullName}/commit/${commit.sha}">${commit.sha.slice(0, 7)}</a>`;
}

function commitLines(frame: Frame, repo: Repository, commits: readonly Commit[]): Piece {
  return html`<div id="commits" data-live>
    ${commits.map((commit) => html`<div class="happening"><span class="dot">${icon("commit")}</span>${commitLine(frame, repo, commit)}</div>`)}
  </div>`;
}

function commitList(frame: Frame, repo: Repository, commits: readonly Commit[]): Piece {
  return html`<div class="box" id="commits" data-live>
    ${commits.map((commit) => html`<div class="row" style="align-items:center">${commitLine(frame, repo, commit)}<span class="dim small">${time(commit.author.date)}</span></div>`)}
  </div>`;
}

function threadBoxes({ world }: Frame, repo: Repository, pull: PullRequest): Piece {
  const boxes = threadsOf(pull).map(
    ({ first, said, resolvedBy }) =>
      html`<details class="box" style="margin-top:16px" ${resolvedBy ? "" : "open"}>
        <summary class="head">
          <code>${first.path}:${first.line}</code>
          <span class="dim small grow">${resolvedBy ? `${resolvedBy.login} marked this as resolved` : "open"}</span>
        </summary>
        ${said.map(
          ({ by, remark }) =>
            html`<div class="row">${avatar(by, "tiny")} <b>${by.login}</b></div>
              ${prose(world, repo, remark.body)}`,
        )}
      </details>`,
  );
  return html`<div id="threads" data-live style="margin-left:54px">${boxes}</div>`;
}

async function mergeBox(
  frame: Frame,
  repo: Repository,
  issue: Issue,
  pull: PullRequest,
  checks: readonly CheckRun[],
): Promise<Piece> {
  if (pull.mergedAt || issue.state === "closed")
    return checks.length > 0 ? checkBox(frame, repo, checks, false) : html``;
  const base = (await repo.git.commitOf(`refs/heads/${pull.baseRef}`)) ?? pull.baseSha;
  const clean = await mergesCleanly(repo.git, base, pull.headSha);
  const draft = pull.draft
    ? html`<div class="row">
        ${icon("pull", "draft")}
        <div>
          <b>This pull request is a draft</b>
          <div class="dim small">A person marks it ready.</div>
        </div>
      </div>`
    : "";
  return html`<div id="merge" data-live style="margin-left:54px">
    ${checks.length > 0 ? checkBox(frame, repo, checks, false) : ""}
    <div class="box" style="margin-top:16px">
      ${draft}
      <div class="row">
        ${clean ? icon("check", "open") : icon("cross", "bad")}
        <b>${clean ? `No conflicts with ${pull.baseRef}` : `This branch has conflicts with ${pull.baseRef}`}</b>
      </div>
    </div>
  </div>`;
}

function checkMark(run: CheckRun): Piece {
  if (run.status !== "completed") return run.status === "queued" ? icon("dot", "wait") : icon("busy", "wait spin");
  if (run.conclusion === "success") return icon("check", "open");
  return run.conclusion === "neutral" || run.conclusion === "skipped" ? icon("dot", "dim") : icon("cross", "bad");
}

/** What may be asked of its App, by whoever may write. */
function checkButtons({ acting }: Frame, repo: Repository, run: CheckRun): Piece {
  if (!hasRole(repo, acting, "write")) return html``;
  return html`<form class="presses" method="post" action="/${repo.fullName}/runs/${run.id}">
    ${run.actions.map(
      ({ label, description, identifier }) =>
        html`<button class="plain" name="press" value="${identifier}" title="${description}">${label}</button>`,
    )}
    <button class="plain" name="rerun" value="yes" title="Ask the App to run this check again">Re-run</button>
  </form>`;
}

function checkBox(frame: Frame, repo: Repository, checks: readonly CheckRun[], unfolded: boolean): Piece {
  const { world } = frame;
  const bad = checks.filter(
    ({ conclusion }) => conclusion !== null && !["success", "neutral", "skipped"].includes(conclusion),
  ).length;
  const busy = checks.filter(({ status }) => status !== "completed").length;
  const [className, words] =
    bad > 0
      ? ["bad", "Some checks were not successful"]
      : busy > 0
        ? ["wait", "Some checks have not finished yet"]
        : ["open", "All checks have passed"];
  const rows = checks.map((run) => {
    const said = [run.summary, run.text].filter((text) => text !== null && text !== "").join("\n\n");
    const marks = run.annotations.map(
      (one) =>
        html`<div class="small">
          <span class="${one.annotation_level === "failure" ? "bad" : "dim"}">${one.annotation_level}</span>
          <code>${one.path}:${one.start_line}</code> ${one.message}
        </div>`,
    );
    return html`<details class="row" ${unfolded ? "open" : ""}>
      <summary>
        ${checkMark(run)} ${avatar(run.app.bot, "tiny")}
        <span class="grow"
          ><b>${run.name}</b> <span class="dim">${run.title ?? run.status.replace("_", " ")}</span></span
        >
        <a class="small" href="${run.detailsUrl}">Details</a>
      </summary>
      ${said === "" ? "" : prose(world, repo, said)} ${marks.length > 0 ? html`<div class="md">${marks}</div>` : ""}
      ${checkButtons(frame, repo, run)}
    </details>`;
  });
  return html`<div class="box checks" id="checks" ${unfolded ? "data-live" : ""}>
    <div class="head"><b class="${className}">${words}</b><span class="dim small">${checks.length} in all</span></div>
    <div>${rows}</div>
  </div>`;
}

/** One coloured box for each file. */
export function diffBoxes(files: readonly ChangedFile[]): Piece {
  if (files.length === 0) return html`<div class="box empty">Nothing is changed.</div>`;
  const boxes = files.map(
    (file) =>
      html`<details class="file" open>
        <summary>
          ${icon("file", "dim")}<span class="mono grow"
            >${file.previous === undefined ? "" : `${file.previous} → `}${file.path}</span
          >
          ${file.status === "modified" ? "" : html`<span class="chip">${file.status}</span>`}
          <span class="plus">+${file.additions}</span><span class="minus">−${file.deletions}</span>
        </summary>
        ${
          file.patch === undefined
            ? html`<div class="empty small">Nothing to show as text.</div>`
            : html`<table class="diff mono">
                <tbody>
                  ${diffLines(file.patch)}
                </tbody>
              </table>`
        }
      </details>`,
  );
  return html`${boxes}`;
}

function diffLines(patch: string): Piece[] {
  let before = 0;
  let after = 0;
  return patch.split("\n").map((line) => {
    const hunk = /^@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@/.exec(line);
    if (hunk) {
      before = Number(hunk[1]);
      after = Number(hunk[2]);
      return html`<tr class="hunk">
        <td class="n"></td>
        <td class="n"></td>
        <td class="s"></td>
        <td>${line}</td>
      </tr>`;
    }
    const sign = line[0] ?? " ";
    if (sign === "\\")
      return html`<tr>
        <td class="n"></td>
        <td class="n"></td>
        <td class="s"></td>
        <td class="dim">${line.slice(2)}</td>
      </tr>`;
    const left = sign === "+" ? "" : String(before++);
    const right = sign === "-" ? "" : String(after++);
    const kind = sign === "+" ? "add" : sign === "-" ? "del" : "";
    return html`<tr class="${kind}">
      <td class="n">${left}</td>
      <td class="n">${right}</td>
      <td class="s">${sign}</td>
      <td>${line.slice(1)}</td>
    </tr>`;
  });
}
