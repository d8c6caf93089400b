// `npm run demo`: Baton on its embedded defaults, a local GitHub with a sample repository that has a real bug, and a scripted model.
// A person opens an issue; everything after that goes the way it goes in earnest: signed webhooks, agents in sandboxes, gates, a draft pull request.
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { styleText } from "node:util";
import { openBaton } from "../baton.ts";
import { invalidUsage, readArguments } from "./arguments.ts";
import { BatonError } from "../core/errors.ts";
import { createLog } from "../core/log.ts";
import { createRedact } from "../core/redact.ts";
import type { RunId } from "../core/ids.ts";
import { openSandbox } from "../hands/open-sandbox.ts";
import { readEnv, type Env } from "../env.ts";
import { openPlayground, type Playground } from "../playground/playground.ts";
import { sampleFolder, sampleIssues, sampleScript } from "../playground/sample-script.ts";
import { openScriptedModel } from "../playground/scripted-model.ts";
import { createKeys } from "./demo-keys.ts";
import { follow } from "./follow.ts";
import { listen } from "./listen.ts";
import { stopSignal } from "./serve.ts";
import { summarise, tell } from "./story.ts";

const USAGE = `Usage: npm run demo -- [options]

  --exit             stop when the first run has ended; exit code 0 when its pull request is verified
  --json             print one JSON summary as the last line; the story goes to stderr
  --model real       use the real model instead of the scripted one; needs ANTHROPIC_API_KEY
  --port <number>    where the local GitHub listens (default: any free port)`;

const REPO = "octo-org/tab";
const PERSON = "maria";
/** Before each scripted reply, so that a person can watch the card change. */
const THINKING_MS = 400;

/** The verb. */
export async function demo(argv: readonly string[]): Promise<number> {
  const values = parse(argv);
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  const print = values.json ? (line: string) => console.error(line) : (line: string) => console.log(line);
  const stop = stopSignal();
  await using undo = new AsyncDisposableStack();
  const home = await mkdtemp(join(tmpdir(), "baton-demo-"));
  undo.defer(() => rm(home, { recursive: true, force: true }));
  print("Starting a local GitHub, Baton and its embedded database …");

  const secret = randomBytes(24).toString("hex");
  const token = `person-${randomBytes(12).toString("hex")}`;
  const { publicKey, privateKey } = createKeys();
  const playground = undo.use(await openSample(Number(values.port), publicKey, token));
  const sandbox = values.model === "real" ? readEnv([]).sandbox : await chooseSandbox(print);
  const model = values.model === "real" ? realModel() : undo.use(await scriptedModel(values.exit ? 0 : THINKING_MS));
  const env: Env = {
    ...readEnv([], {}),
    app: { id: 1, privateKey, webhookSecrets: [secret] },
    apiUrl: playground.apiUrl,
    serverUrl: playground.url,
    model,
    home,
    sandbox,
    secrets: [secret, privateKey, model.apiKey],
  };
  const journal = createLog({ level: "error", redact: createRedact(env.secrets) });
  const baton = undo.use(await openBaton(env, journal));
  const server = undo.use(await listen(baton, { host: "127.0.0.1", port: 0 }));
  playground.deliverTo(`${server.address}/api/github/webhooks`, secret);

  const first = Promise.withResolvers<RunId>();
  const following = undo.use(
    follow(baton.store.log, (event, state) => {
      first.resolve(state.runId);
      tell(event, state).forEach(print);
    }),
  );
  const issue = await openIssue(playground, token);
  print(
    [
      "",
      `  The issue, with its status card:  ${styleText("underline", issue)}`,
      `  All issues and pull requests:     ${styleText("underline", `${playground.url}/${REPO}`)}`,
      ...(values.exit ? ["  With --exit these addresses are gone when the run has ended."] : []),
      "",
    ].join("\n"),
  );

  const ended = first.promise.then((run) => following.ended(run));
  const state = await Promise.race([ended, stop]);
  if (!state) return 130;
  if (state.pullRequest)
    print(
      values.exit
        ? `\n  The draft pull request was #${state.pullRequest.number}; without --exit the demo stays, and shows it.`
        : `\n  The draft pull request:           ${styleText("underline", state.pullRequest.url)}`,
    );
  if (!values.exit) {
    print(invitation(playground.url, values.model));
    await stop;
  }
  await playground.settled();
  if (values.json) console.log(JSON.stringify(summarise(state)));
  return state.finished?.outcome === "succeeded" && state.pullRequest ? 0 : 1;
}

