// What became of earlier runs of a repository, collected before an agent looks back: pull requests of Baton's that were closed, and runs
// that came to nothing. Which those are the log says, never a name or a mark on GitHub that anybody could write.
import type { Sha } from "../core/ids.ts";
import { withinRoom, type ClosedPull, type Hindsight } from "../workflows/hindsight.ts";
import type { Lessons } from "../workflows/lessons.ts";
import type { Work } from "./effect.ts";
import type { Outcome, RepoRef, RunEvent } from "./events.ts";
import { fold } from "./fold.ts";
import type { EventLog } from "./ports.ts";
import { artifactOf, stageOrder, upstream, type PullRequestRef, type State } from "./state.ts";
import type { Subjects } from "./subjects-port.ts";

const DAY_MS = 24 * 60 * 60_000;
/** How far back the first look goes; later ones begin where the one before began. */
const FIRST_LOOK_DAYS = 30;
/** Runs whose pull requests may still have been open until lately. */
const LISTED = 200;
const READ = 100;
const PULLS = 15;
const RUNS = 20;

/** The outcomes of runs that came to nothing, unless a person ended them. */
const fruitless: ReadonlySet<string> = new Set<Outcome>([
  "failed",
  "could-not-reproduce",
  "timed-out",
  "out-of-budget",
  "needs-a-decision",
]);
/** Ends by which a run only asked something. */
const asking: ReadonlySet<string> = new Set(["asked", "plan-rejected"]);

/** Lessons as far as a run has come with them. */
export interface LessonsSoFar {
  readonly value: Lessons;
  readonly hindsight: Hindsight;
  /** The commit of their file; undefined until Baton has made it. */
  readonly commit: Sha | undefined;
}

/** The lessons that are current in the run; undefined in one without. */
export function lessonsOf(state: State): LessonsSoFar | undefined {
  const attempts = stageOrder(state.workflow).flatMap((name) => state.stages.get(name)?.current ?? []);
  const value = artifactOf(state, "Lessons")?.artifact.value;
  const hindsight = attempts.flatMap((attempt) => attempt.hindsight ?? []).at(-1);
  if (!value || !hindsight) return undefined;
  return { value, hindsight, commit: attempts.find(({ written }) => written?.type === "lessons.written")?.commit };
}

/** What was collected in the stages before `stage`. */
export function hindsightFor(state: State, stage: string): Hindsight | undefined {
  return upstream(state.workflow, stage)
    .flatMap((name) => state.stages.get(name)?.current?.hindsight ?? [])
    .at(-1);
}

/**
 * Those of these pull requests of Baton's that were closed at `since` (milliseconds since 1970) or later, in their order, with what
 * people said and did there; at most `most`.
 */
export type ClosedPulls = (
  repo: RepoRef,
  opened: readonly Pick<PullRequestRef, "number" | "head">[],
  limits: { readonly since: number; readonly most: number },
  signal: AbortSignal,
) => Promise<ClosedPull[]>;

/** Looks at the log, and with `closedPulls` at GitHub. */
export async function lookBack(
  state: State,
  { log, closedPulls }: { readonly log: EventLog; readonly closedPulls: ClosedPulls },
  signal: AbortSignal,
): Promise<Hindsight> {
  const { repo } = state.created;
  const lines = await log.list({ limit: LISTED, repo: `${repo.owner}/${repo.name}` });
  const ended = lines.filter(({ run, finishedAt }) => run !== state.runId && finishedAt !== undefined);
  let since = state.createdAt - FIRST_LOOK_DAYS * DAY_MS;
  const runs: Hindsight["runs"] = [];
  const opened: PullRequestRef[] = [];
  for (const line of ended.slice(0, READ)) {
    signal.throwIfAborted();
    const earlier = fold(await log.read(line.run));
    if (isLookBack(earlier, state)) since = Math.max(since, earlier.createdAt);
    if (earlier.pullRequest && earlier.pullRequest.number > 0) opened.push(earlier.pullRequest);
    if (fruitless.has(line.outcome ?? "") && !asking.has(earlier.finished?.code ?? "")) runs.push(failedRun(earlier));
  }
  const endedAt = new Map(ended.map(({ run, finishedAt = 0 }) => [String(run), finishedAt]));
  const late = runs.filter(({ run }) => (endedAt.get(run) ?? 0) >= since);
  const pulls = await closedPulls(repo, opened, { since, most: PULLS }, signal);
  return withinRoom({ since, pulls, runs: late.slice(0, RUNS), leftOut: Math.max(0, late.length - RUNS) });
}

/** Collects it. Where nothing happened the run ends, and that is a success: no model is asked. */
export async function collectHindsight(
  { stage, attempt }: Extract<Work, { type: "collect" }>,
  state: State,
  subjects: Subjects,
  signal: AbortSignal,
): Promise<RunEvent> {
  const hindsight = await subjects.lookBack(state, signal);
  if (hindsight.pulls.length + hindsight.runs.length > 0)
    return { type: "hindsight.collected", stage, attempt, hindsight };
  const day = new Date(hindsight.since).toISOString().slice(0, 10);
  return {
    type: "run.finished",
    outcome: "succeeded",
    code: "nothing-to-propose",
    message: `Nothing has happened since ${day} that lessons could be drawn from: no pull request of mine was closed, and no run of mine came to nothing.`,
  };
}

/** An earlier run that looked at all there was by then. */
function isLookBack({ created, workflow, finished }: State, now: State): boolean {
  return !created.dryRun && finished?.outcome === "succeeded" && workflow?.name === now.workflow?.name;
}

function failedRun(state: State): Hindsight["runs"][number] {
  const { created, finished, workflow } = state;
  const reasons = [...state.stages.values()].flatMap(({ name, attempts }) =>
    attempts.flatMap(({ gates }) =>
      gates
        .filter(({ passed }) => !passed)
        .map(({ gate, code, summary }) => `${name}, gate ${gate} (${code}): ${summary}`.slice(0, 600)),
    ),
  );
  return {
    run: state.runId,
    subject: created.subject.number,
    title: created.input.title.slice(0, 300),
    workflow: (workflow?.name ?? created.workflow ?? "none").slice(0, 40),
    outcome: finished?.outcome ?? "failed",
    code: finished?.code ?? "",
    message: (finished?.message ?? "").slice(0, 1_000),
    reasons: reasons.slice(-6),
  };
}
