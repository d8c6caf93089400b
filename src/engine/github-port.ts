// What the intake and a backlog read of GitHub; `github/` implements it.
import type { Sha } from "../core/ids.ts";
import type { Person, RepoRef } from "./events.ts";

/** The read side of GitHub, for the intake. Every method throws `github-failed` when GitHub does not answer; callers treat that as no. */
export interface GitHubReader {
  repository(owner: string, name: string): Promise<RepoRef>;
  /** The collaborator permission of a person, looked up now and checked against the numeric id: a renamed or impersonated login gives "none". */
  permission(repo: RepoRef, person: Person): Promise<"none" | "read" | "triage" | "write" | "maintain" | "admin">;
  /** A file of the default branch, or at a commit; undefined when it is not there. */
  file(repo: RepoRef, path: string, commit?: Sha): Promise<string | undefined>;
  /** A file of the repository `.github` of the same owner; "closed" when there is no such repository, or none that may be read. */
  ownersFile(
    repo: RepoRef,
    path: string,
  ): Promise<
    { readonly type: "found"; readonly text: string } | { readonly type: "none" } | { readonly type: "closed" }
  >;
  /** The files in a folder at a commit, with their bytes; none when there is no such folder. The root is "". */
  folder(repo: RepoRef, path: string, commit: Sha): Promise<readonly { name: string; bytes: number }[]>;
  /** Whether a pull request changes, moves or removes a file of which `which` says yes. */
  touches(repo: RepoRef, number: number, which: (path: string) => boolean): Promise<boolean>;
  issue(
    repo: RepoRef,
    number: number,
  ): Promise<
    | {
        title: string;
        body: string;
        author: Person;
        state: "open" | "closed";
        locked: boolean;
        isPull: boolean;
        url: string;
        labels: string[];
        assignees: Person[];
      }
    | undefined
  >;
  /** Comments oldest first, at most the latest 100. */
  comments(
    repo: RepoRef,
    number: number,
  ): Promise<{ id: number; author: Person; body: string; createdAt: number; updatedAt?: number }[]>;
  labels(repo: RepoRef): Promise<string[]>;
  /** The commit of a branch. */
  head(repo: RepoRef, branch: string): Promise<Sha>;
  /** Numbers of open pull requests about the issue: those whose body closes it, and those of Baton's that were asked for in it and leave it open. */
  pullRequestsAbout(
    repo: RepoRef,
    number: number,
  ): Promise<{ readonly closing: number[]; readonly askedFor: number[] }>;
  /** A pull request; undefined when there is none of this number. */
  pullRequest(
    repo: RepoRef,
    number: number,
  ): Promise<
    | {
        state: "open" | "closed";
        merged: boolean;
        branch: string;
        head: Sha;
        /** The branch it is to go into. */
        into: string;
        /** Its branch is in another repository, or that is gone. */
        fork: boolean;
        author: Person;
        /** Whether it could be merged without a conflict; undefined while GitHub does not know. */
        mergeable: boolean | undefined;
      }
    | undefined
  >;
  /** The latest commit that a branch and a commit have in common. */
  mergeBase(repo: RepoRef, branch: string, commit: Sha): Promise<Sha>;
  /** The threads of a pull request's review, at most 500; undefined where GitHub refuses to tell them. */
  threads(repo: RepoRef, number: number): Promise<readonly ReviewThread[] | undefined>;
  /** What was said on lines and files of a pull request, oldest first, at most 500. */
  remarks(repo: RepoRef, number: number): Promise<Remark[]>;
}

/** A thread of remarks, with what its remarks do not say. */
export interface ReviewThread {
  /** GitHub's id of its first remark. */
  readonly first: number;
  /** Its name in GraphQL. */
  readonly node: string;
  readonly resolved: boolean;
  /** The login of who resolved it; undefined where GitHub names nobody. */
  readonly resolvedBy: string | undefined;
  /** The code it is about was changed since. */
  readonly outdated: boolean;
}

/** One remark on a line, or on a file as a whole. */
export interface Remark {
  readonly id: number;
  /** The first remark of its thread, when it is not that itself. */
  readonly replyTo: number | undefined;
  readonly path: string;
  /** In the file as it is now; undefined for a file as a whole, and where the line is no longer there. */
  readonly line: number | undefined;
  readonly outdated: boolean;
  readonly body: string;
  readonly author: Person;
  readonly isBot: boolean;
  /** What GitHub says its author is to the repository: OWNER, MEMBER, COLLABORATOR, CONTRIBUTOR, NONE … */
  readonly association: string;
}

/** An open issue as a list of them tells it; a pull request is one too. */
export interface ListedIssue {
  readonly number: number;
  readonly title: string;
  readonly body: string;
  readonly author: Person;
  readonly locked: boolean;
  readonly isPull: boolean;
  readonly url: string;
  readonly labels: readonly string[];
  /** How many it has. */
  readonly comments: number;
}

/** The open issues of a repository, for whoever works its backlog. */
export interface IssueList {
  /** Newest first, at most `most`; `since` (milliseconds since 1970): only those changed then or later. `more`: there are others. Throws `github-failed`. */
  openIssues(
    repo: RepoRef,
    options: { readonly most: number; readonly since?: number | undefined },
  ): Promise<{ readonly issues: readonly ListedIssue[]; readonly more: boolean }>;
}
