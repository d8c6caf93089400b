// What counts as a command, and what must never.
import { describe, expect, test } from "vitest";
import { readCommands, type Command } from "#src/intake/grammar.ts";
import { verbs } from "#src/intake/verbs.ts";

const read = (comment: string): readonly Command[] => {
  const reading = readCommands(comment, "baton-app");
  if (reading.type !== "read") throw new Error(`unreadable: ${reading.quote}`);
  return reading.commands;
};
const one = (comment: string) => {
  const [command, ...more] = read(comment);
  expect(more).toEqual([]);
  if (command?.kind !== "command") throw new Error(`not a command: ${JSON.stringify(command)}`);
  return command;
};

describe("commands", () => {
  test.each([
    ["/agent fix", "fix", ""],
    ["/baton fix", "fix", ""],
    ["@baton-app fix", "fix", ""],
    ["@baton-app[bot] fix", "fix", ""],
    ["/AGENT FIX", "fix", ""],
    ["@Baton-App Fix", "fix", ""],
    ["   /agent fix", "fix", ""],
    ["/agent\tfix\tit", "fix", "it"],
    ["/agent", "help", ""],
    ["/agent fix the crash in *parse*", "fix", "the crash in *parse*"],
    ["/agent fix, please", "fix", "please"],
    ["/agent retry verify", "retry", "verify"],
    ["Hello,\n/agent stop\nthank you", "stop", ""],
    ["Hello,\r\n\r\n/agent stop\r\nthank you", "stop", ""],
    ["Hello\r/agent stop", "stop", ""],
    ["/agent fix\n---\nMy signature", "fix", ""],
    ["/agent fix naïve 日本語 👩‍🚀", "fix", "naïve 日本語 👩‍🚀"],
    ["> what they said\n\n/agent status", "status", ""],
    ["```\ncode\n```\n/agent why", "why", ""],
    ["<!-- hidden -->\n\n/agent why", "why", ""],
  ])("%j", (comment, verb, instruction) => {
    expect(one(comment)).toMatchObject({ verb, instruction, problems: [] });
  });

  test("every verb of the table is read", () => {
    for (const verb of Object.keys(verbs)) expect(one(`/agent ${verb}`).verb).toBe(verb);
  });

  test("all of a comment's commands, in order", () => {
    const verbsRead = read("/agent triage\ntext\n/baton status\n\n@baton-app why").map((command) => command.verb);
    expect(verbsRead).toEqual(["triage", "status", "why"]);
  });

  test("a long comment", () => {
    const long = "A line of ordinary prose, as people write it when they have much to say.\n".repeat(900);
    expect(long.length).toBeGreaterThan(60_000);
    expect(one(`${long}\n/agent fix`).verb).toBe("fix");
    expect(one(`/agent fix\n\n\`\`\`\n${"at x (<anonymous>:1:2) [y]\n".repeat(2_300)}\`\`\``).verb).toBe("fix");
  });

  test("a quote is cut at 200 characters", () => {
    expect(one(`/agent fix ${"x".repeat(300)}`).quote).toHaveLength(200);
  });
});

describe("never a command", () => {
  test.each([
    "Please /agent fix this",
    "- /agent fix",
    "- item\n  /agent fix",
    "1. /agent fix",
    "> /agent fix",
    "> quoted\n/agent fix",
    "    /agent fix",
    "\t/agent fix",
    "```\n/agent fix\n```",
    "~~~\n/agent fix\n~~~",
    "```\n/agent fix",
    "`code\n/agent fix\nmore`",
    "<!--\n/agent fix\n-->",
    "text <!--\n/agent fix\n-->",
    "<!-- /agent fix",
    "<div>\n/agent fix\n</div>",
    "<pre>\n\n/agent fix\n\n</pre>",
    'text <b title="\n/agent fix\n">',
    "# /agent fix",
    "/agentfix",
    "/agent-fix",
    "//agent fix",
    "\\/agent fix",
    "@baton-application fix",
    "@baton-app",
    "@baton-app thanks for the great work!",
    "someone@baton-app fix",
    "| /agent fix |\n| - |\n| /agent fix |",
    "",
  ])("%j", (comment) => {
    expect(read(comment)).toEqual([]);
  });

  test("where the text around it is too intricate to tell, it says so instead of guessing", () => {
    expect(readCommands(`${">".repeat(3_000)}\n\n/agent fix`, "baton-app")).toEqual({
      type: "unreadable",
      quote: "/agent fix",
    });
  });

  test.each([">", "- ", "[", "]", "[](", "<!--", "`a``", "a\n\n", "* a\n", "|x|y|\n", "/agent fix\n"])(
    "hostile text takes no time: %j",
    (shape) => {
      const comment = `/agent fix\n\n${shape.repeat(Math.floor(65_000 / shape.length))}`;
      const times = [1, 2, 3].map(() => {
        const start = process.cpuUsage();
        readCommands(comment, "baton-app");
        const { user, system } = process.cpuUsage(start);
        return (user + system) / 1_000;
      });
      expect(Math.min(...times)).toBeLessThan(50);
    },
  );
});

