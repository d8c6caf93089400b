// What happened to one file between two commits. Recorded in events, shown in pull requests, judged by gates.
import { z } from "zod";

export const FileChange = z.strictObject({
  path: z.string(),
  kind: z.enum(["added", "modified", "deleted"]),
  /** git's mode of the new side: 100644, 100755; 000000 when deleted. */
  mode: z.string(),
  added: z.number().int().nonnegative(),
  removed: z.number().int().nonnegative(),
  binary: z.boolean(),
});
export type FileChange = z.infer<typeof FileChange>;
