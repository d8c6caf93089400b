// Who may, in full: every kind of actor at every door and with every verb, in public and private repositories. What is expected stands in the
// tables of this file, and is not asked of the code.
import { expect, test } from "vitest";
import { askKey } from "#src/engine/asks.ts";
import { noSpend } from "#src/engine/events.ts";
import { doors } from "#src/intake/doors.ts";
import { verbs } from "#src/intake/verbs.ts";
import { created, goodTriage } from "#test/support/engine-world.ts";
import { commentPayload, intakeWorld, issuePayload, maria, self, type World } from "#test/support/intake-world.ts";
import { recordedRuns } from "#test/support/recorded-run.ts";

/** What each verb needs. */
const triage = ["triage", "pause", "stop", "ignore", "status", "why", "help"];
const write = [
  "fix",
  "implement",
  "plan",
  "refactor",
  "audit",
  "do",
  "background",
  "tell",
  "retry",
  "restart",
  "resume",
  "test",
  "review",
  "revise",
  "rebase",
];
const maintain = ["init", "retrospective", "approve", "reject", "budget"];

const byComment = { nobody: [], sorts: triage, works: [...triage, ...write], all: [...triage, ...write, ...maintain] };

type Role = NonNullable<World["reader"]["roles"][string]>;
interface Kind {
  readonly role?: Role;
  readonly sender?: Readonly<Record<string, unknown>>;
  /** The App through which it is done, where GitHub tells of one. */
  readonly via?: Readonly<Record<string, unknown>>;
  readonly listed?: string;
  readonly author?: true;
  /** Verbs that it may give. */
  readonly may: readonly string[];
  /** Other doors at which it may. At these GitHub does not tell that an App acts in a person's name. */
  readonly at: readonly string[];
}

const person = ["opened", "label", "assigned", "ticks", "box", "review", "plan", "reply"];
const helper = { login: "helper[bot]", id: 5, type: "Bot" };
const kinds: Readonly<Record<string, Kind>> = {
  "nobody's role": { role: "none", may: byComment.nobody, at: ["opened"] },
  read: { role: "read", may: byComment.nobody, at: ["opened"] },
  triage: { role: "triage", may: byComment.sorts, at: ["opened", "ticks"] },
  write: {
    role: "write",
    may: byComment.works,
    at: ["opened", "label", "assigned", "ticks", "box", "review", "reply"],
  },
  maintain: { role: "maintain", may: byComment.all, at: person },
  admin: { role: "admin", may: byComment.all, at: person },
  "the author without rights": { role: "none", author: true, may: byComment.nobody, at: ["opened", "reply"] },
  "a listed bot": {
    sender: helper,
    listed: "helper[bot]",
    may: byComment.works,
    at: ["opened", "label", "assigned", "review"],
  },
  "a bot that is not listed": { sender: helper, may: byComment.nobody, at: [] },
  "a listed App in a maintainer's name": {
    role: "maintain",
    via: { id: 5, slug: "helper" },
    listed: "helper",
    may: byComment.works,
    at: person.filter((door) => door !== "reply"),
  },
  "Baton itself": { sender: { login: self.login, id: 1, type: "Bot" }, role: "admin", may: byComment.nobody, at: [] },
  "somebody of whom GitHub does not say": { role: "error", may: byComment.nobody, at: ["opened"] },
};

/** A world in which somebody of this kind is to act. */
function worldOf({ role, listed }: Kind): World {
  const world = intakeWorld({
    workflows: { names: () => ["bug", ...routed], load: () => Promise.resolve(undefined) },
  });
  world.reader.roles = role === undefined ? {} : { maria: role };
  world.dashboards.offered.push("start:12");
  if (listed !== undefined) world.reader.files[".github/baton.yml"] = `triggers: { bots: ["${listed}"] }`;
  return world;
}
const routed = ["feature", "refactor", "audit", "do", "background", "init", "retrospective"];

const inside = (payload: Readonly<Record<string, unknown>>, isPrivate: boolean) => {
  const { repository } = payload;
  if (typeof repository !== "object") throw new Error("no repository");
  return { ...payload, repository: { ...repository, private: isPrivate } };
};

