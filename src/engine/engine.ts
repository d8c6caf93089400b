// What the driver needs to work a run; `baton.ts` puts it together.
import type { Clock } from "../core/clock.ts";
import type { Log } from "../core/log.ts";
import type {
  AgentRunner,
  EventLog,
  Gates,
  History,
  Merges,
  Projection,
  Publisher,
  Triager,
  WorkflowSource,
} from "./ports.ts";
import type { Files } from "./proposal.ts";
import type { Subjects } from "./subjects-port.ts";

export interface Engine {
  readonly log: Pick<EventLog, "append" | "read" | "at" | "follow">;
  readonly triager: Triager;
  readonly agents: AgentRunner;
  readonly gates: Gates;
  readonly merges: Merges;
  readonly files: Files;
  readonly publisher: Pick<Publisher, "openPullRequest" | "publishReview" | "keep" | "removeKept">;
  readonly projection: Projection;
  readonly workflows: WorkflowSource;
  readonly history: History;
  readonly subjects: Subjects;
  /** The page of the job of GitHub Actions in which runs are driven, if they are. */
  readonly jobPage?: string | undefined;
  readonly clock: Clock;
  readonly journal: Log;
}
