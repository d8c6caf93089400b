// Runs that begin, or go on, without a command: a new issue, a label, an assignment, the clock, a review.
import type { Log } from "../core/log.ts";
import type { GitHubReader } from "../engine/github-port.ts";
import type { Publisher } from "../engine/ports.ts";
import { issueTypes } from "../workflows/artifacts.ts";
import { createRefuse, standingOf, unlistedBot } from "./admit.ts";
import { askedBy, type Carried } from "./asked.ts";
import { doors } from "./doors.ts";
import type { Intent } from "./intent.ts";
import type { LoadConfig } from "./load-config.ts";
import type { Revise } from "./revise.ts";
import { say } from "./say.ts";
import { configOr, type LoadedConfig, type Start } from "./start.ts";
import { isAtLeast } from "./verbs.ts";

export interface BeginningsParts {
  readonly reader: GitHubReader;
  readonly publisher: Pick<Publisher, "reply" | "removeLabel">;
  readonly loadConfig: LoadConfig;
  readonly start: Start;
  readonly revise: Revise;
  readonly journal: Log;
}

/** Each returns a few words for the operator. They throw when GitHub or the database does not answer. */
export interface Beginnings {
  opened(intent: Intent & { door: "opened" }, carried: Carried): Promise<string>;
  labelled(intent: Intent & { door: "label" }, carried: Carried): Promise<string>;
  assigned(intent: Intent & { door: "assigned" }, carried: Carried): Promise<string>;
  scheduled(intent: Intent & { door: "schedule" }, carried: Carried): Promise<string>;
  reviewed(intent: Intent & { door: "review" }, carried: Carried): Promise<string>;
}

/** The beginnings over their parts. */
export function createBeginnings({
  reader,
  publisher,
  loadConfig,
  start,
  revise,
  journal,
}: BeginningsParts): Beginnings {
  const refuse = createRefuse(publisher);

  return {
    async opened(intent: Intent & { door: "opened" }, carried: Carried): Promise<string> {
      const loaded = await loadConfig(intent.repo);
      const quote = "a new issue";
      // That has an issue of its own: whoever opens another one need not know of it.
      if (loaded.type === "invalid") return "the config is broken";
      const { triggers } = loaded.config;
      if (!triggers.onOpened) return "triggers.onOpened is off";
      const unlisted = unlistedBot(intent, triggers.bots);
      if (unlisted !== undefined) return unlisted;
      // Sorting what somebody already has is welcome, working it is not.
      const wanted = triggers.autoStart.length > 0 && intent.free ? "auto" : "triage";
      // Opening an issue is no command, whoever does it: it names no workflow.
      return start({ ...askedBy(intent, carried, 0, quote), loaded, standing: doors.opened.may, wanted });
    },

    async labelled(intent: Intent & { door: "label" }, carried: Carried): Promise<string> {
      const loaded = await loadConfig(intent.repo);
      const unlisted = unlistedBot(intent, configOr(loaded).triggers.bots);
      if (unlisted !== undefined) return unlisted;
      const note = await byHand(intent, carried, { loaded, quote: `label ${intent.label}`, type: intent.type });
      await publisher.removeLabel(intent.repo, intent.subject, intent.label);
      return note;
    },

    async assigned(intent: Intent & { door: "assigned" }, carried: Carried): Promise<string> {
      const loaded = await loadConfig(intent.repo);
      const quote = `assignment to ${intent.to}`;
      return (
        unlistedBot(intent, configOr(loaded).triggers.bots) ??
        (await byHand(intent, carried, { loaded, quote, type: undefined }))
      );
    },

    /** The config asks for it; whoever changes that on the default branch decides about more than who may give a command. */
    async scheduled(intent: Intent & { door: "schedule" }, carried: Carried): Promise<string> {
      const { cron, timezone, workflow, instruction } = intent.schedule;
      const asked = askedBy(intent, carried, 0, `schedule ${cron} ${timezone}`);
      const loaded = await loadConfig(intent.repo);
      return start({
        ...asked,
        loaded,
        standing: doors.schedule.may,
        wanted: "work",
        workflow,
        instruction: instruction ?? "",
      });
    },

    /** Reviewing is no command: who may not have work started is not told so. */
    async reviewed(intent, carried) {
      const loaded = await loadConfig(intent.repo);
      const unlisted = unlistedBot(intent, configOr(loaded).triggers.bots);
      if (unlisted !== undefined) return unlisted;
      const { bots } = configOr(loaded).triggers;
      const standing = await standingOf(reader, intent.repo, intent.actor, bots, journal);
      if (standing === "unknown" || !isAtLeast(standing, doors.review.may))
        return `whoever reviewed has the role ${standing}`;
      return revise.reviewed(askedBy(intent, carried, 0, "a review"), intent, standing);
    },
  };

  /** Work that somebody asked for without a command; `type`: by which workflow, when they said so. */
  async function byHand(
    intent: Intent & { door: "label" | "assigned" },
    carried: Carried,
    { loaded, quote, type }: { loaded: LoadedConfig; quote: string; type: string | undefined },
  ): Promise<string> {
    const config = configOr(loaded);
    const standing = await standingOf(reader, intent.repo, intent.actor, config.triggers.bots, journal);
    const asked = askedBy(intent, carried, 0, quote);
    if (await refuse(asked, standing, doors[intent.door].may)) return "refused";
    if (type === undefined) return start({ ...asked, loaded, standing, wanted: "work" });
    const known = issueTypes.find((one) => one === type);
    if (known === undefined) {
      await say(publisher, asked, {
        kind: "invalid-flags",
        quote,
        problems: [`there is no type "${type}"; the types are ${issueTypes.join(", ")}`],
      });
      return "unknown type";
    }
    return start({ ...asked, loaded, standing, wanted: "work", workflow: config.routes[known] ?? known });
  }
}
