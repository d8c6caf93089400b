// What an agent that looks back proposes to write into the repository's instructions, as the artifact `Lessons`. Baton makes the file
// (`lessons-file.ts`), and other agents will go by it: so every text is bounded, is plain, and shows people all that it says.
import { z } from "zod";
import { plainLine } from "./plain-text.ts";

/** HTML, and the targets of links and images: in rendered Markdown people do not see them. */
const unshown = /<[!/?a-z]|\][([:]/i;
const shownLine = (max: number) =>
  plainLine(max).refine((text) => !unshown.test(text), "must hold no HTML, links or images");

export const Lesson = z.strictObject({
  what: plainLine(400).describe("What happened, and why the instruction would have helped"),
  applies: shownLine(200).describe("What it applies to: paths, or a kind of work"),
  evidence: z
    .array(z.string().regex(/^(?:#[1-9]\d{0,8}|run-[0-9a-f]{12})$/, "must be a pull request like #12 or a run's id"))
    .min(1)
    .max(10)
    .describe("What shows it, of what was collected: pull requests as #12, runs by their id"),
  instruction: shownLine(400).describe("The instruction, as it will stand in the file that every agent reads"),
});
export type Lesson = z.infer<typeof Lesson>;

export const Lessons = z.strictObject({
  summary: z.string().trim().min(1).max(2_000).describe("What you saw, also when nothing is to be learned from it"),
  lessons: z.array(Lesson).max(8).describe("None, where nothing would have helped"),
});
export type Lessons = z.infer<typeof Lessons>;
