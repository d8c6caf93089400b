// Words to a run that asked: approve and reject for its plan, an edit of the plan, tell for its questions. Where no question waits, tell is
// for all of its agents.
//
// They count for what is asked at this moment, and only when they stand below the comment that asks it: a plan that nobody can have
// seen is not approved by words to the one before it. GitHub's ids of comments grow, so no clock is asked.
import { z } from "zod";
import { askKey, askMarker, openAsks, planMarker, type OpenAsk } from "../engine/asks.ts";
import type { EventOf } from "../engine/events.ts";
import { blockIn, isSamePlan, parsePlan } from "../engine/plan-text.ts";
import type { Bell, Publisher } from "../engine/ports.ts";
import type { GitHubReader } from "../engine/github-port.ts";
import type { Outbox } from "../store/outbox.ts";
import { isBeingEnded, isPublished, planAt, type State } from "../engine/state.ts";
import type { Wait } from "../workflows/schema.ts";
import { afterTheEnd, createAnswers } from "./answers.ts";
import type { Asked } from "./asked.ts";
import type { Intent, Self } from "./intent.ts";
import { stripInvisible } from "./invisible.ts";
import { howToStart } from "./now.ts";
import { createRuns, said, wordOf, type RunsParts } from "./runs.ts";
import { sanitizeMarkdown } from "./sanitize.ts";
import { howToAnswer } from "./steer.ts";

/** What an event holds of a person's words. */
const MAX_WORDS = 4_000;

export interface JudgeParts extends RunsParts {
  readonly bell: Pick<Bell, "ring">;
  readonly reader: GitHubReader;
  readonly publisher: Pick<Publisher, "reply">;
  /** Where the comments in which people are asked are recorded. */
  readonly outbox: Pick<Outbox, "read">;
  readonly self: Self;
}

/** Each answers whoever asked, where there is something to say, and returns a few words for the operator. `words` as they were typed. */
export interface Judge {
  approve(asked: Asked, words: string): Promise<string>;
  reject(asked: Asked, words: string): Promise<string>;
  tell(asked: Asked, words: string): Promise<string>;
  /** The same for whoever may only answer: where no question waits (any more), nothing is said to anybody. */
  answer(asked: Asked, words: string): Promise<string>;
  /** True when questions of a run wait there. */
  hasQuestions(intent: Pick<Intent, "repo" | "subject">): Promise<boolean>;
  /** An edit of the comment with this marker, whose text is `body` now. */
  edited(asked: Asked, edit: { readonly marker: string; readonly body: string }): Promise<string>;
}

/** What the outbox holds of a comment that was written. */
const Written = z.object({ id: z.number() });

type Judged = EventOf<"plan.judged"> | EventOf<"answer.given">;

