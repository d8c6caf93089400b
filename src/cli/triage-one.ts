// `baton triage owner/repo#12` and `baton triage ./issue.md`: one issue, by the triager that runs have, without a run.
import { randomBytes } from "node:crypto";
import { userInfo } from "node:os";
import { basename, resolve } from "node:path";
import { createModel } from "../agents/model.ts";
import { BatonError } from "../core/errors.ts";
import { newRunId, sha } from "../core/ids.ts";
import type { EventOf, RepoRef } from "../engine/events.ts";
import type { Env } from "../env.ts";
import { createRunEvent, pinInput, withoutOwn, type RunRequest } from "../intake/pin.ts";
import type { Log } from "../core/log.ts";
import { textOf } from "../triage/backlog-choice.ts";
import { mentionedIn } from "../triage/trim.ts";
import { createTriager } from "../triage/triager.ts";
import { createLibrary, withOverrides, type Library } from "../workflows/load.ts";
import { setFoundLabels } from "./backlog-labels.ts";
import { openBacklogPlace, type BacklogPlace } from "./backlog-place.ts";
import { openGround, openIssueOf } from "./github-ground.ts";
import { inFolder, readConfig } from "./read-config.ts";
import { readIssue } from "./run-local.ts";
import { openEnv, type TriageCall } from "./triage-call.ts";
import { detailsOf, judge, spentOn, sumOf, tableOf, type SortedLine } from "./triage-view.ts";

type Created = EventOf<"run.created">;

/** An issue on GitHub. What the model said is kept in the backlog, so that `--all` does not pay for it again. */
export async function triageIssue(
  { owner, name, number, target }: { owner: string; name: string; number: number; target: string },
  call: TriageCall,
): Promise<number> {
  const { env, journal } = openEnv(["token", "model"], call);
  const ground = await openGround(owner, name, env, journal);
  const { reader, repo, self, config, labels } = ground;
  const issue = await openIssueOf(ground, number, target);
  const comments = await reader.comments(repo, number);
  const created = eventOf({
    repo,
    subject: { kind: "issue", number, url: issue.url, author: issue.author },
    request: { door: "cli", by: { login: self.login, id: self.id ?? 0 }, quote: `baton triage ${target}` },
    input: pinInput({ ...issue, comments: withoutOwn(comments, self) }),
    config,
    labels,
  });
  // Before anything is paid for: whoever works the backlog must not set labels at the same time.
  await using place = await placeOf(env, repo, call);
  const library = withOverrides(await createLibrary(), (path) => reader.file(repo, path));
  const found = await ask(created, { env, journal, library }, call);
  const id = `asked-${randomBytes(8).toString("hex")}`;
  if (found.source === "model")
    await place?.backlog.append({
      type: "asked",
      id,
      at: Date.now(),
      issue: number,
      text: textOf({ ...issue, comments: comments.length }),
      mentioned: mentionedIn(created.input),
      triage: found.triage,
      spend: found.spend,
    });
  const line = {
    id,
    number,
    title: issue.title,
    url: issue.url,
    changed: false,
    ...(await lineOf(found, created, library)),
  };
  const [labelled] = call.label && place ? await setFoundLabels(ground, place.outbox, [line], call) : [line];
  return show({ ...line, ...labelled }, found, call);
}

/** A text about the repository in `folder`; nothing is written anywhere. */
export async function triageFile(file: string, folder: string, call: TriageCall): Promise<number> {
  if (call.label) throw new BatonError("invalid-usage", "--label needs an issue on GitHub (owner/repo#12), not a file");
  const { env, journal } = openEnv(["model"], call);
  const { title, body } = await readIssue(file);
  const root = resolve(folder);
  const read = inFolder(root);
  const by = { login: userInfo().username, id: 0 };
  const created = eventOf({
    repo: { id: 0, owner: "local", name: basename(root), private: true, defaultBranch: "", cloneUrl: root },
    subject: { kind: "local", number: 0, url: "", author: by },
    request: { door: "cli", by, quote: `baton triage ${file}` },
    input: pinInput({ title, body }),
    config: await readConfig(read),
    labels: [],
  });
  const library = withOverrides(await createLibrary(), read);
  const found = await ask(created, { env, journal, library }, call);
  const line = { number: 0, title, url: "", changed: false, ...(await lineOf(found, created, library)) };
  return show(line, found, call);
}

function eventOf(request: Omit<RunRequest, "runId" | "base" | "wanted">): Created {
  // Triage looks at no file, so the commit does not matter.
  const base = { branch: request.repo.defaultBranch, commit: sha("0".repeat(40)) };
  return createRunEvent({ ...request, runId: newRunId(), base, wanted: "triage" });
}

type Found = Awaited<ReturnType<ReturnType<typeof createTriager>["triage"]>>;

async function ask(
  created: Created,
  { env, journal, library }: { env: Env; journal: Log; library: Library },
  { signal }: TriageCall,
): Promise<Found> {
  const { apiKey = "", baseURL = "" } = env.model ?? {};
  const model = createModel({ apiKey, baseURL, log: journal });
  return await createTriager({ model, agents: library.agents, log: journal }).triage(created, signal);
}

async function lineOf({ triage }: Found, { config, labels }: Created, library: Library) {
  return { triage, ...(await judge(triage, { config, labels, library })) };
}

function show(line: SortedLine, { source, why, spend }: Found, { print, json }: TriageCall): number {
  print(tableOf([line]));
  print("");
  detailsOf(line, why).forEach(print);
  if (line.labelled !== undefined) print(line.labelled === "failed" ? "No labels were set." : "Its labels are set.");
  const spent = sumOf([spend]);
  print(spentOn(spent, "alone"));
  if (json) console.log(JSON.stringify({ ...line, source, why, spent }));
  return source === "model" && line.labelled !== "failed" ? 0 : 1;
}

/** The backlog's place; undefined where another process has it and nothing is to be written to GitHub. */
async function placeOf(env: Env, repo: RepoRef, { label, print }: TriageCall): Promise<BacklogPlace | undefined> {
  try {
    return await openBacklogPlace(env, repo);
  } catch (error) {
    if (label || !(error instanceof BatonError) || error.code !== "database-failed") throw error;
    print(`This is not kept for --all: ${error.message}.`);
    return undefined;
  }
}
