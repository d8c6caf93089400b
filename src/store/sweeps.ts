// Sweeps: work that one process of all does from time to time. Whoever claims one has it until it is silent for as long as the
// pause between two sweeps; the database's clock decides.
import { randomUUID } from "node:crypto";
import type { Database } from "./database.ts";

export interface Sweep {
  /** Everything up to here is done, in milliseconds since 1970; undefined the first time. */
  readonly sweptTo: number | undefined;
  /** Goes on holding it. False when another process has taken it over: then stop. */
  hold(): Promise<boolean>;
  /** It is done up to `sweptTo`; the next may begin after the pause. */
  done(sweptTo: number | undefined): Promise<void>;
}

export interface Sweeps {
  /** The sweep, when its time has come and nobody has it. */
  claim(name: string, everyMs: number): Promise<Sweep | undefined>;
  /** Counts one try to have a delivery sent again. False when it was tried `tries` times, or less than `patienceMs` ago. */
  mayAsk(guid: string, limits: { tries: number; patienceMs: number }): Promise<boolean>;
}

/** Sweeps kept in `database`. */
export function createSweeps(database: Database): Sweeps {
  return {
    async claim(name, everyMs) {
      const holder = randomUUID();
      const [row] = await database.query<{ swept_to: Date | null }>(
        `INSERT INTO baton.sweeps AS known (name, holder, next_at)
         VALUES ($1, $2, clock_timestamp() + $3 * interval '1 millisecond')
         ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, next_at = excluded.next_at
           WHERE known.next_at <= clock_timestamp()
         RETURNING swept_to`,
        [name, holder, everyMs],
      );
      if (!row) return undefined;
      const prolong = async (sweptTo: number | undefined) => {
        const held = await database.query(
          `UPDATE baton.sweeps SET next_at = clock_timestamp() + $3 * interval '1 millisecond',
             swept_to = coalesce(to_timestamp($4::double precision / 1000), swept_to)
           WHERE name = $1 AND holder = $2 RETURNING 1 AS held`,
          [name, holder, everyMs, sweptTo ?? null],
        );
        return held.length > 0;
      };
      return {
        sweptTo: row.swept_to?.getTime(),
        hold: () => prolong(undefined),
        async done(sweptTo) {
          await prolong(sweptTo);
          await database.query("DELETE FROM baton.redeliveries WHERE asked_at < clock_timestamp() - interval '7 days'");
        },
      };
    },

    async mayAsk(guid, { tries, patienceMs }) {
      const counted = await database.query(
        `INSERT INTO baton.redeliveries AS known (guid) VALUES ($1)
         ON CONFLICT (guid) DO UPDATE SET tries = known.tries + 1, asked_at = clock_timestamp()
           WHERE known.tries < $2 AND known.asked_at <= clock_timestamp() - $3 * interval '1 millisecond'
         RETURNING 1 AS counted`,
        [guid, tries, patienceMs],
      );
      return counted.length > 0;
    },
  };
}
