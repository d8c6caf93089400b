// A card says what is true: of a run whose worker is gone, and of one whose repository or issue is.
import { describe, expect, test } from "vitest";
import { systemClock } from "#src/core/clock.ts";
import { silentLog } from "#src/core/log.ts";
import { createClient, whoIs } from "#src/github/client.ts";
import { createProjection } from "#src/github/projection.ts";
import { openPlayground } from "#src/playground/playground.ts";
import { createMemoryOutbox } from "#src/store/outbox.ts";
import { RunScript } from "#test/support/recorded-run.ts";
import "#test/support/described.ts";

async function openWorld(held?: () => boolean) {
  await using undo = new AsyncDisposableStack();
  const playground = undo.use(
    await openPlayground({
      users: [
        { login: "octo", type: "Organization" },
        { login: "helper", id: 3, tokens: ["helper-token"] },
      ],
    }),
  );
  await playground.addRepository({
    owner: "octo",
    name: "tab",
    from: { a: "a\n" },
    labels: ["bug"],
    collaborators: { helper: "admin" },
  });
  const at = { repo: "octo/tab", as: "helper" };
  const { number } = await playground.openIssue({ ...at, title: "t", body: "b" });
  const maria = { login: "maria", id: 7 };
  const script = new RunScript({
    repo: {
      id: playground.repository(at.repo).id,
      owner: "octo",
      name: "tab",
      private: false,
      defaultBranch: "main",
      cloneUrl: `${playground.url}/octo/tab.git`,
    },
    subject: { kind: "issue", number, url: `${playground.url}/octo/tab/issues/${number}`, author: maria },
    request: { door: "label", by: maria, quote: "agent" },
  });
  const client = await createClient({ token: "helper-token", apiUrl: playground.apiUrl, log: silentLog });
  const projection = undo.use(
    createProjection({
      log: { read: (_run, after = 0) => Promise.resolve(script.events.slice(after)) },
      octokitFor: () => Promise.resolve(client),
      outbox: createMemoryOutbox(systemClock),
      redact: (text) => text,
      self: await whoIs(client),
      links: { serverUrl: playground.url },
      journal: silentLog,
      ...(held ? { held: () => Promise.resolve(held()) } : {}),
    }),
  );
  const opened = undo.move();
  return {
    playground,
    projection,
    script,
    at: { ...at, number },
    run: script.state.runId,
    card: () => playground.comments({ repo: at.repo, number }).find(({ body }) => body.includes("baton:status"))?.body,
    asked: () => playground.journal.filter(({ door }) => door === "rest").length,
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

test("a run whose worker is gone waits for the next one: its card does not say that it is running", async () => {
  let held = false;
  await using w = await openWorld(() => held);
  w.script.driven().routed();
  await w.projection.refresh([w.run]);
  await w.projection.settle(w.run);
  expect(w.card()).toContain("### 🕓 Queued");
  held = true;
  w.script.driven();
  await w.projection.settle(w.run);
  expect(w.card()).toContain("### 🔄 Running");
  held = false;
  w.script.add({ type: "run.parked", reason: "model-account", message: "the cap is reached" });
  await w.projection.settle(w.run);
  expect(w.card()).toContain("### 🕓 Waiting");
});

describe("when there is nothing left to show it on", () => {
  test.each(["deleteRepository", "deleteIssue"] as const)("%s: nobody asks for ever", async (act) => {
    await using w = await openWorld();
    w.script.driven().routed();
    await w.projection.settle(w.run);
    await w.playground[act]({ ...w.at });
    w.script.finished("cancelled", act === "deleteIssue" ? "issue-gone" : "repository-gone", "It is gone.");
    await w.projection.settle(w.run);
    const asked = w.asked();
    // A later process begins by showing what ended lately.
    await w.projection.refresh([w.run]);
    await w.projection.settle(w.run);
    await w.projection.refresh([w.run]);
    expect(w.asked() - asked).toBeLessThanOrEqual(6);
    const before = w.asked();
    await w.projection.refresh([w.run]);
    expect(w.asked()).toBe(before);
  });
});
