// What went wrong with a database, in words that tell people what to do.
import { BatonError, messageOf } from "../core/errors.ts";

/** The five-character SQLSTATE of a database's refusal; undefined when the error is about the connection. */
export function sqlState(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if ("severity" in error && "code" in error && typeof error.code === "string") return error.code;
  return sqlState(error.cause);
}

/** True when the refusal names this unique constraint or index. */
export function violates(error: unknown, constraint: string): boolean {
  if (!(error instanceof Error)) return false;
  if ("constraint" in error && error.constraint === constraint) return true;
  return violates(error.cause, constraint);
}

function hints(state: string): string | undefined {
  if (state === "28P01") return "the password in the address is wrong";
  if (state.startsWith("28"))
    return "the server does not let this user in: check the user in the address and pg_hba.conf";
  if (state === "3D000") return "there is no such database: create it with createdb, or mend the name in the address";
  if (state === "42501") return "the user may not create or use Baton's tables: grant it CREATE on the database";
  if (state === "25006") return "the server takes no writes (a standby?): use the address of the primary";
  if (state === "53300") return "the server has no free connection: raise max_connections or start fewer Batons";
  if (state.startsWith("57P")) return "the server is starting or stopping: try again in a moment";
  return undefined;
}

/** Classes of SQLSTATE that pass by themselves: connection, deadlock and serialisation, resources, shutdown. */
const passing = ["08", "40", "53", "57"];

/** Wraps what a driver threw; `name` says which database, without its password. */
export function databaseError(error: unknown, name: string): BatonError {
  if (error instanceof BatonError) return error;
  const text = messageOf(error) || (error instanceof AggregateError ? error.errors.map(messageOf).join("; ") : "");
  const state = sqlState(error);
  if (state === "53100" || /ENOSPC|No space left on device/i.test(text))
    return new BatonError("disk-full", `no space left for the database at ${name}: free some and start again`, {
      cause: error,
      retryable: true,
    });
  if (state === undefined)
    return new BatonError("database-failed", `the database at ${name} cannot be reached: ${text}`, {
      cause: error,
      retryable: true,
    });
  const hint = hints(state);
  return new BatonError("database-failed", `the database at ${name} refused: ${text}${hint ? ` (${hint})` : ""}`, {
    cause: error,
    retryable: passing.some((group) => state.startsWith(group)),
  });
}
