// Circles in what needs what: of stages, and of tasks.

/**
 * The circles of a graph, each once and in full, from the first member met back to itself: `["fix", "verify", "fix"]`. Names that are not
 * in the graph are passed over. When circles share members, mending those that are named may bring out another.
 */
export function cyclesIn(graph: ReadonlyMap<string, readonly string[]>): string[][] {
  const cycles: string[][] = [];
  const done = new Set<string>();
  // The way from the first name to where the search stands, without recursion: a graph may be deeper than the stack.
  const path: { name: string; needs: readonly string[]; at: number }[] = [];
  const onPath = new Map<string, number>();
  const enter = (name: string): void => {
    const start = onPath.get(name);
    if (start !== undefined) cycles.push([...path.slice(start).map((step) => step.name), name]);
    const needs = graph.get(name);
    if (start !== undefined || needs === undefined || done.has(name)) return;
    onPath.set(name, path.length);
    path.push({ name, needs, at: 0 });
  };
  for (const first of graph.keys()) {
    enter(first);
    for (let step = path.at(-1); step; step = path.at(-1)) {
      const next = step.needs[step.at];
      step.at += 1;
      if (next !== undefined) {
        enter(next);
        continue;
      }
      path.pop();
      onPath.delete(step.name);
      done.add(step.name);
    }
  }
  return cycles;
}
