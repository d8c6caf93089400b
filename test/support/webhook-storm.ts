// A storm of webhooks against a listening server: good ones, the same ones again, badly signed, malformed and very large ones, at a
// steady pace whatever the server does. What each was answered, and how long that took, is counted.
import { createHash, createHmac } from "node:crypto";
import { Agent, request } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { numbersFrom } from "./numbers.ts";
import { commentPayload } from "#test/support/intake-world.ts";

export interface StormOptions {
  /** Where deliveries are POSTed to. */
  readonly url: string;
  readonly secret: string;
  readonly count: number;
  /** Over which they are spread evenly. */
  readonly seconds: number;
  readonly seed: number;
  /** Shares of the whole; the rest is good and small. Default 20 % duplicates, 5 % badly signed, 1 % malformed, 2 % over 1 MB. */
  readonly mix?: Mix;
}

export interface Mix {
  readonly duplicate: number;
  readonly unsigned: number;
  readonly malformed: number;
  readonly large: number;
}

export const usualMix: Mix = { duplicate: 0.2, unsigned: 0.05, malformed: 0.01, large: 0.02 };

export interface Storm {
  /** SHA-256 of the body of every good delivery, by its id. */
  readonly good: ReadonlyMap<string, string>;
  /** Ids of those that must leave no trace. */
  readonly bad: ReadonlySet<string>;
  /** Answers by kind and status: "good 202" → 7,100. */
  readonly answers: Readonly<Record<string, number>>;
  /** Milliseconds from when each was to be sent to its answer, ascending. */
  readonly times: readonly number[];
  readonly wrong: readonly string[];
  readonly seconds: number;
}

type Kind = "good" | "duplicate" | "unsigned" | "malformed" | "large";
interface Planned {
  readonly kind: Kind;
  readonly id: string;
  readonly body: Buffer;
  readonly headers: Readonly<Record<string, string>>;
}

const LARGE_BYTES = 1_100_000;
const ANSWER_MS = 60_000;

/** The value below which this part of the times lies. */
export function quantile(times: readonly number[], part: number): number {
  return times[Math.min(times.length - 1, Math.floor(times.length * part))] ?? Number.NaN;
}

/** Sends everything and waits for the last answer. */
export async function sendStorm(options: StormOptions): Promise<Storm> {
  const { url, count, seconds } = options;
  const good = new Map<string, string>();
  const bad = new Set<string>();
  const answers: Record<string, number> = {};
  const times: number[] = [];
  const wrong: string[] = [];
  const first = new Map<string, number>();
  const agent = new Agent({ keepAlive: true, maxSockets: 256 });
  const plan = planOf(options);
  const begun = performance.now();
  const sent: Promise<void>[] = [];
  for (let number = 0; number < count; number += 1) {
    const due = begun + (number / count) * seconds * 1_000;
    const early = due - performance.now();
    if (early > 1) await delay(early);
    const one = plan(number);
    if (one.kind === "good" || one.kind === "large") good.set(one.id, sha256(one.body));
    else if (one.kind !== "duplicate") bad.add(one.id);
    sent.push(
      post(url, one, agent).then((status) => {
        times.push(performance.now() - due);
        const name = `${one.kind} ${status}`;
        answers[name] = (answers[name] ?? 0) + 1;
        if (status === 202) first.set(one.id, (first.get(one.id) ?? 0) + 1);
        if (!allowed[one.kind].includes(status)) wrong.push(`a ${one.kind} delivery was answered ${status}`);
      }),
    );
  }
  await Promise.all(sent);
  agent.destroy();
  for (const id of good.keys())
    if (first.get(id) !== 1) wrong.push(`${id} was taken as new ${first.get(id) ?? 0} times`);
  return {
    good,
    bad,
    answers,
    times: times.toSorted((a, b) => a - b),
    wrong,
    seconds: (performance.now() - begun) / 1_000,
  };
}

const allowed: Readonly<Record<Kind, readonly number[]>> = {
  good: [202, 200],
  large: [202, 200],
  duplicate: [202, 200],
  unsigned: [401],
  malformed: [400],
};

function planOf({ secret, seed, mix = usualMix }: StormOptions): (number: number) => Planned {
  const random = numbersFrom(seed);
  const sign = (body: Buffer, key = secret) => `sha256=${createHmac("sha256", key).update(body).digest("hex")}`;
  const earlier: Planned[] = [];
  const comment = (number: number, bytes = 0) =>
    Buffer.from(
      JSON.stringify(commentPayload(`comment ${number} ${"x".repeat(bytes)}`, { comment: { id: number + 1 } })),
    );
  const usual = (id: string, body: Buffer) => ({
    "content-type": "application/json",
    "x-github-event": "issue_comment",
    "x-github-delivery": id,
    "x-hub-signature-256": sign(body),
  });
  return (number) => {
    const id = `storm-${seed}-${number}`;
    const draw = random();
    const again = earlier[Math.floor(random() * earlier.length)];
    let edge = mix.duplicate;
    if (draw < edge && again) return { ...again, kind: "duplicate" };
    if (draw >= edge && draw < (edge += mix.unsigned)) {
      const body = comment(number);
      const signature = [sign(body, "another secret"), "sha256=00", ""][number % 3] ?? "";
      return { kind: "unsigned", id, body, headers: { ...usual(id, body), "x-hub-signature-256": signature } };
    }
    if (draw >= edge && draw < (edge += mix.malformed)) {
      const bodies = [Buffer.from('{"action":'), Buffer.from("[]"), Buffer.from([0xff, 0xfe, 0x7b, 0x7d])];
      const body = bodies[number % 3] ?? Buffer.from("");
      return { kind: "malformed", id, body, headers: usual(id, body) };
    }
    const large = draw >= edge && draw < edge + mix.large;
    const body = comment(number, large ? LARGE_BYTES : 1_500);
    const planned: Planned = { kind: large ? "large" : "good", id, body, headers: usual(id, body) };
    // A few are enough to be repeated, and the large ones would fill the memory.
    if (!large) earlier.push(planned);
    if (earlier.length > 500) earlier.splice(0, 100);
    return planned;
  };
}

/** The status of the answer; 0 when there was none. As any client, it asks again when a kept connection had just been closed. */
function post(url: string, one: Planned, agent: Agent): Promise<number> {
  const { body, headers } = one;
  return new Promise((resolve) => {
    const asked = request(
      url,
      { method: "POST", agent, headers: { ...headers, "content-length": body.length }, timeout: ANSWER_MS },
      (response) => {
        response.resume();
        response.once("end", () => resolve(response.statusCode ?? 0));
        response.once("error", () => resolve(0));
      },
    );
    asked.once("timeout", () => asked.destroy());
    asked.once("error", (error: NodeJS.ErrnoException) => {
      if (asked.reusedSocket && error.code === "ECONNRESET") resolve(post(url, one, new Agent()));
      else resolve(0);
    });
    asked.end(body);
  });
}

function sha256(body: Buffer): string {
  return createHash("sha256").update(body).digest("hex");
}
