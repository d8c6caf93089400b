// Hand-made logs of whole runs: a successful bug run and one of every other ending, event by event, as the engine would record them.
import {
  noSpend,
  type Evidence,
  type EventOf,
  type GateResult,
  type RecordedEvent,
  type RunEvent,
} from "#src/engine/events.ts";
import { budgetOf } from "#src/engine/route.ts";
import { fold } from "#src/engine/fold.ts";
import type { State } from "#src/engine/state.ts";
import type { Sha } from "#src/core/ids.ts";
import { sha } from "#src/core/ids.ts";
import { Diagnosis, type Artifact, type Triage } from "#src/workflows/artifacts.ts";
import { artifactFor, base, bugWorkflow, commit, created, goodTriage, turn } from "./engine-world.ts";
import type { FileChange } from "#src/workspace/file-change.ts";

export const reproductionCommit = commit(0xa);
export const fixCommit = commit(0xf);

export const sampleChanges: readonly FileChange[] = [
  { path: "src/split.js", kind: "modified", mode: "100644", added: 4, removed: 1, binary: false },
  { path: "test/split.test.js", kind: "modified", mode: "100644", added: 6, removed: 0, binary: false },
];

export function evidence(label: string, at: Sha, exitCode: number | null, tail = ""): Evidence {
  return {
    label,
    argv: ["bash", "-c", "node --test test/split.test.js"],
    commit: at,
    exitCode,
    seconds: 0.42,
    outputHash: "b".repeat(64),
    tail,
  };
}

const passing: Record<GateResult["gate"], GateResult> = {
  red: gateResult("red", {
    code: "red",
    summary: "Fails on the base for the expected reason, twice",
    evidence: [
      evidence("reproduction on base, first time", reproductionCommit, 1, "AssertionError: 999 !== 1000"),
      evidence("reproduction on base, second time", reproductionCommit, 1, "AssertionError: 999 !== 1000"),
    ],
  }),
  green: gateResult("green", {
    code: "green",
    summary: "The reproduction passes on the head, twice",
    evidence: [
      evidence("reproduction on head, first time", fixCommit, 0, "ok 1"),
      evidence("reproduction on head, second time", fixCommit, 0, "ok 1"),
    ],
  }),
  baseline: gateResult("baseline", {
    code: "no-worse",
    summary: "14 tests pass on the head, 13 on the base; none is worse",
    notes: ["Fails before and after: test/tip.test.js › rounds half a cent up"],
    evidence: [evidence("suite on base", base, 1, "# fail 1"), evidence("suite on head", fixCommit, 1, "# fail 1")],
  }),
  integrity: gateResult("integrity", { code: "intact", summary: "No test was deleted, skipped or loosened" }),
  resolved: gateResult("resolved", { code: "resolved", summary: "No conflict marker is left" }),
  scope: gateResult("scope", { code: "in-scope", summary: "2 files, 11 lines; no protected path" }),
  pinned: gateResult("pinned", { code: "pinned", summary: "3 tests that pin today's behaviour pass, twice" }),
  sharp: gateResult("sharp", { code: "sharp", summary: "Each of 3 new tests fails under at least one of 2 breaks" }),
  kept: gateResult("kept", { code: "kept", summary: "3 pinned tests pass without the change and with it" }),
  tried: gateResult("tried", { code: "tried", summary: "test works here." }),
  surface: gateResult("surface", { code: "unchanged", summary: "None of 3 names in 1 entry point is gone" }),
};

export function gateResult(gate: GateResult["gate"], change: Partial<GateResult> = {}): GateResult {
  return {
    gate,
    passed: true,
    code: "ok",
    summary: `${gate} is fine`,
    notes: [],
    evidence: [],
    seconds: 1.3,
    ...change,
  };
}

export const richDiagnosis: Artifact = {
  name: "Diagnosis",
  value: Diagnosis.parse({
    rootCause:
      "`splitEvenly` rounds every share down with `Math.floor` and never hands out what is left. For 1000 cents and 3 people one cent is lost.",
    locations: [{ path: "src/split.js", lines: "4", why: "the floor" }],
    approach: "Give the remaining cents to the first people, one each, as `splitByShares` does already.",
    risk: "Callers that relied on equal shares now see shares that differ by one cent.",
  }),
};

/** Events that take their time; the others follow at once. */
const slow = new Set<RunEvent["type"]>(["run.routed", "agent.turn", "gate.checked", "pull_request.opened"]);

