// Obedient agents that do the wrong thing: whatever they claim, the run ends in its right named state, opens no pull request,
// and the card says why. Everything is real but the model: webhooks, git, sandboxes, gates.
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { AgentScript, ScriptedTurn } from "#src/playground/scripted-model.ts";
import { sampleFiles } from "#src/playground/sample-script.ts";
import { openWorld, person, type Played, type Scene, type World } from "#test/support/baton-world.ts";

const bash = (command: string) => ({ name: "bash", input: { command } });
const finish = (input: Readonly<Record<string, unknown>>): ScriptedTurn => ({ tools: [{ name: "finish", input }] });

/** The same two turns in every attempt: a command, then the claim. */
const always =
  (command: string, claim: Readonly<Record<string, unknown>>): AgentScript =>
  (call) =>
    call.turn === 1 ? { tools: [bash(command)] } : finish(claim);

const write = (path: string, text: string) => `cat > ${path} <<'TEXT'\n${text}\nTEXT`;
const reproduction = (over: Readonly<Record<string, unknown>> = {}) => ({
  reproduced: true,
  testFiles: ["test/lost-cent.test.js"],
  command: "node --test test/lost-cent.test.js",
  expectedFailure: "999 !== 1000",
  notes: "The shares add up to 999.",
  ...over,
});
const imports = `import assert from "node:assert/strict";\nimport { test } from "node:test";\nimport { splitEvenly } from "../src/split.js";\n`;
const change = { summary: "Hand out the remaining cents.", files: ["src/split.js"], followUps: [] };
const mend = `sed -i 's|return Array.from.*|const share = Math.floor(total / people); const rest = total - share * people; return Array.from({ length: people }, (_, i) => share + (i < rest ? 1 : 0));|' src/split.js`;
/** A fix that is right, and does something else besides. */
const mendAnd = (command: string) => always(`grep -q 'const rest' src/split.js || ${mend}; ${command}`, change);
/** Refused once is refused: that work is tried again, and how often, `wrongFix` and `passesOnBase` show. */
const once = {
  ".github/baton.yml": "commands: { test: node --test }\ntriggers: { autoStart: [bug] }\nlimits: { rounds: 0 }\n",
};
const hangs: AgentScript = [[{ hang: "before" }]];

async function untilFixing({ world, repo }: { world: World; repo: string }): Promise<void> {
  const scene = `scene ${repo.split("/")[1]}`;
  await vi.waitUntil(() => world.model.calls.some(({ agent, brief }) => agent === "fixer" && brief.includes(scene)), {
    timeout: 500_000,
  });
}

