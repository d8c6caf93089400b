// What the breaking GitHub knows of a pull request's checks and threads.
type Answer = [number, unknown];

interface Check {
  readonly id: number;
  readonly name: string;
  readonly external_id: string;
  readonly head_sha: string;
  status: string;
  conclusion: string | null;
}

interface Remark {
  readonly id: number;
  readonly to: number | undefined;
  readonly body: string;
}

/** The remark of a person that begins the one thread there is. */
export const FIRST_REMARK = 501;
const NODE = "PRRT_1";

export class BreakingReview {
  readonly checks: Check[] = [];
  readonly remarks: Remark[] = [{ id: FIRST_REMARK, to: undefined, body: "Name it." }];
  resolved = false;
  /** Check runs that were asked for once more, and began. */
  readonly again: number[] = [];
  readonly #id: () => number;

  constructor(id: () => number) {
    this.#id = id;
  }

  /** The newest check run of each name on each commit, which is the one that GitHub shows. */
  shown(): Check[] {
    return [...new Map(this.checks.map((check) => [`${check.head_sha} ${check.name}`, check])).values()];
  }

  /** Answers what is asked of it; undefined for anything else. */
  act(
    route: string,
    body: Readonly<Record<string, unknown>>,
    query: URLSearchParams,
    account: unknown,
  ): Answer | undefined {
    const text = (name: string) => (typeof body[name] === "string" ? body[name] : "");
    const checked = (check: Check) => ({ ...check, app: { id: 1 } });
    if (route === "POST /check-runs") {
      const check = {
        id: this.#id(),
        name: text("name"),
        external_id: text("external_id"),
        head_sha: text("head_sha"),
        status: text("status"),
        conclusion: text("conclusion") || null,
      };
      this.checks.push(check);
      return [201, checked(check)];
    }
    const change = /^PATCH \/check-runs\/(\d+)$/.exec(route);
    if (change) {
      const check = this.checks.find(({ id }) => id === Number(change[1]));
      if (!check) return [404, { message: "Not Found" }];
      check.status = text("status");
      check.conclusion = text("conclusion") || null;
      return [200, checked(check)];
    }
    const rerun = /^POST \/check-runs\/(\d+)\/rerequest$/.exec(route);
    if (rerun) {
      this.again.push(Number(rerun[1]));
      return [201, {}];
    }
    const listed = /^GET \/commits\/([0-9a-f]{40})\/check-runs$/.exec(route);
    if (listed) {
      const name = query.get("check_name");
      const theirs = { id: 90, name: "theirs", external_id: "", head_sha: listed[1] ?? "", conclusion: null };
      const foreign = { ...theirs, status: this.again.length > 0 ? "queued" : "completed" };
      const all = [foreign, ...this.checks.filter(({ head_sha }) => head_sha === listed[1])];
      const found = all.filter((check) => name === null || check.name === name);
      return [200, { total_count: found.length, check_runs: found.map(checked) }];
    }
    if (/^GET \/pulls\/\d+\/comments$/.test(route))
      return [200, this.remarks.toReversed().map((remark) => ({ ...remark, user: account }))];
    const reply = /^POST \/pulls\/\d+\/comments\/(\d+)\/replies$/.exec(route);
    if (reply) {
      const remark = { id: this.#id(), to: Number(reply[1]), body: text("body") };
      this.remarks.push(remark);
      return [201, { ...remark, user: account }];
    }
    const gone = /^DELETE \/pulls\/comments\/(\d+)$/.exec(route);
    if (gone) {
      const index = this.remarks.findIndex(({ id }) => id === Number(gone[1]));
      if (index === -1) return [404, { message: "Not Found" }];
      this.remarks.splice(index, 1);
      return [204, undefined];
    }
    if (route !== "POST /graphql") return undefined;
    if (text("query").startsWith("mutation")) {
      this.resolved = true;
      return [200, { data: { resolveReviewThread: { thread: { id: NODE, isResolved: true } } } }];
    }
    const thread = {
      id: NODE,
      isResolved: this.resolved,
      isOutdated: false,
      comments: { nodes: [{ fullDatabaseId: String(FIRST_REMARK) }] },
    };
    const reviewThreads = { pageInfo: { hasNextPage: false, endCursor: null }, nodes: [thread] };
    return [200, { data: { repository: { pullRequest: { reviewThreads } } } }];
  }
}
