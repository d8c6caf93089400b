// What an attempt has used of its turns, money and time, over all its conversations.
import { microDollars, type MicroDollars } from "../core/ids.ts";
import { parkingOf } from "../core/parking.ts";
import type { Failure, Spend } from "../engine/events.ts";
import { addTokens, noTokens, price, type TokenUsage } from "./prices.ts";

export interface SessionLimits {
  /** Model replies. */
  readonly turns: number;
  /** No request is sent once this much is spent, so an attempt costs at most this and one reply more. */
  readonly microDollars: number;
  /** What is left at the moment of asking of money that others spend too, in millionths of a dollar. */
  readonly left?: (() => number) | undefined;
  /** What is left then of turns that others take too. Of those at work at once each may be in the middle of one more. */
  readonly turnsLeft?: (() => number) | undefined;
  readonly milliseconds: number;
  /** Output tokens of one reply. Default 16,000. */
  readonly outputTokens?: number;
}

/** Node's timers take no more. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export class Meter {
  /** Aborted when the time is up. */
  readonly timeUp: AbortSignal;
  readonly #limits: SessionLimits;
  readonly #turnsBefore: number;
  #turns = 0;
  #used: TokenUsage = noTokens;
  #spent: MicroDollars = microDollars(0);

  /** The time begins now. `turnsBefore`: turns of the attempt that earlier processes recorded; the limits are what is left behind them. */
  constructor(limits: SessionLimits, turnsBefore: number) {
    this.#limits = limits;
    this.#turnsBefore = turnsBefore;
    this.timeUp =
      limits.milliseconds > 0
        ? AbortSignal.timeout(Math.min(Math.ceil(limits.milliseconds), LONGEST_TIMER_MS))
        : AbortSignal.abort();
  }

  /** What this process has spent. */
  get spend(): Spend {
    return { turns: this.#turns, ...this.#used, microDollars: this.#spent };
  }

  /** Counts one reply, or what broken ones used: its number within the attempt, and its cost. */
  count(model: string, usage: TokenUsage): { readonly turn: number; readonly spend: Spend } {
    const cost = price(model, usage);
    this.#turns += 1;
    this.#used = addTokens(this.#used, usage);
    this.#spent = microDollars(this.#spent + cost);
    return { turn: this.#turnsBefore + this.#turns, spend: { turns: 1, ...usage, microDollars: cost } };
  }

  affords(model: string, wasted: TokenUsage): boolean {
    const cost = price(model, wasted);
    return this.#spent + cost < this.#limits.microDollars && cost < this.#left();
  }

  /** Why no request may be sent now, or no tool run; undefined when it may. */
  stop(cancelled: AbortSignal): Failure | undefined {
    const { turns, microDollars: most } = this.#limits;
    const interrupted = this.interrupted(cancelled);
    if (interrupted) return interrupted;
    if (this.#turns >= turns)
      return {
        code: "turn-limit",
        message: `The agent did not finish within ${this.#turnsBefore + Math.max(0, turns)} turns.`,
      };
    if ((this.#limits.turnsLeft?.() ?? 1) <= 0)
      return { code: "turn-limit", message: "The run's turns are used up, by this agent and the others at work." };
    if (this.#spent < most && this.#left() > 0) return undefined;
    if (this.#spent < most)
      return { code: "budget", message: "The run's money is spent, by this agent and the others at work." };
    const dollars = (amount: number) => `$${(amount / 1_000_000).toFixed(4)}`;
    const message = `${dollars(this.#spent)} are spent of the ${dollars(most)} this attempt may cost.`;
    return { code: "budget", message };
  }

  #left(): number {
    return this.#limits.left?.() ?? Number.POSITIVE_INFINITY;
  }

  interrupted(cancelled: AbortSignal): Failure | undefined {
    if (cancelled.aborted)
      return {
        code: "cancelled",
        message: parkingOf(cancelled) === undefined ? "The session was cancelled." : "The session was parked.",
      };
    if (!this.timeUp.aborted) return undefined;
    const seconds = Math.round(this.#limits.milliseconds / 1_000);
    return { code: "time-limit", message: `The agent did not finish within ${seconds} s.` };
  }
}
