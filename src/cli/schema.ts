// `baton schema`: prints the JSON schema of a file that people write, for editors that take a file.
import { invalidUsage, readArguments } from "./arguments.ts";
import { jsonSchemaText, schemaNames } from "../workflows/json-schemas.ts";

const USAGE = `Usage: baton schema [baton|workflow|mcp]

Prints the JSON schema of .github/baton.yml (default), of the front matter of a workflow, or of the list of MCP servers.
A running Baton serves the same at /schema/baton.json, /schema/workflow.json and /schema/mcp.json.`;

/** The verb. Throws `invalid-usage` for a schema that does not exist. */
export async function schema(argv: readonly string[]): Promise<number> {
  const { values, positionals } = readArguments(argv, USAGE, {
    options: { help: { type: "boolean", short: "h", default: false } },
    allowPositionals: true,
  });
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  const [asked = "baton", ...more] = positionals;
  const name = schemaNames.find((known) => known === asked);
  if (name === undefined || more.length > 0)
    throw invalidUsage(`there is no schema ${positionals.join(" ")}; there are ${schemaNames.join(", ")}`, USAGE);
  process.stdout.write(jsonSchemaText(name));
  return 0;
}
