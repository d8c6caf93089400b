// Tells a run in the terminal, event by event, as a person would follow it.
import { styleText } from "node:util";
import type { TokenUsage } from "../agents/prices.ts";
import { formatDollars, microDollars } from "../core/ids.ts";
import { NOT_A_BUG } from "../engine/event-words.ts";
import type { Outcome, RecordedEvent } from "../engine/events.ts";
import type { State } from "../engine/state.ts";
import { duration } from "../github/markdown.ts";
import { lowered, loweredTime } from "../github/progress.ts";

const words: Record<Outcome, string> = {
  succeeded: "Succeeded",
  triaged: "Triaged",
  "needs-a-decision": "Needs a decision",
  "could-not-reproduce": "Could not reproduce",
  failed: "Failed",
  "timed-out": "Timed out",
  "out-of-budget": "Out of budget",
  cancelled: "Cancelled",
};

const dim = (text: string) => styleText("dim", text);
const shorten = (text: string, max = 110) => {
  const line = text.replaceAll(/\s+/g, " ").trim();
  return line.length > max ? `${line.slice(0, max - 1)}…` : line;
};

/** Lines for one event; `state` is the run's state with that event in it. Nothing for events that tell a reader nothing. */
export function tell({ at, event }: RecordedEvent, state: State): string[] {
  const seconds = dim(`${((at - state.createdAt) / 1_000).toFixed(1).padStart(6)} s `);
  const { number } = state.created.subject;
  const line = (text: string) => `${seconds}${number > 0 ? dim(`#${number} `) : ""}${text}`;
  const inner = (text: string) => `${" ".repeat(9)}${dim("│")} ${text}`;
  switch (event.type) {
    case "run.created":
      return [
        line(
          `${styleText("bold", event.runId)} ${event.request.quote} by @${event.request.by.login}: “${shorten(event.input.title, 80)}”`,
        ),
      ];
    case "run.routed": {
      const { triage, decision } = event;
      const sorted = triage
        ? `${triage.type}, ${Math.round(triage.confidence * 100)} % sure${event.source === "heuristic" ? " (heuristic: no model answered)" : ""}`
        : event.why;
      const { budget } = state;
      const [less, lessTime] = [lowered(state), loweredTime(state)];
      return [
        line(
          `${styleText("cyan", "triage")}  ${sorted} → ${decision.kind === "start" ? `workflow ${decision.workflow.name}` : decision.kind}`,
        ),
        ...(less === "" || !budget ? [] : [inner(`budget ${formatDollars(budget.microDollars)}${less}`)]),
        ...(lessTime === "" || !budget ? [] : [inner(`time ${duration(budget.milliseconds)}${lessTime}`)]),
      ];
    }
    case "stage.started":
      return [
        line(`${styleText("cyan", event.stage)}${event.attempt > 1 ? `, attempt ${event.attempt}` : ""}`),
        ...event.reasons.map((reason) => inner(styleText("yellow", shorten(`because ${reason}`)))),
      ];
    case "agent.turn":
      return [
        ...(event.text === "" ? [] : [inner(shorten(event.text))]),
        ...event.tools.map(({ name, input, ok }) => inner(dim(`${ok ? "·" : "✗"} ${name} ${shorten(input, 90)}`))),
      ];
    case "agent.finished":
      return [];
    case "agent.failed":
      return [inner(styleText("red", `✗ ${event.failure.code}: ${shorten(event.failure.message)}`))];
    case "gate.checked": {
      const { gate, passed, summary, seconds: took } = event.result;
      return [
        inner(
          `${passed ? styleText("green", "✓") : styleText("red", "✗")} gate ${gate}: ${shorten(summary)} ${dim(`(${took.toFixed(1)} s)`)}`,
        ),
      ];
    }
    case "pull_request.opened":
      return [
        line(
          `${styleText("cyan", "pull request")} ${event.number === 0 ? event.branch : `#${event.number}`} “${event.title}” ${dim(event.url)}`,
        ),
      ];
    case "review.published":
      return [line(`${styleText("cyan", "review")} ${event.onLines + event.onFiles} remarks ${dim(event.url)}`)];
    case "work.kept":
      return [
        ...event.branches.map(({ branch, holds }) =>
          line(`${styleText("cyan", "kept")} on ${branch}: ${shorten(holds.join(", "))}`),
        ),
        ...event.missing.map(({ what, why }) => inner(styleText("yellow", `not kept: ${what}: ${shorten(why)}`))),
      ];
    case "kept.removed":
      return event.removed.map((branch) => inner(dim(`${branch} is not needed any more, and removed`)));
    case "stop.requested":
      return [line(`@${event.by.login} asked to stop`)];
    case "subject.closed":
      return [line(`@${event.by.login} closed the issue`)];
    case "subject.edited":
      return [line(`@${event.by.login} edited the issue; the run goes on with the text it began with`)];
    case "retry.requested":
      return [line(`@${event.by.login} asked to try ${event.stage ?? "again"}`)];
    case "revision.requested":
      return [line(`@${event.by.login} asked for changes in the pull request (${event.quote})`)];
    case "base.merged":
      return event.paths.length === 0
        ? [inner(dim(`${event.stage} stands on the present base now`))]
        : [line(`${styleText("cyan", event.stage)} conflicts with the base in ${shorten(event.paths.join(", "))}`)];
    case "branch.taken":
      return [line(`@${event.by.login} pushed to the pull request's branch`)];
    case "branch.given":
      return [line(`@${event.by.login} gave the pull request's branch back (${event.quote})`)];
    case "checks.judged":
      return [
        line(
          `checks of the pull request: ${event.verdict}${event.own.length > 0 ? ` (${shorten(event.own.join(", "))})` : ""}`,
        ),
      ];
    case "pull_request.closed":
      return [line(`@${event.by.login} ${event.merged ? "merged" : "closed"} the pull request`)];
    case "run.finished": {
      const good = event.outcome === "succeeded" || event.outcome === "triaged";
      return [
        line(
          `${styleText(good ? "green" : "yellow", event.code === NOT_A_BUG ? "Not a bug" : words[event.outcome])}: ${shorten(event.message, 160)} ${dim(`${state.spend.turns} ${state.spend.turns === 1 ? "turn" : "turns"}, ${formatDollars(state.spend.microDollars)}`)}`,
        ),
      ];
    }
    case "subject.lost":
      return [line(shorten(event.message, 160))];
    case "pause.requested":
      return [line(`@${event.by.login} asked to pause`)];
    case "resume.requested":
      return [line(`@${event.by.login} asked to go on`)];
    case "budget.changed":
      return [line(`@${event.by.login} set the budget to ${formatDollars(microDollars(event.microDollars))}`)];
    case "run.parked":
      return [
        line(
          `${styleText("yellow", "waiting")}${event.until === undefined ? "" : ` until ${new Date(event.until).toISOString().slice(11, 16)} UTC`}: ${shorten(event.message, 140)}`,
        ),
      ];
    case "stage.skipped":
      return [line(`${styleText("cyan", event.stage)} passed over: ${shorten(event.why)}`)];
    case "artifact.picked":
      return [inner(`picked ${shorten(event.excerpt.parts.map(({ path }) => path).join(", "))}`)];
    case "tasks.opened":
      return [inner(`${event.tasks.length} tasks: ${shorten(event.tasks.map(({ id }) => id).join(", "))}`)];
    case "wave.started":
      return [inner(`wave ${event.wave}: ${shorten(event.tasks.join(", "))}`)];
    case "wave.merged":
      return event.conflict
        ? [
            inner(
              styleText(
                "yellow",
                `✗ git cannot merge ${event.conflict.task}: ${shorten(event.conflict.paths.join(", "))}`,
              ),
            ),
          ]
        : [];
    case "tasks.closed":
      return event.failed.length + event.skipped.length === 0
        ? []
        : [inner(styleText("yellow", `failed: ${shorten([...event.failed, ...event.skipped].join(", "))}`))];
    case "hindsight.collected": {
      const { pulls, runs } = event.hindsight;
      return [inner(`looks back at ${pulls.length} closed pull requests and ${runs.length} failed runs`)];
    }
    case "setup.written":
    case "lessons.written":
      return [
        inner(`writes ${shorten(event.changes.map(({ path }) => path).join(", "))}`),
        ...event.leftOut.map(({ what, why }) => inner(styleText("yellow", `left out: ${shorten(`${what}: ${why}`)}`))),
      ];
    case "people.asked":
      return [
        line(`${styleText("cyan", event.stage)} asks people for ${event.for === "approval" ? "approval" : "answers"}`),
      ];
    case "plan.judged":
      return [
        line(`@${event.by.login} ${event.verdict} the plan${event.words === "" ? "" : `: ${shorten(event.words)}`}`),
      ];
    case "answer.given":
      return [line(`@${event.by.login} answered: ${shorten(event.words)}`)];
    case "words.told":
      return [line(`@${event.by.login} tells the agents: ${shorten(event.words)}`)];
    case "agent.created":
      return [inner(`${event.stage} creates ${event.id} (${event.agent}), to hand in a ${event.makes}`)];
    case "agent.commanded":
      return [inner(`${event.stage} commands ${event.id}: ${shorten(event.words)}`)];
    case "agent.interrupted":
      return [inner(styleText("yellow", `${event.stage} interrupts ${event.id}`))];
    case "agent.deleted":
      return [inner(dim(`${event.stage} deletes ${event.id}`))];
    case "fleet.merged":
      return event.conflict
        ? [inner(styleText("yellow", `✗ git cannot merge ${event.id}: ${shorten(event.conflict.paths.join(", "))}`))]
        : [inner(`${event.stage} merges the work of ${event.id}`)];
    case "tasks.added":
      return [inner(`${event.tasks.length} tasks: ${shorten(event.tasks.map(({ id }) => id).join(", "))}`)];
    case "task.changed":
      return [inner(`task ${event.id}: ${event.status}`)];
    case "note.written":
      return [inner(`${event.stage} notes ${event.key} ${dim(`(version ${event.version})`)}: ${shorten(event.value)}`)];
    case "message.sent":
      return [inner(`${event.stage} to ${event.to}: ${shorten(event.text)}`)];
    case "lock.granted":
      return [inner(dim(`${event.stage} is alone in ${shorten(pathsOf(state, event.lock))}`))];
    case "lock.deferred": {
      const told = `${event.stage} waits for ${shorten(pathsOf(state, event.lock))}, behind ${event.behind.join(", ")}`;
      return [inner(event.escalated ? styleText("yellow", told) : told)];
    }
    case "lock.asked":
    case "lock.released":
    case "run.driven":
    case "session.started":
      return [];
  }
}

