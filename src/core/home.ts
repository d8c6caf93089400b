// Baton's own folder, where it keeps what it needs.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** Makes the folder where it is missing. Where it is inside somebody's repository, git must not see it. */
export async function makeHome(home: string): Promise<void> {
  await mkdir(home, { recursive: true });
  await writeFile(join(home, ".gitignore"), "*\n");
}
