// What the triager is asked: one issue, with the labels it may choose from. The same parts make one conversation (`triager.ts`) and one
// request of a batch (`backlog-requests.ts`): first what is the same for every issue of a repository, so that a prompt cache has it, then the issue.
import type { Tool } from "@anthropic-ai/sdk/resources/messages/messages";
import { issueSection } from "../agents/brief.ts";
import { dataBlock, dataNotice } from "../agents/data-block.ts";
import { finishTool } from "../agents/finish.ts";
import type { EventOf } from "../engine/events.ts";
import { Triage } from "../workflows/artifacts.ts";

export const TRIAGER = "triager";
/** Output tokens of one reply. */
export const TRIAGE_TOKENS = 4_000;
const LABELS_SHOWN = 200;

/** As much of a run's first event as triage needs: the issue, and what its repository has and says. */
export type Issue = Pick<EventOf<"run.created">, "repo" | "subject" | "input" | "labels" | "config">;

export interface TriageBrief {
  /** The same for every issue of the repository, under one boundary. */
  readonly shared: string;
  readonly own: string;
}

/** The brief in its two parts. `share` (0 to 1) is how much of its room each text of the issue may take. */
export function writeTriageBrief({ repo, subject, labels, input }: Issue, boundary: string, share = 1): TriageBrief {
  const shown = labels.slice(0, LABELS_SHOWN);
  const about = subject.kind === "local" ? "A local request" : `The ${subject.kind} #${subject.number}`;
  const shared = [
    "Attempt 1 of 1",
    `Sort one issue of the repository ${repo.owner}/${repo.name}. End by handing in a *Triage*.`,
    dataNotice(boundary),
    `## Existing labels\n\n${dataBlock(boundary, "labels, one per line", shown.length === 0 ? "(none)" : shown.join("\n"), 12_000)}`,
  ];
  const own = [
    `${about}, opened by ${subject.author.login}.`,
    issueSection(input, (label, text, max) => dataBlock(boundary, label, text, Math.ceil(max * share))),
  ];
  return { shared: shared.join("\n\n"), own: `${own.join("\n\n")}\n` };
}

/** The one tool of the triager. */
export function triageTool(): Tool {
  return finishTool(Triage);
}
