// Looks whether what a run stands on is still there: its issue, its repository, the App's right to be there, its base.
import type { Person } from "../engine/events.ts";
import { lookBack } from "../engine/hindsight.ts";
import type { EventLog } from "../engine/ports.ts";
import type { Subjects } from "../engine/subjects-port.ts";
import type { Workspaces } from "../workspace/workspaces.ts";
import type { Author, Self } from "./client.ts";
import { createClosedPulls } from "./closed-pulls.ts";
import { GitHubFailure } from "./failure.ts";
import { createRequests, place, type RequestsOptions } from "./requests.ts";

/** For runs about something that nobody can take away, a text and a folder, and without others to look back at. */
export const nothingToLose: Subjects = {
  look: () => Promise.resolve(undefined),
  lookBack: ({ createdAt }) => Promise.resolve({ since: createdAt, pulls: [], runs: [], leftOut: 0 }),
};

export interface SubjectsOptions extends Pick<RequestsOptions, "octokitFor" | "log" | "timing" | "throttle"> {
  readonly workspaces: Pick<Workspaces, "contains">;
  /** The runs there were before. */
  readonly runs: EventLog;
  readonly self: Self;
  /** Takes out of a text what people cannot see of it. */
  readonly visible: (text: string) => string;
}

type News = Awaited<ReturnType<Subjects["look"]>>;

/** GitHub's account for people who have left (github.com/ghost). */
const ghost: Person = { login: "ghost", id: 10_137 };

/** Looks at issues on GitHub: two requests and a fetch each time. A repository that was renamed is followed by its number. */
export function createSubjects({ workspaces, self, visible, runs, ...options }: SubjectsOptions): Subjects {
  const requests = createRequests(options);

  return {
    lookBack: (state, signal) =>
      lookBack(state, { log: runs, closedPulls: createClosedPulls({ requests, self, visible }) }, signal),

    async look({ repo, subject, base }, signal): Promise<News> {
      if (subject.kind === "local") return undefined;
      const lost = (loss: Extract<News, { type: "subject.lost" }>["loss"], message: string): News => ({
        type: "subject.lost",
        loss,
        message,
      });
      const issueName = `Issue #${subject.number}`;
      // Git is asked by name, and another repository may have the old one by now.
      let named = repo;
      try {
        const [{ data: issue }, { data: repository }] = await Promise.all([
          requests.read(
            repo,
            `read issue #${subject.number}`,
            (octokit, request) =>
              octokit.request("GET /repos/{owner}/{repo}/issues/{issue_number}", {
                ...place(repo),
                issue_number: subject.number,
                request,
              }),
            { signal },
          ),
          requests.read(
            repo,
            "read the repository",
            (octokit, request) => octokit.request("GET /repos/{owner}/{repo}", { ...place(repo), request }),
            { signal },
          ),
        ]);
        if (repo.id > 0 && Number(repository.id) !== repo.id)
          return lost("repository-gone", `Another repository is called ${repo.owner}/${repo.name} now.`);
        if (repository.full_name !== `${repo.owner}/${repo.name}`)
          named = { ...repo, owner: repository.owner.login, name: repository.name, cloneUrl: repository.clone_url };
        if (repository.archived) return lost("repository-archived", "The repository is archived.");
        // Redirects are followed; whoever comes to another number was sent to where the issue is now.
        if (issue.number !== subject.number) return lost("issue-transferred", `${issueName} is ${issue.html_url} now.`);
        if (issue.state !== "open") return { type: "subject.closed", by: personOf(issue.closed_by) };
        if (issue.locked) return lost("issue-locked", `The conversation of issue #${subject.number} is locked.`);
      } catch (error) {
        if (!(error instanceof GitHubFailure) || error.trouble === undefined) throw error;
        if (error.trouble === "issue-gone" && /moved to another repository/i.test(error.reason))
          return lost("issue-transferred", `${issueName} was moved to another repository.`);
        return lost(error.trouble, `${gone[error.trouble](issueName)} GitHub said: ${error.reason} (${error.status}).`);
      }
      const branch = `The branch ${base.branch}`;
      switch (await workspaces.contains(named, base.branch, base.commit, signal)) {
        case "branch-gone":
          return lost("base-gone", `${branch}, from which the run began, is gone.`);
        case "rewritten":
          return lost(
            "base-rewritten",
            `${branch} was rewritten: the commit from which the run began (${base.commit.slice(0, 10)}) is no part of it any more.`,
          );
        default:
          return undefined;
      }
    },
  };
}

const gone: Record<NonNullable<GitHubFailure["trouble"]>, (issue: string) => string> = {
  "issue-gone": (issue) => `${issue} is no longer there.`,
  "issue-locked": (issue) => `The conversation of ${issue.toLowerCase()} is locked.`,
  "repository-gone": () => "The repository is no longer there.",
  "repository-archived": () => "The repository is archived.",
  "installation-suspended": () => "The App's installation is suspended.",
  "installation-removed": () => "The App is not installed on this repository any more.",
};

function personOf(author: Author | null | undefined): Person {
  return author?.login === undefined || author.id === undefined
    ? ghost
    : { login: author.login, id: Number(author.id) };
}
