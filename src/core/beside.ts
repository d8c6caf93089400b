// The agreement between the workspaces, which lay a work tree out, and the sandbox, which shows it.

/**
 * What may lie beside (never inside) a work tree. `home`: a folder that is its commands' home folder, writable, so that what an
 * install leaves there outlives the command. `objects`: a link to a folder of git objects, readable only; the tree's
 * alternates name it relatively, which holds on both sides of a sandbox.
 */
export const beside = { home: "baton-home", objects: "baton-objects" } as const;
