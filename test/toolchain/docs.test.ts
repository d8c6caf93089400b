// What the documents say about keys, variables and artifacts is what the schemas say. When this fails: npx node scripts/write-docs.ts
import { readdirSync, existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, test } from "vitest";
import { documentFiles, schemaFiles, withGeneratedParts } from "../../scripts/write-docs.ts";

const root = join(import.meta.dirname, "../..");
const read = (file: string) => readFileSync(join(root, file), "utf8");
/** Tables are laid out by the formatter; only their words count here. */
const words = (text: string) => text.replace(/-{3,}/g, "---").replace(/\s+/g, " ");

describe("generated parts are current", () => {
  test.each(Object.keys(schemaFiles))("%s", (file) => {
    expect(JSON.parse(read(file))).toEqual(JSON.parse(schemaFiles[file]?.() ?? ""));
  });

  test.each(documentFiles)("%s", (file) => {
    const text = read(file);
    expect(text).toContain("<!-- generated: ");
    expect(words(text)).toBe(words(withGeneratedParts(text)));
  });
});

describe("the published schemas", () => {
  const check = (file: string, value: unknown) =>
    new Ajv2020({ strict: false }).validate(JSON.parse(read(file)), value);

  test("take a good config and refuse a misspelt key", () => {
    expect(check("docs/schema/baton.schema.json", { commands: { test: "npm test" } })).toBe(true);
    expect(check("docs/schema/baton.schema.json", { comands: {} })).toBe(false);
  });

  test("take a good workflow and refuse a gate that does not exist", () => {
    const flow = (gate: string) => ({
      name: "flow",
      description: "x",
      budget: { run: 1, time: "5m" },
      stages: { verify: { gates: [gate] } },
    });
    expect(check("docs/schema/workflow.schema.json", flow("scope"))).toBe(true);
    expect(check("docs/schema/workflow.schema.json", flow("scoop"))).toBe(false);
  });
});

test("every link from one document to another leads somewhere", () => {
  const documents = [
    ...readdirSync(root).filter((name) => name.endsWith(".md")),
    ...readdirSync(join(root, "docs"))
      .filter((name) => name.endsWith(".md"))
      .map((name) => `docs/${name}`),
  ];
  const broken = documents.flatMap((file) =>
    [...read(file).matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)(?:#[^)]*)?\)/g)]
      .map(([, target = ""]) => target)
      .filter((target) => !existsSync(join(root, dirname(file), target)))
      .map((target) => `${file} → ${target}`),
  );
  expect(documents.length).toBeGreaterThan(5);
  expect(broken).toEqual([]);
});