/** Writes a log step by step; triage, turns and gates each take `pace` milliseconds of the run's time. */
export class RunScript {
  readonly #events: RecordedEvent[] = [];
  readonly pace: number;
  #at: number;

  constructor(first: Partial<EventOf<"run.created">> = {}, options: { at?: number; pace?: number } = {}) {
    this.#at = options.at ?? Date.UTC(2026, 10, 20, 12);
    this.pace = options.pace ?? 12_000;
    this.add(created(first));
  }

  get events(): RecordedEvent[] {
    return [...this.#events];
  }

  get state(): State {
    return fold(this.#events);
  }

  add(...events: RunEvent[]): this {
    for (const event of events) {
      this.#at += slow.has(event.type) ? this.pace : 20;
      this.#events.push({ version: this.#events.length + 1, at: this.#at, event });
    }
    return this;
  }

  /** The next event is so much later. */
  later(milliseconds: number): this {
    this.#at += milliseconds;
    return this;
  }

  driven(): this {
    return this.add({ type: "run.driven", driver: "driver-1" });
  }

  routed(triage: Triage = goodTriage, change: Partial<EventOf<"run.routed">> = {}): this {
    const { created: first } = this.state;
    const decision = { kind: "start" as const, workflow: bugWorkflow, budget: budgetOf(first, bugWorkflow) };
    return this.add({
      type: "run.routed",
      source: "model",
      triage,
      decision,
      why: "It reports a wrong sum, with an example.",
      spend: { ...noSpend, turns: 1 },
      ...change,
    });
  }

  /** One attempt of a stage, as far as `how` says. */
  stage(
    name: string,
    how: {
      turns?: number;
      artifact?: Artifact | "none";
      commit?: Sha;
      gates?: readonly GateResult[];
      reasons?: string[];
      changes?: readonly FileChange[];
    } = {},
  ): this {
    const attempt = (this.state.stages.get(name)?.attempts.length ?? 0) + 1;
    this.add({ type: "stage.started", stage: name, attempt, reasons: how.reasons ?? [] });
    const plan = bugWorkflow.stages[name];
    if (plan?.agent !== undefined) {
      for (let number = 1; number <= (how.turns ?? 3); number += 1)
        this.add({ type: "agent.turn", stage: name, attempt, ...turn(number) });
      const artifact = how.artifact ?? (name === "diagnose" ? richDiagnosis : artifactFor(name));
      if (artifact !== "none") {
        const at =
          how.commit ??
          (artifact.name === "Reproduction"
            ? reproductionCommit
            : artifact.name === "Change"
              ? fixCommit
              : this.#codeNow());
        const changes = [...(how.changes ?? (artifact.name === "Change" ? sampleChanges : []))];
        this.add({ type: "agent.finished", stage: name, attempt, artifact, commit: at, changes });
      }
    }
    const gates = how.gates ?? (plan?.gates ?? []).map((gate) => passing[gate]);
    for (const result of gates) this.add({ type: "gate.checked", stage: name, attempt, result });
    return this;
  }

  finished(outcome: EventOf<"run.finished">["outcome"], code: string, message: string): this {
    return this.add({ type: "run.finished", outcome, code, message });
  }

  /** Everything up to the point where the pull request is due. */
  verified(): this {
    return this.driven()
      .routed()
      .stage("reproduce")
      .stage("diagnose")
      .stage("fix")
      .stage("verify")
      .stage("review")
      .stage("publish");
  }

  opened(number = 13): this {
    const { repo } = this.state.created;
    const url = `http://127.0.0.1/${repo.owner}/${repo.name}/pull/${number}`;
    const branch = "baton/issue-12-splitting-loses-a-cent";
    return this.add({
      type: "pull_request.opened",
      number,
      url,
      branch,
      head: sha("d".repeat(40)),
      title: "Fix: Splitting loses a cent",
    }).finished("succeeded", "verified", `Draft pull request opened from ${branch}.`);
  }

  #codeNow(): Sha {
    const commits = [...this.state.stages.values()]
      .map((stage) => stage.current?.commit)
      .filter((at) => at !== undefined);
    return commits.at(-1) ?? base;
  }
}

const noRed = gateResult("red", {
  passed: false,
  code: "passes-on-base",
  summary: "The reproduction passes on the base: it does not show the bug",
  evidence: [evidence("reproduction on base, first time", reproductionCommit, 0, "ok 1 - splits evenly\n# pass 1")],
});

/** A reproducer that found what was reported to be intended. */
export const notABug: Extract<Artifact, { name: "Reproduction" }> = {
  name: "Reproduction",
  value: {
    reproduced: false,
    testFiles: [],
    command: "",
    expectedFailure: "",
    notes: "I split 1000 cents by 3.",
    notABug: {
      why: "Shares are rounded down on purpose.",
      where: [{ path: "docs/how (it) rounds.md", line: 7, quote: "every share is rounded down" }],
    },
  },
};

/** What the gate says of it when each place stands where it is said to. */
export function citedOf({ value }: typeof notABug): GateResult {
  const summary = "It is said to be no bug; 1 of 1 place cited for that stand on the base.";
  return gateResult("red", { passed: false, code: "not-a-bug", summary, cited: value.notABug?.where });
}

const triedNotes = "I tried:\n\n- 1000 over 3\n- 1000 over 7\n\nWhich version is it?";

/** How a reproducer's attempt goes on that reads a file, runs these commands, the last of which fails, and says that nothing shows. */
export function doesNotShow(notes: string, commands: readonly string[]): RunEvent[] {
  const at = { stage: "reproduce", attempt: 1 };
  const tools = commands.map((command, index) => ({
    name: "bash",
    input: JSON.stringify({ command }),
    ok: index < commands.length - 1,
    output: `${".".repeat(700)}\nprinted by ${command}\n`,
    seconds: 1,
  }));
  const read = { name: "read", input: '{"path":"notes.md"}', ok: true, output: "a file's text", seconds: 0 };
  const value = { reproduced: false, testFiles: [], command: "", expectedFailure: "", notes };
  return [
    { type: "agent.turn", ...at, ...turn(1), tools: [read, ...tools] },
    { type: "agent.finished", ...at, artifact: { name: "Reproduction", value }, commit: base, changes: [] },
  ];
}

const noBaseline = gateResult("baseline", {
  passed: false,
  code: "worse",
  summary: "1 test that passed on the base fails on the head",
  notes: ["newly failing: test/bill.test.js › the bill adds up"],
  evidence: [evidence("suite on head", fixCommit, 1, "not ok 3 - the bill adds up\n  expected 1000, got 1001")],
});

/** A whole run of every ending, by name. Each call builds it anew. */
export const recordedRuns = {
  succeeded: (first?: Partial<EventOf<"run.created">>) => new RunScript(first).verified().opened(),
  "sent back, then succeeded": (first?: Partial<EventOf<"run.created">>) =>
    new RunScript(first)
      .driven()
      .routed()
      .stage("reproduce", { gates: [noRed] })
      .stage("reproduce", { reasons: ["red: it passes"] })
      .stage("diagnose")
      .stage("fix")
      .stage("verify", { gates: [gateResult("scope"), gateResult("integrity"), gateResult("green"), noBaseline] })
      .stage("fix", { reasons: ["baseline: 1 test"] })
      .stage("verify")
      .stage("review")
      .stage("publish")
      .opened(),
  "dry run": (first?: Partial<EventOf<"run.created">>) =>
    new RunScript({ ...first, dryRun: true })
      .verified()
      .finished("succeeded", "dry-run", "Verified; a dry run opens no pull request."),
  triaged: (first?: Partial<EventOf<"run.created">>) =>
    new RunScript({
      ...first,
      wanted: "triage",
      request: { door: "opened", by: { login: "maria", id: 7 }, quote: "issue opened" },
    })
      .driven()
      .routed(goodTriage, { decision: { kind: "stop" } })
      .finished("triaged", "triaged", "It reports a wrong sum."),
  duplicate: (first?: Partial<EventOf<"run.created">>) =>
    new RunScript(first)
      .driven()
      .routed(
        { ...goodTriage, type: "duplicate", duplicateOf: 41, evidence: ["same as #41"] },
        { decision: { kind: "stop", duplicateOf: 41 } },
      )
      .finished("triaged", "duplicate", "Duplicate of #41: Splitting loses a cent"),
  asked: (first?: Partial<EventOf<"run.created">>) =>
    new RunScript(first)
      .driven()
      .routed(
        { ...goodTriage, confidence: 0.4 },
        {
          decision: {
            kind: "ask",
            questions: ["Which version of the library is this?", "Is it a bug, or rather a question?"],
          },
        },
      )
      .finished("needs-a-decision", "asked", "Which version of the library is this?"),
  "could not reproduce": (first?: Partial<EventOf<"run.created">>) =>
    new RunScript(first)
      .driven()
      .routed()
      .stage("reproduce", { gates: [noRed] })
      .stage("reproduce", { gates: [noRed], reasons: ["red: it passes"] })
      .stage("reproduce", { gates: [noRed], reasons: ["red: it passes"] })
      .finished(
        "could-not-reproduce",
        "passes-on-base",
        "reproduce said no 3 times. Last reason: red: The reproduction passes on the base: it does not show the bug",
      ),
  "does not show": (first?: Partial<EventOf<"run.created">>) =>
    new RunScript(first)
      .driven()
      .routed()
      .add({ type: "stage.started", stage: "reproduce", attempt: 1, reasons: [] })
      .add(...doesNotShow(triedNotes, ["node split.js 1000 3", "node --test"]))
      .finished("could-not-reproduce", "not-reproduced", triedNotes),
  "not a bug": (first?: Partial<EventOf<"run.created">>) =>
    new RunScript(first)
      .driven()
      .routed()
      .stage("reproduce", { artifact: notABug, gates: [citedOf(notABug)] })
      .finished("could-not-reproduce", "not-a-bug", notABug.value.notABug?.why ?? ""),
  "needs a person": (first?: Partial<EventOf<"run.created">>) =>
    new RunScript(first)
      .driven()
      .routed()
      .stage("reproduce")
      .stage("diagnose")
      .stage("fix")
      .stage("verify", { gates: [gateResult("scope"), gateResult("integrity"), gateResult("green"), noBaseline] })
      .finished(
        "needs-a-decision",
        "worse",
        "verify said no 3 times. Last reason: baseline: 1 test that passed on the base fails on the head",
      ),
  failed: (first?: Partial<EventOf<"run.created">>) =>
    new RunScript(first)
      .driven()
      .routed()
      .stage("reproduce")
      .stage("diagnose", { artifact: "none" })
      .add({
        type: "agent.failed",
        stage: "diagnose",
        attempt: 1,
        failure: { code: "model-unreachable", message: "the model answered 529 five times" },
      })
      .finished("failed", "model-unreachable", "diagnose: the model answered 529 five times"),
  "timed out": (first?: Partial<EventOf<"run.created">>) =>
    new RunScript(first)
      .driven()
      .routed()
      .stage("reproduce")
      .finished("timed-out", "budget-time", "The run has used its 45 minutes."),
  "out of budget": (first?: Partial<EventOf<"run.created">>) =>
    new RunScript(first)
      .driven()
      .routed()
      .stage("reproduce")
      .stage("diagnose")
      .finished("out-of-budget", "budget-dollars", "The run has spent $5.01 of $5.00."),
  stopped: (first?: Partial<EventOf<"run.created">>) =>
    new RunScript(first)
      .driven()
      .routed()
      .stage("reproduce", { artifact: "none", gates: [] })
      .add({ type: "stop.requested", by: { login: "ada", id: 8 }, quote: "/agent stop" })
      .finished("cancelled", "stopped", "Stopped by @ada (/agent stop)."),
  "issue closed": (first?: Partial<EventOf<"run.created">>) =>
    new RunScript(first)
      .driven()
      .routed()
      .stage("reproduce")
      .add({ type: "subject.closed", by: { login: "ada", id: 8 } })
      .finished("cancelled", "issue-closed", "@ada closed the issue while the run was under way."),
} as const;
export type RecordedRunName = keyof typeof recordedRuns;

function isRecordedRunName(name: string): name is RecordedRunName {
  return Object.hasOwn(recordedRuns, name);
}

export const recordedRunNames: readonly RecordedRunName[] = Object.keys(recordedRuns).filter(isRecordedRunName);

/** The log with other ends than its own: such as neither its last effect nor anything that breaks could have come to. */
export function otherEnds(events: readonly RecordedEvent[]): RecordedEvent[][] {
  const [last] = events.slice(-1);
  if (last?.event.type !== "run.finished") throw new Error("the log has no end");
  const end = last.event;
  const others: RunEvent[] = [
    { ...end, code: "verified" },
    { ...end, outcome: "cancelled" },
    { ...end, outcome: "needs-a-decision", code: "merge-refused" },
  ];
  return others.map((event) => events.with(-1, { ...last, event }));
}
