// The playground's web pages: where each address leads, what each form does, and the stream that tells pages to look again.
// A form does what REST would allow the chosen person; everything else is refused.
import { Hono, type Context } from "hono";
import { getCookie } from "hono/cookie";
import { html } from "hono/html";
import {
  addComment,
  editComment,
  editIssue,
  MAX_BODY,
  openIssue,
  react,
  reactionContents,
  setLabels,
} from "../issues.ts";
import { diffText } from "../git-diff.ts";
import { pressButton, rerunCheck } from "../rest/checks.ts";
import { startOfPull } from "../shapes/pulls.ts";
import {
  type Account,
  changed,
  findAccount,
  findRepository,
  hasRole,
  type Issue,
  type Reaction,
  type Repository,
  type World,
} from "../state.ts";
import { commitPage, repositoryList, treePage } from "./code.ts";
import { editPage, issueAddress, issueList, issuePage, newIssuePage } from "./issues.ts";
import { type Frame, layout, mayClose, mayEdit, maySort, people } from "./layout.ts";
import { liveScript } from "./live.ts";
import { avatarSvg, type Piece } from "./pieces.ts";
import { pullPage, type PullTab } from "./pulls.ts";
import { style } from "./style.ts";

export interface Pages extends AsyncDisposable {
  answer(request: Request): Promise<Response>;
}

/** How often changes are told at most: a burst of them is one look. */
const TELL_MS = 100;

const policy =
  "default-src 'none'; style-src 'self' 'unsafe-inline'; script-src 'self'; img-src 'self'; connect-src 'self'; " +
  "form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

export function openPages(world: World): Pages {
  const streams = new Set<() => void>();
  const app = routes(world, streams);
  return {
    answer: async (request) => await app.fetch(request),
    [Symbol.asyncDispose]() {
      for (const end of streams) end();
      return Promise.resolve();
    },
  };
}