/** Judging over its parts. Throws when GitHub or the database does not answer. */
export function createJudge({ log, bell, reader, publisher, projection, outbox, self }: JudgeParts): Judge {
  const runs = createRuns({ log, reader, projection });
  const { answer, nothingRunning, nothingToDo, unreadable, ring } = createAnswers({ log, bell, publisher });

  /** The id of the comment in which something is asked; undefined while there is none. */
  async function commentOf(state: State, ask: OpenAsk): Promise<number | undefined> {
    const written = await outbox.read(askKey(state, ask));
    const { data } = Written.safeParse(written?.result);
    if (data) return data.id;
    // It may stand there, and whoever wrote it has not come to record it.
    const { repo, subject } = state.created;
    const mark = askMarker(state, ask);
    const found = (await reader.comments(repo, subject.number)).find(
      ({ author, body }) => body.startsWith(mark) && author.login.toLowerCase() === self.login.toLowerCase(),
    );
    return found?.id;
  }

  /** What is asked at this moment, and stands above the comment that speaks. */
  async function seenBy({ intent }: Asked, state: State, kind: Wait): Promise<ReadonlySet<string>> {
    // A box names the plan that it approves.
    if (intent.door === "box") return new Set(intent.ask === undefined ? [] : [intent.ask]);
    const seen = new Set<string>();
    for (const ask of openAsks(state)) {
      if (ask.asked.for !== kind || (intent.door !== "comment" && intent.door !== "reply")) continue;
      const above = await commentOf(state, ask);
      if (above !== undefined && above < intent.commentId) seen.add(askKey(state, ask));
    }
    return seen;
  }

  /** Says something to every ask of a kind that is open, and that whoever speaks may have seen. Where there is none of that kind `unasked` is said, or nothing to anybody. */
  async function say(
    asked: Asked,
    kind: Wait,
    eventFor: (ask: OpenAsk) => Judged | undefined,
    unasked?: EventOf<"words.told"> | "quietly",
  ): Promise<string> {
    const found = await runs.find(asked.intent);
    if (!found && unasked === "quietly") return "nothing: no questions wait there";
    if (!found) return nothingRunning(asked, await howToStart(reader, asked.intent));
    const { runId } = found.state;
    if (asked.intent.door === "dispatch" && asksFor(found.state, kind).length > 0)
      return nothingToDo(
        asked,
        "what waits here is decided by a person who has read it, and not by a program",
        `Write it as a comment below it: ${howToAnswer(found.state)}`,
      );
    if (said(found.events, ["plan.judged", "answer.given", "words.told"], asked)) return ring(runId, "was told before");
    let now = found.state;
    const seen = await seenBy(asked, found.state, kind);
    const outcome = await runs.append(
      runId,
      ({ state }) => {
        now = state;
        if (isEnding(state)) return undefined;
        const asks = asksFor(state, kind);
        if (asks.length === 0) return unasked && unasked !== "quietly" && !isPublished(state) ? [unasked] : undefined;
        const events = asks.filter((ask) => seen.has(askKey(state, ask))).flatMap((ask) => eventFor(ask) ?? []);
        return events.length === 0 ? undefined : events;
      },
      asked.signal,
    );
    if (outcome === "appended") return ring(runId, kind === "approval" ? "is judged" : "was told");
    if (unasked === "quietly") {
      asked.fate.refused = true;
      return "nothing: no questions wait that stood above it";
    }
    if (now.finished) return nothingRunning(asked, afterTheEnd(now));
    return nothingToDo(asked, ...whyNot(now, kind));
  }

  const judge = (asked: Asked, verdict: "approved" | "rejected", words: string) =>
    say(asked, "approval", ({ stage }) => ({ type: "plan.judged", ...wordOf(asked), stage, verdict, words }));

  return {
    async approve(asked, typed) {
      const [, behindWith] = /^:?\s*with\b\s*:?(.*)$/is.exec(typed.trim()) ?? [];
      // The colon of `approve: …` went with the verb.
      const inWords = behindWith ?? (/^\S+\s+approve\s*:/i.test(asked.quote) ? typed.replace(/^\s*:/, "") : undefined);
      if (inWords === undefined && typed.trim() !== "")
        return unreadable(
          asked,
          "I cannot tell whether these words are to change the plan; write `/agent approve` alone, or `/agent approve with:` and the changes on the same line",
        );
      const words = cleaned(inWords ?? "");
      if (words === "" && inWords !== undefined)
        return unreadable(asked, "the changes are missing; they stand behind `with:` on the same line");
      if (words.length > MAX_WORDS) return unreadable(asked, tooLong);
      return judge(asked, "approved", words);
    },

    async reject(asked, typed) {
      const words = cleaned(typed.trim().replace(/^:/, ""));
      if (words === "" && (typed.trim() !== "" || endsOpen(asked)))
        return unreadable(
          asked,
          "the reason is missing; it stands behind `reject:` on the same line. `/agent reject` alone ends the run",
        );
      if (words.length > MAX_WORDS) return unreadable(asked, tooLong);
      return judge(asked, "rejected", words);
    },

    async tell(asked, typed) {
      const words = cleaned(typed.trim().replace(/^:/, ""));
      if (words === "")
        return unreadable(
          asked,
          "`tell` needs what it is to tell, on the same line: an answer, or words for the agents",
        );
      if (words.length > MAX_WORDS) return unreadable(asked, tooLong);
      const toAll: EventOf<"words.told"> = { type: "words.told", ...wordOf(asked), words };
      return say(asked, "answer", ({ stage }) => ({ type: "answer.given", ...wordOf(asked), stage, words }), toAll);
    },

    async answer(asked, typed) {
      const words = cleaned(typed).slice(0, MAX_WORDS);
      if (words === "") return "nothing: there is no word in it";
      return say(asked, "answer", ({ stage }) => ({ type: "answer.given", ...wordOf(asked), stage, words }), "quietly");
    },

    async hasQuestions(intent) {
      const found = await runs.find(intent);
      return found !== undefined && !isEnding(found.state) && asksFor(found.state, "answer").length > 0;
    },

    async edited(asked, { marker, body }) {
      const found = await runs.find(asked.intent);
      if (found && said(found.events, ["plan.judged"], asked)) return ring(found.state.runId, "was told before");
      const askIn = (state: State) => openAsks(state).find((ask) => planMarker(state, ask) === marker);
      const ask = found && askIn(found.state);
      if (!found || !ask || isEnding(found.state)) return nothingToDo(asked, ...notCurrent(found?.state));
      const invalid = (problems: readonly string[]) =>
        answer(asked, { kind: "plan-invalid", problems }, "the edited plan is not valid");
      const block = blockIn(body);
      if (typeof block === "number") return invalid([noBlock(block)]);
      const read = parsePlan(stripInvisible(block, {}));
      if (read.type === "invalid") return invalid(read.problems);
      const { plan } = read;
      const before = planAt(found.state, ask.asked.about);
      if (before && isSamePlan(plan, before)) return "the plan is as it was";
      const outcome = await runs.append(
        found.state.runId,
        ({ state }) => {
          const { stage } = askIn(state) ?? {};
          if (stage === undefined || isEnding(state)) return undefined;
          return [{ type: "plan.judged", ...wordOf(asked), stage, verdict: "approved", words: "", plan }];
        },
        asked.signal,
      );
      return outcome === "appended"
        ? ring(found.state.runId, "is approved with another plan")
        : nothingToDo(asked, ...notCurrent(found.state));
    },
  };
}

