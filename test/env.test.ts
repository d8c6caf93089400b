import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { isUnconfigured, readEnv } from "#src/env.ts";
import { BatonError } from "#src/core/errors.ts";

const { privateKey } = generateKeyPairSync("rsa", {
  modulusLength: 2048,
  privateKeyEncoding: { type: "pkcs1", format: "pem" },
  publicKeyEncoding: { type: "spki", format: "pem" },
});
const app = { APP_ID: "12", PRIVATE_KEY: privateKey, WEBHOOK_SECRET: "one, two", ANTHROPIC_API_KEY: "key-for-a-test" };

function problemsOf(needs: Parameters<typeof readEnv>[0], source: Record<string, string>): string[] {
  try {
    readEnv(needs, source);
  } catch (error) {
    if (error instanceof BatonError && error.code === "invalid-environment") return error.message.split("\n");
    throw error;
  }
  return [];
}

describe("the environment", () => {
  test("an empty one has defaults and nothing to hide", () => {
    expect(readEnv([], {})).toMatchObject({
      app: undefined,
      model: undefined,
      host: "127.0.0.1",
      port: 3000,
      sandbox: "required",
      secrets: [],
    });
  });

  test.each([
    [undefined, undefined, "https://github.com"],
    ["https://ghe.example.com/api/v3/", undefined, "https://ghe.example.com"],
    ["http://127.0.0.1:4567/api/v3", undefined, "http://127.0.0.1:4567"],
    ["https://example.com/github/api/v3", undefined, "https://example.com/github"],
    ["https://api.octo.ghe.com", undefined, "https://octo.ghe.com"],
    ["https://ghe.example.com/api/v3", "https://pages.example.com/", "https://pages.example.com"],
  ])("the API %s and the pages %s: links lead to %s", (GITHUB_API_URL, GITHUB_SERVER_URL, pages) => {
    expect(readEnv([], { GITHUB_API_URL, GITHUB_SERVER_URL }).serverUrl).toBe(pages);
  });

  test("App credentials are read, secrets split for rotation", () => {
    expect(readEnv(["app", "model"], app).app).toEqual({ id: 12, privateKey, webhookSecrets: ["one", "two"] });
  });

  test.each([
    ["with \\n instead of line breaks", privateKey.replaceAll("\n", "\\n")],
    ["as base64", Buffer.from(privateKey).toString("base64")],
  ])("a private key %s is understood", (_, key) => {
    expect(readEnv(["app"], { ...app, PRIVATE_KEY: key }).app?.privateKey).toBe(privateKey);
  });

  test("a worker needs the App's key and a shared database, and no webhook secret", () => {
    const { WEBHOOK_SECRET: _, ...key } = app;
    const shared = { ...key, DATABASE_URL: "postgres://baton@127.0.0.1/baton" };
    expect(readEnv(["app-key", "model", "database"], shared).app).toEqual({ id: 12, privateKey, webhookSecrets: [] });
    expect(problemsOf(["app-key", "database"], {}).map((line) => line.split(" ")[0])).toEqual([
      "APP_ID",
      "PRIVATE_KEY",
      "DATABASE_URL",
    ]);
    expect(problemsOf(["app"], key)).toEqual([expect.stringMatching(/^WEBHOOK_SECRET is missing/)]);
  });

  test("how much is worked at once and how long is kept have defaults and bounds", () => {
    expect(readEnv([], {})).toMatchObject({
      parallel: { worker: 4, repository: 4, installation: 16 },
      retentionDays: 90,
      archive: undefined,
    });
    expect(readEnv([], { RETENTION_DAYS: "0", WORKER_RUNS: "1" })).toMatchObject({ retentionDays: 0 });
    const problems = problemsOf([], {
      WORKER_RUNS: "0",
      REPOSITORY_RUNS: "x",
      RETENTION_DAYS: "3",
      METRICS_TOKEN: "short",
    });
    expect(problems).toEqual([
      'WORKER_RUNS must be at least 1, but is "0"',
      'REPOSITORY_RUNS must be a number, but is "x"',
      expect.stringMatching(/^RETENTION_DAYS must be 0 \(keep everything\) or at least 7: .*, but is "3"$/),
      "METRICS_TOKEN must have at least 16 characters",
    ]);
    expect(readEnv([], { METRICS_TOKEN: "0123456789abcdef" }).secrets).toEqual(["0123456789abcdef"]);
  });

  test("a server whose runs jobs work needs an address of its own, and a model's key only for runs of its own", () => {
    expect(readEnv([], {}).dispatch).toBeUndefined();
    const { ANTHROPIC_API_KEY: _, ...keyless } = app;
    const always = { ...keyless, DISPATCH_RUNS: "always", BATON_URL: "https://baton.example/" };
    expect(readEnv(["app", "model"], always).dispatch).toEqual({
      which: "always",
      server: "https://baton.example",
      issuer: undefined,
    });
    expect(problemsOf(["app", "model"], { ...always, DISPATCH_RUNS: "asked" })).toEqual([
      expect.stringMatching(/^ANTHROPIC_API_KEY is missing/),
    ]);
    const missing = [expect.stringMatching(/^BATON_URL is missing: DISPATCH_RUNS is set/)];
    expect(problemsOf(["app", "model"], { ...app, DISPATCH_RUNS: "always" })).toEqual(missing);
    expect(problemsOf(["app-key"], { ...app, DISPATCH_RUNS: "asked" })).toEqual(missing);
    expect(problemsOf([], { DISPATCH_RUNS: "sometimes" })).toEqual([
      'DISPATCH_RUNS must be never, asked or always, but is "sometimes"',
    ]);
  });

  test("what is kept on the disk has defaults and bounds, and can be none", () => {
    expect(readEnv([], {})).toMatchObject({
      warmPool: { maxBytes: 4e9, maxAgeMs: 86_400_000, perRepository: 3 },
      mirrorBytes: 20e9,
    });
    const given = { WARM_POOL_MB: "0", WARM_POOL_HOURS: "2", WARM_POOL_BASES: "1", MIRRORS_MB: "0" };
    expect(readEnv([], given)).toMatchObject({
      warmPool: { maxBytes: 0, maxAgeMs: 7_200_000, perRepository: 1 },
      mirrorBytes: 0,
    });
    expect(() => readEnv([], { WARM_POOL_HOURS: "0" })).toThrow('WARM_POOL_HOURS must be at least 1, but is "0"');
  });

  test("everything missing is said at once, one line each", () => {
    const problems = problemsOf(["app", "model"], {});
    expect(problems.map((line) => line.split(" ")[0])).toEqual([
      "APP_ID",
      "PRIVATE_KEY",
      "WEBHOOK_SECRET",
      "ANTHROPIC_API_KEY",
    ]);
  });

  test("everything malformed is said at once, with the value unless it is a secret", () => {
    const problems = problemsOf([], {
      APP_ID: "twelve",
      PORT: "99999",
      BATON_SANDBOX: "maybe",
      GITHUB_API_URL: "ftp://example.test",
      DATABASE_URL: "mysql://root:hunter2hunter2@db/x",
      PRIVATE_KEY: "not a key",
      LOG_LEVEL: "loud",
      WEBHOOK_SECRET: " , ",
    });
    expect(problems).toHaveLength(8);
    expect(problems.join("\n")).toContain('APP_ID must be a number, but is "twelve"');
    expect(problems.join("\n")).toContain('PORT must be a port (0 to 65535), but is "99999"');
    expect(problems.join("\n")).not.toContain("hunter2");
  });

  test("a key file that does not exist is named", () => {
    expect(problemsOf([], { PRIVATE_KEY_PATH: "/nowhere/key.pem" })).toEqual([
      expect.stringContaining("/nowhere/key.pem"),
    ]);
  });

  test("an empty variable counts as absent", () => {
    expect(readEnv([], { PORT: "" }).port).toBe(3000);
    expect(isUnconfigured({ APP_ID: "" })).toBe(true);
    expect(isUnconfigured({ WEBHOOK_SECRET: "x" })).toBe(false);
  });

  test("every secret value is known to the redactor", () => {
    const { secrets } = readEnv([], { ...app, GITHUB_TOKEN: "token-1", DATABASE_URL: "postgres://u:pass%20word@h/d" });
    expect(secrets).toEqual(
      expect.arrayContaining([privateKey, "one", "two", "token-1", "key-for-a-test", "pass word"]),
    );
  });
});