function routes(world: World, streams: Set<() => void>): Hono {
  const app = new Hono();

  app.use(async (c, next) => {
    // Another site's page, or one that pretends to be this address, may not press buttons here.
    const { host } = new URL(world.url);
    const asked = c.req.header("host") ?? "";
    if (asked !== host && asked !== host.replace("127.0.0.1", "localhost"))
      return c.text("This host is not served here.", 421);
    const from = c.req.header("origin");
    const crossed =
      c.req.header("sec-fetch-site") === "cross-site" || (from !== undefined && new URL(from).host !== asked);
    if (c.req.method === "POST" && crossed) return c.text("Forms are taken from this site only.", 403);
    await next();
    c.header("content-security-policy", policy);
    c.header("x-content-type-options", "nosniff");
    return undefined;
  });

  app.get("/ui/style.css", (c) => c.body(style, 200, { "content-type": "text/css; charset=utf-8" }));
  app.get("/ui/live.js", (c) => c.body(liveScript, 200, { "content-type": "text/javascript; charset=utf-8" }));
  app.get("/ui/mark.svg", (c) =>
    c.body(avatarSvg({ id: 1, login: "P", type: "User" }), 200, { "content-type": "image/svg+xml" }),
  );
  app.get("/ui/avatar/:file", (c) => {
    const account = [...world.accounts.values()].find(({ id }) => `${id}.svg` === c.req.param("file"));
    return account ? c.body(avatarSvg(account), 200, { "content-type": "image/svg+xml" }) : c.notFound();
  });
  app.get("/ui/events", (c) =>
    c.body(eventStream(world, streams), 200, { "content-type": "text/event-stream", "cache-control": "no-store" }),
  );
  app.post("/ui/act-as", async (c) => {
    const { login, back } = await fields(c);
    const there = /^\/(?!\/)[^\\]*$/.test(back ?? "") ? (back ?? "/") : "/";
    if (people(world).some((account) => account.login === login))
      c.header("set-cookie", `acting=${encodeURIComponent(login ?? "")}; Path=/; HttpOnly; SameSite=Lax`);
    return c.redirect(there, 303);
  });

  app.get("/", (c) => show(c, repositoryList(frame(c, world))));
  app.get("/:owner/:repo", async (c) => {
    const { repo, ...rest } = at(c, world);
    return show(c, repo && (await treePage(rest, repo, repo.defaultBranch, "")));
  });
  app.get("/:owner/:repo/:kind{(?:tree|blob)}/:rest{.+}", async (c) => {
    const { repo, ...rest } = at(c, world);
    if (!repo) return c.notFound();
    const { ref, path } = await splitRef(repo, c.req.param("rest"));
    return show(c, await treePage(rest, repo, ref, path));
  });
  app.get("/:owner/:repo/raw/:rest{.+}", async (c) => {
    const { repo } = at(c, world);
    if (!repo) return c.notFound();
    const { ref, path } = await splitRef(repo, c.req.param("rest"));
    const sha = await repo.git.commitOf(ref);
    const entry = sha === undefined ? undefined : (await repo.git.listTree(sha, { path }))[0];
    if (entry?.type !== "blob") return c.notFound();
    return c.body(new Uint8Array(await repo.git.readBlob(entry.sha)), 200, {
      "content-type": "text/plain; charset=utf-8",
    });
  });
  app.get("/:owner/:repo/commit/:sha", async (c) => {
    const { repo, ...rest } = at(c, world);
    return show(c, repo && (await commitPage(rest, repo, c.req.param("sha"))));
  });
  app.get("/:owner/:repo/:room{(?:issues|pulls)}", (c) => {
    const { repo, ...rest } = at(c, world);
    const state = c.req.query("state") === "closed" ? "closed" : "open";
    return show(c, repo && issueList(rest, repo, c.req.param("room") === "pulls", state));
  });
  app.get("/:owner/:repo/issues/new", (c) => {
    const { repo, ...rest } = at(c, world);
    return show(c, repo && newIssuePage(rest, repo));
  });
  app.get("/:owner/:repo/issues/:number{[0-9]+}", (c) => {
    const { repo, issue, ...rest } = atIssue(c, world);
    if (!repo || !issue) return c.notFound();
    return issue.pull ? c.redirect(issueAddress(rest, repo, issue)) : show(c, issuePage(rest, repo, issue));
  });
  app.get("/:owner/:repo/pull/:file{[0-9]+\\.(?:diff|patch)}", async (c) => {
    const { repo } = at(c, world);
    const pull = repo?.issues.get(Number.parseInt(c.req.param("file"), 10))?.pull;
    return repo && pull ? c.text(await diffText(repo.git, await startOfPull(repo, pull), pull.headSha)) : c.notFound();
  });
  app.get("/:owner/:repo/pull/:number{[0-9]+}/:tab{(?:commits|checks|files)}?", async (c) => {
    const { repo, issue, ...rest } = atIssue(c, world);
    if (!repo || !issue) return c.notFound();
    if (!issue.pull) return c.redirect(issueAddress(rest, repo, issue));
    const tabs: readonly PullTab[] = ["commits", "checks", "files"];
    return show(c, await pullPage(rest, repo, issue, issue.pull, tabs.find((tab) => tab === c.req.param("tab")) ?? ""));
  });

  forms(app, world);

  app.notFound(async (c) => {
    const body = html`<div class="empty">
      <h2>There is nothing here</h2>
      <p><a href="/">All repositories</a></p>
    </div>`;
    return c.html(await layout(frame(c, world), { title: "Not found", body }), 404);
  });
  return app;
}

