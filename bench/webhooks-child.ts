// A server that only answers webhooks, for `webhooks.ts`: `durable` is Baton's door (kept in a database before the answer, and
// the bell rung), `bare` is Probot's own middleware with a handler that does nothing.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createNodeMiddleware, Probot, ProbotOctokit } from "probot";
import { createKeys } from "../src/cli/demo-keys.ts";
import { silentLog } from "../src/core/log.ts";
import { RunEvent } from "../src/engine/events.ts";
import { openWebhooks } from "../src/intake/probot-app.ts";
import { openStore } from "../src/store/open-store.ts";

const [kind, secret = "", folder = "", databaseUrl = ""] = process.argv.slice(2);
const { privateKey } = createKeys();

async function durable() {
  const store = await openStore({
    databaseUrl: databaseUrl === "" ? undefined : databaseUrl,
    folder,
    parse: (json) => RunEvent.parse(json),
    log: silentLog,
  });
  await store.bell.answer(async (_, id) => await store.deliveries.handled(id, "nothing"), { parallel: 4 });
  const webhooks = await openWebhooks({
    appId: 1,
    privateKey,
    secrets: [secret],
    apiUrl: "http://127.0.0.1:9",
    deliveries: store.deliveries,
    stored: (id) => store.bell.ring("delivery", id),
    log: silentLog,
  });
  return (request: IncomingMessage, response: ServerResponse) => webhooks.handle(request, response);
}

async function bare() {
  const probot = new Probot({ appId: 1, privateKey, secret, Octokit: ProbotOctokit, logLevel: "fatal" });
  return await createNodeMiddleware((app) => app.on("issue_comment.created", () => {}), {
    probot,
    webhooksPath: "/api/github/webhooks",
  });
}

const handle = kind === "bare" ? await bare() : await durable();
const server = createServer((request, response) => void handle(request, response));
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  console.log(`http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`);
});
