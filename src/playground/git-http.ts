// Clone, fetch and push over HTTP: git's own `git http-backend` (CGI), with GitHub's rules about who may.
// https://git-scm.com/docs/git-http-backend, https://www.rfc-editor.org/rfc/rfc3875
import { startProcess } from "../core/process.ts";
import { doerOf, mayChangeWorkflows, mayDo, maySee } from "./access.ts";
import { gitEnvironment, type Ref } from "./git-repository.ts";
import { followMove } from "./pulls.ts";
import { findRenamed, findRepository, type Repository, type World } from "./state.ts";
import { type Actor, nameOfActor, recognise } from "./tokens.ts";

const route = /^\/([^/]+)\/([^/]+?)(?:\.git)?\/(info\/refs|git-upload-pack|git-receive-pack)$/;

/** True for the three addresses of git's smart protocol. */
export function isGitPath(path: string): boolean {
  return route.test(path);
}

const say = (status: number, text: string, headers: Record<string, string> = {}) =>
  new Response(`${text}\n`, { status, headers: { "content-type": "text/plain; charset=utf-8", ...headers } });

/** Answers one request of git's smart HTTP protocol; the answer ends when everything that follows from a push is done. */
export async function answerGit(world: World, path: string, request: Request): Promise<Response> {
  const url = new URL(request.url);
  const [, owner = "", name = "", rest = ""] = route.exec(url.pathname) ?? [];
  const service = rest === "info/refs" ? url.searchParams.get("service") : rest;
  if (service !== "git-upload-pack" && service !== "git-receive-pack")
    return say(403, "Please upgrade your git client: only the smart protocol is spoken here.");
  const known = recognise(world, request.headers.get("authorization") ?? undefined);
  const challenge = { "www-authenticate": 'Basic realm="GitHub"' };
  if (known.type === "refused")
    return known.status === 403 ? say(403, known.message) : say(401, "Invalid username or token.", challenge);
  const { actor } = known;
  const renamed = findRepository(world, owner, name) ? undefined : findRenamed(world, owner, name);
  if (renamed && maySee(actor, renamed)) {
    const location = `${world.url}/${renamed.fullName}.git/${rest}${url.search}`;
    return say(301, "This repository moved.", { location });
  }
  const repo = findRepository(world, owner, name);
  if (!repo || !maySee(actor, repo))
    return actor.type === "anonymous"
      ? say(401, "Repository not found.", challenge)
      : say(404, "Repository not found.");
  const push = service === "git-receive-pack";
  const verdict = mayDo(actor, repo, {
    level: push ? "write" : "read",
    permissions: ["contents"],
    role: push ? "write" : "read",
  });
  if (verdict.type === "no") {
    if (verdict.status === 401) return say(401, "Authentication required.", challenge);
    return say(403, `Permission to ${repo.fullName}.git denied to ${nameOfActor(actor)}.`);
  }
  if (push && repo.archived) return say(403, "This repository was archived so it is read-only.");
  const variables = cgiVariables(request, url, rest, actor);
  if (!push || rest === "info/refs") return await runBackend(repo, path, variables, request, async () => {});
  // Refs are compared before and after, so nothing else may move them meanwhile.
  const { promise, resolve, reject } = Promise.withResolvers<Response>();
  void repo.git
    .alone(async () => {
      const before = await repo.git.refs();
      const ended = Promise.withResolvers<void>();
      const follow = async () => await followPush(world, repo, actor, before).finally(() => ended.resolve());
      resolve(await runBackend(repo, path, variables, request, follow));
      await ended.promise;
    })
    .catch(reject);
  return await promise;
}

async function followPush(world: World, repo: Repository, actor: Actor, before: readonly Ref[]): Promise<void> {
  const by = doerOf(actor);
  if (!by) return;
  const after = await repo.git.refs();
  const sha = (refs: readonly Ref[], name: string) => refs.find((ref) => ref.name === name)?.sha;
  for (const name of new Set([...before, ...after].map((ref) => ref.name))) {
    const move = { name, before: sha(before, name), after: sha(after, name) };
    if (move.before !== move.after) await followMove(world, repo, by, move);
  }
}

