// What the driver does about broken infrastructure around an effect. Pure: the whole policy is this table.
//
//   the error                     first                 then                                        at last
//   names a time (`retryAt`)      wait until that time  wait again when it says so                  –
//   may pass (`retryable`)        again, after a pause  wait 1 min, doubled each time, ≤ 30 min     fail after 8 waits without progress
//   the disk is full              again, after a pause  –                                           fail: "disk"
//   anything else                 –                     –                                           fail with its code
//
// While it waits a run holds no worker, and a person may send it on at once. What a model does wrong is not decided here but where
// the conversation is, in agents/.
import { BatonError, messageOf } from "../core/errors.ts";
import type { WaitReason } from "./events.ts";

/** Milliseconds before the second and the third try of an effect. */
const PAUSES_MS = [500, 2_000];
const FIRST_WAIT_MS = 60_000;
const LONGEST_WAIT_MS = 30 * 60_000;
const MAX_WAITS = 8;

export type Recovery =
  | { readonly type: "again"; readonly pauseMs: number }
  | { readonly type: "park"; readonly reason: WaitReason; readonly message: string; readonly until: number }
  | { readonly type: "fail"; readonly code: string; readonly message: string };

/** `tries` of this effect so far, `parks` in a row without progress, `now` in milliseconds since 1970. */
export function recover(
  error: unknown,
  { tries, parks, now }: { tries: number; parks: number; now: number },
): Recovery {
  const message = messageOf(error).slice(0, 2_000);
  if (!(error instanceof BatonError)) return { type: "fail", code: "internal-error", message };
  const { code, retryable, retryAt } = error;
  const reasons =
    code === "github-failed" ? (["github-limit", "github-away"] as const) : (["broken", "broken"] as const);
  if (retryAt !== undefined) return { type: "park", reason: reasons[0], message, until: Math.max(retryAt, now + 1) };
  if (!retryable) return { type: "fail", code: code === "disk-full" ? "disk" : code, message };
  const pauseMs = PAUSES_MS[tries - 1];
  if (pauseMs !== undefined && parks === 0) return { type: "again", pauseMs };
  if (code === "disk-full") return { type: "fail", code: "disk", message };
  if (parks >= MAX_WAITS) return { type: "fail", code, message };
  const wait = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** parks);
  return { type: "park", reason: reasons[1], message, until: now + wait };
}
