// The event log of one process: in memory, or in memory and a file of JSON lines that a later process reads again.
// For a one-shot `baton run`, which should not wait for a database to start, and for tests.
import { z } from "zod";
import type { Clock } from "../core/clock.ts";
import { BatonError, messageOf } from "../core/errors.ts";
import { isRunId, microDollars, type MicroDollars, type RunId } from "../core/ids.ts";
import { createOneByOne } from "../core/one-by-one.ts";
import type { EventOf, RecordedEvent, RepoRef, RunEvent } from "../engine/events.ts";
import type { EventLog } from "../engine/ports.ts";
import { openLineFile } from "./line-file.ts";
import {
  checked,
  dueAfter,
  factsOf,
  type ParseEvent,
  phaseAfter,
  runTaken,
  subjectKey,
  toRecorded,
} from "./recorded.ts";

/** What one append wrote. One line of the file is one of these, so half an append is never read back. */
const Line = z.strictObject({
  run: z.string().refine(isRunId),
  /** Version of the first event. */
  from: z.int().positive(),
  at: z.number(),
  events: z.array(z.unknown()).min(1),
});

interface Written {
  readonly run: RunId;
  readonly from: number;
  readonly at: number;
  readonly events: readonly RunEvent[];
}

/** A log that is gone with the process. `parse` may be left out where every event is made by the compiler's leave. */
export function createMemoryLog({ clock, parse }: { clock: Clock; parse?: ParseEvent }): EventLog {
  return new MemoryLog(clock, parse ?? ((json) => trusted(json)), async () => {});
}

/**
 * A log kept in `file` as JSON lines; made when missing, read when not. One process at a time may have it open.
 * Throws `invalid-event` naming the line that cannot be read; a last line cut off by a crash was never acknowledged and is dropped.
 */
export async function openFileLog(options: {
  clock: Clock;
  parse: ParseEvent;
  /** Absolute path; its folder is made. */
  file: string;
}): Promise<EventLog & AsyncDisposable> {
  const { clock, parse, file } = options;
  const kept = await openLineFile(file, { what: "the event log" });
  const log = new MemoryLog(clock, parse, (written) => kept.write(JSON.stringify(written)));
  try {
    for (const [index, line] of kept.lines.entries()) log.restore(readLine(line, index + 1, file));
  } catch (error) {
    await kept[Symbol.asyncDispose]();
    throw error;
  }
  return Object.assign(log, { [Symbol.asyncDispose]: () => kept[Symbol.asyncDispose]() });
}

