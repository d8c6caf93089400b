// What may come back from a workspace. Judged on git's raw list of what differs, never on a work tree: modes, paths and sizes
// before anything else looks at the content.

/** One entry of what differs between the start and the work. */
export interface Entry {
  readonly path: string;
  /** git's mode of the new side, `000000` when deleted. */
  readonly mode: string;
  /** Bytes of the new side; 0 when deleted. */
  readonly size: number;
}

/** Bounds of one import. Bytes, unless said otherwise. Files and paths: what a recorded event takes (engine/events.ts, workflows/artifacts.ts). */
export const importLimits = {
  files: 2_000,
  file: 10 * 1024 ** 2,
  total: 50 * 1024 ** 2,
  bundle: 100 * 1024 ** 2,
  /** Characters. */
  path: 400,
  /** Refusals that are told; the rest is counted. */
  reasons: 20,
} as const;

/** Every reason to refuse the work, in words and with the path; empty when it may come in. */
export function refusals(entries: readonly Entry[]): string[] {
  const reasons = entries.flatMap((entry) => (entry.mode === "000000" ? [] : entryRefusals(entry)));
  if (entries.length > importLimits.files)
    reasons.unshift(`${entries.length} files differ, at most ${importLimits.files} may`);
  const total = entries.reduce((sum, entry) => sum + entry.size, 0);
  if (total > importLimits.total)
    reasons.unshift(`the changed files are ${total} bytes together, at most ${importLimits.total} may come in`);
  const rest = reasons.length - importLimits.reasons;
  return rest > 0 ? [...reasons.slice(0, importLimits.reasons), `and ${rest} more`] : reasons;
}

function entryRefusals({ path, mode, size }: Entry): string[] {
  const shown = printable(path);
  const reasons: string[] = [];
  if (mode === "120000") reasons.push(`${shown} is a symbolic link; new or changed links are not taken`);
  else if (mode === "160000") reasons.push(`${shown} is a repository of its own (a submodule or a nested .git)`);
  else if (mode !== "100644" && mode !== "100755")
    reasons.push(`${shown} has mode ${mode}; only plain files are taken`);
  if (size > importLimits.file)
    reasons.push(`${shown} is ${size} bytes, at most ${importLimits.file} may be in one file`);
  if (path.length > importLimits.path)
    reasons.push(`${shown} is a path of ${path.length} characters, at most ${importLimits.path} may be`);
  if (/[\p{Cc}\p{Cs}\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}\uFFFD]/u.test(path))
    reasons.push(`${shown} has control or invisible characters in its name, or is not UTF-8`);
  if (path.includes("\\")) reasons.push(`${shown} has a backslash in its name`);
  for (const part of path.split("/")) {
    if (part === "" || part === "." || part === "..") reasons.push(`${shown} is not a plain relative path`);
    else if (part.trim() !== part) reasons.push(`${shown} has a name that begins or ends with a space`);
    if (steersGit(part)) reasons.push(`${shown} steers git (${printable(part)})`);
  }
  return [...new Set(reasons)];
}

/**
 * True for names that some file system takes for `.git` or `.gitmodules`: in any case, with trailing dots, spaces or a stream
 * (NTFS), by a short name (`GIT~1`), or with characters that HFS+ ignores. `.gitignore`, `.gitattributes`, `.github` are ordinary.
 */
export function steersGit(name: string): boolean {
  const plain = name
    .normalize("NFKC")
    .replace(/\p{Default_Ignorable_Code_Point}/gu, "")
    .replace(/:.*$/s, "")
    .replace(/[. ]+$/, "")
    .toLowerCase();
  return (
    plain === ".git" || plain === ".gitmodules" || /^\.?git~\d+$/.test(plain) || /^(gitmod|gi7eba)~\d+$/.test(plain)
  );
}

/** Text of strangers in one line: what cannot be seen is spelled out, and what is longer than `most` characters is cut. */
export function printable(text: string, most = 200): string {
  const plain = text.replace(
    /[\p{Cc}\p{Cs}\p{Default_Ignorable_Code_Point}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${character.codePointAt(0)?.toString(16) ?? ""}}`,
  );
  return plain.length > most ? `${plain.slice(0, most)}…` : plain;
}
