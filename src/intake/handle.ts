// One delivery, from the database to what it causes: a run, words to a run, an answer, or nothing.
//
// A delivery may be handled twice (a crash before it is marked), so everything done here happens once by its key:
// a run's id and an answer's key come from the delivery, and a word to a run is looked for before it is said.
import { systemClock, type Clock } from "../core/clock.ts";
import { BatonError, messageOf } from "../core/errors.ts";
import type { Log } from "../core/log.ts";
import type { RepoRef } from "../engine/events.ts";
import type { Bell, EventLog, Projection, Publisher, WorkflowSource } from "../engine/ports.ts";
import type { CheckReader } from "../engine/checks-port.ts";
import type { GitHubReader } from "../engine/github-port.ts";
import type { Dashboards } from "../store/dashboards.ts";
import type { Deliveries } from "../store/deliveries.ts";
import type { Looks } from "../store/looks.ts";
import type { Outbox } from "../store/outbox.ts";
import type { AllowedServer } from "../workflows/servers.ts";
import { askedBy, type Carried } from "./asked.ts";
import { createBeginnings } from "./beginnings.ts";
import { createChecks } from "./checks.ts";
import { createBoxes } from "./boxes.ts";
import { createConflicts } from "./conflicts.ts";
import { createCommands } from "./commands.ts";
import type { Intent, Self } from "./intent.ts";
import { createJudge } from "./judge.ts";
import { createLanes } from "./lanes.ts";
import type { KnownLimits } from "./limits.ts";
import { createConfigs } from "./load-config.ts";
import { doorOf, isInstalled, laneOf, repoOf, type Looked } from "./looked.ts";
import { createPlanEdits } from "./plan-edits.ts";
import { createProposals } from "./proposals.ts";
import { createReplied } from "./replied.ts";
import { createRestart } from "./restart.ts";
import { createRevise } from "./revise.ts";
import type { ScheduleBook } from "./schedules.ts";
import { createStart } from "./start.ts";
import { createSteer } from "./steer.ts";
import { createTicks } from "./ticks.ts";
import { translate } from "./translate.ts";
import { createWishes } from "./wishes.ts";

/** Older words are not carried out: whoever wrote them has gone on since. */
const MAX_AGE_MS = 86_400_000;
/** GitHub's clear no about an installation or a repository: asking again changes nothing. */
const CLEAR_NO = new Set<unknown>([401, 403, 404, 410]);

/** What of the publisher the intake asks for. */
export type IntakePublisher = Pick<
  Publisher,
  | "reply"
  | "acknowledge"
  | "conclude"
  | "removeLabel"
  | "leaveAlone"
  | "openFindings"
  | "openScheduleIssue"
  | "showConfig"
  | "checkConfig"
  | "showChecksAgain"
  | "removeMerged"
  | "putBack"
  | "rerunChecks"
>;

export interface IntakeParts {
  readonly deliveries: Pick<Deliveries, "keep" | "read" | "handled">;
  readonly log: EventLog;
  readonly bell: Pick<Bell, "ring">;
  readonly reader: GitHubReader;
  readonly checks: CheckReader;
  /** Asked for the pull requests that go into a branch. */
  readonly looks: Pick<Looks, "open">;
  readonly publisher: IntakePublisher;
  readonly workflows: WorkflowSource;
  readonly outbox: Pick<Outbox, "read">;
  /** What people see of a run on which nobody works. */
  readonly projection?: Pick<Projection, "touch"> | undefined;
  /** Told what configs say about starts by the clock. */
  readonly schedules: Pick<ScheduleBook, "learn">;
  /** Told which configs ask for a dashboard, and asked what it offers. */
  readonly dashboards: Pick<Dashboards, "learn" | "spoil" | "offered">;
  /** Told what configs allow, and asked for it. */
  readonly limits: KnownLimits;
  /** The MCP servers that agents may name; unchecked when absent. */
  readonly servers?: readonly AllowedServer[] | undefined;
  readonly self: Self;
  /** True where Baton works with a token of one repository, and what it is told of names no installation. Default no. */
  readonly byToken?: boolean | undefined;
  readonly journal: Log;
  /** Default: the machine's. */
  readonly clock?: Clock;
}

export interface Intake {
  /**
   * Does what the delivery asks for and marks it handled. Deliveries about one issue are carried out one after the other, in the
   * order of the calls. Throws when GitHub or the database does not answer: it stays pending and may be handled again. What
   * GitHub clearly refuses, and what is older than a day, is marked with a note instead.
   */
  handle(delivery: string, signal: AbortSignal): Promise<void>;
}

