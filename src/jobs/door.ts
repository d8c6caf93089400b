// The server's door for jobs of GitHub Actions. A job proves who it is once, gets one run and a token for it, and is answered as long as
// the run is its: a job that gave it back, or was silent for so long that another has it by now, is refused everything.
import { Hono, type Context } from "hono";
import { bodyLimit } from "hono/body-limit";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import type { z } from "zod";
import { BatonError, messageOf, type ErrorCode } from "../core/errors.ts";
import { isSha, type RunId } from "../core/ids.ts";
import type { Log } from "../core/log.ts";
import { fold } from "../engine/fold.ts";
import type { EventOf, RepoRef } from "../engine/events.ts";
import type { EventLog, Projection } from "../engine/ports.ts";
import type { Held, Jobs } from "../store/jobs.ts";
import type { Desk } from "./desk.ts";
import { refusalOf } from "./driver-events.ts";
import { objection, pageOf, type Identify } from "./identity.ts";
import { putDown } from "./put-down.ts";
import {
  Append,
  Ask,
  BUNDLE_TYPE,
  Claim,
  type Claimed,
  jobLimits,
  JOBS_PATH,
  Release,
  START_HEADER,
  type Trouble,
} from "./protocol.ts";
import type { TakeIn } from "./take-in.ts";

export interface JobDoorParts {
  readonly jobs: Jobs;
  readonly log: Pick<EventLog, "read" | "append" | "follow">;
  readonly identify: Identify;
  /** The workflow file whose jobs work a run; undefined for one that this server's own workers work. */
  readonly workflowOf: (created: EventOf<"run.created">) => string | undefined;
  /** Which branch is the default one now. */
  readonly defaultBranch: (repo: RepoRef) => Promise<string>;
  readonly desk: Desk;
  readonly takeIn: TakeIn;
  readonly projection: Pick<Projection, "touch" | "settle">;
  /** Where GitHub's pages are. */
  readonly serverUrl: string;
  readonly journal: Log;
}

interface JobEnv {
  Variables: { held: Held; token: string };
}
type JobContext = Context<JobEnv>;

/** A refusal on its way to the job. */
class Refused extends Error {
  readonly status: ContentfulStatusCode;
  readonly code: ErrorCode;
  readonly retryable: boolean;
  constructor(status: ContentfulStatusCode, code: ErrorCode, message: string, retryable = false) {
    super(message);
    this.status = status;
    this.code = code;
    this.retryable = retryable;
  }
}

/** Answers what is below `JOBS_PATH`. */
export function createJobDoor(parts: JobDoorParts): (request: Request) => Promise<Response> {
  const { jobs, log, journal, projection } = parts;
  const app = new Hono<JobEnv>().basePath(JOBS_PATH);
  const bounded = (maxSize: number) =>
    bodyLimit({
      maxSize,
      onError: () => {
        throw new Refused(413, "invalid-usage", `the body has more than ${maxSize} bytes`);
      },
    });

  app.onError((error, c) => answerTo(error, c, journal));
  app.notFound((c) => answerTo(new Refused(404, "invalid-usage", `there is nothing at ${c.req.path}`), c, journal));

  app.post("/claim", bounded(jobLimits.claim), async (c) => {
    const { run, identity } = await bodyOf(c, Claim);
    return c.json(await claim(parts, run, identity));
  });

  app.post("/beat", async (c) => {
    if (!(await jobs.beat(tokenOf(c)))) throw lost();
    return c.json({});
  });

  app.use(async (c, next) => {
    const token = tokenOf(c);
    let held = await jobs.held(token);
    // Whoever speaks lives, if nobody has taken the run: the silence may have been the server's.
    if (!held && (await jobs.beat(token))) held = await jobs.held(token);
    if (!held) throw lost();
    c.set("held", held);
    await next();
  });

  app.get("/events", async (c) => {
    const { run } = c.get("held");
    const after = Number(c.req.query("after") ?? 0);
    const wait = Math.min(Number(c.req.query("wait") ?? 0), jobLimits.waitMs);
    if (!Number.isSafeInteger(after) || after < 0 || !(wait >= 0))
      throw new Refused(400, "invalid-usage", "after must be a version, and wait milliseconds");
    return c.json({ events: await news(log, { run, after, wait }, c.req.raw.signal) });
  });

  app.post("/events", bounded(jobLimits.json), async (c) => {
    const held = c.get("held");
    const { expected, events } = await bodyOf(c, Append);
    const granted = await jobs.granted(held);
    for (const event of events) {
      const why = refusalOf(event, granted, held.url);
      if (why !== undefined) throw new Refused(422, "invalid-event", why);
    }
    // As late as can be; whoever gets in between is told from it by the version.
    await jobs.assure(held);
    const answer = await log.append(held.run, expected, events);
    if (answer.type === "appended") projection.touch(held.run);
    return c.json(answer);
  });

  app.post("/release", bounded(jobLimits.json), async (c) => {
    const held = c.get("held");
    const release = await bodyOf(c, Release);
    if ("trouble" in release) {
      journal.warn("a job could not work its run", { run: held.run, job: held.url, error: release.trouble });
      await putDown(log, held.run, `${release.trouble} The job: ${held.url}`);
    }
    await jobs.release(held, "trouble" in release ? undefined : release);
    projection.touch(held.run);
    return c.json({});
  });

  app.get("/work/:commit", async (c) => {
    const work = await parts.takeIn.get(c.get("held").run, commitIn(c.req.param("commit")));
    if (!work)
      throw new Refused(404, "not-found", `nobody who works for this repository has put ${c.req.param("commit")} here`);
    return c.body(new Uint8Array(work.bundle), 200, { "content-type": BUNDLE_TYPE, [START_HEADER]: work.start });
  });

  app.put("/work/:commit", bounded(jobLimits.bundle), async (c) => {
    const held = c.get("held");
    const commit = commitIn(c.req.param("commit"));
    const start = commitIn(c.req.header(START_HEADER) ?? "");
    const bundle = new Uint8Array(await c.req.arrayBuffer());
    const taken = await parts.takeIn.put(held.run, { commit, start, bundle }, c.req.raw.signal);
    if (taken.type === "refused")
      throw new Refused(422, "import-refused", `the work does not come in: ${taken.reasons.join("; ")}`);
    return c.json({});
  });

  app.post("/ask", bounded(jobLimits.json), async (c) => {
    const answer = await parts.desk(c.get("held"), await bodyOf(c, Ask), c.req.raw.signal);
    return c.body(JSON.stringify(answer), 200, { "content-type": "application/json" });
  });

  return async (request) => await app.fetch(request);
}

