// A world for the engine without GitHub, git or a model: agents and gates answer from a script, and every call is counted.
import { createHash } from "node:crypto";
import type { RunId, Sha } from "#src/core/ids.ts";
import { nothingToLose } from "#src/github/subjects.ts";
import { noHistory } from "#src/store/history.ts";
import { dollars, newRunId, sha } from "#src/core/ids.ts";
import type { Clock } from "#src/core/clock.ts";
import { BatonError } from "#src/core/errors.ts";
import { silentLog } from "#src/core/log.ts";
import type { Engine } from "#src/engine/engine.ts";
import type { EventOf, Failure, GateResult } from "#src/engine/events.ts";
import { noSpend, RunEvent, Spend } from "#src/engine/events.ts";
import type {
  AgentEvents,
  AgentResult,
  AgentRunner,
  AgentTask,
  Conversation,
  EventLog,
  GateRequest,
  Gates,
  Merges,
  Projection,
  Publisher,
  Triager,
  Turn,
} from "#src/engine/ports.ts";
import type { KeepRequest } from "#src/engine/keeping.ts";
import type { KeptBranch, State } from "#src/engine/state.ts";
import { createMemoryLog } from "#src/store/memory-log.ts";
import type { Artifact, Plan, Triage } from "#src/workflows/artifacts.ts";
import { defaultRepoConfig } from "#src/workflows/repo-config.ts";
import { Workflow } from "#src/workflows/schema.ts";

export const base = sha("0".repeat(40));

/** A commit id that a reader can tell apart: commit(3) is 333…. */
export function commit(digit: number): Sha {
  return sha(digit.toString(16).repeat(40).slice(0, 40));
}

export const bugWorkflow: Workflow = Workflow.parse({
  name: "bug",
  description: "Reproduce, diagnose, fix and verify a defect",
  budget: { run: 5, time: "45m", turns: 100 },
  stages: {
    reproduce: {
      agent: "reproducer",
      makes: "Reproduction",
      gates: ["red"],
      otherwise: { again: 2, ending: "could-not-reproduce" },
    },
    diagnose: { agent: "debugger", needs: ["reproduce"], makes: "Diagnosis" },
    fix: { agent: "fixer", needs: ["diagnose"], makes: "Change" },
    verify: {
      needs: ["fix"],
      gates: ["scope", "integrity", "green", "baseline"],
      otherwise: { back_to: "fix", max: 2, ending: "needs-a-person" },
    },
    review: {
      agent: "reviewer",
      needs: ["verify"],
      makes: "Review",
      otherwise: { back_to: "fix", max: 2, ending: "needs-a-person" },
    },
    publish: { needs: ["review"], pull_request: "draft" },
  },
});

/** Scouts side by side, a plan that a person approves, tasks in waves, and one who puts the pieces together. */
export const featureWorkflow: Workflow = Workflow.parse({
  name: "feature",
  description: "Plan and build a feature",
  budget: { run: 20, time: "2h", turns: 400 },
  stages: {
    scout: { agent: "scout", for_each: ["code", "tests"], makes: "Report", on_failure: "degrade" },
    plan: { agent: "planner", needs: ["scout"], makes: "Plan" },
    approve: { needs: ["plan"], wait: "approval" },
    build: {
      agent: "builder",
      needs: ["approve"],
      for_each: "plan.tasks",
      makes: "Change",
      merge: "integrator",
      retry: 1,
    },
    finish: { agent: "builder", needs: ["build"], makes: "Change" },
    verify: {
      needs: ["finish"],
      gates: ["scope", "integrity", "baseline"],
      otherwise: { back_to: "finish", max: 2, ending: "needs-a-person" },
    },
    publish: { needs: ["verify"], pull_request: "draft" },
  },
});

export const goodTriage: Triage = {
  type: "bug",
  confidence: 0.93,
  runnerUp: "question",
  severity: "medium",
  size: "s",
  labels: ["bug"],
  areas: ["split"],
  missing: [],
  securitySensitive: false,
  summary: "Splitting loses a cent",
  evidence: ["only adds up to $9.99"],
};

