// A world for the intake without GitHub: what a reader would find is set by hand, and everything said or rung is recorded.
import { systemClock } from "#src/core/clock.ts";
import { BatonError } from "#src/core/errors.ts";
import { sha, type RunId, type Sha } from "#src/core/ids.ts";
import { silentLog } from "#src/core/log.ts";
import type { Person, RepoRef, Subject } from "#src/engine/events.ts";
import type { ConfigFound, EventLog, Publisher } from "#src/engine/ports.ts";
import type { Check } from "#src/engine/checks.ts";
import type { CheckReader } from "#src/engine/checks-port.ts";
import type { GitHubReader, Remark, ReviewThread } from "#src/engine/github-port.ts";
import type { Reply } from "#src/engine/reply.ts";
import { findingsOf } from "#src/engine/findings.ts";
import { fold } from "#src/engine/fold.ts";
import type { State } from "#src/engine/state.ts";
import { createIntake, type Intake, type IntakeParts, type IntakePublisher } from "#src/intake/handle.ts";
import { createKnownLimits } from "#src/intake/limits.ts";
import type { Role } from "#src/intake/verbs.ts";
import type { Schedule } from "#src/workflows/schedules.ts";
import type { Deliveries, Delivery, KeptDelivery } from "#src/store/deliveries.ts";
import { createMemoryOutbox, type Outbox } from "#src/store/outbox.ts";
import { createMemoryLog } from "#src/store/memory-log.ts";
import { bugWorkflow } from "#test/support/engine-world.ts";

export const self = { appId: 4711, login: "baton-app[bot]", slug: "baton-app" };
export const maria: Person = { login: "maria", id: 7 };

/** Deliveries that are gone with the test. */
export class MemoryDeliveries implements Deliveries {
  readonly kept = new Map<string, KeptDelivery>();
  readonly notes = new Map<string, string>();

  keep(delivery: Delivery): Promise<"kept" | "known"> {
    if (this.kept.has(delivery.id)) return Promise.resolve("known");
    this.kept.set(delivery.id, { ...delivery, receivedAt: Date.now(), handledAt: undefined });
    return Promise.resolve("kept");
  }
  read(id: string): Promise<KeptDelivery | undefined> {
    return Promise.resolve(this.kept.get(id));
  }
  handled(id: string, note: string): Promise<void> {
    const delivery = this.kept.get(id);
    if (!delivery) throw new BatonError("not-found", `delivery ${id} was never kept`);
    this.kept.set(id, { ...delivery, handledAt: Date.now() });
    this.notes.set(id, note);
    return Promise.resolve();
  }
  known(ids: readonly string[]): Promise<ReadonlySet<string>> {
    return Promise.resolve(new Set(ids.filter((id) => this.kept.has(id))));
  }
  pending(): Promise<string[]> {
    return Promise.resolve(
      [...this.kept.values()].filter(({ handledAt }) => handledAt === undefined).map(({ id }) => id),
    );
  }
}

/** A repository as a test describes it. Every method counts its calls; `down` makes all of them fail as a GitHub that does not answer. */
export class StagedReader implements GitHubReader {
  readonly calls: string[] = [];
  down = false;
  roles: Record<string, Role | "error"> = { maria: "write" };
  files: Record<string, string> = {};
  branches: Record<string, Sha> = { main: sha("a".repeat(40)), "release/1.x": sha("b".repeat(40)) };
  found: NonNullable<Awaited<ReturnType<GitHubReader["issue"]>>> | undefined = {
    title: "edited since",
    body: "edited since",
    author: { login: "reporter", id: 99 },
    state: "open",
    locked: false,
    isPull: false,
    url: "https://github.com/octo/tab/issues/12",
    labels: [],
    assignees: [],
  };
  said: Awaited<ReturnType<GitHubReader["comments"]>> = [];
  closing: number[] = [];
  askedFor: number[] = [];
  /** Texts of pull requests, by number. */
  readonly pulls = new Map<number, string>();
  pull: Awaited<ReturnType<GitHubReader["pullRequest"]>>;
  remarked: Remark[] = [];
  /** As GraphQL tells them; undefined: it refuses. */
  threaded: ReviewThread[] | undefined = [];
  joined = sha("a".repeat(40));
  /** The config of the owner's `.github`. */
  base: Awaited<ReturnType<GitHubReader["ownersFile"]>> = { type: "closed" };
  /** What pull requests change. */
  touched: string[] = [];

