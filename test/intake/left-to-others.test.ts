// An issue that somebody else is assigned to, or that repeats another: who wants it all the same, and who is told to ask again.
import { describe, expect, test } from "vitest";
import { Schedule, scheduleId } from "#src/workflows/schedules.ts";
import { created } from "#test/support/engine-world.ts";
import { commentPayload, intakeWorld, issuePayload, self, type World } from "#test/support/intake-world.ts";

const repo = { ...created().repo, id: 1, owner: "octo", name: "tab" };
const ada = { login: "ada", id: 8 };
const own = { login: self.login, id: 1 };
const dashboard = (box: string) => `<!-- baton:dashboard:0 -->\n- [${box}] An issue <!-- baton:box:start:12 -->`;

/** Who asks for work, without having to have read the issue. */
const askers: Readonly<Record<string, (world: World) => Promise<string>>> = {
  "the label": (world) => world.send("issues", issuePayload("labeled", { label: "agent" })),
  "the label with a type": (world) => world.send("issues", issuePayload("labeled", { label: "agent:bug" })),
  "a program": (world) =>
    world.send("repository_dispatch", { ...issuePayload("agent"), client_payload: { issue: 12, command: "fix" } }),
  "a box of the dashboard": (world) => {
    world.dashboards.offered.push("start:12");
    return world.send("issues", {
      ...issuePayload("edited", { issue: { number: 40, user: { ...own, type: "Bot" }, body: dashboard("x") } }),
      changes: { body: { from: dashboard(" ") } },
    });
  },
  "a bot that is listed": (world) => {
    world.reader.files[".github/baton.yml"] = 'triggers: { bots: ["helper[bot]"] }';
    return world.send(
      "issue_comment",
      commentPayload("/agent fix", { by: { login: "helper[bot]", id: 5, type: "Bot" } }),
    );
  },
};

/** Who asks for it all the same. */
const insisting: Readonly<Record<string, (world: World) => Promise<string>>> = {
  "a person's command": (world) => world.send("issue_comment", commentPayload("/agent fix")),
  "an assignment to Baton": (world) =>
    world.send("issues", issuePayload("assigned", { assignee: { ...own, type: "Bot" } })),
  "a schedule": async (world) => {
    world.reader.files[".github/baton.yml"] = "schedules: [{ cron: 0 6 * * 1, workflow: bug, issue: 12 }]";
    const entry = Schedule.parse({ cron: "0 6 * * 1", workflow: "bug", issue: 12 });
    return world.send("baton.schedule", { repo: { ...repo, installationId: 5 }, id: scheduleId(entry) });
  },
  "a program that has it sorted": (world) =>
    world.send("repository_dispatch", { ...issuePayload("agent"), client_payload: { issue: 12, command: "triage" } }),
};

function worldOf(change: Partial<NonNullable<World["reader"]["found"]>>): World {
  const world = intakeWorld();
  if (world.reader.found) world.reader.found = { ...world.reader.found, ...change };
  return world;
}

describe.each([
  ["somebody else is assigned", { assignees: [ada] }, "@ada is assigned to this issue"],
  ["two others are assigned", { assignees: [ada, own, { login: "teo", id: 9 }] }, "@ada, @teo are assigned"],
  ["it repeats another", { labels: ["bug", "Duplicate"] }, "repeats another"],
])("where %s", (_, change, why) => {
  test.each(Object.entries(askers))("%s is refused, once, with the way on", async (_, ask) => {
    const world = worldOf(change);
    await ask(world);
    await ask(world);
    expect(world.publisher.only("refused")).toMatchObject({
      why: expect.stringContaining(why),
      next: expect.stringContaining("`/agent fix`"),
    });
    expect(await world.runs()).toEqual([]);
  });

  test.each(Object.entries(insisting))("%s starts", async (_, ask) => {
    const world = worldOf(change);
    await ask(world);
    expect(world.publisher.replies).toEqual([]);
    expect(await world.runs()).toHaveLength(1);
  });
});

test.each([
  ["whoever asks is assigned, alone or with others", { assignees: [ada, { login: "maria", id: 7 }] }],
  ["only Baton is assigned", { assignees: [own] }],
])("where %s, a label starts", async (_, change) => {
  const world = worldOf(change);
  await askers["the label"]?.(world);
  expect(await world.runs()).toHaveLength(1);
});
