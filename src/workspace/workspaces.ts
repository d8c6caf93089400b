// A repository's code: a bare mirror per repository, a private clone per session, and the only way work comes back.
// Host git runs in Baton's own bare repositories and nowhere else; inside a clone git runs in the sandbox.
import type { CommandResult, Execute } from "../core/command.ts";
import type { Sha } from "../core/ids.ts";
import type { Log } from "../core/log.ts";
import type { FileChange } from "./file-change.ts";
import type { Shelves } from "./shelf.ts";
import type { WarmPoolBounds } from "./warm-pool.ts";

/** As much of a repository as git needs. */
export interface RepoSource {
  /** GitHub's id; 0 or absent for a local folder. */
  readonly id?: number | undefined;
  readonly owner: string;
  readonly name: string;
  /** An https or loopback address, or an absolute path. Never holds a credential. */
  readonly cloneUrl: string;
  readonly installationId?: number | undefined;
}

export interface WorkspacesOptions {
  /** Absolute folder for mirrors and clones (`BATON_HOME`). */
  readonly home: string;
  /** Runs git in Baton's own repositories. */
  readonly onHost: Execute;
  /** Runs anything in a clone. */
  readonly inSandbox: Execute;
  /** The token to fetch with, if any; given to git by environment, never on the command line or in a URL. */
  readonly credential: (repo: RepoSource) => Promise<string | undefined>;
  /**
   * Commits that unfinished runs go on from. However old, a mirror keeps them. Without it, what nobody asked for in 30 days goes.
   */
  readonly needed?: (() => Promise<ReadonlySet<Sha>>) | undefined;
  /** Bytes that must be free on the disk of `home` when a workspace is opened; default 500 MB, 0 for none. */
  readonly minFreeBytes?: number;
  /** How long a workspace with a key waits to be adopted after its process died or parked it, in milliseconds; default 10 minutes. */
  readonly keepMs?: number;
  /** How often leftovers of dead processes are looked for, in milliseconds; default 30 seconds. */
  readonly sweepMs?: number;
  /** Keeps clones with installed dependencies; without it each workspace installs. Only for a sandbox that shows a command its own workspace alone, at a fixed path. */
  readonly warmPool?: WarmPoolBounds | undefined;
  /** What all mirrors together may take on the disk before those that nobody used for a day go; default 0: no bound. */
  readonly mirrorBytes?: number;
  /** Where finished work is kept for workers on other machines; without it this machine's mirrors alone have it. */
  readonly shelves?: Shelves | undefined;
  readonly log?: Log;
}

/**
 * How a clone gets its dependencies. The network is open only while `install` runs, and then the work tree holds the files of
 * `base` and nothing else: what a model wrote (a `postinstall`, the script that an existing `prepare` calls) must never run
 * with a way out, because a proxy cannot look into HTTPS. Give the commit that the run was asked for on, never one made in it.
 */
export interface Setup {
  /** The repository's install command, for the shell. */
  readonly install: string;
  readonly base: Sha;
}

export interface OpenOptions {
  readonly setup?: Setup | undefined;
  /**
   * A key, `run/stage/number`, by which a later process may adopt the workspace when this one dies or parks it. What was abandoned
   * under the same key before is deleted.
   */
  readonly keep?: string | undefined;
}

/** Whether a commit that a run began from is still part of its branch. */
export type Contains = "yes" | "rewritten" | "branch-gone";

/** What came of a merge. */
export type Merged =
  /** `changes`: what `commit` changed of the side that was merged into. */
  | { readonly type: "merged"; readonly commit: Sha; readonly changes: FileChange[] }
  | {
      readonly type: "conflict";
      /**
       * A commit to resolve the conflicts on: its first parent is the side that was merged into, its second the other. What could be
       * merged is; in text that could not, git's markers hold both sides (`ours`, `theirs`) and the base. Where there is no text to
       * mark, ours was left, or what one side deleted and the other changed, or both, one of them as `path~ours` or `path~theirs`.
       */
      readonly marked: Sha;
      /** What the conflicts are about, sorted: not all of it need be there in `marked`. Bytes that are not UTF-8 read U+FFFD. */
      readonly paths: string[];
      /** The commit both sides come from. */
      readonly base: Sha;
      /** git's own words for each conflict, for whoever resolves it; they hold names that strangers chose. */
      readonly notes: string[];
    }
  /** Import policy does not allow what would come in, or git cannot merge it in time. */
  | { readonly type: "refused"; readonly reasons: string[] };

/** A file of Baton's own making. */
export interface WrittenFile {
  /** Relative to the root, of names that git and every shell take for nothing else. */
  readonly path: string;
  readonly text: string;
}

/** What came of writing files. Without a difference the commit is the one it would be on top of. */
export type Written =
  | { readonly type: "written"; readonly commit: Sha; readonly changes: FileChange[] }
  /** Import policy does not allow what would come in. */
  | { readonly type: "refused"; readonly reasons: string[] };