/** The paths of a lock that is held or waited for. */
function pathsOf({ talk }: State, lock: number): string {
  return (talk.locks.find(({ number }) => number === lock)?.paths ?? []).join(", ");
}

/** What was used, as every verb's `--json` says it. `inputTokens` are those that came from no cache. */
export function figuresOf(used: TokenUsage & { readonly microDollars: number }) {
  return {
    tokens: {
      input: used.inputTokens,
      output: used.outputTokens,
      cacheRead: used.cacheReadTokens,
      cacheWrite: used.cacheWriteTokens,
    },
    dollars: used.microDollars / 1_000_000,
  };
}

/** The run as one JSON object: what `--json` prints as its last line. */
export function summarise(state: State): Record<string, unknown> {
  const gates = [...state.stages.values()].flatMap(({ name, attempts }) =>
    attempts.flatMap(({ number, gates: results }) =>
      results.map(({ gate, passed, code, summary, seconds, evidence }) => ({
        stage: name,
        attempt: number,
        gate,
        passed,
        code,
        summary,
        // What decided: the last command; null for gates that compare commits and run nothing.
        command: evidence.at(-1)?.argv.join(" ") ?? null,
        commit: evidence.at(-1)?.commit ?? null,
        exitCode: evidence.at(-1)?.exitCode ?? null,
        seconds,
        commands: evidence.map(({ label, argv, commit, exitCode, seconds: took }) => ({
          label,
          command: argv.join(" "),
          commit,
          exitCode,
          seconds: took,
        })),
      })),
    ),
  );
  const { spend, finished, pullRequest, routed } = state;
  return {
    run: state.runId,
    state: finished?.outcome ?? (state.waiting ? "waiting" : state.phase),
    waitsFor: finished ? undefined : state.waiting?.reason,
    code: finished?.code,
    message: finished?.message,
    type: routed?.triage?.type,
    workflow: state.workflow?.name,
    pullRequest: pullRequest && {
      number: pullRequest.number,
      branch: pullRequest.branch,
      url: pullRequest.url,
      head: pullRequest.head,
    },
    gates,
    turns: spend.turns,
    ...figuresOf(spend),
    events: state.version,
    seconds: ((finished?.at ?? state.updatedAt) - state.createdAt) / 1_000,
  };
}
