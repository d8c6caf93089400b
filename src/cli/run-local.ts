// One run on a local clone with no GitHub at all: the issue is a Markdown file, the result a branch and a pull-request text.
import { readFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { join } from "node:path";
import { BatonError, messageOf } from "../core/errors.ts";
import { createLocalPublisher } from "../github/local-publisher.ts";
import { nothingToLose } from "../github/subjects.ts";
import { createRunEvent, pinInput } from "../intake/pin.ts";
import { textAt } from "../workspace/text-at.ts";
import { openClone } from "./local-clone.ts";
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
  const { root, repo, branch, commit } = await openClone({
    folder,
    branch: flags.base,
    workspaces: parts.workspaces,
    print,
    signal,
  });
  const by = { login: userInfo().username, id: 0 };
  return {
    ...localEdges({ id, root, env, parts, print }),
    created: createRunEvent({
      runId: id,
      repo,
      subject: { kind: "local", number: 0, url: "", author: by },
      request: { door: "cli", by, quote: `baton run ${target}` },
      input: pinInput({ title, body }),
      base: { branch, commit },
      wanted: "work",
      config: await readConfig(textAt(parts.workspaces, repo, commit, signal)),
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
