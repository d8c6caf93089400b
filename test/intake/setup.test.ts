// The page that creates the App, over real HTTP; GitHub's side is strict.
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { APP_FILE, openSetup, type Setup, type SetupOptions } from "#src/intake/setup.ts";
import { readEnv } from "#src/env.ts";
import { strictGitHub } from "#test/support/github-nock.ts";

const pem = "-----BEGIN RSA PRIVATE KEY-----\nMIIB\nabc=\n-----END RSA PRIVATE KEY-----\n";
const Manifest = z.looseObject({
  hook_attributes: z.looseObject({ url: z.string(), active: z.boolean() }),
  redirect_url: z.string(),
  url: z.string(),
});

let folder: string;
let envFile: string;
const lines: string[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "baton-setup-"));
  envFile = join(folder, ".env");
  lines.length = 0;
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const open = (change: Partial<SetupOptions> = {}): Promise<Setup> =>
  openSetup({
    host: "127.0.0.1",
    port: 0,
    apiUrl: "https://api.github.com",
    serverUrl: "https://github.com",
    envFile,
    say: (line) => lines.push(line),
    ...change,
  });

/** Another path of the page. */
const at = (setup: Setup, path: string) => new URL(path, setup.address).href;
/** As a browser that has opened the printed address. */
const cookie = (setup: Setup) => `baton-setup=${new URL(setup.address).searchParams.get("key") ?? ""}`;

