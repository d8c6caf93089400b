// What the engine needs from the world, as small interfaces. agents/, gates/, triage/, store/, intake/ and github/ implement or use them;
// `baton.ts` puts them together. Implementations never throw for an expected outcome: that is a value.
import type { MicroDollars, RunId, Sha } from "../core/ids.ts";
import type { Artifact, MadeName } from "../workflows/artifacts.ts";
import type { FileChange } from "../workspace/file-change.ts";
import type { Hindsight } from "../workflows/hindsight.ts";
import type { RepoConfig } from "../workflows/repo-config.ts";
import type { ModelTier } from "../workflows/names.ts";
import type { GateName, Workflow } from "../workflows/schema.ts";
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
  PastRun,
} from "./events.ts";
import type { Check } from "./checks.ts";
import type { Fleet } from "./fleet-port.ts";
import type { Checking } from "./checking.ts";
import type { Keeping } from "./keeping.ts";
import type { Part } from "./part.ts";
import type { Reply } from "./reply.ts";
import type { Published } from "./review-events.ts";
import type { LessonsSoFar } from "./hindsight.ts";
import type { SetupSoFar } from "./setup.ts";
import type { State, Steering } from "./state.ts";
import type { Talk } from "./talk-port.ts";

export type { Claims, Release } from "./claims-port.ts";

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
  /** The events at these versions, oldest first: for who needs few of a long log. Throws `invalid-event` as `read` does. */
  at(run: RunId, versions: readonly number[]): Promise<RecordedEvent[]>;
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
  /** Of the latest `runs` runs about a subject, newest first: their events of these types, oldest first. */
  eventsOf(
    repo: Pick<RepoRef, "id" | "owner" | "name">,
    subject: Pick<Subject, "number">,
    which: { readonly runs: number; readonly types: readonly RunEvent["type"][] },
  ): Promise<PastRun[]>;
  /** When runs about a subject began in the last so many milliseconds, or were taken up again by a retry; newest first, in milliseconds since 1970. */
  begunOn(
    repo: Pick<RepoRef, "id" | "owner" | "name">,
    subject: Pick<Subject, "number">,
    milliseconds: number,
  ): Promise<number[]>;
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
  /** The tier that whoever asked for the run wants at least. */
  readonly atLeast?: ModelTier | undefined;
  readonly makes: MadeName;
  readonly base: Sha;
  /** The commit the workspace starts from. */
  readonly start: Sha;
  /** Where the pull request begins that it looks through; what it changes goes from here to `start`. */
  readonly since?: Sha | undefined;
  /** What its agents merged in an earlier attempt, where that stood on ground which has moved since: it is not in `start`. */
  readonly leftBehind?: Sha | undefined;
  readonly input: PinnedInput;
  readonly subject: Subject;
  /** What of a whole it is, when not a whole stage. */
  readonly part?: Part | undefined;
  /** What people said on the way, that the work must go by. */
  readonly words?: readonly { readonly by: Person; readonly about: string; readonly words: string }[] | undefined;
  /** What people have told all agents of the run by then, oldest first. */
  readonly steering?: (() => readonly Steering[]) | undefined;
  /** Artifacts of earlier stages, in stage order; last, by the stage's own name, what it handed in before it was sent back. */
  readonly inputs: readonly { stage: string; artifact: Artifact }[];
  /** What became of earlier runs, where a stage before it has collected that. */
  readonly hindsight?: Hindsight | undefined;
  /** Why the stage is worked again; empty the first time. */
  readonly reasons: readonly string[];
  /** The reasons are what people want changed in the pull request, which checks of its commit failed, or what git could not merge with its base. */
  readonly revises?: "people" | "checks" | "base" | undefined;
  readonly config: RepoConfig;
  readonly limits: {
    readonly turns: number;
    readonly microDollars: number;
    /** What is left of the run's money at the moment of asking; others spend it too. */
    readonly left?: (() => MicroDollars) | undefined;
    /** What is left then of the run's turns. */
    readonly turnsLeft?: (() => number) | undefined;
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
  /** What it says to the others of its run, when its definition has the tools for it. */
  readonly talk?: Talk | undefined;
}

