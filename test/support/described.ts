// Whatever a playground is asked, answers and sends during a test is as GitHub describes it: looked at when the playground closes. Set up for
// end-to-end tests; others import it.
import { afterAll, expect } from "vitest";
import { JOURNAL_BODIES } from "#src/playground/journal.ts";
import { watchPlaygrounds, type Playground } from "#src/playground/playground.ts";
import { checkAnswer, checkDelivery, checkRequest } from "./openapi.ts";

const wrong = new Set<string>();
watchPlaygrounds(({ journal, deliveries }: Playground) => {
  const entries = journal.slice(-JOURNAL_BODIES).filter(({ door }) => door === "rest");
  for (const entry of entries) {
    for (const complaint of checkRequest(entry)) wrong.add(`${entry.method} ${entry.path}: ${complaint}`);
    // An answer that a test had planned is none of GitHub's.
    if (!entry.faulty)
      for (const complaint of checkAnswer({ ...entry, body: entry.answer }))
        wrong.add(`${entry.status} to ${entry.method} ${entry.path}: ${complaint}`);
  }
  for (const delivery of deliveries)
    for (const complaint of checkDelivery(delivery)) wrong.add(`delivery ${delivery.event}: ${complaint}`);
});

// Hooks of a setup file run last, so that every playground of the file is closed.
afterAll(() => {
  expect([...wrong], "GitHub's description of its API").toEqual([]);
});
