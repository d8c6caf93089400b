// The verbs of `/agent`, as one table: how each is written, what it does, who may, and which flags it takes.
// Who may (UX: triage and up ask and stop; write and up start work that changes code; maintain and up approve, override, raise budgets).

import type { HelpLine } from "../engine/reply.ts";
import type { CommandRoute } from "../workflows/names.ts";

/** The collaborator roles of GitHub, weakest first. */
export const roles = ["none", "read", "triage", "write", "maintain", "admin"] as const;
export type Role = (typeof roles)[number];

/** True when `role` is `needed` or stronger. */
export function isAtLeast(role: Role, needed: Role): boolean {
  return roles.indexOf(role) >= roles.indexOf(needed);
}

/** Who may, in words: "people with the role write, maintain or admin". */
export function whoMay(needed: Role): string {
  const able = roles.slice(roles.indexOf(needed));
  const last = able.at(-1) ?? "admin";
  const list = able.length < 2 ? last : `${able.slice(0, -1).join(", ")} or ${last}`;
  return `people with the role ${list} in this repository`;
}

/** What each flag says, for the documents. */
export const flags = {
  budget: { usage: "--budget $3", summary: "what the run may spend, at most what the repository allows" },
  "max-time": { usage: "--max-time 20m", summary: "how long it may take" },
  workflow: { usage: "--workflow name", summary: "the workflow, without triage" },
  model: {
    usage: "--model deep",
    summary:
      "`fast`, `balanced` or `deep`: every agent of the run's stages uses this tier of model at least. Which model a tier is, `models` in `.github/baton.yml` says; a model's own name is refused",
  },
  base: {
    usage: "--base branch",
    summary:
      "begin from this branch, which must be there, and open the pull request onto it. Workflows, agents and `AGENTS.md` are those of that branch; `.github/baton.yml` is the default branch's",
  },
  "dry-run": {
    usage: "--dry-run",
    summary:
      "work and verify, and publish neither a branch nor a pull request. The card and a comment at the end say what would have been opened, with the files and lines that change",
  },
} as const;
export type FlagName = keyof typeof flags;

function isFlag(name: string): name is FlagName {
  return Object.hasOwn(flags, name);
}

export const flagNames: readonly FlagName[] = Object.keys(flags).filter(isFlag);

export interface Verb {
  readonly usage: string;
  readonly summary: string;
  /** The weakest role that may. */
  readonly may: Role;
  readonly flags: readonly FlagName[];
  /** It starts the workflow that this type of work is routed to: the one of that name, where the repository does not say otherwise. */
  readonly route?: "feature" | "refactor" | CommandRoute;
}

const aside = ["budget", "max-time", "model", "base", "dry-run"] as const;
const work = [...aside, "workflow"] as const;

