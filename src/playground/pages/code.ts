// The repositories, and what is in one: its files, one file, one commit.
import { html, raw } from "hono/html";
import { changedFiles } from "../git-diff.ts";
import type { TreeEntry } from "../git-repository.ts";
import { accountOf } from "../shapes/commits.ts";
import { encodePath } from "../shapes/pulls.ts";
import { hasRole, type Repository } from "../state.ts";
import { type Frame, layout, openCount } from "./layout.ts";
import { renderMarkdown } from "./markdown.ts";
import { avatar, icon, pageOf, type Piece, time } from "./pieces.ts";
import { diffBoxes } from "./pulls.ts";

export function repositoryList(frame: Frame): Piece {
  const seen = [...frame.world.repositories.values()].filter((repo) => hasRole(repo, frame.acting, "read"));
  const rows = seen.map(
    (repo) =>
      html`<div class="row">
        ${icon(repo.private ? "lock" : "book", "dim")}
        <div class="grow">
          <a class="title" href="/${repo.fullName}">${repo.fullName}</a>
          <span class="chip">${repo.private ? "Private" : "Public"}</span>
          ${repo.description === null ? "" : html`<div class="dim">${repo.description}</div>`}
        </div>
        <a class="ref" href="/${repo.fullName}/issues">${icon("issue")} ${openCount(repo, false)}</a>
        <a class="ref" href="/${repo.fullName}/pulls">${icon("pull")} ${openCount(repo, true)}</a>
      </div>`,
  );
  const body = html`<h2 style="margin-top:0">Repositories</h2>
    <div class="box" id="list" data-live>
      ${rows.length > 0 ? rows : html`<div class="empty">There is no repository you may see.</div>`}
    </div>`;
  return layout(frame, { title: "Repositories", body });
}

/** A folder with its README, or a file; undefined when the path is not there. */
export async function treePage(frame: Frame, repo: Repository, ref: string, path: string): Promise<Piece | undefined> {
  const sha = await repo.git.commitOf(ref);
  if (sha === undefined) return undefined;
  const entry = path === "" ? undefined : (await repo.git.listTree(sha, { path })).find((one) => one.path === path);
  if (path !== "" && !entry) return undefined;
  if (entry && entry.type !== "tree") return await filePage(frame, repo, ref, entry);
  const entries = await repo.git.listTree(sha, path === "" ? {} : { path: `${path}/` });
  const sorted = entries.sort(
    (a, b) => Number(b.type === "tree") - Number(a.type === "tree") || a.path.localeCompare(b.path),
  );
  const readme = sorted.find(({ path: at }) => /(^|\/)readme\.md$/i.test(at));
  const commit = await repo.git.readCommit(sha);
  const rows = sorted.map(({ path: at, type }) => {
    const name = at.split("/").at(-1) ?? at;
    return html`<div class="row">
      ${icon(type === "tree" ? "folder" : "file", "dim")}<a
        href="/${repo.fullName}/${type}/${encodePath(ref)}/${encodePath(at)}"
        >${name}</a
      >
    </div>`;
  });
  const author = commit ? accountOf(frame.world, commit.author) : undefined;
  const body = html`<div class="meta" style="margin-bottom:16px">
      <span class="branch mono">${ref}</span>${path === "" ? "" : html`<b>${path}</b>`}<span class="grow"></span>
      <code class="chip" style="padding:3px 10px">git clone ${pageOf(frame.world, repo)}.git</code>
    </div>
    <div class="box slim" id="tree" data-live>
      <div class="head">
        ${author ? avatar(author, "tiny") : ""}<b>${commit?.author.name ?? ""}</b>
        <span class="dim grow">${commit?.message.split("\n")[0] ?? ""}</span>
        <a class="mono ref" href="/${repo.fullName}/commit/${sha}">${sha.slice(0, 7)}</a
        >${commit ? html`<span class="dim small">${time(commit.committer.date)}</span>` : ""}
      </div>
      <div>${rows}</div>
    </div>
    ${readme ? await readmeBox(frame, repo, readme) : ""}`;
  return layout(frame, { title: repo.fullName, body, repo, tab: "code" });
}

async function readmeBox({ world }: Frame, repo: Repository, entry: TreeEntry): Promise<Piece> {
  const text = (await repo.git.readBlob(entry.sha)).toString("utf8");
  const rendered = renderMarkdown(text, { repository: pageOf(world, repo), comment: false });
  return html`<div class="box" style="margin-top:20px">
    <div class="head"><b>${entry.path}</b></div>
    <div class="md" style="padding:24px 32px">${raw(rendered)}</div>
  </div>`;
}

async function filePage(frame: Frame, repo: Repository, ref: string, entry: TreeEntry): Promise<Piece> {
  const bytes = await repo.git.readBlob(entry.sha);
  const lines = bytes.includes(0) ? undefined : bytes.toString("utf8").replace(/\n$/, "").split("\n");
  const body = html`<div class="meta" style="margin-bottom:16px">
      <span class="branch mono">${ref}</span><b class="mono">${entry.path}</b>
    </div>
    <div class="box" id="file" data-live>
      <div class="head">
        <span class="dim small">${lines ? `${lines.length} lines · ` : ""}${bytes.length} bytes</span>
      </div>
      ${
        lines
          ? html`<table class="diff mono">
              <tbody>
                ${lines.map(
                  (line, at) =>
                    html`<tr id="L${at + 1}">
                      <td class="n">${at + 1}</td>
                      <td>${line}</td>
                    </tr>`,
                )}
              </tbody>
            </table>`
          : html`<div class="empty">Not text.</div>`
      }
    </div>`;
  return layout(frame, { title: `${entry.path} · ${repo.fullName}`, body, repo, tab: "code" });
}

export async function commitPage(frame: Frame, repo: Repository, name: string): Promise<Piece | undefined> {
  const sha = await repo.git.commitOf(name);
  const commit = sha === undefined ? undefined : await repo.git.readCommit(sha);
  if (!commit) return undefined;
  const author = accountOf(frame.world, commit.author);
  const [subject = "", ...rest] = commit.message.split("\n");
  const body = html`<div class="box" style="margin-bottom:20px">
      <div class="head">
        <b style="font-size:16px" class="grow">${subject}</b
        >${repo.verified.has(commit.sha) ? html`<span class="verified">Verified</span>` : ""}
      </div>
      <div class="row" style="display:block">
        ${rest.join("\n").trim() === "" ? "" : html`<pre style="white-space:pre-wrap;margin-top:0">${rest.join("\n").trim()}</pre>`}
        <div class="meta">
          ${author ? avatar(author, "tiny") : ""}<b>${commit.author.name}</b> committed ${time(commit.author.date)}<span
            class="grow"
          ></span>
          <span class="mono">${commit.sha}</span>
        </div>
      </div>
    </div>
    ${diffBoxes(await changedFiles(repo.git, commit.parents[0], commit.sha))}`;
  return layout(frame, { title: `${subject} · ${repo.fullName}`, body, repo, tab: "code" });
}
