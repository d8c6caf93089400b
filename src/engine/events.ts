// The facts a run consists of. Append-only and never edited: an old shape stays readable for ever.
// Everything else (state, card, pull-request body, cost) is a fold of these.
import { z } from "zod";
import { isRunId, type RunId } from "../core/ids.ts";
import { FileChange } from "../workspace/file-change.ts";
import { Artifact, Excerpt, Plan, Triage } from "../workflows/artifacts.ts";
import { modelTiers } from "../workflows/names.ts";
import { RepoConfig } from "../workflows/repo-config.ts";
import { Tried } from "../workflows/setup.ts";
import { allGates, waits, Workflow } from "../workflows/schema.ts";
import { baseEvents, NewBase } from "./base-events.ts";
import { boardEvents } from "./board-events.ts";
import { checkEvents, FailedCheck } from "./check-events.ts";
import { waitReasons, losses, sessionReasons, Failure, outcomes } from "./event-words.ts";
import { Amount, Sha, Spend, Thread, type Task as BoardTask, unitFields as stage } from "./event-fields.ts";
import { fleetEvents } from "./fleet-events.ts";
import { Circle } from "./circles.ts";
import { Hop } from "./hops.ts";
import { keptEvents } from "./kept-events.ts";
import { proposalEvents } from "./proposal-events.ts";
import { PulledAt, reviewEvents } from "./review-events.ts";
import { talkEvents } from "./talk-events.ts";

export { addSpend, noSpend, Spend } from "./event-fields.ts";

export * from "./event-words.ts";

const text = z.string().max(100_000);

/** A repository as a run knows it. `id` is GitHub's, 0 for a local folder. */
export const RepoRef = z.strictObject({
  id: z.number().int().nonnegative(),
  owner: z.string(),
  name: z.string(),
  private: z.boolean(),
  defaultBranch: z.string(),
  /** Where git fetches from: an https address, or an absolute path for a local run. Never holds a credential. */
  cloneUrl: z.string(),
  /** The App's installation, absent when a token or no GitHub at all is used. */
  installationId: z.number().int().positive().optional(),
});
export type RepoRef = z.infer<typeof RepoRef>;

export const Person = z.strictObject({ login: z.string(), id: z.number().int().nonnegative() });
export type Person = z.infer<typeof Person>;

/** What a run is about. A local run has no number on GitHub: number 0 and an empty url. */
export const Subject = z.strictObject({
  kind: z.enum(["issue", "pull", "local"]),
  number: z.number().int().nonnegative(),
  url: z.string(),
  author: Person,
});
export type Subject = z.infer<typeof Subject>;

/** The text a run works from, fixed when it was asked for; later edits are invisible to it. Already sanitised. */
export const PinnedInput = z.strictObject({
  title: text,
  body: text,
  comments: z.array(z.strictObject({ id: z.number().int(), author: Person, body: text })).max(200),
  /** What sanitising removed, in words for the card: "1 HTML comment", "3 invisible characters". */
  dropped: z.array(z.string().max(300)).max(20),
  /** The instruction behind the verb, if any. */
  instruction: text,
  /** SHA-256 (hex) over all of the above. */
  hash: z.string().regex(/^[0-9a-f]{64}$/),
});
export type PinnedInput = z.infer<typeof PinnedInput>;

/** What was asked for and by which door. */
export const Request = z.strictObject({
  door: z.enum(["opened", "label", "assigned", "comment", "cli", "schedule", "dispatch", "box"]),
  by: Person,
  /** The words that asked, quoted on the card: "/agent fix", "label agent:bug". */
  quote: z.string().max(500),
  commentId: z.number().int().optional(),
});
export type Request = z.infer<typeof Request>;

/** Ceilings of a run; the lowest of command, repository and workflow. */
export const Budget = z.strictObject({
  microDollars: Amount,
  turns: z.number().int().positive(),
  milliseconds: z.number().int().positive(),
});
export type Budget = z.infer<typeof Budget>;

/** What a gate saw when it ran one command. */
export const Evidence = z.strictObject({
  /** What this command was for: "reproduction on base, first time". */
  label: z.string().max(200),
  argv: z.array(z.string().max(2_000)).max(50),
  commit: Sha,
  exitCode: z.number().int().nullable(),
  seconds: z.number().nonnegative(),
  outputHash: z.string(),
  tail: z.string().max(8_000),
});
export type Evidence = z.infer<typeof Evidence>;

