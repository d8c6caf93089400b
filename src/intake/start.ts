// Starts a run: looks whether it may start now, fixes what it works from, writes its first event, rings.
import { BatonError, messageOf } from "../core/errors.ts";
import type { RunId, Sha } from "../core/ids.ts";
import type { EventOf } from "../engine/events.ts";
import type { Bell, EventLog, Publisher, WorkflowSource } from "../engine/ports.ts";
import type { GitHubReader } from "../engine/github-port.ts";
import type { Reply } from "../engine/reply.ts";
import { circleIn, circleTypes } from "../engine/circles.ts";
import { hopAfter, MAX_HOPS } from "../engine/hops.ts";
import { fold } from "../engine/fold.ts";
import { defaultRepoConfig, type RepoConfig } from "../workflows/repo-config.ts";
import { createRefuse, type Standing } from "./admit.ts";
import { refuseInCircles } from "./around.ts";
import type { Asked } from "./asked.ts";
import type { Flags } from "./grammar.ts";
import type { Intent, Self } from "./intent.ts";
import { tooManyRuns } from "./quota.ts";
import { closingFirst, leftOn, noLongerIgnored, refusedOn, type Issue } from "./now.ts";
import { alreadyRunning, commentOf } from "./runs.ts";
import { say } from "./say.ts";
import { mayBegin } from "./pulled.ts";
import { createRunEvent, pinInput, runIdOf, withoutOwn } from "./pin.ts";
import { refusedAgain, triedBefore } from "./tried-before.ts";
import { mayRun } from "./verbs.ts";

export type LoadedConfig =
  | { readonly type: "ok"; readonly config: RepoConfig }
  | { readonly type: "invalid"; readonly problems: readonly string[] };

export interface StartParts {
  readonly log: EventLog;
  readonly bell: Pick<Bell, "ring">;
  readonly reader: GitHubReader;
  readonly publisher: Pick<Publisher, "reply" | "removeLabel">;
  readonly workflows: WorkflowSource;
  readonly self: Self;
}

export interface StartRequest extends Asked {
  readonly loaded: LoadedConfig;
  /** Of whoever asks: a workflow that is named may need more than the words that name it. */
  readonly standing: Standing;
  readonly wanted: EventOf<"run.created">["wanted"];
  readonly instruction?: string;
  readonly flags?: Flags;
  /** Forced by the label `agent:<type>`, by a verb, or by the run that is begun again. */
  readonly workflow?: string;
  /** A person wants it again all the same, though the same came to nothing before. */
  readonly insists?: boolean;
  /** The run under way whose place it takes: ended when nothing refuses the new one any more. */
  readonly replaces?: { readonly run: RunId; end(): Promise<void> };
}

/** What became of it, in a few words for the operator. Whoever asked has been answered when nothing started. */
export type Start = (request: StartRequest) => Promise<string>;

/** Runs about an issue that are looked at before another one begins there. */
export const LOOKED_BACK = 12;

/** True for an issue on which a schedule is worked: the one that the config names, or one that Baton opened. */
function isOnSchedule({ schedules }: RepoConfig, { door, subject }: Intent, self: Self): boolean {
  const own = subject.author.login.toLowerCase() === self.login.toLowerCase();
  return door === "schedule" || own || schedules.some(({ issue }) => issue === subject.number);
}

/** Doors by which a run starts, but for comments. */
const startDoors = ["opened", "label", "assigned", "schedule", "dispatch", "box"] as const;

