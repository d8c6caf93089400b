// Keeps the dashboards of repositories as things are: one issue each, whose text is changed in silence, and only where it would say
// something else.
//
// Whoever closes the issue lets it rest, and whoever opens it again has it go on. A config that no longer asks for it has it closed, with a
// hidden line that says so: that one is opened again when the config does.
import { messageOf } from "../core/errors.ts";
import type { Log } from "../core/log.ts";
import type { Redact } from "../core/redact.ts";
import { RepoRef, type RunEvent } from "../engine/events.ts";
import { fold } from "../engine/fold.ts";
import type { EventLog } from "../engine/ports.ts";
import type { State } from "../engine/state.ts";
import type { Dashboards, DueDashboard } from "../store/dashboards.ts";
import type { Outbox } from "../store/outbox.ts";
import type { Sweeps } from "../store/sweeps.ts";
import { isIgnored } from "../workflows/names.ts";
import type { OctokitFor, Self, Timing } from "./client.ts";
import { renderDashboard, TITLE, type Dashboard, type DashboardFacts } from "./dashboard-text.ts";
import { isRefused } from "./failure.ts";
import type { StateLabel } from "./labels.ts";
import { marker, stack } from "./markdown.ts";
import { createNeutral } from "./neutral.ts";
import { createOnce } from "./once.ts";
import { changeOwnIssue, createOwnIssues, OpenedIssue, readOwnIssue } from "./own-issue.ts";
import type { Links } from "./progress.ts";
import { createRequests, place, systemTiming, type RequestsOptions } from "./requests.ts";

export interface DashboardsOptions extends Pick<RequestsOptions, "throttle" | "timeoutMs" | "monotonic"> {
  readonly dashboards: Pick<Dashboards, "due" | "figures" | "ended" | "offer" | "shown" | "gone">;
  readonly sweeps: Pick<Sweeps, "claim">;
  readonly log: Pick<EventLog, "eventsOf">;
  readonly outbox: Outbox;
  readonly octokitFor: OctokitFor;
  readonly self: Self;
  readonly redact: Redact;
  readonly links: Links;
  readonly journal: Log;
  readonly timing?: Timing;
  /** Shortest time between two edits of one, in milliseconds. Default 30 s. */
  readonly editEveryMs?: number;
}

/** Shows what is due, one after the other. Several processes may: each is drawn by one. Throws `database-failed`. */
export type ShowDashboards = (signal: AbortSignal) => Promise<void>;

/** Issues that were deleted, before no other one is opened. */
const MAX_OPENED = 5;
const WEEK_MS = 7 * 86_400_000;
const OFF = marker("dashboard-off", "config");
/** All that is needed to know how a run stands: the many events of conversations are left where they are. */
const TELLING: readonly RunEvent["type"][] = [
  "run.created",
  "run.routed",
  "run.driven",
  "run.parked",
  "run.finished",
  "stage.started",
  "stage.skipped",
  "agent.finished",
  "agent.failed",
  "artifact.picked",
  "gate.checked",
  "tasks.opened",
  "tasks.closed",
  "hindsight.collected",
  "setup.written",
  "lessons.written",
  "people.asked",
  "plan.judged",
  "answer.given",
  "pause.requested",
  "resume.requested",
  "budget.changed",
  "stop.requested",
  "retry.requested",
  "revision.requested",
  "pull_request.opened",
  "pull_request.closed",
  "subject.closed",
  "subject.lost",
];

