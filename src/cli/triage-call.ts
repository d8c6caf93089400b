// What one call of `baton triage` works with, whatever it is to sort.
import { createLog } from "../core/log.ts";
import { createRedact } from "../core/redact.ts";
import { readEnv, type Needs, type Source } from "../env.ts";

export interface TriageCall {
  readonly source: Source | undefined;
  readonly print: (line: string) => void;
  readonly json: boolean;
  readonly label: boolean;
  /** Fires at the first Ctrl-C. */
  readonly signal: AbortSignal;
}

/** The environment, and a journal that tells a person only what is wrong. Throws `invalid-environment`. */
export function openEnv(needs: readonly Needs[], { source }: Pick<TriageCall, "source">) {
  const env = readEnv(needs, source);
  const level = env.logLevel === "info" ? "error" : env.logLevel;
  return { env, journal: createLog({ level, redact: createRedact(env.secrets) }) };
}
