// The few pieces of Markdown that Baton's own texts are put together from. What comes in here is already harmless (`neutral.ts`).

/** GitHub refuses bodies above 65,536 characters; this leaves room for a mark. */
export const MAX_BODY = 60_000;

/** Blocks one under the other; empty ones are left out. */
export function stack(...blocks: readonly (string | undefined | false)[]): string {
  return blocks.filter((block): block is string => typeof block === "string" && block !== "").join("\n\n");
}

/** Prose under its label. Not behind it: there a fence that the prose begins with would be none, and what it holds would be live. */
export function labelled(label: string, prose: string): string {
  return stack(label, prose);
}

/** A part that opens on a click. */
export function folded(summary: string, body: string): string {
  return `<details>\n<summary>${summary}</summary>\n\n${body}\n\n</details>`;
}

export function bullets(items: readonly string[]): string {
  return items.map((item) => `- ${item}`).join("\n");
}

/** A table; its cells hold no bare pipe and no line end. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

/** A hidden line by which Baton finds what it wrote. Stands first in a body, so that nothing quoted inside can pass for it. */
export function marker(kind: string, key: string): string {
  return `<!-- baton:${kind}:${key.replace(/[^\w.:/-]/g, "_").replaceAll("--", "_")} -->`;
}

/** "3 s", "4 min 12 s", "1 h 5 min". */
export function duration(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1_000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return seconds % 60 === 0 ? `${minutes} min` : `${minutes} min ${seconds % 60} s`;
  return minutes % 60 === 0 ? `${Math.floor(minutes / 60)} h` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** Seconds as a table shows them: "0.4", "12". */
export function seconds(value: number): string {
  return value < 10 ? value.toFixed(1) : String(Math.round(value));
}

/** "1 file", "3 files". */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

/** A command as a person would type it: the script alone where a shell was given one. */
export function commandText(argv: readonly string[]): string {
  const [shell, flag, script] = argv;
  const shelled =
    argv.length === 3 && /^(?:\/(?:usr\/)?bin\/)?(?:ba|da|z)?sh$/.test(shell ?? "") && /^-[a-z]*c$/.test(flag ?? "");
  return shelled ? (script ?? "") : argv.join(" ");
}

/** People are called by name, so that who asked by a label hears of it; bots never, so that two of them cannot start talking. Empty, or "@ada " with a space. */
export function greeting({ login, id }: { readonly login: string; readonly id: number }): string {
  return id === 0 || !/^[a-z\d](?:[a-z\d-]{0,38})$/i.test(login) ? "" : `@${login} `;
}
