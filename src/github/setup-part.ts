// What people read of a proposed setup: what it would change, what was left out, and what Baton can and cannot verify in their repository.
// Pure. The words of the surveyor stand apart, as everywhere.
import type { Tried } from "../workflows/setup.ts";
import { onlyTold, whatCanBeVerified, type Verifiable } from "../workflows/verifiable.ts";
import { setupOf } from "../engine/setup.ts";
import { writtenIn } from "../engine/proposal.ts";
import type { State } from "../engine/state.ts";
import { bullets, count, stack, table } from "./markdown.ts";
import type { Neutral } from "./neutral.ts";
import { hadNothingToPropose } from "./stages.ts";

const SIGN: Readonly<Record<Verifiable["can"], string>> = {
  yes: "✅ yes",
  "in part": "⚠️ in part",
  no: "❌ no",
  "not verified": "– not verified",
};

/** What the pull request of a setup says first; "" for any other. */
export function setupPart(state: State, neutral: Neutral): string {
  const setup = setupOf(state);
  const written = writtenIn(state);
  if (!setup?.tried || !written) return "";
  const files = written.changes.map(
    ({ path, kind }) => `${neutral.code(path, 200)}${kind === "modified" ? " (added to; what was there stays)" : ""}`,
  );
  return stack(
    "**This proposes how Baton works in this repository.** Merged, it holds for every run from then on; closed, nothing changes. Every line of it may be edited here first.",
    "### What it adds",
    bullets([
      `Files: ${files.join(", ")}`,
      ...commandLines(state, neutral),
      ...protectLine(state, neutral),
      ...agentLines(state, neutral),
    ]),
    leftOutPart(written.leftOut, neutral),
    verifiablePart(setup.tried, neutral),
  );
}

/** One sentence for the comment that names the pull request. */
export function setupSentence(state: State): string {
  const setup = setupOf(state);
  const written = writtenIn(state);
  if (!setup?.tried || !written) return "";
  const list = whatCanBeVerified(setup.tried);
  const cannot = list.filter(({ can }) => can === "no" || can === "not verified").length;
  const inPart = list.filter(({ can }) => can === "in part").length;
  const left =
    written.leftOut.length === 0
      ? ""
      : ` ${count(written.leftOut.length, "proposal")} ${written.leftOut.length === 1 ? "is" : "are"} left out, with the reason.`;
  return `It proposes ${count(written.changes.length, "file")} and lists what Baton can verify here: of ${list.length} things ${list.length - cannot - inPart} fully, ${inPart} in part, ${cannot} not.${left} Merging it is what switches it on.`;
}

/** What is said of a setup in which there is nothing new. */
export function nothingToPropose(state: State, neutral: Neutral): string | undefined {
  const setup = setupOf(state);
  if (!state.finished || !hadNothingToPropose(state) || !setup?.tried) return undefined;
  return stack(neutral.line(state.finished.message, 1_500), verifiablePart(setup.tried, neutral));
}

function verifiablePart(tried: Tried, neutral: Neutral): string {
  const rows = whatCanBeVerified(tried).map(({ what, can, why }) => [
    neutral.cell(what, 200),
    SIGN[can],
    neutral.cell(why, 600),
  ]);
  return stack(
    "### What Baton can verify in this repository",
    "Found out by running the commands on the base commit, in fresh clones in the sandbox.",
    table(["What", "Can it?", "Why"], rows),
    neutral.line(onlyTold(tried), 1_000),
  );
}

function commandLines(state: State, neutral: Neutral): string[] {
  const setup = setupOf(state);
  return (setup?.tried?.commands ?? []).flatMap(({ name, command, from, works, why }) =>
    from === "proposed" && works ? [`**${name}**: ${neutral.code(command, 300)} (${neutral.line(why, 300)})`] : [],
  );
}

function protectLine(state: State, neutral: Neutral): string[] {
  const written = writtenIn(state);
  const left = new Set(written?.leftOut.map(({ what }) => what));
  const { protect } = state.created.config;
  const added = (setupOf(state)?.value.protect ?? []).filter(
    ({ glob }) => !protect.includes(glob) && !left.has(`protect: ${glob}`),
  );
  return added.length === 0 ? [] : [`No run may change ${added.map(({ glob }) => neutral.code(glob, 200)).join(", ")}`];
}

function agentLines(state: State, neutral: Neutral): string[] {
  const paths = new Set(writtenIn(state)?.changes.map(({ path }) => path));
  return (setupOf(state)?.value.agents ?? [])
    .filter(({ name }) => paths.has(`.github/baton/agents/${name}.md`))
    .map(({ name, description, tools, tier }) => {
      const rights = tools.some((tool) => tool === "bash" || tool === "write" || tool === "edit")
        ? "may change files"
        : "only reads";
      return `The agent **${name}** (${tier} model, ${rights}: ${tools.join(", ")}): ${neutral.line(description, 300)}`;
    });
}

/** What was proposed and is not in the files, with the reason. */
export function leftOutPart(
  leftOut: readonly { readonly what: string; readonly why: string }[],
  neutral: Neutral,
): string {
  if (leftOut.length === 0) return "";
  return stack(
    "### Left out",
    bullets(leftOut.map(({ what, why }) => `${neutral.code(what, 300)}: ${neutral.line(why, 500)}`)),
  );
}
