// The check run about the files with which a repository speaks to Baton: success, or a failure with each problem at its line.
import type { Log } from "../core/log.ts";
import type { Publisher } from "../engine/ports.ts";
import { CONFIG_FILE, overrideFolder } from "../workflows/load.ts";
import { placeOf } from "../workflows/source-file.ts";
import { mayNotWriteChecks, NO_CHECK_RUN, type Annotation, type CheckRuns } from "./check-runs.ts";
import { bullets, count, MAX_BODY, stack } from "./markdown.ts";
import type { Neutral } from "./neutral.ts";

export interface ConfigCheckOptions {
  readonly checks: Pick<CheckRuns, "post">;
  readonly neutral: Neutral;
  readonly log: Log;
}

type Found = Parameters<Publisher["checkConfig"]>[2];

const NAME = "Baton / config";
/** More lines than this are only counted. */
const MOST = 200;

/** `Publisher.checkConfig` over its parts. */
export function createConfigCheck({ checks, neutral, log }: ConfigCheckOptions): Publisher["checkConfig"] {
  return async (repo, commit, found) => {
    try {
      await checks.post(repo, {
        name: NAME,
        commit,
        key: `config-check:${repo.id}:${commit}`,
        run: undefined,
        kind: "config-check",
        payload: { repo: `${repo.owner}/${repo.name}`, commit, problems: found.problems.length },
        conclusion: found.problems.length > 0 ? "failure" : "success",
        title: titleOf(found),
        summary: summaryOf(found),
        annotations: annotationsOf(found).slice(0, MOST),
        buttons: [],
      });
    } catch (error) {
      if (!mayNotWriteChecks(error)) throw error;
      log.info(NO_CHECK_RUN, { repo: `${repo.owner}/${repo.name}`, commit, error: error.reason });
    }
  };

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

  function annotationsOf({ problems, warnings }: Found): Annotation[] {
    const at = (line: string, level: "failure" | "warning"): Annotation[] => {
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
