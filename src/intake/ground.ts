// From GitHub's news about issues, repositories and installations to what runs lose by it. Pure.
// What comes back (unlocked, unarchived, unsuspended) starts nothing by itself: people say when to go on.
import type { Ground, Lost } from "./intent.ts";
import { InstallationEvent, InstallationRepositoriesEvent, type IssueEvent, RepositoryEvent } from "./payloads.ts";

/** What became of an issue that cannot be worked any more; undefined for other news of it. */
export function lostIssue({ action, issue, sender, changes }: IssueEvent): Lost | undefined {
  const who = `@${sender.login}`;
  switch (action) {
    case "deleted":
      return { loss: "issue-gone", message: `${who} deleted issue #${issue.number}.` };
    case "transferred": {
      const { new_issue: there, new_repository: to } = changes ?? {};
      const where = there && to ? `${to.full_name}#${there.number}` : "another repository";
      return { loss: "issue-transferred", message: `${who} moved the issue to ${where}.` };
    }
    case "locked":
      return { loss: "issue-locked", message: `${who} locked the conversation of issue #${issue.number}.` };
    default:
      return undefined;
  }
}

/** What many runs may lose at once; undefined for other news, and for what is not as GitHub describes it. */
export function lostGround(name: string, action: string | undefined, payload: unknown): Ground | undefined {
  switch (`${name}.${action ?? ""}`) {
    case "repository.archived":
    case "repository.deleted": {
      const { data } = RepositoryEvent.safeParse(payload);
      if (!data) return undefined;
      const archived = action === "archived";
      return {
        loss: archived ? "repository-archived" : "repository-gone",
        message: `@${data.sender.login} ${archived ? "archived" : "deleted"} the repository.`,
        repositories: [data.repository.id],
        installation: undefined,
      };
    }
    case "installation.suspend":
    case "installation.deleted": {
      const { data } = InstallationEvent.safeParse(payload);
      if (!data) return undefined;
      const suspended = action === "suspend";
      return {
        loss: suspended ? "installation-suspended" : "installation-removed",
        message: `@${data.sender.login} ${suspended ? "suspended" : "removed"} the App's installation.`,
        repositories: [],
        installation: data.installation.id,
      };
    }
    case "installation_repositories.removed": {
      const { data } = InstallationRepositoriesEvent.safeParse(payload);
      if (!data) return undefined;
      return {
        loss: "installation-removed",
        message: `@${data.sender.login} took this repository from the App's installation.`,
        repositories: data.repositories_removed.map(({ id }) => id),
        installation: undefined,
      };
    }
    default:
      return undefined;
  }
}
