// Where the program is found, and what it is started with.
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cliCommand, cliEnvironment, cliTools, findCli } from "#src/agents/claude-code/program.ts";
import { createClaudeCodeRunner } from "#src/agents/claude-code/runner.ts";
import { createModel } from "#src/agents/model.ts";
import { BatonError } from "#src/core/errors.ts";
import { silentLog } from "#src/core/log.ts";
import { FakePlace } from "../place.ts";
import { library } from "./world.ts";

let base: string;
beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), "baton-program-"));
  await writeFile(join(base, "plain"), "");
  await writeFile(join(base, "claude"), "");
  await chmod(join(base, "claude"), 0o755);
  await symlink(join(base, "claude"), join(base, "link"));
  await mkdir(join(base, "package"));
  await writeFile(join(base, "package/package.json"), "{}");
  await writeFile(join(base, "package/cli.js"), "");
  await chmod(join(base, "package/cli.js"), 0o755);
});
afterAll(() => rm(base, { recursive: true }));

describe("the program", () => {
  test.each([
    [undefined, /^CLAUDE_CODE_PATH is missing: BATON_RUNNER=claude-code needs .* Install Claude Code/],
    ["claude", /must be an absolute path, but is "claude"/],
    ["/nowhere/claude", /names no file: "\/nowhere\/claude"/],
    [tmpdir(), /names no file/],
  ])("is not %s", (path, why) => {
    expect(() => findCli(path)).toThrow(
      expect.objectContaining({ code: "invalid-environment", message: expect.stringMatching(why) }),
    );
  });

  test("must be executable", () => {
    expect(() => findCli(join(base, "plain"))).toThrow(/may not be executed/);
  });

  test("is shown alone, where the link to it leads", () => {
    const cli = findCli(join(base, "link"));
    expect(cli).toEqual({
      show: { "/opt/baton/claude-code/claude": join(base, "claude") },
      path: "/opt/baton/claude-code/claude",
    });
  });

  test("of a package is shown with its package", () => {
    expect(findCli(join(base, "package/cli.js"))).toEqual({
      show: { "/opt/baton/claude-code": join(base, "package") },
      path: "/opt/baton/claude-code/cli.js",
    });
  });

  test("is started without a prompt, key or task among its arguments", () => {
    const cli = findCli(join(base, "claude"));
    const argv = cliCommand(cli, { model: "claude-sonnet-5-5", tools: cliTools(["bash", "read"]) });
    expect(argv).toEqual(
      expect.arrayContaining([
        "--print",
        "--bare",
        "--strict-mcp-config",
        "--setting-sources=",
        "--tools",
        "Bash,Read",
      ]),
    );
    expect(argv.join(" ").length).toBeLessThan(1_000);
    expect(cliEnvironment("m")).toMatchObject({
      ANTHROPIC_BASE_URL: "http://127.0.0.1:3128",
      CLAUDE_CODE_MAX_RETRIES: "0",
    });
  });
});

test("without a sandbox the runner is refused", () => {
  const place = new FakePlace();
  const model = createModel({ apiKey: "test-key-of-nobody", baseURL: "http://127.0.0.1:1", log: silentLog });
  const create = () =>
    createClaudeCodeRunner({
      model,
      workspaces: place.workspaces,
      sandbox: place.sandbox,
      agents: library.agents,
      log: silentLog,
      cli: findCli(join(base, "claude")),
    });
  expect(create).toThrow(BatonError);
  expect(create).toThrow(/works in the sandbox only: leave BATON_SANDBOX=none out/);
});
