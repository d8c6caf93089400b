// What a condition asks for that can never be: a stage that does not exist, a field its artifact does not have, a value a field never
// takes. Such a condition would not fail, it would quietly never hold. What there is, is read from the artifacts' JSON schemas.
import { z } from "zod";
import { artifactSchemas } from "./artifacts.ts";
import { expectation, jsonSchemaOf } from "./explain.ts";
import type { Comparison, Expression } from "./expression.ts";
import { pathsIn } from "./expression.ts";
import type { Literal, Path } from "./expression-tokens.ts";
import { nearest, oneOf } from "./nearest.ts";
import type { Stage } from "./schema.ts";
import { quote, type Problem } from "./source-file.ts";

type JsonSchema = ReturnType<typeof jsonSchemaOf>;

/** The stage name under which conditions find the run's Triage. No stage of a workflow may be called so. */
export const TRIAGE_STAGE = "triage";

/** What a stage can be asked: its artifact, or the board of its tasks. */
export interface Asked {
  /** In words: "makes a Review". */
  readonly makes: string;
  readonly schema: z.ZodType;
}

/** What a stage that makes this hands in; of a fan-out its tasks and their results. */
export function askedOf({ makes, for_each }: Pick<Stage, "makes" | "for_each">): Asked | undefined {
  if (makes === undefined) return undefined;
  const schema = artifactSchemas[makes];
  if (for_each === undefined) return { makes: `makes a ${makes}`, schema };
  const ids = z.array(z.string());
  const board = z.object({ done: ids, failed: ids, skipped: ids, results: z.array(schema) });
  return { makes: `makes a ${makes} for each task`, schema: board };
}

const triage = askedOf({ makes: "Triage" });

/** What a path leads to. `list`: to several of these, because it is a list or goes through one. */
type Target = { readonly schema: JsonSchema; readonly list: boolean } | { readonly problem: Problem };

/**
 * What of a condition cannot be. `makes` has the stages that may be asked, each with what it hands in, or undefined when that is nothing;
 * the run's Triage need not be among them. Offsets are those of the condition's text.
 */
export function checkExpression(expression: Expression, makes: ReadonlyMap<string, Asked | undefined>): Problem[] {
  const paths = pathsIn(expression).map((path) => target(path, makes));
  const problems = paths.flatMap((found) => ("problem" in found ? [found.problem] : []));
  return [...problems, ...comparisonsIn(expression).flatMap((comparison) => checkComparison(comparison, makes))];
}

function target(path: Path, makes: ReadonlyMap<string, Asked | undefined>): Target {
  const { stage, fields, offset } = path;
  const asked = stage === TRIAGE_STAGE ? triage : makes.get(stage);
  if (asked === undefined) return { problem: { offset, message: noArtifact(path, makes) } };
  let schema = jsonSchemaOf(asked.schema);
  let list = false;
  let place = offset + stage.length + 1;
  for (const [index, field] of fields.entries()) {
    const above = index === 0 ? `${stage}, which ${asked.makes},` : textOf(path, index);
    const inner = schema.properties;
    const next = inner && Object.hasOwn(inner, field) ? inner[field] : undefined;
    if (!isSchema(next)) {
      const message = noField(above, field, Object.keys(inner ?? {}), list, textOf(path, index));
      return { problem: { offset: place, message } };
    }
    const isList = isSchema(next.items);
    schema = isSchema(next.items) ? next.items : next;
    list ||= isList;
    place += field.length + 1;
  }
  return { schema, list };
}

function noArtifact({ stage, fields }: Path, makes: ReadonlyMap<string, Asked | undefined>): string {
  if (makes.has(stage)) return `the stage ${quote(stage)} hands nothing in — ask a stage that makes an artifact`;
  if (/^(?:null|nil|none|undefined|nothing)$/.test(stage))
    return `there is no word ${quote(stage)} — what is absent is false by itself; write the path, or not and the path`;
  const known = [TRIAGE_STAGE, ...makes.keys()];
  const near = nearest(stage, known);
  if (near !== undefined) return `there is no stage ${quote(stage)} to ask — did you mean ${quote(near)}?`;
  const asText = fields.length === 0 ? `; if it is text, write '${stage}'` : "";
  return `there is no stage ${quote(stage)} to ask — ${oneOf(known)}${asText}`;
}

function noField(above: string, field: string, known: readonly string[], list: boolean, path: string): string {
  if (list && /^(?:length|size|count)$/.test(field)) return `${above} has no ${quote(field)} — write count(${path})`;
  if (known.length === 0) return `${above} has no fields — take ${quote(`.${field}`)} out`;
  const near = nearest(field, known);
  const advice = near === undefined ? `choose one of: ${known.join(", ")}` : `did you mean ${quote(near)}?`;
  return `${above} has no ${quote(field)} — ${advice}`;
}

/** The path as it is written, with so many of its fields. */
function textOf({ stage, fields }: Path, count: number): string {
  return [stage, ...fields.slice(0, count)].join(".");
}

function comparisonsIn(expression: Expression): Comparison[] {
  switch (expression.type) {
    case "literal":
    case "path":
    case "count":
      return [];
    case "not":
      return comparisonsIn(expression.operand);
    case "all":
    case "any":
      return expression.operands.flatMap(comparisonsIn);
    case "comparison":
      return [expression, ...comparisonsIn(expression.left), ...comparisonsIn(expression.right)];
  }
}

/** Whether what a path leads to can be compared so, and ever be what it is compared with. */
function checkComparison(comparison: Comparison, makes: ReadonlyMap<string, Asked | undefined>): Problem[] {
  const { operator, left, right } = comparison;
  const sides = [
    { path: left, other: right },
    { path: right, other: left },
  ];
  return sides.flatMap(({ path, other }) => {
    if (path.type !== "path") return [];
    const found = target(path, makes);
    if ("problem" in found) return [];
    const { schema, list } = found;
    const { offset } = path;
    const name = textOf(path, path.fields.length);
    const literal = other.type === "literal" ? other : undefined;
    if (operator === "==" || operator === "!=") {
      if (list)
        return [{ offset, message: `${name} is a list, which is not one value — write ${asMember(literal, name)}` }];
      return literal ? neverTaken(name, schema, literal) : [];
    }
    if (operator === "in") {
      if (path === left) return [];
      if (list) return literal ? neverTaken(name, schema, literal) : [];
      if (schema.type === "string") return [];
      return [{ offset, message: `${name} is not a list or text, so nothing is in it — compare with ==` }];
    }
    if (!list && (schema.type === "number" || schema.type === "integer")) return [];
    const advice = list ? `count it: count(${name})` : "write == or !=";
    return [{ offset, message: `${name} is not a number, so ${operator} never holds — ${advice}` }];
  });
}

function asMember(literal: Literal | undefined, name: string): string {
  if (!literal) return `value in ${name}`;
  return `${typeof literal.value === "string" ? `'${literal.value.slice(0, 40)}'` : literal.value} in ${name}`;
}

function neverTaken(name: string, schema: JsonSchema, { value, offset }: Literal): Problem[] {
  const possible = schema.enum
    ? schema.enum.includes(value)
    : typeof value === (schema.type === "integer" ? "number" : schema.type);
  if (possible) return [];
  const near = typeof value === "string" ? nearest(value, (schema.enum ?? []).map(String)) : undefined;
  const advice = near === undefined ? `write ${expectation(schema)}` : `did you mean '${near}'?`;
  return [{ offset, message: `${name} is never ${quote(value)} — ${advice}` }];
}

function isSchema(value: unknown): value is JsonSchema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
