// Triage: one short session of the agent "triager" without tools; by heuristics, and marked so, when no model answers well.
import { workAttempt } from "../agents/attempt.ts";
import { createCircuits, type Circuits } from "../agents/circuits.ts";
import { newBoundary } from "../agents/data-block.ts";
import { clip } from "../agents/clip.ts";
import type { Model } from "../agents/model.ts";
import { modelIds } from "../agents/models.ts";
import type { AgentSource } from "../agents/work.ts";
import { noTools } from "../agents/session.ts";
import { systemPrompt } from "../agents/system-prompt.ts";
import { messageOf } from "../core/errors.ts";
import { dollars } from "../core/ids.ts";
import type { Log } from "../core/log.ts";
import { noSpend, type EventOf, type Spend } from "../engine/events.ts";
import type { Triager } from "../engine/ports.ts";
import { Triage } from "../workflows/artifacts.ts";
import { withArticle } from "./agent-verdict.ts";
import { guess } from "./heuristics.ts";
import { TRIAGE_TOKENS, TRIAGER, writeTriageBrief } from "./prompt.ts";
import { mentionedIn, trim, type TrimMaterial } from "./trim.ts";

export interface TriagerOptions {
  readonly model: Model;
  readonly agents: AgentSource;
  readonly log: Log;
  /** Default: new ones, of this triager alone. */
  readonly circuits?: Circuits;
}

type Created = EventOf<"run.created">;
type Sorted = Awaited<ReturnType<Triager["triage"]>>;

/** One triage may cost this much, however much the run may. */
const CEILING = dollars(0.1);
const TURNS = 5;
const MILLISECONDS = 120_000;

/** A triager that always answers. It throws only when aborted. */
export function createTriager(given: TriagerOptions): Triager {
  const options = { circuits: createCircuits(), ...given };
  return {
    triage: async (created, signal) => {
      const asked = await askModel(options, created, signal);
      signal.throwIfAborted();
      return asked.type === "answered" ? byModel(created, asked) : byWords(options.log, created, asked);
    },
  };
}

type Asked =
  | { readonly type: "answered"; readonly triage: Triage; readonly spend: Spend }
  | { readonly type: "unanswered"; readonly why: string; readonly spend: Spend };

async function askModel(
  { model, agents, log, circuits }: Required<TriagerOptions>,
  created: Created,
  signal: AbortSignal,
): Promise<Asked> {
  try {
    const agent = await agents.load(TRIAGER, { repo: created.repo, base: created.base.commit }, signal);
    if (!agent) return { type: "unanswered", why: `there is no agent called "${TRIAGER}"`, spend: noSpend };
    const ceiling = Math.min(
      CEILING,
      ...[created.ceilings.dollars, created.config.budget.run].map((most) =>
        most === undefined ? CEILING : dollars(most),
      ),
    );
    const result = await workAttempt(
      {
        agent: TRIAGER,
        model,
        modelIds: modelIds(agent.model, created.config.models),
        circuits,
        system: systemPrompt(agent, false),
        brief: (share) => Promise.resolve({ text: briefOf(created, share), heard: 0 }),
        schema: Triage,
        tools: noTools,
        limits: { turns: TURNS, microDollars: ceiling, milliseconds: MILLISECONDS, outputTokens: TRIAGE_TOKENS },
        waits: 0,
        log,
        events: { session: () => Promise.resolve(), turn: () => Promise.resolve() },
      },
      signal,
    );
    if (result.type === "finished") return { type: "answered", triage: result.value, spend: result.spend };
    // Nobody waits for triage: words alone say enough to ask a person, or to begin what was asked for.
    const why = result.type === "wait" ? result.message : result.failure.message;
    return { type: "unanswered", why, spend: result.spend };
  } catch (error) {
    return { type: "unanswered", why: messageOf(error), spend: noSpend };
  }
}

function briefOf(created: Created, share: number): string {
  const { shared, own } = writeTriageBrief(created, newBoundary(), share);
  return `${shared}\n\n${own}`;
}

function materialOf({ subject, input, labels, config }: Created): TrimMaterial {
  const { title, body } = input;
  return { title, body, number: subject.number, mentioned: mentionedIn(input), labels, config };
}

function byModel(created: Created, { triage, spend }: Extract<Asked, { type: "answered" }>): Sorted {
  const trimmed = trim(triage, materialOf(created));
  const why = `${percent(trimmed.confidence)} sure it is ${withArticle(trimmed.type)}; runner-up: ${trimmed.runnerUp}. ${trimmed.summary}`;
  return { source: "model", triage: trimmed, why: oneLine(why), spend };
}

function byWords(log: Log, created: Created, { why: reason, spend }: Extract<Asked, { type: "unanswered" }>): Sorted {
  log.warn("triage without a model", { run: created.runId, why: reason });
  const triage = trim(guess(created.input), materialOf(created));
  const words =
    triage.evidence.length === 0
      ? "little to go by"
      : triage.evidence
          .slice(0, 3)
          .map((words) => `“${words}”`)
          .join(", ");
  const why = `No model could sort this (${reason}), so it was guessed from its words: ${withArticle(triage.type)} (${words}), ${percent(triage.confidence)} sure; runner-up: ${triage.runnerUp}.`;
  return { source: "heuristic", triage, why: oneLine(why), spend };
}

function percent(confidence: number): string {
  return `${Math.round(confidence * 100)} %`;
}

function oneLine(text: string): string {
  return clip(text.replaceAll(/\s+/g, " ").trim(), 1_000);
}
