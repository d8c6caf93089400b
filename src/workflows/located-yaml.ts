// Reads YAML that people wrote into plain values that remember where they stood.
// Only the plain part of YAML is taken: mappings, lists, text, numbers, yes/no, nothing. Anchors, aliases and tags are refused
// (they make a file mean something else than it shows, and a few lines of them grow to gigabytes), and so are duplicate keys.
import { isAlias, isMap, isScalar, isSeq, parseDocument, type Node } from "yaml";
import { quote, type Problem } from "./source-file.ts";

/** More YAML than this is refused unread; it keeps the worst case under 100 ms. */
export const MAX_YAML_BYTES = 16 * 1024;
const MAX_DEPTH = 20;
/** Broken YAML gives a problem per character; only so many are put into words. */
const MAX_SYNTAX_PROBLEMS = 100;

/** A value and where it stands. `entries` are the values inside it, by key or index. */
export interface Located {
  readonly value: unknown;
  /** Offset of the value in the file. */
  readonly offset: number;
  /** Offset of its key in the file; for a list entry, of the value. */
  readonly keyOffset: number;
  readonly entries: ReadonlyMap<string, Located>;
}

/** Parses `yaml`, which stands at `start` of its file. An empty text is an empty mapping. Never throws. `maxBytes` only for who may be trusted with more. */
export function parseLocatedYaml(
  yaml: string,
  start: number,
  maxBytes = MAX_YAML_BYTES,
): { type: "ok"; root: Located } | { type: "invalid"; problems: Problem[] } {
  if (Buffer.byteLength(yaml, "utf8") > maxBytes) {
    const message = `more than ${maxBytes / 1_024} KiB of YAML — make it shorter`;
    return { type: "invalid", problems: [{ offset: start, message }] };
  }
  const document = parseQuickly(yaml);
  // Tags are refused one by one below.
  const found = [...document.errors, ...document.warnings].filter(({ code }) => code !== "TAG_RESOLVE_FAILED");
  // What is missing at the end is shown behind the last thing that is there.
  const end = yaml.trimEnd().length;
  const problems: Problem[] = found.slice(0, MAX_SYNTAX_PROBLEMS).map(({ code, pos, message }) => {
    const offset = Math.min(pos[0], end);
    const what = `${message.split("\n")[0]} (${quote(lineAround(yaml, offset))})`;
    return { offset: start + offset, message: `${what} — ${advice[code] ?? "mend the YAML here"}` };
  });
  const root = locate(document.contents, { offset: start, keyOffset: start, depth: 0 }, start, problems);
  if (problems.length > 0) return { type: "invalid", problems };
  return { type: "ok", root: root.value === null ? { ...root, value: {} } : root };
}

/** The library makes an Error object per problem, and broken text has thousands: their stack traces, which nobody reads, would be four fifths of the time. */
function parseQuickly(yaml: string): ReturnType<typeof parseDocument> {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    // Duplicate keys are found below: the library compares every key with every other one.
    return parseDocument(yaml, { prettyErrors: false, uniqueKeys: false, stringKeys: true, logLevel: "error" });
  } finally {
    Error.stackTraceLimit = limit;
  }
}

const advice: Readonly<Record<string, string>> = {
  BAD_ALIAS: "write the value out, or put it in quotes if it is text",
  BAD_INDENT: "indent it like its neighbours, with spaces",
  BAD_SCALAR_START: "put the text in quotes",
  BAD_DQ_ESCAPE: "write \\\\ for a backslash, or use single quotes",
  BLOCK_AS_IMPLICIT_KEY: "put the text in quotes, or begin a new line",
  IMPOSSIBLE: "make it simpler",
  MISSING_CHAR: "close it",
  MULTILINE_IMPLICIT_KEY: "put a colon behind the key, or the text in quotes",
  MULTIPLE_DOCS: "keep one document: take the line --- out",
  NON_STRING_KEY: "use a plain word as key",
  TAB_AS_INDENT: "indent with spaces",
  UNEXPECTED_TOKEN: "take it out, or put the text in quotes",
};

interface Place {
  readonly offset: number;
  readonly keyOffset: number;
  readonly depth: number;
}

function locate(node: Node | null | undefined, place: Place, start: number, problems: Problem[]): Located {
  const offset = node?.range ? start + node.range[0] : place.offset;
  const here = { offset, keyOffset: place.keyOffset };
  const refuse = (message: string): Located => {
    problems.push({ offset, message });
    return { ...here, value: undefined, entries: new Map() };
  };
  if (node === null || node === undefined) return { ...here, value: null, entries: new Map() };
  if (isAlias(node))
    return refuse(
      `aliases are not taken (*${node.source}) — write the value out; put text that begins with * in quotes`,
    );
  if ("anchor" in node && typeof node.anchor === "string")
    return refuse(`anchors are not taken (&${node.anchor}) — take it out, and write the value out where it is used`);
  if (typeof node.tag === "string") return refuse(`tags are not taken (${quote(node.tag)}) — write the plain value`);
  if (isScalar(node)) return { ...here, value: node.value, entries: new Map() };
  if (place.depth >= MAX_DEPTH) return refuse(`nested deeper than ${MAX_DEPTH} levels — make it flatter`);
  const entries = new Map<string, Located>();
  if (isSeq(node)) {
    for (const [index, item] of node.items.entries()) {
      const inner = { offset, keyOffset: offset, depth: place.depth + 1 };
      const entry = locate(isNode(item) ? item : null, inner, start, problems);
      entries.set(String(index), { ...entry, keyOffset: entry.offset });
    }
    return { ...here, value: [...entries.values()].map(({ value }) => value), entries };
  }
  if (!isMap(node)) return refuse("this is no plain value — write a mapping, a list or text");
  for (const pair of node.items) {
    const name = isScalar(pair.key) ? String(pair.key.value) : "";
    const at = isNode(pair.key) && pair.key.range ? start + pair.key.range[0] : offset;
    if (isNode(pair.key)) locate(pair.key, { offset: at, keyOffset: at, depth: place.depth + 1 }, start, problems);
    if (name === "__proto__") problems.push({ offset: at, message: `unknown key "__proto__" — take it out` });
    if (entries.has(name))
      problems.push({ offset: at, message: `the key ${quote(name)} is here twice — keep one of them` });
    const inner = { offset: at, keyOffset: at, depth: place.depth + 1 };
    entries.set(name, locate(isNode(pair.value) ? pair.value : null, inner, start, problems));
  }
  return { ...here, value: Object.fromEntries([...entries].map(([key, entry]) => [key, entry.value])), entries };
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && "range" in value;
}

function lineAround(text: string, offset: number): string {
  const from = text.lastIndexOf("\n", Math.max(0, offset - 1)) + 1;
  const end = text.indexOf("\n", from);
  return text.slice(Math.max(from, offset - 200), Math.min(end === -1 ? text.length : end, offset + 200)).trim();
}

/** The value at a path, or the nearest one around it that exists. */
export function at(root: Located, path: readonly PropertyKey[]): { located: Located; found: boolean } {
  let located = root;
  for (const key of path) {
    const next = located.entries.get(String(key));
    if (!next) return { located, found: false };
    located = next;
  }
  return { located, found: true };
}
