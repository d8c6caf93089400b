import { describe, expect, test } from "vitest";
import { newRunId } from "#src/core/ids.ts";
import { silentLog } from "#src/core/log.ts";
import type { GateRequest } from "#src/engine/ports.ts";
import { createGates } from "#src/gates/create-gates.ts";
import { defaultRepoConfig } from "#src/workflows/repo-config.ts";
import { inConflict, lines, MergeWorld } from "../workspace/merge-world.ts";
import type { Tree } from "../workspace/trees.ts";
import { never } from "../workspace/world.ts";

const fixture = lines("<<<<<<< ours", "a", "=======", "b", ">>>>>>> theirs");
const start = { "guide.md": lines(1, 2, 3), "fixture.txt": fixture, "README.md": "# tab\n" };

/** What the gate says of a commit on top of a merge that git could not make; `mend` is given the files as git left them. */
async function asked(mend: (marked: Record<string, string>) => Tree, about: "the merge" | "nothing" = "the merge") {
  await using place = await MergeWorld.create();
  const { workspaces, repo, sandbox } = place.world;
  const side = (word: string) => ({ ...start, "guide.md": lines(1, word, 3) });
  const [base, one, two] = place.wave(start, side("one"), side("two"));
  const { marked, paths } = inConflict(await place.merge(one, two));
  const request: GateRequest = {
    gate: "resolved",
    runId: newRunId(),
    repo: { ...repo, id: 0, private: false, defaultBranch: "main" },
    base,
    head: place.onTop(marked, mend(place.texts(marked))),
    conflict: about === "nothing" ? undefined : { marked, paths },
    reproduction: undefined,
    characterization: undefined,
    config: defaultRepoConfig,
  };
  return await createGates({ workspaces, run: sandbox.run, log: silentLog }).check(request, never);
}

const mended = { ...start, "guide.md": lines(1, "one", "two", 3) };

describe("resolved", () => {
  test("says yes where no marker is left, and to one that a file had in its own right", async () => {
    const result = await asked(() => ({ ...mended, "fixture.txt": `${fixture}more\n` }));
    expect(result).toMatchObject({ passed: true, code: "resolved" });
  });

  test.each<[string, (marked: Record<string, string>) => Tree, string]>([
    ["left where git put it", (marked) => ({ ...marked, "README.md": "# Tab\n" }), "guide.md"],
    [
      "that was moved with its file",
      ({ "guide.md": text = "", ...others }) => ({ ...others, "docs/guide.md": text }),
      "docs/guide.md",
    ],
    ["that was copied", ({ "guide.md": text = "" }) => ({ ...mended, "guide.old": text }), "guide.old"],
    ["that was put into another file", ({ "guide.md": text = "" }) => ({ ...mended, "README.md": text }), "README.md"],
  ])("says no to a marker %s", async (_, mend, path) => {
    const result = await asked(mend);
    expect(result).toMatchObject({ passed: false, code: "unresolved", notes: [path] });
    expect(result.summary).toBe(`Conflict markers are left in ${path}`);
  });

  test("says no where nothing was to be mended", async () => {
    expect(await asked(() => mended, "nothing")).toMatchObject({ passed: false, code: "no-conflict" });
  });
});
