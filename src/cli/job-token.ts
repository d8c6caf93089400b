// The token by which a job of GitHub Actions proves to others which job it is. Only jobs with the permission `id-token: write` get one.
import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import { BatonError, messageOf } from "../core/errors.ts";

/** Where a job asks for its tokens: `ACTIONS_ID_TOKEN_REQUEST_URL` and `ACTIONS_ID_TOKEN_REQUEST_TOKEN`. Good as long as the job. */
export interface JobTokenDoor {
  readonly url: string;
  readonly token: string;
}

const TIMEOUT_MS = 20_000;
/** Before the next tries, in milliseconds. */
const PATIENCE_MS = [500, 2_000, 5_000];

const Answer = z.object({ value: z.string().min(1) });

/**
 * A fresh signed token (JWT) for `audience`; it lives for minutes, so ask for it right before it is used. Throws `github-failed` when
 * GitHub gives none.
 */
export async function jobToken({ url, token }: JobTokenDoor, audience: string): Promise<string> {
  const address = new URL(url);
  address.searchParams.set("audience", audience);
  for (const pause of [...PATIENCE_MS, undefined]) {
    try {
      const response = await fetch(address, {
        headers: { authorization: `Bearer ${token}`, accept: "application/json; api-version=2.0" },
        redirect: "error",
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      if (!response.ok) throw new Error(`the answer was ${response.status}`);
      return Answer.parse(await response.json()).value;
    } catch (error) {
      if (pause === undefined)
        throw new BatonError(
          "github-failed",
          `GitHub gave this job no token that proves which job it is: ${messageOf(error)}`,
          { cause: error, retryable: true },
        );
      await delay(pause);
    }
  }
  throw new Error("unreachable");
}
