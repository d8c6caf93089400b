// The playground over HTTP, for tests whose programs run in other processes: plans of faults, limits, acts of people, and
// everything that was counted, as JSON under an address that GitHub does not have.
//
//   GET    /_playground/state             { repositories, deliveries, requests }
//   PUT    /_playground/faults            a fault plan: { seed, rules: [{ kinds: ["502-after"], methods: ["POST"], probability: 0.2 }] }
//   GET    /_playground/faults            for each rule: { matched, faults }
//   DELETE /_playground/faults
//   PUT    /_playground/limits            { requests?, windowMs?, contentPerMinute?, contentPerHour?, secondaryMs?, retryAfter?, status? }
//   GET    /_playground/windows?grace=250 { inside, windows }
//   GET    /_playground/ledger            sums over the journal
//   GET    /_playground/journal?after=0&limit=1000   entries, oldest first; `bodies=1` with bodies and answers
//   GET    /_playground/duplicates?repo=o/r
//   GET    /_playground/deliveries?failed=1
//   PUT    /_playground/lost-news         { events: ["issues", "issues.closed"] }, or [] for none
//   PUT    /_playground/tokens            { lifetimeMs?, expire? }
//   GET    /_playground/repositories/OWNER/NAME   issues with comments, labels and pull requests; refs
//   POST   /_playground/acts/ACT          one act of acts.ts with its argument: acts/closeIssue { repo, number, as, quiet? }
//   POST   /_playground/settled           answers when no webhook is on its way
import { z } from "zod";
import { messageOf } from "../core/errors.ts";
import type { IssueAddress } from "./acts.ts";
import { faultPlanSchema, type PlannedFaults } from "./fault-plan.ts";
import { limitsSchema } from "./limits.ts";
import type { Playground } from "./playground.ts";
import { roles } from "./state.ts";

/** Where the control lives. */
export const CONTROL = "/_playground/";

const act = { as: z.string().min(1), quiet: z.boolean().optional() };
const repo = z.string().regex(/^[\w.-]+\/[\w.-]+$/);
const onRepository = z.strictObject({ ...act, repo });
const onIssue = z.strictObject({ ...act, repo, number: z.int() });
const onInstallation = z.strictObject({ ...act, slug: z.string().optional() });
const names = z.array(z.string()).optional();

type Run = (playground: Playground, given: unknown) => unknown;
/** One act: its argument is read, then it is done. */
const doing =
  <T>(schema: z.ZodType<T>, run: (playground: Playground, given: T) => unknown): Run =>
  (playground, given) =>
    run(playground, schema.parse(given));

const address = ({ number }: { readonly number: number }, { repo: name }: { readonly repo: string }): IssueAddress => ({
  repo: name,
  number,
});

const acts: Readonly<Record<string, Run>> = {
  addRepository: doing(
    z.strictObject({
      owner: z.string(),
      name: z.string(),
      from: z.union([z.string(), z.record(z.string(), z.string())]),
      private: z.boolean().default(false),
      labels: z.array(z.string()).default(["bug"]),
      collaborators: z.record(z.string(), z.enum(roles)).default({}),
    }),
    async (playground, given) => ({ id: (await playground.addRepository(given)).id }),
  ),
  setRole: doing(z.strictObject({ repo, login: z.string(), role: z.enum(roles) }), (playground, given) =>
    playground.setRole(given.repo, given.login, given.role),
  ),
  deliverTo: doing(
    z.strictObject({ url: z.url(), secret: z.string(), slug: z.string().optional() }),
    (playground, { url, secret, slug }) => playground.deliverTo(url, secret, slug),
  ),
  openIssue: doing(
    onRepository.extend({ title: z.string(), body: z.string(), labels: names }),
    async (playground, given) => address(await playground.openIssue(given), given),
  ),
  comment: doing(onIssue.extend({ body: z.string() }), (playground, given) => ({ id: playground.comment(given).id })),
  editComment: doing(z.strictObject({ repo, id: z.int(), body: z.string(), as: z.string() }), (playground, given) =>
    playground.editComment(given),
  ),
  label: doing(onIssue.extend({ add: names, remove: names }), (playground, given) => playground.label(given)),
  editIssue: doing(onIssue.extend({ title: z.string().optional(), body: z.string().optional() }), (playground, given) =>
    playground.editIssue(given),
  ),
  closeIssue: doing(onIssue, (playground, given) => playground.closeIssue(given)),
  reopenIssue: doing(onIssue, (playground, given) => playground.reopenIssue(given)),
  press: doing(onRepository.extend({ check: z.string(), button: z.string() }), (playground, given) =>
    playground.press(given),
  ),
  rerun: doing(onRepository.extend({ check: z.string() }), (playground, given) => playground.rerun(given)),
  lockIssue: doing(onIssue, (playground, given) => playground.lockIssue(given)),
  unlockIssue: doing(onIssue, (playground, given) => playground.unlockIssue(given)),
  deleteIssue: doing(onIssue, (playground, given) => playground.deleteIssue(given)),
  transferIssue: doing(onIssue.extend({ to: repo }), (playground, given) => playground.transferIssue(given)),
  renameRepository: doing(onRepository.extend({ name: z.string() }), (playground, given) =>
    playground.renameRepository(given),
  ),
  archiveRepository: doing(onRepository, (playground, given) => playground.archiveRepository(given)),
  unarchiveRepository: doing(onRepository, (playground, given) => playground.unarchiveRepository(given)),
  deleteRepository: doing(onRepository, (playground, given) => playground.deleteRepository(given)),
  removeFromInstallation: doing(onRepository.extend({ slug: z.string().optional() }), (playground, given) =>
    playground.removeFromInstallation(given),
  ),
  suspendInstallation: doing(onInstallation, (playground, given) => playground.suspendInstallation(given)),
  unsuspendInstallation: doing(onInstallation, (playground, given) => playground.unsuspendInstallation(given)),
  deleteInstallation: doing(onInstallation, (playground, given) => playground.deleteInstallation(given)),
  push: doing(
    onRepository.extend({
      branch: z.string(),
      files: z.record(z.string(), z.string().nullable()),
      message: z.string().default("Work by hand"),
    }),
    async (playground, given) => ({ sha: await playground.push(given) }),
  ),
  forcePush: doing(onRepository.extend({ branch: z.string(), to: z.string() }), (playground, given) =>
    playground.forcePush(given),
  ),
  deleteBranch: doing(onRepository.extend({ branch: z.string() }), (playground, given) =>
    playground.deleteBranch(given),
  ),
  redeliver: doing(z.strictObject({ which: z.union([z.string(), z.int()]) }), (playground, { which }) =>
    playground.redeliver(which),
  ),
};

