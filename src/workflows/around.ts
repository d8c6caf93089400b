// A stage among the others, as its keys are checked; and what may not stand beside a key that is all its stage does.
import type { Stage } from "./schema.ts";

/** A stage's neighbours, as far as they could be read. */
export interface Around {
  readonly name: string;
  readonly stage: Stage;
  /** Every stage it needs, directly or through others. */
  readonly before: ReadonlySet<string>;
  /** The same of another stage. */
  readonly beforeOf: (name: string) => ReadonlySet<string>;
  /** Undefined for a stage that is not there or whose own fields are wrong. */
  readonly stageCalled: (name: string) => Stage | undefined;
  /** Every other stage, in the order of the file. */
  readonly others: readonly { readonly name: string; readonly stage: Stage | undefined }[];
  /** The other stages that do not come after it. */
  readonly notAfter: readonly (Stage | undefined)[];
  /** The stage that opens the pull request, if one does. */
  readonly opening: Stage | undefined;
  /** Says what is wrong, at a key of the stage; `within`: so many characters behind where its value begins. */
  readonly say: (path: readonly PropertyKey[], message: string, within?: number) => void;
}

type Key = keyof Stage;

/** What only makes sense where an agent works. */
export const ofAgents = [
  "until",
  "for_each",
  "retry",
  "budget",
  "model",
  "merge",
  "parallel",
  "mediates",
  "reads",
] as const satisfies readonly Key[];
/** Keys each of which is all that its stage does, and what that is. */
const alone = { wait: "waits for a person", collects: "collects", pick: "picks" } as const;
/** What a stage does without an agent. */
const doing = ["wait", "collects", "pick", "writes"] as const satisfies readonly Key[];

/** For a stage that does one thing and nothing else: the one that `own` says. */
export function checkAlone({ stage, say }: Around, own: keyof typeof alone): void {
  const others = doing.filter((key) => key !== own);
  const keys: readonly Key[] = ["agent", "makes", "otherwise", "on_failure", ...ofAgents, ...others];
  const besides = keys.filter((key) => stage[key] !== undefined);
  for (const key of stage.gates.length > 0 ? [...besides, "gates"] : besides)
    say([key], `${alone[own]} and does nothing else — move ${key} to another stage`);
}