export const GateResult = z.strictObject({
  gate: z.enum(allGates),
  passed: z.boolean(),
  /** Why, as a code that tests and metrics use: "red", "passes-on-base", "syntax-error", "flaky", "test-skipped" … */
  code: z.string().max(60),
  /** Why, in one line for the card. */
  summary: z.string().max(500),
  /** More lines: failing tests, paths, what was there before. */
  notes: z.array(z.string().max(1_000)).max(50),
  evidence: z.array(Evidence).max(20),
  seconds: z.number().nonnegative(),
  /** Of the gate `tried`. */
  tried: Tried.optional(),
  /** Of the gate `red`: places that were cited, where they really stand on the base. */
  cited: z
    .array(z.strictObject({ path: z.string().max(400), line: z.number().int().positive(), quote: z.string() }))
    .max(5)
    .optional(),
});
export type GateResult = z.infer<typeof GateResult>;

/** Blocks of a message as the Messages API has them, kept as they were sent. */
const blocks = z.array(z.record(z.string(), z.json())).max(1_000);

/** A task of a fan-out: one line of the task board. */
export type Task = z.infer<typeof BoardTask>;

/** What runs of the same workflow cost in this repository before: their number, and what half of them lay between. */
export const Estimate = z.strictObject({
  runs: z.number().int().positive(),
  microDollars: z.tuple([Amount, Amount]),
  milliseconds: z.tuple([z.number().int().nonnegative(), z.number().int().nonnegative()]),
});
export type Estimate = z.infer<typeof Estimate>;

/** What somebody said to a run. `asked` names the command (delivery and place in it), so that it is never taken twice. */
const word = { by: Person, quote: z.string().max(500), asked: z.string().max(200).optional() };

