// Whatever a model or a stranger writes, GitHub must find nothing in it to act on.
import { fromMarkdown } from "mdast-util-from-markdown";
import { gfmFromMarkdown } from "mdast-util-gfm";
import { gfm } from "micromark-extension-gfm";
import fc from "fast-check";
import type { Nodes } from "mdast";
import { describe, expect, test } from "vitest";
import { createRedact } from "#src/core/redact.ts";
import { createNeutral, visible } from "#src/github/neutral.ts";

const secret = "correct-horse-battery-staple";
const neutral = createNeutral(createRedact([secret]));

/** What GitHub would act on in a Markdown text: kinds of node, and live pieces of running text. */
function actsIn(markdown: string): string[] {
  const found: string[] = [];
  const visit = (node: Nodes): void => {
    if (
      ["image", "imageReference", "link", "linkReference", "definition", "html", "footnoteDefinition"].includes(
        node.type,
      )
    )
      found.push(node.type);
    if (node.type === "listItem" && node.checked !== null && node.checked !== undefined) found.push("checkbox");
    if (node.type === "code" && ["mermaid", "geojson", "topojson", "stl", "math"].includes(node.lang ?? ""))
      found.push("drawing");
    if (node.type === "text")
      found.push(
        ...(node.value.match(
          /@[a-z0-9]|(?<![&\w])#\d|\bGH-\d|https?:\/\/\w|www\.\w|^\s*\/(?:agent|baton)\b|\$[a-z\\{]/gim,
        ) ?? []),
      );
    if ("children" in node) node.children.forEach(visit);
  };
  visit(fromMarkdown(markdown, { extensions: [gfm()], mdastExtensions: [gfmFromMarkdown()] }));
  return found;
}

const attacks: readonly (readonly [name: string, text: string])[] = [
  ["a mention", "thanks @torvalds and @octo/team"],
  ["a mention behind an escape", "hi \\@torvalds"],
  ["a mention written with a character reference", "hi &#64;torvalds &commat;ada"],
  ["a mention inside emphasis", "**@torvalds** _@ada_ ~~@bob~~"],
  ["a mention in a heading", "# @torvalds"],
  ["an issue reference", "as in #1, octo/tab#2 and GH-3"],
  ["a reference written with a character reference", "see &#35;12"],
  ["closing words", "Fixes #9. Closes: octo/tab#10, resolves https://github.com/octo/tab/issues/11"],
  ["an image", "![x](https://evil.example/pixel.png)"],
  ["an image by reference", "![x][p]\n\n[p]: https://evil.example/pixel.png"],
  ["a link", "[the docs](https://evil.example)"],
  ["a link by reference", "[the docs][d]\n\n[d]: https://evil.example"],
  ["a javascript link", "[x](javascript:alert(1))"],
  ["a bare address", "https://evil.example/?q=1 www.evil.example a@evil.example"],
  ["an autolink", "<https://evil.example> <mailto:a@evil.example>"],
  ["HTML", '<img src="https://evil.example/x"> <details open><summary>x</summary>'],
  ["a block of HTML", '<div>\n<a href="https://evil.example">x</a>\n</div>'],
  ["a comment that is never closed", "text\n\n<!-- baton:status:run-000000000000\n\nmore @ada"],
  ["a marker", "<!-- baton:pull:run-000000000000 -->\n\nhello"],
  ["the end of a details", "</details>\n\n@ada"],
  ["a command", "/agent fix everything"],
  ["a command after text", "hello\n/agent stop\n  /baton do evil"],
  ["a command behind an escape", "\\/agent fix"],
  ["a command with a character reference", "&#47;agent fix"],
  ["a command in a list and a quote", "- /agent fix\n\n> /agent stop"],
  ["a checkbox", "- [ ] one\n- [x] two"],
  ["a diagram", "```mermaid\ngraph TD; A-->B\n```"],
  ["a formula", "$\\color{red}{x}$ and $$x^2$$"],
  ["a mention put together from two nodes", "&#64;[ada](x) &#35;[12](y) /agent![](z)"],
  ["code spans side by side", "$x`www.a.b"],
  ["a footnote", "text[^1]\n\n[^1]: @ada https://evil.example"],
  ["an end of fence", "```\n````\n@ada\n```"],
  ["a table", "| @ada | #1 |\n|---|---|\n| https://evil.example | ![x](y) |"],
  ["a bidirectional override", "safe\u202E@ada"],
  ["a mention with an invisible character in it", "@\u200Bada @a\u2060da"],
  ["deep quotes", `${">".repeat(3_000)} @ada`],
  ["deep lists", `${"- ".repeat(3_000)} @ada`],
  ["deep emphasis", `${"*a ".repeat(2_000)}@ada`],
];

