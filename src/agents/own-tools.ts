// Tools that Baton answers itself beside those of the sandbox, such as those of the engine's doors. What breaks under one of them is not
// the agent's: the calls of that reply are answered so, their turn is recorded, and then the driver decides.
import type { Tool } from "@anthropic-ai/sdk/resources/messages/messages";
import type { SessionTools } from "./session.ts";
import { no, type Act } from "./taking.ts";

/** Said of a call that git, the disk or the log broke: the driver decides about that, and whoever goes on is told so. */
const NOT_DONE = "Not done: something of Baton's own broke meanwhile. If it is still wanted, call it again.";

/** Whether a call was answered so because something of Baton's own broke under it, or under one before it. */
export function wasNotDone(output: string): boolean {
  return output === NOT_DONE;
}

/** These tools, and those by these names. `signal` is the work's: what they wait for ends with it. */
export function withOwn<Name extends string>(
  tools: SessionTools,
  names: readonly Name[],
  { declare, acts }: { declare: (name: Name) => Tool; acts: Readonly<Record<Name, Act>> },
  signal: AbortSignal,
): SessionTools {
  let broken: { readonly error: unknown } | undefined;
  return {
    ...tools,
    declarations: [...tools.declarations, ...names.map(declare)],
    call: async (call, ending) => {
      const asked = names.find((known) => known === call.name);
      if (asked === undefined) return await tools.call(call, ending);
      if (broken) return no(NOT_DONE);
      try {
        return await acts[asked](call.input, AbortSignal.any([ending, signal]));
      } catch (error) {
        if (ending.aborted || signal.aborted) throw error;
        broken = { error };
        return no(NOT_DONE);
      }
    },
    rethrow: () => {
      if (broken) throw broken.error;
      tools.rethrow?.();
    },
  };
}