/** Whether it was let through: nobody was refused, and nothing was passed over. What was not has left nothing behind. */
async function isLet(world: World, name: string, payload: Readonly<Record<string, unknown>>): Promise<boolean> {
  const before = (await world.runs()).length;
  const note = await world.send(name, payload);
  const { kinds: said, acknowledged, leftAlone, findings } = world.publisher;
  const isRefused = said.includes("refused");
  const silent =
    /^nothing: |is not in triggers\.bots|whoever reviewed has the role|it is not theirs to answer|is drawn anew/;
  if (!isRefused && !silent.test(note)) return true;
  const left = [...(await world.runs()).slice(before), ...acknowledged, ...leftAlone, ...findings];
  if (left.length > 0 || (isRefused && !note.includes("refused")))
    throw new Error(`it was refused, and something came of it all the same: ${note}`);
  return false;
}

const own = { login: self.login, id: 1, type: "Bot" };
/** As the payloads of this file name it. */
const here = { ...created().repo, id: 1, owner: "octo", name: "tab" };
const assignee = own;
const edit = (body: string, before: string, sender: object) => ({
  ...commentPayload(body, { action: "edited", comment: { user: own } }),
  sender,
  changes: { body: { from: before } },
});
const dashboard = (box: string) => `<!-- baton:dashboard:0 -->\n- [${box}] An issue <!-- baton:box:start:12 -->`;
const report = `<!-- baton:end:run-0123456789ab:1 -->\n`;
const plan = `<!-- baton:plan:run-0123456789ab:approve:1 -->\n`;

/** Has a run of the issue wait with a question, in a comment of Baton's. */
async function ask(world: World): Promise<void> {
  const first = created();
  await world.log.create(first);
  const decision = { kind: "ask" as const, waits: true as const, questions: ["Which version?"] };
  const asked = { stage: "triage", attempt: 1, about: "triage", for: "answer" as const, questions: ["Which version?"] };
  await world.log.append(first.runId, 1, [
    { type: "run.routed", source: "model", triage: goodTriage, why: "…", spend: noSpend, decision },
    { type: "people.asked", ...asked },
    { type: "run.parked", reason: "answer", message: "…" },
  ]);
  const key = askKey(first, asked);
  await world.outbox.record({ key, run: undefined, kind: "plan", payload: {} });
  await world.outbox.done(key, { id: 900 });
}

/** What somebody does at each door but those of commands. */
const acts: Readonly<Record<string, (kind: Kind) => [name: string, payload: Readonly<Record<string, unknown>>]>> = {
  opened: ({ sender = { ...maria, type: "User" }, via }) => [
    "issues",
    issuePayload("opened", { sender, issue: { user: sender, performed_via_github_app: via ?? null } }),
  ],
  label: ({ sender }) => ["issues", issuePayload("labeled", { label: "agent", ...(sender ? { sender } : {}) })],
  assigned: ({ sender }) => ["issues", issuePayload("assigned", { assignee, ...(sender ? { sender } : {}) })],
  ticks: ({ sender = { ...maria, type: "User" } }) => [
    "issue_comment",
    edit(`${report}- [x] **F1**`, `${report}- [ ] **F1**`, sender),
  ],
  box: ({ sender = { ...maria, type: "User" } }) => [
    "issues",
    {
      ...issuePayload("edited", { sender, issue: { number: 40, user: own, body: dashboard("x") } }),
      changes: { body: { from: dashboard(" ") } },
    },
  ],
  review: ({ sender = { ...maria, type: "User" } }) => [
    "pull_request_review",
    {
      ...issuePayload("submitted", { sender }),
      pull_request: { number: 5, html_url: "u", title: "t", user: own, merged_at: null, head: { sha: "b".repeat(40) } },
      review: { id: 3, state: "changes_requested", body: "No.", user: sender, submitted_at: "2026-11-20T12:00:00Z" },
    },
  ],
  reply: ({ sender = { ...maria, type: "User" }, via, author }) => [
    "issue_comment",
    commentPayload("Version 2.", {
      by: sender,
      comment: { performed_via_github_app: via ?? null },
      issue: { user: author ? sender : { login: "ott", id: 9 } },
    }),
  ],
  plan: ({ sender = { ...maria, type: "User" } }) => [
    "issue_comment",
    edit(`${plan}\`\`\`yaml\na: 1\n\`\`\``, `${plan}\`\`\`yaml\na: 2\n\`\`\``, sender),
  ],
};

