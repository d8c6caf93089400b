// Stands in for GitHub Actions: hears the playground's webhooks, starts the workflow that listens to them, and works its jobs as a hosted
// runner does: environment, event file, outputs, summaries, artifacts, `needs`, `permissions`, concurrency, OIDC, re-runs.
//
// Honest limits. It knows the keys of actions-file.ts and the expressions of actions-expression.ts, and refuses everything else. Jobs run
// one after the other, on this machine: `sudo`, `apt-get`, `sysctl` and `npm` are replaced by programs that only write down that they
// were called. setup-node does nothing: Node is there. Artifacts are kept in the playground, as files and not as zips. Every workflow
// text comes from the default branch, also where GitHub takes the pull request's.
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import type { Playground } from "#src/playground/playground.ts";
import type { WorkflowRun } from "#src/playground/state.ts";
import { fill, isTrue, type Contexts } from "./actions-expression.ts";
import { readWorkflow, type Job, type Workflow } from "./actions-file.ts";
import { actionsBot, mintJobToken, openIssuer, type Issuer } from "./actions-identity.ts";
import { createSteps, filled, stamp } from "./actions-steps.ts";
import { surroundings } from "./baton-process.ts";
import { until } from "./until.ts";

export interface ActionsOptions {
  readonly playground: Playground;
  /** "octo/tab"; its default branch has the workflow file. */
  readonly repo: string;
  /** `.github/workflows/baton.yml` */
  readonly workflow: string;
  /** Actions that are folders of this machine: `OWNER/baton@v1` → the folder with its action.yml. */
  readonly actions: Readonly<Record<string, string>>;
  readonly secrets?: Readonly<Record<string, string>>;
  /** Variables that every job has besides. */
  readonly env?: Readonly<Record<string, string>>;
}

export type Result = "success" | "failure" | "cancelled" | "skipped";

export interface JobRecord {
  readonly name: string;
  readonly attempt: number;
  result: Result;
  /** The last eight characters of the SHA-256 of its token, as the playground's journal names it. */
  token: string;
  permissions: Readonly<Record<string, string>>;
  outputs: Readonly<Record<string, string>>;
  /** What its steps printed. */
  log: string;
  /** The job summary, in Markdown. */
  summary: string;
  /** The names of steps that ran, with their results. */
  steps: { name: string; result: Result }[];
}

export interface RunRecord {
  readonly run: WorkflowRun;
  readonly event: string;
  readonly payload: Readonly<Record<string, unknown>>;
  /** Of all attempts, oldest first. */
  readonly jobs: JobRecord[];
}

export interface ActionsRunner extends AsyncDisposable {
  readonly issuer: Issuer;
  readonly runs: readonly RunRecord[];
  /** What the replaced programs were called with: "npm ci --omit=dev". */
  calls(): Promise<string[]>;
  /** Kills the step under way, as a lost machine does, as soon as `when` is true in a job of this name; once. */
  killOnce(job: string, when: () => boolean): void;
  /** Resolves with every run so far when nothing is under way or waits. */
  idle(): Promise<readonly RunRecord[]>;
  /** "Re-run failed jobs": those, and what needs them. */
  rerunFailed(run: RunRecord): Promise<void>;
}

const Announced = z.looseObject({
  action: z.string().optional(),
  sender: z.looseObject({ login: z.string() }),
  repository: z.looseObject({ full_name: z.string() }),
});

