// What the operator reads: structured lines by pino, every string passed through the redactor first.
import { pino } from "pino";
import type { Redact } from "./redact.ts";

export type Fields = Readonly<Record<string, string | number | boolean | null | undefined>>;

export interface Log {
  debug(message: string, fields?: Fields): void;
  info(message: string, fields?: Fields): void;
  warn(message: string, fields?: Fields): void;
  error(message: string, fields?: Fields): void;
}

export type LogLevel = "debug" | "info" | "warn" | "error" | "silent";

/** A log that writes JSON lines to `destination` (a file descriptor; 2 is stderr). */
export function createLog(options: { level: LogLevel; redact: Redact; destination?: number }): Log {
  const sink = pino(
    { level: options.level, base: null },
    pino.destination({ fd: options.destination ?? 2, sync: true }),
  );
  const clean = (fields: Fields = {}) =>
    Object.fromEntries(
      Object.entries(fields).map(([key, value]) => [key, typeof value === "string" ? options.redact(value) : value]),
    );
  return {
    debug: (message, fields) => sink.debug(clean(fields), options.redact(message)),
    info: (message, fields) => sink.info(clean(fields), options.redact(message)),
    warn: (message, fields) => sink.warn(clean(fields), options.redact(message)),
    error: (message, fields) => sink.error(clean(fields), options.redact(message)),
  };
}

/** A log that keeps nothing. */
export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} };
