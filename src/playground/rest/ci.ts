// What the API says of continuous integration besides check runs: suites, statuses, rules of branches, logs of jobs; and running again.
import { Hono } from "hono";
import { actionsApp, ciOf, logAddress, queue } from "../ci.ts";
import { nodeId } from "../shapes/accounts.ts";
import { repositoryUrl } from "../shapes/issues.ts";
import { repositoryShape } from "../shapes/repositories.ts";
import type { CheckRun, Repository, World } from "../state.ts";
import { checkSuiteId } from "../shapes/commits.ts";
import { suiteShape } from "./checks.ts";
import { answer, here, notFound, page, param, Refusal, type RestEnv } from "./exchange.ts";
import { commitNamed } from "./repositories.ts";

export function ciRoutes(world: World): Hono<RestEnv> {
  const rest = new Hono<RestEnv>();
  const at = "/repos/:owner/:repo";

  rest.get(`${at}/commits/:ref{.+}/check-suites`, async (c) => {
    const { repo } = here(c, world, "read", "checks");
    const { sha } = await commitNamed(repo, param(c, "ref"));
    const bySuite = new Map<number, CheckRun>();
    for (const run of repo.checkRuns) if (run.headSha === sha) bySuite.set(checkSuiteId(run), run);
    const shapes = await Promise.all(
      page(c, world, [...bySuite.values()]).map(async (run) => ({
        ...(await suiteShape(world, repo, run)),
        repository: repositoryShape(world, repo),
      })),
    );
    return answer(c, { total_count: bySuite.size, check_suites: shapes });
  });

  rest.get(`${at}/commits/:ref{.+}/status`, async (c) => {
    const { repo } = here(c, world, "read", "statuses");
    const { sha } = await commitNamed(repo, param(c, "ref"));
    const latest = new Map(
      ciOf(repo)
        .statuses.filter((one) => one.sha === sha)
        .map((one) => [one.context, one]),
    );
    const url = `${repositoryUrl(world, repo)}/statuses/${sha}`;
    const states = [...latest.values()].map(({ state }) => state);
    return answer(c, {
      state: states.includes("failure") ? "failure" : states.length > 0 ? "success" : "pending",
      sha,
      total_count: latest.size,
      statuses: page(c, world, [...latest.values()]).map(({ id, context, state, at: when }) => ({
        id,
        node_id: nodeId("SC_", id),
        url,
        avatar_url: null,
        state,
        description: `${context}: ${state}`,
        target_url: null,
        context,
        created_at: when,
        updated_at: when,
      })),
      repository: repositoryShape(world, repo),
      commit_url: `${repositoryUrl(world, repo)}/commits/${sha}`,
      url: `${repositoryUrl(world, repo)}/commits/${sha}/status`,
    });
  });

  rest.get(`${at}/rules/branches/:branch{.+}`, (c) => {
    const { repo } = here(c, world, "read", "metadata|contents");
    const required = param(c, "branch") === repo.defaultBranch ? ciOf(repo).required : [];
    const rule = {
      type: "required_status_checks",
      parameters: {
        required_status_checks: required.map((context) => ({ context })),
        strict_required_status_checks_policy: false,
      },
      ruleset_source_type: "Repository",
      ruleset_source: repo.fullName,
      ruleset_id: 1,
    };
    return answer(c, page(c, world, required.length > 0 ? [rule] : []));
  });

  rest.get(`${at}/actions/jobs/:job{[0-9]+}/logs`, (c) => {
    const { repo } = here(c, world, "read", "actions");
    const job = Number(param(c, "job"));
    if (!ciOf(repo).logs.has(job)) throw notFound();
    return c.body(null, 302, { location: logAddress(world, repo, job) });
  });

  rest.post(`${at}/actions/runs/:run{[0-9]+}/rerun-failed-jobs`, async (c) => {
    const { repo } = here(c, world, "write", "actions", "write");
    const wanted = Number(param(c, "run"));
    const sha = [...ciOf(repo).workflowRuns].find(([, id]) => id === wanted)?.[0];
    if (sha === undefined) throw notFound();
    const latest = latestOf(world, repo, sha);
    if (latest.some(({ status }) => status !== "completed"))
      throw new Refusal(403, "This workflow run is already running");
    const failed = latest.filter(({ conclusion }) => conclusion === "failure");
    if (failed.length === 0) throw new Refusal(403, "There are no failed jobs to re-run");
    for (const { name } of failed) await queue(world, repo, sha, name);
    return answer(c, {}, 201);
  });

  rest.post(`${at}/check-runs/:id{[0-9]+}/rerequest`, async (c) => {
    const { repo } = here(c, world, "write", "checks", "write");
    const run = repo.checkRuns.find(({ id }) => id === Number(param(c, "id")));
    if (!run) throw notFound();
    if (run.app !== actionsApp(world)) throw new Refusal(422, "This check run is not rerequestable");
    await queue(world, repo, run.headSha, run.name);
    return answer(c, {}, 201);
  });

  return rest;
}

/** The newest check of each name that the workflow ran on the commit. */
function latestOf(world: World, repo: Repository, sha: string): CheckRun[] {
  const app = actionsApp(world);
  const own = repo.checkRuns.filter((run) => run.app === app && run.headSha === sha);
  return [...new Map(own.map((run) => [run.name, run])).values()];
}
