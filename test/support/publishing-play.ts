// Everything Baton ever writes to GitHub, as one play: two runs on one issue, from 👀 to the comment at the end, and a change that a
// person wants of the pull request. Tests and the chaos script break it on every request and then ask what is wrong.
import { isRefused } from "#src/github/failure.ts";
import { newRunId, type Sha } from "#src/core/ids.ts";
import { silentLog } from "#src/core/log.ts";
import type { RunId } from "#src/core/ids.ts";
import type { Check } from "#src/engine/checks.ts";
import type { RecordedEvent } from "#src/engine/events.ts";
import type { Publisher } from "#src/engine/ports.ts";
import type { State } from "#src/engine/state.ts";
import { createClient, type Timing } from "#src/github/client.ts";
import { createProjection, type GitHubProjection } from "#src/github/projection.ts";
import { createPublisher } from "#src/github/publisher.ts";
import type { RequestsOptions } from "#src/github/requests.ts";
import { createMemoryOutbox, type Outbox } from "#src/store/outbox.ts";
import { Change, type Artifact } from "#src/workflows/artifacts.ts";
import { bareRepository, BreakingGitHub, git, writeCommit, type Call } from "./breaking-github.ts";
import { FIRST_REMARK } from "./breaking-review.ts";
import { GitWorkspaces } from "./git-workspaces.ts";
import { RunScript } from "./recorded-run.ts";

/** Every kind of write, by method and path. */
export const writeKinds: readonly { readonly name: string; readonly route: RegExp }[] = [
  { name: "write a comment", route: /^POST .*\/issues\/\d+\/comments$/ },
  { name: "edit a comment", route: /^PATCH .*\/issues\/comments\/\d+$/ },
  { name: "take a comment away", route: /^DELETE .*\/issues\/comments\/\d+$/ },
  { name: "react", route: /^POST .*\/reactions$/ },
  { name: "take a reaction away", route: /^DELETE .*\/reactions\/\d+$/ },
  { name: "create a label", route: /^POST .*\/tab\/labels$/ },
  { name: "set labels", route: /^POST .*\/issues\/12\/labels$/ },
  { name: "take a label off", route: /^DELETE .*\/issues\/12\/labels\/.+$/ },
  { name: "store a blob", route: /^POST .*\/git\/blobs$/ },
  { name: "store a tree", route: /^POST .*\/git\/trees$/ },
  { name: "make a commit", route: /^POST .*\/git\/commits$/ },
  { name: "create a branch", route: /^POST .*\/git\/refs$/ },
  { name: "move a branch", route: /^PATCH .*\/git\/refs\/.+$/ },
  { name: "open a pull request", route: /^POST .*\/pulls$/ },
  { name: "update a pull request", route: /^PATCH .*\/pulls\/\d+$/ },
  { name: "ask for a review", route: /^POST .*\/requested_reviewers$/ },
  { name: "write a check run", route: /^POST .*\/check-runs$/ },
  { name: "change a check run", route: /^PATCH .*\/check-runs\/\d+$/ },
  { name: "have a check run again", route: /^POST .*\/check-runs\/\d+\/rerequest$/ },
  { name: "answer a thread", route: /^POST .*\/pulls\/13\/comments\/\d+\/replies$/ },
  { name: "ask by GraphQL", route: /^POST \/graphql$/ },
];

export const readKinds: readonly { readonly name: string; readonly route: RegExp }[] = [
  { name: "read the issue", route: /^GET .*\/issues\/12$/ },
  { name: "read a branch", route: /^GET .*\/git\/ref\/.+$/ },
  { name: "read pull requests", route: /^GET .*\/pulls$/ },
  { name: "read a commit", route: /^GET .*\/commits\/.+$/ },
];

export function kindOf({ method, path }: Call, kinds = writeKinds): string | undefined {
  return kinds.find(({ route }) => route.test(`${method} ${path}`))?.name;
}

const files = { "src/split.js": "floor\n", "logo.bin": new Uint8Array([1, 2]) };
const fixed = {
  "src/split.js": "floor and rest\n",
  "logo.bin": new Uint8Array([1, 2, 250]),
  "src/neu.js": "größer\r\n",
};
let original: { folder: string; base: Sha; first: Sha; second: Sha; third: Sha } | undefined;

/** One repository for all plays of a process; each play has a copy. */
function originalRepository() {
  if (original) return original;
  const folder = bareRepository();
  const base = writeCommit(folder, files, [], "first");
  git(folder, ["update-ref", "refs/heads/main", base]);
  const first = writeCommit(folder, fixed, [base], "the fix");
  const second = writeCommit(folder, { ...fixed, "src/split.js": "better\n" }, [base], "a better fix");
  const third = writeCommit(folder, { ...fixed, "src/split.js": "named\n" }, [second], "as a person wants it");
  return (original = { folder, base, first, second, third });
}

