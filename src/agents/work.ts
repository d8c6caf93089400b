// Works one task: a private workspace, the hands in it, an attempt's conversations with the model, and the commit that comes of it.
// The same for every runner; how an agent speaks and what runs its tools is the runner's manner.
//
// The first model request does not wait for the workspace: cloning, installing and starting the hands go on beside it, and the
// first tool call waits for what is left. Whatever happens, hands and workspace are gone when `run` returns, in this order,
// and work is collected only after the hands have ended, so that nothing can still write.
//
// What is put down to be taken up again (the worker stops, a person holds the run, the model must be waited for) leaves its
// workspace under the attempt's key; `resume` takes it from there, in whichever process of this machine.
import type { Tool } from "@anthropic-ai/sdk/resources/messages/messages";
import { BatonError, messageOf } from "../core/errors.ts";
import type { Sha } from "../core/ids.ts";
import type { Log } from "../core/log.ts";
import { parkingOf, withGrace } from "../core/parking.ts";
import type { RepoRef } from "../engine/events.ts";
import type { AgentEvents, AgentResult, AgentRunner, AgentTask, Conversation } from "../engine/ports.ts";
import { Artifact, carriesCommit, Change } from "../workflows/artifacts.ts";
import { handToolNames } from "../workflows/names.ts";
import { fleetToolNames, type AgentDefinition } from "../workflows/schema.ts";
import { findCommands } from "../workspace/commands.ts";
import type { Workspace, Workspaces } from "../workspace/workspaces.ts";
import { workAttempt, type AttemptOptions, type Spoken } from "./attempt.ts";
import { gatherMaterial, writeBrief } from "./brief.ts";
import { createCircuits, type Circuits } from "./circuits.ts";
import { clip } from "./clip.ts";
import { newBoundary } from "./data-block.ts";
import { withFleet } from "./fleet-tools.ts";
import { withArtifacts } from "./handed-on.ts";
import type { Model } from "./model.ts";
import { atLeast, modelIds } from "./models.ts";
import { Place, placeKey, type PlaceOptions } from "./place.ts";
import { noServers, type OpenServers, type Servers } from "./servers/servers.ts";
import { missingNote, withServers } from "./servers/with-servers.ts";
import { serverToolName } from "../workflows/servers.ts";
import type { SessionTools } from "./session.ts";
import { NEW_SHELL } from "./summary.ts";
import { withTalk } from "./talk-tools.ts";
import { FINISH } from "./finish.ts";
import { schemaOf } from "./schema-of.ts";
import { lastTouch, readExchanges, type Sent } from "./transcript.ts";

/** Finds an agent's definition; a repository's own go before Baton's. */
export interface AgentSource {
  load(
    name: string,
    at: { readonly repo: RepoRef; readonly base: Sha },
    signal: AbortSignal,
  ): Promise<AgentDefinition | undefined>;
  /** The names there are at that commit, a repository's own among them. */
  names?(
    at: { readonly repo: RepoRef; readonly base: Sha },
    signal: AbortSignal,
  ): readonly string[] | Promise<readonly string[]>;
}

export interface RunnerOptions {
  readonly model: Model;
  readonly workspaces: Workspaces;
  readonly agents: AgentSource;
  readonly log: Log;
  /** The MCP servers that agents may name; none when absent. */
  readonly servers?: Servers;
  /** Default: new ones, of this runner alone. */
  readonly circuits?: Circuits;
  /** Milliseconds that a running tool gets to end when the work is parked; default 10 s. */
  readonly graceMs?: number;
}

/** What tells runners apart. */
export interface Manner<Hands extends AsyncDisposable> {
  /** Starts what runs the tools, in a workspace's folder; disposed of before the work is collected. */
  start(folder: string, signal: AbortSignal): Promise<Hands>;
  /** How an agent speaks, and its tools; `place` is undefined for an agent that needs no workspace. */
  equip(
    agent: AgentDefinition,
    place: Place<Hands> | undefined,
  ): Pick<AttemptOptions<Artifact["value"]>, "system" | "tools" | "speak">;
}

type Tools<Hands extends AsyncDisposable> = Required<Pick<RunnerOptions, "circuits" | "graceMs" | "servers">> &
  RunnerOptions & { readonly manner: Manner<Hands> };

const GRACE_MS = 10_000;
/** How long the workspace of a run that a person holds is kept. */
const HELD_MS = 6 * 3_600_000;

