// What one JavaScript or TypeScript module hands out, as its text alone tells. Plain data: it crosses from the thread that parses.

/** What a name stands for: `unknown` where its text does not say, which is taken for either. */
export type Space = "value" | "type" | "both" | "unknown";

/** A name that a module exports: of its own, or handed on from another module ("*": that module as a whole). */
export type Export =
  | { readonly name: string; readonly space: Space }
  | { readonly name: string; readonly from: string; readonly imported: string; readonly typeOnly: boolean };

export interface ModuleRecord {
  readonly exports: readonly Export[];
  /** Modules of which everything is handed on. */
  readonly stars: readonly { readonly from: string; readonly typeOnly: boolean }[];
  /** Written with `exports` or `module.exports`. */
  readonly commonjs: boolean;
}

export type ModuleRead =
  | { readonly type: "read"; readonly module: ModuleRecord }
  /** `why` goes on with "…, because ". */
  | { readonly type: "unreadable"; readonly why: string };

/** The name under which a CommonJS module, or `export =`, hands out itself. */
export const WHOLE = "module.exports";

export function unreadable(why: string): { readonly type: "unreadable"; readonly why: string } {
  return { type: "unreadable", why };
}

/** A name that is exported twice, as a type and as a value, is both. */
export function merged(left: Space, right: Space): Space {
  if (left === right) return left;
  return left === "unknown" || right === "unknown" ? "unknown" : "both";
}
