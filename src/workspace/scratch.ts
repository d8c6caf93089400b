// Bare repositories for one piece of work: they see a mirror's objects without having them, and what goes wrong in them, or is cut
// off, leaves nothing in the mirror.
import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Sha } from "../core/ids.ts";
import type { Git } from "./git.ts";
import type { Mirror } from "./mirror.ts";

/**
 * Makes one at `folder`, which must not exist, with a branch for each of `heads`. Its HEAD leads nowhere: of later versions git reads
 * the attributes of a bare repository's HEAD, and those are written by strangers.
 */
export async function createScratch(
  { git, mirror, folder }: { git: Git; mirror: Pick<Mirror, "folder">; folder: string },
  heads: Readonly<Record<string, Sha>>,
  signal: AbortSignal,
): Promise<string> {
  await mkdir(folder);
  await git.run({ args: ["init", "--quiet", "--bare", "--template=", "."], at: folder }, signal);
  await writeFile(join(folder, "objects/info/alternates"), `${join(mirror.folder, "objects")}\n`);
  await copyFile(join(mirror.folder, "shallow"), join(folder, "shallow")).catch(() => undefined);
  const stdin = Object.entries(heads)
    .map(([name, commit]) => `create refs/heads/${name} ${commit}\n`)
    .join("");
  await git.run({ args: ["update-ref", "--stdin"], at: folder, stdin }, signal);
  return folder;
}
