// The commands of a repository: what its config says, and for the rest what its files give away.
// Only names of files and their text are read; nothing of the repository is executed.
import { z } from "zod";
import type { Sha } from "../core/ids.ts";
import { foldersOfPackages, installAll, type ConfiguredPackage, type Package } from "./packages.ts";
import { runnerOf, type RunnerUse, type Scripts } from "./runner.ts";
import { textAt } from "./text-at.ts";
import type { RepoSource, Workspaces } from "./workspaces.ts";

/** Shell commands, run in one folder: the repository's root, or a package's. */
export interface RepoCommands {
  readonly install?: string | undefined;
  readonly test?: string | undefined;
  readonly lint?: string | undefined;
  readonly typecheck?: string | undefined;
  readonly build?: string | undefined;
}

export interface FoundCommands {
  readonly commands: RepoCommands;
  /** What the files alone give away, whatever was configured. */
  readonly detected: RepoCommands;
  /** The runner behind the test command, if known. */
  readonly runner: RunnerUse | undefined;
  /** The scripts of package.json, for recognising the runner of other commands. */
  readonly scripts: Scripts;
  /** Why each command was chosen, for people: `test` → "scripts.test in package.json". */
  readonly source: Readonly<Partial<Record<keyof RepoCommands, string>>>;
}

export interface RepoFiles {
  readonly paths: readonly string[];
  readonly read: (path: string) => Promise<string | undefined>;
}

type Name = keyof RepoCommands;
type Found = Partial<Record<Name, { readonly command: string; readonly why: string }>>;
const names: readonly Name[] = ["install", "test", "lint", "typecheck", "build"];

/** What a repository's config says about its commands. */
export interface ConfiguredCommands {
  readonly commands: RepoCommands;
  readonly packages: readonly ConfiguredPackage[];
}

/** The commands of a repository and of its packages. */
export interface FoundPlaces extends FoundCommands {
  readonly root: Package;
  /** Those that the config names; where it names none and the root has no tests, those found by their files. */
  readonly packages: readonly Package[];
  /** Installs everything, the packages' dependencies too; undefined when there is nothing to install. */
  readonly installAll: string | undefined;
}

/** The commands of a repository at a commit. What is configured wins over what is detected. */
export async function findCommands(
  workspaces: Pick<Workspaces, "paths" | "file">,
  repo: RepoSource,
  commit: Sha,
  configured: ConfiguredCommands,
  signal: AbortSignal,
): Promise<FoundPlaces> {
  const paths = await workspaces.paths(repo, commit, signal);
  return await detectPlaces({ paths, read: textAt(workspaces, repo, commit, signal) }, configured);
}

/** Reads the commands of the root and of the packages off a repository's files. */
export async function detectPlaces(files: RepoFiles, configured: ConfiguredCommands): Promise<FoundPlaces> {
  const found = await detectCommands(files, configured.commands);
  const root: Package = { path: "", commands: found.commands, scripts: found.scripts, configured: true };
  const named = configured.packages.length > 0;
  const wanted: readonly ConfiguredPackage[] = named
    ? configured.packages
    : root.commands.test === undefined
      ? foldersOfPackages(files.paths).map((path) => ({ path, commands: {} }))
      : [];
  const all = await Promise.all(wanted.map((one) => detectPackage(files, one, named, root)));
  const packages = all.filter(({ commands }) => named || commands.test !== undefined);
  return { ...found, root, packages, installAll: installAll(root, packages) };
}

/** One package: what is configured for it, and for the rest what the files in its folder give away. */
async function detectPackage(
  { paths, read }: RepoFiles,
  { path, commands: said }: ConfiguredPackage,
  configured: boolean,
  root: Package,
): Promise<Package> {
  const inside = paths.flatMap((one) => (one.startsWith(`${path}/`) ? [one.slice(path.length + 1)] : []));
  const { commands, scripts, source } = await detectCommands(
    { paths: inside, read: (name) => read(`${path}/${name}`) },
    said,
  );
  // A workspace's members are installed by its root: they have no lock file of their own.
  const lockless = said.install === undefined && source.install?.endsWith(" in package.json") === true;
  const { install, ...rest } = commands;
  const own = lockless && root.commands.install !== undefined ? rest : { ...rest, install };
  return { path, commands: own, scripts, configured };
}

/** Reads the commands off a repository's files. Several ecosystems in one root: the first in the order below that knows a command gives it. */
export async function detectCommands(files: RepoFiles, configured: RepoCommands = {}): Promise<FoundCommands> {
  const root = new Set(files.paths.filter((path) => !path.includes("/")));
  const manifest = root.has("package.json") ? parseManifest(await files.read("package.json")) : undefined;
  const found: Found = {};
  for (const detect of [detectNode, detectPython, detectGo, detectCargo, detectMaven, detectGradle, detectMake])
    for (const [name, value] of entries(await detect({ ...files, root, manifest }))) found[name] ??= value;
  const detected = commandsOf(found);
  for (const name of names) {
    const command = configured[name];
    if (command !== undefined) found[name] = { command, why: "the repository's config" };
  }
  const scripts = manifest?.scripts ?? {};
  return {
    commands: commandsOf(found),
    detected,
    source: Object.fromEntries(entries(found).map(([name, { why }]) => [name, why])),
    runner: found.test && runnerOf(found.test.command, scripts),
    scripts,
  };
}

