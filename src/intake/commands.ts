// Commands, in a comment, sent by a program, by a button or by a box of the dashboard: who may, and what each verb does.
import type { Log } from "../core/log.ts";
import type { GitHubReader } from "../engine/github-port.ts";
import type { Publisher } from "../engine/ports.ts";
import type { Reply } from "../engine/reply.ts";
import { createRefuse, standingOf, unlistedBot, type Standing } from "./admit.ts";
import { askedBy, type Asked, type Carried } from "./asked.ts";
import { doors } from "./doors.ts";
import type { Command } from "./grammar.ts";
import type { Intent } from "./intent.ts";
import type { Judge } from "./judge.ts";
import type { LoadConfig } from "./load-config.ts";
import type { Restart } from "./restart.ts";
import type { Revise } from "./revise.ts";
import { isAuthor } from "./replied.ts";
import { say } from "./say.ts";
import { createSigns } from "./signs.ts";
import { configOr, type LoadedConfig, type Start } from "./start.ts";
import type { Steer } from "./steer.ts";
import { flags as flagTable, helpLines, isAtLeast, verbOf } from "./verbs.ts";

export interface CommandsParts {
  readonly reader: GitHubReader;
  readonly publisher: Pick<Publisher, "reply" | "acknowledge" | "conclude">;
  readonly loadConfig: LoadConfig;
  readonly start: Start;
  readonly restart: Restart;
  readonly steer: Steer;
  readonly judge: Judge;
  readonly revise: Revise;
  readonly journal: Log;
}

const tooDeep =
  "the text around this command is too long or too deeply nested to be read safely; write the command alone";
/** Commands of one comment that are carried out. */
const MAX_COMMANDS = 10;

/** Carries commands out and returns a few words for the operator. Throws when GitHub or the database does not answer. */
export type Commands = (
  intent: Intent & { door: "comment" | "dispatch" | "button" | "box" },
  carried: Carried,
) => Promise<string>;

/** Commands over their parts. */
export function createCommands(parts: CommandsParts): Commands {
  const { reader, publisher, loadConfig, start, restart, steer, judge, revise, journal } = parts;
  const refuse = createRefuse(publisher);
  const signs = createSigns(publisher, journal);

  return async (intent, carried) => {
    const loaded = await loadConfig(intent.repo);
    const { bots } = configOr(loaded).triggers;
    const unlisted = unlistedBot(intent, bots);
    if (unlisted !== undefined) return unlisted;
    const standing = await standingOf(reader, intent.repo, intent.actor, bots, journal);
    const { reading } = intent;
    const commands = reading.type === "read" ? reading.commands : [];
    const notes: string[] = [];
    let seen = false;
    const acknowledge = async () => {
      if (seen || intent.door !== "comment") return;
      seen = true;
      await signs.seen(intent);
    };
    const became = async () => {
      if ((seen || carried.fate.refused) && intent.door === "comment") await signs.became(intent, carried.fate);
    };

    if (reading.type === "unreadable") {
      const asked = askedBy(intent, carried, 0, reading.quote);
      const isRefused = await refuse(asked, standing, doors[intent.door].may);
      if (!isRefused) await say(publisher, asked, { kind: "invalid-flags", quote: asked.quote, problems: [tooDeep] });
      await became();
      return isRefused ? "refused" : "unreadable";
    }
    for (const [index, command] of commands.slice(0, MAX_COMMANDS).entries()) {
      carried.signal.throwIfAborted();
      const needed = command.kind === "command" ? verbOf(command.verb).may : doors[intent.door].may;
      const asked = askedBy(intent, carried, index, command.quote);
      const answer = await answerIn(intent, command, standing);
      if (answer !== undefined) {
        await acknowledge();
        notes.push(`${command.quote}: ${await judge.answer(asked, answer)}`);
        continue;
      }
      if (await refuse(asked, standing, needed)) {
        notes.push(`${command.quote}: refused`);
        continue;
      }
      await acknowledge();
      notes.push(`${command.quote}: ${await carryOut(asked, command, { loaded, standing })}`);
    }
    if (commands.length > MAX_COMMANDS && standing !== "none" && standing !== "read" && standing !== "unknown") {
      const asked = askedBy(intent, carried, MAX_COMMANDS, commands[MAX_COMMANDS]?.quote ?? "");
      const problem = `one comment may hold ${MAX_COMMANDS} commands; this one and what follows it were left out`;
      await say(publisher, asked, { kind: "invalid-flags", quote: asked.quote, problems: [problem] });
    }
    await became();
    return notes.join("; ");
  };

  /** What whoever opened the issue, and may do nothing else, answers to its questions. */
  async function answerIn(intent: Intent, command: Command, standing: Standing): Promise<string | undefined> {
    if (command.kind !== "command" || command.verb !== "tell" || !isAuthor(intent)) return undefined;
    if (standing !== "unknown" && isAtLeast(standing, verbOf(command.verb).may)) return undefined;
    return (await judge.hasQuestions(intent)) ? command.instruction.trim().replace(/^:/, "") : undefined;
  }

  async function carryOut(
    asked: Asked,
    command: Command,
    { loaded, standing }: { loaded: LoadedConfig; standing: Standing },
  ): Promise<string> {
    const { quote } = asked;
    const reply = (answer: Reply) => say(publisher, asked, answer);
    if (command.kind === "unknown-verb") {
      await reply({ kind: "unknown-verb", quote, nearest: command.nearest });
      return "unknown verb";
    }
    const { verb, flags, instruction, problems } = command;
    if (problems.length > 0) {
      await reply({ kind: "invalid-flags", quote, problems });
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
        return (await revise.told(asked, instruction, standing)) ?? judge.tell(asked, instruction);
      case "restart":
        return restart({ ...asked, loaded, standing, instruction, flags });
      case "ignore":
        return steer.ignore(asked);
      case "stop":
        return steer.stop(asked);
      case "pause":
        return steer.pause(asked);
      case "resume":
        return (await revise.resumed(asked, standing)) ?? steer.resume(asked);
      case "budget":
        if (loaded.type === "ok") return steer.budget(asked, instruction, loaded.config);
        await reply({ kind: "config-broken", quote, problems: loaded.problems });
        return "the config is broken";
      case "revise":
        return revise.command(asked, instruction, standing);
      case "rebase":
        return revise.rebase(asked, standing);
      case "retry":
        return steer.retry(asked, instruction, standing);
      case "status":
        return steer.status(asked);
      case "why":
        return steer.why(asked);
      case "help":
        await reply({ kind: "help", verbs: helpLines(), flags: Object.values(flagTable) });
        return "answered";
      default:
        throw new Error(`the verb "${verb}" is in the table, and nothing does it`);
    }
  }
}
