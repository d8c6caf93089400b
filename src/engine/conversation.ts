// The conversation an agent is in, read back from the log: those of its attempt, and where it was commanded again also those of the attempts
// it goes on with, with what it was commanded in between.
import type { RecordedEvent } from "./events.ts";
import type { Conversation, SessionStart, Turn } from "./ports.ts";
import { isContinued, type State } from "./state.ts";

/** `events`: those behind the beginning of its conversation, at least. Throws when there is no conversation to go on with: a bug. */
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
