// Which job of GitHub Actions somebody is: a token that GitHub signs (OIDC), checked against GitHub's public keys. The one file that
// knows jose.
//
// The signature says that GitHub vouches for it; `isFor` says that it is a job which may work this run: of the run's own repository, of
// the one workflow file, as it is on the default branch, started by `workflow_dispatch`. What a person changed in that file on another
// branch is another job's, and gets nothing.
import { createRemoteJWKSet, customFetch, errors, jwtVerify } from "jose";
import { z } from "zod";
import { messageOf } from "../core/errors.ts";
import type { RepoRef } from "../engine/events.ts";

const GITHUB_ISSUER = "https://token.actions.githubusercontent.com";
const KEYS_TIMEOUT_MS = 5_000;
/** Clocks of two machines differ by so many seconds at most. */
const SKEW_S = 30;
/** Older ones were not asked for now. */
const OLDEST = "15m";

const digits = z.string().regex(/^\d{1,16}$/);

/** What GitHub says of a job, as far as it matters. */
const Claims = z.object({
  repository: z.string(),
  repository_id: digits,
  ref: z.string(),
  workflow_ref: z.string(),
  job_workflow_ref: z.string().optional(),
  event_name: z.string(),
  run_id: digits,
  run_attempt: digits,
});
export type JobClaims = z.infer<typeof Claims>;

export type Identified =
  | { readonly type: "job"; readonly claims: JobClaims }
  | { readonly type: "refused"; readonly why: string }
  /** GitHub's keys could not be had. */
  | { readonly type: "unknown"; readonly why: string };

/** Reads a token; never throws. */
export type Identify = (token: string) => Promise<Identified>;

export interface IdentityOptions {
  /** As `issuerOf` says, or as the operator does. */
  readonly issuer: string;
  /** Whom tokens must be made for: this Baton's own address. */
  readonly audience: string;
  /** Default: the platform's. */
  readonly fetch?: typeof fetch;
}

/** Who signs the tokens of jobs of this GitHub: an Enterprise Server does it itself. */
export function issuerOf(serverUrl: string): string {
  if (serverUrl === "https://github.com") return GITHUB_ISSUER;
  const { protocol, hostname } = new URL(serverUrl);
  return hostname.endsWith(".ghe.com") ? `${protocol}//token.actions.${hostname}` : `${serverUrl}/_services/token`;
}

/** Keys are fetched when they are needed, and again, at most twice a minute, when one is not known. */
export function createIdentity({ issuer, audience, fetch: ask }: IdentityOptions): Identify {
  const keys = createRemoteJWKSet(new URL(`${issuer}/.well-known/jwks`), {
    timeoutDuration: KEYS_TIMEOUT_MS,
    ...(ask ? { [customFetch]: ask } : {}),
  });
  return async (token) => {
    try {
      const { payload } = await jwtVerify(token, keys, {
        algorithms: ["RS256"],
        issuer,
        audience,
        requiredClaims: ["exp", "nbf", "iat"],
        clockTolerance: SKEW_S,
        maxTokenAge: OLDEST,
      });
      if (payload.aud !== audience) return { type: "refused", why: "it is made for others besides this Baton" };
      const read = Claims.safeParse(payload);
      if (read.success) return { type: "job", claims: read.data };
      const names = read.error.issues.map(({ path }) => path.join("."));
      return {
        type: "refused",
        why: `GitHub does not say which job it is: ${names.join(", ")} is missing or malformed`,
      };
    } catch (error) {
      return isRefusal(error)
        ? { type: "refused", why: messageOf(error) }
        : { type: "unknown", why: `the keys of ${issuer} could not be had: ${messageOf(error)}` };
    }
  };
}

/** A timeout, a broken connection and an answer that is no set of keys say nothing about the token. */
function isRefusal(error: unknown): boolean {
  return [
    errors.JWTExpired,
    errors.JWTClaimValidationFailed,
    errors.JWTInvalid,
    errors.JWSInvalid,
    errors.JWSSignatureVerificationFailed,
    errors.JOSEAlgNotAllowed,
    errors.JOSENotSupported,
    errors.JWKSNoMatchingKey,
  ].some((kind) => error instanceof kind);
}

/** Why this job may not work runs of the repository; undefined when it may. */
export function objection(
  claims: JobClaims,
  { repo, workflow }: { repo: Pick<RepoRef, "id" | "owner" | "name" | "defaultBranch">; workflow: string },
): string | undefined {
  const branch = `refs/heads/${repo.defaultBranch}`;
  // By its number: names change. And the name is GitHub's, as it is now.
  if (Number(claims.repository_id) !== repo.id || repo.id === 0)
    return `the job is of ${claims.repository}, and the run of ${repo.owner}/${repo.name}`;
  if (claims.event_name !== "workflow_dispatch")
    return `the job was started by "${claims.event_name}"; only what Baton dispatches (workflow_dispatch) works runs`;
  if (claims.ref !== branch) return `the job is of ${claims.ref}; only the default branch (${branch}) works runs`;
  const file = `${claims.repository}/.github/workflows/${workflow}@${branch}`;
  for (const ref of [claims.workflow_ref, claims.job_workflow_ref ?? claims.workflow_ref])
    if (ref !== file) return `the job is of ${ref}; only ${file} works runs`;
  return undefined;
}

/** The page of the job's workflow run. */
export function pageOf(claims: JobClaims, serverUrl: string): string {
  const attempt = claims.run_attempt === "1" ? "" : `/attempts/${claims.run_attempt}`;
  return `${serverUrl}/${claims.repository}/actions/runs/${claims.run_id}${attempt}`;
}
