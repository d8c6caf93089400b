// The pull request as a reviewer reads it: what Baton ran, apart from what agents say.
import { describe, expect, test } from "vitest";
import { createRedact } from "#src/core/redact.ts";
import { sha } from "#src/core/ids.ts";
import type { GateResult } from "#src/engine/events.ts";
import { MAX_BODY } from "#src/github/markdown.ts";
import { createNeutral } from "#src/github/neutral.ts";
import { pullRequestBody, pullRequestTitle } from "#src/github/pull-request.ts";
import { answerTo } from "#src/github/thread-answers.ts";
import type { Artifact } from "#src/workflows/artifacts.ts";
import { branchName } from "#src/github/branch.ts";
import { changeOf } from "#src/engine/state.ts";
import { artifactFor } from "#test/support/engine-world.ts";
import { evidence, fixCommit, gateResult, recordedRuns, RunScript, sampleChanges } from "#test/support/recorded-run.ts";

const done = [{ thread: 1, done: true, what: "It has a name." }];
const neutral = createNeutral(createRedact([]));
const facts = {
  head: fixCommit,
  tree: sha("e".repeat(40)),
  changes: sampleChanges,
  template: undefined,
  now: 0,
  neutral,
  links: { serverUrl: "https://github.com" },
};

function parts(text: string): { verified: string; claimed: string } {
  const [before = "", claimed = ""] = text.split("### Claimed by the agents");
  return { verified: before.split("### Verified by Baton")[1] ?? "", claimed };
}

