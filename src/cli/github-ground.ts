// One repository on GitHub as the command line sees it with a token: who asks, what the repository says about itself, and its labels.
import { systemClock } from "../core/clock.ts";
import { BatonError } from "../core/errors.ts";
import type { Log } from "../core/log.ts";
import type { RepoRef } from "../engine/events.ts";
import type { GitHubReader, IssueList } from "../engine/github-port.ts";
import type { Env } from "../env.ts";
import { createClient, whoIs, type OctokitFor, type Self } from "../github/client.ts";
import { createGitHubReader } from "../github/reader.ts";
import { createRequests } from "../github/requests.ts";
import { createMemoryThrottle, type Throttle } from "../store/throttle.ts";
import { CONFIG_FILE } from "../workflows/load.ts";
import type { RepoConfig } from "../workflows/repo-config.ts";
import { readConfig } from "./read-config.ts";

export interface GitHubGround {
  readonly octokitFor: OctokitFor;
  readonly self: Self;
  readonly throttle: Throttle;
  readonly reader: GitHubReader & IssueList;
  readonly repo: RepoRef;
  readonly config: RepoConfig;
  /** Labels the repository has. */
  readonly labels: string[];
}

/** Looks at a repository. Throws `github-failed` (a bad token, one that may not see it) and `invalid-config`. */
export async function openGround(
  owner: string,
  name: string,
  env: Pick<Env, "token" | "apiUrl">,
  journal: Log,
): Promise<GitHubGround> {
  const client = await createClient({ token: env.token ?? "", apiUrl: env.apiUrl, log: journal });
  const octokitFor = () => Promise.resolve(client);
  const throttle = createMemoryThrottle(systemClock);
  const requests = createRequests({ octokitFor, throttle, log: journal });
  const self = await requests.read({ id: 0, owner, name }, "say whose token GITHUB_TOKEN is", whoIs);
  const reader = createGitHubReader({ octokitFor, throttle, log: journal });
  const repo = await reader.repository(owner, name);
  const [config, labels] = await Promise.all([
    readConfig((path) => reader.file(repo, path), { repo, read: () => reader.ownersFile(repo, CONFIG_FILE) }),
    reader.labels(repo),
  ]);
  return { octokitFor, self, throttle, reader, repo, config, labels };
}

/** An open issue, whole. Throws `not-found`, and `invalid-usage` for one that cannot be worked: closed, locked, a pull request. */
export async function openIssueOf(
  { reader, repo }: Pick<GitHubGround, "reader" | "repo">,
  number: number,
  target: string,
): Promise<NonNullable<Awaited<ReturnType<GitHubReader["issue"]>>>> {
  const issue = await reader.issue(repo, number);
  if (!issue) throw new BatonError("not-found", `${target} does not exist, or the token may not see it`);
  const obstacle = issue.isPull
    ? "is a pull request"
    : issue.state === "closed"
      ? "is closed"
      : issue.locked
        ? "is locked"
        : undefined;
  if (obstacle !== undefined) throw new BatonError("invalid-usage", `${target} ${obstacle}; name an open issue`);
  return issue;
}