  #called<T>(name: string, value: T): Promise<T> {
    this.calls.push(name);
    if (this.down)
      return Promise.reject(new BatonError("github-failed", "GitHub does not answer", { retryable: true }));
    return Promise.resolve(value);
  }

  repository(): Promise<RepoRef> {
    return Promise.reject(new Error("the intake takes the repository from the delivery"));
  }
  permission(_: RepoRef, person: Person): Promise<Role> {
    const role = this.roles[person.login] ?? "none";
    if (role === "error") return Promise.reject(new BatonError("github-failed", "GitHub does not answer"));
    return this.#called("permission", role);
  }
  file(_: RepoRef, path: string): Promise<string | undefined> {
    return this.#called("file", this.files[path]);
  }
  ownersFile(): ReturnType<GitHubReader["ownersFile"]> {
    return this.#called("owner's file", this.base);
  }
  folder(_: RepoRef, path: string): ReturnType<GitHubReader["folder"]> {
    const inside = Object.entries(this.files).filter(
      ([file]) => (file.includes("/") ? file.slice(0, file.lastIndexOf("/")) : "") === path,
    );
    const found = inside.map(([file, text]) => ({
      name: file.split("/").at(-1) ?? "",
      bytes: Buffer.byteLength(text),
    }));
    return this.#called("folder", found);
  }
  touches(...[, , which]: Parameters<GitHubReader["touches"]>): Promise<boolean> {
    return this.#called("touches", this.touched.some(which));
  }
  issue(_: RepoRef, number: number): ReturnType<GitHubReader["issue"]> {
    const body = this.pulls.get(number);
    const pull = body !== undefined && this.found ? { ...this.found, body, isPull: true } : this.found;
    return this.#called("issue", pull);
  }
  comments(): ReturnType<GitHubReader["comments"]> {
    return this.#called("comments", this.said);
  }
  labels(): Promise<string[]> {
    return this.#called("labels", ["bug", "docs"]);
  }
  head(_: RepoRef, branch: string): Promise<Sha> {
    const commit = this.branches[branch];
    if (commit === undefined)
      return Promise.reject(Object.assign(new BatonError("github-failed", `no branch ${branch}`), { status: 404 }));
    return this.#called("head", commit);
  }
  pullRequestsAbout(): ReturnType<GitHubReader["pullRequestsAbout"]> {
    return this.#called("pulls", { closing: this.closing, askedFor: this.askedFor });
  }
  pullRequest(): ReturnType<GitHubReader["pullRequest"]> {
    return this.#called("pull", this.pull);
  }
  mergeBase(): Promise<Sha> {
    return this.#called("merge base", this.joined);
  }
  threads(): ReturnType<GitHubReader["threads"]> {
    return this.#called("threads", this.threaded);
  }
  remarks(): Promise<Remark[]> {
    return this.#called("remarks", this.remarked);
  }
}

/** Keeps what was said, once per key, as the real publisher does. */
export class RecordingPublisher implements IntakePublisher {
  readonly replies: { key: string; number: number; reply: Reply }[] = [];
  readonly acknowledged: number[] = [];
  readonly removed: string[] = [];
  /** Numbers of findings of which issues were opened, with the title that the run knows of each. */
  readonly findings: [number: number, title: string | undefined][] = [];
  readonly restored: { readonly id: number; readonly edited: string; readonly before: string }[] = [];

  /** Workflows for whose schedule an issue was asked for; how many before it were deleted. */
  readonly scheduled: [workflow: string, deleted: number][] = [];

  openScheduleIssue(_: RepoRef, workflow: string, deleted: number): Promise<number> {
    this.scheduled.push([workflow, deleted]);
    return Promise.resolve(40 + deleted);
  }

  /** What people were told about the config: the problems, none where it is in order. */
  readonly configs: (readonly string[])[] = [];
  /** Makes telling about the config fail. */
  configDown = false;

  showConfig(_: RepoRef, config: ConfigFound): Promise<void> {
    if (this.configDown) return Promise.reject(new BatonError("github-failed", "issues are disabled"));
    this.configs.push(config.type === "broken" ? config.problems : []);
    return Promise.resolve();
  }

  /** What was checked at which commit, and what was to mend. */
  readonly checks: [commit: Sha, problems: readonly string[], warnings: readonly string[]][] = [];

  checkConfig(...[, commit, { problems, warnings }]: Parameters<Publisher["checkConfig"]>): Promise<void> {
    this.checks.push([commit, problems, warnings]);
    return Promise.resolve();
  }

  /** Commits whose checks were to say again what they said. */
  readonly rerun: Sha[] = [];

