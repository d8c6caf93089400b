// A person wrote a plan of Baton's otherwise, in its comment. Whoever may approve plans has approved theirs by that; whoever may not is
// told so, once for each comment, what they wrote is not read, and the comment is put back as it was.
import type { Log } from "../core/log.ts";
import { blockIn } from "../engine/plan-text.ts";
import type { Publisher } from "../engine/ports.ts";
import type { GitHubReader } from "../engine/github-port.ts";
import { refusal, standingOf } from "./admit.ts";
import type { Asked } from "./asked.ts";
import { doors } from "./doors.ts";
import type { Intent } from "./intent.ts";
import type { Judge } from "./judge.ts";
import type { LoadConfig } from "./load-config.ts";
import { configOr } from "./start.ts";

export interface PlanEditsParts {
  readonly judge: Pick<Judge, "edited">;
  readonly reader: GitHubReader;
  readonly publisher: Pick<Publisher, "reply" | "putBack">;
  readonly loadConfig: LoadConfig;
  readonly journal: Log;
}

type Edited = Intent & { door: "plan" };

/** Takes edits over its parts. The function throws when GitHub or the database does not answer. */
export function createPlanEdits({ judge, reader, publisher, loadConfig, journal }: PlanEditsParts) {
  return async (intent: Edited, asked: Asked): Promise<string> => {
    const { repo, subject, actor, commentId, body, before } = intent;
    const isAsItWas = blockIn(body) === blockIn(before);
    const { bots } = configOr(await loadConfig(repo)).triggers;
    const standing = await standingOf(reader, repo, actor, bots, journal);
    const no = refusal(standing, doors.plan.may, actor.person.login, asked.quote);
    if (!no) return isAsItWas ? "the plan in it is as it was" : judge.edited(asked, intent);
    const unknown = standing === "unknown";
    if (!unknown) await publisher.putBack(repo, { id: commentId, edited: body, before });
    if (isAsItWas) return unknown ? "the plan in it is as it was" : "put back";
    const next = unknown
      ? "Save another edit in a few minutes, or write `/agent approve`."
      : "The plan that counts is the one that was there, and I have put it back. Ask somebody who may to save the plan as you want it, or to write `/agent approve`.";
    const key = unknown ? asked.key : `edit-refused:${repo.id}:${commentId}:${actor.person.id}`;
    await publisher.reply(repo, subject, key, { ...no, next });
    return "refused";
  };
}
