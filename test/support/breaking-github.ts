// As much of GitHub as the publisher and the projection talk to, over real HTTP and with real git objects, that breaks on demand:
// before it acts, or after it has acted. Every request is held to GitHub's own description of its API.
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { messageOf } from "#src/core/errors.ts";
import { sha, type Sha } from "#src/core/ids.ts";
import { BreakingReview } from "./breaking-review.ts";
import { checkRequest } from "./openapi.ts";

/**
 * What goes wrong with a request: an answer instead of acting, or a lost answer after acting. "hang": nothing ever comes.
 * "late": the connection breaks, and GitHub acts only after it has answered the next read.
 */
export type Fault =
  | {
      readonly when: "before";
      readonly status: number;
      readonly headers?: Record<string, string>;
      readonly message?: string;
    }
  | { readonly when: "before"; readonly how: "reset" | "hang" }
  | { readonly when: "after"; readonly how: 502 | "reset" | "hang" }
  | { readonly when: "late" };

export interface Call {
  readonly method: string;
  readonly path: string;
}

interface Comment {
  readonly id: number;
  readonly issue: number;
  body: string;
  readonly by: number;
  edits: number;
}

interface Pull {
  readonly number: number;
  title: string;
  body: string;
  readonly head: string;
  readonly base: string;
  readonly draft: boolean;
  readonly by: number;
  readonly state: string;
  readonly reviewers: string[];
}

interface Body {
  readonly [name: string]: unknown;
}

const accounts: Record<number, { login: string; id: number }> = {
  1: { login: "baton[bot]", id: 1 },
  7: { login: "maria", id: 7 },
  9: { login: "eve", id: 9 },
};

/** Runs git in a bare repository and gives what it printed. */
export function gitBytes(
  folder: string,
  argv: readonly string[],
  input?: string | Uint8Array,
  env: Record<string, string> = {},
): Buffer {
  const person = {
    GIT_AUTHOR_NAME: "a",
    GIT_AUTHOR_EMAIL: "a@example.com",
    GIT_COMMITTER_NAME: "a",
    GIT_COMMITTER_EMAIL: "a@example.com",
  };
  return execFileSync("git", ["-C", folder, ...argv], {
    env: { PATH: "/usr/bin:/bin", HOME: folder, GIT_CONFIG_NOSYSTEM: "1", ...person, ...env },
    ...(input === undefined ? {} : { input }),
    stdio: ["pipe", "pipe", "pipe"],
  });
}

/** The same as text without the last line end. */
export function git(...how: Parameters<typeof gitBytes>): string {
  return gitBytes(...how)
    .toString()
    .replace(/\n$/, "");
}

/** Writes a commit with exactly these files into a bare repository. */
export function writeCommit(
  folder: string,
  files: Readonly<Record<string, string | Uint8Array>>,
  parents: readonly string[],
  message = "a commit",
): Sha {
  const index = join(folder, `index-${Math.random()}`);
  const lines = Object.entries(files).map(
    ([path, content]) => `100644 ${git(folder, ["hash-object", "-w", "--stdin"], content)}\t${path}`,
  );
  git(folder, ["update-index", "--index-info"], `${lines.join("\n")}\n`, { GIT_INDEX_FILE: index });
  const tree = git(folder, ["write-tree"], undefined, { GIT_INDEX_FILE: index });
  return sha(git(folder, ["commit-tree", tree, "-m", message, ...parents.flatMap((parent) => ["-p", parent])]));
}

/** A bare repository of its own: a new one, or a copy of another (much quicker than making its commits again). */
export function bareRepository(copyOf?: string): string {
  const folder = mkdtempSync(join(tmpdir(), "baton-git-"));
  if (copyOf !== undefined) cpSync(copyOf, folder, { recursive: true });
  else git(folder, ["init", "-q", "--bare", "--template=", "-b", "main"]);
  return folder;
}

