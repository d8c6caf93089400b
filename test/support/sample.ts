// The sample repository as most tests want it: its suite is started without npm, which takes longer than the suite itself.
// That a suite is found and run by `npm test` is seen in cli.test.ts, by `baton demo` and `baton run ./issue.md`.
import { sampleFiles } from "#src/playground/sample-script.ts";

/** Path → text. */
export async function quickSample(): Promise<Record<string, string>> {
  const files = await sampleFiles();
  const config = files[".github/baton.yml"]?.replace("test: npm test", "test: node --test");
  if (!config?.includes("node --test")) throw new Error("the sample's configuration names no `npm test` any more");
  return { ...files, ".github/baton.yml": config };
}
