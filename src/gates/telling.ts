// What of a program's output tells people what was wrong. npm and pip print hints, addresses and places of logs behind it, and as one line
// that is unreadable: of theirs the first line that says something is told. Of any other program its end, where programs say it.
import { squeezed } from "./verdict.ts";

/** Characters that are told, from the end. */
const TOLD = 700;

const npm = /^npm (?:error|ERR!)[ \t]*/;
/** Lines of npm's that only make sense to npm: "code E404", "path /workspace", where its log is. */
const aside = /^(?:$|code |errno |syscall |path |dest |command |A complete log of this run)/;
const talk = /^(?:npm (?:warn|WARN|notice)\b|> |$)/;
const pip = /^ERROR: (?:Cannot|Could not|Failed|Ignored|Invalid requirement|No matching)/;
const blocked = /^\[sandbox\] network access blocked: /;

/** One line of at most 700 characters; "" for output that says nothing. */
export function tellingOf(output: string): string {
  const lines = output.split("\n").map((line) => line.trim());
  const closed = lines.filter((line) => blocked.test(line));
  const others = lines.filter((line) => !npm.test(line) && !talk.test(line) && !blocked.test(line));
  const told =
    lines.find((line) => pip.test(line)) ??
    // What npm started has said it itself.
    (others.length > 0 ? others.join(" ") : undefined) ??
    lines
      .filter((line) => npm.test(line))
      .map((line) => line.replace(npm, ""))
      .find((line) => !aside.test(line)) ??
    "";
  const text = squeezed([told, ...closed].join(" "));
  return text.length > TOLD ? `…${text.slice(-TOLD)}` : text;
}
