// integrity: no test was deleted, skipped, loosened or rewritten, and nothing that decides how tests, lint and CI run was bent.
// Compares blobs between commits and runs nothing. The same look is taken at tests that an agent added, before they run.
import type { Sha } from "../core/ids.ts";
import type { FileChange } from "../workspace/file-change.ts";
import { textAt } from "../workspace/text-at.ts";
import { bentConfig, isConfigFile } from "./config-files.ts";
import { ownFiles } from "./own-files.ts";
import { isSnapshot, isTestFile } from "./test-files.ts";
import { count, passed, refused, type GateContext, type Verdict } from "./verdict.ts";
import { isCode, weaknessOf, weaknessOfNew, type WeaknessCode } from "./weakening.ts";

export interface Finding {
  readonly code: WeaknessCode | "test-deleted" | "snapshot-changed" | "config-changed";
  readonly path: string;
  readonly what: string;
}

/** The gate. Codes: intact, test-deleted, test-skipped, assertion-removed, test-changed, snapshot-changed, config-changed. */
export async function integrity(context: GateContext): Promise<Verdict> {
  const { base, head, reproduction, characterization } = context.request;
  const own = await ownFiles(context);
  const findings = await findWeakened(context, base, head, (path) => !own.has(path));
  for (const tests of [reproduction, characterization]) {
    if (!tests || tests.commit === base) continue;
    const known = new Set(findings.map(({ path }) => path));
    const added = await pathsBetween(context, base, tests.commit);
    findings.push(...(await findWeakened(context, tests.commit, head, (path) => added.has(path) && !known.has(path))));
  }
  const [first] = findings;
  if (!first)
    return passed(
      "intact",
      // A setup decides how tests are run: that is no configuration "unchanged".
      [...own].some(isConfigFile)
        ? "No test was deleted, skipped or altered, and of configuration nothing was changed but Baton's own settings, which you see here."
        : "No test was deleted, skipped or altered, and no test, lint or CI configuration was changed.",
    );
  return refused(
    first.code,
    `${first.path}: ${first.what}${findings.length > 1 ? ` (and ${count(findings.length - 1, "more finding")})` : ""}`,
    findings.map(({ path, what, code }) => `${path}: ${what} (${code})`),
  );
}

async function pathsBetween({ request, workspaces, signal }: GateContext, from: Sha, to: Sha): Promise<Set<string>> {
  const changes = await workspaces.changes(request.repo, from, to, signal);
  return new Set(changes.map(({ path }) => path));
}

/** Everything between two commits that makes tests or checks weaker, in the order of paths. */
export async function findWeakened(
  { request, workspaces, signal }: GateContext,
  from: Sha,
  to: Sha,
  about: (path: string) => boolean = () => true,
): Promise<Finding[]> {
  const changes = (await workspaces.changes(request.repo, from, to, signal)).filter(({ path }) => about(path));
  const before = textAt(workspaces, request.repo, from, signal);
  const after = textAt(workspaces, request.repo, to, signal);
  const findings: Finding[] = [];
  for (const change of changes) {
    const found = await findingOf(change, { before: () => before(change.path), after: () => after(change.path) });
    if (found) findings.push({ ...found, path: change.path });
  }
  return findings;
}

interface Versions {
  readonly before: () => Promise<string | undefined>;
  readonly after: () => Promise<string | undefined>;
}

type Found = Omit<Finding, "path"> | undefined;

async function findingOf(change: FileChange, versions: Versions): Promise<Found> {
  const { path, kind } = change;
  if (isConfigFile(path))
    return { code: "config-changed", what: `${kind} — it decides how tests, lint, type checks or CI run` };
  const bent = bentConfig(path, await versions.before(), await versions.after());
  if (bent !== undefined) return { code: "config-changed", what: bent };
  const inTests = isTestFile(path);
  if (isSnapshot(path) && (inTests || /\.(?:snap|ambr|golden)$/.test(path))) return snapshotFinding(change);
  if (!inTests) return path.endsWith(".rs") ? await rustFinding(versions) : undefined;
  if (kind === "deleted") return { code: "test-deleted", what: "was deleted" };
  const after = await versions.after();
  if (after === undefined) return { code: "test-changed", what: "is no longer an ordinary file" };
  if (kind === "added") return change.binary ? undefined : weaknessOfNew(path, after);
  const before = await versions.before();
  if (before === undefined) return { code: "test-changed", what: "was not an ordinary file before" };
  if (change.binary || !isCode(path)) return { code: "test-changed", what: "is data that existing tests compare with" };
  return weaknessOf(path, before, after);
}

function snapshotFinding({ kind, removed, binary }: FileChange): Found {
  if (kind === "added" || (kind === "modified" && removed === 0 && !binary)) return undefined;
  return { code: "snapshot-changed", what: kind === "deleted" ? "was deleted" : "was rewritten" };
}

/** Rust keeps unit tests in the source file, from `#[cfg(test)]` on. */
async function rustFinding({ before, after }: Versions): Promise<Found> {
  const tests = (text: string | undefined) => /^[ \t]*#\[cfg\(test\)\][\s\S]*/m.exec(text ?? "")?.[0] ?? "";
  const old = tests(await before());
  const now = tests(await after());
  if (old === "" || old === now) return undefined;
  if (now === "") return { code: "test-deleted", what: "its #[cfg(test)] module was deleted" };
  return weaknessOf("tests.rs", old, now);
}
