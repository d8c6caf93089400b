// The schemas for editors: printed, and served at the address that files name.
import { afterEach, expect, test, vi } from "vitest";
import { z } from "zod";
import { listen } from "#src/cli/listen.ts";
import { schema } from "#src/cli/schema.ts";

const Schema = z.looseObject({ title: z.string(), properties: z.record(z.string(), z.unknown()) });

afterEach(() => vi.restoreAllMocks());

test.each([
  [[], "commands"],
  [["workflow"], "stages"],
  [["mcp"], "servers"],
])("`schema %s` is served as it is printed", async (argv, key) => {
  const printed: string[] = [];
  vi.spyOn(process.stdout, "write").mockImplementation((text) => printed.push(String(text)) > 0);
  expect(await schema(argv)).toBe(0);
  vi.restoreAllMocks();
  expect(Schema.parse(JSON.parse(printed.join(""))).properties).toHaveProperty(key);

  await using server = await listen(
    {
      webhooks: () => Promise.resolve(false),
      ready: () => Promise.resolve(true),
      metrics: { text: () => Promise.resolve(""), contentType: "text/plain" },
    },
    { host: "127.0.0.1", port: 0 },
  );
  const answer = await fetch(`${server.address}/schema/${argv[0] ?? "baton"}.json`);
  expect(answer.headers.get("access-control-allow-origin")).toBe("*");
  expect(await answer.text()).toBe(printed.join(""));
  expect((await fetch(`${server.address}/schema/other.json`)).status).toBe(404);
});

test("one that does not exist is refused with those that do", async () => {
  await expect(schema(["batn"])).rejects.toThrow("there are baton, workflow, mcp");
});
