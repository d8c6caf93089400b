// The agents that one attempt of an agent conducts, as its tools see them: each call is an event, or a refusal in words; the driver does the
// rest (`conducted.ts`).
//
// What a lost reply had asked for is answered as it was then (`lost-reply.ts`): nothing is created or commanded twice.
import { isDeepStrictEqual } from "node:util";
import type { Sha } from "../core/ids.ts";
import { originCommit, startCommit } from "./commits.ts";
import { fleetOf, moneyLeft, spentBelow, statusOf } from "./conducted.ts";
import type { Engine } from "./engine.ts";
import { addSpend, noSpend, type EventOf, type Spend } from "./events.ts";
import type { AgentView, Answer, CostLine, Fleet, NewAgent, Refused } from "./fleet-port.ts";
import { refusalOf } from "./fleet-rules.ts";
import type { FleetState } from "./fleet-state.ts";
import { isFleetEvent, workOf, type FleetEvent } from "./fold-fleet.ts";
import { gateRequest } from "./gate-request.ts";
import { behind, stuckFor } from "./locks.ts";
import { LostReply, type Of } from "./lost-reply.ts";
import type { Course, Proposal } from "./perform.ts";
import type { StageState, State } from "./state.ts";
import { childUnit, isBelow } from "./unit.ts";
import { nextWave } from "../workflows/waves.ts";

type Parts = Pick<Engine, "log" | "merges" | "gates" | "agents">;

/** The fleet of an attempt that is about to be worked. */
export function createFleet(course: Course, { log, merges, gates, agents }: Parts, of: Of): Fleet {
  const lost = new LostReply(course, log, of, {
    isOne: isFleetEvent,
    about: aboutWhom,
    // The agents of an attempt that begins again are gone.
    outlives: false,
    any: (state) => fleetOf(state, of.stage) !== undefined,
  });
  const unitOf = (id: string) => childUnit(of.stage, id);
  const known = (): FleetState | undefined => fleetOf(course.now(), of.stage);
  const head = (state: State): Sha => fleetOf(state, of.stage)?.head ?? startCommit(state, of.stage);

  async function record(event: FleetEvent): Promise<Answer> {
    if (await lost.taken(event.type, (before) => isDeepStrictEqual(before, event))) return { type: "done" };
    return await lost.propose((state) => proposal(state, event, {}));
  }

  async function create(asked: NewAgent): Promise<Answer<{ id: string; base: Sha }>> {
    const before = await lost.taken("agent.created", (event) => isAskedFor(event, asked));
    if (before) return { type: "done", id: before.id, base: before.base };
    return await lost.propose((state): Proposal<Answer<{ id: string; base: Sha }>> => {
      const conflict = fleetOf(state, of.stage)?.conflict;
      if (asked.fromConflict && !conflict) return refusing("there is no conflict to begin from");
      const event = createdEvent(state, asked, asked.fromConflict ? conflict : undefined);
      return proposal(state, event, { id: event.id, base: event.base });
    });
  }

  function createdEvent(state: State, asked: NewAgent, conflict: FleetState["conflict"]): EventOf<"agent.created"> {
    const { id, agent, makes, instructions, tools, tier, microDollars } = asked;
    return {
      type: "agent.created",
      ...of,
      id: id ?? freeId(agent, fleetOf(state, of.stage)?.agents ?? []),
      agent,
      makes,
      instructions,
      ...(tools === undefined ? {} : { tools: [...tools] }),
      ...(tier === undefined ? {} : { tier }),
      ...(microDollars === undefined ? {} : { microDollars }),
      base: conflict?.marked ?? head(state),
      ...(conflict ? { conflict: { of: conflict.of, paths: [...conflict.paths] } } : {}),
    };
  }

  async function command(id: string, words: string): Promise<Answer<{ number: number }>> {
    const before = await lost.taken("agent.commanded", (event) => event.id === id && event.words === words);
    if (before) return { type: "done", number: before.number };
    return await lost.propose((state) => {
      const number = (state.stages.get(unitOf(id))?.child?.commands ?? 0) + 1;
      return proposal(state, { type: "agent.commanded", ...of, id, number, words }, { number });
    });
  }

  async function merge(id: string, signal: AbortSignal): ReturnType<Fleet["merge"]> {
    const before = await lost.taken("fleet.merged", (event) => event.id === id);
    if (before) return mergeAnswer(before);
    const state = course.now();
    const into = head(state);
    const theirs = workOf(state, of.stage, id);
    const at = { type: "fleet.merged" as const, ...of, id, ...(theirs === undefined ? {} : { work: theirs }) };
    const no = refusalOf(state, { ...at, commit: into });
    if (no !== undefined || theirs === undefined) return refusal(no ?? `${id} has handed in no change`);
    const mender = state.stages.get(unitOf(id))?.child;
    if (mender?.conflict) {
      const conflict = { marked: mender.base, paths: mender.conflict.paths };
      const { passed, summary, notes } = await gates.check(
        gateRequest(state, { gate: "resolved", head: theirs, conflict }),
        signal,
      );
      if (!passed) return refusal([summary, ...notes].join("\n"));
    }
    const answer = await merges.merge(state.created.repo, into, theirs, `${of.stage}: merge ${id}`, signal);
    if (answer.type === "refused") return refusal(answer.reasons.join("; "));
    const event: EventOf<"fleet.merged"> =
      answer.type === "merged"
        ? { ...at, commit: answer.commit }
        : { ...at, commit: into, conflict: { marked: answer.marked, paths: [...answer.paths] } };
    let overtaken = false;
    const recorded = await lost.propose((by) => {
      overtaken = head(by) !== into;
      return overtaken ? refusing("other work was merged meanwhile") : proposal(by, event, {});
    });
    if (overtaken) return await merge(id, signal);
    return recorded.type === "refused" ? recorded : mergeAnswer(event);
  }

  async function wait(ids: readonly string[], milliseconds: number, signal: AbortSignal): Promise<void> {
    const until = AbortSignal.any([signal, AbortSignal.timeout(milliseconds)]);
    const atWork = (state: State) => ids.filter((id) => statusOf(state, unitOf(id)) === "executing");
    const stuck = (state: State) => ids.filter((id) => stuckFor(state, unitOf(id)) !== undefined);
    const before = atWork(course.now());
    const known = stuck(course.now());
    if (before.length === 0) return;
    for (;;) {
      const state = course.now();
      if (until.aborted || state.finished || atWork(state).length < before.length) return;
      if (stuck(state).some((id) => !known.includes(id))) return;
      await course.changed(state.version, until);
    }
  }

  return {
    origin: originCommit(course.now(), of.stage),
    head: () => head(course.now()),
    create,
    command,
    interrupt: (id) => record({ type: "agent.interrupted", ...of, id }),
    async delete(id) {
      const answer = await record({ type: "agent.deleted", ...of, id });
      if (answer.type === "done") await forgetFleet(agents, course.now(), unitOf(id));
      return answer;
    },
    merge,
    agents: () => (known()?.agents ?? []).flatMap((id) => viewOf(course.now(), of.stage, id) ?? []),
    wait,
    turns: (id, after, most) => turnsOf(course.now(), log, { parent: of.stage, id }, { after, most }),
    cost: () => ({ lines: costLines(course.now(), of.stage), left: moneyLeft(course.now(), of.stage) }),
    addTasks: (tasks) => record({ type: "tasks.added", ...of, tasks: [...tasks] }),
    changeTask: (change) => record({ type: "task.changed", ...of, ...change }),
    board: () => ({ lines: known()?.board ?? [], ready: readyTasks(known()?.board ?? []) }),
  };
}