const tooLong = `a run takes at most ${MAX_WORDS} characters of words; write less, or edit the plan itself`;

/** As agents may read it. */
function cleaned(words: string): string {
  return sanitizeMarkdown(words, {}).trim();
}

/** A colon with nothing behind it: the words were to follow, on another line. */
function endsOpen({ quote }: Asked): boolean {
  return /:\s*$/.test(quote);
}

function isEnding(state: State): boolean {
  return state.finished !== undefined || isBeingEnded(state);
}

function asksFor(state: State, kind: Wait): OpenAsk[] {
  return openAsks(state).filter((ask) => ask.asked.for === kind);
}

/** Why words of this kind change nothing, and what would. */
function whyNot(state: State, kind: Wait): readonly [why: string, next: string] {
  if (isEnding(state)) return ["the run is being ended", "`/agent retry` takes it up again."];
  if (asksFor(state, kind).length > 0) {
    const what = kind === "approval" ? "the plan that waits now was" : "the questions that wait now were";
    return [`${what} written after this command`, `Read the newest comment first. ${howToAnswer(state)}`];
  }
  if (kind === "answer") return ["the run has done its work", "Look at its pull request."];
  const next = `${howToAnswer(state)} \`/agent status\` says how far the run is.`.trim();
  return [`no plan waits for approval${lastVerdict(state)}`, next];
}

function lastVerdict({ stages }: State): string {
  const said = [...stages.values()]
    .flatMap(({ attempts }) => attempts.flatMap((attempt) => attempt.said ?? []))
    .findLast(({ type }) => type === "plan.judged");
  if (said?.type !== "plan.judged") return "";
  return said.verdict === "approved"
    ? `: it was approved already, by @${said.by.login}`
    : `: it was sent back, by @${said.by.login}, and another is being made`;
}

function notCurrent(state: State | undefined): readonly [why: string, next: string] {
  const why = "the plan in the comment that was edited is not asked about (any more), so the edit changes nothing";
  if (!state) return [why, "`/agent implement` starts a run that makes a plan."];
  if (state.finished) return [why, afterTheEnd(state)];
  return [why, `${howToAnswer(state)} \`/agent status\` says how far the run is.`.trim()];
}

function noBlock(blocks: number): string {
  return blocks === 0
    ? "there is no YAML block in the comment any more (one that begins with three backticks and `yaml`, and ends with three backticks); put it back"
    : `there are ${blocks} YAML blocks in the comment; keep one`;
}
