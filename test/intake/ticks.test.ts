// Ticks in a report of findings: whoever may has those issues opened that the report showed, whatever became of its run since.
import { describe, expect, test } from "vitest";
import { noSpend, type RunEvent } from "#src/engine/events.ts";
import { budgetOf } from "#src/engine/route.ts";
import type { State } from "#src/engine/state.ts";
import { createMemoryLog } from "#src/store/memory-log.ts";
import { Workflow } from "#src/workflows/schema.ts";
import { commit, goodTriage, HandClock } from "#test/support/engine-world.ts";
import { commentPayload, intakeWorld, self, type World } from "#test/support/intake-world.ts";

const audit = Workflow.parse({
  name: "audit",
  description: "Looks",
  budget: { run: 5, time: "1h" },
  stages: { look: { agent: "synthesizer", makes: "Findings" } },
});
const bot = { login: self.login, id: 41, type: "Bot" };
const by = { login: "maria", id: 7 };

/** The events of one try that finds something of this title. */
function finds(title: string, attempt: number): RunEvent[] {
  const finding = { title, severity: "major" as const, area: "x", detail: "d", mend: "m" };
  return [
    { type: "stage.started", stage: "look", attempt, reasons: [] },
    {
      type: "agent.finished",
      stage: "look",
      attempt,
      artifact: { name: "Findings", value: { summary: "s", findings: [finding] } },
      commit: commit(1),
      changes: [],
    },
    { type: "run.finished", outcome: "succeeded", code: "verified", message: "Every stage is done." },
  ];
}

/** A world with an audit that has ended once, and again after a retry; with the first lines of both reports. */
async function audited(): Promise<{ world: World; reports: string[] }> {
  const clock = new HandClock();
  const world = intakeWorld({ log: createMemoryLog({ clock }) });
  await world.send("issue_comment", commentPayload("/agent fix"));
  const first = await world.only();
  const decision = { kind: "start" as const, workflow: audit, budget: budgetOf(first.created, audit) };
  const routed: RunEvent = {
    type: "run.routed",
    source: "model",
    triage: goodTriage,
    decision,
    why: "asked for",
    spend: noSpend,
  };
  const reports: string[] = [];
  const append = async (...events: RunEvent[]): Promise<State> => {
    const { runId, version } = await world.only();
    expect(await world.log.append(runId, version, events)).toMatchObject({ type: "appended" });
    return await world.only();
  };
  const report = ({ runId, finished }: State) => reports.push(`<!-- baton:end:${runId}:${finished?.at} -->`);
  report(await append(routed, ...finds("an old one", 1)));
  clock.forward(60_000);
  report(
    await append({ type: "retry.requested", by, quote: "/agent retry look", stage: "look" }, ...finds("a new one", 2)),
  );
  return { world, reports };
}

function ticked(firstLine = "") {
  const body = (box: string) => `${firstLine}\n\n- [${box}] **F1** something · major · x`;
  return {
    ...commentPayload(body("x"), { action: "edited", comment: { user: bot } }),
    changes: { body: { from: body(" ") } },
  };
}

describe("a tick", () => {
  test("is of what its report showed, also when the run was retried since", async () => {
    const { world, reports } = await audited();
    await world.send("issue_comment", ticked(reports[0]));
    expect(world.publisher.findings).toEqual([[1, "an old one"]]);
    await world.send("issue_comment", ticked(reports[1]));
    expect(world.publisher.findings).toEqual([
      [1, "an old one"],
      [1, "a new one"],
    ]);
  });

  test("in a report of an end that never was opens nothing", async () => {
    const { world, reports } = await audited();
    const note = await world.send("issue_comment", ticked(reports[0]?.replace(/\d{3} -->$/, "999 -->")));
    expect(note).toContain("the report is of no run on this issue");
    expect(world.publisher.findings).toEqual([]);
  });

  test("in a report whose run is archived is answered with what to do", async () => {
    const { world } = await audited();
    await world.send("issue_comment", ticked("<!-- baton:end:run-000000000000:1 -->"));
    await world.send("issue_comment", ticked("<!-- baton:end:run-000000000000:1 -->"));
    expect(world.publisher.only("nothing-to-do")).toMatchObject({ why: expect.stringContaining("archived") });
    expect(world.publisher.findings).toEqual([]);
  });

  test.each([
    ["read", "Somebody who may can take it out", 1],
    // GitHub may answer the next time, so each time is told.
    ["error", "set it again in a few minutes", 2],
  ] as const)("by somebody of whom GitHub says %s is refused in words about ticks", async (role, next, times) => {
    const { world, reports } = await audited();
    world.reader.roles = { maria: role };
    await world.send("issue_comment", ticked(reports[1]));
    expect(world.publisher.only("refused").next).toContain(next);
    await world.send("issue_comment", ticked(reports[1]));
    expect(world.publisher.kinds).toHaveLength(times);
    expect(world.publisher.findings).toEqual([]);
  });
});

test("a retry of a run that has done all it had to names the ways on", async () => {
  const { world } = await audited();
  await world.send("issue_comment", commentPayload("/agent retry"));
  expect(world.publisher.only("nothing-running").next).toMatch(/every stage done.*`\/agent retry <stage>`/);
  expect((await world.only()).finished).toBeDefined();
  await world.send("issue_comment", commentPayload("/agent retry look"));
  expect((await world.only()).finished).toBeUndefined();
});
