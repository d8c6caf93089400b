// The verified commit as a branch on GitHub, through the Git Data API, so that GitHub signs it.
//
// The tree GitHub builds must be the verified one, or nothing is published. A branch is made new, or moved forward from a
// commit of our own, never forced: a commit that somebody pushes in between makes GitHub refuse the move, and Baton
// takes the next free name. The commit's parent is the pinned base; on a branch that Baton published before, the earlier
// commit is a parent too, and where another base comes into a pull request, that is.
import { z } from "zod";
import { isSha, sha, type RunId, type Sha } from "../core/ids.ts";
import type { Redact } from "../core/redact.ts";
import type { RepoRef } from "../engine/events.ts";
import type { Outbox } from "../store/outbox.ts";
import type { ProposalKind } from "../workflows/names.ts";
import type { FileChange } from "../workspace/file-change.ts";
import type { Workspaces } from "../workspace/workspaces.ts";
import { isSelf, type Self } from "./client.ts";
import { isRefused } from "./failure.ts";
import type { Once } from "./once.ts";
import { refused, type Refusal } from "./refusal.ts";
import { place, type How, type Requests } from "./requests.ts";

export interface BranchOptions {
  readonly requests: Requests;
  readonly once: Once;
  readonly outbox: Outbox;
  readonly workspaces: Pick<Workspaces, "file" | "tree">;
  readonly redact: Redact;
  readonly self: Self;
}

export interface BranchRequest {
  readonly run: RunId;
  readonly repo: RepoRef;
  /** The first name to try; "-2" … "-9" follow, unless there is a pull request. */
  readonly name: string;
  /** A pull request is open from this very branch, which is moved on from Baton's own commit, or from this one that people pushed. */
  readonly revises?:
    | {
        readonly onto: Sha | undefined;
        /** The base that comes into it with this. */
        readonly merges?: Sha | undefined;
      }
    | undefined;
  readonly base: Sha;
  /** The verified commit. */
  readonly head: Sha;
  readonly tree: Sha;
  readonly changes: readonly FileChange[];
  readonly message: string;
}

export interface Branches {
  publish(
    request: BranchRequest,
    signal: AbortSignal,
  ): Promise<{ type: "published"; branch: string; commit: Sha } | Refusal>;
  /** Takes a branch away; one that is gone is fine. Nothing compares first: look before. */
  remove(repo: RepoRef, branch: string, how: How): Promise<void>;
  /** Where a branch ends now; undefined when there is none. */
  at(repo: RepoRef, branch: string, signal: AbortSignal): Promise<Sha | undefined>;
}

/** Larger files, and what is not text, go as blobs of their own. */
const INLINE_BYTES = 200_000;
const INLINE_TOTAL_BYTES = 3_000_000;
const NAMES = ["", "-2", "-3", "-4", "-5", "-6", "-7", "-8", "-9"];

const CommitResult = z.object({ sha: z.string().refine(isSha) });
const RefResult = z.object({ branch: z.string(), commit: z.string().refine(isSha) });

type TreeEntry = { path: string; mode: "100644" | "100755"; type: "blob" } & (
  | { content: string }
  | { sha: string | null }
);

