// The base of a pull request of Baton's moves on. Where they conflict now, the run that opened it goes on: the base is merged into its work,
// which is verified anew. A base that moved on without a conflict is left as it is: nobody has to hear of it.
//
// GitHub finds out in the background whether there is a conflict. Until it says so a delivery stays pending, and is looked at again.
import { BatonError } from "../core/errors.ts";
import type { GitHubReader } from "../engine/github-port.ts";
import type { Bell, Publisher } from "../engine/ports.ts";
import { revisedStage } from "../engine/revise.ts";
import type { State } from "../engine/state.ts";
import type { Deliveries } from "../store/deliveries.ts";
import type { Looks } from "../store/looks.ts";
import type { Carried } from "./asked.ts";
import type { Intent } from "./intent.ts";
import { ownPull, type OwnPull } from "./own-pull.ts";
import type { BaseEvent } from "./payloads.ts";
import { createRuns, type Found, type RunsParts } from "./runs.ts";
import { unasked, createTakeUp, type TakeUpParts } from "./take-up.ts";
import { BASE, type Translation } from "./translate.ts";

export interface ConflictsParts extends RunsParts, Omit<TakeUpParts, "publisher"> {
  readonly reader: GitHubReader;
  readonly bell: Pick<Bell, "ring">;
  readonly deliveries: Pick<Deliveries, "keep">;
  readonly looks: Pick<Looks, "open">;
  readonly publisher: Pick<Publisher, "reply" | "removeLabel">;
}

export interface Conflicts {
  /** A branch moved on: each pull request of Baton's that goes into it gets a delivery of its own. */
  moved(push: Extract<Translation, { type: "moved" }>): Promise<string>;
  /** Looks whether the pull request conflicts. Throws when GitHub, or the database, does not answer. */
  look(intent: Intent & { door: "base" }, carried: Carried): Promise<string>;
  /** What is done about a pull request that conflicts. */
  bringTogether(intent: Intent, carried: Carried, found: Found, pull: OwnPull): Promise<string>;
}

/** Whether Baton still brings a pull request and its base together without being asked. */
export function isByItself({ base, created }: State): boolean {
  return base.rounds < created.config.limits.rounds;
}

/** Looking over its parts; each returns a few words for the operator. */
export function createConflicts(parts: ConflictsParts): Conflicts {
  const { reader, bell, deliveries, looks, publisher } = parts;
  const runs = createRuns(parts);
  const takeUp = createTakeUp(parts);

  const bringTogether: Conflicts["bringTogether"] = async (intent, carried, { state }, { pullRequest }) => {
    const { repo, subject } = state.created;
    const { branch, rounds } = state.base;
    const stage = revisedStage(state);
    if (stage === undefined) return "its workflow opens no pull request";
    if (!isByItself(state)) {
      const on = { kind: "pull" as const, number: pullRequest.number, url: pullRequest.url, author: subject.author };
      const key = `conflict:${state.runId}:${pullRequest.head}`;
      await publisher.reply(repo, on, key, { kind: "conflicts", branch, rounds });
      return `it conflicts with ${branch}: left to people, after ${rounds} times`;
    }
    const commit = await reader.head(repo, branch);
    if (commit === state.base.commit) return `it holds all of ${branch} already`;
    const { asked, revision } = unasked(
      intent,
      carried,
      { state, head: pullRequest.head, stage },
      { by: intent.actor.person, quote: `${branch} moved on`.slice(0, 500), base: { commit, how: "conflicts" } },
    );
    return takeUp(asked, state, [revision]);
  };

  return {
    bringTogether,
    async moved({ repo, branch: base, by, head }) {
      const found = await looks.open(repo, base);
      for (const { run, branch } of found) {
        const payload = { repo, branch, by } satisfies BaseEvent;
        const id = `base-${run}-${head}`;
        await deliveries.keep({ id, name: BASE, payload: JSON.stringify(payload) });
        await bell.ring("delivery", id);
      }
      return `${found.length} pull requests go into ${base}`;
    },
    async look(intent, carried) {
      const found = await runs.onBranch(intent.repo, intent.subject.number, intent.branch);
      if (!found) return "no run opened a pull request from this branch";
      const pull = await ownPull(reader, intent, found.state);
      if (typeof pull === "string") return `left alone: ${pull}`;
      const { number } = pull.pullRequest;
      if (pull.mergeable === undefined)
        throw new BatonError("github-failed", `GitHub does not say yet whether pull request #${number} conflicts`, {
          retryable: true,
        });
      return pull.mergeable ? "no conflict" : bringTogether(intent, carried, found, pull);
    },
  };
}
