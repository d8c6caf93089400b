// Webhook deliveries, kept before they are answered, so that a crash after the answer loses nothing
// and a second POST of the same delivery is known for what it is.

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
  /** Marks a delivery as dealt with; `note` says for the operator what came of it. */
  handled(id: string, note: string): Promise<void>;
  /** Ids kept and not handled, oldest first. */
  pending(): Promise<string[]>;
}
