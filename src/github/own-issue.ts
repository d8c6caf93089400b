// An issue that Baton opens, once: found again by the hidden line it begins with.
import { z } from "zod";
import type { RepoRef } from "../engine/events.ts";
import type { Self } from "./client.ts";
import { isRefused } from "./failure.ts";
import type { Once } from "./once.ts";
import { place, type Requests } from "./requests.ts";

export const OpenedIssue = z.object({ number: z.number() });

export interface OwnIssue {
  /** Names the issue for ever. */
  readonly key: string;
  readonly kind: string;
  /** For people who read the outbox. */
  readonly payload: unknown;
  /** What it is opened for, in words for the log. */
  readonly what: string;
  /** The first line of its text. */
  readonly mark: string;
  readonly title: string;
  /** Begins with `mark`. */
  readonly body: string;
}

export interface OwnIssuesOptions {
  readonly requests: Requests;
  readonly once: Once;
  readonly self: Self;
}

/** Opens the issue unless it was opened before, and gives its number. Throws `GitHubFailure`. */
export type OpenOwnIssue = (repo: RepoRef, issue: OwnIssue) => Promise<number>;

export function createOwnIssues({ requests, once, self }: OwnIssuesOptions): OpenOwnIssue {
  return async (repo, { key, kind, payload, what, mark, title, body }) => {
    const look = async () => {
      const { data } = await requests.read(repo, `look for the issue of ${what}`, (octokit, request) =>
        octokit.request("GET /repos/{owner}/{repo}/issues", {
          ...place(repo),
          creator: self.login,
          state: "all",
          per_page: 100,
          request,
        }),
      );
      return data.filter((found) => found.body?.startsWith(mark)).map((found) => ({ number: found.number }));
    };
    const { number } = await once({
      key,
      run: undefined,
      kind,
      payload,
      result: OpenedIssue,
      look,
      async write(how) {
        // What was written long ago the outbox has forgotten.
        const [known] = await look();
        if (known) return known;
        const { data } = await requests.write(
          repo,
          `open an issue for ${what}`,
          (octokit, request) =>
            octokit.request("POST /repos/{owner}/{repo}/issues", { ...place(repo), title, body, request }),
          how,
        );
        return { number: data.number };
      },
    });
    return number;
  };
}

/** An issue as it is at this moment; undefined when it is gone. Throws `GitHubFailure`. */
export async function readOwnIssue(
  requests: Requests,
  repo: RepoRef,
  number: number,
): Promise<{ readonly body: string; readonly isOpen: boolean } | undefined> {
  try {
    const { data } = await requests.read(repo, `read issue #${number}`, (octokit, request) =>
      octokit.request("GET /repos/{owner}/{repo}/issues/{issue_number}", {
        ...place(repo),
        issue_number: number,
        request,
      }),
    );
    return { body: data.body ?? "", isOpen: data.state === "open" };
  } catch (error) {
    if (isRefused(error, 404, 410)) return undefined;
    throw error;
  }
}

/** Says something else in it. The same change twice is the same change: it may be asked for again. Throws `GitHubFailure`. */
export async function changeOwnIssue(
  requests: Requests,
  repo: RepoRef,
  number: number,
  fields: { readonly body: string; readonly state: "open" | "closed" },
): Promise<void> {
  await requests.read(repo, `edit issue #${number}`, (octokit, request) =>
    octokit.request("PATCH /repos/{owner}/{repo}/issues/{issue_number}", {
      ...place(repo),
      issue_number: number,
      ...fields,
      request,
    }),
  );
}
