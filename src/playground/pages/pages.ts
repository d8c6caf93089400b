// The playground's web pages.
import { html } from "hono/html";
import type { World } from "../state.ts";

export interface Pages extends AsyncDisposable {
  answer(request: Request): Promise<Response>;
}

export function openPages(world: World): Pages {
  return {
    async answer() {
      const items = [...world.repositories.values()].map(({ fullName }) => html`<li>${fullName}</li>`);
      const body = String(
        await html`<!doctype html>
          <ul>
            ${items}
          </ul>`,
      );
      return new Response(body, { headers: { "content-type": "text/html; charset=utf-8" } });
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
