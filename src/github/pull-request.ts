// What a pull request says: what Baton has verified apart from what agents claim. Pure, and short enough to read in half a minute.
import { formatDollars } from "../core/ids.ts";
import type { Sha } from "../core/ids.ts";
import { lessonsOf } from "../engine/hindsight.ts";
import { proposalOf } from "../engine/proposal.ts";
import { setupOf } from "../engine/setup.ts";
import { shownAfter, wantedBy } from "../engine/pull-state.ts";
import { makesTestsAlone } from "../engine/stage-order.ts";
import { artifactOf, changeOf, isPublished, totalCost, workedMs, type State } from "../engine/state.ts";
import type { FileChange } from "../workspace/file-change.ts";
import { baseLine } from "./base-line.ts";
import { gateRemarks, gateTable, passedGates } from "./gate-table.ts";
import {
  bullets,
  commandText,
  count,
  duration,
  folded,
  labelled,
  marker,
  MAX_BODY,
  seconds,
  stack,
  table,
} from "./markdown.ts";
import type { Neutral } from "./neutral.ts";
import { missingPart, planOutcome } from "./plan-outcome.ts";
import type { Links } from "./progress.ts";
import { lessonsPart } from "./lessons-part.ts";
import { setupPart } from "./setup-part.ts";
import { SCHEDULED } from "./schedule-issue.ts";
import { startCommand } from "./start-command.ts";

export interface PullRequestFacts {
  /** The verified commit, in Baton's own clone. */
  readonly head: Sha;
  /** Its git tree, which is the published commit's tree too. */
  readonly tree: Sha;
  /** What differs from the base. */
  readonly changes: readonly FileChange[];
  /** The repository's own template at the base commit, if it has one. */
  readonly template: string | undefined;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly neutral: Neutral;
  readonly links: Links;
}

/** The hidden first line of a run's pull request. */
export function pullRequestMarker(state: State): string {
  return marker("pull", state.runId);
}

const conventional = /^(?:feat|fix|chore|docs|refactor|test|perf|build|ci|style)(?:\([^)]*\))?!?: \S/;

/** The title, in the style of the latest ones: "fix: …" where at least half of them are conventional commits, else "Fix: …". */
export function pullRequestTitle(state: State, recentTitles: readonly string[], neutral: Neutral): string {
  const style = recentTitles.filter((title) => conventional.test(title)).length;
  const isConventional = style > 0 && style * 2 >= recentTitles.length;
  const proposal = proposalOf(state)?.proposal.kind;
  if (proposal) {
    const words = { setup: "Set up Baton", lessons: "Lessons from earlier runs" }[proposal];
    return isConventional ? `chore: ${uncapital(words)}` : words;
  }
  const type = state.routed?.triage?.type ?? state.workflow?.name ?? "bug";
  const verb =
    type === "bug"
      ? "fix"
      : type === "feature"
        ? "feat"
        : type === "refactor" || type === "docs" || type === "test"
          ? type
          : "chore";
  const plain = { fix: "Fix", feat: "Add", refactor: "Refactor", docs: "Document", test: "Test", chore: "Change" }[
    verb
  ];
  const words = neutral
    .plain(state.created.input.title, 100)
    .replace(/^\s*(?:\[(?:bug|feature|docs)[^\]]*\]|(?:bug|fix|feat|feature|docs)(?:\([^)]*\))?:)\s*/i, "")
    .replace(/[.\s]+$/, "");
  const subject = words === "" ? `issue ${state.created.subject.number}` : words;
  return isConventional ? `${verb}: ${uncapital(subject)}` : `${plain}: ${subject}`;
}

function uncapital(text: string): string {
  return /^[A-Z][a-z]/.test(text) ? text.charAt(0).toLowerCase() + text.slice(1) : text;
}

/** How a pull request names the issue that it leaves open. */
export const ASKED_FOR_IN = "Asked for in";

