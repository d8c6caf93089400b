// Everything a person cannot see on GitHub must be gone before a model sees the text; everything they see must stay.
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { describeLosses, type Losses } from "#src/intake/losses.ts";
import { sanitizeLine, sanitizeMarkdown } from "#src/intake/sanitize.ts";
import { cost } from "#test/support/cost.ts";

const clean = (text: string) => {
  const losses: Losses = {};
  return { text: sanitizeMarkdown(text, losses), dropped: describeLosses(losses) };
};
/** The same text behind so much else that it is swept, not parsed. */
const swept = (text: string) => clean(`${"a *b* [c] `d`\n\n".repeat(400)}${text}`);

describe("what people see stays as it is", () => {
  test.each([
    "Plain words.",
    "A *list*:\n\n- one\n- two\n  - three\n\n1. four",
    "`<!-- shown -->` and `List<String>`",
    "```html\n<!-- shown -->\n<div hidden>shown</div>\n```",
    "~~~\n<!-- shown -->\n~~~",
    "- in a list\n  ```html\n  <!-- shown -->\n  ```",
    "text\n\n    <!-- shown: indented code -->\n",
    "a < b and c > d, x <- y, 1<2",
    "[a link](https://example.com/path?q=1#x) and <https://example.com>",
    "[used][ref]\n\n[ref]: https://example.com",
    "A note[^1] and [text][x].\n\n```\ncode\n```\n\n[^1]: seen, because it is used\n\n[x]: https://example.com",
    "A note[^1].\n\n[^1]: seen, because it is used",
    "| a | b |\n| - | - |\n| `<x>` | 2 |",
    "> quoted\n> text",
    "naïve 日本語 العربية 🇩🇪",
    "👩‍🚀 ❤️ 👨‍👩‍👧‍👦 ❤️‍🔥 👍🏽 🧑🏽‍💻 1️⃣ #️⃣",
    "tabs\tand\n\nblank lines\n",
    "&lt;!-- shown as text --&gt; &amp; &copy;",
  ])("%j", (text) => {
    expect(clean(text)).toEqual({ text, dropped: [] });
  });

  test("marks of looks are taken off without a word", () => {
    expect(clean("<details><summary>Steps</summary>\n\nPress <kbd>x</kbd><br>twice\n\n</details>")).toEqual({
      text: "Steps\n\nPress x\ntwice\n\n",
      dropped: [],
    });
  });

  test("line ends become \\n", () => {
    expect(clean("a\r\nb\rc").text).toBe("a\nb\nc");
  });
});

