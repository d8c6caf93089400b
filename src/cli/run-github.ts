// One run on an issue of GitHub with a token: reads the issue, and shows the run there as a server would.
import { systemClock } from "../core/clock.ts";
import { BatonError } from "../core/errors.ts";
import { createClient, whoIs } from "../github/client.ts";
import { createProjection } from "../github/projection.ts";
import { createPublisher } from "../github/publisher.ts";
import { createGitHubReader } from "../github/reader.ts";
import { createSubjects } from "../github/subjects.ts";
import { CONFIG_FILE } from "../intake/handle.ts";
import { createRunEvent, pinInput, withoutOwn } from "../intake/pin.ts";
import { createMemoryOutbox } from "../store/outbox.ts";
import { createMemoryThrottle } from "../store/throttle.ts";
import { parseRepoConfig } from "../workflows/parse-repo-config.ts";
import { defaultRepoConfig } from "../workflows/repo-config.ts";
import type { Case, CaseOptions } from "./run.ts";

/** Reads `owner/repo#12`. Throws `not-found`, `invalid-config`, or `invalid-usage` when the issue cannot be worked (closed, locked, a pull request). */
export async function openGitHubCase({ id, target, flags, env, parts, log, journal }: CaseOptions): Promise<Case> {
  const [, owner = "", name = "", digits = ""] = /^(.+)\/(.+)#(\d+)$/.exec(target) ?? [];
  const number = Number(digits);
  const client = await createClient({ token: env.token ?? "", apiUrl: env.apiUrl, log: journal });
  const octokitFor = () => Promise.resolve(client);
  const self = await whoIs(client);
  const throttle = createMemoryThrottle(systemClock);
  const reader = createGitHubReader({ octokitFor, throttle, log: journal });
  const repo = await reader.repository(owner, name);
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
  const [closing] = await reader.pullRequestsClosing(repo, number);
  if (closing !== undefined)
    throw new BatonError("invalid-usage", `pull request #${closing} is open and would close ${target}; close it first`);

  const text = await reader.file(repo, CONFIG_FILE);
  const config =
    text === undefined ? { type: "ok" as const, config: defaultRepoConfig } : parseRepoConfig(text, CONFIG_FILE);
  if (config.type === "invalid") throw new BatonError("invalid-config", config.problems.join("\n"));
  const branch = flags.base ?? repo.defaultBranch;
  const [comments, labels, commit] = await Promise.all([
    reader.comments(repo, number),
    reader.labels(repo),
    reader.head(repo, branch),
  ]);
  const { redact, workspaces } = parts;
  const outbox = createMemoryOutbox(systemClock);
  const links = { serverUrl: env.serverUrl };
  return {
    created: createRunEvent({
      runId: id,
      repo,
      subject: { kind: "issue", number, url: issue.url, author: issue.author },
      request: { door: "cli", by: { login: self.login, id: self.id ?? 0 }, quote: `baton run ${target}` },
      input: pinInput({ ...issue, comments: withoutOwn(comments, self) }),
      base: { branch, commit },
      wanted: "work",
      config: config.config,
      labels,
      flags,
    }),
    publisher: createPublisher({ octokitFor, outbox, throttle, workspaces, redact, self, links, log: journal }),
    projection: createProjection({ log, octokitFor, outbox, throttle, redact, self, links, journal }),
    subjects: createSubjects({ octokitFor, throttle, workspaces, log: journal }),
  };
}
