// Baton whole, for end-to-end tests: a local GitHub, a scripted model and Baton in between, over real HTTP, git and sandboxes.
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openBaton, type Baton } from "#src/baton.ts";
import { createKeys } from "#src/cli/demo-keys.ts";
import { follow } from "#src/cli/follow.ts";
import { listen } from "#src/cli/listen.ts";
import { silentLog } from "#src/core/log.ts";
import type { RunId } from "#src/core/ids.ts";
import { fold } from "#src/engine/fold.ts";
import type { State } from "#src/engine/state.ts";
import { readEnv, type Env } from "#src/env.ts";
import { openPlayground, type Comment, type Playground } from "#src/playground/playground.ts";
import { sampleIssues, sampleScript } from "#src/playground/sample-script.ts";
import { openScriptedModel, type AgentScript, type ScriptedModel } from "#src/playground/scripted-model.ts";
import { withCliNames } from "./claude-code-names.ts";
import { needs } from "./needs.ts";
import { prepareDatabase } from "./prepared-database.ts";
import { quickSample } from "./sample.ts";
import { until } from "./until.ts";

export interface Scene {
  /** Names the repository too: lower case and dashes. */
  readonly name: string;
  /** What these agents say instead of the sample's script. */
  readonly agents?: Readonly<Record<string, AgentScript>>;
  /** Files besides, or instead of, the sample's; null takes one away. */
  readonly files?: Readonly<Record<string, string | null>>;
  /** Called when the run has begun, to let people act meanwhile. */
  readonly meanwhile?: (stage: { world: World; repo: string; number: number }) => Promise<void>;
}

export interface Played {
  readonly repo: string;
  readonly number: number;
  readonly state: State;
  readonly comments: readonly Comment[];
  /** The status card as it stands at the end. */
  readonly card: string;
  readonly labels: readonly string[];
}

export interface World extends AsyncDisposable {
  readonly playground: Playground;
  readonly model: ScriptedModel;
  readonly baton: Baton;
  readonly env: Env;
  /** What agents say who work in this repository ("octo/tab"), instead of the sample's script. */
  script(repo: string, agents: Readonly<Record<string, AgentScript>>): void;
  /** Plays one scene to its end: a repository, an issue about the lost cent, a run. */
  play(scene: Scene): Promise<Played>;
  /** The state of the next run to end about this issue, run `skip` finished ones. */
  ended(run: RunId): Promise<State>;
  /** The state of a repository's newest run when it is the `count`th and has ended, and all of it is shown. */
  endedIn(repo: string, count: number): Promise<State>;
  look(repo: string, number: number, state: State): Played;
}

export const person = "maria";
/** The token of `person`. */
export const personToken = "token-of-maria-for-tests";

/** `changes`: of the environment. With the runner `claude-code` the sample's script names the tools as that program does. */
export async function openWorld(changes: Partial<Env> = {}): Promise<World> {
  await using undo = new AsyncDisposableStack();
  const home = await mkdtemp(join(tmpdir(), "baton-world-"));
  undo.defer(() => rm(home, { recursive: true, force: true }));
  const { publicKey, privateKey } = createKeys();
  const secret = randomBytes(20).toString("hex");
  const permissions = {
    actions: "write",
    checks: "write",
    statuses: "read",
    issues: "write",
    pull_requests: "write",
    contents: "write",
    metadata: "read",
  } as const;
  const playground = undo.use(
    await openPlayground({
      apps: [{ id: 1, slug: "baton", publicKey, installationId: 1, permissions }],
      users: [{ login: person, tokens: [personToken] }, { login: "passer-by" }],
    }),
  );
  const scenes = new Map<string, Scene>();
  const scripts = new Map<string, Readonly<Record<string, AgentScript>>>();
  const usual = changes.runner === "claude-code" ? withCliNames(sampleScript()) : sampleScript();
  const model = undo.use(
    await openScriptedModel({
      script: (call) => {
        const name = /scene ([a-z-]+)/.exec(call.brief)?.[1] ?? "";
        const repo = [...scripts.keys()].find((known) => call.brief.includes(known));
        const own = scenes.get(name)?.agents?.[call.agent] ?? scripts.get(repo ?? "")?.[call.agent];
        return own ? { [call.agent]: own } : usual(call);
      },
    }),
  );
  const env: Env = {
    ...readEnv([], {}),
    app: { id: 1, privateKey, webhookSecrets: [secret] },
    apiUrl: playground.apiUrl,
    serverUrl: playground.url,
    model: { apiKey: "any-key-will-do-for-the-script", baseURL: model.url },
    home,
    sandbox: (await needs("bubblewrap")) ? "required" : "none",
    secrets: [secret, privateKey],
    ...changes,
  };
  await prepareDatabase(join(env.home, "database"));
  const baton = undo.use(await openBaton(env, silentLog));
  const server = undo.use(await listen(baton, { host: "127.0.0.1", port: 0 }));
  playground.deliverTo(`${server.address}/api/github/webhooks`, secret);
  const begun = new Map<string, PromiseWithResolvers<RunId>>();
  const beginning = (repo: string) => {
    const known = begun.get(repo) ?? Promise.withResolvers<RunId>();
    begun.set(repo, known);
    return known;
  };
  const following = undo.use(
    follow(baton.store.log, (_, { runId, created }) =>
      beginning(`${created.repo.owner}/${created.repo.name}`).resolve(runId),
    ),
  );
  const look = (repo: string, number: number, state: State): Played => {
    const comments = playground.comments({ repo, number });
    const card = comments.find(({ body }) => body.includes(`<!-- baton:status:${state.runId} -->`))?.body ?? "";
    const labels = playground
      .issue({ repo, number })
      .labels.map((label) => (typeof label === "string" ? label : label.name));
    return { repo, number, state, comments, card, labels };
  };

  const opened = undo.move();
  const world: World = {
    playground,
    model,
    baton,
    env,
    look,
    script: (repo, agents) => void scripts.set(repo, agents),
    ended: (run) => following.ended(run),
    async endedIn(repo, count) {
      const run = await until(
        async () => {
          const lines = await baton.store.log.list({ limit: count + 1, repo });
          const [latest] = lines;
          return lines.length === count && latest?.finishedAt !== undefined ? latest.run : undefined;
        },
        { milliseconds: 150_000 },
      );
      await baton.engine.projection.settle(run);
      await playground.settled();
      return fold(await baton.store.log.read(run));
    },
    async play(scene) {
      scenes.set(scene.name, scene);
      const repo = `octo/${scene.name}`;
      const files = Object.fromEntries(
        Object.entries({ ...(await quickSample()), ...scene.files }).filter(
          (entry): entry is [string, string] => entry[1] !== null,
        ),
      );
      await playground.addRepository({
        owner: "octo",
        name: scene.name,
        from: files,
        labels: ["bug", "enhancement"],
        collaborators: { [person]: "maintain", "passer-by": "read" },
      });
      const { title, body } = sampleIssues.first;
      const { number } = await playground.openIssue({
        repo,
        title,
        body: `${body}\n\nscene ${scene.name}`,
        as: person,
      });
      const run = await beginning(repo).promise;
      await scene.meanwhile?.({ world, repo, number });
      const state = await following.ended(run);
      await baton.engine.projection.settle(run);
      await playground.settled();
      return look(repo, number, state);
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
  return world;
}