/** The form of the page: where it goes and what it sends. */
async function form(setup: Setup, headers: Record<string, string> = {}) {
  const page = await (await fetch(at(setup, "/probot"), { headers: { cookie: cookie(setup), ...headers } })).text();
  const action = /<form action="([^"]*)" method="post"/.exec(page)?.[1] ?? "";
  const value = /id="manifest" value='([^']*)'/.exec(page)?.[1] ?? "";
  const entities: Record<string, string> = { "&amp;": "&", "&lt;": "<", "&gt;": ">", "&#39;": "'", "&quot;": '"' };
  const manifest = Manifest.parse(
    JSON.parse(value.replaceAll(/&(?:amp|lt|gt|#39|quot);/g, (entity) => entities[entity] ?? "")),
  );
  return { page, action, manifest, state: new URL(action).searchParams.get("state") ?? "" };
}

describe("app.yml", () => {
  test("asks for the least", async () => {
    const app: unknown = parse(await readFile(APP_FILE, "utf8"));
    expect(app).toMatchObject({
      public: false,
      default_permissions: {
        actions: "write",
        checks: "write",
        contents: "write",
        issues: "write",
        metadata: "read",
        pull_requests: "write",
        statuses: "read",
      },
      default_events: [
        "issues",
        "issue_comment",
        "repository",
        "pull_request",
        "pull_request_review",
        "push",
        "repository_dispatch",
        "check_suite",
        "status",
      ],
    });
    const permissions = z
      .object({ default_permissions: z.record(z.string(), z.string()) })
      .parse(app).default_permissions;
    expect(Object.keys(permissions)).toHaveLength(7);
    for (const never of ["workflows", "administration", "secrets", "deployments", "members"])
      expect(permissions).not.toHaveProperty(never);
  });
});

describe("the page", () => {
  test("is Probot's, says what to do, and sends app.yml to GitHub", async () => {
    await using setup = await open();
    const start = await fetch(setup.address, { redirect: "manual" });
    expect(start.status).toBe(200);
    expect(start.headers.get("set-cookie")).toBe(`${cookie(setup)}; Path=/; HttpOnly; SameSite=Strict`);
    expect(start.headers.get("referrer-policy")).toBe("same-origin");
    expect(await start.text()).toContain("Register GitHub App");
    const { page, action, manifest } = await form(setup);
    expect(page).toContain("Register GitHub App");
    expect(action).toMatch(/^https:\/\/github\.com\/settings\/apps\/new\?state=[\w-]{36}$/);
    const app = z.looseObject({}).parse(parse(await readFile(APP_FILE, "utf8")));
    expect(manifest).toEqual({
      ...app,
      url: new URL(setup.address).origin,
      redirect_url: at(setup, "/probot/setup"),
      hook_attributes: { url: "https://example.com/api/github/webhooks", active: false },
    });
    expect(lines.join("\n")).toContain(`Open ${setup.address}`);
    for (const file of ["primer.css", "robot.svg", "probot-head.svg"])
      expect((await fetch(at(setup, `/probot/static/${file}`), { headers: { cookie: cookie(setup) } })).status).toBe(
        200,
      );
  });

  test("behind a public address it has deliveries sent to the webhook path there", async () => {
    await using setup = await open();
    const { manifest } = await form(setup, { "x-forwarded-host": "baton.example.org", "x-forwarded-proto": "https" });
    expect(manifest).toMatchObject({
      url: "https://baton.example.org",
      redirect_url: "https://baton.example.org/probot/setup",
      hook_attributes: { url: "https://baton.example.org/api/github/webhooks", active: true },
    });
  });

  test("on Enterprise Server, for an organisation, with a given address", async () => {
    await using setup = await open({
      serverUrl: "https://ghe.example.com/",
      organization: "our-org",
      publicUrl: "https://baton.example.com/",
    });
    const { action, manifest, page } = await form(setup);
    expect(action).toContain("https://ghe.example.com/organizations/our-org/settings/apps/new?");
    expect(manifest.hook_attributes.url).toBe("https://baton.example.com/api/github/webhooks");
    expect(page).not.toContain("//github.com/settings");
  });

  test("a host header cannot write into it", async () => {
    await using setup = await open();
    const { page, manifest } = await form(setup, { "x-forwarded-host": `x'><script>alert(1)</script>` });
    expect(page).not.toContain("<script>alert");
    expect(manifest.url).toBe("http://localhost");
  });

  test("deliveries are told to wait, and other paths are not there", async () => {
    await using setup = await open();
    const headers = { cookie: cookie(setup) };
    expect((await fetch(at(setup, "/api/github/webhooks"), { method: "POST" })).status).toBe(503);
    expect((await fetch(at(setup, "/etc/passwd"), { headers })).status).toBe(404);
    for (const page of ["/probot", "/probot/import", "/probot/success"]) {
      const answer = await fetch(at(setup, page), { headers });
      expect(answer.status).toBe(200);
      // Probot's words to people who build Apps would only lead astray here.
      expect(await answer.text()).not.toMatch(
        /start building|probot\.github\.io|github\.com\/probot|built with Probot|Congrats/,
      );
    }
  });

  test("opens to nobody without its key; only its health is everybody's", async () => {
    await using setup = await open();
    await using other = await open();
    const good = new URL(setup.address).searchParams.get("key") ?? "";
    expect(good.length).toBeGreaterThanOrEqual(32);
    expect(lines.join("\n")).toContain(setup.address);
    expect((await fetch(at(setup, "/healthz"))).status).toBe(200);
    const paths = ["/", "/probot", "/probot/import", "/probot/success", "/probot/static/primer.css", "/etc/passwd"];
    for (const path of paths) {
      const wrong = [
        "",
        "?key=",
        `?key=${good.slice(1)}`,
        `?key=${good}x`,
        `?key=${encodeURIComponent("é".repeat(32))}`,
      ];
      for (const query of wrong) expect((await fetch(at(setup, path + query))).status).toBe(403);
      for (const bad of [cookie(other), "baton-setup=", "baton-setup", `x=${good}`])
        expect((await fetch(at(setup, path), { headers: { cookie: bad } })).status).toBe(403);
    }
    const post = { method: "POST", body: "{}", headers: { origin: new URL(setup.address).origin } };
    expect((await fetch(at(setup, "/probot/import"), post)).status).toBe(403);
    // GitHub sends people back without the cookie: the state stands for it, and nothing else does.
    expect((await fetch(at(setup, "/probot/setup?code=x&state=y"))).status).toBe(403);
    expect((await fetch(at(setup, "/"))).headers.get("set-cookie")).toBeNull();
  });

  test("a taken port is one clear line", async () => {
    await using setup = await open();
    const port = Number(new URL(setup.address).port);
    await expect(open({ port })).rejects.toMatchObject({
      code: "invalid-environment",
      message: expect.stringContaining("Set PORT"),
    });
  });
});

describe("GitHub's answer", () => {
  const github = strictGitHub();
  const owner = {
    login: "octo",
    id: 1,
    node_id: "x",
    avatar_url: "https://x.y",
    gravatar_id: "",
    url: "https://x.y",
    html_url: "https://x.y",
    followers_url: "https://x.y",
    following_url: "https://x.y",
    gists_url: "https://x.y",
    starred_url: "https://x.y",
    subscriptions_url: "https://x.y",
    organizations_url: "https://x.y",
    repos_url: "https://x.y",
    events_url: "https://x.y",
    received_events_url: "https://x.y",
    type: "User",
    site_admin: false,
  };
  const conversion = {
    method: "POST",
    path: "/app-manifests/the-code/conversions",
    status: 201,
    answer: {
      id: 4711,
      node_id: "x",
      owner,
      name: "Baton",
      description: "",
      external_url: "https://x.y",
      html_url: "https://github.com/apps/baton",
      created_at: "2026-11-20T12:00:00Z",
      updated_at: "2026-11-20T12:00:00Z",
      permissions: { issues: "write" },
      events: ["issues"],
      client_id: "c",
      client_secret: "s",
      webhook_secret: "hook-secret",
      pem,
    },
  } as const;
  const back = (setup: Setup, code: string, state: string) =>
    fetch(at(setup, `/probot/setup?code=${code}&state=${state}`), { redirect: "manual" });

  test("becomes an env file that the environment's door takes, for its owner only", async () => {
    await writeFile(envFile, "# mine\nLOG_LEVEL=debug\nAPP_ID=1\n");
    await using setup = await open();
    const { state } = await form(setup);
    github.expect(conversion);
    const answer = await back(setup, "the-code", state);
    expect([answer.status, answer.headers.get("location")]).toEqual([
      302,
      "https://github.com/apps/baton/installations/new",
    ]);
    await setup.done;
    const text = await readFile(envFile, "utf8");
    expect(text).toContain("# mine\nLOG_LEVEL=debug\n");
    expect(parseEnv(text)).toEqual({
      LOG_LEVEL: "debug",
      APP_ID: "4711",
      PRIVATE_KEY: pem.trim(),
      WEBHOOK_SECRET: "hook-secret",
    });
    expect(() => readEnv([], parseEnv(text))).not.toThrow(/APP_ID|WEBHOOK_SECRET/);
    expect((await stat(envFile)).mode & 0o777).toBe(0o600);
    expect(lines.join("\n")).toContain("run `npm start` again");
    expect(lines.join("\n")).not.toContain("hook-secret");
    // A second visit must not swap the App.
    expect((await back(setup, "the-code", state)).status).toBe(409);
  });

  test("is taken only with the state this page sent", async () => {
    await using setup = await open();
    expect((await back(setup, "the-code", "")).status).toBe(403);
    expect((await back(setup, "the-code", "0".repeat(36))).status).toBe(403);
    expect((await back(setup, "the-code", encodeURIComponent("é".repeat(36)))).status).toBe(403);
    await expect(stat(envFile)).rejects.toThrow("ENOENT");
  });

  test("without a sensible code, or with GitHub's no, writes nothing and says so", async () => {
    await using setup = await open();
    const { state } = await form(setup);
    expect((await back(setup, "", state)).status).toBe(400);
    expect((await back(setup, "..%2f..%2fuser", state)).status).toBe(400);
    github.expect({ ...conversion, status: 404, answer: { message: "Not Found", documentation_url: "https://x.y" } });
    const answer = await back(setup, "the-code", state);
    expect([answer.status, await answer.text()]).toEqual([502, expect.stringContaining("did not hand out")]);
    await expect(stat(envFile)).rejects.toThrow("ENOENT");
  });
});

describe("an existing App", () => {
  const good = { appId: "12", pem, webhook_secret: "secret" };
  const post = (setup: Setup, body: unknown, headers: Record<string, string> = {}) =>
    fetch(at(setup, "/probot/import"), {
      method: "POST",
      body: JSON.stringify(body),
      headers: {
        "content-type": "application/json",
        origin: new URL(setup.address).origin,
        cookie: cookie(setup),
        "sec-fetch-site": "same-origin",
        ...headers,
      },
    });

  test("is taken from the page's own form", async () => {
    await using setup = await open();
    expect((await post(setup, good)).status).toBe(200);
    expect(parseEnv(await readFile(envFile, "utf8"))).toEqual({
      APP_ID: "12",
      PRIVATE_KEY: pem.trim(),
      WEBHOOK_SECRET: "secret",
    });
    expect((await post(setup, good)).status).toBe(409);
  });

  test.each([
    ["another site", good, { origin: "https://evil.example", "sec-fetch-site": "cross-site" }, 403],
    ["another site in an old browser", good, { origin: "https://evil.example" }, 403],
    ["a key that is none", { ...good, pem: "x" }, {}, 400],
    ["an id that is none", { ...good, appId: "x" }, {}, 400],
    ["a secret that would break the file", { ...good, webhook_secret: 'a"\nAPP_ID=1' }, {}, 400],
    ["no secret", { ...good, webhook_secret: "" }, {}, 400],
    ["nothing", null, {}, 400],
    ["too much", { ...good, pem: `PRIVATE KEY${"x".repeat(60_000)}` }, {}, 400],
  ])("%s is refused and writes nothing", async (_, body, headers, status) => {
    await using setup = await open();
    expect((await post(setup, body, headers)).status).toBe(status);
    await expect(stat(envFile)).rejects.toThrow("ENOENT");
  });
});
