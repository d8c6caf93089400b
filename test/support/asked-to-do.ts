// One `/agent do …` in a repository of its own, played to its end over real HTTP.
import { fold } from "#src/engine/fold.ts";
import { sampleFiles } from "#src/playground/sample-script.ts";
import type { AgentScript } from "#src/playground/scripted-script.ts";
import { person, type World } from "./baton-world.ts";
import { until } from "./until.ts";

/**
 * The run as it ended, and the comment that says so. `name` is the repository's; its files are the sample's, with these besides or instead.
 */
export async function askToDo(
  world: World,
  name: string,
  command: string,
  agents: Readonly<Record<string, AgentScript>>,
  files: Readonly<Record<string, string>> = {},
) {
  const repo = `octo/${name}`;
  world.script(repo, agents);
  await world.playground.addRepository({
    owner: "octo",
    name,
    from: { ...(await sampleFiles()), ".github/baton.yml": "triggers: { onOpened: false }\n", ...files },
    labels: [],
    collaborators: { [person]: "write" },
  });
  const { number } = await world.playground.openIssue({ repo, title: "Say hello", body: "Somewhere.", as: person });
  world.playground.comment({ repo, number, body: command, as: person });
  const end = await until(
    () => world.playground.comments({ repo, number }).find(({ body }) => body.startsWith("<!-- baton:end:")),
    { milliseconds: 120_000 },
  );
  const [line] = await world.baton.store.log.list({ limit: 1, repo });
  if (!line) throw new Error("no run");
  const events = await world.baton.store.log.read(line.run);
  return { repo, end: end.body, events, state: fold(events), pulls: world.playground.pulls(repo) };
}