function commandsOf(found: Found): RepoCommands {
  return Object.fromEntries(entries(found).map(([name, { command }]) => [name, command]));
}

function entries(found: Found) {
  return names.flatMap((name) => {
    const value = found[name];
    return value ? [[name, value] as const] : [];
  });
}

interface Root extends RepoFiles {
  /** Names of the files in the repository's root. */
  readonly root: ReadonlySet<string>;
  readonly manifest: Manifest | undefined;
}

const dependencies = z.record(z.string(), z.unknown()).optional().catch(undefined);
const Manifest = z.object({
  scripts: z.record(z.string(), z.string()).catch({}),
  packageManager: z.string().optional().catch(undefined),
  workspaces: z.unknown().optional(),
  dependencies,
  devDependencies: dependencies,
  optionalDependencies: dependencies,
  peerDependencies: dependencies,
});
type Manifest = z.infer<typeof Manifest>;

function parseManifest(text: string | undefined): Manifest | undefined {
  try {
    return Manifest.safeParse({ scripts: {}, ...JSON.parse(text ?? "") }).data;
  } catch {
    return undefined;
  }
}

const from = (command: string, why: string) => ({ command, why });

function detectNode({ root, manifest }: Root): Found {
  if (!manifest) return {};
  const manager = managerOf(root, manifest);
  const run = (script: string) => `${manager.name} ${script === "test" ? "test" : `run ${script}`}`;
  const script = (...candidates: string[]) => {
    const name = candidates.find((candidate) => isRealScript(manifest.scripts[candidate]));
    return name === undefined
      ? undefined
      : from(manager.name === "bun" ? `bun run ${name}` : run(name), `scripts.${name} in package.json`);
  };
  const needsInstall =
    [manifest.dependencies, manifest.devDependencies, manifest.optionalDependencies, manifest.peerDependencies].some(
      (group) => Object.keys(group ?? {}).length > 0,
    ) || manifest.workspaces !== undefined;
  return defined({
    install: needsInstall ? from(manager.install, manager.why) : undefined,
    test: script("test", "test:unit", "tests"),
    lint: script("lint"),
    typecheck: script("typecheck", "type-check", "check-types", "tsc"),
    build: script("build"),
  });
}

/** npm's `npm init` writes a test script that only fails: it stands for having none. */
function isRealScript(body: string | undefined): boolean {
  return body !== undefined && body.trim() !== "" && !/no test specified/i.test(body);
}

function managerOf(root: ReadonlySet<string>, manifest: Manifest): { name: string; install: string; why: string } {
  const [wanted = "", version = ""] = manifest.packageManager?.split("@") ?? [];
  const has = (name: string) => root.has(name);
  if (has("pnpm-lock.yaml") || wanted === "pnpm")
    return has("pnpm-lock.yaml")
      ? { name: "pnpm", install: "pnpm install --frozen-lockfile", why: "pnpm-lock.yaml" }
      : { name: "pnpm", install: "pnpm install", why: "packageManager in package.json" };
  if (has("yarn.lock") || wanted === "yarn") {
    const berry = has(".yarnrc.yml") || /^[2-9]/.test(version);
    const why = has("yarn.lock") ? "yarn.lock" : "packageManager in package.json";
    if (!has("yarn.lock")) return { name: "yarn", install: "yarn install", why };
    return { name: "yarn", install: berry ? "yarn install --immutable" : "yarn install --frozen-lockfile", why };
  }
  if (has("bun.lock") || has("bun.lockb"))
    return { name: "bun", install: "bun install --frozen-lockfile", why: has("bun.lock") ? "bun.lock" : "bun.lockb" };
  if (has("package-lock.json") || has("npm-shrinkwrap.json"))
    return {
      name: "npm",
      install: "npm ci",
      why: has("package-lock.json") ? "package-lock.json" : "npm-shrinkwrap.json",
    };
  return { name: "npm", install: "npm install --no-package-lock", why: "dependencies in package.json" };
}

