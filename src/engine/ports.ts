// What the engine needs from the world, as small interfaces. agents/, gates/, triage/, store/, intake/ and github/ implement or use them;
// `baton.ts` puts them together. Implementations never throw for an expected outcome: that is a value.
import type { MicroDollars, RunId, Sha } from "../core/ids.ts";
import type { Artifact, ArtifactName } from "../workflows/artifacts.ts";
import type { FileChange } from "../workspace/file-change.ts";
import type { RepoConfig } from "../workflows/repo-config.ts";
import type { GateName, ModelTier, Workflow } from "../workflows/schema.ts";
import type {
  Estimate,
  EventOf,
  Failure,
  GateResult,
  PinnedInput,
  Person,
  RecordedEvent,
  RepoRef,
  RunEvent,
  Spend,
  Subject,
  WaitReason,
} from "./events.ts";
import type { Fleet } from "./fleet-port.ts";
import type { Part } from "./part.ts";
import type { Reply } from "./reply.ts";
import type { State } from "./state.ts";

/** The append-only log of every run. Time is the log's own clock. */
export interface EventLog {
  /** Writes the first event, unless another unfinished run has the same repository and subject: then that run is named and nothing is written. Atomic. */
  create(event: EventOf<"run.created">): Promise<{ type: "created" } | { type: "taken"; by: RunId }>;
  /** Appends when the log is still at `expected`; otherwise says where it is. All events or none. */
  append(
    run: RunId,
    expected: number,
    events: readonly RunEvent[],
  ): Promise<{ type: "appended"; version: number } | { type: "conflict"; version: number }>;
  /** The events after version `after` (default 0: all), oldest first; empty for an unknown run. Throws `invalid-event` for a row that does not parse. */
  read(run: RunId, after?: number): Promise<RecordedEvent[]>;
  /** Calls `listener` soon after anything was appended, by whichever process. May call it more than once. */
  follow(listener: (run: RunId) => void): Disposable;
  /** Runs without a final event, oldest first. */
  unfinished(): Promise<RunId[]>;
  /** Runs that ended in the last so many milliseconds, oldest first. */
  endedWithin(milliseconds: number): Promise<RunId[]>;
  /** Runs, newest first: at most `limit`, of one repository ("owner/name") if it is given, unfinished ones only if asked. */
  list(options: { limit: number; repo?: string | undefined; unfinished?: boolean | undefined }): Promise<RunLine[]>;
  /** Unfinished runs in these repositories (GitHub's ids) or of this installation, oldest first. */
  unfinishedOn(ground: { repositories?: readonly number[]; installation?: number | undefined }): Promise<RunId[]>;
  /** Runs about a subject, newest first. */
  runsOf(repo: Pick<RepoRef, "id" | "owner" | "name">, subject: Pick<Subject, "number">): Promise<RunId[]>;
}

/** One line of a list of runs, newest first. Times in milliseconds since 1970. */
export interface RunLine {
  readonly run: RunId;
  readonly repo: { readonly owner: string; readonly name: string };
  readonly subject: number;
  readonly createdAt: number;
  readonly finishedAt: number | undefined;
  readonly outcome: string | undefined;
  readonly workflow: string | undefined;
  /** The stage that was started last. */
  readonly stage: string | undefined;
  /** Spent on models. */
  readonly spent: MicroDollars;
  /** When somebody should drive it; undefined while it waits for a person, and behind its end. */
  readonly dueAt: number | undefined;
  /** True while a worker that lives drives it. */
  readonly held: boolean;
}

/**
 * Whose turn it is, across all workers of a database. A claimed run is this worker's as long as the worker shows that it lives;
 * time is the database's clock, never a worker's.
 */
/**
 * `afterMs`: it is not due before that. `rests`: the version at which its driver found nothing to do and no time to wait for: it is not
 * due before something else is said of it.
 */
export type Release = { readonly afterMs: number } | { readonly rests: number };

export interface Claims {
  /**
   * Takes the due run that nobody holds and whose repository and installation have waited longest; undefined when there is none, or the
   * limits say no. Never one that it gave before and that was not released since, even when others could have taken it meanwhile.
   */
  next(): Promise<RunId | undefined>;
  /** Gives a run back. When it is due again its last event says, but for what the release says of it. */
  release(run: RunId, until?: Release): Promise<void>;
  /** Throws `fence-lost` unless this worker holds the run now. */
  assure(run: RunId): Promise<void>;
  /** Shows that this worker lives, and says in how many milliseconds the next unheld run is due (0: now; undefined: none is). */
  beat(): Promise<{ readonly dueInMs: number | undefined }>;
}

/** How long attempts of a stage took before, to tell how long the next may take. */
export interface History {
  /** Milliseconds of the latest attempts (at most 20) of this stage that finished, in this repository and workflow. */
  stageTimes(repo: RepoRef, workflow: string, stage: string): Promise<readonly number[]>;
  /** What the latest runs (at most 20) of this workflow that succeeded took and cost in this repository; undefined when there are too few to tell. */
  estimate(repo: RepoRef, workflow: string): Promise<Estimate | undefined>;
}