/** A process that publishes. It shares nothing with another but what it is given. */
export interface PlayWorker extends AsyncDisposable {
  readonly publisher: Publisher;
  readonly projection: GitHubProjection;
}

export interface Step {
  readonly name: string;
  readonly act: (worker: PlayWorker) => Promise<void>;
}

export interface Play extends AsyncDisposable {
  readonly github: BreakingGitHub;
  readonly outbox: Outbox;
  worker(options?: Partial<RequestsOptions> & { outbox?: Outbox }): PlayWorker;
  readonly steps: readonly Step[];
  /** Another driver announces itself in every run that has begun. */
  takeOver(): void;
  /** Does a step until it is done, as the engine would; waits for what names a time. Throws after so many tries. */
  perform(step: Step, worker: PlayWorker, tries?: number): Promise<void>;
  /** What is doubled, missing or wrong after the last step; a good play gives nothing. */
  wrong(): { readonly doubled: string[]; readonly amiss: string[] };
}

const signal = new AbortController().signal;
const maria = { login: "maria", id: 7 };
const thread = { id: FIRST_REMARK, path: "src/split.js", outdated: false, text: "@maria: Name it." };
const answered: Artifact = {
  name: "Change",
  value: Change.parse({
    summary: "Named it.",
    files: [],
    followUps: [],
    answers: [{ thread: 1, done: true, what: "It has a name." }],
  }),
};
const theirs: Check = {
  name: "theirs",
  id: 90,
  state: "failed",
  by: "somebody's App",
  app: 5,
  conclusion: "failure",
  url: "",
  workflowRun: undefined,
};
const self = { login: "baton[bot]", id: 1, appId: undefined };
const branch = "baton/issue-12-splitting-loses-a-cent";

