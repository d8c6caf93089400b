// The checks of a commit, as GitHub tells them: check runs, suites that wait for somebody's click, and commit statuses; and what a failed
// one says, within limits. What the App may not read is as if it were not there.
import { stripVTControlCharacters } from "node:util";
import type { CheckReader } from "../engine/checks-port.ts";
import type { Check } from "../engine/checks.ts";
import type { Log } from "../core/log.ts";
import type { Redact } from "../core/redact.ts";
import type { Sha } from "../core/ids.ts";
import type { RepoRef } from "../engine/events.ts";
import type { Throttle } from "../store/throttle.ts";
import type { OctokitFor, Timing } from "./client.ts";
import { tailOf } from "./log-tail.ts";
import { isRefused } from "./failure.ts";
import { createRequests, place, type Requests } from "./requests.ts";

export interface CheckReaderOptions {
  /** Each with a token for one permission: what somebody has not granted must not cost the others. */
  readonly clients: Readonly<Record<"checks" | "statuses" | "actions" | "contents", OctokitFor>>;
  /** Baton's own App, whose checks are none here. */
  readonly appId: number | undefined;
  /** Takes secrets out of what programs wrote. */
  readonly redact: Redact;
  /** Takes out what nobody can see. */
  readonly visible: (text: string) => string;
  readonly log: Log;
  readonly timing?: Timing;
  readonly throttle?: Throttle | undefined;
}

const PER_PAGE = 100;
/** Check runs of a commit that are read: 300. */
const PAGES = 3;
/** Remarks on lines that are read of one check, and told. */
const REMARKS = 50;
const REMARKS_TOLD = 15;
const REMARK_TEXT = 600;
const SUMMARY_TEXT = 1_000;
/** What no permission, no such thing, and a token that cannot be made for it look like. */
const NO = [403, 404, 410, 422] as const;

/** Baton's own checks are called so, whoever shows them. */
const OWN = /^Baton \//;

const passed = new Set(["success", "neutral", "skipped"]);
const failed = new Set(["failure", "timed_out"]);

