// Host git, for Baton's own bare repositories and for nothing else. It reads no configuration but what is written here.
import type { CommandResult, Execute } from "../core/command.ts";
import { BatonError } from "../core/errors.ts";
import { commandLine } from "../core/exec.ts";
import { diskFull, ranOutOfSpace } from "./space.ts";

export type Protocol = "https" | "http" | "file";

export interface GitCall {
  readonly args: readonly [string, ...string[]];
  /** The repository: a bare one's folder, or a clone no agent has been in. */
  readonly at: string;
  readonly stdin?: string;
  /** The one way this call may fetch by; none when absent. */
  readonly protocol?: Protocol;
  readonly config?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  /** Milliseconds; default one minute. */
  readonly timeoutMs?: number;
  /** Bytes of output; default 64 MiB. More is an error unless `cut` says that a shortened one will do. */
  readonly maxOutputBytes?: number;
  readonly cut?: boolean;
}

export interface Git {
  /** The result, whatever it is. Throws only when aborted, out of disk space, or when git is not there. */
  attempt(call: GitCall, signal: AbortSignal): Promise<CommandResult>;
  /** What it printed. Throws `git-failed` when it did not succeed. */
  run(call: GitCall, signal: AbortSignal): Promise<string>;
}

const MINUTE = 60_000;

/** Harmless mistakes in old history, common in well-known repositories. They are let in from a remote, never from a workspace. */
const forgiven = [
  "zeroPaddedFilemode",
  "badTimezone",
  "missingSpaceBeforeDate",
  "missingSpaceBeforeEmail",
  "missingNameBeforeEmail",
  "missingEmail",
  "badEmail",
  "badDate",
  "gitmodulesParse",
];

/** Added to a call that fetches from a remote repository. */
export const lenient: Readonly<Record<string, string>> = Object.fromEntries(
  forgiven.map((mistake) => [`fetch.fsck.${mistake}`, "warn"]),
);

const settings: Readonly<Record<string, string>> = {
  "core.hooksPath": "/dev/null",
  "core.fsmonitor": "false",
  "core.attributesFile": "/dev/null",
  "core.excludesFile": "/dev/null",
  "core.autocrlf": "false",
  "core.protectHFS": "true",
  "core.protectNTFS": "true",
  // Blobs above this are streamed, not held in memory: a small pack can unfold to a large file.
  "core.bigFileThreshold": "4m",
  "credential.helper": "",
  "fetch.recurseSubmodules": "false",
  "submodule.recurse": "false",
  "transfer.fsckObjects": "true",
  "http.followRedirects": "initial",
  "gc.auto": "0",
  "maintenance.auto": "false",
  "init.defaultBranch": "baton",
  "advice.detachedHead": "false",
  "protocol.allow": "never",
};

/** Whose name the commits bear that host git makes, all of them Baton's own. */
const person = { name: "Baton", email: "baton@localhost" };
export const committer = `${person.name} <${person.email}>`;

const surroundings: Readonly<Record<string, string>> = {
  PATH: "/usr/local/bin:/usr/bin:/bin:/opt/homebrew/bin",
  HOME: "/nonexistent",
  LC_ALL: "C",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_TERMINAL_PROMPT: "0",
  GIT_ASKPASS: "false",
  GIT_SSH_COMMAND: "false",
  GIT_NO_REPLACE_OBJECTS: "1",
  GIT_LITERAL_PATHSPECS: "1",
  GIT_AUTHOR_NAME: person.name,
  GIT_AUTHOR_EMAIL: person.email,
  GIT_COMMITTER_NAME: person.name,
  GIT_COMMITTER_EMAIL: person.email,
};

export function createGit(execute: Execute): Git {
  const attempt: Git["attempt"] = async (call, signal) => {
    const config = {
      ...settings,
      ...(call.protocol === undefined ? {} : { [`protocol.${call.protocol}.allow`]: "always" }),
      ...call.config,
    };
    const result = await execute(
      {
        argv: ["git", ...call.args],
        cwd: call.at,
        env: { ...surroundings, ...configEnvironment(config), ...call.env },
        ...(call.stdin === undefined ? {} : { stdin: call.stdin }),
        timeoutMs: call.timeoutMs ?? MINUTE,
        maxOutputBytes: call.maxOutputBytes ?? 64 * 1024 ** 2,
      },
      signal,
    );
    if (result.aborted) throw new BatonError("git-failed", `git ${call.args[0]} was aborted`, { cause: signal.reason });
    if (result.startFailure !== undefined)
      throw new BatonError("git-failed", `git cannot be run (${result.startFailure}); install git 2.38 or later`);
    if (result.exitCode !== 0 && (await ranOutOfSpace(result.stderr, call.at)))
      throw diskFull(`git ${call.args[0]}`, call.at);
    return result;
  };
  return {
    attempt,
    async run(call, signal) {
      const result = await attempt(call, signal);
      if (result.exitCode !== 0 || result.timedOut) throw gitFailed(call, result);
      if (result.truncated && call.cut !== true)
        throw new BatonError("git-failed", `git ${call.args[0]} printed more than Baton reads`);
      return result.stdout;
    },
  };
}

export function gitFailed(call: GitCall, result: CommandResult): BatonError {
  const how = result.timedOut
    ? `took longer than ${Math.round((call.timeoutMs ?? MINUTE) / 1000)} s`
    : `ended with ${result.exitCode ?? result.signal}`;
  return new BatonError(
    "git-failed",
    `${commandLine({ argv: ["git", ...call.args] })} ${how}: ${result.stderr.trim().slice(-2_000)}`,
    {
      retryable:
        result.timedOut || /Could not resolve|timed out|connection|early EOF|RPC failed| 5\d\d/i.test(result.stderr),
    },
  );
}

/** Configuration by environment: it is not seen in the process list, which matters for a credential. */
function configEnvironment(config: Readonly<Record<string, string>>): Record<string, string> {
  const pairs = Object.entries(config);
  return {
    GIT_CONFIG_COUNT: `${pairs.length}`,
    ...Object.fromEntries(
      pairs.flatMap(([key, value], index) => [
        [`GIT_CONFIG_KEY_${index}`, key],
        [`GIT_CONFIG_VALUE_${index}`, value],
      ]),
    ),
  };
}
