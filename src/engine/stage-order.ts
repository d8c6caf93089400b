// Which stages of a workflow come before and after another. Pure.
import { carriesCommit } from "../workflows/artifacts.ts";
import type { Stage, Workflow } from "../workflows/schema.ts";

/** Stage names so that each comes after what it needs; stages that do not depend on each other keep the file's order. */
export function stageOrder(workflow: Workflow | undefined): string[] {
  if (!workflow) return [];
  const order: string[] = [];
  const visit = (name: string, path: readonly string[]): void => {
    if (order.includes(name) || path.includes(name)) return;
    for (const need of workflow.stages[name]?.needs ?? []) visit(need, [...path, name]);
    order.push(name);
  };
  for (const name of Object.keys(workflow.stages)) visit(name, []);
  return order;
}

/** Every stage that needs `name`, directly or through others. */
export function dependants(workflow: Workflow | undefined, name: string): string[] {
  const found = new Set<string>();
  for (const candidate of stageOrder(workflow)) {
    const needs = workflow?.stages[candidate]?.needs ?? [];
    if (needs.includes(name) || needs.some((need) => found.has(need))) found.add(candidate);
  }
  return [...found];
}

/** Every stage that `name` needs, directly or through others, in the order they are worked. */
export function upstream(workflow: Workflow | undefined, name: string): string[] {
  const found = new Set<string>();
  const visit = (stage: string): void => {
    for (const need of workflow?.stages[stage]?.needs ?? []) {
      if (found.has(need)) continue;
      found.add(need);
      visit(need);
    }
  };
  visit(name);
  return stageOrder(workflow).filter((stage) => found.has(stage));
}

/** True for a stage whose work others see on GitHub: a pull request, or a review. */
export function publishes(stage: Pick<Stage, "pull_request" | "review"> | undefined): boolean {
  return (stage?.pull_request ?? stage?.review) !== undefined;
}

/** True for a workflow of which nothing comes but tests that pin what is there. */
export function makesTestsAlone(workflow: Pick<Workflow, "stages"> | undefined): boolean {
  const making = Object.values(workflow?.stages ?? {}).filter(
    ({ makes, writes }) => writes !== undefined || (makes !== undefined && carriesCommit(makes)),
  );
  return making.length > 0 && making.every(({ makes }) => makes === "Characterization");
}
