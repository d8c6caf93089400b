// What each of the three jobs does with a Baton: take in, drive its half, show, and say what comes next.
import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import { messageOf } from "../core/errors.ts";
import type { RunId } from "../core/ids.ts";
import type { Log } from "../core/log.ts";
import { createRedact } from "../core/redact.ts";
import { repeat } from "../core/repeat.ts";
import { drive } from "../engine/drive.ts";
import { fold } from "../engine/fold.ts";
import type { State } from "../engine/state.ts";
import type { Env } from "../env.ts";
import { renderCard } from "../github/card.ts";
import { createNeutral } from "../github/neutral.ts";
import type { Delivery } from "../store/deliveries.ts";
import type { ActionBaton } from "./action-baton.ts";
import type { ActionEnv } from "./action-env.ts";
import { commentDelivery, isPersons, newsSince } from "./action-news.ts";
import { jobRequests, startRun } from "./action-place.ts";
import { follow } from "./follow.ts";
import { tell } from "./story.ts";

/** How often a job that works looks what people said meanwhile, in milliseconds. */
const LOOK_MS = 15_000;
/** What a comment may have been listed too late for, in milliseconds. */
const OVERLAP_MS = 60_000;
/** A run that waits no longer than this is waited for in the job, in milliseconds. */
const LONGEST_WAIT_MS = 15 * 60_000;
/** How often the workflow starts itself before a person has to look. */
const MOST_AGAIN = 3;
const DAY_MS = 86_400_000;

export interface JobOptions {
  readonly action: ActionEnv;
  readonly env: Env;
  readonly subject: number;
  readonly baton: ActionBaton;
  readonly journal: Log;
  /** Fires when the job is stopped. */
  readonly signal: AbortSignal;
  readonly print: (line: string) => void;
}

/** What the job leaves: for other jobs, and for who looks at it (Markdown). */
export type Job = (
  options: JobOptions,
) => Promise<{ readonly outputs?: Readonly<Record<string, string>>; readonly summary: string }>;

export const beginJob: Job = async (options) => {
  await takeInEvent(options);
  const left = await driveHalf(options);
  await show(options);
  return { outputs: { work: `${left}` }, summary: await summaryOf(options) };
};

export const workJob: Job = async (options) => {
  const { baton, journal, print } = options;
  const { log } = baton.store;
  const known = await Promise.all((await log.unfinished()).map(async (run) => fold(await log.read(run))));
  const story = (...[recorded, state]: Parameters<Parameters<typeof follow>[1]>) => {
    for (const line of tell(recorded, state)) print(line);
  };
  await using _following = follow(log, story, known);
  await takeInNews(options);
  await using _looking = repeat(LOOK_MS, "looking what people said", journal, () => takeInNews(options));
  await driveHalf(options);
  return { summary: await summaryOf(options) };
};

export const publishJob: Job = async (options) => {
  const { action, baton } = options;
  // What the job before could take in and not answer.
  for (const id of await baton.store.deliveries.pending()) await handle(options, id);
  await takeInNews(options);
  const left = await driveHalf(options);
  await show(options);
  const next = left ? await goOn(options) : "";
  const ci = baton.links.startsNoChecks === true && (await latest(options))?.pullRequest ? noChecks : "";
  return { summary: [await summaryOf(options), next, ci].filter((part) => part !== "").join("\n\n") };

  /** There is work for agents again. */
  async function goOn({ env, journal }: JobOptions): Promise<string> {
    if (action.worked !== "success")
      return "The job `work` did not come to its end. **Re-run failed jobs** goes on: what is finished is not done again.";
    const { notes } = baton;
    if (notes.again >= MOST_AGAIN)
      return `The workflow has started itself ${MOST_AGAIN} times in a row. \`/agent status\` in a comment on #${options.subject} goes on.`;
    await baton.keepNotes({ ...notes, again: notes.again + 1 });
    const requests = await jobRequests(action.jobToken ?? env.token ?? "", env.apiUrl, journal);
    const repository = Repository.parse(JSON.parse(action.event.text)).repository;
    await startRun(requests, action, repository, options.subject);
    return "There is more to do: the workflow was started again.";
  }
};

const noChecks =
  "GitHub starts no CI for the pull request, because it was opened with this workflow's own token. Close it and open it again, or give Baton an App's token.";