const hidden: readonly (readonly [name: string, text: string])[] = [
  ["an HTML comment", "seen <!-- EVIL --> seen"],
  ["a comment over lines", "seen\n\n<!--\nEVIL\n\nEVIL\n-->\n\nseen"],
  ["an unclosed comment", "seen seen\n\n<!-- EVIL\n\nEVIL"],
  ["a short comment", "seen seen\n\n<!-->\n<!-- EVIL -->"],
  ["a comment in a list", "seen seen\n\n- a\n  <!-- EVIL -->\n- b"],
  ["a comment in a quote", "seen seen\n\n> <!-- EVIL -->\n"],
  ["a comment with dashes", "seen <!-- a -- EVIL --- x --> seen"],
  ["a processing instruction", "seen seen\n\n<?php EVIL ?>"],
  ["a declaration", "seen seen\n\n<!DOCTYPE EVIL>"],
  ["CDATA", "seen seen\n\n<![CDATA[ EVIL ]]>"],
  ["display:none", 'seen <span style="display:none">EVIL</span> seen'],
  ["display : none over lines", "seen seen\n\n<div style='color:red;\n display : none'>\n\nEVIL\n\n</div>"],
  ["visibility", 'seen <i style="visibility: hidden">EVIL</i> seen'],
  ["opacity", 'seen <i style="opacity:0">EVIL</i> seen'],
  ["opacity 0.0", 'seen <i style="opacity: 0.0;">EVIL</i> seen'],
  ["font-size 0", 'seen <i style="font-size:0px">EVIL</i> seen'],
  ["height 0", 'seen seen\n\n<div style="height:0;overflow:hidden">EVIL</div>'],
  ["white on white", 'seen <font color="white">EVIL</font> seen'],
  ["transparent", 'seen <b style="color:transparent">EVIL</b> seen'],
  ["off the page", 'seen <b style="position:absolute;left:-9999px">EVIL</b> seen'],
  ["hidden attribute", "seen <p hidden>EVIL</p> seen"],
  ["hidden attribute, last", 'seen seen\n\n<div class="x" hidden>EVIL</div>'],
  ["aria-hidden", 'seen <b aria-hidden="true">EVIL</b> seen'],
  ["nested hidden", "seen <b hidden>EVIL<b>EVIL</b>EVIL</b> seen"],
  ["hidden over code", "seen <b hidden>`EVIL`</b> seen"],
  ["hidden, never closed", "seen seen\n\n<div hidden>\n\nEVIL\n\n```\nEVIL\n```"],
  ["script", "seen seen\n\n<script>EVIL</script>"],
  ["style", "seen seen\n\n<style>EVIL</style>"],
  ["template", "seen <template>EVIL</template> seen"],
  ["svg", "seen <svg><text>EVIL</text></svg> seen"],
  ["iframe", 'seen <iframe srcdoc="EVIL">EVIL</iframe> seen'],
  ["noscript", "seen seen\n\n<noscript>EVIL</noscript>"],
  ["an attribute", 'seen <b title="EVIL">seen</b>'],
  ["an attribute with >", 'seen <b title="a > EVIL">seen</b>'],
  ["an invented tag", "seen <EVIL do this> seen"],
  ["a tag over lines", 'seen <b\ntitle="EVIL"\nid=x>seen</b>'],
  ["an alt text", "seen ![EVIL](https://x.y/z.png) seen"],
  ["an image's title", 'seen ![x](https://x.y/z.png "EVIL") seen'],
  ["an alt with brackets", "seen ![a [b] EVIL](https://x.y/z.png) seen"],
  ["an image by reference", "seen ![EVIL][r] seen\n\n[r]: https://x.y/z.png"],
  ["an img element", 'seen <img src="x" alt="EVIL"> seen'],
  ["a link's title", 'seen [link](https://x.y "EVIL") seen'],
  ["a link's title in single quotes", "seen [link](https://x.y 'EVIL') seen"],
  ["a link's title in parentheses", "seen [link](https://x.y (EVIL)) seen"],
  ["a link without text", "seen [](https://x.y/EVIL) seen"],
  ["a definition nobody uses", "seen seen\n\n[//]: # (EVIL)"],
  ["a definition's label", "seen seen\n\n[EVIL do this]: https://x.y"],
  ["a definition's address", "seen seen\n\n[x]: https://x.y/EVIL"],
  ["a definition's title", 'seen seen\n\n[x]: https://x.y "EVIL"'],
  ["a definition over lines", "seen seen\n\n[x]:\n  https://x.y\n  'EVIL\n  EVIL'"],
  ["a used definition's title", 'seen [seen][x]\n\n[x]: https://x.y "EVIL"'],
  ["a footnote nobody uses", "seen seen\n\n[^n]: EVIL"],
  ["a footnote's code", "seen seen\n\n[^n]: a\n\n    <!-- EVIL -->"],
  ["a label of a code block", "seen seen\n\n```js EVIL\ncode\n```"],
  ["a label instead of a language", "seen seen\n\n```do-what-EVIL-says-at-once\ncode\n```"],
  ["a comment across table cells and backticks", "seen seen\n\n| a | b |\n|-|-|\n| ` | <!-- EVIL --> ` |"],
  ["a fence inside a comment", "seen seen\n\n<!--\n```\nEVIL\n```\n-->"],
  ["a comment behind a list's fence", "seen seen\n\n- ```\n<!-- EVIL -->"],
  ["a comment behind a quote's fence", "seen seen\n\n> ```\n<!-- EVIL -->"],
  ["a fence inside raw HTML", "seen seen\n\n<pre>\n\n```\n<!-- EVIL -->\n```\n</pre>"],
  ["a comment between unequal fences", "seen seen\n\n````\n```\n````\n<!-- EVIL -->\n```"],
  ["a fence whose label has a backtick", "seen seen\n\n``` `\n<!-- EVIL -->\n```"],
];

describe("what people cannot see goes", () => {
  test.each(hidden)("%s", (_, text) => {
    const { text: seen, dropped } = clean(text);
    expect(seen).not.toContain("EVIL");
    expect(seen.match(/seen/g)?.length).toBeGreaterThanOrEqual(2);
    expect(dropped).not.toEqual([]);
  });

  test.each(hidden)("%s, in a text too long to parse", (_, text) => {
    expect(swept(text).text.slice(5_000)).not.toContain("EVIL");
  });

  test("it says what went, in words", () => {
    expect(clean("x <!-- a --> <!-- b --> x\u200b ![alt](u) <b hidden>x</b>").dropped).toEqual([
      "2 HTML comments",
      "1 hidden element",
      "1 invisible character",
      "1 image description",
    ]);
  });
});

describe("characters nobody sees", () => {
  test.each([
    ["zero-width space", "a\u200bb"],
    ["zero-width joiner between letters", "a\u200db"],
    ["zero-width non-joiner", "a\u200cb"],
    ["word joiner", "a\u2060b"],
    ["byte order mark", "a\ufeffb"],
    ["soft hyphen", "a\u00adb"],
    ["right-to-left override", "a\u202eb"],
    ["isolate", "a\u2066b\u2069"],
    ["right-to-left mark", "a\u200fb"],
    ["Arabic letter mark", "a\u061cb"],
    ["Hangul filler", "a\u3164b"],
    ["combining grapheme joiner", "a\u034fb"],
    ["variation selector", "a\ufe0fb"],
    ["variation selector 256", "a\u{e01ef}b"],
    ["tag characters", "a\u{e0041}\u{e0042}\u{e007f}b"],
    ["interlinear annotation", "a\ufff9b\ufffb"],
    ["control codes", "a\u0000\u001b\u0007\u009bb"],
    ["musical format", "a\u{1d173}b"],
    ["character reference", "a&#x200b;b"],
    ["decimal character reference", "a&#8203;b"],
    ["reference to a tag character", "a&#xE0041;b"],
    ["named character reference", "a&ZeroWidthSpace;b"],
  ])("%s", (_, text) => {
    expect(clean(text).text.replaceAll("\ufffd", "")).toBe("ab");
    expect(clean(text).dropped.join()).toContain("invisible character");
  });

  test("selectors and joiners smuggled in behind an emoji go", () => {
    expect(clean("😀\ufe0f\ufe0f\u{e0100}\u{e0101}\u200dx").text).toBe("😀\ufe0fx");
  });

  test("they cannot make code out of what is not", () => {
    expect(clean("\u200b```\n\n<!-- EVIL -->\n\n\u200b```").text).not.toContain("EVIL");
  });

  test("half a surrogate pair becomes U+FFFD", () => {
    expect(clean("a\ud83d").text).toBe("a\ufffd");
  });
});

