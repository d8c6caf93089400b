// JUnit XML, in the dialects of node --test, pytest, Maven Surefire and Gradle. One text may hold several documents.
import { XMLParser } from "fast-xml-parser";
import { createReport, isTooLong, PART, relativeTo, type TestReport } from "./test-report.ts";

const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: "",
  preserveOrder: true,
  parseAttributeValue: false,
  parseTagValue: false,
  // Only the five of XML and numbers: documents that declare entities are refused before they get here.
  processEntities: true,
  // Nobody asks for the path of an element, which would be put together anew for each.
  jPath: false,
  maxNestedTags: 50,
});

/** Tags and documents in one text: parsing takes some microseconds for each, during which nothing else happens. */
const TAGS = 1_000_000;
const DOCUMENTS = 50_000;

interface Element {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly Element[];
}

/** Reads JUnit XML; `folder` is where the tests ran. Undefined when it is not JUnit XML or is cut off. */
export function parseJUnit(text: string, folder: string): TestReport | undefined {
  if (isTooLong(text) || hasMore(text, "<", TAGS) || hasMore(text, "<?xml ", DOCUMENTS)) return undefined;
  const documents = text.split(/(?=<\?xml )/).filter((part) => part.trim() !== "");
  const into = createReport();
  let suites = 0;
  for (const document of documents) {
    const roots = elementsOf(document);
    if (!roots) return undefined;
    for (const root of roots) {
      if (root.name !== "testsuites" && root.name !== "testsuite") return undefined;
      suites += 1;
      collect(root, [], folder, into);
    }
  }
  return suites === 0 ? undefined : into.report();
}

function hasMore(text: string, mark: string, most: number): boolean {
  let seen = 0;
  for (let at = text.indexOf(mark); at !== -1; at = text.indexOf(mark, at + mark.length)) {
    seen += 1;
    if (seen > most) return true;
  }
  return false;
}

function elementsOf(document: string): Element[] | undefined {
  // No test runner declares entities; only somebody who wants them expanded does.
  if (/<!(?:DOCTYPE|ENTITY)/i.test(document)) return undefined;
  // The parser forgives a missing end; a report that was cut off must not look like a short one.
  const last = document.slice(document.lastIndexOf("<")).trimEnd();
  if (!/^(?:<\/testsuites?>|<testsuites?\b[^>]*\/>)$/.test(last)) return undefined;
  try {
    const nodes: unknown = parser.parse(document);
    return Array.isArray(nodes) ? nodes.flatMap(elementOf) : undefined;
  } catch {
    return undefined;
  }
}

function elementOf(node: unknown): Element[] {
  if (typeof node !== "object" || node === null) return [];
  const attributes = attributesOf(":@" in node ? node[":@"] : undefined);
  return Object.entries(node)
    .filter(([name]) => name !== ":@" && !name.startsWith("#") && !name.startsWith("?"))
    .map(([name, children]) => ({
      name,
      attributes,
      children: Array.isArray(children) ? children.flatMap(elementOf) : [],
    }));
}

function attributesOf(value: unknown): Record<string, string> {
  if (typeof value !== "object" || value === null) return {};
  return Object.fromEntries(Object.entries(value).map(([name, text]) => [name, String(text)]));
}

type Report = ReturnType<typeof createReport>;

function collect(element: Element, groups: readonly string[], folder: string, into: Report): void {
  for (const child of element.children) {
    if (child.name === "testsuite") {
      const name = child.attributes["name"] ?? "";
      // All tests in it carry these names: together they stay bounded.
      const room = PART - groups.join("").length;
      collect(child, [...groups, name.slice(0, Math.max(0, room))], folder, into);
    } else if (child.name === "testcase") {
      addCase(child, groups, folder, into);
    }
  }
}

function addCase({ attributes, children }: Element, groups: readonly string[], folder: string, into: Report): void {
  const { name = "", classname = "" } = attributes;
  const file = relativeTo(folder, attributes["file"] ?? "");
  const has = (...kinds: string[]) => children.some((child) => kinds.includes(child.name));
  // node --test reports a file that ended badly as one test with the file's name.
  const wholeFile = file !== "" && relativeTo(folder, name) === file;
  // pytest reports a module that could not be imported as an error without a class.
  const collection = classname === "" && has("error");
  if (has("failure", "error") && !has("skipped") && (wholeFile || collection))
    return into.addUnloaded(wholeFile ? file : name);
  const owner = file === "" ? classname : file;
  const path = [owner, ...groups, name].filter((part) => part !== "" && part !== "pytest");
  const id = path.filter((part, index) => index === path.length - 1 || part !== path[index - 1]).join(" › ");
  into.add(wholeFile ? file : id, has("skipped") ? "skipped" : has("failure", "error") ? "failed" : "passed");
}
