// Reads a repository's config, tells what it says to who must know it before it is read again (the book of schedules, the limits), and has people told when it cannot be read.
import { createHash } from "node:crypto";
import { systemClock, type Clock } from "../core/clock.ts";
import { messageOf } from "../core/errors.ts";
import type { Sha } from "../core/ids.ts";
import type { Log } from "../core/log.ts";
import type { RepoRef } from "../engine/events.ts";
import type { GitHubReader } from "../engine/github-port.ts";
import type { Publisher } from "../engine/ports.ts";
import { parseExtended } from "../workflows/extend-config.ts";
import { CONFIG_FILE } from "../workflows/load.ts";
import { defaultRepoConfig } from "../workflows/repo-config.ts";
import type { Dashboards } from "../store/dashboards.ts";
import type { KnownLimits } from "./limits.ts";
import type { ScheduleBook } from "./schedules.ts";
import type { LoadedConfig } from "./start.ts";

export interface ConfigsParts {
  readonly reader: Pick<GitHubReader, "file" | "ownersFile" | "head">;
  readonly publisher: Pick<Publisher, "showConfig">;
  /** Told what configs say about starts by the clock. */
  readonly schedules: Pick<ScheduleBook, "learn">;
  /** Told which ask for a dashboard. */
  readonly dashboards: Pick<Dashboards, "learn">;
  /** Told what they allow. */
  readonly limits: Pick<KnownLimits, "learn">;
  readonly journal: Log;
  /** Default: the machine's. */
  readonly clock?: Clock;
}

/** The config of the default branch; the default where there is none. Throws when GitHub or the database does not answer. */
export type LoadConfig = (repo: RepoRef) => Promise<LoadedConfig>;

export interface Configs {
  readonly load: LoadConfig;
  /** The same when the file may have changed: people are told at once what is wrong with it. */
  readonly changed: LoadConfig;
  /** Tells people what was found by `load` since, where it is news. Never throws: the next delivery tells it. */
  tell(repo: RepoRef): Promise<void>;
}

/** For so long nobody looks whether people know what this process has told them; another one may have told them something else. */
const TOLD_MS = 600_000;
/** Repositories that this process remembers. */
const REMEMBERED = 10_000;

/** Configs over their parts. */
export function createConfigs({
  reader,
  publisher,
  schedules,
  dashboards,
  limits,
  journal,
  clock = systemClock,
}: ConfigsParts): Configs {
  /** What was learned last of dashboards, by repository: most deliveries change nothing. */
  const wished = new Map<number, string>();
  const told = new Map<number, { readonly what: string; readonly at: number }>();
  const news = new Map<number, LoadedConfig>();

  async function read(repo: RepoRef, commit?: Sha): Promise<LoadedConfig> {
    const text = await reader.file(repo, CONFIG_FILE, commit);
    if (text === undefined) return { type: "ok", config: defaultRepoConfig };
    return await parseExtended(text, CONFIG_FILE, repo, () => reader.ownersFile(repo, CONFIG_FILE));
  }

  async function load(repo: RepoRef): Promise<LoadedConfig> {
    const loaded = await read(repo);
    if (loaded.type === "ok") limits.learn(repo, loaded.config.limits);
    // A config that cannot be read changes nothing about what was read before.
    if (loaded.type === "ok" && repo.installationId !== undefined) {
      await schedules.learn(repo, loaded.config.schedules);
      const wish = JSON.stringify([repo, loaded.config.dashboard]);
      if (wished.get(repo.id) !== wish) await dashboards.learn(repo.id, repo, loaded.config.dashboard);
      if (wished.size >= REMEMBERED) wished.clear();
      wished.set(repo.id, wish);
    }
    return loaded;
  }

  async function show(repo: RepoRef, loaded: LoadedConfig): Promise<void> {
    // Read again at a commit that is known: lines are linked there.
    const commit = loaded.type === "ok" ? undefined : await reader.head(repo, repo.defaultBranch);
    const found = commit === undefined ? loaded : await read(repo, commit);
    await publisher.showConfig(
      repo,
      found.type === "ok" || commit === undefined
        ? { type: "in-order" }
        : { type: "broken", commit, problems: found.problems },
    );
    remember(repo, found);
  }

  function remember(repo: RepoRef, loaded: LoadedConfig): void {
    if (told.size >= REMEMBERED) told.clear();
    told.set(repo.id, { what: summary(loaded), at: clock.now() });
  }

  return {
    async load(repo) {
      const loaded = await load(repo);
      const before = told.get(repo.id);
      if (before?.what !== summary(loaded) || clock.now() - before.at >= TOLD_MS) news.set(repo.id, loaded);
      return loaded;
    },

    async changed(repo) {
      const loaded = await load(repo);
      news.delete(repo.id);
      await show(repo, loaded);
      return loaded;
    },

    async tell(repo) {
      const loaded = news.get(repo.id);
      if (!loaded) return;
      news.delete(repo.id);
      try {
        await show(repo, loaded);
      } catch (error) {
        journal.warn("people could not be told how the config is", {
          repo: `${repo.owner}/${repo.name}`,
          error: messageOf(error),
        });
        // Where there are no issues none can be opened: not asked for again with each delivery.
        remember(repo, loaded);
      }
    },
  };
}

function summary(loaded: LoadedConfig): string {
  return loaded.type === "ok" ? "" : createHash("sha256").update(loaded.problems.join("\n")).digest("hex");
}
