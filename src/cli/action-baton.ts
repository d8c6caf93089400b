// Baton inside one job: the same store, intake, engine and projection as a server's, over a database that came with the job and leaves
// with it. What the job may not do is taken out: in `work` whatever would write on GitHub, in the others whatever needs a model or a sandbox.
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { commitsInUse, openParts } from "../parts.ts";
import { BatonError } from "../core/errors.ts";
import type { Log } from "../core/log.ts";
import { RunEvent } from "../engine/events.ts";
import type { Env } from "../env.ts";
import { createClient, whoIs, type Self } from "../github/client.ts";
import type { Links } from "../github/progress.ts";
import { createProjection, type GitHubProjection } from "../github/projection.ts";
import { createPublisher } from "../github/publisher.ts";
import { createCheckReader } from "../github/check-reader.ts";
import { createGitHubReader } from "../github/reader.ts";
import { createRequests, type Requests } from "../github/requests.ts";
import { createSubjects } from "../github/subjects.ts";
import { createIntake, type Intake } from "../intake/handle.ts";
import { createKnownLimits } from "../intake/limits.ts";
import { stripInvisible } from "../intake/invisible.ts";
import { sanitizeMarkdown } from "../intake/sanitize.ts";
import { openStore, type Store } from "../store/open-store.ts";
import { begunBefore } from "../store/outbox.ts";
import type { ActionEnv } from "./action-env.ts";
import { publishHalf, workHalf, type Half } from "./action-halves.ts";
import { createOwing } from "./action-owing.ts";
import { federatedModel } from "./federation.ts";

/** Who Baton is when it acts with the token of a job. */
export const ACTIONS_LOGIN = "github-actions[bot]";

/** What goes with the database from job to job. Nothing secret. */
const Notes = z.object({
  self: z.object({ slug: z.string(), login: z.string(), id: z.number().optional() }),
  /** What was said on the issue before is not looked at; milliseconds since 1970. */
  since: z.number(),
  /** How often a run of the workflow has started the next by itself since somebody last asked for something. */
  again: z.number().int().nonnegative(),
});
export type Notes = z.infer<typeof Notes>;

export interface ActionBaton extends AsyncDisposable {
  readonly store: Store;
  readonly requests: Requests;
  readonly intake: Intake;
  /** A fresh half of the engine, for one driving. */
  half(): Half;
  /** Undefined where the job may not write. */
  readonly projection: GitHubProjection | undefined;
  readonly links: Links;
  readonly notes: Notes;
  keepNotes(notes: Notes): Promise<void>;
}

