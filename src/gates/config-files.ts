// Which files decide how tests, lint, type checks and CI run, and whether a change to one of them bends that.
// Some (package.json, pyproject.toml, …) hold other things too: of those only the parts that matter are compared.

/** A change to any of these is one to the configuration, whatever it is; added files count too. */
const whole: readonly RegExp[] = [
  // CI and what runs on the way into the repository
  /^\.github\//i,
  /^(?:\.circleci|\.buildkite|\.husky|\.githooks|\.gitlab)\//i,
  /^(?:\.gitlab-ci\.ya?ml|\.travis\.yml|\.drone\.yml|azure-pipelines\.ya?ml|appveyor\.yml|bitbucket-pipelines\.yml|jenkinsfile)$/i,
  /^\.?codecov\.ya?ml$|(?:^|\/)\.coveragerc$|^sonar-project\.properties$/i,
  // JavaScript and TypeScript
  /(?:^|\/)(?:vitest|vite|jest|ava|karma|playwright|cypress|wdio|nyc|c8|babel|metro|eslint|oxlint|biome|prettier|stylelint|xo|knip|commitlint|lint-staged|stryker)(?:[.-][\w.-]*)?\.(?:config|conf|workspace|setup|projects)\.(?:[cm]?[jt]s|jsonc?|ya?ml)$/i,
  /(?:^|\/)(?:vitest|vite|jest|ava|karma|playwright|cypress|wdio|nyc|c8|babel|eslint|oxlint|prettier|stylelint|stryker)[.-](?:config|conf|workspace|setup|projects)[\w.-]*\.(?:[cm]?[jt]s|jsonc?)$/i,
  /(?:^|\/)\.(?:mocharc|nycrc|c8rc|taprc|babelrc|swcrc|eslintrc|eslintignore|oxlintrc|oxfmtrc|prettierrc|prettierignore|stylelintrc|xo-config|jscsrc|jshintrc|lintstagedrc)(?:\.[\w.]+)?$/i,
  /(?:^|\/)(?:[tj]sconfig(?:[.-][\w.-]+)?|biome|deno|nx|turbo|lerna|project)\.jsonc?$/i,
  /(?:^|\/)(?:bunfig\.toml|mocha\.opts|tslint\.json)$/i,
  /(?:^|\/)(?:setup-?tests?|test-?setup|tests?-?bootstrap|global-?setup|global-?teardown|setup-?files?|setup-?env)[\w.-]*\.[cm]?[jt]sx?$/i,
  // Python
  /(?:^|\/)(?:conftest|noxfile|sitecustomize|usercustomize|tasks)\.py$/,
  /(?:^|\/)(?:pytest|tox|mypy|\.?flake8|\.?pylintrc|\.isort|\.pytest|pyrightconfig)(?:\.ini|\.toml|\.cfg|\.json)?$/i,
  /(?:^|\/)(?:\.flake8|\.pylintrc|pylintrc|\.?ruff\.toml|\.pre-commit-config\.yaml|[^/]+\.pth)$/i,
  // Go, Rust
  /(?:^|\/)\.golangci\.(?:ya?ml|toml|json)$/,
  /(?:^|\/)(?:\.cargo\/config(?:\.toml)?|\.?clippy\.toml|\.?rustfmt\.toml|rust-toolchain(?:\.toml)?|build\.rs)$/,
  /(?:^|\/)\.config\/nextest\.toml$/,
  // Java, Kotlin, C#
  /(?:^|\/)(?:junit-platform\.properties|testng[^/]*\.xml|gradle\.properties|settings\.gradle(?:\.kts)?|detekt\.ya?ml|checkstyle[^/]*\.xml|\.mvn\/.*)$/i,
  /(?:^|\/)(?:[^/]+\.runsettings|Directory\.Build\.(?:props|targets)|xunit\.runner\.json|\.editorconfig)$/i,
  // Ruby, PHP
  /(?:^|\/)(?:\.rspec|\.rubocop\.ya?ml|Rakefile|spec_helper\.rb|rails_helper\.rb|test_helper\.rb)$/,
  /(?:^|\/)(?:phpunit(?:\.\w+)*\.xml(?:\.dist)?|phpstan\.neon(?:\.dist)?|psalm\.xml)$/i,
  // Task runners
  /(?:^|\/)(?:GNUmakefile|makefile|[^/]+\.mk|\.?justfile|taskfile\.ya?ml|magefile\.go)$/i,
];

/** True for a file that does nothing but configure tests, lint, type checks or CI. */
export function isConfigFile(path: string): boolean {
  return whole.some((pattern) => pattern.test(path));
}

/** What a change to a file that also holds configuration bends; undefined when nothing. Absent text means the file is absent. */
export function bentConfig(path: string, before: string | undefined, after: string | undefined): string | undefined {
  const name = path.slice(path.lastIndexOf("/") + 1);
  // A new manifest is a new package, which configures nothing that was there.
  if (before === undefined) return undefined;
  const compare = partsOf(name);
  if (!compare) return undefined;
  if (after === undefined) return "was deleted";
  const old = compare(before);
  const now = compare(after);
  if (!old || !now) return "cannot be read, so that its test settings are unknown";
  const changed = [...new Set([...Object.keys(old), ...Object.keys(now)])].filter((key) => old[key] !== now[key]);
  return changed.length === 0 ? undefined : `changes ${changed.slice(0, 5).join(", ")}`;
}

