// The life of one issue as a story, over real HTTP, with people of different rights: opened vaguely, asked about, answered, planned, approved
// with changes, built, red in CI, repaired, reviewed in three threads, revised, pushed to by a person, frozen, resumed, merged and tidied up.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { runId, type RunId } from "#src/core/ids.ts";
import { fold } from "#src/engine/fold.ts";
import type { State } from "#src/engine/state.ts";
import type { ScriptedCall } from "#src/playground/scripted-model.ts";
import { sampleFiles } from "#src/playground/sample-script.ts";
import { openWorld, person as maria, type World } from "#test/support/baton-world.ts";
import { receiptAgents, taskIn, triage } from "#test/support/receipts.ts";
import { until } from "#test/support/until.ts";

const repo = "octo/bills";
/** May start work, and approve nothing. */
const vera = "vera";
/** Opened the issue, and may do nothing else. */
const otto = "otto";

let world: World;
let issue = 0;
let run: RunId;

const say = (body: string, as: string, number = issue) => world.playground.comment({ repo, number, body, as });
const wordsOn = (number: number) =>
  world.playground.comments({ repo, number }).map(({ body, by }) => ({ by: by.account.login, body }));
const ofBaton = (number: number) => wordsOn(number).filter(({ by }) => by === "baton[bot]");
/** What an e-mail about a comment begins with. */
const firstLine = (body: string) => /^(?:###? )?(.*\S.*)$/m.exec(body.replaceAll(/<!--.*?-->/gs, ""))?.[1];
const card = () => ofBaton(issue).find(({ body }) => body.includes("<!-- baton:status:"))?.body ?? "";
const labels = () => world.playground.issue({ repo, number: issue }).labels.map(({ name }) => name);
const pull = () => world.playground.pulls(repo)[0];
const headOf = () => pull()?.pull?.headSha ?? "";
const branchOf = () => pull()?.pull?.headRef ?? "";

/** The dashboard shows this, soon: it is edited twice a minute at most. */
const dashboardSays = (words: string) =>
  until(
    async () => {
      const answer = await fetch(`${world.playground.apiUrl}/repos/${repo}/issues?state=all`);
      const issues = z.array(z.object({ title: z.string(), body: z.string().nullable() })).parse(await answer.json());
      return issues.some(({ title, body }) => title === "Baton dashboard" && body?.includes(words));
    },
    { milliseconds: 110_000, what: `the dashboard does not say "${words}"` },
  );

async function stateNow(): Promise<State> {
  return fold(await world.baton.store.log.read(run));
}

/** Waits until the run is as `is` says. */
async function becomes(what: string, is: (state: State) => unknown): Promise<State> {
  return until(
    async () => {
      const state = await stateNow();
      return is(state) ? state : undefined;
    },
    { milliseconds: 120_000, what: `the run never became: ${what}` },
  );
}

/** What is shown of the run has come to rest. */
async function shown(): Promise<void> {
  await until(async () => (await world.baton.store.deliveries.pending()).length === 0, { what: "deliveries wait" });
  await world.baton.engine.projection.settle(run);
  await world.playground.settled();
}

const finish = (input: object) => ({ tools: [{ name: "finish", input: { ...input } }] });
const bash = (command: string) => ({ tools: [{ name: "bash", input: { command } }] });
const head = "// CSV for spreadsheets";
const separator = "// Fields are separated by commas.";

/** Builds as for receipts; afterwards it does what checks and people ask for. */
function builder(call: ScriptedCall) {
  const { brief, turn } = call;
  if (taskIn(call) !== undefined) return receiptAgents.builder(call);
  const put = (line: string, summary: string, answers: readonly object[] = []) =>
    turn === 1
      ? bash(`sed -i '1i ${line}' src/csv.js && node --test test/csv.test.js 2>&1 | tail -3`)
      : finish({ summary, files: ["src/csv.js"], followUps: [], answers });
  if (brief.includes("What failed on the pull request")) return put(head, "Says what the file is for.");
  if (brief.includes("What people want changed"))
    return put(separator, "Says how fields are separated.", [
      { thread: 1, done: true, what: "It is said above the function." },
      { thread: 2, done: true, what: "The same line says it." },
      { thread: 3, done: false, what: "Quoting is another change; nothing here holds a comma." },
    ]);
  return receiptAgents.builder(call);
}

beforeAll(async () => {
  world = await openWorld();
  for (const login of [vera, otto]) world.playground.addUser({ login });
  world.script(repo, {
    ...receiptAgents,
    triager: ({ brief }) =>
      finish({ ...triage, missing: brief.includes("one for spreadsheets") ? [] : ["Printed in which formats?"] }),
    builder,
  });
  await world.playground.addRepository({
    owner: "octo",
    name: "bills",
    from: {
      ...(await sampleFiles()),
      ".github/baton.yml": "commands: { test: node --test }\ntriggers: { onOpened: false }\ndashboard: true\n",
    },
    labels: ["enhancement"],
    collaborators: { [maria]: "maintain", [vera]: "write", [otto]: "read" },
  });
}, 120_000);

afterAll(async () => world[Symbol.asyncDispose]());

describe("an issue", () => {
  test("that is opened vaguely is asked about, and whoever opened it may not start work", async () => {
    ({ number: issue } = await world.playground.openIssue({
      repo,
      title: "Bills on paper",
      body: "Please.",
      as: otto,
    }));
    say("/agent implement", otto);
    await until(() => ofBaton(issue).some(({ body }) => body.includes("needs write")), { what: "nobody refused" });
    say("/agent fix", vera);
    const [line] = await until(
      async () => {
        const lines = await world.baton.store.log.list({ limit: 1, repo });
        return lines.length > 0 ? lines : undefined;
      },
      { what: "no run began" },
    );
    run = runId(line?.run ?? "");
    await becomes("waiting for an answer", ({ waiting }) => waiting?.reason === "answer");
    await shown();
    expect(ofBaton(issue).at(-1)?.body).toContain(
      "@otto @vera before work begins I need to know:\n\n1. Printed in which",
    );
    expect(card()).toContain("Waiting for you");
    expect(labels().toSorted()).toEqual(["agent/needs-info", "enhancement"]);
  }, 60_000);

  test("is answered by whoever opened it, in plain words, and planned", async () => {
    say("One as text, and one for spreadsheets.", otto);
    const state = await becomes("waiting for approval", ({ waiting }) => waiting?.reason === "approval");
    await shown();
    expect(state.workflow?.name).toBe("feature");
    expect(world.model.calls.find(({ agent }) => agent === "planner")?.brief).toContain("one for spreadsheets");
    expect(labels().toSorted()).toEqual(["agent/awaiting-approval", "enhancement"]);
    await dashboardSays("a plan to approve");
  }, 180_000);

  test("has its plan approved with changes by somebody who may, and by nobody else", async () => {
    say("/agent approve", vera);
    await until(() => ofBaton(issue).some(({ body }) => body.includes("maintain")), { what: "nobody refused" });
    say("/agent approve with: amounts in CSV without the sign", maria);
    const state = await becomes("published", ({ finished }) => finished);
    await shown();
    expect(state.finished).toMatchObject({ outcome: "succeeded", code: "verified" });
    expect(pull()?.pull?.draft).toBe(true);
    expect(pull()?.body).toContain(`Closes #${issue}`);
    expect(labels()).toContain("agent/in-pr");
  }, 150_000);
});

describe("its pull request", () => {
  test("is red in CI, repaired, and green", async () => {
    const before = headOf();
    world.playground.setCi(repo, [{ name: "headers", needs: { path: "src/csv.js", text: head } }]);
    await world.playground.runCi(repo, headOf());
    await becomes("run once more", ({ checks }) => checks.judged?.verdict === "again");
    await world.playground.runCi(repo, headOf());
    await becomes("under repair", ({ checks }) => checks.rounds === 1);
    await becomes("repaired", ({ finished }) => finished && headOf() !== before);
    await shown();
    expect(await world.playground.file(repo, headOf(), "src/csv.js")).toContain(head);
    await world.playground.runCi(repo, headOf());
    await becomes("green", ({ checks }) => checks.judged?.verdict === "green");
  }, 150_000);

  test("is reviewed in three threads, revised, and each thread is answered", async () => {
    const before = headOf();
    const number = pull()?.number ?? 0;
    world.playground.review({
      repo,
      number,
      as: maria,
      state: "CHANGES_REQUESTED",
      body: "Nearly there.",
      remarks: [
        { path: "src/csv.js", line: 1, body: "Which separator?" },
        { path: "src/csv.js", line: 2, body: "Say it where people look." },
        { path: "src/csv.js", line: 3, body: "What about commas in names?" },
      ],
    });
    await becomes("revised", ({ finished }) => finished && headOf() !== before);
    await shown();
    expect(await world.playground.file(repo, headOf(), "src/csv.js")).toContain(separator);
    expect(pull()?.pull?.resolved.size).toBe(2);
  }, 150_000);

  test("is frozen when a person pushes, and Baton's again when one says so", async () => {
    await world.playground.push({ repo, branch: branchOf(), files: { "NOTES.md": "Ours.\n" }, as: vera });
    await becomes("taken", ({ branch }) => branch.taken);
    const pushed = headOf();
    await shown();
    expect(card()).toContain("**Frozen**");
    say("/agent resume", vera, pull()?.number ?? 0);
    await becomes("given back", ({ branch }) => branch.taken === undefined && branch.ground === pushed);
    await shown();
    expect(card()).not.toContain("**Frozen**");
    expect(headOf()).toBe(pushed);
  }, 60_000);

  test("is merged, and tidied up", async () => {
    const branch = branchOf();
    await world.playground.forcePush({ repo, branch: "main", to: branch, as: maria });
    await becomes("merged", ({ pullClosed }) => pullClosed?.merged);
    await shown();
    await until(async () => !(`refs/heads/${branch}` in (await world.playground.refs(repo))), {
      what: "the branch is still there",
    });
    await until(() => labels().includes("agent/done"), { what: "the issue is not labelled as done" });
    expect(card()).toContain("merged");
    await dashboardSays("1 pull request merged");
  }, 180_000);
});

describe("in all of it", () => {
  test("whoever watches is written to only where something is asked, refused or answered, or has come to its end", () => {
    const number = pull()?.number ?? 0;
    const answers = world.playground.journal.filter(
      ({ method, path, status }) => method === "POST" && /\/pulls\/\d+\/comments/.test(path) && status === 201,
    );
    // Edits, labels, reactions, check runs and draft pull requests that change notify nobody.
    expect(ofBaton(issue).map(({ body }) => firstLine(body))).toEqual([
      "> `/agent implement`",
      expect.stringMatching(/^✅ Succeeded · draft pull request/),
      "🙋 Questions, and the run waits for your answers",
      "🙋 A plan, and it waits for you",
      "> `/agent approve`",
      "📋 The plan, written anew",
      expect.stringContaining("I opened a draft pull request"),
    ]);
    expect(ofBaton(number)).toEqual([]);
    expect(answers).toHaveLength(3);
  });
});
