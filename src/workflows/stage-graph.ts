// What a schema cannot say about a workflow: how its stages hang together.
//
// A stage *needs* others; those, and what they need, are *upstream* of it. The graph must be free of cycles, every name in it must
// exist, whatever may say no must say what happens then, and with a pull request at the end every other stage must lead to it,
// because a stage that does not would be a check nobody waits for.
import type { ArtifactName } from "./artifacts.ts";
import { cyclesIn } from "./cycles.ts";
import { TRIAGE_STAGE } from "./expression-check.ts";
import { at, type Located } from "./located-yaml.ts";
import { nearest, oneOf } from "./nearest.ts";
import { durationMs, Stage, type GateName } from "./schema.ts";
import { quote, type Problem } from "./source-file.ts";
import { checkCondition, checkKeys, leavesCommit } from "./stage-keys.ts";

const MAX_STAGES = 50;
const MAX_RUN_MS = 24 * 3_600_000;

/** A stage as it stands in the file. `stage` is undefined when its own fields are wrong: then only its place in the graph is judged. */
interface Node {
  readonly name: string;
  readonly needs: readonly string[];
  readonly stage: Stage | undefined;
  readonly located: Located;
}

/** Checks the stages of a parsed front matter, also when other parts of it are wrong. `agents` are the names that exist; absent means: do not check. */
export function checkStages(root: Located, agents: ReadonlySet<string> | undefined): Problem[] {
  const { located, found } = at(root, ["stages"]);
  // What a list holds are no stages; that it is one is told by the schema.
  if (!found || located.entries.size === 0 || Array.isArray(located.value)) return [];
  if (located.entries.size > MAX_STAGES) {
    const message = `${located.entries.size} stages — a workflow has at most ${MAX_STAGES}; make it shorter`;
    return [{ offset: located.keyOffset, message }];
  }
  const nodes = new Map([...located.entries].map(([name, entry]) => [name, readStage(name, entry)]));
  const problems = [...nodes.values()].flatMap((node) => checkNames(node, nodes, agents));
  const cycles = findCycles(nodes);
  // What is upstream of what has no answer while there is a cycle.
  if (cycles.length > 0) return [...problems, ...cycles];
  const upstream = upstreamOf(nodes);
  return [
    ...problems,
    ...[...nodes.values()].flatMap((node) => (node.stage ? checkStage(node, node.stage, nodes, upstream) : [])),
    ...checkOneLine(nodes, upstream),
    ...checkPullRequest(nodes, upstream),
    ...checkReview(nodes, upstream),
  ];
}

/** Work that leaves commits goes on one line: of two side by side one would be lost. Fan-outs merge theirs. */
function checkOneLine(nodes: ReadonlyMap<string, Node>, upstream: Upstream): Problem[] {
  const leaving = [...nodes.values()].filter(({ stage }) => leavesCommit(stage));
  return leaving.flatMap((node, index) => {
    const beside = leaving
      .slice(0, index)
      .find(({ name }) => !upstream.get(node.name)?.has(name) && !upstream.get(name)?.has(node.name));
    if (!beside) return [];
    const message = `${beside.name} and ${node.name} both leave commits, and neither comes after the other — let one need the other, or make them tasks of a fan-out`;
    return [problemAt(node, ["needs"], message)];
  });
}

/** A time of 0 would end a run before it began; more than a day is a slip of the pen. */
export function checkTimes(root: Located): Problem[] {
  const stages = [...at(root, ["stages"]).located.entries.keys()];
  const paths = [["budget", "time"], ...stages.map((name) => ["stages", name, "time"])];
  return paths.flatMap((path) => {
    const { located, found } = at(root, path);
    if (!found || typeof located.value !== "string" || !/^\d{1,4}[smh]$/.test(located.value)) return [];
    const milliseconds = durationMs(located.value);
    if (milliseconds > 0 && milliseconds <= MAX_RUN_MS) return [];
    const message = `${path.join(".")} is ${quote(located.value)} — write a duration above 0 and at most 24h`;
    return [{ offset: located.offset, message }];
  });
}

function readStage(name: string, located: Located): Node {
  const checked = Stage.safeParse(located.value);
  const listed = [...(located.entries.get("needs")?.entries.values() ?? [])].map(({ value }) => value);
  const needs = listed.filter((value): value is string => typeof value === "string");
  return { name, needs: [...new Set(needs)], stage: checked.success ? checked.data : undefined, located };
}