export const RunEvent = z.discriminatedUnion("type", [
  /** First event of every run: who asked for what, about which text, on which commit. */
  z.strictObject({
    type: z.literal("run.created"),
    runId: z.string().refine(isRunId),
    repo: RepoRef,
    subject: Subject,
    request: Request,
    input: PinnedInput,
    base: z.strictObject({ branch: z.string(), commit: Sha }),
    /** Where the pull request stood that is looked through. */
    pull: PulledAt.optional(),
    /** `triage` sorts the issue and stops; `work` goes on with the routed workflow; `auto` does so for types in triggers.autoStart. */
    wanted: z.enum(["triage", "auto", "work"]),
    /** The workflow that was asked for by name; routing is skipped then. */
    workflow: z.string().optional(),
    /** Only ceilings that the command gave; the rest comes from config and workflow. */
    ceilings: z.strictObject({
      dollars: z.number().positive().optional(),
      turns: z.number().int().positive().optional(),
      minutes: z.number().positive().optional(),
    }),
    config: RepoConfig,
    /** Agents of its stages use this tier of model at least. */
    tier: z.enum(modelTiers).optional(),
    /** Labels the repository had at the time; triage may choose from these only. */
    labels: z.array(z.string()).max(1_000),
    dryRun: z.boolean(),
    /** How far it is from a person's word, when a bot asked for it. */
    hop: Hop,
    /** The runs before it went round in circles; a person wanted it all the same. */
    circle: Circle.optional(),
  }),
  /** A driver took the run over; an earlier driver that appends after this is refused. */
  z.strictObject({
    type: z.literal("run.driven"),
    driver: z.string(),
    /** The page of the job of GitHub Actions in which it works, if it does. */
    job: z.string().max(500).optional(),
  }),
  /** Triage answered, or was skipped because the workflow was given. */
  z.strictObject({
    type: z.literal("run.routed"),
    source: z.enum(["model", "heuristic", "asked-for"]),
    triage: Triage.optional(),
    /** What becomes of it: a workflow starts, people are asked, or the run ends after triage. */
    decision: z.discriminatedUnion("kind", [
      z.strictObject({ kind: z.literal("start"), workflow: Workflow, budget: Budget }),
      z.strictObject({
        kind: z.literal("stop"),
        /** The issue that this one repeats, where triage is sure enough that nothing should start. */
        duplicateOf: z.number().int().positive().optional(),
      }),
      z.strictObject({
        kind: z.literal("ask"),
        questions: z.array(z.string().max(1_000)).max(10),
        /** The run waits for answers, and is sorted again with them. Older runs ended with their questions. */
        waits: z.literal(true).optional(),
      }),
    ]),
    /** One line for the card: why this route, and the runner-up. */
    why: z.string().max(1_000),
    spend: Spend,
  }),
  z.strictObject({
    type: z.literal("stage.started"),
    ...stage,
    reasons: z.array(z.string().max(4_000)).max(50),
    /** How long the attempt may take, where the repository's own history says better than the workflow. */
    milliseconds: z.number().int().positive().optional(),
  }),
  /** A conversation of the attempt's agent begins; turns behind it belong to it. */
  z.strictObject({
    type: z.literal("session.started"),
    ...stage,
    session: z.number().int().positive(),
    model: z.string(),
    why: z.enum(sessionReasons),
    /** The first message of the conversation, whole: with it and the exchanges of its turns, a later process goes on. */
    opening: z.string(),
    /** Tools that MCP servers offered in it, as they were declared. */
    tools: blocks.optional(),
    /** How many of the words that people told the run its opening holds; none when absent. */
    heard: z.number().int().positive().optional(),
  }),
  /** One model reply and the tools it called. */
  z.strictObject({
    type: z.literal("agent.turn"),
    ...stage,
    turn: z.number().int().positive(),
    model: z.string(),
    spend: Spend,
    seconds: z.number().nonnegative(),
    text: z.string().max(4_000),
    tools: z
      .array(
        z.strictObject({
          name: z.string(),
          input: z.string().max(2_000),
          ok: z.boolean(),
          output: z.string().max(2_000),
          seconds: z.number().nonnegative(),
        }),
      )
      .max(100),
    /** What the turn added to the conversation, whole: the reply, and what was said back (absent behind the last turn). */
    exchange: z.strictObject({ reply: blocks, stopReason: z.string(), answer: blocks.optional() }).optional(),
    /** So many of the words that people told the run had been said in it when this was replied, where some were new. */
    heard: z.number().int().positive().optional(),
  }),
  z.strictObject({
    type: z.literal("agent.finished"),
    ...stage,
    artifact: Artifact,
    /** Where the attempt's work ends; equals the start for artifacts that carry none. */
    commit: Sha,
    changes: z.array(FileChange).max(2_000),
  }),
  /** What a stage hands on in the place of another, picked from what that handed in. */
  z.strictObject({ type: z.literal("artifact.picked"), ...stage, excerpt: Excerpt }),
  z.strictObject({ type: z.literal("agent.failed"), ...stage, failure: Failure }),
  /** The stage is passed over: its condition does not hold, or it could not be done and the run goes on without it. */
  z.strictObject({
    type: z.literal("stage.skipped"),
    ...stage,
    because: z.enum(["condition", "failure"]),
    /** The result of the run lacks something, and says so. */
    degraded: z.boolean(),
    why: z.string().max(4_000),
  }),
  ...boardEvents,
  /** The run asks people, by a comment of its own, and waits for them when nothing else is left to do. */
  z.strictObject({
    type: z.literal("people.asked"),
    ...stage,
    for: z.enum(waits),
    /** The stage whose plan it is about. */
    about: z.string(),
    questions: z.array(z.string().max(1_000)).max(20),
    estimate: Estimate.optional(),
  }),
  ...fleetEvents,
  ...proposalEvents,
  ...talkEvents,
  z.strictObject({ type: z.literal("gate.checked"), ...stage, result: GateResult }),
  z.strictObject({
    type: z.literal("pull_request.opened"),
    /** 0 for a local run, whose "pull request" is a branch and a text file. */
    number: z.number().int().nonnegative(),
    url: z.string(),
    branch: z.string(),
    /** The published commit; its tree is the verified commit's tree. */
    head: Sha,
    /** The git tree of that commit. */
    tree: Sha.optional(),
    title: z.string(),
  }),
  ...reviewEvents,
  ...keptEvents,
  /** People's words that change a run, appended by the intake while a driver may be at work. */
  z.strictObject({ type: z.literal("stop.requested"), ...word }),
  z.strictObject({ type: z.literal("subject.closed"), by: Person }),
  /** The text of the issue is another one now; the run goes on with the one it began with. Once a run. */
  z.strictObject({ type: z.literal("subject.edited"), by: Person }),
  z.strictObject({ type: z.literal("pause.requested"), ...word }),
  /** Ends a pause, and a wait before its time. */
  z.strictObject({ type: z.literal("resume.requested"), ...word }),
  /** A plan is approved or sent back: with words that must still go into it, or as a person wrote it anew. */
  z.strictObject({
    type: z.literal("plan.judged"),
    ...word,
    stage: z.string(),
    verdict: z.enum(["approved", "rejected"]),
    words: z.string().max(4_000),
    plan: Plan.optional(),
  }),
  /** What was asked is answered. */
  z.strictObject({ type: z.literal("answer.given"), ...word, stage: z.string(), words: z.string().max(4_000) }),
  /** For every agent of the run: those at work are told before their next request, those that begin later as they begin. */
  z.strictObject({ type: z.literal("words.told"), ...word, words: z.string().max(4_000) }),
  /** The ceiling in money since creation or the last retry is another one now. */
  z.strictObject({
    type: z.literal("budget.changed"),
    ...word,
    microDollars: Amount,
  }),
  /** What the run is about, or may be worked with, is no longer there. */
  z.strictObject({ type: z.literal("subject.lost"), loss: z.enum(losses), message: z.string().max(1_000) }),
  /** The run waits and holds no worker: until a time (milliseconds since 1970), or until somebody says so. */
  z.strictObject({
    type: z.literal("run.parked"),
    reason: z.enum(waitReasons),
    message: z.string().max(2_000),
    until: z.number().int().positive().optional(),
  }),
  z.strictObject({
    type: z.literal("retry.requested"),
    ...word,
    stage: z.string().optional(),
    /** The comment that asked for it, where one did. */
    commentId: z.number().int().optional(),
  }),
  /** Somebody wants changes in the pull request the run opened: `stage` is worked again, and all behind it. */
  z.strictObject({
    type: z.literal("revision.requested"),
    ...word,
    stage: z.string(),
    words: z.string().max(8_000),
    threads: z.array(Thread).max(50),
    /** The comment that asked for it, where one did. */
    commentId: z.number().int().optional(),
    /** What people pushed to its branch, which the work goes on from. */
    onto: Sha.optional(),
    /** Where no person asked: the checks on its commit that failed. */
    checks: z.array(FailedCheck).min(1).max(10).optional(),
    /** Everything is brought to this base, and judged anew. */
    base: NewBase.optional(),
  }),
  ...baseEvents,
  /** Somebody else pushed to the pull request's branch, whose head was this when Baton looked. */
  z.strictObject({ type: z.literal("branch.taken"), by: Person, head: Sha }),
  /** A person gives it to Baton again, as it is: what is changed from now on goes on from there. */
  z.strictObject({ type: z.literal("branch.given"), ...word, onto: Sha }),
  ...checkEvents,
  /** The pull request was closed; `merged`: its changes are in the base. */
  z.strictObject({ type: z.literal("pull_request.closed"), by: Person, merged: z.boolean() }),
  z.strictObject({
    type: z.literal("run.finished"),
    outcome: z.enum(outcomes),
    /** Why, as a code: a failure code, a gate's code, an ending, "stopped", "issue-closed", "budget-dollars" … */
    code: z.string().max(60),
    /** Why, in words for the card. */
    message: z.string().max(4_000),
  }),
]);
export type RunEvent = z.infer<typeof RunEvent>;
export type EventOf<T extends RunEvent["type"]> = Extract<RunEvent, { type: T }>;

/** An event as the log keeps it. `version` counts from 1 within the run; `at` is milliseconds since 1970 by the log's clock. */
export interface RecordedEvent {
  readonly version: number;
  readonly at: number;
  readonly event: RunEvent;
}

/** A run by some of its events, oldest first. */
export interface PastRun {
  readonly run: RunId;
  readonly events: readonly RecordedEvent[];
}
