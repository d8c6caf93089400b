// The text of a repository's dashboard. Pure: the same facts give the same text, so that nothing is edited while nothing happens.
import { formatDollars, microDollars, type MicroDollars } from "../core/ids.ts";
import { askKey, openAsks } from "../engine/asks.ts";
import { boxLine, boxName, type Box } from "../engine/boxes.ts";
import { isIdle, workedMs, type State } from "../engine/state.ts";
import { CONFIG_FILE } from "../workflows/load.ts";
import { bullets, count, duration, MAX_BODY, stack } from "./markdown.ts";
import type { Neutral } from "./neutral.ts";
import { stateWord } from "./progress.ts";
import { position } from "./stages.ts";

/** An issue with the run that is shown of it. */
interface Row {
  readonly number: number;
  readonly title: string;
}

export interface DashboardFacts {
  /** The hidden first line. */
  readonly mark: string;
  /** Runs that have not ended, as far as their events were read; `spent`: of all. */
  readonly open: readonly { readonly state: State; readonly held: boolean; readonly spent: MicroDollars }[];
  /** Issues that wait for a person's answer, without a run under way. */
  readonly asked: readonly Row[];
  /** Those whose last run ended without a pull request within the last week, the latest first. `at`: milliseconds since 1970. */
  readonly failed: readonly (Row & {
    readonly run: State["runId"];
    readonly outcome: string;
    readonly at: number;
    readonly spent: MicroDollars;
  })[];
  /** Those that are sorted, and nobody has started. */
  readonly sorted: readonly Row[];
  readonly week: MicroDollars;
  readonly month: MicroDollars;
  readonly merged: number;
  readonly now: number;
  /** The page of the repository on GitHub. */
  readonly page: string;
}

export interface Dashboard {
  readonly body: string;
  /** The names of its boxes. */
  readonly boxes: readonly string[];
}

export const TITLE = "Baton dashboard";

/** Lines of one part; of the rest it is said how many there are. */
const MOST = 10;
const words: Readonly<Record<string, string>> = { "timed-out": "Timed out", "out-of-budget": "Out of budget" };

/** What it shows now. */
export function renderDashboard(facts: DashboardFacts, neutral: Neutral): Dashboard {
  const boxes: string[] = [];
  const link = ({ number, title }: Row) => `[#${number}](${facts.page}/issues/${number}) ${neutral.line(title, 120)}`;
  const box = (what: Box, text: string) => {
    const name = boxName(what);
    boxes.push(name);
    return boxLine(name, text);
  };
  const rowOf = ({ created: { subject, input } }: State): Row => ({ number: subject.number, title: input.title });
  const plain = (text: string) => bullets([text]);

  const waiting: (() => string)[] = [
    ...facts.open.flatMap(({ state }) =>
      openAsks(state).map((ask) => () => {
        const text = link(rowOf(state));
        if (ask.asked.for === "answer") return plain(`${text} · questions to answer: \`/agent tell …\` there`);
        const what: Box = { does: "approve", run: state.runId, ask: askKey(state, ask) };
        return box(what, `${text} · a plan to approve: read it there first · \`/agent approve\``);
      }),
    ),
    ...facts.asked.map((row) => () => plain(`${link(row)} · questions to answer, or more to say, there`)),
  ];
  const others = facts.open.filter(({ state }) => openAsks(state).length === 0);
  const running = others.filter(({ state }) => !isQueued(state));
  const queued = others.filter(({ state }) => isQueued(state));
  const atWork = ({ state, held, spent }: DashboardFacts["open"][number]) => {
    // Whoever drove it last may be gone.
    const seen = held || isIdle(state) ? state : { ...state, driver: undefined };
    const { word } = stateWord(seen);
    const of = state.budget ? ` of ${formatDollars(state.budget.microDollars)}` : "";
    const worked = duration(Math.floor(workedMs(state, isIdle(seen) ? state.updatedAt : facts.now) / 60_000) * 60_000);
    const parts = [link(rowOf(state)), ...(word === "Running" ? [] : [word]), position(state) ?? "sorting"];
    return plain([...parts, worked === "0 s" ? "just begun" : worked, `${formatDollars(spent)}${of}`].join(" · "));
  };
  const failed = facts.failed.map((row) => () => {
    const day = new Date(row.at).toISOString().slice(0, 10);
    const text = `${link(row)} · ${words[row.outcome] ?? "Failed"} on ${day} · ${formatDollars(row.spent)} · \`/agent retry\``;
    return box({ does: "retry", run: row.run }, text);
  });
  const sorted = facts.sorted.map(
    (row) => () => box({ does: "start", issue: row.number }, `${link(row)} · \`/agent fix\``),
  );
  const parts = [
    part("Waiting for you", waiting),
    part(
      "Running",
      running.map((one) => () => atWork(one)),
    ),
    part(
      "Queued",
      queued.map(
        ({ state }) =>
          () =>
            plain(link(rowOf(state))),
      ),
    ),
    part("Failed in the last 7 days", failed, `${facts.page}/issues?q=is%3Aopen+label%3Aagent%2Ffailed`),
    part("Sorted, not started", sorted, `${facts.page}/issues?q=is%3Aopen+label%3Aagent%2Ftriaged`),
  ].filter((text) => text !== "");
  const body = stack(
    facts.mark,
    "How my work stands in this repository. I keep this text up to date and write nothing below it. Ticking a box is the command that stands behind it, given on that issue by whoever ticks it.",
    ...(parts.length === 0
      ? [
          "Nothing waits for you, nothing is under way, nothing has failed in the last 7 days, and no sorted issue waits to be started.",
        ]
      : parts),
    stack("### Spent", money(facts)),
    `_Close this issue to let it rest, reopen it to go on. \`dashboard: false\` in \`${CONFIG_FILE}\` takes it away._`,
  );
  return { body: body.slice(0, MAX_BODY), boxes };
}

/** Due, and nobody has taken it up. */
function isQueued(state: State): boolean {
  return stateWord(state).word === "Queued";
}

/** One part with as many lines as it shows; only for those a box is offered. */
function part(title: string, lines: readonly (() => string)[], all?: string): string {
  if (lines.length === 0) return "";
  const left = lines.length - MOST;
  const rest = left > 0 ? [`- and ${all === undefined ? `${left} more` : `[${left} more](${all})`}`] : [];
  return stack(`### ${title} (${lines.length})`, [...lines.slice(0, MOST).map((line) => line()), ...rest].join("\n"));
}

function money({ week, month, merged }: DashboardFacts): string {
  const of = `${formatDollars(month)} in the last 30 days`;
  return bullets([
    `${formatDollars(week)} in the last 7 days`,
    merged === 0
      ? `${of}; no pull request of mine was merged in them`
      : `${formatDollars(microDollars(Math.round(month / merged)))} for each merged pull request: ${of}, ${count(merged, "pull request")} merged`,
  ]);
}