export function created(change: Partial<EventOf<"run.created">> = {}): EventOf<"run.created"> {
  const person = { login: "maria", id: 7 };
  return {
    type: "run.created",
    runId: newRunId(),
    repo: {
      id: 1,
      owner: "octo",
      name: "tab",
      private: false,
      defaultBranch: "main",
      cloneUrl: "http://127.0.0.1/octo/tab.git",
      installationId: 5,
    },
    subject: { kind: "issue", number: 12, url: "http://127.0.0.1/octo/tab/issues/12", author: person },
    request: { door: "comment", by: person, quote: "/agent fix", commentId: 99 },
    input: {
      title: "Splitting loses a cent",
      body: "…",
      comments: [],
      dropped: [],
      instruction: "",
      hash: "a".repeat(64),
    },
    base: { branch: "main", commit: base },
    wanted: "work",
    ceilings: {},
    config: defaultRepoConfig,
    labels: ["bug"],
    dryRun: false,
    ...change,
  };
}

const artifacts: Record<string, Artifact> = {
  reproduce: {
    name: "Reproduction",
    value: {
      reproduced: true,
      testFiles: ["test/split.test.js"],
      command: "node --test test/split.test.js",
      expectedFailure: "999 !== 1000",
      notes: "seen",
    },
  },
  diagnose: {
    name: "Diagnosis",
    value: { rootCause: "floor drops the rest", locations: [], approach: "hand the rest out", risk: "low" },
  },
  fix: { name: "Change", value: { summary: "hand out the rest", files: ["src/split.js"], followUps: [] } },
  review: { name: "Review", value: { verdict: "approve", findings: [] } },
};

export function artifactFor(stage: string): Artifact {
  const artifact = artifacts[stage];
  if (!artifact) throw new Error(`no artifact for stage ${stage}`);
  return artifact;
}

/** Two tasks side by side, and one that needs both. */
export const samplePlan: Plan = {
  summary: "Parse, print, then wire them together",
  tasks: [
    { id: "parser", title: "Parse", instructions: "…", needs: [], claims: ["src/parser.js"], acceptance: "parses" },
    { id: "printer", title: "Print", instructions: "…", needs: [], claims: ["src/printer.js"], acceptance: "prints" },
    {
      id: "wiring",
      title: "Wire",
      instructions: "…",
      needs: ["parser", "printer"],
      claims: ["src/index.js"],
      acceptance: "works",
    },
  ],
  risks: [],
  questions: ["Should it print colours?"],
};

/** What an agent hands in when nothing is scripted: by its stage, or by what it makes. */
function usualArtifact({ stage, makes }: AgentTask): Artifact {
  if (artifacts[stage]) return artifacts[stage];
  if (makes === "Change")
    return { name: "Change", value: { summary: `changed for ${stage}`, files: [], followUps: [] } };
  if (makes === "Report") return { name: "Report", value: { summary: `looked into ${stage}`, sections: [] } };
  if (makes === "Conclusion")
    return {
      name: "Conclusion",
      value: { summary: `brought ${stage} to its end`, sections: [], files: [], followUps: [] },
    };
  if (makes === "Plan") return { name: "Plan", value: samplePlan };
  if (makes === "Findings") return { name: "Findings", value: { summary: "nothing stands out", findings: [] } };
  return artifactFor(makes === "Review" ? "review" : stage);
}

export function gate(name: GateResult["gate"], passed: boolean, code = passed ? "ok" : "no"): GateResult {
  return { gate: name, passed, code, summary: `${name} is ${code}`, notes: [], evidence: [], seconds: 1 };
}

export function turn(number: number, cost = dollars(0.01)): Turn {
  return {
    turn: number,
    model: "scripted",
    spend: Spend.parse({ ...noSpend, turns: 1, inputTokens: 100, outputTokens: 10, microDollars: cost }),
    seconds: 0,
    text: "",
    tools: [],
    exchange: { reply: [{ type: "text", text: "Done." }], stopReason: "end_turn", answer: [] },
  };
}

type AgentAnswer = Artifact | Failure | Extract<AgentResult, { type: "wait" }> | "hang" | BatonError;

/** Agents that answer per stage, one answer an attempt; the stage's usual artifact when nothing is scripted. Commits count upwards. */
export class ScriptedAgents implements AgentRunner {
  readonly tasks: AgentTask[] = [];
  readonly answers: Partial<Record<string, AgentAnswer[]>>;
  readonly turns: number;
  /** Called when an agent that hangs has started. */
  onHang: () => void = () => {};

