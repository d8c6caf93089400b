// Tokens by a clock that is moved by hand: used for most of their hour, replaced when GitHub rejects them, given back at the end.
import { describe, expect, test } from "vitest";
import { silentLog } from "#src/core/log.ts";
import { createInstallationTokens, type TokenRequest } from "#src/intake/installation-tokens.ts";
import { HandTiming } from "#test/support/hand-timing.ts";

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
const write: TokenRequest = { repositoryId: 1, permissions: { issues: "write" } };

class GitHub {
  readonly clock = new HandTiming();
  minted = 0;
  readonly revoked: string[] = [];
  /** Awaited before a token is minted. */
  before: () => Promise<void> = () => Promise.resolve();
  answers: (token: string) => Promise<void> = (token) => Promise.resolve(void this.revoked.push(token));

  tokens() {
    return createInstallationTokens({
      clock: this.clock,
      log: silentLog,
      mint: async () => {
        await this.before();
        this.minted += 1;
        return { token: `ghs_${this.minted}`, expiresAt: this.clock.now() + HOUR_MS };
      },
      revoke: (token) => this.answers(token),
    });
  }
}

describe("a token", () => {
  test("is given out until ten minutes before its end, then the next is", async () => {
    const github = new GitHub();
    await using tokens = github.tokens();
    expect(await tokens.tokenFor(5, write)).toMatchObject({ token: "ghs_1" });
    github.clock.forward(50 * MINUTE_MS - 1);
    expect(await tokens.tokenFor(5, write)).toMatchObject({ token: "ghs_1" });
    github.clock.forward(1);
    expect(await tokens.tokenFor(5, write)).toMatchObject({ token: "ghs_2" });
    // A run over an hour, and over two.
    github.clock.forward(HOUR_MS);
    expect(await tokens.tokenFor(5, write)).toMatchObject({ token: "ghs_3" });
  });

  test("is one for all who ask at once, also when the last one has ended", async () => {
    const github = new GitHub();
    await using tokens = github.tokens();
    const all = () => Promise.all([1, 2, 3].map(() => tokens.tokenFor(5, write)));
    expect((await all()).map(({ token }) => token)).toEqual(["ghs_1", "ghs_1", "ghs_1"]);
    github.clock.forward(HOUR_MS);
    expect((await all()).map(({ token }) => token)).toEqual(["ghs_2", "ghs_2", "ghs_2"]);
  });

  test("is for one installation, repository and set of permissions", async () => {
    const github = new GitHub();
    await using tokens = github.tokens();
    await tokens.tokenFor(5, write);
    await tokens.tokenFor(6, write);
    await tokens.tokenFor(5, { ...write, repositoryId: 2 });
    await tokens.tokenFor(5, { ...write, permissions: { issues: "read" } });
    expect(github.minted).toBe(4);
  });

  test("that GitHub rejects is replaced once, however many noticed", async () => {
    const github = new GitHub();
    await using tokens = github.tokens();
    const { token } = await tokens.tokenFor(5, write);
    const fresh = await Promise.all([1, 2, 3].map(() => tokens.tokenFor(5, write, token)));
    expect(fresh.map((one) => one.token)).toEqual(["ghs_2", "ghs_2", "ghs_2"]);
    // Somebody who notices late does not throw the new one away.
    expect(await tokens.tokenFor(5, write, token)).toMatchObject({ token: "ghs_2" });
  });

  test("that could not be had is asked for again by the next", async () => {
    const github = new GitHub();
    await using tokens = github.tokens();
    github.before = () => Promise.reject(new Error("502"));
    await expect(tokens.tokenFor(5, write)).rejects.toThrow("502");
    github.before = () => Promise.resolve();
    expect(await tokens.tokenFor(5, write)).toMatchObject({ token: "ghs_1" });
  });
});

describe("giving back", () => {
  test("happens five minutes after the last use", async () => {
    const github = new GitHub();
    await using tokens = github.tokens();
    await tokens.tokenFor(5, write);
    github.clock.forward(4 * MINUTE_MS);
    await tokens.tokenFor(5, write);
    github.clock.forward(5 * MINUTE_MS - 1);
    await tokens.sweep();
    expect(github.revoked).toEqual([]);
    github.clock.forward(1);
    await tokens.sweep();
    expect(github.revoked).toEqual(["ghs_1"]);
    expect(await tokens.tokenFor(5, write)).toMatchObject({ token: "ghs_2" });
  });

  test("happens at the end, but not of what has ended by itself, nor of what was never had", async () => {
    const github = new GitHub();
    const tokens = github.tokens();
    await tokens.tokenFor(5, write);
    github.clock.forward(HOUR_MS);
    await tokens.tokenFor(6, write);
    await tokens.tokenFor(7, write);
    github.before = () => Promise.reject(new Error("502"));
    await tokens.tokenFor(8, write).catch(() => undefined);
    await tokens[Symbol.asyncDispose]();
    expect(github.revoked.toSorted()).toEqual(["ghs_2", "ghs_3"]);
  });

  test("holds nobody up when GitHub does not answer, and fails for nobody", async () => {
    const github = new GitHub();
    const tokens = github.tokens();
    await tokens.tokenFor(5, write);
    await tokens.tokenFor(6, write);
    github.answers = (token) => (token === "ghs_1" ? new Promise(() => {}) : Promise.reject(new Error("reset")));
    const began = performance.now();
    await tokens[Symbol.asyncDispose]();
    expect(performance.now() - began).toBeLessThan(10_000);
  });
});
