// Fixes what a run works from: the text as it stood when it was asked for, cleaned, with its hash, in the run's first event.
// Pure; the doors on GitHub and the command line build their runs with the same two functions.
import { createHash } from "node:crypto";
import { runId, type RunId } from "../core/ids.ts";
import type { EventOf, Person, PinnedInput } from "../engine/events.ts";
import type { Flags } from "./grammar.ts";
import { describeLosses, lose, type Losses } from "./losses.ts";
import { sanitizeLine, sanitizeMarkdown } from "./sanitize.ts";

export interface RawComment {
  readonly id: number;
  readonly author: Person;
  readonly body: string;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  readonly updatedAt?: number;
}

export interface RawInput {
  readonly title: string;
  readonly body: string;
  /** Oldest first. */
  readonly comments?: readonly RawComment[];
  readonly instruction?: string;
  /** When it was asked (milliseconds since 1970, whole seconds on GitHub): comments made or edited from then on stay out. Without it all stay. */
  readonly askedAt?: number;
  /** The comment that asked: it and earlier ones count, whatever their second. */
  readonly askedBy?: number;
}

/** Characters of comments a run takes along; beyond that the newest count. */
const MAX_COMMENTS_TEXT = 131_072;
const MAX_COMMENTS = 200;

/** Every comment of Baton's begins with this. */
const MARKER = "<!-- baton:";

/** Who Baton is, as far as it is known: the App's account, or the token's. */
interface Own {
  readonly login: string;
  readonly id?: number | undefined;
  readonly appId?: number | undefined;
}

/**
 * The comments that people wrote: Baton's cards and answers are no part of what a run works from.
 * All that the App wrote is Baton's. With a person's token, or by another Baton's bot, it is what carries the marker.
 */
export function withoutOwn<T extends Pick<RawComment, "author" | "body">>(comments: readonly T[], self: Own): T[] {
  const isSelf = ({ login, id }: Person) =>
    login.toLowerCase() === self.login.toLowerCase() || (self.id !== undefined && self.id !== 0 && id === self.id);
  return comments.filter(({ author, body }) => {
    if (isSelf(author) && self.appId !== undefined) return false;
    return !(body.startsWith(MARKER) && (isSelf(author) || author.login.endsWith("[bot]")));
  });
}

/** Text from outside as a run may use it: sanitised, bounded, hashed. What went is told in `dropped`. */
export function pinInput({ title, body, comments = [], instruction = "", askedAt, askedBy }: RawInput): PinnedInput {
  const losses: Losses = {};
  const asked = comments.filter(({ id, createdAt }) =>
    askedBy === undefined ? askedAt === undefined || createdAt < askedAt : id <= askedBy,
  );
  // GitHub tells seconds, so an edit in the second of asking may have come after it.
  const unedited = asked.filter(
    ({ createdAt, updatedAt = createdAt }) => askedAt === undefined || updatedAt <= createdAt || updatedAt < askedAt,
  );
  if (unedited.length < asked.length) lose(losses, "edited", asked.length - unedited.length);
  const kept: PinnedInput["comments"] = [];
  let room = MAX_COMMENTS_TEXT;
  for (const comment of unedited.toReversed()) {
    room -= Math.min(comment.body.length, 65_536);
    if (room < 0 || kept.length === MAX_COMMENTS) {
      lose(losses, "older", unedited.length - kept.length);
      break;
    }
    kept.unshift({ id: comment.id, author: comment.author, body: sanitizeMarkdown(comment.body, losses) });
  }
  const text = {
    title: sanitizeLine(title, losses),
    body: sanitizeMarkdown(body, losses),
    comments: kept,
    dropped: [] as string[],
    instruction: sanitizeMarkdown(instruction, losses).trim(),
  };
  text.dropped = describeLosses(losses);
  return { ...text, hash: createHash("sha256").update(JSON.stringify(text)).digest("hex") };
}

type Created = EventOf<"run.created">;

/** Everything of a run's first event that has no rule of its own. */
export type RunRequest = Pick<
  Created,
  "runId" | "repo" | "subject" | "request" | "input" | "base" | "wanted" | "config" | "labels"
> & {
  readonly flags?: Flags;
  /** Forced by name; wins over `flags.workflow`. */
  readonly workflow?: string;
} & Pick<Created, "hop" | "circle" | "pull">;

/** The first event of a run. */
export function createRunEvent({ flags = {}, workflow = flags.workflow, labels, ...rest }: RunRequest): Created {
  return {
    type: "run.created",
    ...rest,
    ...(workflow === undefined ? {} : { workflow }),
    ceilings: {
      ...(flags.dollars === undefined ? {} : { dollars: flags.dollars }),
      ...(flags.minutes === undefined ? {} : { minutes: flags.minutes }),
    },
    ...(flags.tier === undefined ? {} : { tier: flags.tier }),
    labels: labels.slice(0, 1_000),
    dryRun: flags.dryRun ?? false,
  };
}

/** The id of the run that command `index` of a delivery starts: the same each time, so that a delivery handled twice starts one run. */
export function runIdOf(delivery: string, index: number): RunId {
  return runId(`run-${createHash("sha256").update(`${delivery}\n${index}`).digest("hex").slice(0, 12)}`);
}
