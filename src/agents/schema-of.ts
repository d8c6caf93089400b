// What an agent may hand in: its artifact's schema, and of a plan also that it can be worked. What is wrong is told, and repaired, like
// any other invalid input; a recorded plan is not judged again.
import type { z } from "zod";
import { artifactSchemas, Plan, type Artifact, type ArtifactName } from "../workflows/artifacts.ts";
import { taskProblems } from "../workflows/waves.ts";

const workable = Plan.superRefine(({ tasks }, context) => {
  for (const message of taskProblems(tasks)) context.addIssue({ code: "custom", path: ["tasks"], message });
});

/** The schema of the input of `finish`. */
export function schemaOf(name: ArtifactName): z.ZodType<Artifact["value"]> {
  return name === "Plan" ? workable : artifactSchemas[name];
}