export function createBranches({ requests, once, outbox, workspaces, redact, self }: BranchOptions): Branches {
  /** Uploads what changed; the answer must be the verified tree. Content-addressed, so asking twice is harmless. */
  async function upload(
    { run, repo, base, head, tree, changes }: BranchRequest,
    signal: AbortSignal,
  ): Promise<Refusal | undefined> {
    const entries: TreeEntry[] = [];
    let inline = 0;
    for (const change of changes) {
      if (change.kind === "deleted") {
        entries.push({ path: change.path, mode: "100644", type: "blob", sha: null });
        continue;
      }
      if (change.mode !== "100644" && change.mode !== "100755") {
        return refused(
          "unsupported-file",
          `${change.path} is not a plain file (mode ${change.mode}); Baton publishes plain files only.`,
        );
      }
      const bytes = await workspaces.file(repo, head, change.path, signal);
      if (!bytes) return refused("unsupported-file", `${change.path} cannot be read at ${head.slice(0, 10)}.`);
      if (secrets(bytes) > secrets(await workspaces.file(repo, base, change.path, signal))) {
        return refused(
          "secret-in-change",
          `${change.path} would publish something that looks like a secret. Take it out, then retry.`,
        );
      }
      const text =
        bytes.length <= INLINE_BYTES && inline + bytes.length <= INLINE_TOTAL_BYTES ? exactText(bytes) : undefined;
      const entry = { path: change.path, mode: change.mode, type: "blob" } as const;
      if (text === undefined) entries.push({ ...entry, sha: await blob(run, repo, change.path, bytes, signal) });
      else entries.push({ ...entry, content: text });
      inline += text === undefined ? 0 : bytes.length;
    }
    const baseTree = await workspaces.tree(repo, base, signal);
    const { data } = await requests.read(
      repo,
      "store the changed files",
      (octokit, request) =>
        octokit.request("POST /repos/{owner}/{repo}/git/trees", {
          ...place(repo),
          base_tree: baseTree,
          tree: entries,
          request,
        }),
      { signal, run },
    );
    if (data.sha === tree) return undefined;
    return refused(
      "tree-mismatch",
      `GitHub built the tree ${data.sha} from the changes, but ${tree} is what was verified; nothing was published. Retry, or report this as a bug.`,
    );
  }

  function secrets(bytes: Uint8Array | undefined): number {
    if (!bytes) return 0;
    const text = Buffer.from(bytes).toString("utf8");
    return redact(text).split("[redacted]").length - text.split("[redacted]").length;
  }

  async function blob(
    run: RunId,
    repo: RepoRef,
    path: string,
    bytes: Uint8Array,
    signal: AbortSignal,
  ): Promise<string> {
    const content = Buffer.from(bytes).toString("base64");
    const { data } = await requests.read(
      repo,
      `store ${path}`,
      (octokit, request) =>
        octokit.request("POST /repos/{owner}/{repo}/git/blobs", {
          ...place(repo),
          content,
          encoding: "base64",
          request,
        }),
      { signal, run },
    );
    return data.sha;
  }

  /** A commit no branch points to harms nobody, so a lost answer just means another one; the first recorded counts. */
  async function commit(
    { run, repo, tree, message }: BranchRequest,
    parents: readonly Sha[],
    signal: AbortSignal,
  ): Promise<Sha> {
    const made = await once({
      key: `commit:${run}:${tree}:${parents.join("+")}`,
      run,
      kind: "commit",
      lane: "pull-request",
      payload: { tree, parents },
      result: CommitResult,
      look: () => Promise.resolve([]),
      async write(how) {
        // No author is given: then GitHub makes it the App's own and signs it.
        const { data } = await requests.write(
          repo,
          "make the commit",
          (octokit, request) =>
            octokit.request("POST /repos/{owner}/{repo}/git/commits", {
              ...place(repo),
              message,
              tree,
              parents: [...parents],
              request,
            }),
          { signal, ...how },
        );
        return { sha: sha(data.sha) };
      },
    });
    // Known as ours for ever: a later run may move a branch on from it.
    const own = ownCommitKey(repo, made.sha);
    await outbox.record({ key: own, run, kind: "own-commit", payload: {} });
    await outbox.done(own, {});
    return made.sha;
  }

  async function refOf(repo: RepoRef, branch: string, signal: AbortSignal): Promise<Sha | undefined> {
    try {
      const { data } = await requests.read(
        repo,
        `read the branch ${branch}`,
        (octokit, request) =>
          octokit.request("GET /repos/{owner}/{repo}/git/ref/{ref}", {
            ...place(repo),
            ref: `heads/${branch}`,
            request,
          }),
        { signal },
      );
      return sha(data.object.sha);
    } catch (error) {
      if (isRefused(error, 404)) return undefined;
      throw error;
    }
  }

  /** Points a branch to a commit, as a new branch or by fast-forward. False when GitHub says that cannot be. */
  async function point(
    { run, repo }: BranchRequest,
    branch: string,
    at: Sha,
    move: "new" | "forward",
    signal: AbortSignal,
  ): Promise<boolean> {
    const key = `ref:${run}:${branch}:${at}`;
    // Done in an earlier life: somebody may have pushed or deleted since.
    if ((await outbox.read(key))?.doneAt !== undefined) return (await refOf(repo, branch, signal)) === at;
    try {
      await once({
        key,
        run,
        kind: "ref",
        lane: "pull-request",
        payload: { branch, commit: at },
        result: RefResult,
        look: async () => ((await refOf(repo, branch, signal)) === at ? [{ branch, commit: at }] : []),
        async write(how) {
          await requests.write(
            repo,
            `${move === "new" ? "create" : "move"} the branch ${branch}`,
            async (octokit, request) => {
              const target = { ...place(repo), sha: at, request };
              if (move === "new")
                await octokit.request("POST /repos/{owner}/{repo}/git/refs", {
                  ...target,
                  ref: `refs/heads/${branch}`,
                });
              else
                await octokit.request("PATCH /repos/{owner}/{repo}/git/refs/{ref}", {
                  ...target,
                  ref: `heads/${branch}`,
                  force: false,
                });
            },
            { signal, ...how },
          );
          return { branch, commit: at };
        },
      });
      return true;
    } catch (error) {
      if (isRefused(error, 422) && /already exists|fast.?forward/i.test(error.reason)) return false;
      throw error;
    }
  }

  /** The commit at a branch's end, when it is Baton's own: recorded by us, or signed by GitHub in our name. */
  async function ownCommit(
    repo: RepoRef,
    at: Sha,
    signal: AbortSignal,
  ): Promise<{ parents: Sha[]; tree: string; run: RunId | undefined } | undefined> {
    const entry = await outbox.read(ownCommitKey(repo, at));
    const recorded = entry?.doneAt !== undefined;
    const { data } = await requests.read(
      repo,
      `read the commit ${at.slice(0, 10)}`,
      (octokit, request) =>
        octokit.request("GET /repos/{owner}/{repo}/commits/{ref}", { ...place(repo), ref: at, request }),
      { signal },
    );
    const signed = self.appId !== undefined && data.commit.verification?.verified === true && isSelf(self, data.author);
    if (!recorded && !signed) return undefined;
    return { parents: data.parents.map((parent) => sha(parent.sha)), tree: data.commit.tree.sha, run: entry?.run };
  }

  /** The branch of an open pull request, one commit further. */
  async function moveOn(
    request: BranchRequest,
    { onto, merges }: NonNullable<BranchRequest["revises"]>,
    signal: AbortSignal,
  ): ReturnType<Branches["publish"]> {
    const { repo, name: branch, tree } = request;
    const at = await refOf(repo, branch, signal);
    if (at === undefined)
      return refused("branch-gone", `The branch ${branch} of the pull request was deleted, so nothing was published.`);
    const own = at === onto ? undefined : await ownCommit(repo, at, signal);
    if (!own && at !== onto) return movedByOthers(branch);
    const holds = merges === undefined || own?.parents.includes(merges);
    if (own?.tree === tree && own.run === request.run && holds) return { type: "published", branch, commit: at };
    const next = await commit(request, merges === undefined ? [at] : [at, merges], signal);
    return (await point(request, branch, next, "forward", signal))
      ? { type: "published", branch, commit: next }
      : movedByOthers(branch);
  }

  return {
    at: refOf,
    async remove(repo, branch, how) {
      try {
        await requests.write(
          repo,
          `remove the branch ${branch}`,
          (octokit, request) =>
            octokit.request("DELETE /repos/{owner}/{repo}/git/refs/{ref}", {
              ...place(repo),
              ref: `heads/${branch}`,
              request,
            }),
          how,
        );
      } catch (error) {
        if (!isRefused(error, 422) || !/does not exist/i.test(error.reason)) throw error;
      }
    },
    async publish(request, signal) {
      const { repo, name, base, tree } = request;
      const refusal = await upload(request, signal);
      if (refusal) return refusal;
      if (request.revises) return await moveOn(request, request.revises, signal);
      const fresh = await commit(request, [base], signal);
      for (const suffix of NAMES) {
        const branch = `${name}${suffix}`;
        if (await point(request, branch, fresh, "new", signal)) return { type: "published", branch, commit: fresh };
        const at = await refOf(repo, branch, signal);
        if (at === fresh) return { type: "published", branch, commit: fresh };
        const own = at === undefined ? undefined : await ownCommit(repo, at, signal);
        if (at === undefined || !own) continue;
        const isThis = own.parents.includes(base) || own.run === request.run;
        if (own.tree === tree && isThis) return { type: "published", branch, commit: at };
        const next = await commit(request, own.parents.includes(base) ? [at] : [at, base], signal);
        if (await point(request, branch, next, "forward", signal)) return { type: "published", branch, commit: next };
      }
      return refused(
        "no-free-branch",
        `${name} and ${name}-2 to -9 all belong to somebody else. Delete one, then retry.`,
      );
    },
  };
}

