// Which issues are sorted, which are left out, and what that would cost.
import { describe, expect, test } from "vitest";
import { noTokens } from "#src/agents/prices.ts";
import { microDollars } from "#src/core/ids.ts";
import type { ListedIssue } from "#src/engine/github-port.ts";
import type { Backlog, Known, Outcome } from "#src/triage/backlog.ts";
import { settledLabels } from "#src/github/labels.ts";
import { choose, textOf } from "#src/triage/backlog-choice.ts";
import { estimate } from "#src/triage/estimate.ts";
import { typeLabels } from "#src/triage/labels.ts";
import { mentionedIn } from "#src/triage/trim.ts";
import { clearTriage } from "#test/support/a-triage.ts";

const issue = (number: number, more: Partial<ListedIssue> = {}): ListedIssue => ({
  number,
  title: `issue ${number}`,
  body: "",
  author: { login: "ada", id: 1 },
  locked: false,
  isPull: false,
  url: "",
  labels: [],
  comments: 0,
  ...more,
});
const empty: Backlog = {
  underWay: [],
  issues: new Map(),
  submitted: new Set(),
  measured: { replies: 0, bytes: 0, used: noTokens },
};
const options = {
  limit: 100,
  untyped: false,
  typeLabels: typeLabels({ bug: "Defekt" }),
  settledLabels,
};
const spend = { turns: 1, ...noTokens, microDollars: microDollars(0) };
const known = (at: ListedIssue, outcome: Outcome): [number, Known] => [
  at.number,
  { id: `x-${at.number}`, text: textOf(at), mentioned: [], outcome },
];
const numbers = (issues: readonly { number: number }[]) => issues.map(({ number }) => number);

describe("which issues", () => {
  test("what is not to be sorted is left out for one reason each", () => {
    const choice = choose(
      [
        issue(9, { isPull: true, labels: ["agent/triaged"], locked: true }),
        issue(8, { locked: true }),
        issue(7, { labels: ["Agent/Triaged"], locked: true }),
        issue(6, { labels: ["agent/running"] }),
        issue(3, { labels: ["agent/ignored"] }),
        issue(5, { labels: ["defekt"] }),
        issue(4, { labels: ["help wanted"] }),
      ],
      empty,
      options,
    );
    expect(choice.leftOut).toEqual({ pulls: 1, locked: 1, triaged: 3, typed: 0 });
    expect(numbers(choice.chosen)).toEqual([5, 4]);
    expect(choice).toMatchObject({ withoutType: 1, again: 0, beyond: 0, sorted: [], invalid: [], underWay: [] });
  });

  test("without a label that says a type only, if asked", () => {
    const listed = [issue(3, { labels: ["Bug"] }), issue(2, { labels: ["Defekt"] }), issue(1)];
    const choice = choose(listed, empty, { ...options, untyped: true });
    expect([numbers(choice.chosen), choice.leftOut.typed]).toEqual([[1], 2]);
  });

  test("the limit takes the newest, and says how many it leaves", () => {
    const choice = choose([issue(3), issue(2), issue(1)], empty, { ...options, limit: 2 });
    expect([numbers(choice.chosen), choice.beyond]).toEqual([[3, 2], 1]);
  });

  test("what was paid for is not chosen again, what was not is; what is under way neither", () => {
    const all = [1, 2, 3, 4, 5, 6, 7].map((number) => issue(number));
    const [a, b, c, d, e, f, g] = all;
    if (!a || !b || !c || !d || !e || !f || !g) throw new Error("unreachable");
    const backlog: Backlog = {
      ...empty,
      issues: new Map([
        known(a, { type: "sorted", triage: clearTriage, spend }),
        known(b, { type: "invalid", problem: "hm", spend }),
        known(c, { type: "errored", problem: "500" }),
        known(d, { type: "expired" }),
        known(e, { type: "canceled" }),
        known(f, { type: "lost" }),
      ]),
      underWay: [
        {
          batch: "x",
          intendedAt: 0,
          after: null,
          model: "m",
          id: undefined,
          requests: [{ id: "x-7", issue: 7, text: "", mentioned: [], bytes: 1 }],
        },
      ],
    };
    const choice = choose(all, backlog, options);
    expect(numbers(choice.chosen)).toEqual([3, 4, 5, 6]);
    expect(choice.again).toBe(4);
    expect(choice.sorted).toMatchObject([{ issue: { number: 1 }, changed: false }]);
    expect(choice.invalid).toMatchObject([{ issue: { number: 2 }, problem: "hm" }]);
    expect(numbers(choice.underWay)).toEqual([7]);
    // Another text or another comment is told; it is not paid for again by itself.
    for (const change of [{ title: "other" }, { body: "other" }, { comments: 1 }])
      expect(choose([{ ...a, ...change }], backlog, options)).toMatchObject({
        chosen: [],
        sorted: [{ changed: true }],
      });
  });
});

describe("what it will cost", () => {
  test("by the length of the requests, at half price", () => {
    const cost = estimate([3_500, 7_000], "claude-haiku-5-5", empty.measured);
    expect(cost).toMatchObject({ inputTokens: 3_000, outputTokens: 1_200 });
    expect(cost.microDollars).toBe((3_000 * 0.1 + 1_200 * 0.5) / 2);
    expect(cost.how).toContain(
      "11 kB of requests at 3.5 bytes a token, and 600 tokens a reply, as English text usually has",
    );
  });

  test("by what this repository's own replies used, once there are enough", () => {
    const used = { inputTokens: 100, cacheReadTokens: 800, cacheWriteTokens: 100, outputTokens: 4_000 };
    const few = { replies: 19, bytes: 5_000, used };
    expect(estimate([5_000], "claude-haiku-5-5", few).how).toContain("no replies of its own yet");
    const own = estimate([5_000], "claude-haiku-5-5", { ...few, replies: 20 });
    expect(own).toMatchObject({ inputTokens: 1_000, outputTokens: 200 });
    expect(own.how).toContain(
      "at 5.0 bytes a token, and 200 tokens a reply, as 20 earlier replies of this repository used",
    );
  });

  test("a model without a known price is the dearest, and said to be; nothing costs nothing", () => {
    expect(estimate([350], "somebody-else", empty.measured).how).toContain("the price of somebody-else is not known");
    expect(estimate([], "claude-haiku-5-5", empty.measured)).toMatchObject({ inputTokens: 0, microDollars: 0 });
  });
});

test("numbers that somebody wrote as an issue's, each once, a hundred at most, in linear time", () => {
  const input = (body: string) => ({
    title: "as #4",
    body,
    comments: [{ id: 1, author: { login: "a", id: 1 }, body: "#9 #4" }],
  });
  expect(mentionedIn(input("see https://x/o/r/issues/12, /pull/3, #007, #0, # 5, 6, #12345678901"))).toEqual([
    4, 12, 3, 7, 9,
  ]);
  const begun = performance.now();
  expect(
    mentionedIn(input("#1".repeat(50_000) + Array.from({ length: 200 }, (_, index) => `#${index}`).join(" "))),
  ).toHaveLength(100);
  expect(performance.now() - begun).toBeLessThan(500);
});
