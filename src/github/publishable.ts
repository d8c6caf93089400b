// What may be published at all, decided from the run's own state: Baton's last look before anything is written.
import { headOf } from "../engine/commits.ts";
import { guards } from "../engine/keep.ts";
import { stageOrder, type State } from "../engine/state.ts";
import { proposalOf } from "../engine/proposal.ts";
import { mayHold } from "../workflows/proposals.ts";
import type { Sha } from "../core/ids.ts";
import type { FileChange } from "../workspace/file-change.ts";
import type { GateName } from "../workflows/schema.ts";
import { refused, type Refusal } from "./refusal.ts";

/** Gates that judge the base, alone or with tests on top, not the work. */
const onTests: ReadonlySet<GateName> = new Set(["red", "pinned", "tried"]);

/** The commit to publish, when every gate of the workflow has passed, and on that very commit. The engine has seen to it; this door looks itself. */
export function verifiedHead(state: State): Sha | Refusal {
  if (state.created.dryRun) return refused("dry-run", "A dry run opens no pull request.");
  const order = stageOrder(state.workflow);
  const publishing = order.find((name) => state.workflow?.stages[name]?.pull_request !== undefined);
  if (publishing === undefined) return refused("not-verified", "This run's workflow does not end in a pull request.");
  const head = headOf(state, publishing);
  const passedThere = new Set<GateName>();
  for (const name of order) {
    // Where its condition does not hold, a stage has nothing to check; scope and integrity have no condition.
    if (state.stages.get(name)?.current?.skipped?.because === "condition") continue;
    for (const gate of state.workflow?.stages[name]?.gates ?? []) {
      const result = state.stages.get(name)?.current?.gates.find((seen) => seen.gate === gate);
      if (!result?.passed)
        return refused(
          "not-verified",
          `The gate "${gate}" of the stage "${name}" has not passed, so no pull request was opened.`,
        );
      if (!onTests.has(gate) && headOf(state, name) !== head) {
        return refused(
          "not-verified",
          `The gate "${gate}" was passed by ${headOf(state, name).slice(0, 10)}, but ${head.slice(0, 10)} was to be published.`,
        );
      }
      passedThere.add(gate);
    }
  }
  const missing = guards.find((gate) => !passedThere.has(gate));
  if (missing === undefined) return head;
  return refused(
    "not-verified",
    `The gate "${missing}" has not passed on ${head.slice(0, 10)}, and nothing is published without it.`,
  );
}

/**
 * Why these changes of a run's verified commit may not be published, or undefined. What the repository says to Baton is changed by no
 * commit but the one that Baton itself made of a proposal; and that one holds nothing else.
 */
export function forbiddenChange(state: State, head: Sha, changes: readonly FileChange[]): Refusal | undefined {
  if (changes.length === 0)
    return refused("empty-diff", "The verified commit does not differ from the base, so there is nothing to open.");
  const workflow = changes.find(({ path }) => path.toLowerCase().startsWith(".github/workflows/"));
  if (workflow)
    return refused("workflow-files", `Baton never changes workflow files, and this change touches ${workflow.path}.`);
  const made = proposalOf(state);
  const own = made?.commit === head ? made.proposal.kind : undefined;
  const stray = changes.find(({ path }) => (own === undefined ? isSaidToBaton(path) : !mayHold[own](path)));
  if (!stray) return undefined;
  return own !== undefined
    ? refused(
        `${own}-files`,
        `What Baton writes itself consists of what the repository says to it, and this commit touches ${stray.path}.`,
      )
    : refused(
        "setup-files",
        `No agent changes what the repository says to Baton, and this change touches ${stray.path}.`,
      );
}

/** What the repository says to Baton and its agents. */
function isSaidToBaton(path: string): boolean {
  return /^\.github\/baton(?:\.yml$|\/)/i.test(path) || mayHold.lessons(path);
}
