// Words to a run that is there: stop, pause, resume, retry, budget, status, why; and the news that its issue was closed or edited.
import { formatDollars, dollars, type RunId } from "../core/ids.ts";
import { isForPeople, openAsks } from "../engine/asks.ts";
import { taskStatuses } from "../engine/board.ts";
import type { Bell, Publisher } from "../engine/ports.ts";
import type { GitHubReader } from "../engine/github-port.ts";
import { isBeingEnded, isPublished, stageOrder, totalCost, type State } from "../engine/state.ts";
import { readUnit } from "../engine/unit.ts";
import type { RepoConfig } from "../workflows/repo-config.ts";
import { createRefuse, type Standing } from "./admit.ts";
import type { Person } from "../engine/events.ts";
import { afterTheEnd, createAnswers, isAllDone } from "./answers.ts";
import type { Asked } from "./asked.ts";
import { readAmount } from "./grammar.ts";
import type { Ground, Intent, Lost } from "./intent.ts";
import type { KnownLimits } from "./limits.ts";
import { howToStart } from "./now.ts";
import { createRuns, commentOf, said, wordOf, type RunsParts } from "./runs.ts";
import { createTakeUp } from "./take-up.ts";
import { mayRun } from "./verbs.ts";

export interface SteerParts extends RunsParts {
  readonly bell: Pick<Bell, "ring">;
  readonly reader: GitHubReader;
  readonly publisher: Pick<Publisher, "reply" | "removeLabel" | "leaveAlone">;
  readonly limits: Pick<KnownLimits, "of">;
}

/** Each answers whoever asked, where there is something to say, and returns a few words for the operator. */
export interface Steer {
  stop(asked: Asked): Promise<string>;
  pause(asked: Asked): Promise<string>;
  resume(asked: Asked): Promise<string>;
  /**
   * `stage` as it was typed; empty: where the run ended. A run that is held goes on as with `resume`. `standing` is of whoever asks: the
   * run's workflow may need more than the word.
   */
  retry(asked: Asked, stage: string, standing: Standing): Promise<string>;
  /** `amount` as it was typed; `config` is the repository's, whose ceiling is the law. */
  budget(asked: Asked, amount: string, config: RepoConfig): Promise<string>;
  status(asked: Asked): Promise<string>;
  /** Nothing begins on this issue any more, but by a person's command. What runs goes on. */
  ignore(asked: Asked): Promise<string>;
  why(asked: Asked): Promise<string>;
  closed(intent: Intent, signal: AbortSignal): Promise<string>;
  edited(intent: Intent, signal: AbortSignal): Promise<string>;
  lost(intent: Intent, lost: Lost, signal: AbortSignal): Promise<string>;
  /** Tells every run that stands on this ground. */
  lostGround(ground: Ground, signal: AbortSignal): Promise<string>;
}

