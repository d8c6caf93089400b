// What `baton run` makes of its words before anything is opened: what is wrong with them is said, with the way to write them behind it.
import { expect, test } from "vitest";
import { isIssueOnGitHub } from "#src/cli/run-github.ts";
import { run } from "#src/cli/run.ts";

test.each([
  [["a.md", "b.md"], "run takes one issue, not 2: a.md b.md"],
  [["run-0123456789ab", "--budget", "1"], "run-0123456789ab goes on as it was begun"],
  [["run-0123456789ab", "--dry-run"], "run-0123456789ab goes on as it was begun"],
  [["a.md", "--budget", "none"], "none"],
  [["a.md", "--approve", "--reject", "no"], "--approve and --reject say different things about a plan"],
  [["octo/tab"], "octo/tab is no issue on GitHub (owner/repo#12) and no file"],
])("run %j is refused", async (argv, why) => {
  await expect(run(argv, {})).rejects.toMatchObject({
    code: "invalid-usage",
    // The forms, and where the rest is: not all of the help.
    message: expect.stringMatching(/\n\nUsage: baton run <(?:.*\n){3}\nbaton run --help says more\.$/),
  });
  await expect(run(argv, {})).rejects.toThrow(why);
});

test.each([
  ["octo/tab#12", true],
  ["octo-org/tab.js#1", true],
  ["octo/tab", false],
  ["octo/tab#", false],
  ["octo/tab#12.md", false],
  ["issues/octo/tab#12", false],
])("%s is an issue on GitHub: %s", (target, wanted) => {
  expect(isIssueOnGitHub(target)).toBe(wanted);
});