describe("unknown verbs", () => {
  test.each([
    ["/agent fxi", "fxi", "fix"],
    ["/agent tirage it", "tirage", "triage"],
    ["/agent frobnicate", "frobnicate", undefined],
    ["/agent __proto__", "__proto__", undefined],
    ["/agent constructor", "constructor", undefined],
    ["@baton-app sotp", "sotp", "stop"],
  ])("%j", (comment, verb, nearest) => {
    expect(read(comment)).toEqual([{ kind: "unknown-verb", quote: comment, verb, nearest }]);
  });
});

describe("flags", () => {
  test.each([
    ["--budget $3", { dollars: 3 }],
    ["--budget 3", { dollars: 3 }],
    ["--budget $3.50", { dollars: 3.5 }],
    ["--budget=$3.5", { dollars: 3.5 }],
    ["—budget $3", { dollars: 3 }],
    ["--max-time 20m", { minutes: 20 }],
    ["--max-time 90s", { minutes: 1.5 }],
    ["--max-time 1h", { minutes: 60 }],
    ["--workflow bug", { workflow: "bug" }],
    ['--workflow "bug"', { workflow: "bug" }],
    ["--base release/1.x", { base: "release/1.x" }],
    ["--dry-run", { dryRun: true }],
    ["--model Deep", { tier: "deep" }],
    ["--BUDGET $3 --Dry-Run", { dollars: 3, dryRun: true }],
    ["--budget $3 --max-time 5m --workflow bug --dry-run", { dollars: 3, minutes: 5, workflow: "bug", dryRun: true }],
  ])("%s", (text, flags) => {
    expect(one(`/agent fix ${text}`)).toMatchObject({ flags, problems: [], instruction: "" });
  });

  test("free text may stand around them", () => {
    expect(one("/agent fix only the parser --budget $3 not the printer --dry-run and quickly")).toMatchObject({
      instruction: "only the parser not the printer and quickly",
      flags: { dollars: 3, dryRun: true },
    });
  });

  test("what follows -- is text", () => {
    expect(one("/agent fix --dry-run -- the --verbose flag")).toMatchObject({
      instruction: "the --verbose flag",
      flags: { dryRun: true },
      problems: [],
    });
  });

  test("a flag inside an HTML comment does not count", () => {
    expect(one("/agent fix <!-- --budget $1000 --> now").flags).toEqual({});
  });

  test.each([
    ["fix --budget", "needs dollars"],
    ["fix --budget lots", "not `lots`"],
    ["fix --budget $0", "needs dollars"],
    ["fix --budget -3", "not `-3`"],
    ["fix --budget $1e3", "not `$1e3`"],
    ["fix --budget $99999", "from 0.01 to 1000"],
    ["fix --budget --dry-run", "needs dollars"],
    ["fix --max-time 20", "not `20`"],
    ["fix --max-time 0m", "needs a duration"],
    ["fix --max-time 99h", "up to 24h"],
    ["fix --workflow ../../etc", "needs the name of a workflow"],
    ["fix --workflow", "needs the name of a workflow"],
    ["fix --base ../x", "needs the name of a branch"],
    ["fix --base -x", "needs the name of a branch"],
    ["fix --dry-run=yes", "takes no value"],
    ["fix --model claude-opus-5-5", "needs a tier, one of `fast`, `balanced`, `deep`, not `claude-opus-5-5`"],
    ["fix --model", "needs a tier"],
    ["triage --model deep", "`triage` takes no flags"],
    ["fix --budgt $3", "did you mean `--budget`"],
    ["fix --frobnicate", "there is no flag"],
    ["fix --budget $3 --budget $4", "given twice"],
    ["stop --budget $3", "`stop` takes no flags"],
  ])("/agent %s is answered: %s", (text, problem) => {
    const { problems } = one(`/agent ${text}`);
    expect(problems).toHaveLength(problems.length);
    expect(problems.join("\n")).toContain(problem);
  });

  test("several problems are said at once", () => {
    expect(one("/agent fix --budget x --max-time y --model z").problems).toHaveLength(3);
  });
});
