// Baton as servers in processes of their own, on a local GitHub and a scripted model: what tests, experiments and benchmarks of
// whole processes stand on. Processes may be given a fault to die of, share a database, and be started again.
import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { createKeys } from "#src/cli/demo-keys.ts";
import { openPlayground, type Comment, type Playground } from "#src/playground/playground.ts";
import { sampleIssues, sampleScript } from "#src/playground/sample-script.ts";
import {
  openScriptedModel,
  type Script,
  type ScriptedCall,
  type ScriptedModel,
  type ScriptedModelOptions,
} from "#src/playground/scripted-model.ts";
import { startBaton, type BatonProcess, type Fault } from "./baton-process.ts";
import { needs } from "./needs.ts";
import { prepareDatabase } from "./prepared-database.ts";
import { quickSample } from "./sample.ts";
import { until } from "./until.ts";

const secret = "a-webhook-secret-for-tests";
export const person = "maria";

export interface ServerOptions {
  readonly args?: readonly string[];
  readonly fault?: Fault | undefined;
  readonly env?: Readonly<Record<string, string>>;
  /** GitHub sends its webhooks here. Default true for `serve`. */
  readonly hears?: boolean;
}

export interface Server extends BatonProcess {
  readonly address: string;
}

export interface Grounds extends AsyncDisposable {
  readonly home: string;
  readonly playground: Playground;
  readonly model: ScriptedModel;
  /** Starts `baton serve` (or what `args` say) and waits until it listens. */
  start(options?: ServerOptions): Promise<Server>;
  /** Starts it without waiting: it may die before it listens. */
  spawn(options?: ServerOptions): BatonProcess;
  /** A repository of the sample with an open issue about its bug; `prepare` may change it before the issue is opened. */
  open(name: string, prepare?: (repo: string) => Promise<unknown>): Promise<Subject>;
  /** Processes of these grounds that are still there: Baton's, and what runs in its sandboxes. */
  processes(): Promise<string[]>;
  /** Clones and quarantines that are still there. */
  leftovers(): Promise<string[]>;
}

export interface Subject {
  readonly repo: string;
  readonly number: number;
  /** What the model was asked about this issue. */
  readonly calls: () => readonly ScriptedCall[];
  readonly comments: () => readonly Comment[];
  readonly pulls: () => number;
  /** The pull request is open, the card says so, and so does the one comment of its own. */
  readonly published: () => boolean;
}

export interface GroundsOptions {
  readonly script?: ScriptedModelOptions["script"];
  /** Environment of every process: DATABASE_URL, REDIS_URL … */
  readonly env?: Readonly<Record<string, string>>;
  /** Where the home is made: a disk of its own. */
  readonly under?: string;
}

/** Opens them. Disposing ends the counterparts and deletes the home; processes end with their own disposal. */
export async function openGrounds({
  script = sampleScript(),
  env = {},
  under = tmpdir(),
}: GroundsOptions = {}): Promise<Grounds> {
  await using undo = new AsyncDisposableStack();
  const home = await mkdtemp(join(under, "baton-grounds-"));
  undo.defer(() => rm(home, { recursive: true, force: true, maxRetries: 3 }));
  if (!("DATABASE_URL" in env)) await prepareDatabase(join(home, "database"));
  const { publicKey, privateKey } = createKeys();
  const permissions = { issues: "write", pull_requests: "write", contents: "write", metadata: "read" } as const;
  const playground = undo.use(
    await openPlayground({
      apps: [{ id: 1, slug: "baton", publicKey, installationId: 1, permissions }],
      users: [{ login: person }],
    }),
  );
  const model = undo.use(await openScriptedModel({ script }));
  const sandbox = (await needs("bubblewrap")) ? "required" : "none";

  const spawn = ({ args = ["serve"], fault, env: more = {} }: ServerOptions = {}) =>
    startBaton(
      args,
      {
        PORT: "0",
        APP_ID: "1",
        PRIVATE_KEY: privateKey,
        WEBHOOK_SECRET: secret,
        GITHUB_API_URL: playground.apiUrl,
        GITHUB_SERVER_URL: playground.url,
        ANTHROPIC_API_KEY: "any-key-will-do-for-the-script",
        ANTHROPIC_BASE_URL: model.url,
        BATON_HOME: home,
        BATON_SANDBOX: sandbox,
        LOG_LEVEL: "warn",
        ...env,
        ...more,
      },
      { fault },
    );

  const opened = undo.move();
  return {
    home,
    playground,
    model,
    spawn,
    async start(options = {}) {
      const baton = spawn(options);
      try {
        const [address] = await baton.says(/http:\/\/127\.0\.0\.1:\d+/);
        const hears = options.hears ?? options.args?.[0] !== "worker";
        if (hears) playground.deliverTo(`${address}/api/github/webhooks`, secret);
        return { ...baton, address };
      } catch (error) {
        await baton[Symbol.asyncDispose]();
        throw error;
      }
    },
    async open(name, prepare) {
      const repo = `octo/${name}`;
      await playground.addRepository({
        owner: "octo",
        name,
        from: await quickSample(),
        labels: ["bug"],
        collaborators: { [person]: "maintain" },
      });
      await prepare?.(repo);
      const { title, body } = sampleIssues.first;
      const mark = `Seen in scene ${name}.`;
      const { number } = await playground.openIssue({ repo, title, body: `${body}\n\n${mark}`, as: person });
      const issue = { repo, number };
      const comments = () => playground.comments(issue);
      const pulls = () => playground.pulls(repo).length;
      return {
        ...issue,
        calls: () => model.calls.filter(({ brief }) => brief.includes(mark)),
        comments,
        pulls,
        published: () =>
          pulls() > 0 && comments().length > 1 && comments().some(({ body: text }) => text.includes("Succeeded")),
      };
    },
    async processes() {
      const { stdout } = await promisify(execFile)("ps", ["-eo", "pid,args"], { maxBuffer: 1 << 24 });
      return stdout.split("\n").filter((line) => line.includes(home));
    },
    async leftovers() {
      const found: string[] = [];
      for (const kind of ["workspaces", "quarantine"])
        for (const name of await readdir(join(home, kind)).catch(() => [])) found.push(`${kind}/${name}`);
      return found;
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

/** The sample's script, but a reply waits for the promise that `hold` gives for its call. */
export function heldScript(hold: (call: ScriptedCall) => Promise<unknown> | undefined): (call: ScriptedCall) => Script {
  const usual = sampleScript();
  return (call) => {
    const held = hold(call);
    const script = usual(call);
    const own = script[call.agent];
    if (held === undefined || typeof own !== "function") return script;
    return {
      [call.agent]: async (given) => {
        await held;
        return await own(given);
      },
    };
  };
}

/** The fault points that processes passed, in order. */
export async function pointsPassed(log: string): Promise<string[]> {
  const text = await readFile(log, "utf8").catch(() => "");
  return text.split("\n").filter(Boolean);
}

/** Waits until all of them are published. */
export async function allPublished(subjects: readonly Subject[], milliseconds = 120_000): Promise<void> {
  await until(() => subjects.every((subject) => subject.published()), {
    milliseconds,
    what: () => {
      const missing = subjects.filter((subject) => !subject.published()).map(({ repo }) => repo);
      return `not published: ${missing.join(", ")}`;
    },
  });
}