/** Brings parallel work together, by git. */
export interface Merges {
  /**
   * Merges `theirs` into `into`. A `conflict` is a commit on top of `into` whose files hold both sides and their base between markers, in
   * these paths.
   */
  merge(
    repo: RepoRef,
    into: Sha,
    theirs: Sha,
    message: string,
    signal: AbortSignal,
  ): Promise<
    | { readonly type: "merged"; readonly commit: Sha }
    | { readonly type: "conflict"; readonly marked: Sha; readonly paths: readonly string[] }
    | { readonly type: "refused"; readonly reasons: readonly string[] }
  >;
}

/** What a run is about, looked at now. */
export interface Subjects {
  /** What was lost of the ground the run stands on, or that it is closed; undefined while all is well. Throws when GitHub does not answer. */
  look(
    created: EventOf<"run.created">,
    signal: AbortSignal,
  ): Promise<EventOf<"subject.lost"> | EventOf<"subject.closed"> | undefined>;
}

/** "Look at this": the queue is only a bell. A lost ring costs time, never a run. */
export type BellTopic = "delivery" | "run";
export interface Bell {
  ring(topic: BellTopic, id: string): Promise<void>;
  /** Starts answering. The handler gets a signal that fires when the bell is closing. At most one handler per (topic, id) runs at once in this process; `parallel` bounds each topic by itself. */
  answer(
    handler: (topic: BellTopic, id: string, signal: AbortSignal) => Promise<void>,
    options: { parallel: number },
  ): Promise<AsyncDisposable>;
}

/** Triage: which workflow, if any. Does not decide; `engine/route.ts` does. */
export interface Triager {
  triage(
    created: EventOf<"run.created">,
    signal: AbortSignal,
  ): Promise<{
    source: "model" | "heuristic";
    triage: Extract<Artifact, { name: "Triage" }>["value"];
    why: string;
    spend: Spend;
  }>;
}

/** One attempt of one agent. */
export interface AgentTask {
  readonly runId: RunId;
  readonly repo: RepoRef;
  readonly stage: string;
  readonly attempt: number;
  /** Tells beginnings of the same attempt apart: when it began again, what an earlier beginning left is not its. */
  readonly begun: number;
  /** Attempts this stage may take in all, for the agent to know how serious it is. */
  readonly attempts: number;
  readonly agent: string;
  /** The model tier, where the workflow says another than the agent. */
  readonly tier?: ModelTier | undefined;
  readonly makes: ArtifactName;
  readonly base: Sha;
  /** The commit the workspace starts from. */
  readonly start: Sha;
  readonly input: PinnedInput;
  readonly subject: Subject;
  /** What of a whole it is, when not a whole stage. */
  readonly part?: Part | undefined;
  /** What people said on the way, that the work must go by. */
  readonly words?: readonly { readonly by: Person; readonly about: string; readonly words: string }[] | undefined;
  /** Artifacts of earlier stages, in stage order. */
  readonly inputs: readonly { stage: string; artifact: Artifact }[];
  /** Why the stage is worked again; empty the first time. */
  readonly reasons: readonly string[];
  readonly config: RepoConfig;
  readonly limits: {
    readonly turns: number;
    readonly microDollars: number;
    /** What is left of the run's money at the moment of asking; others spend it too. */
    readonly left?: (() => MicroDollars) | undefined;
    readonly milliseconds: number;
  };
  /** How often in a row the run has waited, without any progress between. */
  readonly waits: number;
  /** The tools it has of those in its definition; all of them when absent. */
  readonly tools?: readonly string[] | undefined;
  /** Its files are kept when it has handed in, because it may be commanded again. */
  readonly kept?: boolean | undefined;
  /** The agents it conducts, when its definition has the tools for it. */
  readonly fleet?: Fleet | undefined;
}

/** A conversation that an earlier process began, as the log has it. */
export interface Conversation {
  /** Its number within the attempt. */
  readonly session: number;
  readonly model: string;
  readonly why: SessionStart["why"];
  readonly opening: string;
  /** Its turns, in order; each with its exchange. */
  readonly turns: readonly Turn[];
  /** The attempt's conversations before this one, oldest first. */
  readonly earlier: readonly { readonly start: SessionStart; readonly turns: readonly Turn[] }[];
  /** Turns so far, earlier conversations included: the next turn's number is one more. */
  readonly turnsBefore: number;
  /**
   * What the agent was commanded later: it had handed in, or failed, and goes on with the same conversation and files. Such a
   * conversation is never `gone`: where it cannot go on, another begins from what is known of it.
   */
  readonly commands?: readonly Command[] | undefined;
}

export interface Command {
  /** The conversation it was said in, and the turn behind which (0: before the first). */
  readonly session: number;
  readonly after: number;
  readonly words: string;
  /** How the one before it had ended, when not by handing in. */
  readonly failure: Failure | undefined;
}

export type AgentResult =
  | {
      readonly type: "finished";
      readonly artifact: Artifact;
      readonly commit: Sha;
      readonly changes: readonly FileChange[];
    }
  | { readonly type: "failed"; readonly failure: Failure }
  /** Not now: the run is parked, and the agent goes on from here. */
  | {
      readonly type: "wait";
      readonly reason: WaitReason;
      readonly message: string;
      readonly until?: number | undefined;
    };

