// The whole story of one run for a terminal: its events in order, what each gate saw, and if wanted the conversations, word for word.
import { styleText } from "node:util";
import { formatDollars, microDollars } from "../core/ids.ts";
import { RunEvent, type Evidence, type RecordedEvent } from "../engine/events.ts";
import { apply, fold } from "../engine/fold.ts";
import { ledgerOf } from "../engine/ledger.ts";
import type { State } from "../engine/state.ts";
import { harmlessText } from "./harmless.ts";
import { summarise, tell } from "./story.ts";
import { layOut } from "./table.ts";

const dim = (text: string) => styleText("dim", text);

/** Lines to print. Throws for a log that does not begin with `run.created`. */
export function describe(events: readonly RecordedEvent[], { full, json }: { full: boolean; json: boolean }): string[] {
  if (json) {
    const summary = summarise(fold(events));
    return [JSON.stringify(full ? { ...summary, log: events } : summary)];
  }
  const [first, ...rest] = events.map(harmless);
  if (!first) return [];
  let state = fold([first]);
  const lines = [...head(state), ...tell(first, state)];
  for (const recorded of rest) {
    state = apply(state, recorded);
    lines.push(...tell(recorded, state), ...details(recorded.event, full));
  }
  return [...lines, ...tail(state)];
}

function head({ created, createdAt }: State): string[] {
  const { repo, subject, base } = created;
  const where = subject.url === "" ? `${repo.owner}/${repo.name}` : subject.url;
  return [`${where}, from ${base.branch} at ${base.commit.slice(0, 12)}, begun ${new Date(createdAt).toISOString()}`];
}

/** Tokens and money, agent by agent: what was read anew, what came from the cache, what was written. */
function ledger(state: State): string[] {
  const rows = ledgerOf(state).map(({ unit, spend }) => [
    unit,
    String(spend.turns),
    String(spend.inputTokens + spend.cacheWriteTokens),
    String(spend.cacheReadTokens),
    String(spend.outputTokens),
    formatDollars(spend.microDollars),
  ]);
  if (rows.length === 0) return [];
  const head = ["AGENT", "TURNS", "INPUT", "CACHED", "OUTPUT", "COST"];
  return layOut(head, rows, 1).split("\n").map(dim);
}

function tail(state: State): string[] {
  if (state.finished) return ledger(state);
  const { waiting, paused } = state;
  const word = paused
    ? `paused by @${paused.by.login}`
    : waiting
      ? `waiting${waiting.until === undefined ? "" : ` until ${new Date(waiting.until).toISOString()}`}: ${waiting.message}`
      : `not finished, last touched ${new Date(state.updatedAt).toISOString()}`;
  return [
    ...ledger(state),
    `${styleText("yellow", word)} ${dim(`${state.spend.turns} turns, ${formatDollars(microDollars(state.spend.microDollars))}`)}`,
  ];
}

function details(event: RunEvent, full: boolean): string[] {
  const block = (title: string, text: string) =>
    text === "" ? [] : [`           ${dim(title)}`, ...text.split("\n").map((line) => `             ${line}`)];
  if (event.type === "gate.checked")
    return event.result.evidence
      .map((seen) => `           ${dim(seenBy(seen))}`)
      .concat(
        event.result.notes.map((note) => `           ${dim(`note: ${note}`)}`),
        full ? event.result.evidence.flatMap(({ label, tail: end }) => block(`${label}, last lines`, end)) : [],
      );
  if (!full) return [];
  if (event.type === "session.started")
    return block(`conversation ${event.session} with ${event.model} (${event.why})`, event.opening);
  if (event.type === "agent.turn") {
    const { exchange, turn, tools } = event;
    if (exchange)
      return [
        ...block(`turn ${turn}: reply (${exchange.stopReason})`, JSON.stringify(exchange.reply, undefined, 2)),
        ...(exchange.answer ? block(`turn ${turn}: answer`, JSON.stringify(exchange.answer, undefined, 2)) : []),
      ];
    return [
      ...block(`turn ${turn}`, event.text),
      ...tools.flatMap(({ name, input, output }) => block(`${name} ${input}`, output)),
    ];
  }
  if (event.type === "agent.finished")
    return block(event.artifact.name, JSON.stringify(event.artifact.value, undefined, 2));
  return [];
}

function seenBy({ label, argv, commit, exitCode, seconds }: Evidence): string {
  return `${label}: \`${argv.join(" ")}\` at ${commit.slice(0, 12)} → ${exitCode ?? "no exit"} (${seconds.toFixed(1)} s)`;
}

/** Models and strangers wrote much of it: what could steer a terminal is made visible. */
function harmless(recorded: RecordedEvent): RecordedEvent {
  const clean = (_: string, value: unknown) => (typeof value === "string" ? harmlessText(value) : value);
  return { ...recorded, event: RunEvent.parse(JSON.parse(JSON.stringify(recorded.event), clean)) };
}