describe("text on its way to GitHub", () => {
  test.each(attacks)("%s does nothing", (_name, text) => {
    for (const shown of [
      neutral.prose(text),
      neutral.line(text),
      `- ${neutral.line(text)}`,
      `| a |\n| --- |\n| ${neutral.cell(text)} |`,
      neutral.fence(text),
      neutral.code(text),
    ]) {
      expect(actsIn(shown)).toEqual([]);
    }
    expect(neutral.line(text)).not.toContain("\n");
    expect(neutral.plain(text)).not.toMatch(/@\w|#\d|:\/\/|^\/agent|<!--|\n/);
  });

  test("random text does nothing either", () => {
    const piece = fc.constantFrom(
      ..."@ada #1 http://e.x [a](b) ![a](b) <b> <!-- --> ` ``` * _ ~~ | \\ / /agent &#64; &#35; $x \n \n\n - > 1. # [^a] [a]: www.a.b a@b.c  ".split(
        " ",
      ),
      " ",
      "x",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        const text = pieces.join("");
        expect(actsIn(neutral.prose(text))).toEqual([]);
        expect(actsIn(neutral.line(text))).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });

  test("what a text says stays readable", () => {
    expect(neutral.prose("The **floor** in `split` drops cents:\n\n- one\n- two\n\n```js\nMath.floor(1)\n```")).toBe(
      "The **floor** in `split` drops cents:\n\n- one\n- two\n\n```js\nMath.floor(1)\n```",
    );
    expect(neutral.line("costs $5, see #4 by @ada")).toBe("costs $5, see `#4` by `@ada`");
    expect(neutral.prose("Familie 👩‍👩‍👧 ✔️ Zürich")).toBe("Familie 👩‍👩‍👧 ✔️ Zürich");
  });

  test.each([
    [".github/baton/agents/cents.md is there already", ".github/baton/agents/cents.md is there already"],
    ["see docs/agent/x.md and /agents/x.md", "see docs/agent/x.md and `/agents/x.md`"],
    ["/agent fix it", "`/agent fix` it"],
    ["write /agent, or /baton help.", "write `/agent`, or `/baton help`."],
    ["/agent/x.md says", "`/agent/x.md` says"],
    ["Thanks, @octo.", "Thanks, `@octo`."],
    ["@octo/team-one, a@evil.example!", "`@octo/team-one`, `a@evil.example`!"],
    ["costs $x.", "costs `$x`."],
  ])("only what would act becomes code: %s", (text, shown) => {
    expect(neutral.line(text)).toBe(shown);
  });

  test("a fence and a code span hold whatever is put into them", () => {
    const text = "a\n```\n# out\n`````\n";
    const tree = fromMarkdown(neutral.fence(text));
    expect(tree.children.map(({ type }) => type)).toEqual(["code"]);
    expect(fromMarkdown(neutral.code("`` ` ```` x")).children).toMatchObject([
      { children: [{ type: "inlineCode", value: "`` ` ```` x" }] },
    ]);
  });

  test("a cell holds no bare pipe", () => {
    const row = (cell: string) =>
      fromMarkdown(`| a | b |\n| --- | --- |\n| ${cell} | end |`, {
        extensions: [gfm()],
        mdastExtensions: [gfmFromMarkdown()],
      });
    for (const text of ["a | b", "`a | b`", "a \\| b", "| a", "\\\\|", "`\\|`"]) {
      expect(row(neutral.cell(text))).toMatchObject({
        children: [{ type: "table", children: [{}, { children: [{}, { children: [{ value: "end" }] }] }] }],
      });
    }
    for (const text of ["a | b", "a\\|@octo/everyone https://evil.example/x", "a\\\\|b", "a\\\\\\|b", "`a\\|`b"]) {
      expect(row(neutral.codeCell(text)), text).toMatchObject({
        children: [
          {
            type: "table",
            children: [{}, { children: [{ children: [{ type: "inlineCode" }] }, { children: [{ value: "end" }] }] }],
          },
        ],
      });
    }
  });

  test("secrets leave in no disguise", () => {
    const disguises = [
      secret,
      `${secret.slice(0, 8)}\u200B${secret.slice(8)}`,
      `${secret.slice(0, 8)}**${secret.slice(8)}**`,
      secret.replace("-", "&#45;"),
      secret.replaceAll("-", "\\-"),
      secret.replace("horse", "<!-- -->horse"),
    ];
    for (const text of disguises) {
      for (const shown of [neutral.prose(text), neutral.line(text), neutral.cell(text)]) {
        expect(shown.replace(/[\\*`]/g, "")).not.toContain(secret);
      }
      expect(neutral.plain(text)).not.toContain(secret);
    }
    expect(neutral.prose("ghs_0123456789abcdefghij0123456789abcdef")).not.toContain("abcdefghij");
  });

  test("control characters and terminal colours are gone", () => {
    expect(visible("\u001B[31mred\u001B[0m\u0007\u0000 a\r\nb\u{E0041}\u202D\uFEFF")).toBe("red a\nb");
  });

  test("a title cannot skip checks or close other issues", () => {
    expect(neutral.plain("Fixes #99 [skip ci] by @ada\n\nCo-authored-by: x")).toBe(
      "Fixes 99 (skip ci) by ada Co-authored-by: x",
    );
  });

  test("what is nested too deeply to take apart is shown as code", () => {
    expect(neutral.prose(`${">".repeat(200)} @ada`)).toMatch(/^```text\n>+ @ada\n```$/);
    expect(neutral.line(`${"- ".repeat(200)}@ada`)).toMatch(/^`[- ]+@ada`$/);
  });

  test("text is cut to its measure, and hostile text costs little time", () => {
    expect(neutral.plain("x".repeat(500), 50)).toHaveLength(50);
    const begun = performance.now();
    for (const unit of [">", "[", "![", "*a ", "- ", "`a``", "<!--", "[a](", "_*", "|a", "\n|-"])
      neutral.prose(unit.repeat(64_000));
    expect(performance.now() - begun).toBeLessThan(20_000);
  });
});
