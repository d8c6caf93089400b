// Sets on GitHub what was found, issue by issue. GitHub's limits are waited out, however long: nothing else is to be done.
import { setTimeout as delay } from "node:timers/promises";
import { silentLog } from "../core/log.ts";
import { GitHubFailure } from "../github/failure.ts";
import { createTriageLabels } from "../github/triage-labels.ts";
import type { Outbox } from "../store/outbox.ts";
import type { Desk } from "./backlog-desk.ts";
import type { TriageCall } from "./triage-call.ts";
import type { SortedLine } from "./triage-view.ts";

/** From here on people should know that it takes its time. */
const MANY = 50;

const pauseFor = (milliseconds: number, signal: AbortSignal): Promise<void> =>
  delay(milliseconds, undefined, { signal }).catch(() => undefined);

/** The lines with what became of their labels. Throws `github-failed` where the token may not set any, and the signal's reason. */
export async function setFoundLabels<Line extends SortedLine & { readonly id: string }>(
  desk: Pick<Desk, "octokitFor" | "throttle" | "repo" | "labels">,
  outbox: Outbox,
  lines: readonly Line[],
  { print, signal, pause = pauseFor }: Pick<TriageCall, "print" | "signal"> & { readonly pause?: typeof pauseFor },
): Promise<readonly (Line & Pick<SortedLine, "labelled">)[]> {
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
        await pause(Math.max(1_000, error.retryAt - Date.now()), signal);
      }
    }
  };
  if (lines.length > MANY)
    print(
      `Setting labels on ${lines.length} issues; GitHub allows 80 such requests a minute and 500 an hour, and is waited for. Ctrl-C is safe.`,
    );
  const done: (Line & Pick<SortedLine, "labelled">)[] = [];
  for (const line of lines) done.push({ ...line, labelled: await set(line) });
  return done;
}
