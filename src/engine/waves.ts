export function nextWave(
  tasks: readonly { id: string; needs: readonly string[]; claims: readonly string[] }[],
  { done, failed }: { done: ReadonlySet<string>; failed: ReadonlySet<string> },
) {
  const dead = new Set(failed);
  const skipped: { id: string; because: string }[] = [];
  for (let more = true; more;) {
    more = false;
    for (const t of tasks)
      if (!done.has(t.id) && !dead.has(t.id)) {
        const b = t.needs.find((n) => dead.has(n));
        if (b) {
          dead.add(t.id);
          skipped.push({ id: t.id, because: b });
          more = true;
        }
      }
  }
  const wave: string[] = [];
  const claimed = new Set<string>();
  for (const t of tasks)
    if (
      !done.has(t.id) &&
      !dead.has(t.id) &&
      t.needs.every((n) => done.has(n)) &&
      !t.claims.some((c) => claimed.has(c))
    ) {
      wave.push(t.id);
      t.claims.forEach((c) => claimed.add(c));
    }
  return { wave, skipped };
}
export function waves(
  tasks: readonly { id: string; needs: readonly string[]; claims: readonly string[] }[],
): readonly (readonly string[])[] {
  const done = new Set<string>();
  const found: string[][] = [];
  for (;;) {
    const { wave } = nextWave(tasks, { done, failed: new Set() });
    if (wave.length === 0) return found;
    found.push(wave);
    for (const id of wave) done.add(id);
  }
}

export function taskProblems(
  tasks: readonly { id: string; needs: readonly string[]; claims: readonly string[] }[],
): string[] {
  const ids = tasks.map(({ id }) => id);
  return tasks.flatMap(({ id, needs }, index) => [
    ...(ids.indexOf(id) < index ? [`2 tasks have the id "${id}" — give each its own`] : []),
    ...needs.flatMap((need) =>
      ids.includes(need) && need !== id ? [] : [`task "${id}" needs "${need}", which is not a task — take it out`],
    ),
  ]);
}
