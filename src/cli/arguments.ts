// The words behind a verb on the command line.
import { parseArgs, type ParseArgsConfig } from "node:util";
import { BatonError, messageOf } from "../core/errors.ts";

/**
 * Reads flags and words as `util.parseArgs` does. Throws `invalid-usage` for what it refuses, with the verb's `usage` behind the reason.
 */
export function readArguments<T extends Omit<ParseArgsConfig, "args">>(
  argv: readonly string[],
  usage: string,
  config: T,
) {
  try {
    return parseArgs({ ...config, args: [...argv] });
  } catch (error) {
    throw invalidUsage(messageOf(error), usage, error);
  }
}

/** What is wrong with a command, and how it is written. */
export function invalidUsage(why: string, usage: string, cause?: unknown): BatonError {
  return new BatonError("invalid-usage", `${why}\n\n${usage}`, { cause });
}
