// Baton inside GitHub Actions without a server: the documented workflow, job by job, with the rights each job names. One job holds the
// model and may write nothing, another one writes and has no model; one of them dies midway.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { JournalEntry } from "#src/playground/playground.ts";
import { openPlayground, type Playground } from "#src/playground/playground.ts";
import { sampleIssues, sampleScript } from "#src/playground/sample-script.ts";
import { openScriptedModel, type ScriptedModel } from "#src/playground/scripted-model.ts";
import { actionsApp, actionsBot } from "#test/support/actions-identity.ts";
import { keptBytes, openActions, type ActionsRunner, type RunRecord } from "#test/support/actions-runner.ts";
import { openModelExchange, type ModelExchange } from "#test/support/model-exchange.ts";
import { needs } from "#test/support/needs.ts";
import { quickSample } from "#test/support/sample.ts";
import { until } from "#test/support/until.ts";

const root = join(import.meta.dirname, "../..");
const repo = "octo/alone";
const workflow = ".github/workflows/baton.yml";
const audience = "https://api.anthropic.com";

let playground: Playground;
let model: ScriptedModel;
let exchange: ModelExchange;
let actions: ActionsRunner;
let number = 0;
const undo = new AsyncDisposableStack();

/** The documented workflow, with the documented change for a model without a key. */
async function workflowText(): Promise<string> {
  const text = await readFile(join(root, "docs/actions/alone.yml"), "utf8");
  const federated = text
    .replace(
      "          anthropic-api-key: ${{ secrets.ANTHROPIC_API_KEY }}\n",
      "          federation-rule: fdrl_1\n          organization: org-1\n",
    )
    .replace("      pull-requests: read\n", "      pull-requests: read\n      id-token: write\n");
  expect(federated).not.toContain("ANTHROPIC_API_KEY");
  return federated;
}

const jobOf = (record: RunRecord | undefined, name: string, attempt = 1) =>
  record?.jobs.find((job) => job.name === name && job.attempt === attempt);
const bodies = (at = number) => playground.comments({ repo, number: at }).map(({ body }) => body);
const card = () => bodies().find((body) => body.includes("<!-- baton:status:")) ?? "";
const wrote = ({ method, token, path }: JournalEntry, of: string | undefined) =>
  token === of && !["GET", "HEAD"].includes(method) && !path.endsWith("/git-upload-pack");
const callsOf = (agent: string) => model.calls.filter((call) => call.agent === agent).length;

beforeAll(async () => {
  playground = undo.use(
    await openPlayground({
      apps: [actionsApp],
      users: [actionsBot, { login: "maria" }, { login: "passer-by" }],
    }),
  );
  const script = sampleScript();
  model = undo.use(
    await openScriptedModel({
      script,
    }),
  );
  exchange = undo.use(
    await openModelExchange(model.url, { issuer: () => actions.issuer.url, audience, rule: "fdrl_1" }),
  );
  await playground.addRepository({
    owner: "octo",
    name: "alone",
    from: { ...(await quickSample()), [workflow]: await workflowText() },
    labels: ["bug"],
    collaborators: { maria: "maintain", "passer-by": "read" },
  });
  actions = undo.use(
    await openActions({
      playground,
      repo,
      workflow,
      actions: { "OWNER/baton@v1": root },
      env: {
        ANTHROPIC_BASE_URL: exchange.url,
        ...((await needs("bubblewrap")) ? {} : { BATON_SANDBOX: "none" }),
      },
    }),
  );
}, 60_000);

afterAll(async () => undo.disposeAsync());

