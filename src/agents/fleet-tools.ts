// The tools by which an agent conducts others: what they take, and which call of the engine's door each is. What they answer in is
// `fleet-words.ts`. An agent has those that its definition names; the agents it creates have the tools of their own definitions, or
// fewer.
import type { Tool } from "@anthropic-ai/sdk/resources/messages/messages";
import type { AgentTask } from "../engine/ports.ts";
import type { Answer, Fleet, NewAgent } from "../engine/fleet-port.ts";
import { BatonError } from "../core/errors.ts";
import { dollars } from "../core/ids.ts";
import { fleetToolNames, type FleetToolName, type ToolName } from "../workflows/schema.ts";
import { finishTool } from "./finish.ts";
import { descriptions, inputs, LONGEST_WAIT, type Input } from "./fleet-inputs.ts";
import { boardText, costText, listText, logText, resultText, statusText } from "./fleet-words.ts";
import { withOwn } from "./own-tools.ts";
import type { AgentSource } from "./work.ts";
import type { SessionTools } from "./session.ts";
import { no, taking, yes, type Act, type TextAnswer } from "./taking.ts";

interface Conducting {
  readonly task: AgentTask;
  /** The tools the agent has. */
  readonly granted: readonly ToolName[];
  readonly agents: AgentSource;
  /** The work's: waiting ends with it. */
  readonly signal: AbortSignal;
}

/** These tools, and those to conduct others that the agent has. */
export async function withFleet(tools: SessionTools, conducting: Conducting): Promise<SessionTools> {
  const names = fleetToolNames.filter((known) => conducting.granted.includes(known));
  const { fleet } = conducting.task;
  if (!fleet || names.length === 0) return tools;
  const definitions = await definitionsOf(conducting);
  const door = new FleetTools(fleet, conducting);
  const declare = (known: FleetToolName) => declarationOf(known, definitions);
  return withOwn(tools, names, { declare, acts: door.acts }, conducting.signal);
}

function declarationOf(tool: FleetToolName, definitions: string): Tool {
  const { input_schema } = finishTool(inputs[tool]);
  const more = tool === "create_agent" || tool === "delegate" ? definitions : "";
  return { name: tool, description: `${descriptions[tool]}${more}`, input_schema };
}

/** What agents can be made from, for who chooses. */
async function definitionsOf({ agents, task, signal }: Conducting): Promise<string> {
  const lines = await Promise.all(
    ((await agents.names?.(task, signal)) ?? []).map(async (known) => {
      const definition = await loaded(agents.load(known, task, signal));
      // One that is not valid is refused when it is asked for.
      return definition && !("problem" in definition) ? `\n- ${known}: ${definition.description.slice(0, 200)}` : "";
    }),
  );
  return lines.length === 0 ? "" : ` Definitions:${lines.join("")}`;
}

/** A definition, or what is wrong with the repository's own file of it. */
async function loaded<T extends object>(
  definition: Promise<T | undefined>,
): Promise<T | { problem: string } | undefined> {
  try {
    return await definition;
  } catch (error) {
    if (error instanceof BatonError && error.code === "invalid-config") return { problem: error.message };
    throw error;
  }
}

const said = (answer: Answer, output: string): TextAnswer => (answer.type === "done" ? yes(output) : no(answer.why));

class FleetTools {
  readonly #fleet: Fleet;
  readonly #conducting: Conducting;

  constructor(fleet: Fleet, conducting: Conducting) {
    this.#fleet = fleet;
    this.#conducting = conducting;
  }

