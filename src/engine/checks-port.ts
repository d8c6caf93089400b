// What the intake asks of the checks that others run on commits; `github/` implements it.
import type { Sha } from "../core/ids.ts";
import type { Check } from "./checks.ts";
import type { RepoRef } from "./events.ts";

/** The read side. What the App may not read is as if it were not there; else every method throws `github-failed` when GitHub does not answer. */
export interface CheckReader {
  /** The latest check of each name on a commit; none of Baton's own. */
  checks(repo: RepoRef, commit: Sha): Promise<readonly Check[]>;
  /** Names of checks that must pass before a branch takes anything. */
  required(repo: RepoRef, branch: string): Promise<readonly string[]>;
  /** What a failed check says, at most `most` characters: its summary, its remarks on lines, the end of its log. As programs wrote it, without what nobody can see. */
  report(repo: RepoRef, check: Check, most: number): Promise<string>;
}