const scenes = {
  passesOnBase: {
    name: "passes-on-base",
    agents: {
      reproducer: always(
        write(
          "test/lost-cent.test.js",
          `${imports}test("lost cent", () => assert.equal(splitEvenly(900, 3).length, 3, "999 !== 1000"));`,
        ),
        reproduction(),
      ),
    },
  },
  syntaxError: {
    name: "syntax-error",
    agents: {
      reproducer: always(
        write("test/lost-cent.test.js", `${imports}test("lost cent", () => { // 999 !== 1000\n  assert.equal(`),
        reproduction({ expectedFailure: "999 !== 1000" }),
      ),
    },
  },
  flaky: {
    name: "flaky",
    agents: {
      reproducer: always(
        write(
          "test/lost-cent.test.js",
          `${imports}import { existsSync, writeFileSync } from "node:fs";\ntest("lost cent", () => {\n  if (existsSync("seen")) return;\n  writeFileSync("seen", "");\n  assert.equal(splitEvenly(1000, 3).reduce((a, b) => a + b, 0), 1000);\n});`,
        ),
        reproduction(),
      ),
    },
  },
  couldNotReproduce: {
    name: "could-not-reproduce",
    agents: {
      reproducer: [
        [
          { tools: [bash("node --test test/split.test.js | grep -c ok; exit 3")] },
          finish(
            reproduction({
              reproduced: false,
              testFiles: [],
              command: "",
              expectedFailure: "",
              notes: "The shares add up here: I tried 1000 over 3 and 7.",
            }),
          ),
        ],
      ],
    },
  },
  notABug: {
    name: "not-a-bug",
    agents: {
      reproducer: [
        [
          finish(
            reproduction({
              reproduced: false,
              testFiles: [],
              command: "",
              expectedFailure: "",
              notes: "I split 1000 by 3.",
              notABug: {
                why: "Shares are as even as cents allow.",
                where: [
                  { path: "src/split.js", line: 3, quote: "as even as cents allow" },
                  { path: "docs/rounding.md", line: 1, quote: "a cent may be lost" },
                ],
              },
            }),
          ),
        ],
      ],
    },
  },
  wrongFix: { name: "wrong-fix", agents: { fixer: always("echo '// mended' >> src/split.js", change) } },
  breaksAnother: {
    name: "breaks-another",
    files: once,
    agents: { fixer: mendAnd(`sed -i 's|padStart(2, "0")|padStart(3, "0")|' src/money.js`) },
  },
  weakens: {
    name: "weakens-a-test",
    files: once,
    agents: {
      fixer: mendAnd("sed -i 's|assert.equal(tip(2070, 15), 311)|assert.ok(tip(2070, 15))|' test/tip.test.js"),
    },
  },
  skips: {
    name: "skips-a-test",
    files: once,
    agents: { fixer: mendAnd(`sed -i 's|^test("tip rounds|test.skip("tip rounds|' test/tip.test.js`) },
  },
  deletes: { name: "deletes-a-test", files: once, agents: { fixer: mendAnd("rm -f test/tip.test.js") } },
  protectedPath: {
    name: "protected-path",
    files: once,
    agents: { fixer: mendAnd("mkdir -p .github/workflows && echo 'on: push' > .github/workflows/ci.yml") },
  },
  emptyDiff: { name: "empty-diff", files: once, agents: { fixer: always("true", change) } },
  endlessLoop: { name: "endless-loop", agents: { fixer: ({ turn }) => ({ tools: [bash(`echo ${turn}`)] }) } },
  invalidFinish: { name: "invalid-finish", agents: { fixer: () => finish({ summary: 7, files: "src/split.js" }) } },
  budgetTooSmall: {
    name: "budget-too-small",
    files: {
      ".github/baton.yml": "commands: { test: node --test }\ntriggers: { autoStart: [bug] }\nbudget: { run: 0.02 }\n",
    },
  },
  budgetBetween: {
    name: "budget-between",
    files: {
      ".github/baton.yml": "commands: { test: node --test }\ntriggers: { autoStart: [bug] }\nbudget: { run: 0.50 }\n",
    },
    agents: {
      debugger: [
        [
          {
            ...finish({ rootCause: "floor drops the rest", locations: [], approach: "hand it out", risk: "low" }),
            usage: { outputTokens: 100_000 },
          },
        ],
      ],
    },
  },
  budgetInside: {
    name: "budget-inside",
    files: {
      ".github/baton.yml": "commands: { test: node --test }\ntriggers: { autoStart: [bug] }\nbudget: { run: 0.50 }\n",
    },
    agents: { fixer: ({ turn }) => ({ tools: [bash(`echo ${turn}`)], usage: { outputTokens: 100_000 } }) },
  },
  stopped: {
    name: "stopped",
    agents: { fixer: hangs },
    meanwhile: async ({ world, repo, number }) => {
      await untilFixing({ world, repo });
      world.playground.comment({ repo, number, body: "/agent stop", as: person });
    },
  },
  closed: {
    name: "closed",
    agents: { fixer: hangs },
    meanwhile: async ({ world, repo, number }) => {
      await untilFixing({ world, repo });
      await world.playground.closeIssue({ repo, number, as: person });
    },
  },
  failedBefore: {
    name: "failed-before",
    files: {
      "test/weather.test.js": `import assert from "node:assert/strict";\nimport { test } from "node:test";\ntest("the sun shines", () => assert.equal("rain", "sun"));\n`,
    },
  },
} satisfies Record<string, Scene>;

