import { betaAgentToolset20260401 } from "@anthropic-ai/sdk/tools/agent-toolset/node";
import { expect, test } from "vitest";
import { toolDeclarations } from "#src/hands/tool-declarations.ts";

test("what the model is told is exactly what the toolset implements", () => {
  const real: unknown = JSON.parse(JSON.stringify(betaAgentToolset20260401({ workdir: "/tmp" })));
  expect(toolDeclarations.map((tool) => ({ type: "custom", ...tool }))).toEqual(real);
});
