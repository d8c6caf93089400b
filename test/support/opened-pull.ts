// A world for the intake in which a run has opened pull request #5 from issue #12, and has ended.
import { expect } from "vitest";
import { sha } from "#src/core/ids.ts";
import { noSpend, type RunEvent } from "#src/engine/events.ts";
import { budgetOf } from "#src/engine/route.ts";
import { bugWorkflow, goodTriage } from "./engine-world.ts";
import { commentPayload, intakeWorld, self, type World } from "./intake-world.ts";

export const head = sha("b".repeat(40));
/** Where a payload of a comment is about the pull request. */
export const onPull = { issue: { number: 5, pull_request: {} } };
export const open = {
  state: "open",
  merged: false,
  branch: "baton/issue-12-x",
  head,
  into: "main",
  fork: false,
  mergeable: true,
  author: { login: self.login, id: 1 },
} as const;

/** The run that opened it, and what comes behind its end. */
export async function opened(...more: RunEvent[]): Promise<World> {
  const world = intakeWorld();
  await world.send("issue_comment", commentPayload("/agent fix"));
  const { created, runId, version } = await world.only();
  const decision = { kind: "start" as const, workflow: bugWorkflow, budget: budgetOf(created, bugWorkflow) };
  const events: RunEvent[] = [
    { type: "run.routed", source: "model", triage: goodTriage, decision, why: "a bug", spend: noSpend },
    { type: "pull_request.opened", number: 5, url: "u", branch: open.branch, head, title: "t" },
    { type: "run.finished", outcome: "succeeded", code: "verified", message: "…" },
    ...more,
  ];
  expect(await world.log.append(runId, version, events)).toMatchObject({ type: "appended" });
  world.reader.pull = open;
  // The pull request's own text, by which its issue is found.
  world.reader.pulls.set(5, "Closes #12");
  return world;
}