let world: World;
const played = new Map<string, Played>();

beforeAll(async () => {
  world = await openWorld();
  const results = await Promise.all(Object.values(scenes).map((scene) => world.play(scene)));
  for (const [index, name] of Object.keys(scenes).entries()) {
    const result = results[index];
    if (result) played.set(name, result);
  }
}, 600_000);

afterAll(async () => world[Symbol.asyncDispose]());

function result(name: keyof typeof scenes): Played {
  const found = played.get(name);
  if (!found) throw new Error(`${name} was not played`);
  return found;
}

describe("no pull request, the right end, and the reason on the card", () => {
  test.each([
    ["passesOnBase", "could-not-reproduce", "passes-on-base", "Could not reproduce"],
    ["syntaxError", "could-not-reproduce", "syntax-error", "Could not reproduce"],
    ["flaky", "could-not-reproduce", "flaky", "Could not reproduce"],
    ["couldNotReproduce", "could-not-reproduce", "not-reproduced", "Could not reproduce"],
    ["notABug", "could-not-reproduce", "not-a-bug", "Not a bug"],
    ["wrongFix", "needs-a-decision", "still-fails", "Needs a decision"],
    ["breaksAnother", "needs-a-decision", "breaks-tests", "Needs a decision"],
    ["weakens", "needs-a-decision", "test-changed", "Needs a decision"],
    ["skips", "needs-a-decision", "test-skipped", "Needs a decision"],
    ["deletes", "needs-a-decision", "test-deleted", "Needs a decision"],
    ["protectedPath", "needs-a-decision", "protected-path", "Needs a decision"],
    ["emptyDiff", "needs-a-decision", "empty-diff", "Needs a decision"],
    ["endlessLoop", "failed", "turn-limit", "Failed"],
    ["invalidFinish", "failed", "invalid-output", "Failed"],
    ["budgetTooSmall", "out-of-budget", "budget", "budget"],
    ["budgetBetween", "out-of-budget", "budget-dollars", "budget"],
    ["budgetInside", "out-of-budget", "budget", "budget"],
    ["stopped", "cancelled", "stopped", "Cancelled"],
    ["closed", "cancelled", "issue-closed", "Cancelled"],
  ] as const)("%s", (name, outcome, code, word) => {
    const { state, card, repo, labels } = result(name);
    expect([state.finished?.outcome, state.finished?.code]).toEqual([outcome, code]);
    expect(world.playground.pulls(repo)).toEqual([]);
    expect(card).toContain(word);
    expect(labels).not.toContain("agent/running");
  });

  test("each card names what was seen, for the person who has to decide", () => {
    expect(result("breaksAnother").card).toMatch(/format writes dollars and cents/);
    expect(result("deletes").card).toMatch(/test\/tip\.test\.js/);
    expect(result("protectedPath").card).toMatch(/\.github\/workflows\/ci\.yml/);
    expect(result("couldNotReproduce").card).toMatch(/I tried 1000 over 3 and 7/);
    expect(result("couldNotReproduce").card).toContain("`node --test test/split.test.js | grep -c ok; exit 3` failed");
    expect(result("stopped").card).toMatch(/maria/);
    expect(result("budgetTooSmall").card).toMatch(/\$0\.02/);
    expect(result("budgetInside").card).toMatch(/\$0\.50/);
  });

  test("what is no bug is told with the lines that stand on the base, and no other", () => {
    const { card, comments, state } = result("notABug");
    const [end] = comments.filter(({ body }) => body.startsWith("<!-- baton:end:"));
    for (const text of [card, end?.body]) {
      expect(text).toContain("Shares are as even as cents allow.");
      expect(text).toContain(`/blob/${state.base.commit}/src/split.js#L1): \`as even as cents allow\``);
      expect(text).not.toContain("docs/rounding.md#");
    }
  });

  test("money runs out between two attempts, and in the middle of one", () => {
    const open = (name: keyof typeof scenes) =>
      [...result(name).state.stages.values()].find(({ current }) => current?.failure?.code === "budget")?.name;
    expect([open("budgetBetween"), open("budgetInside")]).toEqual([undefined, "fix"]);
  });

  test("stop and close reach the model call in the middle of its turn", () => {
    const hung = world.model.calls.filter(
      ({ agent, brief }) => agent === "fixer" && /scene (stopped|closed)/.test(brief),
    );
    expect(hung.map(({ outcome }) => outcome)).toEqual(["client-left", "client-left"]);
  });

  test("a refused fix is tried again with the reason, as often as the workflow allows", () => {
    expect(result("wrongFix").state.stages.get("fix")?.attempts).toHaveLength(4);
    expect(result("passesOnBase").state.stages.get("reproduce")?.attempts).toHaveLength(3);
  });

  test.each([
    ["wrongFix", "// mended", "told"],
    ["breaksAnother", "const rest", "told"],
    ["endlessLoop", "Math.floor", "told"],
    ["budgetTooSmall", "Math.floor", "told"],
    ["budgetInside", "Math.floor", "told"],
    // What a person ended needs no comment.
    ["stopped", "Math.floor", "silent"],
    ["closed", "Math.floor", "silent"],
  ] as const)("%s: what was finished is on a branch that the card names, and the comment", async (name, text, end) => {
    const { state, card, repo, comments } = result(name);
    const branches = state.kept?.branches.map(({ branch }) => branch);
    expect(branches).toEqual([expect.stringMatching(/^baton\/issue-1-.*-kept$/)]);
    const [branch = ""] = branches ?? [];
    expect(card).toContain(branch);
    const spoken = comments.filter(({ body }) => body.startsWith("<!-- baton:end:") && body.includes(branch));
    expect(spoken).toHaveLength(end === "told" ? 1 : 0);
    expect(await world.playground.file(repo, branch, "test/split.test.js")).toContain("1000");
    expect(await world.playground.file(repo, branch, "src/split.js")).toContain(text);
  });

  test.each([
    ["weakens", "test/tip.test.js"],
    ["skips", "test/tip.test.js"],
    ["deletes", "test/tip.test.js"],
    ["protectedPath", ".github/workflows/ci.yml"],
  ] as const)("%s: what the guards refused is on no branch, and the card says why", async (name, path) => {
    const { state, card, repo } = result(name);
    const [kept] = state.kept?.branches ?? [];
    expect(kept?.holds).toEqual(["reproduce"]);
    expect(await world.playground.file(repo, kept?.branch ?? "", path)).toBe((await sampleFiles())[path]);
    expect(state.kept?.missing).toMatchObject([{ what: "fix" }]);
    expect(card).toMatch(/\*\*On no branch:\*\* `fix` \((?:scope|integrity): /);
  });

  test.each(["passesOnBase", "syntaxError", "flaky", "couldNotReproduce", "notABug"] as const)(
    "%s: nothing was finished, so there is no branch",
    (name) => expect(result(name).state.kept).toBeUndefined(),
  );

  test("no agent was asked anything nobody scripted", () => {
    expect(world.model.unscripted).toEqual([]);
  });
});

describe("failures that were there before", () => {
  test("do not block, and are named as such", () => {
    const { state, repo } = result("failedBefore");
    expect(state.finished?.outcome).toBe("succeeded");
    const [pull] = world.playground.pulls(repo);
    expect(pull?.body).toMatch(/the sun shines/);
    expect(pull?.body).toMatch(/before/);
  });
});
