// What Baton answers when people write to it: short, kind, and always with a way on. Commands stand in code spans,
// so that no answer can be read as a command.
import { assertNever } from "../core/errors.ts";
import { formatDollars, microDollars } from "../core/ids.ts";
import type { Reply } from "../engine/reply.ts";
import type { State } from "../engine/state.ts";
import { askedForLine } from "./card.ts";
import { askedLine, clock, heldLine } from "./held.ts";
import { toldLine } from "./told.ts";
import { bullets, stack, table } from "./markdown.ts";
import type { Neutral } from "./neutral.ts";
import { repeatedPart } from "./nothing-to-mend.ts";
import { costLine, endMessage, nextStep, stateWord, type Links } from "./progress.ts";
import { checklist, position, stageLines } from "./stages.ts";

export interface ReplyOptions {
  readonly neutral: Neutral;
  readonly links: Links;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** The Markdown of an answer, without marker. */
export function renderReply(reply: Reply, options: ReplyOptions): string {
  const { neutral } = options;
  switch (reply.kind) {
    case "refused":
      return stack(
        quoted(reply.quote, neutral),
        `I have not done this: ${neutral.line(reply.why)}`,
        reply.who !== undefined && `**Who may:** ${neutral.line(reply.who)}`,
        `**Next:** ${commands(reply.next, neutral)}`,
      );
    case "too-many":
      return stack(quoted(reply.quote, neutral), ...tooMany(reply, options.now));
    case "unknown-verb":
      return stack(
        quoted(reply.quote, neutral),
        reply.nearest === undefined
          ? "I do not know this command. `/agent help` lists what I know."
          : `I do not know this command. Did you mean \`/agent ${neutral.plain(reply.nearest, 40)}\`? \`/agent help\` lists what I know.`,
      );
    case "invalid-flags":
      return stack(
        quoted(reply.quote, neutral),
        "I did not start, because I could not read this:",
        bullets(reply.problems.slice(0, 10).map((problem) => neutral.line(problem))),
        "Please write the command again in a new comment.",
      );
    case "plan-invalid":
      return stack(
        "I have read this edit of the plan, but cannot work it, so nothing has changed:",
        bullets(reply.problems.slice(0, 21).map((problem) => neutral.line(problem))),
        "Lines are counted within the YAML block. Please mend it and save the comment again; or `/agent approve`, which takes the plan as I wrote it.",
      );
    case "config-broken":
      return stack(
        quoted(reply.quote, neutral),
        "I did not start, because `.github/baton.yml` on the default branch is not valid:",
        bullets(reply.problems.slice(0, 20).map((problem) => neutral.line(problem))),
        "Once it is mended there, write the command again.",
      );
    case "already-running":
      return stack(
        quoted(reply.quote, neutral),
        `I am already at work on this (${runLink(reply.run, options.links)}); one run at a time keeps things clear. ${alreadyNext[reply.held ?? "no"]}`,
      );
    case "nothing-to-do":
      return stack(
        quoted(reply.quote, neutral),
        `There is nothing to do: ${neutral.line(reply.why)}.`,
        `**Next:** ${commands(reply.next, neutral)}`,
      );
    case "nothing-running":
      return stack(quoted(reply.quote, neutral), `Nothing is running here. ${commands(reply.next, neutral)}`);
    case "checks-failed":
      return checksFailed(reply, neutral);
    case "conflicts":
      return conflicts(reply, neutral);
    case "budget-lowered": {
      const [was, now, spent] = [reply.was, reply.now, reply.spent].map((amount) =>
        formatDollars(microDollars(amount)),
      );
      return stack(
        quoted(reply.quote, neutral),
        `The run may spend ${now} now; before it was ${was}. ${spent} of it ${reply.spent < reply.now ? "is spent" : "is spent already, so the run ends"}.`,
        `**Next:** \`/agent budget ${was}\` takes it back.`,
      );
    }
    case "help":
      return help(reply, neutral);
    case "status":
      return reply.state
        ? status(reply.state, options)
        : "There has been no run here yet. `/agent help` lists what you can ask for.";
    case "why":
      return why(reply.state, options);
    default:
      return assertNever(reply);
  }
}

/** Said once: until then there is silence, so it says all there is to know. */
function tooMany({ what, most, again }: Extract<Reply, { kind: "too-many" }>, now: number): string[] {
  const when = clock(again, now);
  if (what === "runs")
    return [
      `I have not done this: ${most === 1 ? "a run has" : `${most} runs have`} begun on this issue within the last hour, and that is as many as \`limits.runsPerHour\` in \`.github/baton.yml\` allows. It keeps programs from starting each other for ever.`,
      `**Next:** from ${when} on the same command works again. Until then I start nothing here, and do not say so again.`,
    ];
  return [
    `I have written so many comments here within the last hour that only this one is left of the ${most} that \`limits.commentsPerHour\` in \`.github/baton.yml\` allows. It keeps programs from answering each other for ever.`,
    `**Next:** from ${when} on I answer again; write this again then. Until then commands are carried out without an answer, and status cards go on showing how runs stand.`,
  ];
}

function conflicts({ branch, rounds }: Extract<Reply, { kind: "conflicts" }>, neutral: Neutral): string {
  const name = neutral.code(branch, 100);
  const tried =
    rounds === 0
      ? "I do not bring them together by myself here, because `limits.rounds` in `.github/baton.yml` is 0"
      : `I have brought them together ${rounds === 1 ? "once" : `${rounds} times`}, and that is as often as \`limits.rounds\` in \`.github/baton.yml\` allows`;
  return stack(
    `I need a person's decision. ${name} moved on, and this pull request conflicts with it. ${tried}.`,
    "**Next:** `/agent rebase` has it done, and starts the count anew. Or merge the base into this branch yourself: what you push is left to you, and `/agent revise <what>` goes on from there.",
  );
}

function checksFailed({ own, onBase, rounds }: Extract<Reply, { kind: "checks-failed" }>, neutral: Neutral): string {
  const list = (names: readonly string[]) =>
    names
      .slice(0, 10)
      .map((name) => neutral.code(name, 100))
      .join(", ");
  const tried =
    rounds === 0
      ? "I repair nothing here, because `limits.rounds` in `.github/baton.yml` is 0"
      : `I have repaired this ${rounds === 1 ? "once" : `${rounds} times`}, and that is as often as \`limits.rounds\` in \`.github/baton.yml\` allows`;
  return stack(
    `I need a person's decision. On the latest commit ${list(own)} ${own.length === 1 ? "fails, also" : "fail, also"} when run again, and not on the base. ${tried}.`,
    onBase.length > 0 &&
      `${list(onBase)} ${onBase.length === 1 ? "fails" : "fail"} on the base too: that is not of this change, and I leave it.`,
    "**Next:** `/agent revise <what to do>` has it worked in, and starts the count anew. What you push to the branch yourself is left to you.",
  );
}

const alreadyNext = {
  asked:
    "It waits for a person's word, and the status card above says for which: `/agent approve`, `/agent reject: …` or `/agent tell …`; `/agent stop` ends it.",
  no: "The status card above shows how far it is; `/agent stop` ends it.",
  paused: "It is paused: `/agent resume` goes on, `/agent stop` ends it.",
  waiting: "It waits, and the status card above says for what: `/agent resume` tries at once, `/agent stop` ends it.",
} as const;

function quoted(quote: string, neutral: Neutral): string {
  const code = neutral.code(quote, 300);
  return code === "" ? "" : `> ${code}`;
}

/** Advice from Baton's own code, in which commands may stand bare or in code spans already. */
function commands(text: string, neutral: Neutral): string {
  return neutral.line(text, 600);
}

function runLink(run: Parameters<NonNullable<Links["run"]>>[0], links: Links): string {
  const page = links.run?.(run);
  return page === undefined ? `run \`${run}\`` : `[run ${run}](${page})`;
}

/** Nothing is cut: half a flag is no help. */
function help({ verbs, flags }: Extract<Reply, { kind: "help" }>, neutral: Neutral): string {
  const rows = verbs.map(({ usage, summary, who }) => [
    neutral.codeCell(usage),
    neutral.cell(summary, 400),
    neutral.cell(who, 60),
  ]);
  return stack(
    "Write one of these at the start of a line of a new comment:",
    table(["Command", "What it does", "Who may"], rows),
    "What may follow:",
    bullets(flags.map(({ usage, summary }) => `${neutral.code(usage)}: ${neutral.line(summary, 600)}`)),
  );
}

function status(state: State, { neutral, links, now }: ReplyOptions): string {
  const { sign, word } = stateWord(state);
  const place = position(state);
  return stack(
    `${sign} **${word}**${place === undefined ? "" : `, ${place}`} · ${costLine(state, now)} · ${runLink(state.runId, links)}`,
    checklist(stageLines(state, neutral)),
    heldLine(state, neutral),
    askedLine(state),
    toldLine(state, neutral),
    `**Next:** ${nextStep(state, "status")}`,
  );
}

function why(state: State, { neutral, links }: ReplyOptions): string {
  const { routed, finished } = state;
  const triage = routed?.triage;
  const unhappy = finished && finished.outcome !== "succeeded" && finished.outcome !== "triaged";
  return stack(
    `About ${runLink(state.runId, links)}, asked for with ${neutral.code(state.created.request.quote, 200)}:`,
    bullets(
      [
        triage &&
          `**Route:** ${triage.type}${repeatedPart(state)}, ${Math.round(triage.confidence * 100)} % sure, next best ${triage.runnerUp}${routed.source === "heuristic" ? " (by rules of thumb; no model could be reached)" : ""}`,
        routed && (askedForLine(state, neutral) ?? `**Because:** ${neutral.line(routed.why)}`),
        triage &&
          triage.evidence.length > 0 &&
          `**From the issue:** ${triage.evidence.map((quote) => `“${neutral.line(quote, 200)}”`).join(", ")}`,
        unhappy &&
          `**It ended** (${finished.outcome}, \`${finished.code}\`): ${neutral.line(endMessage(state), 1_200)}`,
      ].filter((item): item is string => typeof item === "string"),
    ),
    `**Next:** ${nextStep(state)}`,
  );
}
