// What is said to a run that asks, where no server listens: by options of the command line, or by whoever sits at the terminal. Where
// neither says anything the run stays as it is, and a later command goes on with it.
import { createInterface } from "node:readline/promises";
import { once } from "node:events";
import { BatonError } from "../core/errors.ts";
import type { OpenAsk } from "../engine/asks.ts";
import type { EventOf, Person } from "../engine/events.ts";
import { printPlan } from "../engine/plan-text.ts";
import { planAt, type State } from "../engine/state.ts";
import type { Plan } from "../workflows/artifacts.ts";
import { viewOfAsk } from "./plan-view.ts";

/** What an event holds of a person's words. */
const MAX_WORDS = 4_000;

/** What was said beforehand. At most one of the four about a plan. */
export interface Sayings {
  readonly approve?: true | undefined;
  readonly approveWith?: string | undefined;
  readonly reject?: string | undefined;
  readonly plan?: Plan | undefined;
  readonly answer?: string | undefined;
}

/** Where a person can be asked. */
export interface Terminal {
  readonly input: NodeJS.ReadStream;
  readonly output: NodeJS.WriteStream;
}

type Said = EventOf<"plan.judged"> | EventOf<"answer.given"> | EventOf<"stop.requested">;

export interface People {
  /** What is said to this ask now; undefined when nobody says anything. */
  say(state: State, ask: OpenAsk): Promise<Said | undefined>;
}

export interface PeopleOptions {
  readonly sayings: Sayings;
  readonly terminal: Terminal | undefined;
  readonly print: (line: string) => void;
  readonly by: Person;
  /** Fires when the run is being stopped: nobody is asked any more. */
  readonly stopping: AbortSignal;
}

export function createPeople({ sayings, terminal, print, by, stopping }: PeopleOptions): People {
  /** Words that are for one ask are not said twice; a plain yes is for all of them. */
  const spoken = new Set<string>();
  const first = <T>(name: keyof Sayings, value: T | undefined): T | undefined => {
    if (value === undefined || spoken.has(name)) return undefined;
    spoken.add(name);
    return value;
  };
  const judged = (
    stage: string,
    verdict: "approved" | "rejected",
    quote: string,
    words = "",
  ): EventOf<"plan.judged"> => ({ type: "plan.judged", by, quote, stage, verdict, words });

  function beforehand({ stage, asked }: OpenAsk): Said | undefined {
    if (asked.for === "answer") {
      const words = first("answer", sayings.answer);
      return words === undefined ? undefined : { type: "answer.given", by, quote: "--answer", stage, words };
    }
    const plan = first("plan", sayings.plan);
    if (plan) return { ...judged(stage, "approved", "--plan"), plan };
    const changes = first("approveWith", sayings.approveWith);
    if (changes !== undefined) return judged(stage, "approved", "--approve-with", changes);
    const reason = first("reject", sayings.reject);
    if (reason !== undefined) return judged(stage, "rejected", "--reject", reason);
    return sayings.approve ? judged(stage, "approved", "--approve") : undefined;
  }

  async function inPerson(state: State, ask: OpenAsk, at: Terminal): Promise<Said | undefined> {
    for (const line of viewOfAsk(state, ask)) print(line);
    const { stage } = ask;
    const line = (question: string) => read(at, question, stopping);
    if (ask.asked.for === "answer") {
      const words = await line("Your answer (empty: later): ");
      return words ? { type: "answer.given", by, quote: "at the terminal", stage, words } : undefined;
    }
    for (;;) {
      const word = await line("[a]pprove, approve [w]ith changes, [r]eject, [s]top the run, or [l]ater? ");
      switch (choiceIn(word)) {
        case "a":
          return judged(stage, "approved", "at the terminal");
        case "w": {
          const changes = await line("What is to be changed? ");
          if (changes) return judged(stage, "approved", "at the terminal", changes);
          break;
        }
        case "r": {
          const reason = await line("Why (another plan is made; empty ends the run)? ");
          if (reason !== undefined) return judged(stage, "rejected", "at the terminal", reason);
          break;
        }
        case "s":
          return { type: "stop.requested", by, quote: "at the terminal" };
        case "l":
          return undefined;
        default:
          // The input has ended: nobody is there any more.
          if (word === undefined) return undefined;
      }
    }
  }

  return {
    async say(state, ask) {
      const said = beforehand(ask);
      if (said || !terminal) return said;
      return await inPerson(state, ask, terminal);
    },
  };
}

/** The first letter, where it stands alone or begins one of the words that are offered. */
function choiceIn(word: string | undefined): string | undefined {
  return /^(a|approve|w|with|r|reject|s|stop|l|later)$/i.exec(word ?? "")?.[0][0]?.toLowerCase();
}

/** One line; undefined when the input ends, or `stopping` fires. */
async function read({ input, output }: Terminal, question: string, stopping: AbortSignal): Promise<string | undefined> {
  const lines = createInterface({ input, output });
  // The terminal is raw meanwhile, so Ctrl+C comes here.
  lines.on("SIGINT", () => process.kill(process.pid, "SIGINT"));
  const closed = once(lines, "close").then(() => undefined);
  try {
    const typed = await Promise.race([lines.question(question, { signal: stopping }), closed]);
    return typed?.trim().slice(0, MAX_WORDS);
  } catch (error) {
    if (stopping.aborted) return undefined;
    throw error;
  } finally {
    lines.close();
  }
}

/** How to go on with a run that waits, and nobody is there to be asked. `file`: where its plan lies as YAML. */
export function howToGoOn(state: State, ask: OpenAsk, file: string): string[] {
  const go = `  baton run ${state.runId}`;
  if (ask.asked.for === "answer")
    return [...viewOfAsk(state, ask), "The run waits for answers, and is kept. It goes on with", `${go} --answer "…"`];
  return [
    ...viewOfAsk(state, ask),
    "The plan waits for approval, and the run is kept. It goes on with",
    `${go} --approve               as it is`,
    `${go} --approve-with "…"      with these changes`,
    `${go} --reject "…"            another plan`,
    `${go} --plan ${file}   as you have edited it there`,
    "or, in a terminal, without any of these.",
  ];
}

/** The plan that is asked about, as YAML that may be edited. */
export function planText(state: State, { asked }: OpenAsk): string {
  const plan = planAt(state, asked.about);
  return plan ? printPlan(plan) : "";
}

/** Refuses words that no run takes. */
export function checkWords(words: Readonly<Record<string, string | undefined>>): void {
  for (const [option, text] of Object.entries(words)) {
    if (text === undefined) continue;
    if (text.length > MAX_WORDS)
      throw new BatonError("invalid-usage", `--${option} takes at most ${MAX_WORDS} characters, not ${text.length}`);
    if (text.trim() === "" && option !== "reject")
      throw new BatonError("invalid-usage", `--${option} needs words behind it`);
  }
}
