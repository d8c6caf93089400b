// Orchestrators over real HTTP when not all goes well: one whose agent is stuck ends its work and has another do it; one that is told no, by
// the depth, the number of agents and the money there is for them, goes on and comes to a good end.
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { firstDifference } from "#src/engine/agree.ts";
import type { ScriptedCall } from "#src/playground/scripted-script.ts";
import { askToDo } from "#test/support/asked-to-do.ts";
import { openWorld, type World } from "#test/support/baton-world.ts";
import { turn, use } from "#test/support/conducted-play.ts";
import { drivenAgain, same } from "#test/support/driven-again.ts";

const patience = { timeout: 120_000, interval: 50 };
const wait = (...names: string[]) => use("check_agent_status", { names, wait_seconds: 120 });
const report = (summary: string) => turn(use("finish", { summary, sections: [] }));
const conclusion = (summary: string) => turn(use("finish", { summary, sections: [], files: [], followUps: [] }));

let world: World;

/** What the tools told this agent, in order. */
function told(repo: string, agent: string, is: (call: ScriptedCall) => boolean = () => true) {
  return world.model.calls
    .filter((call) => call.agent === agent && call.brief.includes(repo) && is(call))
    .flatMap(({ toolResults }) => toolResults);
}

beforeAll(async () => {
  world = await openWorld();
}, 60_000);

afterAll(async () => world[Symbol.asyncDispose]());

describe("an orchestrator whose agent is stuck", () => {
  /** The builder in the middle of its second turn. */
  const stuck = () =>
    world.model.calls.find(({ agent, brief, turn: at }) => agent === "builder" && brief.includes("STUCK") && at === 2);

  test("interrupts it in the middle of its turn, commands another, and ends in a pull request", async () => {
    const { repo, state, events, pulls } = await askToDo(world, "stuck", "/agent do say hello", {
      orchestrator: [
        [
          turn(
            use("create_agent", { name: "slow", agent: "builder", hands_in: "change" }),
            use("create_agent", { name: "quick", agent: "builder", hands_in: "change" }),
            use("command_agent", { name: "slow", command: "STUCK: say hello in HELLO.md." }),
          ),
          async () => {
            await vi.waitUntil(() => stuck() !== undefined, patience);
            return turn(
              use("interrupt_agent", { name: "slow" }),
              use("command_agent", { name: "quick", command: "QUICK: say hello in HELLO.md." }),
            );
          },
          turn(wait("quick")),
          turn(use("merge_work", { name: "quick" }), use("merge_work", { name: "slow" })),
          conclusion("It says hello now."),
        ],
      ],
      builder: (call) => {
        if (call.brief.includes("STUCK"))
          return call.turn === 1
            ? turn(use("write", { file_path: "HALF.md", content: "Half.\n" }))
            : { hang: "middle", text: "Now I think about it for a very long time." };
        return call.turn === 1
          ? turn(use("write", { file_path: "HELLO.md", content: "Hello.\n" }))
          : turn(use("finish", { summary: "Said hello.", files: ["HELLO.md"], followUps: [] }));
      },
      reviewer: [[turn(use("finish", { verdict: "approve", findings: [] }))]],
    });
    expect(state.finished).toMatchObject({ outcome: "succeeded" });
    expect(stuck()?.outcome).toBe("client-left");
    expect(events.filter(({ event }) => event.type === "agent.interrupted")).toMatchObject([{ event: { id: "slow" } }]);
    expect(told(repo, "orchestrator").find(({ ok }) => !ok)).toMatchObject({
      name: "merge_work",
      output: expect.stringContaining("slow has handed in no change"),
    });
    expect(pulls).toHaveLength(1);
    const head = pulls[0]?.pull?.headSha ?? "";
    expect(await world.playground.file(repo, head, "HELLO.md")).toBe("Hello.\n");
    expect(await world.playground.file(repo, head, "HALF.md")).toBeUndefined();
    expect(firstDifference(events)).toBeUndefined();
    expect(await drivenAgain(events, world)).toEqual(same);
  });
});

describe("delegation that meets its limits", () => {
  const lead = "---\nname: lead\ndescription: Delegates\nmodel: fast\ntools: read, delegate\n---\nDelegate.\n";
  const config = "triggers: { onOpened: false }\nlimits: { depth: 2, agents: 3 }\nbudget: { run: 5 }\n";
  const isDeep = ({ brief }: ScriptedCall) => brief.includes("GO DEEPER");

  test("is told so each time, in words that help, and the run ends well", async () => {
    const delegate = (task: string, budget: number) => turn(use("delegate", { agent: "lead", task, budget }));
    const { repo, end, state, events } = await askToDo(
      world,
      "limits",
      "/agent do say hello",
      {
        orchestrator: [
          [
            turn(
              use("create_agent", { name: "lead", agent: "lead", budget: 1 }),
              use("command_agent", { name: "lead", command: "Look, with the help of others." }),
            ),
            turn(wait("lead")),
            turn(
              use("create_agent", { name: "spender", agent: "scout", budget: 0.05 }),
              use("create_agent", { name: "third", agent: "scout" }),
              use("create_agent", { name: "fourth", agent: "scout" }),
              use("create_agent", { name: "rich", agent: "scout", budget: 900 }),
            ),
            turn(use("command_agent", { name: "spender", command: "SPEND all you have." })),
            turn(wait("spender")),
            turn(use("command_agent", { name: "spender", command: "SPEND more." })),
            conclusion("Everything that could be found out is said."),
          ],
        ],
        lead: (call) => {
          if (isDeep(call)) return call.turn === 1 ? delegate("deeper still", 0.01) : report("As deep as it goes.");
          if (call.turn === 1) return delegate("too dear", 3);
          return call.turn === 2 ? delegate("GO DEEPER", 0.5) : report("The others helped.");
        },
        scout: () => ({ ...turn(use("bash", { command: "ls" })), usage: { outputTokens: 1_000_000 } }),
      },
      { ".github/baton.yml": config, ".github/baton/agents/lead.md": lead },
    );
    const ofLead = told(repo, "lead", (call) => !isDeep(call));
    expect(ofLead[0]).toMatchObject({
      ok: false,
      output: expect.stringMatching(/you cannot give \$3\.00: \$\d\.\d\d are left/),
    });
    expect(ofLead[1]).toMatchObject({ ok: true, output: expect.stringContaining("As deep as it goes.") });
    expect(told(repo, "lead", isDeep)).toMatchObject([
      { ok: false, output: expect.stringContaining("agents may be created 2 deep in this repository (limits.depth)") },
    ]);
    const said = told(repo, "orchestrator").map(({ output }) => output);
    expect(said).toContainEqual(expect.stringContaining("there may be 3 agents at once in this run (limits.agents)"));
    expect(said).toContainEqual(expect.stringMatching(/spender \(scout\): errored.*budget/));
    expect(said).toContainEqual(expect.stringContaining("spender has spent what it was given"));
    expect(state.finished).toMatchObject({ outcome: "succeeded" });
    expect(end).toContain("Everything that could be found out is said.");
    expect(state.spend.microDollars).toBeLessThan(5_000_000);
    expect(firstDifference(events)).toBeUndefined();
    expect(await drivenAgain(events, world)).toEqual(same);
  });
});

test("nobody was asked anything that is not scripted", () => expect(world.model.unscripted).toEqual([]));
