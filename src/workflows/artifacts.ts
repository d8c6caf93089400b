// What each kind of stage hands on, as schemas: the input of the tool `finish` is one of these.
// Strings are bounded and extra fields refused, because a model fills them in.
import { z } from "zod";
import { Lessons } from "./lessons.ts";
import { Remarks } from "./remarks.ts";
import { Setup } from "./setup.ts";

const line = (max = 300) => z.string().trim().min(1).max(max);
const prose = (max = 4_000) => z.string().trim().min(1).max(max);
const path = z
  .string()
  .trim()
  .min(1)
  .max(400)
  .refine(
    (value) => !value.startsWith("/") && !value.split("/").includes(".."),
    "must be a path inside the repository",
  );

export const issueTypes = ["bug", "feature", "refactor", "docs", "question", "duplicate", "invalid"] as const;
export type IssueType = (typeof issueTypes)[number];

export const Triage = z.strictObject({
  type: z.enum(issueTypes),
  confidence: z.number().min(0).max(1).describe("How sure you are of `type`, 0 to 1"),
  runnerUp: z.enum(issueTypes).describe("The second most likely type"),
  severity: z.enum(["low", "medium", "high", "critical"]),
  size: z.enum(["xs", "s", "m", "l", "xl"]),
  labels: z.array(line(50)).max(10).describe("Labels to set, only from the list of existing ones"),
  areas: z.array(line(100)).max(10).describe("Parts of the code it seems to be about"),
  missing: z.array(line(500)).max(5).describe("Questions whose answers are needed before work can start"),
  duplicateOf: z.number().int().positive().optional(),
  securitySensitive: z.boolean(),
  summary: line(500),
  evidence: z.array(line(500)).max(5).describe("Short quotes from the issue that support the type"),
});
export type Triage = z.infer<typeof Triage>;

export const Reproduction = z.strictObject({
  reproduced: z.boolean(),
  testFiles: z.array(path).max(10).describe("The test files you added or changed"),
  command: z
    .string()
    .trim()
    .max(500)
    .describe("One shell command, run in the repository's root, that runs just these tests"),
  expectedFailure: z.string().trim().max(500).describe("Text that must occur in the failing output because of the bug"),
  notes: prose(),
  notABug: z
    .strictObject({
      why: line(1_000),
      where: z
        .array(z.strictObject({ path, line: z.number().int().positive(), quote: line(300) }))
        .min(1)
        .max(5)
        .describe("The lines that say so, quoted letter by letter"),
    })
    .optional()
    .describe("Only with reproduced: false: what was reported is intended"),
});
export type Reproduction = z.infer<typeof Reproduction>;

/** What was done about each thread of a review. */
const answers = z
  .array(
    z.strictObject({
      thread: z.number().int().min(1).max(50).describe("Its number among the reasons you were given"),
      done: z.boolean().describe("The change does what was asked there"),
      what: line(1_000).describe("What you did about it, or why not, in a sentence for whoever wrote it"),
      contradicts: z
        .number()
        .int()
        .min(0)
        .max(50)
        .optional()
        .describe(
          "Only where it asks for the opposite of another thread: that one's number, or 0 for what was said of the pull request as a whole. Then nothing is published, and people are asked",
        ),
    }),
  )
  .max(50)
  .optional()
  .describe("One for each thread of a review that you were given, and only then");

export const Characterization = z.strictObject({
  testFiles: z.array(path).min(1).max(20).describe("The test files that pin today's behaviour"),
  command: z
    .string()
    .trim()
    .min(1)
    .max(500)
    .describe("One shell command, run in the repository's root, that runs just these tests"),
  covers: prose().describe("What behaviour the tests pin, and what of it they leave open"),
  notes: prose(),
  breaks: z
    .array(
      z.strictObject({
        path: path.describe("A source file, no test"),
        before: line(2_000).describe("Words of it that stand there exactly once, as they stand there"),
        after: z.string().max(2_000).describe("What stands there when it is broken: the file can still be loaded"),
      }),
    )
    .max(12)
    .optional()
    .describe("Small breaks of the code under each of which a test of yours fails; only where your task asks for them"),
  answers,
});
export type Characterization = z.infer<typeof Characterization>;

export const Diagnosis = z.strictObject({
  rootCause: prose(),
  locations: z.array(z.strictObject({ path, lines: line(50), why: line(500) })).max(20),
  approach: prose(),
  risk: line(1_000),
});
export type Diagnosis = z.infer<typeof Diagnosis>;

export const Change = z.strictObject({
  summary: prose(),
  files: z.array(path).max(100),
  followUps: z.array(line(500)).max(10),
  answers,
});
export type Change = z.infer<typeof Change>;

export const Plan = z.strictObject({
  summary: prose(),
  tasks: z
    .array(
      z.strictObject({
        id: z.string().regex(/^[a-z0-9][a-z0-9-]{0,39}$/),
        title: line(),
        agent: line(60).optional().describe("The kind of specialist it suits, as a note for people"),
        instructions: prose(),
        needs: z.array(line(40)).max(20),
        claims: z.array(line(200)).max(20),
        acceptance: line(1_000),
      }),
    )
    .max(50),
  risks: z.array(line(500)).max(10),
  questions: z.array(line(500)).max(10),
});
export type Plan = z.infer<typeof Plan>;