export function createCheckReader(options: CheckReaderOptions): CheckReader {
  const { clients, appId, redact, visible, log } = options;
  const asking = (octokitFor: OctokitFor): Requests => createRequests({ ...options, octokitFor });
  const [checks, statuses, actions, contents] = [
    asking(clients.checks),
    asking(clients.statuses),
    asking(clients.actions),
    asking(clients.contents),
  ];

  async function allowed<T>(what: string, otherwise: T, ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      if (!isRefused(error, ...NO)) throw error;
      log.debug(`not known: ${what}`, { error: error.reason });
      return otherwise;
    }
  }

  const isOwn = (app: { readonly id: number | bigint } | null | undefined, name: string) =>
    OWN.test(name) || (appId !== undefined && app !== null && app !== undefined && Number(app.id) === appId);

  async function checkRuns(repo: RepoRef, commit: Sha): Promise<Check[]> {
    const found: Check[] = [];
    for (let page = 1; page <= PAGES; page += 1) {
      const { data } = await checks.read(repo, `read the checks of ${commit.slice(0, 10)}`, (octokit, request) =>
        octokit.request("GET /repos/{owner}/{repo}/commits/{ref}/check-runs", {
          ...place(repo),
          ref: commit,
          filter: "latest",
          per_page: PER_PAGE,
          page,
          request,
        }),
      );
      for (const run of data.check_runs) {
        if (isOwn(run.app, run.name)) continue;
        const url = run.details_url ?? run.html_url ?? "";
        found.push({
          name: run.name,
          state: stateOf(run.status, run.conclusion),
          id: Number(run.id),
          by: run.app?.slug ?? "checks",
          app: run.app ? Number(run.app.id) : undefined,
          conclusion: run.conclusion ?? "",
          url,
          workflowRun: run.app?.slug === ACTIONS ? workflowRunIn(url) : undefined,
        });
      }
      if (data.check_runs.length < PER_PAGE) break;
    }
    return found;
  }

  /** Suites that ended before anything in them began: they wait for a person. */
  async function heldSuites(repo: RepoRef, commit: Sha): Promise<Check[]> {
    const { data } = await checks.read(repo, `read the check suites of ${commit.slice(0, 10)}`, (octokit, request) =>
      octokit.request("GET /repos/{owner}/{repo}/commits/{ref}/check-suites", {
        ...place(repo),
        ref: commit,
        per_page: PER_PAGE,
        request,
      }),
    );
    return data.check_suites.flatMap(({ app, conclusion, status }): Check[] => {
      const held = conclusion === "action_required" || conclusion === "startup_failure";
      if (!held || isOwn(app, "")) return [];
      const name = app?.name ?? "checks";
      const by = app?.slug ?? "checks";
      const state = stateOf(status, conclusion);
      return [{ name, state, id: undefined, by, app: undefined, conclusion, url: "", workflowRun: undefined }];
    });
  }

  async function commitStatuses(repo: RepoRef, commit: Sha): Promise<Check[]> {
    const { data } = await statuses.read(repo, `read the statuses of ${commit.slice(0, 10)}`, (octokit, request) =>
      octokit.request("GET /repos/{owner}/{repo}/commits/{ref}/status", {
        ...place(repo),
        ref: commit,
        per_page: PER_PAGE,
        request,
      }),
    );
    return data.statuses
      .filter(({ context }) => !isOwn(undefined, context))
      .map(({ context, state, target_url: url, description }) => ({
        name: context,
        state: state === "pending" ? "open" : state === "success" ? "passed" : "failed",
        id: undefined,
        by: "a commit status",
        app: undefined,
        conclusion: description ?? state,
        url: url ?? "",
        workflowRun: undefined,
      }));
  }

  async function remarks(repo: RepoRef, id: number): Promise<string[]> {
    const { data } = await checks.read(repo, `read the remarks of check ${id}`, (octokit, request) =>
      octokit.request("GET /repos/{owner}/{repo}/check-runs/{check_run_id}/annotations", {
        ...place(repo),
        check_run_id: id,
        per_page: REMARKS,
        request,
      }),
    );
    const weight = { failure: 0, warning: 1 } as const;
    const weightOf = (level: string | null) => (level === "failure" || level === "warning" ? weight[level] : 2);
    return [...data]
      .sort((a, b) => weightOf(a.annotation_level) - weightOf(b.annotation_level))
      .slice(0, REMARKS_TOLD)
      .map(({ path, start_line: line, annotation_level: level, title, message }) => {
        const said = [title, message].filter((part) => typeof part === "string" && part !== "").join(": ");
        return `${path}:${line}: ${level ?? "remark"}: ${said.slice(0, REMARK_TEXT)}`;
      });
  }

  async function summary(repo: RepoRef, id: number): Promise<string> {
    const { data } = await checks.read(repo, `read check ${id}`, (octokit, request) =>
      octokit.request("GET /repos/{owner}/{repo}/check-runs/{check_run_id}", {
        ...place(repo),
        check_run_id: id,
        request,
      }),
    );
    const { title, summary: said, text } = data.output;
    return [title, said, text]
      .filter((part) => typeof part === "string" && part !== "")
      .join("\n")
      .slice(0, SUMMARY_TEXT);
  }

  /** The end of the log of a job of GitHub Actions, whose number is that of its check run. */
  async function jobLog(repo: RepoRef, id: number, most: number): Promise<string> {
    const { data } = await actions.read(
      repo,
      `find the log of job ${id}`,
      (octokit, request) =>
        octokit.request("GET /repos/{owner}/{repo}/actions/jobs/{job_id}/logs", {
          ...place(repo),
          job_id: id,
          request,
        }),
      { elsewhere: (to) => Response.json({ log: to.href }) },
    );
    if (typeof data === "string") return data.slice(-most);
    const at = typeof data === "object" && data !== null && "log" in data ? data.log : undefined;
    return typeof at === "string" ? await tailOf(new URL(at), most, log) : "";
  }

  return {
    async checks(repo, commit) {
      const [runs, suites, said] = await Promise.all([
        allowed("check runs", [], () => checkRuns(repo, commit)),
        allowed("check suites", [], () => heldSuites(repo, commit)),
        allowed("commit statuses", [], () => commitStatuses(repo, commit)),
      ]);
      return worstOfEach([...runs, ...suites, ...said]);
    },

    async required(repo, branch) {
      const byRules = allowed("rules", [], async () => {
        const { data } = await contents.read(repo, `read the rules of ${branch}`, (octokit, request) =>
          octokit.request("GET /repos/{owner}/{repo}/rules/branches/{branch}", {
            ...place(repo),
            branch,
            per_page: PER_PAGE,
            request,
          }),
        );
        return data.flatMap((rule) =>
          rule.type === "required_status_checks"
            ? (rule.parameters?.required_status_checks ?? []).map(({ context }) => context)
            : [],
        );
      });
      const byProtection = allowed("protection", [], async () => {
        const { data } = await contents.read(repo, `read the branch ${branch}`, (octokit, request) =>
          octokit.request("GET /repos/{owner}/{repo}/branches/{branch}", { ...place(repo), branch, request }),
        );
        return data.protection?.required_status_checks?.contexts ?? [];
      });
      const names = [...(await byRules), ...(await byProtection)];
      return [...new Set(names)].filter((name) => !OWN.test(name));
    },

    async report(repo, check, most) {
      const { id, conclusion } = check;
      const told: string[] = [check.id === undefined ? conclusion : `it ended as ${conclusion}.`];
      if (id !== undefined) {
        const remarked = await allowed("remarks", [], () => remarks(repo, id));
        if (check.workflowRun === undefined) told.push(await allowed("the summary", "", () => summary(repo, id)));
        if (remarked.length > 0) told.push(`Remarks on lines:\n${remarked.join("\n")}`);
        if (check.workflowRun !== undefined) {
          const room = Math.max(500, most - told.join("\n\n").length - 100);
          const log = await allowed("the log", "", () => jobLog(repo, id, 4 * most));
          if (log !== "") told.push(`The end of its log:\n${endOf(plainLog(log), room)}`);
        }
      }
      const text = told.filter((part) => part !== "").join("\n\n");
      return visible(redact(text)).slice(0, most).toWellFormed();
    },
  };
}

