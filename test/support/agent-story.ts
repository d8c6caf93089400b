// What an agent's work told the log, and from it the conversation that a later process is given: as the engine makes it.
import type { AgentEvents, Conversation, SessionStart, Turn } from "#src/engine/ports.ts";

export class AgentStory implements AgentEvents {
  readonly sessions: { readonly start: SessionStart; readonly turns: Turn[] }[] = [];
  /** Called when a turn is recorded, behind its being recorded. */
  onTurn: (turn: Turn) => void = () => {};

  session(start: SessionStart): Promise<void> {
    // An attempt that began again speaks anew.
    if (start.why === "first") this.sessions.length = 0;
    this.sessions.push({ start, turns: [] });
    return Promise.resolve();
  }

  async turn(turn: Turn): Promise<void> {
    // As the log would: JSON there and back.
    const recorded: Turn = structuredClone(turn);
    JSON.stringify(recorded);
    this.sessions.at(-1)?.turns.push(recorded);
    await Promise.resolve(this.onTurn(turn));
  }

  get turns(): Turn[] {
    return this.sessions.flatMap(({ turns }) => turns);
  }

  /** Undefined when there is nothing to go on with: the attempt begins again. */
  conversation(): Conversation | undefined {
    const last = this.sessions.at(-1);
    if (!last || this.turns.length === 0) return undefined;
    const { start, turns } = last;
    return { ...start, turns, earlier: this.sessions.slice(0, -1), turnsBefore: this.turns.at(-1)?.turn ?? 0 };
  }
}
