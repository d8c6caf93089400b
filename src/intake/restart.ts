// `/agent restart`: ends the run that is under way, if there is one, and begins a new one with the text as it is now.
// Everything that could refuse the new run is asked before the old one is ended.
import type { Publisher } from "../engine/ports.ts";
import type { GitHubReader } from "../engine/github-port.ts";
import type { State } from "../engine/state.ts";
import type { Standing } from "./admit.ts";
import type { Asked } from "./asked.ts";
import type { Flags } from "./grammar.ts";
import { howToStart } from "./now.ts";
import { runIdOf } from "./pin.ts";
import { createRuns, type RunsParts } from "./runs.ts";
import { say } from "./say.ts";
import type { LoadedConfig, Start } from "./start.ts";

export interface RestartParts extends RunsParts {
  readonly reader: GitHubReader;
  readonly publisher: Pick<Publisher, "reply">;
  readonly start: Start;
}

export interface RestartRequest extends Asked {
  readonly loaded: LoadedConfig;
  readonly standing: Standing;
  readonly instruction: string;
  readonly flags: Flags;
}

/** What became of it, in a few words for the operator. Whoever asked has been answered when nothing started. */
export type Restart = (request: RestartRequest) => Promise<string>;

/** Restarting over its parts. The function throws when GitHub or the database does not answer. */
export function createRestart({ log, reader, publisher, projection, start }: RestartParts): Restart {
  const runs = createRuns({ log, reader, projection });

  return async (request) => {
    const { intent, delivery, index, quote, signal, flags, instruction } = request;
    const { repo, subject, actor } = intent;
    const next = runIdOf(delivery.id, index);
    const ids = await log.runsOf(repo, subject);
    if (subject.kind === "pull" && ids.length === 0)
      // Says why not.
      return start({ ...request, wanted: "work" });
    const found = ids.includes(next) ? undefined : await runs.about(intent);
    if (!found && !ids.includes(next)) {
      const next = `There has been no run here yet. ${await howToStart(reader, intent)}`;
      await say(publisher, request, { kind: "nothing-running", quote, next });
      return "nothing to restart";
    }
    const first = found?.state.created;
    const forced = flags.workflow ?? first?.workflow;
    return start({
      ...request,
      insists: true,
      wanted: forced !== undefined || found?.state.workflow ? "work" : (first?.wanted ?? "work"),
      instruction: instruction === "" ? (first?.input.instruction ?? "") : instruction,
      flags: { ...(found ? flagsOf(found.state) : {}), ...flags },
      ...(forced === undefined ? {} : { workflow: forced }),
      ...(found && found.state.phase !== "finished"
        ? {
            replaces: {
              run: found.state.runId,
              end: async () => {
                const message = `@${actor.person.login} restarted it (${quote}): a new run has begun with the text as it is now.`;
                await runs.append(
                  found.state.runId,
                  ({ state }) =>
                    state.phase === "finished"
                      ? undefined
                      : [{ type: "run.finished", outcome: "cancelled", code: "restarted", message }],
                  signal,
                );
              },
            },
          }
        : {}),
    });
  };
}

/** What the command that began the run said besides its workflow, as flags. A base that is gone is none. */
function flagsOf({ created, lost }: State): Flags {
  const { ceilings, tier, base, repo, dryRun } = created;
  const { dollars, minutes } = ceilings;
  return {
    ...(dollars === undefined ? {} : { dollars }),
    ...(minutes === undefined ? {} : { minutes }),
    ...(tier === undefined ? {} : { tier }),
    ...(base.branch === repo.defaultBranch || lost?.loss === "base-gone" ? {} : { base: base.branch }),
    ...(dryRun ? { dryRun } : {}),
  };
}
