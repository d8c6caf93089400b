// Adds to the text of a `.github/baton.yml` and leaves every character that people wrote as it is. What the new text says is read back
// and compared: where the additions do not fit into the way the file is written, nothing is added.
import { isDeepStrictEqual } from "node:util";
import { isMap, isNode, isPair, isScalar, isSeq, parseDocument, stringify, type Node } from "yaml";
import { commandNames, type CommandName } from "./names.ts";
import { lineEnd } from "./plain-text.ts";
import { parseRepoConfig } from "./parse-repo-config.ts";
import { defaultRepoConfig } from "./repo-config.ts";

/** One line behind `#` each. */
export interface Additions {
  readonly commands: Readonly<Partial<Record<CommandName, { readonly command: string; readonly comment: string }>>>;
  readonly protect: readonly { readonly glob: string; readonly comment: string }[];
}

interface Line {
  readonly comment: string;
  readonly entry: string;
  /** The same for a mapping or list that is written between brackets. */
  readonly inFlow: string;
}

const HEAD = `# What this repository says to Baton. Every key may be left out: what is absent is detected, or has a default.
# \`npm --prefix /path/to/baton run baton -- validate\` checks this file.
`;
const ABOUT = {
  commands: "# Shell commands, run in the repository's root, in a sandbox. The network is closed, but for install.",
  protect: "# Paths that no run may change, besides the built-in ones.",
} as const;

/**
 * The text with the additions; undefined when they cannot be written into it. No text: a new file, which names the `schema` by its
 * address where that is known.
 */
export function withAdditions(
  text: string | undefined,
  additions: Additions,
  file: string,
  schema?: string,
): string | undefined {
  const before = text === undefined ? undefined : parseRepoConfig(text, file);
  if (before?.type === "invalid") return undefined;
  const old = before?.config ?? defaultRepoConfig;
  let next = text ?? `${schema === undefined ? "" : `# yaml-language-server: $schema=${schema}\n`}${HEAD}`;
  next = added(next, "commands", commandLines(additions));
  next = added(next, "protect", protectLines(additions));
  const after = parseRepoConfig(next, file);
  const commands = Object.entries(additions.commands).map(([name, { command }]) => [name, command]);
  const wanted = {
    ...old,
    commands: { ...old.commands, ...Object.fromEntries(commands) },
    protect: [...old.protect, ...additions.protect.map(({ glob }) => glob)],
  };
  return after.type === "ok" && isDeepStrictEqual(after.config, wanted) ? next : undefined;
}

function commandLines({ commands }: Additions): Line[] {
  return commandNames.flatMap((name) => {
    const one = commands[name];
    if (!one) return [];
    const entry = `${name}: ${written(one.command)}`;
    return [{ comment: one.comment, entry, inFlow: `${name}: ${JSON.stringify(one.command)}` }];
  });
}

function protectLines({ protect }: Additions): Line[] {
  return protect.map(({ glob, comment }) => ({
    comment,
    entry: `- ${JSON.stringify(glob)}`,
    inFlow: JSON.stringify(glob),
  }));
}

/** As YAML, on one line, quoted where it must be. */
function written(text: string): string {
  return stringify(text, { lineWidth: 0 }).trimEnd();
}

function added(text: string, key: "commands" | "protect", lines: readonly Line[]): string {
  if (lines.length === 0) return text;
  const root = parseDocument(text).contents;
  const pair = isMap(root) ? root.items.find((item) => isScalar(item.key) && item.key.value === key) : undefined;
  const end = lineEnd(text);
  const block = (indent: string) =>
    lines.map(({ comment, entry }) => `${indent}# ${comment}${end}${indent}${entry}${end}`).join("");
  if (!pair) return `${ended(text)}${end}${ABOUT[key]}${end}${key}:${end}${block("  ")}`;
  const { value } = pair;
  if ((isMap(value) || isSeq(value)) && value.flow) {
    const last = endOf(value.items.at(-1));
    const at = last ?? (value.range?.[0] ?? 0) + 1;
    return insert(text, at, `${last === undefined ? " " : ", "}${lines.map(({ inFlow }) => inFlow).join(", ")}`);
  }
  if (isMap(value) || isSeq(value)) {
    const start = value.range?.[0] ?? 0;
    const indent = " ".repeat(start - (text.lastIndexOf("\n", start - 1) + 1));
    return afterLine(text, endOf(value.items.at(-1)) ?? start, block(indent));
  }
  return afterLine(text, (isNode(pair.key) ? pair.key.range?.[1] : undefined) ?? 0, block("  "));
}

/** Where the last thing in a collection ends. */
function endOf(item: unknown): number | undefined {
  const node: unknown = isPair(item) ? (item.value ?? item.key) : item;
  return isNode(node) ? rangeEnd(node) : undefined;
}

function rangeEnd({ range }: Node): number | undefined {
  return range?.[1];
}

function insert(text: string, at: number, more: string): string {
  return text.slice(0, at) + more + text.slice(at);
}

/** Behind the line in which `at` stands, or that ends right before it. */
function afterLine(text: string, at: number, more: string): string {
  if (text[at - 1] === "\n") return insert(text, at, more);
  const end = text.indexOf("\n", at);
  return end === -1 ? `${ended(text)}${more}` : insert(text, end + 1, more);
}

function ended(text: string): string {
  return text === "" || text.endsWith("\n") ? text : `${text}${lineEnd(text)}`;
}
