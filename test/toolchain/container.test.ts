// The image and the compose file against the tree: they cannot be built in a test, but most of what breaks them can be seen.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { Variables } from "#src/env.ts";

const root = join(import.meta.dirname, "../..");
const read = (file: string) => readFileSync(join(root, file), "utf8");

/** The instructions of the Dockerfile: continued lines joined, comments left out. */
const instructions = read("Dockerfile")
  .replace(/^\s*#.*$/gm, "")
  .replace(/\\\n/g, " ")
  .split("\n")
  .map((line) => line.trim())
  .filter((line) => line !== "")
  .map((line) => {
    const [name = "", ...rest] = line.split(/\s+/);
    return { name, text: rest.join(" ") };
  });
const textsOf = (name: string) => instructions.filter((line) => line.name === name).map(({ text }) => text);
const copied = textsOf("COPY").flatMap((text) => text.split(" ").slice(0, -1));

describe("the image", () => {
  test("copies only what exists and what .dockerignore lets in", () => {
    const allowed = read(".dockerignore")
      .split("\n")
      .filter((line) => line.startsWith("!"));
    expect(copied.filter((path) => !existsSync(join(root, path)))).toEqual([]);
    expect(copied.filter((path) => !allowed.includes(`!${path}`))).toEqual([]);
    expect(read(".dockerignore").split("\n")).toContain("*");
  });

  test("holds every file the program reads beside its source", () => {
    expect(copied).toEqual(expect.arrayContaining(["src", "workflows", "app.yml", "package.json"]));
  });

  test("installs no development dependency and runs no package's script, and the source needs none", () => {
    expect(textsOf("RUN").join()).toContain("npm ci --omit=dev --ignore-scripts");
    const manifest = z
      .object({ dependencies: z.record(z.string(), z.string()) })
      .parse(JSON.parse(read("package.json")));
    const sources = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" }).filter((file) =>
      file.endsWith(".ts"),
    );
    const needed = sources.flatMap((file) =>
      [
        ...read(join("src", file)).matchAll(
          /^(?:import|export)\s+(?!type\s)(?:[^"';]*?\sfrom\s+)?"([^".#][^"]*)"|\bimport\(\s*"([^".#][^"]*)"\s*\)/gm,
        ),
      ]
        .map(([, early, late]) => early ?? late ?? "")
        .filter((name) => !name.startsWith("node:"))
        .map((name) =>
          name
            .split("/")
            .slice(0, name.startsWith("@") ? 2 : 1)
            .join("/"),
        ),
    );
    expect(needed.length).toBeGreaterThan(5);
    expect([...new Set(needed)].filter((name) => !Object.hasOwn(manifest.dependencies, name))).toEqual([]);
  });

  test("brings what the sandbox and git need", () => {
    const packages = textsOf("RUN").join(" ").split(/\s+/);
    expect(packages).toEqual(
      expect.arrayContaining(["bubblewrap", "socat", "ripgrep", "git", "ca-certificates", "tini"]),
    );
  });

  test("runs the server as somebody other than root", () => {
    expect(textsOf("USER")).toEqual(["node"]);
    const user = instructions.findIndex(({ name }) => name === "USER");
    expect(instructions.slice(user).every(({ name }) => name !== "COPY" && name !== "RUN")).toBe(true);
    expect(textsOf("CMD")).toEqual(['["node", "src/main.ts", "serve"]']);
    expect(existsSync(join(root, "src/main.ts"))).toBe(true);
  });

  test("is of the Node release the project is written for", () => {
    expect(textsOf("FROM")).toEqual([`node:${read(".nvmrc").trim()}-slim`]);
  });

  test("sets only variables that Baton knows, with a health check on the port it listens on", () => {
    const set = Object.fromEntries(textsOf("ENV").flatMap((text) => text.split(" ").map((pair) => pair.split("="))));
    expect(Object.keys(set).filter((name) => !(name in Variables.shape))).toEqual([]);
    expect(textsOf("EXPOSE")).toEqual([set["PORT"]]);
    expect(textsOf("VOLUME")).toEqual([set["BATON_HOME"]]);
    expect(textsOf("HEALTHCHECK").join()).toContain("/healthz");
  });
});

const Service = z.object({
  command: z.array(z.string()).default([]),
  deploy: z.object({ replicas: z.number() }).optional(),
  environment: z.record(z.string(), z.string()).default({}),
  healthcheck: z.object({ test: z.array(z.string()) }).optional(),
  image: z.string().optional(),
  profiles: z.array(z.string()).default([]),
  read_only: z.boolean().default(false),
  security_opt: z.array(z.string()).default([]),
  stop_grace_period: z.string().optional(),
  volumes: z.array(z.string()).default([]),
  tmpfs: z.array(z.string()).default([]),
});
const compose = z
  .object({ services: z.record(z.string(), Service) })
  .parse(parse(read("compose.yaml"), { merge: true }));

describe("the compose file", () => {
  test.each(["app", "worker"])("gives %s only variables that Baton knows, and no secret of its own making", (name) => {
    const environment = compose.services[name]?.environment ?? {};
    expect(Object.keys(environment).length).toBeGreaterThan(5);
    expect(Object.keys(environment).filter((variable) => !(variable in Variables.shape))).toEqual([]);
    for (const variable of ["PRIVATE_KEY", "WEBHOOK_SECRET", "ANTHROPIC_API_KEY", "METRICS_TOKEN"])
      expect([undefined, `\${${variable}:-}`]).toContain(environment[variable]);
    expect(read("compose.yaml")).toContain("${POSTGRES_PASSWORD:?");
  });

  test("gives each no secret and no freedom that only the other needs", () => {
    const { app, worker } = compose.services;
    expect(app?.command.slice(1)).toEqual(["src/main.ts", "serve", "--no-worker"]);
    expect(app?.environment).not.toHaveProperty("ANTHROPIC_API_KEY");
    expect(app?.security_opt).toEqual(["no-new-privileges:true"]);
    expect(worker?.command.slice(1)).toEqual(["src/main.ts", "worker"]);
    expect(worker?.environment).not.toHaveProperty("WEBHOOK_SECRET");
    expect(worker?.security_opt).toContain("no-new-privileges:true");
    expect([app?.deploy?.replicas, worker?.deploy?.replicas]).toEqual([1, 2]);
  });

  test.each(["app", "worker"])("lets %s write only to its volume and /tmp, and gives it time to park", (name) => {
    expect(compose.services[name]).toMatchObject({
      read_only: true,
      volumes: ["baton:/var/lib/baton"],
      tmpfs: [expect.stringMatching(/^\/tmp:/)],
      stop_grace_period: "35s",
    });
  });

  test("waits for servers that say they are well; Redis only when asked for", () => {
    for (const name of ["postgres", "redis"]) expect(compose.services[name]?.healthcheck).toBeDefined();
    expect(compose.services["redis"]?.profiles).toEqual(["redis"]);
    expect(compose.services["postgres"]?.profiles).toEqual([]);
  });
});
