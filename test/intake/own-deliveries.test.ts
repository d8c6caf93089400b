// What Baton does comes back to it as deliveries. None of them, of whatever kind, causes anything: GitHub's own examples, as if Baton had done
// each, with commands, labels and files in them that would count if somebody else had.
import { createRequire } from "node:module";
import { expect, test } from "vitest";
import { z } from "zod";
import { sha } from "#src/core/ids.ts";
import { translate } from "#src/intake/translate.ts";
import { intakeWorld, maria, self } from "#test/support/intake-world.ts";

const Fields = z.record(z.string(), z.unknown());
const Examples = z.array(z.object({ name: z.string(), examples: z.array(Fields) }));
type Fields = z.infer<typeof Fields>;

const own = { login: self.login, id: 99_001, type: "Bot" };
const person = { ...maria, type: "User" };
const what = ["issue", "comment", "review", "pull_request", "discussion", "answer"] as const;

/** As if `by` had done it, and had written all that is written in it. */
function doneBy(payload: Fields, by: typeof own): Fields {
  const written = what.flatMap((part) => {
    const fields = Fields.safeParse(payload[part]).data;
    return fields ? [[part, { ...fields, user: by, body: "/agent fix", state: "open", locked: false }] as const] : [];
  });
  return {
    ...payload,
    ...Object.fromEntries(written),
    ...("label" in payload ? { label: { name: "agent" } } : {}),
    ...("client_payload" in payload ? { action: "agent", client_payload: { issue: 1, command: "fix" } } : {}),
    ...("commits" in payload ? { ref: "refs/heads/master", forced: true } : {}),
    installation: payload["installation"] ?? { id: 5 },
    sender: by,
  };
}

const examples = Examples.parse(createRequire(import.meta.url)("@octokit/webhooks-examples")).flatMap(
  ({ name, examples: payloads }) => payloads.map((payload) => ({ name, payload })),
);
const asks = (by: typeof own) =>
  examples.filter(({ name, payload }) => translate(name, doneBy(payload, by), self).type !== "nothing");

test("every delivery that GitHub gives as an example is nothing when Baton did it", () => {
  expect(examples.length).toBeGreaterThan(300);
  expect(asks(own).map(({ name, payload }) => `${name}.${String(payload["action"])}`)).toEqual([]);
  expect(asks({ ...own, login: "Baton-App[bot]" })).toEqual([]);
  // The same by a person ask for something in many ways.
  const heard = asks(person).map(({ name }) => name);
  expect(heard.length).toBeGreaterThan(15);
  expect(new Set(heard)).toEqual(
    new Set([
      "installation",
      "installation_repositories",
      "issue_comment",
      "issues",
      "pull_request",
      "push",
      "repository_dispatch",
    ]),
  );
});

test("a hundred of them and more, sent to itself, cause no run, no answer, no event", async () => {
  const world = intakeWorld();
  world.reader.branches = { master: sha("a".repeat(40)) };
  const first = examples.find(({ name, payload }) => name === "issue_comment" && payload["action"] === "created");
  expect(await world.send("issue_comment", doneBy(first?.payload ?? {}, person))).toContain("started");
  const [line] = await world.log.list({ limit: 5 });
  if (!line) throw new Error("a person's command starts a run");
  const before = {
    runs: await world.log.list({ limit: 5 }),
    events: await world.log.read(line.run),
    rung: [...world.rung],
  };
  expect(before.runs).toHaveLength(1);
  const acknowledged = [...world.publisher.acknowledged];
  const calls = world.reader.calls.length;
  for (const { name, payload } of examples) expect(await world.send(name, doneBy(payload, own))).toMatch(/^nothing: /);
  expect({
    runs: await world.log.list({ limit: 5 }),
    events: await world.log.read(line.run),
    rung: world.rung,
  }).toEqual(before);
  const { replies, removed, findings, restored, scheduled } = world.publisher;
  expect({ replies, removed, findings, restored, scheduled }).toEqual({
    replies: [],
    removed: [],
    findings: [],
    restored: [],
    scheduled: [],
  });
  expect(world.publisher.acknowledged).toEqual(acknowledged);
  // GitHub is not even asked.
  expect(world.reader.calls).toHaveLength(calls);
});
