// The oracle itself: it must know right from wrong before anything is measured by it.
import { describe, expect, test } from "vitest";
import { checkAnswer, checkDelivery, checkRequest } from "#test/support/openapi.ts";

describe("requests", () => {
  test("a right one has nothing against it", () => {
    const path = "/repos/o/r/issues";
    expect(checkRequest({ method: "POST", path, body: { title: "x", labels: ["bug"] } })).toEqual([]);
    expect(checkRequest({ method: "GET", path: `/api/v3${path}?per_page=100`, query: { state: "open" } })).toEqual([]);
    expect(checkRequest({ method: "GET", path: "/repos/o/r/git/ref/heads%2Fmain" })).toEqual([]);
    expect(checkRequest({ method: "GET", path: "/repos/o/r/git/ref/heads/baton/issue-1" })).toEqual([]);
  });

  test.each([
    ["an unknown path", { method: "GET", path: "/repos/o/r/tea" }, "not in GitHub's description"],
    ["an unknown method", { method: "PUT", path: "/repos/o/r/issues" }, "not in GitHub's description"],
    ["a missing body", { method: "POST", path: "/repos/o/r/issues" }, "the body is missing"],
    ["a missing field", { method: "POST", path: "/repos/o/r/issues", body: { body: "x" } }, "title"],
    ["a wrong type", { method: "POST", path: "/repos/o/r/issues", body: { title: [] } }, "/title"],
    ["an unknown field", { method: "POST", path: "/repos/o/r/issues", body: { title: "x", tilte: "y" } }, "tilte"],
    [
      "an unknown field deep inside",
      {
        method: "POST",
        path: "/repos/o/r/git/trees",
        body: { tree: [{ path: "a", mode: "100644", type: "blob", text: "" }] },
      },
      "text",
    ],
    [
      "an unknown field where alternatives are described",
      { method: "POST", path: "/repos/o/r/check-runs", body: { name: "x", head_sha: "y", tilte: "z" } },
      "tilte",
    ],
    ["a wrong value", { method: "GET", path: "/repos/o/r/issues?state=ajar" }, "allowed values"],
    ["an unknown query", { method: "GET", path: "/repos/o/r/issues?stat=open" }, "unknown query parameter stat"],
    ["a body where none belongs", { method: "DELETE", path: "/repos/o/r/labels/x", body: { a: 1 } }, "not described"],
  ])("%s is told", (_, request, problem) => {
    expect(checkRequest(request).join("\n")).toContain(problem);
  });
});

describe("answers", () => {
  const label = {
    id: 1,
    node_id: "x",
    url: "http://127.0.0.1/l",
    name: "bug",
    description: null,
    color: "f00",
    default: true,
  };
  const answer = { method: "GET", path: "/repos/o/r/labels/bug", status: 200 };

  test("a right one has nothing against it", () => {
    expect(checkAnswer({ ...answer, body: label })).toEqual([]);
    expect(checkAnswer({ ...answer, status: 401, body: { message: "Bad credentials" } })).toEqual([]);
  });

  test("a missing field, a wrong type, a wrong format and an unknown status are told", () => {
    expect(checkAnswer({ ...answer, body: { ...label, name: undefined } }).join()).toContain("'name'");
    expect(checkAnswer({ ...answer, body: { ...label, id: "1" } }).join()).toContain("/id must be integer");
    expect(checkAnswer({ ...answer, body: { ...label, url: "no" } }).join()).toContain('must match format "uri"');
    expect(checkAnswer({ ...answer, status: 418, body: {} }).join()).toContain("not described");
    expect(checkAnswer({ ...answer, status: 401, body: [] }).join()).toContain("must be object");
  });
});

describe("deliveries", () => {
  test("a broken one and an unknown one are told", () => {
    expect(checkDelivery({ event: "issues", payload: { action: "opened" } }).join()).toContain("issue");
    expect(checkDelivery({ event: "issues", payload: { action: "danced" } }).join()).toContain(
      "not in GitHub's description",
    );
  });
});
