// Reads commands out of a comment: `/agent fix the crash --budget $3`, at the start of a line, in any case, with everything on that line.
// `/baton` and `@<app>` mean the same. Never inside code, quotes, lists or HTML: the Markdown tree says where those are.
// What is wrong with a command is part of the command, so that nothing is ever ignored silently.
import type { Nodes } from "mdast";
import { modelTiers, type ModelTier } from "../workflows/names.ts";
import { nearest } from "../workflows/nearest.ts";
import { flagNames, isVerb, verbOf, verbs, type FlagName, type VerbName } from "./verbs.ts";
import { parsePieces } from "./markdown.ts";

export interface Flags {
  readonly dollars?: number;
  readonly minutes?: number;
  readonly workflow?: string;
  /** Agents of the run use this tier at least. */
  readonly tier?: ModelTier;
  /** The branch to begin from, and to propose the work to. */
  readonly base?: string;
  readonly dryRun?: true;
}

export type Command =
  | {
      readonly kind: "command";
      /** The line as it was written, at most 200 characters. */
      readonly quote: string;
      readonly verb: VerbName;
      /** Free text behind the verb, without the flags. */
      readonly instruction: string;
      readonly flags: Flags;
      /** What is wrong with the flags, one sentence each; the command must not be carried out then. */
      readonly problems: readonly string[];
    }
  | {
      readonly kind: "unknown-verb";
      readonly quote: string;
      readonly verb: string;
      readonly nearest: VerbName | undefined;
    };

/** `unreadable`: there may be commands, but the text around them is too intricate to tell. */
export type Reading =
  | { readonly type: "read"; readonly commands: readonly Command[] }
  | { readonly type: "unreadable"; readonly quote: string };

const MAX_QUOTE = 200;

/** Every command of a comment, in order. `slug` is the App's name in mentions. Never throws; at most 50 ms for 64 KB. */
export function readCommands(comment: string, slug: string): Reading {
  const text = comment.replaceAll(/\r\n?/g, "\n");
  const prefix = prefixOf(slug);
  const first = text.split("\n").find((line) => prefix.test(line));
  if (first === undefined) return { type: "read", commands: [] };
  const commands: Command[] = [];
  for (const piece of parsePieces(text)) {
    if (piece.kind === "fence") continue;
    const lines = piece.tree ? proseLines(piece.source, piece.tree) : undefined;
    const suspect = piece.source.split("\n").find((line) => prefix.test(line));
    if (lines === undefined && suspect !== undefined) return { type: "unreadable", quote: quoteOf(suspect) };
    for (const line of lines ?? []) {
      const command = readLine(line, prefix);
      if (command) commands.push(command);
    }
  }
  return { type: "read", commands };
}

/** How a command begins, and what mentions look like. GitHub's names hold letters, digits and dashes. */
function prefixOf(slug: string): RegExp {
  const name = slug.replaceAll(/[^a-z0-9-]/gi, "");
  return new RegExp(`^ {0,3}(?:(/agent|/baton)${name === "" ? "" : `|@${name}(?:\\[bot\\])?`})(?=\\s|$)`, "i");
}

/** Lines of paragraphs that stand by themselves (in no quote and no list), with inline HTML blanked and without those that begin in code. */
function proseLines(source: string, tree: Nodes): string[] {
  if (!("children" in tree)) return [];
  return tree.children.flatMap((block) => {
    const start = block.position?.start.offset;
    const end = block.position?.end.offset;
    if (block.type !== "paragraph" || start === undefined || end === undefined) return [];
    const covered: { start: number; end: number; html: boolean }[] = [];
    const visit = (node: Nodes): void => {
      if (node.type === "html" || node.type === "inlineCode")
        covered.push({
          start: node.position?.start.offset ?? 0,
          end: node.position?.end.offset ?? 0,
          html: node.type === "html",
        });
      if ("children" in node) for (const child of node.children) visit(child);
    };
    visit(block);
    let at = source.lastIndexOf("\n", start - 1) + 1;
    return source
      .slice(at, end)
      .split("\n")
      .flatMap((line) => {
        const from = at;
        at += line.length + 1;
        if (covered.some((range) => range.start < from && from < range.end)) return [];
        let clean = line;
        for (const range of covered)
          if (range.html && range.start < from + line.length && range.end > from)
            clean = blank(clean, range.start - from, range.end - from);
        return [clean];
      });
  });
}

function blank(line: string, start: number, end: number): string {
  const from = Math.max(0, start);
  const to = Math.min(line.length, end);
  return line.slice(0, from) + " ".repeat(to - from) + line.slice(to);
}

function readLine(line: string, prefix: RegExp): Command | undefined {
  const begun = prefix.exec(line);
  if (!begun) return undefined;
  const mention = begun[1] === undefined;
  const words = line.slice(begun[0].length).trim();
  const quote = quoteOf(line);
  const word = /^\S+/.exec(words)?.[0];
  // A bare `/agent` asks what can be done; a bare mention is talk.
  if (word === undefined) return mention ? undefined : command(quote, "help", "");
  const name = word.toLowerCase().replace(/[.,;:!?]+$/, "");
  if (isVerb(name)) return command(quote, name, words.slice(word.length));
  const guess = nearest(name, Object.keys(verbs));
  if (mention && guess === undefined) return undefined;
  return {
    kind: "unknown-verb",
    quote,
    verb: name.slice(0, 40),
    nearest: guess !== undefined && isVerb(guess) ? guess : undefined,
  };
}

function quoteOf(line: string): string {
  const words = line.trim();
  return words.length <= MAX_QUOTE ? words : `${words.slice(0, MAX_QUOTE - 1).toWellFormed()}…`;
}

