// A process is frozen between the permission to write and the write; another takes its runs over; then the first wakes up.
import { BatonError } from "#src/core/errors.ts";
import { onFaultPoint } from "#src/core/fault-points.ts";
import { HandTiming } from "./hand-timing.ts";
import { openPlay } from "./publishing-play.ts";

/**
 * Freezes the first worker before its `at`-th write. "noticed": another does everything else before it wakes, more than a second
 * later. "unnoticed": it wakes within the second, when the other has just done the same step. Undefined when there are not so many writes.
 */
async function freeze(at: number, how: "noticed" | "unnoticed") {
  await using play = await openPlay(new HandTiming({ impatient: true }));
  const thawed = Promise.withResolvers<void>();
  const frozen = Promise.withResolvers<boolean>();
  let now = 0;
  let taken = false;
  let writes = 0;
  using _ = onFaultPoint(async (point) => {
    if (point !== "github.before-write" || (writes += 1) !== at) return;
    frozen.resolve(true);
    await thawed.promise;
    if (how === "noticed") now += 45_000;
  });
  const fence = () => (taken ? Promise.reject(new BatonError("fence-lost", "another has it")) : Promise.resolve());
  await using zombie = play.worker({ monotonic: () => now, fence });
  let step = 0;
  // Its driver ends with the step: what it would append is refused.
  const before = (async () => {
    for (; step < play.steps.length && !taken; step += 1) {
      const one = play.steps[step];
      if (one) await play.perform(one, zombie, 1);
    }
    frozen.resolve(false);
  })().catch(() => undefined);
  if (!(await frozen.promise)) return undefined;
  const met = play.steps[step]?.name;
  taken = true;
  play.takeOver();
  await using worker = play.worker({ monotonic: () => 0 });
  const all = play.steps.length;
  const until = how === "noticed" ? all : step + 1;
  for (const one of play.steps.slice(0, until)) await play.perform(one, worker);
  const seen = play.github.calls.length;
  thawed.resolve();
  await before;
  const late = play.github.calls.slice(seen).filter(({ method }) => method !== "GET");
  for (const one of play.steps.slice(until)) await play.perform(one, worker);
  return { met, late, ...play.wrong() };
}

export interface FrozenWritesResult {
  readonly tried: number;
  /** Writes that the process sent after it woke up; none when it could notice. */
  readonly late: readonly string[];
  readonly doubled: readonly string[];
  readonly amiss: readonly string[];
}

/** Freezes a process before its `first`-th write, in another play before its `first + every`-th, and so on to the last. */
export async function playFrozenWrites(
  how: "noticed" | "unnoticed",
  { first = 1, every = 1 }: { first?: number; every?: number } = {},
): Promise<FrozenWritesResult> {
  const [late, doubled, amiss]: [string[], string[], string[]] = [[], [], []];
  let tried = 0;
  for (let at = first; ; at += every) {
    const end = await freeze(at, how);
    if (!end) return { tried, late, doubled, amiss };
    tried += 1;
    const said = (what: string) => `write ${at}, in "${end.met}": ${what}`;
    // Taking a one-shot label off belongs to no run, and may be done twice.
    if (end.met !== "take off") late.push(...end.late.map(({ method, path }) => said(`${method} ${path}`)));
    doubled.push(...end.doubled.map(said));
    amiss.push(...end.amiss.map(said));
  }
}