const lostNews = z.strictObject({ events: z.array(z.string()) });
const tokens = z.strictObject({ lifetimeMs: z.int().positive().optional(), expire: z.boolean().default(false) });

/** Answers the control's requests; `path` is what comes behind `CONTROL`. Only for programs: a browser's page is refused. */
export function createControl(playground: Playground): (request: Request, path: string) => Promise<Response> {
  let counts: PlannedFaults["counts"] = () => [];

  const answer = async (request: Request, path: string): Promise<unknown> => {
    const { searchParams: query } = new URL(request.url);
    const given = async (): Promise<unknown> => JSON.parse((await request.text()) || "{}");
    const [, name] = /^acts\/(\w+)$/.exec(path) ?? [];
    const run = name === undefined ? undefined : acts[name];
    if (request.method === "POST" && run) return (await run(playground, await given())) ?? {};
    const [, owner, repoName] = /^repositories\/([^/]+)\/([^/]+)$/.exec(path) ?? [];
    if (request.method === "GET" && owner !== undefined && repoName !== undefined)
      return await pictureOf(playground, `${owner}/${repoName}`);
    switch (`${request.method} ${path}`) {
      case "GET state":
        return {
          repositories: playground.repositories().map(({ fullName }) => fullName),
          deliveries: playground.deliveries.length,
          requests: playground.journal.length,
        };
      case "PUT faults":
        counts = playground.plan(faultPlanSchema.parse(await given()));
        return {};
      case "GET faults":
        return counts();
      case "DELETE faults":
        counts = playground.plan(undefined);
        return {};
      case "PUT limits":
        playground.setLimits(limitsSchema.parse(await given()));
        return {};
      case "GET windows":
        return { inside: playground.insideWindows(Number(query.get("grace") ?? 0)), windows: playground.windows() };
      case "GET ledger":
        return playground.ledger();
      case "GET journal": {
        const from = Number(query.get("after") ?? 0);
        const entries = playground.journal.slice(from, from + Number(query.get("limit") ?? 1000));
        return query.get("bodies") === "1"
          ? entries
          : entries.map((entry) => ({ ...entry, body: undefined, answer: undefined }));
      }
      case "GET duplicates":
        return await playground.duplicates(query.get("repo") ?? undefined);
      case "GET deliveries": {
        const failed = ({ status, error }: { status?: number | undefined; error?: string | undefined }) =>
          error !== undefined || (status !== undefined && status >= 400);
        return playground.deliveries
          .filter((delivery) => query.get("failed") !== "1" || failed(delivery))
          .map((delivery) => ({ ...delivery, payload: undefined }));
      }
      case "PUT lost-news": {
        const { events } = lostNews.parse(await given());
        const lost = new Set(events);
        playground.loseNews(({ event, action }) => lost.has(event) || lost.has(`${event}.${action ?? ""}`));
        return {};
      }
      case "PUT tokens": {
        const { lifetimeMs, expire } = tokens.parse(await given());
        if (lifetimeMs !== undefined) playground.setTokenLifetime(lifetimeMs);
        if (expire) playground.expireTokens();
        return {};
      }
      case "POST settled":
        await playground.settled();
        return {};
      default:
        return undefined;
    }
  };

  return async (request, path) => {
    if (request.headers.has("origin") || request.headers.has("sec-fetch-site"))
      return json({ error: "The control is for programs, not for pages." }, 403);
    try {
      const found = await answer(request, path);
      return found === undefined
        ? json({ error: `No ${request.method} ${CONTROL}${path} here` }, 404)
        : json(found, 200);
    } catch (error) {
      return json({ error: error instanceof z.ZodError ? z.prettifyError(error) : messageOf(error) }, 400);
    }
  };
}

function json(value: unknown, status: number): Response {
  return new Response(JSON.stringify(value), { status, headers: { "content-type": "application/json" } });
}

/** What somebody sees who looks at a repository. */
async function pictureOf(playground: Playground, fullName: string) {
  const found = playground.repository(fullName);
  return {
    id: found.id,
    archived: found.archived,
    issues: [...found.issues.values()].map((issue) => ({
      number: issue.number,
      title: issue.title,
      body: issue.body,
      state: issue.state,
      locked: issue.locked,
      labels: issue.labels.map(({ name }) => name),
      by: issue.by.account.login,
      comments: issue.comments.map(({ id, by, body, edits }) => ({
        id,
        by: by.account.login,
        body,
        edits: edits.length,
      })),
      pull: issue.pull && { head: issue.pull.headRef, headSha: issue.pull.headSha, draft: issue.pull.draft },
    })),
    refs: await playground.refs(fullName),
  };
}
