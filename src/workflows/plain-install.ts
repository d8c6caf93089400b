// Install commands that may be tried with a way to the registries although a model wrote them: the repository's own lists, by the
// usual programs, and nothing else. An install runs with the network open, and what goes through the proxy is encrypted. A command
// that named a package, or read a file, could send the code away; one of these does what the people of the repository wrote down.

const folder = String.raw`(?:\./)?[\w-][\w.-]*(?:/[\w-][\w.-]*)*/?`;
const word = String.raw`[\w-]+`;

const known: readonly (readonly [start: string, options: readonly string[]])[] = [
  ["true", []],
  [
    "npm (?:ci|install)",
    [
      "--no-audit",
      "--no-fund",
      "--ignore-scripts",
      "--legacy-peer-deps",
      "--no-package-lock",
      "--workspaces",
      `--prefix ${folder}`,
    ],
  ],
  ["pnpm (?:install|i)", ["--frozen-lockfile", "--ignore-scripts", "--recursive", "-r"]],
  ["yarn(?: install)?", ["--frozen-lockfile", "--immutable", "--ignore-scripts"]],
  ["bun install", ["--frozen-lockfile"]],
  ["uv sync", ["--frozen", "--locked", "--all-extras", "--all-groups", `--extra ${word}`, `--group ${word}`]],
  ["poetry install", ["--no-interaction", "-n", "--no-root", "--all-extras", `--with ${word}(?:,${word})*`]],
  [
    "(?:python3? -m )?pip3? install",
    ["-q", "--quiet", `-r ${folder}`, String.raw`(?:-e )?\.(?:\[[\w,-]+\])?`, "--no-build-isolation"],
  ],
  ["go mod download", []],
  ["cargo fetch", ["--locked"]],
  ["bundle install", []],
  [String.raw`(?:mvn|\./mvnw)`, ["-B", "-q", "dependency:go-offline"]],
  [String.raw`(?:gradle|\./gradlew)`, ["--console=plain", "testClasses"]],
];
const simple = known.map(([start, options]) => new RegExp(`^${start}(?: (?:${["(?!)", ...options].join("|")}))*$`));
const change = new RegExp(`^cd ${folder}$`);

/** True when it installs what the repository's own files list, and nothing that stands in the command. */
export function isPlainInstall(command: string): boolean {
  const parts = command.split("&&").map((part) => part.trim());
  return parts.every((part) => change.test(part) || simple.some((pattern) => pattern.test(part)));
}
