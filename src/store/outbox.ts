// Writes to GitHub, recorded before they are tried: after a crash the entry says what may already have happened.
import type { RunId } from "../core/ids.ts";

export interface OutboxEntry {
  /** Names one write for ever; made by the publisher from the occasion. */
  readonly key: string;
  readonly run: RunId | undefined;
  readonly kind: string;
  /** JSON, as it was recorded the first time. */
  readonly payload: unknown;
  /** JSON that `done` was given, undefined before that. */
  readonly result: unknown | undefined;
  /** How often the write was begun, this time included. */
  readonly tries: number;
  /** Milliseconds since 1970 by the store's clock. */
  readonly doneAt: number | undefined;
}

export interface Outbox {
  /** Records a write before it is tried; when the key is known gives the earlier entry with one more try counted. */
  record(entry: { key: string; run: RunId | undefined; kind: string; payload: unknown }): Promise<OutboxEntry>;
  /** The write happened, and this is what came of it. */
  done(key: string, result: unknown): Promise<void>;
  read(key: string): Promise<OutboxEntry | undefined>;
  /** Recorded and not done, oldest first. */
  pending(): Promise<OutboxEntry[]>;
}
