// A bell inside this process, without a queue: for what only this process can hear, and for when the queue is away.
//
// A ring is *waiting* until a place is free, *looking* while a handler runs, *pausing* after a handler that failed, and gone afterwards.
//   ring while waiting   nothing: it will be looked at anyway;
//   ring while looking   it waits again when the handler has ended, however it ended;
//   ring while pausing   it waits now, and its tries begin anew;
//   handler throws       it pauses, longer each time, a few times, then it is dropped (a sweep of the database finds it);
//   answering ends       the handler is told by its signal, and what it looked at waits again for whoever answers next;
//   process dies         the sweep at the next start finds what it left.
import { setTimeout as delay } from "node:timers/promises";
import { messageOf } from "../core/errors.ts";
import type { Log } from "../core/log.ts";
import type { Bell, BellTopic } from "../engine/ports.ts";

type Handler = Parameters<Bell["answer"]>[0];

interface Answering {
  readonly handler: Handler;
  readonly parallel: number;
  readonly signal: AbortSignal;
}

interface Ring {
  readonly topic: BellTopic;
  readonly id: string;
  /** Looks that failed. */
  readonly failed: number;
}

export interface LocalBell extends Bell {
  /** True while somebody answers here. */
  readonly heard: boolean;
}

/** Tries of one ring, and the first pause between them; it doubles. */
const TRIES = 5;
const FIRST_PAUSE_MS = 500;
/** How long whoever stops answering waits for handlers that do not end. */
const CLOSE_MS = 10_000;

/** `pauseMs` and `closeMs` are for tests. */
export function createLocalBell(
  log: Log,
  { pauseMs = FIRST_PAUSE_MS, closeMs = CLOSE_MS }: { readonly pauseMs?: number; readonly closeMs?: number } = {},
): LocalBell {
  const answers = new Set<Answering>();
  const waiting = new Map<string, Ring>();
  const looking = new Map<string, { again: boolean; readonly done: Promise<void> }>();
  const pausing = new Map<string, { readonly ring: Ring; readonly timer: NodeJS.Timeout }>();

  function wait(key: string, ring: Ring): void {
    if (!waiting.has(key)) waiting.set(key, ring);
    next();
  }

  function next(): void {
    const [answering] = answers;
    const [first] = waiting;
    if (!answering || !first || looking.size >= answering.parallel) return;
    const [key, ring] = first;
    waiting.delete(key);
    looking.set(key, { again: false, done: look(key, ring, answering) });
    next();
  }

  async function look(key: string, ring: Ring, { handler, signal }: Answering): Promise<void> {
    const { topic, id } = ring;
    // Whoever called writes down first that it is looked at.
    await Promise.resolve();
    const failure = await handler(topic, id, signal).then(
      () => undefined,
      (error: unknown) => ({ error: messageOf(error) }),
    );
    const again = looking.get(key)?.again === true;
    looking.delete(key);
    const failed = ring.failed + 1;
    if (failure && !signal.aborted) {
      const fields = { topic, id, tries: failed, error: failure.error };
      if (again || failed < TRIES) log.warn("a handler failed and is tried again", fields);
      else log.error("a handler failed too often: left to the next sweep", fields);
    }
    if (signal.aborted || again) wait(key, { topic, id, failed: 0 });
    else if (failure && failed < TRIES) pause(key, { topic, id, failed });
    next();
  }

  function pause(key: string, ring: Ring): void {
    const timer = setTimeout(() => awake(key), pauseMs * 2 ** (ring.failed - 1));
    pausing.set(key, { ring, timer: timer.unref() });
  }

  function awake(key: string, ring = pausing.get(key)?.ring): void {
    clearTimeout(pausing.get(key)?.timer);
    pausing.delete(key);
    if (ring) wait(key, ring);
  }

  return {
    get heard() {
      return answers.size > 0;
    },
    async ring(topic, id) {
      const key = `${topic}:${id}`;
      const now = looking.get(key);
      if (now) now.again = true;
      else awake(key, { topic, id, failed: 0 });
    },
    async answer(handler, { parallel }) {
      const closing = new AbortController();
      const answering = { handler, parallel, signal: closing.signal };
      answers.add(answering);
      next();
      return {
        async [Symbol.asyncDispose]() {
          answers.delete(answering);
          closing.abort(new Error("the bell is closing"));
          const patience = new AbortController();
          await Promise.race([
            Promise.all([...looking.values()].map(({ done }) => done)),
            delay(closeMs, undefined, { signal: patience.signal }).catch(() => {}),
          ]);
          patience.abort();
          if (looking.size > 0) log.warn("closing without waiting longer for handlers", { handlers: looking.size });
          if (answers.size === 0) for (const key of pausing.keys()) awake(key);
        },
      };
    },
  };
}