export class BreakingGitHub implements AsyncDisposable {
  readonly calls: Call[] = [];
  /** What GitHub's description had against requests; a test expects none. */
  readonly complaints: string[] = [];
  readonly comments: Comment[] = [];
  readonly pulls: Pull[] = [];
  readonly labels = new Set<string>(["bug"]);
  issueLabels: string[] = [];
  readonly reactions: { id: number; comment: number; content: string }[] = [];
  issue = { number: 12, state: "open", locked: false, gone: false };
  /** Asked for each request in turn; the first fault that is not undefined happens. */
  faults: (call: Call) => Fault | undefined = () => undefined;
  /** Called after a request was acted upon and before it is answered. */
  afterwards: (call: Call) => void = () => {};
  /** GitHub's clock, in milliseconds since 1970: the date of its answers. */
  now: () => number = Date.now;
  /** Checks and threads of its pull request. */
  readonly review = new BreakingReview(() => this.#id());
  readonly folder: string;
  url = "";
  #late: (() => void)[] = [];
  #ids = 100;
  readonly #server = createServer((request, response) => {
    this.#answer(request, response).catch((error: unknown) => {
      this.complaints.push(`${request.method} ${request.url}: ${messageOf(error)}`);
      response.destroy();
    });
  });

  constructor(folder: string) {
    this.folder = folder;
  }

  static async open(folder: string): Promise<BreakingGitHub> {
    const github = new BreakingGitHub(folder);
    await new Promise<void>((resolve) => github.#server.listen(0, "127.0.0.1", resolve));
    const address = github.#server.address();
    github.url = `http://127.0.0.1:${typeof address === "object" && address ? address.port : 0}`;
    return github;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    rmSync(this.folder, { recursive: true, force: true });
  }

  count(method: string, path: RegExp): number {
    return this.calls.filter((call) => call.method === method && path.test(call.path)).length;
  }

  /** Branches beginning with baton/, with their commits. */
  get branches(): Record<string, string> {
    const lines = git(this.folder, [
      "for-each-ref",
      "--format=%(refname:short) %(objectname)",
      "refs/heads/baton",
    ]).split("\n");
    return Object.fromEntries(lines.filter(Boolean).map((line) => line.split(" ").slice(0, 2)));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", "http://x");
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(Buffer.from(chunk));
    const text = Buffer.concat(chunks).toString("utf8");
    const body: Body | undefined = text === "" ? undefined : JSON.parse(text);
    const method = request.method ?? "GET";
    const call = { method, path: decodeURIComponent(url.pathname) };
    this.calls.push(call);
    const seen = { method, path: url.pathname, query: Object.fromEntries(url.searchParams), ...(body ? { body } : {}) };
    // GitHub does not describe the first, and redirects to it; the second has a description of its own.
    const described = !/^\/repositories\/\d+$|^\/graphql$/.test(url.pathname);
    if (described)
      this.complaints.push(...checkRequest(seen).map((complaint) => `${method} ${url.pathname}: ${complaint}`));
    const fault = this.faults(call);
    const send = (status: number, data: unknown, headers: Record<string, string> = {}) => {
      const date = new Date(this.now()).toUTCString();
      response.writeHead(status, { "content-type": "application/json; charset=utf-8", date, ...headers });
      response.end(status === 204 ? undefined : JSON.stringify(data));
    };
    const lose = (how: "reset" | "hang") => void (how === "reset" && request.socket.destroy());
    const act = () => this.#act(call, body ?? {}, url.searchParams);
    if (fault?.when === "late") {
      this.#late.push(act);
      return lose("reset");
    }
    if (fault?.when === "before" && "how" in fault) return lose(fault.how);
    if (fault?.when === "before") return send(fault.status, { message: fault.message ?? "broken" }, fault.headers);
    const [status, data] = act();
    this.afterwards(call);
    if (method === "GET") for (const late of this.#late.splice(0)) late();
    if (fault?.how === 502) return send(502, { message: "Server Error" });
    if (fault) return lose(fault.how);
    send(status, data);
  }

  #act({ method, path }: Call, body: Body, query: URLSearchParams): [number, unknown] {
    const route = `${method} ${path.replace(/^\/repos\/octo\/tab/, "")}`;
    const match = (pattern: RegExp) => pattern.exec(route);
    const string = (name: string) => {
      const value = body[name];
      return typeof value === "string" ? value : "";
    };
    let found: RegExpExecArray | null;
    if (match(/^GET \/repositories\/1$/)) return [200, { id: 1, name: "tab", owner: { login: "octo" } }];
    if (match(/^GET \/issues\/12$/)) {
      if (this.issue.gone) return [410, { message: "This issue was deleted" }];
      return [
        200,
        {
          ...this.issue,
          title: "Splitting loses a cent",
          user: accounts[7],
          labels: this.issueLabels,
          html_url: `${this.url}/octo/tab/issues/12`,
        },
      ];
    }
    if ((found = match(/^(GET|POST) \/issues\/(\d+)\/comments$/))) {
      const issue = Number(found[2]);
      if (found[1] === "GET")
        return [200, this.comments.filter((one) => one.issue === issue).map((comment) => this.#comment(comment))];
      const comment = { id: this.#id(), issue, body: string("body"), by: 1, edits: 0 };
      this.comments.push(comment);
      return [201, this.#comment(comment)];
    }
    if ((found = match(/^(GET|PATCH|DELETE) \/issues\/comments\/(\d+)$/))) {
      const index = this.comments.findIndex(({ id }) => id === Number(found?.[2]));
      const comment = this.comments[index];
      if (!comment) return [404, { message: "Not Found" }];
      if (found[1] === "GET") return [200, this.#comment(comment)];
      if (found[1] === "DELETE") {
        this.comments.splice(index, 1);
        return [204, undefined];
      }
      comment.body = string("body");
      comment.edits += 1;
      return [200, this.#comment(comment)];
    }
    if ((found = match(/^(GET|POST) \/issues\/comments\/(\d+)\/reactions$/))) {
      const comment = Number(found[2]);
      if (found[1] === "GET")
        return [
          200,
          this.reactions
            .filter((one) => one.comment === comment && one.content === query.get("content"))
            .map((one) => this.#reaction(one)),
        ];
      const known = this.reactions.find((one) => one.comment === comment && one.content === string("content"));
      const reaction = known ?? { id: this.#id(), comment, content: string("content") };
      if (!known) this.reactions.push(reaction);
      return [known ? 200 : 201, this.#reaction(reaction)];
    }
    if ((found = match(/^DELETE \/issues\/comments\/\d+\/reactions\/(\d+)$/))) {
      const index = this.reactions.findIndex(({ id }) => id === Number(found?.[1]));
      if (index === -1) return [404, { message: "Not Found" }];
      this.reactions.splice(index, 1);
      return [204, undefined];
    }
    if (match(/^POST \/labels$/)) {
      if (this.labels.has(string("name")))
        return [422, { message: "Validation Failed", errors: [{ code: "already_exists" }] }];
      this.labels.add(string("name"));
      return [201, { name: string("name") }];
    }
    if (match(/^POST \/issues\/12\/labels$/)) {
      const wanted = Array.isArray(body["labels"]) ? body["labels"].map(String) : [];
      this.issueLabels = [...new Set([...this.issueLabels, ...wanted])];
      return [200, this.issueLabels.map((name) => ({ name }))];
    }
    if ((found = match(/^DELETE \/issues\/12\/labels\/(.+)$/))) {
      const name = found[1];
      if (!this.issueLabels.includes(name ?? "")) return [404, { message: "Label does not exist" }];
      this.issueLabels = this.issueLabels.filter((label) => label !== name);
      return [200, this.issueLabels.map((label) => ({ name: label }))];
    }
    if (match(/^POST \/git\/blobs$/))
      return [
        201,
        { sha: git(this.folder, ["hash-object", "-w", "--stdin"], Buffer.from(string("content"), "base64")) },
      ];
    if (match(/^POST \/git\/trees$/)) return [201, { sha: this.#tree(string("base_tree"), body["tree"]) }];
    if (match(/^POST \/git\/commits$/)) {
      const parents = Array.isArray(body["parents"]) ? body["parents"].map(String) : [];
      return [
        201,
        {
          sha: git(
            this.folder,
            ["commit-tree", string("tree"), ...parents.flatMap((parent) => ["-p", parent])],
            string("message"),
          ),
        },
      ];
    }
    if ((found = match(/^GET \/commits\/([0-9a-f]{40})$/))) return [200, this.#commit(found[1] ?? "")];
    if ((found = match(/^GET \/git\/ref\/heads\/(.+)$/))) {
      const at = this.#ref(found[1] ?? "");
      return at === undefined
        ? [404, { message: "Not Found" }]
        : [200, { ref: `refs/heads/${found[1]}`, object: { sha: at, type: "commit" } }];
    }
    if (match(/^POST \/git\/refs$/)) {
      const name = string("ref").replace("refs/heads/", "");
      if (this.#ref(name) !== undefined) return [422, { message: "Reference already exists" }];
      git(this.folder, ["update-ref", string("ref"), string("sha")]);
      return [201, { ref: string("ref"), object: { sha: string("sha") } }];
    }
    if ((found = match(/^PATCH \/git\/refs\/heads\/(.+)$/))) {
      const at = this.#ref(found[1] ?? "") ?? "";
      if (body["force"] === true) throw new Error("a branch was forced");
      try {
        git(this.folder, ["merge-base", "--is-ancestor", at, string("sha")]);
      } catch {
        return [422, { message: "Update is not a fast forward" }];
      }
      git(this.folder, ["update-ref", `refs/heads/${found[1]}`, string("sha")]);
      return [200, { ref: `refs/heads/${found[1]}`, object: { sha: string("sha") } }];
    }
    if ((found = match(/^DELETE \/git\/refs\/heads\/(.+)$/))) {
      if (this.#ref(found[1] ?? "") === undefined) return [422, { message: "Reference does not exist" }];
      git(this.folder, ["update-ref", "-d", `refs/heads/${found[1]}`]);
      return [204, undefined];
    }
    if (match(/^GET \/pulls$/)) {
      const head = query.get("head")?.split(":")[1];
      const state = query.get("state") ?? "open";
      const pulls = this.pulls.filter(
        (pull) => (head === undefined || pull.head === head) && (state === "all" || pull.state === state),
      );
      return [200, pulls.toReversed().map((pull) => this.#pull(pull))];
    }
    if (match(/^POST \/pulls$/)) {
      if (this.pulls.some((pull) => pull.head === string("head") && pull.state === "open")) {
        return [
          422,
          {
            message: "Validation Failed",
            errors: [{ message: `A pull request already exists for octo:${string("head")}.` }],
          },
        ];
      }
      const pull = {
        number: 13 + this.pulls.length,
        title: string("title"),
        body: string("body"),
        head: string("head"),
        base: string("base"),
        draft: body["draft"] === true,
        by: 1,
        state: "open",
        reviewers: [],
      };
      this.pulls.push(pull);
      return [201, this.#pull(pull)];
    }
    if ((found = match(/^GET \/pulls\/(\d+)\/requested_reviewers$/))) {
      const pull = this.pulls.find(({ number }) => number === Number(found?.[1]));
      const users = Object.values(accounts).filter(({ login }) => pull?.reviewers.includes(login));
      return [200, { users, teams: [] }];
    }
    if ((found = match(/^(GET|PATCH|POST) \/pulls\/(\d+)(\/requested_reviewers)?$/))) {
      const pull = this.pulls.find(({ number }) => number === Number(found?.[2]));
      if (!pull) return [404, { message: "Not Found" }];
      if (found[1] === "GET") return [200, this.#pull(pull)];
      if (found[3] !== undefined)
        for (const login of Array.isArray(body["reviewers"]) ? body["reviewers"].map(String) : [])
          if (!pull.reviewers.includes(login)) pull.reviewers.push(login);
      if (found[3] === undefined) [pull.title, pull.body] = [string("title"), string("body")];
      return [found[3] === undefined ? 200 : 201, this.#pull(pull)];
    }
    const reviewed = this.review.act(route, body, query, accounts[1]);
    if (reviewed) return reviewed;
    throw new Error(`nobody taught this GitHub ${route}`);
  }

  #id(): number {
    this.#ids += 1;
    return this.#ids;
  }

  #comment({ id, body, by }: Comment): unknown {
    return {
      id,
      body,
      user: accounts[by],
      html_url: `${this.url}/octo/tab/issues/12#issuecomment-${id}`,
      created_at: "2026-11-20T12:00:00Z",
      updated_at: "2026-11-20T12:00:00Z",
    };
  }

  #reaction({ id, content }: { id: number; content: string }): unknown {
    return { id, content, user: accounts[1] };
  }

  #pull({ head, base, by, ...pull }: Pull): unknown {
    return {
      ...pull,
      user: accounts[by],
      html_url: `${this.url}/octo/tab/pull/${pull.number}`,
      head: { ref: head },
      base: { ref: base },
    };
  }

  #ref(name: string): string | undefined {
    const found = git(this.folder, ["for-each-ref", "--format=%(objectname)", `refs/heads/${name}`]);
    return found === "" ? undefined : found;
  }

  #tree(base: string, entries: unknown): string {
    const index = join(this.folder, `index-${Math.random()}`);
    const env = { GIT_INDEX_FILE: index };
    git(this.folder, ["read-tree", base], undefined, env);
    for (const entry of Array.isArray(entries) ? entries : []) {
      const { path, mode, sha: object, content } = entry;
      const blob =
        object ?? (content === undefined ? undefined : git(this.folder, ["hash-object", "-w", "--stdin"], content));
      const line = blob === undefined ? `0 ${"0".repeat(40)}\t${path}` : `${mode} ${blob}\t${path}`;
      git(this.folder, ["update-index", "--index-info"], `${line}\n`, env);
    }
    return git(this.folder, ["write-tree"], undefined, env);
  }

  #commit(at: string): unknown {
    const [tree, parents] = git(this.folder, ["show", "-s", "--format=%T%n%P", at]).split("\n");
    return {
      sha: at,
      commit: { tree: { sha: tree }, verification: { verified: false } },
      author: null,
      parents: (parents ?? "")
        .split(" ")
        .filter(Boolean)
        .map((parent) => ({ sha: parent })),
    };
  }
}