export const Review = z.strictObject({
  verdict: z.enum(["approve", "changes"]),
  findings: z
    .array(
      z.strictObject({
        severity: z.enum(["info", "minor", "major", "critical"]),
        path: path.optional(),
        line: z.number().int().positive().optional(),
        message: line(1_000),
      }),
    )
    .max(30),
});
export type Review = z.infer<typeof Review>;

export const Report = z.strictObject({
  summary: prose(),
  sections: z.array(z.strictObject({ title: line(), body: prose(8_000) })).max(20),
});
export type Report = z.infer<typeof Report>;

export const Findings = z.strictObject({
  summary: prose(),
  findings: z
    .array(
      z.strictObject({
        title: line(200).describe("What is wrong, as the title of an issue"),
        severity: z.enum(["info", "minor", "major", "critical"]),
        area: line(60),
        path: path.optional(),
        line: z.number().int().positive().optional(),
        detail: prose(2_000),
        mend: prose(1_000),
      }),
    )
    .max(30),
});
export type Findings = z.infer<typeof Findings>;

export const Conclusion = z.strictObject({
  summary: prose().describe("What came of it, for the person who asked"),
  sections: z
    .array(z.strictObject({ title: line(), body: prose(8_000) }))
    .max(20)
    .describe("The report, where there is one to give; empty when the change says it all"),
  files: z.array(path).max(100).describe("The files that were changed; empty when nothing was"),
  followUps: z.array(line(500)).max(10),
  answers,
});
export type Conclusion = z.infer<typeof Conclusion>;

export const Excerpt = z.strictObject({
  of: z.string().max(60).describe("The stage it was picked from"),
  parts: z
    .array(z.strictObject({ path: z.string().max(500), value: z.json().describe("null where there was nothing") }))
    .min(1)
    .max(10),
});
export type Excerpt = z.infer<typeof Excerpt>;

/** Every artifact, by the name workflow files use. */
export const artifactSchemas = {
  Triage,
  Reproduction,
  Diagnosis,
  Change,
  Plan,
  Review,
  Report,
  Findings,
  Characterization,
  Conclusion,
  Setup,
  Excerpt,
  Lessons,
  Remarks,
} as const;
export type ArtifactName = keyof typeof artifactSchemas;
/** What an agent may hand in; an Excerpt is made by Baton. */
export const artifactNames = [
  "Triage",
  "Reproduction",
  "Diagnosis",
  "Change",
  "Plan",
  "Review",
  "Report",
  "Findings",
  "Characterization",
  "Conclusion",
  "Setup",
  "Lessons",
  "Remarks",
] as const satisfies readonly ArtifactName[];
export type MadeName = (typeof artifactNames)[number];

/** An artifact with its name, so that one value says what it is. */
export const Artifact = z.discriminatedUnion("name", [
  z.strictObject({ name: z.literal("Triage"), value: Triage }),
  z.strictObject({ name: z.literal("Reproduction"), value: Reproduction }),
  z.strictObject({ name: z.literal("Diagnosis"), value: Diagnosis }),
  z.strictObject({ name: z.literal("Change"), value: Change }),
  z.strictObject({ name: z.literal("Plan"), value: Plan }),
  z.strictObject({ name: z.literal("Review"), value: Review }),
  z.strictObject({ name: z.literal("Report"), value: Report }),
  z.strictObject({ name: z.literal("Findings"), value: Findings }),
  z.strictObject({ name: z.literal("Characterization"), value: Characterization }),
  z.strictObject({ name: z.literal("Conclusion"), value: Conclusion }),
  z.strictObject({ name: z.literal("Setup"), value: Setup }),
  z.strictObject({ name: z.literal("Excerpt"), value: Excerpt }),
  z.strictObject({ name: z.literal("Lessons"), value: Lessons }),
  z.strictObject({ name: z.literal("Remarks"), value: Remarks }),
]);
export type Artifact = z.infer<typeof Artifact>;

/** Artifacts whose stage leaves a commit; what the other agents leave in their workspace is thrown away. */
export function carriesCommit(name: ArtifactName): boolean {
  return name === "Reproduction" || name === "Change" || name === "Characterization" || name === "Conclusion";
}

type Answered = Extract<Artifact, { readonly value: { readonly answers?: unknown } }>;

/** True for what a pull request is changed by: with it an agent says what it did about each thread of a review. */
export function answersThreads(name: ArtifactName): name is Answered["name"] {
  return name === "Change" || name === "Characterization" || name === "Conclusion";
}

/** What was done about each thread, as far as anything is said of it. */
export function threadAnswers(artifact: Artifact | undefined): NonNullable<Change["answers"]> {
  return artifact && "answers" in artifact.value ? (artifact.value.answers ?? []) : [];
}
