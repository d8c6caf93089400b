// One delivery, from the database to what it causes: a run, words to a run, an answer, or nothing.
//
// A delivery may be handled twice (a crash before it is marked), so everything done here happens once by its key:
// a run's id and an answer's key come from the delivery, and a word to a run is looked for before it is said.
import { createHash } from "node:crypto";
import { systemClock, type Clock } from "../core/clock.ts";
import { BatonError, messageOf } from "../core/errors.ts";
import type { Log } from "../core/log.ts";
import type { RepoRef } from "../engine/events.ts";
import type { Bell, EventLog, Projection, Publisher, WorkflowSource } from "../engine/ports.ts";
import type { GitHubReader } from "../engine/github-port.ts";
import type { Reply } from "../engine/reply.ts";
import type { Deliveries, KeptDelivery } from "../store/deliveries.ts";
import type { Outbox } from "../store/outbox.ts";
import { issueTypes } from "../workflows/artifacts.ts";
import { CONFIG_FILE } from "../workflows/load.ts";
import { parseRepoConfig } from "../workflows/parse-repo-config.ts";
import { defaultRepoConfig } from "../workflows/repo-config.ts";
import { createRefuse, isListed, standingOf, type Standing } from "./admit.ts";
import { commandLineOnly, type Command } from "./grammar.ts";
import type { Ground, Intent, Self } from "./intent.ts";
import type { Asked } from "./asked.ts";
import { configOr, createStart, type LoadedConfig } from "./start.ts";
import { createPlanEdits } from "./plan-edits.ts";
import { createRestart } from "./restart.ts";
import { createSteer } from "./steer.ts";
import { createJudge } from "./judge.ts";
import { createLanes } from "./lanes.ts";
import { translate } from "./translate.ts";
import { createTicks } from "./ticks.ts";
import { helpLines, verbOf } from "./verbs.ts";

/** Commands of one comment that are carried out. */
const MAX_COMMANDS = 10;
/** Older words are not carried out: whoever wrote them has gone on since. */
const MAX_AGE_MS = 86_400_000;
/** GitHub's clear no about an installation or a repository: asking again changes nothing. */
const CLEAR_NO = new Set<unknown>([401, 403, 404, 410]);

export interface IntakeParts {
  readonly deliveries: Pick<Deliveries, "read" | "handled">;
  readonly log: EventLog;
  readonly bell: Pick<Bell, "ring">;
  readonly reader: GitHubReader;
  readonly publisher: Pick<Publisher, "reply" | "acknowledge" | "removeLabel" | "openFindings" | "putBack">;
  readonly workflows: WorkflowSource;
  readonly outbox: Pick<Outbox, "read">;
  /** What people see of a run on which nobody works. */
  readonly projection?: Pick<Projection, "touch"> | undefined;
  readonly self: Self;
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
  const { deliveries, publisher, reader, self, journal, clock = systemClock } = parts;
  const start = createStart(parts);
  const steer = createSteer(parts);
  const judge = createJudge(parts);
  const planEdits = createPlanEdits({ ...parts, judge, loadConfig });
  const ticks = createTicks({ ...parts, loadConfig });
  const restart = createRestart({ ...parts, start });
  const lanes = createLanes();
  const refuse = createRefuse(publisher);

  async function loadConfig(repo: RepoRef): Promise<LoadedConfig> {
    const text = await reader.file(repo, CONFIG_FILE);
    return text === undefined ? { type: "ok", config: defaultRepoConfig } : parseRepoConfig(text, CONFIG_FILE);
  }

  const reply = (intent: Intent, key: string, answer: Reply) =>
    publisher.reply(intent.repo, intent.subject, key, answer);

  async function opened(
    intent: Intent & { door: "opened" },
    delivery: KeptDelivery,
    signal: AbortSignal,
  ): Promise<string> {
    const loaded = await loadConfig(intent.repo);
    const quote = "a new issue";
    if (loaded.type === "invalid") {
      if (intent.actor.app !== undefined) return "the config is broken";
      // Told once for each state of the file, not under every new issue.
      const state = createHash("sha256").update(loaded.problems.join("\n")).digest("hex").slice(0, 16);
      await reply(intent, `config-broken:${intent.repo.id}:${state}`, {
        kind: "config-broken",
        quote,
        problems: loaded.problems,
      });
      return "the config is broken";
    }
    const { triggers } = loaded.config;
    if (!triggers.onOpened) return "triggers.onOpened is off";
    if (intent.actor.app !== undefined && !isListed(intent.actor.app, triggers.bots))
      return `${intent.actor.app} is not in triggers.bots`;
    // Somebody already has the issue: sorting it is welcome, working it is not.
    const wanted = triggers.autoStart.length > 0 && !intent.assigned ? "auto" : "triage";
    // Opening an issue is no command, whoever does it: it names no workflow.
    return start({ ...askedBy(intent, delivery, 0, quote, signal), loaded, standing: "none", wanted });
  }

