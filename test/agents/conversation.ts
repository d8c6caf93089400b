// A session against a scripted model over real HTTP, with everything a test may want to look at afterwards.
import { silentLog } from "#src/core/log.ts";
import { createModel, type ModelOptions } from "#src/agents/model.ts";
import { workAttempt, type AttemptOptions, type AttemptResult } from "#src/agents/attempt.ts";
import { createCircuits, type Circuits } from "#src/agents/circuits.ts";
import type { SessionLimits } from "#src/agents/meter.ts";
import type { SessionTools } from "#src/agents/session.ts";
import type { SessionStart, Turn } from "#src/engine/ports.ts";
import {
  openScriptedModel,
  type AgentScript,
  type ModelConditions,
  type ScriptedModel,
} from "#src/playground/scripted-model.ts";
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
  readonly result: AttemptResult<Diagnosis>;
  readonly turns: readonly Turn[];
  readonly sessions: readonly SessionStart[];
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
  readonly renew?: () => Promise<void>;
  readonly circuits?: Circuits;
  readonly waits?: number;
  readonly from?: AttemptOptions<Diagnosis>["from"];
  readonly graceMs?: number;
  readonly brief?: (share: number) => string;
  /** How many of the words that people told the run the brief holds. */
  readonly heard?: number;
  readonly steering?: AttemptOptions<Diagnosis>["steering"];
  readonly conditions?: ModelConditions;
  readonly signal?: AbortSignal;
  readonly onTurn?: (turn: Turn) => void;
  readonly onRequest?: (number: number) => void;
}

/** Works one attempt of an agent called "debugger" that has one tool, `bash`. */
export async function converse(options: ConversationOptions): Promise<Conversation> {
  await using server = await openScriptedModel({
    script: { debugger: options.script },
    ...(options.conditions ? { conditions: options.conditions } : {}),
    onCall: ({ number }) => options.onRequest?.(number),
  });
  const turns: Turn[] = [];
  const sessions: SessionStart[] = [];
  const ran: string[] = [];
  const startedAt = performance.now();
  const result = await workAttempt<Diagnosis>(
    {
      agent: "debugger",
      circuits: options.circuits ?? createCircuits(),
      waits: options.waits ?? 0,
      from: options.from,
      ...(options.graceMs === undefined ? {} : { graceMs: options.graceMs }),
      model: createModel({
        apiKey: "test-key-of-nobody",
        baseURL: server.url,
        log: silentLog,
        patience: { firstPauseMs: 1, ...options.patience },
      }),
      modelIds: options.modelIds ?? ["claude-sonnet-5-5"],
      system: "# Agent: debugger\nFind the cause.",
      brief: (share) =>
        Promise.resolve({ text: options.brief?.(share) ?? "Attempt 1 of 1\nIt is broken.", heard: options.heard ?? 0 }),
      steering: options.steering,
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
        ...(options.renew ? { renew: options.renew } : {}),
      },
      limits: { turns: 10, microDollars: 1_000_000, milliseconds: 20_000, ...options.limits },
      log: silentLog,
      events: {
        session: async (start) => void sessions.push(start),
        turn: async (turn) => {
          turns.push(turn);
          options.onTurn?.(turn);
        },
      },
    },
    options.signal ?? new AbortController().signal,
  );
  return { result, turns, sessions, ran, server, milliseconds: performance.now() - startedAt };
}

/** The failure's code, "wait" with its reason, or "finished". */
export function endOf({ result }: Pick<Conversation, "result">): string {
  if (result.type === "wait") return `wait ${result.reason}`;
  return result.type === "failed" ? result.failure.code : result.type;
}
