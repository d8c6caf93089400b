// The file of lessons: what becomes part of it, what is left out and why, and that people's words stay byte by byte.
import { describe, expect, test } from "vitest";
import { GUIDE_BYTES } from "#src/workflows/guides.ts";
import { type ClosedPull, Hindsight, hindsightText, HINDSIGHT_ROOM, withinRoom } from "#src/workflows/hindsight.ts";
import { isLessonsFile, proposeLessons, takenLessons } from "#src/workflows/lessons-file.ts";
import { Lesson, Lessons } from "#src/workflows/lessons.ts";

const run = "run-0123456789ab";
const pull: ClosedPull = { number: 12, title: "Fix", outcome: "merged", words: [], commits: [], patch: "" };
const hindsight = Hindsight.parse({
  since: 0,
  pulls: [pull],
  runs: [
    {
      run,
      subject: 1,
      title: "x",
      workflow: "bug",
      outcome: "failed",
      code: "red",
      message: "no",
      reasons: ["red: no"],
    },
  ],
  leftOut: 0,
});
const lesson = (change: Partial<Lesson> = {}): Lesson => ({
  what: "It happened",
  applies: "tests",
  evidence: ["#12"],
  instruction: "Name tests well.",
  ...change,
});
const propose = async (lessons: readonly Partial<Lesson>[], files: Readonly<Record<string, string>> = {}) =>
  await proposeLessons({
    lessons: Lessons.parse({ summary: "x", lessons: lessons.map(lesson) }),
    hindsight,
    paths: Object.keys(files),
    read: (path) => Promise.resolve(files[path]),
  });
const section = "## Lessons from earlier runs\n\n";
const line = "- For tests: Name tests well. (from #12)\n";

describe("a lesson becomes a line", () => {
  test("of AGENTS.md, which is made where there is none", async () => {
    expect(await propose([{}])).toEqual({ files: [{ path: "AGENTS.md", text: section + line }], leftOut: [] });
  });

  test.each([
    ["behind what is there", "# Ours", `# Ours\n\n${section}${line}`],
    ["behind a last line", "# Ours\n", `# Ours\n\n${section}${line}`],
    ["at the head of its section", `a\n\n${section}- old\n\n## More\n`, `a\n\n${section}${line}- old\n\n## More\n`],
    ["of an empty section", `${section}`, `${section}${line}\n`],
    ["with the file's own line ends", "a\r\n", `a\r\n\r\n${(section + line).replaceAll("\n", "\r\n")}`],
  ])("%s", async (_, before, after) => {
    expect((await propose([{}], { "AGENTS.md": before })).files).toEqual([{ path: "AGENTS.md", text: after }]);
  });

  test("of CLAUDE.md, where only that is there, or AGENTS.md is a link to it", async () => {
    for (const files of [{ "CLAUDE.md": "a\n" }, { "AGENTS.md": "CLAUDE.md", "CLAUDE.md": "a\n" }])
      expect((await propose([{}], files)).files).toEqual([{ path: "CLAUDE.md", text: `a\n\n${section}${line}` }]);
  });

  test("that cites a run by its issue, once, because nobody can look up a run's id", async () => {
    const { files } = await propose([{ evidence: ["#12", run, "#12"] }]);
    expect(files[0]?.text).toContain("(from #12, #1)");
  });

  test("in the order they came in, and the same again from the same", async () => {
    const two = await propose([{}, { instruction: "Keep it.", evidence: [run, run] }]);
    expect(two.files[0]?.text).toBe(`${section}${line}- For tests: Keep it. (from #1)\n`);
    expect(await propose([{}, { instruction: "Keep it.", evidence: [run, run] }])).toEqual(two);
  });
});

describe("a lesson is left out", () => {
  test.each<[string, Partial<Lesson>, Record<string, string>, string]>([
    ["that cites what was not collected", { evidence: ["#12", "#13"] }, {}, "#13 is nothing that Baton had collected"],
    ["that cites a run nobody knows", { evidence: ["run-aaaaaaaaaaaa"] }, {}, "nothing that Baton had collected"],
    ["that is known", {}, { "AGENTS.md": "* name **tests** well\n" }, "say so already"],
    ["that the other file knows", {}, { "AGENTS.md": "a\n", "CLAUDE.md": "Name tests well" }, "say so already"],
    ["for which agents have no room", {}, { "AGENTS.md": "a".repeat(GUIDE_BYTES - 50) }, "bytes that agents read"],
    ["where the file is no text", {}, { "AGENTS.md": "a\uFFFDb\n" }, "is no text"],
    ["where the file is a link elsewhere", {}, { "AGENTS.md": "docs/a.md", "docs/a.md": "" }, "is no text"],
  ])("%s", async (_, change, files, why) => {
    const { files: made, leftOut } = await propose([change], files);
    expect(made).toEqual([]);
    expect(leftOut).toEqual([{ what: "1. Name tests well.", why: expect.stringContaining(why), mendable: false }]);
  });

  test("that says the same as another", async () => {
    const { files, leftOut } = await propose([{}, { instruction: "Name tests: well!" }]);
    expect(files).toHaveLength(1);
    const lessons = Lessons.parse({ summary: "x", lessons: [lesson(), lesson({ instruction: "Name tests: well!" })] });
    expect(takenLessons(lessons, leftOut)).toHaveLength(1);
  });
});

describe("a lesson is refused when it is handed in", () => {
  test.each<[string, Partial<Lesson>]>([
    ["over several lines", { instruction: "a\nb" }],
    ["with invisible characters", { instruction: "a\u200Bb" }],
    ["with a comment", { instruction: "a <!-- b" }],
    ["with a tag", { applies: "a <details>" }],
    ["with a link", { instruction: "[a](https://x.y)" }],
    ["with a definition", { applies: "[a]: https://x.y" }],
    ["without evidence", { evidence: [] }],
    ["with evidence of no known kind", { evidence: ["a review"] }],
    ["that is long", { instruction: "a".repeat(401) }],
  ])("%s", (_, change) => {
    expect(Lesson.safeParse(lesson()).success).toBe(true);
    expect(Lesson.safeParse(lesson(change)).success).toBe(false);
  });
});

test("what is collected fits into the room there is, and says how much does not", () => {
  const words = Array.from({ length: 20 }, () => ({ by: "a", kind: "line" as const, text: "x".repeat(1_500) }));
  const whole = {
    ...hindsight,
    pulls: Array.from({ length: 15 }, (_, index) => ({ ...pull, number: 99 - index, words })),
  };
  const kept = withinRoom(whole);
  expect(hindsightText(kept).length).toBeLessThanOrEqual(HINDSIGHT_ROOM);
  expect(kept.pulls.map(({ number }) => number)).toEqual([99]);
  expect(kept).toMatchObject({ runs: hindsight.runs, leftOut: 14 });
  expect(Hindsight.parse(kept)).toEqual(kept);
});

test.each([
  ["AGENTS.md", true],
  ["CLAUDE.md", true],
  ["docs/AGENTS.md", false],
  [".github/baton.yml", false],
])("%s may hold lessons: %s", (path, may) => expect(isLessonsFile(path)).toBe(may));
