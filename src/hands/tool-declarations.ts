// The tools of the hands as the brain declares them to the model: names, descriptions and input schemas of the SDK's agent toolset.
// Written out, so that the brain need not load the toolset (which can start processes) only to describe it; a test holds them equal to it.

export interface ToolDeclaration {
  readonly name: string;
  readonly description: string;
  /** JSON schema of the input, in the form the Messages API takes. */
  readonly input_schema: {
    readonly type: "object";
    readonly properties: Readonly<Record<string, JsonProperty>>;
    readonly required?: readonly string[];
  };
}

interface JsonProperty {
  readonly type: "string" | "boolean" | "integer" | "array";
  readonly description?: string;
  readonly items?: { readonly type: "integer" };
}

const text = { type: "string" } as const;
const described = (description: string) => ({ type: "string", description }) as const;

/** In the order the toolset lists them: bash, read, write, edit, glob, grep. */
export const toolDeclarations: readonly ToolDeclaration[] = [
  {
    name: "bash",
    description: "Run a bash command in a persistent shell. State (cwd, env vars) persists across calls.",
    input_schema: {
      type: "object",
      properties: {
        command: described("The command to run"),
        restart: { type: "boolean", description: "Restart the persistent shell before running" },
        timeout_ms: { type: "integer", description: "Per-call timeout in milliseconds" },
      },
    },
  },
  {
    name: "read",
    description: "Read a UTF-8 text file relative to the workdir.",
    input_schema: {
      type: "object",
      properties: {
        file_path: text,
        view_range: {
          type: "array",
          items: { type: "integer" },
          description: "[start_line, end_line] 1-indexed inclusive",
        },
      },
      required: ["file_path"],
    },
  },
  {
    name: "write",
    description: "Write a UTF-8 text file relative to the workdir, creating parent directories as needed.",
    input_schema: {
      type: "object",
      properties: { file_path: text, content: text },
      required: ["file_path", "content"],
    },
  },
  {
    name: "edit",
    description: "Replace old_string with new_string in a file. old_string must be unique unless replace_all.",
    input_schema: {
      type: "object",
      properties: { file_path: text, old_string: text, new_string: text, replace_all: { type: "boolean" } },
      required: ["file_path", "old_string", "new_string"],
    },
  },
  {
    name: "glob",
    description: "Match files under the workdir against a glob pattern. Results are mtime-sorted, newest first.",
    input_schema: {
      type: "object",
      properties: { pattern: text, path: described("Directory to search in. Defaults to the workdir.") },
      required: ["pattern"],
    },
  },
  {
    name: "grep",
    description: "Search file contents for a regex. Uses ripgrep if available, otherwise a built-in walker.",
    input_schema: {
      type: "object",
      properties: { pattern: text, path: text },
      required: ["pattern"],
    },
  },
];