/** Steering over its parts. Throws when GitHub or the database does not answer. */
export function createSteer({ log, bell, reader, publisher, projection, limits }: SteerParts): Steer {
  const runs = createRuns({ log, reader, projection });
  const refuse = createRefuse(publisher);
  const takeUp = createTakeUp({ log, bell, reader, publisher, projection, limits });
  const { answer, nothingRunning, nothingToDo, unreadable, atWork, ring } = createAnswers({ log, bell, publisher });

  /** Ends what holds a run; undefined when nothing does. */
  async function letGo(asked: Asked, { runId }: State): Promise<string | undefined> {
    const outcome = await runs.append(
      runId,
      ({ state }) =>
        state.phase !== "finished" && (state.paused || (state.waiting && !isForPeople(state.waiting.reason)))
          ? [{ type: "resume.requested", ...wordOf(asked) }]
          : undefined,
      asked.signal,
    );
    return outcome === "moot" ? undefined : await ring(runId, "goes on");
  }

  const theirs = (asked: Asked, { by }: { readonly by: Person }) =>
    nothingToDo(
      asked,
      `@${by.login} pushed to the pull request's branch, and it is theirs`,
      "`/agent resume` goes on on top of it.",
    );

  async function tellLost(run: RunId, { loss, message }: Lost, signal: AbortSignal): Promise<string> {
    await runs.append(
      run,
      ({ state }) => (state.phase === "finished" || state.lost ? undefined : [{ type: "subject.lost", loss, message }]),
      signal,
    );
    return ring(run, "was told");
  }

  return {
    async stop(asked) {
      const { intent, signal } = asked;
      const found = await runs.find(intent);
      if (!found || (found.state.phase === "finished" && !said(found.events, ["stop.requested"], asked)))
        return nothingRunning(asked, await howToStart(reader, intent));
      const { runId } = found.state;
      await runs.append(
        runId,
        ({ state }) =>
          state.phase === "finished" || state.stop ? undefined : [{ type: "stop.requested", ...wordOf(asked) }],
        signal,
      );
      return ring(runId, "is to stop");
    },

    async pause(asked) {
      const { intent, signal } = asked;
      const found = await runs.find(intent);
      if (found && said(found.events, ["pause.requested"], asked)) return ring(found.state.runId, "was paused before");
      if (!found || found.state.phase === "finished") return nothingRunning(asked, await howToStart(reader, intent));
      const { runId } = found.state;
      let reason: readonly [why: string, next: string] | undefined;
      const outcome = await runs.append(
        runId,
        ({ state }) => {
          reason = whyNoPause(state);
          return reason || state.phase === "finished" ? undefined : [{ type: "pause.requested", ...wordOf(asked) }];
        },
        signal,
      );
      if (outcome === "appended") return ring(runId, "is held");
      return reason ? nothingToDo(asked, ...reason) : nothingRunning(asked, await howToStart(reader, intent));
    },

    async resume(asked) {
      const found = await runs.find(asked.intent);
      if (found && said(found.events, ["resume.requested"], asked)) return ring(found.state.runId, "went on before");
      if (!found) return nothingRunning(asked, await howToStart(reader, asked.intent));
      const { state } = found;
      if (state.phase === "finished") return nothingRunning(asked, afterTheEnd(state));
      return (
        (await letGo(asked, state)) ??
        (await (state.waiting && isForPeople(state.waiting.reason)
          ? nothingToDo(asked, "the run waits for a person's word", howToAnswer(state))
          : nothingToDo(
              asked,
              "the run is not held by anything: it is under way",
              "`/agent status` says how far it is.",
            )))
      );
    },

    async retry(asked, stage, standing) {
      const { intent } = asked;
      const found = await runs.find(intent);
      if (!found) return nothingRunning(asked, `There has been no run here yet. ${await howToStart(reader, intent)}`);
      const { state } = found;
      const { runId, pullRequest } = state;
      if (said(found.events, ["retry.requested", "resume.requested"], asked)) {
        asked.fate.runs = said(found.events, ["retry.requested"], asked);
        return ring(runId, "was retried before");
      }
      const { workflow, config } = state.created;
      if (workflow !== undefined && (await refuse(asked, standing, mayRun(workflow, config.routes)))) return "refused";
      const name = stage.trim().toLowerCase();
      if (state.phase !== "finished")
        return (name === "" ? await letGo(asked, state) : undefined) ?? (await atWork(asked, runId));
      if (state.branch.taken) return theirs(asked, state.branch.taken);
      const isShown = pullRequest !== undefined && state.finished?.outcome === "succeeded";
      if (isShown || (name === "" && isAllDone(state))) return nothingRunning(asked, afterTheEnd(state));
      const from = name === "" ? undefined : whereToRetry(state, name);
      if (from && "problem" in from) return unreadable(asked, from.problem);
      return takeUp(asked, state, [
        {
          type: "retry.requested",
          ...wordOf(asked),
          ...commentOf(asked),
          ...(from === undefined ? {} : { stage: from.stage }),
        },
      ]);
    },

    async budget(asked, typed, config) {
      const { intent, quote, signal } = asked;
      const amount = readAmount(typed.trim());
      if (amount === undefined) {
        const got = typed.trim() === "" ? "" : `, not \`${typed.trim().slice(0, 60).replaceAll("`", "'")}\``;
        const problem = `\`budget\` needs dollars from 0.01 to 1000, like \`$3\` or \`3.50\`${got}`;
        return unreadable(asked, problem);
      }
      const found = await runs.find(intent);
      if (found && said(found.events, ["budget.changed"], asked)) {
        asked.fate.runs = said(found.events, ["retry.requested"], asked);
        return ring(found.state.runId, "was told before");
      }
      if (!found) return nothingRunning(asked, await howToStart(reader, intent));
      const { state } = found;
      if (state.phase === "finished" && state.finished?.outcome !== "out-of-budget")
        return nothingRunning(asked, afterTheEnd(state));
      const wanted = dollars(amount);
      const law = config.budget.run;
      if (law !== undefined && wanted > dollars(law))
        return answer(
          asked,
          {
            kind: "refused",
            quote,
            why: `this repository allows a run at most ${formatDollars(dollars(law))}`,
            next: `Raise \`budget.run\` in \`.github/baton.yml\` on the default branch first, or write \`/agent budget ${formatDollars(dollars(law))}\`.`,
          },
          `refused: above ${formatDollars(dollars(law))}`,
        );
      const change = { type: "budget.changed" as const, ...wordOf(asked), microDollars: wanted };
      if (state.phase === "finished" && state.branch.taken) return theirs(asked, state.branch.taken);
      if (state.phase === "finished")
        return takeUp(asked, state, [change, { type: "retry.requested", ...wordOf(asked), ...commentOf(asked) }]);
      const outcome = await runs.append(
        state.runId,
        (now) => (now.state.phase === "finished" ? undefined : [change]),
        signal,
      );
      // It ended this very moment: what it ended with decides.
      if (outcome === "moot") return this.budget(asked, typed, config);
      const was = state.budget?.microDollars ?? state.raised;
      if (was !== undefined && wanted < was) {
        const spent = totalCost(state) - state.budgetFrom.spend.microDollars;
        await answer(asked, { kind: "budget-lowered", quote, was, now: wanted, spent }, "");
      }
      return ring(state.runId, `may spend ${formatDollars(wanted)}`);
    },

    async ignore(asked) {
      const { repo, subject } = asked.intent;
      if (subject.kind === "pull")
        return nothingToDo(
          asked,
          "this is a pull request, and it is issues that are left alone",
          "Write it on the issue that is to be left alone.",
        );
      await publisher.leaveAlone(repo, subject);
      return "is left alone";
    },

    async status(asked) {
      const found = await runs.find(asked.intent);
      return answer(asked, { kind: "status", state: found?.state }, "answered");
    },

    async why(asked) {
      const found = await runs.find(asked.intent);
      if (!found)
        return nothingRunning(asked, `There has been no run here yet. ${await howToStart(reader, asked.intent)}`);
      return answer(asked, { kind: "why", state: found.state }, "answered");
    },

    async closed(intent, signal) {
      const found = await runs.about(intent);
      if (!found || found.state.phase === "finished") return "no run is at work";
      const { runId } = found.state;
      await runs.append(
        runId,
        ({ state }) =>
          state.phase === "finished" || state.closedBy
            ? undefined
            : [{ type: "subject.closed", by: intent.actor.person }],
        signal,
      );
      return ring(runId, "was told");
    },

    async lost(intent, lost, signal) {
      const found = await runs.find(intent);
      if (!found || found.state.phase === "finished") return "no run is at work";
      return tellLost(found.state.runId, lost, signal);
    },

    async lostGround(ground, signal) {
      const ids = await log.unfinishedOn(ground);
      for (const run of ids) await tellLost(run, ground, signal);
      return ids.length === 0 ? "no run is at work" : `told: ${ids.join(", ")}`;
    },

    async edited(intent, signal) {
      const found = await runs.find(intent);
      if (!found || found.state.phase === "finished") return "no run is at work";
      const { runId } = found.state;
      const outcome = await runs.append(
        runId,
        ({ state }) =>
          state.phase === "finished" || state.edited
            ? undefined
            : [{ type: "subject.edited", by: intent.actor.person }],
        signal,
      );
      return outcome === "moot" ? `${runId} knows` : `${runId} goes on with the text it began with`;
    },
  };
}

