// What takes time and is under way, by its key: each piece can be ended by itself, and of one unit the next begins when the one before it
// has come to its end.
import { Parking } from "../core/parking.ts";
import { isWork, keyOf, type Effect, type Step, type Work } from "./effect.ts";
import { isLiving } from "./fold-fleet.ts";
import type { State } from "./state.ts";

interface Piece {
  readonly unit: string | undefined;
  readonly ended: AbortController;
  readonly done: Promise<void>;
}

export class UnderWay {
  readonly #pieces = new Map<string, Piece>();

  get size(): number {
    return this.#pieces.size;
  }

  /** Resolves when all that is under way has come to its end. */
  async all(): Promise<void> {
    await Promise.all(this.endings());
  }

  /** One promise for each piece; none rejects. */
  endings(): Promise<void>[] {
    return [...this.#pieces.values()].map(({ done }) => done);
  }

  /** False while it is under way, or something else of its unit still is. */
  mayBegin(effect: Work): boolean {
    const unit = unitOf(effect);
    return (
      !this.#pieces.has(keyOf(effect)) &&
      (unit === undefined || [...this.#pieces.values()].every((piece) => piece.unit !== unit))
    );
  }

  /** False for the beginning of an attempt while something of its unit is under way: what that still records would come behind it. */
  mayRecord(step: Step): boolean {
    return step.type !== "start" || [...this.#pieces.values()].every(({ unit }) => unit !== step.stage);
  }

  /** `work` gets a signal of its own and must not reject. */
  begin(effect: Work, work: (ended: AbortSignal) => Promise<void>): void {
    const key = keyOf(effect);
    const ended = new AbortController();
    const done = work(ended.signal).finally(() => this.#pieces.delete(key));
    this.#pieces.set(key, { unit: unitOf(effect), ended, done });
  }

  /**
   * Ends what is not wanted any more: an agent that was interrupted or deleted, one that works for a stage which begins anew. The
   * files of one that may be commanded again are kept.
   */
  endUnwanted(wanted: readonly Effect[], state: State): void {
    const keys = new Set(wanted.filter(isWork).map(keyOf));
    for (const [key, { unit, ended }] of this.#pieces) {
      if (keys.has(key) || ended.signal.aborted) continue;
      const goesOn = unit !== undefined && state.stages.get(unit)?.child && isLiving(state, unit);
      ended.abort(goesOn ? new Parking("interrupted") : new Error("it is not wanted any more"));
    }
  }
}

function unitOf(effect: Work): string | undefined {
  return "stage" in effect ? effect.stage : undefined;
}
