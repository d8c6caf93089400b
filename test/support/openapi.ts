// GitHub's own description of its REST API and webhooks as an oracle, for what Baton sends and for what the playground answers.
// Nothing is believed about GitHub here: a request, an answer or a delivery either agrees with the description or the
// disagreement is returned as text. Schemas are compiled one operation at a time, because the description has 1,200 of them.
//
//   expect(checkRequest({ method: "POST", path: "/repos/o/r/issues", body: { title: "x" } })).toEqual([]);
//   expect(checkAnswer({ method: "POST", path: "/repos/o/r/issues", status: 201, body: answer })).toEqual([]);
//   expect(checkDelivery({ event: "issues", payload })).toEqual([]);
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { Ajv2019, type ErrorObject, type ValidateFunction } from "ajv/dist/2019.js";
import formats from "ajv-formats";

export interface SeenRequest {
  readonly method: string;
  /** As on the wire, percent-encoded or not; a leading /api/v3 and a query string are understood. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  /** Parsed JSON; undefined when there was none. */
  readonly body?: unknown;
}

export interface SeenAnswer extends Omit<SeenRequest, "query"> {
  readonly status: number;
  /** Default JSON. The bodies of other types (a diff) are not described, so only the status is checked. */
  readonly contentType?: string;
}

type Json = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const object = (value: unknown): Json => (isObject(value) ? value : {});
const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

const file = createRequire(import.meta.url).resolve("@octokit/openapi/generated/api.github.com.json");
let read: Json | undefined;
function description(): Json {
  read ??= object(JSON.parse(readFileSync(file, "utf8")));
  return read;
}

/** Follows a `#/components/…` reference; anything else is returned as it is. */
function resolve(value: unknown): Json {
  const node = object(value);
  const reference = node["$ref"];
  if (typeof reference !== "string") return node;
  let found: unknown = description();
  for (const step of reference.slice(2).split("/")) found = object(found)[step];
  return resolve(found);
}

// Each schema checks a few values: making its code shorter costs more than it saves.
const options = { strict: false, allErrors: true, logger: false, code: { optimize: false } } as const;
const loose = new Ajv2019(options);
const strict = new Ajv2019(options);
formats.default(loose);
formats.default(strict);
// GitHub's own addresses of bots (`1+name[bot]@users.noreply.github.com`) are not addresses by the RFC.
for (const ajv of [loose, strict]) ajv.addFormat("email", /^[^\s@]+@[^\s@]+$/);

/**
 * OpenAPI 3.0 to JSON Schema: `nullable` becomes a union, references become schema ids that are registered when first met.
 * For requests (`closed`) a field nobody described is an error, because GitHub would ignore it or answer 422.
 */
function convert(value: unknown, closed: boolean, branch = false): unknown {
  if (Array.isArray(value)) return value.map((item) => convert(item, closed, true));
  if (!isObject(value)) return value;
  const reference = value["$ref"];
  if (typeof reference === "string") {
    const id = `component:${closed ? "closed" : "open"}:${reference.split("/").at(-1) ?? ""}`;
    const ajv = closed ? strict : loose;
    if (!registered.has(id)) {
      registered.add(id);
      ajv.addSchema(object(convert(resolve(value), closed, true)), id);
    }
    return closed && !branch ? { $ref: id, unevaluatedProperties: false } : { $ref: id };
  }
  const schema: Record<string, unknown> = {};
  for (const [key, inner] of Object.entries(value)) {
    if (["nullable", "example", "examples", "discriminator", "xml", "externalDocs", "description"].includes(key))
      continue;
    if (key === "enum" || key === "default" || key === "required") schema[key] = inner;
    else if (key === "additionalProperties" && inner === true && closed) continue;
    else if (key === "properties")
      schema[key] = Object.fromEntries(Object.entries(object(inner)).map(([name, at]) => [name, convert(at, closed)]));
    else if (key === "oneOf" || key === "anyOf" || key === "allOf") schema[key] = convert(inner, closed);
    else schema[key] = convert(inner, closed);
  }
  const open = schema["additionalProperties"] !== undefined || schema["properties"] === undefined;
  if (closed && !branch && !open) schema["unevaluatedProperties"] = false;
  return value["nullable"] === true ? { anyOf: [{ type: "null" }, schema] } : schema;
}

