// A run that was played is driven again from its log, with the answers of then.
import { driveAgain, type DrivenAgain } from "#src/cli/replay-drive.ts";
import type { RecordedEvent } from "#src/engine/events.ts";
import type { Env } from "#src/env.ts";

/** What a drive comes to that is the same to its end. */
export const same = { difference: undefined, stopped: undefined };

/** Drives the run of this log again where it was played. */
export async function drivenAgain(
  events: readonly RecordedEvent[],
  { env }: { readonly env: Env },
): Promise<Omit<DrivenAgain, "notes">> {
  const { difference, stopped } = await driveAgain(events, { env, repo: undefined });
  return { difference, stopped };
}
