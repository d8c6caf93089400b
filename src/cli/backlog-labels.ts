// Sets on GitHub what was found, issue by issue.
import { silentLog } from "../core/log.ts";
import { GitHubFailure } from "../github/failure.ts";
import { createTriageLabels } from "../github/triage-labels.ts";
import type { Outbox } from "../store/outbox.ts";
import type { Desk } from "./backlog-desk.ts";
import { pastLimits, type Waits } from "./github-limits.ts";
import type { SortedLine } from "./triage-view.ts";

/** From here on people should know that it takes its time. */
const MANY = 50;

/** The lines with what became of their labels. Throws `github-failed` where the token may not set any, and the signal's reason. */
export async function setFoundLabels<Line extends SortedLine & { readonly id: string }>(
  desk: Pick<Desk, "octokitFor" | "throttle" | "repo" | "labels">,
  outbox: Outbox,
  lines: readonly Line[],
  waits: Waits,
): Promise<readonly (Line & Pick<SortedLine, "labelled">)[]> {
  const { octokitFor, throttle, repo, labels } = desk;
  const found = createTriageLabels({ octokitFor, throttle, outbox, log: silentLog });
  const set = async (line: Line): Promise<SortedLine["labelled"]> => {
    try {
      const { number, id } = line;
      return await pastLimits(() => found.set(repo, { number, known: labels }, id, line.labels), waits);
    } catch (error) {
      if (!(error instanceof GitHubFailure) || error.status === 401 || error.status === 403) throw error;
      waits.print(`The labels of #${line.number} could not be set: ${error.message}`);
      return "failed";
    }
  };
  if (lines.length > MANY)
    waits.print(
      `Setting labels on ${lines.length} issues; GitHub allows 80 such requests a minute and 500 an hour, and is waited for. Ctrl-C is safe.`,
    );
  const done: (Line & Pick<SortedLine, "labelled">)[] = [];
  for (const line of lines) done.push({ ...line, labelled: await set(line) });
  return done;
}