/** What the agents at `unit` and below it worked in is nobody's any more, once none of them can be commanded again. */
export async function forgetFleet(agents: Engine["agents"], { runId, stages }: State, unit: string): Promise<void> {
  for (const { name, child, attempts } of stages.values())
    if (child && (name === unit || isBelow(name, unit)))
      for (const begun of new Set(attempts.map(({ root }) => root))) await agents.forget(runId, { unit: name, begun });
}

/** The agent, or the line of the board, that an event is about. */
function aboutWhom(event: FleetEvent): string | undefined {
  if (event.type === "tasks.added") return undefined;
  return event.type === "task.changed" ? `line ${event.id}` : `agent ${event.id}`;
}

function isAskedFor(event: EventOf<"agent.created">, asked: NewAgent): boolean {
  const { id, agent, makes, instructions, tools, tier, microDollars, fromConflict } = asked;
  return (
    (id === undefined || id === event.id) &&
    isDeepStrictEqual(
      [agent, makes, instructions, tools, tier, microDollars, fromConflict],
      [
        event.agent,
        event.makes,
        event.instructions,
        event.tools,
        event.tier,
        event.microDollars,
        event.conflict !== undefined,
      ],
    )
  );
}

function refusal(why: string): Refused {
  return { type: "refused", why };
}

function refusing(why: string): Proposal<Refused> {
  return { events: [], answer: refusal(why) };
}

function proposal<T extends object>(state: State, event: FleetEvent, answer: T): Proposal<Answer<T>> {
  const no = refusalOf(state, event);
  return no === undefined ? { events: [event], answer: { type: "done", ...answer } } : refusing(no);
}

function mergeAnswer({ commit, conflict }: EventOf<"fleet.merged">): Awaited<ReturnType<Fleet["merge"]>> {
  return conflict ? { type: "conflict", paths: conflict.paths } : { type: "done", commit };
}

