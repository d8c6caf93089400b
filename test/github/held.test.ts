// What people read of a run that nobody works on for now, and of one that lost its ground: card, status and ending in the same words.
import { describe, expect, test } from "vitest";
import { isForPeople } from "#src/engine/asks.ts";
import { losses, waitReasons, type EventOf, type RunEvent } from "#src/engine/events.ts";
import { defaultRepoConfig } from "#src/workflows/repo-config.ts";
import { newRunId } from "#src/core/ids.ts";
import { renderCard } from "#src/github/card.ts";
import { renderEnding } from "#src/github/ending-comment.ts";
import { clock } from "#src/github/held.ts";
import { createNeutral } from "#src/github/neutral.ts";
import { renderReply } from "#src/github/replies.ts";
import type { State } from "#src/engine/state.ts";
import { recordedRuns, RunScript } from "#test/support/recorded-run.ts";

const neutral = createNeutral((text) => text);
const links = { serverUrl: "https://github.com" };
const card = (state: State, now = state.updatedAt) => renderCard(state, { neutral, links, now });
const status = (state: State, now = state.updatedAt) => renderReply({ kind: "status", state }, { neutral, links, now });
const ending = (state: State) => renderEnding(state, { neutral, links, card: "https://github.com/card" });
const by = { login: "ada", id: 8 };
const pause: RunEvent = { type: "pause.requested", by, quote: "/agent pause" };
const resume: RunEvent = { type: "resume.requested", by, quote: "/agent resume" };
const atWork = () => new RunScript().driven().routed().stage("reproduce").stage("diagnose", { artifact: "none" });
const NOON = Date.UTC(2026, 10, 20, 12);
const parked = (reason: EventOf<"run.parked">["reason"], until?: number): RunEvent => ({
  type: "run.parked",
  reason,
  message: "what the other side said @everyone",
  ...(until === undefined ? {} : { until }),
});

/** What ends without a person's word. */
const byThemselves = waitReasons.filter((reason) => !isForPeople(reason));

