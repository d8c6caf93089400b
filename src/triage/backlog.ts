// The backlog of one repository: what was submitted to be sorted in batches, and what came of it. Facts in a file, one a line, each on
// the disk before the work goes on; the state is their fold, so a process that was killed is followed by one that knows what it was doing.
import { z } from "zod";
import { addTokens, noTokens, type TokenUsage } from "../agents/prices.ts";
import { BatonError, messageOf } from "../core/errors.ts";
import { Spend } from "../engine/events.ts";
import { openLineFile, readLines } from "../store/line-file.ts";
import { Triage } from "../workflows/artifacts.ts";
import { MOST_MENTIONED } from "./trim.ts";

const issue = z.int().positive();
/** Names the text of an issue; another text has another name. */
const text = z.string().max(64);
const problem = z.string().max(2_000);

/** Issue numbers that stand in the text. */
const mentioned = z.array(z.int().positive()).max(MOST_MENTIONED);

const BacklogRequest = z.strictObject({ id: z.string(), issue, text, mentioned, bytes: z.int().positive() });
export type BacklogRequest = z.infer<typeof BacklogRequest>;

const Outcome = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("sorted"), triage: Triage, spend: Spend }),
  /** There was a reply, and it holds no triage. It was paid for, so it is not asked for again by itself. */
  z.strictObject({ type: z.literal("invalid"), problem, spend: Spend }),
  /** Not worked and not paid for: offered again. */
  z.strictObject({ type: z.literal("errored"), problem }),
  z.strictObject({ type: z.literal("expired") }),
  z.strictObject({ type: z.literal("canceled") }),
  /** The API keeps results for 29 days, and nobody came for this one. */
  z.strictObject({ type: z.literal("lost") }),
]);
export type Outcome = z.infer<typeof Outcome>;

const batch = z.string();
const Fact = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("opened"), server: z.string(), id: z.int(), owner: z.string(), name: z.string() }),
  /** A batch is about to be made. `after` is the newest there was then: one that is found behind it may be this. */
  z.strictObject({
    type: z.literal("intended"),
    batch,
    at: z.number(),
    after: z.string().nullable(),
    model: z.string(),
    requests: z.array(BacklogRequest).min(1),
  }),
  z.strictObject({ type: z.literal("submitted"), batch, id: z.string(), at: z.number() }),
  /** It is sure that it was never made. */
  z.strictObject({ type: z.literal("abandoned"), batch, why: problem }),
  z.strictObject({
    type: z.literal("collected"),
    batch,
    at: z.number(),
    results: z.array(z.strictObject({ id: z.string(), outcome: Outcome })),
  }),
  /** Sorted by one ordinary request. */
  z.strictObject({
    type: z.literal("asked"),
    id: z.string(),
    at: z.number(),
    issue,
    text,
    mentioned,
    triage: Triage,
    spend: Spend,
  }),
]);
export type Fact = z.infer<typeof Fact>;

/** A batch that was intended and whose results are not here yet. Without an `id` it may have been made, or not. */
export interface UnderWay {
  readonly batch: string;
  readonly intendedAt: number;
  readonly after: string | null;
  readonly model: string;
  readonly requests: readonly BacklogRequest[];
  readonly id: string | undefined;
}

/** What is known of an issue: the latest that was paid for, else why it was not sorted. `id` names the request for ever. */
export interface Known {
  readonly id: string;
  readonly text: string;
  readonly mentioned: readonly number[];
  readonly outcome: Outcome;
}

export interface Backlog {
  readonly underWay: readonly UnderWay[];
  readonly issues: ReadonlyMap<number, Known>;
  /** Ids of all batches that were submitted. */
  readonly submitted: ReadonlySet<string>;
  /** What replies to requests of batches used in all, and how long those requests were. */
  readonly measured: { readonly replies: number; readonly bytes: number; readonly used: TokenUsage };
}

export interface OpenBacklog extends AsyncDisposable {
  readonly state: Backlog;
  /** Writes a fact down. Throws `disk-full` and `database-failed`. */
  append(fact: Fact): Promise<void>;
}

type Mutable = { -readonly [Key in keyof Backlog]: Backlog[Key] } & {
  underWay: UnderWay[];
  issues: Map<number, Known>;
  submitted: Set<string>;
};

/** Opens the backlog in `file`, which one process may have open at a time. Throws `invalid-event` naming the line that cannot be read. */
export async function openBacklog(file: string, opened: Extract<Fact, { type: "opened" }>): Promise<OpenBacklog> {
  const kept = await openLineFile(file, { what: "the backlog", sync: true });
  try {
    const state = fold(kept.lines, file);
    const append = async (fact: Fact) => {
      await kept.write(JSON.stringify(Fact.parse(fact)));
      apply(state, fact);
    };
    if (kept.lines.length === 0) await append(opened);
    return { state, append, [Symbol.asyncDispose]: () => kept[Symbol.asyncDispose]() };
  } catch (error) {
    await kept[Symbol.asyncDispose]();
    throw error;
  }
}

/** Looks at a backlog that another process may be working on. */
export async function readBacklog(file: string): Promise<Backlog> {
  return fold(await readLines(file), file);
}

function fold(lines: readonly string[], file: string): Mutable {
  const state: Mutable = {
    underWay: [],
    issues: new Map(),
    submitted: new Set(),
    measured: { replies: 0, bytes: 0, used: noTokens },
  };
  for (const [index, line] of lines.entries()) apply(state, readFact(line, index + 1, file));
  return state;
}

function readFact(line: string, number: number, file: string): Fact {
  try {
    return Fact.parse(JSON.parse(line));
  } catch (error) {
    throw new BatonError("invalid-event", `${file}:${number} is no fact of a backlog: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

function apply(state: Mutable, fact: Fact): void {
  switch (fact.type) {
    case "opened":
      return;
    case "intended": {
      const { type: _, at: intendedAt, ...rest } = fact;
      state.underWay.push({ ...rest, intendedAt, id: undefined });
      return;
    }
    case "submitted":
      state.underWay = state.underWay.map((one) => (one.batch === fact.batch ? { ...one, id: fact.id } : one));
      state.submitted.add(fact.id);
      return;
    case "abandoned":
      state.underWay = state.underWay.filter((one) => one.batch !== fact.batch);
      return;
    case "collected":
      collect(state, fact);
      return;
    case "asked":
      know(state, fact.issue, {
        id: fact.id,
        text: fact.text,
        mentioned: fact.mentioned,
        outcome: { type: "sorted", triage: fact.triage, spend: fact.spend },
      });
      return;
    default:
      fact satisfies never;
  }
}

function collect(state: Mutable, { batch: name, results }: Extract<Fact, { type: "collected" }>): void {
  const collected = state.underWay.find((one) => one.batch === name);
  if (!collected) return;
  state.underWay = state.underWay.filter((one) => one !== collected);
  const requests = new Map(collected.requests.map((request) => [request.id, request]));
  for (const { id, outcome } of results) {
    const request = requests.get(id);
    if (!request) continue;
    know(state, request.issue, { id, text: request.text, mentioned: request.mentioned, outcome });
    if (!("spend" in outcome)) continue;
    const { replies, bytes, used } = state.measured;
    state.measured = { replies: replies + 1, bytes: bytes + request.bytes, used: addTokens(used, outcome.spend) };
  }
}

/** What was paid for stays known until something else was paid for. */
function know(state: Mutable, number: number, fresh: Known): void {
  const before = state.issues.get(number);
  if (before && "spend" in before.outcome && !("spend" in fresh.outcome)) return;
  state.issues.set(number, fresh);
}
