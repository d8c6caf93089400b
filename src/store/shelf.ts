// Finished work of agents in the database, for workers whose mirrors do not have it: on another machine, or after this one lost its disk,
// and for jobs. Each repository has a shelf of its own.
import { sha } from "../core/ids.ts";
import type { Shelves } from "../workspace/shelf.ts";
import type { Database } from "./database.ts";

/** Shelves in `database`. A repository without a number is a folder of one machine, and has none. */
export function createShelves(database: Database): Shelves {
  return ({ id = 0 }) => ({
    async put({ commit, start, bundle }) {
      if (id === 0) return;
      await database.query(
        `INSERT INTO baton.shelf (repo_id, commit, start, bundle) VALUES ($1, $2, $3, $4)
         ON CONFLICT (repo_id, commit) DO NOTHING`,
        [id, commit, start, bundle],
      );
    },
    async get(commit) {
      if (id === 0) return undefined;
      const [row] = await database.query<{ start: string; bundle: Uint8Array }>(
        "SELECT start, bundle FROM baton.shelf WHERE repo_id = $1 AND commit = $2",
        [id, commit],
      );
      return row && { commit, start: sha(row.start), bundle: row.bundle };
    },
  });
}
