// What an App that was away finds in its deliveries, and how it asks for them again.
import { afterAll, beforeAll, expect, test } from "vitest";
import { checkAnswer, checkRequest } from "#test/support/openapi.ts";
import { jwt, openTown, secret, statusOf, type Town } from "./town.ts";

let town: Town;
beforeAll(async () => {
  town = await openTown();
});
afterAll(async () => {
  await town[Symbol.asyncDispose]();
});

test("failed deliveries are listed newest first, in pages, and sent again with their GUID under a new id", async () => {
  const app = town.as(jwt()).rest.apps;
  const open = (title: string) => town.playground.openIssue({ repo: "octo/tab", title, body: "", as: "maria" });
  await open("Heard");
  await town.playground.settled();
  town.receiver.state.status = 503;
  for (let n = 1; n <= 4; n += 1) await open(`Refused ${n}`);
  await town.playground.settled();
  town.playground.deliverTo("http://127.0.0.1:9/", secret);
  await open("Nobody there");
  await town.playground.settled();

  const all = await app.listWebhookDeliveries();
  expect(all.data.map(({ status_code, status }) => [status_code, status])).toEqual([
    [502, "failed to connect to host"],
    ...Array.from({ length: 4 }, () => [503, "Invalid HTTP Response: 503"]),
    [200, "OK"],
  ]);
  expect((await app.listWebhookDeliveries({ status: "success" })).data).toHaveLength(1);
  const client = town.as(jwt());
  const failed = await client.paginate(client.rest.apps.listWebhookDeliveries, { status: "failure", per_page: 2 });
  expect(failed.map(({ guid }) => guid)).toEqual(
    town.playground.deliveries
      .slice(1)
      .map(({ id }) => id)
      .reverse(),
  );
  expect(town.playground.journal.filter(({ query }) => query["cursor"] !== undefined)).toHaveLength(2);

  town.receiver.state.status = 200;
  town.playground.deliverTo(town.receiver.url, secret);
  const [lost] = failed;
  expect(lost).toMatchObject({ event: "issues", action: "opened", installation_id: 555, redelivery: false });
  const detail = await app.getWebhookDelivery({ delivery_id: lost?.id ?? 0 });
  expect(detail.data.request.payload).toMatchObject({ issue: { title: "Nobody there" } });
  expect(await statusOf(app.redeliverWebhookDelivery({ delivery_id: lost?.id ?? 0 }))).toBe(202);
  await town.playground.settled();
  expect(JSON.parse(town.receiver.heard.at(-1)?.body ?? "")).toMatchObject({ issue: { title: "Nobody there" } });
  expect(town.receiver.heard.at(-1)?.headers["x-github-delivery"]).toBe(lost?.guid);
  const [again] = (await app.listWebhookDeliveries({ per_page: 1 })).data;
  expect(again).toMatchObject({ guid: lost?.guid, redelivery: true, status: "OK", status_code: 200 });
  expect(again?.id).not.toBe(lost?.id);
});

test("is for the App alone, and knows no other delivery", async () => {
  expect(await statusOf(town.as("ghp_maria").rest.apps.listWebhookDeliveries())).toBe(401);
  expect(await statusOf(town.as(await town.token()).rest.apps.listWebhookDeliveries())).toBe(401);
  const app = town.as(jwt()).rest.apps;
  expect(await statusOf(app.getWebhookDelivery({ delivery_id: 1 }))).toBe(404);
  expect(await statusOf(app.redeliverWebhookDelivery({ delivery_id: 1 }))).toBe(404);
  expect(await statusOf(app.listWebhookDeliveries({ cursor: "nonsense" }))).toBe(400);
});

test("GitHub's description has nothing against any of it", () => {
  const { journal } = town.playground;
  expect(journal.flatMap((entry) => checkRequest(entry))).toEqual([]);
  expect(journal.flatMap((entry) => checkAnswer({ ...entry, body: entry.answer }))).toEqual([]);
});
