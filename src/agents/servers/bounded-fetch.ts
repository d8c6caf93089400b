// How a remote server is asked: at its own address only, and of what it answers no more than a bound is read.
/** Bytes of one answer, unpacked. */
const MAX_ANSWER = 8 * 1024 * 1024;

/** A `fetch` for one origin that follows no redirect and breaks off an answer that grows beyond `maxBytes`. */
export function boundedFetch(
  address: URL,
  maxBytes = MAX_ANSWER,
): (url: string | URL, init?: RequestInit) => Promise<Response> {
  return async (url, init) => {
    const { origin } = new URL(url);
    if (origin !== address.origin) throw new Error(`${address.origin} sends elsewhere: to ${origin}`);
    const response = await fetch(url, { ...init, redirect: "error" });
    const { body, status, statusText, headers } = response;
    if (!body) return response;
    let bytes = 0;
    const bound = new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        bytes += chunk.byteLength;
        if (bytes > maxBytes) controller.error(new Error(`its answer has more than ${maxBytes} bytes`));
        else controller.enqueue(chunk);
      },
    });
    return new Response(body.pipeThrough(bound), { status, statusText, headers });
  };
}
