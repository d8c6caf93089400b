// Baton's last look: nothing leaves without the checks, whatever the workflow file says.
import { expect, test } from "vitest";
import { verifiedHead } from "#src/github/publishable.ts";
import type { State } from "#src/engine/state.ts";
import type { GateName } from "#src/workflows/schema.ts";
import { fixCommit, RunScript } from "#test/support/recorded-run.ts";

/** A verified run whose workflow asks for fewer gates than Baton's own. */
function without(gates: readonly GateName[]): State {
  const { state } = new RunScript().verified();
  const { workflow } = state;
  if (!workflow) throw new Error("expected a workflow");
  const stages = Object.entries(workflow.stages).map(([name, stage]) => [
    name,
    { ...stage, gates: stage.gates.filter((gate) => !gates.includes(gate)) },
  ]);
  return { ...state, workflow: { ...workflow, stages: Object.fromEntries(stages) } };
}

test("the verified commit may be published", () => {
  expect(verifiedHead(without([]))).toBe(fixCommit);
  expect(verifiedHead(without(["red", "green", "baseline"]))).toBe(fixCommit);
});

/** A verified run with one gate in the place of another. */
function renamed(from: GateName, to: GateName): State {
  const state = without([]);
  const swap = (gate: GateName) => (gate === from ? to : gate);
  const { workflow } = state;
  const plans = Object.entries(workflow?.stages ?? {}).map(([name, stage]) => [
    name,
    { ...stage, gates: stage.gates.map(swap) },
  ]);
  const stages = [...state.stages].map(([name, stage]) => {
    const gates = stage.current?.gates.map((result) => ({ ...result, gate: swap(result.gate) }));
    return [name, { ...stage, ...(stage.current && gates && { current: { ...stage.current, gates } }) }] as const;
  });
  return {
    ...state,
    ...(workflow && { workflow: { ...workflow, stages: Object.fromEntries(plans) } }),
    stages: new Map(stages),
  };
}

test("what judges the base with tests on top need not have seen the head, anything else must", () => {
  expect(verifiedHead(renamed("red", "pinned"))).toBe(fixCommit);
  expect(verifiedHead(renamed("green", "kept"))).toBe(fixCommit);
  for (const gate of ["kept", "surface"] as const)
    expect(verifiedHead(renamed("red", gate))).toMatchObject({ code: "not-verified" });
});

test.each<[string, GateName[]]>([
  ["scope", ["scope"]],
  ["integrity", ["integrity"]],
  ["scope", ["red", "green", "baseline", "scope", "integrity"]],
])("a workflow without %s publishes nothing", (missing, gates) => {
  expect(verifiedHead(without(gates))).toMatchObject({
    type: "refused",
    code: "not-verified",
    message: expect.stringContaining(`"${missing}"`),
  });
});
