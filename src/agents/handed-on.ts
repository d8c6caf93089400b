// What an agent gets of the results before it: short ones whole, long reports as their summary, and the whole by a tool. So an agent that
// puts nine reports together pays for the parts it reads.
import type { Tool } from "@anthropic-ai/sdk/resources/messages/messages";
import { z } from "zod";
import type { AgentTask } from "../engine/ports.ts";
import type { Artifact } from "../workflows/artifacts.ts";
import { clip } from "./clip.ts";
import type { SessionTools } from "./session.ts";

/** Characters of JSON up to which a result is shown whole. */
const SHORT = 3_000;
/** Characters of one answer of the tool. */
const MOST_READ = 30_000;

export const READ_ARTIFACT = "read_artifact";

/** A result as the brief shows it. `whole`: nothing of it was left out. */
export interface HandedOn {
  readonly stage: string;
  readonly name: Artifact["name"];
  readonly text: string;
  readonly whole: boolean;
}

type Input = AgentTask["inputs"][number];

/** How a result is shown to who comes after. Pure. */
export function handOn({ stage, artifact }: Input): HandedOn {
  const text = JSON.stringify(artifact.value, undefined, 2);
  const digest = text.length <= SHORT ? undefined : digestOf(artifact);
  return { stage, name: artifact.name, text: digest ?? text, whole: digest === undefined };
}

/** The summary of what can be long; undefined for what is needed whole. */
function digestOf(artifact: Artifact): string | undefined {
  switch (artifact.name) {
    case "Report":
      return digest(
        artifact.value.summary,
        artifact.value.sections.map(({ title }) => title),
      );
    case "Findings":
      return digest(
        artifact.value.summary,
        artifact.value.findings.map(({ severity, title }) => `${severity}: ${title}`),
      );
    default:
      return undefined;
  }
}

function digest(summary: string, parts: readonly string[]): string {
  return [summary, ...parts.map((part, index) => `${index + 1}. ${part}`)].join("\n");
}

const input = z.strictObject({
  stage: z.string().max(100),
  part: z.number().int().min(1).optional(),
});

/** These tools, and where something was shown in short also the one that reads it whole. */
export function withArtifacts(tools: SessionTools, inputs: readonly Input[]): SessionTools {
  const held = new Map(inputs.filter((one) => !handOn(one).whole).map(({ stage, artifact }) => [stage, artifact]));
  if (held.size === 0) return tools;
  return {
    ...tools,
    declarations: [...tools.declarations, declaration],
    call: (call, signal) =>
      call.name === READ_ARTIFACT ? Promise.resolve(read(held, call.input)) : tools.call(call, signal),
  };
}

const declaration: Tool = {
  name: READ_ARTIFACT,
  description: "Reads a result that the task shows in short: whole, or one of its numbered parts.",
  input_schema: {
    type: "object",
    properties: {
      stage: { type: "string", description: "The stage, as the task names it" },
      part: { type: "integer", minimum: 1, description: "The number of a part; all of them when left out" },
    },
    required: ["stage"],
    additionalProperties: false,
  },
};

function read(held: ReadonlyMap<string, Artifact>, asked: unknown): { ok: boolean; output: string } {
  const { data } = input.safeParse(asked);
  const artifact = data && held.get(data.stage);
  if (!data || !artifact) return { ok: false, output: `Name one of these stages: ${[...held.keys()].join(", ")}.` };
  const parts: readonly unknown[] =
    artifact.name === "Report" ? artifact.value.sections : artifact.name === "Findings" ? artifact.value.findings : [];
  if (data.part === undefined)
    return { ok: true, output: clip(JSON.stringify(artifact.value, undefined, 2), MOST_READ) };
  const part = parts[data.part - 1];
  if (part === undefined) return { ok: false, output: `${data.stage} has ${parts.length} parts.` };
  return { ok: true, output: JSON.stringify(part, undefined, 2) };
}
