// The model's API for who has no key: exchanges a job's signed token for a short-lived one of its own, and lets nobody else through to
// the scripted model.
import { createPublicKey, createVerify, randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, request as forward } from "node:http";
import { z } from "zod";

export interface ModelExchange extends AsyncDisposable {
  /** For `ANTHROPIC_BASE_URL`. */
  readonly url: string;
  /** Tokens it gave out. */
  readonly given: readonly string[];
  /** What came without one of them, one line each. */
  readonly refused: readonly string[];
  /** Bodies of exchanges. */
  readonly exchanges: readonly Readonly<Record<string, unknown>>[];
}

const Asked = z.looseObject({ grant_type: z.string(), assertion: z.string(), federation_rule_id: z.string() });
const Keys = z.object({ keys: z.array(z.record(z.string(), z.unknown())) });
const Claims = z.looseObject({ iss: z.string(), aud: z.string(), exp: z.number() });

export async function openModelExchange(
  model: string,
  { issuer, audience, rule }: { issuer: () => string; audience: string; rule: string },
): Promise<ModelExchange> {
  const given: string[] = [];
  const refused: string[] = [];
  const exchanges: Record<string, unknown>[] = [];

  async function isSigned(jwt: string): Promise<boolean> {
    const [head = "", body = "", signature = ""] = jwt.split(".");
    const { keys } = Keys.parse(await (await fetch(`${issuer()}/.well-known/jwks`)).json());
    const claims = Claims.parse(JSON.parse(Buffer.from(body, "base64url").toString("utf8")));
    const [key] = keys;
    if (!key || claims.iss !== issuer() || claims.aud !== audience || claims.exp * 1_000 < Date.now()) return false;
    const verify = createVerify("RSA-SHA256").update(`${head}.${body}`);
    return verify.verify(createPublicKey({ key, format: "jwk" }), signature, "base64url");
  }

  const server = createServer((incoming, response) => {
    const answer = (status: number, body: unknown) =>
      void response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    const chunks: Buffer[] = [];
    incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
    incoming.on("end", () => {
      const body = Buffer.concat(chunks);
      if (incoming.url === "/v1/oauth/token") {
        const asked = Asked.parse(JSON.parse(body.toString("utf8")));
        exchanges.push(asked);
        void isSigned(asked.assertion).then((signed) => {
          if (!signed || asked.federation_rule_id !== rule) return answer(401, { error: "invalid_grant" });
          const token = `short-lived-${randomUUID()}`;
          given.push(token);
          return answer(200, { access_token: token, token_type: "Bearer", expires_in: 3_600 });
        });
        return;
      }
      const bearer = /^Bearer (\S+)$/.exec(incoming.headers.authorization ?? "")?.[1] ?? "";
      if (!given.includes(bearer)) {
        refused.push(`${incoming.method} ${incoming.url}`);
        return answer(401, { type: "error", error: { type: "authentication_error", message: "unknown token" } });
      }
      const out = forward(`${model}${incoming.url}`, { method: incoming.method, headers: incoming.headers }, (from) => {
        response.writeHead(from.statusCode ?? 502, from.headers);
        from.pipe(response);
      });
      out.on("error", () => response.destroy());
      response.on("close", () => out.destroy());
      out.end(body);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const at = server.address();
  return {
    url: `http://127.0.0.1:${typeof at === "object" && at !== null ? at.port : 0}`,
    given,
    refused,
    exchanges,
    async [Symbol.asyncDispose]() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
