// What the gates of a run saw, as a table and the notes below it: in the text of a pull request, and on its check runs. Pure.
import type { Sha } from "../core/ids.ts";
import type { GateResult } from "../engine/events.ts";
import { artifactOf, stageOrder, type State } from "../engine/state.ts";
import { commandText, seconds, table } from "./markdown.ts";
import type { Neutral } from "./neutral.ts";
import { shownBy } from "./stages.ts";

/** Every gate that has passed in the attempts that count, in the order of stages. */
export function passedGates(state: State): GateResult[] {
  return stageOrder(state.workflow).flatMap(
    (name) => state.stages.get(name)?.current?.gates.filter((gate) => gate.passed) ?? [],
  );
}

/** A row for each gate that shows something; `head`: the verified commit, in Baton's own clone. */
export function gateTable(
  state: State,
  gates: readonly GateResult[],
  { neutral, head }: { readonly neutral: Neutral; readonly head: Sha },
): string {
  const rows = gates
    .filter((gate) => shownBy(gate) !== "nothing")
    .map((gate) => [
      `✅ ${gate.gate}${shownBy(gate) === "part" ? " (in part)" : ""}`,
      neutral.cell(gate.summary, 200),
      orDash(
        // What Baton did to prepare is in the list of all commands; here stands what judged.
        [...new Set(gate.evidence.filter(({ argv }) => argv[0] !== "git").map(({ argv }) => commandText(argv)))]
          .slice(0, 2)
          .map((text) => neutral.codeCell(text, 160)),
        "<br>",
      ),
      orDash([...new Set(gate.evidence.map(({ commit }) => commitName(state, commit, head)))], " → "),
      seconds(gate.seconds),
    ]);
  return rows.length === 0 ? "" : table(["Gate", "Result", "Command", "On commit", "Seconds"], rows);
}

/** What was not verified, and notes that a reviewer wants to know although the gate passed: what failed before, too; names that are new, or were not compared. */
export function gateRemarks(gates: readonly GateResult[], neutral: Neutral): string[] {
  const told = gates.filter(({ gate }) => gate === "baseline" || gate === "surface");
  return [
    ...gates
      .filter((gate) => shownBy(gate) === "nothing")
      .map(({ gate, summary }) => `**Not verified:** ${gate}. ${neutral.line(summary, 300)}`),
    ...told.flatMap(({ notes }) => notes.slice(0, 10).map((note) => neutral.line(note, 300))),
  ];
}

function commitName(state: State, commit: Sha, head: Sha): string {
  const short = `\`${commit.slice(0, 10)}\``;
  if (commit === head) return `head ${short}`;
  if (commit === state.base.commit) return `base ${short}`;
  const added = [artifactOf(state, "Reproduction"), artifactOf(state, "Characterization")];
  return added.some((tests) => tests?.commit === commit) ? `base + test ${short}` : short;
}

function orDash(parts: readonly string[], between: string): string {
  return parts.length === 0 ? "–" : parts.join(between);
}
