// Which test runner a shell command ends up in. Read from the command's own words and, through `npm test` and its like,
// from the scripts of package.json. It decides how a gate asks for a per-test report, never whether a test passed.

export const runners = ["node", "vitest", "jest", "pytest", "go", "cargo", "maven", "gradle"] as const;
export type Runner = (typeof runners)[number];

export interface RunnerUse {
  readonly runner: Runner;
  /** What stands between the command and further arguments for the runner ("", "-- "); undefined when arguments put at the end would not reach it. */
  readonly append: string | undefined;
  /** The simple command that starts the runner, as it is written. */
  readonly words: readonly string[];
}

export type Scripts = Readonly<Record<string, string>>;

/** Scripts that call scripts are followed this far. */
const MAX_DEPTH = 4;

/** Finds the runner of a command; undefined when none is known. With several, the last one counts. */
export function runnerOf(command: string, scripts: Scripts = {}, depth = 0): RunnerUse | undefined {
  const parts = simpleCommands(command);
  for (const [index, part] of [...parts.entries()].reverse()) {
    const found = runnerOfWords(unwrapped(part.words), scripts, depth);
    if (!found) continue;
    const reaches = index === parts.length - 1 && !part.redirected;
    return { ...found, append: reaches ? found.append : undefined };
  }
  return undefined;
}

function runnerOfWords(words: readonly string[], scripts: Scripts, depth: number): RunnerUse | undefined {
  const [program = "", first = ""] = words;
  const name = program.slice(program.lastIndexOf("/") + 1).replace(/\.(?:cmd|exe|m?js)$/, "");
  const direct = (runner: Runner): RunnerUse => ({ runner, append: "", words });
  switch (name) {
    case "node":
      // Options stand before the first file; what follows it belongs to the program.
      return words.includes("--test") ? direct("node") : undefined;
    case "vitest":
      return direct("vitest");
    case "jest":
      return direct("jest");
    case "react-scripts":
      return first === "test" ? direct("jest") : undefined;
    case "pytest":
    case "py.test":
      return direct("pytest");
    case "go":
      return first === "test" ? direct("go") : undefined;
    case "cargo":
      return first === "test" || first === "t" ? direct("cargo") : undefined;
    case "mvn":
    case "mvnw":
      return direct("maven");
    case "gradle":
    case "gradlew":
      return direct("gradle");
    case "npm":
    case "pnpm":
    case "yarn":
    case "bun":
      return runnerOfScript(name, words, scripts, depth);
    default:
      return undefined;
  }
}

/** Options of package managers that take the next word as their value. */
const valued = new Set(["-w", "--workspace", "-C", "--dir", "--prefix", "--filter", "-F", "--cwd"]);

function runnerOfScript(
  manager: "npm" | "pnpm" | "yarn" | "bun",
  words: readonly string[],
  scripts: Scripts,
  depth: number,
): RunnerUse | undefined {
  const dashes = words.indexOf("--");
  const own = dashes === -1 ? words : words.slice(0, dashes);
  // A script of another folder's package.json is not known here.
  if (own.some((word) => valued.has(word) || /^--(?:workspace|prefix|dir|filter|cwd)=/.test(word))) return undefined;
  const [verb, ...others] = own.slice(1).filter((word) => !word.startsWith("-"));
  const named = verb === "run" || verb === "run-script";
  const script = named ? others[0] : verb === "t" || verb === "tst" ? "test" : verb;
  if (script === undefined || depth >= MAX_DEPTH || (manager === "bun" && !named)) return undefined;
  const body = Object.hasOwn(scripts, script) ? scripts[script] : undefined;
  if (body === undefined) return undefined;
  const found = runnerOf(body, scripts, depth + 1);
  // npm hands on only what stands after "--"; the others hand on everything.
  const separator = manager === "npm" && dashes === -1 ? "-- " : "";
  return found && { ...found, append: found.append === undefined ? undefined : `${separator}${found.append}` };
}

/** Programs that only start another one. */
const wrappers: readonly (readonly string[])[] = [
  ["npx", "--no-install"],
  ["npx", "--yes"],
  ["npx", "-y"],
  ["npx"],
  ["npm", "exec", "--"],
  ["pnpm", "exec"],
  ["yarn", "exec"],
  ["bunx"],
  ["uv", "run"],
  ["poetry", "run"],
  ["pipenv", "run"],
  ["hatch", "run"],
  ["pdm", "run"],
  ["python", "-m"],
  ["python3", "-m"],
  ["coverage", "run", "-m"],
  ["cross-env"],
  ["env"],
  ["time"],
  ["c8"],
  ["nyc"],
];

function unwrapped(words: readonly string[]): readonly string[] {
  let rest = words;
  for (;;) {
    const [first = ""] = rest;
    if (/^[A-Za-z_]\w*=/.test(first)) {
      rest = rest.slice(1);
      continue;
    }
    const wrapper = wrappers.find((prefix) => prefix.every((word, index) => rest[index] === word));
    if (!wrapper || rest.length <= wrapper.length) {
      // `yarn jest` and `pnpm vitest` start a dependency's program.
      const runs = (first === "yarn" || first === "pnpm") && ["jest", "vitest"].includes(rest[1] ?? "");
      return runs ? rest.slice(1) : rest;
    }
    rest = rest.slice(wrapper.length);
  }
}

interface SimpleCommand {
  readonly words: string[];
  /** Ends in a redirection, or holds an expansion that is not understood here. */
  redirected: boolean;
}

/** Splits a shell command at `&& || ; | &` and newlines, and into words; quotes are honoured, expansions are not. */
function simpleCommands(command: string): SimpleCommand[] {
  const parts: SimpleCommand[] = [{ words: [], redirected: false }];
  const tokens = command.matchAll(
    /(?<op>&&|\|\||[;|&\n])|(?<redirect>\d*[<>]+&?\d*)|(?<comment>(?<=^|\s)#[^\n]*)|(?<word>(?:"(?:\\.|[^"\\])*"|'[^']*'|\\.|[^\s;|&<>"'\\])+)/g,
  );
  for (const { groups = {} } of tokens) {
    const current = parts.at(-1);
    if (groups["op"] !== undefined) parts.push({ words: [], redirected: false });
    else if (!current) continue;
    else if (groups["redirect"] !== undefined || groups["comment"] !== undefined) current.redirected = true;
    else if (groups["word"] !== undefined) current.words.push(unquoted(groups["word"]));
  }
  return parts.filter(({ words }) => words.length > 0);
}

function unquoted(word: string): string {
  return word.replace(/"((?:\\.|[^"\\])*)"|'([^']*)'|\\(.)/g, (_, double = "", single = "", escaped = "") =>
    [double, single, escaped].join(""),
  );
}
