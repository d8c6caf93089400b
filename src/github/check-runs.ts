// Check runs of Baton's: written once for each commit, found again by their name and their key, changed in place.
//
// GitHub takes 50 annotations with one request; a check run with more is in progress until the last of them is there.
import { z } from "zod";
import type { RunId, Sha } from "../core/ids.ts";
import type { RepoRef } from "../engine/events.ts";
import type { Self } from "./client.ts";
import { isRefused, type GitHubFailure } from "./failure.ts";
import type { Once, Write } from "./once.ts";
import { place, type How, type Requests } from "./requests.ts";

export interface Annotation {
  readonly path: string;
  readonly start_line: number;
  readonly end_line: number;
  readonly start_column?: number;
  readonly end_column?: number;
  readonly annotation_level: "notice" | "warning" | "failure";
  readonly message: string;
}

/** A button of a check run. GitHub allows three; 20 characters for the name on it, 40 for what it does. */
export interface Button {
  readonly label: string;
  readonly description: string;
  readonly identifier: string;
}

/** What a check run shows; undefined as its conclusion: it is in progress. */
export interface Shown {
  readonly conclusion:
    | "success"
    | "failure"
    | "neutral"
    | "cancelled"
    | "skipped"
    | "timed_out"
    | "action_required"
    | undefined;
  readonly title: string;
  readonly summary: string;
  readonly annotations: readonly Annotation[];
  readonly buttons: readonly Button[];
  /** Where its "Details" lead. Default: the App's page. */
  readonly page?: string | undefined;
}

export interface CheckRun extends Shown {
  readonly name: string;
  readonly commit: Sha;
  /** Names it for ever; GitHub keeps it as its `external_id`. */
  readonly key: string;
  /** The run it belongs to: the fence is asked. */
  readonly run: RunId | undefined;
  /** For people who read the outbox. */
  readonly kind: string;
  readonly payload: unknown;
}

export const CheckRef = z.object({ id: z.number() });
export type CheckRef = z.infer<typeof CheckRef>;

export interface CheckRuns {
  /** Writes it once. Throws `GitHubFailure`, and `fence-lost`. */
  post(repo: RepoRef, check: CheckRun): Promise<CheckRef & { readonly fresh: boolean }>;
  /** Shows something else in it. The same twice is the same; annotations are only ever added, so none are sent. */
  change(repo: RepoRef, id: number, shown: Shown, run: RunId | undefined): Promise<void>;
  /** Says once more of every check run of Baton's on a commit what it says already: where GitHub was asked to run them again it waits for that. */
  again(repo: RepoRef, commit: Sha): Promise<number>;
}

/** For the log, where `mayNotWriteChecks`. */
export const NO_CHECK_RUN = "no check run: the App needs the permission checks: write, and a person to accept it";

/** True where GitHub refused because the App may not write check runs here, or the commit is not there any more. */
export function mayNotWriteChecks(error: unknown): error is GitHubFailure {
  return isRefused(error, 403, 404, 422);
}

/** GitHub takes so many annotations with one request. */
const PER_REQUEST = 50;

export function createCheckRuns({
  requests,
  once,
  self,
}: {
  readonly requests: Requests;
  readonly once: Once;
  readonly self: Self;
}): CheckRuns {
  async function ofCommit(repo: RepoRef, commit: Sha, name: string | undefined, filter: "all" | "latest") {
    const { data } = await requests.read(repo, `look for check runs of ${commit}`, (octokit, request) =>
      octokit.request("GET /repos/{owner}/{repo}/commits/{ref}/check-runs", {
        ...place(repo),
        ref: commit,
        ...(name === undefined ? {} : { check_name: name }),
        ...(self.appId === undefined ? {} : { app_id: self.appId }),
        filter,
        per_page: 100,
        request,
      }),
    );
    return data.check_runs;
  }

  async function write(
    repo: RepoRef,
    check: CheckRun,
    how: Parameters<Write<CheckRef>["write"]>[0],
  ): Promise<CheckRef> {
    const { name, commit, key, annotations } = check;
    const batches = Array.from({ length: Math.max(1, Math.ceil(annotations.length / PER_REQUEST)) }, (_, at) =>
      annotations.slice(at * PER_REQUEST, (at + 1) * PER_REQUEST),
    );
    const stateAt = (at: number) => (at === batches.length - 1 ? stateOf(check) : ({ status: "in_progress" } as const));
    const { data } = await requests.write(
      repo,
      `write a check run on ${commit}`,
      (octokit, request) =>
        octokit.request("POST /repos/{owner}/{repo}/check-runs", {
          ...place(repo),
          name,
          head_sha: commit,
          external_id: key,
          ...stateAt(0),
          ...looksOf(check, batches[0]),
          request,
        }),
      how,
    );
    const id = Number(data.id);
    for (const [at, more] of batches.entries())
      if (at > 0) await patch("write", repo, id, { ...stateAt(at), ...looksOf(check, more) }, how);
    return { id };
  }

  /** `way`: `read` for what may be asked for again, which annotations may not. */
  async function patch(
    way: "read" | "write",
    repo: RepoRef,
    id: number,
    fields: ReturnType<typeof stateOf> & Partial<ReturnType<typeof looksOf>>,
    how: How,
  ): Promise<void> {
    await requests[way](
      repo,
      `change check run ${id}`,
      (octokit, request) =>
        octokit.request("PATCH /repos/{owner}/{repo}/check-runs/{check_run_id}", {
          ...place(repo),
          check_run_id: id,
          ...fields,
          request,
        }),
      how,
    );
  }

  return {
    async post(repo, check) {
      const { key, run, kind, payload, commit, name, conclusion } = check;
      let fresh = false;
      const { id } = await once({
        key,
        run,
        kind,
        payload,
        result: CheckRef,
        async look() {
          const found = await ofCommit(repo, commit, name, "all");
          // One that was begun and not completed does not count where it should be complete: another one stands before it.
          // Of two copies, which nobody can take away, GitHub shows the newest: that one is Baton's from then on.
          return found
            .filter(
              ({ external_id, status }) => external_id === key && (conclusion === undefined || status === "completed"),
            )
            .map((one) => ({ id: Number(one.id) }))
            .toSorted((one, other) => other.id - one.id);
        },
        async write(how) {
          const written = await write(repo, check, how);
          fresh = true;
          return written;
        },
      });
      return { id, fresh };
    },

    change: (repo, id, shown, run) =>
      patch("read", repo, id, { ...stateOf(shown), ...looksOf(shown, undefined) }, { run }),

    async again(repo, commit) {
      const found = await ofCommit(repo, commit, undefined, "latest");
      const own = found.filter(({ app }) => self.appId !== undefined && Number(app?.id) === self.appId);
      for (const { id, status, conclusion } of own)
        await patch(
          "read",
          repo,
          Number(id),
          status === "completed" && conclusion !== null ? { status, conclusion } : { status: "in_progress" },
          {},
        );
      return own.length;
    },
  };
}

function stateOf({ conclusion }: Pick<Shown, "conclusion">) {
  return conclusion === undefined
    ? ({ status: "in_progress" } as const)
    : ({ status: "completed", conclusion } as const);
}

function looksOf({ title, summary, buttons, page }: Shown, annotations: readonly Annotation[] | undefined) {
  return {
    ...(page === undefined ? {} : { details_url: page }),
    actions: buttons.map((button) => ({ ...button })),
    output: {
      title,
      summary,
      ...(annotations === undefined ? {} : { annotations: annotations.map((one) => ({ ...one })) }),
    },
  };
}
