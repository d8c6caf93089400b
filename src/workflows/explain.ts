// Turns what zod found wrong into problems a person can mend: where it stands, the value that is there, and what belongs there.
// What belongs there is read from the JSON schema of the same zod schema, so it cannot differ from what is checked.
import { z } from "zod";
import { at, type Located } from "./located-yaml.ts";
import { nearest } from "./nearest.ts";
import { quote, type Problem } from "./source-file.ts";

type JsonSchema = z.core.JSONSchema.BaseSchema;
type Issue = z.core.$ZodIssue;
type Path = readonly PropertyKey[];

/** Only so many issues are put into words; a file with more has one cause. */
const MAX_EXPLAINED = 200;

/** The JSON schema (2020-12) of what a person may write: defaults are optional. */
export function jsonSchemaOf(schema: z.ZodType): JsonSchema {
  return z.toJSONSchema(schema, { io: "input" });
}

/** The problems of a value that `schema` refused. */
export function explain(schema: z.ZodType, error: z.ZodError, root: Located): Problem[] {
  const json = jsonSchemaOf(schema);
  return error.issues.slice(0, MAX_EXPLAINED).flatMap((issue) => explainIssue(issue, [], json, root));
}

function explainIssue(issue: Issue, above: Path, json: JsonSchema, root: Located): Problem[] {
  const path = [...above, ...issue.path];
  const here = schemaAt(json, path);
  const { located, found } = at(root, path);
  switch (issue.code) {
    case "unrecognized_keys":
      return issue.keys.map((key) => ({
        offset: located.entries.get(key)?.keyOffset ?? located.offset,
        message: `unknown key ${quote(key)}${inPlace(path)} — ${didYouMean(key, keysOf(here, located))}`,
      }));
    case "invalid_union":
      return explainUnion(issue, path, json, root);
    case "invalid_key": {
      const key = String(path.at(-1));
      const rule = issue.issues[0]?.message ?? "is not a key that may stand here";
      return [
        {
          offset: located.keyOffset,
          message: `the key ${quote(key)}${inPlace(path.slice(0, -1))} is not valid — ${asAdvice(rule)}`,
        },
      ];
    }
    default:
      break;
  }
  if (!found) {
    // A misspelt key is reported as unknown, with this one as the suggestion; saying twice that it is missing helps nobody.
    const key = String(path.at(-1));
    const known = keysOf(schemaAt(json, path.slice(0, -1)));
    const misspelt = [...located.entries.keys()].some((name) => !known.includes(name) && nearest(name, known) === key);
    if (misspelt) return [];
    const message = `${quote(key)} is missing${inPlace(path.slice(0, -1))} — add it: ${expectation(here)}`;
    return [{ offset: located.keyOffset, message }];
  }
  const what = `${words(path)} ${located.value === null ? "has no value" : `is ${quote(located.value)}`}`;
  if (issue.code === "invalid_format" || issue.code === "custom")
    return [{ offset: located.offset, message: `${what} — ${asAdvice(issue.message)}` }];
  const suggestion = issue.code === "invalid_value" ? didYouMeanValue(located.value, issue.values) : "";
  return [{ offset: located.offset, message: `${what} — ${suggestion}write ${expectation(here)}` }];
}

/** Of the alternatives of a union, the one the person seems to have meant: the one with least wrong. */
function explainUnion(
  issue: Extract<Issue, { code: "invalid_union" }>,
  path: Path,
  json: JsonSchema,
  root: Located,
): Problem[] {
  const { located } = at(root, path);
  const branches: readonly (readonly Issue[])[] = issue.errors;
  if (branches.every(isOfAnotherKind)) {
    const message = `${words(path)} is ${quote(located.value)} — write ${expectation(schemaAt(json, path))}`;
    return [{ offset: located.offset, message }];
  }
  const meant = branches.filter((issues) => !isOfAnotherKind(issues));
  const fewest = meant.reduce((best, issues) => (amiss(issues) < amiss(best) ? issues : best));
  const branch = schemaAt(json, path).anyOf?.[branches.indexOf(fewest)];
  if (!isSchema(branch)) return [];
  // The branch is looked at by itself, so that its own keys are the known ones.
  return fewest.flatMap((inner) => explainIssue(inner, path, nest(branch, path), root));
}

/** How far a value is from an alternative: keys it does not know weigh more than keys that are missing. */
function amiss(issues: readonly Issue[]): number {
  const unknown = issues.flatMap((issue) => (issue.code === "unrecognized_keys" ? issue.keys : []));
  return unknown.length * 100 + issues.length;
}