/** A proposal answers a command, whatever the issue is about, and so do tests alone; and a schedule goes on. */
function staysOpen(state: State): boolean {
  const { request, config, subject, input } = state.created;
  if (proposalOf(state) !== undefined || testsOf(state) !== undefined || request.door === "schedule") return true;
  // Whoever has it worked by hand there does not end the schedule.
  const own = subject.author.login.endsWith("[bot]") && input.title.startsWith(SCHEDULED);
  return own || config.schedules.some(({ issue }) => issue === subject.number);
}

const reasons = {
  checks: "because checks failed",
  people: "as people asked",
  base: "to bring it together with its base",
} as const;

function changedSince({ revision }: State): string {
  if (!revision) return "No person has reviewed it yet.";
  return `Changed since, ${reasons[wantedBy(revision)]}; nobody has approved it.`;
}

/** The body, at most `MAX_BODY` characters. */
export function pullRequestBody(state: State, facts: PullRequestFacts): string {
  const { neutral } = facts;
  const { subject } = state.created;
  const essentials = [
    pullRequestMarker(state),
    `${subject.kind === "issue" ? `${staysOpen(state) ? ASKED_FOR_IN : "Closes"} #${subject.number} · ` : ""}_Made by a machine: Baton and its agents. ${changedSince(state)}_`,
    facts.links.startsNoChecks === true ? noChecks : "",
    missingPart(state, neutral),
    whatAndWhy(state, neutral),
    setupPart(state, neutral),
    lessonsPart(state, neutral),
    baseLine(state, neutral, true),
    verified(state, facts),
    planOutcome(state, neutral),
    claimed(state, neutral),
    footer(state, facts),
  ];
  const template = facts.template?.trim()
    ? folded("This repository's pull request template", facts.template.slice(0, 10_000).trim())
    : "";
  const full = stack(...essentials, allCommands(state, neutral), template);
  return full.length <= MAX_BODY ? full : stack(...essentials).slice(0, MAX_BODY);
}

/** What a person has to do where the token is the one that GitHub gives to a workflow. */
const noChecks =
  "**No CI has started here**: GitHub starts none for what a workflow does with its own token. Close this pull request and open it again, and it starts. With an App's token it starts by itself.";

/** Of more revisions than these the latest are told. */
const SINCE = 5;

function whatAndWhy(state: State, neutral: Neutral): string {
  const diagnosis = artifactOf(state, "Diagnosis")?.artifact.value;
  const change = changeOf(state);
  // What was asked for in review is a change of the change: what it was made for is said first.
  const [first, ...since] = isPublished(state) ? state.shown : shownAfter(state, change?.summary);
  const tests = testsOf(state);
  return stack(
    tests &&
      labelled(
        "**These tests**, and nothing else. What they cover, as the agents put it:",
        neutral.prose(tests.covers, 1_500),
      ),
    diagnosis && labelled("**Root cause**, as the agents explain it:", neutral.prose(diagnosis.rootCause, 1_500)),
    first !== undefined && labelled("**This change**:", neutral.prose(first.said, 1_500)),
    ...since
      .slice(-SINCE)
      .map(({ said, because }) => labelled(`**Changed since**, ${reasons[because]}:`, neutral.prose(said, 800))),
  );
}

/** The tests of a run that adds tests alone. */
function testsOf(state: State) {
  return makesTestsAlone(state.workflow) ? artifactOf(state, "Characterization")?.artifact.value : undefined;
}

function verified(state: State, { neutral, head, tree, changes }: PullRequestFacts): string {
  const gates = passedGates(state);
  const files = (label: string, paths: readonly string[] | undefined) =>
    paths ? ` ${label}: ${paths.map((file) => neutral.code(file, 200)).join(", ")}.` : "";
  const reproduction = artifactOf(state, "Reproduction")?.artifact.value;
  const characterization = artifactOf(state, "Characterization")?.artifact.value;
  const added = changes.reduce((sum, change) => sum + change.added, 0);
  const removed = changes.reduce((sum, change) => sum + change.removed, 0);
  return stack(
    "### Verified by Baton",
    "Run by Baton itself in fresh clones, no model involved.",
    gateTable(state, gates, { neutral, head }),
    bullets([
      `The head commit of this branch has exactly the tree that was verified: \`${tree.slice(0, 12)}\` (base \`${state.base.commit.slice(0, 10)}\`, verified as \`${head.slice(0, 10)}\`).`,
      `${count(changes.length, "file")} changed, +${added} −${removed}.${files("Reproduction", reproduction?.testFiles)}${files(testsOf(state) ? "Tests" : "Pinned behaviour", characterization?.testFiles)}`,
      ...gateRemarks(gates, neutral),
    ]),
  );
}

