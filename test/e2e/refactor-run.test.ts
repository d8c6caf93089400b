// A refactoring over real HTTP, git and sandboxes: pinned, planned, restructured; the first attempt changes what the code does, is found out
// by the pinned tests, and sent back; then it is published with proof.
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { Plan } from "#src/workflows/artifacts.ts";
import type { Issue } from "#src/playground/playground.ts";
import { sampleFiles } from "#src/playground/sample-script.ts";
import { openWorld, person, type Played, type World } from "#test/support/baton-world.ts";

const repo = "octo/restructured";
const patience = { timeout: 120_000, interval: 50 };
const bash = (command: string) => ({ tools: [{ name: "bash", input: { command } }] });
const finish = (input: object) => ({ tools: [{ name: "finish", input: { ...input } }] });
const change = (summary: string) => finish({ summary, files: [], followUps: [] });

const pins = `import assert from "node:assert/strict";
import { test } from "node:test";
import { splitEvenly } from "../src/index.js";
test("splitEvenly gives everybody the floor, and keeps the rest", () => {
  assert.deepEqual(splitEvenly(1000, 3), [333, 333, 333]);
  assert.deepEqual(splitEvenly(-10, 4), [-3, -3, -3, -3]);
});
`;
const plan: Plan = {
  summary: "One function for the share of one person.",
  tasks: [
    {
      id: "share",
      title: "A function for one share",
      instructions: "Move the arithmetic of splitEvenly into a function of its own.",
      needs: [],
      claims: ["src/split.js"],
      acceptance: "the pinned tests pass",
    },
  ],
  risks: [],
  questions: [],
};
const old = "  return Array.from({ length: people }, () => Math.floor(total / people));";
const rewritten = (rounding: string) =>
  `python3 - <<'END'\npath = "src/split.js"\ntext = open(path).read()\ntext = text.replace(${JSON.stringify(old)}, "  return Array.from({ length: people }, () => share(total, people));")\ntext = text.replace("Math.trunc(", "Math.floor(") if "function share" in text else text + "\\nfunction share(total, people) {\\n  return Math.${rounding}(total / people);\\n}\\n"\nopen(path, "w").write(text)\nEND\ngit diff --stat`;

let world: World;
let played: Played;
let pull: Issue | undefined;

beforeAll(async () => {
  world = await openWorld();
  world.script(repo, {
    characterizer: ({ turn }) =>
      turn === 1
        ? bash(`cat > test/pins.test.js <<'END'\n${pins}END\nnode --test test/pins.test.js 2>&1 | tail -8`)
        : finish({
            testFiles: ["test/pins.test.js"],
            command: "node --test test/pins.test.js",
            covers: "splitEvenly, negative totals too",
            notes: "The lost rest looks like a bug; pinned as it is.",
          }),
    planner: () => finish(plan),
    refactorer: ({ turn, brief }) => {
      if (/## Your task: share/.test(brief))
        return turn === 1 ? bash(rewritten("trunc")) : change("share() holds the arithmetic.");
      const back = /## Why this stage is worked again/.test(brief);
      return back && turn === 1
        ? bash(rewritten("floor"))
        : change(back ? "share() rounds down again." : "One piece, nothing to add.");
    },
    reviewer: () => finish({ verdict: "approve", findings: [] }),
  });
  await world.playground.addRepository({
    owner: "octo",
    name: "restructured",
    from: {
      ...(await sampleFiles()),
      ".github/baton.yml": "commands: { test: node --test }\ntriggers: { onOpened: false }\n",
    },
    labels: [],
    collaborators: { [person]: "maintain" },
  });
  const { number } = await world.playground.openIssue({
    repo,
    title: "Tidy up splitting",
    body: "One place for a share.",
    as: person,
  });
  const say = (body: string) => world.playground.comment({ repo, number, body, as: person });
  say("/agent refactor");
  const bodies = () => world.playground.comments({ repo, number }).map(({ body }) => body);
  await vi.waitUntil(() => bodies().some((body) => body.includes("<!-- baton:plan:")), patience);
  say("/agent approve");
  await vi.waitUntil(() => bodies().some((body) => body.includes("<!-- baton:end:")), patience);
  const [line] = await world.baton.store.log.list({ limit: 1, repo });
  if (!line) throw new Error("no run");
  played = world.look(repo, number, await world.ended(line.run));
  [pull] = world.playground.pulls(repo);
}, 300_000);

afterAll(async () => world[Symbol.asyncDispose]());

describe("a refactoring", () => {
  test("whose first attempt changes behaviour is found out by the pinned tests, and sent back", () => {
    const verifications = played.state.stages.get("verify")?.attempts ?? [];
    const kept = verifications.map(({ gates }) => gates.find(({ gate }) => gate === "kept"));
    expect(kept.map((result) => result?.code)).toEqual(["behaviour-changed", "kept"]);
    const back = played.state.stages.get("finish")?.attempts.at(-1)?.reasons.join("\n");
    expect(back).toContain("splitEvenly gives everybody the floor");
  });

  test("is published with proof: pinned on the base, kept on the head, the surface unchanged", async () => {
    expect(played.state.finished).toMatchObject({ outcome: "succeeded" });
    for (const gate of ["pinned", "kept", "surface", "baseline", "scope", "integrity"])
      expect(pull?.body).toMatch(new RegExp(`✅ ${gate} `));
    const source = await world.playground.file(repo, pull?.pull?.headSha ?? "", "src/split.js");
    expect(source).toContain("function share");
    expect(source).toContain("Math.floor(total / people)");
  });
});
