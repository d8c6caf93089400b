// What a job does with its run: drives it until it ends or waits, and gives it back, however that goes.
import { BatonError, messageOf } from "../core/errors.ts";
import { Parking } from "../core/parking.ts";
import { drive, type Driven } from "../engine/drive.ts";
import type { Engine } from "../engine/engine.ts";
import type { RemoteRun } from "./remote.ts";

/** How it went. `lost`: the run is another's by now, and nothing more is done for it here. */
export type Worked = Driven | "stopped";

/**
 * Drives the run and gives it back. `stopping` fires when the job is told to end: then the run waits for people. What breaks is told to the
 * server, so that people read it, and thrown.
 */
export async function workRun(remote: RemoteRun, engine: Engine, stopping: AbortSignal): Promise<Worked> {
  const over = AbortSignal.any([stopping, remote.lost]);
  const parking = new AbortController();
  over.addEventListener("abort", () => parking.abort(new Parking("stopping")), { once: true });
  if (over.aborted) parking.abort(new Parking("stopping"));
  let rests: number | undefined;
  let driven: Driven;
  try {
    driven = await drive(remote.run, engine, parking.signal, (version) => {
      rests = version;
    });
  } catch (error) {
    if (!remote.lost.aborted) await trouble(remote, `The job broke: ${messageOf(error)}.`);
    throw error;
  }
  if (remote.lost.aborted || driven === "lost") return "lost";
  if (stopping.aborted && driven === "parked") {
    await trouble(remote, "The job was cancelled, or has run as long as it may.");
    return "stopped";
  }
  await remote.release(rests === undefined ? { afterMs: 0 } : { rests });
  return driven;
}

/** Tells the server why the run waits. Where that cannot be said, its silence says it. */
export async function trouble(remote: Pick<RemoteRun, "release">, message: string): Promise<void> {
  try {
    await remote.release({ trouble: message.slice(0, 1_500) });
  } catch (error) {
    if (!(error instanceof BatonError)) throw error;
  }
}
