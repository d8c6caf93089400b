// The strict GitHub must be strict.
import { expect, test } from "vitest";
import { StrictGitHub } from "./github-nock.ts";

const api = "https://api.github.com";
const zen = { method: "GET", path: "/zen", status: 200, answer: "Keep it logically awesome." } as const;

async function during(work: (github: StrictGitHub) => Promise<unknown>): Promise<ReturnType<StrictGitHub["finish"]>> {
  const github = new StrictGitHub(api);
  github.start();
  await work(github).catch(() => undefined);
  return github.finish();
}

test("what was expected and came is fine", async () => {
  const result = await during(async (github) => {
    github.expect({
      method: "POST",
      path: "/repos/o/r/issues/1/labels",
      status: 404,
      answer: { message: "Not Found" },
    });
    const body = JSON.stringify({ labels: ["bug"] });
    await fetch(`${api}/repos/o/r/issues/1/labels`, {
      method: "POST",
      body,
      headers: { "content-type": "application/json" },
    });
    expect(github.seen).toMatchObject([{ method: "POST", body: { labels: ["bug"] } }]);
  });
  expect(result).toEqual({ wrong: [], neverCame: [] });
});

test("a request nobody expected is told", async () => {
  const { wrong } = await during(() => fetch(`${api}/user`));
  expect(wrong.join()).toContain("nobody expected GET");
});

test("a second request is one nobody expected", async () => {
  const { wrong } = await during(async (github) => {
    github.expect(zen);
    await fetch(`${api}/zen`);
    await fetch(`${api}/zen`);
  });
  expect(wrong.join()).toContain("nobody expected GET");
});

test("a request that never came is told", async () => {
  const { neverCame } = await during((github) => Promise.resolve(github.expect(zen)));
  expect(neverCame.join()).toContain("/zen");
});

test("a body or an answer that GitHub does not know is told", async () => {
  const { wrong } = await during(async (github) => {
    github.expect({ method: "POST", path: "/repos/o/r/issues", status: 201, answer: { number: "one" } });
    const body = JSON.stringify({ title: "x", colour: "red" });
    await fetch(`${api}/repos/o/r/issues`, { method: "POST", body, headers: { "content-type": "application/json" } });
  });
  expect(wrong.join("\n")).toContain("colour");
  expect(wrong.join("\n")).toContain("number");
});
