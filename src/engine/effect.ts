// What the engine may want done. Some are only an event to be recorded; the others take time and the outside world.
import type { GateName } from "../workflows/schema.ts";
import { assertNever } from "../core/errors.ts";
import type { Sha } from "../core/ids.ts";
import type { EventOf, Outcome, RunEvent, Task, WaitReason } from "./events.ts";
import type { KeptBranch } from "./state.ts";

interface Of {
  /** The unit: a stage, or a task of one. */
  readonly stage: string;
  readonly attempt: number;
}

/** Nothing, or nothing now. */
export type Idle = { readonly type: "rest" } | { readonly type: "wait" };

interface Finish {
  readonly type: "finish";
  readonly outcome: Outcome;
  readonly code: string;
  readonly message: string;
}

/** An event to be recorded. */
export type Step =
  | ({ readonly type: "start"; readonly reasons: readonly string[] } & Of)
  | ({ readonly type: "skip" } & Of & Pick<EventOf<"stage.skipped">, "because" | "degraded" | "why">)
  | ({ readonly type: "open"; readonly tasks: readonly Task[] } & Of)
  | ({ readonly type: "pick" } & Of & Pick<EventOf<"artifact.picked">, "excerpt">)
  | ({ readonly type: "wave" } & Of & Pick<EventOf<"wave.started">, "wave" | "tasks" | "base">)
  | ({ readonly type: "close" } & Of & Pick<EventOf<"tasks.closed">, "done" | "failed" | "skipped" | "commit">)
  /** Everything left waits for a person. */
  | { readonly type: "park"; readonly reason: WaitReason; readonly message: string }
  | Finish;

/** What takes time. */
export type Work =
  | { readonly type: "triage" }
  | ({ readonly type: "agent" } & Of)
  | ({ readonly type: "resume" } & Of)
  | ({ readonly type: "gate"; readonly gate: GateName } & Of)
  /** Brings the commits of these tasks together, in this order. */
  | ({ readonly type: "merge"; readonly wave: number; readonly tasks: readonly string[] } & Of)
  /** Brings what the stage has handed in to another base. */
  | ({ readonly type: "carry" } & Of)
  /** Asks people about a plan. */
  | ({ readonly type: "ask"; readonly about: string } & Of & Pick<EventOf<"people.asked">, "for" | "questions">)
  /** Looks at what became of earlier runs. */
  | ({ readonly type: "collect" } & Of)
  /** Makes files of what is proposed, and a commit of them. */
  | ({ readonly type: "write" } & Of)
  | { readonly type: "publish"; readonly stage: string }
  /** Puts finished work on a branch, because the run is about to end so. */
  | { readonly type: "keep"; readonly from: readonly Sha[]; readonly end: Finish }
  /** Takes the branches of work that was kept away again. */
  | { readonly type: "remove"; readonly branches: readonly KeptBranch[] };

export type Effect = Idle | Step | Work;

/** The same for the same work: an agent that is resumed is still that agent. */
export function keyOf(effect: Effect): string {
  const type = effect.type === "resume" ? "agent" : effect.type;
  const attempt = "attempt" in effect ? effect.attempt : "";
  const gate = effect.type === "gate" ? effect.gate : "";
  return [type, "stage" in effect ? effect.stage : "", attempt, gate].join(" ");
}

export function finish(outcome: Outcome, code: string, message: string): Finish {
  return { type: "finish", outcome, code, message: message.slice(0, 4_000) };
}

const works = [
  "triage",
  "agent",
  "resume",
  "gate",
  "merge",
  "carry",
  "ask",
  "collect",
  "write",
  "publish",
  "keep",
  "remove",
] as const satisfies readonly Work["type"][];

export function isWork(effect: Effect): effect is Work {
  return works.some((type) => type === effect.type);
}

/** True for what is done when everything else has come to its end. */
export function comesAlone({ type }: Effect): boolean {
  return ["rest", "wait", "park"].includes(type) || endsRun(type);
}

/** True for the end of a run, and what belongs to it. */
export function endsRun(type: Effect["type"]): boolean {
  return ["rest", "keep", "remove", "finish"].includes(type);
}

export function isStep(effect: Effect): effect is Step {
  return !isWork(effect) && effect.type !== "rest" && effect.type !== "wait";
}

/** The event that a step is. Reasons are clipped to what an event holds. */
export function stepEvent(step: Step): RunEvent {
  switch (step.type) {
    case "start":
      return startedEvent(step);
    case "skip":
      return { ...step, type: "stage.skipped" };
    case "open":
      return { ...step, type: "tasks.opened", tasks: [...step.tasks] };
    case "pick":
      return { ...step, type: "artifact.picked" };
    case "wave":
      return { ...step, type: "wave.started" };
    case "close":
      return { ...step, type: "tasks.closed" };
    case "park":
      return { ...step, type: "run.parked" };
    case "finish":
      return { ...step, type: "run.finished" };
    default:
      return assertNever(step);
  }
}

/** Characters of one reason in an event. */
export const MOST_REASON = 4_000;

export function startedEvent({ stage, attempt, reasons }: Extract<Step, { type: "start" }>): EventOf<"stage.started"> {
  return {
    type: "stage.started",
    stage,
    attempt,
    reasons: reasonsIn(reasons),
  };
}

/** Reasons as an event holds them. */
export function reasonsIn(reasons: readonly string[]): string[] {
  return reasons.slice(0, 50).map((reason) => reason.slice(0, MOST_REASON));
}
