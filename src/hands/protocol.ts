// What the brain's side and the tool process say to each other: one JSON object per line, requests in, answers out.
// The process on the other side belongs to the attacker: what it answers is read with checks and bounds.

export interface ToolRequest {
  readonly id: number;
  readonly name: string;
  readonly input: unknown;
}

export interface ToolResponse {
  readonly id: number;
  readonly ok: boolean;
  readonly output: string;
}

/** The line the tool process says when it can take requests. */
export const READY = JSON.stringify({ ready: true });

/** Characters of a tool's output that reach the model. */
export const MAX_ANSWER = 60_000;
/** Longest line either side reads; an answer of the largest size, every character of it escaped, fits. */
export const MAX_LINE = 8 * 1024 * 1024;

/** How long a tool may take when its input does not say, and at most. Milliseconds. */
export const TOOL_TIME = { usual: 120_000, most: 600_000 } as const;

/** Keeps the head and the tail of what is longer than `limit` characters, with a mark that says how much is missing. */
export function shorten(text: string, limit: number = MAX_ANSWER): string {
  if (text.length <= limit) return text;
  const mark = (missing: number) => `\n[… ${missing} characters left out …]\n`;
  const room = limit - mark(text.length).length;
  const head = Math.ceil(room / 2);
  const tail = room - head;
  // toWellFormed: a cut may part a surrogate pair.
  return `${text.slice(0, head)}${mark(text.length - room)}${text.slice(text.length - tail)}`.toWellFormed();
}

export function parseRequest(line: string): ToolRequest | undefined {
  const value = parse(line);
  if (!isRecord(value)) return undefined;
  const { id, name, input } = value;
  return typeof id === "number" && typeof name === "string" ? { id, name, input } : undefined;
}

export function parseResponse(line: string): ToolResponse | undefined {
  const value = parse(line);
  if (!isRecord(value)) return undefined;
  const { id, ok, output } = value;
  return typeof id === "number" && typeof ok === "boolean" && typeof output === "string"
    ? { id, ok, output: shorten(output) }
    : undefined;
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Splits a stream into lines; calls `tooLong` instead when a line grows beyond `MAX_LINE`. */
export function readLines(stream: NodeJS.ReadableStream, each: (line: string) => void, tooLong: () => void): void {
  let parts: string[] = [];
  let length = 0;
  stream.setEncoding("utf8");
  stream.on("data", (chunk: string) => {
    const [first = "", ...others] = chunk.split("\n");
    for (const piece of [first, ...others.flatMap((line) => ["\n", line])]) {
      if (piece !== "\n") {
        parts.push(piece);
        length += piece.length;
        continue;
      }
      const line = parts.join("");
      parts = [];
      length = 0;
      if (line !== "") each(line);
    }
    if (length <= MAX_LINE) return;
    parts = [];
    length = 0;
    tooLong();
  });
}
