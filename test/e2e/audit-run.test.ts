// An audit over real HTTP: nine auditors at once, of whom one fails, one list without duplicates, and ticks that become issues.
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { Findings, Report } from "#src/workflows/artifacts.ts";
import { sampleFiles } from "#src/playground/sample-script.ts";
import { openWorld, person, type World } from "#test/support/baton-world.ts";
import { drivenAgain, same } from "#test/support/driven-again.ts";

const repo = "octo/audited";
const patience = { timeout: 90_000, interval: 50 };
const report: Report = {
  summary: "Looked, and found this.",
  sections: [{ title: "splitEvenly", body: "major: src/split.js:4" }],
};
const findings: Findings = {
  summary: "Two things stand out.",
  findings: [
    {
      title: "splitEvenly loses cents, ask @ada",
      severity: "major",
      area: "quality",
      path: "src/split.js",
      line: 4,
      detail: "The floor drops the rest. Seen by three auditors.",
      mend: "Hand the rest out, one cent each.",
    },
    {
      title: "No contact is named",
      severity: "minor",
      area: "documentation",
      detail: "README names none.",
      mend: "Name one.",
    },
    { title: "No licence is named", severity: "minor", area: "documentation", detail: "None.", mend: "Name it." },
    { title: "Tabs and spaces", severity: "minor", area: "quality", detail: "Both.", mend: "Choose." },
  ],
};

let world: World;
let number = 0;
const comments = () => world.playground.comments({ repo, number });
const reported = () => comments().find(({ body }) => body.startsWith("<!-- baton:end:"));
/** How many issues Baton has opened. */
const opened = () =>
  world.playground.journal.filter(({ method, path }) => method === "POST" && path === `/repos/${repo}/issues`).length;
const tick = (finding: number, as = person) => {
  const found = reported();
  if (!found) throw new Error("no report");
  const body = found.body.replace(`- [ ] **F${finding}**`, `- [x] **F${finding}**`);
  return world.playground.editComment({ repo, id: found.id, body, as });
};

beforeAll(async () => {
  world = await openWorld();
  world.script(repo, {
    auditor: ({ brief }) =>
      /## Your task: monitoring/.test(brief)
        ? { text: "I will not call anything." }
        : { tools: [{ name: "finish", input: { ...report } }] },
    synthesizer: () => ({ tools: [{ name: "finish", input: { ...findings } }] }),
  });
  await world.playground.addRepository({
    owner: "octo",
    name: "audited",
    from: { ...(await sampleFiles()), ".github/baton.yml": "triggers: { onOpened: false }\nlimits: { parallel: 9 }\n" },
    labels: [],
    collaborators: { [person]: "write", "passer-by": "read" },
  });
  ({ number } = await world.playground.openIssue({ repo, title: "Look through it", body: "All of it.", as: person }));
  world.playground.comment({ repo, number, body: "/agent audit", as: person });
  await vi.waitUntil(() => reported() !== undefined, patience);
}, 150_000);

afterAll(async () => world[Symbol.asyncDispose]());

describe("an audit", () => {
  test("is a swarm with one failing member, and one report", async () => {
    const [line] = await world.baton.store.log.list({ limit: 1, repo });
    expect(line?.outcome).toBe("succeeded");
    const sides = new Set(world.model.calls.map(({ brief }) => /## Your task: ([a-z-]+), one of 9/.exec(brief)?.[1]));
    expect([...sides].filter((side) => side !== undefined)).toHaveLength(9);
    const body = reported()?.body ?? "";
    expect(body).toContain("- [ ] **F1** splitEvenly loses cents");
    expect(body).toContain("src/split.js:4");
    // Baton says who failed, whatever the synthesizer makes of it; and what it says is no finding.
    expect(body).toMatch(/\*\*Not everything was done:\*\*\n\n- ⚠️ partial: \*\*inspect\*\*, .*monitoring/);
    expect(body.indexOf("Not everything was done")).toBeLessThan(body.indexOf("Two things stand out"));
    expect(body).not.toMatch(/(?<!`)@ada/);
    expect(world.playground.pulls(repo)).toEqual([]);
    const events = line ? await world.baton.store.log.read(line.run) : [];
    expect(await drivenAgain(events, world)).toEqual(same);
  }, 150_000);

  test("what somebody ticks who may becomes an issue, once, and the report names it", async () => {
    tick(1);
    await vi.waitUntil(() => reported()?.body.includes("→ #"), patience);
    const named = Number(/- \[x\] \*\*F1\*\* .*→ #(\d+)/.exec(reported()?.body ?? "")?.[1]);
    const issue = world.playground.issue({ repo, number: named });
    expect(issue.title).toContain("splitEvenly loses cents");
    expect(issue.body).toContain("Hand the rest out");
    expect(opened()).toBe(1);
    const edit = world.playground.deliveries.find(
      ({ event, action }) => event === "issue_comment" && action === "edited",
    );
    expect((await world.playground.redeliver(edit?.id ?? "")).status).toBe(200);
    await world.playground.settled();
    expect(await world.baton.store.deliveries.pending()).toEqual([]);
    expect(opened()).toBe(1);
  });

  test("what is ticked in a row becomes an issue each, and no box and no link is lost", async () => {
    const before = opened();
    tick(2);
    tick(3);
    await vi.waitUntil(() => (reported()?.body.match(/^- \[x\] .*→ #\d+$/gm) ?? []).length === 3, patience);
    await world.playground.settled();
    expect(opened()).toBe(before + 2);
    expect(reported()?.body.match(/^- \[ \] .*$/gm)).toEqual([expect.stringContaining("**F4**")]);
  });

  test("a tick by somebody who may not is refused, and opens nothing", async () => {
    tick(4, "passer-by");
    await vi.waitUntil(() => comments().some(({ body }) => body.includes("a tick in the report")), patience);
    expect(opened()).toBe(3);
  });
});
