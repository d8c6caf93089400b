// Runs that begin, or go on, without a command: a new issue, a label, the clock, a review.
import type { Log } from "../core/log.ts";
import type { GitHubReader } from "../engine/github-port.ts";
import type { Publisher } from "../engine/ports.ts";
import { issueTypes } from "../workflows/artifacts.ts";
import { createRefuse, isListed, standingOf } from "./admit.ts";
import { askedBy, type Carried } from "./asked.ts";
import type { Intent } from "./intent.ts";
import type { LoadConfig } from "./load-config.ts";
import type { Revise } from "./revise.ts";
import { configOr, type Start } from "./start.ts";
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
      if (intent.actor.app !== undefined && !isListed(intent.actor.app, triggers.bots))
        return `${intent.actor.app} is not in triggers.bots`;
      // Somebody already has the issue: sorting it is welcome, working it is not.
      const wanted = triggers.autoStart.length > 0 && !intent.assigned ? "auto" : "triage";
      // Opening an issue is no command, whoever does it: it names no workflow.
      return start({ ...askedBy(intent, carried, 0, quote), loaded, standing: "none", wanted });
    },

    async labelled(intent: Intent & { door: "label" }, carried: Carried): Promise<string> {
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
        const asked = askedBy(intent, carried, 0, quote);
        if (intent.type === undefined) return start({ ...asked, loaded, standing, wanted: "work" });
        const type = issueTypes.find((known) => known === intent.type);
        if (type === undefined) {
          await publisher.reply(intent.repo, intent.subject, asked.key, {
            kind: "invalid-flags",
            quote,
            problems: [`there is no type "${intent.type}"; the types are ${issueTypes.join(", ")}`],
          });
          return "unknown type";
        }
        return start({ ...asked, loaded, standing, wanted: "work", workflow: config.routes[type] ?? type });
      }
    },

    /** The config asks for it; whoever changes that on the default branch decides about more than who may give a command. */
    async scheduled(intent: Intent & { door: "schedule" }, carried: Carried): Promise<string> {
      const { cron, timezone, workflow, instruction } = intent.schedule;
      const asked = askedBy(intent, carried, 0, `schedule ${cron} ${timezone}`);
      const loaded = await loadConfig(intent.repo);
      return start({
        ...asked,
        loaded,
        standing: "maintain",
        wanted: "work",
        workflow,
        instruction: instruction ?? "",
      });
    },

    /** Reviewing is no command: who may not have work started is not told so. */
    async reviewed(intent, carried) {
      const { bots } = configOr(await loadConfig(intent.repo)).triggers;
      if (intent.actor.app !== undefined && !isListed(intent.actor.app, bots))
        return `${intent.actor.app} is not in triggers.bots`;
      const standing = await standingOf(reader, intent.repo, intent.actor, bots, journal);
      if (standing === "unknown" || !isAtLeast(standing, "write")) return `whoever reviewed has the role ${standing}`;
      return revise.reviewed(askedBy(intent, carried, 0, "a review"), intent.words, standing);
    },
  };
}
