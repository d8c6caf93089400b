// Threads of remarks on a pull request: a first remark, what was answered to it, and who has resolved it.
import { changed, type Account, type PullRequest, type Review, type World } from "./state.ts";

type Remark = Review["remarks"][number];

export interface Thread {
  readonly first: Remark;
  /** All of it, oldest first, each with who said it. */
  readonly said: readonly { readonly by: Account; readonly remark: Remark }[];
  readonly resolvedBy: Account | undefined;
}

/** The threads of a pull request, oldest first. */
export function threadsOf({ reviews, resolved }: PullRequest): Thread[] {
  const all = reviews.flatMap(({ by, remarks }) => remarks.map((remark) => ({ by, remark })));
  return all
    .filter(({ remark }) => remark.replyTo === undefined)
    .map(({ remark: first }) => ({
      first,
      said: all.filter(({ remark }) => remark.id === first.id || remark.replyTo === first.id),
      resolvedBy: resolved.get(first.id),
    }));
}

/** Resolves the thread that begins with a remark; one that is resolved stays whose it was. */
export function resolveThread(world: World, pull: PullRequest, first: number, by: Account): void {
  if (!pull.resolved.has(first)) pull.resolved.set(first, by);
  changed(world);
}
