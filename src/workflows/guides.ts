// The files by which a repository tells agents how it works. Agents see them as they are at the pinned commit of the default branch, so
// what stands there was merged by people.

/** In the order in which they are read. */
export const guideFiles = ["AGENTS.md", "CLAUDE.md"];

/** Bytes that agents see of the root's together, and as many of those in folders. */
export const GUIDE_BYTES = 16_384;
