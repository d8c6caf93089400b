// What comes of looking through a pull request: remarks for whoever wrote it, as an artifact. A model fills it in, so it is bounded.
import { z } from "zod";

const line = (max: number) => z.string().trim().min(1).max(max);

export const Remarks = z.strictObject({
  summary: line(3_000).describe("What the pull request does, and how it stands, for whoever decides about it"),
  lookedAt: z.array(line(300)).max(20).describe("What you looked at, and from which side"),
  notLookedAt: z.array(line(300)).max(20).describe("What you did not look at or could not try, and why"),
  remarks: z
    .array(
      z.strictObject({
        severity: z.enum(["info", "minor", "major", "critical"]),
        path: line(400).describe("A file that the pull request changes"),
        line: z
          .number()
          .int()
          .positive()
          .optional()
          .describe(
            "A line of that file as the pull request leaves it, within its diff; absent for the file as a whole",
          ),
        message: line(1_500).describe("What is wrong, and what would mend it"),
        evidence: line(1_500).describe("How you know: what you ran and what came of it, or the lines that prove it"),
      }),
    )
    .max(30),
});
export type Remarks = z.infer<typeof Remarks>;
