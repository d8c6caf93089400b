// The event that begins an attempt, with how long it may take: as the history of its stage says.
import { messageOf } from "../core/errors.ts";
import type { Engine } from "./drive.ts";
import { startedEvent, type Step } from "./effect.ts";
import type { EventOf } from "./events.ts";
import { stageLimit } from "./stage-limit.ts";
import { planOf, type State } from "./state.ts";

type Start = Extract<Step, { type: "start" }>;

/** The event of this step. A history that cannot be read is none. */
export async function openedEvent(
  step: Start,
  state: State,
  engine: Pick<Engine, "history" | "journal">,
): Promise<EventOf<"stage.started">> {
  const { workflow, created } = state;
  if (workflow === undefined || !hasHistory(state, step.stage)) return startedEvent(step);
  const milliseconds = stageLimit(await timesOf(workflow.name, step.stage), created.config.limits.stageTime);
  return { ...startedEvent(step), ...(milliseconds === undefined ? {} : { milliseconds }) };

  async function timesOf(name: string, stage: string): Promise<readonly number[]> {
    try {
      return await engine.history.stageTimes(created.repo, name, stage);
    } catch (error) {
      engine.journal.warn("the history of a stage could not be read", { stage, error: messageOf(error) });
      return [];
    }
  }
}

/** What those who conduct, and those they create, have to do is another thing each time. */
function hasHistory(state: State, unit: string): boolean {
  const plan = planOf(state, unit);
  return (
    plan?.agent !== undefined &&
    plan.for_each === undefined &&
    plan.makes !== "Conclusion" &&
    state.stages.get(unit)?.child === undefined
  );
}
