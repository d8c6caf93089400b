// Refuses what starts by itself where the runs before it went in circles (`engine/circles.ts`).
import { circleWords, type Circle } from "../engine/circles.ts";
import type { PastRun } from "../engine/events.ts";
import type { Publisher } from "../engine/ports.ts";
import type { Asked } from "./asked.ts";

const NEXT =
  "Nothing starts here by itself until a person has looked. Any command of a person's that starts a run goes on, best with words behind it that say which way to go.";

/** Says so once for each latest run, also by a door at which nobody waits for an answer: a person has to look. `past`: newest first. */
export async function refuseInCircles(
  publisher: Pick<Publisher, "reply">,
  { intent: { repo, subject }, quote }: Pick<Asked, "intent" | "quote">,
  past: readonly PastRun[],
  circle: Circle,
): Promise<string> {
  await publisher.reply(repo, subject, `circle:${past[0]?.run ?? ""}`, {
    kind: "refused",
    quote,
    why: `the last runs here ${circleWords(circle)}`,
    next: NEXT,
  });
  return "refused: the last runs go in circles";
}
