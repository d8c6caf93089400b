// A pull request of Baton's that people want changed: what of it is taken up, and what is refused, by words to whoever asked.
import { describe, expect, test } from "vitest";
import type { RunEvent } from "#src/engine/events.ts";
import { fold } from "#src/engine/fold.ts";
import { sha } from "#src/core/ids.ts";
import type { Remark } from "#src/engine/github-port.ts";
import { commentPayload, intakeWorld, self, type World } from "#test/support/intake-world.ts";
import { head, onPull, open, opened } from "#test/support/opened-pull.ts";

const revise = (world: World, words = "/agent revise name it better", changes: object = onPull, id?: string) =>
  world.send("issue_comment", commentPayload(words, changes), id);

describe("a revision", () => {
  test("is asked for on the pull request or on its issue, once for each command", async () => {
    for (const where of [onPull, {}]) {
      const world = await opened();
      expect(await revise(world, undefined, where, "asked")).toContain("goes on");
      expect(await world.again("asked")).toContain("was asked before");
      const { phase, revision } = await world.only();
      expect(phase).toBe("working");
      expect(revision).toMatchObject({ stage: "fix", words: "name it better", threads: [], by: { login: "maria" } });
      expect(revision).not.toHaveProperty("onto");
      const { runId } = await world.only();
      const asked = (await world.log.read(runId)).filter(({ event }) => event.type === "revision.requested");
      expect(asked).toHaveLength(1);
      expect(world.publisher.replies).toEqual([]);
    }
  });

  test("names the comment that asked for it, and finds the run that opened the pull request behind a later triage", async () => {
    const world = await opened();
    const first = await world.only();
    await world.send("issue_comment", commentPayload("/agent triage"));
    const sorted = (await world.runs()).find(({ runId }) => runId !== first.runId);
    if (!sorted) throw new Error("nothing was sorted");
    const end: RunEvent = { type: "run.finished", outcome: "triaged", code: "triaged", message: "…" };
    await world.log.append(sorted.runId, sorted.version, [end]);
    expect(await revise(world, undefined, {})).toContain(`${first.runId} goes on`);
    const { revision } = fold(await world.log.read(first.runId));
    expect(revision).toMatchObject({ words: "name it better", commentId: 1_000 });
  });

  test("takes what people pushed as its ground, and keeps it in the next one", async () => {
    const world = await opened();
    const pushed = sha("c".repeat(40));
    world.reader.pull = { ...open, head: pushed };
    await revise(world);
    expect((await world.only()).revision?.onto).toBe(pushed);
    const { runId, version } = await world.only();
    const published = sha("d".repeat(40));
    await world.log.append(runId, version, [
      { type: "pull_request.opened", number: 5, url: "u", branch: open.branch, head: published, title: "t" },
      { type: "run.finished", outcome: "succeeded", code: "verified", message: "…" },
    ]);
    world.reader.pull = { ...open, head: published };
    await revise(world, "/agent revise once more");
    expect((await world.only()).revision).toMatchObject({ onto: pushed, words: "once more" });
  });

  test.each<[string, (world: World) => void, string]>([
    ["the pull request is closed", (world) => (world.reader.pull = { ...open, state: "closed" }), "is closed"],
    ["the pull request is gone", (world) => (world.reader.pull = undefined), "is closed"],
    [
      "the issue is closed",
      ({ reader }) => reader.found && (reader.found = { ...reader.found, state: "closed" }),
      "closed",
    ],
    [
      "the issue is locked",
      ({ reader }) => reader.found && (reader.found = { ...reader.found, locked: true }),
      "locked",
    ],
  ])("is refused when %s", async (_, change, why) => {
    const world = await opened();
    change(world);
    await revise(world);
    expect(world.publisher.only("refused").why).toContain(why);
    expect((await world.only()).phase).toBe("finished");
  });

  test("goes on over a merge of the base by people, and is judged against that base from there on", async () => {
    const world = await opened();
    const [theirs, joined] = [sha("c".repeat(40)), sha("e".repeat(40))];
    world.reader.pull = { ...open, head: theirs };
    world.reader.joined = joined;
    await revise(world);
    const { phase, revision, base } = await world.only();
    expect(phase).toBe("working");
    expect(revision).toMatchObject({ onto: theirs, base: { commit: joined, how: "held" } });
    expect(base.commit).toBe(joined);
  });

  test("of a merged pull request is not to be reopened", async () => {
    const world = await opened();
    world.reader.pull = { ...open, state: "closed", merged: true };
    await revise(world);
    expect(world.publisher.only("refused")).toMatchObject({ why: expect.stringContaining("is merged") });
    expect(world.publisher.only("refused").next).not.toContain("Reopen");
  });

  test("counts among the runs that may begin within the hour", async () => {
    const world = await opened();
    const of = { id: 1, owner: "octo", name: "tab" };
    expect(await world.log.begunOn(of, { number: 12 }, 3_600_000)).toHaveLength(1);
    await revise(world);
    expect(await world.log.begunOn(of, { number: 12 }, 3_600_000)).toHaveLength(2);
  });

  test("by reviews while it is at work is answered once, and talk in an answered thread starts none", async () => {
    const said = (id: number, login: string, replyTo?: number): Remark => ({
      id,
      replyTo,
      path: "a.js",
      line: 1,
      outdated: false,
      body: "…",
      isBot: false,
      author: { login, id: 7 },
      association: "OWNER",
    });
    const user = { login: "maria", id: 7, type: "User" };
    const own = { login: self.login, id: 1, type: "Bot" };
    const review = (world: World, body = "", state = "commented") =>
      world.send("pull_request_review", {
        ...commentPayload(""),
        action: "submitted",
        pull_request: { number: 5, html_url: "u", title: "t", merged_at: null, head: { sha: head }, user: own },
        review: { id: 3, state, body, user },
      });
    const world = await opened();
    world.reader.remarked = [said(1, "maria"), said(2, self.login, 1), said(3, "maria", 1)];
    expect(await review(world)).toContain("asks for nothing");
    expect(await review(world, "Thanks, that is good.")).toContain("asks for nothing");
    world.reader.remarked.push(said(4, "maria"));
    expect(await review(world)).toContain("goes on");
    for (const words of ["And this.", "And that."]) await review(world, words);
    expect(world.publisher.replies.map(({ reply }) => reply)).toMatchObject([
      { kind: "nothing-to-do", next: expect.stringContaining("`/agent revise`") },
    ]);
  });

  test("is over when the pull request is closed: its branch goes with a merge, and only then", async () => {
    for (const merged of [false, true]) {
      const world = await opened();
      await world.send("pull_request", {
        ...commentPayload(""),
        action: "closed",
        pull_request: {
          number: 5,
          html_url: "u",
          title: "t",
          merged_at: merged ? "2026-11-20T12:00:00Z" : null,
          head: { sha: head },
          user: { login: self.login, id: 1, type: "Bot" },
        },
      });
      expect((await world.only()).pullClosed).toMatchObject({ merged, by: { login: "maria" } });
      expect(world.publisher.gone).toEqual(merged ? [open.branch] : []);
    }
  });

  test("is what /agent tell asks for, where one ended with a question to people", async () => {
    const end = { type: "run.finished", outcome: "needs-a-decision", code: "contradiction", message: "…" } as const;
    const world = await opened(end);
    expect(await revise(world, "/agent tell the first one holds", onPull, "told")).toContain("goes on");
    expect(await world.again("told")).toContain("was asked before");
    expect((await world.only()).revision).toMatchObject({
      words: "the first one holds",
      quote: expect.stringContaining("tell"),
    });
    const other = await opened();
    await revise(other, "/agent tell the first one holds");
    expect(other.publisher.kinds).toEqual(["nothing-running"]);
    expect((await other.only()).phase).toBe("finished");
  });

  test("waits for the run that is at work", async () => {
    const world = await opened();
    await revise(world);
    await revise(world, "/agent revise and this");
    expect(world.publisher.kinds).toEqual(["already-running"]);
    expect((await world.only()).revision?.words).toBe("name it better");
  });

  test("needs a pull request, and something to change", async () => {
    const none = intakeWorld();
    await revise(none, "/agent revise x", {});
    expect(none.publisher.kinds).toEqual(["nothing-running"]);
    const world = await opened();
    await revise(world, "/agent revise");
    expect(world.publisher.only("nothing-to-do").why).toContain("no words");
  });

  test("leaves threads alone that were resolved by hand, and takes all where GitHub does not tell", async () => {
    const world = await opened();
    const said = { path: "a.js", line: 1, outdated: false, body: "…", isBot: false, association: "OWNER" };
    world.reader.remarked = [1, 2].map((id) => ({
      ...said,
      id,
      replyTo: undefined,
      author: { login: "maria", id: 7 },
    }));
    world.reader.threaded = [{ first: 1, node: "n", resolved: true, resolvedBy: "maria", outdated: false }];
    await revise(world, "/agent revise");
    expect((await world.only()).revision?.threads).toMatchObject([{ id: 2 }]);
    const untold = await opened();
    untold.reader.remarked = world.reader.remarked;
    untold.reader.threaded = undefined;
    await revise(untold, "/agent revise");
    expect((await untold.only()).revision?.threads).toHaveLength(2);
  });

  test("takes threads that wait, without any words", async () => {
    const world = await opened();
    world.reader.remarked = [
      {
        id: 9,
        replyTo: undefined,
        path: "a.js",
        line: 1,
        outdated: false,
        body: "Why?",
        author: { login: "maria", id: 7 },
        isBot: false,
        association: "OWNER",
      },
    ];
    await revise(world, "/agent revise");
    expect((await world.only()).revision?.threads).toEqual([
      { id: 9, path: "a.js", line: 1, outdated: false, text: "@maria: Why?" },
    ]);
  });
});
