// Takes a run that has ended up again.
import { BatonError } from "../core/errors.ts";
import { circleIn, circleTypes } from "../engine/circles.ts";
import type { Sha } from "../core/ids.ts";
import type { EventOf, RunEvent } from "../engine/events.ts";
import type { GitHubReader } from "../engine/github-port.ts";
import type { Bell, Publisher } from "../engine/ports.ts";
import { ontoOf } from "../engine/pull-state.ts";
import type { State } from "../engine/state.ts";
import { createAnswers } from "./answers.ts";
import type { KnownLimits } from "./limits.ts";
import { lookNow, noLongerIgnored } from "./now.ts";
import { tooManyRuns } from "./quota.ts";
import { refuseInCircles } from "./around.ts";
import { askedBy, type Asked, type Carried } from "./asked.ts";
import type { Intent } from "./intent.ts";
import { createRuns, type RunsParts } from "./runs.ts";
import { LOOKED_BACK } from "./start.ts";

type Requested = EventOf<"revision.requested">;

export interface TakeUpParts extends RunsParts {
  readonly bell: Pick<Bell, "ring">;
  readonly publisher: Pick<Publisher, "reply" | "removeLabel">;
  readonly reader: GitHubReader;
  readonly limits: Pick<KnownLimits, "of">;
}

/** Takes an ended run up with these events, unless its issue says no, another is at work on its subject, or too many have begun there: then whoever asked is told; checks and bases are not. */
export type TakeUp = (asked: Asked, state: State, events: readonly RunEvent[]) => Promise<string>;

/** What a run is taken up for without anybody's words: checks that failed, or a base that moved on. `head`: what the pull request shows. */
export function unasked(
  intent: Intent,
  carried: Carried,
  { state, head, stage }: { readonly state: State; readonly head: Sha; readonly stage: string },
  {
    by,
    quote,
    ...wanted
  }: Pick<Requested, "by" | "quote"> & (Required<Pick<Requested, "checks">> | Required<Pick<Requested, "base">>),
): { readonly asked: Asked; readonly revision: Requested } {
  const asked = askedBy({ ...intent, actor: { person: by, bot: true, app: by.login } }, carried, 0, quote);
  const nobodys = { words: "", threads: [], ...ontoOf(state, head) };
  return { asked, revision: { type: "revision.requested", by, quote, asked: asked.key, stage, ...nobodys, ...wanted } };
}

export function createTakeUp({ log, bell, reader, publisher, projection, limits }: TakeUpParts): TakeUp {
  const runs = createRuns({ log, reader, projection });
  const answers = createAnswers({ log, bell, publisher });
  const isProgram = ({ intent }: Asked) => intent.door === "checks" || intent.door === "base";
  const answer: typeof answers.answer = async (asked, reply, note) =>
    isProgram(asked) ? note : answers.answer(asked, reply, note);
  const atWork: typeof answers.atWork = async (asked, run) =>
    isProgram(asked) ? `${run} is at work` : answers.atWork(asked, run);

  return async (asked, { runId, created }, events) => {
    // On a pull request it is its issue that may say no.
    const on = { ...asked.intent, subject: created.subject };
    const now = await lookNow(reader, on);
    if (now.type === "refused") {
      const { why, next } = now;
      return answer(asked, { kind: "refused", quote: asked.quote, why, next }, `refused: ${why}`);
    }
    const full = await tooManyRuns(log, { ...asked, intent: on }, limits.of(created.repo).runsPerHour);
    if (full) return answer(asked, full, `refused: ${full.most} runs have begun within the hour`);
    const { actor } = asked.intent;
    if (actor.app !== undefined) {
      const past = await log.eventsOf(created.repo, created.subject, { runs: LOOKED_BACK, types: circleTypes });
      const circle = circleIn(past);
      if (circle) return refuseInCircles(publisher, asked, past, circle);
    }
    await noLongerIgnored(publisher, on, now.issue);
    try {
      const outcome = await runs.append(
        runId,
        ({ state }) => (state.phase === "finished" ? events : undefined),
        asked.signal,
      );
      if (outcome === "moot") return await atWork(asked, runId);
      asked.fate.runs = true;
      return await answers.ring(runId, "goes on");
    } catch (error) {
      if (!(error instanceof BatonError) || error.code !== "run-taken") throw error;
      const [latest = runId] = await log.runsOf(created.repo, { number: created.subject.number });
      return atWork(asked, latest);
    }
  };
}
