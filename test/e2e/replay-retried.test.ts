// A run that ended without its pull request, was kept on a branch, and succeeded when somebody asked for another try: driven again from its log.
import { expect, test } from "vitest";
import { fold } from "#src/engine/fold.ts";
import type { AgentScript } from "#src/playground/scripted-model.ts";
import { openWorld, person } from "#test/support/baton-world.ts";
import { drivenAgain, same } from "#test/support/driven-again.ts";
import { until } from "#test/support/until.ts";

const mend = `sed -i 's|return Array.from.*|const share = Math.floor(total / people); const rest = total - share * people; return Array.from({ length: people }, (_, i) => share + (i < rest ? 1 : 0));|' src/split.js`;
const change = { summary: "Hand out the remaining cents.", files: ["src/split.js"], followUps: [] };

test("people say again what they said behind a branch that was kept", async () => {
  await using world = await openWorld();
  let isAble = false;
  const fixer: AgentScript = ({ turn }) => ({
    tools: [
      isAble && turn === 1
        ? { name: "bash", input: { command: mend } }
        : { name: "finish", input: isAble ? change : { summary: 7 } },
    ],
  });
  const { repo, number, state } = await world.play({ name: "retried", agents: { fixer } });
  expect(state.finished).toMatchObject({ outcome: "failed", code: "invalid-output" });
  const { log } = world.baton.store;
  isAble = true;
  world.playground.comment({ repo, number, body: "/agent retry", as: person });
  await until(async () => fold(await log.read(state.runId)).finished?.outcome === "succeeded", {
    milliseconds: 120_000,
  });
  const events = await log.read(state.runId);
  const types = events.map(({ event }) => event.type);
  expect(types.filter((type) => type === "work.kept" || type === "retry.requested")).toEqual([
    "work.kept",
    "retry.requested",
  ]);
  expect(await drivenAgain(events, world)).toEqual(same);
});
