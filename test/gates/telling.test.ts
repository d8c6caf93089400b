// Of what programs print, the line that says what was wrong.
import { describe, expect, test } from "vitest";
import { tellingOf } from "#src/gates/telling.ts";

const missing = `npm error Missing script: "lint"
npm error
npm error Did you mean this?
npm error   npm link # Symlink a package folder
npm error
npm error To see a list of scripts, run:
npm error   npm run
npm error A complete log of this run can be found in: /home/agent/.npm/_logs/debug-0.log
`;
const notFound = `npm warn deprecated x@1: use y
npm error code E404
npm error 404 Not Found - GET https://registry.example/left-pad - Not found
npm error 404
npm error 404 Note that you can also install from a tarball
[sandbox] network access blocked: blocked.example:443: it is not one of the registries
`;
const pip = `Looking in indexes: https://pypi.example/simple
ERROR: Could not find a version that satisfies the requirement nope (from versions: none)
ERROR: No matching distribution found for nope
[notice] A new release of pip is available
`;
const started = `
> tab@1.0.0 lint
> eslint .

src/a.js: 1:1 error no-undef
npm error Lifecycle script \`lint\` failed with error:
npm error code 1
npm error path /workspace
`;

describe("what tells what was wrong", () => {
  test.each([
    ["npm, which lacks a script", missing, 'Missing script: "lint"'],
    [
      "npm, which finds nothing, with the way that is closed",
      notFound,
      "404 Not Found - GET https://registry.example/left-pad - Not found [sandbox] network access blocked: blocked.example:443: it is not one of the registries",
    ],
    ["pip", pip, "ERROR: Could not find a version that satisfies the requirement nope (from versions: none)"],
    ["what npm started", started, "src/a.js: 1:1 error no-undef"],
    ["any other program: its end", `${"x".repeat(900)}\nno such\n  linter\n`, `…${"x".repeat(685)} no such linter`],
    ["nothing", "\n", ""],
  ])("%s", (_, output, told) => {
    expect(tellingOf(output)).toBe(told);
  });
});
