// What GitHub gives a job of Actions besides its files: a token with just the rights that its `permissions:` name, and an endpoint that
// signs who the job is (OIDC).
import { createSign, createPublicKey, randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { once } from "node:events";
import { z } from "zod";
import { createKeys } from "#src/cli/demo-keys.ts";
import type { PlaygroundApp, PlaygroundUser } from "#src/playground/playground.ts";

/** The App behind every `GITHUB_TOKEN`, as GitHub has it. */
export const actionsBot: PlaygroundUser = { login: "github-actions[bot]", id: 41_898_282, type: "Bot" };
const keys = createKeys();
const INSTALLATION = 15_368;

/** For `openPlayground`, with `actionsBot` among its users. */
export const actionsApp: PlaygroundApp = {
  id: 15_368,
  slug: "github-actions",
  publicKey: keys.publicKey,
  installationId: INSTALLATION,
  permissions: {
    actions: "write",
    checks: "write",
    contents: "write",
    issues: "write",
    metadata: "read",
    pull_requests: "write",
  },
  events: [
    "issues",
    "issue_comment",
    "pull_request",
    "pull_request_review",
    "workflow_dispatch",
    "repository_dispatch",
  ],
};

/** `permissions:` of a job: names with dashes, `read`, `write` or `none`. */
export type JobPermissions = Readonly<Record<string, string>>;

/** A `GITHUB_TOKEN` with these rights in one repository. */
export async function mintJobToken(apiUrl: string, repositoryId: number, asked: JobPermissions): Promise<string> {
  const now = Math.floor(Date.now() / 1_000);
  const jwt = sign({ iss: String(actionsApp.id), iat: now - 30, exp: now + 300 });
  const permissions = Object.fromEntries(
    Object.entries(asked)
      .filter(([name, level]) => level !== "none" && name !== "id-token")
      .map(([name, level]) => [name.replaceAll("-", "_"), level]),
  );
  const response = await fetch(`${apiUrl}/app/installations/${INSTALLATION}/access_tokens`, {
    method: "POST",
    headers: { authorization: `Bearer ${jwt}`, "content-type": "application/json" },
    body: JSON.stringify({ repository_ids: [repositoryId], permissions }),
  });
  if (response.status !== 201) throw new Error(`no token for the job: ${response.status} ${await response.text()}`);
  return z.object({ token: z.string() }).parse(await response.json()).token;
}

function sign(claims: Readonly<Record<string, unknown>>): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const text = `${part({ alg: "RS256", typ: "JWT", kid: "one" })}.${part(claims)}`;
  return `${text}.${createSign("RSA-SHA256").update(text).sign(keys.privateKey, "base64url")}`;
}

/** Signs tokens for jobs, and shows the key that checks them, as token.actions.githubusercontent.com does. */
export interface Issuer extends AsyncDisposable {
  /** `iss` of its tokens; `/.well-known/openid-configuration` and `/.well-known/jwks` are below it. */
  readonly url: string;
  /** The two variables a job with `id-token: write` finds in its environment; `claims` of the job are in its tokens. */
  door(claims: Readonly<Record<string, unknown>>): {
    ACTIONS_ID_TOKEN_REQUEST_URL: string;
    ACTIONS_ID_TOKEN_REQUEST_TOKEN: string;
  };
  /** Every token it gave, oldest first. */
  readonly given: readonly string[];
}

export async function openIssuer(): Promise<Issuer> {
  const doors = new Map<string, Readonly<Record<string, unknown>>>();
  const given: string[] = [];
  let url = "";
  const server = createServer((request, response) => {
    const address = new URL(request.url ?? "/", url);
    const answer = (status: number, body: unknown) =>
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    if (address.pathname === "/.well-known/openid-configuration")
      return answer(200, { issuer: url, jwks_uri: `${url}/.well-known/jwks` });
    if (address.pathname === "/.well-known/jwks") {
      const key = createPublicKey(keys.publicKey).export({ format: "jwk" });
      return answer(200, { keys: [{ ...key, kid: "one", alg: "RS256", use: "sig" }] });
    }
    const claims = doors.get((request.headers.authorization ?? "").replace(/^bearer /i, ""));
    if (address.pathname !== "/token" || address.searchParams.get("api-version") !== "2.0" || !claims)
      return answer(401, { message: "this job may not ask for a token" });
    const now = Math.floor(Date.now() / 1_000);
    const token = sign({
      iss: url,
      aud: address.searchParams.get("audience") ?? `${url}/default`,
      jti: randomUUID(),
      iat: now,
      nbf: now - 5,
      exp: now + 300,
      ...claims,
    });
    given.push(token);
    return answer(200, { count: token.length, value: token });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const at = server.address();
  url = `http://127.0.0.1:${typeof at === "object" && at !== null ? at.port : 0}`;
  return {
    url,
    given,
    door(claims) {
      const token = randomUUID();
      doors.set(token, claims);
      return { ACTIONS_ID_TOKEN_REQUEST_URL: `${url}/token?api-version=2.0`, ACTIONS_ID_TOKEN_REQUEST_TOKEN: token };
    },
    async [Symbol.asyncDispose]() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
