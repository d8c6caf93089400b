// What the program asks the model at Baton's door, as far as it is taken: the tools it declares, and the results of the calls it was
// given last. Who the agent is, its task and what was said before, Baton knows itself; whatever else a request holds (system prompt,
// history, parameters, tools that the provider runs, addresses to fetch from) goes nowhere.
import type { Tool } from "@anthropic-ai/sdk/resources/messages/messages";
import { z } from "zod";
import { clip } from "../clip.ts";
import { parseJson, type ToolOutcome, toolOutcomes } from "./stream.ts";

export interface Asked {
  readonly stream: boolean;
  /** Tools that the program runs itself. */
  readonly tools: readonly Tool[];
  /** Behind the last reply. */
  readonly results: readonly ToolOutcome[];
}

const MAX_DESCRIPTION = 20_000;
const MAX_SCHEMA = 64_000;

const Request = z.looseObject({
  stream: z.boolean().default(false),
  tools: z.array(z.unknown()).max(200).default([]),
  messages: z.array(z.looseObject({ role: z.string(), content: z.union([z.string(), z.array(z.unknown())]) })),
});
const Declaration = z.object({
  name: z.string().regex(/^[a-zA-Z0-9_-]{1,64}$/),
  description: z.string().default(""),
  input_schema: z
    .looseObject({
      type: z.literal("object"),
      properties: z.record(z.string(), z.unknown()).default({}),
      required: z.array(z.string()).default([]),
    })
    .refine((schema) => JSON.stringify(schema).length <= MAX_SCHEMA),
});

/** Reads the body of a request to `/v1/messages`; undefined when it is none. */
export function readAsked(body: string): Asked | undefined {
  const { data } = Request.safeParse(parseJson(body));
  if (!data) return undefined;
  const said = data.messages.slice(data.messages.findLastIndex(({ role }) => role === "assistant") + 1);
  return {
    stream: data.stream,
    tools: data.tools.flatMap((tool) => {
      const read = Declaration.safeParse(tool);
      if (!read.success) return [];
      const { name, description, input_schema } = read.data;
      return [{ name, description: clip(description, MAX_DESCRIPTION), input_schema }];
    }),
    results: said.flatMap(({ content }) => toolOutcomes(content)),
  };
}