function problemAt({ located }: Node, path: readonly PropertyKey[], message: string): Problem {
  const { located: place, found } = at(located, path);
  return { offset: found && path.length > 0 ? place.offset : place.keyOffset, message };
}

/** The stage in a message: `fix`, and where the name could be anything else `stages.0`. */
function subject({ name }: Node): string {
  return /^[a-z]/.test(name) ? name : `stages.${name}`;
}

/** Every stage and agent that is named exists. */
function checkNames(node: Node, nodes: ReadonlyMap<string, Node>, agents: ReadonlySet<string> | undefined): Problem[] {
  const problems: Problem[] = [];
  if (node.name === TRIAGE_STAGE)
    problems.push(
      problemAt(
        node,
        [],
        `a stage is called ${quote(TRIAGE_STAGE)}, as conditions call how the issue was sorted — choose another name`,
      ),
    );
  const named = [...(node.located.entries.get("needs")?.entries.values() ?? [])];
  const twice = new Set<unknown>();
  for (const { value, offset } of named) {
    if (typeof value !== "string") continue;
    if (!nodes.has(value)) problems.push({ offset, message: unknown(node, "needs the stage", value, nodes.keys()) });
    if (twice.has(value)) problems.push({ offset, message: `${subject(node)} needs ${quote(value)} twice — keep one` });
    twice.add(value);
  }
  const back = at(node.located, ["otherwise", "back_to"]);
  const target = back.found ? back.located.value : undefined;
  if (typeof target === "string" && !nodes.has(target))
    problems.push({
      offset: back.located.offset,
      message: unknown(node, "goes back to the stage", target, nodes.keys()),
    });
  for (const key of ["agent", "merge"]) {
    const agent = node.located.entries.get(key);
    if (agents && typeof agent?.value === "string" && !agents.has(agent.value))
      problems.push({ offset: agent.offset, message: unknown(node, "names the agent", agent.value, agents) });
  }
  return problems;
}

function unknown(node: Node, does: string, name: string, known: Iterable<string>): string {
  const names = [...known];
  const near = nearest(name, names);
  const advice = near === undefined ? oneOf(names) : `did you mean ${quote(near)}?`;
  return `${subject(node)} ${does} ${quote(name)}, which does not exist — ${advice}`;
}

/** Every cycle of `needs`, each named once and in full: "fix → verify → fix". */
function findCycles(nodes: ReadonlyMap<string, Node>): Problem[] {
  const graph = new Map([...nodes].map(([name, { needs }]) => [name, needs]));
  return cyclesIn(graph).flatMap((cycle) => {
    const node = nodes.get(cycle[0] ?? "");
    if (!node) return [];
    const message = `the stages need each other in a circle: ${cycle.join(" → ")} — take one of these needs out; use back_to to repeat a stage`;
    return [problemAt(node, ["needs"], message)];
  });
}

type Upstream = ReadonlyMap<string, ReadonlySet<string>>;

/** For each stage, every stage it needs, directly or through others. The graph has no cycle. */
function upstreamOf(nodes: ReadonlyMap<string, Node>): Upstream {
  const known = new Map<string, ReadonlySet<string>>();
  const visit = (name: string): ReadonlySet<string> => {
    const before = known.get(name);
    if (before) return before;
    const all = new Set<string>();
    for (const need of nodes.get(name)?.needs ?? []) {
      if (!nodes.has(need)) continue;
      all.add(need);
      for (const further of visit(need)) all.add(further);
    }
    known.set(name, all);
    return all;
  };
  for (const name of nodes.keys()) visit(name);
  return known;
}

/** The artifact that a gate judges, which a stage here or upstream must make. */
const judged: Readonly<Partial<Record<GateName, ArtifactName>>> = {
  red: "Reproduction",
  green: "Reproduction",
  pinned: "Characterization",
  sharp: "Characterization",
  kept: "Characterization",
  tried: "Setup",
};

/** Keys each of which is all that its stage does, at the end of a workflow. */
const publishing = [
  ["pull_request", "opens the pull request"],
  ["review", "publishes the review"],
] as const;