/** A conversation that an earlier process began, as the log has it. */
export interface Conversation {
  /** Its number within the attempt. */
  readonly session: number;
  readonly model: string;
  readonly why: SessionStart["why"];
  readonly opening: string;
  readonly heard?: SessionStart["heard"];
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
  /** A run has ended, or of `unit` what began at the event `begun`: nothing of it need be kept any longer. Never throws. */
  forget(run: RunId, of?: { readonly unit: string; readonly begun: number }): Promise<void>;
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
  /** The merge that an agent mended: the commit with the conflict markers in these paths. */
  readonly conflict?: { readonly marked: Sha; readonly paths: readonly string[] } | undefined;
  /** What is proposed for the repository itself. */
  readonly setup?: SetupSoFar | undefined;
  readonly lessons?: LessonsSoFar | undefined;
  /** True when no other attempt would come behind a no. */
  readonly last?: boolean | undefined;
  /** The tests that pin today's behaviour, with the commit (base plus test files) that carries them. Absent in workflows without them. */
  readonly characterization:
    | { readonly value: Extract<Artifact, { name: "Characterization" }>["value"]; readonly commit: Sha }
    | undefined;
  /** Tests are all that the workflow makes: they are its change. */
  readonly testsAlone?: boolean | undefined;
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

/** What was found when a repository's config was read. Problems as `file:line:column: what is wrong — what to do`. */
export type ConfigFound =
  | { readonly type: "in-order" }
  | { readonly type: "broken"; readonly commit: Sha; readonly problems: readonly string[] };

/** The only door to GitHub's write side. Every call has a key of its own making and may be made again: it happens once. */
export interface Publisher extends Keeping, Checking {
  /** Opens the draft pull request for a run whose gates passed. Refused when the subject is closed or locked, or the branch belongs to somebody else. */
  openPullRequest(
    state: State,
    signal: AbortSignal,
  ): Promise<
    { type: "opened"; event: EventOf<"pull_request.opened"> } | { type: "refused"; code: string; message: string }
  >;
  /** Publishes the remarks of a run as one review of the pull request that it is about. Refused when that is closed, locked or gone. */
  publishReview(
    state: State,
    signal: AbortSignal,
  ): Promise<{ type: "published"; review: Published } | { type: "refused"; code: string; message: string }>;
  /** Answers a person where they wrote. `key` names the occasion (a delivery id), so that a second delivery says nothing. */
  reply(repo: RepoRef, subject: Subject, key: string, reply: Reply): Promise<void>;
  /** Shows that a command was seen. */
  acknowledge(repo: RepoRef, commentId: number): Promise<void>;
  /** Shows that a command is done, or was refused, and that nothing more comes of it. */
  conclude(repo: RepoRef, commentId: number, as: "done" | "refused"): Promise<void>;
  /** Opens an issue for each of these findings (1 is the first) of a run as it ended with them, once, and names it in the comment that reports them. */
  openFindings(state: State, numbers: readonly number[], commentId: number): Promise<void>;
  /** The number of the issue for a workflow that starts by the clock; opened when there was none. `deleted`: so many before it were deleted. */
  openScheduleIssue(repo: RepoRef, workflow: string, deleted: number): Promise<number>;
  /**
   * Says on one issue of the repository what is wrong with its config, at the commit of the default branch at which it was read. Where
   * the config is in order again, it takes back what was said and closes the issue.
   */
  showConfig(repo: RepoRef, config: ConfigFound): Promise<void>;
  /** Puts Baton's comment back as it was `before` it was `edited`, unless somebody has written there since. */
  putBack(
    repo: RepoRef,
    edit: { readonly id: number; readonly edited: string; readonly before: string },
  ): Promise<void>;
  /** Removes the branch of a pull request of Baton's that was merged, unless it is at another commit than `at` by now. */
  removeMerged(repo: RepoRef, branch: string, at: Sha): Promise<void>;
  /** Has failed checks of a commit run once more, each once for ever; gives those that will. Where the App may not, there are none. */
  rerunChecks(repo: RepoRef, head: Sha, checks: readonly Check[]): Promise<readonly Check[]>;
  /** Marks an issue, for people to see and to take back, as one to be left alone. */
  leaveAlone(repo: RepoRef, subject: Subject): Promise<void>;
  /** Takes a label off: a one-shot one, or the mark of what is to be left alone. */
  removeLabel(repo: RepoRef, subject: Subject, label: string): Promise<void>;
}

/** What people see of a run: card, labels, reactions. */
export interface Projection {
  /** Something happened; shows it soon, coalesced. Never throws. */
  touch(run: RunId): void;
  /** Shows the latest state now and waits for it. */
  settle(run: RunId): Promise<void>;
}
