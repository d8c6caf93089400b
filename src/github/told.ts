// What people told the agents of a run, for the card and for answers.
import type { State } from "../engine/state.ts";
import type { Neutral } from "./neutral.ts";

/** How many are shown, the latest. */
const SHOWN = 3;

/** One line of harmless Markdown; "" where nobody told anything. */
export function toldLine({ steering }: Pick<State, "steering">, neutral: Neutral): string {
  if (steering.length === 0) return "";
  const shown = steering.slice(-SHOWN);
  const earlier = steering.length - shown.length;
  const words = shown.map(({ by, words: said }) => `${neutral.line(said, 200)} (${neutral.code(by.login, 60)})`);
  return `**Told:** ${[...(earlier > 0 ? [`${earlier} earlier`] : []), ...words].join(" · ")}`;
}