  async function labelled(
    intent: Intent & { door: "label" },
    delivery: KeptDelivery,
    signal: AbortSignal,
  ): Promise<string> {
    const loaded = await loadConfig(intent.repo);
    const config = configOr(loaded);
    if (intent.actor.app !== undefined && !isListed(intent.actor.app, config.triggers.bots))
      return `${intent.actor.app} is not in triggers.bots`;
    const quote = `label ${intent.label}`;
    const note = await workByLabel();
    await publisher.removeLabel(intent.repo, intent.subject, intent.label);
    return note;

    async function workByLabel(): Promise<string> {
      const standing = await standingOf(reader, intent.repo, intent.actor, config.triggers.bots, journal);
      if (await refuse({ intent, quote }, standing, "write")) return "refused";
      const asked = askedBy(intent, delivery, 0, quote, signal);
      if (intent.type === undefined) return start({ ...asked, loaded, standing, wanted: "work" });
      const type = issueTypes.find((known) => known === intent.type);
      if (type === undefined) {
        await reply(intent, asked.key, {
          kind: "invalid-flags",
          quote,
          problems: [`there is no type "${intent.type}"; the types are ${issueTypes.join(", ")}`],
        });
        return "unknown type";
      }
      return start({ ...asked, loaded, standing, wanted: "work", workflow: config.routes[type] ?? type });
    }
  }

  async function commented(
    intent: Intent & { door: "comment" },
    delivery: KeptDelivery,
    signal: AbortSignal,
  ): Promise<string> {
    const loaded = await loadConfig(intent.repo);
    const { bots } = configOr(loaded).triggers;
    if (intent.actor.app !== undefined && !isListed(intent.actor.app, bots))
      return `${intent.actor.app} is not in triggers.bots`;
    const standing = await standingOf(reader, intent.repo, intent.actor, bots, journal);
    const { reading } = intent;
    const commands = reading.type === "read" ? reading.commands : [];
    const notes: string[] = [];
    let seen = false;
    const acknowledge = async () => {
      if (seen) return;
      seen = true;
      // A sign of life: whatever becomes of it, the command goes on.
      await publisher.acknowledge(intent.repo, intent.commentId).catch((error: unknown) => {
        journal.warn("the command could not be acknowledged", { error: messageOf(error) });
      });
    };

    if (reading.type === "unreadable") {
      if (await refuse({ intent, quote: reading.quote }, standing, "triage")) return "refused";
      await reply(intent, `${delivery.id}:0`, {
        kind: "invalid-flags",
        quote: reading.quote,
        problems: [
          "the text around this command is too long or too deeply nested to be read safely; write the command alone",
        ],
      });
      return "unreadable";
    }
    for (const [index, command] of commands.slice(0, MAX_COMMANDS).entries()) {
      signal.throwIfAborted();
      const needed = command.kind === "command" ? verbOf(command.verb).may : "triage";
      if (await refuse({ intent, quote: command.quote }, standing, needed)) {
        notes.push(`${command.quote}: refused`);
        continue;
      }
      await acknowledge();
      const asked = askedBy(intent, delivery, index, command.quote, signal);
      notes.push(`${command.quote}: ${await carryOut(intent, asked, command, { loaded, standing })}`);
    }
    if (commands.length > MAX_COMMANDS && standing !== "none" && standing !== "read" && standing !== "unknown") {
      await reply(intent, `${delivery.id}:more`, {
        kind: "invalid-flags",
        quote: commands[MAX_COMMANDS]?.quote ?? "",
        problems: [`one comment may hold ${MAX_COMMANDS} commands; this one and what follows it were left out`],
      });
    }
    return notes.join("; ");
  }

