// A session against a scripted model over real HTTP, with everything a test may want to look at afterwards.
import { silentLog } from "#src/core/log.ts";
import { createModel, type ModelOptions } from "#src/agents/model.ts";
import { runSession, type SessionLimits, type SessionResult, type SessionTools } from "#src/agents/session.ts";
import type { Turn } from "#src/engine/ports.ts";
import { openScriptedModel, type AgentScript, type ScriptedModel } from "#src/playground/scripted-model.ts";
import { Diagnosis } from "#src/workflows/artifacts.ts";

export const diagnosis: Diagnosis = {
  rootCause: "an off-by-one",
  locations: [],
  approach: "count from 0",
  risk: "low",
};
export const finish = { name: "finish", input: { ...diagnosis } };
export const call = (name: string, input: Record<string, unknown> = {}) => ({ tools: [{ name, input }] });

export interface Conversation {
  readonly result: SessionResult<Diagnosis>;
  readonly turns: readonly Turn[];
  readonly ran: readonly string[];
  readonly server: ScriptedModel;
  readonly milliseconds: number;
}

export interface ConversationOptions {
  readonly script: AgentScript;
  readonly limits?: Partial<SessionLimits>;
  readonly patience?: ModelOptions["patience"];
  readonly modelIds?: readonly [string, ...string[]];
  readonly tool?: SessionTools["call"];
  readonly signal?: AbortSignal;
  readonly onTurn?: (turn: Turn) => void;
  readonly onRequest?: (number: number) => void;
}

/** Runs one session of an agent called "debugger" that has one tool, `bash`. */
export async function converse(options: ConversationOptions): Promise<Conversation> {
  await using server = await openScriptedModel({
    script: { debugger: options.script },
    onCall: ({ number }) => options.onRequest?.(number),
  });
  const turns: Turn[] = [];
  const ran: string[] = [];
  const startedAt = performance.now();
  const result = await runSession(
    {
      model: createModel({
        apiKey: "test-key-of-nobody",
        baseURL: server.url,
        log: silentLog,
        patience: { firstPauseMs: 1, ...options.patience },
      }),
      modelIds: options.modelIds ?? ["claude-sonnet-5-5"],
      system: "# Agent: debugger\nFind the cause.",
      brief: "Attempt 1 of 1\nIt is broken.",
      schema: Diagnosis,
      tools: {
        declarations: [
          {
            name: "bash",
            description: "Runs a command.",
            input_schema: { type: "object", properties: { command: { type: "string" } } },
          },
        ],
        call: async (asked, signal) => {
          ran.push(JSON.stringify(asked.input));
          return options.tool ? await options.tool(asked, signal) : { ok: true, output: "done" };
        },
      },
      limits: { turns: 10, microDollars: 1_000_000, milliseconds: 20_000, ...options.limits },
      log: silentLog,
      onTurn: async (turn) => {
        turns.push(turn);
        options.onTurn?.(turn);
      },
    },
    options.signal ?? new AbortController().signal,
  );
  return { result, turns, ran, server, milliseconds: performance.now() - startedAt };
}

/** The failure's code, or "finished". */
export function endOf({ result }: Conversation): string {
  return result.type === "failed" ? result.failure.code : result.type;
}