/** Starts runs over its parts. The function throws when GitHub or the database does not answer. */
export function createStart({ log, bell, reader, publisher, workflows, self }: StartParts): Start {
  const refuseWhoMayNot = createRefuse(publisher);

  return async (request) => {
    const { intent, delivery, index, key, quote, signal, loaded, standing, wanted, flags = {} } = request;
    const { repo, subject } = intent;
    /** Nobody waits for an answer to a new issue, or to a start by the clock. */
    const silent = intent.door === "opened" || intent.door === "schedule";
    const isBot = intent.actor.app !== undefined;
    const answer = async (reply: Reply, note: string, occasion?: string): Promise<string> => {
      if (!silent) await say(publisher, request, reply, occasion);
      return note;
    };
    const refuse = (why: string, next: string) => answer({ kind: "refused", quote, why, next }, `refused: ${why}`);
    // What is wrong with a schedule is told once, not with each start.
    const occasion = (text: string) =>
      intent.door === "schedule" ? `schedule:${repo.id}#${subject.number}:${text.slice(0, 200)}` : key;
    const problem = async (text: string) => {
      if (intent.door !== "opened")
        await say(publisher, request, { kind: "invalid-flags", quote, problems: [text] }, occasion(text));
      return `refused: ${text}`;
    };

    const runId = runIdOf(delivery.id, index);
    if ((await log.read(runId)).length > 0) return ring(request, runId, "started before");
    if (loaded.type === "invalid")
      return answer({ kind: "config-broken", quote, problems: loaded.problems }, "the config is broken");
    const forced = request.workflow ?? flags.workflow;
    if (forced !== undefined && (await refuseWhoMayNot(request, standing, mayRun(forced, loaded.config.routes))))
      return "refused";
    const branch = flags.base ?? repo.defaultBranch;
    const commit = await headOf(branch);
    if (commit === undefined) return problem(`there is no branch \`${branch}\``);
    const begins = await mayBegin(
      { reader, workflows, self },
      { on: intent, workflow: forced, base: commit, quote },
      signal,
    );
    if (begins.type === "refused") return refuse(begins.why, begins.next);

    let issue: Issue | undefined;
    if (intent.door !== "opened") {
      issue = await reader.issue(repo, subject.number);
      if (!issue) return "the issue is gone";
      const no = refusedOn(issue, intent) ?? (wanted === "triage" ? undefined : leftOn(issue, intent, self));
      if (no) return refuse(no.why, no.next);
    }
    signal.throwIfAborted();
    if (wanted === "work" && !begins.pull) {
      const about = await reader.pullRequestsAbout(repo, subject.number);
      const closing = await closingFirst(workflows, about, { repo, base: commit, workflow: forced }, signal);
      if (closing !== undefined)
        return refuse(
          `pull request #${closing} is open and would close this issue`,
          `Go on with #${closing}, or close it and write the command again.`,
        );
      const [open] = isOnSchedule(loaded.config, intent, self) ? about.askedFor : [];
      if (open !== undefined)
        return refuse(
          `pull request #${open}, which came of an earlier start here, is still open`,
          `Go on with #${open}, or close it and write the command again.`,
        );
    }
    const active = await activeRun(log, request);
    if (active !== undefined && active !== request.replaces?.run)
      return answer(await alreadyRunning(log, quote, active), `${active} is at work`);
    const full = await tooManyRuns(log, request, loaded.config.limits.runsPerHour);
    if (full) return answer(full, `refused: ${full.most} runs have begun within the hour`);

    if (forced !== undefined) {
      const missing = await missingWorkflow(forced, commit);
      if (missing !== undefined) return problem(missing);
    }
    const [comments, labels] = await Promise.all([
      intent.door === "opened" ? [] : reader.comments(repo, subject.number),
      reader.labels(repo),
    ]);
    signal.throwIfAborted();
    const hop = intent.actor.app === undefined ? undefined : hopAfter(intent.actor.app, comments);
    // Without a word: whatever is written is what programs answer.
    if (hop !== undefined && hop > MAX_HOPS) {
      request.fate.refused = true;
      return `refused: programs have started each other ${MAX_HOPS} times in a row`;
    }
    const past = await log.eventsOf(repo, subject, { runs: LOOKED_BACK, types: ["run.created", ...circleTypes] });
    const circle = circleIn(past);
    if (circle && (silent || isBot)) return refuseInCircles(publisher, request, past, circle);
    const first = createRunEvent({
      runId,
      repo,
      subject,
      request: {
        door: startDoors.find((door) => door === intent.door) ?? "comment",
        by: intent.actor.person,
        quote,
        ...commentOf(request),
      },
      input: pinInput({
        ...("text" in intent ? intent.text : { title: "", body: "" }),
        comments: withoutOwn(comments, self),
        instruction: request.instruction ?? "",
        ...("at" in intent ? { askedAt: intent.at } : {}),
        ...(intent.door === "comment" ? { askedBy: intent.commentId } : {}),
      }),
      base: { branch, commit },
      ...(begins.pull ? { pull: begins.pull } : {}),
      wanted,
      config: loaded.config,
      labels,
      flags,
      ...(hop === undefined ? {} : { hop }),
      ...(circle ? { circle } : {}),
      ...(forced === undefined ? {} : { workflow: forced }),
    });
    const tried = request.insists && !isBot ? undefined : await triedBefore(log, past, first, self.slug);
    if (tried) {
      // A program that asks again and again is told once.
      const occasion = isBot ? `tried:${tried.runId}` : undefined;
      return answer(
        { kind: "refused", quote, ...refusedAgain(tried) },
        `refused: as ${tried.runId}, which ended so by itself`,
        occasion,
      );
    }
    await request.replaces?.end();
    await noLongerIgnored(publisher, intent, issue);

    const created = await log.create(first);
    if (created.type === "created") return ring(request, runId, "started");
    if (created.by === runId) return ring(request, runId, "started before");
    return answer(await alreadyRunning(log, quote, created.by), `${created.by} is at work`);

    /** Undefined where the branch that was named is none. */
    async function headOf(name: string): Promise<Sha | undefined> {
      try {
        return await reader.head(repo, name);
      } catch (error) {
        const isMissing = error instanceof BatonError && "status" in error && error.status === 404;
        if (isMissing && flags.base !== undefined) return undefined;
        throw error;
      }
    }

    async function missingWorkflow(name: string, base: Sha): Promise<string | undefined> {
      const known = workflows.names();
      if (known.includes(name)) return undefined;
      try {
        if (await workflows.load(name, { repo, base }, signal)) return undefined;
      } catch (error) {
        if (error instanceof BatonError && error.code === "invalid-config") return messageOf(error);
        throw error;
      }
      return `there is no workflow \`${name}\` yet; there is ${known.map((one) => `\`${one}\``).join(", ")}`;
    }
  };

  async function ring({ fate }: Asked, run: RunId, note: string): Promise<string> {
    fate.runs = true;
    await bell.ring("run", run);
    return `${run} ${note}`;
  }
}

/** The unfinished run of the subject, if any. A look, not a claim: `create` decides. */
async function activeRun(log: EventLog, { intent }: Asked): Promise<RunId | undefined> {
  const [latest] = await log.runsOf(intent.repo, intent.subject);
  if (latest === undefined) return undefined;
  return fold(await log.read(latest)).phase === "finished" ? undefined : latest;
}

/** The config of a repository, or the defaults where it is broken: for what must work all the same. */
export function configOr(loaded: LoadedConfig): RepoConfig {
  return loaded.type === "ok" ? loaded.config : defaultRepoConfig;
}
