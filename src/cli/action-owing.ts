// What people said to a job that may not answer them: it reaches the run at once, and the answer comes from the next job.
import type { IntakePublisher } from "../intake/handle.ts";
import type { Deliveries, Delivery } from "../store/deliveries.ts";

/**
 * The intake's publisher where nobody may write: what it asks for is not done, and the delivery stays unhandled, so that the next job
 * handles it again and does it. What was said to a run by then is not said twice. For deliveries that are handled one after the other.
 */
export function createOwing(deliveries: Pick<Deliveries, "keep" | "read" | "handled">) {
  let owed = false;
  const owe = () => {
    owed = true;
    return Promise.resolve();
  };
  const publisher: IntakePublisher = {
    reply: owe,
    acknowledge: owe,
    conclude: owe,
    removeLabel: owe,
    leaveAlone: owe,
    openFindings: owe,
    openScheduleIssue: () => Promise.reject(new Error("nothing starts by the clock inside a job")),
    showConfig: owe,
    checkConfig: owe,
    removeMerged: owe,
    showChecksAgain: async () => {
      await owe();
      return 0;
    },
    rerunChecks: () => Promise.reject(new Error("no check runs again for a job that may not write")),
    putBack: owe,
  };
  return {
    publisher,
    deliveries: {
      read: (id: string) => deliveries.read(id),
      keep: (delivery: Delivery) => deliveries.keep(delivery),
      async handled(id: string, note: string) {
        if (!owed) return await deliveries.handled(id, note);
        owed = false;
      },
    },
  };
}
