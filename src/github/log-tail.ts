// The end of a text that GitHub keeps elsewhere: the log of a job, at an address that is good for a minute and holds its own key. Nothing
// of Baton's goes there: no token, no header.
import { messageOf } from "../core/errors.ts";
import type { Log } from "../core/log.ts";

/** Of a longer text nothing is told: its end would cost more than it is worth. */
const MOST_READ = 50_000_000;
const TIMEOUT_MS = 20_000;

/** The last `most` bytes, as text; "" where they cannot be read. Never throws. */
export async function tailOf(url: URL, most: number, log: Log): Promise<string> {
  try {
    const response = await fetch(url, { redirect: "error", signal: AbortSignal.timeout(TIMEOUT_MS) });
    if (!response.ok || !response.body) throw new Error(`status ${response.status}`);
    let kept: Uint8Array[] = [];
    let [held, read] = [0, 0];
    for await (const chunk of response.body) {
      read += chunk.length;
      if (read > MOST_READ) throw new Error(`longer than ${MOST_READ} bytes`);
      kept.push(chunk);
      held += chunk.length;
      if (held < 2 * most + 65_536) continue;
      const end = Buffer.concat(kept).subarray(-most);
      kept = [Buffer.from(end)];
      held = end.length;
    }
    return Buffer.concat(kept).subarray(-most).toString("utf8");
  } catch (error) {
    log.info("the log of a job could not be read", { host: url.host, error: messageOf(error) });
    return "";
  }
}