/** A runner of this manner. Throws `not-found` for an unknown agent, and what broken git or a full disk throws. */
export function createRunner<Hands extends AsyncDisposable>(given: RunnerOptions, manner: Manner<Hands>): AgentRunner {
  const options: Tools<Hands> = {
    circuits: createCircuits(),
    graceMs: GRACE_MS,
    servers: noServers,
    ...given,
    manner,
  };
  return {
    run: async (task, events, signal) => {
      using grace = withGrace(signal, options.graceMs);
      return await work(options, { task, events, from: undefined, adopted: undefined }, signal, grace.signal);
    },
    resume: (task, conversation, events, signal) => resume(options, task, conversation, events, signal),
    forget: (run, of) => forget(options, of ? placeKey({ runId: run, stage: of.unit, begun: of.begun }) : run),
  };
}

/** What a place writes down of turns, and how it is made anew. */
export function bookkeeping(place: Place<AsyncDisposable>): Pick<SessionTools, "begin" | "recorded" | "renew"> {
  return {
    begin: (turn, signal) => place.begin(turn, signal),
    recorded: (turn) => place.recorded(turn),
    renew: () => place.renew(),
  };
}

async function forget({ workspaces, log }: RunnerOptions, what: string): Promise<void> {
  try {
    await workspaces.forget(what);
  } catch (error) {
    log.warn("the workspaces of what has ended could not be deleted", { what, error: messageOf(error) });
  }
}

/** Goes on where an earlier process stopped. Without a change to the files so far, a fresh workspace is as good as the one that is gone. */
async function resume<Hands extends AsyncDisposable>(
  options: Tools<Hands>,
  task: AgentTask,
  conversation: Conversation,
  events: AgentEvents,
  signal: AbortSignal,
): Promise<AgentResult | { readonly type: "gone"; readonly why: string }> {
  using grace = withGrace(signal, options.graceMs);
  const { opening, turns, turnsBefore, commands = [] } = conversation;
  const here = commands.filter(({ session }) => session === conversation.session);
  const told = { steering: task.steering?.() ?? [], heard: conversation.heard };
  const read = readExchanges(opening, turns, here, told);
  const spoken = spokenIn({ ...conversation, opening: read?.opening ?? opening });
  const goOn = (exchanges: readonly Sent[], adopted: Workspace | undefined, anew?: string) =>
    work(options, { task, events, from: { spoken, exchanges, turnsBefore, anew }, adopted }, signal, grace.signal);
  // Whoever is commanded again does not do again what was done.
  const gone = async (why: string) =>
    commands.length > 0 ? await goOn([], undefined, why) : { type: "gone" as const, why };
  if (!read) return await gone("the recorded conversation cannot be read");
  const last = read.exchanges.at(-1);
  if (last && !last.answer && last.reply.some(({ type }) => type === "tool_use") && !handsIn(last))
    return await gone("its tools broke in the middle of its last turn");
  const agent = await options.agents.load(task.agent, task, signal);
  // Without a workspace there is none to be missed, whatever tools it called that it does not have.
  if (agent && !equipmentOf(agent, task, options.servers).hasPlace) return await goOn(read.exchanges, undefined);
  // What a broken workspace had in it went with it.
  const broken = spoken.findLastIndex(({ start }) => start.why === "tools-broken" || start.why === "workspace-gone");
  const turnsHere = spoken.slice(Math.max(0, broken)).flatMap((one) => one.turns);
  const touched = lastTouch(turnsHere, options.servers.elsewhere);
  const adopted = await options.workspaces.adopt(task.repo, placeKey(task), touched, signal);
  if (!adopted && touched > handedIn(task, commands))
    return await gone("its workspace is not there any more, or has moved on");
  return await goOn(read.exchanges, adopted);
}

/** The turn up to which what it did to the files is in the commit it starts from: it handed that in before it was commanded again. */
function handedIn({ makes }: AgentTask, commands: NonNullable<Conversation["commands"]>): number {
  return carriesCommit(makes) ? (commands.findLast(({ failure }) => failure === undefined)?.after ?? 0) : 0;
}

function handsIn({ reply }: Sent): boolean {
  return reply.some((block) => block.type === "tool_use" && block.name === FINISH);
}

function spokenIn({ session, model, opening, why, heard, turns, earlier }: Conversation): [Spoken, ...Spoken[]] {
  const last = { start: { session, model, why, opening, heard }, turns };
  const [first, ...rest] = earlier;
  return first ? [first, ...rest, last] : [last];
}

interface Work {
  readonly task: AgentTask;
  readonly events: AgentEvents;
  readonly from:
    | {
        spoken: [Spoken, ...Spoken[]];
        exchanges: readonly Sent[];
        turnsBefore: number;
        anew: string | undefined;
      }
    | undefined;
  readonly adopted: Workspace | undefined;
}