const registered = new Set<string>();
const compiled = new Map<string, ValidateFunction>();

function problems(key: string, schema: unknown, closed: boolean, value: unknown): string[] {
  let validate = compiled.get(key);
  if (!validate) {
    validate = (closed ? strict : loose).compile(object(convert(schema, closed)));
    compiled.set(key, validate);
  }
  return validate(value) ? [] : (validate.errors ?? []).map((error) => explain(error, value));
}

function explain(error: ErrorObject, value: unknown): string {
  let at: unknown = value;
  for (const step of error.instancePath.split("/").slice(1)) at = isObject(at) ? at[step] : list(at)[Number(step)];
  const allowed: unknown = error.params["allowedValues"];
  const extra: unknown = error.params["unevaluatedProperty"] ?? error.params["additionalProperty"];
  const detail = [allowed, extra].filter((part) => part !== undefined).map((part) => JSON.stringify(part));
  const seen = (JSON.stringify(at) ?? "undefined").slice(0, 80);
  return `${error.instancePath || "/"} ${error.message ?? "is wrong"}${detail.map((text) => ` ${text}`).join("")}: ${seen}`;
}

/** Parameters whose value may hold slashes. */
const deep = new Set(["path", "ref", "basehead", "branch", "dir"]);

interface Operation {
  readonly name: string;
  readonly operation: Json;
  readonly shared: readonly unknown[];
}

/** What a renamed repository redirects to; it goes with every address of a repository, and is not described. */
const BY_ID = /^\/repositories\/\d+/;
/** "Omit the path parameter for the contents of the root." */
const ROOT = /\/contents\/?$/;

