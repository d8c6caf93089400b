// The tool every agent ends with. Its input is the stage's artifact: a schema for the model, a check for Baton.
import type { Tool } from "@anthropic-ai/sdk/resources/messages/messages";
import { z } from "zod";

export const FINISH = "finish";

/** The declaration of `finish` for an artifact. Throws when the schema is not one of an object: a bug. */
export function finishTool(schema: z.ZodType): Tool {
  const { $schema: _, type, ...rest } = z.toJSONSchema(schema, { io: "input" });
  if (type !== "object") throw new Error(`finish takes an object, not ${String(type)}`);
  return {
    name: FINISH,
    description:
      "Hands in your result and ends your work. Call it exactly once, alone, when you are done or sure that you cannot do it. Nothing you do after it counts.",
    input_schema: { type: "object", ...rest },
  };
}

/** The artifact, or what is wrong with it in words the model can mend it by: one line per problem, at most 20. */
export function readFinish<T>(
  schema: z.ZodType<T>,
  input: unknown,
): { readonly type: "valid"; readonly value: T } | { readonly type: "invalid"; readonly problems: string } {
  const parsed = schema.safeParse(withoutNul(input));
  if (parsed.success) return { type: "valid", value: parsed.data };
  const lines = parsed.error.issues
    .slice(0, 20)
    .map(({ path, message }) => `- ${path.length === 0 ? "the input" : path.join(".")}: ${message}`);
  return { type: "invalid", problems: lines.join("\n") };
}

/** Databases refuse NUL in text; models write it now and then, quoting binary output. */
function withoutNul(value: unknown): unknown {
  if (typeof value === "string") return value.replaceAll("\0", "").toWellFormed();
  if (Array.isArray(value)) return value.map(withoutNul);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, withoutNul(inner)]));
}
