// The demands of a revision that cannot both be met, as a question to people: each named, with where it stands.
import { contradictions, type Demanded } from "../engine/contradictions.ts";
import type { State } from "../engine/state.ts";
import { bullets, stack } from "./markdown.ts";
import type { Neutral } from "./neutral.ts";

/** Each pair as two lines that link to what was said; "" where there is none. Markdown. */
export function contradictionLines(state: State, neutral: Neutral): string {
  const { revision, pullRequest } = state;
  const line = ({ thread, what }: Demanded): string => {
    const place = thread ? `${thread.path}${thread.line === undefined ? "" : `:${thread.line}`}` : "";
    const where = thread
      ? `[${neutral.code(place, 200)}](${pullRequest?.url ?? ""}#discussion_r${thread.id})`
      : "the pull request as a whole";
    const said = neutral.line(thread?.text ?? `@${revision?.by.login ?? ""}: ${revision?.words ?? ""}`, 300);
    return `${where}: ${said}${what === undefined ? "" : ` (the agents say: ${neutral.line(what, 300)})`}`;
  };
  return stack(...contradictions(state).map((pair) => bullets(pair.map(line))));
}
