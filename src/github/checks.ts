// What Baton's check runs on a pull request say. Pure.
//
// Three are about a commit that Baton published, and stay as they are: `Baton / reproduction` and `Baton / verification` are what its gates
// saw, `Baton / review` is what reviewing agents said, which nobody has checked: it is never a success. While people have the pull
// request changed, or that came to nothing, `Baton / revision` says so on the commit that is shown until then; it has the buttons.
import type { Sha } from "../core/ids.ts";
import type { RecordedEvent } from "../engine/events.ts";
import { fold } from "../engine/fold.ts";
import { artifactOf, changeOf, isPublished, stageOrder, type PullRequestRef, type State } from "../engine/state.ts";
import type { Annotation, Button, Shown } from "./check-runs.ts";
import { baseLine } from "./base-line.ts";
import { gateRemarks, gateTable, passedGates } from "./gate-table.ts";
import { bullets, count, MAX_BODY, stack } from "./markdown.ts";
import type { Neutral } from "./neutral.ts";
import { endMessage, nextStep, stateWord } from "./progress.ts";
import { verifiedHead } from "./publishable.ts";
import { checklist, position, shownBy, stageLines } from "./stages.ts";

export type CheckName = "reproduction" | "verification" | "review" | "revision";

/** The name under which GitHub shows it. */
export function checkTitle(name: CheckName): string {
  return `Baton / ${name}`;
}

export interface CheckOptions {
  readonly neutral: Neutral;
  /** Where "Details" lead. */
  readonly page: string | undefined;
}

/** The buttons; the words behind `/agent` that each stands for. */
export const buttons = {
  stop: { label: "Stop", description: "End the work that is under way", identifier: "stop" },
  retry: { label: "Retry", description: "Go on where the work ended", identifier: "retry" },
} as const satisfies Record<string, Button>;

/** The run right before it last showed something in its pull request, with that pull request; undefined when it never has. */
export function asPublished(
  events: readonly RecordedEvent[],
): (State & { readonly pullRequest: PullRequestRef }) | undefined {
  const last = events.findLastIndex(({ event }) => event.type === "pull_request.opened");
  const { pullRequest } = last === -1 ? {} : fold(events.slice(0, last + 1));
  return pullRequest && { ...fold(events.slice(0, last)), pullRequest };
}

/** What is said of the commit that a run has just published. */
export function commitChecks(
  published: State,
  options: CheckOptions,
): readonly (Shown & { readonly name: CheckName })[] {
  const gates = passedGates(published);
  const reproducing = gates.filter(({ gate }) => gate === "red" || gate === "green");
  const isReproduced = reproducing.some(({ gate }) => gate === "red");
  const others = isReproduced ? gates.filter((gate) => !reproducing.includes(gate)) : gates;
  return [
    ...(isReproduced ? [{ name: "reproduction" as const, ...reproduction(published, reproducing, options) }] : []),
    { name: "verification" as const, ...verification(published, others, options) },
    ...review(published, options).map((shown) => ({ name: "review" as const, ...shown })),
  ];
}

type Gates = ReturnType<typeof passedGates>;

function reproduction(state: State, gates: Gates, { neutral, page }: CheckOptions): Shown {
  const files = artifactOf(state, "Reproduction")?.artifact.value.testFiles ?? [];
  const passed = gates.some(({ gate }) => gate === "green");
  return {
    conclusion: passed ? "success" : "neutral",
    title: passed ? "Fails without the change, passes with it" : "Fails without the change",
    summary: fitting(
      BY_BATON,
      seen(state, gates, neutral),
      files.length > 0 && `The test: ${files.map((file) => neutral.code(file, 200)).join(", ")}.`,
    ),
    annotations: [],
    buttons: [],
    page,
  };
}

function verification(state: State, gates: Gates, { neutral, page }: CheckOptions): Shown {
  const blind = gates.filter((gate) => shownBy(gate) === "nothing").length;
  const shown = gates.length - blind;
  return {
    conclusion: shown > 0 && blind === 0 ? "success" : "neutral",
    title:
      blind === 0 ? `${count(shown, "gate")} passed` : `${count(shown, "gate")} passed, ${blind} could not be checked`,
    summary: fitting(BY_BATON, seen(state, gates, neutral), sameTree(state)),
    annotations: [],
    buttons: [],
    page,
  };
}

const BY_BATON = "Run by Baton itself in fresh clones, no model involved.";

