// What runs inside the sandbox, beside a work tree that an agent may have turned against us: it names what lies in the tree, moves it
// to another commit, and packs it.
// It uses a git directory of its own, made afresh each time: configuration, hooks, filters and index of the clone play no part.
// Whatever it prints or leaves is still the attacker's to forge; quarantine and policy judge it afterwards.
import type { CommandResult, Execute } from "../core/command.ts";
import { beside } from "../core/beside.ts";
import type { Sha } from "../core/ids.ts";

const FRESH_GIT = String.raw`
set -eu
scratch=$(mktemp -d "$HOME/.baton-XXXXXXXX")
trap 'rm -rf "$scratch"' EXIT
export GIT_ALTERNATE_OBJECT_DIRECTORIES="$PWD/../${beside.objects}"
git init --quiet --bare --template= "$scratch/git"
export GIT_DIR="$scratch/git" GIT_WORK_TREE="$PWD"
git config core.bare false
mkdir -p "$GIT_DIR/info"
if [ -f .git/shallow ]; then cp .git/shallow "$GIT_DIR/shallow"; fi
cat > "$GIT_DIR/info/exclude"
git read-tree "$1"
`;

/** Prints every path that is neither tracked nor ignored, folders without a tracked file as one; then makes the clone's own git ignore them. */
const UNTRACKED = `${FRESH_GIT}
git ls-files --others --exclude-standard --directory --no-empty-directory -z
`;

/**
 * Makes every tracked file what it is at $2, whatever was done to those of $1; what is not tracked stays, unless $2 has a file in its
 * place. The clone's own git follows, for the agent's sake, if it is still there.
 */
const MOVE = `${FRESH_GIT}
git update-index -q --refresh || true
git read-tree --reset -u "$2"
if [ "$1" = "$2" ] || [ ! -d .git ]; then exit 0; fi
export GIT_DIR="$PWD/.git"
own() { git -c core.hooksPath=/dev/null -c core.fsmonitor=false -c core.bare=false "$@"; }
own symbolic-ref HEAD refs/heads/work
own update-ref refs/heads/work "$2"
own read-tree "$2"
own update-index -q --refresh || true
`;

const PACK = `${FRESH_GIT}
git add --all .
tree=$(git write-tree)
if [ "$tree" = "$(git rev-parse "$1^{tree}")" ]; then echo unchanged; exit 0; fi
made=$(git commit-tree "$tree" -p "$1" -m work </dev/null)
git update-ref refs/heads/work "$made"
git bundle create --quiet "$HOME/$2" refs/heads/work "^$1"
echo packed
`;

/** Adds the lines on stdin to what the clone's own git ignores, so that the agent's view is as clean as ours. */
const IGNORE = `mkdir -p .git/info && cat >> .git/info/exclude`;

const env = {
  PATH: "/usr/local/bin:/usr/bin:/bin:/opt/homebrew/bin",
  LC_ALL: "C",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_AUTHOR_NAME: "work",
  GIT_AUTHOR_EMAIL: "work@localhost",
  GIT_COMMITTER_NAME: "work",
  GIT_COMMITTER_EMAIL: "work@localhost",
};

export interface InClone {
  /** Prints what is not tracked at `at`. */
  untracked(at: Sha, exclude: string, signal: AbortSignal): Promise<CommandResult>;
  move(from: Sha, to: Sha, signal: AbortSignal): Promise<CommandResult>;
  /** Prints `unchanged` since `start`, or `packed` with the bundle `name` in the home folder. */
  pack(start: Sha, exclude: string, name: string, signal: AbortSignal): Promise<CommandResult>;
  ignore(patterns: string, signal: AbortSignal): Promise<CommandResult>;
}

export function createInClone(inSandbox: Execute, folder: string): InClone {
  const script = (text: string, stdin: string, signal: AbortSignal, ...args: string[]) =>
    inSandbox(
      {
        argv: ["/bin/sh", "-c", text, "baton", ...args],
        cwd: folder,
        env,
        stdin,
        timeoutMs: 180_000,
        maxOutputBytes: 16 * 1024 ** 2,
      },
      signal,
    );
  return {
    untracked: (at, exclude, signal) => script(UNTRACKED, exclude, signal, at),
    move: (from, to, signal) => script(MOVE, "", signal, from, to),
    pack: (start, exclude, name, signal) => script(PACK, exclude, signal, start, name),
    ignore: (patterns, signal) => script(IGNORE, patterns, signal),
  };
}

/** A path as a line of an exclude file that matches it and nothing else; undefined for names no line can hold. */
export function excludeLine(path: string): string | undefined {
  if (/[\n\r\0\uFFFD]/.test(path)) return undefined;
  const escaped = path.replace(/[\\*?[\]]/g, String.raw`\$&`).replace(/ +$/, (spaces) => spaces.replaceAll(" ", "\\ "));
  return `/${escaped}`;
}
