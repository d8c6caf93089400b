// A run that was played is driven again from its log, with the answers of then.
import { expect } from "vitest";
import { driveAgain } from "#src/cli/replay-drive.ts";
import type { RecordedEvent } from "#src/engine/events.ts";
import type { Env } from "#src/env.ts";

/** Asserts that the run of this log can be driven to its end, and that it is the same. */
export async function drivesAgain(events: readonly RecordedEvent[], { env }: { readonly env: Env }): Promise<void> {
  const { difference, stopped } = await driveAgain(events, { env, repo: undefined });
  expect({ difference, stopped }).toEqual({ difference: undefined, stopped: undefined });
}
