// What the published commit says. One commit per run; its trailers are Baton's alone, whatever an agent wrote.
import { lessonsOf } from "../engine/hindsight.ts";
import { setupOf } from "../engine/setup.ts";
import { artifactOf, changeOf, type State } from "../engine/state.ts";
import type { Neutral } from "./neutral.ts";
import type { Links } from "./progress.ts";

/** Subject, what was changed in the agents' words, and the trailers: run, issue, and the person who asked as co-author. */
export function commitMessage(
  state: State,
  title: string,
  { neutral, links }: { neutral: Neutral; links: Links },
): string {
  const { subject, request } = state.created;
  const change = changeOf(state);
  const page = links.run?.(state.runId);
  const trailers = [
    subject.kind === "issue" ? `Refs: #${subject.number}` : "",
    `Baton-Run: ${state.runId}${page === undefined ? "" : ` ${page}`}`,
    request.by.id === 0 || request.by.login.endsWith("[bot]")
      ? ""
      : `Co-authored-by: ${request.by.login} <${request.by.id}+${request.by.login}@${noReplyHost(links.serverUrl)}>`,
  ].filter((line) => line !== "");
  const tests = artifactOf(state, "Characterization")?.artifact.value.covers;
  const summary = (change ?? setupOf(state)?.value ?? lessonsOf(state)?.value)?.summary ?? tests;
  const about = summary === undefined ? "" : wrap(neutral.plain(summary, 800));
  return [subjectLine(title), about, trailers.join("\n")].filter((part) => part !== "").join("\n\n");
}

function subjectLine(title: string): string {
  return title.length <= 72 ? title : `${title.slice(0, 71).toWellFormed().trimEnd()}…`;
}

/** docs.github.com "Setting your commit email address": ID+USERNAME@users.noreply.github.com, on an Enterprise Server its own host. */
function noReplyHost(serverUrl: string): string {
  const host = URL.canParse(serverUrl) ? new URL(serverUrl).hostname : "github.com";
  return `users.noreply.${host}`;
}

/** Lines of at most 72 characters. A line never begins like a trailer or a comment, because all is one paragraph of plain words. */
function wrap(text: string): string {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + word.length < 72) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  // A wrapped line could still read "Signed-off-by: …" or "#…"; an indent takes that meaning from it.
  return lines.map((line) => (/^[\w-]+:|^#/.test(line) ? `  ${line}` : line)).join("\n");
}