function findOperation(method: string, path: string): Operation | undefined {
  const bare = (path.split("?")[0] ?? "")
    .replace(/^\/api\/v3(?=\/)/, "")
    .replace(BY_ID, "/repos/owner/name")
    .replace(ROOT, "/contents/.");
  const found = Object.entries(object(description()["paths"]))
    .filter(([template, item]) => isObject(object(item)[method.toLowerCase()]) && pattern(template).test(bare))
    // A literal segment is a better match than a parameter; more segments are better than one that swallows slashes.
    .sort(([a], [b]) => (a.match(/\{/g) ?? []).length - (b.match(/\{/g) ?? []).length || b.length - a.length)[0];
  if (!found) return undefined;
  const [template, item] = found;
  const operation = object(object(item)[method.toLowerCase()]);
  return { name: `${method.toUpperCase()} ${template}`, operation, shared: list(object(item)["parameters"]) };
}

const patterns = new Map<string, RegExp>();
function pattern(template: string): RegExp {
  const known = patterns.get(template);
  if (known) return known;
  const source = template
    .split(/(\{[^}]+\})/)
    .map((part) =>
      part.startsWith("{")
        ? deep.has(part.slice(1, -1))
          ? ".+"
          : "[^/]+"
        : part.replaceAll(/[.*+?^$()|[\]\\]/g, "\\$&"),
    )
    .join("");
  const made = new RegExp(`^${source}$`);
  patterns.set(template, made);
  return made;
}

/** What GitHub's description has against a request; empty when nothing. An unknown path, query parameter or body field counts. */
export function checkRequest(request: SeenRequest): string[] {
  const at = findOperation(request.method, request.path);
  if (!at) return [`${request.method} ${request.path} is not in GitHub's description`];
  const query = { ...request.query, ...Object.fromEntries(new URLSearchParams(request.path.split("?")[1] ?? "")) };
  const found = [...checkQuery(at, query), ...checkBody(at, request.body)];
  return found.map((problem) => `${at.name}: ${problem}`);
}

function checkQuery(at: Operation, query: Readonly<Record<string, string>>): string[] {
  const known = [...list(at.operation["parameters"]), ...at.shared].map(resolve).filter((one) => one["in"] === "query");
  const unknown = Object.keys(query)
    .filter((name) => !known.some((one) => one["name"] === name))
    .map((name) => `unknown query parameter ${name}`);
  const wrong = known.flatMap((one) => {
    const name = String(one["name"]);
    const given = query[name];
    if (given === undefined) return one["required"] === true ? [`query parameter ${name} is missing`] : [];
    const key = `${at.name} query ${name}`;
    // On the wire everything is text; it is right when one of its readings is.
    const readings = [
      given,
      /^-?\d+$/.test(given) ? Number(given) : given,
      given === "true" || given === "false" ? given === "true" : given,
    ];
    const results = readings.map((reading) => problems(key, one["schema"], true, reading));
    return results.some((result) => result.length === 0)
      ? []
      : (results[0] ?? []).map((text) => `query ${name}: ${text}`);
  });
  return [...unknown, ...wrong];
}

function checkBody(at: Operation, body: unknown): string[] {
  const described = resolve(at.operation["requestBody"]);
  const content = object(described["content"]);
  const media = content["application/json"] ?? Object.values(content)[0];
  if (body === undefined || body === "") return described["required"] === true ? ["the body is missing"] : [];
  if (media === undefined) return isObject(body) && Object.keys(body).length === 0 ? [] : ["a body is not described"];
  return problems(`${at.name} body`, object(media)["schema"], true, body).map((text) => `body ${text}`);
}

/** Statuses any operation may answer, described or not, with the shapes their bodies may have. */
const general: Readonly<Record<number, readonly string[]>> = {
  301: ["basic-error"],
  307: ["basic-error"],
  400: ["basic-error"],
  401: ["basic-error"],
  403: ["basic-error"],
  404: ["basic-error"],
  410: ["basic-error"],
  422: ["validation-error", "validation-error-simple", "basic-error"],
  429: ["basic-error"],
};

/** Where the description contradicts itself: here it wants each installation's account to be a person and an enterprise at once. */
const mended: Readonly<Record<string, unknown>> = {
  "GET /app/installations answer 200": { type: "array", items: { $ref: "#/components/schemas/installation" } },
};

/** What GitHub's description has against an answer; empty when nothing. A status that is neither described nor general counts. */
export function checkAnswer(answer: SeenAnswer): string[] {
  const at = findOperation(answer.method, answer.path);
  if (!at) return [`${answer.method} ${answer.path} is not in GitHub's description`];
  const json = (answer.contentType ?? "application/json").includes("json");
  const prefix = (text: string) => `${at.name} ${answer.status}: ${text}`;
  const described = object(at.operation["responses"])[String(answer.status)];
  if (described !== undefined) {
    const content = object(resolve(described)["content"]);
    const media = content["application/json"] ?? content["application/scim+json"];
    if (media === undefined || !json) return [];
    const key = `${at.name} answer ${answer.status}`;
    return problems(key, mended[key] ?? object(media)["schema"], false, answer.body).map(prefix);
  }
  const shapes = general[answer.status];
  if (!shapes) return [prefix("this status is not described")];
  const results = shapes.map((name) =>
    problems(`general ${name}`, { $ref: `#/components/schemas/${name}` }, false, answer.body),
  );
  return results.some((result) => result.length === 0) ? [] : (results[0] ?? []).map(prefix);
}

/** What GitHub's description has against a webhook delivery; empty when nothing. */
export function checkDelivery(delivery: { readonly event: string; readonly payload: unknown }): string[] {
  // Whoever sends a repository_dispatch chooses its action; GitHub describes one of them.
  const action = delivery.event === "repository_dispatch" ? "sample.collected" : object(delivery.payload)["action"];
  const name = [delivery.event, action]
    .filter((part) => typeof part === "string")
    .join("-")
    .replaceAll("_", "-");
  const post = object(object(object(description()["x-webhooks"])[name])["post"]);
  const schema = object(object(object(resolve(post["requestBody"])["content"])["application/json"]))["schema"];
  if (schema === undefined) return [`the webhook ${name} is not in GitHub's description`];
  return problems(`webhook ${name}`, schema, false, delivery.payload).map((text) => `${name}: ${text}`);
}