export type SessionStart = Omit<EventOf<"session.started">, "type" | "stage" | "attempt">;

/** What an agent's work tells the log; each awaited before the work goes on. */
export interface AgentEvents {
  /** Before the first request of a conversation. */
  session(start: SessionStart): Promise<void>;
  /** After every model reply, its tools included, before the next request. */
  turn(turn: Turn): Promise<void>;
}

export type Turn = Omit<EventOf<"agent.turn">, "type" | "stage" | "attempt">;

export interface AgentRunner {
  /** Works the task in a sandbox. Aborting `signal` ends the model call and the sandboxed process at once and gives `cancelled`. */
  run(task: AgentTask, events: AgentEvents, signal: AbortSignal): Promise<AgentResult>;
  /**
   * Goes on with a task that an earlier process left, from its last recorded turn. `gone` when its workspace is not there any more,
   * or has moved on since that turn: then the attempt begins again. Limits are what is left for the whole attempt.
   */
  resume(
    task: AgentTask,
    conversation: Conversation,
    events: AgentEvents,
    signal: AbortSignal,
  ): Promise<AgentResult | { readonly type: "gone"; readonly why: string }>;
  /** A run has ended: nothing of it need be kept any longer. Never throws. */
  forget(run: RunId): Promise<void>;
}

/** One check of one gate. */
export interface GateRequest {
  readonly gate: GateName;
  readonly runId: RunId;
  readonly repo: RepoRef;
  readonly base: Sha;
  readonly head: Sha;
  /** The reproduction, with the commit (base plus test files) that carries it. Absent in workflows without one. */
  readonly reproduction:
    | { readonly value: Extract<Artifact, { name: "Reproduction" }>["value"]; readonly commit: Sha }
    | undefined;
  /** The paths of a merge that an agent mended. */
  readonly conflict?: readonly string[] | undefined;
  /** The tests that pin today's behaviour, with the commit (base plus test files) that carries them. Absent in workflows without them. */
  readonly characterization:
    | { readonly value: Extract<Artifact, { name: "Characterization" }>["value"]; readonly commit: Sha }
    | undefined;
  readonly config: RepoConfig;
}

export interface Gates {
  /** Never throws for what it checks: a gate that cannot decide has not passed (code "gate-failed"). Throws only when aborted. */
  check(request: GateRequest, signal: AbortSignal): Promise<GateResult>;
}

/** Workflows by name: Baton's own, and those of the repository at the pinned commit. */
export interface WorkflowSource {
  /** Undefined for an unknown name; throws `invalid-config` when the repository's own file is malformed. */
  load(
    name: string,
    at: { readonly repo: RepoRef; readonly base: Sha },
    signal: AbortSignal,
  ): Promise<Workflow | undefined>;
  /** The names of Baton's own. */
  names(): readonly string[];
}

/** The only door to GitHub's write side. Every call has a key of its own making and may be made again: it happens once. */
export interface Publisher {
  /** Opens the draft pull request for a run whose gates passed. Refused when the subject is closed or locked, or the branch belongs to somebody else. */
  openPullRequest(
    state: State,
    signal: AbortSignal,
  ): Promise<
    { type: "opened"; event: EventOf<"pull_request.opened"> } | { type: "refused"; code: string; message: string }
  >;
  /** Answers a person where they wrote. `key` names the occasion (a delivery id), so that a second delivery says nothing. */
  reply(repo: RepoRef, subject: Subject, key: string, reply: Reply): Promise<void>;
  /** Shows that a command was seen. */
  acknowledge(repo: RepoRef, commentId: number): Promise<void>;
  /** Opens an issue for each of these findings of a run (1 is the first), once, and names it in the comment that reports them. */
  openFindings(
    state: State,
    numbers: readonly number[],
    report: { readonly id: number; readonly body: string },
  ): Promise<void>;
  /** Takes a one-shot label off. */
  removeLabel(repo: RepoRef, subject: Subject, label: string): Promise<void>;
}

/** What people see of a run: card, labels, reactions. */
export interface Projection {
  /** Something happened; shows it soon, coalesced. Never throws. */
  touch(run: RunId): void;
  /** Shows the latest state now and waits for it. */
  settle(run: RunId): Promise<void>;
}

/** The read side of GitHub, for the intake. Every method throws `github-failed` when GitHub does not answer; callers treat that as no. */
export interface GitHubReader {
  repository(owner: string, name: string): Promise<RepoRef>;
  /** The collaborator permission of a person, looked up now and checked against the numeric id: a renamed or impersonated login gives "none". */
  permission(repo: RepoRef, person: Person): Promise<"none" | "read" | "triage" | "write" | "maintain" | "admin">;
  /** A file of the default branch, or undefined. */
  file(repo: RepoRef, path: string): Promise<string | undefined>;
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
  /** Numbers of open pull requests whose body closes the issue. */
  pullRequestsClosing(repo: RepoRef, number: number): Promise<number[]>;
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
