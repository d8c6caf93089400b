// Who may do what in a repository. GitHub's rules, and its words for refusing: what you may not see does not exist (404);
// what you may see but not do is 403; what anybody must sign in for is 401.
//
// One rule is stricter here than there: an App needs the permission even to read from a public repository it is installed
// on. GitHub lets that pass, and the missing permission then shows in the first private one.
import { accountOfActor, type Actor } from "./tokens.ts";
import { covers, type Doer, hasRole, type Level, reaches, type Repository, type Role } from "./state.ts";

export type Verdict =
  | { readonly type: "yes" }
  | { readonly type: "no"; readonly status: 401 | 403 | 404; readonly message: string };

/** `permissions`: any of them is enough for an App. `role`: the least a person needs. */
export interface Need {
  readonly level: Level;
  readonly permissions: readonly string[];
  readonly role: Role;
}

const yes: Verdict = { type: "yes" };
const notFound: Verdict = { type: "no", status: 404, message: "Not Found" };

export function mayDo(actor: Actor, repo: Repository, need: Need): Verdict {
  switch (actor.type) {
    case "anonymous":
      if (repo.private) return notFound;
      return need.level === "read" && need.role === "read"
        ? yes
        : { type: "no", status: 401, message: "Requires authentication" };
    case "user":
      if (!hasRole(repo, actor.account, "read")) return notFound;
      return hasRole(repo, actor.account, need.role)
        ? yes
        : { type: "no", status: 403, message: `Must have ${need.role} access to Repository.` };
    case "app":
      return { type: "no", status: 403, message: "Resource not accessible by integration" };
    case "installation": {
      const inside = reachesRepository(actor, repo);
      if (!inside && repo.private) return notFound;
      if (!inside && need.level === "read") return yes;
      const granted = need.permissions.some((name) => reaches(actor.token.permissions, name, need.level));
      return inside && granted ? yes : { type: "no", status: 403, message: "Resource not accessible by integration" };
    }
    default:
      return actor satisfies never;
  }
}

function reachesRepository(actor: Actor & { readonly type: "installation" }, repo: Repository): boolean {
  return covers(actor.app, repo) && (actor.token.repositories?.includes(repo.id) ?? true);
}

/** True when the repository exists for this actor at all. */
export function maySee(actor: Actor, repo: Repository): boolean {
  return (
    mayDo(actor, repo, {
      level: "read",
      permissions: ["metadata", "contents", "issues", "pull_requests"],
      role: "read",
    }).type === "yes"
  );
}

/** GitHub lets nobody but those with the `workflows` permission change workflow files; people have it with write access. */
export function mayChangeWorkflows(actor: Actor): boolean {
  return (
    actor.type === "user" || (actor.type === "installation" && reaches(actor.token.permissions, "workflows", "write"))
  );
}

/** In whose name a permitted change is made. */
export function doerOf(actor: Actor): Doer | undefined {
  const account = accountOfActor(actor);
  if (!account) return undefined;
  return actor.type === "installation" ? { account, app: actor.app } : { account };
}