/** Works with a place that is ended whatever happens, and is kept for whoever goes on. */
async function work<Hands extends AsyncDisposable>(
  options: Tools<Hands>,
  asked: Work,
  signal: AbortSignal,
  graceful: AbortSignal,
): Promise<AgentResult> {
  const { adopted } = asked;
  const { workspaces, log, manner } = options;
  let place: Place<Hands> | undefined;
  let until: number | undefined;
  try {
    signal.throwIfAborted();
    const result = await workIn(options, asked, signal, (install, beside) => {
      const start = (folder: string, starting: AbortSignal) => manner.start(folder, starting);
      place = new Place<Hands>({ workspaces, start, beside, task: asked.task, install, adopted }, log, graceful);
      return place;
    });
    until = keptUntil(asked.task, result, signal);
    return result;
  } catch (error) {
    // The driver tries again, or ends the run and says so by `forget`.
    until = error instanceof BatonError && error.retryAt !== undefined ? error.retryAt : Date.now();
    // Another worker has the run: what is left here is nobody's.
    if (error instanceof BatonError && error.code === "fence-lost") until = undefined;
    if (!signal.aborted) throw error;
    if (parkingOf(signal) === undefined) until = undefined;
    return { type: "failed", failure: { code: "cancelled", message: "The session was cancelled." } };
  } finally {
    if (place) await place.end(until);
    else if (until !== undefined) await adopted?.park(until);
    else await adopted?.[Symbol.asyncDispose]();
  }
}

async function workIn<Hands extends AsyncDisposable>(
  { model, workspaces, agents, log, circuits, graceMs, manner, servers }: Tools<Hands>,
  { task, events, from }: Work,
  signal: AbortSignal,
  makePlace: (install: string | undefined, beside: PlaceOptions<Hands>["beside"]) => Place<Hands>,
): Promise<AgentResult> {
  const startedAt = performance.now();
  model.warm().catch(() => undefined);
  const [agent, found] = await Promise.all([
    agents.load(task.agent, task, signal),
    findCommands(workspaces, task.repo, task.base, task.config, signal),
  ]);
  if (!agent)
    throw new BatonError(
      "not-found",
      `there is no agent called "${task.agent}"; the workflow's stage "${task.stage}" names it`,
    );

  const { granted, hands, hasPlace } = equipmentOf(agent, task, servers);
  // Fewer tools than its own file says are none of servers.
  await using opened = task.tools === undefined ? servers.open(agent, task) : undefined;
  const place = hasPlace ? makePlace(found.installAll, opened && ((folder) => opened.enter(folder))) : undefined;
  const foreign = await foreignTools(opened, place, signal);
  const brief = async (share: number) => {
    const material = await gatherMaterial(task, workspaces, found, signal);
    const steering = task.steering?.() ?? [];
    const written = writeBrief(task, { ...material, steering }, newBoundary(), share);
    return { text: [written, foreign.note ?? []].flat().join("\n\n"), heard: steering.length };
  };
  const equipped = manner.equip({ ...agent, tools: hands }, place);
  const tools = withServers(equipped.tools, opened, foreign.tools, servers.elsewhere);
  // A command says itself what is new.
  const renewed = place && !from?.exchanges.at(-1)?.commanded ? NEW_SHELL : undefined;
  const note = [renewed ?? [], foreign.note ?? []].flat().join("\n\n");
  const attempt: AttemptOptions<Artifact["value"]> = {
    agent: task.agent,
    model: model.of?.(task) ?? model,
    modelIds: modelIds(atLeast(task.tier ?? agent.model, task.atLeast), task.config.models),
    circuits,
    ...equipped,
    tools: await withFleet(withTalk(withArtifacts(tools, task.inputs), task.talk, granted, signal), {
      task,
      granted,
      agents,
      signal,
    }),
    foreign: foreign.tools,
    brief,
    steering: task.steering,
    schema: schemaOf(task.makes),
    limits: { ...task.limits, milliseconds: task.limits.milliseconds - (performance.now() - startedAt) },
    waits: task.waits,
    log,
    events,
    from: from && { ...from, note: note === "" ? undefined : note },
    graceMs,
  };
  const { spend: _, ...result } = await workAttempt(attempt, signal);
  if (result.type === "wait") return result;
  if (result.type === "failed") {
    place?.rethrowUnlessSandbox();
    return result;
  }
  const artifact = Artifact.parse({ name: task.makes, value: result.value });
  // Whoever merges changes nothing itself: its definition would have been refused.
  if (granted.includes("merge_work") || (!place && granted.length > 0))
    return await conclude(task, artifact, workspaces, signal);
  if (!place || !worthCollecting(artifact)) return { type: "finished", artifact, commit: task.start, changes: [] };
  const collected = await place.collect(`${task.stage}: ${headline(artifact)}`, task.start);
  if (collected.type === "failed") return collected;
  return {
    type: "finished",
    artifact: withRealFiles(artifact, collected),
    commit: collected.commit,
    changes: collected.changes,
  };
}