/** Starts the stand-in; from now on it hears what happens in the repository. */
export async function openActions(options: ActionsOptions): Promise<ActionsRunner> {
  const { playground, repo: name } = options;
  await using undo = new AsyncDisposableStack();
  const home = await mkdtemp(join(tmpdir(), "baton-actions-"));
  undo.defer(() => rm(home, { recursive: true, force: true, maxRetries: 3 }));
  const bin = await replaced(home);
  const issuer = undo.use(await openIssuer());
  const runs: RunRecord[] = [];
  const kills: { job: string; when: () => boolean }[] = [];
  /** By concurrency group: who is at work, and who waits. */
  const groups = new Map<string, { busy: boolean; waiting: RunRecord | undefined }>();
  const underWay = new Set<Promise<void>>();
  let closing = false;
  let ids = 5_000;
  const workSteps = createSteps({
    repository: () => playground.repository(name),
    actions: options.actions,
    kills,
    closing: () => closing,
    newId: () => (ids += 1),
  });

  const textOf = async () => {
    const text = await playground.file(name, playground.repository(name).defaultBranch, options.workflow);
    if (text === undefined) throw new Error(`${name} has no ${options.workflow}`);
    return readWorkflow(text);
  };

  async function heard(event: string, payload: Record<string, unknown>): Promise<void> {
    const { action, sender, repository } = Announced.parse(payload);
    if (closing || repository.full_name !== name) return;
    // What a job's own token does starts nothing, but for a dispatch.
    if (sender.login === actionsBot.login && !event.endsWith("_dispatch")) return;
    const workflow = await textOf();
    const trigger = workflow.on[event];
    if (trigger === undefined || (trigger?.types && !trigger.types.includes(action ?? ""))) return;
    const { installation: _, ...event_ } = payload;
    await start(workflow, { event, payload: event_ });
  }

  async function start(workflow: Workflow, { event, payload }: Pick<RunRecord, "event" | "payload">): Promise<void> {
    const repo = playground.repository(name);
    const login = Announced.parse(payload).sender.login;
    const refs = await playground.refs(name);
    const run: WorkflowRun = {
      id: (ids += 1),
      path: options.workflow,
      event,
      headBranch: repo.defaultBranch,
      headSha: refs[`refs/heads/${repo.defaultBranch}`] ?? "",
      headRepositoryId: repo.id,
      actor: playground.addUser({ login }),
      createdAt: stamp(),
      attempt: 1,
      status: "queued",
      conclusion: null,
    };
    const record: RunRecord = { run, event, payload, jobs: [] };
    runs.push(record);
    repo.workflowRuns.push(run);
    enqueue(workflow, record, undefined);
  }

  function enqueue(workflow: Workflow, record: RunRecord, only: ReadonlySet<string> | undefined): void {
    const group = workflow.concurrency
      ? fill(workflow.concurrency.group, contextsOf(record, undefined))
      : `${record.run.id}`;
    const queue = groups.get(group) ?? { busy: false, waiting: undefined };
    groups.set(group, queue);
    if (queue.busy) {
      // GitHub keeps one that waits; an older one is cancelled.
      if (queue.waiting) finish(queue.waiting, "cancelled");
      queue.waiting = record;
      return;
    }
    queue.busy = true;
    const working = work(workflow, record, only)
      .catch((error: unknown) => {
        finish(record, "failure");
        record.jobs.push({ ...freshJob("the runner", record.run.attempt), result: "failure", log: String(error) });
      })
      .finally(() => {
        underWay.delete(working);
        queue.busy = false;
        const next = queue.waiting;
        queue.waiting = undefined;
        if (next && !closing) enqueue(workflow, next, undefined);
      });
    underWay.add(working);
  }

  async function work(workflow: Workflow, record: RunRecord, only: ReadonlySet<string> | undefined): Promise<void> {
    record.run.status = "in_progress";
    for (const [id, job] of Object.entries(workflow.jobs)) {
      if (closing) return;
      if (only && !only.has(id)) continue;
      const needs = Object.fromEntries(
        job.needs.map((needed) => {
          const done = record.jobs.findLast((one) => one.name === needed);
          if (!done) throw new Error(`the job ${id} stands before ${needed}, which it needs`);
          return [needed, { result: done.result, outputs: done.outputs }];
        }),
      );
      const failed = Object.values(needs).some(({ result }) => result !== "success");
      const fresh = freshJob(id, record.run.attempt);
      record.jobs.push(fresh);
      const contexts = { ...contextsOf(record, undefined), needs };
      if (!isTrue(job.if, contexts, { failed, cancelled: false })) continue;
      await workJob(workflow, job, record, fresh, needs);
    }
    const last = new Map(record.jobs.map((job) => [job.name, job.result]));
    finish(record, [...last.values()].includes("failure") ? "failure" : "success");
  }

  function contextsOf({ run, event, payload }: RunRecord, token: string | undefined): Contexts {
    const repo = playground.repository(name);
    const inputs = payload["inputs"] ?? {};
    const pull = z.looseObject({ head: z.looseObject({ ref: z.string() }) }).safeParse(payload["pull_request"]);
    return {
      github: {
        event: payload,
        event_name: event,
        repository: repo.fullName,
        repository_id: String(repo.id),
        repository_owner: repo.owner.login,
        run_id: String(run.id),
        run_attempt: String(run.attempt),
        actor: run.actor.login,
        server_url: playground.url,
        api_url: playground.apiUrl,
        ref: `refs/heads/${repo.defaultBranch}`,
        head_ref: pull.data?.head.ref ?? "",
        sha: run.headSha,
        workflow_ref: `${repo.fullName}/${run.path}@refs/heads/${repo.defaultBranch}`,
        ...(token === undefined ? {} : { token }),
      },
      inputs,
      secrets: options.secrets ?? {},
      vars: {},
    };
  }

  async function workJob(
    workflow: Workflow,
    job: Job,
    record: RunRecord,
    kept: JobRecord,
    needs: object,
  ): Promise<void> {
    const { run, event, payload } = record;
    const repo = playground.repository(name);
    const permissions = job.permissions ?? workflow.permissions;
    const token = await mintJobToken(playground.apiUrl, repo.id, permissions);
    kept.permissions = permissions;
    kept.token = await shortHash(token);
    const temp = await mkdtemp(join(home, `${kept.name}-`));
    const eventFile = join(temp, "_github_workflow-event.json");
    await writeFile(eventFile, JSON.stringify(payload));
    const contexts: Contexts = {
      ...contextsOf(record, token),
      needs,
      runner: { temp, os: "Linux", arch: "X64" },
    };
    const claims = {
      sub: `repo:${repo.fullName}:ref:refs/heads/${repo.defaultBranch}`,
      repository: repo.fullName,
      repository_id: String(repo.id),
      repository_owner: repo.owner.login,
      repository_owner_id: String(repo.owner.id),
      repository_visibility: repo.private ? "private" : "public",
      actor: run.actor.login,
      event_name: event,
      ref: `refs/heads/${repo.defaultBranch}`,
      run_id: String(run.id),
      run_attempt: String(run.attempt),
      workflow_ref: `${repo.fullName}/${run.path}@refs/heads/${repo.defaultBranch}`,
      job_workflow_ref: `${repo.fullName}/${run.path}@refs/heads/${repo.defaultBranch}`,
      runner_environment: "github-hosted",
    };
    const env = {
      ...surroundings,
      PATH: `${bin}:${surroundings.PATH}`,
      HOME: home,
      CI: "true",
      GITHUB_ACTIONS: "true",
      GITHUB_ACTOR: run.actor.login,
      GITHUB_API_URL: playground.apiUrl,
      GITHUB_EVENT_NAME: event,
      GITHUB_EVENT_PATH: eventFile,
      GITHUB_JOB: kept.name,
      GITHUB_REF: `refs/heads/${repo.defaultBranch}`,
      GITHUB_REPOSITORY: repo.fullName,
      GITHUB_REPOSITORY_ID: String(repo.id),
      GITHUB_REPOSITORY_OWNER: repo.owner.login,
      GITHUB_RUN_ATTEMPT: String(run.attempt),
      GITHUB_RUN_ID: String(run.id),
      GITHUB_SERVER_URL: playground.url,
      GITHUB_SHA: run.headSha,
      GITHUB_WORKFLOW: workflow.name,
      GITHUB_WORKFLOW_REF: claims.workflow_ref,
      RUNNER_ENVIRONMENT: "github-hosted",
      RUNNER_OS: "Linux",
      RUNNER_TEMP: temp,
      ...(permissions["id-token"] === "write" ? issuer.door(claims) : {}),
      ...options.env,
      ...filled(job.env, contexts),
    };
    const standing = { failed: false, cancelled: false };
    const steps = await workSteps(job.steps, { contexts, env, kept, temp, run, standing });
    kept.result = standing.failed ? "failure" : "success";
    kept.outputs = filled(job.outputs, { ...contexts, steps });
    await rm(temp, { recursive: true, force: true, maxRetries: 3 });
  }

  const server = createServer((request, response) => {
    void bodyOf(request).then(async (body) => {
      response.writeHead(202).end();
      await heard(String(request.headers["x-github-event"]), z.record(z.string(), z.unknown()).parse(JSON.parse(body)));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const at = server.address();
  playground.deliverTo(
    `http://127.0.0.1:${typeof at === "object" && at !== null ? at.port : 0}/`,
    "unused-by-the-stand-in",
    "github-actions",
  );
  const opened = undo.move();
  return {
    issuer,
    runs,
    calls: async () => (await readFile(join(home, "calls"), "utf8")).split("\n").filter((line) => line !== ""),
    killOnce: (job, when) => void kills.push({ job, when }),
    async idle() {
      await until(
        async () => {
          await playground.settled();
          return underWay.size === 0;
        },
        {
          milliseconds: 170_000,
          every: 20,
          what: () => `jobs still run: ${JSON.stringify(runs.map(({ jobs }) => jobs))}`,
        },
      );
      return runs;
    },
    async rerunFailed(record) {
      const workflow = await textOf();
      const last = new Map(record.jobs.map((job) => [job.name, job.result]));
      const again = new Set([...last].filter(([, result]) => result === "failure").map(([job]) => job));
      for (const [id, { needs }] of Object.entries(workflow.jobs))
        if (needs.some((needed) => again.has(needed))) again.add(id);
      record.run.attempt += 1;
      enqueue(workflow, record, again);
    },
    async [Symbol.asyncDispose]() {
      closing = true;
      await Promise.all(underWay);
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
      await opened.disposeAsync();
    },
  };
}

/** Programs that change the machine: here they only write down that they were called. */
async function replaced(home: string): Promise<string> {
  const bin = join(home, "bin");
  await mkdir(bin);
  await writeFile(join(home, "calls"), "");
  for (const program of ["npm", "sudo", "apt-get", "sysctl"]) {
    const answer = program === "sysctl" ? "echo 1" : "true";
    const script = `#!/bin/sh\necho "${program} $*" >> "${join(home, "calls")}"\n${answer}\n`;
    await writeFile(join(bin, program), script);
    await chmod(join(bin, program), 0o755);
  }
  return bin;
}

function freshJob(name: string, attempt: number): JobRecord {
  return { name, attempt, result: "skipped", token: "", permissions: {}, outputs: {}, log: "", summary: "", steps: [] };
}

function finish({ run }: RunRecord, conclusion: "success" | "failure" | "cancelled"): void {
  run.status = "completed";
  run.conclusion = conclusion;
}

async function shortHash(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", Buffer.from(text));
  return Buffer.from(digest).toString("hex").slice(-8);
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) if (Buffer.isBuffer(chunk)) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}

/** Everything the runs kept, byte for byte. */
export function keptBytes(playground: Playground, repo: string): Buffer {
  return Buffer.concat(playground.repository(repo).artifacts.flatMap(({ files }) => [...files.values()]));
}