/** One stage: does it do something, does it say what happens when that fails, and is there what it works on? */
function checkStage(node: Node, stage: Stage, nodes: ReadonlyMap<string, Node>, upstream: Upstream): Problem[] {
  const problems: Problem[] = [];
  const say = (path: readonly PropertyKey[], message: string, within = 0) => {
    const { offset, message: said } = problemAt(node, path, `${subject(node)} ${message}`);
    problems.push({ offset: offset + within, message: said });
  };
  const { agent, makes, gates, otherwise } = stage;
  const before = upstream.get(node.name) ?? new Set<string>();
  const opening = [...nodes.values()].find((other) => other.stage?.pull_request !== undefined)?.stage;
  const around = {
    name: node.name,
    stage,
    before,
    beforeOf: (name: string) => upstream.get(name) ?? new Set<string>(),
    opening,
    notAfter: [...nodes.values()].flatMap((other) =>
      other.name === node.name || upstream.get(other.name)?.has(node.name) ? [] : [other.stage],
    ),
    stageCalled: (name: string) => nodes.get(name)?.stage,
    others: [...nodes.values()].filter((other) => other.name !== node.name),
    say,
  };
  for (const [key, does] of publishing) {
    if (stage[key] === undefined) continue;
    checkCondition(around, "when");
    const idle = [...node.located.entries.keys()].filter((other) => ![key, "needs", "when"].includes(other));
    if (idle.length > 0)
      say([idle[0] ?? "agent"], `${does} and does nothing else — move ${idle.join(", ")} to a stage before it`);
    return problems;
  }
  checkKeys(around);
  if (stage.wait !== undefined || stage.pick !== undefined || stage.collects !== undefined) return problems;
  if (agent === undefined && gates.length === 0 && makes === undefined && stage.writes === undefined)
    say([], "does nothing — give it an agent, gates, pick, pull_request or review");
  if (agent !== undefined && makes === undefined)
    say(["agent"], `has an agent (${quote(agent)}) that hands nothing in — add makes: with the artifact`);
  if (agent === undefined && makes !== undefined)
    say(["makes"], `makes ${quote(makes)} but has no agent to make it — add agent:`);
  gates.forEach((gate, index) => {
    if (gates.indexOf(gate) !== index) say(["gates", index], `has the gate ${quote(gate)} twice — keep one`);
    const needed = judged[gate];
    if (needed === undefined) return;
    const sources = [node.name, ...before].map((name) => nodes.get(name)?.stage);
    if (!sources.some((source) => source === undefined || source.makes === needed))
      say(
        ["gates", index],
        `has the gate ${quote(gate)}, but no stage before it makes a ${needed} — add one, or take the gate out`,
      );
  });
  const mayRefuse =
    gates.length > 0
      ? "gates"
      : (makes === "Review" && stage.for_each === undefined) || makes === "Reproduction"
        ? `a ${makes}`
        : undefined;
  if (mayRefuse !== undefined && otherwise === undefined) {
    const example = "otherwise: { again: 0, ending: needs-a-person }";
    say([], `has ${mayRefuse} that may say no, and does not say what happens then — add ${example}`);
  }
  if (otherwise && "back_to" in otherwise && nodes.has(otherwise.back_to)) {
    const target = nodes.get(otherwise.back_to)?.stage;
    const path = ["otherwise", "back_to"];
    if (otherwise.back_to === node.name) say(path, "goes back to itself — use again instead of back_to and max");
    else if (!before.has(otherwise.back_to))
      say(
        path,
        `goes back to ${quote(otherwise.back_to)}, which it does not come after — name one of its needs, or what they need`,
      );
    else if (target && target.agent === undefined)
      say(
        path,
        `goes back to ${quote(otherwise.back_to)}, which has no agent to do better — name a stage that has one`,
      );
    else if (target?.for_each !== undefined)
      say(
        path,
        `goes back to ${quote(otherwise.back_to)}, which works many tasks — name a stage behind it where one agent has the whole`,
      );
  }
  return problems;
}