/** The App behind GitHub Actions. */
const ACTIONS = "github-actions";

function workflowRunIn(url: string): number | undefined {
  const id = Number(/\/actions\/runs\/(\d{1,15})(?:\/|$)/.exec(url)?.[1]);
  return Number.isSafeInteger(id) ? id : undefined;
}

function stateOf(status: string | null, conclusion: string | null): Check["state"] {
  if (status !== "completed") return "open";
  if (conclusion !== null && passed.has(conclusion)) return "passed";
  return conclusion !== null && failed.has(conclusion) ? "failed" : "stopped";
}

const badness = { open: 3, failed: 2, stopped: 1, passed: 0 } as const;

/** Of several with one name, in two workflows say, the one that keeps the commit from being green. */
function worstOfEach(all: readonly Check[]): Check[] {
  const worst = new Map<string, Check>();
  for (const check of all) {
    const known = worst.get(check.name);
    if (!known || badness[check.state] > badness[known.state]) worst.set(check.name, check);
  }
  return [...worst.values()];
}

/** A log without colours and the time before each line. */
function plainLog(text: string): string {
  return stripVTControlCharacters(text)
    .replaceAll(/\r\n?/g, "\n")
    .replaceAll(/^\d{4}-\d\d-\d\dT[\d:.]{8,20}Z ?/gm, "");
}

/** The last whole lines within `most` characters. */
function endOf(text: string, most: number): string {
  const said = text.trimEnd();
  if (said.length <= most) return said;
  const end = said.slice(-most);
  return `[…]\n${end.slice(end.indexOf("\n") + 1)}`;
}
