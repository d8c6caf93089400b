// Runs one command on the host to its end. What is not Baton's own program belongs in the sandbox instead.
import type { Command, CommandResult, Execute } from "./command.ts";
import { executeHere } from "./exec-here.ts";
import type { ProcessOptions } from "./process.ts";
import { readyStarter } from "./starter.ts";

/**
 * Runs a command in its own process group with exactly `env ?? {}` as its environment.
 * At the end of the program, at `timeoutMs`, or when `signal` aborts, the whole group ends: SIGTERM, then SIGKILL one second later.
 * A process that left the group (a daemon) is not killed, but not waited for either. Never throws: every failure is in the result.
 */
export const execute: Execute = (command, signal) =>
  executeAs(command, { argv: command.argv, cwd: command.cwd, env: command.env ?? {} }, signal);

/**
 * Runs `command` by starting another program in its place (a sandbox around it), with the command's input, limits and result.
 * What `epilogue` returns is added to stderr at the end, before the output is hashed.
 */
export async function executeAs(
  command: Command,
  launch: ProcessOptions,
  signal: AbortSignal,
  epilogue?: () => string,
): Promise<CommandResult> {
  const starter = epilogue === undefined ? readyStarter() : undefined;
  return await (starter ? starter.run(command, launch, signal) : executeHere(command, launch, signal, epilogue));
}

/** What a command was asked to do, for messages: its argv, quoted where a shell would need it. */
export function commandLine(command: Pick<Command, "argv">): string {
  return command.argv.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : JSON.stringify(word))).join(" ");
}
