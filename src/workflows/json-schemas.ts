// The JSON schemas of the files that people write, for editors: published in docs/schema/, served by every Baton, printed by `baton schema`.
import type { z } from "zod";
import { jsonSchemaOf } from "./explain.ts";
import { RepoConfig } from "./repo-config.ts";
import { Workflow } from "./schema.ts";
import { ServerList } from "./servers.ts";

export const schemaNames = ["baton", "workflow", "mcp"] as const;
export type SchemaName = (typeof schemaNames)[number];

const schemas: Readonly<Record<SchemaName, readonly [title: string, schema: z.ZodType]>> = {
  baton: ["Baton's configuration: .github/baton.yml", RepoConfig],
  workflow: ["A Baton workflow: the front matter of workflows/*.md", Workflow],
  mcp: ["The MCP servers that Baton's agents may name", ServerList],
};

/** The schema (2020-12) as the text of a file. */
export function jsonSchemaText(name: SchemaName): string {
  const [title, schema] = schemas[name];
  return `${JSON.stringify({ ...jsonSchemaOf(schema), title }, undefined, 2)}\n`;
}

/** The schema that is served at this path of a Baton; undefined for other paths. */
export function schemaAt(path: string): SchemaName | undefined {
  return schemaNames.find((name) => path === schemaPath(name));
}

/** Where a Baton serves a schema. */
export function schemaPath(name: SchemaName): string {
  return `/schema/${name}.json`;
}
