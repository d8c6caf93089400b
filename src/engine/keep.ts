// Puts what is finished of a run on a branch, before it ends without a pull request, and takes the branch away when a later try has one.
//
// The latest line of finished work that may be published is kept. The parts beside it are merged into it as far as git can; what git
// cannot merge gets a branch of its own, so that a person finds both sides. Each commit is judged by the gates that every publication must
// pass before the publisher sees it, and what they refuse is named, with the reason.
import { setTimeout as delay } from "node:timers/promises";
import { messageOf } from "../core/errors.ts";
import type { Sha } from "../core/ids.ts";
import type { Work } from "./effect.ts";
import type { Engine } from "./engine.ts";
import type { EventOf, GateResult } from "./events.ts";
import { gateRequest } from "./gate-request.ts";
import { finishedWork, type FinishedWork } from "./kept-work.ts";
import { recover } from "./recovery.ts";
import type { State } from "./state.ts";

/** What every change must pass before others see it: it stays in bounds and weakens no test. */
export const guards = ["scope", "integrity"] as const;

/** Why a guard does not let it be kept. Tests alone are no whole change, but they may be kept. */
export function objection(gates: readonly GateResult[]): string | undefined {
  const [no] = gates.flatMap((result) => objectionOf(result) ?? []);
  const unasked = guards.find((guard) => !gates.some(({ gate }) => gate === guard));
  return no ?? (unasked === undefined ? undefined : `the gate "${unasked}" was not asked`);
}

function objectionOf({ gate, passed, code, summary }: GateResult): string | undefined {
  const onlyTests = gate === "scope" && code === "empty-diff";
  return passed || onlyTests ? undefined : `${gate}: ${summary}`;
}

type Kept = EventOf<"work.kept">;
type Refused = { readonly type: "refused"; readonly why: string };

/** Branches beside the first. */
const MOST_APART = 5;

/** Keeps what is finished. Throws when GitHub or git do not answer; that something is refused is part of the event. */
export async function keepWork(
  { from }: Extract<Work, { type: "keep" }>,
  state: State,
  engine: Engine,
  signal: AbortSignal,
): Promise<Kept> {
  const branches: Kept["branches"] = [];
  const missing = new Map<string, string>();
  const miss = (what: string, why: string) => void missing.set(what, missing.get(what) ?? why.slice(0, 1_000));
  for (const work of finishedWork(state)) {
    const line = await brought(work, state, engine, signal);
    for (const { unit, why } of line.refused) miss(unit, why);
    const main = line.holds.length === 0 ? undefined : await put({ ...line, part: undefined }, state, engine, signal);
    if (main?.type === "refused") for (const unit of line.holds) miss(unit, main.why);
    if (main?.type === "kept") branches.push({ branch: main.branch, head: main.head, holds: [...line.holds] });
    for (const [index, { id, unit, commit }] of line.apart.entries()) {
      const why = "it cannot be merged with the rest, and there are too many like it";
      const own: Awaited<ReturnType<typeof put>> =
        index < MOST_APART
          ? await put({ head: commit, part: id, holds: [unit] }, state, engine, signal)
          : { type: "refused", why };
      if (own.type === "kept") branches.push({ branch: own.branch, head: own.head, holds: [unit] });
      else miss(unit, own.why);
    }
    if (branches.length > 0) break;
  }
  const onBranch = new Set(branches.flatMap(({ holds }) => holds));
  const left = [...missing].filter(([what]) => !onBranch.has(what)).slice(0, 100);
  return { type: "work.kept", from: [...from], branches, missing: left.map(([what, why]) => ({ what, why })) };
}

interface Line {
  readonly head: Sha;
  readonly holds: readonly string[];
  readonly apart: FinishedWork["parts"];
  readonly refused: readonly { readonly unit: string; readonly why: string }[];
}