type Parts = Readonly<Record<string, string | undefined>>;

function partsOf(name: string): ((text: string) => Parts | undefined) | undefined {
  switch (name) {
    case "package.json":
      return (text) => jsonParts(text, packageKey);
    case "composer.json":
      return (text) => jsonParts(text, (key) => key === "scripts" || key === "config");
    case "pyproject.toml":
      return (text) => sections(text, (title) => !plainPython.test(title));
    case "setup.cfg":
      return (text) =>
        sections(text, (title) => !/^(?:metadata|options(?:\..*)?|bdist_wheel|sdist|egg_info)$/.test(title));
    case "Cargo.toml":
      return (text) =>
        sections(text, (title) => !/(?:^|\.)(?:dev-|build-)?dependencies$|^features$/.test(title), /^\s*version\s*=/);
    case "pom.xml":
      return (text) => ({
        "the build of pom.xml": withoutBlocks(
          withoutBlocks(text, /<(?:dependencies|dependencyManagement)>/g, (open) => `</${open.slice(1)}`),
          /<version>[^<]*<\/version>|<!--|\s+/g,
          (open) => (open === "<!--" ? "-->" : ""),
        ),
      });
    case "build.gradle":
    case "build.gradle.kts":
      return (text) => ({
        "the build of Gradle": text
          .split("\n")
          .filter((line) => !/^\s*(?:\w*(?:[iI]mplementation|[cC]ompileOnly|[rR]untimeOnly)|api|version)\b/.test(line))
          .join("\n")
          .replace(/\s+/g, " "),
      });
    default:
      if (/\.(?:cs|fs|vb)proj$/.test(name))
        return (text) => ({ "the project file": text.replace(/<PackageReference[^<>]*\/>|\s+/g, "") });
      return undefined;
  }
}

/** Leaves out what goes from each `open` to its end; what is never ended stays, and is searched for once. */
function withoutBlocks(text: string, open: RegExp, endOf: (open: string) => string): string {
  const unended = new Set<string>();
  let rest = "";
  let from = 0;
  for (const { 0: found, index } of text.matchAll(open)) {
    if (index < from || unended.has(found)) continue;
    const end = endOf(found);
    const at = text.indexOf(end, index + found.length);
    if (at === -1) {
      unended.add(found);
    } else {
      rest += text.slice(from, index);
      from = at + end.length;
    }
  }
  return rest + text.slice(from);
}

/** Keys of package.json that steer tests, lint or type checks; and those that decide how files are loaded. */
function packageKey(key: string): boolean {
  return /^(?:scripts|type|imports|jest|vitest|mocha|ava|tap|c8|nyc|karma|babel|browserslist|eslintConfig|eslintIgnore|prettier|stylelint|xo|standard|lint-staged|husky|pre-commit|wireit|workspaces|config)$/.test(
    key,
  );
}

/** Sections of pyproject.toml that say what the project is and needs. */
const plainPython =
  /^(?:project(?:\..*)?|build-system|dependency-groups|tool\.poetry(?:\.(?:dependencies|group\..*|extras|urls|source))?|tool\.uv(?:\..*)?|tool\.setuptools(?:\..*)?|tool\.flit(?:\..*)?|tool\.hatch\.(?:build|version|metadata)(?:\..*)?)$/;

function jsonParts(text: string, matters: (key: string) => boolean): Parts | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => matters(key))
      .flatMap(([key, part]): [string, string][] =>
        key === "scripts" && typeof part === "object" && part !== null
          ? Object.entries(part).map(([script, body]) => [`the script "${script}"`, JSON.stringify(body)])
          : [[`"${key}"`, JSON.stringify(part)]],
      ),
  );
}

/** "name" of `[name]` and `[[name]] # why`; undefined for any other line. */
function titleOf(line: string): string | undefined {
  const start = line.search(/[^[]/);
  const end = line.indexOf("]");
  if (start < 1 || end < start || !/^\]+\s*(?:#|$)/.test(line.slice(end))) return undefined;
  return line.slice(start, end).trim();
}

/** The sections of an INI or TOML text that matter. A line in a multi-line string that looks like a title only makes this stricter. */
function sections(text: string, matters: (title: string) => boolean, except?: RegExp): Parts {
  const parts: Record<string, string> = {};
  let title = "";
  for (const line of text.split("\n")) {
    const found = titleOf(line.trim());
    if (found !== undefined) title = found;
    else if (line.trim() === "" || /^\s*[#;]/.test(line) || except?.test(line)) continue;
    if (matters(title)) parts[`[${title}]`] = `${parts[`[${title}]`] ?? ""}${line.trim()}\n`;
  }
  return parts;
}
