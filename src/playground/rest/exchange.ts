// What every REST route needs: who asks, about which repository, with what body; and GitHub's ways of refusing and paging.
// A refusal travels as an exception from where it is found to the one place that answers it.
import type { Context } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { z } from "zod";
import { doerOf, mayDo, maySee, type Need } from "../access.ts";
import { MAX_BODY } from "../issues.ts";
import {
  type Account,
  type Doer,
  findAccount,
  findRenamed,
  findRepository,
  type Issue,
  type Repository,
  type Role,
  type World,
} from "../state.ts";
import type { Actor } from "../tokens.ts";

export interface RestEnv {
  Variables: { actor: Actor };
}
export type RestContext = Context<RestEnv>;

/** An internal header: the path as it was asked for, without the prefix. Overwritten on the way in. */
export const ROUTED = "x-playground-path";

const documentation = "https://docs.github.com/rest";

/** One of GitHub's error answers on its way to the client. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly status: ContentfulStatusCode;
  readonly body: Readonly<Record<string, unknown>>;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: ContentfulStatusCode,
    message: string,
    more: {
      readonly errors?: readonly unknown[];
      readonly url?: string;
      readonly headers?: Readonly<Record<string, string>>;
    } = {},
  ) {
    super(message);
    this.status = status;
    this.headers = more.headers ?? {};
    const errors = more.errors === undefined ? {} : { errors: more.errors };
    const url = more.url === undefined ? {} : { url: more.url };
    this.body = { message, ...errors, ...url, documentation_url: documentation, status: String(status) };
  }
}

export const notFound = () => new Refusal(404, "Not Found");

/** Sends the client on to where something is now; what is not a GET keeps its method there. */
function moved(c: RestContext, world: World, to: string): Refusal {
  const url = `${world.apiUrl}${to}${new URL(c.req.url).search}`;
  const [status, message] =
    c.req.method === "GET" ? ([301, "Moved Permanently"] as const) : ([307, "Temporary Redirect"] as const);
  return new Refusal(status, message, { url, headers: { location: url } });
}

/** What the address says behind `/repos/owner/name`, as it was asked for. */
function restOfPath(c: RestContext): string {
  return (c.req.header(ROUTED) ?? c.req.path).replace(/^\/(?:repos\/[^/]+\/[^/]+|repositories\/\d+)/, "");
}

/** The repository of the address; 404 when there is none, a redirect when it has another name now. */
function repositoryHere(c: RestContext, world: World): Repository {
  const [owner, name] = [param(c, "owner"), param(c, "repo")];
  const repo = findRepository(world, owner, name);
  if (repo) return repo;
  const renamed = findRenamed(world, owner, name);
  if (!renamed || !maySee(c.get("actor"), renamed)) throw notFound();
  throw moved(c, world, `/repositories/${renamed.id}${restOfPath(c)}`);
}

/** 422 for a field of a resource, with GitHub's codes: missing, missing_field, invalid, already_exists, custom. */
export function invalid(resource: string, field: string, code: string, message?: string): Refusal {
  const error = { resource, field, code, ...(message === undefined ? {} : { message }) };
  return new Refusal(422, "Validation Failed", { errors: [error] });
}

export interface Here {
  readonly actor: Actor;
  readonly repo: Repository;
}

/** A path parameter, decoded. */
export function param(c: RestContext, name: string): string {
  const value: unknown = c.req.param(name);
  if (typeof value !== "string") throw notFound();
  return value;
}

/** The repository of the address, if the actor may do this in it. Any one of `permissions` is enough for an App. */
export function here(
  c: RestContext,
  world: World,
  level: Need["level"],
  permissions: string,
  role: Role = "read",
): Here {
  const actor = c.get("actor");
  const repo = repositoryHere(c, world);
  demand(actor, repo, { level, permissions: permissions.split("|"), role });
  return { actor, repo };
}

export function demand(actor: Actor, repo: Repository, need: Need): void {
  const verdict = mayDo(actor, repo, need);
  if (verdict.type === "yes") {
    if (need.level === "write" && repo.archived) throw new Refusal(403, "Repository was archived so is read-only.");
    return;
  }
  const accepted = need.permissions.map((name) => `${name}=${need.level}`).join("; ");
  const headers = verdict.status === 403 ? { "x-accepted-github-permissions": accepted } : {};
  throw new Refusal(verdict.status, verdict.message, { headers });
}

/**
 * The issue of the address. An issue needs the permission `issues`; a pull request is an issue too, and there
 * `pull_requests` is as good (https://docs.github.com/rest/authentication/permissions-required-for-github-apps).
 */
export function issueHere(
  c: RestContext,
  world: World,
  level: Need["level"],
  role: Role = "read",
): Here & { issue: Issue } {
  const actor = c.get("actor");
  const repo = repositoryHere(c, world);
  if (!maySee(actor, repo)) throw notFound();
  const number = Number(param(c, "number"));
  const issue = repo.issues.get(number);
  demand(actor, repo, { level, permissions: issuePermissions(issue), role });
  if (!issue) throw absent(c, world, actor, repo, number);
  return { actor, repo, issue };
}

