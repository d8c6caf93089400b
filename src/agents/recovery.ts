// What becomes of a conversation that cannot go on as it is. Pure: the whole policy is this table; `model-fault.ts` has what comes
// before it, the tries of one request (back off with jitter and `retry-after`, three tries).
//
//   the trouble                         first                                     then                                at last
//   rate limited, for a minute or more  wait (model-limit) as long as it says     wait again when it says so          –
//   rate limited, no time named         wait (model-limit) 1, 2, 5, 10, 30 min    …                                   model-unreachable after 8 waits
//   context too large                   a new conversation from a summary         a shorter brief, old results cut    token-limit
//   model away (5xx, 529, no answer)    the next model, from a summary            wait (model-away) 1 … 30 min        model-unreachable after 8 waits
//   request rejected, model unknown     the next model, from a summary            –                                   model-unreachable
//   model declines                      the next model, from a summary            –                                   model-refused
//   no or bad key, no credit, cap       wait (model-account) 15 min, doubled, ≤ 6 h; no other model is asked          –
//   invalid output, after two repairs   a new conversation that is told why       –                                   invalid-output, no-finish
//   tools or sandbox broken             a fresh workspace, a new conversation     –                                   tools-broken
//   circuit open for agent and model    the next model, from a summary            wait (circuit-open) until it half   –
//                                                                                 opens, at least 1 … 30 min
//
// A wait holds no worker, and a person may end it. A model that was tried in vain is not asked again before the next wait.
import type { Failure, WaitReason } from "../engine/events.ts";
import type { SessionStart } from "../engine/ports.ts";
import { clip } from "./clip.ts";

export type TroubleKind =
  | "limited"
  | "too-long"
  | "away"
  | "rejected"
  | "refused"
  | "account"
  | "invalid-output"
  | "no-finish"
  | "tools-broken"
  | "circuit-open";

export interface Trouble {
  readonly kind: TroubleKind;
  readonly message: string;
  /** When it is known to be over, milliseconds since 1970. */
  readonly until?: number | undefined;
}

/** Why a conversation began. */
export type Why = SessionStart["why"];

export interface Situation {
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Waits in a row before, without any progress between them. */
  readonly waits: number;
  readonly model: string;
  /** The next model that was not tried in vain and whose circuit is not open. */
  readonly fallback: string | undefined;
  /** The attempt's conversations so far, oldest first, with the number of their turns. */
  readonly sessions: readonly { readonly why: Why; readonly turns: number }[];
}

export type Remedy =
  /** A new conversation. `reduced`: as short as may be. */
  | {
      readonly type: "renew";
      readonly why: Exclude<Why, "first">;
      readonly model: string;
      readonly form: "whole" | "summary" | "reduced";
    }
  | { readonly type: "wait"; readonly reason: WaitReason; readonly message: string; readonly until: number }
  | { readonly type: "fail"; readonly failure: Failure };

const MAX_WAITS = 8;
const WAITS_MS = [1, 2, 5, 10, 30].map((minutes) => minutes * 60_000);
const ACCOUNT_MS = 15 * 60_000;
const LONGEST_ACCOUNT_MS = 6 * 3_600_000;
/** A conversation from a summary that is full again within so many turns was not short enough. */
const SHORT_TURNS = 4;

/** What to do about the trouble a conversation ended in. */
export function remedy({ kind, message, until }: Trouble, situation: Situation): Remedy {
  const { now, waits, model, fallback, sessions } = situation;
  const fail = (code: Failure["code"], text = message): Remedy => ({
    type: "fail",
    failure: { code, message: clip(text, 2_000) },
  });
  const wait = (reason: WaitReason, at: number): Remedy => ({
    type: "wait",
    reason,
    message: clip(message, 2_000),
    until: Math.ceil(at),
  });
  const renewed = (why: Why) => sessions.some((session) => session.why === why);
  const soon = now + (WAITS_MS[Math.min(waits, WAITS_MS.length - 1)] ?? 0);
  const otherModel: Remedy | undefined =
    fallback === undefined ? undefined : { type: "renew", why: "other-model", model: fallback, form: "whole" };

  switch (kind) {
    case "limited":
      if (until !== undefined) return wait("model-limit", Math.max(until, now + 1));
      return waits < MAX_WAITS ? wait("model-limit", soon) : fail("model-unreachable");
    case "too-long": {
      const level = cramped(sessions);
      if (level > 1) return fail("token-limit");
      return { type: "renew", why: "too-long", model, form: level === 0 ? "summary" : "reduced" };
    }
    case "away":
      return otherModel ?? (waits < MAX_WAITS ? wait("model-away", soon) : fail("model-unreachable"));
    case "rejected":
      return otherModel ?? fail("model-unreachable");
    case "refused":
      return otherModel ?? fail("model-refused");
    case "account":
      return wait("model-account", now + Math.min(LONGEST_ACCOUNT_MS, ACCOUNT_MS * 2 ** waits));
    case "invalid-output":
    case "no-finish":
      return renewed("invalid-output") ? fail(kind) : { type: "renew", why: "invalid-output", model, form: "whole" };
    case "tools-broken":
      return renewed("tools-broken") ? fail(kind) : { type: "renew", why: "tools-broken", model, form: "whole" };
    case "circuit-open":
      return otherModel ?? wait("circuit-open", Math.max(until ?? 0, soon));
    default:
      return kind satisfies never;
  }
}

/** How many steps of making it shorter came to nothing: 0, 1 (a summary was too much, or there was nothing to sum up), 2. */
function cramped(sessions: Situation["sessions"]): number {
  const short = sessions.toReversed().findIndex(({ why, turns }) => why !== "too-long" || turns >= SHORT_TURNS);
  const inRow = short === -1 ? sessions.length : short;
  const before = sessions.at(-1 - inRow);
  return inRow + (before?.turns === 0 ? 1 : 0);
}
