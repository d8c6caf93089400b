// One run on a local clone with no GitHub at all: the issue is a Markdown file, the result a branch and a pull-request text.
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { basename, join, resolve } from "node:path";
import { succeeded } from "../core/command.ts";
import { BatonError, messageOf } from "../core/errors.ts";
import { execute } from "../core/exec.ts";
import type { RepoRef } from "../engine/events.ts";
import { createLocalPublisher } from "../github/local-publisher.ts";
import { nothingToLose } from "../github/subjects.ts";
import { createRunEvent, pinInput } from "../intake/pin.ts";
import { readConfig } from "./read-config.ts";
import type { Case, CaseOptions, Edges } from "./run.ts";

/** Reads the issue from a file: its first heading (or line) is the title. The run starts from the commit that is checked out. */
export async function openLocalCase({
  id,
  target,
  repo: folder,
  flags,
  env,
  parts,
  print,
  signal,
}: CaseOptions): Promise<Case> {
  const { title, body } = await readIssue(target);
  const root = (
    await git(
      folder,
      ["rev-parse", "--show-toplevel"],
      signal,
      `${resolve(folder)} is not a git repository; name one with --repo`,
    )
  ).trim();
  const branch = (
    await git(
      root,
      ["symbolic-ref", "--short", "HEAD"],
      signal,
      `${root} has no branch checked out; check one out first`,
    )
  ).trim();
  if ((await git(root, ["status", "--porcelain", "--untracked-files=no"], signal)).trim() !== "") {
    print("There are uncommitted changes; the run starts from the last commit and does not see them.");
  }
  const name = `${basename(root)}-${createHash("sha256").update(root).digest("hex").slice(0, 8)}`;
  const repo: RepoRef = { id: 0, owner: "local", name, private: true, defaultBranch: branch, cloneUrl: root };
  const commit = await parts.workspaces.resolve(repo, flags.base ?? branch, signal);
  const by = { login: userInfo().username, id: 0 };
  const { workspaces } = parts;
  return {
    ...localEdges({ id, root, env, parts, print }),
    created: createRunEvent({
      runId: id,
      repo,
      subject: { kind: "local", number: 0, url: "", author: by },
      request: { door: "cli", by, quote: `baton run ${target}` },
      input: pinInput({ title, body }),
      base: { branch: flags.base ?? branch, commit },
      wanted: "work",
      config: await readConfig(async (path) => {
        const bytes = await workspaces.file(repo, commit, path, signal);
        return bytes && new TextDecoder().decode(bytes);
      }),
      labels: [],
      flags,
    }),
  };
}

/** Where a run on the clone in `root` is shown. */
export function localEdges({
  id,
  root,
  env,
  parts: { workspaces, redact },
  print,
}: Pick<CaseOptions, "id" | "env" | "parts" | "print"> & { readonly root: string }): Edges {
  return {
    publisher: createLocalPublisher({
      workspaces,
      redact,
      links: { serverUrl: env.serverUrl },
      target: root,
      textFile: join(env.home, "pull-requests", `${id}.md`),
      print,
    }),
    projection: { touch() {}, settle: () => Promise.resolve() },
    subjects: nothingToLose,
  };
}

/** An issue in a file: its first heading (or line) is the title. Throws `not-found`, and `invalid-usage` for an empty one. */
export async function readIssue(file: string): Promise<{ title: string; body: string }> {
  const text = await readFile(file, "utf8").catch((error: unknown) => {
    throw new BatonError("not-found", `the issue ${file} cannot be read: ${messageOf(error)}`, { cause: error });
  });
  const [first = "", ...rest] = text.trim().split("\n");
  const title = first.replace(/^#+\s*/, "").trim();
  if (title === "")
    throw new BatonError(
      "invalid-usage",
      `the issue ${file} is empty; its first line is the title, the rest the description`,
    );
  return { title, body: rest.join("\n").trim() };
}

async function git(cwd: string, args: string[], signal: AbortSignal, otherwise?: string): Promise<string> {
  const result = await execute(
    {
      argv: ["git", ...args],
      cwd: resolve(cwd),
      env: { PATH: "/usr/local/bin:/usr/bin:/bin", HOME: "/nonexistent" },
      timeoutMs: 30_000,
    },
    signal,
  );
  if (succeeded(result)) return result.stdout;
  throw new BatonError("git-failed", otherwise ?? `git ${args.join(" ")} failed in ${cwd}: ${result.output.trim()}`);
}
