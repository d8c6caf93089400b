// The Git Data API: refs, blobs, trees and commits, written without a clone.
import { Hono } from "hono";
import { z } from "zod";
import { mayChangeWorkflows } from "../access.ts";
import { changedFiles } from "../git-diff.ts";
import { type Signature, type TreeChange, ZERO } from "../git-repository.ts";
import { followMove } from "../pulls.ts";
import { gitCommitShape, refShape, treeShape } from "../shapes/commits.ts";
import { nodeId } from "../shapes/accounts.ts";
import { repositoryUrl } from "../shapes/issues.ts";
import { type Repository, timestamp, type World } from "../state.ts";
import { accountOfActor, type Actor } from "../tokens.ts";
import {
  answer,
  bodyOf,
  doer,
  here,
  noContent,
  notFound,
  param,
  Refusal,
  type RestContext,
  type RestEnv,
} from "./exchange.ts";

const person = z.strictObject({
  name: z.string().min(1),
  email: z.string().min(1),
  date: z.iso.datetime({ offset: true }).optional(),
});
const modes = ["100644", "100755", "040000", "160000", "120000"] as const;
const newRef = z.strictObject({ ref: z.string(), sha: z.string() });
const movedRef = z.strictObject({ sha: z.string(), force: z.boolean().default(false) });
const newBlob = z.strictObject({ content: z.string(), encoding: z.enum(["utf-8", "base64"]).default("utf-8") });
const newTree = z.strictObject({
  base_tree: z.string().optional(),
  tree: z.array(
    z.strictObject({
      path: z.string(),
      mode: z.enum(modes),
      type: z.enum(["blob", "tree", "commit"]).optional(),
      sha: z.string().nullable().optional(),
      content: z.string().optional(),
    }),
  ),
});
const newCommit = z.strictObject({
  message: z.string(),
  tree: z.string(),
  parents: z.array(z.string()).default([]),
  author: person.optional(),
  committer: person.optional(),
  signature: z.string().optional(),
});

/** GitHub keeps such paths out of trees, because they would be dangerous to check out. */
function malformed(path: string): boolean {
  return (
    path === "" ||
    path.split("/").some((part) => part === "" || part === "." || part === ".." || part.toLowerCase() === ".git")
  );
}

const workflowFile = /^\.github\/workflows\//;

/** What a change of workflow files without the permission gets: for trees it does not exist, for refs it is forbidden. */
async function guardWorkflows(repo: Repository, actor: Actor, from: string | undefined, to: string): Promise<void> {
  if (mayChangeWorkflows(actor)) return;
  const touched = (await changedFiles(repo.git, from, to)).find(
    ({ path, previous }) => workflowFile.test(path) || workflowFile.test(previous ?? ""),
  );
  if (touched)
    throw new Refusal(
      403,
      `refusing to allow a GitHub App to create or update workflow \`${touched.path}\` without \`workflows\` permission`,
    );
}

