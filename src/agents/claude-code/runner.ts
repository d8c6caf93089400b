// The runner `claude-code`: agents work as the program `claude` in the sandbox, with its tools, while the conversation with the model is
// Baton's as ever: limits, ledger, repairs of what is handed in, waits, fallbacks and going on in another process are the same code.
import { BatonError, messageOf } from "../../core/errors.ts";
import type { AgentRunner } from "../../engine/ports.ts";
import type { Sandbox } from "../../hands/sandbox.ts";
import type { Artifact } from "../../workflows/artifacts.ts";
import type { AgentDefinition } from "../../workflows/schema.ts";
import type { Speak } from "../attempt.ts";
import type { Place } from "../place.ts";
import { noTools, runSession, type SessionTools } from "../session.ts";
import { trouble } from "../session-end.ts";
import { systemPrompt } from "../system-prompt.ts";
import { bookkeeping, createRunner, type RunnerOptions } from "../work.ts";
import { type CliTools, openCliTools } from "./cli-tools.ts";
import { type Cli, cliTools } from "./program.ts";

export interface ClaudeCodeRunnerOptions extends RunnerOptions {
  readonly sandbox: Sandbox;
  readonly cli: Cli;
}

interface Folder extends AsyncDisposable {
  readonly folder: string;
}

/** The runner. Throws `invalid-environment` where there is no sandbox; when it runs, what every runner throws. */
export function createClaudeCodeRunner(options: ClaudeCodeRunnerOptions): AgentRunner {
  if (options.sandbox.kind !== "bubblewrap")
    throw new BatonError(
      "invalid-environment",
      "BATON_RUNNER=claude-code works in the sandbox only: leave BATON_SANDBOX=none out, or leave BATON_RUNNER out",
    );
  return createRunner<Folder>(options, {
    start: (folder) => Promise.resolve({ folder, [Symbol.asyncDispose]: () => Promise.resolve() }),
    // Without tools there is nothing for the program to do.
    equip: (agent, place) =>
      place && agent.tools.length > 0
        ? {
            system: systemPrompt(agent, place !== undefined),
            tools: toolsOf(place),
            speak: speaking(options, agent, place),
          }
        : { system: systemPrompt(agent, place !== undefined), tools: place ? toolsOf(place) : noTools },
  });
}

/** Those of a place, without a program yet: each conversation starts its own. */
function toolsOf(place: Place<Folder>): SessionTools {
  return { ...noTools, ...bookkeeping(place) };
}

function speaking(
  { sandbox, cli, log }: ClaudeCodeRunnerOptions,
  agent: AgentDefinition,
  place: Place<Folder>,
): Speak<Artifact["value"]> {
  return async (options, signal) => {
    const last = options.exchanges?.at(-1);
    // What only has to be handed in needs no tools.
    if (last && !last.answer) return await runSession(options, signal);
    const { modelId: model, system, opening, meter } = options;
    const starting = AbortSignal.any([signal, meter.timeUp]);
    let program: CliTools;
    try {
      const { folder } = await place.hands(starting);
      const conversation = { model, system, opening };
      program = await openCliTools({ sandbox, cli, folder, tools: cliTools(agent.tools), conversation, log }, starting);
    } catch (error) {
      const stop = meter.interrupted(signal);
      if (stop) return { type: "failed", failure: stop };
      return trouble("tools-broken", `The tools broke down: ${messageOf(error)}`);
    }
    await using _ = program;
    return await runSession({ ...options, tools: beside(options.tools, program, place) }, signal);
  };
}

/** The program's tools beside those that Baton answers itself. */
function beside(own: SessionTools, program: CliTools, place: Place<Folder>): SessionTools {
  const isOwn = ({ name }: { readonly name: string }) => own.declarations.some((tool) => tool.name === name);
  return {
    ...own,
    declarations: [...program.declarations, ...own.declarations],
    take(calls, text) {
      const its = calls.filter((call) => !isOwn(call));
      if (its.length > 0) program.take(its, text);
    },
    call: async (call, signal) =>
      isOwn(call) ? await own.call(call, signal) : place.noted(await program.call(call, signal)),
  };
}