function forms(app: Hono, world: World): void {
  app.post("/:owner/:repo/issues", async (c) => {
    const { repo, acting, ...rest } = at(c, world);
    const { title = "", body = "" } = await fields(c);
    if (!repo) return c.notFound();
    if (!acting) return refuse(c, "There is nobody to act as.");
    if (title.trim() === "" || body.length > MAX_BODY)
      return refuse(c, "An issue needs a title, and no more than 65,536 characters.");
    const issue = await openIssue(world, repo, { account: acting }, { title: title.trim(), body: lines(body) });
    return c.redirect(issueAddress({ acting, ...rest }, repo, issue), 303);
  });

  app.post("/:owner/:repo/issues/:number{[0-9]+}/comments", async (c) => {
    const { repo, issue, acting, ...rest } = atIssue(c, world);
    const form = await fields(c);
    const body = lines(form["body"] ?? "");
    if (!repo || !issue) return c.notFound();
    if (!acting) return refuse(c, "There is nobody to act as.");
    if (body.length > MAX_BODY) return refuse(c, "A comment has no more than 65,536 characters.");
    const closing = form["do"] === "close" || form["do"] === "reopen";
    if (closing && !mayClose(repo, issue, acting)) return refuse(c, `${acting.login} may not close or reopen this.`);
    const by = { account: acting };
    const comment = body.trim() === "" ? undefined : addComment(world, repo, issue, by, body);
    if (closing) await editIssue(world, repo, issue, by, { state: form["do"] === "close" ? "closed" : "open" });
    const page = issueAddress({ acting, ...rest }, repo, issue);
    return c.redirect(comment ? `${page}#issuecomment-${comment.id}` : page, 303);
  });

  app.post("/:owner/:repo/issues/:number{[0-9]+}/labels", async (c) => {
    const { repo, issue, acting, ...rest } = atIssue(c, world);
    const { add, remove } = await fields(c);
    if (!repo || !issue) return c.notFound();
    if (!acting || !maySort(repo, acting)) return refuse(c, "Labels need the role triage.");
    const names = issue.labels.map(({ name }) => name).filter((name) => name !== remove);
    await setLabels(world, repo, issue, { account: acting }, add ? [...names, add] : names);
    return c.redirect(issueAddress({ acting, ...rest }, repo, issue), 303);
  });

  app.post("/:owner/:repo/runs/:id{[0-9]+}", async (c) => {
    const { repo, acting } = at(c, world);
    const run = repo?.checkRuns.find(({ id }) => id === Number(c.req.param("id")));
    const { press } = await fields(c);
    if (!repo || !run) return c.notFound();
    if (!acting || !hasRole(repo, acting, "write")) return refuse(c, "Checks need the role write.");
    if (press === undefined) await rerunCheck(world, repo, run, acting);
    else if (run.actions.some(({ identifier }) => identifier === press))
      await pressButton(world, repo, run, acting, press);
    else return refuse(c, "The check has no such button any more.");
    const pull = [...repo.issues.values()].find((issue) => issue.pull?.headSha === run.headSha);
    return c.redirect(pull ? `/${repo.fullName}/pull/${pull.number}/checks` : `/${repo.fullName}`, 303);
  });

  const description = "/:owner/:repo/issues/:number{[0-9]+}/description";
  app.get(description, async (c) => {
    const { repo, issue, ...rest } = atIssue(c, world);
    const may = repo && issue && mayEdit(repo, issue, rest.acting);
    return await show(c, may ? editPage(rest, repo, issue) : undefined);
  });
  app.post(description, async (c) => {
    const { repo, issue, acting, ...rest } = atIssue(c, world);
    const body = lines((await fields(c))["body"] ?? "");
    if (!repo || !issue) return c.notFound();
    if (!acting || !mayEdit(repo, issue, acting)) return refuse(c, "Texts of others need the role write.");
    if (body.length > MAX_BODY) return refuse(c, "A text has no more than 65,536 characters.");
    if (body !== issue.body) await editIssue(world, repo, issue, { account: acting }, { body });
    return c.redirect(issueAddress({ acting, ...rest }, repo, issue), 303);
  });

  const editing = (c: Context) => {
    const found = atIssue(c, world);
    const comment = found.issue?.comments.find(({ id }) => id === Number(c.req.param("id")));
    return { ...found, comment, may: found.repo && comment && mayEdit(found.repo, comment, found.acting) };
  };
  const written = "/:owner/:repo/issues/:number{[0-9]+}/comments/:id{[0-9]+}";
  app.get(written, async (c) => {
    const { repo, issue, comment, may, ...rest } = editing(c);
    return await show(c, repo && issue && comment && may ? editPage(rest, repo, issue, comment) : undefined);
  });
  app.post(written, async (c) => {
    const { repo, issue, comment, may, acting, ...rest } = editing(c);
    const body = lines((await fields(c))["body"] ?? "");
    if (!repo || !issue || !comment) return c.notFound();
    if (!acting || !may) return refuse(c, "Comments of others need the role write.");
    if (body.trim() === "" || body.length > MAX_BODY)
      return refuse(c, "A comment has some text, and no more than 65,536 characters.");
    if (body !== comment.body) editComment(world, repo, comment, { account: acting }, body);
    return c.redirect(`${issueAddress({ acting, ...rest }, repo, issue)}#issuecomment-${comment.id}`, 303);
  });

  const toggle = async (
    c: Context,
    on: (repo: Repository, issue: Issue) => { readonly reactions: Reaction[] } | undefined,
  ) => {
    const { repo, issue, acting, ...rest } = atIssue(c, world);
    const asked = (await fields(c))["content"];
    const content = reactionContents.find((one) => one === asked);
    const found = repo && issue ? on(repo, issue) : undefined;
    if (!repo || !issue || !found) return c.notFound();
    if (!acting || content === undefined) return refuse(c, "That is no reaction.");
    const { reaction, fresh } = react(world, found, acting, content);
    if (!fresh) found.reactions.splice(found.reactions.indexOf(reaction), 1);
    changed(world);
    return c.redirect(issueAddress({ acting, ...rest }, repo, issue), 303);
  };
  const one = "/:owner/:repo/issues/:number{[0-9]+}";
  app.post(`${one}/reactions`, async (c) => await toggle(c, (_, issue) => issue));
  app.post(`${one}/comments/:id{[0-9]+}/reactions`, async (c) => {
    const id = Number(c.req.param("id"));
    return await toggle(c, (repo) => repo.comments.get(id));
  });
}

