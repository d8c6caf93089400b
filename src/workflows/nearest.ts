// "Did you mean …?": the known word nearest to a mistyped one.

/** The word of `known` that is one slip away from `word` (two from six letters on, three from ten); undefined when none is. */
export function nearest(word: string, known: Iterable<string>): string | undefined {
  let best: { name: string; distance: number } | undefined;
  for (const name of known) {
    const allowed = name.length < 6 ? 1 : name.length < 10 ? 2 : 3;
    if (Math.abs(name.length - word.length) > allowed || name.length < 2) continue;
    const distance = editDistance(word.toLowerCase(), name.toLowerCase());
    if (distance <= allowed && (best === undefined || distance < best.distance)) best = { name, distance };
  }
  return best?.name;
}

/** Words that are listed of many. */
const LISTED = 12;

/** "choose one of: …", of many the first, and how many there are besides. */
export function oneOf(known: readonly string[]): string {
  const left = known.length - LISTED;
  return `choose one of: ${known.slice(0, LISTED).join(", ")}${left > 0 ? ` and ${left} more` : ""}`;
}

/** Insertions, deletions, replacements and swaps of neighbours that lead from one word to the other. */
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const same = a[i - 1] === b[j - 1];
      let cost = Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        cost = Math.min(cost, (before[j - 2] ?? 0) + 1);
      next.push(cost);
    }
    before = row;
    row = next;
  }
  return row[b.length] ?? 0;
}