describe("an issue, a job that dies, and the jobs that are run again", () => {
  let first: RunRecord | undefined;
  let before = { reproducer: 0, triager: 0 };

  beforeAll(async () => {
    actions.killOnce("work", () => callsOf("fixer") > 0);
    const { title, body } = sampleIssues.first;
    ({ number } = await playground.openIssue({ repo, title, body, as: "maria" }));
    await until(() => actions.runs.length > 0);
    [first] = await actions.idle();
  }, 120_000);

  test("is shown at once, and says what to do about the job that died", () => {
    expect(jobOf(first, "begin")?.result, jobOf(first, "begin")?.log).toBe("success");
    expect(jobOf(first, "work")?.result).toBe("failure");
    expect(jobOf(first, "publish")?.result, jobOf(first, "publish")?.log).toBe("success");
    expect(jobOf(first, "publish")?.summary).toContain("Re-run failed jobs");
    expect(card()).toContain(`/${repo}/actions/runs/${first?.run.id}`);
    expect(playground.pulls(repo)).toEqual([]);
    before = { reproducer: callsOf("reproducer"), triager: callsOf("triager") };
  });

  test("goes on where it was, and ends in a draft pull request", async () => {
    if (!first) throw new Error("there is no run");
    await actions.rerunFailed(first);
    await actions.idle();
    expect(jobOf(first, "work", 2)?.result, jobOf(first, "work", 2)?.log).toBe("success");
    expect(jobOf(first, "publish", 2)?.result, jobOf(first, "publish", 2)?.log).toBe("success");
    expect({ reproducer: callsOf("reproducer"), triager: callsOf("triager") }).toEqual(before);
    const [pull] = playground.pulls(repo);
    expect(pull?.pull?.draft).toBe(true);
    expect(pull?.body).toContain(`Closes #${number}`);
    expect(pull?.body).toContain("No CI has started here");
    expect(card()).toContain("Succeeded");
    expect(bodies().filter((body) => body.includes("<!-- baton:status:"))).toHaveLength(1);
    expect(await playground.duplicates(repo)).toEqual([]);
    expect(model.unscripted).toEqual([]);
  }, 120_000);

  test("leaves its card in the job's summary", () => {
    expect(jobOf(first, "work", 2)?.summary).toMatch(/### .* · /);
    expect(jobOf(first, "publish", 2)?.summary).toContain("Succeeded");
    expect(jobOf(first, "publish", 2)?.summary).toContain("no CI for the pull request");
  });

  test("the job with the model writes nothing, and could not", async () => {
    for (const attempt of [1, 2]) {
      const work = jobOf(first, "work", attempt);
      expect(Object.values(work?.permissions ?? {}).filter((level) => level === "write")).toEqual(["write"]);
      expect(work?.permissions["id-token"]).toBe("write");
      expect(playground.journal.some(({ token }) => token === work?.token)).toBe(true);
      expect(playground.journal.filter((entry) => wrote(entry, work?.token))).toEqual([]);
    }
  });

  test("every job has the rights it needs and is refused nothing but its name", () => {
    const refused = playground.journal.filter(({ status }) => status === 401 || status === 403);
    expect(refused.map(({ route }) => route).filter((route) => route !== "/user")).toEqual([]);
  });

  test("the model hears only who exchanged the job's own token", () => {
    expect(exchange.given.length).toBeGreaterThan(0);
    expect(exchange.refused).toEqual([]);
    expect(exchange.exchanges[0]).toMatchObject({ organization_id: "org-1", federation_rule_id: "fdrl_1" });
  });

  test("what goes from job to job holds no secret", () => {
    const kept = gunzipSync(keptBytes(playground, repo)).toString("latin1");
    expect(kept.length).toBeGreaterThan(1_000_000);
    for (const secret of [...exchange.given, ...actions.issuer.given, "ghs_"]) expect(kept).not.toContain(secret);
    for (const { log } of first?.jobs ?? [])
      for (const secret of [...exchange.given, ...actions.issuer.given, "ghs_"]) expect(log).not.toContain(secret);
  });
});

describe("words to Baton later", () => {
  test("on its pull request are taken in where the issue is known, from what was kept", async () => {
    const pull = playground.pulls(repo)[0]?.number ?? 0;
    const runs = actions.runs.length;
    playground.comment({ repo, number: pull, body: "/agent status", as: "maria" });
    await until(() => actions.runs.length === runs + 2, { what: "no other run was started for the issue" });
    const [, forwarded, answered] = await actions.idle();
    expect(jobOf(forwarded, "begin")?.log).toContain(`belongs to issue #${number}`);
    expect(answered?.event).toBe("workflow_dispatch");
    expect(jobOf(answered, "work")?.result).toBe("skipped");
    expect(bodies(pull).join("\n"), jobOf(answered, "begin")?.log).toContain("Succeeded");
  }, 60_000);
});
