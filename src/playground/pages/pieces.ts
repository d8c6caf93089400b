// Small pieces the pages share: icons, avatars, labels, times, comments.
import { html, raw } from "hono/html";
import type { HtmlEscapedString } from "hono/utils/html";
import type { Account, Issue, Label, Repository, World } from "../state.ts";
import { renderMarkdown } from "./markdown.ts";

export type Piece = HtmlEscapedString | Promise<HtmlEscapedString>;

const shapes = {
  issue: '<circle cx="8" cy="8" r="6"/><circle cx="8" cy="8" r="1.2" fill="currentColor" stroke="none"/>',
  done: '<circle cx="8" cy="8" r="6"/><path d="M5.4 8.2l1.8 1.8 3.4-3.8"/>',
  pull: '<circle cx="4" cy="3.5" r="1.7"/><circle cx="4" cy="12.5" r="1.7"/><circle cx="12" cy="12.5" r="1.7"/><path d="M4 5.2v5.6M12 10.8V6.2a2 2 0 0 0-2-2H8M9.6 2.4L7.8 4.2l1.8 1.8"/>',
  merge:
    '<circle cx="4" cy="3.5" r="1.7"/><circle cx="4" cy="12.5" r="1.7"/><circle cx="12" cy="8" r="1.7"/><path d="M4 5.2v5.6M4 5.4c.4 1.6 2 2.6 4.4 2.6h1.9"/>',
  book: '<path d="M3 2.5h8.5a1 1 0 0 1 1 1v10H4.5A1.5 1.5 0 0 1 3 12V2.5zM3 12a1.5 1.5 0 0 1 1.5-1.5h8"/>',
  check: '<path d="M3.2 8.6l3 3 6.6-7"/>',
  cross: '<path d="M4 4l8 8M12 4l-8 8"/>',
  dot: '<circle cx="8" cy="8" r="3.4" fill="currentColor" stroke="none"/>',
  busy: '<path d="M8 2a6 6 0 1 1-6 6"/>',
  tag: '<path d="M2.5 2.5h5l6 6-5 5-6-6z"/><circle cx="5.4" cy="5.4" r=".9" fill="currentColor" stroke="none"/>',
  pencil: '<path d="M10.5 3l2.5 2.5L6 12.5l-3.2.7.7-3.2z"/>',
  person: '<circle cx="8" cy="5" r="2.6"/><path d="M3 13.5c.6-2.8 2.4-4.2 5-4.2s4.4 1.4 5 4.2"/>',
  commit: '<circle cx="8" cy="8" r="2.6"/><path d="M1.5 8h3.9M10.6 8h3.9"/>',
  code: '<path d="M5.5 4.5L2 8l3.5 3.5M10.5 4.5L14 8l-3.5 3.5"/>',
  folder: '<path d="M1.8 3.5h4.4l1.4 1.6h6.6v7.4H1.8z"/>',
  file: '<path d="M4 1.8h5.2l3 3v9.4H4zM9 1.8v3.2h3.2"/>',
  lock: '<rect x="3.5" y="7" width="9" height="6.5" rx="1"/><path d="M5.5 7V5a2.5 2.5 0 0 1 5 0v2"/>',
  mark: '<path d="M3 12.5V6l5-3.5L13 6v6.5M6.5 12.5V9h3v3.5"/>',
} as const;

export function icon(name: keyof typeof shapes, className = ""): Piece {
  return html`<svg class="icon ${className}" viewBox="0 0 16 16" aria-hidden="true">${raw(shapes[name])}</svg>`;
}

export function avatar(account: Account, className = ""): Piece {
  const kind = account.type === "Bot" ? "bot" : "";
  return html`<img class="avatar ${kind} ${className}" src="/ui/avatar/${account.id}.svg" alt="" />`;
}

/** A picture for an account: its initial on a colour of its own. */
export function avatarSvg(account: Account): string {
  const hue = (account.id * 137) % 360;
  const face =
    account.type === "Bot"
      ? '<rect x="11" y="15" width="18" height="13" rx="4" fill="#fff"/><circle cx="17" cy="21.500" r="2" fill="#1f2328"/><circle cx="23" cy="21.500" r="2" fill="#1f2328"/><path d="M20 15v-4" stroke="#fff" stroke-width="2"/><circle cx="20" cy="10" r="2" fill="#fff"/>'
      : `<text x="20" y="26.500" text-anchor="middle" font-family="system-ui, sans-serif" font-size="18" font-weight="600" fill="#fff">${(account.login[0] ?? "?").toUpperCase().replaceAll(/[<&>]/g, "?")}</text>`;
  const ground = account.type === "Bot" ? "#57606a" : `hsl(${hue} 45% 48%)`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 40"><rect width="40" height="40" fill="${ground}"/>${face}</svg>`;
}

/** A label in its colour: soft ground, dark words, as legible on white as GitHub's. */
export function labelChip(
  { name, color, description }: Pick<Label, "name" | "color"> & Partial<Label>,
  more?: Piece,
): Piece {
  const [red = 0, green = 0, blue = 0] = [0, 2, 4].map((at) => Number.parseInt(color.slice(at, at + 2), 16) || 0);
  const bright = (red * 299 + green * 587 + blue * 114) / 1000 > 150;
  const words = bright ? "#1f2328" : "#fff";
  return html`<span
    class="label"
    style="background:#${color};color:${words};border-color:rgba(31,35,40,.12)"
    title="${description ?? ""}"
    >${name}${more ?? ""}</span
  >`;
}

export function time(at: string): Piece {
  return html`<time datetime="${at}">${at.replace("T", " ").replace("Z", " UTC")}</time>`;
}

export function pageOf(world: World, repo: Repository): string {
  return `${world.url}/${repo.fullName}`;
}

/** Markdown of a comment, rendered safely. */
export function prose(world: World, repo: Repository, text: string): Piece {
  return html`<div class="md">${raw(renderMarkdown(text, { repository: pageOf(world, repo), comment: true }))}</div>`;
}

export function issueIcon(issue: Issue): Piece {
  const { pull } = issue;
  if (pull?.mergedAt) return icon("merge", "closed");
  if (pull) return icon("pull", issue.state === "closed" ? "bad" : pull.draft ? "draft" : "open");
  return issue.state === "open" ? icon("issue", "open") : icon("done", "closed");
}

export function stateBadge(issue: Issue): Piece {
  const { pull } = issue;
  const [className, name, words] = pull?.mergedAt
    ? (["is-merged", "merge", "Merged"] as const)
    : issue.state === "closed"
      ? ([pull ? "is-shut" : "is-closed", pull ? "pull" : "done", "Closed"] as const)
      : pull?.draft
        ? (["is-draft", "pull", "Draft"] as const)
        : (["", pull ? "pull" : "issue", "Open"] as const);
  return html`<span class="badge ${className}" id="state" data-live>${icon(name)} ${words}</span>`;
}

export const faces = [
  ["+1", "👍"],
  ["-1", "👎"],
  ["laugh", "😄"],
  ["hooray", "🎉"],
  ["confused", "😕"],
  ["heart", "❤️"],
  ["rocket", "🚀"],
  ["eyes", "👀"],
] as const;
