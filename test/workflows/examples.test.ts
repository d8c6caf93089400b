// The examples are read without a problem, and each runs to its end with agents that answer by script.
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { firstDifference } from "#src/engine/agree.ts";
import { drive } from "#src/engine/drive.ts";
import { fold } from "#src/engine/fold.ts";
import { createRedact } from "#src/core/redact.ts";
import type { State } from "#src/engine/state.ts";
import { renderEnding } from "#src/github/ending-comment.ts";
import { createNeutral } from "#src/github/neutral.ts";
import type { Workflow } from "#src/workflows/schema.ts";
import { createLibrary, ownFolder } from "#src/workflows/load.ts";
import { parseWorkflow } from "#src/workflows/parse.ts";
import { created, engineWith, memoryLog, ScriptedAgents } from "#test/support/engine-world.ts";

const folder = join(ownFolder, "examples");
const files = (await readdir(folder)).filter((name) => name.endsWith(".md"));
const agents = new Set((await createLibrary()).agents.names());
const neutral = createNeutral(createRedact([]));
const by = { login: "maria", id: 7 };

async function read(file: string): Promise<Workflow> {
  const parsed = parseWorkflow(await readFile(join(folder, file), "utf8"), file, { agents });
  if (parsed.type !== "ok") throw new Error(parsed.problems.join("\n"));
  return parsed.workflow;
}

/** What the last agent that worked says in short. */
function summaryOf({ stages }: State): string {
  const made = [...stages.values()].flatMap(({ current }) => (current?.artifact ? [current] : []));
  const last = made.toSorted((a, b) => a.version - b.version).at(-1)?.artifact?.value;
  return last && "summary" in last ? last.summary : "an artifact with a summary";
}

describe("the examples", () => {
  test("show every shape", () => {
    expect(files.toSorted()).toEqual([
      "broadcast.md",
      "fork-join.md",
      "map-reduce.md",
      "mediated.md",
      "pipeline.md",
      "side-by-side.md",
      "star.md",
      "swarm.md",
      "waves.md",
    ]);
  });

  test.each(files)("%s runs to its end", async (file) => {
    const workflow = await read(file);
    const log = memoryLog();
    const first = created({ workflow: workflow.name });
    await log.create(first);
    const workflows = { load: () => Promise.resolve(workflow), names: () => [workflow.name] };
    const scripted = new ScriptedAgents();
    const engine = engineWith(log, { workflows, agents: scripted });
    const never = new AbortController().signal;
    await drive(first.runId, engine, never);
    const { waiting, stages } = fold(await log.read(first.runId));
    const asked = [...stages.values()].find(({ current }) => current?.asked && !current.said)?.name;
    if (waiting && asked !== undefined) {
      const word = { by, quote: "/agent approve", stage: asked, words: "" };
      const { length } = await log.read(first.runId);
      await log.append(first.runId, length, [
        waiting.reason === "approval"
          ? { type: "plan.judged", verdict: "approved", ...word }
          : { type: "answer.given", ...word, words: "yes" },
      ]);
      await drive(first.runId, engine, never);
    }
    const events = await log.read(first.runId);
    const state = fold(events);
    expect(state.finished, file).toMatchObject({ outcome: "succeeded" });
    expect(firstDifference(events)).toBeUndefined();
    // What came of it is told where it was asked for.
    const told = renderEnding(state, { neutral, links: { serverUrl: "https://github.com" }, card: undefined });
    expect(told).toContain(state.pullRequest ? "draft pull request" : summaryOf(state));
    const working = Object.entries(workflow.stages).filter(
      ([, { agent, when }]) => agent !== undefined && when === undefined,
    );
    const worked = new Set(scripted.tasks.map(({ stage }) => stage.split(":")[0]));
    expect(working.map(([name]) => name).filter((name) => !worked.has(name))).toEqual([]);
  });
});
