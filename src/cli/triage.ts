// `baton triage`: sorts issues without working them: one, by an ordinary request, or all open ones of a repository, in batches at half price.
import { existsSync } from "node:fs";
import { invalidUsage, readArguments } from "./arguments.ts";
import type { BatonError } from "../core/errors.ts";
import type { Source } from "../env.ts";
import { stopSignal } from "./serve.ts";
import { triageBacklog, type BacklogFlags } from "./triage-backlog.ts";
import type { TriageCall } from "./triage-call.ts";
import { triageFile, triageIssue } from "./triage-one.ts";

const USAGE = `Usage: baton triage <owner/repo> --all [options]    every open issue that Baton has not sorted yet, in batches at half price
       baton triage <owner/repo#12> [options]        one issue, by one ordinary request
       baton triage <issue.md> [--repo <folder>]     a text

With --all it shows what it would do and what that would cost. Nothing is sent until --yes says so.

  --yes               do it: submit, wait, collect; call it again whenever it was interrupted
  --label             set the labels found, and agent/triaged, on GitHub (with --all only together with --yes)
  --limit <number>    sort at most so many, the newest first
  --since <date>      only issues that were changed since: 2026-01-31, or with a time
  --untyped           only issues without a label that says a type (bug, enhancement …)
  --cancel            ask for no more work on what was submitted; what is done by then is kept
  --json              print one line of JSON at the end; what is told goes to stderr

GITHUB_TOKEN is needed to read issues, ANTHROPIC_API_KEY to sort them. What is known is kept in BATON_HOME/backlog.`;

/** The verb. Exit code 0 when everything it was to do is done, 1 when something is left, 130 when it was interrupted. */
export async function triage(argv: readonly string[], source?: Source): Promise<number> {
  const { values, positionals } = parse(argv);
  const [target, ...others] = positionals;
  if (values.help || target === undefined) {
    console.log(USAGE);
    return values.help ? 0 : 2;
  }
  if (others.length > 0) throw invalidUsage(`triage takes one target, not ${positionals.join(" ")}`, USAGE);
  const stop = new AbortController();
  void stopSignal().then(() => stop.abort());
  const call: TriageCall = {
    source,
    print: values.json ? (line) => console.error(line) : (line) => console.log(line),
    json: values.json,
    label: values.label,
    signal: stop.signal,
  };
  const [, owner, name, digits] = /^([A-Za-z0-9][\w-]*)\/([\w.-]+?)(?:#(\d+))?$/.exec(target) ?? [];
  const refuse = (why: string) => invalidUsage(why, USAGE);
  if (values.all) {
    if (owner === undefined || name === undefined || digits !== undefined)
      throw refuse(`--all takes a repository (owner/repo), not ${target}`);
    return await triageBacklog({ owner, name }, readFlags(values, refuse), call);
  }
  const [idle] = onlyForAll.filter((flag) => values[flag] !== undefined && values[flag] !== false);
  if (idle !== undefined) throw refuse(`--${idle} belongs to --all`);
  try {
    if (owner !== undefined && name !== undefined && digits !== undefined)
      return await triageIssue({ owner, name, number: Number(digits), target }, call);
    if (existsSync(target)) return await triageFile(target, values.repo, call);
  } catch (error) {
    if (!call.signal.aborted) throw error;
    call.print("Stopped.");
    return 130;
  }
  if (owner !== undefined && name !== undefined)
    throw refuse(`${target} is a repository: name an issue (${target}#12), or say --all`);
  throw refuse(`${target} is no issue on GitHub (owner/repo#12) and no file`);
}

const onlyForAll = ["yes", "cancel", "untyped", "limit", "since"] as const;
/** More than this is never listed. */
const MOST = 10_000;

function readFlags(values: ReturnType<typeof parse>["values"], refuse: (why: string) => BatonError): BacklogFlags {
  const { yes, cancel, untyped, limit, since } = values;
  const count = limit === undefined ? MOST : Number(limit);
  if (!Number.isInteger(count) || count < 1 || count > MOST)
    throw refuse(`--limit takes a number from 1 to ${MOST}, not "${limit ?? ""}"`);
  const at = since === undefined ? undefined : Date.parse(since);
  if (at !== undefined && (Number.isNaN(at) || !/^\d{4}-\d\d-\d\d/.test(since ?? "")))
    throw refuse(`--since takes a date like 2026-01-31, not "${since ?? ""}"`);
  if (cancel && (yes || values.label)) throw refuse("--cancel stands alone");
  return { yes, cancel, untyped, limit: count, since: at, most: MOST };
}

function parse(argv: readonly string[]) {
  return readArguments(argv, USAGE, {
    allowPositionals: true,
    options: {
      all: { type: "boolean", default: false },
      yes: { type: "boolean", default: false },
      label: { type: "boolean", default: false },
      limit: { type: "string" },
      since: { type: "string" },
      untyped: { type: "boolean", default: false },
      cancel: { type: "boolean", default: false },
      repo: { type: "string", default: "." },
      json: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
}
