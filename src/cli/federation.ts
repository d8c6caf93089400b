// A model without a stored key: inside a job of GitHub Actions the model's API knows the job by the token that GitHub signs for it. What
// action.yml and dispatched/action.yml say about it, and the model that comes of it.
import { z } from "zod";
import { createModel, type Model } from "../agents/model.ts";
import { BatonError } from "../core/errors.ts";
import type { Log } from "../core/log.ts";
import type { Source } from "../env.ts";
import { jobToken, type JobTokenDoor } from "./job-token.ts";

const API = "https://api.anthropic.com";

const optional = z
  .string()
  .optional()
  .transform((text) => (text === "" ? undefined : text));

const Variables = z.object({
  ACTIONS_ID_TOKEN_REQUEST_URL: optional,
  ACTIONS_ID_TOKEN_REQUEST_TOKEN: optional,
  ANTHROPIC_BASE_URL: optional,
  ANTHROPIC_FEDERATION_RULE_ID: optional,
  ANTHROPIC_ORGANIZATION_ID: optional,
  ANTHROPIC_SERVICE_ACCOUNT_ID: optional,
  ANTHROPIC_WORKSPACE_ID: optional,
  ANTHROPIC_IDENTITY_AUDIENCE: optional,
});

/** By which rule the model's API knows a job, without a key. */
export interface FederationRule {
  readonly ruleId: string;
  readonly organizationId: string;
  readonly serviceAccountId: string | undefined;
  readonly workspaceId: string | undefined;
  readonly audience: string;
  /** Of the model's API. */
  readonly baseURL: string;
  readonly door: JobTokenDoor;
}

/** The rule that the job's inputs name; undefined when they name none. Throws `invalid-environment` for half of one. */
export function federationOf(source: Source): FederationRule | undefined {
  const env = Variables.parse(source);
  const ruleId = env.ANTHROPIC_FEDERATION_RULE_ID;
  if (ruleId === undefined) return undefined;
  const organizationId = env.ANTHROPIC_ORGANIZATION_ID;
  if (organizationId === undefined)
    throw new BatonError(
      "invalid-environment",
      "`federation-rule` is given without `organization`: the model's API wants both",
    );
  const url = env.ACTIONS_ID_TOKEN_REQUEST_URL;
  const token = env.ACTIONS_ID_TOKEN_REQUEST_TOKEN;
  if (url === undefined || token === undefined)
    throw new BatonError(
      "invalid-environment",
      "`federation-rule` is given, but this job may not ask for a token of its own: add `id-token: write` to its `permissions`",
    );
  return {
    ruleId,
    organizationId,
    serviceAccountId: env.ANTHROPIC_SERVICE_ACCOUNT_ID,
    workspaceId: env.ANTHROPIC_WORKSPACE_ID,
    baseURL: env.ANTHROPIC_BASE_URL ?? API,
    audience: env.ANTHROPIC_IDENTITY_AUDIENCE ?? API,
    door: { url, token },
  };
}

/** The model that is asked by this rule. */
export function federatedModel(rule: FederationRule, log: Log): Model {
  const identityToken = () => jobToken(rule.door, rule.audience);
  return createModel({ apiKey: "", baseURL: rule.baseURL, federation: { ...rule, identityToken }, log });
}
