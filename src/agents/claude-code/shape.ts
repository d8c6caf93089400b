// How much a JSON text holds, counted while it comes in and before anything is made of it: millions of empty objects fit into a few
// megabytes, take gigabytes once they are parsed, and a second of Baton's own thread.

/** Values and keys of one text. A conversation that fills the largest context has some thousands. */
const MAX_VALUES = 200_000;
/** Brackets within brackets. */
const MAX_DEPTH = 200;

const [QUOTE, BACKSLASH, COMMA, OPEN_LIST, CLOSE_LIST, OPEN, CLOSE] = Buffer.from('"\\,[]{}');

/** Counts what comes, piece by piece. */
export class Shape {
  #inText = false;
  #escaped = false;
  #depth = 0;
  #values = 0;

  /** Takes the next piece; false when the text holds more than is read. */
  take(bytes: Uint8Array): boolean {
    for (const byte of bytes) {
      if (this.#escaped) this.#escaped = false;
      else if (this.#inText) {
        if (byte === QUOTE) this.#inText = false;
        else this.#escaped = byte === BACKSLASH;
      } else if (byte === QUOTE) this.#inText = true;
      else if (byte === COMMA) this.#values += 1;
      else if (byte === OPEN || byte === OPEN_LIST) {
        this.#values += 1;
        this.#depth += 1;
        if (this.#depth > MAX_DEPTH) return false;
      } else if (byte === CLOSE || byte === CLOSE_LIST) this.#depth -= 1;
    }
    return this.#values <= MAX_VALUES;
  }
}
