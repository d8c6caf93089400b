// The workflow that docs/actions.md gives to copy, as the runner stand-in reads it: whom an event concerns, and in which line it waits.
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openPlayground } from "#src/playground/playground.ts";
import { fill, isTrue } from "#test/support/actions-expression.ts";
import { readWorkflow } from "#test/support/actions-file.ts";
import { actionsApp, actionsBot } from "#test/support/actions-identity.ts";
import { openActions } from "#test/support/actions-runner.ts";
import { until } from "#test/support/until.ts";

const path = ".github/workflows/baton.yml";
const text = await readFile(join(import.meta.dirname, "../../docs/actions/alone.yml"), "utf8");
const workflow = readWorkflow(text);

const maria = { login: "maria", type: "User" };
const issue = { number: 12, labels: [{ name: "bug" }] };
const asking = { number: 12, labels: [{ name: "bug" }, { name: "agent/needs-info" }] };
const comment = (body: string, more: object = {}) => ({
  name: "issue_comment",
  event: { action: "created", sender: maria, issue, comment: { body }, ...more },
});
const pull = (ref: string, more: object = {}) => ({
  name: "pull_request",
  event: {
    action: "closed",
    sender: maria,
    pull_request: { number: 17, head: { ref, repo: { full_name: "octo/tab" } } },
    ...more,
  },
});
const labeled = (name: string) => ({
  name: "issues",
  event: { action: "labeled", sender: maria, issue, label: { name } },
});
const bot = { sender: { login: "b[bot]", type: "Bot" } };

test.each([
  ["a start by hand", { name: "workflow_dispatch", event: { sender: maria }, inputs: { subject: "12" } }, "baton-12"],
  ["a new issue", { name: "issues", event: { action: "opened", sender: maria, issue } }, "baton-12"],
  ["the label agent", labeled("agent"), "baton-12"],
  ["a label agent:", labeled("agent:fix"), "baton-12"],
  ["a command", comment("please /agent stop"), "baton-12"],
  ["an answer", comment("The first one.", { issue: asking }), "baton-12"],
  ["a ticked box of Baton's", comment("<!-- baton:x -->", { action: "edited" }), "baton-12"],
  ["Baton's pull request", pull("baton/issue-12"), "baton-17"],
  ["another label", labeled("bug"), undefined],
  ["thanks", comment("Thank you!"), undefined],
  ["a bot's command", comment("/agent stop", bot), undefined],
  ["another edited comment", comment("/agent stop", { action: "edited" }), undefined],
  ["another pull request", pull("feature"), undefined],
  ["a bot at Baton's pull request", pull("baton/issue-12", bot), undefined],
  [
    "a fork's branch of that name",
    pull("baton/issue-12", {
      pull_request: { number: 17, head: { ref: "baton/issue-12", repo: { full_name: "e/t" } } },
    }),
    undefined,
  ],
])("%s waits in the line of its issue if it concerns Baton, and in one of its own if not", (_, said, line) => {
  const { name, event } = said;
  const github = { event_name: name, event, repository: "octo/tab", run_id: "5001" };
  const contexts = { github, inputs: "inputs" in said ? said.inputs : {} };
  expect(fill(workflow.concurrency?.group ?? "", contexts)).toBe(line ?? "baton-run-5001");
  expect(isTrue(workflow.jobs["begin"]?.if, contexts, { failed: false, cancelled: false })).toBe(line !== undefined);
});

test("a comment that concerns nobody cancels no command that waits", async () => {
  await using undo = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "baton-alone-"));
  undo.defer(() => rm(folder, { recursive: true, force: true }));
  const go = join(folder, "go");
  const waits = `runs:\n  using: composite\n  steps:\n    - run: while [ ! -e "$GO" ]; do sleep 0.05; done\n      shell: bash\n`;
  const inputs = ["mode", "subject", "worked", "anthropic-api-key"].map((one) => `  ${one}: { description: "…" }\n`);
  const action = `name: Waits\ndescription: until it may go on\ninputs:\n${inputs.join("")}${waits}`;
  await writeFile(join(folder, "action.yml"), action);
  const playground = undo.use(await openPlayground({ apps: [actionsApp], users: [actionsBot, { login: "maria" }] }));
  const repo = "octo/tab";
  await playground.addRepository({
    owner: "octo",
    name: "tab",
    from: { [path]: text },
    collaborators: { maria: "admin" },
  });
  const actions = undo.use(
    await openActions({ playground, repo, workflow: path, actions: { "OWNER/baton@v1": folder }, env: { GO: go } }),
  );
  const { number } = await playground.openIssue({ repo, title: "A bug", body: "It is wrong.", as: "maria" });
  await until(() => actions.runs.length === 1);
  playground.comment({ repo, number, body: "/agent stop", as: "maria" });
  await until(() => actions.runs.length === 2);
  playground.comment({ repo, number, body: "Thank you!", as: "maria" });
  await until(() => actions.runs[2]?.run.status === "completed");
  expect(actions.runs.map(({ run }) => run.status)).toEqual(["in_progress", "queued", "completed"]);
  await writeFile(go, "");
  await actions.idle();
  expect(actions.runs.map(({ run }) => run.conclusion)).toEqual(["success", "success", "success"]);
  expect(actions.runs.map(({ jobs }) => jobs[0]?.result)).toEqual(["success", "success", "skipped"]);
});
