// `npm run docs`: writes what can be read from the schemas into the documents, so that the two cannot say different things.
// JSON schemas go to docs/schema/; in Markdown, what stands between `<!-- generated: name -->` and `<!-- /generated -->` is replaced.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Variables } from "../src/env.ts";
import { doors, type Door } from "../src/intake/doors.ts";
import { flags, helpLines } from "../src/intake/verbs.ts";
import { artifactSchemas } from "../src/workflows/artifacts.ts";
import { expectation, jsonSchemaOf } from "../src/workflows/explain.ts";
import { jsonSchemaText, schemaNames } from "../src/workflows/json-schemas.ts";
import { AgentFrontMatter } from "../src/workflows/parse-agent.ts";
import { RepoConfig } from "../src/workflows/repo-config.ts";
import { Stage, Workflow } from "../src/workflows/schema.ts";
import { LocalServer, RemoteServer } from "../src/workflows/servers.ts";

type JsonSchema = ReturnType<typeof jsonSchemaOf>;

const root = join(import.meta.dirname, "..");

/** The published JSON schemas, by file. */
export const schemaFiles: Readonly<Record<string, () => string>> = Object.fromEntries(
  schemaNames.map((name) => [`docs/schema/${name}.schema.json`, () => jsonSchemaText(name)]),
);

/** The documents with generated parts. */
export const documentFiles = ["README.md", "docs/commands.md", "docs/configuration.md", "docs/workflows.md"] as const;

const parts: Readonly<Record<string, () => string>> = {
  commands: () => table(["command", "what it does", "who may"], verbRows()),
  doors: () =>
    table(
      ["door", "what it does", "who may", "when it is refused"],
      Object.values<Door>(doors).map(({ name, does, may, more, refused }) => [
        name,
        does,
        [...(may === "none" ? [] : [`${may} and up`]), ...(more === undefined ? [] : [more])].join("; "),
        refused,
      ]),
    ),
  flags: () =>
    table(
      ["flag", "what it does"],
      Object.values(flags).map(({ usage, summary }) => [`\`${usage}\``, summary]),
    ),
  environment: () => table(["variable", "default", "what it is"], variableRows()),
  config: () => table(["key", "value", "default", "what it means"], rows(jsonSchemaOf(RepoConfig), "")),
  local: () => table(["key", "value", "default", "what it means"], rows(jsonSchemaOf(LocalServer), "")),
  remote: () => table(["key", "value", "default", "what it means"], rows(jsonSchemaOf(RemoteServer), "")),
  workflow: () =>
    table(["key", "value", "default", "what it means"], rows(without(jsonSchemaOf(Workflow), "stages"), "")),
  stage: () => table(["key", "value", "default", "what it means"], rows(jsonSchemaOf(Stage), "")),
  agent: () => table(["key", "value", "default", "what it means"], rows(jsonSchemaOf(AgentFrontMatter), "")),
  artifacts: () =>
    table(
      ["artifact", "fields"],
      Object.entries(artifactSchemas).map(([name, schema]) => [`\`${name}\``, fields(jsonSchemaOf(schema))]),
    ),
};

/** A document's text with its generated parts as they should be. Throws for a part nobody makes. */
export function withGeneratedParts(text: string): string {
  return text.replace(
    /(<!-- generated: ([a-z]+) -->\n)[^]*?(<!-- \/generated -->)/g,
    (_, open: string, name: string, close: string) => {
      const part = parts[name];
      if (!part) throw new Error(`there is no generated part "${name}"; there are ${Object.keys(parts).join(", ")}`);
      return `${open}\n${part()}\n\n${close}`;
    },
  );
}

function isSchema(value: unknown): value is JsonSchema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function without(schema: JsonSchema, key: string): JsonSchema {
  const { [key]: _, ...properties } = schema.properties ?? {};
  return { ...schema, properties };
}

/** A row per key; the keys of a mapping follow it with a dot. */
function rows(schema: JsonSchema, prefix: string): string[][] {
  return Object.entries(schema.properties ?? {}).flatMap(([key, inner]) => {
    if (!isSchema(inner)) return [];
    const name = `${prefix}${key}`;
    const nested = rows(inner, `${name}.`);
    if (nested.length > 0) return nested;
    const required = schema.required?.includes(key) === true;
    const fallback = required ? "required" : inner.default === undefined ? "" : `\`${JSON.stringify(inner.default)}\``;
    return [[`\`${name}\``, value(inner), fallback, inner.description ?? ""]];
  });
}

/** What may be written, without the bounds of texts: a table is no place for them, and a message names them when it matters. */
function value(schema: JsonSchema): string {
  return fullValue(schema).replace(/text of [a-z0-9 ]+ characters/g, "text");
}

function fullValue(schema: JsonSchema): string {
  const keys = isSchema(schema.propertyNames) ? (schema.propertyNames.enum ?? []) : [];
  if (keys.length === 0 || !isSchema(schema.additionalProperties)) return expectation(schema);
  return `a mapping from ${keys.join(", ")} to ${expectation(schema.additionalProperties)}`;
}

function fields(schema: JsonSchema): string {
  return Object.entries(schema.properties ?? {})
    .map(([key, inner]) => {
      const optional = schema.required?.includes(key) === true ? "" : "?";
      const entries =
        isSchema(inner) && isSchema(inner.items) && inner.items.properties ? ` (${fields(inner.items)})` : "";
      return `\`${key}${optional}\`${entries}`;
    })
    .join(", ");
}

function variableRows(): string[][] {
  const defaults: Readonly<Record<string, unknown>> = Variables.parse({});
  const schemas = jsonSchemaOf(Variables).properties ?? {};
  return Object.entries(schemas).map(([name, schema]) => {
    const written = isSchema(schema) ? (schema.default ?? defaults[name]) : undefined;
    const fallback = typeof written === "string" || typeof written === "number" ? `\`${written}\`` : "";
    return [`\`${name}\``, fallback, isSchema(schema) ? (schema.description ?? "") : ""];
  });
}

function verbRows(): string[][] {
  return helpLines().map(({ usage, summary, who }) => [`\`${usage}\``, summary, who]);
}

function table(head: readonly string[], body: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...body.map(line)].join("\n");
}

if (import.meta.main) {
  for (const [file, make] of Object.entries(schemaFiles)) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), make());
  }
  for (const file of documentFiles) {
    const path = join(root, file);
    writeFileSync(path, withGeneratedParts(readFileSync(path, "utf8")));
  }
}
