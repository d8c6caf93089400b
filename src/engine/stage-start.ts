// The event that begins an attempt, with how long it may take by what the repository's history says.
import { messageOf } from "../core/errors.ts";
import { startedEvent, type Step } from "./effect.ts";
import type { EventOf } from "./events.ts";
import type { Engine } from "./engine.ts";
import { stageLimit } from "./stage-limit.ts";
import { planOf, type State } from "./state.ts";

/** Never throws: without its history the workflow's own figure holds. */
export async function stageStart(
  step: Extract<Step, { type: "start" }>,
  state: State,
  engine: Pick<Engine, "history" | "journal">,
): Promise<EventOf<"stage.started">> {
  const { created, workflow } = state;
  const plan = planOf(state, step.stage);
  const milliseconds =
    workflow === undefined ||
    plan?.agent === undefined ||
    plan.for_each !== undefined ||
    // What those who conduct, and those they create, have to do is another thing each time.
    plan.makes === "Conclusion" ||
    state.stages.get(step.stage)?.child
      ? undefined
      : stageLimit(await times(state, workflow.name, step.stage, engine), created.config.limits.stageTime);
  return { ...startedEvent(step), ...(milliseconds === undefined ? {} : { milliseconds }) };
}

async function times(
  { created }: State,
  workflow: string,
  stage: string,
  { history, journal }: Pick<Engine, "history" | "journal">,
): Promise<readonly number[]> {
  try {
    return await history.stageTimes(created.repo, workflow, stage);
  } catch (error) {
    journal.warn("the history of a stage could not be read", { stage, error: messageOf(error) });
    return [];
  }
}