function movedByOthers(branch: string): Refusal {
  return refused(
    "branch-moved",
    `Somebody pushed to ${branch} meanwhile, so nothing was published over it. \`/agent resume\` goes on on top of what is there now.`,
  );
}

function ownCommitKey(repo: RepoRef, commit: Sha): string {
  return `own-commit:${repo.id}:${commit}`;
}

/** The bytes as text, when text gives exactly the bytes again. */
function exactText(bytes: Uint8Array): string | undefined {
  const text = Buffer.from(bytes).toString("utf8");
  return !text.includes("\0") && Buffer.from(text, "utf8").equals(bytes) ? text : undefined;
}

/** True for branches that only Baton makes. */
export function isOwnBranch(name: string): boolean {
  return name.startsWith("baton/");
}

/** The number of the issue that such a branch is of; undefined for any other name. */
export function issueOfBranch(name: string): number | undefined {
  const [, digits] = /^baton\/[a-z]+-([1-9]\d{0,9})(?:-|$)/.exec(name) ?? [];
  return digits === undefined ? undefined : Number(digits);
}

/** `baton/setup-12`, `baton/lessons-12`: a proposal has a branch of its own beside that of a fix, whatever its issue is called. */
export function proposalBranch(kind: ProposalKind, number: number): string {
  return branchName(kind, number, "");
}

/** `baton/issue-12-splitting-loses-a-cent`: lower-case ASCII, at most 40 characters of title. */
export function branchName(kind: string, number: number, title: string): string {
  const slug = title
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+/, "")
    .slice(0, 40)
    .replace(/-+$/, "");
  const stem = number > 0 ? `${kind}-${number}` : kind;
  return `baton/${stem}${slug === "" ? "" : `-${slug}`}`;
}
