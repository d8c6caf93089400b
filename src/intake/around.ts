// Refuses what starts by itself where the runs before it went in circles (`engine/circles.ts`).
import { circleWords, type Circle } from "../engine/circles.ts";
import type { PastRun } from "../engine/events.ts";
import type { Publisher } from "../engine/ports.ts";
import { say, type Heard } from "./say.ts";

const NEXT =
  "Nothing starts here by itself until a person has looked. Any command of a person's that starts a run goes on, best with words behind it that say which way to go.";

/** Says so once for each latest run, also by a door at which nobody waits for an answer: a person has to look. `past`: newest first. */
export async function refuseInCircles(
  publisher: Pick<Publisher, "reply">,
  asked: Heard,
  past: readonly PastRun[],
  circle: Circle,
): Promise<string> {
  const why = `the last runs here ${circleWords(circle)}`;
  const occasion = `circle:${past[0]?.run ?? ""}`;
  await say(publisher, asked, { kind: "refused", quote: asked.quote, why, next: NEXT }, occasion);
  return "refused: the last runs go in circles";
}
