// From what triage found to what becomes of it: start a workflow, stop, or ask. Pure.
import { dollars } from "../core/ids.ts";
import type { IssueType, Triage } from "../workflows/artifacts.ts";
import { durationMs, type Workflow } from "../workflows/schema.ts";
import { noSpend, type Budget, type EventOf } from "./events.ts";

type Created = EventOf<"run.created">;
type Routed = EventOf<"run.routed">;
type Sorted = Pick<Routed, "source" | "triage" | "why" | "spend">;

/** Which workflow a type goes to when the repository does not say otherwise. */
const defaultRoutes: Partial<Record<IssueType, string>> = {
  bug: "bug",
  feature: "feature",
  refactor: "refactor",
  docs: "docs",
  question: "question",
};

/** The workflow a run should load before `route` is called: the one asked for, or the one its type is routed to. */
export function workflowFor(
  created: Pick<Created, "workflow" | "config">,
  triage: Pick<Triage, "type"> | undefined,
): string | undefined {
  if (created.workflow !== undefined) return created.workflow;
  return triage && (created.config.routes[triage.type] ?? defaultRoutes[triage.type]);
}

/**
 * The route of a run. `name` is what `workflowFor` said, `workflow` what was found under that name, `known` every name there is.
 * Asks rather than starts when triage is less sure than `triggers.threshold`, or when something needed is missing, and waits for what an
 * answer can change. What repeats another issue is not worked.
 */
export function route(
  created: Created,
  sorted: Sorted,
  { name, workflow, known }: { name: string | undefined; workflow: Workflow | undefined; known: readonly string[] },
): Routed {
  const decide = (decision: Routed["decision"]): Routed => ({ type: "run.routed", ...sorted, decision });
  const { triage } = sorted;
  const { triggers } = created.config;
  const forced = created.workflow !== undefined;

  const stop = { kind: "stop" as const, ...repeated(created, triage, name) };
  if (created.wanted === "triage") return decide(stop);
  // What words alone suggest is enough to sort an issue, not to spend money on it unasked.
  const startsItself = triage && sorted.source === "model" && triggers.autoStart.includes(triage.type);
  if (created.wanted === "auto" && !startsItself) return decide(stop);
  if (stop.duplicateOf !== undefined) return decide(stop);
  if (triage && !forced && triage.confidence < triggers.threshold) {
    return decide({
      kind: "ask",
      waits: true,
      questions: [
        `Is this of the type "${triage.type}", or rather "${triage.runnerUp}"? I am only ${percent(triage.confidence)} sure (work starts from ${percent(triggers.threshold)}).`,
      ],
    });
  }
  if (triage && !forced && triage.missing.length > 0)
    return decide({ kind: "ask", waits: true, questions: triage.missing });
  if (name === undefined) {
    return decide({
      kind: "ask",
      questions: [
        `There is no workflow for the type "${triage?.type ?? "unknown"}" yet. Should it be worked as one of these: ${known.join(", ")}?`,
      ],
    });
  }
  if (!workflow) {
    return decide({
      kind: "ask",
      questions: [`There is no workflow called "${name}". Which of these is meant: ${known.join(", ")}?`],
    });
  }
  return decide({ kind: "start", workflow, budget: budgetOf(created, workflow) });
}

/** The issue that a sure triage says this one repeats; nothing where the repository has a workflow for duplicates. */
function repeated({ config }: Created, triage: Triage | undefined, name: string | undefined): { duplicateOf?: number } {
  if (triage?.type !== "duplicate" || triage.duplicateOf === undefined || name !== undefined) return {};
  return triage.confidence < config.triggers.threshold ? {} : { duplicateOf: triage.duplicateOf };
}

/** The event of a run whose workflow was asked for by name: nothing is sorted and nothing is spent. */
export function askedFor(created: Created): Sorted {
  return {
    source: "asked-for",
    why: `${created.request.quote} asked for the workflow "${created.workflow ?? ""}"`,
    spend: noSpend,
  };
}

/**
 * The ceilings of a run. The repository's config is the law; within it the command decides; the workflow's own figures
 * hold where nobody says otherwise.
 */
export function budgetOf({ ceilings, config }: Created, workflow: Workflow): Budget {
  const minutes = {
    asked: ceilings.minutes,
    allowed: config.budget.time,
    usual: durationMs(workflow.budget.time) / 60_000,
  };
  return {
    microDollars: dollars(ceiling({ asked: ceilings.dollars, allowed: config.budget.run, usual: workflow.budget.run })),
    turns: ceiling({ asked: ceilings.turns, allowed: config.budget.turns, usual: workflow.budget.turns }),
    milliseconds: Math.round(ceiling(minutes) * 60_000),
  };
}

function ceiling({
  asked,
  allowed,
  usual,
}: {
  asked: number | undefined;
  allowed: number | undefined;
  usual: number;
}): number {
  return Math.min(asked ?? allowed ?? usual, allowed ?? Number.POSITIVE_INFINITY);
}

function percent(value: number): string {
  return `${Math.round(value * 100)} %`;
}
