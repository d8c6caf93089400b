// What an agent gets of the results before it: short ones whole, long ones as their summary and what their parts are about, and the whole
// by a tool. So an agent that puts nine reports together pays for the parts it reads, and nobody gets a text with a hole in it.
import type { Tool } from "@anthropic-ai/sdk/resources/messages/messages";
import { z } from "zod";
import { assertNever } from "../core/errors.ts";
import type { AgentTask } from "../engine/ports.ts";
import type { Artifact } from "../workflows/artifacts.ts";
import { clip } from "./clip.ts";
import type { SessionTools } from "./session.ts";

/** Characters of a result in a brief: what is needed whole is shown whole up to there. */
export const ROOM = 16_000;
/** Characters of JSON up to which a report is shown whole: whoever gets one needs parts of it. */
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
  const most = artifact.name === "Report" || artifact.name === "Findings" ? SHORT : ROOM;
  return text.length <= most
    ? { stage, name: artifact.name, text, whole: true }
    : { stage, name: artifact.name, text: digestOf(artifact, text), whole: false };
}

/** The summary of what is long, and what each of its parts is about: all of them, in the room there is. */
function digestOf(artifact: Artifact, text: string): string {
  const { summary, parts } = outlineOf(artifact);
  if (parts.length === 0) return clip(text, ROOM);
  const head = clip(summary, ROOM / 2);
  const each = Math.floor((ROOM - head.length) / parts.length) - 6;
  return [head, ...parts.map(({ about }, index) => `${index + 1}. ${clip(about, each)}`)].join("\n");
}

interface Outline {
  readonly summary: string;
  /** What the numbers of a digest stand for. */
  readonly parts: readonly { readonly about: string; readonly part: unknown }[];
}

/** What a result says in short, and of which parts it consists; none of what is never long. */
function outlineOf({ name, value }: Artifact): Outline {
  switch (name) {
    case "Report":
    case "Conclusion":
      return outline(value.summary, value.sections, ({ title }) => title);
    case "Findings":
      return outline(value.summary, value.findings, ({ severity, title }) => `${severity}: ${title}`);
    case "Plan":
      return outline(
        value.summary,
        value.tasks,
        ({ id, title, acceptance }) => `${id}: ${title}. Done when: ${acceptance}`,
      );
    case "Review":
      return outline(
        value.verdict,
        value.findings,
        ({ severity, path = "", message }) => `${severity}: ${path} ${message}`,
      );
    case "Remarks":
      return outline(
        value.summary,
        value.remarks,
        ({ severity, path, line = "", message }) => `${severity}: ${path}:${line} ${message}`,
      );
    case "Excerpt":
      return outline(`Picked from ${value.of}.`, value.parts, ({ path }) => path);
    case "Lessons":
      return outline(value.summary, value.lessons, ({ instruction }) => instruction);
    case "Setup": {
      const { agents, ...rest } = value;
      return outline(JSON.stringify(rest), agents, ({ name: agent, description }) => `${agent}: ${description}`);
    }
    case "Triage":
    case "Reproduction":
    case "Diagnosis":
    case "Change":
    case "Characterization":
      return { summary: "", parts: [] };
    default:
      return assertNever(name);
  }
}

function outline<T>(summary: string, list: readonly T[], about: (part: T) => string): Outline {
  return { summary, parts: list.map((part) => ({ about: about(part), part })) };
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
  const { parts } = outlineOf(artifact);
  if (data.part === undefined)
    return { ok: true, output: clip(JSON.stringify(artifact.value, undefined, 2), MOST_READ) };
  const part = parts[data.part - 1];
  if (part === undefined) return { ok: false, output: `${data.stage} has ${parts.length} parts.` };
  return { ok: true, output: clip(JSON.stringify(part.part, undefined, 2), MOST_READ) };
}
