// When workflows start by the clock, for all processes together; the database's clock decides.
import type { Database } from "./database.ts";

export interface Entry {
  /** Names it in its repository. */
  readonly id: string;
  /** What is to start: JSON, which is not looked into here. */
  readonly start: unknown;
  /** Milliseconds since 1970. */
  readonly dueAt: number;
}

/** A start whose time has come. */
export interface Due extends Entry {
  readonly repoId: number;
  /** The database's time, in milliseconds since 1970. */
  readonly now: number;
}

export interface Schedules {
  /** These are all entries of this repository. One that is known keeps the time it is due. Throws `database-failed`. */
  set(repoId: number, entries: readonly Entry[]): Promise<void>;
  /** What is due, longest first, at most 100. Throws `database-failed`. */
  due(): Promise<Due[]>;
  /** It is due at another time, or never again; nothing when somebody has moved it meanwhile. Throws `database-failed`. */
  move(due: Pick<Due, "repoId" | "id" | "dueAt">, to: number | undefined): Promise<void>;
}

const AT_ONCE = 100;
const time = (param: string) => `to_timestamp(${param}::double precision / 1000)`;

/** Schedules kept in `database`. */
export function createSchedules(database: Database): Schedules {
  return {
    set: (repoId, entries) =>
      database.transaction(async (session) => {
        await session.query("DELETE FROM baton.schedules WHERE repo_id = $1 AND id <> ALL ($2::text[])", [
          repoId,
          entries.map(({ id }) => id),
        ]);
        for (const { id, start, dueAt } of entries)
          await session.query(
            `INSERT INTO baton.schedules (repo_id, id, start, due_at) VALUES ($1, $2, $3, ${time("$4")})
             ON CONFLICT (repo_id, id) DO UPDATE SET start = excluded.start`,
            [repoId, id, JSON.stringify(start), dueAt],
          );
      }),

    async due() {
      const rows = await database.query<{ repo_id: string; id: string; start: unknown; due_at: Date; now: Date }>(
        `SELECT repo_id::text, id, start, due_at, clock_timestamp() AS now FROM baton.schedules
         WHERE due_at <= clock_timestamp() ORDER BY due_at LIMIT ${AT_ONCE}`,
        [],
      );
      return rows.map(({ repo_id, id, start, due_at, now }) => {
        return { repoId: Number(repo_id), id, start, dueAt: due_at.getTime(), now: now.getTime() };
      });
    },

    async move({ repoId, id, dueAt }, to) {
      const which = [repoId, id, dueAt];
      const same = `repo_id = $1 AND id = $2 AND due_at = ${time("$3")}`;
      if (to === undefined) await database.query(`DELETE FROM baton.schedules WHERE ${same}`, which);
      else await database.query(`UPDATE baton.schedules SET due_at = ${time("$4")} WHERE ${same}`, [...which, to]);
    },
  };
}