function claimed(state: State, neutral: Neutral): string {
  const diagnosis = artifactOf(state, "Diagnosis")?.artifact.value;
  const change = changeOf(state);
  const review = artifactOf(state, "Review")?.artifact.value;
  const characterization = artifactOf(state, "Characterization")?.artifact.value;
  const findings = review?.findings.slice(0, 8).map(({ severity, path, line, message }) => {
    const place = path === undefined ? "" : ` ${neutral.code(`${path}${line === undefined ? "" : `:${line}`}`, 200)}`;
    return `  - ${severity}${place}: ${neutral.line(message, 300)}`;
  });
  const setup = setupOf(state)?.value;
  const lessons = lessonsOf(state)?.value;
  const plan = artifactOf(state, "Plan")?.artifact.value;
  const items = [
    lessons && `**What was seen:** ${neutral.line(lessons.summary, 1_500)}`,
    setup && `**About this repository:** ${neutral.line(setup.summary, 1_500)}`,
    ...(setup?.notes ?? []).map((note) => neutral.line(note, 500)),
    characterization &&
      !testsOf(state) &&
      `**What the pinned tests cover:** ${neutral.line(characterization.covers, 700)}`,
    diagnosis && `**Approach:** ${neutral.line(diagnosis.approach, 700)}`,
    diagnosis && `**Risk:** ${neutral.line(diagnosis.risk, 400)}`,
    plan &&
      plan.risks.length > 0 &&
      [
        "**Risks**, as the plan names them:",
        ...plan.risks.slice(0, 5).map((risk) => `  - ${neutral.line(risk, 300)}`),
      ].join("\n"),
    review &&
      [
        `**Review** by another agent: ${review.verdict === "approve" ? "approved" : "changes wanted"}`,
        ...(findings ?? []),
      ].join("\n"),
    change &&
      change.followUps.length > 0 &&
      `**Left for later:** ${change.followUps
        .slice(0, 5)
        .map((item) => neutral.line(item, 200))
        .join("; ")}`,
  ].filter((item): item is string => typeof item === "string");
  return items.length === 0
    ? ""
    : stack("### Claimed by the agents", "Not checked by anything but other models.", bullets(items));
}

function footer(state: State, { links, now }: PullRequestFacts): string {
  const page = links.run?.(state.runId);
  const run = page === undefined ? `run \`${state.runId}\`` : `[run ${state.runId}](${page})`;
  return stack(
    `**Cost:** ${formatDollars(totalCost(state))} · ${count(state.spend.turns, "model turn")} · ${duration(workedMs(state, now))} · ${run}`,
    `**To steer:** ask for changes in a review, or write \`/agent revise <what>\` here: each thread is answered. Push to this branch whenever you like: Baton never overwrites a person's commits, and never merges. For another try, close this and write \`${startCommand(state)} <advice>\` on the issue; \`/agent why\` explains.`,
  );
}

function allCommands(state: State, neutral: Neutral): string {
  const rows = passedGates(state).flatMap((gate) =>
    gate.evidence.map((evidence) => [
      gate.gate,
      neutral.cell(evidence.label, 120),
      neutral.codeCell(commandText(evidence.argv), 160),
      `\`${evidence.commit.slice(0, 10)}\``,
      evidence.exitCode === null ? "killed" : String(evidence.exitCode),
      seconds(evidence.seconds),
    ]),
  );
  if (rows.length === 0) return "";
  const head = ["Gate", "What for", "Command", "Commit", "Exit code", "Seconds"];
  return folded(`All ${rows.length} commands Baton ran`, table(head, rows.slice(0, 60)));
}
