// The issue on which a workflow is worked that starts by the clock, where the config names none.
import type { Publisher } from "../engine/ports.ts";
import { CONFIG_FILE } from "../workflows/load.ts";
import { marker, stack } from "./markdown.ts";
import type { Neutral } from "./neutral.ts";
import type { OpenOwnIssue } from "./own-issue.ts";

/** How the titles of these issues begin. */
export const SCHEDULED = "Scheduled: ";

/** `Publisher.openScheduleIssue` over its parts. */
export function createScheduleIssues(open: OpenOwnIssue, neutral: Neutral): Publisher["openScheduleIssue"] {
  return (repo, workflow, deleted) => {
    const name = deleted === 0 ? workflow : `${workflow}:${deleted}`;
    const mark = marker("schedule", name);
    const shown = neutral.code(workflow, 40);
    return open(repo, {
      key: `schedule:${repo.id}:${name}`,
      kind: "schedule",
      payload: { repo: `${repo.owner}/${repo.name}`, workflow },
      what: `the workflow ${workflow}, which starts by the clock`,
      mark,
      title: `${SCHEDULED}${workflow}`,
      body: stack(
        mark,
        `\`schedules\` in \`${CONFIG_FILE}\` starts the workflow ${shown} by the clock. Each start has its status card below; what comes of it is a pull request or a report, as when somebody asks for it by hand.`,
        "**Next:** close this issue to let the schedule rest, reopen it to go on, take the entry out of the file to end it. A start is left out while an earlier one is still at work here, or its pull request is still open.",
      ),
    });
  };
}
