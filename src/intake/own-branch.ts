// Branches of Baton's, by their names.

/** The issue that a branch of Baton's names; undefined for other branches. Only a hint: the run says itself which branch is its own. */
export function issueOfBranch(branch: string): number | undefined {
  const number = Number(/^baton\/[a-z]+-(\d{1,9})(?:-|$)/.exec(branch)?.[1]);
  return Number.isSafeInteger(number) && number > 0 ? number : undefined;
}
