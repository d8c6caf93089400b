// Ticked findings become issues, each once, and the report names them.
import { z } from "zod";
import { findingsOf } from "../engine/findings.ts";
import type { Publisher } from "../engine/ports.ts";
import type { State } from "../engine/state.ts";
import type { Self } from "./client.ts";
import type { Comments } from "./comments.ts";
import { findingMarker, renderFinding, withIssue } from "./finding-issue.ts";
import type { Neutral } from "./neutral.ts";
import type { Once } from "./once.ts";
import { place, type Requests } from "./requests.ts";

export interface FindingsOptions {
  readonly requests: Requests;
  readonly once: Once;
  readonly comments: Pick<Comments, "edit">;
  readonly neutral: Neutral;
  readonly self: Self;
}

/** `Publisher.openFindings` over its parts. */
export function createFindings({
  requests,
  once,
  comments,
  neutral,
  self,
}: FindingsOptions): Publisher["openFindings"] {
  /** The number of the issue that a finding has become. */
  async function openOne(state: State, number: number, text: { title: string; body: string }): Promise<number> {
    const { repo, subject } = state.created;
    const mark = findingMarker(state, number);
    const { number: issue } = await once({
      key: `finding:${state.runId}:${number}`,
      run: undefined,
      kind: "finding",
      payload: { repo: `${repo.owner}/${repo.name}`, about: subject.number, finding: number },
      result: z.object({ number: z.number() }),
      async look() {
        const { data } = await requests.read(repo, "look for the issue of a finding", (octokit, request) =>
          octokit.request("GET /repos/{owner}/{repo}/issues", {
            ...place(repo),
            creator: self.login,
            state: "all",
            per_page: 100,
            request,
          }),
        );
        return data.filter((found) => found.body?.startsWith(mark)).map((found) => ({ number: found.number }));
      },
      async write(how) {
        const { data } = await requests.write(
          repo,
          `open an issue for a finding of #${subject.number}`,
          (octokit, request) =>
            octokit.request("POST /repos/{owner}/{repo}/issues", { ...place(repo), ...text, request }),
          how,
        );
        return { number: data.number };
      },
    });
    return issue;
  }

  return async (state, numbers, report) => {
    let { body } = report;
    for (const number of numbers) {
      const finding = findingsOf(state)?.findings[number - 1];
      if (!finding) continue;
      const issue = await openOne(state, number, renderFinding(state, number, finding, neutral));
      body = withIssue(body, number, issue);
    }
    if (body !== report.body) await comments.edit(state.created.repo, report.id, body, undefined);
  };
}
