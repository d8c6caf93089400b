// The one way to use nock: a strict GitHub. A request nobody expected fails the test, an expected one that never came fails it too,
// and every request and every canned answer must agree with GitHub's own description of its API. Loopback is left alone.
import nock from "nock";
import { afterEach, beforeEach, expect } from "vitest";
import { checkAnswer, checkRequest } from "#test/support/openapi.ts";

export interface Expected {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Below the API's address: "/app". */
  readonly path: string;
  readonly status: number;
  readonly answer?: unknown;
}

export interface SeenByGitHub {
  readonly method: string;
  readonly path: string;
  /** Parsed JSON; undefined when there was none. */
  readonly body: unknown;
  readonly authorization: string | undefined;
}

const loopback = /^(?:127\.0\.0\.1|localhost|\[::1\])(?::\d+)?$/;

export class StrictGitHub {
  /** What came since `start`, oldest first. */
  readonly seen: SeenByGitHub[] = [];
  readonly #origin: string;
  readonly #prefix: string;
  readonly #wrong: string[] = [];

  constructor(apiUrl: string) {
    const { origin, pathname } = new URL(apiUrl);
    this.#origin = origin;
    this.#prefix = pathname.replace(/\/$/, "");
  }

  /** One request that will come, once. */
  expect({ method, path, status, answer }: Expected): void {
    // GitHub does not describe what it says when it is broken.
    if (status < 500) this.#wrong.push(...checkAnswer({ method, path, status, body: answer }));
    const { seen } = this;
    const wrong = this.#wrong;
    const { pathname } = new URL(path, this.#origin);
    nock(this.#origin)
      .intercept(`${this.#prefix}${pathname}`, method)
      .query(true)
      .reply(
        status,
        async (request: Request) => {
          const url = new URL(request.url);
          const text = await request.text();
          const body: unknown = text === "" ? undefined : JSON.parse(text);
          seen.push({
            method,
            path: `${pathname}${url.search}`,
            body,
            authorization: request.headers.get("authorization") ?? undefined,
          });
          const query = Object.fromEntries(url.searchParams);
          wrong.push(...checkRequest({ method, path: pathname, query, ...(body === undefined ? {} : { body }) }));
          return JSON.stringify(answer ?? {});
        },
        { "content-type": "application/json" },
      );
  }

  start(): void {
    this.seen.length = 0;
    this.#wrong.length = 0;
    if (!nock.isActive()) nock.activate();
    nock.disableNetConnect();
    nock.enableNetConnect(loopback);
    nock.emitter.on("no match", this.#unmatched);
  }

  /** Ends it and says what was not as it should be. */
  finish(): { readonly wrong: readonly string[]; readonly neverCame: readonly string[] } {
    const neverCame = nock.pendingMocks();
    nock.emitter.off("no match", this.#unmatched);
    nock.cleanAll();
    nock.enableNetConnect();
    nock.restore();
    return { wrong: [...this.#wrong], neverCame };
  }

  readonly #unmatched = (request: Request): void => {
    const { hostname, pathname } = new URL(request.url);
    if (!loopback.test(hostname)) this.#wrong.push(`nobody expected ${request.method} ${hostname}${pathname}`);
  };
}

/** A GitHub at `apiUrl` for every test of the block in which this is called. */
export function strictGitHub(apiUrl = "https://api.github.com"): StrictGitHub {
  const github = new StrictGitHub(apiUrl);
  beforeEach(() => github.start());
  afterEach(() => expect(github.finish()).toEqual({ wrong: [], neverCame: [] }));
  return github;
}
