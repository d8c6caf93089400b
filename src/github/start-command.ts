// The command that began a run's work, and would begin it anew: who is told of `/agent fix` where they wrote `/agent init` gets something else.
import type { State } from "../engine/state.ts";

/** The verb that starts the workflow of each type which has one of its own; the repository may route the type to another workflow. */
const verbs: Readonly<Record<string, string>> = {
  feature: "implement",
  refactor: "refactor",
  audit: "audit",
  do: "do",
  background: "background",
  test: "test",
  review: "review",
  init: "init",
  retrospective: "retrospective",
};

/** "/agent init"; "/agent fix --workflow docs" for what was asked for by name and has no verb; "/agent fix" where the issue is sorted. */
export function startCommand({ created: { workflow, config } }: State): string {
  if (workflow === undefined) return "/agent fix";
  const routes: Readonly<Record<string, string>> = config.routes;
  const type = Object.keys(verbs).find((one) => (routes[one] ?? one) === workflow);
  return type === undefined ? `/agent fix --workflow ${workflow}` : `/agent ${verbs[type] ?? "fix"}`;
}