function freeId(agent: string, taken: readonly string[]): string {
  for (let number = 1; ; number += 1) {
    const id = `${agent.slice(0, 34)}-${number}`;
    if (!taken.includes(id)) return id;
  }
}

/** The attempts of an agent since it was created. */
function attemptsOf({ attempts, child }: StageState): StageState["attempts"] {
  return attempts.filter(({ version }) => version > (child?.version ?? 0));
}

function viewOf(state: State, parent: string, id: string): AgentView | undefined {
  const unit = childUnit(parent, id);
  const stage = state.stages.get(unit);
  if (!stage?.child) return undefined;
  const { child, current } = stage;
  const attempts = attemptsOf(stage);
  const handedIn = attempts.findLast(({ artifact }) => artifact !== undefined);
  return {
    id,
    agent: child.agent,
    makes: child.makes,
    status: statusOf(state, unit),
    commands: child.commands,
    turns: attempts.reduce((sum, { turns }) => sum + turns, 0),
    spent: spentBelow(state, unit, child.version),
    lastTool: current?.lastTool,
    result: handedIn?.artifact,
    failure: current?.failure,
    work: workState(state, parent, id),
    stuck: stuckView(state, unit),
    conducts: current?.fleet?.agents.length ?? 0,
  };
}

function stuckView(state: State, unit: string): AgentView["stuck"] {
  const lock = stuckFor(state, unit);
  return lock && { paths: lock.paths, behind: behind(state, lock) };
}

function workState(state: State, parent: string, id: string): AgentView["work"] {
  const work = workOf(state, parent, id);
  const child = state.stages.get(childUnit(parent, id))?.child;
  if (work === undefined || work === child?.base) return "none";
  return fleetOf(state, parent)?.merged.get(id) === work ? "merged" : "to merge";
}

async function turnsOf(
  state: State,
  log: Engine["log"],
  { parent, id }: { parent: string; id: string },
  { after, most }: { after: number; most: number },
): ReturnType<Fleet["turns"]> {
  const unit = childUnit(parent, id);
  const stage = state.stages.get(unit);
  if (!stage?.child) return undefined;
  const attempts = attemptsOf(stage);
  const first = attempts[0]?.number ?? 1;
  const all = attempts.flatMap(({ spoken }) => spoken.filter(({ turn }) => turn !== undefined));
  const wanted = all.filter(({ turn = 0 }) => turn > after).slice(0, most);
  const events = await log.at(
    state.runId,
    wanted.map(({ version }) => version),
  );
  const turns = events.flatMap(({ event }) =>
    event.type === "agent.turn"
      ? [{ command: event.attempt - first + 1, turn: event.turn, text: event.text, tools: event.tools }]
      : [],
  );
  return { turns, all: all.length };
}

function costLines(state: State, unit: string): CostLine[] {
  const since = state.stages.get(unit)?.current?.version ?? 0;
  return [{ who: "you", status: undefined, spend: spendOf(state, unit, since) }, ...below(state, unit, "")];
}

function below(state: State, unit: string, prefix: string): CostLine[] {
  return (fleetOf(state, unit)?.agents ?? []).flatMap((id) => {
    const child = childUnit(unit, id);
    const since = state.stages.get(child)?.child?.version ?? 0;
    const line = { who: `${prefix}${id}`, status: statusOf(state, child), spend: spendOf(state, child, since) };
    return [line, ...below(state, child, `${prefix}${id}/`)];
  });
}

function spendOf(state: State, unit: string, since: number): Spend {
  const attempts = state.stages.get(unit)?.attempts.filter(({ version }) => version >= since) ?? [];
  return attempts.reduce((sum, { spend }) => addSpend(sum, spend), noSpend);
}

function readyTasks(lines: FleetState["board"]): string[] {
  const ids = (status: FleetState["board"][number]["status"]) =>
    new Set(lines.flatMap((line) => (line.status === status ? [line.task.id] : [])));
  const busy = ids("under way");
  const tasks = lines.map(({ task }) => task).map(onBoard);
  // Those under way go first, so that nothing begins that overlaps with them.
  const first = tasks.filter(({ id }) => busy.has(id)).map((task) => ({ ...task, needs: [] }));
  const { wave } = nextWave([...first, ...tasks.filter(({ id }) => !busy.has(id))], {
    done: ids("done"),
    failed: ids("failed"),
  });
  return wave.filter((id) => !busy.has(id));
}

/** On this board what claims nothing only reads, and is in nobody's way. */
function onBoard(task: FleetState["board"][number]["task"]): FleetState["board"][number]["task"] {
  return task.claims.length === 0 ? { ...task, claims: [`.task/${task.id}`] } : task;
}
