// What a job waits for when it asks the server, and what it takes for an answer at once.
import { expect, test } from "vitest";
import { createTransport } from "#src/jobs/transport.ts";
import { openAnsweringServer, type Answer } from "#test/support/answering-server.ts";

const trouble = (code: string, retryable: boolean): Answer => ({
  status: 502,
  data: { error: { code, message: "…", retryable } },
});
const pausesMs = [1, 1];

test.each<[string, Answer]>([
  ["whose database is away", trouble("database-failed", true)],
  ["behind a proxy that cannot reach it", { status: 503, data: "Service Unavailable" }],
  ["that breaks the connection", "reset"],
])("a server %s is waited for", async (_, away) => {
  await using server = await openAnsweringServer(() => 0, [away, away]);
  const ask = createTransport({ server: server.url, pausesMs });
  expect((await ask("beat")).status).toBe(200);
  expect(server.asked).toHaveLength(3);
});

test("one that stays away is given up, as something that may be tried later", async () => {
  await using server = await openAnsweringServer(
    () => 0,
    () => trouble("database-failed", true),
  );
  const ask = createTransport({ server: server.url, pausesMs });
  await expect(ask("beat")).rejects.toMatchObject({ code: "database-failed", retryable: true });
  expect(server.asked).toHaveLength(pausesMs.length + 1);
});

test.each<[string, Answer, string]>([
  ["that the run is another's", trouble("fence-lost", false), "fence-lost"],
  ["that its database is full of another version's tables", trouble("database-failed", false), "database-failed"],
  ["what no Baton says", { status: 404, data: "Not Found" }, "database-failed"],
])("one that says %s is believed at once", async (_, said, code) => {
  await using server = await openAnsweringServer(
    () => 0,
    () => said,
  );
  await expect(createTransport({ server: server.url, pausesMs })("beat")).rejects.toMatchObject({ code });
  expect(server.asked).toHaveLength(1);
});

test("what is to be asked once is asked once, whatever happens", async () => {
  await using server = await openAnsweringServer(() => 0, ["reset"]);
  await expect(createTransport({ server: server.url, pausesMs })("events", { once: true })).rejects.toMatchObject({
    retryable: true,
  });
  expect(server.asked).toHaveLength(1);
});
