// Somebody ticked findings in a report of Baton's: each becomes an issue, once, with the text that the run recorded; what the comment says
// by now does not count, and neither does what a later try of the run found.
import type { Log } from "../core/log.ts";
import { findingsOf } from "../engine/findings.ts";
import { fold } from "../engine/fold.ts";
import type { EventLog, Publisher } from "../engine/ports.ts";
import type { GitHubReader } from "../engine/github-port.ts";
import { refusal, standingOf } from "./admit.ts";
import type { Asked } from "./asked.ts";
import { doors } from "./doors.ts";
import type { Intent } from "./intent.ts";
import type { LoadConfig } from "./load-config.ts";
import { configOr } from "./start.ts";

export interface TicksParts {
  readonly log: Pick<EventLog, "read">;
  readonly reader: GitHubReader;
  readonly publisher: Pick<Publisher, "reply" | "openFindings">;
  readonly loadConfig: LoadConfig;
  readonly journal: Log;
}

type Ticked = Intent & { door: "ticks" };

/** Takes ticks over its parts. The function throws when GitHub or the database does not answer. */
export function createTicks({ log, reader, publisher, loadConfig, journal }: TicksParts) {
  return async (intent: Ticked, asked: Asked): Promise<string> => {
    const { repo, subject, actor, end, ticked, commentId } = intent;
    const { bots } = configOr(await loadConfig(repo)).triggers;
    const standing = await standingOf(reader, repo, actor, bots, journal);
    const no = refusal(standing, doors.ticks.may, actor.person.login, asked.quote);
    if (no) {
      const unknown = standing === "unknown";
      const next = unknown
        ? "Nothing came of the tick. Take it out, save, and set it again in a few minutes."
        : "Nothing came of the tick. Somebody who may can take it out, save, and set it again.";
      const key = unknown ? asked.key : `ticks-refused:${repo.id}:${commentId}:${actor.person.id}`;
      await publisher.reply(repo, subject, key, { ...no, next });
      return "refused";
    }
    const events = await log.read(end.run);
    if (events.length === 0) {
      const why = "the run that found this is archived, and what it found is not at hand any more";
      const next = "`/agent audit` looks again; or open the issue by hand.";
      await publisher.reply(repo, subject, `ticks-archived:${repo.id}:${commentId}`, {
        kind: "nothing-to-do",
        quote: asked.quote,
        why,
        next,
      });
      return `nothing to do: ${why}`;
    }
    // A run that was retried since has other findings: those of the report count.
    const last = events.findIndex(({ event, at }) => event.type === "run.finished" && at === end.at);
    const state = last === -1 ? undefined : fold(events.slice(0, last + 1));
    // A comment of another repository's run, copied here, says nothing.
    if (!state || state.created.repo.id !== repo.id || state.created.subject.number !== subject.number)
      return "the report is of no run on this issue";
    const known = findingsOf(state)?.findings.length ?? 0;
    const numbers = ticked.filter((number) => number >= 1 && number <= known);
    if (numbers.length > 0) await publisher.openFindings(state, numbers, commentId);
    return `${numbers.length} findings became issues`;
  };
}
