// What was asked for already, and came to nothing by itself, is not tried again without a change: the same text and words, the same limits and
// workflow, on the same commit. Whoever insists says so: with `/agent retry`, with `/agent restart`, or with words behind the command.
import type { EventOf, PastRun } from "../engine/events.ts";
import { fold } from "../engine/fold.ts";
import { isOwnEnd } from "../engine/own-end.ts";
import type { EventLog } from "../engine/ports.ts";
import type { State } from "../engine/state.ts";
import { readCommands } from "./grammar.ts";

type Created = EventOf<"run.created">;

/** The latest run among these (newest first) that was asked for the same and ended so by itself; undefined when the latest such run did not. */
export async function triedBefore(
  log: Pick<EventLog, "read">,
  past: readonly PastRun[],
  created: Created,
  slug: string,
): Promise<State | undefined> {
  const wanted = requestOf(created, slug);
  const same = past.find(({ events: [first] }) => {
    return first?.event.type === "run.created" && requestOf(first.event, slug) === wanted;
  });
  if (!same) return undefined;
  const state = fold(await log.read(same.run));
  return isOwnEnd(state) ? state : undefined;
}

/** Equal for requests that ask for the same work. By whom and by which door makes no difference, nor do commands among the comments that say no more than it does. */
function requestOf(
  { input, base, pull, wanted, workflow, ceilings, dryRun, tier, config }: Created,
  slug: string,
): string {
  const comments = input.comments
    .filter(({ body }) => !saysNoMore(body, input.instruction, slug))
    .map(({ author, body }) => [author.id, body]);
  const { title, body, instruction } = input;
  const { dollars, turns, minutes } = ceilings;
  // It may have been mended in a commit that is not the base's.
  const { commands, models, limits, budget, protect } = config;
  return JSON.stringify([
    title,
    body,
    comments,
    instruction,
    pull?.head ?? base.commit,
    wanted,
    workflow,
    [dollars, turns, minutes],
    dryRun,
    tier,
    [commands, models, limits, budget, protect],
  ]);
}

/** Commands and nothing else, without words of their own or with the very words of this request: each asks, and tells nothing. */
function saysNoMore(body: string, words: string, slug: string): boolean {
  const reading = readCommands(body, slug);
  if (reading.type !== "read" || reading.commands.length === 0) return false;
  const lines = body.split("\n").filter((line) => line.trim() !== "");
  return (
    lines.length === reading.commands.length &&
    reading.commands.every(
      (command) => command.kind === "unknown-verb" || ["", words.trim()].includes(command.instruction.trim()),
    )
  );
}

/** Why it is refused, and what would make a difference. */
export function refusedAgain({ runId, created, finished }: State): { why: string; next: string } {
  const [first = ""] = (finished?.message ?? "").split("\n");
  const { branch, commit } = created.pull
    ? { branch: "the pull request", commit: created.pull.head }
    : { branch: `\`${created.base.branch}\``, commit: created.base.commit };
  return {
    why: `run \`${runId}\` was asked for the same, from the same commit \`${commit.slice(0, 10)}\`, and ended as **${(finished?.outcome ?? "").replaceAll("-", " ")}** (\`${finished?.code ?? ""}\`): ${first.slice(0, 200)} It would most likely end so again`,
    next: `What makes a difference: words behind the command, an edited text or a comment with what is missing, another workflow or other limits, a new commit on ${branch}. \`/agent retry\` goes on where that run ended, \`/agent restart\` begins again all the same.`,
  };
}