/** Gives the run to the job that proves who it is, if it may have it and nobody else does. */
async function claim(
  { jobs, log, identify, workflowOf, defaultBranch, serverUrl, journal }: JobDoorParts,
  run: RunId,
  identity: string,
): Promise<Claimed> {
  const who = await identify(identity);
  if (who.type === "unknown") throw new Refused(503, "github-failed", `It is not known who asks: ${who.why}`, true);
  if (who.type === "refused") throw new Refused(403, "invalid-usage", `The job's token proves nothing: ${who.why}`);
  const events = await log.read(run);
  // One answer for every run that is not this job's: what others there are is none of its business.
  const none = new Refused(403, "not-found", `There is no run ${run} for this job`);
  if (events.length === 0) throw none;
  const { created } = fold(events);
  const workflow = workflowOf(created);
  if (workflow === undefined || Number(who.claims.repository_id) !== created.repo.id) throw none;
  const repo = { ...created.repo, defaultBranch: await defaultBranch(created.repo) };
  const why = objection(who.claims, { repo, workflow });
  if (why !== undefined) throw new Refused(403, "invalid-usage", `This job may not work ${run}: ${why}`);
  const page = pageOf(who.claims, serverUrl);
  const answer = await jobs.claim(run, page);
  if (answer.type === "held")
    throw new Refused(
      409,
      "run-taken",
      `${run} is being worked by another job, so there is nothing to do for this one`,
    );
  if (answer.type === "resting")
    throw new Refused(409, "run-taken", `${run} has ended or waits, so there is nothing to do for this job`);
  journal.info("a job has taken a run", { run, job: page });
  return { token: answer.token, page, leaseMs: answer.leaseMs };
}

/** The events behind a version; waits for one when there is none yet. */
async function news(
  log: Pick<EventLog, "read" | "follow">,
  { run, after, wait }: { run: RunId; after: number; wait: number },
  signal: AbortSignal,
): Promise<Awaited<ReturnType<EventLog["read"]>>> {
  const changed = Promise.withResolvers<void>();
  using _following = log.follow((other) => {
    if (other === run) changed.resolve();
  });
  const events = await log.read(run, after);
  if (events.length > 0 || wait === 0 || signal.aborted) return events;
  const late = setTimeout(() => changed.resolve(), wait);
  const left = () => changed.resolve();
  signal.addEventListener("abort", left, { once: true });
  try {
    await changed.promise;
  } finally {
    clearTimeout(late);
    signal.removeEventListener("abort", left);
  }
  return await log.read(run, after);
}

async function bodyOf<T>(c: JobContext, schema: z.ZodType<T>): Promise<T> {
  const json: unknown = await c.req.json().catch(() => undefined);
  const read = schema.safeParse(json);
  if (read.success) return read.data;
  const problems = read.error.issues.slice(0, 5).map(({ path, message }) => `${path.join(".")}: ${message}`);
  throw new Refused(422, "invalid-event", `the body is not what it should be: ${problems.join("; ")}`);
}

function tokenOf(c: JobContext): string {
  const [, token] = /^Bearer (\S{20,200})$/.exec(c.req.header("authorization") ?? "") ?? [];
  if (token === undefined)
    throw new Refused(401, "fence-lost", "Authorization: Bearer … with the claim's token is missing");
  return token;
}

function lost(): Refused {
  return new Refused(
    409,
    "fence-lost",
    "the run is not this job's any more: it was silent too long and another has it, or has given it back",
  );
}

function commitIn(text: string) {
  if (isSha(text)) return text;
  throw new Refused(400, "invalid-id", `"${text}" is not a commit id`);
}

function answerTo(error: unknown, c: JobContext, journal: Log): Response {
  const trouble = (status: ContentfulStatusCode, told: Trouble["error"]) =>
    c.json({ error: told } satisfies Trouble, status);
  const message = messageOf(error);
  if (error instanceof Refused) {
    const { code, retryable } = error;
    if (error.status === 403) journal.warn("a job was refused", { error: message });
    return trouble(error.status, { code, message, retryable });
  }
  if (error instanceof BatonError) {
    const { code, retryable, retryAt } = error;
    const status = code === "fence-lost" ? 409 : code === "invalid-event" ? 422 : 502;
    return trouble(status, { code, message, retryable, ...(retryAt === undefined ? {} : { retryAt }) });
  }
  journal.error("a job's request broke the door", { path: c.req.path, error: message });
  return trouble(500, { code: "database-failed", message: "something went wrong in the server", retryable: false });
}
