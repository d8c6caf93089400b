// A run that one process drives to its end. Nobody else goes on with it: a short wait is waited out, a longer one ends it, and says why;
// what is finished is kept before, like before every other end. One that is over, and whose keeping would wait, ends as it is; what could
// not be kept is named.
import { setTimeout as delay } from "node:timers/promises";
import type { RunId } from "../core/ids.ts";
import { isForPeople, openAsks } from "../engine/asks.ts";
import { endWithoutWaiting } from "../engine/decide.ts";
import { drive } from "../engine/drive.ts";
import { stepEvent } from "../engine/effect.ts";
import type { Engine } from "../engine/engine.ts";
import { fold } from "../engine/fold.ts";
import { nowOrNever } from "../engine/keep.ts";
import { beforeEnd } from "../engine/kept-work.ts";
import type { State } from "../engine/state.ts";
import type { People } from "./people.ts";

/** How long `baton run` waits for a limit to pass, milliseconds. */
const LONGEST_WAIT_MS = 5 * 60_000;

export interface Waits {
  readonly people: People;
  /** Resolves once the story is told so far: a question comes behind it. */
  readonly told: () => Promise<void>;
  readonly stopping: AbortSignal;
  /** Resolves when the log has the stop. */
  readonly stopped: Promise<void>;
  /** Whether a later process could go on with the run. */
  readonly keeps: boolean;
}

/**
 * Drives a run to its end. What it asks people they are asked here; gives the state of a run that is left waiting, because nobody says
 * anything.
 */
export async function driveToItsEnd(run: RunId, engine: Engine, waits: Waits): Promise<State | undefined> {
  const { signal } = new AbortController();
  for (;;) {
    const driven = await drive(run, engine, signal);
    if (driven === "ended") return undefined;
    if (driven !== "waiting") throw new Error(`the run was ${driven}`);
    const state = fold(await engine.log.read(run));
    const { waiting } = state;
    const wait = (waiting?.until ?? Number.POSITIVE_INFINITY) - engine.clock.now();
    if (wait <= LONGEST_WAIT_MS) {
      await delay(Math.max(0, wait), undefined, { signal });
      continue;
    }
    const [ask] = openAsks(state);
    const isAsked = ask !== undefined && waiting !== undefined && isForPeople(waiting.reason);
    if (isAsked) await waits.told();
    const said = isAsked ? await waits.people.say(state, ask) : undefined;
    if (waits.stopping.aborted) {
      await waits.stopped;
      continue;
    }
    if (isAsked && !said && waits.keeps) return state;
    if (said) {
      await engine.log.append(run, state.version, [said]);
      continue;
    }
    const over = endWithoutWaiting(state);
    if (over) {
      const next = over.type === "finish" ? stepEvent(over) : await nowOrNever(over, state, engine, signal);
      await engine.log.append(run, state.version, [next]);
      continue;
    }
    const message = waiting?.message ?? "The run was to wait for a person.";
    const hint = isAsked
      ? " A dry run is not kept, so nobody can say so later: --approve and --answer do beforehand."
      : "";
    const end = {
      type: "run.finished",
      outcome: "failed",
      code: waiting?.reason ?? "paused",
      message: `${message}${hint}`,
    } as const;
    // Behind what is kept it is looked anew: a stop that waited for that ends the run itself.
    const before = beforeEnd(state, end);
    const next = before ? await nowOrNever(before, state, engine, signal) : end;
    await engine.log.append(run, state.version, [next]);
  }
}
