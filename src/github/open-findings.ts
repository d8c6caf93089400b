// Ticked findings become issues, each once, and the report names them.
import { z } from "zod";
import { findingsOf, ticksIn } from "../engine/findings.ts";
import type { Publisher } from "../engine/ports.ts";
import type { State } from "../engine/state.ts";
import type { Self } from "./client.ts";
import type { Comments } from "./comments.ts";
import { findingMarker, findingName, renderFinding, withIssue } from "./finding-issue.ts";
import type { Neutral } from "./neutral.ts";
import type { Once } from "./once.ts";
import { place, type Requests } from "./requests.ts";
import type { Outbox } from "../store/outbox.ts";

const Opened = z.object({ number: z.number() });

export interface FindingsOptions {
  readonly requests: Requests;
  readonly once: Once;
  readonly outbox: Pick<Outbox, "read">;
  readonly comments: Pick<Comments, "read" | "edit">;
  readonly neutral: Neutral;
  readonly self: Self;
}

/** `Publisher.openFindings` over its parts. */
export function createFindings({
  requests,
  once,
  outbox,
  comments,
  neutral,
  self,
}: FindingsOptions): Publisher["openFindings"] {
  const keyOf = (state: State, number: number) => `finding:${findingName(state, number)}`;

  /** Opens the issue of a finding, if it is not open. */
  async function openOne(state: State, number: number, text: { title: string; body: string }): Promise<void> {
    const { repo, subject } = state.created;
    const mark = findingMarker(state, number);
    await once({
      key: keyOf(state, number),
      run: undefined,
      kind: "finding",
      payload: { repo: `${repo.owner}/${repo.name}`, about: subject.number, finding: number },
      result: Opened,
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
  }

  return async (state, numbers, commentId) => {
    const { repo } = state.created;
    for (const number of numbers) {
      const finding = findingsOf(state)?.findings[number - 1];
      if (finding) await openOne(state, number, renderFinding(state, number, finding, neutral));
    }
    // Meanwhile people may have ticked others: what they see now is what is edited, and every issue that is open is named.
    const before = await comments.read(repo, commentId);
    if (before === undefined) return;
    let body = before;
    for (const number of ticksIn(before)) {
      const opened = Opened.safeParse((await outbox.read(keyOf(state, number)))?.result);
      if (opened.success) body = withIssue(body, number, opened.data.number);
    }
    if (body !== before) await comments.edit(repo, commentId, body, undefined);
  };
}
