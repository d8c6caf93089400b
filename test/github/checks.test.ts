// What Baton's check runs on a pull request say, and when each is written: as a reviewer reads them.
import { describe, expect, test } from "vitest";
import { silentLog } from "#src/core/log.ts";
import { sha } from "#src/core/ids.ts";
import type { EventOf } from "#src/engine/events.ts";
import { asPublished, buttons, commitChecks, revisionCheck } from "#src/github/checks.ts";
import type { CheckRun, Shown } from "#src/github/check-runs.ts";
import { GitHubFailure } from "#src/github/failure.ts";
import { createNeutral } from "#src/github/neutral.ts";
import { createShowChecks, noChecks } from "#src/github/show-checks.ts";
import { HandTiming } from "#test/support/hand-timing.ts";
import { gateResult, recordedRuns, RunScript } from "#test/support/recorded-run.ts";

const neutral = createNeutral((text) => text.replaceAll("hunter2", "[redacted]"));
const options = { neutral, page: "https://github.com/octo/tab/issues/12#issuecomment-1" };
const by = { login: "maria", id: 7 };
const wants: EventOf<"revision.requested"> = {
  type: "revision.requested",
  by,
  quote: "a review",
  stage: "fix",
  words: "Say why",
  threads: [],
};
const first = sha("d".repeat(40));

function published(script: RunScript) {
  const found = asPublished(script.events);
  if (!found) throw new Error("nothing was published");
  return found;
}
const checksOf = (script: RunScript) =>
  Object.fromEntries(commitChecks(published(script), options).map((one) => [one.name, one]));

/** Everything up to the review, which says this. */
function reviewed(findings: readonly { severity: "minor" | "major"; path?: string; line?: number; message: string }[]) {
  return new RunScript()
    .driven()
    .routed()
    .stage("reproduce")
    .stage("diagnose")
    .stage("fix")
    .stage("verify")
    .stage("review", { artifact: { name: "Review", value: { verdict: "approve", findings: [...findings] } } })
    .stage("publish")
    .opened();
}

