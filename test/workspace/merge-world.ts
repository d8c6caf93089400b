// A repository in which work is merged: starts, works made on them, and what came of merging.
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { CommandResult } from "#src/core/command.ts";
import { execute } from "#src/core/exec.ts";
import type { Sha } from "#src/core/ids.ts";
import { createWorkspaces } from "#src/workspace/create-workspaces.ts";
import { mirrorFolder } from "#src/workspace/mirror.ts";
import type { Merged, Workspaces } from "#src/workspace/workspaces.ts";
import { commitTrees, type Tree, treeAt } from "./trees.ts";
import { never, World } from "./world.ts";

/** What each of some lines is followed by. */
export const lines = (...each: (string | number)[]) => each.map((line) => `${line}\n`).join("");

export class MergeWorld implements AsyncDisposable {
  readonly world: World;
  /** The mirror's folder. */
  readonly mirror: string;
  /** Changes what git answers to a merge. */
  answer: (result: CommandResult) => CommandResult = (result) => result;
  /** Configuration that git has besides its own. */
  config: Readonly<Record<string, string>> = {};

  private constructor(world: World) {
    this.world = world;
    this.mirror = mirrorFolder(world.home, world.repo);
  }

  static async create(): Promise<MergeWorld> {
    const world = await World.create("none", {
      onHost: async (command, signal) => {
        const count = Number(command.env?.["GIT_CONFIG_COUNT"] ?? 0);
        const config = Object.entries(made.config);
        const pairs = config.flatMap(([key, value], index) => [
          [`GIT_CONFIG_KEY_${count + index}`, key],
          [`GIT_CONFIG_VALUE_${count + index}`, value],
        ]);
        const env = {
          ...command.env,
          ...Object.fromEntries(pairs),
          GIT_CONFIG_COUNT: `${count + config.length}`,
        };
        const result = await execute({ ...command, env }, signal);
        return command.argv[1] === "merge-tree" ? made.answer(result) : result;
      },
    });
    const made = new MergeWorld(world);
    return made;
  }

  merge(into: Sha, theirs: Sha, message = "merge", signal = never): Promise<Merged> {
    return this.world.workspaces.merge(this.world.repo, into, theirs, message, signal);
  }

  leftIn(commit: Sha, ...paths: string[]): Promise<string[]> {
    return this.world.workspaces.conflictMarkers(this.world.repo, commit, paths, never);
  }

  /** A start and works that were made on it, two at least, in the repository. */
  wave(start: Tree, ...works: readonly Tree[]): [Sha, Sha, Sha, ...Sha[]] {
    const [first, one, two, ...rest] = commitTrees(this.world.origin, [
      { tree: start, parents: [this.world.head] },
      ...works.map((tree) => ({ tree, parents: [0] })),
    ]);
    if (!first || !one || !two) throw new Error("two works are the least");
    return [first, one, two, ...rest];
  }

  /** Work on top of a commit, in the mirror alone. */
  onTop(of: Sha, tree: Tree): Sha {
    const [made] = commitTrees(this.mirror, [{ tree, parents: [of] }]);
    if (!made) throw new Error("nothing was written");
    return made;
  }

  texts(commit: Sha): Record<string, string> {
    return Object.fromEntries([...treeAt(this.mirror, commit)].map(([path, { text }]) => [path, text]));
  }

  /** Another home over the same repository. */
  elsewhere(home = join(this.world.base, "elsewhere")): Promise<Workspaces & AsyncDisposable> {
    const inSandbox = this.world.sandbox.run;
    const credential = () => Promise.resolve(undefined);
    return createWorkspaces({ home, onHost: execute, inSandbox, credential });
  }

  /** Whatever came of merging, nothing of it lies about. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.world.workspaces[Symbol.asyncDispose]();
    const left = await readdir(join(this.world.home, "quarantine")).catch(() => []);
    await this.world[Symbol.asyncDispose]();
    if (left.length > 0) throw new Error(`a merge left ${left.join(", ")} in quarantine`);
  }
}

export function cleanly(merged: Merged): Extract<Merged, { type: "merged" }> {
  if (merged.type !== "merged") throw new Error(JSON.stringify(merged));
  return merged;
}

export function inConflict(merged: Merged): Extract<Merged, { type: "conflict" }> {
  if (merged.type !== "conflict") throw new Error(JSON.stringify(merged));
  return merged;
}

export const reasonsOf = (merged: Merged) => (merged.type === "refused" ? merged.reasons.join("\n") : merged.type);