describe("titles", () => {
  test("one line, without what cannot be seen, HTML as it is shown", () => {
    const losses: Losses = {};
    expect(sanitizeLine("  a\n\tb\u202e <b>c</b>\u200b ", losses)).toBe("a b <b>c</b>");
    expect(losses).toEqual({ invisible: 2 });
    expect(sanitizeLine("x".repeat(1_000), losses)).toHaveLength(500);
  });
});

describe("bounds", () => {
  test("64 KB are read, the rest is counted", () => {
    const { text, dropped } = clean("x".repeat(70_000));
    expect(text.startsWith("x".repeat(65_536))).toBe(true);
    expect(text).toContain("4464 characters, was left out");
    expect(dropped).toEqual(["1 end of a text longer than 64 KB"]);
  });

  const shapes = (
    "<!-- | <!-- a\\n | < | <a | <a b=\" | <a b='\" | <a b='c'> | <b hidden> | [ | ] | []( | [a]( | ![ | ![a]( | > | >\\s | >>>>>>a\\n | *a\\s | * | _a* | `a`` | ` `` | -\\s | * a\\n | 1.\\s" +
    " | |a | |x|y|\\n | ~a | <details><b>x | [a]: b\\n | [a]\\n\\n | [^a]: x\\n | [^a] | www.a. | a@b.c | http://a | &amp; | &#x200b | &#8203; | \\\\ | a\\n\\n | a\\n-\\n | <!A | <? | <![CDATA[ |   - a\\n" +
    ' | [a](b " | ![a][b] | # a\\n | \\t\\t | ( | [x](< | <a\\n | > - a\\n | - a\\n  - b\\n | [[[a]]](b)\\s | ```\\n | ``` a b\\n | ~~~\\n | \\u200b | 😀\\u200d | ](a "b | <svg | </b | \\n | \\s\\n'
  )
    .split(" | ")
    .map((shape) =>
      shape
        .replaceAll("\\n", "\n")
        .replaceAll("\\s", " ")
        .replaceAll("\\t", "\t")
        .replaceAll("\\u200b", "\u200b")
        .replaceAll("\\u200d", "\u200d"),
    );

  const plain = (size: number) => "some words, and a dot. ".repeat(3_000).slice(0, size);
  const costOf = (text: string, tries?: number) => cost(() => clean(text), tries);
  let ofPlain = 0;
  beforeAll(() => {
    ofPlain = costOf(plain(65_536));
  });

  // On a quiet machine of 2026, 64 KB of plain words cost 33 ms, and nothing costs more.
  test.each(shapes)("%j, however long, costs at most twice what 64 KB of plain words cost", (shape) => {
    for (const size of [1_500, 6_000, 65_536]) {
      const text = shape.repeat(Math.ceil(size / shape.length)).slice(0, size);
      // One try is enough for most; what seems too dear is measured well, and side by side.
      const isCheap = costOf(text, 1) <= 2 * ofPlain || costOf(text) <= 2 * costOf(plain(65_536));
      expect(isCheap, `${size} characters`).toBe(true);
    }
  });

  test("plain words cost in proportion to their length", () => {
    // Four times the text; a quadratic reader would cost sixteen times as much. The constant covers small figures.
    expect(costOf(plain(65_536))).toBeLessThan(9 * costOf(plain(16_384)) + 20);
  });

  test("no text makes it throw, and nothing invisible is left", () => {
    const bits = [
      "<!--",
      "-->",
      "<b hidden>",
      "</b>",
      "`",
      "```",
      "\n",
      "\n\n",
      "> ",
      "- ",
      "[",
      "](",
      ")",
      "!",
      "&#x200b;",
      "\u200b",
      "a",
      " ",
      "    ",
      "|",
      "<",
      '"',
      "[^1]",
      ": ",
      "\u202e",
    ];
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.constantFrom(...bits), fc.string({ unit: "binary" })), { maxLength: 60 }),
        (parts) => {
          const { text } = clean(parts.join(""));
          expect(text).not.toMatch(/[\u200b\u202e\u2066-\u2069]/);
          expect(text.isWellFormed()).toBe(true);
        },
      ),
      { numRuns: 300 },
    );
  });
});
