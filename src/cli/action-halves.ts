// One run is driven by two jobs that hold different secrets: one asks models and runs the repository's code, the other writes on GitHub.
// Each drives the same engine with the other's part taken out: where that part is all there is to do, the driving ends, and the other job
// goes on from the same events.
import type { Engine } from "../engine/engine.ts";
import type { Publisher } from "../engine/ports.ts";
import { Parking } from "../core/parking.ts";

/** A driving that ends where the other job's part begins. */
export interface Half {
  readonly engine: Engine;
  /** To be driven with. */
  readonly signal: AbortSignal;
  /** Whether it ended for that. */
  readonly isLeft: () => boolean;
}

function createLeaving() {
  const leaving = new AbortController();
  return {
    signal: leaving.signal,
    isLeft: () => leaving.signal.aborted,
    /** Never resolves with anything: whoever asks is put down. */
    leave: (): Promise<never> => {
      const parking = new Parking("stopping");
      leaving.abort(parking);
      return Promise.reject(parking);
    },
  };
}

/** Everything but what writes on GitHub. */
export function workHalf(build: (edges: Pick<Engine, "publisher" | "projection">) => Engine): Half {
  const { signal, isLeft, leave } = createLeaving();
  const publisher: Publisher = {
    openPullRequest: leave,
    publishReview: leave,
    keep: leave,
    removeKept: leave,
    reply: leave,
    acknowledge: leave,
    conclude: leave,
    openFindings: leave,
    openScheduleIssue: leave,
    showConfig: leave,
    checkConfig: leave,
    showChecksAgain: leave,
    rerunChecks: leave,
    putBack: leave,
    removeMerged: leave,
    leaveAlone: leave,
    removeLabel: leave,
  };
  const projection = { touch: () => undefined, settle: () => Promise.resolve() };
  return { engine: build({ publisher, projection }), signal, isLeft };
}

/** Everything but what asks a model or runs the repository's code. */
export function publishHalf(engine: Engine): Half {
  const { signal, isLeft, leave } = createLeaving();
  return {
    engine: {
      ...engine,
      triager: { triage: leave },
      agents: { ...engine.agents, run: leave, resume: leave },
      gates: { check: leave },
    },
    signal,
    isLeft,
  };
}
