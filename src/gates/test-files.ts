// What counts as a test: one question, asked by the gates and by whoever shows what a change touched.
// Fixtures and snapshots beside tests belong to them.

/** Folders that hold tests, in whatever language; compared in lower case. */
const folders = new Set([
  "test",
  "tests",
  "__tests__",
  "__test__",
  "__mocks__",
  "__fixtures__",
  "__snapshots__",
  "spec",
  "specs",
  "e2e",
  "testdata",
  "integration-tests",
  "integrationtest",
  "androidtest",
  "testfixtures",
]);

/** Folders of .NET test projects: Shop.Tests, Shop.UnitTests. */
const projectFolder = /(?:^|\.)(?:unit|integration|functional)?tests?$/i;

const names: readonly RegExp[] = [
  // JavaScript and TypeScript
  /[._-](?:test|tests|spec|e2e|cy|test-d)\.[cm]?[jt]sx?$/i,
  /^(?:test|tests|spec)\.[cm]?[jt]sx?$/i,
  /\.(?:snap|ambr)$/,
  // Python
  /^test_.*\.py$/,
  /_test\.py$/,
  /^(?:tests?|conftest)\.py$/,
  // Go, Rust, Ruby, PHP (pest), Elixir and others that follow the same custom
  /_(?:test|spec)\.(?:go|rs|rb|exs?|php|cc|cpp|c|dart|lua)$/,
  /^tests?\.rs$/,
  /^test_.*\.(?:rb|c|cc|cpp)$/,
  // Java, Kotlin, Scala, Groovy, PHP, C#, Swift
  /^Test[A-Z0-9].*\.(?:java|kt|scala|groovy|php|cs|swift)$/,
  /(?:Tests?|TestCase|Specs?|IT)\.(?:java|kt|kts|scala|groovy|php|cs|swift|fs|vb)$/,
];

/** True for a test file, and for the fixtures and snapshots that lie in a test folder. `path` is relative to the repository's root, with "/". */
export function isTestFile(path: string): boolean {
  const parts = path.split("/");
  const name = parts.pop() ?? "";
  // A Go package may well be called "spec" or "test"; its tests are named.
  const goSource = name.endsWith(".go") && !parts.some((part) => ["testdata", "e2e"].includes(part));
  if (!goSource && parts.some((part) => folders.has(part.toLowerCase()) || projectFolder.test(part))) return true;
  return names.some((pattern) => pattern.test(name));
}

const snapshots: readonly RegExp[] = [
  /(?:^|\/)__(?:image_)?snapshots__\//,
  /\.(?:snap|ambr|golden|approved\.[^/]+|verified\.[^/]+)$/,
  /(?:^|\/)(?:goldens?|golden-files|snapshots)\//i,
  /-snapshots\//,
];

/** True for a file that records what a test expects: rewriting it changes the expectation. */
export function isSnapshot(path: string): boolean {
  return snapshots.some((pattern) => pattern.test(path));
}
