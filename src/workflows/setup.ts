// What a surveyor proposes for a repository, as the artifact `Setup`, and what came of trying it. Baton makes files of it
// (`setup-files.ts`); so every text in it is bounded, is plain, and says no more than its field.
import { z } from "zod";
import { commandNames, handToolNames, modelTiers } from "./names.ts";
import { isPlain, plainLine as line } from "./plain-text.ts";

const command = line(1_000).optional();

/**
 * A path, `**` for any folders, `*` for any part of a name, one `{a,b}`: what a model writes is matched outside of the sandbox, so it
 * must take no time.
 */
function isSimpleGlob(glob: string): boolean {
  const parts = glob.split("/");
  return (
    /^[\w@.,{}*-]+(?:\/[\w@.,{}*-]+)*\/?$/.test(glob) &&
    /^[^{}]*(?:\{[^{}]+\}[^{}]*)?$/.test(glob) &&
    parts.filter((part) => part === "**").length <= 2 &&
    parts.every((part) => part === "**" || (!part.includes("**") && part.split("*").length <= 3))
  );
}

export const SetupAgent = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z][a-z0-9-]{0,39}$/, "must be lower-case letters, digits and dashes, starting with a letter"),
  description: line(500).describe("What it is for, in one line, for whoever chooses among agents"),
  tier: z.enum(modelTiers),
  tools: z.array(z.enum(handToolNames)).min(1).max(handToolNames.length),
  prompt: z
    .string()
    .trim()
    .min(1)
    .max(8_000)
    .refine((text) => isPlain(text.replace(/[\n\t]/g, " ")), "must hold no invisible characters")
    .describe("Its system prompt, in Markdown"),
});
export type SetupAgent = z.infer<typeof SetupAgent>;

export const Setup = z.strictObject({
  summary: z
    .string()
    .trim()
    .min(1)
    .max(2_000)
    .describe("What kind of repository this is, and why you propose what you do, for the people who decide on it"),
  commands: z
    .strictObject({ install: command, test: command, lint: command, typecheck: command, build: command })
    .describe("Shell commands, run in the repository's root; leave out what there is none for"),
  protect: z
    .array(
      z.strictObject({
        glob: line(200)
          .refine(isSimpleGlob, "must be a simple glob: names, `*`, at most two `**/`, one {a,b}")
          .describe("Of paths that no run should change"),
        why: line(200),
      }),
    )
    .max(20),
  agents: z.array(SetupAgent).max(5),
  notes: z.array(line(500)).max(10).describe("What people should know or decide themselves"),
});
export type Setup = z.infer<typeof Setup>;

/** How one command went, where Baton tried it. */
export const TriedCommand = z.strictObject({
  name: z.enum(commandNames),
  command: z.string().max(1_000),
  /** The repository's config says so already; the surveyor proposes it; or neither does, and it was read off the files. */
  from: z.enum(["written", "proposed", "detected"]),
  works: z.boolean(),
  /** "passes", "by-name", "by-exit-code"; "fails", "timeout", "no-tests", "cannot-load", "not-tried" */
  code: z.string().max(60),
  why: z.string().max(500),
  /** Of tests that were read one by one. */
  tests: z
    .strictObject({
      passed: z.number().int().nonnegative(),
      failed: z.number().int().nonnegative(),
      skipped: z.number().int().nonnegative(),
    })
    .optional(),
  /** How often it was run. */
  runs: z.number().int().nonnegative(),
  /** False when it did not end the same way each time. */
  stable: z.boolean(),
});
export type TriedCommand = z.infer<typeof TriedCommand>;

/** What came of trying a repository's commands at a commit. */
export const Tried = z.strictObject({
  /** Of each name one; two of `install` where one was proposed that does not work, the second is what is run without it. */
  commands: z.array(TriedCommand).max(commandNames.length + 1),
  /** What the gate `surface` says of the commit compared with itself: whether names can be read here at all. */
  surface: z.strictObject({ code: z.string().max(60), summary: z.string().max(500) }),
  /** Where editors find the schema of the config, as it was known then. */
  schema: z.url().max(300).optional(),
});
export type Tried = z.infer<typeof Tried>;
