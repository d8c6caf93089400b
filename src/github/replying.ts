// Writes answers to people, as long as the issue has room for them: so many comments of Baton's stand on one issue within an hour. The last
// of them says that it is the last, and until when; what comes then is left out, and the log says so.
//
// Everything that Baton writes there counts, but only answers give way: what a run must say (its card, its questions, its end) is always
// said, and how many runs may begin is limited by itself.
import type { Log } from "../core/log.ts";
import type { RepoRef, Subject } from "../engine/events.ts";
import type { Publisher } from "../engine/ports.ts";
import type { Reply } from "../engine/reply.ts";
import type { Outbox } from "../store/outbox.ts";
import { subjectKey } from "../store/recorded.ts";
import type { Timing } from "./client.ts";
import type { Comments } from "./comments.ts";
import { marker } from "./markdown.ts";
import type { Neutral } from "./neutral.ts";
import type { Links } from "./progress.ts";
import { renderReply } from "./replies.ts";

export interface ReplyingOptions {
  readonly comments: Pick<Comments, "post">;
  readonly outbox: Pick<Outbox, "read" | "reserve">;
  readonly neutral: Neutral;
  readonly links: Links;
  readonly log: Log;
  readonly timing: Timing;
  /** At least 3. */
  readonly commentsPerHour: (repo: RepoRef) => number;
}

const HOUR_MS = 3_600_000;

/** Answering over its parts. The function throws what `Comments.post` and the outbox throw. */
export function createReplying(options: ReplyingOptions): Publisher["reply"] {
  const { comments, outbox, neutral, links, log, timing, commentsPerHour } = options;

  /** Writes it when it has, or gets, a place; else says when those that have one were recorded. */
  async function write(
    repo: RepoRef,
    { number }: Subject,
    { key, kind, reply }: { readonly key: string; readonly kind: string; readonly reply: Reply },
    among: Parameters<Outbox["reserve"]>[1],
  ): Promise<"written" | readonly number[]> {
    const payload = { repo: `${repo.owner}/${repo.name}`, number };
    const place = await outbox.reserve(
      { key: `reply:${key}`, kind, payload, subject: subjectKey(repo, { number }) },
      among,
    );
    if (place.type === "full") return place.times;
    await comments.post({
      repo,
      number,
      key: `reply:${key}`,
      kind,
      run: undefined,
      marker: marker("reply", key),
      body: renderReply(reply, { neutral, links, now: timing.now() }),
    });
    return "written";
  }

  return async (repo, subject, key, reply) => {
    // What was said before is not said again, and does not count.
    if ((await outbox.read(`reply:${key}`))?.doneAt !== undefined) return;
    const dropped = (why: string) =>
      log.warn("an answer is left out", {
        issue: `${repo.owner}/${repo.name}#${subject.number}`,
        kind: reply.kind,
        why,
      });
    const most = commentsPerHour(repo);
    /** The last place is for saying that it is the last. */
    const others = most - 1;
    const once = reply.kind === "too-many" ? `reply:too-many-${reply.what}` : undefined;
    if (once !== undefined) {
      const said = await write(repo, subject, { key, kind: once, reply }, { most: 1, alike: true });
      if (said !== "written") dropped("it was said within the hour");
      return;
    }
    const times = await write(repo, subject, { key, kind: "reply", reply }, { most: others });
    if (times === "written") return;
    dropped("too many comments within an hour");
    // Its own comment is one more: so two of those that count must be older than an hour before there is room.
    const again = (times[others - 2] ?? timing.now()) + HOUR_MS;
    const quote = "quote" in reply ? reply.quote : "";
    await write(
      repo,
      subject,
      {
        key: `${key}:full`,
        kind: "reply:too-many-comments",
        reply: { kind: "too-many", what: "comments", quote, most, again },
      },
      { most: 1, alike: true },
    );
  };
}
