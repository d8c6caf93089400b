// JSON as GitHub answers it: runs of workflows, and what they kept.
import type { KeptArtifact, Repository, WorkflowRun, World } from "../state.ts";
import { nodeId, userShape } from "./accounts.ts";
import { repositoryUrl } from "./issues.ts";
import { repositoryShape } from "./repositories.ts";

export function artifactShape(world: World, repo: Repository, artifact: KeptArtifact) {
  const url = `${repositoryUrl(world, repo)}/actions/artifacts/${artifact.id}`;
  return {
    id: artifact.id,
    node_id: nodeId("AR_", artifact.id),
    name: artifact.name,
    size_in_bytes: [...artifact.files.values()].reduce((sum, { length }) => sum + length, 0),
    url,
    archive_download_url: `${url}/zip`,
    expired: artifact.expired,
    created_at: artifact.createdAt,
    updated_at: artifact.createdAt,
    expires_at: artifact.createdAt,
    workflow_run: {
      id: artifact.run.id,
      repository_id: repo.id,
      head_repository_id: artifact.run.headRepositoryId,
      head_branch: artifact.run.headBranch,
      head_sha: artifact.run.headSha,
    },
  };
}

export function workflowRunShape(world: World, repo: Repository, run: WorkflowRun) {
  const api = repositoryUrl(world, repo);
  const url = `${api}/actions/runs/${run.id}`;
  const actor = userShape(world, run.actor);
  return {
    id: run.id,
    node_id: nodeId("WFR_", run.id),
    name: "Baton",
    head_branch: run.headBranch,
    head_sha: run.headSha,
    run_number: 1,
    run_attempt: run.attempt,
    display_title: "Baton",
    event: run.event,
    status: run.status,
    conclusion: run.conclusion,
    path: run.path,
    workflow_id: 1,
    url,
    html_url: `${world.url}/${repo.fullName}/actions/runs/${run.id}`,
    created_at: run.createdAt,
    updated_at: run.createdAt,
    head_commit: null,
    head_repository: { ...repositoryShape(world, repo), id: run.headRepositoryId },
    repository: repositoryShape(world, repo),
    actor,
    triggering_actor: actor,
    jobs_url: `${url}/jobs`,
    logs_url: `${url}/logs`,
    check_suite_url: `${api}/check-suites/1`,
    cancel_url: `${url}/cancel`,
    rerun_url: `${url}/rerun`,
    artifacts_url: `${url}/artifacts`,
    workflow_url: `${api}/actions/workflows/1`,
    pull_requests: [],
  };
}
