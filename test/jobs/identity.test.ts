// Who a job is: every way in which a token is not the one that GitHub would give the job that may work the run.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { generateKeyPair, importJWK, SignJWT, UnsecuredJWT } from "jose";
import { createIdentity, issuerOf, objection, pageOf, type Identify, type JobClaims } from "#src/jobs/identity.ts";
import { openJobIssuer, usualClaims, type Changes, type JobIssuer } from "#test/support/job-issuer.ts";

const audience = "https://baton.example";
const repo = { id: 11, owner: "octo", name: "tab", defaultBranch: "main" };
const workflow = "baton.yml";

let issuer: JobIssuer;
let identify: Identify;

beforeAll(async () => {
  issuer = await openJobIssuer(audience);
  identify = createIdentity({ issuer: issuer.url, audience });
});
afterAll(async () => issuer[Symbol.asyncDispose]());

describe("the token", () => {
  test("that GitHub signed for this Baton says which job it is", async () => {
    expect(await identify(await issuer.sign(usualClaims))).toEqual({ type: "job", claims: usualClaims });
  });

  const wrong: readonly (readonly [string, Changes, RegExp])[] = [
    ["another issuer", { issuer: "https://token.actions.example" }, /"iss"/],
    ["another audience", { audience: "https://other.example" }, /"aud"/],
    ["others besides", { audience: [audience, "https://other.example"] }, /others besides/],
    ["no audience of Baton's but a longer one", { audience: `${audience}/` }, /"aud"/],
    ["a past time", { issuedAt: -400, expires: -60 }, /"exp"/],
    ["a long time ago, though it lives on", { issuedAt: -2_000, expires: 300 }, /"iat"/],
    ["a time to come", { issuedAt: 120, expires: 600 }, /"nbf"|"iat"/],
    ["a key that nobody serves", { keyId: "key-2" }, /no applicable key/],
  ];
  test.each(wrong)("for %s is refused", async (_, changes, why) => {
    const found = await identify(await issuer.sign(usualClaims, changes));
    expect(found).toMatchObject({ type: "refused", why: expect.stringMatching(why) });
  });

  test("signed by somebody else under the same key id is refused", async () => {
    const { privateKey } = await generateKeyPair("RS256");
    expect(await identify(await issuer.sign(usualClaims, { privateKey }))).toMatchObject({ type: "refused" });
  });

  const now = () => Math.floor(Date.now() / 1_000);
  const body = () => ({ ...usualClaims, iss: issuer.url, aud: audience, iat: now(), nbf: now(), exp: now() + 300 });

  test("that is signed by nobody (alg none) is refused", async () => {
    expect(await identify(new UnsecuredJWT(body()).encode())).toMatchObject({ type: "refused" });
  });

  test("that is signed with the public key as a password (HS256) is refused", async () => {
    const password = new TextEncoder().encode(JSON.stringify(issuer.key));
    const forged = await new SignJWT(body()).setProtectedHeader({ alg: "HS256", kid: "key-1" }).sign(password);
    expect(await identify(forged)).toMatchObject({ type: "refused" });
  });

  test("that brings its own key is judged by GitHub's", async () => {
    const { publicKey, privateKey } = await generateKeyPair("RS256", { extractable: true });
    const jwk = await crypto.subtle.exportKey("jwk", publicKey);
    expect(await importJWK(jwk, "RS256")).toBeDefined();
    const header = { alg: "RS256", kid: "key-1", jwk: { kty: "RSA", n: jwk.n ?? "", e: jwk.e ?? "" } };
    const forged = await new SignJWT(body()).setProtectedHeader(header).sign(privateKey);
    expect(await identify(forged)).toMatchObject({ type: "refused" });
  });

  test.each(["", "a.b.c", "not a token"])("%j is refused", async (token) => {
    expect(await identify(token)).toMatchObject({ type: "refused" });
  });

  test("that does not say which job it is is refused", async () => {
    const { run_id: _, ...rest } = usualClaims;
    expect(await identify(await issuer.sign(rest))).toMatchObject({
      type: "refused",
      why: expect.stringContaining("run_id"),
    });
  });

  test("is not taken on trust while GitHub's keys cannot be had", async () => {
    await using away = await openJobIssuer(audience);
    away.down = true;
    const ask = createIdentity({ issuer: away.url, audience });
    expect(await ask(await away.sign(usualClaims))).toMatchObject({
      type: "unknown",
      why: expect.stringContaining("could not be had"),
    });
    const broken = createIdentity({
      issuer: away.url,
      audience,
      fetch: () => Promise.reject(new TypeError("fetch failed")),
    });
    expect(await broken(await away.sign(usualClaims))).toMatchObject({
      type: "unknown",
      why: expect.stringContaining("fetch failed"),
    });
  });
});

describe("the job", () => {
  const why = (changes: Partial<JobClaims>) => objection({ ...usualClaims, ...changes }, { repo, workflow });

  test("of the workflow on the default branch may work the run, whatever the repository is called by now", () => {
    expect(why({})).toBeUndefined();
    const renamed = "octo/tabs/.github/workflows/baton.yml@refs/heads/main";
    expect(why({ repository: "octo/tabs", workflow_ref: renamed, job_workflow_ref: renamed })).toBeUndefined();
  });

  const other = (file: string, branch = "main") => `octo/tab/.github/workflows/${file}@refs/heads/${branch}`;
  const wrong: readonly (readonly [string, Partial<JobClaims>, RegExp])[] = [
    ["another repository", { repository_id: "12" }, /the run of octo\/tab/],
    ["another repository of the same name", { repository_id: "111" }, /the run of octo\/tab/],
    ["another event", { event_name: "pull_request_target" }, /pull_request_target/],
    ["another branch", { ref: "refs/heads/evil", workflow_ref: other("baton.yml", "evil") }, /refs\/heads\/evil/],
    ["a tag", { ref: "refs/tags/main" }, /refs\/tags\/main/],
    ["another workflow", { workflow_ref: other("ci.yml") }, /ci\.yml/],
    ["the workflow as another branch has it", { workflow_ref: other("baton.yml", "evil") }, /@refs\/heads\/evil/],
    [
      "a workflow elsewhere that this one calls",
      { job_workflow_ref: "evil/x/.github/workflows/y.yml@refs/heads/main" },
      /evil/,
    ],
  ];
  test.each(wrong)("of %s may not", (_, changes, words) => {
    expect(why(changes)).toMatch(words);
  });

  test("may not work a run of no repository on GitHub", () => {
    expect(objection({ ...usualClaims, repository_id: "0" }, { repo: { ...repo, id: 0 }, workflow })).toBeDefined();
  });

  test("has a page", () => {
    expect(pageOf(usualClaims, "https://github.com")).toBe("https://github.com/octo/tab/actions/runs/77");
    expect(pageOf({ ...usualClaims, run_attempt: "2" }, "https://ghe.example")).toBe(
      "https://ghe.example/octo/tab/actions/runs/77/attempts/2",
    );
  });
});

test.each([
  ["https://github.com", "https://token.actions.githubusercontent.com"],
  ["https://ghe.example", "https://ghe.example/_services/token"],
  ["https://octo.ghe.com", "https://token.actions.octo.ghe.com"],
])("the tokens of jobs of %s are signed by %s", (server, issuer) => {
  expect(issuerOf(server)).toBe(issuer);
});