export const verbs = {
  triage: { usage: "triage", summary: "sort the issue, without starting work", may: "triage", flags: [] },
  fix: {
    usage:
      "fix [what matters] [--budget $3] [--max-time 20m] [--workflow name] [--model deep] [--base branch] [--dry-run]",
    summary: "work the issue and open a draft pull request",
    may: "write",
    flags: work,
  },
  implement: {
    usage:
      "implement [what matters] [--budget $3] [--max-time 20m] [--workflow name] [--model deep] [--base branch] [--dry-run]",
    summary: "build a feature: a plan first, which waits for approval, then the work and a draft pull request",
    may: "write",
    flags: work,
    route: "feature",
  },
  plan: {
    usage:
      "plan [what matters] [--budget $3] [--max-time 20m] [--workflow name] [--model deep] [--base branch] [--dry-run]",
    summary: "the same: write a plan and wait for approval",
    may: "write",
    flags: work,
    route: "feature",
  },
  refactor: {
    usage:
      "refactor [what matters] [--budget $3] [--max-time 20m] [--workflow name] [--model deep] [--base branch] [--dry-run]",
    summary: "restructure code without changing what it does: a plan first, then the work and a draft pull request",
    may: "write",
    flags: work,
    route: "refactor",
  },
  audit: {
    usage:
      "audit [what matters] [--budget $3] [--max-time 20m] [--workflow name] [--model deep] [--base branch] [--dry-run]",
    summary: "look through the code and report",
    may: "write",
    flags: work,
    route: "audit",
  },
  do: {
    usage: "do <anything> [--budget $3] [--max-time 20m] [--workflow name] [--model deep] [--base branch] [--dry-run]",
    summary: "let an orchestrator conduct agents until it is done: a report, or a draft pull request",
    may: "write",
    flags: work,
    route: "do",
  },
  background: {
    usage:
      "background <task> [--budget $3] [--max-time 20m] [--workflow name] [--model deep] [--base branch] [--dry-run]",
    summary: "the same aside: a report on the work done, files, next steps, blockers and status",
    may: "write",
    flags: work,
    route: "background",
  },
  test: {
    usage: "test [what] [--budget $3] [--max-time 20m] [--workflow name] [--model deep] [--base branch] [--dry-run]",
    summary:
      "write the tests that are missing, each seen to fail when the code is broken, and open a draft pull request",
    may: "write",
    flags: work,
    route: "test",
  },
  review: {
    usage: "review [what matters] [--budget $3] [--max-time 20m] [--workflow name] [--model deep]",
    summary: "look through this pull request and comment on its lines; nothing is approved, and nothing is changed",
    may: "write",
    flags: ["budget", "max-time", "workflow", "model"],
    route: "review",
  },
  init: {
    usage: "init [what matters] [--budget $3] [--max-time 20m] [--model deep] [--base branch] [--dry-run]",
    summary: "try this repository's commands, and propose a configuration and agents for it as a draft pull request",
    may: "maintain",
    flags: aside,
    route: "init",
  },
  retrospective: {
    usage: "retrospective [what matters] [--budget $3] [--max-time 20m] [--model deep] [--base branch] [--dry-run]",
    summary: "look back at closed pull requests and failed runs, and propose lessons as a draft pull request",
    may: "maintain",
    flags: aside,
    route: "retrospective",
  },
  approve: {
    usage: "approve [with: changes]",
    summary: "approve the plan that waits, as it is or with changes that are worked in first",
    may: "maintain",
    flags: [],
  },
  reject: {
    usage: "reject [: why]",
    summary: "send the plan that waits back with a reason; without one the run ends",
    may: "maintain",
    flags: [],
  },
  tell: {
    usage: "tell <anything>",
    summary:
      "answer the questions a run waits with, or ended with in its pull request; where none waits, tell the agents at work before their next step",
    may: "write",
    flags: [],
  },
  retry: {
    usage: "retry [stage]",
    summary: "go on with the last run, from the stage it ended in or from the named one",
    may: "write",
    flags: [],
  },
  restart: {
    usage:
      "restart [what matters] [--budget $3] [--max-time 20m] [--workflow name] [--model deep] [--base branch] [--dry-run]",
    summary: "end the run and begin a new one with the issue's text as it is now",
    may: "write",
    flags: work,
  },
  revise: {
    usage: "revise [what]",
    summary: "change the pull request: as the words say, and as open threads of its review ask",
    may: "write",
    flags: [],
  },
  rebase: {
    usage: "rebase",
    summary: "merge the base of the pull request into its branch, and verify everything anew",
    may: "write",
    flags: [],
  },
  pause: { usage: "pause", summary: "hold the run until somebody resumes it", may: "triage", flags: [] },
  resume: {
    usage: "resume",
    summary: "go on with a run that is paused or waits, or with a pull request that people pushed to, on top of that",
    may: "write",
    flags: [],
  },
  budget: {
    usage: "budget <amount>",
    summary: "set what the run may spend; a run that is out of budget goes on",
    may: "maintain",
    flags: [],
  },
  stop: { usage: "stop", summary: "end the run at once", may: "triage", flags: [] },
  ignore: {
    usage: "ignore",
    summary: "leave this issue alone from now on: nothing begins here by itself, and what runs goes on",
    may: "triage",
    flags: [],
  },
  status: { usage: "status", summary: "say how the run stands", may: "triage", flags: [] },
  why: { usage: "why", summary: "say why the issue was routed as it was", may: "triage", flags: [] },
  help: { usage: "help", summary: "list these commands", may: "triage", flags: [] },
} as const satisfies Record<string, Verb>;

export type VerbName = keyof typeof verbs;

export function isVerb(name: string): name is VerbName {
  return Object.hasOwn(verbs, name);
}

/** What a verb is. */
export function verbOf(name: VerbName): Verb {
  return verbs[name];
}

/**
 * Who may have a run of this workflow, whatever the words that ask for it: whoever may give every verb that starts it. A route that names
 * another workflow takes nothing from what the one of the verb's own name needs.
 */
export function mayRun(workflow: string, routes: Readonly<Partial<Record<string, string>>>): Role {
  const starting = Object.values<Verb>(verbs).filter(
    ({ route }) => route !== undefined && (route === workflow || routes[route] === workflow),
  );
  return starting.reduce<Role>((strongest, { may }) => (isAtLeast(may, strongest) ? may : strongest), "none");
}

/** Every verb, as `help` and the documents show it. */
export function helpLines(): HelpLine[] {
  return Object.values<Verb>(verbs).map(({ usage, summary, may }) => ({
    usage: `/agent ${usage}`,
    summary,
    who: `${may} and up`,
  }));
}
