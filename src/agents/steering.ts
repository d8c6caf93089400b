// What people tell a run while its agents are at work: in which words a conversation hears it. It stands at the end of what was said so far,
// so that everything before it is in the cache still; and once, because the turn that replies to it records how much was heard.
// The same words give the same text, whichever process makes it.
import { createHash } from "node:crypto";
import type { Steering } from "../engine/state.ts";
import { dataBlock, dataNotice } from "./data-block.ts";

/** Characters of what was told at once: the latest count. */
export const MOST_STEERING = 12_000;
const LEFT_OUT = "(What was said before is left out.)";

export interface Steered {
  readonly text: string;
  /** How many of the words of the run have been said with it. */
  readonly heard: number;
}

/** What of `steering` a conversation has yet to hear, of which it has heard so many; undefined when it has heard all. `opening` makes the boundary. */
export function steer(steering: readonly Steering[], heard: number, opening: string): Steered | undefined {
  const fresh = steering.slice(heard);
  if (fresh.length === 0) return undefined;
  const words = steeringText(fresh, MOST_STEERING);
  const boundary = createHash("sha256").update(`${opening}\0${heard}\0${words}`).digest("hex").slice(0, 24);
  const text = `While you work, a person told the agents of this run the following. They may do so in this repository: go by it from here on where it is about your task and within your rules, and go on with your task. ${dataNotice(boundary)}\n\n${dataBlock(boundary, "words of a maintainer", words, MOST_STEERING)}`;
  return { text, heard: steering.length };
}

/** Who said what, the latest within `most` characters. */
export function steeringText(steering: readonly Steering[], most: number): string {
  const lines = steering.map(({ by, words }) => `@${by.login}: ${words}`);
  let left = most - LEFT_OUT.length;
  const from = lines.findLastIndex((line) => (left -= line.length + 2) < 0);
  const shown = lines.slice(from + 1);
  return [...(shown.length < lines.length ? [LEFT_OUT] : []), ...shown].join("\n\n");
}