  async function carryOut(
    intent: Intent,
    asked: Asked,
    command: Command,
    { loaded, standing }: { loaded: LoadedConfig; standing: Standing },
  ): Promise<string> {
    const { quote, key } = asked;
    if (command.kind === "unknown-verb") {
      await reply(intent, key, { kind: "unknown-verb", quote, nearest: command.nearest });
      return "unknown verb";
    }
    const { verb, flags, instruction } = command;
    const { repo, subject } = intent;
    const problems = [...command.problems, ...commandLineOnly(flags, `${repo.owner}/${repo.name}#${subject.number}`)];
    if (!verbOf(verb).now) {
      await reply(intent, key, { kind: "not-yet", quote, verb });
      return "not yet";
    }
    if (problems.length > 0) {
      await reply(intent, key, { kind: "invalid-flags", quote, problems });
      return "invalid flags";
    }
    const { route } = verbOf(verb);
    if (route !== undefined) {
      const workflow = flags.workflow ?? configOr(loaded).routes[route] ?? route;
      return start({ ...asked, loaded, standing, wanted: "work", instruction, flags, workflow });
    }
    switch (verb) {
      case "triage":
        return start({ ...asked, loaded, standing, wanted: "triage", instruction });
      case "fix":
        return start({ ...asked, loaded, standing, wanted: "work", instruction, flags });
      case "approve":
        return judge.approve(asked, instruction);
      case "reject":
        return judge.reject(asked, instruction);
      case "tell":
        return judge.tell(asked, instruction);
      case "restart":
        return restart({ ...asked, loaded, standing, instruction, flags });
      case "stop":
        return steer.stop(asked);
      case "pause":
        return steer.pause(asked);
      case "resume":
        return steer.resume(asked);
      case "budget":
        if (loaded.type === "ok") return steer.budget(asked, instruction, loaded.config);
        await reply(intent, key, { kind: "config-broken", quote, problems: loaded.problems });
        return "the config is broken";
      case "retry":
        return steer.retry(asked, instruction, standing);
      case "status":
        return steer.status(asked);
      case "why":
        return steer.why(asked);
      case "help":
        await reply(intent, key, { kind: "help", verbs: helpLines() });
        return "answered";
      default:
        // The table says it works and nothing here does it: never pretend.
        await reply(intent, key, { kind: "not-yet", quote, verb });
        return "not yet";
    }
  }

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
    if (translation.type === "ground") return { delivery, ground: translation.ground };
    if (translation.intent.repo.installationId === undefined)
      return drop("it names no installation of the App, so nothing can be done there");
    return { delivery, intent: translation.intent };
  }

  async function carry(looked: Looked, signal: AbortSignal) {
    signal.throwIfAborted();
    const { delivery } = looked;
    if ("ground" in looked) {
      const { ground } = looked;
      return done(delivery.id, delivery.name, `${ground.loss}: ${await steer.lostGround(ground, signal)}`);
    }
    const { intent } = looked;
    try {
      await done(delivery.id, delivery.name, `${intent.door}: ${await enter(intent, delivery, signal)}`);
    } catch (error) {
      if (!isClearNo(error)) throw error;
      journal.warn("GitHub refused, so a delivery is given up", { delivery: delivery.id, error: messageOf(error) });
      await done(delivery.id, delivery.name, `${intent.door}: given up: ${messageOf(error)}`);
    }
  }

  async function enter(intent: Intent, delivery: KeptDelivery, signal: AbortSignal): Promise<string> {
    switch (intent.door) {
      case "opened":
        return opened(intent, delivery, signal);
      case "label":
        return labelled(intent, delivery, signal);
      case "comment":
        return commented(intent, delivery, signal);
      case "plan":
        return planEdits(intent, askedBy(intent, delivery, 0, "an edit of the plan", signal));
      case "ticks":
        return ticks(intent, askedBy(intent, delivery, 0, "a tick in the report", signal));
      case "closed":
        return steer.closed(intent, signal);
      case "edited":
        return steer.edited(intent, signal);
      case "lost":
        return steer.lost(intent, intent.lost, signal);
      default:
        return intent satisfies never;
    }
  }

  return {
    handle: (id, signal) =>
      lanes.run(
        () => look(id),
        laneOf,
        (found) => carry(found, signal),
      ),
  };
}

/** What was found in a delivery: a wish about one subject, or news about the ground of many. */
type Looked = { readonly delivery: KeptDelivery } & ({ readonly intent: Intent } | { readonly ground: Ground });

function laneOf(looked: Looked): string {
  if ("ground" in looked) return `ground ${looked.ground.installation ?? looked.ground.repositories.join()}`;
  const { repo, subject } = looked.intent;
  return `${repo.id}#${subject.number}`;
}

/** A failure that says GitHub understood and will go on saying no; a rate limit or silence is none. */
function isClearNo(error: unknown): boolean {
  if (!(error instanceof BatonError) || error.code !== "github-failed" || error.retryable) return false;
  return "status" in error && CLEAR_NO.has(error.status);
}

function askedBy(intent: Intent, delivery: KeptDelivery, index: number, quote: string, signal: AbortSignal): Asked {
  return { intent, delivery, index, key: `${delivery.id}:${index}`, quote, signal };
}

/** The payload's JSON; undefined, which asks for nothing, when it is none (the door lets only JSON in). */
function parsed(payload: string): unknown {
  try {
    return JSON.parse(payload);
  } catch {
    return undefined;
  }
}
