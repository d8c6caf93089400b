// What people see of a run on GitHub, kept up to date: the card, labels, the reaction on the command, one comment at the end.
//
// Each run that something happened to has one loop: read the log's tail, render, show, rest. Small steps (another model turn)
// wait longer than real news (a stage, a gate), and every wait grows with the number of edits, so that a long run costs few
// requests; the last state is always shown, at once. Showing never stops a run: what fails is logged and tried again.
import { BatonError, messageOf } from "../core/errors.ts";
import type { RunId } from "../core/ids.ts";
import type { Log } from "../core/log.ts";
import type { Redact } from "../core/redact.ts";
import type { EventLog, Projection } from "../engine/ports.ts";
import { apply, fold } from "../engine/fold.ts";
import { isIdle, type State } from "../engine/state.ts";
import type { Outbox } from "../store/outbox.ts";
import { createAsking, type Asked } from "./asking.ts";
import { cardMarker, renderCard } from "./card.ts";
import { createCheckRuns } from "./check-runs.ts";
import type { OctokitFor, Self, Timing } from "./client.ts";
import { createComments, type CommentRef } from "./comments.ts";
import { endingMarker, renderEnding } from "./ending-comment.ts";
import { setLabels, stateLabelOf, triageLabels, type StateLabel } from "./labels.ts";
import { GitHubFailure, isRefused, type Trouble } from "./failure.ts";
import { createNeutral } from "./neutral.ts";
import { createOnce } from "./once.ts";
import type { Links } from "./progress.ts";
import { cardKey, isShown, newsOf, shownKey } from "./shown.ts";
import { showEnd } from "./reactions.ts";
import { createRequests, systemTiming, type RequestsOptions } from "./requests.ts";
import { createShowChecks, noChecks, type ShownChecks } from "./show-checks.ts";

export interface GitHubProjectionOptions extends Pick<RequestsOptions, "throttle" | "timeoutMs" | "monotonic"> {
  readonly log: Pick<EventLog, "read">;
  readonly octokitFor: OctokitFor;
  /** Clients that may write check runs. Without them none are shown. */
  readonly checksFor?: OctokitFor | undefined;
  readonly outbox: Outbox;
  readonly redact: Redact;
  readonly self: Self;
  readonly links: Links;
  readonly journal: Log;
  /** Whether a living worker has the run now. Default: whoever took it up last still has it. */
  readonly held?: ((run: RunId) => Promise<boolean>) | undefined;
  readonly timing?: Timing;
  /** Shortest time between two edits of a card, in milliseconds. Default 5 s. */
  readonly editEveryMs?: number;
  /** Longest time `settle` waits for GitHub, in milliseconds. Default 60 s. */
  readonly settleMs?: number;
}

export interface GitHubProjection extends Projection, AsyncDisposable {
  /**
   * Shows runs as they are now, one after the other, but none that this process is at, or was at lately: what it could not show rests
   * first. Ends early when `signal` fires. Never throws.
   */
  refresh(runs: readonly RunId[], signal?: AbortSignal): Promise<void>;
}

/** Edits for real news that come at the shortest distance; after them the distance doubles each time. */
const QUICK_EDITS = 6;
/** Another turn, another passed gate: shown after a minute, then two, then four. */
const SMALL_NEWS_FACTOR = 12;
const LONGEST_GAP_MS = 300_000;
/** How soon a failed showing is tried again, when nothing else happens. */
const RETRY_MS = [5_000, 15_000, 60_000, 300_000];
/** What rests longer than the longest gap is forgotten: it is read anew when something happens to it. */
const FORGET_MS = LONGEST_GAP_MS;

interface Shown {
  state: State | undefined;
  card: CommentRef | undefined;
  asked: Asked;
  /** The card was deleted, or the issue is: nothing is written there again. */
  gone: boolean;
  body: string;
  news: string;
  editedAt: number;
  edits: number;
  smallEdits: number;
  label: StateLabel | "none" | undefined;
  checks: ShownChecks;
  failures: number;
  dirty: boolean;
  /** Somebody waits for it: no rest before the next showing. */
  urgent: number;
  wake: AbortController;
  loop: Promise<void> | undefined;
  /** When its loop ended last. */
  restsSince: number;
}

