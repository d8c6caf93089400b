// Sums over the journal and over what there is: how much was asked, by whom and for what, what was made, and what was made twice.
// "No duplicate" and "no request in a forbidden window" are counted here, not believed.
import { hash, marksIn } from "./creations.ts";
import type { JournalEntry } from "./journal.ts";
import type { Repository } from "./state.ts";

export interface Ledger {
  readonly requests: number;
  /** "POST /repos/:owner/:repo/pulls" → how many. */
  readonly byRoute: Readonly<Record<string, number>>;
  readonly byActor: Readonly<Record<string, number>>;
  /** As told: "0" for a cut connection. */
  readonly byStatus: Readonly<Record<string, number>>;
  /** "owner/name#12" → requests whose path names it. */
  readonly bySubject: Readonly<Record<string, number>>;
  readonly byFault: Readonly<Record<string, number>>;
  /** What was made, by kind, told or not. */
  readonly made: Readonly<Record<string, number>>;
  /** Work that was done and whose answer was lost. */
  readonly lostAnswers: number;
  /** Requests that a rate limit refused. */
  readonly refused: number;
  /** Most made by one actor within any minute and any hour. */
  readonly content: { readonly total: number; readonly perMinute: number; readonly perHour: number };
}

/** Sums the entries. */
export function sumUp(entries: readonly JournalEntry[]): Ledger {
  const count = (keys: readonly (string | undefined)[]) => {
    const counts: Record<string, number> = {};
    for (const key of keys) if (key !== undefined) counts[key] = (counts[key] ?? 0) + 1;
    return counts;
  };
  const makers = new Map<string, number[]>();
  for (const { actor, at, made } of entries) {
    if (!made) continue;
    const times = makers.get(actor) ?? [];
    times.push(at);
    makers.set(actor, times);
  }
  const most = (ms: number) => Math.max(0, ...[...makers.values()].map((times) => mostWithin(times, ms)));
  return {
    requests: entries.length,
    byRoute: count(entries.map(({ method, route }) => `${method} ${route.replaceAll(/\{[^}]*\}/g, "")}`)),
    byActor: count(entries.map(({ actor }) => actor)),
    byStatus: count(entries.map(({ status }) => String(status))),
    bySubject: count(entries.map(({ path }) => subjectOf(path))),
    byFault: count(entries.map(({ fault }) => fault)),
    made: count(entries.map(({ made }) => made?.kind)),
    lostAnswers: entries.filter(({ done, status }) => done !== undefined && done < 300 && done !== status).length,
    refused: entries.filter(({ refused }) => refused !== undefined).length,
    content: {
      total: [...makers.values()].reduce((sum, times) => sum + times.length, 0),
      perMinute: most(60_000),
      perHour: most(3_600_000),
    },
  };
}

function subjectOf(path: string): string | undefined {
  const [, repo, number] = /^\/repos\/([^/]+\/[^/]+)\/(?:issues|pulls)\/(\d+)/.exec(path) ?? [];
  return repo === undefined ? undefined : `${repo}#${number ?? ""}`;
}

/** The most of these times within any span of `ms`. */
function mostWithin(times: number[], ms: number): number {
  times.sort((a, b) => a - b);
  let [most, first] = [0, 0];
  for (const [last, at] of times.entries()) {
    while ((times[first] ?? at) <= at - ms) first += 1;
    most = Math.max(most, last - first + 1);
  }
  return most;
}

export interface Duplicate {
  readonly kind: "comment" | "pull request" | "branch commit" | "label" | "reaction";
  /** "owner/name" */
  readonly repo: string;
  /** What they have in common: the mark, the head branch, the tree and message. */
  readonly key: string;
  /** Comment ids, numbers, commit ids. */
  readonly items: readonly (number | string)[];
}

/**
 * What there is twice in a repository now: comments of one author with the same mark on one issue, pull requests from one head or
 * with one mark, commits with the same tree and message on branches other than the default one, labels by name, reactions of one account.
 * Comments without a mark are nobody's duplicates.
 */
export async function duplicatesIn(repo: Repository): Promise<Duplicate[]> {
  const groups = new Map<string, { kind: Duplicate["kind"]; key: string; items: (number | string)[] }>();
  const put = (kind: Duplicate["kind"], key: string, item: number | string) => {
    const group = groups.get(`${kind} ${key}`) ?? { kind, key, items: [] };
    group.items.push(item);
    groups.set(`${kind} ${key}`, group);
  };
  for (const issue of repo.issues.values()) {
    for (const comment of issue.comments) {
      for (const mark of new Set(marksIn(comment.body)))
        put("comment", `#${issue.number} ${comment.by.account.login} ${mark}`, comment.id);
      for (const { id, by, content } of comment.reactions) put("reaction", `${comment.id} ${by.login} ${content}`, id);
    }
    for (const { id, by, content } of issue.reactions) put("reaction", `#${issue.number} ${by.login} ${content}`, id);
    if (!issue.pull) continue;
    put("pull request", issue.pull.headRef, issue.number);
    for (const mark of new Set(marksIn(issue.body ?? ""))) put("pull request", mark, issue.number);
  }
  for (const label of repo.labels) put("label", label.name.toLowerCase(), label.id);
  const log = await repo.git.text(
    ["log", "--branches", "--not", `refs/heads/${repo.defaultBranch}`, "--format=%H%x00%T%x00%B%x01"],
    { accept: [128] },
  );
  for (const record of log.split("\u0001")) {
    const [sha = "", tree, message = ""] = record.trim().split("\0");
    if (tree !== undefined) put("branch commit", `${tree} ${hash(message)}`, sha);
  }
  return [...groups.values()]
    .filter(({ items }) => items.length > 1)
    .map((group) => ({ ...group, repo: repo.fullName }));
}
