// `extends` in a repository's config: the config of the owner's repository `.github` holds where the repository's own says nothing. What
// protects is only ever tightened: of two bounds the smaller holds, and protected paths add up.
import { CONFIG_FILE } from "./load.ts";
import { parseRepoConfig, type Known, type ParsedRepoConfig, type Said } from "./parse-repo-config.ts";
import { RepoConfig } from "./repo-config.ts";
import { durationMs } from "./schema.ts";
import type { RepoName } from "./servers.ts";
import { placeOf } from "./source-file.ts";

/** The file that is extended: its text, that there is none, or that nobody here may read the repository. */
export type Base =
  | { readonly type: "found"; readonly text: string }
  | { readonly type: "none" }
  | { readonly type: "closed" };

/** The repository of an owner whose config others may extend. */
export const BASE_REPOSITORY = ".github";

/** Keys that belong to one repository, and are not taken over. */
const ownOnly = new Set(["extends", "packages", "schedules"]);
/** Keys of which each bound is the smaller one of both. */
const bounds = new Set(["budget", "limits"]);

/**
 * Parses the config of `repo` with what it extends; `read` is asked only where it extends something. The result is what holds. Throws what
 * `read` throws.
 */
export async function parseExtended(
  text: string,
  file: string,
  repo: RepoName,
  read: () => Promise<Base>,
  known: Known = {},
): Promise<ParsedRepoConfig> {
  const own = parseRepoConfig(text, file, known);
  if (own.type === "invalid" || own.config.extends === undefined) return own;
  const named = own.config.extends;
  const full = `${repo.owner}/${BASE_REPOSITORY}`;
  const wrong = (message: string): ParsedRepoConfig => ({
    type: "invalid",
    problems: own.report("extends", `extends is "${named}" — ${message}`),
  });
  if (repo.name.toLowerCase() === BASE_REPOSITORY) return wrong(ONE_LEVEL);
  if (named !== "org" && named.toLowerCase() !== full.toLowerCase())
    return wrong(`write org, or ${full}: no other owner`);
  const found = await read();
  if (found.type === "closed")
    return wrong(`the App may not read ${full}, or there is none: install it there too, or take the line out`);
  if (found.type === "none")
    return wrong(`${full} has no ${CONFIG_FILE} on its default branch: write one there, or take the line out`);
  const base = parseRepoConfig(found.text, `${full}:${CONFIG_FILE}`);
  if (base.type === "invalid") return { type: "invalid", problems: base.problems.map(withoutWords) };
  if (base.config.extends !== undefined)
    return { type: "invalid", problems: base.report("extends", `extends stands here — ${ONE_LEVEL}`) };
  const said = merged(base.said, own.said);
  const checked = RepoConfig.safeParse(said);
  if (checked.success) return { ...own, said, config: checked.data };
  const [issue] = checked.error.issues;
  return wrong(`together with it ${issue?.path.join(".") ?? "the file"} is not valid: ${issue?.message ?? ""}`);
}

const ONE_LEVEL = "a config that others extend extends none: take the line out";

/** A problem of the owner's file by its place and its key: more people may read the repository that extends it than that file. */
function withoutWords(problem: string): string {
  const at = placeOf(problem);
  if (!at) return "and more problems in it";
  const [key = ""] = /^\w+/.exec(at.message) ?? [];
  const what = Object.hasOwn(RepoConfig.shape, key) ? `${key} is not as it must be` : "this line is not as it must be";
  return `${at.repo === undefined ? "" : `${at.repo}:`}${at.file}:${at.line}:${at.column}: ${what} — whoever may read that file mends it; \`baton validate\` says there what is wrong`;
}

function merged(base: Said, own: Said): Said {
  const inherited = Object.entries(base).filter(([key]) => !ownOnly.has(key));
  const result: Record<string, unknown> = { ...Object.fromEntries(inherited), ...own };
  for (const [key, value] of inherited) {
    const mine = own[key];
    if (mine === undefined) continue;
    if (key === "protect" && Array.isArray(value) && Array.isArray(mine))
      result[key] = [...new Set<unknown>([...value, ...mine])];
    else result[key] = together(value, mine, bounds.has(key));
  }
  return result;
}

/** Mappings key by key; of anything else the repository's own, or the smaller one of two bounds. */
function together(base: unknown, own: unknown, isBound: boolean): unknown {
  if (isMapping(base) && isMapping(own)) {
    const both = Object.entries(base).filter(([key]) => own[key] !== undefined);
    const joined = both.map(([key, value]) => [key, together(value, own[key], isBound)] as const);
    return { ...base, ...own, ...Object.fromEntries(joined) };
  }
  return isBound && sizeOf(base) < sizeOf(own) ? base : own;
}

/** A bound as a number; a duration in milliseconds. */
function sizeOf(value: unknown): number {
  if (typeof value === "number") return value;
  return typeof value === "string" ? durationMs(value) : Number.NaN;
}

function isMapping(value: unknown): value is Said {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
