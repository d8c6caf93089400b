// Starts by the clock: what configs ask for is written down, and when its time has come it becomes a delivery of Baton's own, which is
// kept, carried out once and looked for again like those from GitHub.
import type { z } from "zod";
import type { RepoRef } from "../engine/events.ts";
import type { Bell } from "../engine/ports.ts";
import { systemClock, type Clock } from "../core/clock.ts";
import type { Log } from "../core/log.ts";
import type { Deliveries } from "../store/deliveries.ts";
import type { Schedules } from "../store/schedules.ts";
import { nextStart, Schedule, scheduleId } from "../workflows/schedules.ts";
import { ScheduleEvent } from "./payloads.ts";
import { SCHEDULE } from "./translate.ts";

export interface SchedulesParts {
  readonly schedules: Schedules;
  readonly deliveries: Pick<Deliveries, "keep">;
  readonly bell: Pick<Bell, "ring">;
  readonly log: Log;
  /** Default: the machine's. It only says when a new entry is due first. */
  readonly clock?: Clock;
}

export interface ScheduleBook {
  /** A repository's config was read: these are its entries. Throws `database-failed`. */
  learn(repo: RepoRef, entries: readonly Schedule[]): Promise<void>;
  /**
   * Begins what is due, and says how much that is. Of starts that were missed while no process was there, one is made up for. Several
   * processes may ask at once. Throws `database-failed`.
   */
  begin(): Promise<number>;
}

/** What the store keeps of an entry. */
const Start = ScheduleEvent.extend({ entry: Schedule });
type Start = z.infer<typeof Start>;

/** Repositories whose entries this process remembers to have written. */
const REMEMBERED = 10_000;

export function createSchedules({
  schedules,
  deliveries,
  bell,
  log,
  clock = systemClock,
}: SchedulesParts): ScheduleBook {
  /** What was written last, by repository: most deliveries change nothing. */
  const written = new Map<number, string>();

  return {
    async learn(repo, entries) {
      const known = JSON.stringify([repo, entries]);
      if (written.get(repo.id) === known) return;
      const wanted = entries.flatMap((entry) => {
        const dueAt = nextStart(entry, clock.now());
        const id = scheduleId(entry);
        return dueAt === undefined ? [] : [{ id, dueAt, start: { repo, id, entry } satisfies Start }];
      });
      await schedules.set(repo.id, wanted);
      if (written.size >= REMEMBERED) written.clear();
      written.set(repo.id, known);
    },

    async begin() {
      const due = await schedules.due();
      for (const one of due) {
        const delivery = `schedule-${one.repoId}-${one.id}-${one.dueAt}`;
        const read = Start.safeParse(one.start);
        if (!read.success) {
          // Another version wrote it. The next look at the config writes it anew.
          log.warn("a start by the clock cannot be read and is dropped", { repository: one.repoId, entry: one.id });
          await schedules.move(one, undefined);
          continue;
        }
        const { entry, ...payload } = read.data;
        // Kept before it is moved on: whoever dies in between leaves it due, and its name is known then.
        await deliveries.keep({ id: delivery, name: SCHEDULE, payload: JSON.stringify(payload) });
        await bell.ring("delivery", delivery);
        await schedules.move(one, nextStart(entry, one.now));
      }
      return due.length;
    },
  };
}
