// Every delivery that GitHub gives as an example, carried out by the intake whole: none is an error, each is marked handled, and those that
// matter do what the table of doors says.
import { createRequire } from "node:module";
import { expect, test } from "vitest";
import { z } from "zod";
import { sha } from "#src/core/ids.ts";
import { intakeWorld } from "#test/support/intake-world.ts";

const Fields = z.record(z.string(), z.unknown());
const Examples = z.array(z.object({ name: z.string(), examples: z.array(Fields) }));
const kinds = Examples.parse(createRequire(import.meta.url)("@octokit/webhooks-examples"));

/** The first words of the note: which door, or that there is none. By kind and action; what is not named is `nothing`. */
const doorsOf: Readonly<Record<string, string>> = {
  "installation.deleted": "installation-removed",
  "installation.suspend": "installation-suspended",
  "installation_repositories.removed": "installation-removed",
  "issue_comment.created": "reply",
  "issues.deleted": "lost",
  "issues.locked": "lost",
  "issues.opened": "opened",
  "issues.transferred": "lost",
  "pull_request.closed": "closed",
  "pull_request.opened": "pull request",
  "pull_request.reopened": "pull request",
  "pull_request.synchronize": "pull request",
  "push.undefined": "push",
};

test.each(kinds.map(({ name, examples }) => [name, examples] as const))("%s", async (name, payloads) => {
  const world = intakeWorld();
  world.reader.branches = { main: sha("a".repeat(40)), master: sha("b".repeat(40)) };
  for (const payload of payloads) {
    const installed = { ...payload, installation: payload["installation"] ?? { id: 5 } };
    const note = await world.send(name, installed);
    const kind = `${name}.${String(payload["action"])}`;
    expect([kind, note]).toEqual([
      kind,
      expect.stringMatching(new RegExp(`^(?:${doorsOf[kind] ?? "nothing"}|nothing): `)),
    ]);
    expect(note).not.toContain("not as GitHub describes it");
  }
  // Opened issues alone begin something by themselves.
  const begun = (await world.log.list({ limit: 50 })).length;
  expect(begun > 0).toBe(name === "issues");
});

test("each that matters is among the examples, and is not nothing", async () => {
  const world = intakeWorld();
  world.reader.branches = { main: sha("a".repeat(40)), master: sha("b".repeat(40)) };
  const heard = new Set<string>();
  for (const { name, examples } of kinds)
    for (const payload of examples) {
      const note = await world.send(name, { ...payload, installation: payload["installation"] ?? { id: 5 } });
      if (!note.startsWith("nothing: ")) heard.add(`${name}.${String(payload["action"])}`);
    }
  expect([...heard].toSorted()).toEqual(Object.keys(doorsOf).toSorted());
});