  showChecksAgain(_: RepoRef, commit: Sha): Promise<number> {
    this.rerun.push(commit);
    return Promise.resolve(3);
  }

  readonly gone: string[] = [];

  removeMerged(_: RepoRef, branch: string): Promise<void> {
    this.gone.push(branch);
    return Promise.resolve();
  }

  putBack(_: RepoRef, edit: { readonly id: number; readonly edited: string; readonly before: string }): Promise<void> {
    this.restored.push(edit);
    return Promise.resolve();
  }

  /** What was asked to run again, and what GitHub will not run again. */
  readonly again: string[] = [];
  readonly leftAsTheyAre = new Set<string>();

  rerunChecks(...[, , checks]: Parameters<Publisher["rerunChecks"]>): Promise<readonly Check[]> {
    const asked = checks.filter(({ name }) => !this.leftAsTheyAre.has(name));
    this.again.push(...asked.map(({ name }) => name));
    return Promise.resolve(asked);
  }

  openFindings(state: State, numbers: readonly number[]): Promise<void> {
    for (const number of numbers) this.findings.push([number, findingsOf(state)?.findings[number - 1]?.title]);
    return Promise.resolve();
  }

  reply(_: RepoRef, { number }: Subject, key: string, reply: Reply): Promise<void> {
    if (!this.replies.some((said) => said.key === key)) this.replies.push({ key, number, reply });
    return Promise.resolve();
  }
  acknowledge(_: RepoRef, comment: number): Promise<void> {
    this.acknowledged.push(comment);
    return Promise.resolve();
  }
  /** What was shown on commands of which nothing more comes. */
  readonly concluded: [comment: number, as: "done" | "refused"][] = [];
  conclude(_: RepoRef, comment: number, as: "done" | "refused"): Promise<void> {
    this.concluded.push([comment, as]);
    return Promise.resolve();
  }
  /** Issues that are to be left alone. */
  readonly leftAlone: number[] = [];
  leaveAlone(_: RepoRef, { number }: Subject): Promise<void> {
    this.leftAlone.push(number);
    return Promise.resolve();
  }
  removeLabel(_: RepoRef, __: Subject, label: string): Promise<void> {
    this.removed.push(label);
    return Promise.resolve();
  }
  get kinds(): string[] {
    return this.replies.map(({ reply }) => reply.kind);
  }
  /** The only answer given, as the kind it should be. */
  only<K extends Reply["kind"]>(kind: K): Extract<Reply, { kind: K }> {
    const [said] = this.replies;
    const is = (reply: Reply | undefined): reply is Extract<Reply, { kind: K }> => reply?.kind === kind;
    if (this.replies.length !== 1 || !is(said?.reply))
      throw new Error(`expected one ${kind}, said ${JSON.stringify(this.replies)}`);
    return said.reply;
  }
}

/** Checks as a test describes them, by commit. */
export class StagedChecks implements CheckReader {
  readonly of = new Map<string, readonly Check[]>();
  mustPass: string[] = [];
  readonly reported: string[] = [];

  checks(_: RepoRef, commit: Sha): Promise<readonly Check[]> {
    return Promise.resolve(this.of.get(commit) ?? []);
  }
  required(): Promise<readonly string[]> {
    return Promise.resolve(this.mustPass);
  }
  report(...[, { name }, most]: Parameters<CheckReader["report"]>): Promise<string> {
    this.reported.push(name);
    return Promise.resolve(`what ${name} said`.slice(0, most));
  }
}

export interface World {
  readonly intake: Intake;
  readonly checks: StagedChecks;
  readonly deliveries: MemoryDeliveries;
  readonly reader: StagedReader;
  readonly publisher: RecordingPublisher;
  readonly log: EventLog;
  readonly outbox: Outbox;
  readonly rung: string[];
  /** What configs that were read say about starts by the clock. */
  readonly learned: (readonly Schedule[])[];
  /** Whether configs want one, those that are to be drawn anew, and the boxes that Baton offers. */
  readonly dashboards: {
    readonly wanted: Map<number, boolean>;
    readonly spoiled: number[];
    readonly offered: string[];
  };
  /** Delivers, handles, and gives the note. */
  send(name: string, payload: unknown, id?: string): Promise<string>;
  /** Handles a delivery once more, as if this had not been written down: a crash before the mark. Gives the note. */
  again(id: string): Promise<string>;
  /** The states of every run about an issue, newest first. */
  runs(number?: number): Promise<State[]>;
  only(): Promise<State>;
}

