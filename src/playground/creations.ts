// What requests made: comments, pull requests, refs, commits … each with what would make another one its duplicate. Read from a
// request and its true answer, so that what was made and never told counts too.
import { createHash } from "node:crypto";

export interface Creation {
  readonly kind:
    | "issue"
    | "comment"
    | "pull request"
    | "label"
    | "reaction"
    | "review request"
    | "ref"
    | "commit"
    | "tree"
    | "blob"
    | "check run";
  /** "owner/name", or the id that was asked by. */
  readonly repo: string;
  /** The issue or pull request it belongs to. */
  readonly subject: number | undefined;
  /** Two creations of one kind with the same key are duplicates. */
  readonly key: string;
  /** What HTML comments of the form `<!-- word:… -->` in its text say: how a program finds its own work again. */
  readonly marks: readonly string[];
}

const kinds: Readonly<Record<string, Creation["kind"]>> = {
  "/issues": "issue",
  "/issues/:number{[0-9]+}/comments": "comment",
  "/pulls": "pull request",
  "/labels": "label",
  "/issues/:number{[0-9]+}/reactions": "reaction",
  "/issues/comments/:id{[0-9]+}/reactions": "reaction",
  "/pulls/:number{[0-9]+}/requested_reviewers": "review request",
  "/git/refs": "ref",
  "/git/commits": "commit",
  "/git/trees": "tree",
  "/git/blobs": "blob",
  "/check-runs": "check run",
};

const BASE = "/repos/:owner/:repo";

/** True for requests that GitHub's limits on making content count: every POST that makes something in a repository. */
export function makesContent(method: string, path: string): boolean {
  return method === "POST" && /^\/(?:repos|repositories)\//.test(path);
}

/** What a request made that was truly answered with `status` and `answer`; undefined for nothing. */
export function creationOf(
  request: { readonly method: string; readonly path: string; readonly route: string; readonly body: unknown },
  status: number,
  answer: unknown,
): Creation | undefined {
  if (request.method !== "POST" || status !== 201 || !request.route.startsWith(BASE)) return undefined;
  const kind = kinds[request.route.slice(BASE.length)];
  if (kind === undefined) return undefined;
  const [, repo = "", rest = ""] = /^\/(?:repos\/([^/]+\/[^/]+)|repositories\/\d+)(\/.*)$/.exec(request.path) ?? [];
  const said = text(answer, "body") ?? text(request.body, "message") ?? "";
  const marks = marksIn(said);
  return {
    kind,
    repo: repo || (/^\/repositories\/(\d+)/.exec(request.path)?.[1] ?? ""),
    subject: Number(/^\/(?:issues|pulls)\/(\d+)/.exec(rest)?.[1] ?? text(answer, "number")) || undefined,
    key: `${kind} ${repo}${keyOf(kind, rest, request.body, answer, marks)}`,
    marks,
  };
}

function keyOf(kind: Creation["kind"], rest: string, body: unknown, answer: unknown, marks: readonly string[]): string {
  const of = (name: string) => text(body, name) ?? "";
  switch (kind) {
    case "comment":
    case "issue":
      return `${rest} ${marks.length > 0 ? marks.join(" ") : hash(`${of("title")} ${of("body")}`)}`;
    case "pull request":
      return ` ${of("head")}`;
    case "label":
      return ` ${of("name").toLowerCase()}`;
    case "reaction":
      return `${rest} ${of("content")}`;
    case "review request":
      return `${rest} ${hash(JSON.stringify(body))}`;
    case "ref":
      return ` ${of("ref")}`;
    case "commit":
      return ` ${hash(`${of("tree")} ${JSON.stringify(field(body, "parents"))} ${of("message")}`)}`;
    case "tree":
    case "blob":
      return ` ${text(answer, "sha") ?? ""}`;
    case "check run":
      return ` ${of("name")} ${of("head_sha")} ${of("external_id")}`;
    default:
      return kind satisfies never;
  }
}

/** What the marks in a text say. */
export function marksIn(said: string): string[] {
  return [...said.matchAll(/<!-- ?(\w[\w-]*:[^\s>]{1,300}) ?-->/g)].map(([, mark = ""]) => mark);
}

export function hash(value: string): string {
  return createHash("sha256").update(value).digest("hex").slice(0, 16);
}

function field(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  return Object.entries(value).find(([key]) => key === name)?.[1];
}

function text(value: unknown, name: string): string | undefined {
  const found = field(value, name);
  return typeof found === "string" || typeof found === "number" ? String(found) : undefined;
}
