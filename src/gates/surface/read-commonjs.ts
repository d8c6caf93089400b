// Reads the exports of a CommonJS module off its text. They are assignments, which a program may make in any way it likes: where it
// makes one that is not among the ways below, at the top of the file, the module is unreadable rather than half read.
import { unreadable, WHOLE, type Export, type ModuleRead } from "./module-record.ts";
import { nameOf, nodesOf, type Expression, type Program, type Statement } from "./syntax.ts";

interface Collected {
  readonly program: Program;
  readonly exports: Export[];
  readonly stars: { from: string; typeOnly: boolean }[];
  /** Mentions of `exports` and `module` that are understood. */
  readonly understood: Set<object>;
}

/** The exports of a script; none when it does not mention `exports` at all. */
export function readCommonJs(program: Program): ModuleRead {
  const into: Collected = { program, exports: [], stars: [], understood: new Set() };
  for (const statement of program.body)
    for (const one of expressionsOf(statement))
      if (!take(one, into)) return unreadable("what it assigns to `module.exports` is put together while it runs");
  const other = otherMention(into);
  if (other !== undefined) return unreadable(`it uses \`${other}\` in a way that is not followed`);
  const { exports, stars } = into;
  return { type: "read", module: { exports, stars, commonjs: true } };
}

/** What a statement at the top evaluates: itself, or the start values of its variables. */
function expressionsOf(statement: Statement): Expression[] {
  if (statement.type === "ExpressionStatement") return [statement.expression];
  if (statement.type !== "VariableDeclaration") return [];
  return statement.declarations.flatMap(({ init }) => (init ? [init] : []));
}

/** False when it exports something that is not known. */
function take(expression: Expression, into: Collected): boolean {
  if (expression.type === "CallExpression") takeDefinition(expression, into);
  const targets: object[] = [];
  let value: Expression = expression;
  // exports = module.exports = { … }
  while (value.type === "AssignmentExpression" && value.operator === "=") {
    targets.push(value.left);
    value = value.right;
  }
  let known = true;
  for (const target of targets) {
    if (nameOf(target) === "exports") into.understood.add(target);
    const name = exportedBy(target, into);
    if (name === WHOLE) known = takeWhole(value, into) && known;
    else if (name !== undefined) into.exports.push({ name, space: "value" });
  }
  return known;
}

/** The name that an assignment to `target` exports: `exports.a`, `module.exports.a`, `module.exports`. Marks what is understood. */
function exportedBy(target: object, { understood }: Collected): string | undefined {
  const member = memberOf(target);
  if (!member) return undefined;
  const { object, name } = member;
  if (nameOf(object) === "exports") {
    understood.add(object);
    return name;
  }
  const whole = nameOf(object) === "module" && name === "exports" ? object : wholeOf(object);
  if (!whole) return undefined;
  understood.add(whole);
  return whole === object ? WHOLE : name;
}

/** The identifier `module` of `module.exports`. */
function wholeOf(node: object): object | undefined {
  const member = memberOf(node);
  return member && nameOf(member.object) === "module" && member.name === "exports" ? member.object : undefined;
}

/** `object.name` or `object["name"]`. */
function memberOf(node: object): { readonly object: object; readonly name: string } | undefined {
  if (!("type" in node) || node.type !== "MemberExpression") return undefined;
  if (!("object" in node) || !("property" in node) || !("computed" in node)) return undefined;
  const { object, property, computed } = node;
  if (typeof object !== "object" || object === null || typeof property !== "object" || property === null)
    return undefined;
  if (computed === true && !("type" in property && property.type === "StringLiteral")) return undefined;
  const name = nameOf(property);
  return name === undefined ? undefined : { object, name };
}