describe("a run that waits", () => {
  test.each(byThemselves)("for %s says why, until when, and what can be done", (reason) => {
    const { state } = atWork().add(parked(reason, NOON + 7_500_000));
    for (const text of [card(state), status(state)]) {
      expect(text).toContain("Waiting until 14:05 UTC");
      expect(text).toContain("stage 2 of 6 (diagnose)");
      expect(text).toMatch(/\*\*Why it waits:\*\* [^\n]{20,} \(what the other side said [^\n]*\)/);
      expect(text).toMatch(
        /\*\*Next:\*\* it goes on by itself at 14:05 UTC[^\n]*`\/agent resume` tries at once, `\/agent stop` ends it/,
      );
      expect(text).not.toMatch(/Running|🔄|[^`]@everyone/);
    }
  });

  test("closes the parentheses of what the other side said, also where that is cut", () => {
    const message = `429 (rate limit: ${"x".repeat(400)})`;
    const [line = ""] =
      /^\*\*Why it waits.*$/m.exec(card(atWork().add({ type: "run.parked", reason: "broken", message }).state)) ?? [];
    expect(line.match(/\(/g)).toHaveLength(2);
    expect(line).toMatch(/x…\)\)$/);
  });

  test("each reason has words of its own", () => {
    const whys = waitReasons.map((reason) => /Why it waits[^(]*/.exec(card(atWork().add(parked(reason)).state))?.[0]);
    expect(new Set(whys).size).toBe(waitReasons.length);
    expect(whys.every((why) => why !== undefined)).toBe(true);
  });

  test("for nobody knows how long says who has to act", () => {
    const text = card(atWork().add(parked("model-account")).state);
    expect(text).toContain("### 🕓 Waiting · stage");
    expect(text).toMatch(/\*\*Next:\*\* it goes on when whoever runs Baton has mended the account/);
  });

  test("until another day names the day", () => {
    expect(clock(Date.UTC(2026, 10, 21, 0, 30), NOON)).toBe("2026-11-21 00:30 UTC");
    expect(card(atWork().add(parked("model-limit", NOON + 86_400_000)).state)).toContain("until 2026-11-21 12:00 UTC");
  });

  test("is queued once it may go on, until somebody takes it up", () => {
    const script = atWork().add(parked("model-limit", NOON + 60_000), resume);
    expect(card(script.state)).toContain("### 🕓 Queued");
    expect(card(script.driven().state)).toContain("### 🔄 Running");
  });

  test("does not count the time in which it waits", () => {
    const { state } = atWork().add(parked("model-limit"));
    const time = (text: string) => /(\d+ min(?: \d+ s)?|\d+ s) · \$/.exec(text)?.[1];
    expect(time(status(state, state.updatedAt + 7_200_000))).toBe(time(status(state)));
  });
});

describe("a run that is paused", () => {
  test("says by whom, and what goes on with it", () => {
    const { state } = atWork().add(pause);
    for (const text of [card(state), status(state)]) {
      expect(text).toContain("⏸️");
      expect(text).toContain("**Paused** by `ada` with `/agent pause`.");
      expect(text).toMatch(/\*\*Next:\*\* [^\n]*`\/agent resume` goes on/);
      expect(text).not.toMatch(/Running|🔄/);
    }
    expect(card(state)).toContain("### ⏸️ Paused · stage 2 of 6 (diagnose)");
    expect(card(state)).not.toContain("`/agent pause` holds");
  });

  test("before waiting, and stopping before both", () => {
    const script = atWork().add(parked("model-limit", NOON + 60_000), pause);
    expect(card(script.state)).toContain("### ⏸️ Paused");
    script.add({ type: "stop.requested", by, quote: "/agent stop" });
    expect(card(script.state)).toContain("### ⏹️ Stopping");
  });

  test("somebody who asks for another run is told how this one goes on", () => {
    const run = newRunId();
    const words = (held?: "paused" | "waiting") =>
      renderReply({ kind: "already-running", quote: "/agent fix", run, held }, { neutral, links, now: 0 });
    expect(words("paused")).toContain("It is paused: `/agent resume` goes on");
    expect(words("waiting")).toContain("`/agent resume` tries at once");
    expect(words()).toContain("`/agent stop` ends it");
  });
});

test("a run under way says of when it speaks; an ended one has no need to", () => {
  expect(card(atWork().state)).toMatch(/ · as of 12:0\d UTC/);
  expect(card(recordedRuns.failed().state)).not.toContain("as of");
});

test("an edited issue is told on the card, with the command that takes the new text", () => {
  const edited: RunEvent = { type: "subject.edited", by };
  expect(card(atWork().add(edited).state)).toMatch(/edited since the start[^\n]*`\/agent restart` takes the new text/);
  expect(card(atWork().state)).not.toContain("edited since");
});

describe("a run that lost its ground", () => {
  test.each(losses)("%s is a named end with a way on", (loss) => {
    const lost: RunEvent = { type: "subject.lost", loss, message: "What became of it." };
    const stopping = atWork().add(lost);
    expect(card(stopping.state)).toContain("### ⏹️ Stopping");
    const { state } = stopping.finished("cancelled", loss, "What became of it.");
    expect(card(state)).toMatch(
      new RegExp(`⏹️ Cancelled[^]*What became of it\\. \\(\`${loss}\`\\)[^]*\\*\\*Next:\\*\\* \\S`),
    );
  });

  test("says so in a comment where people can hear it, and nowhere else", () => {
    const spoken = losses.filter((loss) => ending(atWork().finished("cancelled", loss, "…").state) !== undefined);
    expect(spoken).toEqual([
      "repository-archived",
      "installation-suspended",
      "installation-removed",
      "base-rewritten",
      "base-gone",
    ]);
    expect(ending(atWork().finished("cancelled", "base-rewritten", "…").state)).toContain(
      "`/agent restart` begins again from `main`",
    );
  });
});

test("a restarted run points to the new one, and no comment says so", () => {
  const { state } = atWork().finished("cancelled", "restarted", "@ada restarted it");
  expect(card(state)).toContain("a new run has begun");
  expect(card(state)).not.toContain("**Kept:**");
  expect(ending(state)).toBeUndefined();
});

describe("a failed run", () => {
  test("names what is kept, on the card and in the comment", () => {
    const { state } = recordedRuns.failed();
    for (const text of [card(state), ending(state) ?? ""]) {
      expect(text).toContain("**Kept:** **reproduce** · the last work is commit `aaaaaaaaaa`, kept by Baton");
      expect(text).toContain("`/agent retry` goes on at **diagnose**");
    }
    const nothing = new RunScript().driven().routed().finished("failed", "internal-error", "…");
    expect(card(nothing.state)).not.toContain("**Kept:**");
  });

  test("out of budget names the command that goes on, within what the repository allows", () => {
    const next = (run: number | undefined, code = "budget-dollars") => {
      const config = { ...defaultRepoConfig, budget: { ...defaultRepoConfig.budget, run } };
      const { state } = new RunScript({ config }).driven().routed().finished("out-of-budget", code, "…");
      return /\*\*Next:\*\* ([^\n]*)/.exec(card(state))?.[1];
    };
    expect(next(undefined)).toMatch(/^`\/agent budget \$10` goes on/);
    expect(next(3)).toMatch(/^`\/agent retry`.*with the same budget again\. .*`budget\.run`/);
    expect(next(undefined, "budget-turns")).toMatch(/^`\/agent retry`.*same number of turns/);
  });
});