export function gitDataRoutes(world: World): Hono<RestEnv> {
  const rest = new Hono<RestEnv>();
  const base = "/repos/:owner/:repo/git";

  rest.get(`${base}/ref/:ref{.+}`, async (c) => {
    const { repo } = here(c, world, "read", "contents");
    const ref = await repo.git.ref(`refs/${param(c, "ref")}`);
    if (!ref) throw notFound();
    return answer(c, refShape(world, repo, ref));
  });

  rest.get(`${base}/matching-refs/:ref{.+}`, async (c) => {
    const { repo } = here(c, world, "read", "contents");
    const wanted = `refs/${param(c, "ref")}`;
    const refs = (await repo.git.refs()).filter(({ name }) => name.startsWith(wanted));
    return answer(
      c,
      refs.map((ref) => refShape(world, repo, ref)),
    );
  });

  rest.post(`${base}/refs`, async (c) => {
    const { actor, repo } = here(c, world, "write", "contents", "write");
    const { ref, sha } = await bodyOf(c, newRef);
    if (!/^refs\/(heads|tags)\/./.test(ref) || !(await validRef(repo, ref)))
      throw new Refusal(422, "Reference name must start with 'refs' and be well formed");
    await requireObject(repo, sha);
    return await repo.git.alone(async () => {
      if (await repo.git.ref(ref)) throw new Refusal(422, "Reference already exists");
      const branch = await repo.git.commitOf(`refs/heads/${repo.defaultBranch}`);
      await guardWorkflows(repo, actor, branch, sha);
      if (!(await repo.git.moveRef(ref, ZERO, sha))) throw new Refusal(422, "Reference cannot be created");
      await followMove(world, repo, doer(actor), { name: ref, before: undefined, after: sha });
      return answer(c, refShape(world, repo, (await repo.git.ref(ref)) ?? { name: ref, sha, type: "commit" }), 201);
    });
  });

  rest.patch(`${base}/refs/:ref{.+}`, async (c) => {
    const { actor, repo } = here(c, world, "write", "contents", "write");
    const name = writable(c);
    const { sha, force } = await bodyOf(c, movedRef);
    await requireObject(repo, sha);
    return await repo.git.alone(async () => {
      const ref = await repo.git.ref(name);
      if (!ref) throw new Refusal(422, "Reference does not exist");
      if (!force && !(await repo.git.isAncestor(ref.sha, sha))) throw new Refusal(422, "Update is not a fast forward");
      await guardWorkflows(repo, actor, ref.sha, sha);
      if (!(await repo.git.moveRef(name, ref.sha, sha))) throw new Refusal(422, "Reference cannot be updated");
      if (ref.sha !== sha) await followMove(world, repo, doer(actor), { name, before: ref.sha, after: sha });
      return answer(c, refShape(world, repo, { ...ref, sha }));
    });
  });

  rest.delete(`${base}/refs/:ref{.+}`, async (c) => {
    const { actor, repo } = here(c, world, "write", "contents", "write");
    const name = writable(c);
    return await repo.git.alone(async () => {
      const ref = await repo.git.ref(name);
      if (!ref) throw new Refusal(422, "Reference does not exist");
      if (name === `refs/heads/${repo.defaultBranch}`) throw new Refusal(422, "Cannot delete the default branch");
      await repo.git.moveRef(name, ref.sha, undefined);
      await followMove(world, repo, doer(actor), { name, before: ref.sha, after: undefined });
      return noContent();
    });
  });

  rest.get(`${base}/blobs/:sha`, async (c) => {
    const { repo } = here(c, world, "read", "contents");
    const sha = param(c, "sha");
    if ((await repo.git.typeOf(sha)) !== "blob") throw notFound();
    const bytes = await repo.git.readBlob(sha);
    const url = `${repositoryUrl(world, repo)}/git/blobs/${sha}`;
    const content = bytes.toString("base64");
    return answer(c, { sha, node_id: nodeId("B_", sha), size: bytes.length, url, content, encoding: "base64" });
  });

  rest.post(`${base}/blobs`, async (c) => {
    const { repo } = here(c, world, "write", "contents", "write");
    const { content, encoding } = await bodyOf(c, newBlob);
    const sha = await repo.git.writeBlob(Buffer.from(content, encoding === "base64" ? "base64" : "utf8"));
    return answer(c, { sha, url: `${repositoryUrl(world, repo)}/git/blobs/${sha}` }, 201);
  });

  rest.get(`${base}/trees/:sha{.+}`, async (c) => {
    const { repo } = here(c, world, "read", "contents");
    const named = param(c, "sha");
    const tree = await treeNamed(repo, named);
    if (tree === undefined) throw notFound();
    const recursive = c.req.query("recursive") !== undefined;
    return answer(c, treeShape(world, repo, tree, await repo.git.listTree(tree, { recursive })));
  });

  rest.post(`${base}/trees`, async (c) => {
    const { actor, repo } = here(c, world, "write", "contents", "write");
    const asked = await bodyOf(c, newTree);
    const from = asked.base_tree === undefined ? undefined : await treeNamed(repo, asked.base_tree);
    if (asked.base_tree !== undefined && from === undefined) throw new Refusal(404, "Not Found");
    const changes: TreeChange[] = [];
    for (const { path, mode, sha, content } of asked.tree) {
      if (malformed(path)) throw new Refusal(422, "tree.path contains a malformed path component");
      if ((sha === undefined) === (content === undefined))
        throw new Refusal(422, "Must supply either tree.sha or tree.content");
      // GitHub's answer is as plain as this one.
      if (workflowFile.test(path) && !mayChangeWorkflows(actor)) throw notFound();
      if (typeof sha === "string" && mode !== "160000" && (await repo.git.typeOf(sha)) === undefined)
        throw new Refusal(422, `tree.sha ${sha} is not a valid ${mode === "040000" ? "tree" : "blob"}`);
      changes.push({
        path,
        mode,
        sha: content === undefined ? (sha ?? null) : await repo.git.writeBlob(Buffer.from(content, "utf8")),
      });
    }
    const tree = await repo.git.writeTree(from, changes);
    if (tree === undefined) throw new Refusal(422, "GitRPC::BadObjectState");
    return answer(c, treeShape(world, repo, tree, await repo.git.listTree(tree)), 201);
  });

  rest.get(`${base}/commits/:sha`, async (c) => {
    const { repo } = here(c, world, "read", "contents");
    const commit = await repo.git.readCommit(param(c, "sha"));
    if (!commit) throw notFound();
    return answer(c, gitCommitShape(world, repo, commit));
  });

  rest.post(`${base}/commits`, async (c) => {
    const { actor, repo } = here(c, world, "write", "contents", "write");
    const asked = await bodyOf(c, newCommit);
    if ((await repo.git.typeOf(asked.tree)) !== "tree") throw new Refusal(422, "Tree SHA does not exist");
    for (const parent of asked.parents)
      if ((await repo.git.typeOf(parent)) !== "commit")
        throw new Refusal(422, "Parent SHA does not exist or is not a commit object");
    const author = signature(world, actor, asked.author);
    const committer = asked.committer ? signature(world, actor, asked.committer) : author;
    const { message, tree, parents } = asked;
    const sha = await repo.git.writeCommit({ message, tree, parents, author, committer });
    // GitHub signs for a bot only what names nobody else: "contains no custom author information, custom committer
    // information, and no custom signature information" (docs: About commit signature verification).
    if (actor.type === "installation" && !asked.author && !asked.committer && asked.signature === undefined)
      repo.verified.add(sha);
    return answer(c, gitCommitShape(world, repo, { sha, tree, parents, author, committer, message }), 201);
  });

  return rest;
}