async function detectPython({ root, paths, read }: Root): Promise<Found> {
  const project = root.has("pyproject.toml") ? ((await read("pyproject.toml")) ?? "") : undefined;
  const has = (name: string) => root.has(name);
  const tests = paths.find((path) => /(?:^|\/)(?:test_[^/]*|[^/]*_test)\.py$/.test(path));
  const python =
    project !== undefined ||
    has("setup.py") ||
    has("requirements.txt") ||
    has("pytest.ini") ||
    has("tox.ini") ||
    (tests !== undefined && !has("package.json"));
  if (!python) return {};
  const uv = has("uv.lock");
  const poetry = has("poetry.lock") || /^\[tool\.poetry\]/m.test(project ?? "");
  const prefix = uv ? "uv run " : poetry ? "poetry run " : "";
  const wantsPytest =
    has("pytest.ini") || has("conftest.py") || /\bpytest\b/.test(project ?? "") || tests !== undefined;
  const why =
    tests === undefined ? "pytest is named in the repository's Python configuration" : `test files like ${tests}`;
  return defined({
    install: pythonInstall({ root, project, uv, poetry }),
    test: wantsPytest ? from(`${prefix === "" ? "python3" : `${prefix}python`} -m pytest`, why) : undefined,
    lint:
      has("ruff.toml") || /^\[tool\.ruff/m.test(project ?? "")
        ? from(`${prefix}ruff check .`, "ruff's configuration")
        : undefined,
    typecheck:
      has("mypy.ini") || /^\[tool\.mypy/m.test(project ?? "")
        ? from(`${prefix}mypy .`, "mypy's configuration")
        : undefined,
  });
}

function pythonInstall(python: {
  root: ReadonlySet<string>;
  project: string | undefined;
  uv: boolean;
  poetry: boolean;
}): Found["install"] {
  const { root, project, uv, poetry } = python;
  if (uv) return from("uv sync --frozen", "uv.lock");
  if (poetry) return from("poetry install --no-interaction", "poetry in pyproject.toml");
  const lists = ["requirements.txt", "requirements-dev.txt", "dev-requirements.txt", "requirements-test.txt"].filter(
    (name) => root.has(name),
  );
  const packaged = root.has("setup.py") || /^\[(?:project|build-system)\]/m.test(project ?? "");
  const parts = [...lists.map((list) => `-r ${list}`), ...(packaged ? ["-e ."] : [])];
  if (parts.length === 0) return undefined;
  const why = [...lists, ...(packaged ? [root.has("setup.py") ? "setup.py" : "pyproject.toml"] : [])].join(", ");
  return from(`python3 -m pip install ${parts.join(" ")}`, why);
}

async function detectGo({ root, read }: Root): Promise<Found> {
  if (!root.has("go.mod")) return {};
  const needs = /^\s*require\b/m.test((await read("go.mod")) ?? "");
  return defined({
    install: needs ? from("go mod download", "go.mod") : undefined,
    test: from("go test ./...", "go.mod"),
    lint: from("go vet ./...", "go.mod"),
    build: from("go build ./...", "go.mod"),
  });
}

async function detectCargo({ root, read }: Root): Promise<Found> {
  if (!root.has("Cargo.toml")) return {};
  const needs = /^\[(?:[\w.'"()= -]+\.)?(?:dev-|build-)?dependencies\b/m.test((await read("Cargo.toml")) ?? "");
  const locked = root.has("Cargo.lock") ? " --locked" : "";
  return defined({
    install: needs ? from(`cargo fetch${locked}`, "Cargo.toml") : undefined,
    test: from("cargo test", "Cargo.toml"),
    lint: from("cargo clippy", "Cargo.toml"),
    build: from("cargo build", "Cargo.toml"),
  });
}

function detectMaven({ root }: Root): Found {
  if (!root.has("pom.xml")) return {};
  const mvn = root.has("mvnw") ? "./mvnw" : "mvn";
  return {
    install: from(`${mvn} -B -q dependency:go-offline`, "pom.xml"),
    test: from(`${mvn} -B -o test`, "pom.xml"),
    build: from(`${mvn} -B -o package -DskipTests`, "pom.xml"),
  };
}

function detectGradle({ root }: Root): Found {
  const file = ["build.gradle", "build.gradle.kts", "settings.gradle", "settings.gradle.kts"].find((name) =>
    root.has(name),
  );
  if (file === undefined) return {};
  const gradle = root.has("gradlew") ? "./gradlew" : "gradle";
  return {
    install: from(`${gradle} --console=plain testClasses`, file),
    test: from(`${gradle} --console=plain --offline test`, file),
    build: from(`${gradle} --console=plain --offline assemble`, file),
  };
}

async function detectMake({ root, read }: Root): Promise<Found> {
  const file = ["GNUmakefile", "Makefile", "makefile"].find((name) => root.has(name));
  if (file === undefined) return {};
  const text = (await read(file)) ?? "";
  const target = (...candidates: string[]) => {
    const name = candidates.find((candidate) => new RegExp(`^${candidate}\\s*:(?!=)`, "m").test(text));
    return name === undefined ? undefined : from(`make ${name}`, `target ${name} in ${file}`);
  };
  return defined({ test: target("test", "tests", "check"), lint: target("lint"), typecheck: target("typecheck") });
}

function defined(found: { [N in Name]?: Found[N] | undefined }): Found {
  const known: Found = {};
  for (const name of names) {
    const value = found[name];
    if (value) known[name] = value;
  }
  return known;
}
