// Who may: the collaborator role is looked up at the moment of asking; when GitHub does not answer, the answer is no.
// Bots have no role of their own: the repository's config admits them by name, as far as starting work.
// An App that acts in a person's name may no more than a listed bot, and no more than that person.
import { messageOf } from "../core/errors.ts";
import type { Log } from "../core/log.ts";
import type { RepoRef } from "../engine/events.ts";
import type { GitHubReader } from "../engine/github-port.ts";
import type { Publisher } from "../engine/ports.ts";
import type { Reply } from "../engine/reply.ts";
import type { Actor, Intent } from "./intent.ts";
import { say, type Heard } from "./say.ts";
import { isAtLeast, whoMay, type Role } from "./verbs.ts";

/** `unknown`: GitHub did not say. */
export type Standing = Role | "unknown";

/** True when a bot's login, with or without `[bot]`, is in `triggers.bots`. */
export function isListed(app: string, bots: readonly string[]): boolean {
  const name = (login: string) => login.toLowerCase().replace(/\[bot\]$/, "");
  return bots.some((bot) => name(bot) === name(app));
}

/** In words for the operator that a bot acted which nobody admitted: it is told nothing. Undefined for everybody else. */
export function unlistedBot({ actor: { app } }: Pick<Intent, "actor">, bots: readonly string[]): string | undefined {
  return app === undefined || isListed(app, bots) ? undefined : `${app} is not in triggers.bots`;
}

/** The standing of whoever asks, now. Never throws. */
export async function standingOf(
  reader: GitHubReader,
  repo: RepoRef,
  actor: Actor,
  bots: readonly string[],
  journal: Log,
): Promise<Standing> {
  const most: Role = actor.app === undefined ? "admin" : isListed(actor.app, bots) ? "write" : "none";
  if (actor.bot || most === "none") return most;
  try {
    const own = await reader.permission(repo, actor.person);
    return isAtLeast(own, most) ? most : own;
  } catch (error) {
    journal.warn("the permission could not be looked up: that is a no", {
      login: actor.person.login,
      error: messageOf(error),
    });
    return "unknown";
  }
}

/** Undefined when `standing` is enough; else the refusal, in words for the person. */
export function refusal(
  standing: Standing,
  needed: Role,
  login: string,
  quote: string,
): Extract<Reply, { kind: "refused" }> | undefined {
  if (standing !== "unknown" && isAtLeast(standing, needed)) return undefined;
  const who = whoMay(needed);
  if (standing === "unknown")
    return {
      kind: "refused",
      quote,
      why: `GitHub did not say which role @${login} has in this repository, and without an answer it is a no`,
      who,
      next: "Write the command again in a few minutes.",
    };
  return {
    kind: "refused",
    quote,
    why: `@${login} has the role ${standing} in this repository, and this needs ${needed}`,
    who,
    next: "Ask somebody who may to write the same command here.",
  };
}

/** Says no to whoever asked and may not; true when it did. Each reason is said once per person on an issue. */
export type Refuse = (asked: Heard, standing: Standing, needed: Role) => Promise<boolean>;

/** Refusing through the publisher. */
export function createRefuse(publisher: Pick<Publisher, "reply">): Refuse {
  return async (asked, standing, needed) => {
    const { repo, subject, actor } = asked.intent;
    const no = refusal(standing, needed, actor.person.login, asked.quote);
    if (!no) return false;
    const reason = standing === "unknown" ? "unknown" : needed;
    await say(publisher, asked, no, `refused:${repo.id}:${subject.number}:${actor.person.id}:${reason}`);
    return true;
  };
}
