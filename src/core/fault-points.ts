// Named places where a test may kill, pause or fail this process, to see that nothing is lost or done twice. Without a test they do nothing.
//
// The table is complete: the tests walk through it, so a place added here is tried by itself. Production code cannot switch one on;
// a hook is set only by a module that a test loads into the process.

/** Every place, with what has happened there and what has not. */
export const faultPoints = {
  "engine.before-append": "an effect is done, its events are not recorded",
  "engine.after-append": "the events are recorded, nothing of what follows has begun",
  "engine.before-effect": "the next effect is decided and not begun",
  "workspace.before-import":
    "an agent's work, or a merge of such, is judged and made a commit, the mirror does not have it",
  "workspace.after-import": "the mirror has an agent's or a merge's commit, nobody was told its name",
  "workspace.before-ledger": "a turn begins or was recorded, the ledger beside the workspace does not say so",
  "workspace.after-ledger": "the ledger beside the workspace says that a turn began or was recorded",
  "github.intended": "a write to GitHub is recorded in the outbox, and not tried",
  "github.before-write": "a write to GitHub is allowed, and not sent",
  "github.after-write": "GitHub has answered a write, nobody has recorded it",
  "github.recorded": "the outbox knows what came of a write, nothing of what follows has begun",
  "backlog.intended": "a batch of issues is written down and not submitted",
  "backlog.made": "the batch is made, its id is not written down",
  "backlog.submitted": "the batch's id is written down, nobody has looked at it",
  "backlog.looked": "the batch was looked at and has not ended",
  "backlog.read": "the results of the batch were read and are not written down",
  "backlog.collected": "the results are written down, nothing of what follows has begun",
} as const satisfies Record<string, string>;

export type FaultPoint = keyof typeof faultPoints;
export type FaultHook = (point: FaultPoint) => Promise<void>;

let hook: FaultHook | undefined;

/** Marks a place. Rejects only with what a test's hook throws. */
export async function faultPoint(point: FaultPoint): Promise<void> {
  if (hook) await hook(point);
}

/** For tests: `set` is asked at every place until the answer is disposed of. One at a time. */
export function onFaultPoint(set: FaultHook): Disposable {
  if (hook) throw new Error("another hook is set on the fault points");
  hook = set;
  return {
    [Symbol.dispose]: () => {
      hook = undefined;
    },
  };
}