  constructor(answers: Partial<Record<string, AgentAnswer[]>> = {}, turns = 2) {
    this.answers = answers;
    this.turns = turns;
  }

  /** What earlier processes left to go on with; by default nothing is left. */
  resumable = false;
  readonly resumed: Conversation[] = [];
  readonly forgotten: RunId[] = [];

  async resume(
    task: AgentTask,
    conversation: Conversation,
    events: AgentEvents,
    signal: AbortSignal,
  ): ReturnType<AgentRunner["resume"]> {
    if (!this.resumable) return { type: "gone", why: "nothing is kept" };
    this.resumed.push(conversation);
    return this.#work(task, conversation.turnsBefore + 1, events, signal);
  }

  forget(run: RunId): Promise<void> {
    this.forgotten.push(run);
    return Promise.resolve();
  }

  async run(task: AgentTask, events: AgentEvents, signal: AbortSignal): Promise<AgentResult> {
    this.tasks.push(task);
    await events.session({ session: 1, model: "scripted", why: "first", opening: `work on ${task.stage}` });
    return this.#work(task, 1, events, signal);
  }

  async #work(task: AgentTask, from: number, events: AgentEvents, signal: AbortSignal): Promise<AgentResult> {
    for (let number = from; number <= this.turns; number += 1) await events.turn(turn(number));
    const answer = this.answers[task.stage]?.[task.attempt - 1] ?? usualArtifact(task);
    if (answer instanceof BatonError) throw answer;
    if (answer === "hang") {
      const aborted = new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
      this.onHang();
      if (!signal.aborted) await aborted;
      return { type: "failed", failure: { code: "cancelled", message: "cancelled" } };
    }
    if ("code" in answer) return { type: "failed", failure: answer };
    if ("reason" in answer) return answer;
    return { type: "finished", artifact: answer, commit: commitOf(task), changes: [] };
  }
}

/** The commit that stands for a name. */
export function commitNamed(name: string): Sha {
  return sha(createHash("sha1").update(name).digest("hex"));
}

function commitOf(task: AgentTask): Sha {
  if (task.makes === "Reproduction" || task.makes === "Characterization") return commit(task.attempt);
  if (task.makes === "Change" && artifacts[task.stage] === undefined)
    return commitNamed(`${task.stage} ${task.attempt}`);
  if (task.makes === "Change") return commit(4 + task.attempt);
  return task.start;
}

/** Gates that say no as often as scripted, by name; yes otherwise. */
export class ScriptedGates implements Gates {
  readonly requests: GateRequest[] = [];
  readonly #answers: Partial<Record<string, (GateResult | undefined)[]>>;

  constructor(answers: Partial<Record<string, (GateResult | undefined)[]>> = {}) {
    this.#answers = answers;
  }

  check(request: GateRequest): Promise<GateResult> {
    const earlier = this.requests.filter((seen) => seen.gate === request.gate).length;
    this.requests.push(request);
    return Promise.resolve(this.#answers[request.gate]?.[earlier] ?? gate(request.gate, true));
  }
}

/** Merges that work, but for the commits that are scripted to conflict; a merged commit names both by its first digits. */
export class ScriptedMerges implements Merges {
  readonly asked: { readonly into: Sha; readonly theirs: Sha }[] = [];
  readonly #conflicts: ReadonlySet<Sha>;

  constructor(conflicts: readonly Sha[] = []) {
    this.#conflicts = new Set(conflicts);
  }

  merge(_repo: unknown, into: Sha, theirs: Sha): ReturnType<Merges["merge"]> {
    this.asked.push({ into, theirs });
    const mixed = commitNamed(`${into} ${theirs}`);
    return Promise.resolve(
      this.#conflicts.has(theirs)
        ? { type: "conflict", marked: mixed, paths: ["src/both.js"] }
        : { type: "merged", commit: mixed },
    );
  }
}

/** For runs that write no files of Baton's own. */
export const noFiles: Engine["files"] = {
  paths: () => Promise.reject(new Error("no files are there")),
  file: () => Promise.reject(new Error("no files are there")),
  changes: () => Promise.resolve([]),
  write: () => Promise.reject(new Error("no files can be written")),
};

export class CountingPublisher implements Publisher {
  opened = 0;
  refusal: { code: string; message: string } | undefined;

