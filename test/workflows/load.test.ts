// The library: Baton's own files, and a repository's in front of them.
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createLibrary, withOverrides } from "#src/workflows/load.ts";

const agent = (name: string, prompt = "Prompt") => `---\nname: ${name}\ndescription: x\n---\n${prompt}`;
const workflow = (name: string, worker: string, description = "x") =>
  `---\nname: ${name}\ndescription: ${description}\nbudget: { run: 1, time: 5m }\nstages: { fix: { agent: ${worker}, makes: Change } }\n---\n`;

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "baton-library-"));
  await mkdir(join(folder, "agents"));
  await writeFile(join(folder, "flow.md"), workflow("flow", "fixer"));
  await writeFile(join(folder, "lost.md"), workflow("lost", "nobody"));
  await writeFile(join(folder, "agents/fixer.md"), agent("fixer"));
  await writeFile(join(folder, "agents/broken.md"), "---\nname: broken\n---\n");
  await writeFile(join(folder, "README.md"), "not a workflow");
  await writeFile(join(tmpdir(), "baton-outside.md"), agent("outside"));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
  await rm(join(tmpdir(), "baton-outside.md"));
});

const none = async () => undefined;
const files = (entries: Readonly<Record<string, string>>) => {
  const read: string[] = [];
  return {
    read,
    at: async (path: string) => {
      read.push(path);
      return entries[path];
    },
  };
};

describe("Baton's own library", () => {
  test("holds workflows and agents without a problem or a warning", async () => {
    const library = await createLibrary();
    expect(library.workflows.names()).toContain("bug");
    for (const name of library.workflows.names()) expect(await library.workflows.load(name)).toMatchObject({ name });
    for (const name of library.agents.names()) expect(await library.agents.load(name)).toMatchObject({ name });
  });
});

describe("a library", () => {
  test("loads by name, once", async () => {
    const library = await createLibrary({ folder });
    expect(library.workflows.names()).toEqual(["flow", "lost"]);
    expect(library.agents.names()).toEqual(["broken", "fixer"]);
    const first = await library.workflows.load("flow");
    expect(first).toMatchObject({ name: "flow", stages: { fix: { agent: "fixer" } } });
    await writeFile(join(folder, "agents/fixer.md"), agent("fixer", "Changed"));
    expect(await library.workflows.load("flow")).toBe(first);
    expect((await library.agents.load("fixer"))?.prompt).toBe("Changed");
    await writeFile(join(folder, "agents/fixer.md"), agent("fixer"));
    expect((await library.agents.load("fixer"))?.prompt).toBe("Changed");
  });

  test("knows no other names, whatever they look like", async () => {
    const library = await createLibrary({ folder });
    for (const name of [
      "other",
      "",
      "README",
      "../baton-outside",
      "../../baton-outside",
      "agents/fixer",
      "constructor",
    ]) {
      expect(await library.workflows.load(name)).toBeUndefined();
      expect(await library.agents.load(name)).toBeUndefined();
    }
  });

  test("refuses a malformed file with every problem in it", async () => {
    const library = await createLibrary({ folder });
    await expect(library.agents.load("broken")).rejects.toMatchObject({
      code: "invalid-config",
      message: expect.stringMatching(
        /agents\/broken\.md:2:1: "description" is missing[^]*agents\/broken\.md:3:1: there is no prompt/,
      ),
    });
    await expect(library.workflows.load("lost")).rejects.toThrow('names the agent "nobody", which does not exist');
  });
});

describe("a repository's own files", () => {
  test("come first: the same name replaces, another name adds, the rest stays", async () => {
    const own = files({
      ".github/baton/workflows/flow.md": workflow("flow", "artist", "Mine"),
      ".github/baton/agents/artist.md": agent("artist"),
    });
    const library = withOverrides(await createLibrary({ folder }), own.at);
    expect((await library.workflows.load("flow"))?.description).toBe("Mine");
    expect((await library.agents.load("artist"))?.file).toBe(".github/baton/agents/artist.md");
    expect((await library.agents.load("fixer"))?.file).toBe("workflows/agents/fixer.md");
    expect(await library.workflows.load("nothing")).toBeUndefined();
  });

  test("are not asked for names that could be a path", async () => {
    const own = files({});
    const library = withOverrides(await createLibrary({ folder }), own.at);
    expect(await library.workflows.load("../../x")).toBeUndefined();
    expect(own.read).toEqual([]);
  });

  test("must name agents that exist", async () => {
    const own = files({ ".github/baton/workflows/mine.md": workflow("mine", "fixr") });
    const library = withOverrides(await createLibrary({ folder }), own.at);
    await expect(library.workflows.load("mine")).rejects.toMatchObject({
      code: "invalid-config",
      message:
        '.github/baton/workflows/mine.md:5:25: fix names the agent "fixr", which does not exist — did you mean "fixer"?',
    });
  });

  test("are read with the workflow that uses them, so that what is wrong with an agent is known before anything runs", async () => {
    const own = files({ ".github/baton/agents/fixer.md": agent("fixer").replace("x\n", "x\nmcpServers: [shell]\n") });
    const mayName = (name: string) => `which is refused: ${name}`;
    const library = withOverrides(await createLibrary({ folder }), own.at, mayName);
    await expect(library.workflows.load("flow")).rejects.toMatchObject({
      code: "invalid-config",
      message: '.github/baton/agents/fixer.md:4:14: mcpServers names "shell", which is refused: shell',
    });
  });

  test("that cannot be read now may be read later", async () => {
    let broken = true;
    const library = withOverrides(await createLibrary({ folder }), async () => {
      if (broken) throw new Error("connection lost");
      return undefined;
    });
    await expect(library.agents.load("fixer")).rejects.toThrow("connection lost");
    broken = false;
    expect(await library.agents.load("fixer")).toMatchObject({ name: "fixer" });
  });

  test("absent, everything is Baton's own", async () => {
    const base = await createLibrary({ folder });
    expect(await withOverrides(base, none).workflows.load("flow")).toBe(await base.workflows.load("flow"));
  });
});
