// What stands between a stage and those after it: a stage that mediates, or picks, hands on in its place. And what a stage asks to be
// told of without naming who makes it. Which keys say so, and what is wrong with them.
import { checkAlone, type Around } from "./around.ts";
import { checkExpression, askedOf } from "./expression-check.ts";
import { parseExpression } from "./expression.ts";
import type { Path } from "./expression-tokens.ts";
import type { Stage } from "./schema.ts";
import { quote } from "./source-file.ts";

/** The paths a stage picks; empty for one that picks nothing. */
export function picksOf({ pick = [] }: Pick<Stage, "pick">): readonly string[] {
  return typeof pick === "string" ? [pick] : pick;
}

/** A text that is a path and nothing else. */
export function readPath(text: string): Path | undefined {
  const parsed = parseExpression(text);
  return parsed.type === "ok" && parsed.expression.type === "path" ? parsed.expression : undefined;
}

/** The stage in whose place this one hands on. */
export function mediatedBy(stage: Pick<Stage, "mediates" | "pick">): string | undefined {
  const [picked] = picksOf(stage);
  return stage.mediates ?? (picked === undefined ? undefined : readPath(picked)?.stage);
}

/** Checks `mediates`, `pick` and `reads` of one stage. */
export function checkMediation(around: Around): void {
  checkMediates(around);
  checkPick(around);
  checkReads(around);
}

function checkMediates({ stage: { mediates, needs }, stageCalled, say }: Around): void {
  if (mediates === undefined) return;
  if (!needs.includes(mediates))
    return say(["mediates"], `mediates ${quote(mediates)}, which it does not need — add it to needs`);
  const other = stageCalled(mediates);
  if (other && other.makes === undefined && other.pick === undefined)
    say(["mediates"], `mediates ${quote(mediates)}, which hands nothing in — name a stage that makes an artifact`);
}

function checkPick(around: Around): void {
  const { stage, say } = around;
  if (stage.pick === undefined) return;
  checkAlone(around, "pick");
  const paths = picksOf(stage);
  const from = paths.map((text, index) => {
    const place = typeof stage.pick === "string" ? ["pick"] : ["pick", index];
    return checkPath(around, text, (message, within) => say(place, message, within));
  });
  const [first, ...others] = from.filter((name) => name !== undefined);
  const other = others.find((name) => name !== first);
  if (first !== undefined && other !== undefined)
    say(["pick"], `picks from ${quote(first)} and from ${quote(other)} — pick from one, and add a stage for the other`);
}

/** Says what is wrong with a picked path; the stage it is of, when there is one. */
function checkPath(
  { stage, stageCalled }: Around,
  text: string,
  say: (message: string, within?: number) => void,
): string | undefined {
  const path = readPath(text);
  if (!path) {
    say(`picks ${quote(text)}, which is no path — write a stage and a field of its artifact, such as plan.tasks.title`);
    return undefined;
  }
  if (!stage.needs.includes(path.stage)) {
    say(`picks from ${quote(path.stage)}, which it does not need — add it to needs`);
    return undefined;
  }
  if (path.fields.length === 0)
    say(`picks the whole of ${quote(path.stage)} — name a field, such as ${path.stage}.summary`);
  const other = stageCalled(path.stage);
  // What is wrong with the other stage is said there.
  const problems = other ? checkExpression(path, new Map([[path.stage, askedOf(other)]])) : [];
  for (const { offset, message } of problems) say(`picks ${quote(text)}: ${message}`, offset);
  return path.stage;
}

function checkReads({ stage: { reads }, notAfter, say }: Around): void {
  reads?.forEach((type, index) => {
    if (reads.indexOf(type) !== index) say(["reads", index], `reads ${quote(type)} twice — keep one`);
    else if (!notAfter.some((other) => other === undefined || other.makes === type)) {
      const made = [...new Set(notAfter.flatMap((other) => other?.makes ?? []))];
      const advice = made.length === 0 ? "take reads out" : `choose one of: ${made.join(", ")}`;
      say(["reads", index], `reads ${quote(type)}, which no stage makes that may come before it — ${advice}`);
    }
  });
}
