// Whoever is told how to begin anew is told of what they began.
import { describe, expect, test } from "vitest";
import { createRedact } from "#src/core/redact.ts";
import { renderCard } from "#src/github/card.ts";
import { createNeutral } from "#src/github/neutral.ts";
import { startCommand } from "#src/github/start-command.ts";
import { verbs, verbOf, type VerbName } from "#src/intake/verbs.ts";
import { defaultRepoConfig } from "#src/workflows/repo-config.ts";
import { RunScript } from "#test/support/recorded-run.ts";

const names = Object.keys(verbs).filter((name): name is VerbName => Object.hasOwn(verbs, name));
const routed = names.flatMap((name) => {
  const { route } = verbOf(name);
  // The same as `implement`.
  return route === undefined || name === "plan" ? [] : [{ name, route }];
});

describe("the command that began a run", () => {
  test.each(routed)("$name", ({ name, route }) => {
    expect(startCommand(new RunScript({ workflow: route }).state)).toBe(`/agent ${name}`);
    const config = { ...defaultRepoConfig, routes: { [route]: "our-own" } };
    expect(startCommand(new RunScript({ workflow: "our-own", config }).state)).toBe(`/agent ${name}`);
  });

  test("is fix where the issue is sorted, with the workflow where one was named that has no verb", () => {
    expect(startCommand(new RunScript().state)).toBe("/agent fix");
    expect(startCommand(new RunScript({ workflow: "bug" }).state)).toBe("/agent fix --workflow bug");
  });
});

test.each([
  ["failed", "broken", "`/agent restart` begins anew."],
  ["timed-out", "time", "`/agent init --max-time 90m` begins anew"],
  ["needs-a-decision", "red", "`/agent init <your advice>` begins anew"],
  ["could-not-reproduce", "not-reproduced", "then write `/agent init`"],
  ["cancelled", "installation-removed", "`/agent init` begins anew"],
  ["cancelled", "issue-transferred", "write `/agent init` where"],
] as const)("a run that ended %s (%s) is begun anew by it", (outcome, code, words) => {
  const request = { ...new RunScript().state.created.request, quote: "/agent init" };
  const { state } = new RunScript({ workflow: "init", request }).driven().routed().finished(outcome, code, "So it is.");
  const options = { neutral: createNeutral(createRedact([])), links: { serverUrl: "https://github.com" } };
  const text = renderCard(state, { ...options, now: state.updatedAt });
  expect(text).toContain(words);
  expect(text).toContain("`/agent init <advice>` begins a new run; `--budget $3` and `--max-time 20m` may follow");
  expect(text).not.toContain("/agent fix");
});
