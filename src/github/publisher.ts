// The only door to GitHub's write side. It takes typed intents, talks to no model, and cannot merge, approve or mark ready.
import { z } from "zod";
import type { Sha } from "../core/ids.ts";
import { messageOf } from "../core/errors.ts";
import type { Log } from "../core/log.ts";
import type { Redact } from "../core/redact.ts";
import type { RepoRef } from "../engine/events.ts";
import type { Publisher } from "../engine/ports.ts";
import { baseToMerge } from "../engine/pull-state.ts";
import type { State } from "../engine/state.ts";
import type { Outbox } from "../store/outbox.ts";
import { proposedBy } from "../workflows/proposals.ts";
import { defaultRepoConfig } from "../workflows/repo-config.ts";
import { IGNORED_LABEL } from "../workflows/names.ts";
import type { Workspaces } from "../workspace/workspaces.ts";
import { branchName, createBranches, isOwnBranch, proposalBranch } from "./branch.ts";
import { isSelf, type OctokitFor, type Self, type Timing } from "./client.ts";
import { createCheckRuns } from "./check-runs.ts";
import { createComments } from "./comments.ts";
import { createConfigCheck } from "./config-check.ts";
import { createConfigIssue } from "./config-issue.ts";
import { commitMessage } from "./commit-message.ts";
import { goneIsFine, isRefused } from "./failure.ts";
import { createFindings } from "./open-findings.ts";
import { addLabel } from "./labels.ts";
import { createNeutral } from "./neutral.ts";
import { createOnce } from "./once.ts";
import { createOwnIssues } from "./own-issue.ts";
import { createKeptBranches } from "./kept-branches.ts";
import type { Links } from "./progress.ts";
import { forbiddenChange, verifiedHead } from "./publishable.ts";
import { pullRequestBody, pullRequestTitle } from "./pull-request.ts";
import { createPullRequests, pullKey, PullResult, type Opened } from "./pull-requests.ts";
import { addReaction, conclude } from "./reactions.ts";
import { refusalOf, refused, type Refusal } from "./refusal.ts";
import { createReplying } from "./replying.ts";
import { withRunPage } from "./run-page.ts";
import { createScheduleIssues } from "./schedule-issue.ts";
import { createRerunChecks } from "./rerun-checks.ts";
import { createPutBack } from "./put-back.ts";
import { createReviews } from "./review.ts";
import { askForReview } from "./review-request.ts";
import { answerThreads } from "./thread-answers.ts";
import { createRequests, place, systemTiming, type RequestsOptions } from "./requests.ts";

export interface PublisherOptions extends Pick<RequestsOptions, "throttle" | "fence" | "timeoutMs" | "monotonic"> {
  readonly octokitFor: OctokitFor;
  /** Clients that may write check runs, and fail where the App may not. Default: `octokitFor`. */
  readonly checksFor?: OctokitFor;
  /** The same for jobs of GitHub Actions that are to run again. Default: `octokitFor`. */
  readonly actionsFor?: OctokitFor;
  readonly outbox: Outbox;
  readonly workspaces: Pick<Workspaces, "changes" | "file" | "patch" | "tree">;
  readonly redact: Redact;
  readonly self: Self;
  readonly links: Links;
  readonly log: Log;
  readonly timing?: Timing;
  /** Comments on one issue within an hour, from which on nobody is answered any more. Default: as in a repository that says nothing. */
  readonly commentsPerHour?: ((repo: RepoRef) => number) | undefined;
}

const BranchName = z.object({ name: z.string() });

const TEMPLATES = [
  ".github/pull_request_template.md",
  ".github/PULL_REQUEST_TEMPLATE.md",
  "pull_request_template.md",
  "docs/pull_request_template.md",
];
const HOUR_MS = 3_600_000;
const REMOVE_MS = 60_000;

