// scope: the change does something, stays small, and keeps out of the paths that no run may touch.
import picomatch from "picomatch";
import { ownFiles } from "./own-files.ts";
import { isTestFile } from "./test-files.ts";
import { count, few, passed, refused, type GateContext, type Verdict } from "./verdict.ts";

/**
 * Paths no run may change, whatever a repository's config says. They run with more rights than a test (CI, hooks), decide who
 * reviews or where packages come from, hold secrets, or steer agents. Lock files are among them because an agent has no network:
 * one that differs was edited by hand, which is how a package is swapped.
 */
export const builtInProtected: readonly string[] = [
  "**/.github/**",
  "**/.{circleci,buildkite,gitlab,husky,githooks,devcontainer,vscode,idea,claude,cursor}/**",
  "**/{.gitlab-ci,azure-pipelines,bitbucket-pipelines}.{yml,yaml}",
  "**/{.travis,.drone,appveyor}.yml",
  "**/Jenkinsfile",
  "**/.git{modules,attributes}",
  "**/CODEOWNERS",
  "**/.{npmrc,yarnrc,yarnrc.yml,pypirc,netrc,pnpmfile.cjs,envrc}",
  "**/.yarn/**",
  "**/{pip.conf,.mcp.json,.cursorrules,AGENTS.md,CLAUDE.md}",
  "**/.env{,.*}",
  "**/{package-lock.json,npm-shrinkwrap.json,yarn.lock,pnpm-lock.yaml,bun.lock,bun.lockb,deno.lock}",
  "**/{poetry.lock,uv.lock,pdm.lock,Pipfile.lock,Cargo.lock,go.sum,Gemfile.lock,composer.lock,gradle.lockfile,packages.lock.json}",
];
const harmless = ["**/.env.{example,sample,template,dist}"];

const isBuiltIn = picomatch([...builtInProtected], { dot: true, nocase: true, ignore: harmless });

/** The gate. Of what Baton wrote itself no path is protected. Codes: in-scope, empty-diff, protected-path, binary-added, mode-changed, too-many-files, patch-too-large; touches-source where tests alone are wanted. */
export async function scope(context: GateContext): Promise<Verdict> {
  const { request, workspaces, signal } = context;
  const { repo, base, head, config } = request;
  const changes = await workspaces.changes(repo, base, head, signal);
  const paths = changes.map(({ path }) => path);
  const work = paths.filter((path) => !isTestFile(path));
  if (paths.length === 0) return refused("empty-diff", "Nothing was changed.");

  const isConfigured = config.protect.length === 0 ? () => false : picomatch([...config.protect], { dot: true });
  const own = await ownFiles(context);
  const touched = paths.filter((path) => (isBuiltIn(path) || isConfigured(path)) && !own.has(path));
  if (touched.length > 0)
    return refused(
      "protected-path",
      `No run may change ${few(touched)}.`,
      touched.map(
        (path) => `${path} is protected${isBuiltIn(path) ? " in every repository" : " by the repository's config"}`,
      ),
    );

  const binaries = changes.filter(({ binary, kind }) => binary && kind !== "deleted").map(({ path }) => path);
  if (binaries.length > 0)
    return refused("binary-added", `Binary content cannot be reviewed: ${few(binaries)}.`, binaries);

  if (changes.length > config.limits.files)
    return refused(
      "too-many-files",
      `${count(changes.length, "file")} changed, ${config.limits.files} are allowed (limits.files).`,
    );

  const limit = config.limits.patchKb * 1024;
  // The patch is cut at its bound with a mark; a bound well above the limit keeps one below it whole.
  const patch = await workspaces.patch(repo, base, head, signal, limit + 64 * 1024);
  const size = Buffer.byteLength(patch);
  if (size > limit)
    return refused(
      "patch-too-large",
      `The patch has more than ${config.limits.patchKb} KiB, which is what is allowed (limits.patchKb).`,
    );

  const modes = modeChanges(patch);
  if (modes.length > 0) return refused("mode-changed", `The kind of a file was changed: ${few(modes)}.`, modes);
  // Said last: of tests alone everything else is known by then to be in bounds.
  if (request.testsAlone && work.length > 0)
    return refused("touches-source", `Only tests were to be changed, and this changes ${few(work)}.`, work);
  if (work.length === 0 && !request.testsAlone) return refused("empty-diff", `Only tests were changed: ${few(paths)}.`);
  const kept = own.size > 0 ? "nothing but what Baton itself wrote" : "no protected path";
  return passed("in-scope", `${count(changes.length, "file")}, ${(size / 1024).toFixed(1)} KiB, ${kept}.`);
}

/** Files that became executable, a link or a submodule, by the extended headers of a git patch (git-diff, "Generating patch text with -p"). */
function modeChanges(patch: string): string[] {
  let path = "";
  return patch.split("\n").flatMap((line) => {
    const header = /^diff --git (?:"?a\/(.*?)"?) "?b\//.exec(line);
    if (header) path = header[1] ?? "";
    const mode = /^(?:new mode|new file mode) (100755|120000|160000)$/.exec(line)?.[1];
    if (mode === undefined) return [];
    const kind = { "100755": "executable", "120000": "a symbolic link", "160000": "a submodule" }[mode] ?? mode;
    return [`${path} is now ${kind}`];
  });
}