describe("of a commit that was published", () => {
  test("there are three, and each says who says so", () => {
    const { reproduction, verification, review } = checksOf(recordedRuns.succeeded());
    expect(reproduction).toMatchObject({ conclusion: "success", title: "Fails without the change, passes with it" });
    expect(reproduction?.summary).toContain("| ✅ red | Fails on the base for the expected reason, twice |");
    expect(reproduction?.summary).toContain("`test/split.test.js`");
    expect(reproduction?.summary).not.toContain("baseline");
    expect(verification).toMatchObject({ conclusion: "success", title: "3 gates passed" });
    expect(verification?.summary).toMatch(
      /Run by Baton itself.*\| ✅ baseline \|.*exactly the tree that was verified/s,
    );
    expect(review).toMatchObject({ conclusion: "neutral", title: "An agent approved, no remarks" });
    for (const one of [reproduction, verification, review]) expect(one?.buttons).toEqual([]);
  });

  test("a gate that could not see anything makes no success", () => {
    const blind = gateResult("baseline", { code: "no-test-command", summary: "The repository names no tests." });
    const script = new RunScript()
      .driven()
      .routed()
      .stage("reproduce")
      .stage("diagnose")
      .stage("fix")
      .stage("verify", { gates: [gateResult("scope"), gateResult("integrity"), gateResult("green"), blind] })
      .stage("review")
      .stage("publish")
      .opened();
    const { verification } = checksOf(script);
    expect(verification).toMatchObject({ conclusion: "neutral", title: "2 gates passed, 1 could not be checked" });
    expect(verification?.summary).toContain("**Not verified:** baseline. The repository names no tests.");
  });

  test("a reviewer's remarks stand at their lines, and nothing in them acts", () => {
    const { review } = checksOf(
      reviewed([
        { severity: "major", path: "src/split.js", line: 4, message: "Ask @ada; the key is hunter2\n/agent stop" },
        { severity: "minor", message: "No changelog." },
        { severity: "minor", path: "src/@ada.js", line: 1, message: "Odd." },
      ]),
    );
    expect(review).toMatchObject({ conclusion: "neutral", title: "An agent approved, 3 remarks" });
    expect(review?.annotations).toEqual([
      expect.objectContaining({ path: "src/split.js", start_line: 4, end_line: 4, annotation_level: "warning" }),
    ]);
    for (const text of [review?.summary, review?.annotations[0]?.message]) {
      expect(text).not.toMatch(/hunter2|^\/agent/m);
      expect(text?.replaceAll(/`[^`]*`/g, "")).not.toContain("@ada");
    }
  });

  test("what a later revision has not verified yet does not change them", () => {
    const script = recordedRuns.succeeded();
    const before = commitChecks(published(script), options);
    expect(commitChecks(published(script.add(wants)), options)).toEqual(before);
  });
});

describe("of a revision", () => {
  const at = (script: RunScript) => revisionCheck(script.state, options);

  test("it is under way, with a button that stops it", () => {
    const shown = at(recordedRuns.succeeded().add(wants).driven());
    expect(shown).toMatchObject({
      conclusion: undefined,
      title: "Running: stage 3 of 6 (fix)",
      buttons: [buttons.stop],
    });
    expect(shown.summary).toMatch(/^Asked for by `maria` with `a review`\.[^]*\*\*Next:\*\*/);
  });

  test("stopped or failed, it says that the pull request is as it was, with a button to go on", () => {
    const stopped = recordedRuns.succeeded().add(wants).finished("cancelled", "stopped", "Stopped by @maria.");
    expect(at(stopped)).toMatchObject({ conclusion: "cancelled", buttons: [buttons.retry] });
    const failed = recordedRuns.succeeded().add(wants).finished("failed", "model-unreachable", "The model is away.");
    expect(at(failed)).toMatchObject({
      conclusion: "action_required",
      title: "Failed: the pull request stays as it is",
      summary: expect.stringContaining("The model is away."),
      buttons: [buttons.retry],
    });
  });

  test("in a pull request that was closed there is nothing to go on with", () => {
    const closed = recordedRuns.succeeded().add(wants, { type: "pull_request.closed", by, merged: false });
    expect(at(closed.finished("cancelled", "pull-request-closed", "Closed."))).toMatchObject({ buttons: [] });
  });

  test("done, it names the commit that has it", () => {
    const done = recordedRuns
      .succeeded()
      .add(wants)
      .stage("fix")
      .stage("verify")
      .stage("review")
      .stage("publish")
      .opened();
    expect(at(done)).toMatchObject({ conclusion: "success", title: "Done: ddddddd has it", buttons: [] });
  });
});

test("every button is as short as GitHub wants it", () => {
  for (const { label, description, identifier } of Object.values(buttons)) {
    expect(label.length).toBeLessThanOrEqual(20);
    expect(description.length).toBeLessThanOrEqual(40);
    expect(identifier.length).toBeLessThanOrEqual(20);
  }
});

describe("shown", () => {
  function world(script: RunScript, refuse?: number) {
    const posted: CheckRun[] = [];
    const changed: [id: number, shown: Shown][] = [];
    const said: string[] = [];
    let asked = 0;
    const timing = new HandTiming();
    const show = createShowChecks({
      log: { read: () => Promise.resolve(script.events) },
      checks: {
        post(_, check) {
          asked += 1;
          if (refuse !== undefined)
            return Promise.reject(new GitHubFailure("write", "refused", refuse, "Resource not accessible", undefined));
          const known = posted.findIndex(({ key }) => key === check.key);
          if (known === -1) posted.push(check);
          return Promise.resolve({ id: known === -1 ? posted.length : known + 1, fresh: known === -1 });
        },
        change(_, id, shown) {
          changed.push([id, shown]);
          return Promise.resolve();
        },
      },
      neutral,
      redact: (text) => text,
      journal: { ...silentLog, info: (message) => void said.push(message) },
      timing,
    });
    return { posted, changed, said, timing, show, asked: () => asked };
  }

  test("each is written once for a commit, and the revision's follows it", async () => {
    const script = recordedRuns.succeeded();
    const w = world(script);
    let shown = await w.show(script.state, noChecks, "https://x/1");
    shown = await w.show(script.state, shown, "https://x/1");
    expect(w.posted.map(({ name, commit }) => [name, commit])).toEqual([
      ["Baton / reproduction", first],
      ["Baton / verification", first],
      ["Baton / review", first],
    ]);
    expect(w.asked()).toBe(3);
    script.add(wants).driven();
    shown = await w.show(script.state, shown, "https://x/1");
    expect(w.posted.at(-1)).toMatchObject({ name: "Baton / revision", commit: first, conclusion: undefined });
    expect(w.posted.at(-1)?.key).toMatch(/^run-[0-9a-f]{12}:revision:\d+$/);
    script.finished("failed", "model-unreachable", "The model is away.");
    shown = await w.show(script.state, shown, "https://x/1");
    expect(w.changed).toEqual([[4, expect.objectContaining({ conclusion: "action_required" })]]);
    await w.show(script.state, shown, "https://x/1");
    expect(w.changed).toHaveLength(1);
    // Another process knows nothing, writes nothing twice, and shows what is.
    await w.show(script.state, noChecks, "https://x/1");
    expect(w.posted).toHaveLength(4);
    expect(w.changed).toHaveLength(2);
  });

  test("a revision that goes on from what a person pushed stands on that commit", async () => {
    const onto = sha("e".repeat(40));
    const script = recordedRuns
      .succeeded()
      .add({ ...wants, onto })
      .driven();
    const w = world(script);
    await w.show(script.state, noChecks, undefined);
    expect(w.posted.at(-1)).toMatchObject({ name: "Baton / revision", commit: onto });
  });

  test("none before there is a pull request, nor of one that is a branch in a folder", async () => {
    const early = new RunScript().verified();
    const local = new RunScript().verified().opened(0);
    for (const script of [early, local]) {
      const w = world(script);
      await w.show(script.state, noChecks, undefined);
      expect(w.asked()).toBe(0);
    }
  });

  test.each([403, 404, 422])(
    "where the App may not (%i) it is said once, and not asked for an hour",
    async (status) => {
      const script = recordedRuns.succeeded();
      const w = world(script, status);
      await w.show(script.state, noChecks, undefined);
      await w.show(script.state, noChecks, undefined);
      expect([w.said, w.asked()]).toEqual([[expect.stringContaining("checks: write")], 1]);
      w.timing.forward(3_600_000);
      await w.show(script.state, noChecks, undefined);
      expect(w.asked()).toBe(2);
    },
  );

  test("a GitHub that does not answer is somebody else's to try again", async () => {
    const w = world(recordedRuns.succeeded(), 500);
    const script = recordedRuns.succeeded();
    const failing = createShowChecks({
      log: { read: () => Promise.resolve(script.events) },
      checks: {
        post: () => Promise.reject(new GitHubFailure("write", "unclear", 502, "Bad gateway", undefined)),
        change: () => Promise.resolve(),
      },
      neutral,
      redact: (text) => text,
      journal: silentLog,
      timing: w.timing,
    });
    await expect(failing(script.state, noChecks, undefined)).rejects.toThrow("Bad gateway");
  });
});
