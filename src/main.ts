#!/usr/bin/env node
// `baton <verb>`: picks one file in cli/, hands it the arguments and ends with its exit code.
// 0: it worked. 1: it ran and the answer is no. 2: it was asked for something that cannot be.
import manifest from "../package.json" with { type: "json" };
import { BatonError, messageOf } from "./core/errors.ts";

type Verb = (argv: readonly string[]) => Promise<number>;

/** `where`: paths in the arguments are meant from the folder the caller is in, which is not this one under `npm run`. */
const verbs: Readonly<Record<string, { summary: string; where?: "caller"; load: () => Promise<Verb> }>> = {
  serve: {
    summary: "receive webhooks and work runs; without credentials, help to create the App",
    load: async () => (await import("./cli/serve.ts")).serve,
  },
  worker: {
    summary: "work runs beside `serve`, on one DATABASE_URL; as many as there is work",
    load: async () => (await import("./cli/worker.ts")).worker,
  },
  job: {
    summary: "work one run inside a job of GitHub Actions, which a server has asked for",
    load: async () => (await import("./cli/job.ts")).job,
  },
  run: {
    summary: "work one issue: owner/repo#12 on GitHub, or ./issue.md --repo .",
    where: "caller",
    load: async () => (await import("./cli/run.ts")).run,
  },
  action: {
    summary: "work inside a job of GitHub Actions, without a server; action.yml calls it",
    load: async () => (await import("./cli/action.ts")).action,
  },
  init: {
    summary: "try the commands of a repository, and propose a configuration for it",
    where: "caller",
    load: async () => (await import("./cli/init.ts")).init,
  },
  triage: {
    summary: "sort one issue, or with --all every open one in batches at half price; shows the cost first",
    where: "caller",
    load: async () => (await import("./cli/triage.ts")).triage,
  },
  status: {
    summary: "how the runs of this folder's repository stand, or those on owner/repo#12",
    where: "caller",
    load: async () => (await import("./cli/status.ts")).status,
  },
  stop: {
    summary: "end a run of `run`: run-0123456789ab, or owner/repo#12; what is finished is kept",
    where: "caller",
    load: async () => (await import("./cli/stop.ts")).stop,
  },
  runs: {
    summary: "list runs; `runs show <id>` tells one",
    load: async () => (await import("./cli/runs.ts")).runs,
  },
  replay: {
    summary: "fold a recorded run again, or drive it with its recorded model answers: the first difference",
    where: "caller",
    load: async () => (await import("./cli/replay.ts")).replay,
  },
  demo: {
    summary: "a local GitHub, a sample repository and a scripted model: see a whole run",
    load: async () => (await import("./cli/demo.ts")).demo,
  },
  validate: {
    summary: "check config, workflows and agents of a repository",
    where: "caller",
    load: async () => (await import("./cli/validate.ts")).validate,
  },
  schema: {
    summary: "print the JSON schema of .github/baton.yml, for editors",
    load: async () => (await import("./cli/schema.ts")).schema,
  },
};

const [name = "help", ...argv] = process.argv.slice(2);
process.exitCode = await main(name, argv);

async function main(name: string, argv: readonly string[]): Promise<number> {
  if (name === "--version") {
    console.log(`baton ${manifest.version}`);
    return 0;
  }
  const verb = Object.hasOwn(verbs, name) ? verbs[name] : undefined;
  if (!verb) {
    const known = ["help", "--help", "-h"].includes(name);
    if (!known) console.error(`There is no verb "${name}".\n`);
    console.log(
      [
        "Usage: baton <verb> [options]   (baton <verb> --help says more)",
        "",
        ...Object.entries(verbs).map(([verb, { summary }]) => `  ${verb.padEnd(10)}${summary}`),
      ].join("\n"),
    );
    return known ? 0 : 2;
  }
  // A wait for GitHub's limits keeps no process alive, and a verb that works alone may have nothing else.
  const held = setInterval(() => undefined, 60_000);
  try {
    const { callerFolder, loadEnvFile } = await import("./env.ts");
    loadEnvFile();
    if (verb.where === "caller") process.chdir(callerFolder());
    const run = await verb.load();
    return await run(argv);
  } catch (error) {
    if (!(error instanceof BatonError)) throw error;
    console.error(messageOf(error));
    return error.code === "invalid-usage" || error.code === "invalid-environment" ? 2 : 1;
  } finally {
    clearInterval(held);
  }
}
