// Baton's one error class and the table of its codes.
// Expected outcomes are values in a union; an exception means a bug or broken infrastructure,
// or a refusal at a door that a person will read (environment, config, command line).

/** Every code a `BatonError` may carry, with what it means. */
export const errorCodes = {
  "invalid-id": "a value is not the id it should be",
  "invalid-environment": "an environment variable is missing or malformed",
  "invalid-config": "a config, workflow or agent file is malformed",
  "invalid-usage": "the command line asks for something that does not exist",
  "invalid-event": "a stored event does not match its schema",
  "not-found": "something named does not exist",
  "git-failed": "a git command failed",
  "import-refused": "work from a workspace breaks the import policy",
  "sandbox-missing": "the sandbox cannot be started on this machine",
  "sandbox-failed": "the sandbox or the tool process in it broke",
  "model-failed": "the model could not be reached or answered with an error",
  "github-failed": "GitHub could not be reached or answered with an error",
  "database-failed": "the database could not be reached or refused",
  "fence-lost": "another driver has taken this run over",
  "run-taken": "another unfinished run works on the same subject",
  "unscripted-call": "the scripted model was asked something nobody scripted",
  "disk-full": "there is no space left on the device",
} as const;

export type ErrorCode = keyof typeof errorCodes;

/**
 * The message says what was wrong, with the value, and what to do. `retryable` means: the same call may work later;
 * `retryAt` (milliseconds since 1970), where it is known: not before then.
 */
export class BatonError extends Error {
  override readonly name = "BatonError";
  readonly code: ErrorCode;
  readonly retryable: boolean;
  readonly retryAt: number | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    options: { cause?: unknown; retryable?: boolean; retryAt?: number | undefined } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryable = options.retryable ?? options.retryAt !== undefined;
    this.retryAt = options.retryAt;
  }
}

/** The message of anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Ends a switch over a union: the compiler refuses the call while a case is missing. */
export function assertNever(value: never): never {
  throw new Error(`unexpected case: ${JSON.stringify(value)}`);
}
