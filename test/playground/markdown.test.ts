// Markdown on the playground's pages: GitHub's flavour, and nothing in it can do harm or reach out of its place.
import { describe, expect, test } from "vitest";
import { renderMarkdown } from "#src/playground/pages/markdown.ts";

const render = (text: string) => renderMarkdown(text, { repository: "http://127.0.0.1/o/r", comment: true });

describe("what GitHub shows", () => {
  test.each([
    [
      "# One\n\n**two** _three_ ~~four~~ `five`",
      "<h1>One</h1><p><strong>two</strong> <em>three</em> <del>four</del> <code>five</code></p>",
    ],
    ["a\nb", "<p>a<br>\nb</p>"],
    [
      "- [x] done\n- [ ] open",
      /<ul class="tasks"><li class="task"><input type="checkbox" disabled checked> done<\/li>.*disabled> open/,
    ],
    ["3. three\n4. four", '<ol start="3"><li>three</li><li>four</li></ol>'],
    [
      "| a | b |\n| --- | ---: |\n| 1 | 2 |",
      /<th>a<\/th><th class="right">b<\/th>.*<td>1<\/td><td class="right">2<\/td>/,
    ],
    [
      "see #12, @maria and o/r#3",
      /<a href="http:\/\/127.0.0.1\/o\/r\/issues\/12">#12<\/a>, <strong class="mention">@maria<\/strong> and o\/r#3/,
    ],
    ["[see #12](https://example.com)", '<p><a href="https://example.com" rel="nofollow noreferrer">see #12</a></p>'],
    [
      "[![#1](https://e.org/i.png) #2][x] #3\n\n[x]: https://example.com",
      /^<p><a [^>]*>#1 #2<\/a> <a [^>]*>#3<\/a><\/p>$/,
    ],
    ["`#12` and a@b.c", /<code>#12<\/code> and/],
    [
      "> [!WARNING]\n> Careful",
      /<div class="alert alert-warning"><p class="alert-title">Warning<\/p><p>Careful<\/p><\/div>/,
    ],
    ["```diff\n-a\n+b\n```", /<span class="del">-a<\/span>\n<span class="add">\+b<\/span>/],
    [
      "[x](https://example.com) <https://example.org>",
      /<a href="https:\/\/example.com" rel="nofollow noreferrer">x<\/a>/,
    ],
  ])("%j", (text, expected) => {
    const whole =
      typeof expected === "string" ? new RegExp(`^${expected.replaceAll(/[.*+?^$()|[\]\\]/g, "\\$&")}$`) : expected;
    expect(render(text)).toMatch(whole);
  });

  test("status cards: folded details with Markdown in them, small print, line breaks; markers are not shown", () => {
    const shown = render(
      "<!-- baton:status:run-1 -->\n\n<details open><summary>More</summary>\n\n- **a**<br>b <sub>c</sub>\n\n</details>",
    );
    expect(shown).toBe(
      "<details open><summary>More</summary><ul><li><strong>a</strong><br>b <sub>c</sub></li></ul></details>",
    );
    expect(render("before <!-- hidden --> after")).toBe("<p>before  after</p>");
    expect(render("<!-- never closed\n\n**x**")).toBe("");
  });
});

describe("what it does not let through", () => {
  test.each([
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<details onclick=alert(1)>x</details>",
    '<details open="" style="position:fixed">',
    "<iframe src=//evil></iframe>",
    "<style>body{display:none}</style>",
    "<form action=/ui/act-as><button>x</button></form>",
    "<svg onload=alert(1)>",
    "<p class=top>x</p>",
    "</div></main><h1>out</h1>",
    "<!--><script>alert(1)</script>-->",
    "<sub><script>alert(1)</script></sub>",
    "a<b onmouseover=alert(1)>c",
  ])("%s", (text) => {
    const tags = render(text).match(/<\/?[a-z][^>]*>/gi) ?? [];
    const plain = /^<\/?(p|sub|details|b|br)>$/;
    expect(tags.filter((tag) => !plain.test(tag))).toEqual([]);
  });

  test.each([
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "data:text/html,x",
    "vbscript:x",
    "//evil.example",
    "java\tscript:alert(1)",
  ])("a link to %s is only its words", (url) => {
    expect(render(`[words](<${url}>)`)).not.toContain("<a");
  });

  test("pictures are links: nothing is fetched from elsewhere", () => {
    expect(render("![seen](https://tracker.example/x.png)")).toBe(
      '<p><a href="https://tracker.example/x.png" rel="nofollow noreferrer">seen</a></p>',
    );
  });

  test("what is left open is closed, and what was never open is not closed", () => {
    expect(render("<details><summary>a\n\nb <b>c")).toBe("<details><summary>a<p>b <b>c</p></b></summary></details>");
    expect(render("</details></summary>x")).not.toContain("</details>");
    expect(render("\"&<>'")).toBe("<p>&quot;&amp;&lt;&gt;&#39;</p>");
  });
});