describe("the list of MCP servers", () => {
  const folder = mkdtempSync(join(tmpdir(), "baton-env-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  const listed = (variable: string): string => {
    const file = join(folder, `${variable}.yml`);
    const header = `header: { name: Authorization, variable: ${variable} }`;
    writeFileSync(file, `servers: { web: { url: "https://a.example", ${header}, tools: [x], repositories: ["*"] } }\n`);
    return file;
  };

  test("is read from the file that BATON_MCP names; without one there is none", () => {
    const source = { BATON_MCP: listed("WEB_TOKEN"), WEB_TOKEN: "Bearer word-of-nobody", ANTHROPIC_API_KEY: "k" };
    const { servers, secrets } = readEnv(["model"], source);
    expect(servers).toMatchObject([{ name: "web", header: { value: "Bearer word-of-nobody" } }]);
    expect(secrets).toEqual(expect.arrayContaining(["Bearer word-of-nobody", "word-of-nobody"]));
    expect(readEnv([], {}).servers).toBeUndefined();
  });

  test("needs its secrets where agents work, and only there", () => {
    const source = { BATON_MCP: listed("WEB_TOKEN"), ANTHROPIC_API_KEY: "k" };
    expect(problemsOf(["model"], source)).toEqual([
      expect.stringMatching(
        /^\/.*WEB_TOKEN\.yml:1:\d+: servers\.web\.header\.variable is "WEB_TOKEN" — that variable is not set/,
      ),
    ]);
    expect(readEnv([], source).servers).toMatchObject([{ name: "web", header: undefined }]);
  });

  test("gets no secret of Baton's own", () => {
    const source = { ...app, GITHUB_TOKEN: "a-write-token", BATON_MCP: listed("GITHUB_TOKEN") };
    expect(problemsOf(["model"], source).join()).toContain("that is Baton's own, and no server gets it");
  });

  test("that cannot be read, or is malformed, is said", () => {
    expect(problemsOf([], { BATON_MCP: "/nowhere/mcp.yml" })).toEqual([
      expect.stringMatching(/^BATON_MCP names a file that cannot be read: .*\/nowhere\/mcp\.yml/),
    ]);
    const file = join(folder, "broken.yml");
    writeFileSync(file, "server: {}\n");
    expect(problemsOf([], { BATON_MCP: file }).join("\n")).toContain(
      `${file}:1:1: unknown key "server" — did you mean "servers"?`,
    );
  });
});
