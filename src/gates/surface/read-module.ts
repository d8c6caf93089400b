// Reads what a module exports off its text, without running anything. Names and what they stand for; not what they take and give.
import { readCommonJs } from "./read-commonjs.ts";
import { merged, unreadable, WHOLE, type Export, type ModuleRead, type Space } from "./module-record.ts";
import { boundNames, isDeclaration, isTypeScript, nameOf, parseProgram } from "./syntax.ts";
import type { Node, Program, Statement } from "./syntax.ts";

/** Never throws: what cannot be parsed or followed is `unreadable`. May take for ever. */
export function readModule(path: string, text: string): ModuleRead {
  try {
    const program = parseProgram(path, text);
    if (program.sourceType === "script" && !isTypeScript(path)) return readCommonJs(program);
    return { type: "read", module: readEsModule(program, path) };
  } catch (error) {
    if (error instanceof RangeError) return unreadable(`${path} is nested too deeply`);
    return unreadable(`${path} cannot be parsed: ${error instanceof Error ? error.message.slice(0, 120) : "?"}`);
  }
}

interface Imported {
  readonly from: string;
  readonly imported: string;
  readonly typeOnly: boolean;
}

/** What the names at the top of a module stand for. */
interface Scope {
  readonly imports: ReadonlyMap<string, Imported>;
  readonly own: ReadonlyMap<string, Space>;
}

function readEsModule(program: Program, path: string) {
  const typed = isTypeScript(path);
  const scope = scopeOf(program, typed);
  const exports: Export[] = [];
  const stars: { from: string; typeOnly: boolean }[] = [];
  for (const statement of program.body) {
    if (statement.type === "ExportAllDeclaration")
      stars.push({ from: statement.source.value, typeOnly: statement.exportKind === "type" });
    else exports.push(...exportsOf(statement, scope, typed));
  }
  // In a file of declarations everything is exported, unless it says itself what is.
  if (isDeclaration(path) && program.sourceType === "module" && !program.body.some(isExplicit))
    exports.push(...[...scope.own].map(([name, space]) => ({ name, space })));
  return { exports, stars, commonjs: false };
}

function isExplicit(statement: Statement): boolean {
  if (statement.type === "TSExportAssignment") return true;
  if (statement.type === "ExportNamedDeclaration") return !statement.declaration && !statement.source;
  return statement.type === "ExportDefaultDeclaration" && statement.declaration.type === "Identifier";
}

function scopeOf(program: Program, typed: boolean): Scope {
  const imports = new Map<string, Imported>();
  const own = new Map<string, Space>();
  const declare = ({ name, space }: { name: string; space: Space }) =>
    own.set(name, merged(own.get(name) ?? space, space));
  for (const statement of program.body) {
    if (statement.type === "ImportDeclaration") importsOf(statement, imports);
    else if (statement.type === "ExportNamedDeclaration" || statement.type === "ExportDefaultDeclaration")
      declaredBy(statement.declaration, typed).forEach(declare);
    else declaredBy(statement, typed).forEach(declare);
  }
  return { imports, own };
}

function importsOf(statement: Node<"ImportDeclaration">, into: Map<string, Imported>): void {
  for (const specifier of statement.specifiers) {
    const imported =
      specifier.type === "ImportDefaultSpecifier"
        ? "default"
        : specifier.type === "ImportNamespaceSpecifier"
          ? "*"
          : (nameOf(specifier.imported) ?? "");
    const own = specifier.type === "ImportSpecifier" && specifier.importKind === "type";
    const typeOnly = statement.importKind === "type" || own;
    into.set(specifier.local.name, { from: statement.source.value, imported, typeOnly });
  }
}

/** The names that a declaration makes, and what they stand for. */
function declaredBy(node: object | null | undefined, typed: boolean): { name: string; space: Space }[] {
  if (!node || !("type" in node)) return [];
  const named = (space: Space) => {
    const name = nameOf("id" in node && typeof node.id === "object" ? node.id : undefined);
    return name === undefined ? [] : [{ name, space }];
  };
  switch (node.type) {
    case "FunctionDeclaration":
    case "TSDeclareFunction":
      return named("value");
    case "ClassDeclaration":
      return named(typed ? "both" : "value");
    case "TSEnumDeclaration":
      return named("both");
    case "TSModuleDeclaration":
    case "TSImportEqualsDeclaration":
      return named("unknown");
    case "TSInterfaceDeclaration":
    case "TSTypeAliasDeclaration":
      return named("type");
    case "VariableDeclaration": {
      const declarations: unknown[] =
        "declarations" in node && Array.isArray(node.declarations) ? node.declarations : [];
      return declarations.flatMap((one) =>
        typeof one === "object" && one !== null && "id" in one && typeof one.id === "object"
          ? boundNames(one.id).map((name) => ({ name, space: "value" as const }))
          : [],
      );
    }
    default:
      return [];
  }
}

function exportsOf(statement: Statement, scope: Scope, typed: boolean): Export[] {
  switch (statement.type) {
    case "ExportNamedDeclaration":
      return [...declaredBy(statement.declaration, typed), ...specifiersOf(statement, scope)];
    case "ExportDefaultDeclaration":
      return [defaultOf(statement, scope, typed)];
    case "TSExportAssignment":
      return [{ name: WHOLE, space: "unknown" }];
    case "TSNamespaceExportDeclaration":
      return [{ name: `${statement.id.name} (a global)`, space: "unknown" }];
    default:
      return [];
  }
}

function specifiersOf(statement: Node<"ExportNamedDeclaration">, scope: Scope): Export[] {
  const from = statement.source?.value;
  return statement.specifiers.flatMap((specifier): Export[] => {
    const name = nameOf(specifier.exported);
    if (name === undefined) return [];
    const typeOnly =
      statement.exportKind === "type" || (specifier.type === "ExportSpecifier" && specifier.exportKind === "type");
    const local = specifier.type === "ExportSpecifier" ? nameOf(specifier.local) : "*";
    if (from !== undefined) return [{ name, from, imported: local ?? "*", typeOnly }];
    return [ofScope(name, local ?? name, scope, typeOnly)];
  });
}

/** What `local` stands for, exported as `name`. */
function ofScope(name: string, local: string, { imports, own }: Scope, typeOnly: boolean): Export {
  const imported = imports.get(local);
  if (imported) return { ...imported, name, typeOnly: typeOnly || imported.typeOnly };
  return { name, space: typeOnly ? "type" : (own.get(local) ?? "unknown") };
}

function defaultOf({ declaration }: Node<"ExportDefaultDeclaration">, scope: Scope, typed: boolean): Export {
  if (declaration.type === "Identifier") return ofScope("default", declaration.name, scope, false);
  if (declaration.type === "TSInterfaceDeclaration") return { name: "default", space: "type" };
  return { name: "default", space: typed && declaration.type === "ClassDeclaration" ? "both" : "value" };
}
