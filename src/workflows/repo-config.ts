// What a repository may say in `.github/baton.yml` (read from the default branch only). Every key is optional;
// an unknown key is an error with its line, so that a typo cannot switch a protection off silently.
import { z } from "zod";
import { issueTypes } from "./artifacts.ts";
import { commandRoutes, modelTiers } from "./names.ts";
import { Schedule } from "./schedules.ts";

const command = z.string().trim().min(1).max(1_000);
const glob = z.string().trim().min(1).max(200);
const model = z.string().trim().min(1).max(100);

const commands = new Intl.ListFormat("en-GB").format(commandRoutes.map((name) => `\`${name}\``));

const duration = z.string().regex(/^\d{1,4}[smh]$/, "must be a duration like 90s, 10m or 1h");

/** The shell commands of a repository; what is absent is detected from its files. */
export const Commands = z.strictObject({
  install: command.optional().describe("Installs dependencies; the only step that may reach registries"),
  test: command.optional().describe("Runs the whole suite"),
  lint: command.optional().describe("Checks the style; told to the agents"),
  typecheck: command.optional().describe("Checks the types; told to the agents"),
  build: command.optional().describe("Builds the project; told to the agents"),
});
export type Commands = z.infer<typeof Commands>;

const folder = z
  .string()
  .trim()
  .min(1)
  .max(200)
  .refine((path) => {
    const parts = path.replace(/^\.\//, "").replace(/\/$/, "").split("/");
    return parts.every((part) => /^[^*?{}\\\p{Cc}]+$/u.test(part) && part !== "." && part !== "..");
  }, "must be a folder below the repository's root, like services/api: no .., no slash at the start, no wildcards")
  .transform((path) => path.replace(/^\.\//, "").replace(/\/$/, ""));

/** A folder with commands of its own. */
const Package = z.strictObject({
  path: folder.describe("The package's folder; where one lies in another, the longer path wins"),
  commands: Commands.default({}).describe("Run in that folder; what is absent is detected from the files there"),
});

const Packages = z
  .array(Package)
  .max(50)
  .superRefine((packages, context) => {
    for (const [index, { path }] of packages.entries())
      if (packages.findIndex((other) => other.path === path) < index)
        context.addIssue({
          code: "custom",
          path: [index, "path"],
          message: "it is named above: put its commands there",
        });
  });

export const RepoConfig = z.strictObject({
  extends: z
    .string()
    .regex(/^(?:org|[A-Za-z\d][A-Za-z\d-]{0,38}\/\.github)$/, "must be org, or OWNER/.github")
    .optional()
    .describe(
      "`org` or OWNER/.github: the config of the owner's repository `.github` holds where this file says nothing",
    ),
  commands: Commands.default({}),
  packages: Packages.prefault([]).describe(
    "Folders of a monorepo with commands of their own; what lies in none of them is the root's",
  ),
  triggers: z
    .strictObject({
      onOpened: z.boolean().default(true).describe("Triage new issues"),
      autoStart: z
        .array(z.enum(issueTypes))
        .max(7)
        .default([])
        .describe("Types whose work starts without being asked for"),
      threshold: z.number().min(0).max(1).default(0.6).describe("Below this confidence Baton asks instead of starting"),
      bots: z.array(z.string().max(100)).max(50).default([]).describe("Logins of apps and bots that may give commands"),
    })
    .prefault({}),
  routes: z
    .partialRecord(z.enum([...issueTypes, ...commandRoutes]), z.string().max(40))
    .default({})
    .describe(
      `Type → workflow, and ${commands} for the commands of these names; a type goes to the workflow of its name when absent`,
    ),
  budget: z
    .strictObject({
      run: z.number().positive().max(1_000).optional().describe("Dollars one run may spend"),
      turns: z.number().int().positive().max(5_000).optional().describe("Model turns one run may take"),
      time: z.number().positive().max(1_440).optional().describe("Minutes one run may take"),
    })
    .prefault({}),
  models: z
    .partialRecord(z.enum(modelTiers), z.union([model, z.array(model).min(1).max(5)]))
    .default({})
    .describe("Tier → model, or models in order of preference"),
  limits: z
    .strictObject({
      rounds: z
        .number()
        .int()
        .min(0)
        .max(5)
        .default(3)
        .describe(
          "Times a stage may be sent back; and, each for itself, times that failed checks of a pull request are repaired, and that it is brought together with a base it conflicts with, before people are asked",
        ),
      parallel: z.number().int().min(1).max(16).default(4).describe("Agents of one run at work at once"),
      agents: z
        .number()
        .int()
        .min(1)
        .max(64)
        .default(12)
        .describe("Agents that those who conduct others may have at once, in one run"),
      depth: z
        .number()
        .int()
        .min(1)
        .max(5)
        .default(3)
        .describe("How deep agents may create agents: 1 is those of a stage's own agent"),
      runsPerHour: z
        .number()
        .int()
        .min(1)
        .max(100)
        .default(10)
        .describe("Runs that may begin on one issue within an hour, whoever asks; a retry or a revision is one more"),
      commentsPerHour: z
        .number()
        .int()
        .min(5)
        .max(200)
        .default(30)
        .describe(
          "Comments of Baton's on one issue within an hour before it answers no more; edits of cards do not count",
        ),
      files: z.number().int().min(1).max(1_000).default(50).describe("Files one pull request may change"),
      patchKb: z.number().min(1).max(10_000).default(200).describe("Size of the patch in KiB"),
      stageTime: z
        .strictObject({ least: duration.default("2m"), most: duration.default("60m") })
        .prefault({})
        .describe("Bounds of an attempt's time once it is told from earlier ones: twice their mean"),
    })
    .prefault({}),
  dashboard: z
    .boolean()
    .default(false)
    .describe("Keep an issue up to date that says how the work stands here, with boxes to start, retry and approve"),
  schedules: z.array(Schedule).max(10).default([]).describe("Workflows that start by the clock"),
  runsOn: z
    .strictObject({
      workflow: z
        .string()
        .regex(/^[A-Za-z\d_][\w.-]{0,99}\.ya?ml$/, "must be the name of a file in .github/workflows, like baton.yml")
        .describe("The file in `.github/workflows`"),
    })
    .optional()
    .describe(
      "Runs are worked by jobs of this workflow, in GitHub Actions of the repository, where whoever runs Baton allows it (`DISPATCH_RUNS`)",
    ),
  protect: z.array(glob).max(100).default([]).describe("Paths no run may change, besides the built-in ones"),
  labels: z.partialRecord(z.enum(issueTypes), z.string().max(50)).default({}).describe("Type → the label to set"),
});
export type RepoConfig = z.infer<typeof RepoConfig>;

/** The config of a repository that has none. */
export const defaultRepoConfig: RepoConfig = RepoConfig.parse({});
