// Shows the checks of a run on the commits of its pull request: those of a commit once, when it is published, and how a revision stands.
import { messageOf } from "../core/errors.ts";
import type { Log } from "../core/log.ts";
import type { EventLog } from "../engine/ports.ts";
import type { State } from "../engine/state.ts";
import type { Redact } from "../core/redact.ts";
import { asPublished, checkTitle, commitChecks, revisedCommit, revisionCheck, type CheckName } from "./checks.ts";
import type { Timing } from "./client.ts";
import { mayNotWriteChecks, NO_CHECK_RUN, type CheckRuns, type Shown } from "./check-runs.ts";
import type { Neutral } from "./neutral.ts";

/** What a process has shown of one run's checks. */
export interface ShownChecks {
  /** The commit whose checks stand there. */
  readonly head: string | undefined;
  /** What is shown of the latest revision. */
  readonly revision: { readonly version: number; readonly shows: string } | undefined;
}

export const noChecks: ShownChecks = { head: undefined, revision: undefined };

export interface ShowChecksOptions {
  readonly log: Pick<EventLog, "read">;
  readonly checks: Pick<CheckRuns, "post" | "change">;
  readonly neutral: Neutral;
  readonly redact: Redact;
  readonly journal: Log;
  readonly timing: Pick<Timing, "now">;
}

/** Shows what is new since `before`, and gives what is shown now. `page`: where details lead. Throws `GitHubFailure`, `fence-lost`, `database-failed`. */
export type ShowChecks = (state: State, before: ShownChecks, page: string | undefined) => Promise<ShownChecks>;

/** How long a repository that allows no check runs is not asked again by this process, in milliseconds. */
const CLOSED_MS = 3_600_000;

export function createShowChecks({ log, checks, neutral, redact, journal, timing }: ShowChecksOptions): ShowChecks {
  /** Repositories in which the App may write none, and until when that is believed. */
  const closed = new Map<number, number>();

  async function show(state: State, before: ShownChecks, page: string | undefined): Promise<ShownChecks> {
    const { runId: run, revision, pullRequest, created } = state;
    const isKnown = before.head === pullRequest?.head && before.revision?.version === revision?.version;
    const look = revision && revisionCheck(state, { neutral, page });
    const shows = look === undefined ? "" : `${look.title}\n${look.conclusion ?? ""}`;
    if (isKnown && (!look || before.revision?.shows === shows)) return before;
    const published = asPublished(await log.read(run));
    if (!published) return before;
    const { head } = published.pullRequest;
    const keyOf = (name: CheckName, of: string) => `${run}:${name}:${of}`;
    const common = { run, kind: "check", payload: { repo: `${created.repo.owner}/${created.repo.name}` } };
    if (before.head !== head)
      for (const { name, ...shown } of commitChecks(published, { neutral, page }))
        await checks.post(created.repo, {
          ...common,
          ...redacted(shown),
          name: checkTitle(name),
          commit: head,
          key: keyOf(name, head),
        });
    if (!revision || !look || before.revision?.shows === shows) return { head, revision: before.revision };
    const shown = redacted(look);
    // The commit that the revision began from: behind its end the one that it made is shown already.
    const earlier = asPublished((await log.read(run)).filter(({ version }) => version < revision.version));
    if (!earlier) return { head, revision: before.revision };
    const check = {
      ...common,
      ...shown,
      name: checkTitle("revision"),
      commit: revisedCommit(state, earlier),
      key: keyOf("revision", String(revision.version)),
    };
    const { id, fresh } = await checks.post(created.repo, check);
    if (!fresh) await checks.change(created.repo, id, check);
    return { head, revision: { version: revision.version, shows } };
  }

  function redacted(shown: Shown): Shown {
    return { ...shown, title: redact(shown.title), summary: redact(shown.summary) };
  }

  return async (state, before, page) => {
    const { repo } = state.created;
    if (!state.pullRequest || state.pullRequest.number === 0 || (closed.get(repo.id) ?? 0) > timing.now())
      return before;
    try {
      return await show(state, before, page);
    } catch (error) {
      if (!mayNotWriteChecks(error)) throw error;
      closed.set(repo.id, timing.now() + CLOSED_MS);
      journal.info(NO_CHECK_RUN, { repo: `${repo.owner}/${repo.name}`, run: state.runId, error: messageOf(error) });
      return before;
    }
  };
}