export interface Workspaces {
  /** Brings the mirror up to date and says where `branch` is. Throws `git-failed` or `not-found`. */
  resolve(repo: RepoSource, branch: string, signal: AbortSignal): Promise<Sha>;
  /** Whether `commit` is an ancestor of `branch` as the repository has it now, or its head. Throws `git-failed` or `not-found` (no such repository). */
  contains(repo: RepoSource, branch: string, commit: Sha, signal: AbortSignal): Promise<Contains>;
  /**
   * A private clone at `commit`; disposing deletes it. Fetches the commit if the mirror lacks it. With `setup`, the install command
   * has run on the base's files before, and what it left untracked lies in the clone; a failed one is told by `installed`.
   * Throws `sandbox-failed` when the work tree cannot be moved from the base to the commit, `disk-full` (retryable) when too little
   * is free to begin.
   */
  open(repo: RepoSource, commit: Sha, signal: AbortSignal, options?: OpenOptions): Promise<Workspace>;
  /**
   * The workspace that was left under `key`, as the turn `lastRecordedTurn` (0: none) left it; of several who ask, one gets it.
   * Undefined when there is none, when its process still lives, or when a later turn was begun in it (then it is deleted). Processes
   * of the agent have ended with the old one: only the files are there.
   */
  adopt(repo: RepoSource, key: string, lastRecordedTurn: number, signal: AbortSignal): Promise<Workspace | undefined>;
  /** Deletes what is kept under a key, or under all keys of a run, that nobody goes on with, but for what a living process has open. */
  forget(keyOrRun: string): Promise<void>;
  /** What changed between two commits, by path; renames count as a deletion and an addition. */
  changes(repo: RepoSource, from: Sha, to: Sha, signal: AbortSignal): Promise<FileChange[]>;
  /** The unified diff between two commits, at most `maxBytes` (default 200 KiB), cut with a mark. */
  patch(repo: RepoSource, from: Sha, to: Sha, signal: AbortSignal, maxBytes?: number): Promise<string>;
  /** A file's bytes at a commit, or undefined (absent, a folder, a link). */
  file(repo: RepoSource, commit: Sha, path: string, signal: AbortSignal): Promise<Uint8Array | undefined>;
  /** The git tree of a commit, which names its whole content. */
  tree(repo: RepoSource, commit: Sha, signal: AbortSignal): Promise<Sha>;
  /** Every file path at a commit. */
  paths(repo: RepoSource, commit: Sha, signal: AbortSignal): Promise<string[]>;
  /**
   * Merges the work `theirs` into `into`, by git's three-way merge. Neither commit changes; what comes of it is in the mirror. `commit`
   * is `into` when that has everything already, and `theirs` when that was made on top of `into`; else it has both as parents, in this
   * order. The same merge gives the same commit, also after a crash or on another machine.
   */
  merge(repo: RepoSource, into: Sha, theirs: Sha, message: string, signal: AbortSignal): Promise<Merged>;
  /**
   * Writes these files, and nothing else, as a commit on top of `onto` into the mirror. The same files on the same commit give the
   * same commit, also after a crash or on another machine.
   */
  write(
    repo: RepoSource,
    onto: Sha,
    files: readonly WrittenFile[],
    message: string,
    signal: AbortSignal,
  ): Promise<Written>;
  /**
   * Those of `paths` in which `commit` holds conflict markers: lines that begin with seven to twenty of `<`, `|` or `>` and then a space or nothing.
   * Measured against the merge that `commit` is or was made on: lines that one of its sides had are no markers. A `=======` counts only
   * together with others, because alone it may underline a title. Paths that are absent, folders or links hold none.
   * Give what a conflict was about, and what was changed to resolve it.
   */
  conflictMarkers(repo: RepoSource, commit: Sha, paths: readonly string[], signal: AbortSignal): Promise<string[]>;
  /** Writes a commit of the mirror as a branch into another repository on this machine (a local run's result). Refuses to move an existing branch. */
  deliver(repo: RepoSource, commit: Sha, target: string, branch: string, signal: AbortSignal): Promise<void>;
}

/** Disposing deletes it, unless it was parked before. */
export interface Workspace extends AsyncDisposable {
  /** Absolute folder on the host of the work tree; what a sandbox is given. */
  readonly folder: string;
  readonly commit: Sha;
  /** How the install command went, if one was asked for. What it left untracked never becomes part of the work; what it did to tracked files was taken back. */
  readonly installed: CommandResult | undefined;
  /** The install was run for another workspace of the same base before, and this one has a copy of what came of it. An adopted one does not say so. */
  readonly installedEarlier: boolean;
  /**
   * Takes everything changed in the work tree as one commit on top of `onto` (`commit` when absent; what was collected before, to collect what
   * came since), through quarantine and policy, into the mirror. Without a change the commit is the one it would be on top of.
   */
  collect(
    message: string,
    signal: AbortSignal,
    onto?: Sha,
  ): Promise<{ type: "collected"; commit: Sha; changes: FileChange[] } | { type: "refused"; reasons: string[] }>;
  /** Writes down that the tools of this turn are about to change the tree. Call it before they run. Does nothing without a key. Throws `disk-full`. */
  begin(turn: number): Promise<void>;
  /** Writes down that the event of this turn is in the log. Does nothing without a key. Throws `disk-full`. */
  recorded(turn: number): Promise<void>;
  /**
   * Puts the workspace aside for whoever adopts its key; it is kept until some minutes after `until` (milliseconds since 1970, now
   * by default). End everything that runs in it before. Without a key it is deleted. It cannot be used any more.
   */
  park(until?: number): Promise<void>;
}