export async function openPlay(
  timing: Timing,
  shared: Partial<RequestsOptions> & { outbox?: Outbox } = {},
): Promise<Play> {
  const { folder: from, base, first, second, third } = originalRepository();
  const folder = bareRepository(from);
  const github = await BreakingGitHub.open(folder);
  github.now = () => timing.now();
  const outbox = shared.outbox ?? createMemoryOutbox(timing);
  const script = (head: Sha) =>
    new RunScript({ runId: newRunId(), base: { branch: "main", commit: base } })
      .driven()
      .routed()
      .stage("reproduce", { commit: head })
      .stage("diagnose")
      .stage("fix", { commit: head })
      .stage("verify")
      .stage("review")
      .stage("publish");
  const runs = [script(first), script(second)] as const;
  /** The log so far, and how much of each script is in it. */
  const known = new Map<RunId, { events: RecordedEvent[]; taken: number }>();
  const knownOf = (run: RunId) => {
    const one = known.get(run) ?? { events: [], taken: 0 };
    known.set(run, one);
    return one;
  };
  const append = (run: RunId, { at, event }: Pick<RecordedEvent, "at" | "event">) => {
    const { events } = knownOf(run);
    events.push({ version: events.length + 1, at, event });
  };
  const log = {
    read: (run: RunId, after = 0): Promise<RecordedEvent[]> => Promise.resolve(knownOf(run).events.slice(after)),
  };

  const grown =
    (run: RunScript, length: number): Step["act"] =>
    async ({ projection }) => {
      const { runId } = run.state;
      for (const event of run.events.slice(knownOf(runId).taken, length)) append(runId, event);
      knownOf(runId).taken = Math.max(Math.min(length, run.events.length), knownOf(runId).taken);
      await projection.settle(runId);
    };
  const publish = (run: RunScript): Step["act"] => {
    let due: State | undefined;
    let isIn = false;
    return async ({ publisher }) => {
      due ??= run.state;
      const answer = await publisher.openPullRequest(due, signal);
      if (answer.type === "refused") throw new Error(`refused: ${answer.message}`);
      // Whoever comes second finds it in the script.
      if (!isIn) run.add(answer.event).finished("succeeded", "verified", "Draft pull request opened.");
      isIn = true;
    };
  };
  /** A person has the second pull request changed, and the agents say that they did it. */
  const revise: Step["act"] = async (worker) => {
    const [, run] = runs;
    if (!run.state.revision)
      run
        .add({ type: "revision.requested", by: maria, quote: "a review", stage: "fix", words: "", threads: [thread] })
        .driven()
        .stage("fix", { commit: third, artifact: answered })
        .stage("verify")
        .stage("review")
        .stage("publish");
    await grown(run, 1_000)(worker);
  };
  const rerun: Step["act"] = async ({ publisher }) => {
    await publisher.rerunChecks(repo, base, [theirs]);
  };
  const { repo, subject } = runs[0].state.created;
  const answer =
    (key: string): Step["act"] =>
    ({ publisher }) =>
      publisher.reply(repo, subject, key, { kind: "nothing-running", quote: "/agent stop", next: "/agent fix" });
  const steps = [
    { name: "acknowledge", act: ({ publisher }: PlayWorker) => publisher.acknowledge(repo, 99) },
    ...runs.flatMap((run, index) => [
      { name: `begin ${index}`, act: grown(run, 3) },
      { name: `go on ${index}`, act: grown(run, 12) },
      { name: `publish ${index}`, act: publish(run) },
      { name: `end ${index}`, act: grown(run, 1_000) },
    ]),
    { name: "revise", act: revise },
    { name: "publish the change", act: publish(runs[1]) },
    { name: "end the change", act: grown(runs[1], 1_000) },
    { name: "have a check run again", act: rerun },
    { name: "answer", act: answer("one") },
    { name: "answer twice", act: answer("two") },
    { name: "take off", act: ({ publisher }: PlayWorker) => publisher.removeLabel(repo, subject, "agent/in-pr") },
  ];

  return {
    github,
    outbox,
    steps,
    takeOver() {
      for (const [run, { events }] of known) {
        const last = events.at(-1);
        if (last && last.event.type !== "run.finished")
          append(run, { at: last.at, event: { type: "run.driven", driver: `driver-${events.length}` } });
      }
    },
    worker(options = {}) {
      const common = {
        octokitFor: () => createClient({ token: "t", apiUrl: github.url, log: silentLog }),
        redact: (text: string) => text,
        self,
        links: { serverUrl: "https://github.com" },
        timing,
        ...shared,
        ...options,
        outbox: options.outbox ?? outbox,
      };
      const publisher = createPublisher({ ...common, workspaces: new GitWorkspaces(folder), log: silentLog });
      const projection = createProjection({ ...common, checksFor: common.octokitFor, log, journal: silentLog });
      return { publisher, projection, [Symbol.asyncDispose]: () => projection[Symbol.asyncDispose]() };
    },
    async perform(step, worker, tries = 6) {
      for (let left = tries; ; left -= 1) {
        try {
          return await step.act(worker);
        } catch (error) {
          if (left <= 1 || isRefused(error)) throw error;
          const retryAt = error instanceof Error && "retryAt" in error ? error.retryAt : undefined;
          await timing.pause(typeof retryAt === "number" ? Math.max(1, retryAt - timing.now()) : 1_000);
        }
      }
    },
    wrong() {
      const doubled: string[] = [];
      const amiss = github.complaints.map((complaint) => `complaint: ${complaint}`);
      const count = (what: string, wanted: number, found: number) => {
        if (found > wanted) doubled.push(`${found} of ${what}, not ${wanted}`);
        if (found < wanted) amiss.push(`${found} of ${what}, not ${wanted}`);
      };
      const comments = (start: string) => github.comments.filter(({ body }) => body.startsWith(`<!-- baton:${start}`));
      for (const { state } of runs) {
        const cards = comments(`status:${state.runId}`);
        count("card", 1, cards.length);
        if (!cards[0]?.body.includes("### ✅ Succeeded")) amiss.push(`the card of ${state.runId} is not at its end`);
        count("comment at the end", 1, comments(`end:${state.runId}`).length);
      }
      for (const key of ["one", "two"]) count(`answer ${key}`, 1, comments(`reply:${key}`).length);
      count("comment", 6, github.comments.length);
      count("reaction", 1, github.reactions.length);
      if (github.reactions[0]?.content !== "rocket") amiss.push("there is no rocket");
      count("state label", 0, github.issueLabels.filter((label) => label.startsWith("agent/")).length);
      if (!github.issueLabels.includes("bug")) amiss.push("what triage found is not set");
      count("branch", 1, Object.keys(github.branches).length);
      count("pull request", 1, github.pulls.length);
      const at = github.branches[branch];
      if (at === undefined) return { doubled, amiss: [...amiss, `there is no ${branch}`] };
      if (git(folder, ["rev-parse", `${at}^{tree}`]) !== git(folder, ["rev-parse", `${third}^{tree}`]))
        amiss.push("the branch does not hold the verified tree");
      count("commit", 3, git(folder, ["rev-list", `${base}..${at}`]).split("\n").length);
      if (!github.pulls[0]?.draft || !github.pulls[0].body.includes(runs[1].state.runId))
        amiss.push("the pull request does not show the second run");
      const { review } = github;
      const shown = review.shown();
      // GitHub shows the newest of a name and keeps the others to itself; none can be taken away.
      count("check run that is shown", 10, shown.length);
      amiss.push(...shown.filter(({ status }) => status !== "completed").map(({ name }) => `${name} never ended`));
      count("answer in the thread", 1, review.remarks.filter(({ to }) => to === FIRST_REMARK).length);
      if (!review.resolved) amiss.push("the thread is not resolved");
      // Asked for twice, it runs again all the same.
      if (review.again.length === 0) amiss.push("the check does not run again");
      if (!github.pulls[0]?.reviewers.includes("maria")) amiss.push("nobody was asked for a review");
      return { doubled, amiss };
    },
    [Symbol.asyncDispose]: () => github[Symbol.asyncDispose](),
  };
}
