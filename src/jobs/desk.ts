// What a job asks of the server beyond its log: looked up or done here, with the run as the server's own log has it and never as the
// job describes it, and only as long as the run is the job's.
import { assertNever, BatonError } from "../core/errors.ts";
import { systemClock } from "../core/clock.ts";
import { decide } from "../engine/decide.ts";
import { fold } from "../engine/fold.ts";
import type { Engine } from "../engine/engine.ts";
import type { EventLog, History, Projection } from "../engine/ports.ts";
import type { State } from "../engine/state.ts";
import type { Subjects } from "../engine/subjects-port.ts";
import type { Held, Jobs } from "../store/jobs.ts";
import { grants } from "./driver-events.ts";
import type { Ask } from "./protocol.ts";

export interface DeskParts {
  readonly log: Pick<EventLog, "read">;
  readonly jobs: Pick<Jobs, "assure" | "grant">;
  readonly history: History;
  readonly subjects: Subjects;
  /** A publisher that asks `fence` right before each write for a run. */
  readonly publisher: (fence: () => Promise<void>) => Engine["publisher"];
  readonly projection: Pick<Projection, "settle">;
}

/** Answers what a job asks; the answer is JSON as `answers` in the protocol has it. Throws what the parts throw. */
export type Desk = (held: Held, ask: Ask, signal: AbortSignal) => Promise<unknown>;

/** The desk over its parts. */
export function createDesk({ log, jobs, history, subjects, publisher, projection }: DeskParts): Desk {
  return async (held, asked, signal) => {
    const state = fold(await log.read(held.run));
    const publishing = publisher(() => jobs.assure(held));
    switch (asked.ask) {
      case "look": {
        const lost = await subjects.look(state.created, signal);
        if (lost) await jobs.grant(held, grants.event(lost));
        return { lost };
      }
      case "look-back":
        return { hindsight: await subjects.lookBack(state, signal) };
      case "stage-times": {
        const { workflow, created } = state;
        return { milliseconds: workflow ? await history.stageTimes(created.repo, workflow.name, asked.stage) : [] };
      }
      case "estimate":
        return { estimate: state.workflow && (await history.estimate(state.created.repo, state.workflow.name)) };
      case "publish": {
        mustWant(state);
        const answer = await publishing.openPullRequest(state, signal);
        if (answer.type === "opened") await jobs.grant(held, grants.event(answer.event));
        return answer;
      }
      case "publish-review": {
        mustWant(state);
        const answer = await publishing.publishReview(state, signal);
        if (answer.type === "published") await jobs.grant(held, grants.review(answer.review));
        return answer;
      }
      case "keep": {
        const { head, part, holds, gates } = asked;
        const answer = await publishing.keep(state, { head, part, holds, gates }, signal);
        if (answer.type === "kept") await jobs.grant(held, grants.kept(answer.branch, answer.head));
        return answer;
      }
      case "remove": {
        const answer = await publishing.removeKept(state, keptOn(state, asked.branch), signal);
        if (answer.type === "removed") await jobs.grant(held, grants.removed(asked.branch));
        return answer;
      }
      case "settle":
        await projection.settle(held.run);
        return {};
      default:
        return assertNever(asked);
    }
  };
}

/** A job may say that it is time to publish; whether it is, the run's own events say: what waits for a person, or was stopped, is not published. */
function mustWant(state: State): void {
  if (decide(state, systemClock.now()).some(({ type }) => type === "publish")) return;
  throw new BatonError("fence-lost", `${state.runId} is not to be published now`);
}

function keptOn(state: State, branch: string): NonNullable<State["kept"]>["branches"][number] {
  const kept = state.kept?.branches.find((one) => one.branch === branch);
  if (kept) return kept;
  throw new BatonError("not-found", `${state.runId} has kept nothing on a branch "${branch}"`);
}