function writable(c: RestContext): string {
  const name = `refs/${param(c, "ref")}`;
  if (!/^refs\/(heads|tags)\/./.test(name)) throw new Refusal(422, "Reference does not exist");
  return name;
}

async function validRef(repo: Repository, ref: string): Promise<boolean> {
  return (await repo.git.git(["check-ref-format", ref], { accept: [1] })).exitCode === 0;
}

async function requireObject(repo: Repository, sha: string): Promise<void> {
  if ((await repo.git.typeOf(sha)) !== "commit") throw new Refusal(422, "Object does not exist");
}

async function treeNamed(repo: Repository, named: string): Promise<string | undefined> {
  if ((await repo.git.typeOf(named)) === "tree") return named;
  const sha = await repo.git.commitOf(named);
  return sha === undefined ? undefined : (await repo.git.readCommit(sha))?.tree;
}

function signature(world: World, actor: Actor, given: z.infer<typeof person> | undefined): Signature {
  const account = accountOfActor(actor);
  const date = given?.date ?? timestamp(world);
  if (given)
    return { name: given.name, email: given.email, date: new Date(date).toISOString().replace(/\.\d{3}Z$/, "Z") };
  const login = account?.login ?? "ghost";
  return { name: login, email: `${account?.id ?? 0}+${login}@users.noreply.github.com`, date };
}