let deliveryCount = 0;

/** A fresh world; parts may be replaced. */
export function intakeWorld(parts: Partial<IntakeParts> = {}): World {
  const deliveries = new MemoryDeliveries();
  const reader = new StagedReader();
  const publisher = new RecordingPublisher();
  const checks = new StagedChecks();
  const log = parts.log ?? createMemoryLog({ clock: systemClock });
  const outbox = createMemoryOutbox(systemClock);
  const rung: string[] = [];
  const learned: (readonly Schedule[])[] = [];
  const dashboards: World["dashboards"] = { wanted: new Map(), spoiled: [], offered: [] };
  const intake = createIntake({
    deliveries,
    log,
    reader,
    checks,
    publisher,
    schedules: {
      learn: (_, entries) => {
        learned.push(entries);
        return Promise.resolve();
      },
    },
    dashboards: {
      learn: (id, _, isOn) => Promise.resolve(void dashboards.wanted.set(id, isOn)),
      spoil: (id) => Promise.resolve(void dashboards.spoiled.push(id)),
      offered: () => Promise.resolve(dashboards.offered),
    },
    looks: { open: () => Promise.resolve([]) },
    outbox,
    limits: createKnownLimits(),
    self,
    journal: silentLog,
    bell: {
      ring: (_, id) => {
        rung.push(id);
        return Promise.resolve();
      },
    },
    workflows: {
      names: () => ["bug"],
      load: (name) => Promise.resolve(name === "own" ? bugWorkflow : undefined),
    },
    ...parts,
  });
  const runs = async (number = 12) => {
    const ids: RunId[] = await log.runsOf({ id: 1, owner: "octo", name: "tab" }, { number });
    return Promise.all(ids.map(async (id) => fold(await log.read(id))));
  };
  return {
    intake,
    deliveries,
    reader,
    checks,
    publisher,
    log,
    outbox,
    rung,
    learned,
    dashboards,
    runs,
    async send(name, payload, id = `delivery-${(deliveryCount += 1)}`) {
      await deliveries.keep({ id, name, payload: JSON.stringify(payload) });
      await intake.handle(id, AbortSignal.timeout(20_000));
      return deliveries.notes.get(id) ?? "";
    },
    async again(id) {
      const kept = deliveries.kept.get(id);
      if (!kept) throw new Error(`${id} was never sent`);
      deliveries.kept.set(id, { ...kept, handledAt: undefined });
      await intake.handle(id, AbortSignal.timeout(20_000));
      return deliveries.notes.get(id) ?? "";
    },
    async only() {
      const [run, ...more] = await runs();
      if (!run || more.length > 0) throw new Error(`expected one run, there are ${more.length + (run ? 1 : 0)}`);
      return run;
    },
  };
}

const repository = {
  id: 1,
  name: "tab",
  owner: { login: "octo", id: 2 },
  private: false,
  default_branch: "main",
  clone_url: "https://github.com/octo/tab.git",
};

const issue = {
  number: 12,
  html_url: "https://github.com/octo/tab/issues/12",
  title: "Splitting loses a cent",
  body: "Ten dollars by three <!-- ignore this --> only adds up to $9.99.",
  user: { login: "reporter", id: 99, type: "User" },
  labels: [{ name: "bug" }],
  assignees: [],
  updated_at: "2026-11-20T12:00:00Z",
};

type Fields = Readonly<Record<string, unknown>>;

/** An `issues` payload; `issue` is merged. */
export function issuePayload(
  action: string,
  change: { sender?: Fields; issue?: Fields; label?: string; assignee?: Fields } = {},
): Fields {
  return {
    action,
    repository,
    installation: { id: 5 },
    sender: { ...maria, type: "User", ...change.sender },
    issue: { ...issue, ...change.issue },
    ...(change.label === undefined ? {} : { label: { name: change.label } }),
    ...(change.assignee === undefined ? {} : { assignee: change.assignee }),
  };
}

/** An `issue_comment` payload of a new comment by maria. */
export function commentPayload(
  body: string,
  change: { by?: Fields; comment?: Fields; issue?: Fields; action?: string } = {},
): Fields {
  const by = { ...maria, type: "User", ...change.by };
  return {
    ...issuePayload(change.action ?? "created", { sender: by, ...(change.issue ? { issue: change.issue } : {}) }),
    comment: {
      id: 1_000,
      body,
      user: by,
      created_at: "2026-11-20T12:00:00Z",
      performed_via_github_app: null,
      ...change.comment,
    },
  };
}
