// Webhook deliveries, kept before they are answered, so that a crash after the answer loses nothing
// and a second POST of the same delivery is known for what it is.
import { BatonError } from "../core/errors.ts";
import type { Database } from "./database.ts";

export interface Delivery {
  /** `X-GitHub-Delivery`. A redelivery carries the same id. */
  readonly id: string;
  /** The event's name: "issues", "issue_comment". */
  readonly name: string;
  /** The body as it arrived, already verified. */
  readonly payload: string;
}

export interface KeptDelivery extends Delivery {
  /** Milliseconds since 1970 by the store's clock. */
  readonly receivedAt: number;
  readonly handledAt: number | undefined;
}

export interface Deliveries {
  /** Keeps a delivery; durable when it resolves. "known": that id was kept before, and the first one stays. */
  keep(delivery: Delivery): Promise<"kept" | "known">;
  read(id: string): Promise<KeptDelivery | undefined>;
  /** Marks a delivery as dealt with; `note` says for the operator what came of it. The first time counts. Throws `not-found` for one never kept. */
  handled(id: string, note: string): Promise<void>;
  /** Ids kept and not handled, oldest first. */
  pending(): Promise<string[]>;
  /** Those of these ids that were kept. */
  known(ids: readonly string[]): Promise<ReadonlySet<string>>;
}

/** Deliveries kept in `database`. */
export function createDeliveries(database: Database): Deliveries {
  return {
    async keep({ id, name, payload }) {
      const kept = await database.query(
        "INSERT INTO baton.deliveries (id, name, payload) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING RETURNING 1 AS kept",
        [id, name, payload],
      );
      return kept.length > 0 ? "kept" : "known";
    },

    async read(id) {
      const [row] = await database.query<{
        id: string;
        name: string;
        payload: string;
        received_at: Date;
        handled_at: Date | null;
      }>("SELECT id, name, payload, received_at, handled_at FROM baton.deliveries WHERE id = $1", [id]);
      return (
        row && {
          id: row.id,
          name: row.name,
          payload: row.payload,
          receivedAt: row.received_at.getTime(),
          handledAt: row.handled_at?.getTime(),
        }
      );
    },

    async handled(id, note) {
      const found = await database.query(
        `UPDATE baton.deliveries SET handled_at = coalesce(handled_at, clock_timestamp()), note = coalesce(note, $2)
         WHERE id = $1 RETURNING 1 AS found`,
        [id, note],
      );
      if (found.length === 0)
        throw new BatonError("not-found", `delivery ${id} was never kept, so it cannot be handled`);
    },

    async pending() {
      const rows = await database.query<{ id: string }>(
        "SELECT id FROM baton.deliveries WHERE handled_at IS NULL ORDER BY place",
        [],
      );
      return rows.map(({ id }) => id);
    },

    async known(ids) {
      const rows = await database.query<{ id: string }>("SELECT id FROM baton.deliveries WHERE id = ANY ($1::text[])", [
        ids,
      ]);
      return new Set(rows.map(({ id }) => id));
    },
  };
}
