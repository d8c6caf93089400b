// Follows runs in a log and tells each event once, in order.
import type { RunId } from "../core/ids.ts";
import type { RecordedEvent } from "../engine/events.ts";
import type { EventLog } from "../engine/ports.ts";
import { apply, fold } from "../engine/fold.ts";
import type { State } from "../engine/state.ts";

export interface Following extends AsyncDisposable {
  /** Resolves with the state of a run that has ended, once everything of it has been told. */
  ended(run: RunId): Promise<State>;
  /** Resolves once everything that is in the log now has been told. */
  told(run: RunId): Promise<void>;
}

/** Tells every run that appears in `log` from now on; of one that is known, what comes behind that. */
export function follow(
  log: Pick<EventLog, "read" | "follow">,
  told: (event: RecordedEvent, state: State) => void,
  known: readonly State[] = [],
): Following {
  const states = new Map<RunId, State>(known.map((state) => [state.runId, state]));
  const waiting = new Map<RunId, ((state: State) => void)[]>();
  let turn: Promise<void> = Promise.resolve();

  async function catchUp(run: RunId): Promise<void> {
    for (const recorded of await log.read(run, states.get(run)?.version ?? 0)) {
      const before = states.get(run);
      const state = before ? apply(before, recorded) : fold([recorded]);
      states.set(run, state);
      told(recorded, state);
    }
    const state = states.get(run);
    if (state?.finished) for (const resolve of waiting.get(run)?.splice(0) ?? []) resolve(state);
  }

  const look = (run: RunId) => {
    turn = turn.then(() => catchUp(run)).catch(() => undefined);
  };
  const following = log.follow(look);
  return {
    ended: (run) =>
      new Promise((resolve) => {
        waiting.set(run, [...(waiting.get(run) ?? []), resolve]);
        look(run);
      }),
    told: async (run) => {
      look(run);
      await turn;
    },
    [Symbol.asyncDispose]: async () => {
      following[Symbol.dispose]();
      await turn;
    },
  };
}
