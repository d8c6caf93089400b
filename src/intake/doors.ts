// The doors by which things come in, as one table: what each does, who may, and what is answered when that is refused. The code that opens
// them takes who may from here, and docs/commands.md is made from it.
import type { Intent } from "./intent.ts";
import type { Role } from "./verbs.ts";

export interface Door {
  readonly name: string;
  readonly does: string;
  /** The weakest role that may; `none`: whoever can do it on GitHub. A verb, and the workflow that is named, may need more. */
  readonly may: Role;
  /** More on who may, where the role does not say all. */
  readonly more?: string;
  readonly refused: string;
}

export const doors = {
  opened: {
    name: "a new issue",
    does: "sorts it, where `triggers.onOpened` says so; work begins by itself for types in `triggers.autoStart`, where nobody is assigned",
    may: "none",
    more: "everybody; bots that `triggers.bots` names",
    refused: "nothing",
  },
  label: {
    name: "the label `agent` or `agent:<type>`",
    does: "starts work, by the workflow of that type",
    may: "write",
    more: "not where somebody else is assigned, or the label `duplicate` is",
    refused: "a comment, and the label is taken off; a bot that is not listed is told nothing",
  },
  assigned: {
    name: "an assignment to Baton",
    does: "the same as the label `agent`",
    may: "write",
    refused: "a comment; a bot that is not listed is told nothing",
  },
  comment: {
    name: "a command in a comment",
    does: "what its verb says",
    may: "triage",
    more: "more where the verb needs it",
    refused: "a comment, once per person and reason; a bot that is not listed is told nothing",
  },
  reply: {
    name: "a comment without a command, on an issue where Baton's questions wait",
    does: "answers them, and the run goes on",
    may: "write",
    more: "whoever opened the issue may as well; no bots",
    refused: "nothing: it is a comment like every other",
  },
  dispatch: {
    name: "a command by `repository_dispatch`",
    does: "what its verb says, but for answers to a plan or to questions",
    may: "triage",
    more: "more where the verb needs it; starts no work where somebody else is assigned, or the label `duplicate` is",
    refused: "a comment on the issue it names; a bot that is not listed is told nothing",
  },
  button: {
    name: "a button of Baton's check run on its pull request",
    does: "Stop and Retry: what `/agent stop` and `/agent retry` do there",
    may: "triage",
    more: "more where the verb needs it; bots only where `triggers.bots` names them",
    refused: "a comment on the pull request, once per person and reason",
  },
  box: {
    name: "a tick in Baton's dashboard",
    does: "starts, retries or approves, as `/agent fix`, `/agent retry` and `/agent approve` do on that issue",
    may: "triage",
    more: "more where the verb needs it; starts no work where somebody else is assigned, or the label `duplicate` is; no bots",
    refused: "a comment on that issue, once per person and reason, and the box is put back",
  },
  schedule: {
    name: "`schedules` in `.github/baton.yml`",
    does: "starts the workflow by the clock",
    may: "maintain",
    more: "whoever changes that file on the default branch counts as that",
    refused: "nothing; a workflow that does not exist, and runs that go in circles, are told once, on the issue",
  },
  plan: {
    name: "an edit of Baton's comment with a plan",
    does: "approves the plan as it stands there then",
    may: "maintain",
    more: "no bots",
    refused: "a comment, once for each plan and person, and the plan is put back",
  },
  ticks: {
    name: "a tick in Baton's report",
    does: "makes an issue of the finding",
    may: "triage",
    more: "no bots",
    refused: "a comment, once for each report and person",
  },
  review: {
    name: "a review of Baton's pull request that asks for changes, or has new remarks",
    does: "has the run that opened it go on with what was said",
    may: "write",
    more: "bots only where `triggers.bots` names them; more where the workflow needs it",
    refused: "nothing; whoever may is told why it is not followed now",
  },
  "pull-closed": {
    name: "Baton's pull request is closed or merged",
    does: "is noted on the card and ends a revision under way; a merged one's branch is removed",
    may: "none",
    more: "whoever may do that on GitHub",
    refused: "nothing",
  },
  checks: {
    name: "checks on the commit of Baton's pull request have ended",
    does: "shows on the card what they come to; those that failed run once more, and what fails again is repaired",
    may: "none",
    more: "whoever may run checks on GitHub",
    refused: "nothing; runs that go in circles are told once, on the issue",
  },
  base: {
    name: "somebody pushes to the branch that Baton's pull request goes into",
    does: "where they conflict now, the branch is merged into the pull request's, and everything is verified anew; else nothing",
    may: "none",
    more: "whoever may push there",
    refused: "nothing; runs that go in circles are told once, on the issue",
  },
  closed: {
    name: "the issue is closed, or the pull request that is under review",
    does: "ends the run under way",
    may: "none",
    more: "whoever may close it on GitHub",
    refused: "nothing",
  },
  edited: {
    name: "the issue's text is edited",
    does: "is noted on the card; the run goes on with the text it began with",
    may: "none",
    more: "whoever may edit it on GitHub",
    refused: "nothing",
  },
  lost: {
    name: "the issue is locked, moved or deleted",
    does: "ends the run under way",
    may: "none",
    more: "whoever may do that on GitHub",
    refused: "nothing",
  },
} as const satisfies Record<Intent["door"], Door>;
