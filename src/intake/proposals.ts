// A pull request that changes what the repository says to Baton: the files at its head are checked, as `baton validate` does, and a check
// run says what is to mend. Other pull requests get none. What the files say is data: nothing in them is acted on.
import type { RepoRef } from "../engine/events.ts";
import type { GitHubReader } from "../engine/github-port.ts";
import type { Publisher } from "../engine/ports.ts";
import type { Sha } from "../core/ids.ts";
import { checkRepository, isOwnFile, type RepositoryFiles } from "../workflows/check-repository.ts";
import { CONFIG_FILE, createLibrary } from "../workflows/load.ts";
import type { AllowedServer } from "../workflows/servers.ts";
import { MAX_FILE_BYTES } from "../workflows/source-file.ts";

export interface ProposalsParts {
  readonly reader: Pick<GitHubReader, "file" | "ownersFile" | "folder" | "touches" | "pullRequest">;
  readonly publisher: Pick<Publisher, "checkConfig">;
  readonly servers?: readonly AllowedServer[] | undefined;
}

export interface Proposed {
  readonly repo: RepoRef;
  readonly pull: number;
  readonly head: Sha;
}

/** Files of one folder that are read: anybody may propose thousands. */
const MOST_FILES = 50;

/** Checks proposals over its parts and gives a few words for the operator. The function throws when GitHub or the database does not answer. */
export function createProposals({ reader, publisher, servers }: ProposalsParts) {
  return async ({ repo, pull, head }: Proposed): Promise<string> => {
    if (!(await reader.touches(repo, pull, isOwnFile))) return "nothing: it leaves what is said to Baton as it is";
    const files = filesAt(reader, repo, head);
    const base = () => reader.ownersFile(repo, CONFIG_FILE);
    // What is wrong with a name tells which there are: that is for those who may push here, and a check run is for everybody.
    const isOurs = servers !== undefined && (await reader.pullRequest(repo, pull))?.fork === false;
    const known = isOurs ? servers : undefined;
    const found = await checkRepository(files, { library: await createLibrary(), servers: known, repo, base });
    await publisher.checkConfig(repo, head, { ...found, warnings: [...found.warnings, ...files.leftOut()] });
    return `${found.problems.length} problems found`;
  };
}

/** The files of a commit on GitHub. Each folder is listed once, so that what is not there, or too large, is not asked for. */
function filesAt(
  reader: ProposalsParts["reader"],
  repo: RepoRef,
  commit: Sha,
): RepositoryFiles & { leftOut(): string[] } {
  const folders = new Map<string, ReturnType<GitHubReader["folder"]>>();
  const leftOut: string[] = [];
  const inside = (folder: string) => {
    const known = folders.get(folder) ?? reader.folder(repo, folder, commit);
    folders.set(folder, known);
    return known;
  };
  return {
    async read(path) {
      const slash = path.lastIndexOf("/");
      const folder = slash === -1 ? "" : path.slice(0, slash);
      const file = (await inside(folder)).find(({ name }) => name === path.slice(slash + 1));
      if (!file) return undefined;
      if (file.bytes > MAX_FILE_BYTES) return " ".repeat(MAX_FILE_BYTES + 1);
      return await reader.file(repo, path, commit);
    },
    async list(folder) {
      const names = (await inside(folder)).map(({ name }) => name).filter((name) => name.endsWith(".md"));
      if (names.length > MOST_FILES)
        leftOut.push(`${folder}: ${names.length - MOST_FILES} of ${names.length} files were not looked at`);
      return names.slice(0, MOST_FILES);
    },
    leftOut: () => leftOut,
  };
}