/** `module.exports = …`. False when the value is not known. */
function takeWhole(value: Expression, { program, exports, stars }: Collected): boolean {
  const required = requiredBy(value);
  if (required !== undefined) {
    stars.push({ from: required, typeOnly: false });
    return true;
  }
  if (value.type !== "ObjectExpression") {
    exports.push({ name: WHOLE, space: "value" });
    return isCallable(value, program);
  }
  return value.properties.every((property) => {
    const spread = property.type === "SpreadElement" ? requiredBy(property.argument) : undefined;
    if (spread !== undefined) stars.push({ from: spread, typeOnly: false });
    const name = property.type === "SpreadElement" || property.computed ? undefined : nameOf(property.key);
    if (name !== undefined) exports.push({ name, space: "value" });
    return spread !== undefined || name !== undefined;
  });
}

/** A function or class, of which nothing is used by name unless something is put on it. */
function isCallable(value: Expression, { body }: Program): boolean {
  switch (value.type) {
    case "FunctionExpression":
    case "ArrowFunctionExpression":
    case "ClassExpression":
      return true;
    case "Identifier": {
      const isOf = (statement: Statement) =>
        (statement.type === "FunctionDeclaration" || statement.type === "ClassDeclaration") &&
        statement.id?.name === value.name;
      const isPutOn = (statement: Statement) =>
        statement.type === "ExpressionStatement" &&
        statement.expression.type === "AssignmentExpression" &&
        nameOf(memberOf(statement.expression.left)?.object) === value.name;
      return body.some(isOf) && !body.some(isPutOn);
    }
    default:
      return false;
  }
}

function requiredBy(value: Expression): string | undefined {
  if (value.type !== "CallExpression" || nameOf(value.callee) !== "require") return undefined;
  const [first] = value.arguments;
  return first?.type === "StringLiteral" ? first.value : undefined;
}

/** Object.defineProperty(exports, "a", …) */
function takeDefinition(call: Extract<Expression, { type: "CallExpression" }>, into: Collected): void {
  const callee = memberOf(call.callee);
  const [target, key] = call.arguments;
  if (!callee || nameOf(callee.object) !== "Object" || callee.name !== "defineProperty") return;
  if (!target || key?.type !== "StringLiteral") return;
  const mention = nameOf(target) === "exports" ? target : wholeOf(target);
  if (!mention) return;
  into.understood.add(mention);
  // Written by compilers: says how the module was made, and is nothing that anybody uses by name.
  if (key.value !== "__esModule") into.exports.push({ name: key.value, space: "value" });
}

/** The first mention of `exports` or `module` that is neither understood nor only a look at something. */
function otherMention({ program, understood }: Collected): string | undefined {
  const above = new Map<object, object | undefined>();
  for (const { node, parent } of nodesOf(program)) above.set(node, parent);
  for (const node of above.keys()) {
    const name = "type" in node && node.type === "Identifier" ? nameOf(node) : undefined;
    if ((name === "exports" || name === "module") && !understood.has(node) && !isLook(node, name, above)) return name;
  }
  return undefined;
}

/** A key or property of that name; `require.main === module`; `module.id`; `exports.a` and `module.exports.a` where they are read or called. */
function isLook(node: object, name: "exports" | "module", above: ReadonlyMap<object, object | undefined>): boolean {
  const parent = above.get(node);
  if (!parent || !("type" in parent)) return false;
  if ("computed" in parent && parent.computed !== true) {
    if ("property" in parent && parent.property === node) return true;
    if ("key" in parent && parent.key === node) return true;
  }
  if (parent.type === "BinaryExpression") return true;
  const member = memberOf(parent);
  if (member?.object !== node) return false;
  if (name === "module" && member.name !== "exports") return true;
  const looked = name === "exports" ? parent : above.get(parent);
  // module.exports by itself may be handed to anything.
  if (!looked || (name === "module" && memberOf(looked)?.object !== parent)) return false;
  const user = above.get(looked);
  const changes =
    user !== undefined &&
    "type" in user &&
    (("left" in user && user.left === looked && user.type !== "BinaryExpression") ||
      user.type === "UpdateExpression" ||
      (user.type === "UnaryExpression" && "operator" in user && user.operator === "delete") ||
      /Pattern$|^RestElement$/.test(String(user.type)));
  return !changes;
}