export function createProjection(options: GitHubProjectionOptions): GitHubProjection {
  const { log, octokitFor, checksFor, outbox, redact, self, links, journal } = options;
  const { timing = systemTiming, editEveryMs = 5_000, settleMs = 60_000 } = options;
  const { throttle, timeoutMs, monotonic } = options;
  const requesting = { log: journal, timing, throttle, fence, timeoutMs, monotonic };
  const requests = createRequests({ ...requesting, octokitFor });
  const once = createOnce({ outbox, log: journal, timing, fence });
  const neutral = createNeutral(redact);
  const comments = createComments({ requests, once, redact, self });
  const asking = createAsking({ comments, outbox, neutral, redact });
  const checks =
    checksFor && createCheckRuns({ requests: createRequests({ ...requesting, octokitFor: checksFor }), once, self });
  const showChecks = checks && createShowChecks({ log, checks, neutral, redact, journal, timing });
  const runs = new Map<RunId, Shown>();
  let closing = false;

  /** Refuses to show what was read before another driver announced itself, or showed the end: this process may have been frozen since. */
  async function fence(run: RunId): Promise<void> {
    const state = runs.get(run)?.state;
    const since = await log.read(run, state?.version ?? 0);
    if (since.some(({ event }) => event.type === "run.driven"))
      throw new BatonError("fence-lost", `${run} has another driver than when its card was drawn`);
    if (state && (await isEndShown(state))) throw new BatonError("fence-lost", `the end of ${run} is shown already`);
  }

  async function isEndShown(state: State): Promise<boolean> {
    return state.finished !== undefined && (await outbox.read(shownKey(state)))?.doneAt !== undefined;
  }

  function entryOf(run: RunId): Shown {
    const known = runs.get(run);
    if (known) return known;
    forgetRested();
    const entry: Shown = {
      state: undefined,
      card: undefined,
      asked: new Map(),
      gone: false,
      body: "",
      news: "",
      editedAt: Number.NEGATIVE_INFINITY,
      edits: 0,
      smallEdits: 0,
      label: undefined,
      checks: noChecks,
      failures: 0,
      dirty: false,
      urgent: 0,
      wake: new AbortController(),
      loop: undefined,
      restsSince: timing.now(),
    };
    runs.set(run, entry);
    return entry;
  }

  function forgetRested(): void {
    for (const [run, { loop, restsSince }] of runs)
      if (!loop && timing.now() - restsSince >= FORGET_MS) runs.delete(run);
  }

  function touch(run: RunId): Shown {
    const entry = entryOf(run);
    entry.dirty = true;
    entry.wake.abort();
    entry.loop ??= work(run, entry).finally(() => {
      entry.loop = undefined;
      entry.restsSince = timing.now();
      if (entry.state?.finished && !entry.dirty && entry.failures === 0) runs.delete(run);
    });
    return entry;
  }

  async function work(run: RunId, entry: Shown): Promise<void> {
    while (entry.dirty) {
      entry.dirty = false;
      entry.wake = new AbortController();
      try {
        const state = await latest(run, entry);
        if (!state || (await isEndShown(state))) return;
        if (!isShown(state)) {
          if (state.finished) await markShown(state);
          return;
        }
        const rest = entry.editedAt + gap(state, entry) - timing.now();
        if (rest > 0 && entry.urgent === 0 && !closing) {
          entry.dirty = true;
          await timing.pause(rest, entry.wake.signal);
          continue;
        }
        await show(state, entry);
        entry.failures = 0;
        // A process that was frozen may just have shown something old; the log knows.
        if ((await log.read(run, state.version)).length > 0) entry.dirty = true;
      } catch (error) {
        const retryAt = error instanceof BatonError ? error.retryAt : undefined;
        const pause = retryAt === undefined ? RETRY_MS[entry.failures] : Math.max(1_000, retryAt - timing.now());
        if (retryAt === undefined) entry.failures += 1;
        journal.warn("the run could not be shown on GitHub", { run, tries: entry.failures, error: messageOf(error) });
        if (error instanceof GitHubFailure && error.trouble !== undefined && forGood.has(error.trouble)) {
          journal.info("there is nothing left to show it on", { run, trouble: error.trouble });
          entry.gone = true;
          entry.failures = 0;
          if (entry.state?.finished) await markShown(entry.state);
          return;
        }
        // Somebody else shows it now, unless this process was told of it again meanwhile.
        if (error instanceof BatonError && error.code === "fence-lost" && entry.dirty && !closing) continue;
        const hopeless = error instanceof BatonError && !error.retryable;
        if (hopeless || pause === undefined || closing) return;
        await timing.pause(pause, entry.wake.signal);
        entry.dirty = true;
      }
    }
  }

  async function latest(run: RunId, entry: Shown): Promise<State | undefined> {
    const events = await log.read(run, entry.state?.version ?? 0);
    if (entry.state) entry.state = events.reduce(apply, entry.state);
    else if (events.length > 0) entry.state = fold(events);
    return entry.state;
  }

  /** Milliseconds between the last edit and the next. */
  function gap(state: State, entry: Shown): number {
    // Somebody is waited for who does not know it yet.
    const told = entry.gone || asking.isTold(state, entry.asked);
    if (state.finished || !told || entry.card === undefined)
      return entry.card === undefined ? 0 : Math.min(editEveryMs, 1_000);
    const small = newsOf(state) === entry.news;
    const growth = 2 ** (small ? entry.smallEdits : Math.max(0, entry.edits - QUICK_EDITS));
    return Math.min(editEveryMs * (small ? SMALL_NEWS_FACTOR : 1) * growth, LONGEST_GAP_MS);
  }

  async function show(state: State, entry: Shown): Promise<void> {
    const fresh = entry.card === undefined;
    await asking.find(state, entry.asked);
    // The card stands first on the issue, and then points to what is asked.
    if (!entry.gone && fresh) await showCard(state, entry);
    const failed = entry.gone ? undefined : await ask(state, entry, fresh);
    if (!entry.gone && !fresh) await showCard(state, entry);
    if (!entry.gone) await showLabels(state, entry);
    if (failed) throw failed.error;
    if (state.finished) await showEnding(state, entry);
    if (showChecks) entry.checks = await showChecks(state, entry.checks, links.run?.(state.runId) ?? entry.card?.url);
    if (state.finished) await markShown(state);
  }

  /** Asks people; what fails is given back, so that the card is drawn all the same. `again`: it is drawn once more, with where they are asked. */
  async function ask(state: State, entry: Shown, again: boolean): Promise<{ error: unknown } | undefined> {
    try {
      const written = await asking.write(state, entry.asked);
      entry.dirty ||= again && written > 0;
      return undefined;
    } catch (error) {
      return { error };
    }
  }

  async function markShown(state: State): Promise<void> {
    const key = shownKey(state);
    await outbox.record({ key, run: state.runId, kind: "shown", payload: {} });
    await outbox.done(key, {});
  }

  /** As people should see it: a run whose worker is gone waits for the next one. */
  async function seen(state: State): Promise<State> {
    if (isIdle(state) || state.finished || options.held === undefined || (await options.held(state.runId)))
      return state;
    return { ...state, driver: undefined };
  }

  async function showCard(state: State, entry: Shown): Promise<void> {
    const ask = asking.addressOf(state, entry.asked);
    const body = renderCard(await seen(state), { neutral, links, now: state.updatedAt, ask });
    if (body === entry.body) return;
    const { repo, subject } = state.created;
    const marker = cardMarker(state.runId);
    try {
      if (!entry.card) {
        const known = await outbox.read(cardKey(state.runId));
        const fresh = known?.doneAt === undefined;
        entry.card = await comments.post({
          repo,
          number: subject.number,
          key: cardKey(state.runId),
          kind: "card",
          run: state.runId,
          lane: "card",
          marker,
          body,
        });
        if (fresh) return remember(entry, state, body);
      }
      if (await comments.edit(repo, entry.card.id, body, state.runId)) {
        entry.edits += 1;
        if (newsOf(state) === entry.news) entry.smallEdits += 1;
        return remember(entry, state, body);
      }
    } catch (error) {
      if (!isRefused(error, 404, 410)) throw error;
    }
    journal.info("the card is gone, so nothing more is written there", { run: state.runId });
    entry.gone = true;
  }

  function remember(entry: Shown, state: State, body: string): void {
    entry.body = body;
    entry.news = newsOf(state);
    entry.editedAt = timing.now();
  }

  async function showLabels(state: State, entry: Shown): Promise<void> {
    const label = stateLabelOf(state);
    if (label === undefined || label === entry.label) return;
    const { runId: run, created, routed } = state;
    const more = entry.label === undefined ? triageLabels(created, routed?.triage) : [];
    await setLabels({ requests, once }, { ...created, number: created.subject.number, run }, label, more);
    entry.label = label;
  }

  async function showEnding(state: State, entry: Shown): Promise<void> {
    const { repo, subject } = state.created;
    const body = entry.gone ? undefined : renderEnding(state, { neutral, links, card: entry.card?.url });
    if (body !== undefined) {
      const marker = endingMarker(state);
      const key = `end:${state.runId}:${state.finished?.at ?? 0}`;
      await comments.post({
        repo,
        // Whoever wants a pull request changed looks there.
        number: state.revision && state.pullRequest ? state.pullRequest.number : subject.number,
        key,
        kind: "end",
        run: state.runId,
        lane: "card",
        marker,
        body,
      });
    }
    await showEnd({ requests, once, self, outbox }, state);
  }

  /** Waits until the loop of a run rests, but no longer than `settleMs`. */
  async function settle(run: RunId, signal?: AbortSignal): Promise<void> {
    const entry = entryOf(run);
    entry.urgent += 1;
    const enough = new AbortController();
    try {
      touch(run);
      await Promise.race([
        entry.loop,
        timing.pause(settleMs, signal ? AbortSignal.any([enough.signal, signal]) : enough.signal),
      ]);
    } finally {
      enough.abort();
      entry.urgent -= 1;
    }
  }

  return {
    touch(run) {
      if (!closing) touch(run);
    },
    settle: (run) => settle(run),
    async refresh(ids, signal) {
      for (const run of ids) {
        if (closing || signal?.aborted) return;
        forgetRested();
        if (!runs.has(run)) await settle(run, signal);
      }
    },
    async [Symbol.asyncDispose]() {
      closing = true;
      const loops = [...runs.values()].map((entry) => {
        entry.wake.abort();
        return entry.loop ?? Promise.resolve();
      });
      const enough = new AbortController();
      await Promise.race([Promise.all(loops), timing.pause(settleMs, enough.signal)]);
      enough.abort();
    },
  };
}

/** What will not come back under this address, whatever people do. */
const forGood = new Set<Trouble>(["repository-gone", "issue-gone", "installation-removed"]);
