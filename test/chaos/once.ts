// What must be true of a run however often it was interrupted: everything was done once, and nothing finished was paid for again.
import { join } from "node:path";
import { silentLog } from "#src/core/log.ts";
import { RunEvent, type RecordedEvent } from "#src/engine/events.ts";
import { fold } from "#src/engine/fold.ts";
import { shownKey } from "#src/github/shown.ts";
import { openStore } from "#src/store/open-store.ts";
import type { Grounds, Subject } from "#test/support/grounds.ts";
import { until } from "#test/support/until.ts";
import { check } from "./experiment.ts";

/** When each model call of these grounds was made, by its number; fed by the script. */
export type CallTimes = Map<number, number>;

const storeOf = (grounds: Grounds, databaseUrl: string | undefined) =>
  openStore({
    databaseUrl,
    folder: join(grounds.home, "database"),
    parse: (json) => RunEvent.parse(json),
    log: silentLog,
  });

/** The events of all runs about these subjects, newest run of each. No other process may have the embedded database open. */
export async function logsOf(
  grounds: Grounds,
  subjects: readonly Subject[],
  databaseUrl?: string,
): Promise<RecordedEvent[][]> {
  await using store = await storeOf(grounds, databaseUrl);
  return await logsIn(store, subjects);
}

/** Waits until everything about the ended run of this subject is on GitHub: until then any process may show it. */
export async function allShown(grounds: Grounds, subject: Subject, databaseUrl: string): Promise<void> {
  await using store = await storeOf(grounds, databaseUrl);
  const shown = async () => {
    const [events = []] = await logsIn(store, [subject]);
    return events.length > 0 && (await store.outbox.read(shownKey(fold(events))))?.doneAt !== undefined;
  };
  await until(shown, { every: 100, what: `the end in ${subject.repo} was never all shown` });
}

async function logsIn(
  store: Awaited<ReturnType<typeof storeOf>>,
  subjects: readonly Subject[],
): Promise<RecordedEvent[][]> {
  const lines = await store.log.list({ limit: 10_000 });
  const logs: RecordedEvent[][] = [];
  for (const { repo, number } of subjects) {
    const line = lines.find((one) => `${one.repo.owner}/${one.repo.name}` === repo && one.subject === number);
    logs.push(line ? await store.log.read(line.run) : []);
  }
  return logs;
}

/** Looks at GitHub: one pull request, one card, one ending, each thing once. */
export async function checkPublishedOnce(grounds: Grounds, subject: Subject, wrong: string[]): Promise<void> {
  const { repo } = subject;
  for (const { kind, key, items } of await grounds.playground.duplicates(repo))
    wrong.push(`${repo}: ${items.length} times ${kind} ${key}`);
  const comments = subject.comments();
  const cards = comments.filter(({ body }) => body.includes("<!-- baton:status:"));
  const endings = comments.filter(({ body }) => body.includes("<!-- baton:end:"));
  check(wrong, subject.pulls() === 1, `${repo}: ${subject.pulls()} pull requests`);
  check(wrong, cards.length === 1, `${repo}: ${cards.length} cards`);
  check(wrong, endings.length === 1, `${repo}: ${endings.length} ending comments`);
  check(wrong, comments.length === 2, `${repo}: ${comments.length} comments in all`);
}

/**
 * Looks at the log and at what the model was asked: no stage finished twice, and no agent was asked again after its stage's
 * result was recorded. Gives how many model calls were made, and how many of them are in the log.
 */
export function checkPaidOnce(
  events: readonly RecordedEvent[],
  calls: readonly { number: number; agent: string; brief: string }[],
  times: CallTimes,
  wrong: string[],
): { calls: number; recorded: number } {
  const [first] = events;
  if (!first) {
    wrong.push("a run has no log");
    return { calls: 0, recorded: 0 };
  }
  const state = fold(events);
  const { runId } = state;
  check(wrong, calls.length > 0, `${runId}: no model call is known to be its`);
  check(wrong, state.finished?.outcome === "succeeded", `${runId} ended as ${state.finished?.outcome ?? "nothing"}`);
  const finished = events.flatMap(({ at, event }) => (event.type === "agent.finished" ? [{ at, ...event }] : []));
  const stages = new Set(finished.map(({ stage, attempt }) => `${stage}/${attempt}`));
  check(wrong, stages.size === finished.length, `${runId}: ${finished.length} results of ${stages.size} attempts`);
  for (const { stage, at } of finished) {
    const agent = state.workflow?.stages[stage]?.agent;
    // A gate may have sent the stage back since: then it is another attempt's.
    const again = events.find((one) => one.at >= at && one.event.type === "stage.started" && one.event.stage === stage);
    const late = calls.filter((call) => {
      const time = times.get(call.number) ?? 0;
      return call.agent === agent && time > at && time < (again?.at ?? Number.POSITIVE_INFINITY);
    });
    check(wrong, late.length === 0, `${runId}: ${agent ?? stage} was asked ${late.length} times after its result`);
  }
  const recorded = events.filter(({ event }) => event.type === "agent.turn").length;
  return { calls: calls.length, recorded };
}

/** Nothing of Baton runs any more and no clone is left, at the latest after a minute. */
export async function checkNothingLeft(grounds: Grounds, wrong: string[]): Promise<void> {
  const gone = async () => (await grounds.processes()).length === 0 && (await grounds.leftovers()).length === 0;
  await until(async () => (await gone()) || undefined, { every: 250 }).catch(() => undefined);
  const [processes, leftovers] = await Promise.all([grounds.processes(), grounds.leftovers()]);
  check(wrong, processes.length === 0, `${processes.length} processes left: ${processes[0] ?? ""}`);
  check(wrong, leftovers.length === 0, `${leftovers.length} clones left: ${leftovers[0] ?? ""}`);
}
