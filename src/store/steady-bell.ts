// A bell that is heard although its queue is away: whoever cannot ring looks at once, in this process.
//
// Looking twice does no harm (a delivery is handled once, a run is claimed by one worker), so nobody waits for a queue to come back.
// Handlers that fail here are not tried again: the sweep of the database finds what they left.
import { messageOf } from "../core/errors.ts";
import type { Log } from "../core/log.ts";
import type { Bell, BellTopic } from "../engine/ports.ts";

type Handler = Parameters<Bell["answer"]>[0];

export function createSteadyBell(bell: Bell, log: Log): Bell {
  const handlers = new Set<{ handler: Handler; parallel: number; closing: AbortController }>();
  /** What is being looked at or is about to be, by topic and id: one after the other for the same thing. */
  const looking = new Map<string, Promise<void>>();
  const waiting: { topic: BellTopic; id: string }[] = [];
  let under = 0;

  function next(): void {
    const [answering] = handlers;
    if (!answering || under >= answering.parallel) return;
    const thing = waiting.shift();
    if (!thing) return;
    const { handler, closing } = answering;
    const key = `${thing.topic}:${thing.id}`;
    under += 1;
    const before = looking.get(key) ?? Promise.resolve();
    const mine = before
      .then(() => (closing.signal.aborted ? undefined : handler(thing.topic, thing.id, closing.signal)))
      .catch((error: unknown) => {
        if (!closing.signal.aborted)
          log.warn("a handler failed; left to the next sweep", { ...thing, error: messageOf(error) });
      })
      .finally(() => {
        if (looking.get(key) === mine) looking.delete(key);
        under -= 1;
        next();
      });
    looking.set(key, mine);
    next();
  }

  return {
    async ring(topic, id) {
      try {
        await bell.ring(topic, id);
      } catch (error) {
        if (handlers.size === 0) throw error;
        log.warn("the bell cannot be rung; looking without it", { topic, id, error: messageOf(error) });
        if (!waiting.some((thing) => thing.topic === topic && thing.id === id)) waiting.push({ topic, id });
        next();
      }
    },
    async answer(handler, options) {
      const answering = { handler, parallel: options.parallel, closing: new AbortController() };
      const inner = await bell.answer(handler, options);
      handlers.add(answering);
      return {
        async [Symbol.asyncDispose]() {
          handlers.delete(answering);
          answering.closing.abort(new Error("the bell is closing"));
          await inner[Symbol.asyncDispose]();
          await Promise.all(looking.values());
        },
      };
    },
  };
}