  openPullRequest(state: State): ReturnType<Publisher["openPullRequest"]> {
    if (this.refusal) return Promise.resolve({ type: "refused", ...this.refusal });
    this.opened += 1;
    const number = 13;
    const url = `http://127.0.0.1/octo/tab/pull/${number}`;
    const branch = `baton/issue-${state.created.subject.number}-split`;
    return Promise.resolve({
      type: "opened",
      event: { type: "pull_request.opened", number, url, branch, head: commit(9), title: "fix: split" },
    });
  }
  /** What was to be kept. */
  readonly kept: KeepRequest[] = [];
  readonly removed: KeptBranch[] = [];
  keepRefusal: { code: string; message: string } | undefined;
  keep(_state: State, request: KeepRequest): ReturnType<Publisher["keep"]> {
    if (this.keepRefusal) return Promise.resolve({ type: "refused", ...this.keepRefusal });
    this.kept.push(request);
    const branch = `baton/issue-12-split-kept${request.part === undefined ? "" : `-of-${request.part}`}`;
    return Promise.resolve({ type: "kept", branch, head: request.head });
  }
  removeKept(_state: State, branch: KeptBranch): ReturnType<Publisher["removeKept"]> {
    this.removed.push(branch);
    return Promise.resolve({ type: "removed" });
  }
  publishReview: Publisher["publishReview"] = () =>
    Promise.resolve(
      this.refusal
        ? { type: "refused", ...this.refusal }
        : { type: "published", review: { id: 5, url: "http://127.0.0.1/review", onLines: 1, onFiles: 0, leftOut: 0 } },
    );
  reply = () => Promise.resolve();
  acknowledge = () => Promise.resolve();
  conclude = () => Promise.resolve();
  removeLabel = () => Promise.resolve();
  leaveAlone = () => Promise.resolve();
  openFindings = () => Promise.resolve();
  openScheduleIssue = () => Promise.resolve(0);
  showConfig = () => Promise.resolve();
  checkConfig = () => Promise.resolve();
  showChecksAgain = () => Promise.resolve(0);
  removeMerged = () => Promise.resolve();
  putBack = () => Promise.resolve();
  rerunChecks = () => Promise.resolve([]);
}

export const quietProjection: Projection = { touch() {}, settle: () => Promise.resolve() };

export class FixedTriager implements Triager {
  /** What it was asked to sort, in order. */
  readonly asked: EventOf<"run.created">[] = [];
  value: Triage;
  constructor(value: Triage = goodTriage) {
    this.value = value;
  }
  get calls(): number {
    return this.asked.length;
  }
  triage(created: EventOf<"run.created">): ReturnType<Triager["triage"]> {
    this.asked.push(created);
    return Promise.resolve({
      source: "model",
      triage: this.value,
      why: "It reports wrong output (runner-up: question).",
      spend: noSpend,
    });
  }
}

/** Time that only moves when told to. */
export class HandClock {
  #now: number;
  constructor(now = 1_000_000) {
    this.#now = now;
  }
  now(): number {
    return this.#now;
  }
  forward(milliseconds: number): void {
    this.#now += milliseconds;
  }
}

/** A log in memory that refuses what a database would refuse. */
export function memoryLog(clock: Clock = new HandClock()): EventLog {
  return createMemoryLog({ clock, parse: (json) => RunEvent.parse(json) });
}

export function engineWith(log: EventLog, parts: Partial<Engine> = {}): Engine {
  return {
    log,
    triager: new FixedTriager(),
    agents: new ScriptedAgents(),
    gates: new ScriptedGates(),
    merges: new ScriptedMerges(),
    files: noFiles,
    publisher: new CountingPublisher(),
    projection: quietProjection,
    workflows: {
      load: (name) => Promise.resolve([bugWorkflow, featureWorkflow].find((workflow) => workflow.name === name)),
      names: () => ["bug", "feature"],
    },
    history: noHistory,
    subjects: nothingToLose,
    clock: new HandClock(),
    journal: silentLog,
    ...parts,
  };
}
