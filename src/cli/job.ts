// `baton job`: inside a job of GitHub Actions that a Baton server has asked for. It works one run; the server keeps its log and writes to
// GitHub.
import { appendFile } from "node:fs/promises";
import { z } from "zod";
import { readArguments } from "./arguments.ts";
import { BatonError, messageOf } from "../core/errors.ts";
import { isRunId, type RunId } from "../core/ids.ts";
import { createLog, type Log } from "../core/log.ts";
import { createRedact } from "../core/redact.ts";
import type { Engine } from "../engine/engine.ts";
import { fold } from "../engine/fold.ts";
import { environment, readEnv, type Env } from "../env.ts";
import { renderCard } from "../github/card.ts";
import { createNeutral } from "../github/neutral.ts";
import { openRemoteRun, type RemoteRun } from "../jobs/remote.ts";
import { trouble, workRun, type Worked } from "../jobs/work-run.ts";
import { federatedModel, federationOf } from "./federation.ts";
import { jobToken, type JobTokenDoor } from "./job-token.ts";
import { stopSignal } from "./serve.ts";
import { follow } from "./follow.ts";
import { tell } from "./story.ts";

const USAGE = `Usage: baton job --run RUN --server URL

Works the run for which a Baton server has started this job of GitHub Actions, and ends. docs/actions-dispatched.md has the workflow.
The job needs \`id-token: write\`, by which it proves itself to the server, and \`contents: read\`; and the model's key in ANTHROPIC_API_KEY,
or a federation rule by which the model's API knows the job.`;

const optional = z.string().optional();

/** As GitHub says it to a job. */
const Given = z.object({
  ACTIONS_ID_TOKEN_REQUEST_URL: optional,
  ACTIONS_ID_TOKEN_REQUEST_TOKEN: optional,
  GITHUB_STEP_SUMMARY: optional,
});

/** The verb. 0 when the run ended, waits or was not this job's to work; 1 when the job could not do its part. */
export async function job(argv: readonly string[]): Promise<number> {
  const asked = parse(argv);
  if (asked === "help") {
    console.log(USAGE);
    return 0;
  }
  const { run, server } = asked;
  const given = Given.parse(environment());
  const door = doorOf(given);
  const read = readEnv([]);
  const env = { ...read, secrets: [...read.secrets, door.token] };
  const redact = createRedact(env.secrets);
  const journal = createLog({ level: env.logLevel, redact });
  let remote: RemoteRun;
  try {
    remote = await openRemoteRun({ server, run, identity: () => jobToken(door, server), redact, journal });
  } catch (error) {
    if (!(error instanceof BatonError) || error.code !== "run-taken") throw error;
    console.log(`Nothing to do: ${messageOf(error)}.`);
    return 0;
  }
  await using _remote = remote;
  const worked = await work(remote, { journal, env });
  console.log(inWords(worked, run));
  const state = fold(await remote.edges.log.read(run));
  const card = { neutral: createNeutral(redact), links: { serverUrl: env.serverUrl }, now: Date.now() };
  if (given.GITHUB_STEP_SUMMARY !== undefined)
    await appendFile(given.GITHUB_STEP_SUMMARY, `${renderCard(state, card)}\n`);
  return 0;
}

async function work(remote: RemoteRun, { env, journal }: { env: Env; journal: Log }): Promise<Worked> {
  const stopping = new AbortController();
  void stopSignal().then(() => {
    console.log("Stopping: what is finished is kept.");
    stopping.abort();
  });
  await using undo = new AsyncDisposableStack();
  let engine: Engine;
  try {
    const federation = federationOf(environment());
    if (!federation) readEnv(["model"]);
    const { openParts } = await import("../parts.ts");
    const credential = () => Promise.resolve(env.token);
    const model = federation && federatedModel(federation, journal);
    const parts = undo.use(
      await openParts({ env, journal, credential, shelves: () => remote.shelf, ...(model && { model }) }),
    );
    if (parts.sandbox.warning !== undefined) console.error(`Warning: ${parts.sandbox.warning}`);
    engine = parts.engine(remote.edges);
  } catch (error) {
    await trouble(remote, `The job cannot work: ${messageOf(error)}.`);
    throw error;
  }
  const { log } = remote.edges;
  const known = fold(await log.read(remote.run));
  console.log(`Working ${remote.run}: ${known.created.subject.url}`);
  const following = undo.use(
    follow(log, (event, state) => tell(event, state).forEach((line) => console.log(line)), [known]),
  );
  const worked = await workRun(remote, engine, stopping.signal);
  await following.told(remote.run).catch(() => undefined);
  return worked;
}

function inWords(worked: Worked, run: RunId): string {
  switch (worked) {
    case "ended":
      return `${run} has ended.`;
    case "waiting":
      return `${run} waits. When it goes on, another job is started.`;
    case "lost":
      return `${run} is worked by another job now, because this one was silent too long.`;
    case "parked":
    case "stopped":
    case "unknown":
      return `${run} was put down.`;
    default:
      return worked satisfies never;
  }
}

function doorOf(given: z.infer<typeof Given>): JobTokenDoor {
  const { ACTIONS_ID_TOKEN_REQUEST_URL: url, ACTIONS_ID_TOKEN_REQUEST_TOKEN: token } = given;
  if (url !== undefined && token !== undefined) return { url, token };
  throw new BatonError(
    "invalid-environment",
    "ACTIONS_ID_TOKEN_REQUEST_URL is missing: this works in a job of GitHub Actions only, one with `permissions: id-token: write`",
  );
}

function parse(argv: readonly string[]): "help" | { run: RunId; server: string } {
  const {
    help,
    run = "",
    server = "",
  } = readArguments(argv, USAGE, {
    options: {
      help: { type: "boolean", short: "h", default: false },
      run: { type: "string" },
      server: { type: "string" },
    },
  }).values;
  if (help) return "help";
  if (!isRunId(run)) throw new BatonError("invalid-usage", `--run is "${run}", and must be a run's id\n\n${USAGE}`);
  const url = URL.parse(server);
  const loopback = url !== null && ["127.0.0.1", "localhost", "[::1]"].includes(url.hostname);
  if (url?.protocol !== "https:" && !(loopback && url.protocol === "http:"))
    throw new BatonError("invalid-usage", `--server is "${server}", and must be an https address`);
  return { run, server: server.replace(/\/+$/, "") };
}
