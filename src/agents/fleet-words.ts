// What the tools to conduct others answer in: short texts for a model to read. Pure.
import { formatDollars } from "../core/ids.ts";
import type { AgentView, Fleet } from "../engine/fleet-port.ts";
import { clip } from "./clip.ts";

/** Characters of a result that is shown whole, of a summary, and of one turn of a log. */
const RESULT = 12_000;
const SUMMARY = 1_500;
const TURN = 2_400;
const CALL = 600;

/** One line for each agent. */
export function listText(views: readonly AgentView[]): string {
  return views.length === 0 ? "You have no agents." : views.map(lineOf).join("\n");
}

function lineOf(view: AgentView): string {
  const { id, agent, status, commands, turns, spent, lastTool, failure, stuck, conducts } = view;
  return [
    `- ${id} (${agent}): ${status}${commands > 0 ? `, command ${commands}` : ""}`,
    `${turns} turns, ${formatDollars(spent)}`,
    status === "executing" && lastTool !== undefined ? `last tool ${lastTool}` : "",
    stuck ? `waits for ${stuck.paths.join(", ")}, behind ${stuck.behind.join(", ")}` : "",
    conducts > 0 ? `conducts ${conducts}` : "",
    failure ? `${failure.code}: ${clip(failure.message, 300)}` : "",
    workText(view),
    status === "executing" ? "" : clip(summaryOf(view), 300),
  ]
    .filter((part) => part !== "")
    .join(" · ");
}

function workText({ work }: AgentView): string {
  if (work === "none") return "";
  return work === "merged" ? "its work is merged" : "its work is not merged yet";
}

function summaryOf({ result }: AgentView): string {
  return result?.name === "Report" || result?.name === "Change" ? result.value.summary : "";
}

/** An agent with what it handed in last. */
export function statusText(view: AgentView): string {
  const { result } = view;
  if (!result) return lineOf(view);
  return `${lineOf(view)}\n\nWhat it handed in last, a ${result.name}:\n${clip(JSON.stringify(result.value, undefined, 2), RESULT)}`;
}

/** What an agent handed in, in short. */
export function resultText(view: AgentView): string {
  const { result } = view;
  const parts =
    result?.name === "Report" ? result.value.sections.map(({ title }, index) => `${index + 1}. ${title}`) : [];
  const changed = result?.name === "Change" ? [`Files: ${result.value.files.join(", ") || "none"}`] : [];
  return [clip(summaryOf(view), SUMMARY), ...parts, ...changed, workText(view)]
    .filter((line) => line !== "")
    .join("\n");
}

type Log = NonNullable<Awaited<ReturnType<Fleet["turns"]>>>;

/** Turns of an agent, with the calls of its tools. */
export function logText(id: string, { turns, all }: Log): string {
  if (turns.length === 0)
    return all === 0 ? `${id} has had no turn yet.` : `${id} has had ${all} turns; there are none behind that.`;
  const told = turns.map(({ command, turn, text, tools }) => {
    const calls = tools.map(
      ({ name, input, ok, output }) =>
        `  ${name} ${clip(input, CALL)}\n  → ${ok ? "ok" : "failed"}: ${clip(output, CALL)}`,
    );
    return clip([`Turn ${turn} (command ${command}): ${text.trim()}`, ...calls].join("\n"), TURN);
  });
  const last = turns.at(-1)?.turn ?? 0;
  return [...told, `${all} turns in all${last < all ? `; ask for those after turn ${last}` : ""}.`].join("\n\n");
}

/** What who has cost. */
export function costText({ lines, left }: ReturnType<Fleet["cost"]>): string {
  const told = lines.map(({ who, status, spend }) => {
    const tokens = spend.inputTokens + spend.cacheReadTokens + spend.cacheWriteTokens;
    return `- ${who}${status === undefined ? "" : ` (${status})`}: ${formatDollars(spend.microDollars)}, ${spend.turns} turns, ${tokens} tokens in, ${spend.outputTokens} out`;
  });
  return [...told, `Left to spend: ${formatDollars(left)}.`].join("\n");
}

/** The board, and what may begin. */
export function boardText({ lines, ready }: ReturnType<Fleet["board"]>): string {
  if (lines.length === 0) return "Your board is empty.";
  const told = lines.map(({ task, status, agent, note }) =>
    [
      `- ${task.id}: ${status} · ${task.title}`,
      agent === undefined ? "" : `by ${agent}`,
      task.needs.length === 0 ? "" : `needs ${task.needs.join(", ")}`,
      task.claims.length === 0 ? "" : `claims ${task.claims.join(", ")}`,
      note ?? "",
    ]
      .filter((part) => part !== "")
      .join(" · "),
  );
  return [
    ...told,
    ready.length === 0 ? "None may begin now." : `These may begin now, side by side: ${ready.join(", ")}.`,
  ].join("\n");
}
