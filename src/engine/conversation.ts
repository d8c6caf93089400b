// The conversation an agent is in, read back from the log: those of its attempt, and where it was commanded again also those of the attempts
// it goes on with, with what it was commanded in between.
import type { EventOf, RecordedEvent } from "./events.ts";
import type { Conversation, SessionStart, Turn } from "./ports.ts";
import { isContinued, type State } from "./state.ts";

/** The attempt, also when another one has begun since, knows where in the log it has spoken. `state`: at this event's version. */
export function withSpoken(state: State, event: EventOf<"session.started"> | EventOf<"agent.turn">): State {
  const stage = state.stages.get(event.stage);
  const index = stage?.attempts.findLastIndex(({ number }) => number === event.attempt) ?? -1;
  const before = stage?.attempts[index];
  if (!stage || !before) return state;
  const at = { version: state.version, ...(event.type === "agent.turn" ? { turn: event.turn } : {}) };
  const attempt = { ...before, spoken: [...before.spoken, at] };
  const current = stage.current === before ? attempt : stage.current;
  const next = { ...stage, current, attempts: stage.attempts.with(index, attempt) };
  return { ...state, stages: new Map(state.stages).set(event.stage, next) };
}

/** The versions of the events that `conversationOf` needs. */
export function conversationAt(state: State, unit: string): number[] {
  const stage = state.stages.get(unit);
  const current = stage?.current;
  if (!stage || !current) return [];
  const attempts = isContinued(current) ? stage.attempts : [current];
  return attempts
    .flatMap(({ version, spoken }) => [version, ...spoken.map((one) => one.version)])
    .filter((version) => version >= current.root);
}

/** `events`: those at `conversationAt`, at least. Throws when there is no conversation to go on with: a bug. */
export function conversationOf(state: State, unit: string, events: readonly RecordedEvent[]): Conversation {
  const stage = state.stages.get(unit);
  const current = stage?.current;
  if (!stage || !current) throw new Error(`"${unit}" has no attempt to go on with`);
  const { root, number } = current;
  const spoken: { start: SessionStart; turns: Turn[] }[] = [];
  const commands: NonNullable<Conversation["commands"]>[number][] = [];
  let turns = 0;
  for (const { version, event } of events) {
    if (version < root || !("stage" in event) || event.stage !== unit || !("attempt" in event)) continue;
    if (!isContinued(current) && event.attempt !== number) continue;
    if (event.type === "stage.started" && version > root) {
      const before = stage.attempts.find((attempt) => attempt.number === event.attempt - 1);
      const begun = stage.attempts.find((attempt) => attempt.number === event.attempt);
      commands.push({
        session: spoken.at(-1)?.start.session ?? 0,
        after: turns,
        words: begun?.command ?? "",
        failure: before?.failure,
      });
    }
    if (event.type === "session.started") {
      const { type: _, stage: _stage, attempt: _attempt, ...start } = event;
      if (start.why === "first") spoken.length = 0;
      spoken.push({ start, turns: [] });
    }
    if (event.type === "agent.turn") {
      const { type: _, stage: _stage, attempt: _attempt, ...turn } = event;
      spoken.at(-1)?.turns.push(turn);
      turns = turn.turn;
    }
  }
  const last = spoken.pop();
  if (!last) throw new Error(`"${unit}" has no conversation to go on with`);
  return {
    ...last.start,
    turns: last.turns,
    earlier: spoken,
    turnsBefore: current.turnsBefore + current.turns,
    commands,
  };
}
