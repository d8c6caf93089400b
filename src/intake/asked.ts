// One thing asked for, with what its answer needs: where, in which delivery, in which words.
import type { KeptDelivery } from "../store/deliveries.ts";
import type { Intent } from "./intent.ts";

/** What has become so far of what a delivery asks for. Whoever carries it out writes it down here. */
export interface Fate {
  /** Some of it was refused, or could not be read. */
  refused: boolean;
  /** A run begins or goes on for it: its end is the answer. */
  runs: boolean;
}

/** The delivery that is carried out, and until when. */
export interface Carried {
  readonly delivery: KeptDelivery;
  readonly signal: AbortSignal;
  readonly fate: Fate;
}

export interface Asked extends Carried {
  readonly intent: Intent;
  /** Which of the delivery's commands it is, from 0. */
  readonly index: number;
  /** Names the occasion for answers: the same when the delivery is handled again. */
  readonly key: string;
  readonly quote: string;
}

/** Command `index` of what is carried out. `quote`: the words that asked. */
export function askedBy(intent: Intent, { delivery, signal, fate }: Carried, index: number, quote: string): Asked {
  return { intent, delivery, index, key: `${delivery.id}:${index}`, quote, signal, fate };
}