export function createDashboards(options: DashboardsOptions): ShowDashboards {
  const { dashboards, sweeps, log, outbox, octokitFor, self, redact, links, journal } = options;
  const { timing = systemTiming, editEveryMs = 30_000, throttle, timeoutMs, monotonic } = options;
  const requests = createRequests({ octokitFor, log: journal, timing, throttle, timeoutMs, monotonic });
  const open = createOwnIssues({ requests, once: createOnce({ outbox, log: journal, timing }), self });
  const neutral = createNeutral(redact);

  async function stateOf(repo: RepoRef, number: number): Promise<State | undefined> {
    const [latest] = await log.eventsOf(repo, { number }, { runs: 1, types: TELLING });
    return latest && fold(latest.events);
  }

  /** Open issues with this label, the latest first. */
  async function labelled(repo: RepoRef, label: StateLabel) {
    const { data } = await requests.read(repo, `list the issues labelled ${label}`, (octokit, request) =>
      octokit.request("GET /repos/{owner}/{repo}/issues", {
        ...place(repo),
        state: "open",
        labels: label,
        sort: "updated",
        per_page: 100,
        request,
      }),
    );
    return data
      .filter(({ pull_request: pull }) => pull === undefined)
      .map(({ number, title, labels }) => ({
        number,
        title,
        labels: labels.map((one) => (typeof one === "string" ? one : (one.name ?? ""))),
      }));
  }

  async function factsOf(repo: RepoRef, mark: string): Promise<DashboardFacts> {
    const figures = await dashboards.figures(repo.id);
    const runs = await Promise.all(
      figures.open.map(async ({ subject, held, spent }) => ({ state: await stateOf(repo, subject), held, spent })),
    );
    const busy = new Set(figures.open.map(({ subject }) => subject));
    const idle = async (label: StateLabel) =>
      (await labelled(repo, label)).filter(({ number, labels }) => !busy.has(number) && !isIgnored(labels));
    const failed = await idle("agent/failed");
    const ended = new Map(
      (
        await dashboards.ended(
          repo,
          failed.map(({ number }) => number),
        )
      ).map((run) => [run.subject, run]),
    );
    const { owner, name } = requests.nameOf(repo);
    return {
      mark,
      open: runs.flatMap(({ state, ...rest }) => (state ? [{ state, ...rest }] : [])),
      asked: await idle("agent/needs-info"),
      failed: failed
        .flatMap((row) => {
          const run = ended.get(row.number);
          if (!run || run.finishedAt < figures.now - WEEK_MS) return [];
          return [{ ...row, run: run.run, outcome: run.outcome, at: run.finishedAt, spent: run.spent }];
        })
        .toSorted((a, b) => b.at - a.at),
      sorted: await idle("agent/triaged"),
      week: figures.week,
      month: figures.month,
      merged: figures.merged,
      now: figures.now,
      page: `${links.serverUrl}/${owner}/${name}`,
    };
  }

  async function draw(repo: RepoRef, mark: string): Promise<Dashboard> {
    const { body, boxes } = renderDashboard(await factsOf(repo, mark), neutral);
    return { body: redact(body), boxes };
  }

  async function show(repo: RepoRef, mayWrite: () => Promise<boolean>): Promise<void> {
    for (let deleted = 0; deleted < MAX_OPENED; deleted += 1) {
      const known = OpenedIssue.safeParse((await outbox.read(keyOf(repo, deleted)))?.result);
      const found = known.success ? await readOwnIssue(requests, repo, known.data.number) : undefined;
      if (known.success && !found) continue;
      if (found && rests(found)) return await dashboards.offer(repo.id, []);
      const { body, boxes } = await draw(repo, markOf(deleted));
      if (!(await mayWrite())) return;
      const number = await open(repo, {
        key: keyOf(repo, deleted),
        kind: "dashboard",
        payload: { repo: `${repo.owner}/${repo.name}` },
        what: "the dashboard",
        mark: markOf(deleted),
        title: TITLE,
        body,
      });
      // One that was opened long ago is found again, as people left it.
      const shown = found ?? (await readOwnIssue(requests, repo, number));
      if (!shown || rests(shown)) return await dashboards.offer(repo.id, []);
      // Offered before it is shown: whoever ticks what has just come to stand there is believed.
      await dashboards.offer(repo.id, boxes);
      if (shown.body !== body || !shown.isOpen) await changeOwnIssue(requests, repo, number, { body, state: "open" });
      return;
    }
  }

  async function takeAway(repo: RepoRef): Promise<void> {
    for (let deleted = 0; deleted < MAX_OPENED; deleted += 1) {
      const opened = OpenedIssue.safeParse((await outbox.read(keyOf(repo, deleted)))?.result);
      if (!opened.success) break;
      const found = await readOwnIssue(requests, repo, opened.data.number);
      if (!found) continue;
      const body = stack(
        markOf(deleted),
        OFF,
        "This repository asks for no dashboard any more. With `dashboard: true` in its config I go on here.",
      );
      if (found.isOpen) await changeOwnIssue(requests, repo, opened.data.number, { body, state: "closed" });
      break;
    }
    await dashboards.gone(repo.id);
  }

  async function one({ repoId, repo: json, isOn, news }: DueDashboard): Promise<void> {
    const sweep = await sweeps.claim(`dashboard:${repoId}`, editEveryMs);
    if (!sweep) return;
    const parsed = RepoRef.safeParse(json);
    try {
      if (!parsed.success) throw new Error(`its repository cannot be read: ${parsed.error.message}`);
      if (isOn) {
        await show(parsed.data, () => sweep.hold());
        await dashboards.shown(repoId, news);
      } else await takeAway(parsed.data);
    } catch (error) {
      journal.warn("a dashboard could not be shown", { repository: repoId, error: messageOf(error) });
      // What GitHub refuses it is not asked for again at once: there may be no issues here, or no repository any more.
      if (isRefused(error)) await (isOn ? dashboards.shown(repoId, news) : dashboards.gone(repoId));
    }
    await sweep.done(undefined);
  }

  return async (signal) => {
    for (const due of await dashboards.due()) {
      if (signal.aborted) return;
      await one(due);
    }
  };
}

/** A person has closed it. */
function rests({ body, isOpen }: { readonly body: string; readonly isOpen: boolean }): boolean {
  return !isOpen && !body.includes(OFF);
}

function keyOf(repo: RepoRef, deleted: number): string {
  return `dashboard:${repo.id}:${deleted}`;
}

function markOf(deleted: number): string {
  return marker("dashboard", String(deleted));
}
