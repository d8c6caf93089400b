// What comes without its issue: a command that a program sent, a button of a check run, and a start by the clock. Here the issue is read, or
// opened, and what is left is an intent like any other.
import type { RepoRef } from "../engine/events.ts";
import type { GitHubReader } from "../engine/github-port.ts";
import { fold } from "../engine/fold.ts";
import type { EventLog, Publisher } from "../engine/ports.ts";
import { scheduleId, type Schedule } from "../workflows/schedules.ts";
import type { Actor, Intent, Self, Wish } from "./intent.ts";
import { configOr, type LoadedConfig } from "./start.ts";

export interface WishesParts {
  readonly log: Pick<EventLog, "read">;
  readonly reader: GitHubReader;
  readonly publisher: Pick<Publisher, "openScheduleIssue">;
  readonly self: Self;
}

/**
 * The intent of a wish that was made `at` a time (milliseconds since 1970), or in a few words why nothing comes of it. Nobody waits for
 * a start by the clock, so nobody is told when there is none. Throws when GitHub or the database does not answer.
 */
export type Wishes = (wish: Wish, loaded: LoadedConfig, at: number) => Promise<Intent | string>;

/** Issues of its own that were deleted under one schedule, before it is given up. */
const MAX_OPENED = 5;

export function createWishes({ log, reader, publisher, self }: WishesParts): Wishes {
  return async (wish, loaded, at) => {
    const { repo } = wish;
    switch (wish.door) {
      case "dispatch": {
        const { reading, actor } = wish;
        const issue = await reader.issue(repo, wish.issue);
        if (!issue) return `there is no issue #${wish.issue}`;
        return { ...placeOf(repo, wish.issue, issue), door: "dispatch", actor, text: textOf(issue), reading, at };
      }
      case "button": {
        const { actor, run, reading } = wish;
        const events = await log.read(run);
        const { created, pullRequest } = events.length === 0 ? {} : fold(events);
        // Runs of other repositories are none of this one's business, whatever a check run says.
        if (created?.repo.id !== repo.id || !pullRequest) return "there is no pull request of that run here";
        const author = { login: self.login, id: 0 };
        const subject = { kind: "pull" as const, number: pullRequest.number, url: pullRequest.url, author };
        return { repo, subject, door: "button", actor, reading };
      }
      case "schedule": {
        if (loaded.type === "invalid") return "the config is broken";
        const entry = configOr(loaded).schedules.find((known) => scheduleId(known) === wish.id);
        if (!entry) return "the config no longer asks for it";
        return await scheduled(repo, entry, at);
      }
      default:
        return wish satisfies never;
    }
  };

  async function scheduled(repo: RepoRef, schedule: Schedule, at: number): Promise<Intent | string> {
    const found = await issueFor(repo, schedule);
    if (typeof found === "string") return found;
    const { number, issue, own } = found;
    // Nobody asks by hand: it is Baton that begins, and nobody is called by name.
    const actor: Actor = { person: { login: self.login, id: 0 }, bot: true, app: undefined };
    // The text of Baton's own issue explains the issue to people; it is no task.
    const text = own ? { title: issue.title, body: "" } : textOf(issue);
    return { ...placeOf(repo, number, issue), door: "schedule", actor, text, schedule, at };
  }

  async function issueFor(
    repo: RepoRef,
    { issue: named, workflow }: Schedule,
  ): Promise<{ number: number; issue: ReadIssue; own: boolean } | string> {
    if (named !== undefined) {
      const issue = await reader.issue(repo, named);
      return issue ? { number: named, issue, own: false } : `there is no issue #${named}`;
    }
    for (let opened = 0; opened < MAX_OPENED; opened += 1) {
      const number = await publisher.openScheduleIssue(repo, workflow, opened);
      const issue = await reader.issue(repo, number);
      if (issue) return { number, issue, own: true };
    }
    return `each of the ${MAX_OPENED} issues that were opened for the workflow ${workflow} was deleted`;
  }
}

type ReadIssue = NonNullable<Awaited<ReturnType<GitHubReader["issue"]>>>;

function textOf({ title, body }: ReadIssue): { title: string; body: string } {
  return { title, body };
}

function placeOf(repo: RepoRef, number: number, { isPull, url, author }: ReadIssue): Pick<Intent, "repo" | "subject"> {
  return { repo, subject: { kind: isPull ? "pull" : "issue", number, url, author } };
}