/** The line with what can be merged into it, as long as the guards say yes. */
async function brought(work: FinishedWork, state: State, engine: Engine, signal: AbortSignal): Promise<Line> {
  let { head } = work;
  const holds = [...work.holds];
  const apart: FinishedWork["parts"][number][] = [];
  const refused: { unit: string; why: string }[] = [];
  for (const part of work.parts) {
    const { unit, commit } = part;
    const answer = await engine.merges.merge(state.created.repo, head, commit, `keep ${unit}`, signal);
    if (answer.type === "conflict") apart.push(part);
    else if (answer.type === "refused") refused.push({ unit, why: answer.reasons.join("; ") });
    else {
      const why = objection(await judged(answer.commit, state, engine, signal));
      if (why !== undefined) refused.push({ unit, why });
      else {
        head = answer.commit;
        holds.push(unit);
      }
    }
  }
  return { head, holds, apart, refused };
}

async function put(
  { head, part, holds }: { head: Sha; part: string | undefined; holds: readonly string[] },
  state: State,
  engine: Engine,
  signal: AbortSignal,
): Promise<{ type: "kept"; branch: string; head: Sha } | Refused> {
  const gates = await judged(head, state, engine, signal);
  const why = objection(gates);
  if (why !== undefined) return { type: "refused", why };
  const answer = await engine.publisher.keep(state, { head, part, holds, gates }, signal);
  return answer.type === "kept" ? answer : { type: "refused", why: answer.message };
}

async function judged(head: Sha, state: State, { gates }: Engine, signal: AbortSignal): Promise<GateResult[]> {
  const results: GateResult[] = [];
  for (const gate of guards) {
    const result = await gates.check(gateRequest(state, { gate, head }), signal);
    results.push(result);
    if (objectionOf(result) !== undefined) break;
  }
  return results;
}

/** Takes the branches away that the run's pull request has made needless. */
export async function removeKept(
  { branches }: Extract<Work, { type: "remove" }>,
  state: State,
  { publisher }: Engine,
  signal: AbortSignal,
): Promise<EventOf<"kept.removed">> {
  const removed: string[] = [];
  const left: EventOf<"kept.removed">["left"] = [];
  for (const branch of branches) {
    const answer = await publisher.removeKept(state, branch, signal);
    if (answer.type === "removed") removed.push(branch.branch);
    else left.push({ branch: branch.branch, why: answer.why.slice(0, 1_000) });
  }
  return { type: "kept.removed", removed, left };
}

/** Keeps or removes for whoever cannot wait before the end: what cannot be done now is named as not done. */
export async function nowOrNever(
  effect: Extract<Work, { type: "keep" | "remove" }>,
  state: State,
  engine: Engine,
  signal: AbortSignal,
): Promise<Kept | EventOf<"kept.removed">> {
  for (let tries = 1; ; tries += 1) {
    try {
      return effect.type === "keep"
        ? await keepWork(effect, state, engine, signal)
        : await removeKept(effect, state, engine, signal);
    } catch (error) {
      signal.throwIfAborted();
      const answer = recover(error, { tries, parks: 0, now: engine.clock.now() });
      engine.journal.warn("could not be done before the end", { run: state.runId, tries, error: messageOf(error) });
      if (answer.type !== "again") return notDone(effect, state, answer.message);
      await delay(answer.pauseMs, undefined, { signal });
    }
  }
}

/** What is recorded when it cannot be done although it was tried again and again: the run ends all the same. */
export function notDone(
  effect: Extract<Work, { type: "keep" | "remove" }>,
  state: State,
  message: string,
): Kept | EventOf<"kept.removed"> {
  const why = message.slice(0, 1_000);
  if (effect.type === "remove")
    return { type: "kept.removed", removed: [], left: effect.branches.map(({ branch }) => ({ branch, why })) };
  const [work] = finishedWork(state);
  const units = [...(work?.holds ?? []), ...(work?.parts.map(({ unit }) => unit) ?? [])].slice(0, 100);
  return { type: "work.kept", from: [...effect.from], branches: [], missing: units.map((what) => ({ what, why })) };
}