/** Everybody of whom GitHub lets these be pressed; the run is there, so that nothing else is in the way. */
async function presses(world: World, button: string, sender: object, isPrivate: boolean): Promise<boolean> {
  const { events, state } = recordedRuns.succeeded({ repo: here, subject: { ...created().subject, number: 12 } });
  await world.log.create(state.created);
  await world.log.append(
    state.runId,
    1,
    events.slice(1).map(({ event }) => event),
  );
  world.reader.pulls.set(13, "Closes #12");
  const check_run = { external_id: `${state.runId}:revision:9`, head_sha: "d".repeat(40), app: { id: self.appId } };
  const payload = { ...issuePayload("requested_action", { sender: { ...sender } }), check_run };
  const note = await world.send(
    "check_run",
    inside({ ...payload, requested_action: { identifier: button } }, isPrivate),
  );
  return !/refused|is not in triggers\.bots|nothing: /.test(note);
}

/** One program's command for each that a verb may need. */
const dispatched = ["stop", "fix", "budget $3"];

test("every verb and every door stands in the tables", () => {
  expect([...triage, ...write, ...maintain].toSorted()).toEqual(Object.keys(verbs).toSorted());
  // Nobody asks by these: the config does, or the issue is not what it was.
  const withoutActor = ["schedule", "checks", "base", "closed", "pull-closed", "edited", "lost"];
  expect([...Object.keys(acts), "comment", "dispatch", "button", ...withoutActor].toSorted()).toEqual(
    Object.keys(doors).toSorted(),
  );
});

for (const isPrivate of [false, true])
  test.each(Object.entries(kinds))(`%s, in a ${isPrivate ? "private" : "public"} repository`, async (_, kind) => {
    const { sender = { ...maria, type: "User" }, via, author } = kind;
    const issue = author ? { user: sender } : {};
    for (const verb of [...triage, ...write, ...maintain]) {
      const world = worldOf(kind);
      const comment = { performed_via_github_app: via ?? null };
      const payload = commentPayload(`/agent ${verb} x`, { by: sender, comment, issue });
      const may = kind.may.includes(verb);
      expect([verb, await isLet(world, "issue_comment", inside(payload, isPrivate))]).toEqual([verb, may]);
      expect([verb, world.publisher.acknowledged.length]).toEqual([verb, may ? 1 : 0]);
      for (const { reply } of may ? [] : world.publisher.replies)
        expect(reply).toMatchObject({
          kind: "refused",
          quote: `/agent ${verb} x`,
          who: expect.stringContaining("admin"),
          next: expect.stringMatching(/\w/),
        });
    }
    for (const command of dispatched) {
      const payload = { ...issuePayload("agent", { sender }), client_payload: { issue: 12, command } };
      // A token says whose it is, and not that an App holds it.
      const may = via ? byComment.all : kind.may;
      const isAllowed = await isLet(worldOf(kind), "repository_dispatch", inside(payload, isPrivate));
      expect([command, isAllowed]).toEqual([command, may.includes(command.split(" ")[0] ?? "")]);
    }
    for (const button of ["stop", "retry"]) {
      const may = via ? byComment.all : kind.may;
      expect([button, await presses(worldOf(kind), button, sender, isPrivate)]).toEqual([button, may.includes(button)]);
    }
    for (const [door, act] of Object.entries(acts)) {
      const [name, payload] = act(kind);
      const world = worldOf(kind);
      if (door === "reply") await ask(world);
      const isAllowed = await isLet(world, name, inside(payload, isPrivate));
      expect([door, isAllowed]).toEqual([door, kind.at.includes(door)]);
    }
  });