function command(quote: string, verb: VerbName, rest: string): Command {
  const { instruction, given, problems } = splitFlags(rest);
  const flags: { -readonly [K in keyof Flags]: Flags[K] } = {};
  const seen = new Set<string>();
  for (const { name, value } of given) {
    const problem = seen.has(name) ? `\`--${name}\` is given twice` : readFlag(verb, name, value, flags);
    if (problem !== undefined) problems.push(problem);
    seen.add(name);
  }
  return { kind: "command", quote, verb, instruction, flags, problems };
}

interface Given {
  readonly name: FlagName;
  readonly value: string | undefined;
}

/** Parts free text from flags. ` -- ` ends the flags; `—budget`, which telephones make of `--budget`, counts as `--budget`. */
function splitFlags(rest: string): { instruction: string; given: Given[]; problems: string[] } {
  const tokens = rest.match(/\S+/g) ?? [];
  const free: string[] = [];
  const given: Given[] = [];
  const problems: string[] = [];
  for (let index = 0; index < tokens.length; index += 1) {
    const token = tokens[index] ?? "";
    if (token === "--") {
      free.push(...tokens.slice(index + 1));
      break;
    }
    const flag = /^(?:--|[—–])([a-z][\w-]*)(?:=(.*))?$/i.exec(token);
    if (!flag) {
      free.push(token);
      continue;
    }
    const typed = (flag[1] ?? "").toLowerCase();
    const name = flagNames.find((known) => known === typed);
    if (name === undefined) {
      const guess = nearest(typed, flagNames);
      problems.push(
        `there is no flag \`--${typed.slice(0, 40)}\`${guess === undefined ? "" : `; did you mean \`--${guess}\`?`} (words that begin with dashes go behind \` -- \`)`,
      );
      continue;
    }
    if (name === "dry-run") given.push({ name, value: flag[2] });
    else if (flag[2] !== undefined) given.push({ name, value: flag[2] });
    else {
      const next = tokens[index + 1];
      const hasValue = next !== undefined && !/^(?:--|[—–])/.test(next);
      given.push({ name, value: hasValue ? next : undefined });
      if (hasValue) index += 1;
    }
  }
  return { instruction: free.join(" "), given, problems };
}

/** Dollars from 0.01 to 1000, written like `$3`, `3.50` or `3$`; undefined for anything else. */
export function readAmount(text: string): number | undefined {
  const amount = Number(/^\$?(\d{1,6}(?:\.\d{1,2})?)\$?$/.exec(text)?.[1]);
  return amount > 0 && amount <= 1_000 ? amount : undefined;
}

/** Puts a flag's value into `flags`, or says what is wrong with it. */
function readFlag(
  verb: VerbName,
  name: FlagName,
  raw: string | undefined,
  flags: { -readonly [K in keyof Flags]: Flags[K] },
): string | undefined {
  const { flags: taken } = verbOf(verb);
  if (!taken.includes(name))
    return taken.length === 0 ? `\`${verb}\` takes no flags` : `\`${verb}\` does not take \`--${name}\``;
  const value = raw?.replaceAll(/^["'`]|["'`]$/g, "");
  switch (name) {
    case "dry-run":
      if (value !== undefined) return "`--dry-run` takes no value";
      flags.dryRun = true;
      return undefined;
    case "budget": {
      const amount = readAmount(value ?? "");
      if (amount === undefined)
        return `\`--budget\` needs dollars from 0.01 to 1000, like \`$3\` or \`3.50\`${got(value)}`;
      flags.dollars = amount;
      return undefined;
    }
    case "max-time": {
      const [, count, unit] = /^(\d{1,5})(s|m|h)$/i.exec(value ?? "") ?? [];
      const minutes = Number(count) * ({ s: 1 / 60, m: 1, h: 60 }[(unit ?? "").toLowerCase()] ?? Number.NaN);
      if (!(minutes > 0 && minutes <= 1_440))
        return `\`--max-time\` needs a duration up to 24h, like \`90s\`, \`20m\` or \`1h\`${got(value)}`;
      flags.minutes = minutes;
      return undefined;
    }
    case "workflow":
      if (!/^[a-z][a-z0-9-]{0,39}$/.test(value ?? ""))
        return `\`--workflow\` needs the name of a workflow, like \`bug\`${got(value)}`;
      flags.workflow = value ?? "";
      return undefined;
    case "base":
      if (!isBranchName(value ?? "")) return `\`--base\` needs the name of a branch${got(value)}`;
      flags.base = value ?? "";
      return undefined;
    case "model": {
      const tier = modelTiers.find((known) => known === value?.toLowerCase());
      if (tier === undefined)
        return `\`--model\` needs a tier, one of ${modelTiers.map((known) => `\`${known}\``).join(", ")}${got(value)}; which model a tier is, \`models\` in \`.github/baton.yml\` says`;
      flags.tier = tier;
      return undefined;
    }
    default:
      return name satisfies never;
  }
}

function got(value: string | undefined): string {
  return value === undefined ? "" : `, not \`${value.slice(0, 60).replaceAll("`", "'")}\``;
}

/** git-check-ref-format's rules, for what people call branches. */
function isBranchName(name: string): boolean {
  return (
    /^[\w][\w./+@#=,-]{0,199}$/.test(name) &&
    !/\.\.|@\{|\/\/|\/\.|\.lock(?:\/|$)|[./]$/.test(name) &&
    name !== "@" &&
    !/^[0-9a-f]{40}$/.test(name)
  );
}