function seen(state: State, gates: Gates, neutral: Neutral): string {
  const head = verifiedHead(state);
  const table = typeof head === "string" ? gateTable(state, gates, { neutral, head }) : "";
  return stack(table, bullets(gateRemarks(gates, neutral)));
}

/** That what was verified is what is shown. */
function sameTree(state: State): string {
  const head = verifiedHead(state);
  if (typeof head !== "string" || !state.pullRequest) return "";
  return `This commit has exactly the tree that was verified (base \`${state.base.commit.slice(0, 10)}\`, verified as \`${head.slice(0, 10)}\`).`;
}

/** One for all that review: what the latest said. None where no agent was to review. */
function review(state: State, { neutral, page }: CheckOptions): Shown[] {
  const said = artifactOf(state, "Review")?.artifact.value;
  const common = { conclusion: "neutral", buttons: [], page } as const;
  if (!said) {
    const stages = stageOrder(state.workflow).filter((name) => state.workflow?.stages[name]?.makes === "Review");
    if (stages.length === 0) return [];
    return [{ ...common, title: "Not reviewed", summary: "The stage that reviews was passed over.", annotations: [] }];
  }
  const remarks = said.findings.length === 0 ? "no remarks" : count(said.findings.length, "remark");
  const lines = said.findings.map(({ severity, path, line, message }) => {
    const place = path === undefined ? "" : ` ${neutral.code(line === undefined ? path : `${path}:${line}`, 200)}`;
    return `${severity}${place}: ${neutral.line(message, 1_000)}`;
  });
  return [
    {
      ...common,
      title: `${said.verdict === "approve" ? "An agent approved" : "An agent wants changes"}, ${remarks}`,
      summary: fitting(
        "Claimed by another agent, and not checked by anything but models. That is why this is neither a success nor a failure: a person reviews.",
        bullets(lines),
      ),
      annotations: said.findings.flatMap(({ severity, path, line, message }) => {
        // A place that is not harmless as it is stands in the list above alone.
        if (path === undefined || line === undefined || neutral.plain(path, 500) !== path) return [];
        const level = severity === "info" || severity === "minor" ? ("notice" as const) : ("warning" as const);
        const annotation: Annotation = {
          path,
          start_line: line,
          end_line: line,
          annotation_level: level,
          message: `${severity}: ${neutral.plain(message, 1_000)}`,
        };
        return [annotation];
      }),
    },
  ];
}

/** The commit of the pull request that people look at while a revision is under way: what they pushed, or what was published last. */
export function revisedCommit(state: State, published: State & { readonly pullRequest: PullRequestRef }): Sha {
  const onto = state.revision?.onto;
  return onto === undefined || onto === published.revision?.onto ? published.pullRequest.head : onto;
}

/** How the latest revision stands. */
export function revisionCheck(state: State, { neutral, page }: CheckOptions): Shown {
  const { finished, revision, pullRequest } = state;
  const asked = !revision
    ? ""
    : revision.base?.how === "conflicts"
      ? baseLine(state, neutral)
      : `Asked for by ${neutral.code(revision.by.login, 60)} with ${neutral.code(revision.quote, 200)}.`;
  const { word } = stateWord(state);
  const common = { annotations: [], page };
  if (isPublished(state)) {
    const said = changeOf(state)?.summary;
    return {
      ...common,
      conclusion: "success",
      title: `Done: ${pullRequest?.head.slice(0, 7) ?? "published"} has it`,
      summary: fitting(asked, said !== undefined && neutral.prose(said, 1_500)),
      buttons: [],
    };
  }
  if (!finished) {
    const place = position(state);
    return {
      ...common,
      conclusion: undefined,
      title: place === undefined ? word : `${word}: ${place}`,
      summary: fitting(asked, checklist(stageLines(state, neutral)), `**Next:** ${nextStep(state)}`),
      buttons: [buttons.stop],
    };
  }
  return {
    ...common,
    // The commit is no worse for it: a failure would speak of the commit.
    conclusion: finished.outcome === "cancelled" ? "cancelled" : "action_required",
    title: `${word}: the pull request stays as it is`,
    summary: fitting(asked, neutral.prose(endMessage(state), 2_000), `**Next:** ${nextStep(state)}`),
    buttons: state.pullClosed ? [] : [buttons.retry],
  };
}

function fitting(...blocks: readonly (string | undefined | false)[]): string {
  return stack(...blocks).slice(0, MAX_BODY);
}
