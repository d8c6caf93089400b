// Boxes in texts of Baton's that people tick: which are, and on a dashboard what each stands for.
import { isRunId, type RunId } from "../core/ids.ts";

/** What ticked boxes are about: the first group of `behind`, which matches what stands behind the box to the end of its line. */
export function tickedIn(body: string, behind: RegExp): ReadonlySet<string> {
  const ticked = body.split("\n").flatMap((line) => {
    const [, text] = /^- \[[xX]\] (.*?)\r?$/.exec(line) ?? [];
    const [, about] = text === undefined ? [] : (behind.exec(text) ?? []);
    return about === undefined ? [] : [about];
  });
  return new Set(ticked);
}

/** Those that were ticked between two versions of a text. */
export function newlyTicked(body: string, before: string, behind: RegExp): string[] {
  const old = tickedIn(before, behind);
  return [...tickedIn(body, behind)].filter((about) => !old.has(about));
}

/** What a box of a dashboard does: the command of that name. */
export type Box =
  | { readonly does: "start"; readonly issue: number }
  | { readonly does: "retry"; readonly run: RunId }
  /** `ask` names what is asked (`askKey`), so that no other plan is approved. */
  | { readonly does: "approve"; readonly run: RunId; readonly ask: string };

/** The name of a box, in the hidden end of its line. */
export function boxName(box: Box): string {
  if (box.does === "start") return `start:${box.issue}`;
  return box.does === "retry" ? `retry:${box.run}` : `approve:${box.ask}`;
}

/** The box of that name; undefined for what is none. */
export function boxNamed(name: string): Box | undefined {
  const [, issue] = /^start:([1-9]\d{0,8})$/.exec(name) ?? [];
  if (issue !== undefined) return { does: "start", issue: Number(issue) };
  const [, retried = ""] = /^retry:(run-[0-9a-f]{12})$/.exec(name) ?? [];
  if (isRunId(retried)) return { does: "retry", run: retried };
  const [, ask = "", asking = ""] = /^approve:(ask:(run-[0-9a-f]{12}):[\w.-]{1,100}:\d{1,4})$/.exec(name) ?? [];
  return isRunId(asking) ? { does: "approve", run: asking, ask } : undefined;
}

/** A line with a box that may be ticked; `text` is harmless Markdown of one line. */
export function boxLine(name: string, text: string): string {
  return `- [ ] ${text} <!-- baton:box:${name.replaceAll("--", "__")} -->`;
}

const atEnd = /<!-- baton:box:([\w.:-]{1,160}) -->$/;

/** Names of boxes of a dashboard that were ticked between two versions of it. */
export function boxesTicked(body: string, before: string): string[] {
  return newlyTicked(body, before, atEnd).map((name) => name.replaceAll("__", "--"));
}

/** True for the text of a dashboard, by its hidden first line. */
export function isDashboard(body: string): boolean {
  return /^<!-- baton:dashboard:\d{1,2} -->\r?(?:\n|$)/.test(body);
}
