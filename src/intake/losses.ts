// What sanitising took out of a text, counted, and said in words for the status card.

export const lossNames = {
  comment: ["HTML comment", "HTML comments"],
  hidden: ["hidden element", "hidden elements"],
  tag: ["HTML tag", "HTML tags"],
  invisible: ["invisible character", "invisible characters"],
  image: ["image description", "image descriptions"],
  title: ["link title", "link titles"],
  definition: ["link definition that nothing uses", "link definitions that nothing uses"],
  footnote: ["footnote that nothing uses", "footnotes that nothing uses"],
  label: ["code block label", "code block labels"],
  intricate: [
    "text too intricate to parse: everything in it that looks like HTML",
    "texts too intricate to parse: everything in them that looks like HTML",
  ],
  cut: ["end of a text longer than 64 KB", "ends of texts longer than 64 KB"],
  edited: ["comment edited after it was asked", "comments edited after it was asked"],
  older: ["older comment", "older comments"],
} as const satisfies Record<string, readonly [string, string]>;

export type Loss = keyof typeof lossNames;
export type Losses = Partial<Record<Loss, number>>;

/** Counts `count` more of a kind. */
export function lose(losses: Losses, kind: Loss, count = 1): void {
  losses[kind] = (losses[kind] ?? 0) + count;
}

/** "1 HTML comment", "3 invisible characters": one line per kind, in the table's order. */
export function describeLosses(losses: Losses): string[] {
  return Object.entries(lossNames).flatMap(([kind, [one, many]]) => {
    const count = Object.entries(losses).find(([name]) => name === kind)?.[1] ?? 0;
    return count === 0 ? [] : [`${count} ${count === 1 ? one : many}`];
  });
}
