// The list of what can be verified holds only what some repository could have, and says what is lacking in words.
import { describe, expect, test } from "vitest";
import type { Tried, TriedCommand } from "#src/workflows/setup.ts";
import { onlyTold, whatCanBeVerified } from "#src/workflows/verifiable.ts";

const command = (name: TriedCommand["name"], change: Partial<TriedCommand> = {}): TriedCommand => ({
  name,
  command: `npm run ${name}`,
  from: "proposed",
  works: true,
  code: "passes",
  why: "ended with exit code 0",
  runs: 1,
  stable: true,
  ...change,
});
const surface = { code: "unchanged", summary: "None of 3 names is gone." };
const tried = (change: Partial<Tried> = {}): Tried => ({
  commands: [command("install"), command("test", { code: "by-name" }), command("lint"), command("build")],
  surface,
  ...change,
});

describe("what can be verified", () => {
  test("is everything where everything is there, whatever is only told to agents", () => {
    expect(whatCanBeVerified(tried()).map(({ can }) => can)).toEqual(["yes", "yes", "yes", "yes"]);
    expect(onlyTold(tried())).toBe(
      "Lint, types and build are told to agents; no gate decides by them. lint passes today: `npm run lint`; build passes today: `npm run build`",
    );
    expect(onlyTold(tried({ commands: [] }))).toBe(
      "Lint, types and build are told to agents; no gate decides by them.",
    );
  });

  test.each([
    ["no package was found whose names can be read.", "no exported names found"],
    [
      "go.mod: the names of such a package (go.mod) are not read.",
      "go.mod: the names of such a package (go.mod) are not read.",
    ],
  ])("where no names can be read, it says why: %s", (summary, why) => {
    const list = whatCanBeVerified(
      tried({ surface: { code: "not-computed", summary: `Not computed, so nothing is shown: ${summary}` } }),
    );
    expect(list.at(-1)).toMatchObject({ can: "not verified", why });
  });
});