/** Why a pause would change nothing, and what would. */
function whyNoPause(state: State): readonly [why: string, next: string] | undefined {
  if (state.paused) return [`it is paused already, by @${state.paused.by.login}`, "`/agent resume` goes on."];
  if (isBeingEnded(state)) return ["the run is being ended", "`/agent retry` takes it up again."];
  if (isPublished(state)) return ["the run has done its work", "Look at its pull request."];
  return undefined;
}

/** The stage a retry goes on from. A task that is not done is worked again with its fan-out, of which only that is worked again. */
function whereToRetry(state: State, name: string): { stage: string } | { problem: string } {
  const stages = stageOrder(state.workflow);
  const { stage, task, mends } = readUnit(name);
  const shown = name.slice(0, 100).replaceAll("`", "'");
  if (!stages.includes(stage)) {
    const known =
      stages.length === 0
        ? "the last run had no stages yet"
        : `the stages are ${stages.map((one) => `\`${one}\``).join(", ")}`;
    return { problem: `there is no stage \`${shown}\`; ${known}` };
  }
  if (task === undefined) return { stage };
  const board = state.stages.get(stage)?.current?.board;
  const statuses = board ? taskStatuses(state, stage, board) : new Map<string, string>();
  if (!statuses.has(task)) {
    const known = [...statuses.keys()].map((one) => `\`${stage}:${one}\``).join(", ");
    return {
      problem: `there is no task \`${shown}\`; ${known === "" ? `\`${stage}\` has none` : `there is ${known}`}`,
    };
  }
  const mending = mends && board?.conflict?.task === task;
  if (mending || statuses.get(task) !== "done") return { stage };
  return {
    problem: `the task \`${shown}\` is done, and others may stand on it; \`/agent retry ${stage}\` works what of \`${stage}\` is not done`,
  };
}

/** The words that answer what a run asks now. */
export function howToAnswer(state: State): string {
  const asked = openAsks(state).map(({ asked: { for: what } }) => what);
  return [
    ...(asked.includes("approval")
      ? ["`/agent approve`, `/agent approve with: …` or `/agent reject: …` judges the plan."]
      : []),
    ...(asked.includes("answer") ? ["A comment below the questions answers them, and so does `/agent tell …`."] : []),
  ].join(" ");
}
