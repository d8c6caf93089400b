// GitHub's side of who a job is: an issuer with real RS256 keys that serves them over HTTP, and the address where jobs ask for tokens.
import { createServer } from "node:http";
import { once } from "node:events";
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK } from "jose";

export interface JobIssuer extends AsyncDisposable {
  /** The issuer: its keys are at `/.well-known/jwks`. */
  readonly url: string;
  /** What a job is given to ask with: `ACTIONS_ID_TOKEN_REQUEST_URL` and `ACTIONS_ID_TOKEN_REQUEST_TOKEN`. */
  readonly door: (claims: Claims) => { readonly url: string; readonly token: string };
  /** A token, as GitHub would sign it but for these changes. */
  sign(claims: Claims, changes?: Changes): Promise<string>;
  /** The public key, as it is served. */
  readonly key: JWK;
  /** While true nobody gets the keys. */
  down: boolean;
}

export type Claims = Readonly<Record<string, unknown>>;

export interface Changes {
  readonly issuer?: string;
  readonly audience?: string | string[];
  /** Seconds from now. */
  readonly issuedAt?: number;
  readonly expires?: number;
  readonly keyId?: string;
  /** Another than the issuer's. */
  readonly privateKey?: CryptoKey;
}

/** A job of `octo/tab` that Baton dispatched. */
export const usualClaims = {
  repository: "octo/tab",
  repository_id: "11",
  ref: "refs/heads/main",
  workflow_ref: "octo/tab/.github/workflows/baton.yml@refs/heads/main",
  job_workflow_ref: "octo/tab/.github/workflows/baton.yml@refs/heads/main",
  event_name: "workflow_dispatch",
  run_id: "77",
  run_attempt: "1",
};

/** Opens the issuer; tokens for `audience` unless a change says another. */
export async function openJobIssuer(audience = "https://baton.example"): Promise<JobIssuer> {
  const { publicKey, privateKey } = await generateKeyPair("RS256");
  const key = { ...(await exportJWK(publicKey)), kid: "key-1", alg: "RS256", use: "sig" };
  const asking = new Map<string, Claims>();
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "/", issuer.url);
    const json = (status: number, body: unknown) =>
      void response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    if (url.pathname === "/.well-known/jwks") return json(issuer.down ? 503 : 200, { keys: [key] });
    const claims = asking.get(request.headers.authorization ?? "");
    if (url.pathname !== "/token" || !claims) return json(401, { message: "who are you?" });
    void issuer
      .sign(claims, { audience: url.searchParams.get("audience") ?? "" })
      .then((value) => json(200, { count: value.length, value }));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const issuer: JobIssuer = {
    url: `http://127.0.0.1:${typeof address === "object" ? (address?.port ?? 0) : 0}`,
    key,
    down: false,
    door(claims) {
      const token = `request-token-${asking.size + 1}`;
      asking.set(`Bearer ${token}`, claims);
      return { url: `${issuer.url}/token?api-version=2.0`, token };
    },
    async sign(claims, changes = {}) {
      const now = Math.floor(Date.now() / 1_000);
      const issuedAt = now + (changes.issuedAt ?? 0);
      return await new SignJWT({ ...claims })
        .setProtectedHeader({ alg: "RS256", typ: "JWT", kid: changes.keyId ?? "key-1" })
        .setIssuer(changes.issuer ?? issuer.url)
        .setAudience(changes.audience ?? audience)
        .setIssuedAt(issuedAt)
        .setNotBefore(issuedAt)
        .setExpirationTime(now + (changes.expires ?? 300))
        .sign(changes.privateKey ?? privateKey);
    },
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
  return issuer;
}
