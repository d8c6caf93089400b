// Workflow files and action.yml as the runner stand-in reads them: the keys it understands. Any other key is an error, so that nothing
// in a file is passed over in silence.
import { parse } from "yaml";
import { z } from "zod";

const text = z.union([z.string(), z.number(), z.boolean()]).transform(String);
const texts = z.record(z.string(), text);

const Step = z.strictObject({
  id: z.string().optional(),
  name: z.string().optional(),
  if: text.optional(),
  uses: z.string().optional(),
  with: texts.default({}),
  run: z.string().optional(),
  shell: z.literal("bash").optional(),
  "working-directory": z.string().optional(),
  env: texts.default({}),
});
export type Step = z.infer<typeof Step>;

const Job = z.strictObject({
  name: z.string().optional(),
  needs: z.union([z.string().transform((one) => [one]), z.array(z.string())]).default([]),
  if: text.optional(),
  "runs-on": z.string(),
  "timeout-minutes": text.optional(),
  permissions: z.record(z.string(), z.enum(["read", "write", "none"])).optional(),
  environment: z.string().optional(),
  env: texts.default({}),
  outputs: texts.default({}),
  steps: z.array(Step),
});
export type Job = z.infer<typeof Job>;

const Workflow = z.strictObject({
  name: z.string(),
  "run-name": z.string().optional(),
  on: z.record(
    z.string(),
    z.union([
      z.null(),
      z.strictObject({ types: z.array(z.string()).optional(), inputs: z.record(z.string(), z.unknown()).optional() }),
    ]),
  ),
  permissions: z.record(z.string(), z.enum(["read", "write", "none"])).default({}),
  concurrency: z.strictObject({ group: z.string(), "cancel-in-progress": z.boolean() }).optional(),
  jobs: z.record(z.string(), Job),
});
export type Workflow = z.infer<typeof Workflow>;

const Action = z.strictObject({
  name: z.string(),
  description: z.string(),
  author: z.string().optional(),
  branding: z.unknown().optional(),
  inputs: z.record(
    z.string(),
    z.strictObject({ description: z.string(), required: z.boolean().optional(), default: text.optional() }),
  ),
  outputs: z.record(z.string(), z.strictObject({ description: z.string(), value: z.string() })).default({}),
  runs: z.strictObject({ using: z.literal("composite"), steps: z.array(Step) }),
});
export type Action = z.infer<typeof Action>;

export function readWorkflow(source: string): Workflow {
  return Workflow.parse(parse(source));
}

export function readAction(source: string): Action {
  return Action.parse(parse(source));
}

/** What steps write to `GITHUB_OUTPUT` and `GITHUB_ENV`: `name=value` lines, and `name<<END` with the lines up to `END`. */
export function readPairs(source: string): Record<string, string> {
  const pairs: Record<string, string> = {};
  const lines = source.split("\n");
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at] ?? "";
    if (line === "") continue;
    const [, long, end] = /^([^=\s]+)<<(.+)$/.exec(line) ?? [];
    if (long !== undefined && end !== undefined) {
      const close = lines.indexOf(end, at + 1);
      if (close === -1) throw new Error(`"${end}" never comes after ${line}`);
      pairs[long] = lines.slice(at + 1, close).join("\n");
      at = close;
      continue;
    }
    const [, name, value] = /^([^=]+)=(.*)$/.exec(line) ?? [];
    if (name === undefined || value === undefined) throw new Error(`the runner cannot read "${line}"`);
    pairs[name] = value;
  }
  return pairs;
}
