// Sets on GitHub what was found, issue by issue. GitHub's limits are waited out, however long: nothing else is to be done.
import { setTimeout as delay } from "node:timers/promises";
import { silentLog } from "../core/log.ts";
import { GitHubFailure } from "../github/failure.ts";
import { createTriageLabels } from "../github/triage-labels.ts";
import type { Outbox } from "../store/outbox.ts";
import type { Desk } from "./backlog-desk.ts";
import type { TriageCall } from "./triage-call.ts";
import type { SortedLine } from "./triage-view.ts";

/** The lines with what became of their labels. Throws `github-failed` where the token may not set any, and the signal's reason. */
export async function setFoundLabels<Line extends SortedLine & { readonly id: string }>(
  desk: Pick<Desk, "octokitFor" | "throttle" | "repo" | "labels">,
  outbox: Outbox,
  lines: readonly Line[],
  { print, signal }: Pick<TriageCall, "print" | "signal">,
): Promise<readonly Line[]> {
  const { octokitFor, throttle, repo, labels } = desk;
  const found = createTriageLabels({ octokitFor, throttle, outbox, log: silentLog });
  const set = async (line: Line): Promise<SortedLine["labelled"]> => {
    for (;;) {
      signal.throwIfAborted();
      try {
        return await found.set(repo, { number: line.number, known: labels }, line.id, line.labels);
      } catch (error) {
        if (!(error instanceof GitHubFailure) || error.status === 401 || error.status === 403) throw error;
        if (error.retryAt === undefined) {
          print(`The labels of #${line.number} could not be set: ${error.message}`);
          return "failed";
        }
        print(`${error.message}. Waiting; Ctrl-C is safe.`);
        await delay(Math.max(1_000, error.retryAt - Date.now()), undefined, { signal }).catch(() => undefined);
      }
    }
  };
  const done: Line[] = [];
  for (const line of lines) done.push({ ...line, labelled: await set(line) });
  return done;
}
