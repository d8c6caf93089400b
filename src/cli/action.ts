// `baton action`: Baton inside a job of GitHub Actions, without a server. action.yml calls it; docs/actions.md tells how it is used.
//
// Three jobs share what one server does, by what each holds: `begin` takes in what was asked (it may write on issues), `work` drives the
// run (it has the model, and may write nothing), `publish` takes the result to GitHub (it may write, and has no model). What is known of
// an issue goes from job to job, and from run to run of the workflow, as an artifact.
import { appendFile } from "node:fs/promises";
import { readArguments } from "./arguments.ts";
import { BatonError, messageOf } from "../core/errors.ts";
import { createLog } from "../core/log.ts";
import { createRedact } from "../core/redact.ts";
import { environment, readEnv, type Env, type Source } from "../env.ts";
import { readActionEnv, type ActionEnv } from "./action-env.ts";
import { openActionBaton } from "./action-baton.ts";
import { findPlace, jobRequests } from "./action-place.ts";
import { beginJob, publishJob, workJob, type Job } from "./action-jobs.ts";
import { stopSignal } from "./serve.ts";

const USAGE = `Usage: baton action place | begin | work | publish

Works inside a job of GitHub Actions only, where action.yml calls it; docs/actions.md has the workflow.

  place     find out which issue the job is about, and which run of the workflow kept what is known of it
  begin     take in what people ask for, and show it
  work      drive the run; needs a model and a sandbox, and writes nothing on GitHub
  publish   take the result to GitHub`;

/** The verb. */
export async function action(argv: readonly string[], source: Source = environment()): Promise<number> {
  const { values, positionals } = readArguments(argv, USAGE, {
    options: { help: { type: "boolean", short: "h", default: false } },
    allowPositionals: true,
  });
  const [what] = positionals;
  if (values.help || what === undefined) {
    console.log(USAGE);
    return values.help ? 0 : 2;
  }
  const env = readActionEnv(source);
  if (what === "place") return await tellPlace(env, readEnv(["token"], source));
  if (what !== env.mode)
    throw new BatonError("invalid-usage", `the job is ${env.mode}, so \`${what}\` has no place in it`);
  const needsKey = what === "work" && env.federation === undefined;
  return await workIn(env, readEnv(needsKey ? ["token", "model"] : ["token"], source), stopSignal());
}

async function tellPlace(action: ActionEnv, env: Env): Promise<number> {
  const journal = createLog({ level: env.logLevel, redact: createRedact(env.secrets) });
  const requests = await jobRequests(env.token ?? "", env.apiUrl, journal);
  const found = await findPlace({ requests, env: action, journal });
  switch (found.type) {
    case "nowhere":
      console.log(`Nothing to do: ${found.why}.`);
      return 0;
    case "elsewhere":
      console.log(`This belongs to issue #${found.subject}: another run of the workflow was started there.`);
      return 0;
    case "here":
      console.log(
        `Issue #${found.subject}: ${found.keptBy === undefined ? "nothing is known of it yet" : `run ${found.keptBy} kept what is known of it`}.`,
      );
      await tellRunner(action, { here: "true", subject: `${found.subject}`, "kept-by": `${found.keptBy ?? ""}` });
      return 0;
    default:
      return found satisfies never;
  }
}

const jobs: Readonly<Record<ActionEnv["mode"], Job>> = { begin: beginJob, work: workJob, publish: publishJob };

async function workIn(action: ActionEnv, env: Env, stop: Promise<void>): Promise<number> {
  const { subject } = action;
  if (subject === undefined) throw new BatonError("invalid-usage", "BATON_SUBJECT is missing: the number of the issue");
  const own = [action.jobToken, action.federation?.door.token].filter((secret) => secret !== undefined);
  const secrets = [...env.secrets, ...own];
  // The job's log is for who looks at the run, not at Baton.
  const journal = createLog({ level: env.logLevel === "info" ? "warn" : env.logLevel, redact: createRedact(secrets) });
  const stopping = new AbortController();
  void stop.then(() => stopping.abort(new Error("the job is being stopped")));
  await using baton = await openActionBaton(action, env, journal);
  const { outputs = {}, summary } = await jobs[action.mode]({
    action,
    env,
    subject,
    baton,
    journal,
    signal: stopping.signal,
    print: (line) => console.log(line),
  });
  await tellRunner(action, outputs);
  if (action.summary !== undefined) await appendFile(action.summary, `${summary}\n`);
  else console.log(summary);
  return 0;
}

async function tellRunner({ output }: ActionEnv, values: Readonly<Record<string, string>>): Promise<void> {
  const lines = Object.entries(values).map(([name, value]) => `${name}=${value.replaceAll(/[\r\n]/g, " ")}\n`);
  try {
    if (output !== undefined && lines.length > 0) await appendFile(output, lines.join(""));
  } catch (error) {
    throw new BatonError("invalid-environment", `GITHUB_OUTPUT cannot be written: ${messageOf(error)}`);
  }
}
