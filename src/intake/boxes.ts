// Somebody did something to Baton's dashboard. A tick is the command of its box, on the issue that the box is about; a box that Baton did not
// offer is none, whatever stands in the text. Whatever was done, the text is drawn anew: its boxes are put back.
import type { RepoRef } from "../engine/events.ts";
import type { EventLog } from "../engine/ports.ts";
import type { GitHubReader } from "../engine/github-port.ts";
import { boxNamed, type Box } from "../engine/boxes.ts";
import { fold } from "../engine/fold.ts";
import type { Dashboards } from "../store/dashboards.ts";
import type { Carried } from "./asked.ts";
import type { Commands } from "./commands.ts";
import { readCommands } from "./grammar.ts";
import type { Actor, Self } from "./intent.ts";

export interface BoxesParts {
  readonly dashboards: Pick<Dashboards, "spoil" | "offered">;
  readonly log: Pick<EventLog, "read">;
  readonly reader: Pick<GitHubReader, "issue">;
  readonly command: Commands;
  readonly self: Self;
}

interface Touched {
  readonly repo: RepoRef;
  readonly actor: Actor;
  readonly ticked: readonly string[];
}

/** Ticks of one edit that are carried out. */
const MOST = 10;
const verbs = { start: "fix", retry: "retry", approve: "approve" } as const satisfies Record<Box["does"], string>;

/** Takes what was done over its parts, and gives a few words for the operator. The function throws when GitHub or the database does not answer. */
export function createBoxes({ dashboards, log, reader, command, self }: BoxesParts) {
  async function issueOf(repo: RepoRef, box: Box): Promise<number | undefined> {
    if (box.does === "start") return box.issue;
    const events = await log.read(box.run);
    const { created } = events.length === 0 ? {} : fold(events);
    return created?.repo.id === repo.id ? created.subject.number : undefined;
  }

  return async ({ repo, actor, ticked }: Touched, carried: Carried): Promise<string> => {
    const offered = new Set(ticked.length === 0 ? [] : await dashboards.offered(repo.id));
    const notes: string[] = [];
    for (const name of ticked.slice(0, MOST)) {
      carried.signal.throwIfAborted();
      const box = offered.has(name) ? boxNamed(name) : undefined;
      const number = box && (await issueOf(repo, box));
      const issue = number === undefined ? undefined : await reader.issue(repo, number);
      if (!box || number === undefined || !issue) {
        notes.push(`${name.slice(0, 80)}: not offered`);
        continue;
      }
      const { isPull, url, author, title, body } = issue;
      // Each box has a name of its own for what comes of it, also when the delivery is handled again.
      const delivery = { ...carried.delivery, id: `${carried.delivery.id}/${name}` };
      const note = await command(
        {
          repo,
          subject: { kind: isPull ? "pull" : "issue", number, url, author },
          actor,
          door: "box",
          text: { title, body },
          reading: readCommands(`/agent ${verbs[box.does]}`, self.slug),
          at: carried.delivery.receivedAt,
          ask: box.does === "approve" ? box.ask : undefined,
        },
        { ...carried, delivery },
      );
      notes.push(`#${number} ${note}`);
    }
    await dashboards.spoil(repo.id);
    return notes.length === 0 ? "is drawn anew" : notes.join("; ");
  };
}