function cgiVariables(request: Request, url: URL, rest: string, actor: Actor): Record<string, string> {
  const { headers } = request;
  const optional = {
    CONTENT_TYPE: headers.get("content-type"),
    CONTENT_LENGTH: headers.get("content-length"),
    HTTP_CONTENT_ENCODING: headers.get("content-encoding"),
    GIT_PROTOCOL: headers.get("git-protocol"),
    REMOTE_USER: actor.type === "anonymous" ? null : nameOfActor(actor),
  };
  return {
    REQUEST_METHOD: request.method,
    QUERY_STRING: url.search.slice(1),
    PATH_INFO: `/${rest}`,
    REMOTE_ADDR: "127.0.0.1",
    GIT_HTTP_EXPORT_ALL: "1",
    PLAYGROUND_MAY_CHANGE_WORKFLOWS: mayChangeWorkflows(actor) ? "yes" : "no",
    ...Object.fromEntries(Object.entries(optional).flatMap(([key, value]) => (value === null ? [] : [[key, value]]))),
  };
}

async function runBackend(
  repo: Repository,
  path: string,
  variables: Readonly<Record<string, string>>,
  request: Request,
  atEnd: () => Promise<void>,
): Promise<Response> {
  const group = startProcess({
    argv: ["git", "http-backend"],
    cwd: repo.git.folder,
    env: { ...gitEnvironment(path), ...variables, GIT_PROJECT_ROOT: repo.git.folder },
    withStdin: true,
  });
  if ("notStarted" in group) {
    await atEnd();
    return say(500, `git could not be started: ${group.notStarted}`);
  }
  const stop = () => group.end(0);
  request.signal.addEventListener("abort", stop, { once: true });
  if (group.stdin) void feed(request, group.stdin);

  const head = Promise.withResolvers<Response>();
  let waiting = Buffer.alloc(0);
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  let left = false;
  const body = new ReadableStream<Uint8Array>({
    start(given) {
      controller = given;
    },
    cancel() {
      left = true;
      stop();
    },
  });
  // Read as fast as git writes, whatever the client does: once git has ended, what is left in its pipe is soon lost.
  group.stdout.on("data", (chunk: Buffer) => {
    if (controller === undefined || left) return;
    if (headRead) return controller.enqueue(new Uint8Array(chunk));
    waiting = Buffer.concat([waiting, chunk]);
    const end = waiting.indexOf("\r\n\r\n");
    if (end < 0) return;
    headRead = true;
    head.resolve(new Response(body, readHead(waiting.subarray(0, end).toString("latin1"))));
    if (waiting.length > end + 4) controller.enqueue(new Uint8Array(waiting.subarray(end + 4)));
  });
  let headRead = false;
  void group.ended
    .then(atEnd)
    .catch(() => {})
    .then(() => {
      request.signal.removeEventListener("abort", stop);
      if (!headRead) return head.resolve(say(500, "git http-backend ended without an answer"));
      if (!left) controller?.close();
    });
  return await head.promise;
}

function readHead(text: string): ResponseInit {
  const headers = new Headers();
  let status = 200;
  for (const line of text.split("\r\n")) {
    const [name = "", ...value] = line.split(":");
    if (name.toLowerCase() === "status") status = Number.parseInt(value.join(":").trim(), 10);
    else if (name !== "") headers.append(name, value.join(":").trim());
  }
  return { status, headers };
}

async function feed(request: Request, stdin: NodeJS.WritableStream): Promise<void> {
  try {
    if (request.body)
      for await (const chunk of request.body) {
        if (!stdin.write(chunk))
          await new Promise<void>((resolve) => stdin.once("drain", resolve).once("close", resolve));
      }
  } catch {
    // The client left: git sees the end of its input and refuses what is incomplete.
  } finally {
    stdin.end();
  }
}
