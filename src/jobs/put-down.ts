// A run that no job works is not left as it is: it waits for people and says why, or it ends, where people have ended it.
import type { RunId } from "../core/ids.ts";
import { decide, endWithoutWaiting } from "../engine/decide.ts";
import { stepEvent } from "../engine/effect.ts";
import type { RunEvent } from "../engine/events.ts";
import { fold } from "../engine/fold.ts";
import { notDone } from "../engine/keep.ts";
import type { EventLog } from "../engine/ports.ts";
import { isBeingEnded, type State } from "../engine/state.ts";

/** People may say something in between each time. */
const TRIES = 10;

/** Appends that the run waits, or how it ends; nothing where it has ended or waits already. */
export async function putDown(log: Pick<EventLog, "read" | "append">, run: RunId, message: string): Promise<void> {
  for (let tries = 0; tries < TRIES; tries += 1) {
    const state = fold(await log.read(run));
    const next = isBeingEnded(state) ? ending(state, message) : waiting(state, message);
    if (!next) return;
    await log.append(run, state.version, [next]);
  }
}

/** How a run ends for which there is nothing more to do than to write that down; undefined for any other. */
export function endOf(state: State, now: number): RunEvent | undefined {
  const [effect] = decide(state, now);
  return effect?.type === "finish" ? stepEvent(effect) : undefined;
}

function waiting(state: State, message: string): RunEvent | undefined {
  if (state.finished || state.waiting || state.paused) return undefined;
  return { type: "run.parked", reason: "no-job", message: message.slice(0, 2_000) };
}

function ending(state: State, message: string): RunEvent | undefined {
  const over = endWithoutWaiting(state);
  return over?.type === "keep" ? notDone(over, state, message) : over && stepEvent(over);
}