export function createPublisher(options: PublisherOptions): Publisher {
  const {
    octokitFor,
    checksFor = octokitFor,
    actionsFor = octokitFor,
    outbox,
    workspaces,
    redact,
    self,
    links,
    log,
    timing = systemTiming,
    commentsPerHour = () => defaultRepoConfig.limits.commentsPerHour,
  } = options;
  const { throttle, fence, timeoutMs, monotonic } = options;
  const requesting = { log, timing, throttle, fence, timeoutMs, monotonic };
  const requests = createRequests({ ...requesting, octokitFor });
  const askingChecks = createRequests({ ...requesting, octokitFor: checksFor });
  const once = createOnce({ outbox, log, timing, fence });
  const neutral = createNeutral(redact);
  const comments = createComments({ requests, once, redact, self });
  const pulls = createPullRequests({ requests, once, self });
  const openOwnIssue = createOwnIssues({ requests, once, self });
  const checks = createCheckRuns({ requests: askingChecks, once, self });
  const branches = createBranches({ requests, once, outbox, workspaces, redact, self });
  /** Titles of pull requests by repository; a style does not change within the hour. */
  const titlesOf = new Map<number, { at: number; titles: readonly string[] }>();

  /** The subject must still want it. */
  async function subjectRefuses(
    { repo, subject }: State["created"],
    signal: AbortSignal,
  ): Promise<Refusal | undefined> {
    const gone = refused("issue-gone", `Issue #${subject.number} is no longer there, so no pull request was opened.`);
    try {
      const { data } = await requests.read(
        repo,
        `read issue #${subject.number}`,
        (octokit, request) =>
          octokit.request("GET /repos/{owner}/{repo}/issues/{issue_number}", {
            ...place(repo),
            issue_number: subject.number,
            request,
          }),
        { signal },
      );
      if (data.number !== subject.number) return gone;
      if (data.state !== "open")
        return refused("issue-closed", `Issue #${subject.number} was closed, so no pull request was opened.`);
      if (data.locked)
        return refused("issue-locked", `Issue #${subject.number} was locked, so no pull request was opened.`);
      return undefined;
    } catch (error) {
      if (isRefused(error, 404, 410)) return gone;
      throw error;
    }
  }

  /** Titles of the latest pull requests; none when GitHub does not say. */
  async function recentTitles(repo: RepoRef, signal: AbortSignal): Promise<readonly string[]> {
    const known = titlesOf.get(repo.id);
    if (known && timing.now() - known.at < HOUR_MS) return known.titles;
    try {
      const { data } = await requests.read(
        repo,
        "read the latest pull requests",
        (octokit, request) =>
          octokit.request("GET /repos/{owner}/{repo}/pulls", { ...place(repo), state: "all", per_page: 20, request }),
        { signal },
      );
      const titles = data.filter(({ user }) => !isSelf(self, user)).map(({ title }) => title);
      titlesOf.set(repo.id, { at: timing.now(), titles });
      return titles;
    } catch (error) {
      signal.throwIfAborted();
      log.info("the titles of earlier pull requests are not known", { error: messageOf(error) });
      return [];
    }
  }

  async function template(repo: RepoRef, base: Sha, signal: AbortSignal): Promise<string | undefined> {
    for (const path of TEMPLATES) {
      const bytes = await workspaces.file(repo, base, path, signal);
      if (bytes) return redact(Buffer.from(bytes).toString("utf8"));
    }
    return undefined;
  }

  /** The branch name of an issue stays what it was first, whatever becomes of the title. */
  async function stableBranchName({ workflow, created: { repo, subject, input, base } }: State): Promise<string> {
    const proposed = proposedBy(workflow);
    if (proposed) return proposalBranch(proposed, subject.number);
    // What stands on another branch than usual has a branch of its own: histories are not joined by Baton.
    const usual = base.branch === repo.defaultBranch;
    const title = usual ? input.title : `onto ${base.branch} ${input.title}`;
    const name = branchName("issue", subject.number, neutral.plain(title));
    const key = `branch-name:${repo.id}:${subject.number}${usual ? "" : `:${base.branch}`}`;
    await outbox.record({ key, run: undefined, kind: "branch-name", payload: {} });
    await outbox.done(key, { name });
    return BranchName.parse((await outbox.read(key))?.result).name;
  }

  async function publish(state: State, signal: AbortSignal): Promise<Opened | Refusal> {
    const { created } = state;
    const { repo } = created;
    const base = state.base.commit;
    const checked = verifiedHead(state);
    if (typeof checked !== "string") return checked;
    const revised = state.revision && state.pullRequest;
    const refusal =
      (await subjectRefuses(created, signal)) ?? (revised && (await pulls.refuses(repo, revised.number, signal)));
    if (refusal) return refusal;
    const changes = await workspaces.changes(repo, base, checked, signal);
    const forbidden = forbiddenChange(state, checked, changes);
    if (forbidden) return forbidden;
    const titles = await recentTitles(repo, signal);
    const tree = await workspaces.tree(repo, checked, signal);
    const title = pullRequestTitle(state, titles, neutral);
    const shownAt = await withRunPage(links, outbox, state.runId);
    const published = await branches.publish(
      {
        run: state.runId,
        repo,
        name: revised?.branch ?? (await stableBranchName(state)),
        revises: revised && { onto: state.revision?.onto, merges: baseToMerge(state) },
        base,
        head: checked,
        tree,
        changes,
        message: commitMessage(
          state,
          baseToMerge(state) ? `Merge ${neutral.plain(state.base.branch, 60)} into ${revised?.branch ?? "it"}` : title,
          { neutral, links: shownAt },
        ),
      },
      signal,
    );
    if (published.type === "refused") return published;
    const body = pullRequestBody(state, {
      head: checked,
      tree,
      changes,
      template: await template(repo, base, signal),
      now: state.updatedAt,
      neutral,
      links: shownAt,
    });
    const { branch, commit } = published;
    return revised
      ? await pulls.update(state, revised, { branch, head: commit, tree, body: redact(body) }, signal)
      : await pulls.open(state, { branch, head: commit, tree, title, body: redact(body) }, signal);
  }

  /** Whom it concerns is told; done before, it is not done again. */
  async function tell(state: State, { number, head }: Opened, signal: AbortSignal): Promise<void> {
    await answerThreads({ requests, once, self, neutral, redact, log }, state, { number, head }, signal);
    await askForReview({ requests, once, self, log }, state, number);
  }

  const kept = createKeptBranches({
    requests,
    once,
    outbox,
    branches,
    workspaces,
    neutral,
    links,
    nameOf: stableBranchName,
  });
  return {
    ...kept,
    async openPullRequest(state, signal) {
      const before = await outbox.read(pullKey(state));
      if (before?.doneAt !== undefined) {
        const event: Opened = { type: "pull_request.opened", ...PullResult.parse(before.result) };
        await tell(state, event, signal);
        return { type: "opened", event };
      }
      try {
        const answer = await publish(state, signal);
        if (answer.type === "refused") return answer;
        await tell(state, answer, signal);
        return { type: "opened", event: answer };
      } catch (error) {
        signal.throwIfAborted();
        const refusal = refusalOf(error);
        if (refusal) return refusal;
        throw error;
      }
    },

    publishReview: createReviews({ requests, once, self, neutral, redact, workspaces }),

    reply: createReplying({ comments, outbox, neutral, links, log, timing, commentsPerHour }),

    async acknowledge(repo, commentId) {
      await addReaction({ requests, once, self }, repo, commentId, "eyes");
    },
    conclude: (repo, commentId, as) =>
      conclude({ requests, once, self, outbox }, repo, commentId, as === "done" ? "rocket" : "confused"),

    putBack: createPutBack({ comments, outbox }),
    openFindings: createFindings({ open: openOwnIssue, outbox, comments, neutral }),
    openScheduleIssue: createScheduleIssues(openOwnIssue, neutral),
    showConfig: createConfigIssue({ open: openOwnIssue, requests, outbox, comments, neutral, links }),
    checkConfig: createConfigCheck({ checks, neutral, log }),
    showChecksAgain: (repo, commit) => checks.again(repo, commit),
    rerunChecks: createRerunChecks({
      actions: createRequests({ ...requesting, octokitFor: actionsFor }),
      checks: askingChecks,
      once,
      log,
    }),
    async removeMerged(repo, branch, at) {
      const signal = AbortSignal.timeout(REMOVE_MS);
      if (!isOwnBranch(branch) || (await branches.at(repo, branch, signal)) !== at) return;
      await branches.remove(repo, branch, { signal });
    },

    leaveAlone: (repo, { number }) => addLabel({ requests, once }, { repo, number }, IGNORED_LABEL),
    async removeLabel(repo, subject, label) {
      await goneIsFine(
        requests.read(repo, `take the label ${label} off #${subject.number}`, (octokit, request) =>
          octokit.request("DELETE /repos/{owner}/{repo}/issues/{issue_number}/labels/{name}", {
            ...place(repo),
            issue_number: subject.number,
            name: label,
            request,
          }),
        ),
      );
    },
  };
}