const Repository = z.object({ repository: z.object({ id: z.number(), default_branch: z.string() }) });
const Event = z.object({
  action: z.string().optional(),
  comment: z.object({ id: z.number() }).optional(),
});

/** The event that started the workflow, and whatever was said besides. */
async function takeInEvent(options: JobOptions): Promise<void> {
  const { action, baton } = options;
  const { name, text } = action.event;
  if (name !== "workflow_dispatch") {
    const { action: what, comment } = Event.parse(JSON.parse(text));
    const isComment = name === "issue_comment" && what === "created" && comment !== undefined;
    const id = isComment ? commentDelivery(comment.id) : `job-${action.runId}`;
    await takeIn(options, { id, name, payload: text });
  }
  for (const id of await baton.store.deliveries.pending()) await handle(options, id);
  await takeInNews(options);
}

/** What people said since the last look. */
async function takeInNews(options: JobOptions): Promise<void> {
  const { baton, subject } = options;
  const { notes, store } = baton;
  const looked = Date.now();
  const { id, default_branch: _ } = Repository.parse(JSON.parse(options.action.event.text)).repository;
  const repo = { id, owner: options.action.owner, name: options.action.name };
  const pull = (await latest(options))?.pullRequest?.number;
  const parts = { requests: baton.requests, repo, known: (ids: readonly string[]) => store.deliveries.known(ids) };
  for (const delivery of await newsSince(parts, { at: notes.since, issue: subject, pull }))
    await takeIn(options, delivery);
  await baton.keepNotes({ ...baton.notes, since: Math.max(notes.since, looked - OVERLAP_MS) });
}

async function takeIn(options: JobOptions, delivery: Delivery): Promise<void> {
  const { baton } = options;
  const { store, notes } = baton;
  // Its own words would begin the count anew each time that it goes on.
  if ((await store.deliveries.keep(delivery)) === "kept" && notes.again > 0 && isPersons(delivery, notes.self))
    await baton.keepNotes({ ...notes, again: 0 });
  await handle(options, delivery.id);
}

/** What GitHub does not answer now stays for the next job. */
async function handle({ baton, journal, signal }: JobOptions, id: string): Promise<void> {
  try {
    await baton.intake.handle(id, signal);
  } catch (error) {
    journal.warn("a delivery could not be handled yet", { delivery: id, error: messageOf(error) });
  }
}

/** Drives what is unfinished as far as this job may; true where the other job's part is left to do. */
async function driveHalf(options: JobOptions): Promise<boolean> {
  const { baton, signal } = options;
  let isLeft = false;
  for (const run of await baton.store.log.unfinished()) {
    const left = await driveOne(options, run);
    isLeft ||= left;
  }
  signal.throwIfAborted();
  return isLeft;
}

async function driveOne({ action, baton, signal }: JobOptions, run: RunId): Promise<boolean> {
  for (;;) {
    const half = baton.half();
    const driven = await drive(run, half.engine, AbortSignal.any([signal, half.signal]));
    if (half.isLeft()) return true;
    const { waiting } = fold(await baton.store.log.read(run));
    const wait = (waiting?.until ?? Number.POSITIVE_INFINITY) - Date.now();
    if (driven !== "waiting" || wait > LONGEST_WAIT_MS) return false;
    // Its time comes while other jobs would only wait for it.
    if (action.mode !== "work") return true;
    await delay(Math.max(0, wait), undefined, { signal }).catch(() => undefined);
    signal.throwIfAborted();
  }
}

/** Shows what is not shown yet. */
async function show({ baton, signal }: JobOptions): Promise<void> {
  const { projection, store } = baton;
  const { log, unshown } = store;
  await projection?.refresh([...(await unshown.ended(DAY_MS, 0)), ...(await log.unfinished())], signal);
  for (const run of await log.unfinished()) await projection?.settle(run);
}

/** The newest run of the issue. */
async function latest({ baton }: JobOptions): Promise<State | undefined> {
  const [line] = await baton.store.log.list({ limit: 1 });
  return line && fold(await baton.store.log.read(line.run));
}

/** The card, for who looks at the job. */
async function summaryOf(options: JobOptions): Promise<string> {
  const { env, baton, subject } = options;
  const state = await latest(options);
  if (!state) return `Nothing is under way on #${subject}.`;
  const neutral = createNeutral(createRedact(env.secrets));
  return renderCard(state, { neutral, links: baton.links, now: Date.now() });
}
