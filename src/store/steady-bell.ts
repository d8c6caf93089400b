// A bell that is heard although its queue is away: whoever cannot ring looks at once, in this process.
//
// Looking twice does no harm (a delivery is handled once, a run is claimed by one worker), so nobody waits for a queue to come back.
import { messageOf } from "../core/errors.ts";
import type { Log } from "../core/log.ts";
import type { Bell } from "../engine/ports.ts";
import { createLocalBell } from "./local-bell.ts";

export function createSteadyBell(bell: Bell, log: Log): Bell {
  const local = createLocalBell(log);
  return {
    async ring(topic, id) {
      try {
        await bell.ring(topic, id);
      } catch (error) {
        if (!local.heard) throw error;
        log.warn("the bell cannot be rung; looking without it", { topic, id, error: messageOf(error) });
        await local.ring(topic, id);
      }
    },
    async answer(handler, options) {
      const both = [await bell.answer(handler, options), await local.answer(handler, options)];
      // At once: each waits for its handlers, and a stop has not time for one after the other.
      return {
        [Symbol.asyncDispose]: async () => void (await Promise.all(both.map((one) => one[Symbol.asyncDispose]()))),
      };
    },
  };
}
