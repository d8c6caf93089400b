// Ticked findings become issues, each once, and the report names them.
import { findingsOf, findingsTicked } from "../engine/findings.ts";
import type { Publisher } from "../engine/ports.ts";
import type { State } from "../engine/state.ts";
import type { Comments } from "./comments.ts";
import { findingMarker, findingName, renderFinding, withIssue } from "./finding-issue.ts";
import type { Neutral } from "./neutral.ts";
import { OpenedIssue, type OpenOwnIssue } from "./own-issue.ts";
import type { Outbox } from "../store/outbox.ts";

export interface FindingsOptions {
  readonly open: OpenOwnIssue;
  readonly outbox: Pick<Outbox, "read">;
  readonly comments: Pick<Comments, "read" | "edit">;
  readonly neutral: Neutral;
}

/** `Publisher.openFindings` over its parts. */
export function createFindings({ open, outbox, comments, neutral }: FindingsOptions): Publisher["openFindings"] {
  const keyOf = (state: State, number: number) => `finding:${findingName(state, number)}`;

  return async (state, numbers, commentId) => {
    const { repo, subject } = state.created;
    for (const number of numbers) {
      const finding = findingsOf(state)?.findings[number - 1];
      if (!finding) continue;
      await open(repo, {
        key: keyOf(state, number),
        kind: "finding",
        payload: { repo: `${repo.owner}/${repo.name}`, about: subject.number, finding: number },
        what: `a finding of #${subject.number}`,
        mark: findingMarker(state, number),
        ...renderFinding(state, number, finding, neutral),
      });
    }
    // Meanwhile people may have ticked others: what they see now is what is edited, and every issue that is open is named.
    const before = await comments.read(repo, commentId);
    if (before === undefined) return;
    let body = before;
    for (const number of findingsTicked(before, "")) {
      const opened = OpenedIssue.safeParse((await outbox.read(keyOf(state, number)))?.result);
      if (opened.success) body = withIssue(body, number, opened.data.number);
    }
    if (body !== before) await comments.edit(repo, commentId, body, undefined);
  };
}
