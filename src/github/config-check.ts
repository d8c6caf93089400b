// The check run about the files with which a repository speaks to Baton: success, or a failure with each problem at its line.
import { z } from "zod";
import type { Log } from "../core/log.ts";
import type { Sha } from "../core/ids.ts";
import type { RepoRef } from "../engine/events.ts";
import type { Publisher } from "../engine/ports.ts";
import { CONFIG_FILE, overrideFolder } from "../workflows/load.ts";
import { placeOf } from "../workflows/source-file.ts";
import type { Self } from "./client.ts";
import { isRefused } from "./failure.ts";
import { bullets, count, MAX_BODY, stack } from "./markdown.ts";
import type { Neutral } from "./neutral.ts";
import type { Once } from "./once.ts";
import { place, type Requests } from "./requests.ts";

export interface ConfigCheckOptions {
  /** With clients that may write check runs. */
  readonly requests: Requests;
  readonly once: Once;
  readonly self: Self;
  readonly neutral: Neutral;
  readonly log: Log;
}

type Found = Parameters<Publisher["checkConfig"]>[2];

const NAME = "Baton / config";
/** GitHub takes so many annotations with one request. */
const PER_REQUEST = 50;
/** More lines than this are only counted. */
const MOST = 200;

const CheckRef = z.object({ id: z.number() });

/** `Publisher.checkConfig` over its parts. */
export function createConfigCheck({
  requests,
  once,
  self,
  neutral,
  log,
}: ConfigCheckOptions): Publisher["checkConfig"] {
  return async (repo, commit, found) => {
    try {
      await once({
        key: `config-check:${repo.id}:${commit}`,
        run: undefined,
        kind: "config-check",
        payload: { repo: `${repo.owner}/${repo.name}`, commit, problems: found.problems.length },
        result: CheckRef,
        look: () => earlier(repo, commit),
        write: (how) => write(repo, commit, found, how),
      });
    } catch (error) {
      if (!isRefused(error, 403, 404, 422)) throw error;
      log.info("no check run: the App needs the permission checks: write, and a person to accept it", {
        repo: `${repo.owner}/${repo.name}`,
        commit,
        error: error.reason,
      });
    }
  };

  /** One that was begun and not completed does not count: another one stands before it. */
  async function earlier(repo: RepoRef, commit: Sha): Promise<z.infer<typeof CheckRef>[]> {
    const { data } = await requests.read(repo, `look for the check run of ${commit}`, (octokit, request) =>
      octokit.request("GET /repos/{owner}/{repo}/commits/{ref}/check-runs", {
        ...place(repo),
        ref: commit,
        check_name: NAME,
        status: "completed",
        ...(self.appId === undefined ? {} : { app_id: self.appId }),
        request,
      }),
    );
    return data.check_runs.map(({ id }) => ({ id: Number(id) }));
  }

  async function write(
    repo: RepoRef,
    commit: Sha,
    found: Found,
    how: Parameters<Parameters<Once>[0]["write"]>[0],
  ): Promise<z.infer<typeof CheckRef>> {
    const lines = annotationsOf(found).slice(0, MOST);
    const batches = Array.from({ length: Math.max(1, Math.ceil(lines.length / PER_REQUEST)) }, (_, at) =>
      lines.slice(at * PER_REQUEST, (at + 1) * PER_REQUEST),
    );
    const output = { title: titleOf(found), summary: summaryOf(found) };
    const ended = { status: "completed", conclusion: found.problems.length > 0 ? "failure" : "success" } as const;
    const stateOf = (at: number) => (at === batches.length - 1 ? ended : ({ status: "in_progress" } as const));
    const { data } = await requests.write(
      repo,
      `write a check run on ${commit}`,
      (octokit, request) =>
        octokit.request("POST /repos/{owner}/{repo}/check-runs", {
          ...place(repo),
          name: NAME,
          head_sha: commit,
          ...stateOf(0),
          output: { ...output, annotations: batches[0] ?? [] },
          request,
        }),
      how,
    );
    const id = Number(data.id);
    for (const [at, annotations] of batches.entries()) {
      if (at === 0) continue;
      await requests.write(
        repo,
        `write more of check run ${id}`,
        (octokit, request) =>
          octokit.request("PATCH /repos/{owner}/{repo}/check-runs/{check_run_id}", {
            ...place(repo),
            check_run_id: id,
            ...stateOf(at),
            output: { ...output, annotations },
            request,
          }),
        how,
      );
    }
    return { id };
  }

  function summaryOf({ problems, warnings }: Found): string {
    const list = (lines: readonly string[]) =>
      lines.length > MOST
        ? [...lines.slice(0, MOST).map((line) => neutral.line(line)), `and ${lines.length - MOST} more`]
        : lines.map((line) => neutral.line(line));
    return stack(
      problems.length === 0
        ? `What this says to Baton can be read: \`${CONFIG_FILE}\`, and the workflows and agents in \`${overrideFolder}/\`. It holds once it is on the default branch.`
        : "Baton could not work by this. Until it is mended on the default branch no run would begin that needs it.",
      problems.length > 0 && bullets(list(problems)),
      warnings.length > 0 && stack("**Left aside:**", bullets(list(warnings))),
      "`baton validate` says the same of a folder.",
    ).slice(0, MAX_BODY);
  }

  function annotationsOf({ problems, warnings }: Found) {
    const at = (line: string, level: "failure" | "warning") => {
      const found = placeOf(line);
      if (!found || found.repo !== undefined) return [];
      const where = { path: found.file, start_line: found.line, end_line: found.line };
      const columns = { start_column: found.column, end_column: found.column };
      return [{ ...where, ...columns, annotation_level: level, message: neutral.plain(found.message, 2_000) }];
    };
    return [...problems.flatMap((line) => at(line, "failure")), ...warnings.flatMap((line) => at(line, "warning"))];
  }
}

function titleOf({ problems, warnings }: Found): string {
  if (problems.length > 0) return `${count(problems.length, "problem")} to mend`;
  return warnings.length > 0 ? `In order; ${count(warnings.length, "thing")} left aside` : "In order";
}