/** One line of a file. Throws `invalid-event` naming it when it is none. */
export function readLine(text: string, number: number, file: string): z.infer<typeof Line> {
  try {
    return Line.parse(JSON.parse(text));
  } catch (error) {
    throw new BatonError("invalid-event", `${file}:${number} is not a line of an event log: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** In memory an event is what the compiler says it is. */
function trusted(json: unknown): RunEvent {
  if (isEvent(json)) return json;
  throw new Error("not an event");
}

function isEvent(json: unknown): json is RunEvent {
  return typeof json === "object" && json !== null && "type" in json && typeof json.type === "string";
}

/** Events with which a run begins, or begins again. */
const begins = new Set<RunEvent["type"]>(["run.created", "retry.requested", "revision.requested"]);

interface Run {
  readonly id: RunId;
  readonly key: string;
  readonly repo: RepoRef;
  readonly subject: number;
  outcome: string | undefined;
  workflow: string | undefined;
  stage: string | undefined;
  spent: MicroDollars;
  dueAt: number | undefined;
  readonly events: { version: number; at: number; event: unknown }[];
  finished: boolean;
}

class MemoryLog implements EventLog {
  readonly #clock: Clock;
  readonly #parse: ParseEvent;
  readonly #persist: (written: Written) => Promise<void>;
  readonly #runs = new Map<RunId, Run>();
  readonly #followers = new Set<(run: RunId) => void>();
  /** Writes happen one after another, as in a database. */
  readonly #inTurn = createOneByOne();

  constructor(clock: Clock, parse: ParseEvent, persist: (written: Written) => Promise<void>) {
    this.#clock = clock;
    this.#parse = parse;
    this.#persist = persist;
  }

  create(event: EventOf<"run.created">): ReturnType<EventLog["create"]> {
    return this.#inTurn(async () => {
      const key = subjectKey(event.repo, event.subject);
      const by = this.#activeOn(key);
      if (by !== undefined) return { type: "taken", by };
      const id = event.runId;
      if (this.#runs.has(id)) throw new BatonError("database-failed", `${id} was created before`);
      await this.#write(id, 0, [event]);
      return { type: "created" };
    });
  }

  append(run: RunId, expected: number, events: readonly RunEvent[]): ReturnType<EventLog["append"]> {
    return this.#inTurn(async () => {
      const known = this.#runs.get(run);
      const version = known?.events.length ?? 0;
      if (version !== expected || known === undefined) return { type: "conflict", version };
      if (events.length === 0) return { type: "appended", version };
      const other = phaseAfter(events).phase === "active" ? this.#activeOn(known.key) : undefined;
      if (other !== undefined && other !== run) throw runTaken(run);
      await this.#write(run, expected, events);
      return { type: "appended", version: expected + events.length };
    });
  }

  async read(run: RunId, after = 0): Promise<RecordedEvent[]> {
    const events = this.#runs.get(run)?.events.slice(after) ?? [];
    return events.map((row, index) =>
      toRecorded(this.#parse, run, after + index + 1, { ...row, event: structuredClone(row.event) }),
    );
  }

  async at(run: RunId, versions: readonly number[]): Promise<RecordedEvent[]> {
    const events = this.#runs.get(run)?.events ?? [];
    return versions
      .toSorted((a, b) => a - b)
      .flatMap((version) => {
        const row = events[version - 1];
        return row ? [toRecorded(this.#parse, run, version, { ...row, event: structuredClone(row.event) })] : [];
      });
  }

  follow(listener: (run: RunId) => void): Disposable {
    const follower = (run: RunId) => listener(run);
    this.#followers.add(follower);
    return { [Symbol.dispose]: () => void this.#followers.delete(follower) };
  }

  async unfinished(): Promise<RunId[]> {
    return [...this.#runs.values()].filter(({ finished }) => !finished).map(({ id }) => id);
  }

  async endedWithin(milliseconds: number): Promise<RunId[]> {
    const since = this.#clock.now() - milliseconds;
    return [...this.#runs.values()]
      .filter(({ finished, events }) => finished && (events.at(-1)?.at ?? 0) > since)
      .map(({ id }) => id);
  }

  async list({ limit, repo, unfinished = false }: Parameters<EventLog["list"]>[0]): ReturnType<EventLog["list"]> {
    return [...this.#runs.values()]
      .reverse()
      .filter(
        ({ finished, repo: { owner, name } }) =>
          !(unfinished && finished) && [undefined, `${owner}/${name}`].includes(repo),
      )
      .slice(0, limit)
      .map(({ id, repo: { owner, name }, subject, finished, outcome, workflow, stage, spent, dueAt, events }) => ({
        run: id,
        repo: { owner, name },
        subject,
        createdAt: events[0]?.at ?? 0,
        finishedAt: finished ? events.at(-1)?.at : undefined,
        outcome: finished ? outcome : undefined,
        workflow,
        stage,
        spent,
        dueAt,
        held: false,
      }));
  }

  async unfinishedOn({
    repositories = [],
    installation,
  }: Parameters<EventLog["unfinishedOn"]>[0]): ReturnType<EventLog["unfinishedOn"]> {
    return [...this.#runs.values()]
      .filter(
        ({ finished, repo }) =>
          !finished &&
          (repositories.includes(repo.id) || (installation !== undefined && repo.installationId === installation)),
      )
      .map(({ id }) => id);
  }

  async runsOf(...[repo, subject]: Parameters<EventLog["runsOf"]>): Promise<RunId[]> {
    const key = subjectKey(repo, subject);
    return [...this.#runs.values()]
      .filter((run) => run.key === key)
      .map(({ id }) => id)
      .reverse();
  }

  async eventsOf(
    ...[repo, subject, { runs, types }]: Parameters<EventLog["eventsOf"]>
  ): ReturnType<EventLog["eventsOf"]> {
    const latest = (await this.runsOf(repo, subject)).slice(0, runs);
    const all = await Promise.all(latest.map(async (run) => ({ run, events: await this.read(run) })));
    return all
      .map(({ run, events }) => ({ run, events: events.filter(({ event }) => types.includes(event.type)) }))
      .filter(({ events }) => events.length > 0);
  }

  async begunOn(...[repo, subject, milliseconds]: Parameters<EventLog["begunOn"]>): Promise<number[]> {
    const key = subjectKey(repo, subject);
    const since = this.#clock.now() - milliseconds;
    return [...this.#runs.values()]
      .filter((run) => run.key === key)
      .flatMap(({ events }) => events.filter(({ at, event }) => at > since && isEvent(event) && begins.has(event.type)))
      .map(({ at }) => at)
      .toSorted((a, b) => b - a);
  }

  /** Takes in what an earlier process wrote. */
  restore({ run, from, at, events }: z.infer<typeof Line>): void {
    const parsed = events.map((event, index) =>
      toRecorded(this.#parse, run, from + index, { version: from + index, at, event }),
    );
    if ((this.#runs.get(run)?.events.length ?? 0) !== from - 1)
      throw new BatonError("invalid-event", `events before ${from} of ${run} are missing`);
    this.#take(
      run,
      at,
      parsed.map(({ event }) => event),
      events,
    );
  }

  async #write(run: RunId, before: number, given: readonly RunEvent[]): Promise<void> {
    const events = given.map((event, index) => checked(this.#parse, run, before + index + 1, event));
    const at = Math.max(this.#clock.now(), this.#runs.get(run)?.events.at(-1)?.at ?? 0);
    await this.#persist({ run, from: before + 1, at, events });
    this.#take(run, at, events, events);
    // Later, as from a database: nobody is called back while still appending.
    setImmediate(() => {
      for (const follower of this.#followers) follower(run);
    });
  }

  #take(id: RunId, at: number, events: readonly RunEvent[], kept: readonly unknown[]): void {
    const [first] = events;
    const run =
      this.#runs.get(id) ??
      (first?.type === "run.created"
        ? {
            id,
            key: subjectKey(first.repo, first.subject),
            repo: first.repo,
            subject: first.subject.number,
            outcome: undefined,
            workflow: undefined,
            stage: undefined,
            spent: microDollars(0),
            dueAt: at,
            events: [],
            finished: false,
          }
        : undefined);
    if (run === undefined) throw new BatonError("invalid-event", `${id} does not begin with run.created`);
    for (const event of kept) run.events.push({ version: run.events.length + 1, at, event: structuredClone(event) });
    const { phase, outcome } = phaseAfter(events);
    if (phase !== "same") {
      run.finished = phase === "finished";
      run.outcome = outcome ?? undefined;
    }
    const due = dueAfter(events);
    if (due !== "same") run.dueAt = due === "never" ? undefined : due === "now" ? at : due;
    const facts = factsOf(events);
    run.workflow = facts.workflow ?? run.workflow;
    run.stage = facts.stage ?? run.stage;
    run.spent = microDollars(run.spent + facts.microDollars);
    this.#runs.set(id, run);
  }

  #activeOn(key: string): RunId | undefined {
    return [...this.#runs.values()].find((run) => run.key === key && !run.finished)?.id;
  }
}