/** The tools an agent has in this task, those of them that work in the sandbox, and whether it has a workspace at all. */
function equipmentOf(agent: AgentDefinition, { tools: left, makes }: AgentTask, servers: Servers) {
  const granted = agent.tools.filter((tool) => left?.includes(tool) ?? true);
  const hands = granted.filter((tool) => handToolNames.some((name) => name === tool));
  const conducts = granted.some((tool) => fleetToolNames.some((name) => name === tool));
  const serves =
    left === undefined && agent.servers.some(({ server }) => !servers.elsewhere(serverToolName(server, "*")));
  return { granted, hands, hasPlace: hands.length > 0 || serves || (carriesCommit(makes) && !conducts) };
}

/** The tools of the servers an agent names. Local ones need the place, so its first request waits for that. */
async function foreignTools<Hands extends AsyncDisposable>(
  opened: OpenServers | undefined,
  place: Place<Hands> | undefined,
  signal: AbortSignal,
): Promise<{ readonly tools: readonly Tool[]; readonly note?: string | undefined }> {
  if (!opened) return { tools: [] };
  // Why there is none is told by what else works in it.
  if (opened.local) await place?.hands(signal).catch(() => undefined);
  const { tools, missing } = await opened.declare(signal);
  return { tools, note: missingNote(missing) };
}

/** What an agent leaves that conducts others: the work of theirs that was merged. */
async function conclude(
  task: AgentTask,
  artifact: Artifact,
  workspaces: Workspaces,
  signal: AbortSignal,
): Promise<AgentResult> {
  const { repo, start, fleet } = task;
  const commit = fleet?.head() ?? start;
  const origin = fleet?.origin ?? start;
  const changes = commit === origin ? [] : await workspaces.changes(repo, origin, commit, signal);
  return { type: "finished", artifact: withRealFiles(artifact, { changes }), commit, changes };
}

/** Until when the workspace is needed; undefined when nobody will go on in it. What was put down before it was collected is collected by whoever goes on. */
function keptUntil({ kept }: AgentTask, result: AgentResult, signal: AbortSignal): number | undefined {
  if (result.type === "wait") return result.until ?? Date.now() + HELD_MS;
  const parking = parkingOf(signal);
  const over = result.type === "finished" || result.failure.code !== "cancelled";
  if (over) return kept && (parking || !signal.aborted) ? Date.now() + HELD_MS : undefined;
  return parking && (parking.until ?? Date.now() + (parking.why === "stopping" ? 0 : HELD_MS));
}

/** A reproduction that did not succeed leaves nothing worth keeping, whatever lies in its workspace. */
function worthCollecting(artifact: Artifact): boolean {
  if (artifact.name === "Reproduction") return artifact.value.reproduced;
  return carriesCommit(artifact.name);
}

function headline(artifact: Artifact): string {
  const text =
    artifact.name === "Change" || artifact.name === "Conclusion"
      ? artifact.value.summary
      : artifact.name === "Reproduction"
        ? "a test that shows the bug"
        : artifact.name === "Characterization"
          ? "tests that pin today's behaviour"
          : artifact.name;
  const [line = ""] = clip(text, 1_000).split("\n");
  return line.length <= 72 ? line : `${line.slice(0, 71).trimEnd()}…`.toWellFormed();
}

/** What a change says it touched is a claim; what was collected is a fact. */
function withRealFiles(artifact: Artifact, { changes }: { changes: readonly { readonly path: string }[] }): Artifact {
  if (artifact.name !== "Change" && artifact.name !== "Conclusion") return artifact;
  // What is deleted may have any name; the events take only these.
  const fits = (path: string) => Change.shape.files.element.safeParse(path).data === path;
  const files = changes.map(({ path }) => path).filter(fits);
  const real = { files: files.slice(0, 100) };
  return artifact.name === "Change"
    ? { name: "Change", value: { ...artifact.value, ...real } }
    : { name: "Conclusion", value: { ...artifact.value, ...real } };
}
