// Tokens of installations: each for one repository and few permissions, kept while it is used and given back when it is not.
//
// GitHub's tokens live an hour. One is given out until ten minutes before its end, then the next is asked for; one that
// GitHub rejects is forgotten at once. What nobody has used for some minutes is revoked, and so is everything at the end;
// a process that dies leaves its tokens to their hour.
import { setTimeout as delay } from "node:timers/promises";
import type { Clock } from "../core/clock.ts";
import { messageOf } from "../core/errors.ts";
import type { Log } from "../core/log.ts";

export interface TokenRequest {
  readonly repositoryId: number;
  /** Instead of the id, where that is not known. */
  readonly repositoryName?: string;
  readonly permissions: Readonly<
    Partial<Record<"actions" | "checks" | "contents" | "issues" | "metadata" | "pull_requests", "read" | "write">>
  >;
}

export interface InstallationToken {
  readonly token: string;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
}

export interface InstallationTokens extends AsyncDisposable {
  /** `rejected`: a token given out earlier that GitHub no longer accepts. Throws what asking for one throws. */
  tokenFor(installationId: number, request: TokenRequest, rejected?: string): Promise<InstallationToken>;
  /** Revokes what nobody has used for a while. */
  sweep(): Promise<void>;
}

export interface InstallationTokensOptions {
  readonly mint: (installationId: number, request: TokenRequest) => Promise<InstallationToken>;
  /** Gives a token back to GitHub. */
  readonly revoke: (token: string) => Promise<void>;
  readonly clock: Clock;
  readonly log: Log;
  /** Milliseconds without use after which a token is revoked. Default five minutes: longer than any request, and than git takes to begin its own. */
  readonly idleMs?: number;
}

/** A token this close to its end is not given out any more, in milliseconds. */
const LAST_MINUTES_MS = 600_000;
const IDLE_MS = 300_000;
const SWEEP_MS = 60_000;
/** Revoking is a courtesy: the end of a process does not wait longer for it, in milliseconds. */
const REVOKE_MS = 3_000;

interface Kept {
  readonly minted: Promise<InstallationToken>;
  usedAt: number;
}

export function createInstallationTokens(options: InstallationTokensOptions): InstallationTokens {
  const { mint, revoke, clock, log, idleMs = IDLE_MS } = options;
  const kept = new Map<string, Kept>();

  async function tokenFor(
    installationId: number,
    request: TokenRequest,
    rejected?: string,
  ): Promise<InstallationToken> {
    const key = JSON.stringify([installationId, request]);
    for (;;) {
      const known = kept.get(key);
      if (!known) {
        const fresh = { minted: mint(installationId, request), usedAt: clock.now() };
        kept.set(key, fresh);
        fresh.minted.catch(() => forget(key, fresh));
        return await fresh.minted;
      }
      known.usedAt = clock.now();
      const { token, expiresAt } = await known.minted;
      if (token !== rejected && expiresAt - LAST_MINUTES_MS > clock.now()) return { token, expiresAt };
      // Whoever comes here first makes room for the next one; the others find it.
      forget(key, known);
    }
  }

  function forget(key: string, one: Kept): void {
    if (kept.get(key) === one) kept.delete(key);
  }

  async function giveBack(which: (one: Kept) => boolean): Promise<void> {
    const gone = [...kept].filter(([, one]) => which(one));
    for (const [key, one] of gone) forget(key, one);
    const revoked = Promise.all(
      gone.map(async ([, { minted }]) => {
        try {
          const { token, expiresAt } = await minted;
          if (expiresAt > clock.now()) await revoke(token);
        } catch (error) {
          log.debug("a token was not given back; it ends by itself within the hour", { error: messageOf(error) });
        }
      }),
    );
    const enough = new AbortController();
    await Promise.race([revoked, delay(REVOKE_MS, undefined, { signal: enough.signal }).catch(() => undefined)]);
    enough.abort();
  }

  const sweep = () => giveBack(({ usedAt }) => clock.now() - usedAt >= idleMs);
  const timer = setInterval(() => void sweep(), SWEEP_MS);
  timer.unref();

  return {
    tokenFor,
    sweep,
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await giveBack(() => true);
    },
  };
}
