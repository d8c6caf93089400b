// Agent files: the sub-agent format works as it is, and slips that would change what an agent may do are refused.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseAgent } from "#src/workflows/parse-agent.ts";

const good = (front: string, body = "You review code.") =>
  `---\nname: helper\ndescription: Helps\n${front}---\n\n${body}\n`;

function agentOf(text: string) {
  const parsed = parseAgent(text, "helper.md");
  if (parsed.type !== "ok") throw new Error(parsed.problems.join("\n"));
  return parsed;
}

function problemsOf(text: string, file = "helper.md"): string[] {
  const parsed = parseAgent(text, file);
  return parsed.type === "ok" ? [] : parsed.problems;
}

describe("a sub-agent file as people have them", () => {
  test("is read: tools with commas and capitals, model by its name, colour tolerated", () => {
    const { agent, warnings } = agentOf(good("tools: Read, Grep, MultiEdit, LS\nmodel: haiku\ncolor: red\n"));
    expect(agent).toEqual({
      name: "helper",
      description: "Helps",
      model: "fast",
      tools: ["read", "edit", "glob", "grep"],
      servers: [],
      prompt: "You review code.",
      file: "helper.md",
    });
    expect(warnings).toEqual([]);
  });

  test("may have a long description with colons and no quotes, which is not YAML", () => {
    const text = `---\nname: helper\ndescription: Use when: the user asks. Examples: <example>Context: "x" # y</example>\ntools: Bsah\n---\nPrompt`;
    expect(problemsOf(text)).toEqual(['helper.md:4:8: unknown tool "Bsah" — did you mean "bash"?']);
    const { agent } = agentOf(text.replace("Bsah", "Bash"));
    expect(agent.description).toBe('Use when: the user asks. Examples: <example>Context: "x" # y</example>');
  });

  test("tools it names that Baton does not have are ignored, and said so", () => {
    const { agent, warnings } = agentOf(
      good("tools: [Read, WebFetch, mcp__github__search, Task, 'Bash(git diff:*)']\n"),
    );
    expect(agent.tools).toEqual(["read"]);
    expect(warnings).toEqual([
      'helper.md:4:15: the tool "WebFetch" is ignored — Baton has bash, read, write, edit, glob, grep',
      'helper.md:4:25: the tool "mcp__github__search" is ignored — name "github" in mcpServers to have it',
      'helper.md:4:46: the tool "Task" is ignored — Baton has bash, read, write, edit, glob, grep',
      'helper.md:4:52: the tool "Bash(git diff:*)" is ignored — Baton cannot narrow a tool; name it without brackets to grant all of it',
    ]);
  });

  test("a narrowed bash is not widened to all of bash, also between commas inside its brackets", () => {
    expect(agentOf(good("tools: Read, Bash(git diff:*, git log:*)\n")).agent.tools).toEqual(["read"]);
  });

  test("without tools it has all of them; with an empty list none; disallowedTools takes away", () => {
    expect(agentOf(good("")).agent.tools).toEqual(["bash", "read", "write", "edit", "glob", "grep"]);
    expect(agentOf(good("tools: []\n")).agent.tools).toEqual([]);
    expect(agentOf(good("disallowedTools: Bash, Write\n")).agent.tools).toEqual(["read", "edit", "glob", "grep"]);
  });

  test.each([
    ["fast", "fast"],
    ["balanced", "balanced"],
    ["deep", "deep"],
    ["Haiku", "fast"],
    ["sonnet", "balanced"],
    ["opus", "deep"],
    ["inherit", "balanced"],
    ["claude-opus-5-5", "deep"],
  ])("model %s is the tier %s", (model, tier) => {
    expect(agentOf(good(`model: ${model}\n`)).agent.model).toBe(tier);
  });

  test("keys of others are ignored with a warning: hooks in a file are never loaded", () => {
    const { warnings } = agentOf(good("hooks: { PreToolUse: [] }\n"));
    expect(warnings).toEqual(['helper.md:4:1: "hooks" is ignored — Baton has no use for it']);
  });
});

describe("a slip", () => {
  test.each([
    [good("tool: Read\n"), 'helper.md:4:1: unknown key "tool" — did you mean "tools"?'],
    [good("tools: Read, Grpe\n"), 'helper.md:4:8: unknown tool "Grpe" — did you mean "grep"?'],
    [good("model: sonet\n"), 'helper.md:4:8: model is "sonet" — did you mean "sonnet"?'],
    [good("model: gpt-9\n"), 'helper.md:4:8: model is "gpt-9" — write fast, balanced or deep'],
    [
      good("tools: 5\n"),
      "helper.md:4:8: tools is 5 — write text of at most 4000 characters, or a list of at most 100, each text of at most 200 characters",
    ],
    [good("", ""), "helper.md:4:1: there is no prompt — write it below the front matter"],
    [good("", "x".repeat(64_001)), "helper.md:4:1: the prompt has 64001 characters — make it at most 64000"],
    [
      "---\nname: helper\n---\nPrompt",
      'helper.md:2:1: "description" is missing — add it: text of 1 to 8000 characters',
    ],
    [
      "---\nname: Helper Bot\ndescription: x\n---\nPrompt",
      'helper.md:2:7: name is "Helper Bot", but the file is called helper.md — make them the same',
    ],
    [
      "no front matter",
      'helper.md:1:1: there is no front matter (the first line holds "no front matter") — begin the file with a line ---',
    ],
    [
      good("tools: merge_work, read, bash\n"),
      'helper.md:4:8: tools has merge_work and "bash" — an agent hands in what it merged, or what it changed itself; take one of them out',
    ],
  ])("%#", (text, problem) => {
    expect(problemsOf(text)).toContain(problem);
  });

  test("the tools to conduct others are had by who names them", () => {
    expect(agentOf(good("tools: delegate, Read, create_agent\n")).agent.tools).toEqual([
      "read",
      "create_agent",
      "delegate",
    ]);
    expect(agentOf(good("")).agent.tools).toEqual(["bash", "read", "write", "edit", "glob", "grep"]);
  });

  test("the name of the file is the name of the agent", () => {
    expect(problemsOf(good(""), "workflows/agents/other.md")).toEqual([
      'workflows/agents/other.md:2:7: name is "helper", but the file is called other.md — make them the same',
    ]);
  });

  test("the word constructor is no tool and no model", () => {
    expect(agentOf(good("tools: constructor\n")).agent.tools).toEqual([]);
    expect(problemsOf(good("model: constructor\n"))).toHaveLength(1);
  });
});

test("anything at all is answered without throwing", () => {
  const words = fc.constantFrom(
    "---\n",
    "name: helper\n",
    "description: a: b\n",
    "tools: ",
    "Read",
    ", ",
    "Bash(",
    ")",
    "model: ",
    "opus",
    "\n",
    "[",
    "]",
    "{",
    "&a",
    "*a",
    "'",
    '"',
    "- ",
    ": ",
    "\r\n",
    "\t",
    "\uFEFF",
  );
  const text = fc.oneof(
    fc.string({ maxLength: 200 }),
    fc.array(words, { maxLength: 60 }).map((parts) => parts.join("")),
  );
  fc.assert(
    fc.property(text, (soup) => {
      for (const variant of [soup, `---\nname: helper\n${soup}\n---\nPrompt`]) {
        const parsed = parseAgent(variant, "helper.md");
        for (const line of parsed.type === "ok" ? parsed.warnings : parsed.problems)
          expect(line).toMatch(/^helper\.md:.+( — .+|\?)$/su);
      }
    }),
    { numRuns: 2_000 },
  );
});
