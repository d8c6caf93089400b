// What a job of GitHub Actions says about itself in its environment (docs.github.com, "Default environment variables"), and what
// action.yml adds.
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { z } from "zod";
import { BatonError, messageOf } from "../core/errors.ts";
import type { Source } from "../env.ts";
import { federationOf, type FederationRule } from "./federation.ts";

/** What a job does: take in what people ask for, work it, take the result to GitHub. */
export const jobModes = ["begin", "work", "publish"] as const;
export type JobMode = (typeof jobModes)[number];

const number = z.string().regex(/^[1-9]\d{0,9}$/, "must be the number of an issue");
const optional = z
  .string()
  .optional()
  .transform((text) => (text === "" ? undefined : text));

const Variables = z.object({
  GITHUB_REPOSITORY: z.string().regex(/^[\w.-]+\/[\w.-]+$/, "must be owner/name"),
  GITHUB_EVENT_NAME: z.string().min(1),
  GITHUB_EVENT_PATH: z.string().min(1),
  GITHUB_RUN_ID: z.string().regex(/^\d+$/, "must be a number"),
  GITHUB_RUN_ATTEMPT: z.string().default("1"),
  GITHUB_SERVER_URL: z.string().default("https://github.com"),
  GITHUB_WORKFLOW_REF: z.string().regex(/\/\.github\/workflows\/[^/@]+@/, "must name a workflow file"),
  GITHUB_OUTPUT: optional,
  GITHUB_STEP_SUMMARY: optional,
  BATON_MODE: z.enum(jobModes, `must be one of ${jobModes.join(", ")}`),
  BATON_SUBJECT: optional.pipe(number.optional()),
  BATON_WORKED: optional,
  BATON_JOB_TOKEN: optional,
  BATON_APP_SLUG: optional,
});

export interface ActionEnv {
  readonly owner: string;
  readonly name: string;
  readonly event: { readonly name: string; readonly text: string };
  readonly runId: string;
  readonly attempt: number;
  /** The page of this run of the workflow. */
  readonly runUrl: string;
  /** `.github/workflows/baton.yml` */
  readonly workflow: string;
  readonly mode: JobMode;
  /** The number of the issue, where it is known. */
  readonly subject: number | undefined;
  /** How the job `work` ended, for `publish`. */
  readonly worked: string | undefined;
  /** The job's own token, where Baton acts with another one. */
  readonly jobToken: string | undefined;
  /** What the App is called whose token Baton acts with. */
  readonly appSlug: string | undefined;
  readonly federation: FederationRule | undefined;
  /** Files that the runner reads. */
  readonly output: string | undefined;
  readonly summary: string | undefined;
}

/** Reads it. Throws `invalid-environment`: outside of a job, or with inputs that cannot be. */
export function readActionEnv(source: Source): ActionEnv {
  if (source["GITHUB_ACTIONS"] !== "true")
    throw new BatonError(
      "invalid-environment",
      "`baton action` works inside a job of GitHub Actions only; docs/actions.md has the workflow. Use `baton run owner/repo#12` anywhere else",
    );
  const parsed = Variables.safeParse(source);
  if (!parsed.success)
    throw new BatonError(
      "invalid-environment",
      parsed.error.issues.map(({ path, message }) => `${String(path[0])} ${message}`).join("\n"),
    );
  const env = parsed.data;
  const [owner = "", name = ""] = env.GITHUB_REPOSITORY.split("/");
  const [workflow = ""] = env.GITHUB_WORKFLOW_REF.slice(env.GITHUB_REPOSITORY.length + 1).split("@");
  return {
    owner,
    name,
    event: { name: env.GITHUB_EVENT_NAME, text: readEvent(env.GITHUB_EVENT_PATH) },
    runId: env.GITHUB_RUN_ID,
    attempt: Number(env.GITHUB_RUN_ATTEMPT),
    runUrl: `${env.GITHUB_SERVER_URL}/${env.GITHUB_REPOSITORY}/actions/runs/${env.GITHUB_RUN_ID}`,
    workflow,
    mode: env.BATON_MODE,
    subject: env.BATON_SUBJECT === undefined ? undefined : Number(env.BATON_SUBJECT),
    worked: env.BATON_WORKED,
    jobToken: env.BATON_JOB_TOKEN,
    appSlug: env.BATON_APP_SLUG,
    federation: federationOf(source),
    output: env.GITHUB_OUTPUT,
    summary: env.GITHUB_STEP_SUMMARY,
  };
}

/** `baton.yml`, as GitHub's API names a workflow. */
export function workflowFile({ workflow }: Pick<ActionEnv, "workflow">): string {
  return basename(workflow);
}

function readEvent(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new BatonError("invalid-environment", `GITHUB_EVENT_PATH cannot be read: ${messageOf(error)}`);
  }
}