/** True when the value is text where a list stands, or the like: this alternative was not meant. */
function isOfAnotherKind(issues: readonly Issue[]): boolean {
  return issues.every(({ code, path }) => code === "invalid_type" && path.length === 0);
}

/** A schema that has `inner` at `path` and says nothing else. */
function nest(inner: JsonSchema, path: Path): JsonSchema {
  return path.toReversed().reduce<JsonSchema>((schema, key) => ({ properties: { [String(key)]: schema } }), inner);
}

function schemaAt(json: JsonSchema, path: Path): JsonSchema {
  let schema = json;
  for (const key of path) {
    const inner =
      schema.properties?.[String(key)] ?? (typeof key === "number" ? schema.items : schema.additionalProperties);
    if (!isSchema(inner)) return {};
    schema = inner;
  }
  return schema;
}

function isSchema(value: unknown): value is JsonSchema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The keys that may stand in an object, without those that are there already. */
function keysOf(schema: JsonSchema, present?: Located): string[] {
  const named = Object.keys(schema.properties ?? {});
  const listed = isSchema(schema.propertyNames) ? (schema.propertyNames.enum ?? []) : [];
  return [...named, ...listed.map(String)].filter((key) => !present?.entries.has(key));
}

function didYouMean(key: string, known: readonly string[]): string {
  const near = nearest(key, known);
  if (near !== undefined) return `did you mean ${quote(near)}?`;
  return known.length > 0 ? `take it out; known here: ${known.join(", ")}` : "take it out";
}

function didYouMeanValue(value: unknown, known: readonly unknown[]): string {
  const near = typeof value === "string" ? nearest(value, known.map(String)) : undefined;
  return near === undefined ? "" : `did you mean ${near}? `;
}

/** "must be x" as advice: "write x". */
function asAdvice(rule: string): string {
  return rule.startsWith("must be ") ? `write ${rule.slice("must be ".length)}` : rule;
}

function words(path: Path): string {
  return path.length === 0 ? "the file" : path.map(String).join(".");
}

function inPlace(path: Path): string {
  return path.length === 0 ? "" : ` in ${words(path)}`;
}

/** What may be written, in words: "a whole number from 1 to 500". */
export function expectation(schema: JsonSchema): string {
  if (schema.anyOf)
    return schema.anyOf.map((inner) => (isSchema(inner) ? expectation(inner) : "anything")).join(", or ");
  if (schema.enum) return schema.enum.length === 1 ? String(schema.enum[0]) : `one of ${schema.enum.join(", ")}`;
  switch (schema.type) {
    case "integer":
      return `a whole number${range(schema)}`;
    case "number":
      return `a number${range(schema)}`;
    case "boolean":
      return "true or false";
    case "string":
      if (schema.pattern === DURATION) return "a duration like 90s, 10m or 1h";
      if (schema.pattern?.startsWith(NAME) === true) return "a name of lower-case letters, digits and dashes";
      return schema.maxLength === undefined ? "text" : `text of ${size(schema.minLength, schema.maxLength)} characters`;
    case "array": {
      const entries = isSchema(schema.items) ? `, each ${expectation(schema.items)}` : "";
      return `a list${schema.maxItems === undefined ? "" : ` of ${size(schema.minItems, schema.maxItems)}`}${entries}`;
    }
    case "object":
      return objectWords(schema);
    default:
      return "another value";
  }
}

const NAME = "^[a-z][a-z0-9-]";
const DURATION = "^\\d{1,4}[smh]$";

function objectWords(schema: JsonSchema): string {
  const keys = schema.required && schema.required.length > 0 ? schema.required : keysOf(schema);
  if (keys.length > 0) return `a mapping with ${keys.join(", ")}`;
  return isSchema(schema.additionalProperties) ? "a mapping of names" : "a mapping";
}

function size(minimum: number | undefined, maximum: number): string {
  return minimum === undefined || minimum === 0 ? `at most ${maximum}` : `${minimum} to ${maximum}`;
}

function range({ minimum, exclusiveMinimum, maximum }: JsonSchema): string {
  const bounds = [
    ...(minimum === undefined ? [] : [`at least ${minimum}`]),
    ...(exclusiveMinimum === undefined ? [] : [`above ${exclusiveMinimum}`]),
    ...(maximum === undefined || maximum === Number.MAX_SAFE_INTEGER ? [] : [`at most ${maximum}`]),
  ];
  return bounds.length === 0 ? "" : `, ${bounds.join(" and ")}`;
}