describe("the body", () => {
  const { state } = recordedRuns.succeeded();
  const text = pullRequestBody(state, facts);

  test("closes the issue and says it was made by a machine", () => {
    expect(text).toContain("Closes #12");
    expect(text).toContain("Made by a machine");
  });

  test("says what the change is for first, and what was changed since as people asked", () => {
    const by = { login: "maria", id: 7 };
    const words = { type: "revision.requested" as const, by, quote: "a review", words: "No.", threads: [] };
    const value = { summary: "Named what is left.", files: [], followUps: [] };
    const revised = recordedRuns
      .succeeded()
      .add({ ...words, stage: "fix" })
      .stage("fix", { artifact: { name: "Change", value } }).state;
    const { summary } = changeOf(state) ?? { summary: "" };
    const body = pullRequestBody(revised, facts);
    expect(summary).not.toBe("");
    expect(body.indexOf(summary)).toBeGreaterThan(body.indexOf("**This change**"));
    expect(body.indexOf("Named what is left.")).toBeGreaterThan(body.indexOf("**Changed since**, as people asked"));
    expect(body.indexOf("**Changed since**")).toBeGreaterThan(body.indexOf(summary));
    expect(body).not.toContain("No person has reviewed it yet");
    expect(text).not.toContain("**Changed since**");
  });

  test("says of each later change who wanted it: failed checks, or people", () => {
    const by = { login: "maria", id: 7 };
    const change = (summary: string) => ({
      artifact: { name: "Change" as const, value: { summary, files: [], followUps: [] } },
    });
    const checks = [{ name: "test", url: "", text: "It failed." }];
    const asked = { type: "revision.requested" as const, by, quote: "…", words: "", threads: [], stage: "fix" };
    const opened = {
      type: "pull_request.opened" as const,
      number: 5,
      url: "u",
      branch: "b",
      head: sha("7".repeat(40)),
      title: "t",
    };
    const revised = recordedRuns
      .succeeded()
      .add({ ...asked, checks })
      .stage("fix", change("Mended the build."))
      .add(opened)
      .finished("succeeded", "verified", "…")
      .add({ ...asked, words: "Name it." })
      .stage("fix", change("Named it.")).state;
    const body = pullRequestBody(revised, facts);
    expect(body).toMatch(/\*\*Changed since\*\*, because checks failed:\s+Mended the build\./);
    expect(body).toMatch(/\*\*Changed since\*\*, as people asked:\s+Named it\./);
  });

  test("leaves the issue of a schedule open: the next start needs it", () => {
    const { created } = state;
    const request = { ...created.request, door: "schedule" as const };
    const scheduled = pullRequestBody({ ...state, created: { ...created, request } }, facts);
    expect(scheduled).toContain("Asked for in #12");
    expect(scheduled).not.toContain("Closes");
  });

  test("leaves it open too when somebody has the same worked there by hand", () => {
    const { created } = state;
    const entry = { cron: "0 6 * * 1", timezone: "UTC", workflow: "bug", issue: 12 };
    const named = { ...created, config: { ...created.config, schedules: [entry] } };
    const author = { login: "baton[bot]", id: 1 };
    const input = { ...created.input, title: "Scheduled: audit" };
    const own = { ...created, input, subject: { ...created.subject, author } };
    for (const changed of [named, own])
      expect(pullRequestBody({ ...state, created: changed }, facts)).toContain("Asked for in #12");
    expect(pullRequestBody({ ...state, created: { ...created, input } }, facts)).toContain("Closes #12");
  });

  test("shows red on the base, green on the head, the suite before and after, and the same tree", () => {
    const { verified } = parts(text);
    expect(verified).toMatch(
      /✅ red \| Fails on the base for the expected reason, twice \| `node --test test\/split\.test\.js` \| base \+ test `a{10}` \| 1\.3/,
    );
    expect(verified).toMatch(/✅ green .* head `f{10}`/);
    expect(verified).toMatch(/✅ baseline .* base `0{10}` → head `f{10}`/);
    expect(verified).toContain("`eeeeeeeeeeee`");
    expect(verified).toContain("2 files changed, +10 −1");
    expect(verified).toContain("Reproduction: `test/split.test.js`");
    expect(verified).toContain("Fails before and after: test/tip.test.js");
  });

  test("keeps what agents say apart", () => {
    const { verified, claimed } = parts(text);
    for (const said of ["Give the remaining cents", "differ by one cent", "another agent: approved"]) {
      expect(claimed).toContain(said);
      expect(verified).not.toContain(said);
    }
  });

  test("says what it cost and how to steer, without a live command", () => {
    expect(text).toMatch(/\*\*Cost:\*\* \$0\.12 · 13 model turns/);
    expect(text).toContain("never overwrites a person's commits");
    expect(text).not.toMatch(/^\s*(?:[-*>]\s*)?\/agent/m);
  });

  test("is read in half a minute: the open part is short", () => {
    const open = text.replace(/<details>[\s\S]*?<\/details>/g, "").replace(/<!--.*?-->/g, "");
    expect(open.match(/[\w$.]{2,}/g)?.length).toBeLessThan(330);
  });

  test("never grows too long, and agents cannot close other issues or call people", () => {
    const long = "Fixes #99, thanks @torvalds. ".repeat(130);
    const { state: hostile } = new RunScript()
      .driven()
      .routed()
      .stage("reproduce")
      .stage("diagnose", {
        artifact: {
          name: "Diagnosis",
          value: { rootCause: long, locations: [], approach: long, risk: long.slice(0, 900) },
        },
      })
      .stage("fix", {
        artifact: { name: "Change", value: { summary: long, files: [], followUps: [long.slice(0, 400)] } },
      })
      .stage("verify")
      .stage("review", {
        artifact: {
          name: "Review",
          value: {
            verdict: "approve",
            findings: Array.from({ length: 30 }, () => ({ severity: "minor" as const, message: long.slice(0, 900) })),
          },
        },
      });
    const body = pullRequestBody(hostile, { ...facts, template: "x".repeat(100_000) });
    expect(body.length).toBeLessThanOrEqual(MAX_BODY);
    const live = body.replace(/`[^`\n]*`/g, "");
    expect(live).not.toContain("#99");
    expect(live).not.toContain("@torvalds");
  });
});

describe("of a refactoring", () => {
  const pins = sha("c".repeat(40));
  const value = {
    testFiles: ["test/pins.test.js"],
    command: "npm test",
    covers: "Shares of whole amounts.",
    notes: "none",
  };
  const bodyWith = (surface: Partial<GateResult>) => {
    const { state } = new RunScript()
      .driven()
      .routed()
      .stage("reproduce", {
        artifact: { name: "Characterization", value },
        commit: pins,
        gates: [gateResult("pinned", { code: "pinned", evidence: [evidence("pins", pins, 0)] })],
      })
      .stage("fix")
      .stage("verify", { gates: [gateResult("kept", { code: "kept" }), gateResult("surface", surface)] });
    return parts(pullRequestBody(state, facts));
  };

  test("names the pinned tests as seen by Baton, and what they cover as said by an agent", () => {
    const { verified, claimed } = bodyWith({ code: "unchanged" });
    expect(verified).toMatch(/✅ pinned .* base \+ test `c{10}`/);
    expect(verified).toContain("Pinned behaviour: `test/pins.test.js`.");
    expect(verified).toContain("✅ surface |");
    expect(verified).not.toContain("Not verified");
    expect(claimed).toContain("Shares of whole amounts.");
    expect(verified).not.toContain("Shares of whole amounts.");
  });

  test("never tells as verified what was not computed", () => {
    const summary = "Not computed, so nothing is shown: go.mod.";
    const { verified } = bodyWith({ code: "not-computed", summary, notes: ["not computed: go.mod: not read"] });
    expect(verified).not.toMatch(/✅ surface/);
    expect(verified).toContain(`**Not verified:** surface. ${summary}`);
    const part = bodyWith({ code: "partly-computed", notes: ["not computed: go.mod: not read"] }).verified;
    expect(part).toContain("✅ surface (in part) |");
    expect(part).toContain("not computed: go.mod: not read");
  });
});

describe("the title", () => {
  const titled = (title: string) =>
    new RunScript({ input: { ...new RunScript().state.created.input, title } }).driven().routed().state;
  test.each([
    ["Splitting loses a cent", [], "Fix: Splitting loses a cent"],
    ["Splitting loses a cent.", ["feat: a", "fix(b): c", "Hello"], "fix: splitting loses a cent"],
    ["[Bug] API crashes", ["chore: x"], "fix: API crashes"],
    ["bug: it fails", ["Hello", "World", "fix: c"], "Fix: it fails"],
    ["Fixes #9 @ada [skip ci]\u202E", [], "Fix: Fixes 9 ada (skip ci)"],
    ["   ", [], "Fix: issue 12"],
  ])("%j after %j is %j", (title, recent, expected) => {
    expect(pullRequestTitle(titled(title), recent, neutral)).toBe(expected);
  });
});

test.each([
  ["Splitting loses a cent", "baton/issue-12-splitting-loses-a-cent"],
  ["Überlauf im Zähler!", "baton/issue-12-uberlauf-im-zahler"],
  ["../../etc -- $(rm) @{u} ~^:", "baton/issue-12-etc-rm-u"],
  ["日本語", "baton/issue-12"],
  ["x".repeat(100), `baton/issue-12-${"x".repeat(40)}`],
])("the branch of %j is %j", (title, expected) => {
  expect(branchName("issue", 12, title)).toBe(expected);
});

test("a change without a diagnosis or a review still makes a body", () => {
  const { state } = new RunScript()
    .driven()
    .routed()
    .stage("fix", { artifact: artifactFor("fix") });
  expect(pullRequestBody(state, facts)).not.toMatch(/undefined|Root cause/);
});

test.each<Artifact>([
  { name: "Change", value: { summary: "s", files: [], followUps: [], answers: done } },
  { name: "Conclusion", value: { summary: "s", sections: [], files: [], followUps: [], answers: done } },
  {
    name: "Characterization",
    value: { testFiles: ["a.test.js"], command: "npm test", covers: "c", notes: "n", answers: done },
  },
])("what the agents say of a thread in a $name is answered there", (artifact) => {
  const thread = { id: 4, path: "src/a.js", outdated: false, text: "@maria: Why?" };
  const by = { login: "maria", id: 7 };
  const state = recordedRuns
    .succeeded()
    .add({ type: "revision.requested", by, quote: "a review", stage: "fix", words: "", threads: [thread] })
    .stage("fix", { artifact }).state;
  expect(answerTo(state, thread, fixCommit, neutral)).toBe(
    `It has a name.\n\nDone in ${fixCommit}, as the agents say.`,
  );
});