function invitation(url: string, model: string): string {
  const hint =
    model === "real"
      ? "Open any issue you like"
      : `The scripted model knows one more bug: open an issue titled “${sampleIssues.second.title}”`;
  const further =
    model === "real"
      ? []
      : [
          "`/agent init` on any issue proposes a setup. What else `/agent help` lists is begun, and answered with a word about the scripted model:",
          "`npm run demo -- --model real` works it in earnest.",
        ];
  return [
    "",
    `${styleText("bold", "Now you.")} ${hint}:`,
    `  ${url}/${REPO}/issues/new`,
    ...further,
    "Comment `/agent help`, `/agent why` or `/agent fix`, put the label `agent` on an issue, or act as the passer-by, who may not.",
    "Ctrl+C ends the demo.",
  ].join("\n");
}

/** The local GitHub with the sample repository, the App installed on it, and a maintainer who has a token. */
async function openSample(port: number, publicKey: string, token: string): Promise<Playground> {
  const playground = await openPlayground({
    port,
    apps: [
      {
        id: 1,
        slug: "baton",
        name: "Baton",
        publicKey,
        installationId: 1,
        permissions: { checks: "write", issues: "write", pull_requests: "write", contents: "write", metadata: "read" },
      },
    ],
    users: [{ login: PERSON, tokens: [token] }, { login: "passer-by" }],
  });
  const [owner = "", name = ""] = REPO.split("/");
  await playground.addRepository({
    owner,
    name,
    description: "Split the bill, keep the friends",
    from: sampleFolder,
    labels: [
      { name: "bug", color: "d73a4a", description: "Something isn't working" },
      { name: "enhancement", color: "a2eeef" },
      { name: "question", color: "d876e3" },
      { name: "agent", color: "5319e7", description: "Let Baton work on it" },
    ],
    collaborators: { [PERSON]: "maintain", "passer-by": "read" },
  });
  return playground;
}

/** The issue is opened as a person's program would open it: over HTTP, with that person's token. */
async function openIssue(playground: Playground, token: string): Promise<string> {
  const { title, body } = sampleIssues.first;
  const response = await fetch(`${playground.apiUrl}/repos/${REPO}/issues`, {
    method: "POST",
    headers: { authorization: `token ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ title, body }),
  });
  if (!response.ok)
    throw new BatonError(
      "github-failed",
      `the local GitHub refused the issue: ${response.status} ${await response.text()}`,
    );
  return `${playground.url}/${REPO}/issues/1`;
}

/** The demo's own sample code may run without a sandbox, with a warning: it is known, and so is what the scripted model does with it. A real model's doings are not. */
async function chooseSandbox(print: (line: string) => void): Promise<Env["sandbox"]> {
  try {
    await using _ = await openSandbox({
      mode: "required",
      log: createLog({ level: "silent", redact: (text) => text }),
    });
    return "required";
  } catch (error) {
    if (!(error instanceof BatonError) || error.code !== "sandbox-missing") throw error;
    print(
      styleText(
        "yellow",
        `Warning: ${error.message}\nThe demo goes on without a sandbox, since it only runs its own sample code.`,
      ),
    );
    return "none";
  }
}

function realModel(): { apiKey: string; baseURL: string } {
  const { model } = readEnv(["model"]);
  if (!model) throw new BatonError("invalid-environment", "ANTHROPIC_API_KEY is missing: --model real needs it");
  return model;
}

async function scriptedModel(delayMs: number): Promise<{ apiKey: string; baseURL: string } & AsyncDisposable> {
  const model = await openScriptedModel({ script: sampleScript(delayMs) });
  return {
    apiKey: "the-scripted-model-takes-any-key",
    baseURL: model.url,
    [Symbol.asyncDispose]: () => model[Symbol.asyncDispose](),
  };
}

function parse(argv: readonly string[]) {
  const { values } = readArguments(argv, USAGE, {
    options: {
      exit: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      model: { type: "string", default: "scripted" },
      port: { type: "string", default: "0" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.model !== "scripted" && values.model !== "real")
    throw invalidUsage(`--model is "scripted" or "real", not "${values.model}"`, USAGE);
  if (!/^\d{1,5}$/.test(values.port)) throw invalidUsage(`--port is a number, not "${values.port}"`, USAGE);
  return values;
}