/** Opens it over the database in `env.home`, a new one where there is none. */
export async function openActionBaton(action: ActionEnv, env: Env, journal: Log): Promise<ActionBaton> {
  const token = env.token ?? "";
  const works = action.mode === "work";
  await using undo = new AsyncDisposableStack();
  const parse = (json: unknown) => RunEvent.parse(json);
  const folder = join(env.home, "database");
  const store = undo.use(await openStore({ folder, travels: true, parse, log: journal }));
  const client = await createClient({ token, apiUrl: env.apiUrl, log: journal });
  const octokitFor = () => Promise.resolve(client);
  const { log, throttle, history } = store;
  const requests = createRequests({ octokitFor, throttle, log: journal });
  const known = await readNotes(env.home);
  const self = known?.self ?? (await selfOf(action, env, requests));
  let notes = known ?? { self, since: momentOf(action), again: 0 };
  const model = action.federation && federatedModel(action.federation, journal);
  const parts = undo.use(
    await openParts({
      env,
      journal,
      works,
      credential: () => Promise.resolve(token),
      shelves: store.shelves,
      needed: () => commitsInUse(log),
      ...(model ? { model } : {}),
    }),
  );
  const { redact, workspaces, workflows } = parts;
  const me = { slug: self.slug, login: self.login, id: self.id, appId: undefined };
  const links: Links = {
    serverUrl: env.serverUrl,
    run: () => action.runUrl,
    ...(self.login === ACTIONS_LOGIN ? { startsNoChecks: true } : {}),
  };
  const outbox = begunBefore(store.outbox);
  const limits = createKnownLimits();
  const reader = createGitHubReader({ octokitFor, throttle, log: journal });
  const subjects = createSubjects({
    octokitFor,
    throttle,
    log: journal,
    workspaces,
    runs: log,
    self: me,
    visible: (text) => sanitizeMarkdown(text, {}),
  });
  const base = { log, history, subjects };
  const writes = works ? undefined : writing();
  const owing = createOwing(store.deliveries);
  const intake = createIntake({
    ...store,
    deliveries: works ? owing.deliveries : store.deliveries,
    publisher: writes?.publisher ?? owing.publisher,
    projection: writes?.projection,
    outbox,
    schedules: { learn: () => Promise.resolve() },
    reader,
    checks: createCheckReader({
      clients: { checks: octokitFor, statuses: octokitFor, actions: octokitFor, contents: octokitFor },
      throttle,
      appId: undefined,
      redact,
      visible: (text) => stripInvisible(text, {}),
      log: journal,
    }),
    workflows,
    limits,
    self: me,
    byToken: true,
    journal,
  });
  const opened = undo.move();
  return {
    store,
    requests,
    intake,
    half: () =>
      writes
        ? publishHalf(parts.engine({ ...base, ...writes }))
        : workHalf((edges) => parts.engine({ ...base, ...edges })),
    projection: writes?.projection,
    links,
    get notes() {
      return notes;
    },
    async keepNotes(fresh) {
      notes = fresh;
      await writeFile(notesFile(env.home), `${JSON.stringify(fresh)}\n`);
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };

  function writing() {
    const showing = { octokitFor, outbox, throttle, redact, self: me, links };
    const projection = undo.use(createProjection({ ...showing, log, journal }));
    const commentsPerHour = (repo: { readonly id: number }) => limits.of(repo).commentsPerHour;
    return { publisher: createPublisher({ ...showing, workspaces, commentsPerHour, log: journal }), projection };
  }
}

function notesFile(home: string): string {
  return join(home, "notes.json");
}

async function readNotes(home: string): Promise<Notes | undefined> {
  const text = await readFile(notesFile(home), "utf8").catch(() => undefined);
  return text === undefined ? undefined : Notes.parse(JSON.parse(text));
}

/** Whose token it is. A job's own and an App's may not ask. */
async function selfOf(action: ActionEnv, env: Env, requests: Requests): Promise<Notes["self"]> {
  if (action.appSlug !== undefined) return { slug: action.appSlug, login: `${action.appSlug}[bot]` };
  const repo = { id: 0, owner: action.owner, name: action.name };
  const { login, id }: Pick<Self, "login" | "id"> = await requests.read(repo, "say whose token it is", whoIs);
  if (login === ACTIONS_LOGIN && action.jobToken !== undefined && action.jobToken !== env.token)
    throw new BatonError(
      "invalid-environment",
      "the input token is an App's, and only the App's name tells Baton which comments are its own: give it as app-slug",
    );
  return { slug: login.replace(/\[bot\]$/, ""), login, ...(id === undefined ? {} : { id }) };
}

const Moment = z.object({
  action: z.string(),
  comment: z.object({ created_at: z.string() }).optional(),
  issue: z.object({ created_at: z.string(), updated_at: z.string() }).optional(),
});

/** When what started the workflow happened: what was said on the issue before that was not said to Baton. */
function momentOf({ event }: ActionEnv): number {
  const { data } = Moment.safeParse(JSON.parse(event.text));
  const at = Date.parse(data?.comment?.created_at ?? data?.issue?.updated_at ?? "");
  return Number.isNaN(at) ? Date.now() : at;
}