function frame(c: Context, world: World, repo?: Repository): Frame {
  const chosen = findAccount(world, getCookie(c, "acting") ?? "");
  const all = people(world);
  const usual: Account | undefined = repo && all.find((account) => hasRole(repo, account, "write"));
  const acting = chosen && all.includes(chosen) ? chosen : (usual ?? all[0]);
  return { world, acting, path: c.req.path };
}

function at(c: Context, world: World): Frame & { readonly repo: Repository | undefined } {
  const repo = findRepository(world, c.req.param("owner") ?? "", c.req.param("repo") ?? "");
  const found = frame(c, world, repo);
  return { ...found, repo: repo && hasRole(repo, found.acting, "read") ? repo : undefined };
}

function atIssue(
  c: Context,
  world: World,
): Frame & { readonly repo: Repository | undefined; readonly issue: Issue | undefined } {
  const found = at(c, world);
  return { ...found, issue: found.repo?.issues.get(Number(c.req.param("number"))) };
}

async function show(c: Context, piece: Piece | undefined): Promise<Response> {
  return piece === undefined ? await c.notFound() : c.html(await piece);
}

function refuse(c: Context, why: string): Response {
  return c.text(why, 403);
}

async function fields(c: Context): Promise<Partial<Record<string, string>>> {
  const form = await c.req.parseBody();
  return Object.fromEntries(
    Object.entries(form).flatMap(([name, value]) => (typeof value === "string" ? [[name, value]] : [])),
  );
}

/** Forms send lines as CRLF. */
const lines = (text: string) => text.replaceAll("\r\n", "\n");

/** Branch names may have slashes: the longest one that is a ref wins. */
async function splitRef(repo: Repository, rest: string): Promise<{ ref: string; path: string }> {
  const parts = decodeURIComponent(rest).split("/");
  for (let length = parts.length; length > 0; length -= 1) {
    const ref = parts.slice(0, length).join("/");
    if ((await repo.git.commitOf(ref)) !== undefined) return { ref, path: parts.slice(length).join("/") };
  }
  return { ref: repo.defaultBranch, path: parts.join("/") };
}

/** Server-sent events: the world's version, now and at every change. */
function eventStream(world: World, streams: Set<() => void>): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let end = () => {};
  return new ReadableStream({
    start(controller) {
      let timer: NodeJS.Timeout | undefined;
      const tell = () => {
        timer = undefined;
        controller.enqueue(encoder.encode(`data: ${world.version}\n\n`));
      };
      const watch = () => (timer ??= setTimeout(tell, TELL_MS));
      const stop = () => {
        clearTimeout(timer);
        world.watchers.delete(watch);
        streams.delete(close);
      };
      const close = () => {
        stop();
        controller.close();
      };
      end = stop;
      controller.enqueue(encoder.encode("retry: 1000\n\n"));
      tell();
      world.watchers.add(watch);
      streams.add(close);
    },
    cancel() {
      end();
    },
  });
}
