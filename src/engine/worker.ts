// A worker: drives the runs whose turn it is, a few at once, until it is told to stop.
//
// It looks for due runs when the bell rings, when one of its places becomes free, and with every beat by which it shows that it
// lives; so a run that nobody rang for, and a run whose worker died, is found by the database alone.
import { BatonError, messageOf } from "../core/errors.ts";
import type { RunId } from "../core/ids.ts";
import { Parking } from "../core/parking.ts";
import { drive } from "./drive.ts";
import type { Engine } from "./engine.ts";
import type { Claims, Release } from "./ports.ts";

/** A run whose driving threw is left alone this long: its log may be broken. */
const PENALTY_MS = 30_000;
/** When it was the database that was away, the run need not wait long for it. */
const AWAY_MS = 1_000;

export interface WorkerOptions {
  readonly engine: Engine;
  readonly claims: Claims;
  /** Runs driven at once. */
  readonly parallel: number;
  /** Milliseconds between two beats; well below the lease. */
  readonly beatMs: number;
}

export interface Worker extends AsyncDisposable {
  /** Something may be due: looks now. */
  look(): void;
  /** Runs driven at this moment. */
  readonly driving: number;
}

/** Starts working. Disposing parks what is under way and waits until it is parked. */
export function startWorker({ engine, claims, parallel, beatMs }: WorkerOptions): Worker {
  const stopping = new AbortController();
  const { signal } = stopping;
  const { journal } = engine;
  const driving = new Set<Promise<void>>();
  /** Runs to be given back as soon as the database answers, and how long they are to be left alone. */
  const owed = new Map<RunId, Release | undefined>();
  let giving: Promise<void> = Promise.resolve();
  let looking: Promise<void> | undefined;
  let again = false;
  let timer: NodeJS.Timeout | undefined;
  let beating: Promise<void> = Promise.resolve();

  async function work(run: RunId): Promise<void> {
    let until: Release | undefined;
    try {
      await drive(run, engine, signal, (version) => {
        until = { rests: version };
      });
    } catch (error) {
      journal.error("a run could not be driven", { run, error: messageOf(error) });
      const away = error instanceof BatonError && error.code === "database-failed";
      if (!signal.aborted) until = { afterMs: away ? AWAY_MS : PENALTY_MS };
    }
    owed.set(run, until);
    await giveBack();
  }

  /**
   * A run that is not given back would be this worker's as long as it lives, and nobody's work. One after the other: a second release
   * of the same run could come after its next claim, and free that.
   */
  function giveBack(): Promise<void> {
    giving = giving.then(async () => {
      for (const [run, until] of owed) {
        try {
          await claims.release(run, until);
          owed.delete(run);
        } catch (error) {
          journal.warn("a run could not be given back yet", { run, error: messageOf(error) });
        }
      }
    });
    return giving;
  }

  async function claim(): Promise<void> {
    do {
      again = false;
      while (!signal.aborted && driving.size < parallel) {
        const run = await claims.next();
        if (run === undefined) break;
        // Told to stop meanwhile, it gives the run back at once.
        const working = work(run).finally(() => {
          driving.delete(working);
          look();
          // When it is due again is news to the timer.
          beatNow();
        });
        driving.add(working);
      }
    } while (again && !signal.aborted);
  }

  function look(): void {
    if (signal.aborted) return;
    again = true;
    looking ??= claim()
      .catch((error: unknown) => journal.warn("could not look for due runs", { error: messageOf(error) }))
      .finally(() => {
        looking = undefined;
      });
  }

  async function beat(): Promise<void> {
    let pause = beatMs;
    try {
      const { dueInMs } = await claims.beat();
      await giveBack();
      if (dueInMs === 0) look();
      else if (dueInMs !== undefined) pause = Math.min(beatMs, dueInMs + 1);
    } catch (error) {
      journal.warn("could not show the database that this worker lives", { error: messageOf(error) });
    }
    if (signal.aborted) return;
    timer = setTimeout(() => {
      beating = beat();
    }, pause);
  }

  function beatNow(): void {
    if (signal.aborted) return;
    clearTimeout(timer);
    beating = beating.then(() => {
      clearTimeout(timer);
      return beat();
    });
  }

  beating = beat();
  look();
  return {
    look,
    get driving() {
      return driving.size;
    },
    async [Symbol.asyncDispose]() {
      stopping.abort(new Parking("stopping"));
      clearTimeout(timer);
      await looking;
      // Beats go on until everything is parked, so that nobody takes over what is still being put down.
      const last = setInterval(() => void claims.beat().catch(() => undefined), beatMs);
      await Promise.all(driving);
      clearInterval(last);
      await beating;
    },
  };
}
