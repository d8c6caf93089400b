// Finished work of agents in the database, for workers whose mirrors do not have it: on another machine, or after this one lost its disk.
import { sha } from "../core/ids.ts";
import type { Shelf } from "../workspace/shelf.ts";
import type { Database } from "./database.ts";

/** A shelf in `database`. */
export function createShelf(database: Database): Shelf {
  return {
    async put({ commit, start, bundle }) {
      await database.query(
        "INSERT INTO baton.work (commit, start, bundle) VALUES ($1, $2, $3) ON CONFLICT (commit) DO NOTHING",
        [commit, start, bundle],
      );
    },
    async get(commit) {
      const [row] = await database.query<{ start: string; bundle: Uint8Array }>(
        "SELECT start, bundle FROM baton.work WHERE commit = $1",
        [commit],
      );
      return row && { commit, start: sha(row.start), bundle: row.bundle };
    },
  };
}
