// What is answered to people who wrote to Baton: what to say, not how. The publisher finds the words.
import type { RunId } from "../core/ids.ts";
import type { State } from "./state.ts";

/** How a command, or a flag, is written, and what it does. */
export interface HelpLine {
  readonly usage: string;
  readonly summary: string;
  /** Who may: "write and up". */
  readonly who: string;
}

/** What to do about texts people wrote to Baton, said by the publisher in its own words. */
export type Reply =
  | {
      readonly kind: "refused";
      readonly quote: string;
      readonly why: string;
      /** Who may, in words; only where that is why. */
      readonly who?: string;
      readonly next: string;
    }
  /** The quota of an issue is used up until `again` (milliseconds since 1970). Said once an hour. */
  | {
      readonly kind: "too-many";
      readonly what: "runs" | "comments";
      readonly quote: string;
      readonly most: number;
      readonly again: number;
    }
  | { readonly kind: "unknown-verb"; readonly quote: string; readonly nearest: string | undefined }
  | { readonly kind: "invalid-flags"; readonly quote: string; readonly problems: readonly string[] }
  /** A person's edit of a plan that cannot be worked. */
  | { readonly kind: "plan-invalid"; readonly problems: readonly string[] }
  | { readonly kind: "config-broken"; readonly quote: string; readonly problems: readonly string[] }
  | {
      readonly kind: "already-running";
      readonly quote: string;
      readonly run: RunId;
      readonly held?: "paused" | "waiting" | "asked" | undefined;
    }
  | { readonly kind: "nothing-running"; readonly quote: string; readonly next: string }
  | { readonly kind: "nothing-to-do"; readonly quote: string; readonly why: string; readonly next: string }
  /** Checks of a pull request go on failing: a person has to look. */
  | {
      readonly kind: "checks-failed";
      readonly own: readonly string[];
      readonly onBase: readonly string[];
      /** Repairs that were tried. */
      readonly rounds: number;
    }
  /** A pull request conflicts with its base, as often as Baton brings them together by itself. */
  | { readonly kind: "conflicts"; readonly branch: string; readonly rounds: number }
  /** What a run may spend is less than it was. In micro-dollars; `spent`: of it already. */
  | {
      readonly kind: "budget-lowered";
      readonly quote: string;
      readonly was: number;
      readonly now: number;
      readonly spent: number;
    }
  | {
      readonly kind: "help";
      readonly verbs: readonly HelpLine[];
      readonly flags: readonly Pick<HelpLine, "usage" | "summary">[];
    }
  | { readonly kind: "status"; readonly state: State | undefined }
  | { readonly kind: "why"; readonly state: State };
