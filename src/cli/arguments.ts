// The words behind a verb on the command line.
import { parseArgs, type ParseArgsConfig } from "node:util";
import { BatonError, messageOf } from "../core/errors.ts";

/** Reads flags and words as `util.parseArgs` does. Throws `invalidUsage` for what it refuses; `usage` is what the verb's --help says. */
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

/** What is wrong with a command, the forms it has (the first lines of `usage`), and where the rest of the help is. */
export function invalidUsage(why: string, usage: string, cause?: unknown): BatonError {
  const [forms = ""] = usage.split("\n\n", 1);
  const [, verb = "baton"] = /^Usage: (npm run demo --|baton \w+)/.exec(forms) ?? [];
  return new BatonError("invalid-usage", `${why}\n\n${forms}\n\n${verb} --help says more.`, { cause });
}
