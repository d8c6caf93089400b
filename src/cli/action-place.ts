// Which issue a job is about, and what an earlier job kept of it. What was kept is believed only where nobody but the default branch can
// have made it: by a run of this very workflow, in this very repository, on that branch.
import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import { BatonError } from "../core/errors.ts";
import type { Log } from "../core/log.ts";
import { createClient, type Octokit } from "../github/client.ts";
import { issueOfBranch } from "../github/branch.ts";
import { createRequests, place, type Requests } from "../github/requests.ts";
import type { ActionEnv } from "./action-env.ts";
import { workflowFile } from "./action-env.ts";

/** Events for which GitHub takes the workflow's text from the default branch. */
const TRUSTED_EVENTS = new Set(["issues", "issue_comment", "workflow_dispatch"]);
/** Artifacts of one issue that are looked at. */
const LOOKED_AT = 30;
/** GitHub may list what the job before has kept a moment later: before the next looks, in milliseconds. */
const PATIENCE_MS = [1_000, 3_000, 10_000, 20_000];

/** Where a job works: here, or nowhere, because another run of the workflow was started for it. */
export type Place =
  | { readonly type: "here"; readonly subject: number; readonly keptBy: number | undefined }
  | { readonly type: "elsewhere"; readonly subject: number }
  | { readonly type: "nowhere"; readonly why: string };

const Repository = z.object({ id: z.number(), full_name: z.string(), default_branch: z.string() });
const Head = z.object({ ref: z.string(), repo: z.object({ id: z.number() }).nullish() });
const Event = z.object({
  repository: Repository,
  issue: z.object({ number: z.number(), pull_request: z.object({}).nullish() }).nullish(),
  pull_request: z.object({ number: z.number(), head: Head }).nullish(),
});

export interface PlaceParts {
  readonly requests: Pick<Requests, "read" | "write">;
  readonly env: Pick<ActionEnv, "owner" | "name" | "event" | "runId" | "workflow" | "mode" | "subject">;
  readonly journal: Log;
  /** Waits before another look; for tests. */
  readonly pause?: (milliseconds: number) => Promise<unknown>;
}

/** The artifact that holds what is known of an issue. */
export function artifactOf(subject: number): string {
  return `baton-${subject}`;
}

/** Requests with the job's own token, which may ask about runs and start one. */
export async function jobRequests(token: string, apiUrl: string, journal: Log): Promise<Requests> {
  const client: Octokit = await createClient({ token, apiUrl, log: journal });
  return createRequests({ octokitFor: () => Promise.resolve(client), log: journal });
}

/** Finds out. News of Baton's pull request belongs to the issue it came of: another run, in the queue of that issue, takes it in. */
export async function findPlace(parts: PlaceParts): Promise<Place> {
  const { env } = parts;
  const event = Event.safeParse(JSON.parse(env.event.text));
  if (!event.success)
    throw new BatonError("invalid-environment", `the event ${env.event.name} is not as GitHub describes it`);
  const { repository, issue, pull_request: pull } = event.data;
  const at = { id: repository.id, owner: env.owner, name: env.name };
  if (env.subject !== undefined) return here(env.subject);
  if (env.mode !== "begin")
    throw new BatonError("invalid-usage", `the job ${env.mode} needs the input subject: needs.begin.outputs.subject`);
  if (pull) return (await forwarded(pull.head)) ?? { type: "nowhere", why: `#${pull.number} is not Baton's` };
  if (!issue) return { type: "nowhere", why: `nothing is done about ${env.event.name}` };
  if (!issue.pull_request) return here(issue.number);
  const { data } = await parts.requests.read(at, `read pull request #${issue.number}`, (octokit, request) =>
    octokit.request("GET /repos/{owner}/{repo}/pulls/{pull_number}", {
      ...place(at),
      pull_number: issue.number,
      request,
    }),
  );
  return (await forwarded(Head.parse(data.head))) ?? here(issue.number);

  async function here(subject: number): Promise<Place> {
    const found = await keptOf(subject);
    return { type: "here", subject, keptBy: found };
  }

  async function forwarded({ ref, repo }: z.infer<typeof Head>): Promise<Place | undefined> {
    const subject = repo?.id === repository.id ? issueOfBranch(ref) : undefined;
    if (subject === undefined) return undefined;
    await startRun(parts.requests, env, repository, subject);
    return { type: "elsewhere", subject };
  }

  /** The run whose artifact is the newest that can be believed. */
  async function keptOf(subject: number): Promise<number | undefined> {
    const { pause = delay } = parts;
    for (const wait of [...PATIENCE_MS, undefined]) {
      const found = await believed(subject);
      // The job before this one has kept something.
      if (env.mode === "begin" || found.includes(Number(env.runId))) return found[0];
      if (wait === undefined)
        throw new BatonError(
          "not-found",
          `the job before this one kept no artifact ${artifactOf(subject)}; run all jobs again`,
        );
      await pause(wait);
    }
    return undefined;
  }

  /** The runs of believed artifacts, the newest first. */
  async function believed(subject: number): Promise<number[]> {
    const { data } = await parts.requests.read(at, "look for what Baton kept", (octokit, request) =>
      octokit.request("GET /repos/{owner}/{repo}/actions/artifacts", {
        ...place(at),
        name: artifactOf(subject),
        per_page: LOOKED_AT,
        request,
      }),
    );
    const listed = data.artifacts
      .filter(({ expired, name }) => !expired && name === artifactOf(subject))
      .toSorted((a, b) => (b.created_at ?? "").localeCompare(a.created_at ?? "") || Number(b.id) - Number(a.id));
    const runs: number[] = [];
    for (const { id, workflow_run: run } of listed) {
      const runId = Number(run?.id ?? 0);
      const near = Number(run?.head_repository_id) === repository.id && run?.head_branch === repository.default_branch;
      if (near && (await isOurs(runId))) runs.push(runId);
      else parts.journal.warn("an artifact is not believed", { artifact: Number(id), run: runId });
      // One is enough to go on with; in a later job that of this very run must be among them.
      if (runs.length > 0 && (env.mode === "begin" || runs.includes(Number(env.runId)))) break;
    }
    return runs;
  }

  async function isOurs(run: number): Promise<boolean> {
    const { data } = await parts.requests.read(at, `read run ${run}`, (octokit, request) =>
      octokit.request("GET /repos/{owner}/{repo}/actions/runs/{run_id}", { ...place(at), run_id: run, request }),
    );
    return (
      TRUSTED_EVENTS.has(data.event) &&
      data.path.split("@")[0] === env.workflow &&
      data.head_branch === repository.default_branch &&
      Number(data.head_repository.id) === repository.id
    );
  }
}

/** Starts the workflow for an issue; the job's own token may do that. */
export async function startRun(
  requests: Pick<Requests, "write">,
  env: Pick<ActionEnv, "owner" | "name" | "workflow">,
  repository: { readonly id: number; readonly default_branch: string },
  subject: number,
): Promise<void> {
  const at = { id: repository.id, owner: env.owner, name: env.name };
  await requests.write(at, `start ${env.workflow} for #${subject}`, (octokit, request) =>
    octokit.request("POST /repos/{owner}/{repo}/actions/workflows/{workflow_id}/dispatches", {
      ...place(at),
      workflow_id: workflowFile(env),
      ref: repository.default_branch,
      inputs: { subject: String(subject) },
      request,
    }),
  );
}
