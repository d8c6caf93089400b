// What of a whole an agent works: a task of a fan-out, the merge that git could not make, or what another agent commands it.
import type { Task } from "./events.ts";

export type Part =
  | { readonly type: "task"; readonly task: Task; readonly of: number }
  | {
      readonly type: "merge";
      readonly task: Task;
      /** Where both sides changed the same; the files hold git's conflict markers. */
      readonly paths: readonly string[];
      /** Tasks whose work is in the files already. */
      readonly merged: readonly string[];
    }
  | {
      readonly type: "child";
      readonly id: string;
      readonly instructions: string;
      readonly command: string;
      /** Where it is to mend what git could not merge of that agent's work. */
      readonly conflict: { readonly of: string; readonly paths: readonly string[] } | undefined;
    };
