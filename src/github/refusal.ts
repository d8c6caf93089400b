// GitHub's "no" to opening a pull request, in words that say what to do about it.
import { GitHubFailure } from "./failure.ts";

export interface Refusal {
  readonly type: "refused";
  readonly code: string;
  readonly message: string;
}

export function refused(code: string, message: string): Refusal {
  return { type: "refused", code, message };
}

const reasons: readonly { code: string; when: RegExp; message: string }[] = [
  {
    code: "actions-may-not-open",
    when: /GitHub Actions is not permitted to create/i,
    message:
      "This repository lets no workflow open pull requests. The branch is there: open it by hand, or turn on *Allow GitHub Actions to create and approve pull requests* (Settings, Actions, General), then write `/agent retry`.",
  },
  {
    code: "repository-archived",
    when: /archived/i,
    message: "The repository is archived, so nothing can be written to it. Unarchive it, then retry.",
  },
  {
    code: "workflow-files",
    when: /workflow/i,
    message:
      "GitHub does not let Baton change workflow files, and Baton does not ask to. A person has to make this change.",
  },
  {
    code: "branch-protected",
    when: /rule violation|protected branch|rulesets?/i,
    message:
      "A branch rule of this repository does not let Baton create its branch. Let it create branches under `baton/`, then retry.",
  },
  {
    code: "drafts-unsupported",
    when: /draft pull requests are not supported/i,
    message:
      "GitHub offers no draft pull requests in this repository, and Baton opens no other kind. Open it by hand from the branch.",
  },
  {
    code: "empty-diff",
    when: /no commits between/i,
    message: "The branch does not differ from the base, so there is nothing to open.",
  },
  {
    code: "base-gone",
    when: /\bbase\b.*invalid|invalid.*\bbase\b|parent sha|object does not exist|base_tree/i,
    message: "The commit or branch this run started from is gone from GitHub. Start again with a new run.",
  },
];

/** The refusal behind a failure, or undefined when asking again later may work (then it is thrown on). */
export function refusalOf(error: unknown): Refusal | undefined {
  if (!(error instanceof GitHubFailure) || error.kind !== "refused") return undefined;
  const known = reasons.find(({ when }) => when.test(error.reason));
  const said = `GitHub said: ${error.reason} (${error.status}).`;
  if (known) return refused(known.code, `${known.message} ${said}`);
  if (error.status === 401 || error.status === 403 || error.status === 404) {
    return refused(
      "no-permission",
      `Baton may not write here. Its App or token needs "Contents: write", "Pull requests: write" and "Issues: write" for this repository. ${said}`,
    );
  }
  return refused("github-refused", `${error.message}.`);
}
