// Who is asking? Reads the Authorization header: an App's signed JWT, an installation token, a person's token, or nobody.
import { createVerify, randomBytes } from "node:crypto";
import type { Account, App, InstallationToken, Permissions, World } from "./state.ts";

export type Actor =
  | { readonly type: "anonymous" }
  | { readonly type: "user"; readonly account: Account }
  /** An App as itself, by JWT: it may only look after its installations. */
  | { readonly type: "app"; readonly app: App }
  | { readonly type: "installation"; readonly app: App; readonly token: InstallationToken };

export type Recognised =
  | { readonly type: "known"; readonly actor: Actor }
  | { readonly type: "refused"; readonly status: 401 | 403; readonly message: string };

/** GitHub's limit on how far ahead a JWT may end, with its clock tolerance. */
const MAX_JWT_SECONDS = 600;
const DRIFT_SECONDS = 60;

const refused = (message: string): Recognised => ({ type: "refused", status: 401, message });

export const SUSPENDED = "This installation has been suspended";

/** Understands `token …`, `bearer …` (any case) and `Basic` with the token as password (or as user without one). */
export function recognise(world: World, authorization: string | undefined): Recognised {
  if (authorization === undefined || authorization === "") return { type: "known", actor: { type: "anonymous" } };
  const token = tokenIn(authorization);
  if (token === undefined) return refused("Bad credentials");
  if (token.split(".").length === 3) return readJwt(world, token);
  const installation = world.installationTokens.get(token);
  if (installation) {
    const { app, expiresAt } = installation;
    if (expiresAt <= world.clock.now() || app.standing === "gone") return refused("Bad credentials");
    if (app.standing === "suspended") return { type: "refused", status: 403, message: SUSPENDED };
    return { type: "known", actor: { type: "installation", app, token: installation } };
  }
  const account = world.personalTokens.get(token);
  return account ? { type: "known", actor: { type: "user", account } } : refused("Bad credentials");
}

/** The token of an Authorization header, as it is. */
export function tokenIn(authorization: string): string | undefined {
  const [, scheme = "", value = ""] = /^(\S+)\s+(\S+)\s*$/.exec(authorization) ?? [];
  if (/^(bearer|token)$/i.test(scheme)) return value;
  if (!/^basic$/i.test(scheme)) return undefined;
  const [user = "", ...password] = Buffer.from(value, "base64").toString("utf8").split(":");
  return password.join(":") || user;
}

function readJwt(world: World, jwt: string): Recognised {
  const [head = "", claims = "", signature = ""] = jwt.split(".");
  const header = decode(head);
  const body = decode(claims);
  if (header?.["alg"] !== "RS256" || !body) return refused("A JSON web token could not be decoded");
  const issuer = String(body["iss"]);
  const app = world.apps.find(({ id, clientId }) => String(id) === issuer || clientId === issuer);
  if (!app) return refused("Integration not found");
  const verify = createVerify("RSA-SHA256").update(`${head}.${claims}`);
  if (!verify.verify(app.publicKey, signature, "base64url")) return refused("A JSON web token could not be decoded");
  const now = world.clock.now() / 1000;
  const { exp, iat } = body;
  if (typeof exp !== "number") return refused("Missing 'expiration time' claim ('exp') in assertion");
  if (typeof iat !== "number") return refused("Missing 'issued at' claim ('iat') in assertion");
  if (exp <= now)
    return refused(
      "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires",
    );
  if (exp > now + MAX_JWT_SECONDS + DRIFT_SECONDS)
    return refused("'Expiration time' claim ('exp') is too far in the future");
  if (iat > now + DRIFT_SECONDS)
    return refused("'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued");
  return { type: "known", actor: { type: "app", app } };
}

function decode(part: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, "base64url").toString("utf8"));
    return typeof value === "object" && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

/** A fresh installation token, valid for as long as this world has them live: an hour, if nobody changed it. */
export function mintToken(
  world: World,
  app: App,
  narrowed: { readonly permissions: Permissions; readonly repositories: readonly number[] | undefined },
): InstallationToken {
  const minted: InstallationToken = {
    token: `ghs_${randomBytes(27).toString("base64url").replaceAll(/[-_]/g, "0")}`,
    app,
    permissions: narrowed.permissions,
    repositories: narrowed.repositories,
    expiresAt: world.clock.now() + world.tokenLifetimeMs,
  };
  world.installationTokens.set(minted.token, minted);
  return minted;
}

/** The account an actor acts as: the App's bot for an App. */
export function accountOfActor(actor: Actor): Account | undefined {
  if (actor.type === "anonymous") return undefined;
  return actor.type === "user" ? actor.account : actor.app.bot;
}

/** How the journal names an actor. */
export function nameOfActor(actor: Actor): string {
  if (actor.type === "anonymous") return "anonymous";
  if (actor.type === "app") return `app ${actor.app.slug}`;
  return accountOfActor(actor)?.login ?? "anonymous";
}
