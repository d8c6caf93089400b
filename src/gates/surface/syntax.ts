// The parser, and the few questions that are asked of its trees. Runs in a thread of its own (module-thread.ts): a text can be made
// that keeps any parser of TypeScript busy for hours.
import { parse, type ParserPlugin } from "@babel/parser";

export type Program = ReturnType<typeof parse>["program"];
export type Statement = Program["body"][number];
type Of<N, T extends string> = Extract<N, { type: T }>;
export type Expression = Of<Statement, "ExpressionStatement">["expression"];
export type Node<T extends Statement["type"]> = Of<Statement, T>;

/** The tree of a module or script. Throws a SyntaxError, and a RangeError where it is nested too deeply. */
export function parseProgram(path: string, text: string): Program {
  const typed = isTypeScript(path);
  const plugins: ParserPlugin[] = [["typescript", { dts: isDeclaration(path) }], "decorators"];
  if (!typed) plugins.shift();
  // In .ts, <T>x is a cast.
  if (!typed || path.endsWith("x")) plugins.push("jsx");
  const how = { plugins, errorRecovery: true, allowReturnOutsideFunction: true } as const;
  return parse(text, { ...how, sourceType: /\.m[jt]s$/.test(path) ? "module" : "unambiguous" }).program;
}

export function isTypeScript(path: string): boolean {
  return /\.[cm]?tsx?$/.test(path);
}

/** A file of declarations, such as index.d.ts. */
export function isDeclaration(path: string): boolean {
  return /\.d\.[cm]?ts$/.test(path);
}

/** Every node below `root`, with the one above it. The tree may be deep: nothing here calls itself. */
export function* nodesOf(root: object): Generator<{ readonly node: object; readonly parent: object | undefined }> {
  const stack: { node: object; parent: object | undefined }[] = [{ node: root, parent: undefined }];
  for (let next = stack.pop(); next; next = stack.pop()) {
    if ("type" in next.node) yield next;
    const { node, parent } = next;
    for (const [key, value] of Object.entries(node)) {
      if (typeof value !== "object" || value === null || key === "loc" || key.endsWith("Comments")) continue;
      stack.push({ node: value, parent: Array.isArray(node) ? parent : node });
    }
  }
}

/** The name of an identifier, or the text of a string in its place. */
export function nameOf(node: object | null | undefined): string | undefined {
  if (!node || !("type" in node)) return undefined;
  if (node.type === "Identifier" && "name" in node && typeof node.name === "string") return node.name;
  if (node.type === "StringLiteral" && "value" in node && typeof node.value === "string") return node.value;
  return undefined;
}

/** The names that a pattern binds: `a`, `{ b, c: [d], ...e }`. */
export function boundNames(pattern: object | null | undefined): string[] {
  if (!pattern) return [];
  const names: string[] = [];
  const stack: object[] = [pattern];
  for (let node = stack.pop(); node; node = stack.pop()) {
    const inner = innerPatterns(node);
    const name = inner === undefined ? nameOf(node) : undefined;
    if (name !== undefined) names.push(name);
    stack.push(...(inner ?? []).toReversed());
  }
  return names;
}

function innerPatterns(node: object): object[] | undefined {
  if (!("type" in node)) return undefined;
  const field = { ArrayPattern: "elements", ObjectPattern: "properties", ObjectProperty: "value" }[String(node.type)];
  const key = field ?? { RestElement: "argument", AssignmentPattern: "left" }[String(node.type)];
  if (key === undefined) return undefined;
  const value = Object.entries(node).find(([name]) => name === key)?.[1];
  const list: unknown[] = Array.isArray(value) ? value : [value];
  return list.filter((one): one is object => typeof one === "object" && one !== null);
}