  readonly acts: Readonly<Record<FleetToolName, Act>> = {
    create_agent: taking(inputs.create_agent, (input, signal) => this.#create(input, signal)),
    command_agent: taking(inputs.command_agent, async ({ name, command }) =>
      said(await this.#fleet.command(name, command), `${name} is commanded. check_agent_status waits for it.`),
    ),
    check_agent_status: taking(inputs.check_agent_status, (input, signal) => this.#check(input, signal)),
    list_agents: taking(inputs.list_agents, async () => yes(listText(this.#fleet.agents()))),
    read_agent_logs: taking(inputs.read_agent_logs, async ({ name, after_turn: after, turns }) => {
      const found = await this.#fleet.turns(name, after, turns);
      return found ? yes(logText(name, found)) : no(this.#unknown(name));
    }),
    interrupt_agent: taking(inputs.interrupt_agent, async ({ name }) =>
      said(await this.#fleet.interrupt(name), `${name} is interrupted. It keeps its conversation and its files.`),
    ),
    delete_agent: taking(inputs.delete_agent, async ({ name }) =>
      said(await this.#fleet.delete(name), `${name} is deleted.`),
    ),
    report_cost: taking(inputs.report_cost, async () => yes(costText(this.#fleet.cost()))),
    merge_work: taking(inputs.merge_work, ({ name }, signal) => this.#merge(name, signal)),
    delegate: taking(inputs.delegate, (input, signal) => this.#delegate(input, signal)),
    add_tasks: taking(inputs.add_tasks, async ({ tasks }) =>
      said(await this.#fleet.addTasks(tasks), `On the board: ${tasks.map(({ id }) => id).join(", ")}.`),
    ),
    list_tasks: taking(inputs.list_tasks, async () => yes(boardText(this.#fleet.board()))),
    update_task: taking(inputs.update_task, async ({ id, status, agent, note }) => {
      const change = { id, status, ...(agent === undefined ? {} : { agent }), ...(note === undefined ? {} : { note }) };
      return said(await this.#fleet.changeTask(change), `${id} is ${status}.`);
    }),
  };

  async #create(input: Input<"create_agent">, signal: AbortSignal): Promise<TextAnswer> {
    const problem = await this.#definitionProblem(input.agent, input.tools, signal);
    if (problem !== undefined) return no(problem);
    const { name: called, instructions, tools, start } = input;
    const created = await this.#fleet.create({
      ...newAgent(input),
      id: called,
      instructions,
      tools,
      fromConflict: start === "conflict",
    });
    return created.type === "done"
      ? yes(`${created.id} is created, from commit ${created.base.slice(0, 12)}. Command it.`)
      : no(created.why);
  }

  /** No agent gets a tool that its own definition lacks. */
  async #definitionProblem(
    agent: string,
    tools: readonly string[] | undefined,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const { agents, task } = this.#conducting;
    const definition = await loaded(agents.load(agent, task, signal));
    if (definition && "problem" in definition) return `The definition ${agent} cannot be used: ${definition.problem}`;
    if (!definition) {
      const known = (await agents.names?.(task, signal)) ?? [];
      return `There is no definition "${agent}"${known.length === 0 ? "" : `; there are ${known.join(", ")}`}.`;
    }
    const lacking = tools?.find((tool) => !definition.tools.some((has) => has === tool));
    return lacking === undefined
      ? undefined
      : `The definition ${agent} has no tool "${lacking}"; it has ${definition.tools.join(", ") || "none"}.`;
  }

  async #check(
    { names, wait_seconds: seconds }: Input<"check_agent_status">,
    signal: AbortSignal,
  ): Promise<TextAnswer> {
    const known = this.#fleet.agents().map((view) => view.id);
    const unknown = names?.find((one) => !known.includes(one));
    if (unknown !== undefined) return no(this.#unknown(unknown));
    await this.#fleet.wait(names ?? known, seconds * 1_000, signal);
    const views = this.#fleet.agents().filter((view) => names?.includes(view.id) ?? true);
    const [only, ...more] = views;
    return yes(only && more.length === 0 && names ? statusText(only) : listText(views));
  }

  async #merge(who: string, signal: AbortSignal): Promise<TextAnswer> {
    const answer = await this.#fleet.merge(who, signal);
    if (answer.type === "refused") return no(answer.why);
    if (answer.type === "done")
      return yes(`The work of ${who} is merged; merged work ends at ${answer.commit.slice(0, 12)}.`);
    const paths = answer.paths.map((path) => `- ${path}`).join("\n");
    return no(
      `git cannot merge the work of ${who}: it and what was merged before changed the same places in\n${paths}\nNothing of it is merged. An agent that hands in a change and is created with start: conflict begins from these files, with both sides between markers; merge its work then.`,
    );
  }

  async #delegate(input: Input<"delegate">, signal: AbortSignal): Promise<TextAnswer> {
    const problem = await this.#definitionProblem(input.agent, undefined, signal);
    if (problem !== undefined) return no(problem);
    const created = await this.#fleet.create({
      ...newAgent(input),
      id: input.name,
      instructions: "",
      fromConflict: false,
    });
    if (created.type === "refused") return no(created.why);
    const { id: who } = created;
    const commanded = await this.#fleet.command(who, input.task);
    if (commanded.type === "refused") {
      await this.#fleet.delete(who);
      return no(commanded.why);
    }
    const view = () => this.#fleet.agents().find((one) => one.id === who);
    while (view()?.status === "executing" && !signal.aborted)
      await this.#fleet.wait([who], LONGEST_WAIT * 1_000, signal);
    const ended = view();
    if (ended?.status === "executing") return yes(`${who} is still at work; check_agent_status waits for it.`);
    if (!ended || ended.failure || !ended.result)
      return no(`${who} handed nothing in. ${ended ? statusText(ended) : ""}`);
    await this.#fleet.delete(who);
    return yes(`${resultText(ended)}\n\n(by ${who}; read_agent_logs has how it came to it)`);
  }

  #unknown(who: string): string {
    const known = this.#fleet.agents().map((view) => view.id);
    return `You created no agent "${who}"${known.length === 0 ? "" : `; there are ${known.join(", ")}`}.`;
  }
}

function newAgent({
  agent,
  hands_in,
  model,
  budget,
}: Pick<Input<"delegate">, "agent" | "hands_in" | "model" | "budget">): Pick<
  NewAgent,
  "agent" | "makes" | "tier" | "microDollars"
> {
  return {
    agent,
    makes: hands_in === "change" ? "Change" : "Report",
    tier: model,
    microDollars: budget === undefined ? undefined : dollars(budget),
  };
}
