// One thing asked for, with what its answer needs: where, in which delivery, in which words.
import type { KeptDelivery } from "../store/deliveries.ts";
import type { Intent } from "./intent.ts";

export interface Asked {
  readonly intent: Intent;
  readonly delivery: KeptDelivery;
  /** Which of the delivery's commands it is, from 0. */
  readonly index: number;
  /** Names the occasion for answers: the same when the delivery is handled again. */
  readonly key: string;
  readonly quote: string;
  readonly signal: AbortSignal;
}
