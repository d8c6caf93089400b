// JSON as GitHub answers it: reviews of a pull request, and remarks on its lines.
import type { Issue, PullRequest, Repository, Review, World } from "../state.ts";
import { nodeId, userShape } from "./accounts.ts";
import { associationOf, repositoryUrl } from "./issues.ts";

function common(world: World, repo: Repository, issue: Issue, review: Review, anchor: string) {
  const pullUrl = `${repositoryUrl(world, repo)}/pulls/${issue.number}`;
  const page = `${world.url}/${repo.fullName}/pull/${issue.number}#${anchor}`;
  return {
    user: userShape(world, review.by),
    html_url: page,
    pull_request_url: pullUrl,
    author_association: associationOf(repo, review.by),
    _links: { self: { href: pullUrl }, html: { href: page }, pull_request: { href: pullUrl } },
  };
}

export function reviewShape(world: World, repo: Repository, issue: Issue, review: Review) {
  return {
    ...common(world, repo, issue, review, `pullrequestreview-${review.id}`),
    id: review.id,
    node_id: nodeId("PRR_", review.id),
    body: review.body,
    state: review.state,
    submitted_at: review.at,
    commit_id: review.commit,
  };
}

export function remarkShapes(world: World, repo: Repository, issue: Issue, { reviews }: PullRequest) {
  return reviews.flatMap((review) =>
    review.remarks.map(({ id, path, line, body, replyTo }) => ({
      ...common(world, repo, issue, review, `discussion_r${id}`),
      url: `${repositoryUrl(world, repo)}/pulls/comments/${id}`,
      id,
      node_id: nodeId("PRRC_", id),
      pull_request_review_id: review.id,
      diff_hunk: "",
      path,
      line,
      ...(replyTo === undefined ? {} : { in_reply_to_id: replyTo }),
      commit_id: review.commit,
      original_commit_id: review.commit,
      body,
      created_at: review.at,
      updated_at: review.at,
    })),
  );
}
