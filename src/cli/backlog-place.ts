// Where the backlog of a repository is kept: a folder in BATON_HOME, which one process may work in at a time and anybody may look at.
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { systemClock } from "../core/clock.ts";
import { makeHome } from "../core/home.ts";
import type { RepoRef } from "../engine/events.ts";
import type { Env } from "../env.ts";
import { openFileOutbox } from "../store/file-outbox.ts";
import { lockFolder } from "../store/folder-lock.ts";
import type { Outbox } from "../store/outbox.ts";
import { openBacklog, readBacklog, type Backlog, type OpenBacklog } from "../triage/backlog.ts";

export interface BacklogPlace extends AsyncDisposable {
  readonly backlog: OpenBacklog;
  /** What was written to GitHub because of it. */
  readonly outbox: Outbox;
}

type Where = Pick<Env, "home" | "apiUrl">;

/** By the repository's number: a new name changes nothing. */
function folderOf({ home, apiUrl }: Where, { id }: RepoRef): string {
  return join(home, "backlog", `${new URL(apiUrl).host.replaceAll(/[^\w.-]/g, "-")}-${id}`);
}

/** Takes the place. Throws `database-failed` naming the process that has it, `invalid-event`, `disk-full`. */
export async function openBacklogPlace(env: Where, repo: RepoRef): Promise<BacklogPlace> {
  const folder = folderOf(env, repo);
  await makeHome(env.home);
  await mkdir(folder, { recursive: true });
  await using undo = new AsyncDisposableStack();
  undo.use(
    await lockFolder(
      folder,
      (process) =>
        `the backlog of ${repo.owner}/${repo.name} is worked by process ${process}: wait for it, or stop it first; nothing is lost`,
    ),
  );
  const { id, owner, name } = repo;
  const backlog = undo.use(
    await openBacklog(join(folder, "facts.jsonl"), { type: "opened", server: env.apiUrl, id, owner, name }),
  );
  const outbox = undo.use(await openFileOutbox(join(folder, "outbox.jsonl"), systemClock));
  const opened = undo.move();
  return { backlog, outbox, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}

/** Looks at it, whoever works there. */
export async function lookAtBacklog(env: Where, repo: RepoRef): Promise<Backlog> {
  return await readBacklog(join(folderOf(env, repo), "facts.jsonl"));
}