/** The intake over its parts. */
export function createIntake(parts: IntakeParts): Intake {
  const { deliveries, self, journal, clock = systemClock } = parts;
  const configs = createConfigs(parts);
  const loadConfig = configs.load;
  const start = createStart(parts);
  const steer = createSteer(parts);
  const judge = createJudge(parts);
  const planEdits = createPlanEdits({ ...parts, judge, loadConfig });
  const ticks = createTicks({ ...parts, loadConfig });
  const restart = createRestart({ ...parts, start });
  const revise = createRevise(parts);
  const begin = createBeginnings({ ...parts, loadConfig, start, revise });
  const command = createCommands({ ...parts, loadConfig, start, restart, steer, judge, revise });
  const replied = createReplied({ ...parts, judge });
  const conflicts = createConflicts(parts);
  const checks = createChecks({ ...parts, conflicts });
  const boxes = createBoxes({ ...parts, command });
  const wishes = createWishes(parts);
  const proposals = createProposals(parts);
  const lanes = createLanes();

  async function done(id: string, name: string, note: string): Promise<void> {
    await deliveries.handled(id, note.slice(0, 1_000));
    journal.info("delivery handled", { delivery: id, event: name, note });
  }

  /** What a delivery asks for; undefined when there is nothing left to do about it. */
  async function look(id: string): Promise<Looked | undefined> {
    const delivery = await deliveries.read(id);
    if (!delivery) {
      journal.warn("a delivery was announced that nobody kept", { delivery: id });
      return undefined;
    }
    if (delivery.handledAt !== undefined) return undefined;
    const drop = async (why: string) => {
      await done(id, delivery.name, `nothing: ${why}`);
      return undefined;
    };
    const translation = translate(delivery.name, parsed(delivery.payload), self);
    if (translation.type === "nothing") return drop(translation.because);
    if (clock.now() - delivery.receivedAt > MAX_AGE_MS) return drop("it is too old: it came more than 24 hours ago");
    const looked: Looked = { delivery, ...translation };
    if (parts.byToken !== true && !isInstalled(looked))
      return drop("it names no installation of the App, so nothing can be done there");
    return looked;
  }

  async function carry(looked: Looked, signal: AbortSignal) {
    signal.throwIfAborted();
    const { delivery } = looked;
    const door = doorOf(looked);
    try {
      const note = await work(looked, signal);
      if (note !== undefined) await done(delivery.id, delivery.name, `${door}: ${note}`);
    } catch (error) {
      if (looked.type === "ground" || !isClearNo(error)) throw error;
      journal.warn("GitHub refused, so a delivery is given up", { delivery: delivery.id, error: messageOf(error) });
      await done(delivery.id, delivery.name, `${door}: given up: ${messageOf(error)}`);
    }
    // What was asked for comes first.
    const repo = repoOf(looked);
    if (repo) await configs.tell(repo);
  }

  async function reread(repo: RepoRef): Promise<string> {
    return (await configs.changed(repo)).type === "ok" ? "the config was read" : "the config is broken";
  }

  /** What came of it; undefined when it is carried on in the lane of its issue. */
  async function work(looked: Looked, signal: AbortSignal): Promise<string | undefined> {
    const { delivery } = looked;
    const carried: Carried = { delivery, signal, fate: { refused: false, runs: false } };
    switch (looked.type) {
      case "ground":
        return steer.lostGround(looked.ground, signal);
      case "intent":
        return enter(looked.intent, carried);
      case "moved":
        return `${looked.config ? `${await reread(looked.repo)}; ` : ""}${await conflicts.moved(looked)}`;
      case "pushed":
        return revise.pushed(looked, signal);
      case "proposed":
        return proposals(looked);
      case "dashboard":
        return boxes(looked, carried);
      case "rerun":
        return `${await parts.publisher.showChecksAgain(looked.repo, looked.commit)} checks said again what they said`;
      case "wish": {
        const { wish } = looked;
        const intent = await wishes(wish, await loadConfig(wish.repo), delivery.receivedAt);
        if (typeof intent === "string") return `nothing: ${intent}`;
        await take(() => Promise.resolve({ delivery, type: "intent", intent }), signal);
        return undefined;
      }
      default:
        return looked satisfies never;
    }
  }

  async function enter(intent: Intent, carried: Carried): Promise<string> {
    switch (intent.door) {
      case "opened":
        return begin.opened(intent, carried);
      case "label":
        return begin.labelled(intent, carried);
      case "assigned":
        return begin.assigned(intent, carried);
      case "schedule":
        return begin.scheduled(intent, carried);
      case "review":
        return begin.reviewed(intent, carried);
      case "pull-closed":
        // A review of it may be under way.
        await steer.closed(intent, carried.signal);
        return revise.closed(intent, carried.signal);
      case "comment":
      case "dispatch":
      case "button":
      case "box":
        return command(intent, carried);
      case "reply":
        return replied(askedBy(intent, carried, 0, "a comment"), intent);
      case "plan":
        return planEdits(intent, askedBy(intent, carried, 0, "an edit of the plan"));
      case "ticks":
        return ticks(intent, askedBy(intent, carried, 0, "a tick in the report"));
      case "checks":
        return checks(intent, carried);
      case "base":
        return conflicts.look(intent, carried);
      case "closed":
        return steer.closed(intent, carried.signal);
      case "edited":
        return steer.edited(intent, carried.signal);
      case "lost":
        return steer.lost(intent, intent.lost, carried.signal);
      default:
        return intent satisfies never;
    }
  }

  const take = (found: () => Promise<Looked | undefined>, signal: AbortSignal) =>
    lanes.run(found, laneOf, (looked) => carry(looked, signal));

  return { handle: (id, signal) => take(() => look(id), signal) };
}

/** A failure that says GitHub understood and will go on saying no; a rate limit or silence is none. */
function isClearNo(error: unknown): boolean {
  if (!(error instanceof BatonError) || error.code !== "github-failed" || error.retryable) return false;
  return "status" in error && CLEAR_NO.has(error.status);
}

/** The payload's JSON; undefined, which asks for nothing, when it is none (the door lets only JSON in). */
function parsed(payload: string): unknown {
  try {
    return JSON.parse(payload);
  } catch {
    return undefined;
  }
}
