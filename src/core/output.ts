// Output of a program, kept within a bound however much of it there is: the head, the tail, and how much is missing between them.

export interface Output {
  add(chunk: Uint8Array): void;
  readonly truncated: boolean;
  /** The text kept; invalid UTF-8 is replaced, and no character is cut in half at the mark. */
  text(): string;
}

/** Keeps at most `maxBytes` bytes (the mark not counted): one half from the beginning, the rest from the end. */
export function createOutput(maxBytes: number): Output {
  const limit = Math.max(0, Math.floor(maxBytes));
  const headLimit = Math.ceil(limit / 2);
  const tailLimit = limit - headLimit;
  const head: Uint8Array[] = [];
  let tail: Uint8Array[] = [];
  let headBytes = 0;
  let tailBytes = 0;
  let total = 0;

  const shorten = () => {
    const kept = Buffer.concat(tail);
    tail = [kept.subarray(Math.max(0, kept.length - tailLimit))];
    tailBytes = Math.min(kept.length, tailLimit);
  };

  return {
    add(chunk) {
      total += chunk.length;
      const first = chunk.subarray(0, headLimit - headBytes);
      if (first.length > 0) head.push(first);
      headBytes += first.length;
      // Only the end of a chunk can be part of the tail; a copy, so that a large chunk is not held for a small rest.
      const rest = chunk.subarray(first.length).subarray(-Math.max(tailLimit, 1));
      if (rest.length > 0) tail.push(tailLimit === 0 ? new Uint8Array() : Buffer.from(rest));
      tailBytes += rest.length;
      if (tailBytes > 2 * tailLimit + 4096) shorten();
    },
    get truncated() {
      return total > limit;
    },
    text() {
      if (total <= limit) return Buffer.concat([...head, ...tail]).toString("utf8");
      shorten();
      const start = wholeCharactersBefore(Buffer.concat(head));
      const end = wholeCharactersAfter(Buffer.concat(tail));
      const missing = total - start.length - end.length;
      return `${start.toString("utf8")}\n[… ${missing} bytes left out …]\n${end.toString("utf8")}`;
    },
  };
}

const continues = (byte: number | undefined) => byte !== undefined && (byte & 0b1100_0000) === 0b1000_0000;

function wholeCharactersBefore(bytes: Buffer): Buffer {
  for (let back = 1; back <= Math.min(4, bytes.length); back += 1) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (continues(byte)) continue;
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return length > back ? bytes.subarray(0, bytes.length - back) : bytes;
  }
  return bytes;
}

function wholeCharactersAfter(bytes: Buffer): Buffer {
  let start = 0;
  while (start < Math.min(3, bytes.length) && continues(bytes[start])) start += 1;
  return bytes.subarray(start);
}
