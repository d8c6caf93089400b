// Apps, their installations and tokens; people; rate limits.
import { Hono } from "hono";
import { z } from "zod";
import { appShape, installationShape, publicUserShape } from "../shapes/accounts.ts";
import { repositoryShape } from "../shapes/repositories.ts";
import {
  type App,
  covers,
  findAccount,
  findRepository,
  type Level,
  type Permissions,
  reaches,
  type Repository,
  type World,
} from "../state.ts";
import { mintToken, SUSPENDED } from "../tokens.ts";
import {
  answer,
  bodyOf,
  noContent,
  notFound,
  page,
  param,
  Refusal,
  type RestContext,
  type RestEnv,
} from "./exchange.ts";

const level = z.enum(["read", "write", "admin"]);
const narrowing = z.strictObject({
  repositories: z.array(z.string()).optional(),
  repository_ids: z.array(z.int()).optional(),
  permissions: z.record(z.string(), level).optional(),
});

/** The App that signed the request's JWT; anything else is refused as GitHub does. */
export function appItself(c: RestContext): App {
  const actor = c.get("actor");
  if (actor.type !== "app") throw new Refusal(401, "A JSON web token could not be decoded");
  return actor.app;
}

/** The App whose installation the address names. */
function installationHere(c: RestContext): App {
  const app = appItself(c);
  if (Number(param(c, "id")) !== app.installationId || app.standing === "gone") throw notFound();
  return app;
}

/** Whose installation it is: the owner of what it covers. */
export function installedOn(world: World, app: App) {
  const covered = [...world.repositories.values()].find((repo) => covers(app, repo));
  return covered?.owner ?? app.bot;
}

export function appRoutes(world: World): Hono<RestEnv> {
  const rest = new Hono<RestEnv>();

  rest.get("/app", (c) => answer(c, appShape(world, appItself(c))));

  rest.get("/app/installations", (c) => {
    const app = appItself(c);
    const there = app.standing === "gone" ? [] : [installationShape(world, app, installedOn(world, app))];
    return answer(c, page(c, world, there));
  });

  rest.get("/app/installations/:id{[0-9]+}", (c) => {
    const app = installationHere(c);
    return answer(c, installationShape(world, app, installedOn(world, app)));
  });

  rest.get("/repos/:owner/:repo/installation", (c) => {
    const app = appItself(c);
    const repo = findRepository(world, param(c, "owner"), param(c, "repo"));
    if (!repo || !covers(app, repo)) throw notFound();
    return answer(c, installationShape(world, app, repo.owner));
  });

  rest.post("/app/installations/:id{[0-9]+}/access_tokens", async (c) => {
    const app = installationHere(c);
    if (app.standing === "suspended") throw new Refusal(403, SUSPENDED);
    const asked = await bodyOf(c, narrowing);
    const inside = (repo: Repository | undefined) => (repo && covers(app, repo) ? repo : undefined);
    const byName = asked.repositories?.map((name) =>
      [...world.repositories.values()].find((repo) => repo.name.toLowerCase() === name.toLowerCase() && inside(repo)),
    );
    const byId = asked.repository_ids?.map((id) => inside(world.repositoriesById.get(id)));
    const chosen = byName || byId ? [...(byName ?? []), ...(byId ?? [])] : undefined;
    const selected = chosen?.filter((repo) => repo !== undefined);
    if (chosen && selected && chosen.length !== selected.length)
      throw new Refusal(
        422,
        "There is at least one repository that does not exist or is not accessible to the parent installation.",
      );
    const permissions = narrow(app, asked.permissions);
    const token = mintToken(world, app, { permissions, repositories: selected?.map(({ id }) => id) });
    return answer(
      c,
      {
        token: token.token,
        expires_at: new Date(token.expiresAt).toISOString().replace(/\.\d{3}Z$/, "Z"),
        permissions,
        repository_selection: selected || app.repositories ? "selected" : "all",
        ...(selected ? { repositories: selected.map((repo) => repositoryShape(world, repo)) } : {}),
      },
      201,
    );
  });

  rest.delete("/installation/token", (c) => {
    const actor = c.get("actor");
    if (actor.type !== "installation") throw new Refusal(401, "Bad credentials");
    world.installationTokens.delete(actor.token.token);
    return noContent();
  });

  rest.get("/installation/repositories", (c) => {
    const actor = c.get("actor");
    if (actor.type !== "installation")
      throw new Refusal(
        403,
        "You must authenticate with an installation access token in order to list repositories for an installation.",
      );
    const { repositories } = actor.token;
    const covered = [...world.repositories.values()].filter(
      (repo) => covers(actor.app, repo) && (repositories?.includes(repo.id) ?? true),
    );
    const shapes = page(c, world, covered).map((repo) => repositoryShape(world, repo));
    return answer(c, { total_count: covered.length, repository_selection: "selected", repositories: shapes });
  });

  rest.get("/user", (c) => {
    const actor = c.get("actor");
    if (actor.type === "anonymous") throw new Refusal(401, "Requires authentication");
    if (actor.type !== "user") throw new Refusal(403, "Resource not accessible by integration");
    return answer(c, publicUserShape(world, actor.account));
  });

  rest.get("/users/:login", (c) => {
    const account = findAccount(world, param(c, "login"));
    if (!account) throw notFound();
    return answer(c, publicUserShape(world, account));
  });

  return rest;
}

/** A token may be given less than its App has, never more. `metadata: read` always comes with it. */
function narrow(app: App, asked: Readonly<Record<string, Level | "admin">> | undefined): Permissions {
  if (!asked) return app.permissions;
  for (const [name, wanted] of Object.entries(asked)) {
    if (!reaches(app.permissions, name, wanted === "read" ? "read" : "write"))
      throw new Refusal(422, "The permissions requested are not granted to this installation.");
  }
  return { metadata: "read", ...asked };
}
