// What others use of a repository by name, and what of it two commits do not have in common. Pure.

/** One place that others use by name: a manifest, an entry point, a module. */
export type Part =
  /** `settings`: key → value, such as the commands of a package. `names`: name → what it stands for, "" when that is not known. */
  | { readonly type: "settings" | "names"; readonly items: ReadonlyMap<string, string> }
  | { readonly type: "unreadable"; readonly why: string };

/** Parts by what they are called, which is the same on both sides. */
export type Surface = ReadonlyMap<string, Part>;

export interface SurfaceDifference {
  /** One line for each thing that others could use and cannot any more. */
  readonly removed: readonly string[];
  /** One line for each setting or name that means something else. */
  readonly changed: readonly string[];
  /** Parts that could be read before and cannot be now. */
  readonly lost: readonly string[];
  readonly added: readonly string[];
  /** Parts of which nothing is known, with the reason. */
  readonly unknown: readonly string[];
}

/** What is different in `after`. Where `before` is not known, nothing is said about `after`. */
export function compareSurfaces(before: Surface, after: Surface): SurfaceDifference {
  const removed: string[] = [];
  const changed: string[] = [];
  const lost: string[] = [];
  const added: string[] = [];
  const unknown: string[] = [];
  for (const [name, part] of before) {
    const now = after.get(name);
    if (part.type === "unreadable") unknown.push(`${name}: ${part.why}`);
    else if (!now) removed.push(...(part.items.size === 0 ? [`${name} is gone`] : gone(name, part.items.keys())));
    else if (now.type === "unreadable") lost.push(`${name}: ${now.why}`);
    else
      for (const [item, was] of part.items) {
        const is = now.items.get(item);
        if (is === undefined) removed.push(...gone(name, [item]));
        else if (part.type === "settings" && is !== was) changed.push(`${name}: ${item} was ${was} and is ${is}`);
        else if (part.type === "names" && isLess(was, is))
          changed.push(`${name}: ${item} was ${spoken(was)} and is ${spoken(is)}`);
      }
  }
  for (const [name, part] of after) {
    const was = before.get(name);
    if (part.type === "unreadable") continue;
    if (!was) added.push(`${name} is new`);
    else if (was.type !== "unreadable")
      added.push(
        ...[...part.items.keys()].filter((item) => !was.items.has(item)).map((item) => `${name}: ${item} is new`),
      );
  }
  return { removed, changed, lost, added, unknown };
}

function gone(name: string, items: Iterable<string>): string[] {
  return [...items].map((item) => `${name}: ${item} is gone`);
}

/** True when a name no longer is a value, or a type, that it was. Nothing is said where one side is not known. */
function isLess(was: string, is: string): boolean {
  if (is === "missing") return was !== "missing";
  const known = new Set(["value", "type", "both"]);
  return known.has(was) && known.has(is) && is !== "both" && was !== is;
}

function spoken(space: string): string {
  return (
    { both: "a value and a type", value: "a value", type: "a type only", missing: "listed, but not there" }[space] ??
    "there"
  );
}