/** At most one stage opens the pull request; everything leads to it, and something that leads to it leaves a commit. */
function checkPullRequest(nodes: ReadonlyMap<string, Node>, upstream: Upstream): Problem[] {
  const opening = [...nodes.values()].filter(({ located }) => located.entries.has("pull_request"));
  const [last, ...more] = opening;
  if (!last) return [];
  if (more.length > 0)
    return more.map((node) =>
      problemAt(
        node,
        ["pull_request"],
        `${node.name} opens a second pull request (${last.name} does already) — keep one`,
      ),
    );
  const before = upstream.get(last.name) ?? new Set<string>();
  const problems = checkAllLeadTo(last, "opens the pull request", nodes, upstream);
  const stages = [...before].map((name) => nodes.get(name)?.stage);
  if (!stages.some((stage) => !stage || leavesCommit(stage))) {
    const message = `${last.name} opens a pull request, but no stage before it makes a Change — add one, or take pull_request out`;
    problems.push(problemAt(last, ["pull_request"], message));
  }
  // A pull request says what was verified: without these two nothing would have been.
  const unchecked = (["scope", "integrity"] as const).filter(
    (gate) => !stages.some((stage) => !stage || stage.gates.includes(gate)),
  );
  if (problems.length === 0 && unchecked.length > 0) {
    const message = `${last.name} opens a pull request that nobody checked: no stage before it has the gate ${unchecked.map(quote).join(" or ")} — add ${unchecked.length === 1 ? "it" : "them"}`;
    problems.push(problemAt(last, ["pull_request"], message));
  }
  return problems.length > 0 ? problems : checkJudgedLast(nodes, upstream, before);
}

/** Nobody waits for a stage that does not come before the one which publishes. */
function checkAllLeadTo(last: Node, does: string, nodes: ReadonlyMap<string, Node>, upstream: Upstream): Problem[] {
  return [...nodes.values()]
    .filter(({ name }) => name !== last.name && !upstream.get(last.name)?.has(name))
    .map((node) => {
      if (upstream.get(node.name)?.has(last.name))
        return problemAt(node, ["needs"], `${node.name} comes after ${last.name}, which ${does} — put it before`);
      const message = `${node.name} does not lead to ${last.name}, so nobody would wait for it — name it in the needs of a later stage`;
      return problemAt(node, [], message);
    });
}

/** A review is of somebody's pull request: it has remarks to make, and nothing of its own that gates could judge or a pull request could hold. */
function checkReview(nodes: ReadonlyMap<string, Node>, upstream: Upstream): Problem[] {
  const [last, ...more] = [...nodes.values()].filter(({ located }) => located.entries.has("review"));
  if (!last) return [];
  if (more.length > 0)
    return more.map((node) =>
      problemAt(node, ["review"], `${node.name} publishes a second review (${last.name} does already) — keep one`),
    );
  const problems = checkAllLeadTo(last, "publishes the review", nodes, upstream);
  for (const node of nodes.values()) {
    const { name, stage } = node;
    const why = `${last.name} publishes a review, for which nothing is changed`;
    if (stage?.pull_request !== undefined)
      problems.push(problemAt(node, ["pull_request"], `${name} opens a pull request, and ${why} — keep one`));
    if (leavesCommit(stage))
      problems.push(problemAt(node, ["makes"], `${name} leaves a commit, and ${why} — let it make a Report`));
    if (stage && stage.gates.length > 0)
      problems.push(problemAt(node, ["gates"], `${name} has gates, which judge changes, and ${why} — take them out`));
  }
  const stages = [...(upstream.get(last.name) ?? [])].map((name) => nodes.get(name)?.stage);
  if (!stages.some((stage) => !stage || stage.makes === "Remarks"))
    problems.push(
      problemAt(
        last,
        ["review"],
        `${last.name} publishes a review, but no stage before it makes Remarks — add one, or take review out`,
      ),
    );
  return problems;
}

/** What leaves a commit behind the last scope or integrity gate is judged by none, and would be refused at the end. */
function checkJudgedLast(nodes: ReadonlyMap<string, Node>, upstream: Upstream, before: ReadonlySet<string>): Problem[] {
  return [...before].flatMap((name) => {
    const node = nodes.get(name);
    if (!node || !leavesCommit(node.stage)) return [];
    const behind = [...before].filter((other) => other === name || upstream.get(other)?.has(name));
    const stages = behind.map((other) => nodes.get(other)?.stage);
    const missing = (["scope", "integrity"] as const).filter(
      (gate) => !stages.some((stage) => !stage || stage.gates.includes(gate)),
    );
    if (missing.length === 0) return [];
    const message = `${name} leaves a commit that nobody checks: it comes behind the last gate ${missing.map(quote).join(" and ")} — move ${missing.length === 1 ? "that gate" : "those gates"} behind it`;
    return [problemAt(node, [], message)];
  });
}
