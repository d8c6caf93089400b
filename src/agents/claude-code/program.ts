// The program `claude`: where it is, and how it is started so that it takes nothing from the checkout, asks nobody, keeps nothing, and
// finds the model at Baton's door.
//
// What is said here of its flags and variables is from its documentation as of 2026-11: code.claude.com/docs/en, pages cli-reference,
// headless, env-vars, llm-gateway-protocol and agent-sdk/typescript. The program itself was not at hand.
import { accessSync, constants, existsSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, isAbsolute, join } from "node:path";
import { BatonError } from "../../core/errors.ts";
import { TOOL_TIME } from "../../hands/protocol.ts";
import { bridgeAddress } from "../../hands/registries.ts";
import type { ToolName } from "../../workflows/schema.ts";

export interface Cli {
  /** Host files and folders to show, by their path inside. */
  readonly show: Readonly<Record<string, string>>;
  /** Where it is inside. */
  readonly path: string;
}

/** Inside the sandbox. */
const CLI_FOLDER = "/opt/baton/claude-code";
/** Where the files of one conversation are inside: `system.md` and `prompt.md`. */
export const FILES = "/run/baton/conversation";

/**
 * The program at `path`. Of its folder nothing is shown, unless it is a package of npm's, which needs the files beside it.
 * Throws `invalid-environment` when it is not there or cannot be run.
 */
export function findCli(path: string | undefined): Cli {
  const wrong = (why: string) =>
    new BatonError(
      "invalid-environment",
      `${why}: BATON_RUNNER=claude-code needs the absolute path of the program \`claude\` in CLAUDE_CODE_PATH. ` +
        "Install Claude Code and name it there, or leave BATON_RUNNER out.",
    );
  if (path === undefined) throw wrong("CLAUDE_CODE_PATH is missing");
  if (!isAbsolute(path)) throw wrong(`CLAUDE_CODE_PATH must be an absolute path, but is "${path}"`);
  if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true)
    throw wrong(`CLAUDE_CODE_PATH names no file: "${path}"`);
  try {
    accessSync(path, constants.X_OK);
  } catch {
    throw wrong(`CLAUDE_CODE_PATH names a file that may not be executed: "${path}"`);
  }
  const program = realpathSync(path);
  const folder = dirname(program);
  const inside = `${CLI_FOLDER}/${basename(program)}`;
  const packaged = existsSync(join(folder, "package.json"));
  return { show: packaged ? { [CLI_FOLDER]: folder } : { [inside]: program }, path: inside };
}

/** Its built-in tools, by the names of Baton's. (Documented: tools-reference.) */
const builtIn: Readonly<Partial<Record<ToolName, string>>> = {
  bash: "Bash",
  read: "Read",
  write: "Write",
  edit: "Edit",
  glob: "Glob",
  grep: "Grep",
};

/** The tools of an agent as the program names them, but for those that Baton answers itself. */
export function cliTools(tools: readonly ToolName[]): string[] {
  return tools.flatMap((tool) => builtIn[tool] ?? []);
}

/** The command line inside the sandbox. The prompt comes on stdin, because an argument may have 128 KiB at most. */
export function cliCommand(
  cli: Cli,
  { model, tools }: { model: string; tools: readonly string[] },
): [string, ...string[]] {
  return [
    "/bin/bash",
    "--norc",
    "-c",
    'exec "$@" < "$0"',
    `${FILES}/prompt.md`,
    cli.path,
    // Answers the prompt and exits, instead of opening a session for a person.
    "--print",
    // "Skipping auto-discovery of hooks, skills, custom commands, subagents, installed plugins, MCP servers, auto memory, and
    // CLAUDE.md", adds no reminders of its own to the conversation, and reads no login. The three below it say the same again, each
    // in its own way: no settings of user, project or checkout; no MCP server but those named here, which are none; no commands.
    "--bare",
    "--setting-sources=",
    "--strict-mcp-config",
    "--disable-slash-commands",
    // One JSON object a line; --verbose belongs to it.
    "--output-format",
    "stream-json",
    "--verbose",
    "--model",
    model,
    "--system-prompt-file",
    `${FILES}/system.md`,
    // "Restrict which built-in tools Claude can use."
    "--tools",
    tools.join(","),
    // Nobody is there to be asked, and the wall is the sandbox. Meant for "isolated environments … without internet access".
    "--permission-mode",
    "bypassPermissions",
    "--no-session-persistence",
  ];
}

/** Its environment besides that of every command in the sandbox. Holds no secret. */
export function cliEnvironment(model: string): Record<string, string> {
  return {
    // The door. A key is asked for by the program, not by the door.
    ANTHROPIC_BASE_URL: bridgeAddress,
    ANTHROPIC_API_KEY: "the-key-is-outside",
    // In memory, so that nothing an install left in the home folder is taken for settings.
    CLAUDE_CONFIG_DIR: "/tmp/claude-code",
    // No updates, telemetry, error reports; there is no network for them.
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
    DISABLE_TELEMETRY: "1",
    DISABLE_ERROR_REPORTING: "1",
    DISABLE_AUTOUPDATER: "1",
    // Whatever it asks a model for, it is this one.
    ANTHROPIC_MODEL: model,
    ANTHROPIC_DEFAULT_OPUS_MODEL: model,
    ANTHROPIC_DEFAULT_SONNET_MODEL: model,
    ANTHROPIC_DEFAULT_HAIKU_MODEL: model,
    CLAUDE_CODE_SUBAGENT_MODEL: model,
    // Trying again, keeping a conversation short and counting what it costs are Baton's.
    CLAUDE_CODE_MAX_RETRIES: "0",
    DISABLE_AUTO_COMPACT: "1",
    API_TIMEOUT_MS: `${24 * 3_600_000}`,
    // The same limits as Baton's own tools have.
    BASH_DEFAULT_TIMEOUT_MS: `${TOOL_TIME.usual}`,
    BASH_MAX_TIMEOUT_MS: `${TOOL_TIME.most}`,
    CLAUDE_CODE_DISABLE_BACKGROUND_TASKS: "1",
    // Fields and headers of the API that are not settled, which the door would not pass on.
    CLAUDE_CODE_DISABLE_EXPERIMENTAL_BETAS: "1",
    CLAUDE_CODE_ATTRIBUTION_HEADER: "0",
    ENABLE_TOOL_SEARCH: "false",
  };
}