/** Why an issue is not there: never was, deleted, or transferred to where the actor may or may not look. */
function absent(c: RestContext, world: World, actor: Actor, repo: Repository, number: number): Refusal {
  const gone = repo.gone.get(number);
  if (gone === undefined) return notFound();
  if (gone === "deleted") return new Refusal(410, "This issue was deleted");
  if (!maySee(actor, gone.repo)) return notFound();
  const rest = restOfPath(c).replace(/^\/issues\/\d+/, "");
  return moved(c, world, `/repositories/${gone.repo.id}/issues/${gone.number}${rest}`);
}

export function issuePermissions(issue: Issue | undefined): string[] {
  return issue?.pull ? ["issues", "pull_requests"] : ["issues"];
}

/** In whose name the change is made; anonymous callers have been refused before. */
export function doer(actor: Actor): Doer {
  const found = doerOf(actor);
  if (!found) throw new Refusal(401, "Requires authentication");
  return found;
}

/** Accounts by login; unknown ones are 422 with the field's name. */
export function accounts(world: World, logins: readonly string[], resource: string, field: string): Account[] {
  return logins.map((login) => {
    const account = findAccount(world, login);
    if (!account) throw invalid(resource, field, "invalid");
    return account;
  });
}

/** Text no longer than GitHub keeps. */
export const bodyText = z.string().max(MAX_BODY, `is too long (maximum is ${MAX_BODY} characters)`);

/** The JSON body. Not JSON: 400; not of this shape, unknown keys too: 422 in GitHub's words. */
export async function bodyOf<T>(c: RestContext, schema: z.ZodType<T>): Promise<T> {
  const text = await c.req.text();
  let json: unknown;
  try {
    json = text.trim() === "" ? {} : JSON.parse(text);
  } catch {
    throw new Refusal(400, "Problems parsing JSON");
  }
  const read = schema.safeParse(json);
  if (read.success) return read.data;
  const long = read.error.issues.find(({ message }) => message.startsWith("is too long"));
  if (long) {
    const field = String(long.path[0]);
    throw invalid("Issue", field, "custom", `${field} ${long.message}`);
  }
  const lines = read.error.issues.map((issue) =>
    issue.code === "unrecognized_keys"
      ? issue.keys.map((key) => `"${key}" is not a permitted key.`).join("\n")
      : `For 'properties/${issue.path.join("/")}', ${issue.message}.`,
  );
  throw new Refusal(422, `Invalid request.\n\n${lines.join("\n")}`);
}

/** The JSON text of an answer: what `c.json` would make, without its types for shapes that are only known as records. */
export function answer(c: RestContext, value: unknown, status: ContentfulStatusCode = 200): Response {
  return c.body(JSON.stringify(value), status, { "content-type": "application/json; charset=utf-8" });
}

export const noContent = () => new Response(null, { status: 204 });

/** One page of a list (30 by default, 100 at most), with a `Link` header to its neighbours. */
export function page<T>(c: RestContext, world: World, items: readonly T[]): readonly T[] {
  const count = (value: string | undefined, otherwise: number) => {
    const number = Number.parseInt(value ?? "", 10);
    return Number.isSafeInteger(number) && number > 0 ? number : otherwise;
  };
  const size = Math.min(count(c.req.query("per_page"), 30), 100);
  const at = count(c.req.query("page"), 1);
  const last = Math.max(1, Math.ceil(items.length / size));
  const links = [
    ["prev", at - 1],
    ["next", at + 1],
    ["last", last],
    ["first", 1],
  ] as const;
  const useful = links.filter(
    ([rel, to]) => to >= 1 && to <= last && (rel === "prev" || rel === "first" ? at > 1 : at < last),
  );
  const { pathname, search } = new URL(c.req.url);
  const header = useful.map(([rel, to]) => {
    const query = new URLSearchParams(search);
    query.set("page", String(to));
    return `<${world.url}${pathname}?${query.toString()}>; rel="${rel}"`;
  });
  if (header.length > 0) c.header("link", header.join(", "));
  return items.slice((at - 1) * size, at * size);
}

/** Sorted as `sort` and `direction` ask, newest first otherwise. */
export function sorted<T extends { readonly createdAt: string; readonly updatedAt: string; readonly id: number }>(
  c: RestContext,
  items: readonly T[],
  direction: "asc" | "desc" = "desc",
): T[] {
  const up = (c.req.query("direction") ?? direction) === "asc" ? 1 : -1;
  const key = (item: T) => (c.req.query("sort") === "updated" ? item.updatedAt : item.createdAt);
  return [...items].sort((a, b) => up * (key(a).localeCompare(key(b)) || a.id - b.id));
}
